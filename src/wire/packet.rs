//! Control packets by name, and the record that the tap makes of each.

use std::fmt;

use bytes::Bytes;

use crate::base::clock::Stamp;

/// The version of MQTT that a connection speaks, as far as the bytes differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// MQTT 3.1.
    V31,
    /// MQTT 3.1.1.
    V311,
    /// MQTT 5.0.
    V5,
}

/// Which way a packet went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the broker to us.
    In,
    /// From us to the broker.
    Out,
}

/// The type of a control packet (MQTT 5.0, 2.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names of the standard, which only it can explain")]
pub enum Kind {
    Reserved,
    Connect,
    Connack,
    Publish,
    Puback,
    Pubrec,
    Pubrel,
    Pubcomp,
    Subscribe,
    Suback,
    Unsubscribe,
    Unsuback,
    Pingreq,
    Pingresp,
    Disconnect,
    Auth,
}

/// Every type, at the place of its number.
const KINDS: [Kind; 16] = [
    Kind::Reserved,
    Kind::Connect,
    Kind::Connack,
    Kind::Publish,
    Kind::Puback,
    Kind::Pubrec,
    Kind::Pubrel,
    Kind::Pubcomp,
    Kind::Subscribe,
    Kind::Suback,
    Kind::Unsubscribe,
    Kind::Unsuback,
    Kind::Pingreq,
    Kind::Pingresp,
    Kind::Disconnect,
    Kind::Auth,
];

impl Kind {
    /// Reads the type from the first byte of a packet.
    #[must_use]
    pub fn of(first: u8) -> Self {
        KINDS[usize::from(first >> 4)]
    }

    /// Returns the name in the standard, in capitals.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Reserved => "packet of type 0",
            Self::Connect => "CONNECT",
            Self::Connack => "CONNACK",
            Self::Publish => "PUBLISH",
            Self::Puback => "PUBACK",
            Self::Pubrec => "PUBREC",
            Self::Pubrel => "PUBREL",
            Self::Pubcomp => "PUBCOMP",
            Self::Subscribe => "SUBSCRIBE",
            Self::Suback => "SUBACK",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::Unsuback => "UNSUBACK",
            Self::Pingreq => "PINGREQ",
            Self::Pingresp => "PINGRESP",
            Self::Disconnect => "DISCONNECT",
            Self::Auth => "AUTH",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One control packet as it was on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// When its last byte passed.
    pub at: Stamp,
    /// Which way it went.
    pub direction: Direction,
    /// The first byte: type and flags.
    pub first: u8,
    /// The size of the whole packet in bytes.
    pub size: usize,
    /// Its first bytes, header included; secrets of CONNECT and AUTH are masked.
    ///
    /// All of a control packet up to [`super::tap::CONTROL_KEPT`], the first [`super::tap::PUBLISH_KEPT`] bytes of a PUBLISH.
    pub head: Bytes,
}

impl Packet {
    /// Returns the type.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::of(self.first)
    }

    /// Tells whether `head` lacks the end of the packet.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.head.len() < self.size
    }
}

/// Tells whether the first byte is that of a PUBLISH with QoS 0.
#[must_use]
pub fn is_quiet_publish(first: u8) -> bool {
    first & 0xf6 == 0x30
}

/// Tells whether the first byte of a PUBLISH has the RETAIN flag.
#[must_use]
pub fn retain(first: u8) -> bool {
    first & 0x01 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_names_the_packet() {
        assert_eq!(Kind::of(0x32), Kind::Publish);
        assert_eq!(Kind::of(0xe0).to_string(), "DISCONNECT");
        assert!(KINDS.iter().enumerate().all(|(i, kind)| *kind as usize == i), "every type stands at its number");
    }

    #[test]
    fn only_qos_0_is_quiet() {
        assert!(is_quiet_publish(0x31) && is_quiet_publish(0x38));
        assert!(!is_quiet_publish(0x32) && !is_quiet_publish(0x34) && !is_quiet_publish(0x40));
    }
}
