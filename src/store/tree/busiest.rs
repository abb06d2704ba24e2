//! The topics with the most of something, in one list without levels.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::{NodeId, Sort, Tree};
use crate::base::clock::Stamp;

/// How many topics are listed.
const LISTED: usize = 1_000;

/// How long a list stays as it is at least, so that a row can be read.
const REST: Duration = Duration::from_secs(1);

/// The first thousand topics by rate or whatever else they are ordered by, as they were when the list was last complete.
///
/// It walks over all topics a bounded number at a time and keeps the best of them, so that it costs nothing while nobody
/// looks, and memory for what it lists only.
#[derive(Debug)]
pub struct Busiest {
    sort: Sort,
    /// Where the walk is.
    next: usize,
    /// The best so far, the least of them on top.
    best: BinaryHeap<Reverse<(u64, Reverse<u32>)>>,
    nodes: Vec<NodeId>,
    done: Option<Stamp>,
}

impl Busiest {
    /// Makes an empty list.
    #[must_use]
    pub fn new(sort: Sort) -> Self {
        Self { sort, next: 0, best: BinaryHeap::new(), nodes: Vec::new(), done: None }
    }

    /// Returns by what the topics are ordered.
    #[must_use]
    pub fn sort(&self) -> Sort {
        self.sort
    }

    /// Returns the topics, the one with the most first.
    #[must_use]
    pub fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// Starts anew, since other topics are let through; what is listed stays until there is another list.
    pub fn restart(&mut self) {
        *self = Self { nodes: std::mem::take(&mut self.nodes), ..Self::new(self.sort) };
    }

    /// Looks at no more than `budget` nodes of the tree, and tells whether the list is complete.
    pub fn follow(&mut self, tree: &Tree, now: Stamp, budget: usize) -> bool {
        if self.done.is_some_and(|done| now.since(done) < REST) {
            return true;
        }
        let narrow = tree.narrow.as_ref().map(|narrow| narrow.nodes());
        let nodes = narrow.map_or(tree.tallies.len(), <[_]>::len);
        let end = nodes.min(self.next.saturating_add(budget));
        for index in self.next..end {
            let node = match narrow {
                None => Some(index),
                Some(nodes) => nodes[index].1.then_some(nodes[index].0 as usize),
            };
            if let Some(node) = node {
                self.look(tree, node, now);
            }
        }
        self.next = end;
        if end < nodes {
            return false;
        }
        let best = std::mem::take(&mut self.best).into_sorted_vec();
        self.nodes = best.into_iter().map(|Reverse((_, Reverse(node)))| NodeId(node)).collect();
        (self.next, self.done) = (0, Some(now));
        true
    }

    fn look(&mut self, tree: &Tree, node: usize, now: Stamp) {
        let tally = &tree.tallies[node];
        if !tally.is_topic() {
            return;
        }
        let Ok(number) = u32::try_from(node) else { return };
        let entry = Reverse((self.sort.key(tally, now), Reverse(number)));
        if self.best.len() < LISTED {
            self.best.push(entry);
        } else if let Some(mut least) = self.best.peek_mut()
            && entry < *least
        {
            *least = entry;
        }
    }
}
