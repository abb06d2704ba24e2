//! A run of PUBLISH packets with QoS 0, taken out of the stream and read where they lie.

use bytes::Bytes;
use bytestring::ByteString;

pub use super::check::properties::Value;
use super::check::{properties, reader::Reader};

/// PUBLISH packets with QoS 0 in one piece of memory, in the order in which they came.
///
/// ```text
/// 30 len | topic length | topic | properties length | properties | payload   30 len | ...
///                        ^topic                      ^properties  ^payload   ^end
/// ```
#[derive(Debug, Clone, Default)]
pub struct Run {
    bytes: Bytes,
    places: Vec<Place>,
    /// The topics that are named by an alias.
    named: Vec<ByteString>,
}

/// Where the parts of a packet are.
#[derive(Debug, Clone, Copy)]
struct Place {
    topic: u32,
    properties: u32,
    payload: u32,
    end: u32,
    topic_len: u16,
    /// The place of the topic among those that are named by an alias, counted from 1.
    named: u16,
    first: u8,
}

/// How a valid PUBLISH is laid out behind its Fixed Header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Layout {
    /// The length of the topic.
    pub(super) topic_len: u16,
    /// Where the properties begin.
    pub(super) properties: usize,
    /// Where the payload begins.
    pub(super) payload: usize,
    /// The Topic Alias.
    pub(super) alias: Option<u16>,
}

/// One of the packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publish<'a> {
    /// The first byte: type and flags.
    pub first: u8,
    /// The Topic Name, an alias resolved.
    pub topic: &'a str,
    /// The properties as they were sent, without their length; empty before MQTT 5.
    pub properties: &'a [u8],
    /// The payload.
    pub payload: &'a [u8],
}

impl Run {
    /// Returns how many packets there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Tells whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Returns the size of the memory that is held, which may be a little more than that of the packets.
    #[must_use]
    pub fn held(&self) -> usize {
        self.bytes.len()
    }

    /// Returns a packet, nothing behind the last.
    #[must_use]
    #[inline]
    pub fn get(&self, index: usize) -> Option<Publish<'_>> {
        let place = self.places.get(index)?;
        let part = |from: u32, to: u32| self.bytes.get(from as usize..to as usize).unwrap_or_default();
        let topic = match usize::from(place.named).checked_sub(1) {
            Some(named) => self.named.get(named).map_or("", |topic| topic),
            // The guard has checked that it is UTF-8.
            None => str::from_utf8(part(place.topic, place.topic + u32::from(place.topic_len))).unwrap_or_default(),
        };
        Some(Publish {
            first: place.first,
            topic,
            properties: part(place.properties, place.payload),
            payload: part(place.payload, place.end),
        })
    }

    /// Returns the packets one by one.
    pub fn iter(&self) -> impl Iterator<Item = Publish<'_>> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

impl<'a> Publish<'a> {
    /// Reads the properties: the identifier of each in the standard, and its value.
    pub fn properties(self) -> impl Iterator<Item = (u8, Value<'a>)> {
        let mut reader = Reader::new(self.properties);
        std::iter::from_fn(move || {
            let more = !reader.is_empty();
            // The guard has checked that they can be read.
            more.then(|| properties::read(&mut reader).ok()).flatten().map(|(id, _, value)| (id, value))
        })
    }
}

/// A run that is found packet by packet, before its bytes are at rest.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    places: Vec<Place>,
    named: Vec<ByteString>,
    /// How many packets the last run had, so that the next one is allocated at once.
    usual: usize,
}

impl Gathering {
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Adds the packet whose body lies at `start..end`; false where its numbers are too large for a run.
    #[inline]
    pub(super) fn push(&mut self, first: u8, (start, end): (usize, usize), layout: Layout, name: Option<ByteString>) -> bool {
        // Every other number is smaller.
        let Ok(last) = u32::try_from(end) else { return false };
        let short = |number: usize| u32::try_from(number).unwrap_or(last);
        let mut named = 0;
        if let Some(name) = name {
            if self.named.last() != Some(&name) {
                self.named.push(name);
            }
            let Ok(place) = u16::try_from(self.named.len()) else { return false };
            named = place;
        }
        if self.places.capacity() == 0 {
            self.places.reserve(self.usual);
        }
        self.places.push(Place {
            topic: short(start + 2),
            properties: short(start + layout.properties),
            payload: short(start + layout.payload),
            end: last,
            topic_len: layout.topic_len,
            named,
            first,
        });
        true
    }

    /// Ends the run, whose packets lie in `bytes`.
    pub(super) fn take(&mut self, bytes: Bytes) -> Run {
        let (places, named) = (std::mem::take(&mut self.places), std::mem::take(&mut self.named));
        self.usual = places.len();
        Run { bytes, places, named }
    }
}
