//! What the doctor and the verbs say to those whom a certificate, a proxy or a web server keeps from the broker.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    process::Command,
    thread,
    time::{Duration, SystemTime},
};

use mqtap::{
    mqtt::{
        event::{Event, Status},
        options::Protocol,
    },
    wire::{
        endpoint::{Endpoint, Transport},
        tls::TlsOptions,
    },
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::{
    broker::options,
    certificates::{self, Authority},
    common::{
        listener::Listener,
        mosquitto::{Config, free_port},
    },
};

/// How certificates in PKCS#7 begin.
const P7B: &[u8] = b"\x30\x82\x01\x00\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0";

/// Runs a verb that has to fail with this code, and returns all that it printed.
fn said(code: i32, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqtap"));
    let nowhere = tempfile::tempdir().expect("a directory");
    command.env_clear().env("MQTAP_CONFIG_DIR", nowhere.path()).args(arguments);
    let mut command = assert_cmd::Command::from_std(command);
    let assert = command.timeout(crate::common::PATIENCE).assert().code(code);
    let output = assert.get_output();
    let printed = [&output.stdout[..], &output.stderr].concat();
    // The doctor breaks long lines.
    String::from_utf8_lossy(&printed).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A web server that answers each request with what `answer` makes of it; its thread ends with the test's process.
fn web_server(answer: impl Fn(&str) -> String + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read > 0) {
                request.push(byte[0]);
            }
            // A client that has seen enough goes away.
            let _ = stream.write_all(answer(&String::from_utf8_lossy(&request)).as_bytes());
        }
    });
    port
}

/// Accepts a WebSocket, with more header lines.
fn accept(request: &str, more: &str) -> String {
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap_or_default();
    let accept = derive_accept_key(key.as_bytes());
    let upgrade = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade";
    format!("{upgrade}\r\nSec-WebSocket-Accept: {accept}\r\n{more}\r\n")
}

#[test]
fn the_doctor_shows_how_many_certificates_came() {
    let root = Authority::new("Test Root");
    let intermediate = root.intermediate("Test Intermediate");
    let identity = intermediate.sign("broker", &certificates::broker());
    let start = |certificate: &str| {
        let file = intermediate.directory.path().join("chain.pem");
        certificates::write(&file, certificate);
        Config::default().line(&format!("certfile {}\nkeyfile {}", file.display(), identity.key.display())).start()
    };
    let own = fs::read_to_string(&identity.certificate).expect("a certificate");
    let ca = root.file.to_str().expect("text");
    let broker = start(&own);
    let url = format!("mqtts://localhost:{}", broker.port);
    let doctor = said(3, &["doctor", &url, "--ca-file", ca]);
    assert!(doctor.contains("sent 1 certificate, the broker's own"), "{doctor}");
    let verb = said(3, &["sub", &url, "t", "--ca-file", ca]);
    for said in [doctor, verb] {
        assert!(said.contains("the broker sent its own certificate only"), "{said}");
    }
    let whole = start(&(own + &fs::read_to_string(&intermediate.file).expect("a certificate")));
    let doctor = said(0, &["doctor", &format!("mqtts://localhost:{}", whole.port), "--ca-file", ca]);
    assert!(doctor.contains("sent 2 certificates"), "{doctor}");
}

#[test]
fn wss_on_a_websocket_port_without_tls_says_to_use_ws() {
    let broker = Config::default().listener("protocol websockets").start();
    let url = format!("wss://127.0.0.1:{}/mqtt", broker.further[0]);
    for arguments in [&["sub", &url, "t"][..], &["doctor", &url]] {
        let said = said(3, arguments);
        assert!(said.contains("this port does not speak TLS"), "{said}");
        assert!(said.contains("use ws:// for a WebSocket without TLS") && !said.contains("mqtt://"), "{said}");
    }
}

#[test]
fn doctor_and_verb_say_what_a_web_server_answered_and_what_to_do() {
    let page = |status: &str, more: &str| {
        let answer = format!("HTTP/1.1 {status}\r\n{more}\r\n<html><title>{status}</title></html>");
        web_server(move |_| answer.clone())
    };
    let accepting = |more: &'static str| web_server(move |request| accept(request, more));
    let extended = "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Extensions: permessage-deflate\r\n";
    let cases = [
        (page("404 Not Found", ""), "the server answered 404 Not Found", "is the path right?"),
        (page("429 Too Many Requests", "Retry-After: 30\r\n"), "429 Too Many Requests and asks to wait 30s", "limits how often"),
        (page("401 Unauthorized", ""), "401 Unauthorized", "--ws-header, or websocket.headers in a profile"),
        (page("502 Bad Gateway", ""), "502 Bad Gateway", "does not pass the headers Upgrade and Connection on"),
        (accepting("Sec-WebSocket-Protocol: mqttv3.1\r\n"), "with the subprotocol mqttv3.1", "looks like a broker"),
        (accepting(""), "names no subprotocol", "a proxy that drops the header"),
        (accepting(extended), "uses the extension permessage-deflate, which was not offered", "RFC 6455"),
    ];
    for (port, what, hint) in cases {
        let url = format!("ws://127.0.0.1:{port}/mqtt");
        for arguments in [&["sub", &url, "t"][..], &["doctor", &url]] {
            let said = said(3, arguments);
            assert!(said.contains(what) && said.contains(hint), "{what}: {said}");
            assert!(!said.contains('“') && !said.contains("✓ WebSocket"), "{said}");
        }
    }
}

#[tokio::test]
async fn the_next_attempt_waits_as_long_as_a_server_asks_and_at_most_an_hour() {
    for (asked, least, most) in [(1_800, 1_790, 1_801), (86_400, 3_590, 3_601)] {
        let port = web_server(move |_| format!("HTTP/1.1 429 Too Many Requests\r\nRetry-After: {asked}\r\n\r\n"));
        let endpoint = Endpoint::new(Transport::Ws, "127.0.0.1", port);
        let mut listener = Listener::start(options(endpoint, Protocol::V5, TlsOptions::default()));
        let until = listener.wait("a pause", |event| match event {
            Event::Status(Status::Waiting { until, .. }) => Some(until),
            _ => None,
        });
        let until = u64::try_from(until.await.wall).expect("after 1970");
        let now = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
        let wait = Duration::from_micros(until).saturating_sub(now).as_secs();
        assert!((least..most).contains(&wait), "{wait} s");
        listener.close().await;
    }
}

#[test]
fn a_file_that_is_no_pem_is_wrong_usage_and_named_with_the_command_that_converts_it() {
    let authority = Authority::new("Test CA");
    let identity = authority.client();
    let file = |name: &str, bytes: &[u8]| {
        let path = authority.directory.path().join(name);
        fs::write(&path, bytes).expect("written");
        path.to_str().expect("text").to_owned()
    };
    let (der, p12, p7b) = (file("a.crt", &identity.der), file("a.p12", b"\x30\x82\x0a\x00\x02\x01\x03\x30"), file("a.p7b", P7B));
    let (missing, key) = (file("gone", b"") + "x", identity.key.to_str().expect("text"));
    let cases: [(&[&str], &str, &str); 6] = [
        (&["--ca-file", &der], "it is a certificate in DER", "openssl x509 -inform DER"),
        (&["--ca-file", &p12], "it is PKCS#12 (.p12, .pfx), not PEM", "openssl pkcs12 -cacerts -nokeys"),
        (&["--ca-file", &p7b], "it is PKCS#7 (.p7b), not PEM", "openssl pkcs7 -inform DER -print_certs"),
        (&["--cert", &p12, "--key", key], "it is PKCS#12", "openssl pkcs12 -in FILE -out both.pem"),
        (&["--cert", &der, "--key", key], "it is a certificate in DER", "openssl x509 -inform DER"),
        (&["--ca-file", &missing], "there is no such file", "PEM file"),
    ];
    for (options, what, hint) in cases {
        // Nothing listens on this port, and nothing is asked of it.
        let url = format!("mqtts://localhost:{}", free_port());
        for verb in [&["sub", &url, "t"][..], &["doctor", &url]] {
            let said = said(2, &[verb, options].concat());
            assert!(said.contains(what) && said.contains(hint), "{what}: {said}");
        }
    }
}
