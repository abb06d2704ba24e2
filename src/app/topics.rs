//! The topic pane: where the cursor is in the tree.

use std::iter::successors;

use super::workspace::{Pane, Workspace};
use crate::{
    base::clock::Stamp,
    store::{Busiest, NodeId, Sort, Store, TopicFilter},
};

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

/// How many nodes are asked whether a filter lets them through, between two looks for a key.
const NARROW_SLICE: usize = 5_000;

/// How many rows are asked for the next topic of the last filter, between two looks for a key.
const SEEK_SLICE: usize = 5_000;

/// How many nodes are looked at for the flat list, between two looks for a key.
const FLAT_SLICE: usize = 40_000;

/// Cursor and scroll position of the topics, as a tree or as a list.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Topics {
    /// The row of the cursor.
    pub cursor: Cursor,
    /// The first visible row; row 0 stands for all topics.
    pub top: usize,
    /// The line of the cursor on the screen when it was last drawn, so that a growing tree does not move it.
    line: usize,
    /// Whether the cursor was moved since it was last drawn.
    moved: bool,
    /// The last filter, to go from one of its topics to the next among all.
    searched: Option<TopicFilter>,
    /// Whether its words are marked although it is not in force.
    marks_searched: bool,
    /// The row where the next topic of the last filter is looked for, and whether backwards.
    jump: Option<(usize, bool)>,
    /// The text of the filter.
    filter: Option<String>,
    /// What the filter marks.
    marks: TopicFilter,
    /// The busiest topics, when they are shown instead of the tree.
    flat: Option<Busiest>,
    /// Whether the filter still has to be asked about some topics, or the list is not complete.
    pub searching: bool,
    /// Whether some branches are not in their order yet.
    pub arranging: bool,
}

impl Topics {
    /// Returns the text of the filter.
    #[must_use]
    pub fn filter(&self) -> Option<&str> {
        self.filter.as_deref()
    }

    /// Returns what the filter marks.
    #[must_use]
    pub fn marks(&self) -> Option<&TopicFilter> {
        let searched = self.searched.as_ref().filter(|_| self.marks_searched);
        self.filter.as_ref().map(|_| &self.marks).or(searched)
    }

    /// Shows only the topics that a filter lets through, and what is above and below them.
    pub fn set_filter(&mut self, store: &mut Store, text: &str, filter: TopicFilter) {
        self.jump = None;
        self.marks_searched = false;
        if self.filter().unwrap_or_default() == text {
            return;
        }
        self.filter = (!filter.is_empty()).then(|| text.to_owned());
        self.marks = filter.clone();
        store.tree_mut().narrow(filter);
        match (&self.filter, self.cursor) {
            (Some(_), _) => (self.top, self.moved) = (0, true),
            (None, Cursor::Node(node)) => {
                store.tree_mut().reveal(node);
                self.moved = true;
            }
            (None, Cursor::All) => {}
        }
        if let Some(flat) = &mut self.flat {
            flat.restart();
        }
    }

    /// Keeps the filter for [`Self::seek`], after it is cleared as well.
    pub fn remember_filter(&mut self) {
        if self.filter.is_some() {
            self.searched = Some(self.marks.clone());
        }
    }

    /// Tells whether there was a filter.
    #[must_use]
    pub fn has_searched(&self) -> bool {
        self.searched.is_some()
    }

    /// Goes to the next visible topic of the last filter, or back to the one before.
    pub fn seek(&mut self, store: &Store, back: bool) {
        self.marks_searched = true;
        let row = self.row(store);
        self.jump = if back { row.checked_sub(1) } else { row.checked_add(1) }.map(|next| (next, back));
    }

    /// Tells whether the next topic of the last filter is being looked for.
    #[must_use]
    pub fn is_seeking(&self) -> bool {
        self.jump.is_some()
    }

    /// Looks on for the next topic of the last filter; tells when there is none.
    pub fn seek_on(&mut self, store: &Store) -> bool {
        let (Some((mut row, back)), Some(filter)) = (self.jump.take(), &self.searched) else { return false };
        for _ in 0..SEEK_SLICE {
            let Some(node) = self.node(store, row) else { return true };
            if filter.matches(store.tree().topic(node), false) {
                self.select(Some(node));
                return false;
            }
            row = if back { row - 1 } else { row + 1 };
        }
        self.jump = Some((row, back));
        false
    }

    /// Returns by what the rows are ordered.
    #[must_use]
    pub fn sort(&self, store: &Store) -> Sort {
        self.flat.as_ref().map_or_else(|| store.tree().sort(), Busiest::sort)
    }

    /// Orders the rows by the next of what they can be ordered by.
    pub fn next_sort(&mut self, store: &mut Store) {
        let at = Sort::ALL.iter().position(|sort| *sort == self.sort(store)).map_or(0, |at| at + 1);
        let sort = Sort::ALL.get(at).copied().unwrap_or_default();
        match (&mut self.flat, sort) {
            (Some(flat), Sort::Name) => *flat = Busiest::new(Sort::Rate),
            (Some(flat), Sort::Rate | Sort::Count | Sort::Last | Sort::Size) => *flat = Busiest::new(sort),
            (None, _) => store.tree_mut().set_sort(sort),
        }
    }

    /// Tells whether the topics are one list without levels.
    #[must_use]
    pub fn is_flat(&self) -> bool {
        self.flat.is_some()
    }

    /// Shows the busiest topics in one list, or the tree again.
    pub fn toggle_flat(&mut self, store: &mut Store) {
        self.flat = if self.flat.is_some() { None } else { Some(Busiest::new(Sort::Rate)) };
        self.moved = true;
        if let (None, Cursor::Node(node)) = (&self.flat, self.cursor) {
            store.tree_mut().reveal(node);
        }
    }

    /// Returns how many rows there are below that of all topics.
    #[must_use]
    pub fn rows(&self, store: &Store) -> usize {
        self.flat.as_ref().map_or_else(|| store.tree().rows(), |flat| flat.nodes().len())
    }

    /// Returns the nodes of the list from an index on.
    #[must_use]
    pub fn flat_from(&self, index: usize) -> &[NodeId] {
        self.flat.as_ref().and_then(|flat| flat.nodes().get(index..)).unwrap_or_default()
    }

    /// Returns the row of the cursor, counted from the row of all topics; while it is hidden, that of the branch above it.
    #[must_use]
    pub fn row(&self, store: &Store) -> usize {
        let Cursor::Node(node) = self.cursor else { return 0 };
        let tree = store.tree();
        let row = match &self.flat {
            None => successors(Some(node), |node| tree.parent(*node)).find_map(|node| tree.row_of(node)),
            Some(flat) => flat.nodes().iter().position(|listed| *listed == node),
        };
        row.map_or(0, |row| row + 1)
    }

    /// Moves the cursor by rows, and stops at the ends.
    pub fn step(&mut self, store: &Store, by: isize) {
        let last = self.rows(store);
        self.go_to(store, self.row(store).saturating_add_signed(by).min(last));
    }

    /// Puts the cursor on a row; 0 stands for all topics.
    pub fn go_to(&mut self, store: &Store, row: usize) {
        self.select(self.node(store, row));
    }

    /// Returns the node of a row, nothing for that of all topics and beyond the end.
    fn node(&self, store: &Store, row: usize) -> Option<NodeId> {
        let row = row.checked_sub(1)?;
        match &self.flat {
            None => store.tree().row(row).map(|row| row.node),
            Some(flat) => flat.nodes().get(row).copied(),
        }
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
            (Cursor::Node(_), None) if self.is_flat() => self.select(None),
            (Cursor::Node(node), _) => self.select(store.tree().parent(node)),
            (Cursor::All, _) => {}
        }
    }

    /// Returns the branch under the cursor and whether it is open, nothing where nothing is below.
    fn branch(&self, store: &Store) -> Option<(NodeId, bool)> {
        let node = self.cursor.node().filter(|_| !self.is_flat())?;
        store.tree().first_child(Some(node)).map(|_| (node, store.tree().is_open(node)))
    }

    /// Goes on asking the filter, and making the list, a bounded part at a time.
    pub fn advance(&mut self, store: &mut Store, now: Stamp) {
        let narrowed = store.tree_mut().narrow_on(NARROW_SLICE);
        let listed = self.flat.as_mut().is_none_or(|flat| flat.follow(store.tree(), now, FLAT_SLICE));
        self.searching = !(narrowed && listed);
    }

    /// Scrolls so that the cursor is among `rows` visible rows, and stays on its line while the tree grows.
    pub fn prepare(&mut self, store: &mut Store, now: Stamp, rows: usize) {
        let rows = rows.max(1);
        self.advance(store, now);
        self.arranging = false;
        // What was just chosen shall not run away.
        if !self.moved && self.flat.is_none() {
            let first = self.top.saturating_sub(1);
            self.arranging = !store.tree_mut().arrange(first..first + rows, now);
        }
        let row = self.row(store);
        let total = self.rows(store) + 1;
        if !self.moved && self.cursor != Cursor::All {
            self.top = row.saturating_sub(self.line);
        }
        self.top = self.top.min(row).max((row + 1).saturating_sub(rows)).min(total.saturating_sub(rows));
        self.line = row - self.top;
        self.moved = false;
    }
}

impl Workspace {
    /// Opens or closes the branch under the cursor; goes to the messages of a topic that has nothing below.
    pub fn open_topic(&mut self) {
        if !self.topics.toggle(&mut self.store) {
            self.focus = Pane::Messages;
        }
        self.follow_cursor();
    }

    /// Opens the branch under the cursor, or goes on to what is in it.
    pub fn expand_topic(&mut self) {
        if !self.topics.expand(&mut self.store) {
            self.focus = Pane::Messages;
        }
        self.follow_cursor();
    }

    /// Closes the branch under the cursor, or goes to its parent.
    pub fn collapse_topic(&mut self) {
        self.topics.collapse(&mut self.store);
        self.follow_cursor();
    }

    /// Opens or closes the branch under the cursor.
    pub fn toggle_topic(&mut self) {
        self.topics.toggle(&mut self.store);
    }

    /// Opens or closes everything below the cursor.
    pub fn open_below(&mut self, open: bool) {
        self.store.tree_mut().set_open_below(self.topics.cursor.node(), open);
    }
}
