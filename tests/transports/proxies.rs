//! SOCKS5 and HTTP CONNECT, by proxies that fit into a page.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use mqtap::{
    base::secret::Secret,
    mqtt::options::{Options, Protocol},
    wire::{
        endpoint::{Endpoint, Transport},
        proxy::Proxy,
        tls::TlsOptions,
    },
};
use rstest::rstest;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::{
    broker::{Everywhere, options},
    certificates::Authority,
    common::{
        listener::Listener,
        mosquitto::{Config, free_port},
    },
};

/// The name that only the proxies can find.
const INSIDE: &str = "localhost.inside.invalid";

/// What a proxy does to those who come.
#[derive(Debug, Clone, Copy)]
enum Rule {
    Open,
    /// Wants this user and this password.
    Users(&'static str, &'static str),
    /// Forbids to connect.
    Forbids,
    /// Takes the request and says nothing.
    Hangs,
    /// Speaks another protocol.
    Other,
}

/// A proxy that ends with the value.
struct Running {
    port: u16,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn start(scheme: &'static str, rule: Rule) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = if scheme == "socks5" { socks5(stream, rule).await } else { http(stream, rule).await };
            });
        }
    });
    Running { port, task }
}

async fn hang(stream: &mut TcpStream, rule: Rule) -> std::io::Result<bool> {
    match rule {
        Rule::Hangs => {
            let mut rest = [0; 64];
            while stream.read(&mut rest).await? > 0 {}
            Ok(true)
        }
        Rule::Other => {
            stream.write_all(b"SSH-2.0-x\r\n\r\n").await?;
            Ok(true)
        }
        Rule::Open | Rule::Users(..) | Rule::Forbids => Ok(false),
    }
}

async fn join(mut stream: TcpStream, port: u16) -> std::io::Result<()> {
    let mut broker = TcpStream::connect(("127.0.0.1", port)).await?;
    copy_bidirectional(&mut stream, &mut broker).await.map(drop)
}

async fn socks5(mut stream: TcpStream, rule: Rule) -> std::io::Result<()> {
    let mut hello = [0; 2];
    stream.read_exact(&mut hello).await?;
    let mut methods = vec![0; usize::from(hello[1])];
    stream.read_exact(&mut methods).await?;
    if hang(&mut stream, rule).await? {
        return Ok(());
    }
    if let Rule::Users(user, password) = rule {
        if !methods.contains(&2) {
            return stream.write_all(&[5, 0xff]).await;
        }
        stream.write_all(&[5, 2]).await?;
        stream.read_u8().await?;
        let mut pair = Vec::new();
        for _ in 0..2 {
            let mut text = vec![0; usize::from(stream.read_u8().await?)];
            stream.read_exact(&mut text).await?;
            pair.push(text);
        }
        let is_right = pair == [user.as_bytes(), password.as_bytes()];
        stream.write_all(&[1, u8::from(!is_right)]).await?;
        if !is_right {
            return Ok(());
        }
    } else {
        stream.write_all(&[5, 0]).await?;
    }
    let mut request = [0; 5];
    stream.read_exact(&mut request).await?;
    let mut target = vec![0; usize::from(request[4])];
    stream.read_exact(&mut target).await?;
    let port = stream.read_u16().await?;
    let known = request[3] == 3 && target == INSIDE.as_bytes();
    let answer = if matches!(rule, Rule::Forbids) || !known { 2 } else { 0 };
    stream.write_all(&[5, answer, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    if answer == 0 { join(stream, port).await } else { Ok(()) }
}

async fn http(mut stream: TcpStream, rule: Rule) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    if hang(&mut stream, rule).await? {
        return Ok(());
    }
    let head = String::from_utf8(head).expect("text");
    if let Rule::Users(user, password) = rule {
        let wanted = format!("\r\nProxy-Authorization: Basic {}\r\n", STANDARD.encode(format!("{user}:{password}")));
        if !head.contains(&wanted) {
            return stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
        }
    }
    let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).expect("a target");
    let (host, port) = target.rsplit_once(':').expect("a port");
    if matches!(rule, Rule::Forbids) || host != INSIDE {
        return stream.write_all(b"HTTP/1.1 403 Not Here\r\nContent-Length: 0\r\n\r\n").await;
    }
    stream.write_all(b"HTTP/1.1 200 Connection established\r\nX-Proxy: yes\r\n\r\n").await?;
    join(stream, port.parse().expect("a port")).await
}

fn by(scheme: &str, port: u16, user: Option<(&str, &str)>, endpoint: Endpoint, tls: TlsOptions) -> Options {
    let user_part = user.map(|(name, _)| format!("{name}@")).unwrap_or_default();
    let mut proxy = Proxy::parse(&format!("{scheme}://{user_part}127.0.0.1:{port}")).expect("a URL");
    proxy.password = user.map(|(_, password)| Secret::from(password.to_owned()));
    Options { proxy: Some(proxy), ..options(endpoint, Protocol::V5, tls) }
}

fn inside(transport: Transport, port: u16) -> Endpoint {
    Endpoint::new(transport, INSIDE, port)
}

#[rstest]
#[tokio::test]
async fn a_proxy_leads_to_a_name_that_only_it_can_find(
    #[values("socks5", "http")] scheme: &'static str,
    #[values(Rule::Open, Rule::Users("ops", "secret"))] rule: Rule,
    #[values(Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss)] transport: Transport,
) {
    let authority = Authority::new("Test CA");
    let broker = Everywhere::start(Config::default(), &authority, &authority.broker());
    let proxy = start(scheme, rule).await;
    let user = matches!(rule, Rule::Users(..)).then_some(("ops", "secret"));
    let tls = TlsOptions { server_name: Some("localhost".into()), ..authority.trusted() };
    let endpoint = inside(transport, broker.endpoint(transport, false).port);
    let mut listener = Listener::start(by(scheme, proxy.port, user, endpoint, tls));
    let welcome = listener.welcome().await;
    assert_eq!(welcome.peer, format!("127.0.0.1:{} (proxy)", proxy.port));
    listener.close().await;
}

#[rstest]
#[tokio::test]
async fn wrong_credentials_for_a_proxy_end_the_attempts(#[values("socks5", "http")] scheme: &'static str) {
    let proxy = start(scheme, Rule::Users("ops", "secret")).await;
    for user in [None, Some(("ops", "CANARY"))] {
        let mut listener = Listener::start(by(scheme, proxy.port, user, inside(Transport::Tcp, 1883), TlsOptions::default()));
        let said = listener.failed().await.to_string();
        assert_eq!(said, format!("proxy 127.0.0.1:{}: it refused the user name or password", proxy.port));
        listener.close().await;
    }
}

#[rstest]
#[case("socks5", "its rules forbid it")]
#[case("http", "403 Not Here")]
#[tokio::test]
async fn a_refusal_of_a_proxy_names_it(#[case] scheme: &'static str, #[case] why: &str) {
    let proxy = start(scheme, Rule::Forbids).await;
    let mut listener = Listener::start(by(scheme, proxy.port, None, inside(Transport::Tcp, 1883), TlsOptions::default()));
    let said = listener.waiting().await.to_string();
    assert_eq!(said, format!("proxy 127.0.0.1:{}: it does not connect to the broker: {why}", proxy.port));
    listener.close().await;
}

#[rstest]
#[tokio::test]
async fn what_is_no_proxy_is_said_to_be_none(#[values("socks5", "http")] scheme: &'static str) {
    let proxy = start(scheme, Rule::Other).await;
    let mut listener = Listener::start(by(scheme, proxy.port, None, inside(Transport::Tcp, 1883), TlsOptions::default()));
    let said = listener.failed().await.to_string();
    assert_eq!(said, format!("proxy 127.0.0.1:{}: what answers is not a proxy of this kind", proxy.port));
    listener.close().await;
}

#[rstest]
#[tokio::test]
async fn a_proxy_that_says_nothing_is_named_by_the_time_out(#[values("socks5", "http")] scheme: &'static str) {
    let proxy = start(scheme, Rule::Hangs).await;
    let options = by(scheme, proxy.port, None, inside(Transport::Tcp, 1883), TlsOptions::default());
    let mut listener = Listener::start(Options { connect_timeout: Duration::from_millis(300), ..options });
    let said = listener.waiting().await.to_string();
    assert!(said.starts_with(&format!("proxy 127.0.0.1:{}: proxy: no answer within ", proxy.port)), "{said}");
    listener.close().await;
}

#[rstest]
#[tokio::test]
async fn a_proxy_that_is_not_there_is_named(#[values("socks5", "http")] scheme: &'static str) {
    let port = free_port();
    let mut listener = Listener::start(by(scheme, port, None, inside(Transport::Tcp, 1883), TlsOptions::default()));
    assert_eq!(listener.waiting().await.to_string(), format!("proxy 127.0.0.1:{port}: connection refused"));
    listener.close().await;
}
