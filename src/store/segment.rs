//! A run of messages in one arena, with the index to find them.

use super::record::{self, Context, MAX_OVERHEAD, Record};
use crate::base::clock::Stamp;
use crate::mqtt::message::{Message, Received};

/// Marks the node of a message whose topic the tree does not list: the node is then the nearest branch.
const UNLISTED: u32 = 1 << 31;

/// The index entry of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    offset: u32,
    node: u32,
}

impl Slot {
    /// Returns the node where the message is counted.
    pub(super) fn node(self) -> u32 {
        self.node & !UNLISTED
    }

    /// Returns the node of the message's topic, nothing when the tree does not list it.
    pub(super) fn topic(self) -> Option<u32> {
        (self.node & UNLISTED == 0).then_some(self.node)
    }
}

/// Messages in order of arrival; what is in it never changes.
#[derive(Debug)]
pub(super) struct Segment {
    first: u64,
    base: Stamp,
    arena: Vec<u8>,
    slots: Vec<Slot>,
}

impl Segment {
    /// Makes an empty segment for `capacity` bytes and about `messages` messages; the arena never grows.
    pub(super) fn new(first: u64, base: Stamp, capacity: usize, messages: usize) -> Self {
        Self { first, base, arena: Vec::with_capacity(capacity), slots: Vec::with_capacity(messages) }
    }

    /// Forgets everything and starts again, so that memory is used again instead of returned and asked for.
    pub(super) fn restart(mut self, first: u64, base: Stamp) -> Self {
        self.arena.clear();
        self.slots.clear();
        Self { first, base, ..self }
    }

    /// Returns the most bytes that a message can take in an arena.
    pub(super) fn room_for(message: &Message, properties: &[u8], with_topic: bool) -> usize {
        MAX_OVERHEAD + message.payload.len() + properties.len() + if with_topic { message.topic.len() } else { 0 }
    }

    /// Tells whether so many bytes are free.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.arena.capacity() - self.arena.len() >= bytes
    }

    /// Adds a message for which there is room.
    pub(super) fn push(&mut self, node: u32, back: u64, received: &Received, properties: &[u8], with_topic: bool) {
        let offset = u32::try_from(self.arena.len()).expect("an arena with room for a further message is at most 1 MiB");
        self.slots.push(Slot { offset, node: if with_topic { node | UNLISTED } else { node } });
        let Received { at, resumed, message } = received;
        let context = Context { back, at: *at, base: self.base, resumed: *resumed, with_topic, properties };
        record::write(&mut self.arena, message, &context);
    }

    /// Gives back memory that will not be used: no more messages will come.
    pub(super) fn seal(&mut self) {
        shrink(&mut self.arena);
        shrink(&mut self.slots);
    }

    /// Returns the number of the first message.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// Returns how many messages there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Returns the size of the arena.
    pub(super) fn capacity(&self) -> usize {
        self.arena.capacity()
    }

    /// Returns the memory taken.
    pub(super) fn bytes(&self) -> usize {
        self.arena.capacity() + self.slots.capacity() * size_of::<Slot>()
    }

    /// Returns the index entry of a message that is in this segment, and its record.
    pub(super) fn record(&self, seq: u64) -> Option<(Slot, Record<'_>)> {
        let slot = *self.slots.get(self.position(seq)?)?;
        Some((slot, record::read(self.tail(slot), self.base)))
    }

    /// Returns how far the previous message of the topic is back, 0 when there is none.
    pub(super) fn back(&self, seq: u64) -> Option<u64> {
        let slot = *self.slots.get(self.position(seq)?)?;
        Some(record::read_back(self.tail(slot)))
    }

    /// Returns the index entries from a message on.
    pub(super) fn slots_from(&self, seq: u64) -> &[Slot] {
        self.position(seq).and_then(|position| self.slots.get(position..)).unwrap_or_default()
    }

    fn tail(&self, slot: Slot) -> &[u8] {
        self.arena.get(slot.offset as usize..).unwrap_or_default()
    }

    fn position(&self, seq: u64) -> Option<usize> {
        usize::try_from(seq.checked_sub(self.first)?).ok()
    }
}

/// Shrinks a vector of which a good part is unused.
fn shrink<T>(items: &mut Vec<T>) {
    if items.capacity() - items.len() > items.capacity() / 8 {
        items.shrink_to_fit();
    }
}
