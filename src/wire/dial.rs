//! Opens the byte stream to a broker, stage by stage.

use std::{fmt, net::SocketAddr, os::fd::AsFd, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use super::{
    drain::Drain,
    endpoint::{Endpoint, Transport},
    error::WireError,
    prompt::Prompt,
    proxy::{Proxy, ProxyCause},
    quic, tcp,
    tls::{self, Agreed, Handshake, TlsOptions, certificate::Certificate},
    unix,
    websocket::{self, WebSocketOptions},
};
use crate::base::clock::Clock;

/// What an attempt to connect is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Looking the name up.
    Name,
    /// Opening the TCP connection.
    Tcp,
    /// Asking the proxy for a connection to the broker.
    Proxy,
    /// The TLS handshake.
    Tls,
    /// The WebSocket handshake.
    WebSocket,
    /// The QUIC handshake, TLS included.
    Quic,
    /// Opening a socket of this machine.
    Socket,
    /// CONNECT was sent, CONNACK is awaited.
    Connect,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "looking up the name",
            Self::Tcp => "TCP",
            Self::Proxy => "proxy",
            Self::Tls => "TLS handshake",
            Self::WebSocket => "WebSocket handshake",
            Self::Quic => "QUIC handshake",
            Self::Socket => "socket",
            Self::Connect => "CONNECT",
        })
    }
}

/// A byte stream that the MQTT library can use.
pub trait Io: AsyncRead + AsyncWrite + Send + Sync + Unpin {
    /// Returns how many bytes have arrived that nobody has read, in this stream and below it, as far as that is known.
    fn unread(&self) -> usize;
}

impl Io for Box<dyn Io> {
    fn unread(&self) -> usize {
        (**self).unread()
    }
}

/// The bytes that wait in a socket; a system that cannot tell has none.
pub(super) fn waiting_in(socket: impl AsFd) -> usize {
    rustix::io::ioctl_fionread(socket).map_or(0, |waiting| usize::try_from(waiting).unwrap_or(usize::MAX))
}

/// What the transports need to know beside the address.
#[derive(Debug, Clone, Copy)]
pub struct Means<'a> {
    /// For `mqtts://`, `wss://` and `quic://`.
    pub tls: &'a TlsOptions,
    /// For `ws://` and `wss://`.
    pub websocket: &'a WebSocketOptions,
    /// The way out, for all that runs over TCP.
    pub proxy: Option<&'a Proxy>,
    /// The largest packet that is accepted, in bytes, from which the limit of a WebSocket's frames follows.
    pub max_packet_size: u32,
}

impl Means<'_> {
    /// Makes the error of a stage that took longer than the whole attempt may take.
    #[must_use]
    pub fn timed_out(&self, endpoint: &Endpoint, stage: Stage, after: Duration) -> WireError {
        let at = match (self.proxy, stage) {
            (Some(proxy), Stage::Name | Stage::Tcp | Stage::Proxy) => format!("proxy {}", proxy.at()),
            (Some(_) | None, _) => tcp::at(endpoint),
        };
        WireError::TimedOut { at, stage, after }
    }
}

/// An open byte stream, and how it was reached.
pub struct Dialed {
    /// The stream.
    pub stream: Box<dyn Io>,
    /// The address that answered, as `127.0.0.1:1883`; behind a proxy the proxy's, and of a socket its path.
    pub peer: String,
    /// The TLS version, the cipher suite and what ALPN came to, where there is TLS.
    pub tls: Option<String>,
    /// The certificates that the server showed, its own first, at most ten.
    pub chain: Vec<Certificate>,
    /// Whether nobody looked at them, because the options say so.
    pub unverified: bool,
    /// How long each stage took, in their order.
    pub times: Vec<(Stage, Duration)>,
}

/// A moment on the way to a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// A stage begins.
    Begins(Stage),
    /// The name has these addresses, in the order in which they are tried.
    Resolved(&'a [SocketAddr]),
    /// This address answered, as `127.0.0.1:1883`.
    Reached(&'a str),
    /// TLS came to this.
    Agreed {
        /// The version and the cipher suite.
        description: &'a str,
        /// The certificates that the server showed, its own first.
        chain: &'a [Certificate],
        /// Whether nobody looked at them.
        unverified: bool,
    },
    /// A stage has succeeded, and took so long.
    Done(Stage, Duration),
}

/// Opens a stream to `endpoint`; `report` is called when a stage begins.
///
/// The caller bounds the whole with a time-out; dropping the future closes what was opened.
///
/// # Errors
///
/// Returns which stage failed, where and why.
pub async fn dial(endpoint: &Endpoint, means: &Means<'_>, report: impl Fn(Stage)) -> Result<Dialed, WireError> {
    let begins = |step: Step<'_>| match step {
        Step::Begins(stage) => report(stage),
        Step::Resolved(_) | Step::Reached(_) | Step::Agreed { .. } | Step::Done(..) => {}
    };
    walk(endpoint, means, begins).await
}

/// Opens a stream as [`dial`] does; `report` is told of every step, so that it knows what went well where the end is an error.
///
/// # Errors
///
/// Returns which stage failed, where and why.
pub async fn walk(endpoint: &Endpoint, means: &Means<'_>, report: impl Fn(Step<'_>)) -> Result<Dialed, WireError> {
    let mut stages = Stages { clock: Clock::start(), report, times: Vec::new() };
    let (stream, peer, agreed) = match endpoint.transport {
        Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => stages.over_tcp(endpoint, means).await?,
        Transport::Quic => stages.quic(endpoint, means).await?,
        Transport::Unix => stages.unix(endpoint, means).await?,
    };
    let (tls, chain, unverified) = match agreed {
        Some(Agreed { description, chain, unverified }) => (Some(description), chain, unverified),
        None => (None, Vec::new(), false),
    };
    Ok(Dialed { stream, peer, tls, chain, unverified, times: stages.times })
}

/// A stream, the address that answered, and what TLS came to.
type Opened = (Box<dyn Io>, String, Option<Agreed>);

/// Announces the stages and takes their times.
struct Stages<R> {
    clock: Clock,
    report: R,
    times: Vec<(Stage, Duration)>,
}

impl<R: Fn(Step<'_>)> Stages<R> {
    async fn run<T>(&mut self, stage: Stage, work: impl Future<Output = Result<T, WireError>>) -> Result<T, WireError> {
        (self.report)(Step::Begins(stage));
        let start = self.clock.now();
        let done = work.await?;
        let took = self.clock.now().since(start);
        self.times.push((stage, took));
        (self.report)(Step::Done(stage, took));
        Ok(done)
    }

    /// Reads the files of TLS before anything is asked of the network; what is wrong with them is told as a matter of `stage`.
    async fn prepare(&self, stage: Stage, endpoint: &Endpoint, means: &Means<'_>) -> Result<Handshake, WireError> {
        Handshake::prepare(endpoint, means.tls).await.inspect_err(|_| (self.report)(Step::Begins(stage)))
    }

    async fn over_tcp(&mut self, endpoint: &Endpoint, means: &Means<'_>) -> Result<Opened, WireError> {
        let handshake = if endpoint.is_encrypted() { Some(self.prepare(Stage::Tls, endpoint, means).await?) } else { None };
        let (stream, peer) = match means.proxy {
            None => self.tcp(&endpoint.host, endpoint.port, tcp::at(endpoint)).await?,
            Some(proxy) => {
                let connected = self.tcp(&proxy.host, proxy.port, proxy.at()).await;
                let (stream, peer) = connected.map_err(|error| proxy.unreachable(error))?;
                (self.run(Stage::Proxy, proxy.pass(endpoint, stream)).await?, format!("{peer} (proxy)"))
            }
        };
        let stream = Prompt::new(stream);
        let Some(handshake) = handshake else {
            return Ok((self.framed(endpoint, means, Box::new(stream)).await?, peer, None));
        };
        let (stream, agreed) = self.run(Stage::Tls, tls::connect(handshake, stream)).await?;
        let stream = Drain::new(stream);
        self.tell(&agreed);
        Ok((self.framed(endpoint, means, Box::new(stream)).await?, peer, Some(agreed)))
    }

    fn tell(&self, agreed: &Agreed) {
        let Agreed { description, chain, unverified } = agreed;
        (self.report)(Step::Agreed { description, chain, unverified: *unverified });
    }

    async fn resolve(&mut self, host: &str, port: u16) -> Result<Vec<SocketAddr>, WireError> {
        let addresses = self.run(Stage::Name, tcp::resolve(host, port)).await?;
        (self.report)(Step::Resolved(&addresses));
        Ok(addresses)
    }

    async fn tcp(&mut self, host: &str, port: u16, at: String) -> Result<(TcpStream, String), WireError> {
        let addresses = self.resolve(host, port).await?;
        let stream = self.run(Stage::Tcp, tcp::connect(at.clone(), addresses)).await?;
        let peer = stream.peer_addr().map_or(at, |peer| peer.to_string());
        (self.report)(Step::Reached(&peer));
        Ok((stream, peer))
    }

    /// Puts the frames of a WebSocket around the bytes, where the transport is one.
    async fn framed(&mut self, endpoint: &Endpoint, means: &Means<'_>, stream: Box<dyn Io>) -> Result<Box<dyn Io>, WireError> {
        if !endpoint.transport.is_websocket() {
            return Ok(stream);
        }
        let opening = websocket::connect(endpoint, means.websocket, means.max_packet_size, stream);
        Ok(Box::new(Drain::new(self.run(Stage::WebSocket, opening).await?)))
    }

    async fn quic(&mut self, endpoint: &Endpoint, means: &Means<'_>) -> Result<Opened, WireError> {
        refuse_proxy(means, "QUIC")?;
        let handshake = self.prepare(Stage::Quic, endpoint, means).await?;
        let addresses = self.resolve(&endpoint.host, endpoint.port).await?;
        let (stream, peer, agreed) = self.run(Stage::Quic, quic::connect(endpoint, handshake, addresses)).await?;
        (self.report)(Step::Reached(&peer));
        self.tell(&agreed);
        Ok((Box::new(stream), peer, Some(agreed)))
    }

    async fn unix(&mut self, endpoint: &Endpoint, means: &Means<'_>) -> Result<Opened, WireError> {
        refuse_proxy(means, "a socket of this machine")?;
        let stream = self.run(Stage::Socket, unix::connect(endpoint)).await?;
        Ok((Box::new(stream), tcp::at(endpoint), None))
    }
}

/// Fails where a proxy is set that the bytes would go past.
fn refuse_proxy(means: &Means<'_>, what: &'static str) -> Result<(), WireError> {
    match means.proxy {
        Some(proxy) => Err(WireError::Proxy { at: proxy.at(), cause: ProxyCause::Past(what) }),
        None => Ok(()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::RefCell;

    use tokio::net::TcpListener;

    use super::*;

    /// Dials with nothing but TLS to know.
    pub(in crate::wire) async fn dial_tls(
        endpoint: &Endpoint,
        tls: &TlsOptions,
        report: impl Fn(Stage),
    ) -> Result<Dialed, WireError> {
        let means = Means { tls, websocket: &WebSocketOptions::default(), proxy: None, max_packet_size: 1 << 20 };
        dial(endpoint, &means, report).await
    }

    #[tokio::test]
    async fn a_plain_connection_has_two_stages() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let endpoint = Endpoint::new(Transport::Tcp, "127.0.0.1", address.port());
        let reported = RefCell::new(Vec::new());
        let dialed = dial_tls(&endpoint, &TlsOptions::default(), |stage| reported.borrow_mut().push(stage)).await;
        let dialed = dialed.expect("a listener");
        assert_eq!(*reported.borrow(), [Stage::Name, Stage::Tcp]);
        assert_eq!(dialed.times.len(), 2);
        assert_eq!((dialed.peer, dialed.tls), (address.to_string(), None));
    }

    #[tokio::test]
    async fn what_a_proxy_cannot_carry_does_not_go_past_it() {
        let proxy = Proxy::parse("socks5://bastion").expect("valid");
        let (tls, websocket) = (TlsOptions::default(), WebSocketOptions::default());
        let means = Means { tls: &tls, websocket: &websocket, proxy: Some(&proxy), max_packet_size: 1 << 20 };
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("socket").into_os_string().into_string().expect("UTF-8");
        let socket = Endpoint { path, ..Endpoint::new(Transport::Unix, "localhost", 0) };
        for endpoint in [Endpoint::new(Transport::Quic, "127.0.0.1", 1), socket] {
            let error = dial(&endpoint, &means, |_| ()).await.err().expect("refused");
            assert!(error.is_final() && error.to_string().starts_with("proxy bastion:1080: "), "{error}");
        }
    }

    #[test]
    fn a_time_out_names_who_did_not_answer() {
        let proxy = Proxy::parse("socks5://bastion").expect("valid");
        let (tls, websocket) = (TlsOptions::default(), WebSocketOptions::default());
        let means = Means { tls: &tls, websocket: &websocket, proxy: Some(&proxy), max_packet_size: 1 << 20 };
        let endpoint = Endpoint::new(Transport::Tls, "broker", 8883);
        let said = |stage| means.timed_out(&endpoint, stage, Duration::from_secs(10)).to_string();
        assert_eq!(said(Stage::Proxy), "proxy bastion:1080: proxy: no answer within 10.0 s");
        assert_eq!(said(Stage::Tls), "broker:8883: TLS handshake: no answer within 10.0 s");
    }

    #[test]
    fn a_session_may_dial_on_any_thread() {
        fn sent(_: impl Send) {}
        let endpoint = Endpoint::new(Transport::Wss, "localhost", 8883);
        sent(dial_tls(&endpoint, &TlsOptions::default(), |_| ()));
    }
}
