//! Packets as they are on the wire, and what is said of them.

use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::{
    base::{clock::Stamp, text::is_hostile},
    wire::{frame::put_remaining_length, packet::Direction},
};

fn packet(direction: Direction, bytes: &[u8]) -> Packet {
    Packet { at: Stamp::default(), direction, first: bytes[0], size: bytes.len(), head: Bytes::copy_from_slice(bytes) }
}

/// Puts the Fixed Header before a body.
fn framed(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    put_remaining_length(&mut bytes, body.len());
    bytes.extend_from_slice(body);
    bytes
}

fn summary(version: Version, first: u8, body: &[u8]) -> String {
    let decoded = decode(&packet(Direction::In, &framed(first, body)), version);
    assert_eq!(decoded.fault, None, "{decoded:?}");
    decoded.summary
}

fn value(decoded: &Decoded, name: &str) -> String {
    let found: Vec<_> = decoded.fields.iter().filter(|field| field.name == name).map(|field| field.value.as_str()).collect();
    found.join(" | ")
}

#[test]
fn connect_is_read_by_its_own_version_and_shows_no_password() {
    let v5 = framed(0x10, b"\0\x04MQTT\x05\xc6\0\x3c\x05\x11\xff\xff\xff\xff\0\x06app-7f\0\0\x01w\0\x04gone\0\x03ops\0\x06******");
    let decoded = decode(&packet(Direction::Out, &v5), Version::V311);
    assert_eq!(decoded.summary, "v5 clean=1 ka=60 id=app-7f will=w user=ops");
    assert_eq!((decoded.fault.as_ref(), value(&decoded, "Password")), (None, "***".into()));
    assert_eq!((value(&decoded, "Session Expiry Interval"), value(&decoded, "Keep Alive")), ("never".into(), "60 s".into()));
    let v31 = framed(0x10, b"\0\x06MQIsdp\x03\x02\0\x1e\0\x02me");
    assert_eq!(decode(&packet(Direction::Out, &v31), Version::V5).summary, "v3.1 clean=1 ka=30 id=me");
}

#[test]
fn connack_tells_limits_and_refusals_of_both_versions() {
    assert_eq!(summary(Version::V5, 0x20, b"\0\0\x06\x21\0\x14\x22\0\x0a"), "0x00 sess=0 rmax=20 tamax=10");
    assert_eq!(summary(Version::V5, 0x20, b"\0\x87\x05\x1f\0\x02no"), "0x87 Not authorized sess=0 “no”");
    assert_eq!(summary(Version::V311, 0x20, b"\x01\0"), "0x00 sess=1");
    assert_eq!(summary(Version::V311, 0x20, b"\0\x05"), "0x87 Not authorized sess=0");
    assert_eq!(summary(Version::V5, 0x20, b"\0\x01"), "0x84 Unsupported Protocol Version sess=0");
}

#[test]
fn publish_shows_flags_topic_and_the_beginning_of_the_payload() {
    let bytes = framed(0x3b, b"\0\x0fsensors/a/state\0\x07\x00online");
    let decoded = decode(&packet(Direction::In, &bytes), Version::V5);
    assert_eq!((decoded.summary.as_str(), decoded.fault.as_ref()), ("q1 #7 R D sensors/a/state", None));
    assert_eq!(value(&decoded, "Payload"), "6 B  online");
    assert_eq!(summary(Version::V5, 0x32, b"\0\0\0\x01\x03\x23\0\x05x"), "q1 #1 alias 5");
    assert_eq!(summary(Version::V311, 0x30, b"\0\x01tx"), "q0 t");
}

#[test]
fn a_cut_publish_tells_its_size_and_that_it_is_cut() {
    let whole = framed(0x32, &[b"\0\x01t\0\x01\0".as_slice(), &[b'x'; 2_994]].concat());
    let cut = Packet { head: Bytes::copy_from_slice(&whole[..100]), size: whole.len(), ..packet(Direction::In, &whole) };
    let decoded = decode(&cut, Version::V5);
    assert_eq!(decoded.fault.as_deref(), Some("only the first 100 of 3,003 bytes were kept"));
    assert!(value(&decoded, "Payload").starts_with("2.9 KiB  xxx"), "{decoded:?}");
    let shorter = Packet { head: cut.head.slice(..4), ..cut };
    assert!(decode(&shorter, Version::V5).fault.is_some_and(|fault| fault.starts_with("only the first 4")));
}

#[test]
fn subscriptions_and_their_answers_go_by_name() {
    assert_eq!(summary(Version::V5, 0x82, b"\0\x01\0\0\x09sensors/#\x01"), "#1 sensors/# q1 nl=0 rh=0");
    assert_eq!(summary(Version::V311, 0x82, b"\0\x01\0\x01a\x01\0\x01b\x02"), "#1 a q1 b q2");
    assert_eq!(summary(Version::V5, 0x90, b"\0\x01\0\x01\x87"), "#1 [granted q1] [0x87 Not authorized]");
    assert_eq!(summary(Version::V311, 0x90, b"\0\x01\x80"), "#1 [0x80 Failure]");
    assert_eq!(summary(Version::V5, 0xa2, b"\0\x02\0\0\x01a\0\x01b\0\x01c\0\x01d"), "#2 a b c +1");
    assert_eq!(summary(Version::V5, 0xb0, b"\0\x02\0\0\x11"), "#2 [done] [0x11 No subscription existed]");
    assert_eq!(summary(Version::V311, 0xb0, b"\0\x02"), "#2");
}

#[test]
fn acknowledgements_say_more_only_where_there_is_more() {
    assert_eq!(summary(Version::V5, 0x40, b"\0\x07"), "#7");
    assert_eq!(summary(Version::V5, 0x40, b"\0\x07\x10"), "#7 0x10 No matching subscribers");
    assert_eq!(summary(Version::V5, 0x50, b"\0\x07\x97\x04\x1f\0\x01!"), "#7 0x97 Quota exceeded “!”");
    assert_eq!(summary(Version::V311, 0x62, b"\0\x07"), "#7");
    assert_eq!(summary(Version::V5, 0xc0, b""), "");
}

#[test]
fn farewells_are_read_in_their_short_forms_too() {
    assert_eq!(summary(Version::V5, 0xe0, b""), "");
    assert_eq!(summary(Version::V5, 0xe0, b"\x8e"), "0x8E Session taken over");
    assert_eq!(summary(Version::V311, 0xe0, b""), "");
    let auth = b"\x18\x0d\x15\0\x05SCRAM\x16\0\x02**".as_slice();
    let decoded = decode(&packet(Direction::In, &framed(0xf0, auth)), Version::V5);
    assert_eq!(decoded.summary, "0x18 Continue authentication SCRAM");
    assert_eq!(value(&decoded, "Authentication Data"), "***");
}

#[test]
fn what_cannot_be_read_is_told_and_shown_as_bytes() {
    let decoded = decode(&packet(Direction::In, &framed(0x20, b"\0\0\x02\x7f\x01")), Version::V5);
    assert_eq!(decoded.fault.as_deref(), Some("property 0x7F is not one that MQTT 5 defines"));
    let decoded = decode(&packet(Direction::In, &framed(0x40, b"\0")), Version::V5);
    assert_eq!(decoded.fault.as_deref(), Some("Packet Identifier runs past the end of the packet"));
    assert_eq!(value(&decoded, "not read"), "00");
    let decoded = decode(&packet(Direction::In, &framed(0xd0, b"\xab")), Version::V5);
    assert_eq!(decoded.fault.as_deref(), Some("1 bytes follow the last field"));
}

#[test]
fn a_packet_full_of_properties_is_listed_in_part() {
    let property = b"\x26\0\x01a\0\x01b";
    let body = [b"\0\0\xcc\x1a".as_slice(), &property.repeat(484)].concat();
    let decoded = decode(&packet(Direction::In, &framed(0x20, &body)), Version::V5);
    assert_eq!(decoded.fields.len(), MOST_FIELDS + 1);
    assert_eq!(decoded.fields.last().map(|field| field.name), Some("…"));
}

/// How long it takes to read a packet, at best.
fn cost(first: u8, body: &[u8]) -> Duration {
    let packet = packet(Direction::In, &framed(first, body));
    let once = || {
        let started = Instant::now();
        let decoded = decode(&packet, Version::V5);
        assert!(decoded.fields.len() <= MOST_FIELDS + 1 && decoded.summary.len() < 4_000, "{}", decoded.summary.len());
        started.elapsed()
    };
    (0..5).map(|_| once()).min().unwrap_or_default()
}

#[test]
fn what_is_not_listed_costs_next_to_nothing() {
    let with = |properties: &[u8]| {
        let mut body = vec![0, 0];
        put_remaining_length(&mut body, properties.len());
        [body, properties.to_vec()].concat()
    };
    let users = |count: usize| with(&b"\x26\0\x01a\0\x01b".repeat(count));
    let reasons = |count: usize| with(&b"\x1f\0\x01a".repeat(count));
    let codes = |count: usize| [vec![0, 1, 0], vec![0x87; count]].concat();
    let few = cost(0x20, &users(MOST_FIELDS + 1));
    for (first, many) in [(0x20, users(9_000)), (0x20, reasons(16_000)), (0x90, codes(65_000))] {
        let many = cost(first, &many);
        assert!(many < few * 15, "{first:02x}: {many:?}, and {few:?} for what is listed");
    }
}

#[test]
fn a_summary_alone_lists_no_fields() {
    let packet = packet(Direction::In, &framed(0x20, b"\0\x87\x05\x1f\0\x02no"));
    let whole = decode(&packet, Version::V5);
    assert_eq!(summarize(&packet, Version::V5), Decoded { fields: Vec::new(), ..whole });
}

#[test]
fn an_assigned_identifier_is_a_word_as_it_is_and_a_long_one_is_cut() {
    let connack = |id: &[u8]| {
        let mut properties = vec![0x21, 0x04, 0xd2, 0x12, 0, u8::try_from(id.len()).expect("short")];
        properties.extend_from_slice(id);
        let length = u8::try_from(properties.len()).expect("short");
        let mut body = vec![0, 0];
        put_remaining_length(&mut body, length.into());
        summary(Version::V5, 0x20, &[body, properties].concat())
    };
    assert_eq!(connack(b"my, id x"), "0x00 sess=0 rmax=1234 id=my, id x");
    assert_eq!(connack(&[b'x'; 200]), format!("0x00 sess=0 rmax=1234 id={}…", "x".repeat(WORD_COLUMNS - 1)));
}

#[test]
fn the_fields_that_join_packets_are_read_alone() {
    let message = packet(Direction::In, &framed(0x32, b"\0\x01t\0\x07\x03\x23\0\x05x"));
    assert_eq!(packet_id(&message), Some(7));
    assert_eq!(publish(&message, Version::V5), Some(Publish { topic: b"t", alias: Some(5), payload: b"x" }));
    assert_eq!(packet_id(&packet(Direction::In, &framed(0x30, b"\0\x01t\0\x07"))), None);
    assert_eq!(packet_id(&packet(Direction::In, &framed(0x90, b"\x01\x02\0\0"))), Some(0x102));
    assert_eq!(reason_code(&packet(Direction::In, &framed(0x50, b"\0\x07\x97")), Version::V5), 0x97);
    let hello = packet(Direction::Out, &framed(0x10, b"\0\x04MQTT\x05\x02\0\x3c"));
    assert_eq!((connect(&hello), connect(&message)), (Some((Version::V5, true)), None));
}

proptest! {
    #[test]
    fn any_bytes_become_harmless_text(
        first in any::<u8>(), body in proptest::collection::vec(any::<u8>(), 0..120), kept in 0usize..130, v5 in any::<bool>(),
    ) {
        let bytes = framed(first, &body);
        let head = Bytes::copy_from_slice(&bytes[..kept.clamp(1, bytes.len())]);
        let packet = Packet { head, ..packet(Direction::Out, &bytes) };
        let version = if v5 { Version::V5 } else { Version::V311 };
        let decoded = decode(&packet, version);
        let texts = decoded.fields.iter().map(|field| field.value.as_str()).chain([decoded.summary.as_str()]);
        for text in texts {
            prop_assert!(!text.chars().any(is_hostile), "{:?}", text);
        }
        let _ = (packet_id(&packet), publish(&packet, version), connect(&packet), reason_code(&packet, version));
    }
}
