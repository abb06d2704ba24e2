//! Every message that is kept, in order of arrival, in segments of which the oldest goes first.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::Range;

use super::properties;
use super::record::{self, Record};
use super::segment::{Segment, Slot};
use crate::base::clock::Stamp;
use crate::mqtt::batch::Delivery;

/// The arena of a segment; smaller budgets have smaller ones, so that what goes at once is a small part.
const SEGMENT: usize = 1 << 20;

/// The smallest arena.
const SMALLEST_SEGMENT: usize = 4 << 10;

/// How many segments a budget is divided into at least.
const PARTS: usize = 16;

/// How many of the newest segments are never compressed, since they are the ones that are looked at.
const HOT: usize = 4;

/// How many segments are compressed for one that begins: few, so that no message waits long for its place.
const PACKED_AT_ONCE: usize = 2;

/// The bytes of compressed segments that stay unpacked for the next look.
const UNPACKED: usize = 4 << 20;

/// Bounded in bytes as they are allocated: while there are more, the oldest segments are compressed, then the oldest of all
/// goes, but never the newest message.
///
/// Nothing is compressed before the budget is spent. Beside the budget, up to 4 MiB stay unpacked between two passes over the
/// log; within a pass, [`Self::record`] adds what it is asked for, and a [`Cursor`] one block of at most 256 KiB.
#[derive(Debug)]
pub(super) struct Log {
    segments: VecDeque<Segment>,
    segment_size: usize,
    budget: usize,
    /// Bytes of all segments but the last, which still grows.
    sealed: usize,
    next: u64,
    /// Segments from this message on were not tried to be compressed.
    unpacked_from: u64,
    unpacked: RefCell<Unpacked>,
    /// Where properties are encoded before they are appended.
    scratch: Vec<u8>,
}

/// What was unpacked to stay, the oldest first; what was evicted since then counts until it is forgotten.
#[derive(Debug, Default)]
struct Unpacked {
    blocks: VecDeque<UnpackedBlock>,
    bytes: usize,
}

#[derive(Debug, Clone, Copy)]
struct UnpackedBlock {
    /// The first message of its segment.
    first: u64,
    /// Its index there.
    block: usize,
    bytes: usize,
}

impl Log {
    /// Makes an empty log; the smallest budget is 64 KiB.
    pub(super) fn new(budget: usize) -> Self {
        let budget = budget.max(PARTS * SMALLEST_SEGMENT);
        Self {
            segments: VecDeque::new(),
            segment_size: (budget / PARTS).min(SEGMENT),
            budget,
            sealed: 0,
            next: 0,
            unpacked_from: 0,
            unpacked: RefCell::default(),
            scratch: Vec::new(),
        }
    }

    /// Returns the number that the next message will have.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Returns the numbers of the messages that are kept.
    pub(super) fn range(&self) -> Range<u64> {
        self.segments.front().map_or(self.next, Segment::first)..self.next
    }

    /// Returns the memory taken.
    pub(super) fn bytes(&self) -> usize {
        self.sealed + self.segments.back().map_or(0, Segment::bytes) + self.segments.capacity() * size_of::<Segment>()
    }

    /// Returns how many bytes the log may take.
    pub(super) fn budget(&self) -> usize {
        self.budget
    }

    /// Adds a message; `back` is the distance to the previous one of its topic, 0 for none.
    pub(super) fn append(&mut self, node: u32, back: u64, message: Delivery<'_>, with_topic: bool) {
        let mut scratch = std::mem::take(&mut self.scratch);
        if let Some(properties) = message.properties {
            properties::encode(properties, &mut scratch);
        }
        let room = Segment::room_for(message, &scratch, with_topic);
        if !self.segments.back().is_some_and(|segment| segment.has_room(room)) {
            self.begin(room, message.at);
        }
        if let Some(segment) = self.segments.back_mut() {
            segment.push(node, back, message, &scratch, with_topic);
            self.next += 1;
        }
        scratch.clear();
        scratch.shrink_to(self.segment_size);
        self.scratch = scratch;
        // The index of the last segment may have grown.
        while self.bytes() > self.budget && self.segments.len() > 1 {
            self.evict();
        }
        self.forget_unpacked();
    }

    /// Begins a segment with room for at least so many bytes.
    fn begin(&mut self, room: usize, at: Stamp) {
        let mut messages = 0;
        if let Some(last) = self.segments.back_mut() {
            messages = last.len() + last.len() / 16;
            last.seal();
            self.sealed += last.bytes();
        }
        let capacity = room.max(self.segment_size);
        let messages = messages.min(capacity / 16);
        // The index counts, too: what it lacked would be evicted where packing is enough.
        let known = self.segments.capacity();
        let table = if self.segments.len() == known { 2 * known.max(2) } else { known };
        let needed = capacity + messages * size_of::<Slot>() + table * size_of::<Segment>();
        let mut spare = None;
        for _ in 0..PACKED_AT_ONCE {
            if self.sealed + needed > self.budget {
                spare = self.pack().or(spare);
            }
        }
        while self.sealed + needed > self.budget
            && let Some(evicted) = self.evict()
        {
            spare = evicted.into_arena().or(spare);
        }
        let mut arena = spare.filter(|spare| spare.capacity() == capacity).unwrap_or_else(|| Vec::with_capacity(capacity));
        arena.clear();
        self.segments.push_back(Segment::new(self.next, at, arena, messages));
    }

    /// Compresses the oldest segment that was not tried yet, the newest ones left out, and returns its arena.
    fn pack(&mut self) -> Option<Vec<u8>> {
        let cold = self.segments.len().saturating_sub(HOT);
        let index = self.segments.partition_point(|segment| segment.first() < self.unpacked_from);
        let segment = self.segments.get_mut(index).filter(|_| index < cold)?;
        let before = segment.bytes();
        let arena = segment.pack();
        self.sealed = self.sealed - before + segment.bytes();
        self.unpacked_from = segment.first() + segment.len() as u64;
        arena
    }

    /// Removes the oldest segment; the last one is removed only while it is sealed.
    fn evict(&mut self) -> Option<Segment> {
        let segment = self.segments.pop_front()?;
        self.sealed -= segment.bytes();
        Some(segment)
    }

    /// Removes every message; their numbers are not used again.
    pub(super) fn clear(&mut self) {
        self.segments.clear();
        self.sealed = 0;
        self.unpacked.take();
    }

    /// Packs away what was unpacked first, beyond what may stay.
    pub(super) fn forget_unpacked(&mut self) {
        let unpacked = self.unpacked.get_mut();
        while unpacked.bytes > UNPACKED
            && let Some(UnpackedBlock { first, block, bytes }) = unpacked.blocks.pop_front()
        {
            unpacked.bytes -= bytes;
            let index = self.segments.partition_point(|segment| segment.first() < first);
            let segment = self.segments.get_mut(index).filter(|segment| segment.first() == first);
            if let Some(packed) = segment.and_then(Segment::packed_mut) {
                packed.forget(block);
            }
        }
    }

    /// Returns a message's index entry and its record, which stays unpacked for the next look.
    pub(super) fn record(&self, seq: u64) -> Option<(Slot, Record<'_>)> {
        let segment = self.segment(seq)?;
        let slot = segment.slot(seq)?;
        Some((slot, record::read(self.tail(segment, slot)?, segment.base())))
    }

    fn tail<'a>(&self, segment: &'a Segment, slot: Slot) -> Option<&'a [u8]> {
        if let Some(arena) = segment.plain() {
            return arena.get(slot.offset()..);
        }
        let packed = segment.packed()?;
        let block = packed.block(slot.offset())?;
        let (records, bytes) = packed.records(block);
        if bytes > 0 {
            let mut unpacked = self.unpacked.borrow_mut();
            unpacked.bytes += bytes;
            unpacked.blocks.push_back(UnpackedBlock { first: segment.first(), block, bytes });
        }
        records.get(slot.offset() - packed.part(block).start..)
    }

    /// Returns the first message that arrived at a moment of the monotonic clock or later.
    pub(super) fn first_since(&self, mono: u64) -> u64 {
        let after = self.segments.partition_point(|segment| segment.base().mono < mono);
        let Some(segment) = after.checked_sub(1).and_then(|before| self.segments.get(before)) else { return self.range().start };
        let (mut low, mut high) = (segment.first(), segment.first() + segment.len() as u64);
        let mut cursor = self.cursor();
        while low < high {
            let middle = low.midpoint(high);
            match cursor.record(middle) {
                Some((_, record)) if record.at.mono >= mono => high = middle,
                Some(_) | None => low = middle + 1,
            }
        }
        low
    }

    /// Starts to read many messages.
    pub(super) fn cursor(&self) -> Cursor<'_> {
        Cursor { log: self, segment: None, part: 0..0, unpacked: Vec::new() }
    }

    /// Returns the bytes that stay unpacked.
    #[cfg(test)]
    pub(super) fn unpacked(&self) -> usize {
        self.segments.iter().map(Segment::unpacked).sum()
    }

    fn segment(&self, seq: u64) -> Option<&Segment> {
        let after = self.segments.partition_point(|segment| segment.first() <= seq);
        self.segments.get(after.checked_sub(1)?)
    }
}

/// Reads messages one after the other, in either direction; what it unpacks is its own, one block at a time.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    log: &'a Log,
    segment: Option<&'a Segment>,
    /// The part of a packed segment's arena that is in `unpacked`.
    part: Range<usize>,
    unpacked: Vec<u8>,
}

impl Cursor<'_> {
    /// Returns the index entry of a message.
    pub(super) fn slot(&mut self, seq: u64) -> Option<Slot> {
        if let Some(slot) = self.segment.and_then(|segment| segment.slot(seq)) {
            return Some(slot);
        }
        self.part = 0..0;
        self.segment = self.log.segment(seq);
        self.segment?.slot(seq)
    }

    /// Returns the index entry of a message, and its record.
    pub(super) fn record(&mut self, seq: u64) -> Option<(Slot, Record<'_>)> {
        let slot = self.slot(seq)?;
        let base = self.segment?.base();
        Some((slot, record::read(self.tail(slot)?, base)))
    }

    /// Returns how far the previous message of the topic is back, 0 when there is none.
    pub(super) fn back(&mut self, seq: u64) -> Option<u64> {
        let slot = self.slot(seq)?;
        self.tail(slot).map(record::read_back)
    }

    fn tail(&mut self, slot: Slot) -> Option<&[u8]> {
        let segment = self.segment?;
        if let Some(arena) = segment.plain() {
            return arena.get(slot.offset()..);
        }
        if !self.part.contains(&slot.offset()) {
            let packed = segment.packed()?;
            let block = packed.block(slot.offset())?;
            if let Some(records) = packed.at_hand(block) {
                return records.get(slot.offset() - packed.part(block).start..);
            }
            packed.unpack(block, &mut self.unpacked);
            self.part = packed.part(block);
        }
        self.unpacked.get(slot.offset() - self.part.start..)
    }
}
