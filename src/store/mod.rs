//! All that was received, bounded in bytes: the log of messages, the tree of topics, and views of the log.
//!
//! ```text
//! message -> Tree  topic -> node, by one look into a table; counted there and at every branch above
//!         -> Log   appended to the last segment, linked to the topic's previous message
//! View   <-  Log   which messages are of a branch, kept as a set of bits
//! packet  -> Exchange   beside the messages: what passed on the wire, joined to what it answers
//! ```

use std::ops::Range;
use std::time::Duration;

use self::log::{Cursor, Log};
use self::record::Record;
use self::segment::Slot;
use self::tree::Home;
use crate::base::clock::Stamp;
use crate::mqtt::batch::Delivery;
use crate::mqtt::message::{Properties, Qos};

pub mod exchange;
mod filter;
mod hits;
mod log;
mod packed;
mod properties;
mod record;
mod segment;
mod tree;
mod view;

#[cfg(test)]
mod tests;

pub use self::filter::{Filter, FilterError, Formats, JsonPath, LONGEST_FILTER, PacketFilter, TopicFilter};
pub use self::tree::{Busiest, MAX_DEPTH, NodeId, Row, Rows, Sort, Stats, Tree};
pub use self::view::{Found, Scope, View};

/// The least that the tree may take, however small the budget for messages is.
const SMALLEST_TREE: usize = 64 << 20;

/// Stands for no message.
const NONE: u64 = u64::MAX;

/// The number of a message in order of arrival, from 0; none is used twice in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

/// What a store counts; `received == kept + evicted + lost` at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Messages that arrived, those that were lost included.
    pub received: u64,
    /// Messages that can be looked at.
    pub kept: u64,
    /// Messages that had to go, or were cleared.
    pub evicted: u64,
    /// Messages that were dropped before they reached the store.
    pub lost: u64,
    /// Memory that the kept messages and their index take.
    pub bytes: usize,
    /// Memory that they may take.
    pub budget: usize,
    /// Messages by Quality of Service, lost ones left out, as below.
    pub qos: [u64; 3],
    /// Messages with the RETAIN flag.
    pub retained: u64,
    /// Messages with the DUP flag.
    pub duplicates: u64,
    /// Messages of topics that the tree has no room for.
    pub unlisted: u64,
}

/// A kept message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its number.
    pub seq: Seq,
    /// When it arrived.
    pub at: Stamp,
    /// The node of its topic, or the nearest branch, when the tree has no room for the topic.
    pub node: NodeId,
    /// The Topic Name.
    pub topic: &'a str,
    /// The payload.
    pub payload: &'a [u8],
    /// The Quality of Service of this delivery.
    pub qos: Qos,
    /// The RETAIN flag.
    pub retain: bool,
    /// The DUP flag.
    pub dup: bool,
    /// Whether it comes from a resumed session.
    pub resumed: bool,
    properties: &'a [u8],
}

impl Entry<'_> {
    /// Decodes the properties, none when there are none.
    #[must_use]
    pub fn properties(&self) -> Option<Properties> {
        self.has_properties().then(|| properties::decode(self.properties))
    }

    /// Tells whether there are properties, without decoding them.
    #[must_use]
    pub fn has_properties(&self) -> bool {
        !self.properties.is_empty()
    }

    /// Returns the size of the payload in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.payload.len()
    }
}

/// What one connection received.
///
/// Bounded: the messages by their budget, beyond which the oldest go, and the tree by the same budget (at least 64 MiB),
/// beyond which new topics are not listed. What is old is compressed before it goes. The counts tell how many messages either has met.
#[derive(Debug)]
pub struct Store {
    log: Log,
    tree: Tree,
    /// The newest message of each node's topic.
    latest: Vec<u64>,
    lost: u64,
    qos: [u64; 3],
    retained: u64,
    duplicates: u64,
    unlisted: u64,
}

impl Store {
    /// Makes an empty store whose messages may take `budget` bytes, at least 64 KiB.
    #[must_use]
    pub fn new(budget: usize) -> Self {
        Self::with_tree_budget(budget, budget.max(SMALLEST_TREE))
    }

    /// Makes an empty store whose tree has a budget of its own.
    #[must_use]
    pub fn with_tree_budget(budget: usize, tree_budget: usize) -> Self {
        Self {
            log: Log::new(budget),
            tree: Tree::new(tree_budget),
            latest: Vec::new(),
            lost: 0,
            qos: [0; 3],
            retained: 0,
            duplicates: 0,
            unlisted: 0,
        }
    }

    /// Keeps a message, and counts it in the tree.
    pub fn insert<'a>(&mut self, message: impl Into<Delivery<'a>>) -> Seq {
        let message = message.into();
        let at = message.at;
        let seq = self.log.next();
        let bytes = message.payload.len() as u64;
        self.qos[usize::from(message.qos.level())] += 1;
        self.retained += u64::from(message.retain);
        self.duplicates += u64::from(message.dup);
        match self.tree.intern(message.topic, at) {
            Home::Listed(node) => {
                // Who clears a retained message publishes an empty one, which live subscribers get without the flag.
                let retained = if message.payload.is_empty() { Some(false) } else { message.retain.then_some(true) };
                self.tree.count(node, at, bytes, retained);
                let back = self.relink(node, seq);
                self.log.append(node, back, message, false);
            }
            Home::Unlisted(branch) => {
                self.unlisted += 1;
                self.tree.count_unlisted(branch, at, bytes);
                self.log.append(branch, 0, message, true);
            }
        }
        Seq(seq)
    }

    /// Makes a message the newest of its topic, and returns how far the previous one is back, 0 when there is none.
    fn relink(&mut self, node: u32, seq: u64) -> u64 {
        let node = node as usize;
        if self.latest.len() <= node {
            tree::grow(&mut self.latest, node + 1, NONE);
        }
        match std::mem::replace(&mut self.latest[node], seq) {
            NONE => 0,
            previous => seq - previous,
        }
    }

    /// Counts messages that were dropped before they reached the store.
    pub fn lost(&mut self, n: u64) {
        self.lost = self.lost.saturating_add(n);
    }

    /// Returns what was counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let range = self.log.range();
        Counts {
            received: self.log.next().saturating_add(self.lost),
            kept: range.end - range.start,
            evicted: range.start,
            lost: self.lost,
            bytes: self.log.bytes(),
            budget: self.log.budget(),
            qos: self.qos,
            retained: self.retained,
            duplicates: self.duplicates,
            unlisted: self.unlisted,
        }
    }

    /// Returns the messages a second at a moment, smoothed.
    #[must_use]
    pub fn rate(&self, now: Stamp) -> f64 {
        self.tree.total(now).rate
    }

    /// Returns the numbers of the kept messages; each of them is there.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.log.range()
    }

    /// Returns a message, nothing when it is not kept; to look at more than a screen of them takes a [`View`].
    ///
    /// An old one is unpacked with its neighbours, which stays so until [`Self::tidy`].
    #[must_use]
    pub fn message(&self, seq: Seq) -> Option<Entry<'_>> {
        let (slot, record) = self.log.record(seq.0)?;
        Some(self.entry(seq, slot, record))
    }

    /// Starts to look at many messages.
    fn reader(&self) -> Reader<'_> {
        Reader { store: self, cursor: self.log.cursor() }
    }

    fn entry<'a>(&'a self, seq: Seq, slot: Slot, record: Record<'a>) -> Entry<'a> {
        let Record { back: _, at, qos, retain, dup, resumed, topic, properties, payload } = record;
        let node = NodeId(slot.node());
        let topic = topic.unwrap_or_else(|| self.tree.topic(node));
        Entry { seq, at, node, topic, payload, qos, retain, dup, resumed, properties }
    }

    /// Returns the first kept message that arrived within `age` before a moment, or the number of the next one.
    #[must_use]
    pub fn first_within(&self, age: Duration, now: Stamp) -> Seq {
        let age = u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
        Seq(self.log.first_since(now.mono.saturating_sub(age)))
    }

    /// Packs old messages away that were unpacked to be looked at; inserting does that, too.
    pub fn tidy(&mut self) {
        self.log.forget_unpacked();
    }

    /// Returns the previous kept message of the same topic.
    #[must_use]
    pub fn previous(&self, seq: Seq) -> Option<Seq> {
        self.reader().previous(seq)
    }

    /// Shows the kept messages of the same topic before one, the nearest first, at most `most` of them, until `take` is done.
    pub fn look_back(&self, seq: Seq, most: usize, mut take: impl FnMut(&Entry<'_>) -> bool) {
        let mut reader = self.reader();
        let mut seq = seq;
        for _ in 0..most {
            let Some(previous) = reader.previous(seq) else { return };
            if !reader.message(previous).is_some_and(|entry| take(&entry)) {
                return;
            }
            seq = previous;
        }
    }

    /// Returns the newest kept message of exactly this topic.
    #[must_use]
    pub fn latest(&self, node: NodeId) -> Option<Seq> {
        self.kept(*self.latest.get(node.0 as usize)?)
    }

    fn kept(&self, seq: u64) -> Option<Seq> {
        self.log.range().contains(&seq).then_some(Seq(seq))
    }

    /// Forgets all messages, which then count as evicted; the tree and its counters stay.
    pub fn clear(&mut self) {
        self.log.clear();
    }

    /// Returns the tree.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Returns the tree to open and close branches.
    pub fn tree_mut(&mut self) -> &mut Tree {
        &mut self.tree
    }
}

/// Looks at many messages one after the other, in any order; what it unpacks is one piece at a time, of at most 256 KiB.
#[derive(Debug)]
struct Reader<'a> {
    store: &'a Store,
    cursor: Cursor<'a>,
}

impl Reader<'_> {
    /// Returns a message, nothing when it is not kept.
    fn message(&mut self, seq: Seq) -> Option<Entry<'_>> {
        let (slot, record) = self.cursor.record(seq.0)?;
        Some(self.store.entry(seq, slot, record))
    }

    /// Returns the previous kept message of the same topic.
    fn previous(&mut self, seq: Seq) -> Option<Seq> {
        let back = self.cursor.back(seq.0).filter(|&back| back > 0)?;
        self.store.kept(seq.0.checked_sub(back)?)
    }

    fn slot(&mut self, seq: Seq) -> Option<Slot> {
        self.cursor.slot(seq.0)
    }
}
