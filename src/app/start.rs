//! The start screen: live and saved connections, and ways to begin.

use super::{
    event::ConnId,
    workspace::{Origin, Workspace},
};
use crate::profile::{Profile, Profiles};

/// The most problems of the profiles file that are shown.
pub const PROBLEMS: usize = 3;

/// A row of the start screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// A live connection.
    Live(ConnId),
    /// A saved connection that is not live, by its index.
    Saved(usize),
    /// The broker on this machine.
    Localhost,
    /// A new connection.
    New,
    /// The simulated plant.
    Demo,
    /// The profiles file.
    Edit,
}

/// The rows, and which one is selected.
#[derive(Debug, Default)]
pub struct Start {
    /// The saved connections.
    pub profiles: Vec<Profile>,
    /// What is wrong in the profiles file.
    pub problems: Vec<String>,
    /// Whether something answers on port 1883 of this machine; nothing while that is not known.
    pub localhost: Option<bool>,
    /// The selected row.
    pub selected: usize,
}

impl Start {
    /// Lists the rows from top to bottom.
    #[must_use]
    pub fn entries(&self, live: &[Workspace], has_demo: bool) -> Vec<Entry> {
        let is_live = |profile: &Profile| {
            live.iter().any(|workspace| matches!(&workspace.origin, Origin::Saved(name) if profile.name.as_ref() == Some(name)))
        };
        let mut entries: Vec<Entry> = live.iter().map(|workspace| Entry::Live(workspace.id)).collect();
        entries.extend(
            self.profiles.iter().enumerate().filter(|(_, profile)| !is_live(profile)).map(|(index, _)| Entry::Saved(index)),
        );
        entries.extend([Entry::Localhost, Entry::New]);
        entries.extend(has_demo.then_some(Entry::Demo));
        entries.push(Entry::Edit);
        entries
    }

    /// Says on which of so many rows the entries stand, each by its index; a long list scrolls so that the selected one is in sight.
    #[must_use]
    pub fn lines(&self, entries: &[Entry], rows: usize) -> Vec<(usize, usize)> {
        let selected = self.selected.min(entries.len().saturating_sub(1));
        let own = entries.iter().filter(|entry| matches!(entry, Entry::Live(_) | Entry::Saved(_))).count();
        // Above them is a blank row, or a sentence between two.
        let top = if own == 0 { 3 } else { 1 };
        let room = rows.saturating_sub(top + 1).max(1);
        let first = (selected + 1).saturating_sub(room);
        let line = |index: usize| top + index - first + usize::from(own > 0 && first < own && index >= own);
        (first..entries.len()).take(room).map(|index| (line(index), index)).collect()
    }

    /// Takes in what the file holds now: the profiles that can be used, and what is wrong.
    pub fn take(&mut self, profiles: &Profiles, problems: Vec<String>) {
        self.profiles = profiles.entries().iter().filter_map(|entry| entry.profile.clone()).collect();
        self.problems = problems;
    }
}
