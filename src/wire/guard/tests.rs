//! The guard against frames good and bad, whole and in pieces.

mod answering;
mod oversize;
mod taking;

use std::collections::VecDeque;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::wire::run::Publish;
use Version::{V5, V31, V311};

const LIMIT: u32 = 1 << 20;

/// A connection that gives its pieces one a read, then ends; it keeps what is written.
#[derive(Debug, Default)]
struct Script {
    pieces: VecDeque<Vec<u8>>,
    end: Option<io::ErrorKind>,
    written: Vec<u8>,
}

impl Script {
    fn new(pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Self {
        let pieces = pieces.into_iter().map(|piece| piece.as_ref().to_vec()).filter(|piece| !piece.is_empty()).collect();
        Self { pieces, ..Self::default() }
    }
}

impl AsyncRead for Script {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(mut piece) = self.pieces.pop_front() else {
            return Poll::Ready(self.end.take().map_or(Ok(()), |kind| Err(kind.into())));
        };
        let rest = piece.split_off(piece.len().min(buf.remaining()));
        buf.put_slice(&piece);
        if !rest.is_empty() {
            self.pieces.push_front(rest);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.written.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Reads hexadecimal digits; `'abc'` stands for text, `r` for the length of what follows.
fn bytes(hex: &str) -> Vec<u8> {
    if let Some((first, body)) = hex.split_once(" r") {
        let body = bytes(body);
        return [bytes(first), vec![u8::try_from(body.len()).expect("a short packet")], body].concat();
    }
    let mut out = Vec::new();
    for word in hex.split_whitespace() {
        if let Some(text) = word.strip_prefix('\'') {
            out.extend_from_slice(text.trim_end_matches('\'').as_bytes());
        } else {
            assert!(word.len().is_multiple_of(2), "{word} is not whole bytes");
            out.extend((0..word.len()).step_by(2).map(|i| u8::from_str_radix(&word[i..i + 2], 16).expect(word)));
        }
    }
    out
}

fn connack(version: Version) -> &'static [u8] {
    match version {
        V31 => &[0x20, 2, 0x55, 0],
        V311 => &[0x20, 2, 0, 0],
        V5 => &[0x20, 3, 0, 0, 0],
    }
}

/// What came out of a guard, and the error at the end.
async fn drain(guard: &mut Guard<Script>, room: usize) -> (Vec<u8>, Option<io::Error>) {
    let mut out = Vec::new();
    let mut buffer = vec![0; room];
    loop {
        match guard.read(&mut buffer).await {
            Ok(0) => return (out, None),
            Ok(read) => out.extend_from_slice(&buffer[..read]),
            Err(error) => return (out, Some(error)),
        }
    }
}

async fn passed(version: Version, pieces: &[&[u8]], room: usize) -> (Vec<u8>, Option<io::Error>) {
    drain(&mut Guard::new(Script::new(pieces), version, LIMIT), room).await
}

/// Everything of a violation but its evidence, which is what had arrived.
fn essence(error: Option<&io::Error>) -> Option<(&'static str, &'static str, String, u8)> {
    error.and_then(Violation::of).map(|v| (v.packet, v.field, v.detail.to_string(), v.reason_code))
}

const GOOD: &[(Version, &str)] = &[
    (V311, "30 r 0003 'a/b' 'payload'"),
    (V311, "31 r 0003 'a/b'"),
    (V311, "32 r 0003 'a/b' 0001 'x'"),
    (V311, "3c r 0003 'a/b' 0001 'x'"),
    (V311, "30 r 0004 f0aa9b94"),
    (V311, "30 r 0005 'to' 01 7f 'p'"),
    (V311, "40 r 0001"),
    (V311, "62 r ffff"),
    (V31, "62 r ffff"),
    (V31, "6a r ffff"),
    (V31, "3c r 0003 'a/b' 0001 'x'"),
    (V311, "90 r 0001 0280"),
    (V311, "b0 r 0001"),
    (V311, "d0 r"),
    (V5, "30 r 0003 'a/b' 00"),
    (V5, "32 r 0003 'a/b' 0001 00 '77'"),
    (V5, "30 r 0000 03 230001"),
    (V5, "30 r 0001 'a' 0e 0101 02 00000000 03 0001 'x' 09 0000"),
    (V5, "30 r 0001 'a' 08 0b01 0b02 080001 62"),
    (V5, "30 r 0001 'a' 0b 0bffffff7f 26 0000 0001 'x'"),
    (V5, "30 r 0001 'a' 00 ff00fe02"),
    (V5, "40 r 0001"),
    (V5, "40 r 0001 10"),
    (V5, "40 r 0001 87 00"),
    (V5, "50 r 0001 00 04 1f 0001 'p'"),
    (V5, "62 r 0001 92"),
    (V5, "70 r 0001 00 00"),
    (V5, "90 r 0001 00 0102 87"),
    (V5, "b0 r 0001 00 1187"),
    (V5, "e0 r"),
    (V5, "e0 r 8b 04 1f 0001 'x'"),
    (V5, "e0 r 05 00"),
    (V5, "f0 r 18 04 15 0001 'x'"),
];

const BAD: &[(Version, &str, &str, &str, &str)] = &[
    (V311, "00 00", "packet of type 0", "type", "forbids"),
    (V311, "f0 00", "AUTH", "type", "forbids"),
    (V311, "e0 00", "DISCONNECT", "type", "only a client"),
    (V5, "10 00", "CONNECT", "type", "only a client"),
    (V5, "82 00", "SUBSCRIBE", "type", "only a client"),
    (V5, "a2 00", "UNSUBSCRIBE", "type", "only a client"),
    (V5, "c0 00", "PINGREQ", "type", "only a client"),
    (V311, "20 02 0000", "CONNACK", "type", "sent before on this connection"),
    (V5, "20 03 000000", "CONNACK", "type", "sent before on this connection"),
    (V5, "30 ffffffff 01", "PUBLISH", "remaining length", "four bytes"),
    (V5, "41 02 0001", "PUBACK", "flags", "0x1, they must be 0x0"),
    (V31, "64 02 0001", "PUBREL", "flags", "0x4, they must be 0x2"),
    (V311, "6a 02 0001", "PUBREL", "flags", "0xA, they must be 0x2"),
    (V31, "f0 00", "AUTH", "type", "forbids"),
    (V31, "e0 00", "DISCONNECT", "type", "only a client"),
    (V31, "30 03 0000 'x'", "PUBLISH", "topic", "is empty"),
    (V5, "60 02 0001", "PUBREL", "flags", "0x0, they must be 0x2"),
    (V5, "d1 00", "PINGRESP", "flags", "0x1"),
    (V311, "d0 01 00", "PINGRESP", "remaining length", "exceeds the fields by 1"),
    (V311, "36 07 0003 'a/b' 0001", "PUBLISH", "QoS", "is 3"),
    (V311, "30 05 0009 'a/b'", "PUBLISH", "topic", "runs past the end"),
    (V311, "30 01 00", "PUBLISH", "topic", "runs past the end"),
    (V311, "32 06 0003 'a/b' 00", "PUBLISH", "packet identifier", "runs past the end"),
    (V311, "32 07 0003 'a/b' 0000", "PUBLISH", "packet identifier", "is 0"),
    (V311, "30 03 0000 'x'", "PUBLISH", "topic", "is empty"),
    (V5, "30 03 0000 00", "PUBLISH", "topic", "no Topic Alias"),
    (V311, "30 05 0003 'a/#'", "PUBLISH", "topic", "wildcard `#`"),
    (V311, "30 05 0003 '+/b'", "PUBLISH", "topic", "wildcard `+`"),
    (V311, "30 05 0003 'a' 00 'b'", "PUBLISH", "topic", "NUL"),
    (V311, "30 05 0003 eda080", "PUBLISH", "topic", "UTF-8"),
    (V311, "30 04 0002 c0af", "PUBLISH", "topic", "UTF-8"),
    (V5, "30 04 0001 'a' 7f", "PUBLISH", "property length", "runs past the end"),
    (V5, "30 04 0001 'a' 80", "PUBLISH", "property length", "runs past the end"),
    (V5, "30 03 0001 'a'", "PUBLISH", "property length", "runs past the end"),
    (V5, "30 08 0001 'a' 80808080 01", "PUBLISH", "property length", "more than four bytes"),
    (V5, "30 06 0001 'a' 02 7f00", "PUBLISH", "property", "0x7F"),
    (V5, "30 06 0001 'a' 02 8001", "PUBLISH", "property", "0x80"),
    (V5, "30 06 0001 'a' 02 2401", "PUBLISH", "Maximum QoS", "not allowed in PUBLISH"),
    (V5, "30 08 0001 'a' 04 0100 0100", "PUBLISH", "Payload Format Indicator", "twice"),
    (V5, "30 0a 0001 'a' 06 030000 030000", "PUBLISH", "Content Type", "twice"),
    (V5, "30 06 0001 'a' 02 0102", "PUBLISH", "Payload Format Indicator", "is 2"),
    (V5, "30 06 0001 'a' 02 0b00", "PUBLISH", "Subscription Identifier", "is 0"),
    (V5, "30 07 0001 'a' 03 230000", "PUBLISH", "Topic Alias", "is 0"),
    (V5, "30 07 0001 'a' 03 080000", "PUBLISH", "Response Topic", "is empty"),
    (V5, "30 08 0001 'a' 04 080001 '#'", "PUBLISH", "Response Topic", "wildcard"),
    (V5, "30 08 0001 'a' 04 030001 ff", "PUBLISH", "Content Type", "UTF-8"),
    (V5, "30 05 0001 'a' 01 02", "PUBLISH", "Message Expiry Interval", "runs past the end"),
    (V5, "30 08 0001 'a' 04 26 0001 'k'", "PUBLISH", "User Property", "runs past the end"),
    (V311, "40 02 0000", "PUBACK", "packet identifier", "is 0"),
    (V311, "40 01 01", "PUBACK", "packet identifier", "runs past the end"),
    (V311, "40 03 0001 00", "PUBACK", "remaining length", "exceeds the fields by 1"),
    (V5, "40 05 0001 00 00 00", "PUBACK", "remaining length", "exceeds the fields by 1"),
    (V5, "40 04 0001 ff 00", "PUBACK", "reason code", "0xFF"),
    (V5, "40 04 0001 00 01", "PUBACK", "property length", "runs past the end"),
    (V5, "70 03 0001 10", "PUBCOMP", "reason code", "0x10"),
    (V311, "90 02 0001", "SUBACK", "reason codes", "missing"),
    (V5, "90 03 0001 00", "SUBACK", "reason codes", "missing"),
    (V5, "90 02 0001", "SUBACK", "property length", "runs past the end"),
    (V5, "90 04 0000 00 00", "SUBACK", "packet identifier", "is 0"),
    (V5, "90 06 0001 02 2401 00", "SUBACK", "Maximum QoS", "not allowed"),
    (V311, "b0 00", "UNSUBACK", "packet identifier", "runs past the end"),
    (V311, "b0 03 0001 00", "UNSUBACK", "remaining length", "exceeds the fields by 1"),
    (V5, "b0 03 0001 00", "UNSUBACK", "reason codes", "missing"),
    (V5, "e0 03 00 01 1c", "DISCONNECT", "Server Reference", "runs past the end"),
    (V5, "e0 07 00 05 11 00000000", "DISCONNECT", "Session Expiry Interval", "not allowed"),
    (V5, "f0 06 18 04 16 0001 'x'", "AUTH", "Authentication Method", "is missing"),
    (V5, "f0 02 19 00", "AUTH", "reason code", "0x19"),
];

#[tokio::test]
async fn good_packets_pass_unchanged() {
    for &(version, hex) in GOOD {
        let stream = [connack(version), &bytes(hex)].concat();
        let (out, error) = passed(version, &[&stream], 8192).await;
        assert!(error.is_none(), "{version:?} {hex}: {error:?}");
        assert_eq!(out, stream, "{version:?} {hex}");
    }
}

#[tokio::test]
async fn bad_packets_are_refused_by_packet_and_field() {
    for &(version, hex, packet, field, detail) in BAD {
        let stream = [connack(version), &bytes(hex)].concat();
        let (out, error) = passed(version, &[&stream], 8192).await;
        assert_eq!(out, connack(version), "{version:?} {hex}: only what is valid passes");
        let error = error.unwrap_or_else(|| panic!("{version:?} {hex} passed"));
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let violation = Violation::of(&error).expect("a typed error");
        assert_eq!((violation.packet, violation.field), (packet, field), "{version:?} {hex}: {violation}");
        assert!(violation.detail.contains(detail), "{version:?} {hex}: {violation}");
        assert_eq!(&*violation.bytes, bytes(hex), "{version:?} {hex}");
    }
}

#[tokio::test]
async fn a_cut_at_any_byte_changes_nothing() {
    let good = GOOD.iter().map(|&(version, hex)| (version, hex));
    for (version, hex) in good.chain(BAD.iter().map(|&(version, hex, ..)| (version, hex))) {
        // The packet comes twice, so that a cut also falls into a second one.
        let stream = [connack(version), &bytes(hex), &bytes(hex)].concat();
        let (whole, error) = passed(version, &[&stream], 8192).await;
        for cut in 0..=stream.len() {
            for room in [1, 7, 8192] {
                let (out, cut_error) = passed(version, &[&stream[..cut], &stream[cut..]], room).await;
                assert_eq!(out, whole, "{version:?} {hex} cut at {cut}, room {room}");
                assert_eq!(essence(cut_error.as_ref()), essence(error.as_ref()), "{version:?} {hex} cut at {cut}, room {room}");
            }
        }
        let (out, bytewise) = passed(version, &stream.chunks(1).collect::<Vec<_>>(), 8192).await;
        assert_eq!((out, essence(bytewise.as_ref())), (whole, essence(error.as_ref())), "{version:?} {hex} byte by byte");
    }
}

#[tokio::test]
async fn the_first_packet_must_be_connack() {
    for (version, hex) in [(V311, "30 05 0003 'a/b'"), (V5, "d0 00"), (V5, "e0 00"), (V311, "90 03 0001 00")] {
        let (out, error) = passed(version, &[&bytes(hex)], 8192).await;
        let violation = error.as_ref().and_then(Violation::of).unwrap_or_else(|| panic!("{hex} passed: {out:?}"));
        assert_eq!(violation.detail, "is sent before CONNACK", "{hex}");
        let bytewise = passed(version, &bytes(hex).chunks(1).collect::<Vec<_>>(), 8192).await.1;
        let said =
            |error: Option<&io::Error>| error.and_then(Violation::of).map(|violation| violation.to_string().replace(' ', ""));
        let (whole, bytewise) = (said(error.as_ref()).unwrap_or_default(), said(bytewise.as_ref()).unwrap_or_default());
        let until = |said: &str| said.split("(bytes").next().unwrap_or_default().to_owned();
        assert_eq!(until(&whole), until(&bytewise), "the sentence does not depend on how the bytes were cut");
    }
}

#[tokio::test]
async fn connack_is_checked() {
    let good = [
        (V311, "20 02 0100"),
        (V311, "20 02 0005"),
        (V5, "20 03 0000 00"),
        (V5, "20 03 0087 00"),
        // How a broker of MQTT 3.1.1 answers to MQTT 5.
        (V5, "20 02 0000"),
        (V5, "20 02 0005"),
        (V5, "20 02 0085"),
        (V5, "20 0a 0000 07 26 0001 'p' 0001 'q'"),
        (V5, "20 06 0000 03 21 0014"),
    ];
    for (version, hex) in good {
        let (out, error) = passed(version, &[&bytes(hex)], 8192).await;
        assert_eq!((out, error.map(|error| error.to_string())), (bytes(hex), None), "{version:?} {hex}");
    }
    let bad = [
        (V311, "20 03 000000", "remaining length"),
        (V311, "20 01 00", "return code"),
        (V311, "20 02 0006", "return code"),
        (V311, "20 02 0200", "acknowledge flags"),
        (V311, "20 02 0105", "session present"),
        (V5, "20 00", "acknowledge flags"),
        (V5, "20 02 0105", "session present"),
        (V5, "20 03 0001 00", "reason code"),
        (V5, "20 03 0400 00", "acknowledge flags"),
        (V5, "20 03 0187 00", "session present"),
        (V5, "20 05 0000 02 2402", "Maximum QoS"),
        (V5, "20 06 0000 03 210000", "Receive Maximum"),
        (V5, "20 05 0000 02 0b01", "Subscription Identifier"),
        (V5, "22 03 0000 00", "flags"),
    ];
    for (version, hex, field) in bad {
        let (out, error) = passed(version, &[&bytes(hex)], 8192).await;
        let violation = error.as_ref().and_then(Violation::of).unwrap_or_else(|| panic!("{hex} passed: {out:?}"));
        assert_eq!((violation.packet, violation.field), ("CONNACK", field), "{version:?} {hex}: {violation}");
    }
}

#[tokio::test]
async fn irregular_packets_with_a_clear_meaning_are_put_right() {
    let cases = [
        (V5, true, "e0 01 8e", "e0 02 8e 00"),
        (V5, true, "f0 01 00", "f0 02 00 00"),
        (V311, true, "38 05 0003 'a/b'", "30 05 0003 'a/b'"),
        (V5, true, "39 06 0003 'a/b' 00", "31 06 0003 'a/b' 00"),
        (V311, true, "90 04 0001 0187", "90 04 0001 0180"),
        (V5, true, "90 05 0001 00 017b", "90 05 0001 00 0180"),
        (V5, true, "b0 05 0001 00 00ff", "b0 05 0001 00 0080"),
    ];
    for (version, connected, hex, expected) in cases {
        let before = if connected { connack(version) } else { &[] };
        let after = bytes("d0 00");
        let stream = [before, &bytes(hex), &after].concat();
        let expected = [before, &bytes(expected), &after].concat();
        for room in [1, 3, 8192] {
            for cut in 0..stream.len() {
                let (out, error) = passed(version, &[&stream[..cut], &stream[cut..]], room).await;
                assert!(error.is_none(), "{hex} cut at {cut}: {error:?}");
                assert_eq!(out, expected, "{hex} cut at {cut}, room {room}");
            }
        }
    }
}

#[tokio::test]
async fn an_end_within_a_packet_says_where() {
    let cases: [(&[u8], &str); 3] = [
        (&[0x30, 117, 0, 3, b'a', b'/', b'b'], "closed after 7 of 119 bytes of a PUBLISH"),
        (&[0xd0], "closed in the header of a PINGRESP"),
        (&[0x30, 0xff], "closed in the header of a PUBLISH"),
    ];
    for (tail, said) in cases {
        for room in [1, 8192] {
            let (out, error) = passed(V311, &[connack(V311), tail], room).await;
            assert_eq!(out, connack(V311));
            let error = error.expect("not a clean end");
            assert_eq!((error.kind(), error.to_string()), (io::ErrorKind::UnexpectedEof, said.to_owned()));
        }
    }
}

#[tokio::test]
async fn a_reset_within_a_packet_says_where() {
    let mut script = Script::new([connack(V311), &[0x30, 117, 0, 3, b'a']]);
    script.end = Some(io::ErrorKind::ConnectionReset);
    let error = drain(&mut Guard::new(script, V311, LIMIT), 8192).await.1.expect("a reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(error.to_string(), "connection reset by the other side after 5 of 119 bytes of a PUBLISH");
}

#[tokio::test]
async fn an_end_between_packets_is_clean() {
    let (out, error) = passed(V5, &[connack(V5), &[0xe0, 0]], 8192).await;
    assert_eq!((out.len(), error.is_none()), (7, true));
}

#[tokio::test]
async fn an_end_of_tls_without_a_farewell_is_clean_between_packets() {
    for (tail, clean) in [(&[0xd0, 0][..], true), (&[0xd0], false)] {
        let mut script = Script::new([connack(V311), tail]);
        script.end = Some(io::ErrorKind::UnexpectedEof);
        let error = drain(&mut Guard::new(script, V311, LIMIT), 8192).await.1;
        assert_eq!(error.is_none(), clean, "{error:?}");
    }
}

#[tokio::test]
async fn evidence_shows_the_bytes_as_they_came() {
    let error = passed(V311, &[connack(V311), &bytes("38 03 0001 '#'")], 64).await.1.expect("a wildcard");
    assert_eq!(Violation::of(&error).expect("a typed error").bytes[0], 0x38, "DUP is not cleared before the check");
}

#[tokio::test]
async fn a_short_auth_opens_nothing() {
    let error = passed(V5, &[&bytes("f0 01 00 d0 00")], 64).await.1.expect("still before CONNACK");
    assert_eq!(Violation::of(&error).expect("a typed error").detail, "is sent before CONNACK");
}

#[tokio::test]
async fn another_protocol_is_recognised() {
    for (answer, said) in
        [(&b"HTTP/1.1 400 Bad Request\r\n"[..], "HTTP"), (&[0x15, 3, 3, 0, 2, 2, 70], "TLS"), (b"SSH-2.0-x", "SSH")]
    {
        let error = passed(V5, &[answer], 8192).await.1.expect("not MQTT");
        let violation = Violation::of(&error).expect("a typed error");
        assert!(violation.detail.contains(said), "{violation}");
    }
}

#[tokio::test]
async fn a_server_of_mqtt_5_is_told_why() {
    for (version, told) in [(V5, &[0xe0, 2, 0x90, 0][..]), (V311, &[])] {
        let bad = if version == V5 { bytes("30 04 0001 '#' 00") } else { bytes("30 03 0001 '#'") };
        let mut guard = Guard::new(Script::new([connack(version), &bad]), version, LIMIT);
        assert!(drain(&mut guard, 64).await.1.is_some());
        assert!(guard.read(&mut [0; 8]).await.is_err(), "the refusal stays");
        assert_eq!(guard.inner.written, told, "{version:?}, once");
    }
}

#[tokio::test]
async fn a_server_that_sends_more_at_once_than_it_may_is_heard_at_any_cut() {
    let publish = |id: u8| bytes(&format!("32 r 0001 'a' 00{id:02x} 00"));
    let given = [connack(V5), &publish(1), &bytes("34 r 0001 'a' 0002 00"), &publish(3), &publish(4)].concat();
    for cut in 0..=given.len() {
        let mut guard = Guard::new(Script::new([&given[..cut], &given[cut..]]), V5, LIMIT).with_history(0, 2);
        let (out, error) = drain(&mut guard, 64).await;
        assert_eq!((out, guard.inner.written.len()), (given.clone(), 0), "cut at {cut}");
        assert!(error.is_none(), "cut at {cut}: {error:?}");
    }
}

#[tokio::test]
async fn nothing_is_put_between_the_halves_of_a_packet() {
    let mut guard = Guard::new(Script::new([connack(V5), &bytes("30 04 0001 '#' 00")]), V5, LIMIT);
    guard.write_all(&[0x82, 9, 0, 1]).await.expect("half a SUBSCRIBE");
    assert!(drain(&mut guard, 64).await.1.is_some());
    assert_eq!(guard.inner.written, [0x82, 9, 0, 1]);
}

#[tokio::test]
async fn a_read_without_room_is_not_the_end() {
    let mut guard = Guard::new(Script::new([connack(V5)]), V5, LIMIT);
    assert_eq!(guard.read(&mut []).await.expect("nothing to do"), 0);
    assert_eq!(drain(&mut guard, 64).await.0, connack(V5));
}

proptest! {
    #[test]
    fn any_bytes_end_in_a_verdict_that_no_cut_changes(
        tail in proptest::collection::vec(any::<u8>(), 0..80),
        cut in 0usize..90,
        room in 1usize..40,
        version in prop_oneof![Just(V31), Just(V311), Just(V5)],
        recalls in any::<bool>(),
    ) {
        let stream = [connack(version), &tail].concat();
        let cut = cut.min(stream.len());
        let run = async |pieces: &[&[u8]], room| {
            let guard = Guard::new(Script::new(pieces), version, LIMIT);
            let mut guard = if recalls { guard.with_history(2, u16::MAX) } else { guard };
            // A publish of QoS 1, and one of QoS 2.
            guard.write_all(&[bytes("32 r 0001 'a' 0001 00"), bytes("34 r 0001 'a' 0002 00")].concat()).await.expect("it takes all");
            drain(&mut guard, room).await
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let (whole, error) = run(&[&stream], 8192).await;
            let (cut, cut_error) = run(&[&stream[..cut], &stream[cut..]], room).await;
            prop_assert_eq!(whole, cut);
            prop_assert_eq!(essence(error.as_ref()), essence(cut_error.as_ref()));
            prop_assert_eq!(error.map(|error| error.kind()), cut_error.map(|error| error.kind()));
            Ok(())
        })?;
    }

    #[test]
    fn any_packet_body_is_read_to_a_verdict(
        first in any::<u8>(),
        body in proptest::collection::vec(prop_oneof![any::<u8>(), 0u8..4, Just(0x26), Just(0x1f)], 0..60),
        v5 in any::<bool>(),
    ) {
        let version = if v5 { V5 } else { V311 };
        let packet = [&[first, u8::try_from(body.len()).expect("short")], &body[..]].concat();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (out, error) = runtime.block_on(passed(version, &[connack(version), &packet], 8192));
        // Repairs apart, a packet passes whole or not at all.
        prop_assert_eq!(error.is_some(), out == connack(version), "{:?} {:?}", out, error);
    }
}

#[tokio::test]
async fn what_answers_to_nothing_is_left_out_and_the_rest_passes_at_any_cut() {
    let sent = bytes("32 r 0001 'a' 0007 00");
    let given = [connack(V5), &bytes("40 r 0009"), &bytes("d0 00"), &bytes("40 r 0007"), &bytes("40 r 0007"), &[0xd0, 0]].concat();
    let wanted = [connack(V5), &[0xd0, 0], &bytes("40 r 0007"), &[0xd0, 0]].concat();
    for cut in 0..=given.len() {
        for room in [1, 3, 8192] {
            let mut guard = Guard::new(Script::new([&given[..cut], &given[cut..]]), V5, LIMIT).with_history(0, u16::MAX);
            guard.write_all(&sent).await.expect("it takes all");
            let (out, error) = drain(&mut guard, room).await;
            assert!(error.is_none() && out == wanted, "cut at {cut}, room {room}: {out:02x?} {error:?}");
        }
    }
}

#[tokio::test]
async fn a_refused_publish_names_its_topic() {
    let error = passed(V5, &[connack(V5), &bytes("30 r 0003 'a' 1b 'b' 02 7f00")], 64).await.1.expect("an unknown property");
    let violation = Violation::of(&error).expect("a typed error");
    assert_eq!(violation.topic.as_deref(), Some("a␛b"));
    let short = passed(V5, &[connack(V5), &bytes("30 05 0009 'a/b'")], 64).await.1.expect("a topic that runs out");
    assert_eq!(Violation::of(&short).expect("a typed error").topic, None);
}
