//! What of the log is looked at: all of it, a branch or a topic, and perhaps only what a filter lets through.

use std::ops::Range;

use super::hits::Hits;
use super::segment::Slot;
use super::{Entry, NodeId, Seq, Store};

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

/// The kept messages of a scope, in order of arrival, any window of which is at hand.
///
/// It follows the store only when told to, a bounded number of messages at a time, so that it never delays a frame. What
/// was evicted since then is still counted and no longer found.
#[derive(Debug, Clone)]
pub struct View {
    scope: Scope,
    kept: Kept,
}

#[derive(Debug, Clone)]
enum Kept {
    /// All that is kept, which needs no looking.
    Range(Range<u64>),
    /// What was found below `next`.
    Hits { hits: Hits, next: u64 },
}

impl View {
    /// Makes an empty view of a scope.
    #[must_use]
    pub fn new(scope: Scope) -> Self {
        match scope {
            Scope::All => Self { scope, kept: Kept::Range(0..0) },
            Scope::Branch(_) | Scope::Topic(_) => Self::filtered(scope),
        }
    }

    /// Makes an empty view that can be narrowed further, by [`View::catch_up_where`].
    #[must_use]
    pub fn filtered(scope: Scope) -> Self {
        Self { scope, kept: Kept::Hits { hits: Hits::default(), next: 0 } }
    }

    /// Returns the scope.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Follows the store, looking at no more than `budget` messages, and tells whether that was all.
    pub fn catch_up(&mut self, store: &Store, budget: usize) -> bool {
        self.follow(store, budget, |_| true)
    }

    /// Follows the store like [`View::catch_up`], and leaves out the messages that `keep` does not want.
    ///
    /// Only a [`View::filtered`] one asks; `keep` has to be the same each time.
    pub fn catch_up_where(&mut self, store: &Store, budget: usize, mut keep: impl FnMut(&Entry<'_>) -> bool) -> bool {
        self.follow(store, budget, |seq| store.message(Seq(seq)).is_some_and(|entry| keep(&entry)))
    }

    fn follow(&mut self, store: &Store, budget: usize, mut keep: impl FnMut(u64) -> bool) -> bool {
        let range = store.range();
        let scope = self.scope;
        match &mut self.kept {
            Kept::Range(kept) => {
                *kept = range;
                true
            }
            Kept::Hits { hits, next } => {
                hits.forget_below(range.start);
                *next = range.start.max(*next);
                let end = next.saturating_add(budget as u64).min(range.end);
                while *next < end {
                    let slots = store.log.slots_from(*next);
                    let wanted = usize::try_from(end - *next).unwrap_or(usize::MAX).min(slots.len());
                    for (slot, seq) in slots[..wanted].iter().zip(*next..) {
                        if scope.takes(store, *slot) && keep(seq) {
                            hits.push(seq);
                        }
                    }
                    *next += wanted as u64;
                }
                *next == range.end
            }
        }
    }

    /// Returns how many messages were looked at, or are no longer there to be.
    #[must_use]
    pub fn looked_at(&self) -> Seq {
        match &self.kept {
            Kept::Range(kept) => Seq(kept.end),
            Kept::Hits { next, .. } => Seq(*next),
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
