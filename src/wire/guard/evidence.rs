//! What is said of a packet that is refused or passed over.

use crate::{
    base::{human, text},
    wire::{
        check::Fault,
        frame::Header,
        packet::Kind,
        violation::{EVIDENCE, Violation},
    },
};

/// The most columns of a topic in a violation.
const TOPIC_COLUMNS: usize = 80;

#[cold]
pub(super) fn violation(fault: Fault, bytes: &[u8]) -> Violation {
    Violation {
        packet: bytes.first().map_or("packet", |&first| Kind::of(first).name()),
        topic: topic(bytes),
        field: fault.field,
        detail: fault.detail,
        reason_code: fault.reason_code,
        bytes: bytes[..bytes.len().min(EVIDENCE)].into(),
    }
}

/// Reads the topic of a PUBLISH that may be cut.
pub(super) fn topic(bytes: &[u8]) -> Option<Box<str>> {
    let header = Header::read(bytes).ok().flatten().filter(|header| Kind::of(header.first) == Kind::Publish)?;
    let (length, rest) = bytes.get(header.len..)?.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes(*length));
    let topic = rest.get(..length).filter(|_| length + 2 <= header.body)?;
    (!topic.is_empty()).then(|| shown(topic))
}

pub(super) fn shown(topic: &[u8]) -> Box<str> {
    text::line_of_bytes(topic, TOPIC_COLUMNS).to_string().into()
}

pub(super) fn size(bytes: usize) -> String {
    format!("{} bytes", human::count(bytes as u64))
}

/// Recognises what answers on a port that is not one of MQTT; two bytes are there whenever a header is.
pub(super) fn another_protocol(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [b'H', b'T', ..] => Some("look like HTTP, not MQTT; is this a WebSocket or a web port?"),
        [0x15 | 0x16, 3, ..] => Some("look like TLS, not MQTT; use mqtts://"),
        [b'S', b'S', ..] => Some("look like SSH, not MQTT"),
        _ => None,
    }
}
