//! Puts right the few irregular packets whose meaning is clear and that the MQTT library would choke on.
//!
//! ```text
//! PUBLISH, QoS 0, DUP     DUP cleared                      mosquitto sends it; the library would hang up
//! SUBACK, UNSUBACK        an undefined code becomes 0x80   the request has failed, that is sure; the library would hang up
//! E0 01 rc                E0 02 rc 00                      legal (MQTT 5.0, 3.14.2.2.1); the library would wait for ever
//! F0 01 rc                F0 02 rc 00                      not legal (3.15.2.2), but clear; the library would wait for ever
//! ```
//!
//! The tap is below, so that a trace shows the bytes as they came.

use super::{
    check::answers::{self, SUBACK, SUBACK_V3, UNSUBACK},
    frame::Header,
    packet::{Kind, Version},
};

/// The Reason Code of a failure without a better name.
const UNSPECIFIED: u8 = 0x80;

/// The bytes that take the place of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Replacement {
    bytes: [u8; 4],
    len: usize,
}

impl Replacement {
    /// Takes the place of a packet that is left out.
    pub(super) const NOTHING: Self = Self { bytes: [0; 4], len: 0 };

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Changes a packet without changing its length.
#[inline]
pub(super) fn in_place(version: Version, header: Header, frame: &mut [u8]) {
    match Kind::of(header.first) {
        Kind::Publish => {
            if header.first & 0x0e == 0x08 {
                frame[0] &= !0x08;
            }
        }
        Kind::Suback => codes(version, Kind::Suback, if version == Version::V5 { SUBACK } else { SUBACK_V3 }, header, frame),
        Kind::Unsuback if version == Version::V5 => codes(version, Kind::Unsuback, UNSUBACK, header, frame),
        Kind::Unsuback
        | Kind::Reserved
        | Kind::Connect
        | Kind::Connack
        | Kind::Puback
        | Kind::Pubrec
        | Kind::Pubrel
        | Kind::Pubcomp
        | Kind::Subscribe
        | Kind::Unsubscribe
        | Kind::Pingreq
        | Kind::Pingresp
        | Kind::Disconnect
        | Kind::Auth => {}
    }
}

fn codes(version: Version, kind: Kind, defined: &[u8], header: Header, frame: &mut [u8]) {
    // A packet that cannot be read so far is refused by the check that follows.
    let Ok(rest) = answers::subscription(version, kind, &frame[header.len..]) else { return };
    let start = frame.len() - rest.rest().len();
    for code in frame[start..].iter_mut().filter(|code| !defined.contains(code)) {
        *code = UNSPECIFIED;
    }
}

/// Returns what takes the place of a packet that is too short for the library.
pub(super) fn replacement(version: Version, header: Header, frame: &[u8]) -> Option<Replacement> {
    if version != Version::V5 || header.body > 2 {
        return None;
    }
    match (header.first, &frame[header.len..]) {
        (first @ (0xe0 | 0xf0), &[code]) => Some(Replacement { bytes: [first, 2, code, 0], len: 4 }),
        _ => None,
    }
}
