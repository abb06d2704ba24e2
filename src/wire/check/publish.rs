//! PUBLISH from a server (MQTT 5.0, 3.3): the packet that most bytes are in.

use super::{
    properties,
    reader::{Fault, Reader, check_topic},
};
use crate::wire::{
    packet::{Kind, Version},
    run::Layout,
};

/// Checks all but the payload, which may be anything; returns where everything is.
#[inline]
pub(super) fn check(version: Version, first: u8, body: &[u8]) -> Result<Layout, Fault> {
    let mut reader = Reader::new(body);
    let topic_len = reader.u16("topic")?;
    let topic = reader.take(usize::from(topic_len), "topic")?;
    check_topic(topic, "topic")?;
    match first & 0x06 {
        0 => {}
        0x06 => return Err(Fault::malformed("QoS", "is 3")),
        _ => drop(reader.packet_id()?),
    }
    let at = |reader: &Reader<'_>| body.len() - reader.rest().len();
    if version != Version::V5 {
        if topic.is_empty() {
            return Err(Fault::protocol("topic", "is empty"));
        }
        let payload = at(&reader);
        return Ok(Layout { topic_len, properties: payload, payload, alias: None });
    }
    let mut values = properties::values(&mut reader)?;
    let (properties, payload) = (at(&reader) - values.rest().len(), at(&reader));
    let alias = if values.is_empty() { None } else { properties::check_all(&mut values, Kind::Publish)?.topic_alias() };
    if topic.is_empty() && alias.is_none() {
        return Err(Fault::protocol("topic", "is empty, and there is no Topic Alias"));
    }
    Ok(Layout { topic_len, properties, payload, alias })
}

/// Returns how many bytes hold all but the payload; nothing when their end is not there.
pub(in crate::wire) fn head(version: Version, first: u8, body: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(body);
    reader.binary("topic").ok()?;
    if first & 0x06 != 0 {
        reader.take(2, "packet identifier").ok()?;
    }
    if version == Version::V5 {
        properties::values(&mut reader).ok()?;
    }
    Some(body.len() - reader.rest().len())
}
