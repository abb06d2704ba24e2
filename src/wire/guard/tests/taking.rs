//! Taking QoS 0 out of the stream: nothing is lost, changed or out of order, wherever the bytes are cut.

use super::{
    super::inspect::{Way, way},
    *,
};

/// What came of a stream, in the order in which it was given.
#[derive(Debug, Default, PartialEq, Eq)]
struct Given {
    /// Messages taken out, and bytes that were read, as one stream of packets.
    stream: Vec<u8>,
    /// How many messages were taken out.
    taken: usize,
    refused: Option<(&'static str, &'static str, String, u8)>,
}

fn guard(pieces: &[&[u8]], version: Version) -> Guard<Script> {
    Guard::new(Script::new(pieces), version, LIMIT).with_history(3, 9).taking_quiet()
}

fn give(mut guard: Guard<Script>, room: usize) -> Given {
    let mut given = Given::default();
    let mut cx = Context::from_waker(std::task::Waker::noop());
    loop {
        let mut space = vec![0; room];
        let mut buf = ReadBuf::new(&mut space);
        let polled = Pin::new(&mut guard).poll_read(&mut cx, &mut buf);
        let run = guard.take_run();
        for publish in run.iter().flat_map(Run::iter) {
            given.taken += 1;
            given.stream.extend(packet(guard.version, publish));
        }
        match polled {
            Poll::Pending => assert!(run.is_some(), "pending while nothing waits"),
            Poll::Ready(Ok(())) if buf.filled().is_empty() => return given,
            Poll::Ready(Ok(())) => given.stream.extend_from_slice(buf.filled()),
            Poll::Ready(Err(error)) => return Given { refused: essence(Some(&error)), ..given },
        }
    }
}

/// Puts a packet together again, an alias resolved.
fn packet(version: Version, publish: Publish<'_>) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(u16::try_from(publish.topic.len()).expect("short").to_be_bytes());
    body.extend_from_slice(publish.topic.as_bytes());
    if version == V5 {
        body.push(u8::try_from(publish.properties.len()).expect("short"));
    }
    body.extend_from_slice(publish.properties);
    body.extend_from_slice(publish.payload);
    [&[publish.first, u8::try_from(body.len()).expect("short")], &body[..]].concat()
}

/// Takes a stream of short packets apart: messages, and what may overtake them.
fn packets(mut stream: &[u8]) -> (Vec<&[u8]>, Vec<&[u8]>) {
    let (mut fixed, mut free) = (Vec::new(), Vec::new());
    while let [first, length, ..] = stream {
        let (packet, rest) = stream.split_at(2 + usize::from(*length));
        if matches!(way(*first), Way::Ahead) { &mut free } else { &mut fixed }.push(packet);
        stream = rest;
    }
    (fixed, free)
}

#[test]
fn messages_are_given_as_they_came_at_any_cut() {
    let v311 = ["30 r 0001 'a' '1'", "31 r 0003 'a/b' '2'", "32 r 0001 'a' 0007 '3'", "30 r 0001 'a' '4'", "30 r 0001 'c'"];
    let v5 = ["30 r 0001 'a' 00 '1'", "31 r 0001 'b' 02 0101 '2'", "34 r 0001 'a' 0009 00 '3'", "30 r 0001 'a' 00 '4'"];
    for (version, hexes) in [(V31, &v311[..]), (V311, &v311), (V5, &v5)] {
        let stream = [connack(version), &hexes.iter().flat_map(|hex| bytes(hex)).collect::<Vec<_>>()].concat();
        for cut in 0..=stream.len() {
            for room in [1, 3, 8192] {
                let given = give(guard(&[&stream[..cut], &stream[cut..]], version), room);
                assert_eq!((&given.stream, &given.refused), (&stream, &None), "{version:?} cut at {cut}, room {room}");
            }
        }
        let given = give(guard(&stream.chunks(1).collect::<Vec<_>>(), version), 8192);
        assert_eq!((&given.stream, given.taken), (&stream, hexes.len() - 1), "byte by byte nothing follows in a read");
    }
}

#[test]
fn answers_pass_ahead_of_what_is_taken_and_stop_nothing() {
    let pieces = ["30 r 0001 'a' 00 '1'", "d0 00", "30 r 0001 'a' 00 '2'", "40 r 0009", "30 r 0001 'a' 00 '3'"].map(bytes);
    let given = give(guard(&[connack(V5), &pieces.concat()], V5), 8192);
    assert_eq!(given.taken, 3);
    // The PUBACK answers to nothing, and is left out as ever.
    let expected = [connack(V5), &pieces[0], &pieces[2], &pieces[4], &pieces[1]].concat();
    assert_eq!(given.stream, expected);
}

#[test]
fn aliases_are_resolved_whichever_way_set_them_and_whichever_uses_them() {
    let set = bytes("30 r 0001 'a' 03 230001 '1'");
    let used = bytes("30 r 0000 03 230001 '2'");
    let resolved = bytes("30 r 0001 'a' 03 230001 '2'");
    let by_the_reader = bytes("32 r 0000 0007 03 230001 '3'");
    // The reader gets what comes with CONNACK, and so knows the alias.
    let opening = [connack(V5), &set, &used].concat();
    let given = give(guard(&[&opening, &used, &set, &by_the_reader], V5), 8192);
    let expected = [&opening, &resolved, &set, &by_the_reader].map(|part| &part[..]).concat();
    assert_eq!((given.stream, given.taken), (expected, 2));
    let other = bytes("30 r 0001 'b' 03 230001 '4'");
    let repeated = bytes("38 r 0000 03 230001 '5'");
    let given = give(guard(&[connack(V5), &set, &other, &used, &[&by_the_reader[..], &repeated].concat()], V5), 8192);
    let (first, then) = (bytes("32 r 0001 'b' 0007 03 230001 '3'"), bytes("30 r 0000 03 230001 '5'"));
    let expected = [connack(V5), &set, &other, &bytes("30 r 0001 'b' 03 230001 '2'"), &first, &then].concat();
    assert_eq!((given.stream, given.taken), (expected, 3), "the reader is told what the alias stands for, once");
}

#[test]
fn a_message_over_the_limit_is_passed_over_among_those_that_are_taken() {
    let good = bytes("30 r 0001 'a' '1'");
    let large = bytes("30 r 0001 'a' '0123456789'");
    let stream = [connack(V311), &good, &large, &good].concat();
    for cut in 0..=stream.len() {
        let small = Guard::new(Script::new([&stream[..cut], &stream[cut..]]), V311, 10).with_history(0, 9).taking_quiet();
        let given = give(small, 8192);
        assert_eq!((given.stream, given.refused), ([connack(V311), &good, &good].concat(), None), "cut at {cut}");
    }
}

#[test]
fn an_alias_that_was_not_set_is_refused_after_what_came_before_it() {
    let stream = [connack(V5), &bytes("30 r 0001 'a' 00"), &bytes("30 r 0000 03 230001 '2'")].concat();
    for cut in 0..=stream.len() {
        let given = give(guard(&[&stream[..cut], &stream[cut..]], V5), 8192);
        assert_eq!(given.stream, stream[..stream.len() - 9], "cut at {cut}");
        assert_eq!(given.refused.map(|(packet, field, ..)| (packet, field)), Some(("PUBLISH", "Topic Alias")));
    }
}

#[test]
fn a_violation_ends_a_run_but_takes_nothing_from_it() {
    for (bad, field) in [("30 r 0001 '#'", "topic"), ("36 r 0001 'a' 0001", "QoS"), ("c0 00", "type")] {
        let good = bytes("30 r 0001 'a' '1'");
        let stream = [connack(V311), &good, &good, &good, &bytes(bad), &good].concat();
        for cut in 0..=stream.len() {
            let given = give(guard(&[&stream[..cut], &stream[cut..]], V311), 8192);
            assert_eq!(given.stream, [connack(V311), &good, &good, &good].concat(), "{bad} cut at {cut}");
            assert_eq!(given.refused.map(|(_, field, ..)| field), Some(field), "{bad} cut at {cut}");
        }
    }
}

#[test]
fn a_payload_is_not_copied_and_a_repaired_flag_is_seen() {
    let large = [&[0x38, 0xe7, 0xa7, 0x12, 0, 1, b'a'], &vec![b'x'; 300_004][..]].concat();
    let pieces: Vec<&[u8]> = [connack(V311)].into_iter().chain(large.chunks(9_000)).collect();
    let mut guard = guard(&pieces, V311);
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let run = loop {
        let mut space = [0; 8];
        drop(Pin::new(&mut guard).poll_read(&mut cx, &mut ReadBuf::new(&mut space)));
        if let Some(run) = guard.take_run() {
            break run;
        }
    };
    let publish = run.get(0).expect("one packet");
    assert_eq!((publish.first, publish.payload.len(), run.held()), (0x30, 300_004, large.len()));
    drop(Pin::new(&mut guard).poll_read(&mut cx, &mut ReadBuf::new(&mut [0; 8])));
    assert!(guard.partial.capacity() <= 2 * CHUNK, "{} bytes are still held", guard.partial.capacity());
}

/// A short packet of a server, each kind as often as it takes to be mixed well.
fn any_packet() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (0u8..3, "[a-c]{1,3}", proptest::collection::vec(any::<u8>(), 0..8)).prop_map(|(_, topic, payload)| publish(0, &topic, &payload)),
        1 => (1u8..3, "[a-c]{1,3}", proptest::collection::vec(any::<u8>(), 0..8)).prop_map(|(qos, topic, payload)| publish(qos, &topic, &payload)),
        1 => Just(bytes("d0 00")),
        1 => Just(bytes("62 r 0001")),
    ]
}

fn publish(qos: u8, topic: &str, payload: &[u8]) -> Vec<u8> {
    let topic_len = u8::try_from(topic.len()).expect("short");
    let id: &[u8] = if qos == 0 { &[] } else { &[0, 7] };
    let body = [&[0, topic_len], topic.as_bytes(), id, payload].concat();
    [&[0x30 | qos << 1, u8::try_from(body.len()).expect("short")], &body[..]].concat()
}

proptest! {
    #[test]
    fn any_packets_are_given_whole_and_in_order_in_any_pieces(
        all in proptest::collection::vec(any_packet(), 0..40),
        lengths in proptest::collection::vec(1usize..60, 1..40),
        room in 1usize..40,
    ) {
        let stream = [connack(V311), &all.concat()].concat();
        let mut pieces = Vec::new();
        let (mut rest, mut lengths) = (&stream[..], lengths.iter().cycle());
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(rest.len().min(*lengths.next().expect("a cycle")));
            pieces.push(piece);
            rest = more;
        }
        let given = give(guard(&pieces, V311), room);
        prop_assert_eq!(&given.refused, &None);
        prop_assert_eq!(packets(&given.stream), packets(&stream));
    }
}
