//! The message pane: a window on the log that follows the newest or stands still, narrowed by a filter or not.

use crate::{
    base::clock::Stamp,
    store::{Filter, Found, NodeId, Scope, Seq, Store, View},
};

/// How many messages are looked at between two looks for a key.
const SLICE: usize = 50_000;

/// The window on the log.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Messages {
    /// The messages of the branch.
    all: View,
    /// Those of them that the filter lets through.
    narrowed: Option<Narrowed>,
    /// The branch; nothing stands for all topics.
    pub branch: Option<NodeId>,
    /// Whether the branch stays when the cursor of the tree moves.
    pub pinned: bool,
    /// Whether the newest message is selected as it comes.
    pub follow: bool,
    /// The selected message.
    pub selected: Option<Seq>,
    /// The message that was chosen while the log stands still; a filter may hide it for a while.
    chosen: Option<Seq>,
    /// The first visible message while the log stands still.
    top: Option<Seq>,
    /// The newest message when the log was frozen: where it stands still, and from where on messages are new.
    end: Option<Seq>,
    /// The newest message of all that the views have seen.
    newest: Option<Seq>,
    /// Whether the view still has to look at older messages.
    pub searching: bool,
    /// The last filter, to go from one of its messages to the next among all.
    searched: Option<Filter>,
    /// Whether its words are marked although it is not in force.
    marks_searched: bool,
    jump: Option<Jump>,
}

#[derive(Debug)]
struct Narrowed {
    text: String,
    filter: Filter,
    view: View,
}

/// The way to the next message of the last filter.
#[derive(Debug, Clone, Copy)]
struct Jump {
    next: Seq,
    back: bool,
}

impl Default for Messages {
    fn default() -> Self {
        Self {
            all: View::new(Scope::All),
            narrowed: None,
            branch: None,
            pinned: false,
            follow: true,
            selected: None,
            chosen: None,
            top: None,
            end: None,
            newest: None,
            searching: false,
            searched: None,
            marks_searched: false,
            jump: None,
        }
    }
}

impl Messages {
    /// Returns the messages that are listed.
    #[must_use]
    pub fn view(&self) -> &View {
        self.narrowed.as_ref().map_or(&self.all, |narrowed| &narrowed.view)
    }

    /// Returns how many messages the branch has, filter or not.
    #[must_use]
    pub fn total(&self) -> usize {
        self.all.len()
    }

    /// Returns the text of the filter.
    #[must_use]
    pub fn filter(&self) -> Option<&str> {
        self.narrowed.as_ref().map(|narrowed| narrowed.text.as_str())
    }

    /// Returns how much of the branch the filter was asked about, in percent, while that is not all.
    #[must_use]
    pub fn progress(&self, store: &Store) -> Option<u64> {
        let kept = store.counts().kept.max(1);
        self.searching.then(|| self.view().looked_at().saturating_mul(100) / kept)
    }

    /// Returns the filter whose words are marked.
    #[must_use]
    pub fn marks(&self) -> Option<&Filter> {
        let searched = self.searched.as_ref().filter(|_| self.marks_searched);
        self.narrowed.as_ref().map(|narrowed| &narrowed.filter).or(searched)
    }

    /// Shows another branch, from its newest message on; a log that stands still stands where it was frozen there too.
    pub fn show(&mut self, branch: Option<NodeId>) {
        if self.branch == branch {
            return;
        }
        self.branch = branch;
        self.all = View::new(self.scope());
        if let Some(narrowed) = &mut self.narrowed {
            narrowed.view = View::filtered(branch.map_or(Scope::All, Scope::Branch));
        }
        (self.selected, self.chosen, self.top) = (None, None, None);
    }

    fn scope(&self) -> Scope {
        self.branch.map_or(Scope::All, Scope::Branch)
    }

    /// Lists only what a filter lets through, around the chosen message or what is next to it; an empty one lists all again.
    pub fn set_filter(&mut self, text: &str, filter: Filter) {
        self.jump = None;
        self.marks_searched = false;
        if self.filter().unwrap_or_default() == text {
            return;
        }
        self.top = None;
        let view = || View::filtered(self.scope());
        self.narrowed = if filter.is_empty() { None } else { Some(Narrowed { text: text.to_owned(), filter, view: view() }) };
    }

    /// Keeps the filter for [`Self::seek`], after it is cleared as well.
    pub fn remember_filter(&mut self) {
        if let Some(narrowed) = &self.narrowed {
            self.searched = Some(narrowed.filter.clone());
        }
    }

    /// Tells whether there was a filter.
    #[must_use]
    pub fn has_searched(&self) -> bool {
        self.searched.is_some()
    }

    /// Goes to the next message of the last filter, or back to the one before; with a filter in force that is the next row.
    pub fn seek(&mut self, back: bool, rows: usize) {
        if self.narrowed.is_some() {
            self.step(if back { -1 } else { 1 }, rows);
            return;
        }
        let Some(at) = self.selected.or_else(|| self.all.get(self.row())) else { return };
        self.marks_searched = true;
        let next = if back { at.0.checked_sub(1) } else { at.0.checked_add(1) };
        self.jump = next.map(|next| Jump { next: Seq(next), back });
    }

    /// Tells whether the next message of the last filter is being looked for.
    #[must_use]
    pub fn is_seeking(&self) -> bool {
        self.jump.is_some()
    }

    /// Looks on for the next message of the last filter; tells when there is none.
    pub fn seek_on(&mut self, store: &Store, now: Stamp, rows: usize) -> bool {
        let (Some(jump), Some(filter)) = (self.jump, &self.searched) else { return false };
        let found = self.all.find(store, jump.next, jump.back, SLICE / filter.weight(), |entry| filter.matches(store, entry, now));
        self.jump = match found {
            Found::Further(next) => Some(Jump { next, ..jump }),
            Found::At(_) | Found::Nothing => None,
        };
        if let Found::At(seq) = found {
            self.go_to(self.all.position(seq), rows);
        }
        found == Found::Nothing
    }

    /// Follows the newest message, or stands still where it is.
    pub fn set_follow(&mut self, follow: bool) {
        self.follow = follow;
        self.chosen = self.selected.filter(|_| !follow);
        if follow {
            self.selected = None;
            self.top = None;
            self.end = None;
        } else {
            self.end = self.newest;
        }
    }

    /// Returns the index of the selected message in the view.
    #[must_use]
    pub fn row(&self) -> usize {
        let last = self.view().len().saturating_sub(1);
        match (self.selected, self.end) {
            (Some(seq), _) => self.view().position(seq).min(last),
            (None, Some(_)) => (self.view().len() - self.new_below()).saturating_sub(1),
            (None, None) => last,
        }
    }

    /// Returns the index of the first visible message when `rows` are shown.
    #[must_use]
    pub fn first(&self, rows: usize) -> usize {
        let furthest = self.view().len().saturating_sub(rows);
        match self.top {
            _ if self.follow => furthest,
            Some(top) => self.view().position(top).min(furthest),
            None => self.row().saturating_sub(rows / 2).min(furthest),
        }
    }

    /// Returns how many messages came since the log stands still.
    #[must_use]
    pub fn new_below(&self) -> usize {
        self.end.map_or(0, |end| self.view().len().saturating_sub(self.view().position(Seq(end.0.saturating_add(1)))))
    }

    /// Moves the selection by rows; moving away from the newest freezes.
    pub fn step(&mut self, by: isize, rows: usize) {
        let last = self.view().len().saturating_sub(1);
        self.go_to(self.row().saturating_add_signed(by).min(last), rows);
    }

    /// Selects a row; anything but the newest freezes.
    pub fn go_to(&mut self, row: usize, rows: usize) {
        if self.follow {
            if row + 1 >= self.view().len() {
                return;
            }
            let first = self.first(rows);
            self.set_follow(false);
            self.top = self.view().get(first);
        }
        self.choose(row);
    }

    fn choose(&mut self, row: usize) {
        self.selected = self.view().get(row);
        self.chosen = self.selected;
    }

    /// Stands still at a message of the log of all topics.
    pub fn reveal(&mut self, seq: Seq) {
        self.set_filter("", Filter::default());
        self.show(None);
        self.set_follow(false);
        (self.selected, self.chosen) = (Some(seq), Some(seq));
        self.top = None;
    }

    /// Freezes with the window as it is, or follows again.
    pub fn toggle_follow(&mut self, rows: usize) {
        if self.follow {
            let (first, row) = (self.first(rows), self.row());
            self.set_follow(false);
            self.top = self.view().get(first);
            self.choose(row);
        } else {
            self.set_follow(true);
        }
    }

    /// Takes in what the store has got, a bounded part of it at a time.
    pub fn advance(&mut self, store: &Store, now: Stamp) {
        self.newest = store.range().end.checked_sub(1).map(Seq);
        self.searching = !self.all.catch_up(store, 4 * SLICE);
        if let Some(Narrowed { filter, view, .. }) = &mut self.narrowed {
            if let Some(age) = filter.since() {
                view.forget_before(store.first_within(age, now));
            }
            self.searching |= !view.catch_up_where(store, SLICE / filter.weight(), |entry| filter.matches(store, entry, now));
        }
    }

    /// Tells whether what is listed changes by itself, since it may get too old.
    #[must_use]
    pub fn is_aging(&self) -> bool {
        self.narrowed.as_ref().is_some_and(|narrowed| narrowed.filter.since().is_some() && !narrowed.view.is_empty())
    }

    /// Takes in what the store has got, and scrolls so that the selection is among `rows` visible rows.
    pub fn prepare(&mut self, store: &Store, now: Stamp, rows: usize) {
        let rows = rows.max(1);
        self.advance(store, now);
        let last = self.view().len().checked_sub(1);
        if self.follow {
            self.selected = last.and_then(|last| self.view().get(last));
            return;
        }
        self.selected = self.chosen;
        let row = self.row();
        self.selected = self.view().get(row);
        let first = self.first(rows).min(row).max((row + 1).saturating_sub(rows));
        self.top = self.view().get(first);
    }
}
