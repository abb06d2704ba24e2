//! The first children of a branch that has very many: the others stay by name, so that no frame sorts a million.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use hashbrown::HashSet;

use super::order::{Link, Order};
use crate::base::clock::Stamp;

/// How many children come first.
pub(super) const FOREMOST: usize = 500;

/// How long they stay in their order at least, so that a row can be read.
const REST: Duration = Duration::from_secs(1);

/// How many nodes more make them stay that long once more, since looking at a million takes a while.
const RESTFUL: usize = 200_000;

/// The children of a branch that come first, and the walk over all nodes that finds the next ones.
#[derive(Debug, Default)]
pub(super) struct Foremost {
    /// Where the walk is.
    pub(super) next: u32,
    /// The best so far, the least of them on top.
    best: BinaryHeap<Reverse<(u64, Reverse<u32>)>>,
    /// Those that come first now, in their order.
    front: Vec<u32>,
    /// When the last walk ended.
    done: Option<Stamp>,
}

impl Foremost {
    /// Tells whether the order is kept as it is for a while.
    pub(super) fn rests(&self, now: Stamp, nodes: usize) -> bool {
        let times = u32::try_from(1 + nodes / RESTFUL).unwrap_or(u32::MAX);
        self.done.is_some_and(|done| now.since(done) < REST.saturating_mul(times))
    }

    /// Starts anew, since children are compared by something else.
    pub(super) fn restart(&mut self) {
        *self = Self { front: std::mem::take(&mut self.front), ..Self::default() };
    }

    /// Looks at a child; one of which there is nothing to count stays among the others.
    pub(super) fn look(&mut self, link: u32, key: u64) {
        let entry = Reverse((key, Reverse(link)));
        if key == 0 {
            return;
        }
        if self.best.len() < FOREMOST {
            self.best.push(entry);
        } else if let Some(mut least) = self.best.peek_mut()
            && entry < *least
        {
            *least = entry;
        }
    }

    /// Ends the walk: puts the best children first, in their order.
    pub(super) fn settle<K: Ord>(&mut self, order: &mut Order, branch: u32, now: Stamp, name: impl Fn(&Link) -> K) {
        let best = std::mem::take(&mut self.best).into_sorted_vec();
        let best: Vec<u32> = best.into_iter().map(|Reverse((_, Reverse(link)))| link).collect();
        self.lead(order, branch, best, name);
        (self.next, self.done) = (0, Some(now));
    }

    /// Puts all children back among the others.
    pub(super) fn dissolve<K: Ord>(mut self, order: &mut Order, branch: u32, name: impl Fn(&Link) -> K) {
        self.lead(order, branch, Vec::new(), name);
    }

    fn lead<K: Ord>(&mut self, order: &mut Order, branch: u32, best: Vec<u32>, name: impl Fn(&Link) -> K) {
        let stay: HashSet<u32> = best.iter().copied().collect();
        for &link in self.front.iter().filter(|link| !stay.contains(*link)) {
            order.move_back(branch, link, &name);
        }
        // Those at the end that stand right already can stay there.
        let kept: Vec<u32> = self.front.iter().copied().filter(|link| stay.contains(link)).collect();
        let right = best.iter().rev().zip(kept.iter().rev()).take_while(|(one, other)| one == other).count();
        for &link in best[..best.len() - right].iter().rev() {
            order.move_first(branch, link);
        }
        self.front = best;
    }
}
