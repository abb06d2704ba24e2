//! PUBLISH from a server (MQTT 5.0, 3.3): the packet that most bytes are in.

use super::{
    properties,
    reader::{Fault, Reader, check_topic},
};
use crate::wire::packet::{Kind, Version};

/// Checks all but the payload, which may be anything; returns the Topic Alias.
#[inline]
pub(super) fn check(version: Version, first: u8, body: &[u8]) -> Result<Option<u16>, Fault> {
    let mut reader = Reader::new(body);
    let topic = reader.binary("topic")?;
    check_topic(topic, "topic")?;
    match first & 0x06 {
        0 => {}
        0x06 => return Err(Fault::malformed("QoS", "is 3")),
        _ => drop(reader.packet_id()?),
    }
    match version {
        Version::V31 | Version::V311 if topic.is_empty() => Err(Fault::protocol("topic", "is empty")),
        Version::V31 | Version::V311 => Ok(None),
        Version::V5 => {
            let seen = properties::check(&mut reader, Kind::Publish)?;
            if topic.is_empty() && seen.topic_alias().is_none() {
                return Err(Fault::protocol("topic", "is empty, and there is no Topic Alias"));
            }
            Ok(seen.topic_alias())
        }
    }
}

/// Returns how many bytes hold all but the payload; nothing when their end is not there.
pub(in crate::wire) fn head(version: Version, first: u8, body: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(body);
    reader.binary("topic").ok()?;
    if first & 0x06 != 0 {
        reader.take(2, "packet identifier").ok()?;
    }
    if version == Version::V5 {
        let length = reader.varint("property length").ok()?;
        reader.take(usize::try_from(length).ok()?, "property length").ok()?;
    }
    Some(body.len() - reader.rest().len())
}
