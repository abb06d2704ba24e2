//! A session asked by each kind of term, and what is said about wrong ones.

use bytes::Bytes;

use super::*;
use crate::wire::tap::{Noted, Quiet};
use Direction::{In, Out};

const NOW: Stamp = Stamp { mono: 60_000_000, wall: 0 };

/// A session whose rows are numbered from 0; packets a second apart, the last at the end of a minute.
fn session() -> Exchange {
    let steps: [(Direction, &[u8]); 11] = [
        (Out, b"\x10\x1f\0\x04MQTT\x05\x06\0\x3c\0\0\x03app\0\0\x05gone/\0\x05adieu"),
        (In, b"\x20\x03\0\0\0"),
        (Out, b"\x82\x10\0\x01\0\0\x0asensors/+t\x01"),
        (In, b"\x90\x04\0\x01\0\x01"),
        (Out, b"\x82\x0c\0\x02\0\0\x06secret\x00"),
        (In, b"\x90\x0a\0\x02\x06\x1f\0\x03ACL\x87"),
        (In, b"\x3b\x15\0\x0fSensors/a/state\0\x07\0on"),
        (Out, b"\x40\x02\0\x07"),
        (Out, b"\x34\x0d\0\x05cmd/a\0\x02\0\xff on"),
        (In, b"\x50\x03\0\x02\x97"),
        (Out, b"\xc0\0"),
    ];
    let start = NOW.mono - 1_000_000 * (steps.len() as u64 - 1);
    let packets = steps.iter().zip(0..).map(|((direction, bytes), n)| {
        let at = Stamp { mono: start + n * 1_000_000, wall: 0 };
        Packet { at, direction: *direction, first: bytes[0], size: bytes.len(), head: Bytes::copy_from_slice(bytes) }
    });
    let mut exchange = Exchange::default();
    let quiet = [Quiet { count: 3, bytes: 60 }, Quiet { count: 0, bytes: 0 }];
    exchange.insert(Noted { at: NOW, packets: packets.collect(), quiet, ..Noted::default() });
    exchange.end(NOW, "the broker closed the connection".into());
    exchange
}

fn rows(filter: &str) -> Vec<u64> {
    let exchange = session();
    let filter = PacketFilter::parse(filter).unwrap_or_else(|why| panic!("{filter}: {why}"));
    exchange.rows().filter(|(_, row)| filter.matches(row, &exchange, NOW)).map(|(id, _)| id.0).collect()
}

#[test]
fn each_kind_of_term_finds_its_rows() {
    let all: Vec<u64> = (0..=12).collect();
    let cases: [(&str, &[u64]); 40] = [
        ("", &all),
        ("type:CONNECT", &[0]),
        ("type:conn", &[0, 1]),
        ("type:PUB*", &[6, 7, 8, 9, 11]),
        ("type:*ack", &[1, 3, 5, 7]),
        ("type:*b*k", &[3, 5, 7]),
        ("!type:PUB* !type:*ack", &[0, 2, 4, 10, 12]),
        ("dir:in", &[1, 3, 5, 6, 9, 11]),
        ("dir:out type:sub", &[2, 4]),
        ("topic:sensors", &[2, 3, 6, 7]),
        ("topic:+/a/#", &[6, 7, 8, 9]),
        ("topic:+/a/+", &[6, 7]),
        ("topic:gone", &[0, 1]),
        ("topic:secret/#", &[4, 5]),
        ("id:2", &[4, 5, 8, 9]),
        ("reason:0x87", &[5]),
        ("reason:135", &[5]),
        ("reason:0", &[1, 7]),
        ("reason:1", &[3]),
        ("reason:fail", &[5, 9, 12]),
        ("reason:quota", &[9]),
        ("reason:\"not auth\"", &[5]),
        ("reason:acl", &[5]),
        ("reason:closed", &[12]),
        ("qos:1", &[6]),
        ("qos:>=0", &[6, 8, 11]),
        ("retain:", &[6]),
        ("dup:", &[6]),
        ("dup:no", &[8]),
        ("size:>20", &[0, 6]),
        ("since:2s", &[8, 9, 10, 11, 12]),
        ("adieu", &[0]),
        ("APP", &[0]),
        ("publish", &[6, 8, 11]),
        ("\"not auth\"", &[5]),
        ("/^Sensors\\/a/", &[6]),
        ("!/a/", &[1, 7, 10, 11, 12]),
        ("broker", &[12]),
        ("12:04", &[]),
        ("type:publish topic:cmd qos:2 dir:out id:2", &[8]),
    ];
    for (filter, expected) in cases {
        assert_eq!(rows(filter), expected, "{filter}");
    }
}

#[test]
fn an_alias_stands_for_its_topic() {
    let mut exchange = Exchange::default();
    let packet = |head: &'static [u8]| Packet { at: NOW, direction: In, first: head[0], size: head.len(), head: head.into() };
    let first = packet(b"\x32\x0c\0\x03a/b\0\x01\x03\x23\0\x05x");
    let again = packet(b"\x32\x09\0\0\0\x02\x03\x23\0\x05y");
    exchange.insert(Noted { packets: vec![first, again], ..Noted::default() });
    let filter = PacketFilter::parse("topic:a/b").unwrap();
    assert!(exchange.rows().all(|(_, row)| filter.matches(row, &exchange, NOW)));
}

#[test]
fn what_is_wrong_is_underlined_and_explained() {
    let cases = [
        ("type:foo", "type:foo", "CONNACK"),
        ("type:", "type:", "CONNACK"),
        ("dir:up", "dir:up", "in (from the broker) or out"),
        ("id:0", "id:0", "1 to 65535"),
        ("a id:x", "id:x", "1 to 65535"),
        ("reason:", "reason:", "0x87"),
        ("reason:0x1ff", "reason:0x1ff", "0 to 255"),
        ("reason:300", "reason:300", "0 to 255"),
        ("qos:3", "qos:3", "0, 1 or 2"),
        ("topic:a/#/b", "topic:a/#/b", "`#`"),
        ("topc:a", "topc:a", "did you mean `topic:`"),
        ("!since:5m", "!since:5m", "turned around"),
        ("/(/", "/(/", "unclosed group"),
        ("\"a", "\"a", "not closed"),
    ];
    for (text, token, message) in cases {
        let why = PacketFilter::parse(text).expect_err(text);
        assert_eq!(text.get(why.span.clone()), Some(token), "{text}: {why}");
        assert!(why.message.contains(message), "{text}: {why}");
    }
}

#[test]
fn no_packet_and_no_filter_panics() {
    let mut exchange = Exchange::default();
    let bodies: [&[u8]; 3] = [b"", b"\x03\xff\xff\x1b", b"\x05\0\x01\xff\0\x01"];
    for first in 0..=u8::MAX {
        let packets = bodies.map(|body| {
            let head = [&[first], body].concat();
            Packet { at: NOW, direction: In, first, size: head.len(), head: head.into() }
        });
        exchange.insert(Noted { packets: packets.to_vec(), ..Noted::default() });
    }
    for text in ["topic:a", "topic:#", "id:1", "reason:fail", "reason:0", "x", "/x/", "qos:>0", "type:*"] {
        let filter = PacketFilter::parse(text).unwrap();
        let found = exchange.rows().filter(|(_, row)| filter.matches(row, &exchange, NOW)).count();
        assert!(found <= 3 * 256, "{text}");
    }
}

#[test]
fn words_and_reasons_are_marked() {
    let filter = PacketFilter::parse("cmd topic:a/b reason:quota type:PUB* !no").unwrap();
    assert_eq!(filter.marks("cmd/a/b quota no"), [0..3, 4..7, 8..13]);
}
