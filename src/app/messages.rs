//! The message pane: a window on the log that follows the newest or stands still.

use crate::store::{NodeId, Scope, Seq, Store, View};

/// How many messages one frame looks at while a branch is searched, so that a key never waits.
const SLICE: usize = 200_000;

/// The window on the log.
#[derive(Debug)]
pub struct Messages {
    /// The messages of the branch.
    pub view: View,
    /// The branch; nothing stands for all topics.
    pub branch: Option<NodeId>,
    /// Whether the branch stays when the cursor of the tree moves.
    pub pinned: bool,
    /// Whether the newest message is selected as it comes.
    pub follow: bool,
    /// The selected message.
    pub selected: Option<Seq>,
    /// The first visible message while the log stands still.
    top: Option<Seq>,
    /// How many messages the view had when it was frozen, to say how many are new.
    end: Option<Seq>,
    /// Whether the view still has to look at older messages.
    pub searching: bool,
}

impl Default for Messages {
    fn default() -> Self {
        Self {
            view: View::new(Scope::All),
            branch: None,
            pinned: false,
            follow: true,
            selected: None,
            top: None,
            end: None,
            searching: false,
        }
    }
}

impl Messages {
    /// Shows another branch, from its newest message on.
    pub fn show(&mut self, branch: Option<NodeId>) {
        if self.branch == branch {
            return;
        }
        self.branch = branch;
        self.view = View::new(branch.map_or(Scope::All, Scope::Branch));
        self.set_follow(true);
    }

    /// Follows the newest message, or stands still where it is.
    pub fn set_follow(&mut self, follow: bool) {
        self.follow = follow;
        if follow {
            self.selected = None;
            self.top = None;
            self.end = None;
        } else {
            self.end = self.view.len().checked_sub(1).and_then(|last| self.view.get(last));
        }
    }

    /// Returns the index of the selected message in the view.
    #[must_use]
    pub fn row(&self) -> usize {
        let last = self.view.len().saturating_sub(1);
        self.selected.map_or(last, |seq| self.view.position(seq).min(last))
    }

    /// Returns the index of the first visible message when `rows` are shown.
    #[must_use]
    pub fn first(&self, rows: usize) -> usize {
        let furthest = self.view.len().saturating_sub(rows);
        match self.top {
            Some(top) if !self.follow => self.view.position(top).min(furthest),
            _ => furthest,
        }
    }

    /// Returns how many messages came since the log stands still.
    #[must_use]
    pub fn new_below(&self) -> usize {
        self.end.map_or(0, |end| self.view.len().saturating_sub(self.view.position(end) + 1))
    }

    /// Moves the selection by rows; moving away from the newest freezes.
    pub fn step(&mut self, by: isize, rows: usize) {
        let last = self.view.len().saturating_sub(1);
        self.go_to(self.row().saturating_add_signed(by).min(last), rows);
    }

    /// Selects a row; anything but the newest freezes.
    pub fn go_to(&mut self, row: usize, rows: usize) {
        if self.follow {
            if row + 1 >= self.view.len() {
                return;
            }
            let first = self.first(rows);
            self.set_follow(false);
            self.top = self.view.get(first);
        }
        self.selected = self.view.get(row);
    }

    /// Stands still at a message of the log of all topics.
    pub fn reveal(&mut self, seq: Seq) {
        self.show(None);
        self.set_follow(false);
        self.selected = Some(seq);
        self.top = None;
    }

    /// Freezes with the window as it is, or follows again.
    pub fn toggle_follow(&mut self, rows: usize) {
        if self.follow {
            let (first, row) = (self.first(rows), self.row());
            self.set_follow(false);
            self.top = self.view.get(first);
            self.selected = self.view.get(row);
        } else {
            self.set_follow(true);
        }
    }

    /// Takes in what the store has got, and scrolls so that the selection is among `rows` visible rows.
    pub fn prepare(&mut self, store: &Store, rows: usize) {
        let rows = rows.max(1);
        self.searching = !self.view.catch_up(store, SLICE);
        let last = self.view.len().checked_sub(1);
        if self.follow {
            self.selected = last.and_then(|last| self.view.get(last));
            return;
        }
        let row = self.row();
        self.selected = self.view.get(row);
        let first = self.first(rows).min(row).max((row + 1).saturating_sub(rows));
        self.top = self.view.get(first);
    }
}
