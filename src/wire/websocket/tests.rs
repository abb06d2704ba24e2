//! WebSocket against a server that sends its frames byte by byte as a test wants them.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::timeout,
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::*;

/// No step in memory takes so long.
const DEADLINE: Duration = Duration::from_secs(20);

const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;
const FINAL: u8 = 0x80;

fn endpoint(path: &str) -> Endpoint {
    Endpoint { path: path.into(), ..Endpoint::new(Transport::Ws, "broker.example", 8080) }
}

/// Reads the request up to its empty line.
async fn request_of(server: &mut DuplexStream) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(server.read_u8().await.expect("a request"));
    }
    String::from_utf8(request).expect("text")
}

fn accept(request: &str, more: &str) -> String {
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).expect("a key");
    let accept = derive_accept_key(key.as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n{more}\r\n"
    )
}

/// Makes the handshake with a server that answers so; returns the request too.
async fn opened(
    endpoint: &Endpoint,
    options: &WebSocketOptions,
    answer: impl Fn(&str) -> String,
) -> (Result<WebSocket<DuplexStream>, WireError>, DuplexStream, String) {
    let (client, mut server) = duplex(1 << 20);
    let serve = async {
        let request = request_of(&mut server).await;
        server.write_all(answer(&request).as_bytes()).await.expect("room");
        (server, request)
    };
    let both = async { tokio::join!(connect(endpoint, options, 1 << 20, client), serve) };
    let (stream, (server, request)) = Box::pin(timeout(DEADLINE, both)).await.expect("in time");
    (stream, server, request)
}

async fn open() -> (WebSocket<DuplexStream>, DuplexStream) {
    let agree = |request: &str| accept(request, "Sec-WebSocket-Protocol: mqtt\r\n");
    let (stream, server, _) = opened(&endpoint(""), &WebSocketOptions::default(), agree).await;
    (stream.expect("an open WebSocket"), server)
}

async fn refused(answer: &'static str) -> WireError {
    let (stream, ..) = opened(&endpoint(""), &WebSocketOptions::default(), |_| answer.to_owned()).await;
    stream.err().expect("a refusal")
}

/// A short frame of a server.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("short");
    assert!(length < 126);
    [&[first, length], payload].concat()
}

/// Reads a frame of the client, with its mask taken off.
async fn frame_of(server: &mut DuplexStream) -> (u8, Vec<u8>) {
    let first = server.read_u8().await.expect("a frame");
    let length = match server.read_u8().await.expect("a length") & 0x7f {
        126 => usize::from(server.read_u16().await.expect("a length")),
        127 => usize::try_from(server.read_u64().await.expect("a length")).expect("small"),
        short => usize::from(short),
    };
    let mut mask = [0; 4];
    server.read_exact(&mut mask).await.expect("a mask");
    let mut payload = vec![0; length];
    server.read_exact(&mut payload).await.expect("a payload");
    payload.iter_mut().enumerate().for_each(|(at, byte)| *byte ^= mask[at % 4]);
    (first, payload)
}

async fn read(stream: &mut WebSocket<DuplexStream>, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    timeout(DEADLINE, stream.read_exact(&mut bytes)).await.expect("in time").expect("bytes");
    bytes
}

/// The cause that reading ends with, sent with these bytes; nothing for a plain end.
async fn ending(bytes: &[u8]) -> Option<WebSocketCause> {
    let (mut stream, mut server) = open().await;
    server.write_all(bytes).await.expect("room");
    let mut rest = Vec::new();
    let error = timeout(DEADLINE, stream.read_to_end(&mut rest)).await.expect("in time").err()?;
    let error = error.get_ref().and_then(|inner| inner.downcast_ref::<WireError>()).expect("a typed error");
    match error {
        WireError::WebSocket { cause, .. } => Some(cause.clone()),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn the_request_names_host_path_subprotocol_and_headers() {
    let options = WebSocketOptions {
        path: Some("/from-options".into()),
        headers: vec![("Authorization".into(), Secret::from("Bearer CANARY".to_owned()))],
    };
    let agree = |request: &str| accept(request, "Sec-WebSocket-Protocol: mqtt\r\n");
    let (stream, _, request) = opened(&endpoint("/a?b=c"), &options, agree).await;
    stream.expect("open");
    assert!(request.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{request}");
    for line in ["Host: broker.example:8080", "Sec-WebSocket-Protocol: mqtt", "authorization: Bearer CANARY"] {
        assert!(request.contains(&format!("\r\n{line}\r\n")), "{line}: {request}");
    }
    let default = Endpoint::new(Transport::Ws, "broker.example", 80);
    let (_, _, request) = opened(&default, &options, agree).await;
    assert!(request.starts_with("GET /from-options ") && request.contains("\r\nHost: broker.example\r\n"), "{request}");
    let (_, _, request) = opened(&default, &WebSocketOptions::default(), agree).await;
    assert!(request.starts_with("GET /mqtt "), "{request}");
}

#[tokio::test]
async fn a_header_that_is_given_twice_is_sent_twice_and_host_once() {
    let header = |name: &str, value: &str| (name.to_owned(), Secret::from(value.to_owned()));
    let headers = vec![header("Cookie", "a=1"), header("cookie", "b=2"), header("Host", "a.example"), header("host", "b.example")];
    let options = WebSocketOptions { path: None, headers };
    let agree = |request: &str| accept(request, "Sec-WebSocket-Protocol: mqtt\r\n");
    let (stream, _, request) = opened(&endpoint(""), &options, agree).await;
    stream.expect("open");
    let of = |name: &str| -> Vec<String> {
        let lines = request.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).collect()
    };
    assert_eq!((of("cookie"), of("host")), (vec!["a=1".to_owned(), "b=2".to_owned()], vec!["b.example".to_owned()]));
}

#[tokio::test]
async fn an_answer_other_than_101_is_shown_with_its_first_words() {
    let cases = [
        (
            "HTTP/1.1 301 Moved Permanently\r\nLocation: https://h/\u{202e}\r\n\r\n",
            "301 Moved Permanently (“it points to https://h/‹U+202E›”)",
        ),
        ("HTTP/1.1 401 Unauthorized\r\n\r\n", "401 Unauthorized"),
        ("HTTP/1.1 403 No\r\nContent-Type: text/html\r\n\r\n<html><p>Not \u{202e}you</p>", "403 Forbidden (“Not ‹U+202E›you”)"),
        ("HTTP/1.1 404 Not Found\r\n\r\nno such path\r\nat all", "404 Not Found (“no such path”)"),
        ("HTTP/1.1 404 Not Found\r\n\r\n<h1>404 Not found</h1>", "404 Not Found"),
        ("HTTP/1.1 400 Bad Request\r\n\r\n<title>400 No such thing</title>", "400 Bad Request (“No such thing”)"),
        ("HTTP/1.1 502 Bad Gateway\r\n\r\n<h1>502 Bad Gateway</h1>", "502 Bad Gateway"),
    ];
    for (answer, said) in cases {
        let error = refused(answer).await;
        assert_eq!(error.to_string(), format!("connect to broker.example:8080: WebSocket: the server answered {said}"));
        assert_eq!(error.is_final(), !said.starts_with("502"), "{error}");
    }
}

/// The error of a handshake that a server accepts with these header lines.
async fn accepted_with(more: &str) -> WireError {
    let (stream, ..) = opened(&endpoint(""), &WebSocketOptions::default(), |request| accept(request, more)).await;
    stream.err().expect("a refusal")
}

#[tokio::test]
async fn a_subprotocol_other_than_mqtt_is_refused_and_named() {
    let cases = [
        ("", "the server names no subprotocol, where mqtt was asked for", "drops the header Sec-WebSocket-Protocol"),
        (
            "Sec-WebSocket-Protocol: mqttv3.1\r\n",
            "the server answered with the subprotocol mqttv3.1, where mqtt was asked for",
            "looks like a broker",
        ),
        (
            "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: mqtt\r\n",
            "the server answered with the subprotocol chat, mqtt, where mqtt was asked for",
            "not of an MQTT broker",
        ),
    ];
    for (more, said, hint) in cases {
        let error = accepted_with(more).await;
        assert!(error.to_string().ends_with(said) && error.is_final(), "{error}");
        assert!(error.hint().contains(hint), "{}", error.hint());
    }
}

#[tokio::test]
async fn an_extension_that_was_not_offered_fails_the_handshake_and_is_named() {
    let agree = "Sec-WebSocket-Protocol: mqtt\r\n";
    let error =
        accepted_with(&format!("{agree}Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n")).await;
    let said = "the server uses the extension permessage-deflate; server_no_context_takeover, which was not offered";
    assert!(error.to_string().ends_with(said) && error.is_final(), "{error}");
    let none = format!("{agree}Sec-WebSocket-Extensions: \r\n");
    let (stream, ..) = opened(&endpoint(""), &WebSocketOptions::default(), |request| accept(request, &none)).await;
    assert!(stream.is_ok(), "an empty list names no extension");
}

#[tokio::test]
async fn upgrade_may_be_one_of_the_connection_options() {
    let (stream, ..) = opened(&endpoint(""), &WebSocketOptions::default(), |request| {
        let answer = accept(request, "Sec-WebSocket-Protocol: mqtt\r\n");
        answer.replace("Connection: Upgrade", "Connection: keep-alive, upgrade")
    })
    .await;
    assert!(stream.is_ok());
}

#[tokio::test]
async fn a_web_server_that_refuses_says_what_helps() {
    let cases = [
        ("400 Bad Request", "<title>400 The plain HTTP request was sent to HTTPS port</title>", "use wss://"),
        ("400 Bad Request", "", "does not pass the headers Upgrade and Connection on"),
        ("401 Unauthorized", "", "wants credentials, mostly in a header: --ws-header, or websocket.headers"),
        ("403 Forbidden", "", "forbids it"),
        ("426 Upgrade Required", "", "does not pass the header Upgrade on"),
        ("429 Too Many Requests", "", "limits how often clients connect"),
        ("502 Bad Gateway", "", "does not reach it, or does not pass the headers Upgrade and Connection on"),
    ];
    for (status, body, hint) in cases {
        let answer = format!("HTTP/1.1 {status}\r\n\r\n{body}");
        let (stream, ..) = opened(&endpoint(""), &WebSocketOptions::default(), |_| answer.clone()).await;
        let error = stream.err().expect("a refusal");
        assert!(error.hint().contains(hint), "{status}: {}", error.hint());
    }
}

#[tokio::test]
async fn what_a_server_asks_to_wait_is_read_from_seconds_and_from_a_date() {
    let dated = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:51:07 GMT";
    let cases = [
        ("Retry-After: 30", Some(30), " and asks to wait 30s"),
        (dated, Some(90), " and asks to wait 1m30s"),
        ("Retry-After: Sun, 06 Nov 1994 08:51:07 GMT", None, ""),
        ("Retry-After: soon", None, ""),
        ("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sat, 05 Nov 1994 08:49:37 GMT", None, ""),
        ("Retry-After: -5", None, ""),
    ];
    for (lines, seconds, said) in cases {
        let answer = format!("HTTP/1.1 429 Too Many Requests\r\n{lines}\r\n\r\n");
        let (stream, ..) = opened(&endpoint(""), &WebSocketOptions::default(), |_| answer.clone()).await;
        let error = stream.err().expect("a refusal");
        assert_eq!(error.retry_after(), seconds.map(Duration::from_secs), "{lines}");
        assert!(error.to_string().ends_with(&format!("429 Too Many Requests{said}")), "{error}");
    }
}

#[tokio::test]
async fn what_does_not_speak_http_is_recognised() {
    let error = refused("\x20\x02\x00\x05 this is no HTTP\r\n\r\n").await;
    assert!(error.to_string().ends_with("what answers is not a WebSocket server"), "{error}");
    let (client, mut server) = duplex(1 << 16);
    let options = WebSocketOptions::default();
    let hang_up = async {
        request_of(&mut server).await;
        drop(server);
    };
    let endpoint = endpoint("");
    let (stream, ()) = tokio::join!(Box::pin(connect(&endpoint, &options, 1 << 20, client)), hang_up);
    let error = stream.err().expect("closed");
    assert!(error.to_string().ends_with("the server closed the connection during the handshake"), "{error}");
}

#[tokio::test]
async fn a_header_that_cannot_be_sent_is_named_without_its_value() {
    let options = WebSocketOptions { headers: vec![("X-A".into(), Secret::from("CANARY\r\n".to_owned()))], ..Default::default() };
    let (client, _server) = duplex(64);
    let error = Box::pin(connect(&endpoint(""), &options, 1 << 20, client)).await.err().expect("refused");
    assert!(error.to_string().ends_with("the header X-A cannot be sent") && error.is_final(), "{error}");
}

#[tokio::test]
async fn frames_and_packets_need_not_fit_each_other() {
    let (mut stream, mut server) = open().await;
    let pieces = [
        frame(BINARY, b"one "),
        frame(FINAL | PING, b"between"),
        frame(CONTINUATION, b"in three "),
        frame(FINAL | CONTINUATION, b"frames, "),
        frame(FINAL | BINARY, b""),
        frame(FINAL | BINARY, b"many in one"),
    ];
    server.write_all(&pieces.concat()).await.expect("room");
    let expected = b"one in three frames, many in one";
    assert_eq!(read(&mut stream, expected.len()).await, expected);
    assert_eq!(frame_of(&mut server).await, (FINAL | PONG, b"between".to_vec()));
}

#[tokio::test]
async fn what_is_written_arrives_in_binary_frames_however_large() {
    let (mut stream, mut server) = open().await;
    let sent: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let write = async {
        stream.write_all(&sent).await.expect("sent");
        stream.flush().await.expect("flushed");
    };
    let receive = async {
        let mut received = Vec::new();
        while received.len() < sent.len() {
            let (first, payload) = frame_of(&mut server).await;
            assert_eq!(first, FINAL | BINARY);
            assert!(payload.len() <= CHUNK);
            received.extend(payload);
        }
        received
    };
    let ((), received) = timeout(DEADLINE, async { tokio::join!(write, receive) }).await.expect("in time");
    assert!(received == sent);
}

#[tokio::test]
async fn a_text_frame_is_refused_and_the_server_told() {
    assert_eq!(ending(&frame(FINAL | TEXT, b"hello")).await, Some(WebSocketCause::Text));
    let (mut stream, mut server) = open().await;
    server.write_all(&frame(FINAL | TEXT, b"hello")).await.expect("room");
    assert!(timeout(DEADLINE, stream.read_u8()).await.expect("in time").is_err());
    let (first, payload) = frame_of(&mut server).await;
    assert_eq!((first, &payload[..2]), (FINAL | CLOSE, &1003_u16.to_be_bytes()[..]));
}

#[tokio::test]
async fn a_close_frame_with_a_reason_says_it_and_a_plain_one_is_the_end() {
    let close = |code: u16, said: &str| frame(FINAL | CLOSE, &[&code.to_be_bytes()[..], said.as_bytes()].concat());
    assert_eq!(ending(&close(1000, "bye")).await, None);
    assert_eq!(ending(&frame(FINAL | CLOSE, b"")).await, None);
    let policy = ending(&close(1008, "token \u{1b}expired")).await.expect("a reason");
    assert_eq!(policy, WebSocketCause::Ended { code: 1008, said: "token ␛expired".into() });
}

#[tokio::test]
async fn a_server_that_hangs_up_is_the_end_as_over_tcp() {
    let (mut stream, server) = open().await;
    drop(server);
    assert_eq!(timeout(DEADLINE, stream.read(&mut [0; 8])).await.expect("in time").expect("no error"), 0);
}

#[tokio::test]
async fn frames_that_are_forbidden_or_too_large_are_refused_from_their_header() {
    let two_gib = [&[FINAL | BINARY, 127][..], &(2_u64 << 30).to_be_bytes()].concat();
    let masked = [FINAL | BINARY, 0x81, 1, 2, 3, 4, 5];
    let reserved = frame(FINAL | 0x40 | BINARY, b"x");
    let long_ping = [&[FINAL | PING, 126, 0, 200][..], &[0; 200]].concat();
    for (bytes, part) in
        [(&two_gib[..], "too long"), (&masked[..], "masked"), (&reserved[..], "Reserved"), (&long_ping[..], "too big")]
    {
        match ending(bytes).await {
            Some(WebSocketCause::Frames(how)) => assert!(how.contains(part), "{how}"),
            other => panic!("{part}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn shutting_down_says_goodbye() {
    let (mut stream, mut server) = open().await;
    stream.write_all(b"last").await.expect("sent");
    timeout(DEADLINE, stream.shutdown()).await.expect("in time").expect("shut down");
    assert_eq!(frame_of(&mut server).await, (FINAL | BINARY, b"last".to_vec()));
    assert_eq!(frame_of(&mut server).await.0, FINAL | CLOSE);
    assert_eq!(server.read(&mut [0; 8]).await.expect("no error"), 0, "the stream below is closed");
}
