//! The topics as a tree: levels, what is counted below each, which are open, and the rows that this makes.

use std::hash::{BuildHasher, Hasher};

use hashbrown::{DefaultHashBuilder, HashTable};

use self::narrow::Narrow;
use self::order::{Link, Order, Place, ROOT};
use self::tally::{Change, Tally, second_of};
use self::texts::{ADDRESSABLE, LONGEST, Texts};
use crate::base::clock::Stamp;

mod busiest;
mod foremost;
mod narrow;
mod order;
mod rows;
mod sort;
mod tally;
mod texts;

#[cfg(test)]
mod tests;

pub use self::busiest::Busiest;
pub use self::rows::{Row, Rows};
pub use self::sort::Sort;

/// The deepest level that is a node of its own, counted from 1.
///
/// A message is counted at every node above it, and MQTT allows 65,535 levels. What lies deeper is one node, named by the
/// rest of the topic.
pub const MAX_DEPTH: usize = 128;

/// The memory that a node is reckoned at, beside its text, when the tree's limit is checked.
const NODE_BYTES: usize = size_of::<Link>() + size_of::<Tally>() + size_of::<Stamp>() + size_of::<u64>() + 2 * size_of::<Slot>();

/// A node of the tree (a topic, or a branch above topics); it stays the same for the life of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// What is known of a node and everything below it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Stats {
    /// Messages received, those of the node itself included.
    pub messages: u64,
    /// Messages received for exactly this topic.
    pub own: u64,
    /// Payload bytes received.
    pub bytes: u64,
    /// Topics that a message came for, the node itself included.
    pub topics: u64,
    /// Topics whose message the broker retains, as far as seen.
    pub retained: u64,
    /// Messages a second, smoothed; zero after ten seconds of silence.
    pub rate: f64,
    /// The first arrival.
    pub first: Option<Stamp>,
    /// The last arrival.
    pub last: Option<Stamp>,
}

/// Every topic that was seen.
///
/// Bounded: a topic that would take the tree over its limit is not listed, and counts for the nearest branch that is.
#[derive(Debug)]
pub struct Tree {
    order: Order,
    tallies: Vec<Tally>,
    /// When the first message below each node came.
    firsts: Vec<Stamp>,
    texts: Texts,
    /// Every node by the hash of its whole path.
    table: HashTable<Slot>,
    hasher: DefaultHashBuilder,
    /// Bytes of kept texts.
    text_bytes: usize,
    limit: usize,
    sort: Sort,
    /// What a filter leaves, while there is one.
    narrow: Option<Box<Narrow>>,
}

/// An entry of the table; the hash in it makes growing cheap, and a comparison of texts rare.
#[derive(Debug, Clone, Copy)]
struct Slot {
    hash: u32,
    node: u32,
}

impl Slot {
    /// The table takes the bucket from the low bits and the tag from the high ones.
    fn wide(hash: u32) -> u64 {
        u64::from(hash) << 32 | u64::from(hash)
    }
}

/// Where a topic is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    /// At its own node.
    Listed(u32),
    /// At the nearest branch that is listed, perhaps the root.
    Unlisted(u32),
}

impl Tree {
    /// Makes an empty tree that may take about `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        let hasher = DefaultHashBuilder::default();
        let seed = narrow(hasher.hash_one(ROOT));
        Self {
            order: Order::new(seed),
            tallies: vec![Tally::new(ROOT)],
            firsts: vec![Stamp::default()],
            texts: Texts::default(),
            table: HashTable::new(),
            hasher,
            text_bytes: 0,
            limit,
            sort: Sort::default(),
            narrow: None,
        }
    }

    /// Returns how many topics were seen, those that are not listed left out.
    #[must_use]
    pub fn topics(&self) -> usize {
        usize::try_from(self.stats_of(ROOT, Stamp::default()).topics).unwrap_or(usize::MAX)
    }

    /// Returns how many nodes there are: topics, and branches above them.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.order.len() - 1
    }

    /// Returns the memory taken, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.order.bytes()
            + self.tallies.capacity() * size_of::<Tally>()
            + self.firsts.capacity() * size_of::<Stamp>()
            + self.texts.bytes()
            + self.table.allocation_size()
            + self.narrow.as_ref().map_or(0, |narrow| narrow.bytes())
    }

    /// Returns the full path of a node, as it came from the broker.
    #[must_use]
    pub fn topic(&self, node: NodeId) -> &str {
        self.link(node).map_or("", |link| self.path(link))
    }

    /// Returns the name of a node within its branch; it may be empty.
    #[must_use]
    pub fn name(&self, node: NodeId) -> &str {
        self.link(node).map_or("", |link| self.name_of(link))
    }

    /// Returns the node of a topic or branch.
    #[must_use]
    pub fn find(&self, topic: &str) -> Option<NodeId> {
        self.lookup(self.hash(topic), topic).map(NodeId)
    }

    /// Returns the branch that a node is in, nothing for a first level.
    #[must_use]
    pub fn parent(&self, node: NodeId) -> Option<NodeId> {
        self.tallies.get(node.0 as usize).and_then(|tally| exists(tally.parent))
    }

    /// Returns the first child of a node, or the first of the first levels.
    #[must_use]
    pub fn first_child(&self, node: Option<NodeId>) -> Option<NodeId> {
        let node = node.map_or(ROOT, |node| node.0);
        self.order.link(node).and_then(|_| exists(self.order.first_child(node)))
    }

    /// Returns the node that follows within the same branch.
    #[must_use]
    pub fn next_sibling(&self, node: NodeId) -> Option<NodeId> {
        self.link(node).and_then(|_| exists(self.order.next_sibling(node.0)))
    }

    /// Tells whether a node is `branch` or below it.
    #[must_use]
    pub fn is_within(&self, node: NodeId, branch: NodeId) -> bool {
        // A parent is older than its children, so its number is smaller.
        let mut node = node.0;
        while node > branch.0 {
            let Some(tally) = self.tallies.get(node as usize) else { return false };
            node = tally.parent;
        }
        node == branch.0
    }

    /// Returns what is known of a node at a moment.
    #[must_use]
    pub fn stats(&self, node: NodeId, now: Stamp) -> Stats {
        self.stats_of(node.0, now)
    }

    /// Returns what is known of the whole tree at a moment, topics that are not listed included.
    #[must_use]
    pub fn total(&self, now: Stamp) -> Stats {
        self.stats_of(ROOT, now)
    }

    fn stats_of(&self, node: u32, now: Stamp) -> Stats {
        let known = self.tallies.get(node as usize).zip(self.firsts.get(node as usize));
        known.map_or_else(Stats::default, |(tally, first)| tally.stats(*first, now))
    }

    /// Returns the node of a topic, made if it is new and the limit allows.
    pub(super) fn intern(&mut self, topic: &str, at: Stamp) -> Home {
        let hash = self.hash(topic);
        match self.lookup(hash, topic) {
            Some(node) => Home::Listed(node),
            None => self.add(hash, topic, at),
        }
    }

    /// Counts a message of a topic that has a node; `retained` is what it says of the broker's copy, if anything.
    pub(super) fn count(&mut self, node: u32, at: Stamp, bytes: u64, retained: Option<bool>) {
        let mut change = Change { at, bytes, topics: 0, retained: 0 };
        if let Some(retained) = retained
            && self.order.at(node).retained != retained
        {
            self.order.at_mut(node).retained = retained;
            change.retained = if retained { 1 } else { 1_u32.wrapping_neg() };
        }
        let tally = &mut self.tallies[node as usize];
        change.topics = u32::from(!tally.is_topic());
        tally.own();
        if change.topics > 0
            && let Some(narrow) = &mut self.narrow
        {
            narrow.becomes_topic(node);
        }
        self.spread(node, &change);
    }

    /// Counts a message of a topic that is not listed, at the branch it would be in.
    pub(super) fn count_unlisted(&mut self, branch: u32, at: Stamp, bytes: u64) {
        self.spread(branch, &Change { at, bytes, topics: 0, retained: 0 });
    }

    fn spread(&mut self, node: u32, change: &Change) {
        if self.tallies[ROOT as usize].is_unused() {
            self.firsts[ROOT as usize] = change.at;
        }
        let second = second_of(change.at);
        let mut node = node;
        loop {
            let tally = &mut self.tallies[node as usize];
            tally.add(change, second);
            if node == ROOT {
                return;
            }
            node = tally.parent;
        }
    }

    /// Makes the node of a new topic, and those of the branches that are missing above it.
    fn add(&mut self, hash: u32, topic: &str, at: Stamp) -> Home {
        let cuts: Vec<usize> =
            topic.bytes().enumerate().filter(|&(_, byte)| byte == b'/').map(|(at, _)| at).take(MAX_DEPTH - 1).collect();
        let (known, branch) = self.nearest(topic, &cuts);
        let needed = (cuts.len() - known + 1) * NODE_BYTES + topic.len();
        let taken = self.order.len() * NODE_BYTES + self.text_bytes;
        if topic.len() > LONGEST || taken + needed > self.limit.min(ADDRESSABLE / 2) {
            return Home::Unlisted(branch);
        }
        let text = self.texts.add(topic);
        self.text_bytes += topic.len();
        let mut node = branch;
        for level in known..=cuts.len() {
            let start = if level == 0 { 0 } else { cuts[level - 1] + 1 };
            let (end, hash) = match cuts.get(level) {
                Some(&end) => (end, self.hash(&topic[..end])),
                None => (topic.len(), hash),
            };
            node = self.create(node, Link::new(text, short(start), short(end), u8::try_from(level).unwrap_or(u8::MAX)), hash, at);
        }
        Home::Listed(node)
    }

    /// Returns how many of the branches above a topic exist, and the lowest of them.
    ///
    /// A branch exists only below existing ones, so this is a binary search; the direct parent, the likely one, is asked
    /// first. Were each level asked in turn, a long topic would be hashed as often as it has levels.
    fn nearest(&self, topic: &str, cuts: &[usize]) -> (usize, u32) {
        let (mut low, mut high, mut branch) = (0, cuts.len(), ROOT);
        let mut probe = high.saturating_sub(1);
        while low < high {
            let path = &topic[..cuts[probe]];
            match self.lookup(self.hash(path), path) {
                Some(node) => (low, branch) = (probe + 1, node),
                None => high = probe,
            }
            probe = usize::midpoint(low, high);
        }
        (low, branch)
    }

    fn create(&mut self, branch: u32, link: Link, hash: u32, at: Stamp) -> u32 {
        let place = place(&self.order, &self.texts, branch, &link);
        let node = self.order.attach(place, link);
        push(&mut self.tallies, Tally::new(branch));
        push(&mut self.firsts, at);
        self.table.insert_unique(Slot::wide(hash), Slot { hash, node }, |slot| Slot::wide(slot.hash));
        node
    }

    fn hash(&self, path: &str) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(path.as_bytes());
        narrow(hasher.finish())
    }

    fn lookup(&self, hash: u32, path: &str) -> Option<u32> {
        let same = |slot: &Slot| slot.hash == hash && self.path(self.order.at(slot.node)) == path;
        self.table.find(Slot::wide(hash), same).map(|slot| slot.node)
    }

    fn path(&self, link: &Link) -> &str {
        self.texts.slice(link.text, 0, link.end)
    }

    fn name_of(&self, link: &Link) -> &str {
        name(&self.texts, link)
    }

    /// Returns the link of a node that came from outside, the root left out.
    fn link(&self, node: NodeId) -> Option<&Link> {
        exists(node.0).and_then(|node| self.order.link(node.0))
    }
}

/// Finds the place of a link among its siblings: by name, in byte order, `$SYS` and the like after all other first levels.
fn place(order: &Order, texts: &Texts, branch: u32, link: &Link) -> Place {
    let key = by_name(texts, branch, link);
    order.place(branch, |sibling| key.cmp(&by_name(texts, branch, sibling)))
}

fn by_name<'a>(texts: &'a Texts, branch: u32, link: &Link) -> (bool, &'a str) {
    let name = name(texts, link);
    (is_hidden(branch, name), name)
}

/// Tells whether a first level is one of the broker's own, which come last.
fn is_hidden(branch: u32, name: &str) -> bool {
    branch == ROOT && name.starts_with('$')
}

fn name<'a>(texts: &'a Texts, link: &Link) -> &'a str {
    texts.slice(link.text, link.start, link.end)
}

fn exists(node: u32) -> Option<NodeId> {
    (node != ROOT).then_some(NodeId(node))
}

/// Folds a hash to 32 bits.
fn narrow(hash: u64) -> u32 {
    u32::try_from((hash ^ hash >> 32) & u64::from(u32::MAX)).expect("masked to 32 bits")
}

fn short(position: usize) -> u16 {
    u16::try_from(position).expect("a listed topic is at most 65,535 bytes long")
}

/// Adds to a vector that grows by a quarter, since doubling would leave up to half of a large one unused.
fn push<T: Clone>(items: &mut Vec<T>, item: T) {
    grow(items, items.len() + 1, item);
}

/// Fills a vector up to a length, growing like [`push`].
pub(super) fn grow<T: Clone>(items: &mut Vec<T>, len: usize, item: T) {
    if len > items.capacity() {
        items.reserve_exact((len - items.len()).max(items.len() / 4).max(16));
    }
    items.resize(len, item);
}
