//! Acknowledgements of the guard's own: on a connection that takes three bytes at a time, and in a flood.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{DuplexStream, Join, duplex, join},
    time::timeout,
};

use super::{oversize::large, *};

/// Nothing in memory takes so long.
const DEADLINE: Duration = Duration::from_secs(20);

/// The answer of MQTT 5 to [`large`] with QoS 1.
const ANSWER: [u8; 5] = [0x40, 3, 1, 2, 0x97];

type Narrow = Guard<Join<DuplexStream, DuplexStream>>;

/// A guard with a limit of 40 bytes whose way out takes three bytes at a time, and the server's ends.
async fn narrow(given: &[u8]) -> (Narrow, DuplexStream, DuplexStream) {
    let (incoming, mut server_out) = duplex(1 << 20);
    let (outgoing, server_in) = duplex(3);
    server_out.write_all(&[connack(V5), given].concat()).await.expect("room");
    let mut guard = Guard::new(join(incoming, outgoing), V5, 40).with_history(0, u16::MAX);
    let mut space = [0; 5];
    timeout(DEADLINE, guard.read_exact(&mut space)).await.expect("in time").expect("CONNACK");
    (guard, server_out, server_in)
}

/// Reads once, and finds nothing that passes.
fn poll(guard: &mut Narrow) {
    let mut space = [0; 64];
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let polled = Pin::new(guard).poll_read(&mut cx, &mut ReadBuf::new(&mut space));
    assert!(polled.is_pending(), "{polled:?}");
}

async fn sent(server_in: &mut DuplexStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    timeout(DEADLINE, server_in.read_exact(&mut bytes)).await.expect("in time").expect("open");
    bytes
}

#[tokio::test]
async fn a_half_written_answer_goes_on_when_there_is_room() {
    let (mut guard, _server_out, mut server_in) = narrow(&large(V5, 1).repeat(50)).await;
    let answers = tokio::select! {
        read = drain_all(&mut guard) => panic!("{read:?}"),
        answers = sent(&mut server_in, 5 * 50) => answers,
    };
    assert_eq!(answers, ANSWER.repeat(50));
}

async fn drain_all(guard: &mut Narrow) -> io::Result<usize> {
    guard.read(&mut [0; 64]).await
}

#[tokio::test]
async fn a_packet_of_the_library_waits_for_the_rest_of_a_half_written_answer() {
    let (mut guard, _server_out, mut server_in) = narrow(&large(V5, 1)).await;
    poll(&mut guard);
    assert_eq!(guard.answers[..], ANSWER[3..], "three bytes are written");
    let ping = [0xc0, 0];
    let (written, seen) = tokio::join!(timeout(DEADLINE, guard.write_all(&ping)), sent(&mut server_in, 7));
    written.expect("in time").expect("open");
    assert_eq!(seen, [&ANSWER[..], &ping].concat());
}

#[tokio::test]
async fn an_answer_waits_for_the_rest_of_a_half_written_packet() {
    let (mut guard, mut server_out, mut server_in) = narrow(&[]).await;
    let publish = [0x30, 5, 0, 1, b'a', 0, b'x'];
    assert_eq!(guard.write(&publish).await.expect("open"), 3);
    server_out.write_all(&large(V5, 1)).await.expect("room");
    let mut seen = sent(&mut server_in, 3).await;
    poll(&mut guard);
    assert_eq!(guard.answers[..], ANSWER, "there is room, but not between two packets");
    let both = async {
        guard.write_all(&publish[3..]).await.expect("open");
        guard.read(&mut [0; 64]).await
    };
    tokio::select! {
        read = both => panic!("{read:?}"),
        rest = sent(&mut server_in, 4 + 5) => seen.extend(rest),
    }
    assert_eq!(seen, [&publish[..], &ANSWER].concat());
}

#[tokio::test]
async fn a_server_that_takes_no_answers_is_read_no_further_until_it_does() {
    const COUNT: usize = 20_000;
    let (mut guard, _server_out, mut server_in) = narrow(&large(V5, 1).repeat(COUNT)).await;
    poll(&mut guard);
    let (waiting, most) = (guard.answers.len(), UNSENT + 2 * CHUNK / 43 * 5);
    assert!(waiting > UNSENT && waiting <= most, "{waiting}, at most {most} after one read");
    let read = guard.progress().bytes();
    poll(&mut guard);
    assert_eq!(guard.progress().bytes(), read, "nothing more is read");
    let answers = tokio::select! {
        read = drain_all(&mut guard) => panic!("{read:?}"),
        answers = sent(&mut server_in, 5 * COUNT) => answers,
    };
    assert!(answers == ANSWER.repeat(COUNT));
}

#[tokio::test]
async fn an_identifier_is_free_again_once_its_message_was_passed_over() {
    let sets = [&bytes("30 29 0003 'big' 03 230001")[..], &[7; 32]].concat();
    for (qos, ack) in [(1, 0x40), (2, 0x50)] {
        // With its topic it is above the limit.
        let uses = |id| [&[0x30 | qos << 1, 38, 0, 0, 0, id, 3, 0x23, 0, 1][..], &[7; 30]].concat();
        let given = [connack(V5), &sets, &uses(1), &uses(2), &[0xd0, 0]].concat();
        for cut in 0..=given.len() {
            let mut guard = Guard::new(Script::new([&given[..cut], &given[cut..]]), V5, 40).with_history(1, 1);
            let (out, error) = drain(&mut guard, 64).await;
            assert!(error.is_none(), "QoS {qos}, cut at {cut}: {error:?}");
            assert_eq!(out, [connack(V5), &[0xd0, 0]].concat(), "QoS {qos}, cut at {cut}");
            let history = format!("{:?}", guard.history);
            assert!(history.contains("unacknowledged: {}"), "QoS {qos}, cut at {cut}: {history}");
            assert_eq!(guard.inner.written, [[ack, 3, 0, 1, 0x97], [ack, 3, 0, 2, 0x97]].concat(), "QoS {qos}, cut at {cut}");
        }
    }
}

#[tokio::test]
async fn a_flood_of_what_is_left_out_is_told_ever_more_rarely() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let log = Arc::new(file.reopen().expect("a file"));
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(log).finish();
    let told = tracing::subscriber::set_default(subscriber);
    let given = [connack(V5).to_vec(), bytes("40 r 0009").repeat(1_000), large(V5, 1).repeat(1_000)].concat();
    let mut guard = Guard::new(Script::new([given]), V5, 40).with_history(0, u16::MAX);
    let (out, error) = drain(&mut guard, 64).await;
    drop(told);
    assert!(error.is_none() && out == connack(V5), "{error:?}");
    let log = std::fs::read_to_string(file.path()).expect("text");
    let said = |what: &str| log.lines().filter(|line| line.contains(what)).count();
    // At 1, 2, 4 and so on up to 512.
    assert_eq!((said("an answer to nothing"), said("over the limit")), (10, 10), "{log}");
}
