//! The few fields that join packets to exchanges, read without decoding the rest.

use super::{Packet, Reader, TOPIC_ALIAS, Value, Version, body, properties};
use crate::wire::{
    check::Fault,
    packet::{Kind, is_quiet_publish},
};

/// The flag Clean Start of CONNECT (MQTT 5.0, 3.1.2.3).
const CLEAN_START: u8 = 0x02;

/// Reads the Packet Identifier; nothing where the packet has none.
#[must_use]
pub fn packet_id(packet: &Packet) -> Option<u16> {
    let mut reader = Reader::new(body(packet));
    match packet.kind() {
        Kind::Publish if is_quiet_publish(packet.first) => return None,
        Kind::Publish => drop(reader.binary("topic").ok()?),
        Kind::Puback
        | Kind::Pubrec
        | Kind::Pubrel
        | Kind::Pubcomp
        | Kind::Subscribe
        | Kind::Suback
        | Kind::Unsubscribe
        | Kind::Unsuback => {}
        Kind::Reserved | Kind::Connect | Kind::Connack | Kind::Pingreq | Kind::Pingresp | Kind::Disconnect | Kind::Auth => {
            return None;
        }
    }
    reader.u16("packet identifier").ok()
}

/// Reads the version that a CONNECT asks for, and whether it has the broker forget an earlier session.
#[must_use]
pub fn connect(packet: &Packet) -> Option<(Version, bool)> {
    let mut reader = Reader::new(body(packet));
    if packet.kind() != Kind::Connect {
        return None;
    }
    reader.binary("protocol name").ok()?;
    let level = reader.byte("protocol version").ok()?;
    let flags = reader.byte("connect flags").ok()?;
    Some((if level >= 5 { Version::V5 } else { Version::V311 }, flags & CLEAN_START != 0))
}

/// Reads the Reason Code of PUBACK, PUBREC, PUBREL and PUBCOMP; one that was left out is 0.
#[must_use]
pub fn reason_code(packet: &Packet, version: Version) -> u8 {
    if version == Version::V5 { body(packet).get(2).copied().unwrap_or(0) } else { 0 }
}

/// What a PUBLISH is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publish<'a> {
    /// The Topic Name; empty where the Topic Alias stands for it.
    pub topic: &'a [u8],
    /// The Topic Alias (MQTT 5).
    pub alias: Option<u16>,
    /// The payload as far as it was kept.
    pub payload: &'a [u8],
}

/// Reads a PUBLISH whose header was kept.
#[must_use]
pub fn publish(packet: &Packet, version: Version) -> Option<Publish<'_>> {
    let mut reader = Reader::new(body(packet));
    if packet.kind() != Kind::Publish {
        return None;
    }
    let topic = reader.binary("topic").ok()?;
    if !is_quiet_publish(packet.first) {
        reader.u16("packet identifier").ok()?;
    }
    let alias = if version == Version::V5 { alias(&mut reader).ok()? } else { None };
    Some(Publish { topic, alias, payload: reader.rest() })
}

fn alias(reader: &mut Reader<'_>) -> Result<Option<u16>, Fault> {
    let mut properties = properties::values(reader)?;
    let mut found = None;
    while !properties.is_empty() {
        if let (TOPIC_ALIAS, _, Value::Number(alias)) = properties::read(&mut properties)? {
            found = u16::try_from(alias).ok();
        }
    }
    Ok(found)
}
