//! Large packets: over the limit refused or passed over and acknowledged, and no memory that is held for them.

use super::*;

#[tokio::test]
async fn a_packet_over_the_limit_is_refused_by_its_header() {
    let mut guard = Guard::new(Script::new([connack(V311), &[0x90, 0xff, 0xff, 0xff, 0x7f, 0, 1]]), V311, 1000);
    let (_, error) = drain(&mut guard, 64).await;
    let error = error.expect("a refusal");
    let violation = Violation::of(&error).expect("a typed error");
    assert_eq!(violation.detail, "is 268,435,460 bytes, the limit is 1,000 bytes");
    assert_eq!(violation.reason_code, 0x95);
}

#[tokio::test]
async fn a_packet_of_exactly_the_limit_passes() {
    let packet = [&[0x30, 98, 0, 1, b'a'], &[b'x'; 95][..]].concat();
    for (limit, fits) in [(100, true), (99, false)] {
        let mut guard = Guard::new(Script::new([connack(V311), &packet]), V311, limit);
        let (out, error) = drain(&mut guard, 64).await;
        assert_eq!((out.len() == 104, error.is_none()), (fits, true), "limit {limit}");
    }
}

/// A PUBLISH of 43 bytes on `big`.
pub(super) fn large(version: Version, qos: u8) -> Vec<u8> {
    let mut body = vec![0, 3, b'b', b'i', b'g'];
    if qos > 0 {
        body.extend([1, 2]);
    }
    if version == V5 {
        body.push(0);
    }
    body.resize(41, 0xe0);
    [&[0x30 | qos << 1, 41], &body[..]].concat()
}

#[tokio::test]
async fn a_message_over_the_limit_is_passed_over_and_acknowledged_at_any_cut() {
    let answers: [(Version, [&[u8]; 3]); 3] = [
        (V31, [&[], &[0x40, 2, 1, 2], &[0x50, 2, 1, 2]]),
        (V311, [&[], &[0x40, 2, 1, 2], &[0x50, 2, 1, 2]]),
        (V5, [&[], &[0x40, 3, 1, 2, 0x97], &[0x50, 3, 1, 2, 0x97]]),
    ];
    for (version, answers) in answers {
        for (qos, answer) in (0..).zip(answers) {
            let given = [connack(version), &large(version, qos), &[0xd0, 0], &large(version, qos), &[0xd0, 0]].concat();
            for cut in 0..=given.len() {
                for room in [1, 3, 8192] {
                    let skipped = watch::Sender::default();
                    let script = Script::new([&given[..cut], &given[cut..]]);
                    let mut guard = Guard::new(script, version, 40).with_history(0, u16::MAX).with_skipped(skipped.clone());
                    let (out, error) = drain(&mut guard, room).await;
                    assert!(error.is_none(), "cut at {cut}: {error:?}");
                    assert_eq!(out, [connack(version), &[0xd0, 0, 0xd0, 0]].concat(), "cut at {cut}, room {room}");
                    assert_eq!(guard.inner.written, answer.repeat(2), "{version:?}, QoS {qos}, cut at {cut}");
                    let told = Skipped { count: 2, topic: "big".into(), size: 43, limit: 40 };
                    assert_eq!((&*skipped.borrow(), guard.progress().is_within_packet()), (&told, false));
                    assert_eq!(guard.progress().bytes(), given.len() as u64);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_message_over_the_limit_takes_no_memory_and_its_end_is_awaited() {
    let header = [0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, b'a'];
    let flood = vec![7; 64 << 10];
    let pieces: Vec<&[u8]> = [connack(V311), &header].into_iter().chain(std::iter::repeat_n(&flood[..], 100)).collect();
    let mut guard = Guard::new(Script::new(pieces), V311, 1000);
    let (out, error) = drain(&mut guard, 64 << 10).await;
    assert_eq!(out, connack(V311));
    assert_eq!(error.expect("not a clean end").to_string(), "closed after 6,553,608 of 268,435,460 bytes of a PUBLISH");
    assert_eq!((guard.progress().is_within_packet(), guard.skipped.borrow().count), (true, 0));
    let kept = guard.partial.capacity() + guard.ready.capacity();
    assert!(kept <= 2 * CHUNK, "{kept} bytes are still held");
}

#[tokio::test]
async fn a_message_over_the_limit_is_still_checked() {
    let wildcard = [&bytes("30 29 0003 'b/#' 00")[..], &[0; 35]].concat();
    let endless = [&bytes("30 ffffff7f 0001 'a' ffffff3f")[..], &vec![0x26; 140_000]].concat();
    let runs_out = [&bytes("30 29 0050 'b/c' 00")[..], &[0; 35]].concat();
    for (packet, field, code) in [(wildcard, "topic", 0x90), (endless, "size", 0x95), (runs_out, "topic", 0x81)] {
        let mut guard = Guard::new(Script::new([connack(V5), &packet]), V5, 40);
        let error = drain(&mut guard, 8192).await.1.expect("a refusal");
        let violation = Violation::of(&error).expect("a typed error");
        assert_eq!((violation.field, violation.reason_code), (field, code));
    }
}

#[tokio::test]
async fn an_alias_that_was_set_by_a_message_over_the_limit_keeps_its_topic_at_any_cut() {
    let sets = [&bytes("30 29 0003 'big' 03 230001")[..], &[7; 32]].concat();
    let uses = bytes("30 r 0000 03 230001 'x'");
    let named = bytes("30 r 0003 'big' 03 230001 'x'");
    let large = [&bytes("30 26 0000 03 230001")[..], &[7; 32]].concat();
    let given = [connack(V5), &sets, &large, &uses, &uses].concat();
    for cut in 0..=given.len() {
        let skipped = watch::Sender::default();
        let guard = Guard::new(Script::new([&given[..cut], &given[cut..]]), V5, 40);
        let mut guard = guard.with_history(1, u16::MAX).with_skipped(skipped.clone());
        let (out, error) = drain(&mut guard, 8192).await;
        assert!(error.is_none(), "cut at {cut}: {error:?}");
        assert_eq!(out, [connack(V5), &named, &uses].concat(), "cut at {cut}");
        assert_eq!(skipped.borrow().count, 2, "with its topic the second is too large as well");
    }
}

#[tokio::test]
async fn an_acknowledgement_of_our_own_waits_for_the_end_of_a_packet() {
    let given = [connack(V311), &large(V311, 1), &[0xd0, 0]].concat();
    let mut guard = Guard::new(Script::new([given]), V311, 40);
    guard.write_all(&[0x30, 4, 0, 1]).await.expect("half a PUBLISH");
    assert_eq!(drain(&mut guard, 64).await.0, [connack(V311), &[0xd0, 0]].concat());
    assert_eq!(guard.inner.written, [0x30, 4, 0, 1]);
    guard.write_all(b"ax").await.expect("the other half");
    guard.write_all(&[0xc0, 0]).await.expect("a ping");
    assert_eq!(guard.inner.written, [0x30, 4, 0, 1, b'a', b'x', 0x40, 2, 1, 2, 0xc0, 0]);
}

#[tokio::test]
async fn a_claimed_length_takes_no_memory() {
    let mut guard = Guard::new(Script::new([connack(V311), &[0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, b'a']]), V311, u32::MAX);
    drain(&mut guard, 64).await;
    let taken = guard.partial.capacity() + guard.ready.capacity();
    assert!(taken <= 2 * CHUNK, "{taken} bytes for eight that arrived");
}

#[tokio::test]
async fn a_large_packet_passes_and_leaves_no_memory_behind() {
    let body = [&[0, 1, b'a'], &vec![7; 300_000][..]].concat();
    let packet = [&[0x30, 0xe3, 0xa7, 0x12], &body[..]].concat();
    let pieces: Vec<&[u8]> = [connack(V311)].into_iter().chain(packet.chunks(1500)).chain([&[0xd0, 0][..]]).collect();
    let mut guard = Guard::new(Script::new(pieces), V311, LIMIT);
    let (out, error) = drain(&mut guard, 8192).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(out, [connack(V311), &packet, &[0xd0, 0]].concat());
    let kept = guard.partial.capacity() + guard.ready.capacity();
    assert!(kept <= 2 * CHUNK, "{kept} bytes are still held");
}
