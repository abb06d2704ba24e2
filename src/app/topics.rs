//! The topic pane: where the cursor is in the tree.

use crate::store::{NodeId, Store};

/// The row of the cursor; the first row stands for all topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cursor {
    /// The row `all topics`.
    #[default]
    All,
    /// A branch or a topic.
    Node(NodeId),
}

impl Cursor {
    /// Returns the node, nothing for all topics.
    #[must_use]
    pub fn node(self) -> Option<NodeId> {
        match self {
            Self::All => None,
            Self::Node(node) => Some(node),
        }
    }
}

/// Cursor and scroll position of the topic tree.
#[derive(Debug, Default)]
pub struct Topics {
    /// The row of the cursor.
    pub cursor: Cursor,
    /// The first visible row; row 0 stands for all topics.
    pub top: usize,
    /// The line of the cursor on the screen when it was last drawn, so that a growing tree does not move it.
    line: usize,
    /// Whether the cursor was moved since it was last drawn.
    moved: bool,
}

impl Topics {
    /// Returns the row of the cursor, counted from the row of all topics.
    #[must_use]
    pub fn row(&self, store: &Store) -> usize {
        match self.cursor {
            Cursor::All => 0,
            Cursor::Node(node) => store.tree().row_of(node).map_or(0, |row| row + 1),
        }
    }

    /// Moves the cursor by rows, and stops at the ends.
    pub fn step(&mut self, store: &Store, by: isize) {
        let last = store.tree().rows();
        self.go_to(store, self.row(store).saturating_add_signed(by).min(last));
    }

    /// Puts the cursor on a row; 0 stands for all topics.
    pub fn go_to(&mut self, store: &Store, row: usize) {
        self.cursor = match row.checked_sub(1).and_then(|row| store.tree().row(row)) {
            Some(row) => Cursor::Node(row.node),
            None => Cursor::All,
        };
        self.moved = true;
    }

    /// Puts the cursor on a node.
    pub fn select(&mut self, node: Option<NodeId>) {
        self.cursor = node.map_or(Cursor::All, Cursor::Node);
        self.moved = true;
    }

    /// Opens or closes the branch under the cursor; returns whether there is one.
    pub fn toggle(&mut self, store: &mut Store) -> bool {
        let Some((node, open)) = self.branch(store) else { return false };
        store.tree_mut().set_open(node, !open);
        true
    }

    /// Opens the branch under the cursor, or goes to its first row when it is open; returns whether there is one.
    pub fn expand(&mut self, store: &mut Store) -> bool {
        match (self.cursor, self.branch(store)) {
            (Cursor::All, _) | (_, Some((_, true))) => self.step(store, 1),
            (Cursor::Node(_), Some((node, false))) => store.tree_mut().set_open(node, true),
            (Cursor::Node(_), None) => return false,
        }
        true
    }

    /// Closes the branch under the cursor, or goes to its parent.
    pub fn collapse(&mut self, store: &mut Store) {
        match (self.cursor, self.branch(store)) {
            (_, Some((node, true))) => store.tree_mut().set_open(node, false),
            (Cursor::Node(node), _) => self.select(store.tree().parent(node)),
            (Cursor::All, _) => {}
        }
    }

    /// Returns the branch under the cursor and whether it is open, nothing where nothing is below.
    fn branch(&self, store: &Store) -> Option<(NodeId, bool)> {
        let node = self.cursor.node()?;
        store.tree().first_child(Some(node)).map(|_| (node, store.tree().is_open(node)))
    }

    /// Scrolls so that the cursor is among `rows` visible rows, and stays on its line while the tree grows.
    pub fn prepare(&mut self, store: &Store, rows: usize) {
        let rows = rows.max(1);
        let row = self.row(store);
        let total = store.tree().rows() + 1;
        if !self.moved && self.cursor != Cursor::All {
            self.top = row.saturating_sub(self.line);
        }
        self.top = self.top.min(row).max((row + 1).saturating_sub(rows)).min(total.saturating_sub(rows));
        self.line = row - self.top;
        self.moved = false;
    }
}
