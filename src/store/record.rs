//! A message as it lies in a segment, and the numbers of variable length that it is made of.
//!
//! ```text
//! flags | back | mono | skew | [topic] | [properties] | payload
//!   u8  | uint | sint | sint | bytes   | bytes        | bytes
//! ```
//!
//! `uint` is little-endian base 128, `sint` the same with the sign in the lowest bit, `bytes` a `uint` length and its
//! bytes. `back` is the distance to the topic's previous message, 0 where there is none. `mono` is the time since the
//! segment was begun, `skew` by how much the wall clock moved otherwise since then. A topic is there only if the tree does
//! not list it.

use crate::base::clock::Stamp;
use crate::mqtt::batch::Delivery;
use crate::mqtt::message::Qos;

/// The most bytes that a record adds to its topic, properties and payload.
pub(super) const MAX_OVERHEAD: usize = 1 + 6 * MAX_UINT;

/// The longest encoding of a number.
const MAX_UINT: usize = 10;

/// The most bytes that are put together at once: flags, and the numbers of a record without topic and properties.
const HEAD: usize = 1 + 4 * MAX_UINT;

const QOS: u8 = 0b0000_0011;
const RETAIN: u8 = 0b0000_0100;
const DUP: u8 = 0b0000_1000;
const PROPERTIES: u8 = 0b0001_0000;
const TOPIC: u8 = 0b0010_0000;
const RESUMED: u8 = 0b0100_0000;

/// A record, taken apart; all but the payload's copy in the segment is rebuilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) back: u64,
    pub(super) at: Stamp,
    pub(super) qos: Qos,
    pub(super) retain: bool,
    pub(super) dup: bool,
    pub(super) resumed: bool,
    pub(super) topic: Option<&'a str>,
    /// Encoded; empty when there are none.
    pub(super) properties: &'a [u8],
    pub(super) payload: &'a [u8],
}

/// What a record says beside the message itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) back: u64,
    /// The moment the segment was begun.
    pub(super) base: Stamp,
    /// Whether the topic is written out.
    pub(super) with_topic: bool,
    /// Encoded; empty when there are none.
    pub(super) properties: &'a [u8],
}

/// Appends a record.
pub(super) fn write(out: &mut Vec<u8>, message: Delivery<'_>, context: &Context<'_>) {
    let mut head = Head { bytes: [0; HEAD], len: 0 };
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    head.push(
        message.qos.level()
            | flag(message.retain, RETAIN)
            | flag(message.dup, DUP)
            | flag(message.resumed, RESUMED)
            | flag(!context.properties.is_empty(), PROPERTIES)
            | flag(context.with_topic, TOPIC),
    );
    let mono = message.at.mono.wrapping_sub(context.base.mono).cast_signed();
    let wall = message.at.wall.wrapping_sub(context.base.wall);
    head.uint(context.back);
    head.uint(zigzag(mono));
    head.uint(zigzag(wall.wrapping_sub(mono)));
    if context.with_topic || !context.properties.is_empty() {
        out.extend_from_slice(head.written());
        if context.with_topic {
            write_bytes(out, message.topic.as_bytes());
        }
        if !context.properties.is_empty() {
            write_bytes(out, context.properties);
        }
        head.len = 0;
    }
    head.uint(message.payload.len() as u64);
    out.extend_from_slice(head.written());
    out.extend_from_slice(message.payload);
}

/// Reads the record that starts `bytes`, which [`write`] made.
pub(super) fn read(bytes: &[u8], base: Stamp) -> Record<'_> {
    let mut reader = Reader(bytes);
    let flags = reader.byte();
    let back = reader.uint();
    let mono = unzigzag(reader.uint());
    let skew = unzigzag(reader.uint());
    let topic = (flags & TOPIC != 0).then(|| reader.text());
    let properties = if flags & PROPERTIES != 0 { reader.bytes() } else { &[] };
    Record {
        back,
        at: Stamp { mono: base.mono.wrapping_add_signed(mono), wall: base.wall.wrapping_add(mono).wrapping_add(skew) },
        qos: Qos::from_level(flags & QOS).unwrap_or_default(),
        retain: flags & RETAIN != 0,
        dup: flags & DUP != 0,
        resumed: flags & RESUMED != 0,
        topic,
        properties,
        payload: reader.bytes(),
    }
}

/// Reads only how far the previous message of the topic is back.
pub(super) fn read_back(bytes: &[u8]) -> u64 {
    let mut reader = Reader(bytes);
    reader.byte();
    reader.uint()
}

/// Appends a length and the bytes.
pub(super) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_uint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a number.
pub(super) fn write_uint(out: &mut Vec<u8>, value: u64) {
    let mut head = Head { bytes: [0; HEAD], len: 0 };
    head.uint(value);
    out.extend_from_slice(head.written());
}

/// The fixed start of a record, put together before it is appended in one go.
struct Head {
    bytes: [u8; HEAD],
    len: usize,
}

impl Head {
    fn push(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    fn uint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.push((value & 0x7f) as u8);
    }

    fn written(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Takes values off the front; past the end there are only zeros.
#[derive(Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// Takes a byte.
    pub(super) fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        byte
    }

    /// Takes a number.
    pub(super) fn uint(&mut self) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7).take(MAX_UINT) {
            let byte = self.byte();
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        value
    }

    /// Takes a length and its bytes.
    pub(super) fn bytes(&mut self) -> &'a [u8] {
        let len = usize::try_from(self.uint()).unwrap_or(usize::MAX).min(self.0.len());
        let (bytes, rest) = self.0.split_at(len);
        self.0 = rest;
        bytes
    }

    /// Takes a length and its bytes as text.
    pub(super) fn text(&mut self) -> &'a str {
        str::from_utf8(self.bytes()).unwrap_or_default()
    }
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mqtt::message::{Message, Received};

    #[test]
    fn the_longest_numbers_have_room() {
        let message = Received { message: Message { payload: vec![0; 200].into(), ..Message::default() }, ..Received::default() };
        let base = Stamp { mono: 1 << 63, wall: 0 };
        let context = Context { back: u64::MAX, base, with_topic: false, properties: &[] };
        let mut out = Vec::new();
        write(&mut out, (&message).into(), &context);
        assert_eq!(read(&out, base).payload.len(), 200);
        assert_eq!(out.len(), HEAD - MAX_UINT + 2 + 200);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            back: u64, mono: u64, wall: i64, base_mono: u64, base_wall: i64, flags in 0_u8..12, resumed: bool, with_topic: bool,
            topic in "\\PC{0,9}", payload: Vec<u8>, properties: Vec<u8>,
        ) {
            let message = Delivery {
                at: Stamp { mono, wall },
                resumed,
                topic: &topic,
                payload: &payload,
                qos: Qos::from_level(flags % 3).unwrap(),
                retain: flags & 4 != 0,
                dup: flags & 8 != 0,
                properties: None,
            };
            let base = Stamp { mono: base_mono, wall: base_wall };
            let mut out = Vec::new();
            let context = Context { back, base, with_topic, properties: &properties };
            write(&mut out, message, &context);
            prop_assert!(out.len() <= MAX_OVERHEAD + topic.len() + properties.len() + payload.len());
            prop_assert_eq!(read_back(&out), back);
            let record = read(&out, base);
            prop_assert_eq!(record, Record {
                back,
                at: Stamp { mono, wall },
                qos: message.qos,
                retain: message.retain,
                dup: message.dup,
                resumed,
                topic: with_topic.then_some(topic.as_str()),
                properties: &properties,
                payload: &payload,
            });
        }

        #[test]
        fn no_bytes_make_the_reader_fail(bytes: Vec<u8>) {
            let record = read(&bytes, Stamp::default());
            prop_assert!(record.payload.len() <= bytes.len());
        }
    }
}
