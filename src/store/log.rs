//! Every message that is kept, in order of arrival, in segments of which the oldest goes first.

use std::collections::VecDeque;
use std::ops::Range;

use super::properties;
use super::record::Record;
use super::segment::{Segment, Slot};
use crate::mqtt::message::Received;

/// The arena of a segment; smaller budgets have smaller ones, so that what goes at once is a small part.
const SEGMENT: usize = 1 << 20;

/// The smallest arena.
const SMALLEST_SEGMENT: usize = 4 << 10;

/// How many segments a budget is divided into at least.
const PARTS: usize = 16;

/// Bounded in bytes as they are allocated: while there are more, the oldest segment goes, but never the newest message.
#[derive(Debug)]
pub(super) struct Log {
    segments: VecDeque<Segment>,
    segment_size: usize,
    budget: usize,
    /// Bytes of all segments but the last, which still grows.
    sealed: usize,
    next: u64,
    /// Where properties are encoded before they are appended.
    scratch: Vec<u8>,
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
    pub(super) fn append(&mut self, node: u32, back: u64, received: &Received, with_topic: bool) {
        let message = &received.message;
        let mut scratch = std::mem::take(&mut self.scratch);
        if let Some(properties) = &message.properties {
            properties::encode(properties, &mut scratch);
        }
        let room = Segment::room_for(message, &scratch, with_topic);
        if !self.segments.back().is_some_and(|segment| segment.has_room(room)) {
            self.begin(room, received);
        }
        if let Some(segment) = self.segments.back_mut() {
            segment.push(node, back, received, &scratch, with_topic);
            self.next += 1;
        }
        scratch.clear();
        scratch.shrink_to(self.segment_size);
        self.scratch = scratch;
        // The index of the last segment may have grown.
        while self.bytes() > self.budget && self.segments.len() > 1 {
            self.evict();
        }
    }

    /// Begins a segment with room for at least so many bytes.
    fn begin(&mut self, room: usize, received: &Received) {
        let mut messages = 0;
        if let Some(last) = self.segments.back_mut() {
            messages = last.len() + last.len() / 16;
            last.seal();
            self.sealed += last.bytes();
        }
        let capacity = room.max(self.segment_size);
        let mut spare = None;
        while self.sealed + capacity > self.budget
            && let Some(evicted) = self.evict()
        {
            spare = Some(evicted);
        }
        self.segments.push_back(match spare.filter(|spare| spare.capacity() == capacity) {
            Some(spare) => spare.restart(self.next, received.at),
            None => Segment::new(self.next, received.at, capacity, messages.min(capacity / 16)),
        });
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
    }

    /// Returns a message's index entry and its record.
    pub(super) fn record(&self, seq: u64) -> Option<(Slot, Record<'_>)> {
        self.segment(seq)?.record(seq)
    }

    /// Returns how far the previous message of the topic is back, 0 when there is none.
    pub(super) fn back(&self, seq: u64) -> Option<u64> {
        self.segment(seq)?.back(seq)
    }

    /// Returns index entries from a message on: all of its segment, none when it is not kept.
    pub(super) fn slots_from(&self, seq: u64) -> &[Slot] {
        self.segment(seq).map_or(&[], |segment| segment.slots_from(seq))
    }

    fn segment(&self, seq: u64) -> Option<&Segment> {
        let after = self.segments.partition_point(|segment| segment.first() <= seq);
        self.segments.get(after.checked_sub(1)?)
    }
}
