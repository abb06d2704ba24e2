//! A run of messages in one arena, with the index to find them.

use super::packed::Packed;
use super::record::{self, Context, MAX_OVERHEAD};
use crate::base::clock::Stamp;
use crate::mqtt::batch::Delivery;

/// Marks the node of a message whose topic the tree does not list: the node is then the nearest branch.
const UNLISTED: u32 = 1 << 31;

/// The index entry of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    offset: u32,
    node: u32,
}

impl Slot {
    /// Returns where the record starts in the arena.
    pub(super) fn offset(self) -> usize {
        self.offset as usize
    }

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
    slots: Vec<Slot>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    /// The records as they were written.
    Plain(Vec<u8>),
    Packed(Packed),
}

impl Segment {
    /// Makes an empty segment for about `messages` messages in an empty arena, which never grows.
    pub(super) fn new(first: u64, base: Stamp, arena: Vec<u8>, messages: usize) -> Self {
        Self { first, base, slots: Vec::with_capacity(messages), body: Body::Plain(arena) }
    }

    /// Returns the most bytes that a message can take in an arena.
    pub(super) fn room_for(message: Delivery<'_>, properties: &[u8], with_topic: bool) -> usize {
        MAX_OVERHEAD + message.payload.len() + properties.len() + if with_topic { message.topic.len() } else { 0 }
    }

    /// Tells whether so many bytes are free.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        match &self.body {
            Body::Plain(arena) => arena.capacity() - arena.len() >= bytes,
            Body::Packed(_) => false,
        }
    }

    /// Adds a message for which there is room.
    pub(super) fn push(&mut self, node: u32, back: u64, message: Delivery<'_>, properties: &[u8], with_topic: bool) {
        let Body::Plain(arena) = &mut self.body else { return };
        let offset = u32::try_from(arena.len()).expect("an arena with room for a further message is at most 1 MiB");
        self.slots.push(Slot { offset, node: if with_topic { node | UNLISTED } else { node } });
        record::write(arena, message, &Context { back, base: self.base, with_topic, properties });
    }

    /// Gives back memory that will not be used: no more messages will come.
    pub(super) fn seal(&mut self) {
        shrink(&mut self.slots);
        if let Body::Plain(arena) = &mut self.body {
            shrink(arena);
        }
    }

    /// Compresses the records and returns the arena, nothing where that would not save enough.
    pub(super) fn pack(&mut self) -> Option<Vec<u8>> {
        let Body::Plain(arena) = &self.body else { return None };
        let packed = Packed::new(arena, self.slots.iter().map(|slot| slot.offset))?;
        match std::mem::replace(&mut self.body, Body::Packed(packed)) {
            Body::Plain(arena) => Some(arena),
            Body::Packed(_) => None,
        }
    }

    /// Returns the arena, nothing of a segment that is packed.
    pub(super) fn into_arena(self) -> Option<Vec<u8>> {
        match self.body {
            Body::Plain(arena) => Some(arena),
            Body::Packed(_) => None,
        }
    }

    /// Returns the number of the first message.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// Returns how many messages there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Returns the memory taken, what is unpacked to be read left out.
    pub(super) fn bytes(&self) -> usize {
        let body = match &self.body {
            Body::Plain(arena) => arena.capacity(),
            Body::Packed(packed) => packed.bytes(),
        };
        body + self.slots.capacity() * size_of::<Slot>()
    }

    /// Returns the index entry of a message that is in this segment.
    pub(super) fn slot(&self, seq: u64) -> Option<Slot> {
        let position = usize::try_from(seq.checked_sub(self.first)?).ok()?;
        self.slots.get(position).copied()
    }

    /// Returns the records when they lie as they were written.
    pub(super) fn plain(&self) -> Option<&[u8]> {
        match &self.body {
            Body::Plain(arena) => Some(arena),
            Body::Packed(_) => None,
        }
    }

    /// Returns the records when they are compressed.
    pub(super) fn packed(&self) -> Option<&Packed> {
        match &self.body {
            Body::Plain(_) => None,
            Body::Packed(packed) => Some(packed),
        }
    }

    /// Returns the records, to forget what was unpacked of them.
    pub(super) fn packed_mut(&mut self) -> Option<&mut Packed> {
        match &mut self.body {
            Body::Plain(_) => None,
            Body::Packed(packed) => Some(packed),
        }
    }

    /// Returns the bytes that stay unpacked to be read.
    #[cfg(test)]
    pub(super) fn unpacked(&self) -> usize {
        self.packed().map_or(0, Packed::unpacked)
    }

    /// Returns the moment that the records' times count from.
    pub(super) fn base(&self) -> Stamp {
        self.base
    }
}

/// Shrinks a vector of which a good part is unused.
fn shrink<T>(items: &mut Vec<T>) {
    if items.capacity() - items.len() > items.capacity() / 8 {
        items.shrink_to_fit();
    }
}
