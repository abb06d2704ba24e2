//! What of the log is looked at: all of it, a branch or a topic, and perhaps only what a filter lets through.

use std::ops::Range;

use super::hits::Hits;
use super::segment::Slot;
use super::{Entry, NodeId, Reader, Seq, Store};

/// Which messages are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Every message.
    All,
    /// Those of a node and everything below it.
    Branch(NodeId),
    /// Those of exactly this topic.
    Topic(NodeId),
}

/// What became of looking for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// It is this one.
    At(Seq),
    /// There is none.
    Nothing,
    /// None up to here, where it goes on.
    Further(Seq),
}

/// The kept messages of a scope, in order of arrival, any window of which is at hand.
///
/// It follows the store only when told to, a bounded number of messages at a time, so that it never delays a frame: first
/// what is new, then what is older, the newest first, so that the end of the list is there at once. What was evicted since
/// then is still counted and no longer found.
#[derive(Debug, Clone)]
pub struct View {
    scope: Scope,
    kept: Kept,
    /// Nothing before this number is of interest.
    floor: u64,
}

#[derive(Debug, Clone)]
enum Kept {
    /// All that is kept, which needs no looking.
    Range(Range<u64>),
    /// What was found in `seen`, nothing of which was looked at before there is one.
    Hits { hits: Hits, seen: Option<Range<u64>> },
}

/// How many bytes of payload cost as much of a budget as a message does by itself.
const BYTES_PER_COST: usize = 256;

impl View {
    /// Makes an empty view of a scope.
    #[must_use]
    pub fn new(scope: Scope) -> Self {
        match scope {
            Scope::All => Self { scope, kept: Kept::Range(0..0), floor: 0 },
            Scope::Branch(_) | Scope::Topic(_) => Self::filtered(scope),
        }
    }

    /// Makes an empty view that can be narrowed further, by [`View::catch_up_where`].
    #[must_use]
    pub fn filtered(scope: Scope) -> Self {
        Self { scope, kept: Kept::Hits { hits: Hits::default(), seen: None }, floor: 0 }
    }

    /// Returns the scope.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Follows the store, looking at no more than `budget` messages, and tells whether that was all.
    pub fn catch_up(&mut self, store: &Store, budget: usize) -> bool {
        self.follow(store, budget, None::<fn(&Entry<'_>) -> bool>)
    }

    /// Follows the store like [`View::catch_up`], and leaves out the messages that `keep` does not want.
    ///
    /// Only a [`View::filtered`] one asks; `keep` has to be the same each time. A message with a large payload takes more
    /// of the budget than others.
    pub fn catch_up_where(&mut self, store: &Store, budget: usize, keep: impl FnMut(&Entry<'_>) -> bool) -> bool {
        self.follow(store, budget, Some(keep))
    }

    fn follow(&mut self, store: &Store, budget: usize, mut keep: Option<impl FnMut(&Entry<'_>) -> bool>) -> bool {
        let Range { start, end } = store.range();
        let range = start.max(self.floor).min(end)..end;
        let (hits, seen) = match &mut self.kept {
            Kept::Range(kept) => {
                *kept = range;
                return true;
            }
            Kept::Hits { hits, seen } => (hits, seen),
        };
        hits.forget_below(range.start);
        let seen = seen.get_or_insert(range.end..range.end);
        *seen = seen.start.max(range.start)..seen.end.max(range.start);
        let mut look = Look { store, scope: self.scope, reader: store.reader(), left: budget };
        while look.left > 0 && seen.end < range.end {
            if look.takes(seen.end, keep.as_mut()) {
                hits.push(seen.end);
            }
            seen.end += 1;
        }
        while look.left > 0 && seen.start > range.start {
            seen.start -= 1;
            if look.takes(seen.start, keep.as_mut()) {
                hits.push_front(seen.start);
            }
        }
        *seen == range
    }

    /// Looks from a message on, in either direction, for one of the view that `keep` wants, at no more than `budget` messages.
    pub fn find(&self, store: &Store, from: Seq, back: bool, budget: usize, mut keep: impl FnMut(&Entry<'_>) -> bool) -> Found {
        let range = store.range();
        let mut look = Look { store, scope: self.scope, reader: store.reader(), left: budget };
        let mut seq = from.0;
        while look.left > 0 {
            if !range.contains(&seq) {
                return Found::Nothing;
            }
            if look.takes(seq, Some(&mut keep)) {
                return Found::At(Seq(seq));
            }
            seq = if back { seq.wrapping_sub(1) } else { seq + 1 };
        }
        Found::Further(Seq(seq))
    }

    /// Leaves out the messages before `seq` from now on, without looking at them.
    pub fn forget_before(&mut self, seq: Seq) {
        self.floor = self.floor.max(seq.0);
    }

    /// Returns how many of the kept messages were looked at.
    #[must_use]
    pub fn looked_at(&self) -> u64 {
        match &self.kept {
            Kept::Range(kept) => kept.end - kept.start,
            Kept::Hits { seen, .. } => seen.as_ref().map_or(0, |seen| seen.end - seen.start),
        }
    }

    /// Returns how many messages there are.
    #[must_use]
    pub fn len(&self) -> usize {
        let len = match &self.kept {
            Kept::Range(kept) => kept.end - kept.start,
            Kept::Hits { hits, .. } => hits.len(),
        };
        usize::try_from(len).unwrap_or(usize::MAX)
    }

    /// Tells whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the message at an index, the oldest being 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Seq> {
        let index = index as u64;
        match &self.kept {
            Kept::Range(kept) => kept.start.checked_add(index).filter(|seq| kept.contains(seq)),
            Kept::Hits { hits, .. } => hits.get(index),
        }
        .map(Seq)
    }

    /// Returns the index of the first message that is `seq` or later; at the end, the number of messages.
    #[must_use]
    pub fn position(&self, seq: Seq) -> usize {
        let position = match &self.kept {
            Kept::Range(kept) => seq.0.clamp(kept.start, kept.end) - kept.start,
            Kept::Hits { hits, .. } => hits.position(seq.0),
        };
        usize::try_from(position).unwrap_or(usize::MAX)
    }
}

/// A walk over messages that counts what it costs.
struct Look<'a> {
    store: &'a Store,
    scope: Scope,
    reader: Reader<'a>,
    left: usize,
}

impl Look<'_> {
    /// Tells whether a message is of the view.
    fn takes(&mut self, seq: u64, keep: Option<&mut impl FnMut(&Entry<'_>) -> bool>) -> bool {
        self.left -= 1;
        let seq = Seq(seq);
        if !self.reader.slot(seq).is_some_and(|slot| self.scope.takes(self.store, slot)) {
            return false;
        }
        let Some(keep) = keep else { return true };
        let Some(entry) = self.reader.message(seq) else { return false };
        self.left = self.left.saturating_sub(entry.size() / BYTES_PER_COST);
        keep(&entry)
    }
}

impl Scope {
    /// Tells whether a message is in the scope.
    fn takes(self, store: &Store, slot: Slot) -> bool {
        match self {
            Self::All => true,
            Self::Branch(branch) => store.tree.is_within(NodeId(slot.node()), branch),
            Self::Topic(node) => slot.topic() == Some(node.0),
        }
    }
}
