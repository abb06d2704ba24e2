//! Messages over the limit: known by their beginning, passed over without being held, acknowledged.

use tokio::sync::watch;

use crate::wire::{
    check::{Fault, publish, reader::Reader},
    frame::{Header, put_remaining_length},
    packet::Version,
};

/// How much of a PUBLISH over the limit is held until its topic and properties are known.
const HEAD: usize = 5 + 2 + 65_535 + 2 + 4 + (64 << 10);

/// Reason Code Quota exceeded: of those that an acknowledgement may carry, the one that says it.
const QUOTA_EXCEEDED: u8 = 0x97;

/// The messages that were passed over because they are above the limit, over all connections; and the last of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Skipped {
    /// How many.
    pub count: u64,
    /// The topic of the last one, made safe.
    pub topic: Box<str>,
    /// Its size in bytes, header included.
    pub size: u64,
    /// The limit in bytes.
    pub limit: u64,
}

/// One message on its way past.
#[derive(Debug)]
pub(super) struct Skip {
    header: Header,
    missing: usize,
    topic: Box<str>,
    packet_id: Option<u16>,
}

/// What is known of a message over the limit.
pub(super) enum Head {
    /// Not enough.
    Partial,
    /// So many bytes after the Fixed Header hold all but the payload.
    Whole(usize),
    /// It claims so much beside the payload that it is not looked at further.
    Endless,
}

/// Looks at what has arrived of a PUBLISH over the limit, without its Fixed Header.
pub(super) fn head(version: Version, header: Header, body: &[u8]) -> Head {
    match publish::head(version, header.first, body) {
        Some(length) => Head::Whole(length),
        // The whole packet is there: what it lacks is for the check to name.
        None if body.len() == header.body => Head::Whole(body.len()),
        None if body.len() < HEAD => Head::Partial,
        None => Head::Endless,
    }
}

impl Skip {
    /// Begins to pass over a message of which `here` bytes have arrived; `body` begins with all but its payload.
    pub(super) fn new(header: Header, here: usize, topic: Box<str>, body: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(body);
        reader.binary("topic")?;
        let packet_id = if header.first & 0x06 == 0 { None } else { Some(reader.packet_id()?) };
        Ok(Self { header, missing: header.size().saturating_sub(here), topic, packet_id })
    }

    /// Passes over more bytes; returns how many of them belong to the message.
    pub(super) fn pass(&mut self, arrived: usize) -> usize {
        let taken = arrived.min(self.missing);
        self.missing -= taken;
        taken
    }

    /// Tells whether all of it has passed.
    pub(super) fn is_over(&self) -> bool {
        self.missing == 0
    }

    /// Returns how many of its bytes have arrived, and how many it has.
    pub(super) fn progress(&self) -> (usize, usize) {
        (self.header.size() - self.missing, self.header.size())
    }

    /// Returns the acknowledgement, without which the broker would send the message for ever; empty with QoS 0.
    ///
    /// In MQTT 5 it says that the message was not taken, which ends the exchange of QoS 2, too. In MQTT 3 it cannot; there the
    /// library answers to the PUBREL that follows.
    pub(super) fn answer(&self, version: Version) -> Vec<u8> {
        let Some(id) = self.packet_id else { return Vec::new() };
        let first = if self.header.first & 0x06 == 0x02 { 0x40 } else { 0x50 };
        let [high, low] = id.to_be_bytes();
        match version {
            Version::V31 | Version::V311 => vec![first, 2, high, low],
            Version::V5 => vec![first, 3, high, low, QUOTA_EXCEEDED],
        }
    }

    /// Returns the Packet Identifier, which the answer of MQTT 5 frees.
    pub(super) fn packet_id(&self) -> Option<u16> {
        self.packet_id
    }

    /// Counts the message.
    pub(super) fn count(self, limit: usize, skipped: &watch::Sender<Skipped>) {
        let (size, count) = (self.header.size(), skipped.borrow().count + 1);
        // A server can send many of them: it is told at 1, 2, 4, 8 and so on.
        if count.is_power_of_two() {
            tracing::warn!(topic = %self.topic, size, limit, count, "a message over the limit was passed over");
        }
        skipped.send_replace(Skipped { count, topic: self.topic, size: size as u64, limit: limit as u64 });
    }
}

/// Puts the topic into a PUBLISH that has only its Topic Alias; `body` begins with an empty topic.
pub(super) fn with_topic(first: u8, topic: &[u8], body: &[u8]) -> Vec<u8> {
    let rest = body.get(2..).unwrap_or_default();
    let mut out = vec![first];
    put_remaining_length(&mut out, 2 + topic.len() + rest.len());
    out.extend_from_slice(&u16::try_from(topic.len()).expect("it was read with a length of two bytes").to_be_bytes());
    out.extend_from_slice(topic);
    out.extend_from_slice(rest);
    out
}
