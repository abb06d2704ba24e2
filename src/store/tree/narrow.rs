//! What a filter leaves of the tree: a second order of the topics that it lets through and of what is above them.

use hashbrown::HashMap;

use super::order::{Link, Order, ROOT};
use super::texts::Texts;
use super::{NodeId, Tree, place};
use crate::store::filter::TopicFilter;

/// The nodes that a filter lets through, those below them, and the branches above; it takes memory for these only.
///
/// Nodes are looked at in the order in which they came to be, a bounded number at a time, so that a branch is known before
/// what is in it.
#[derive(Debug)]
pub(super) struct Narrow {
    filter: TopicFilter,
    order: Order,
    /// By link: the node, and whether it is let through.
    nodes: Vec<(u32, bool)>,
    links: HashMap<u32, u32>,
    /// The first node that was not looked at.
    next: u32,
    topics: usize,
}

impl Narrow {
    fn new(filter: TopicFilter, seed: u32) -> Self {
        let links = HashMap::from_iter([(ROOT, ROOT)]);
        Self { filter, order: Order::new(seed), nodes: vec![(ROOT, false)], links, next: 1, topics: 0 }
    }

    pub(super) fn order(&self) -> &Order {
        &self.order
    }

    pub(super) fn order_mut(&mut self) -> &mut Order {
        &mut self.order
    }

    /// Returns the order, and by link the nodes.
    pub(super) fn parts_mut(&mut self) -> (&mut Order, &[(u32, bool)]) {
        (&mut self.order, &self.nodes)
    }

    /// Returns the node of a link.
    pub(super) fn node(&self, link: u32) -> u32 {
        self.nodes.get(link as usize).map_or(ROOT, |(node, _)| *node)
    }

    /// Returns the link of a node, nothing while it is hidden.
    pub(super) fn link(&self, node: u32) -> Option<u32> {
        self.links.get(&node).copied()
    }

    /// Returns the nodes in the order in which they were found, each with whether it is let through.
    pub(super) fn nodes(&self) -> &[(u32, bool)] {
        &self.nodes
    }

    /// Counts a node that was a branch only, if it is let through.
    pub(super) fn becomes_topic(&mut self, node: u32) {
        let is_inside = self.link(node).is_some_and(|link| self.nodes[link as usize].1);
        self.topics += usize::from(node < self.next && is_inside);
    }

    /// Returns the memory taken, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.order.bytes() + self.nodes.capacity() * size_of::<(u32, bool)>() + self.links.allocation_size()
    }

    /// Looks at a node.
    fn look(&mut self, tree: &Tree, node: u32) {
        let parent = self.link(tree.tallies[node as usize].parent);
        let is_below = parent.is_some_and(|parent| self.nodes[parent as usize].1);
        if !self.filter.matches(tree.topic(NodeId(node)), is_below) {
            return;
        }
        self.topics += usize::from(tree.tallies[node as usize].is_topic());
        let mut missing = Vec::new();
        let mut above = tree.tallies[node as usize].parent;
        let mut branch = loop {
            match self.link(above) {
                Some(link) => break link,
                None => missing.push(above),
            }
            above = tree.tallies[above as usize].parent;
        };
        for above in missing.into_iter().rev() {
            branch = self.add(&tree.texts, branch, tree.order.at(above), (above, false));
        }
        self.add(&tree.texts, branch, tree.order.at(node), (node, true));
    }

    /// Adds a link below another, which is open from its first child on unless it is let through itself.
    fn add(&mut self, texts: &Texts, branch: u32, link: &Link, node: (u32, bool)) -> u32 {
        let is_first = !self.order.at(branch).has_children();
        let link = Link::new(link.text, link.start, link.end, link.depth);
        let place = place(&self.order, texts, branch, &link);
        let added = self.order.attach(place, link);
        super::push(&mut self.nodes, node);
        self.links.insert(node.0, added);
        if is_first && !self.nodes[branch as usize].1 {
            self.order.set_open(branch, true);
        }
        added
    }
}

impl Tree {
    /// Shows only the topics that a filter lets through, and what is above and below them; an empty one shows all again.
    ///
    /// The rows come as [`Tree::narrow_on`] finds them.
    pub fn narrow(&mut self, filter: TopicFilter) {
        let seed = self.hash("");
        self.narrow = (!filter.is_empty()).then(|| Box::new(Narrow::new(filter, seed)));
    }

    /// Tells whether a filter is in force.
    #[must_use]
    pub fn is_narrow(&self) -> bool {
        self.narrow.is_some()
    }

    /// Looks at no more than `budget` nodes that the filter was not asked about yet, and tells whether these were all.
    pub fn narrow_on(&mut self, budget: usize) -> bool {
        let Some(mut narrow) = self.narrow.take() else { return true };
        let nodes = self.order.len();
        let end = nodes.min((narrow.next as usize).saturating_add(budget));
        for node in narrow.next..u32::try_from(end).unwrap_or(u32::MAX) {
            narrow.look(self, node);
            narrow.next = node + 1;
        }
        self.narrow = Some(narrow);
        end == nodes
    }

    /// Returns how many topics the filter lets through, as far as it was asked, or all.
    #[must_use]
    pub fn topics_shown(&self) -> usize {
        self.narrow.as_ref().map_or(self.topics(), |narrow| narrow.topics)
    }
}
