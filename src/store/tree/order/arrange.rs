//! Another order of siblings than by name: all of a branch at once, or one moved at a time.

use super::{Link, Order, Place, ROOT};
use crate::base::clock::Stamp;

impl Order {
    /// Returns when the children of a branch were arranged; nothing where they are by name.
    pub(in crate::store::tree) fn arranged(&self, branch: u32) -> Option<Stamp> {
        self.arranged.get(&branch).copied()
    }

    /// Returns the branches whose children are not in the order of their names.
    pub(in crate::store::tree) fn out_of_order(&self) -> Vec<u32> {
        self.arranged.keys().copied().collect()
    }

    /// Puts the children of a branch in the order of `key`, unless there are more than `most`; equal ones stay as they are.
    ///
    /// `at` is the moment for an order that changes, nothing when it is that of the names. Returns how many there are.
    pub(in crate::store::tree) fn arrange<K: Ord>(
        &mut self,
        branch: u32,
        at: Option<Stamp>,
        most: usize,
        key: impl Fn(u32, &Link) -> K,
    ) -> Option<usize> {
        let mut children = Vec::new();
        let mut next = self.first_child(branch);
        while next != ROOT {
            children.push(next);
            next = self.next_sibling(next);
            if children.len() > most {
                return None;
            }
        }
        let count = children.len();
        match at {
            Some(at) => drop(self.arranged.insert(branch, at)),
            None => drop(self.arranged.remove(&branch)),
        }
        let mut keyed: Vec<(K, u32)> = children.into_iter().map(|child| (key(child, self.at(child)), child)).collect();
        if !keyed.is_sorted_by(|one, other| one.0 <= other.0) {
            keyed.sort_by(|one, other| one.0.cmp(&other.0));
            self.relink(branch, keyed.iter().map(|(_, child)| *child));
        }
        Some(count)
    }

    /// Makes the treap of a branch anew from its children in their order.
    fn relink(&mut self, branch: u32, children: impl Iterator<Item = u32>) {
        // The way down along the right, on which the next child belongs; what leaves it is complete.
        let mut spine: Vec<u32> = Vec::new();
        for child in children {
            let mut left = ROOT;
            while let Some(last) = spine.pop_if(|last| self.priority(*last) < self.priority(child)) {
                self.recount(last);
                left = last;
            }
            let link = self.at_mut(child);
            (link.left, link.right) = (left, ROOT);
            link.up = spine.last().copied().unwrap_or(branch);
            if left != ROOT {
                self.at_mut(left).up = child;
            }
            if let Some(&up) = spine.last() {
                self.at_mut(up).right = child;
            }
            spine.push(child);
        }
        self.at_mut(branch).children = spine.first().copied().unwrap_or(ROOT);
        while let Some(last) = spine.pop() {
            self.recount(last);
        }
    }

    /// Moves a child of a branch before all others.
    pub(in crate::store::tree) fn move_first(&mut self, branch: u32, node: u32) {
        let rows = self.unhang(node);
        self.at_mut(node).first = true;
        let place = match self.at(branch).children {
            ROOT => Place::Only(branch),
            children => Place::Left(self.leftmost(children)),
        };
        self.hang(place, node, rows);
    }

    /// Moves a child of a branch back to its place by name.
    pub(in crate::store::tree) fn move_back<K: Ord>(&mut self, branch: u32, node: u32, name: impl Fn(&Link) -> K) {
        let rows = self.unhang(node);
        self.at_mut(node).first = false;
        let key = name(self.at(node));
        let place = self.place(branch, |sibling| key.cmp(&name(sibling)));
        self.hang(place, node, rows);
    }
}
