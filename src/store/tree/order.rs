//! The order of the tree: siblings in a treap each, counted so that a row is found without flattening anything.
//!
//! The treap of a branch's children hangs below its link `children`. Every link counts the rows of its treap subtree, the
//! rows below open nodes included, so that the way to a row is a descent and the index of a node is a climb. Links are
//! indices into one vector and every walk is a loop: neither a hostile depth nor a hostile width can cost more than it
//! has.

mod arrange;

use std::cmp::Ordering;

use hashbrown::HashMap;

use super::foremost::Foremost;
use super::texts::Text;
use crate::base::clock::Stamp;

/// The invisible root, parent of the first levels; as a link to a sibling or child it means "none".
pub(super) const ROOT: u32 = 0;

/// A node's place among its siblings, and its name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    /// The parent in the treap, or at the treap's root the branch that owns the treap.
    up: u32,
    left: u32,
    right: u32,
    /// The root of the treap of the children.
    children: u32,
    /// Visible rows of the treap subtree, counted as if all above were open.
    rows: u32,
    /// The interned text that starts with the node's path.
    pub(super) text: Text,
    /// Where in that text the name of this level starts.
    pub(super) start: u16,
    /// Where in that text the path ends.
    pub(super) end: u16,
    /// Levels above this one.
    pub(super) depth: u8,
    open: bool,
    /// Whether it stands before the siblings that are by name.
    first: bool,
    /// Whether the broker is known to hold a retained message for this topic.
    pub(super) retained: bool,
}

impl Link {
    /// Makes a link that is attached nowhere.
    pub(super) fn new(text: Text, start: u16, end: u16, depth: u8) -> Self {
        Self {
            up: ROOT,
            left: ROOT,
            right: ROOT,
            children: ROOT,
            rows: 0,
            text,
            start,
            end,
            depth,
            open: false,
            first: false,
            retained: false,
        }
    }

    /// Tells whether the children are shown.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Tells whether there is anything below.
    pub(super) fn has_children(&self) -> bool {
        self.children != ROOT
    }
}

/// Where a new node belongs in a treap.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// The first child of a branch.
    Only(u32),
    /// To the left of a sibling that has none there.
    Left(u32),
    /// To the right of a sibling that has none there.
    Right(u32),
}

/// All links of a tree.
#[derive(Debug)]
pub(super) struct Order {
    links: Vec<Link>,
    /// Makes priorities unpredictable: who knows them could publish topics that make a treap a list.
    seed: u32,
    /// The branches whose children are not in the order of their names, with when that was done.
    arranged: HashMap<u32, Stamp>,
    /// The branches with too many children for that, and which of these come first.
    pub(super) foremost: HashMap<u32, Foremost>,
}

impl Order {
    /// Makes the order of a tree that has only its root.
    pub(super) fn new(seed: u32) -> Self {
        let mut root = Link::new(Text::EMPTY, 0, 0, 0);
        root.open = true;
        Self { links: vec![root], seed, arranged: HashMap::new(), foremost: HashMap::new() }
    }

    /// Returns how many links there are, the root included.
    pub(super) fn len(&self) -> usize {
        self.links.len()
    }

    /// Returns the memory taken.
    pub(super) fn bytes(&self) -> usize {
        self.links.capacity() * size_of::<Link>()
    }

    /// Returns a link, nothing when it is not of this tree.
    pub(super) fn link(&self, node: u32) -> Option<&Link> {
        self.links.get(node as usize)
    }

    /// Returns a link that exists.
    pub(super) fn at(&self, node: u32) -> &Link {
        &self.links[node as usize]
    }

    /// Returns a link that exists, for its marks.
    pub(super) fn at_mut(&mut self, node: u32) -> &mut Link {
        &mut self.links[node as usize]
    }

    /// Returns the number of visible rows.
    pub(super) fn rows(&self) -> usize {
        self.rows_of(self.at(ROOT).children) as usize
    }

    /// Finds the place of a new child; `compare` tells how the new one stands to a sibling by name.
    ///
    /// Among children that are in another order it is the last until they are arranged again.
    pub(super) fn place(&self, branch: u32, compare: impl Fn(&Link) -> Ordering) -> Place {
        let by_name = !self.arranged.contains_key(&branch);
        let mut next = self.at(branch).children;
        let mut place = Place::Only(branch);
        while next != ROOT {
            let link = self.at(next);
            if by_name && !link.first && compare(link) == Ordering::Less {
                place = Place::Left(next);
                next = link.left;
            } else {
                place = Place::Right(next);
                next = link.right;
            }
        }
        place
    }

    /// Adds a link at a place that [`Self::place`] found, and returns its number.
    pub(super) fn attach(&mut self, place: Place, link: Link) -> u32 {
        let node = u32::try_from(self.links.len()).expect("the tree's byte limit keeps the number of nodes below 2^31");
        super::push(&mut self.links, link);
        self.hang(place, node, 1);
        node
    }

    /// Hangs a link, which has so many rows, into a treap.
    fn hang(&mut self, place: Place, node: u32, rows: u32) {
        let up = match place {
            Place::Only(up) | Place::Left(up) | Place::Right(up) => up,
        };
        let above = self.at_mut(up);
        match place {
            Place::Only(_) => above.children = node,
            Place::Left(_) => above.left = node,
            Place::Right(_) => above.right = node,
        }
        let link = self.at_mut(node);
        (link.up, link.left, link.right, link.rows) = (up, ROOT, ROOT, 0);
        self.shift(node, rows);
        while !self.tops(node) && self.priority(node) > self.priority(self.at(node).up) {
            self.rotate(node);
        }
    }

    /// Takes a link out of its treap, and returns how many rows it had.
    fn unhang(&mut self, node: u32) -> u32 {
        // Turned down until nothing hangs below it, it can go.
        loop {
            let Link { left, right, .. } = *self.at(node);
            match (left, right) {
                (ROOT, ROOT) => break,
                (only, ROOT) | (ROOT, only) => self.rotate(only),
                (left, right) if self.priority(left) > self.priority(right) => self.rotate(left),
                (_, right) => self.rotate(right),
            }
        }
        let rows = self.rows_of(node);
        self.shift(node, rows.wrapping_neg());
        let up = self.at(node).up;
        let above = self.at_mut(up);
        if above.children == node {
            above.children = ROOT;
        } else if above.left == node {
            above.left = ROOT;
        } else {
            above.right = ROOT;
        }
        rows
    }

    /// Opens or closes a node that has children.
    pub(super) fn set_open(&mut self, node: u32, open: bool) {
        let link = self.at_mut(node);
        if node == ROOT || link.children == ROOT || link.open == open {
            return;
        }
        link.open = open;
        let below = self.rows_of(self.at(node).children);
        self.shift(node, if open { below } else { below.wrapping_neg() });
    }

    /// Returns the node of a row.
    pub(super) fn row(&self, index: usize) -> Option<u32> {
        let mut left_over = u32::try_from(index).ok().filter(|&index| index < self.rows_of(self.at(ROOT).children))?;
        let mut node = self.at(ROOT).children;
        loop {
            let link = self.at(node);
            let before = self.rows_of(link.left);
            if left_over < before {
                node = link.left;
                continue;
            }
            left_over -= before;
            if left_over == 0 {
                return Some(node);
            }
            left_over -= 1;
            let below = if link.open { self.rows_of(link.children) } else { 0 };
            if left_over < below {
                node = link.children;
            } else {
                left_over -= below;
                node = link.right;
            }
        }
    }

    /// Returns the row of a node, nothing while a closed node hides it.
    pub(super) fn row_of(&self, node: u32) -> Option<usize> {
        if node == ROOT {
            return None;
        }
        let mut index = self.rows_of(self.at(node).left);
        let mut node = node;
        loop {
            let up = self.at(node).up;
            let above = self.at(up);
            if above.children == node {
                if up == ROOT {
                    return Some(index as usize);
                }
                if !above.open {
                    return None;
                }
                index += 1 + self.rows_of(above.left);
            } else if above.right == node {
                index += above.rows - self.rows_of(node);
            }
            node = up;
        }
    }

    /// Returns the row after that of a visible node, [`ROOT`] at the end.
    pub(super) fn next_row(&self, node: u32) -> u32 {
        let link = self.at(node);
        if link.open && link.children != ROOT {
            return self.leftmost(link.children);
        }
        let mut node = node;
        loop {
            let next = self.next_sibling(node);
            if next != ROOT {
                return next;
            }
            node = self.parent(node);
            if node == ROOT {
                return ROOT;
            }
        }
    }

    /// Returns the first child, [`ROOT`] when there is none.
    pub(super) fn first_child(&self, node: u32) -> u32 {
        match self.at(node).children {
            ROOT => ROOT,
            children => self.leftmost(children),
        }
    }

    /// Returns the sibling after a node, [`ROOT`] when it is the last.
    pub(super) fn next_sibling(&self, node: u32) -> u32 {
        let right = self.at(node).right;
        if right != ROOT {
            return self.leftmost(right);
        }
        let mut node = node;
        while !self.tops(node) {
            let up = self.at(node).up;
            if self.at(up).left == node {
                return up;
            }
            node = up;
        }
        ROOT
    }

    /// Returns the branch that a node is in.
    pub(super) fn parent(&self, node: u32) -> u32 {
        let mut node = node;
        while !self.tops(node) {
            node = self.at(node).up;
        }
        self.at(node).up
    }

    fn leftmost(&self, node: u32) -> u32 {
        let mut node = node;
        while self.at(node).left != ROOT {
            node = self.at(node).left;
        }
        node
    }

    /// Tells whether a node is the root of its siblings' treap.
    ///
    /// Its `up` is then the branch; a sibling's `children` can never be the node.
    fn tops(&self, node: u32) -> bool {
        self.at(self.at(node).up).children == node
    }

    /// The root's own count stays zero, so that "none" counts nothing.
    fn rows_of(&self, node: u32) -> u32 {
        self.at(node).rows
    }

    /// Adds rows (modulo 2^32) to a node and to all that count it, up to the first closed branch.
    fn shift(&mut self, node: u32, rows: u32) {
        let mut node = node;
        while node != ROOT {
            let link = self.at_mut(node);
            link.rows = link.rows.wrapping_add(rows);
            let up = link.up;
            let above = self.at(up);
            if above.children == node && !above.open {
                return;
            }
            node = up;
        }
    }

    /// Moves a node above its treap parent.
    fn rotate(&mut self, node: u32) {
        let up = self.at(node).up;
        let above = self.at(up).up;
        let moved;
        if self.at(up).left == node {
            moved = self.at(node).right;
            self.at_mut(up).left = moved;
            self.at_mut(node).right = up;
        } else {
            moved = self.at(node).left;
            self.at_mut(up).right = moved;
            self.at_mut(node).left = up;
        }
        if moved != ROOT {
            self.at_mut(moved).up = up;
        }
        self.at_mut(node).up = above;
        self.at_mut(up).up = node;
        let owner = self.at_mut(above);
        if owner.children == up {
            owner.children = node;
        } else if owner.left == up {
            owner.left = node;
        } else {
            owner.right = node;
        }
        self.recount(up);
        self.recount(node);
    }

    fn recount(&mut self, node: u32) {
        let link = *self.at(node);
        let below = if link.open { self.rows_of(link.children) } else { 0 };
        self.at_mut(node).rows = 1 + below + self.rows_of(link.left) + self.rows_of(link.right);
    }

    /// Mixes a node's number with the seed (the finaliser of `MurmurHash3`).
    fn priority(&self, node: u32) -> u32 {
        let mut hash = node ^ self.seed;
        hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
        hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
        hash ^ (hash >> 16)
    }

    /// Returns the longest way down in the treap of a branch, to hold its balance in tests.
    #[cfg(test)]
    pub(super) fn height(&self, branch: u32) -> usize {
        let mut level = vec![self.at(branch).children];
        let mut height = 0;
        loop {
            level =
                level.iter().filter(|&&node| node != ROOT).flat_map(|&node| [self.at(node).left, self.at(node).right]).collect();
            if level.is_empty() {
                return height;
            }
            height += 1;
        }
    }
}
