//! The order of siblings: by name, or by something that changes, then arranged again from time to time.

use std::cmp::Reverse;
use std::ops::Range;
use std::time::Duration;

use hashbrown::HashSet;

use super::foremost::Foremost;
use super::order::ROOT;
use super::tally::Tally;
use super::{Tree, by_name, is_hidden, name};
use crate::base::clock::Stamp;

/// How long siblings stay in their order at least, so that a row can be read.
const REST: Duration = Duration::from_secs(1);

/// The most siblings that are sorted as a whole.
const MOST: usize = 5_000;

/// How many nodes are looked at in one frame.
const BUDGET: usize = 20_000;

/// By what siblings are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// Their names.
    #[default]
    Name,
    /// Messages a second, the most first.
    Rate,
    /// Messages received, the most first.
    Count,
    /// The last arrival, the newest first, to the second.
    Last,
    /// Payload bytes received, the most first.
    Size,
}

impl Sort {
    /// All orders, in the order of their key.
    pub const ALL: [Self; 5] = [Self::Name, Self::Rate, Self::Count, Self::Last, Self::Size];

    /// Returns the word in a title.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Rate => "rate",
            Self::Count => "count",
            Self::Last => "last change",
            Self::Size => "size",
        }
    }

    /// Returns what is compared; equal for all by name.
    pub(super) fn key(self, tally: &Tally, now: Stamp) -> u64 {
        match self {
            Self::Name => 0,
            Self::Rate => coarse(tally.rate(now)),
            Self::Count => tally.messages(),
            Self::Last => tally.second(),
            Self::Size => tally.bytes(),
        }
    }
}

/// Rounds a rate to about two digits, so that neighbours do not change places for nothing.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is not negative, and rounding is meant")]
fn coarse(rate: f64) -> u64 {
    let hundredths = (rate * 100.0).round() as u64;
    let digits = hundredths.checked_ilog10().unwrap_or(0);
    let step = 10_u64.pow(digits.saturating_sub(1));
    hundredths / step * step
}

impl Tree {
    /// Returns the order of siblings.
    #[must_use]
    pub fn sort(&self) -> Sort {
        self.sort
    }

    /// Chooses the order of siblings; but for names it shows where [`Tree::arrange`] is told to.
    pub fn set_sort(&mut self, sort: Sort) {
        self.sort = sort;
        let texts = &self.texts;
        for order in [Some(&mut self.order), self.narrow.as_mut().map(|narrow| narrow.order_mut())].into_iter().flatten() {
            for branch in order.out_of_order() {
                order.arrange(branch, None, usize::MAX, |_, link| by_name(texts, branch, link));
            }
            if sort != Sort::Name {
                order.foremost.values_mut().for_each(Foremost::restart);
                continue;
            }
            for (branch, foremost) in std::mem::take(&mut order.foremost) {
                foremost.dissolve(order, branch, |link| by_name(texts, branch, link));
            }
        }
    }

    /// Brings the branches that have a part in some visible rows into the order of siblings, each at most once a second.
    ///
    /// It looks at no more nodes than a frame has time for, and tells whether that was all there is to do now. Of a branch
    /// with more than 5,000 children only the first 500 are in this order; the others follow by name.
    pub fn arrange(&mut self, rows: Range<usize>, now: Stamp) -> bool {
        if self.sort == Sort::Name {
            return true;
        }
        let mut due: HashSet<u32> = HashSet::from_iter([ROOT]);
        for row in self.rows_from(rows.start, rows.len()) {
            let mut branch = self.parent(row.node);
            while let Some(above) = branch.filter(|above| due.insert(above.0)) {
                branch = self.parent(above);
            }
        }
        let mut budget = BUDGET;
        let mut is_over = true;
        for branch in due {
            is_over &= self.arrange_branch(branch, now, &mut budget);
        }
        is_over
    }

    /// Brings one branch into order; tells whether nothing is left to do now.
    fn arrange_branch(&mut self, branch: u32, now: Stamp, budget: &mut usize) -> bool {
        let Self { order, tallies, texts, narrow, sort, .. } = self;
        let (order, link, nodes) = match narrow {
            None => (order, Some(branch), None),
            Some(narrow) => {
                let link = narrow.link(branch);
                let (order, nodes) = narrow.parts_mut();
                (order, link, Some(nodes))
            }
        };
        let Some(link) = link else { return true };
        if order.arranged(link).is_some_and(|at| now.since(at) < REST) {
            return true;
        }
        if *budget == 0 {
            return false;
        }
        let node_of = |link: u32| nodes.map_or(link, |nodes| nodes[link as usize].0);
        if !order.foremost.contains_key(&link) {
            let arranged = order.arrange(link, Some(now), MOST, |child, link| {
                (is_hidden(branch, name(texts, link)), Reverse(sort.key(&tallies[node_of(child) as usize], now)))
            });
            if let Some(count) = arranged {
                *budget = budget.saturating_sub(count);
                return true;
            }
            // It may have grown since it was arranged as a whole.
            if order.arranged(link).is_some() {
                order.arrange(link, None, usize::MAX, |_, link| by_name(texts, branch, link));
            }
        }
        let mut foremost = order.foremost.remove(&link).unwrap_or_default();
        let nodes = u32::try_from(order.len()).unwrap_or(u32::MAX);
        let rests = foremost.rests(now, order.len());
        while !rests && *budget > 0 && foremost.next < nodes {
            let child = foremost.next;
            let tally = &tallies[node_of(child) as usize];
            if child != ROOT && tally.parent == branch && !is_hidden(branch, name(texts, order.at(child))) {
                foremost.look(child, sort.key(tally, now));
            }
            foremost.next += 1;
            *budget -= 1;
        }
        let is_over = foremost.next == nodes;
        if is_over {
            foremost.settle(order, link, now, |link| by_name(texts, branch, link));
        }
        order.foremost.insert(link, foremost);
        is_over || rests
    }
}
