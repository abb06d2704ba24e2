//! The tap on a stream that a test plays from both ends.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;

const CANARY: &[u8] = b"CANARY-7f3e";

fn tapped(capacity: usize) -> (Tap<DuplexStream>, DuplexStream, Trace) {
    let (near, far) = duplex(1 << 20);
    let (sink, trace) = trace(capacity);
    (Tap::new(near, Clock::start(), Some(sink)), far, trace)
}

/// A CONNECT of MQTT 3.1.1 with a user name and the canary as password.
fn connect() -> Vec<u8> {
    let mut body = b"\0\x04MQTT\x04\xc2\0\x1e\0\x02me\0\x04root\0\x0b".to_vec();
    body.extend_from_slice(CANARY);
    let mut packet = vec![0x10, u8::try_from(body.len()).expect("a short packet")];
    packet.extend(body);
    packet
}

#[tokio::test]
async fn both_directions_are_noted_in_order() {
    let (mut tap, mut far, mut trace) = tapped(8);
    tap.write_all(&[0xc0, 0]).await.expect("a PINGREQ is sent");
    far.write_all(&[0xd0, 0, 0x32, 6, 0, 1, b'a', 0, 1, b'x']).await.expect("two packets come");
    tap.read_exact(&mut [0; 10]).await.expect("two packets are read");
    let seen: Vec<_> = std::iter::from_fn(|| trace.try_next()).map(|p| (p.direction, p.kind(), p.size)).collect();
    assert_eq!(seen, [(Direction::Out, Kind::Pingreq, 2), (Direction::In, Kind::Pingresp, 2), (Direction::In, Kind::Publish, 8)]);
    assert_eq!((trace.bytes(Direction::In), trace.bytes(Direction::Out)), (10, 2));
}

#[tokio::test]
async fn a_password_reaches_the_broker_and_never_the_trace() {
    let holds = |bytes: &[u8]| bytes.windows(CANARY.len()).any(|window| window == CANARY);
    let packet = connect();
    for piece in [1, 7, packet.len()] {
        let (mut tap, mut far, mut trace) = tapped(8);
        for part in packet.chunks(piece) {
            tap.write_all(part).await.expect("CONNECT is sent");
            assert!(!format!("{:?}", tap.outgoing).contains("CANARY"), "also not while CONNECT is under way");
        }
        let mut sent = vec![0; packet.len()];
        far.read_exact(&mut sent).await.expect("CONNECT arrives");
        assert!(holds(&sent), "the broker needs the true password");
        let noted = trace.try_next().expect("CONNECT is noted");
        assert!(noted.head.ends_with(b"\0\x04root\0\x0b***********"), "{noted:?}");
        assert!(!holds(&noted.head));
    }
}

#[tokio::test]
async fn quiet_publishes_are_counted_not_kept() {
    let (mut tap, mut far, mut trace) = tapped(8);
    for _ in 0..1000 {
        far.write_all(&[0x30, 4, 0, 1, b'a', b'x']).await.expect("a PUBLISH comes");
    }
    tap.read_exact(&mut vec![0; 6000]).await.expect("all are read");
    assert_eq!(trace.quiet(Direction::In), Quiet { count: 1000, bytes: 6000 });
    assert_eq!((trace.try_next(), trace.lost()), (None, 0));
}

#[tokio::test]
async fn quiet_publishes_are_kept_from_the_first_that_begins_after_they_were_asked_for() {
    let (near, mut far) = duplex(1 << 20);
    let (sink, mut trace) = trace(8);
    let mut tap = Tap::new(near, Clock::start(), Some(sink.clone()));
    far.write_all(&[0x30, 4, 0, 1, b'a']).await.expect("most of a PUBLISH comes");
    tap.read_exact(&mut [0; 5]).await.expect("it is read");
    sink.list_quiet(true);
    far.write_all(&[b'x', 0x30, 4, 0, 1, b'b', b'y']).await.expect("its end and one more come");
    tap.read_exact(&mut [0; 7]).await.expect("they are read");
    assert_eq!(trace.quiet(Direction::In).count, 1);
    assert_eq!(trace.try_next().map(|packet| packet.head.to_vec()), Some(vec![0x30, 4, 0, 1, b'b', b'y']));
    assert_eq!(trace.try_next(), None);
}

#[tokio::test]
async fn a_trace_is_bounded_in_bytes_too() {
    let (mut tap, mut far, mut trace) = tapped(1_000);
    let subacks = WAITING / CONTROL_KEPT;
    let suback = [&[0x90, 0xfd, 0xff, 0x03][..], &vec![0; CONTROL_KEPT - 3]].concat();
    assert_eq!(suback.len(), CONTROL_KEPT + 1);
    for _ in 0..subacks + 2 {
        far.write_all(&suback).await.expect("a SUBACK comes");
        tap.read_exact(&mut vec![0; suback.len()]).await.expect("it is read");
    }
    assert_eq!(trace.lost(), 2);
    assert_eq!(std::iter::from_fn(|| trace.try_next()).count(), subacks);
    far.write_all(&suback).await.expect("one more comes");
    tap.read_exact(&mut vec![0; suback.len()]).await.expect("it is read");
    assert!(trace.try_next().is_some(), "there is room again");
}

#[tokio::test]
async fn a_publish_is_cut_and_says_so() {
    let (mut tap, mut far, mut trace) = tapped(8);
    let packet = [&[0x32, 0xd4, 0x17, 0, 1, b'a', 0, 1][..], &[7; 3023]].concat();
    far.write_all(&packet).await.expect("a PUBLISH comes");
    tap.read_exact(&mut vec![0; packet.len()]).await.expect("it is read");
    let noted = trace.try_next().expect("QoS 1 is noted");
    assert_eq!((noted.size, noted.head.len(), noted.is_cut()), (packet.len(), PUBLISH_KEPT, true));
}

#[tokio::test]
async fn a_full_trace_counts_what_it_lets_go() {
    let (mut tap, _far, mut trace) = tapped(2);
    for _ in 0..5 {
        tap.write_all(&[0xc0, 0]).await.expect("a PINGREQ is sent");
    }
    assert_eq!(trace.lost(), 3);
    assert_eq!(std::iter::from_fn(|| trace.try_next()).count(), 2);
}

#[tokio::test]
async fn a_tap_without_a_sink_passes_all_bytes() {
    let (near, mut far) = duplex(64);
    let mut tap = Tap::new(near, Clock::start(), None);
    tap.write_all(b"any bytes").await.expect("they are sent");
    let mut seen = [0; 9];
    far.read_exact(&mut seen).await.expect("they arrive");
    assert_eq!(&seen, b"any bytes");
}

#[tokio::test]
async fn the_trace_shows_what_the_guard_puts_right() {
    let (near, mut far) = duplex(64);
    let (sink, mut trace) = trace(8);
    let mut stream = crate::wire::open(near, crate::wire::packet::Version::V5, 1000, Clock::start(), Some(sink));
    far.write_all(&[0x20, 3, 0, 0, 0, 0xe0, 1, 0x8e]).await.expect("CONNACK and a short DISCONNECT come");
    drop(far);
    let mut read = Vec::new();
    stream.read_to_end(&mut read).await.expect("both are valid");
    assert_eq!(read, [0x20, 3, 0, 0, 0, 0xe0, 2, 0x8e, 0]);
    let heads: Vec<_> = std::iter::from_fn(|| trace.try_next()).map(|packet| packet.head.to_vec()).collect();
    assert_eq!(heads, [vec![0x20, 3, 0, 0, 0], vec![0xe0, 1, 0x8e]]);
}
