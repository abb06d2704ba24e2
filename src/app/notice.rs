//! What the program says to the user: shown for a while, kept in a history.

use std::time::Duration;

use crate::base::{clock::Stamp, ring::Ring, text};

/// How many notices the history keeps.
const KEPT: usize = 500;

/// The columns before the words of a notice in the history: time, mark, blanks.
pub const NOTICE_INDENT: usize = 18;

/// The most bytes that are wrapped as one text.
const LONGEST: usize = 400;

/// How much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something to know.
    Info,
    /// Something worked.
    Success,
    /// Something is odd.
    Warning,
    /// Something did not work.
    Error,
}

/// One sentence, safe to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// When it was said.
    pub at: Stamp,
    /// How much it matters.
    pub level: Level,
    /// What happened.
    pub text: String,
    /// What to do; may be empty.
    pub hint: String,
}

/// All notices of the session.
#[derive(Debug)]
pub struct Notices {
    history: Ring<Notice>,
    unread_errors: usize,
    dismissed: bool,
}

impl Default for Notices {
    fn default() -> Self {
        Self { history: Ring::new(KEPT), unread_errors: 0, dismissed: false }
    }
}

impl Notices {
    /// Says something; both texts go through the sanitiser.
    pub fn say(&mut self, at: Stamp, level: Level, said: &str, hint: &str) {
        let clean = |text: &str| text::safe(text).to_string();
        self.history.push(Notice { at, level, text: clean(said), hint: clean(hint) });
        self.unread_errors += usize::from(level == Level::Error);
        self.dismissed = false;
    }

    /// Returns the notice that is on the screen at `now`.
    #[must_use]
    pub fn current(&self, now: Stamp) -> Option<&Notice> {
        self.history.last().filter(|notice| !self.dismissed && now.since(notice.at) < notice.lifetime())
    }

    /// Returns when the screen changes by itself because a notice fades.
    #[must_use]
    pub fn wake(&self, now: Stamp) -> Option<Stamp> {
        self.current(now).map(|notice| notice.at.after(notice.lifetime()))
    }

    /// Takes the current notice off the screen.
    pub fn dismiss(&mut self) {
        self.dismissed = true;
    }

    /// Returns the history, oldest first.
    #[must_use]
    pub fn history(&self) -> &Ring<Notice> {
        &self.history
    }

    /// Returns the history in lines of at most `columns` columns, newest first; the first line of each comes with it.
    #[must_use]
    pub fn lines(&self, columns: usize) -> Vec<(Option<&Notice>, &Notice, String)> {
        let columns = columns.saturating_sub(NOTICE_INDENT);
        let lines = |notice| move |(index, line)| ((index == 0).then_some(notice), notice, line);
        self.history.iter().rev().flat_map(|notice| notice.words(columns).into_iter().enumerate().map(lines(notice))).collect()
    }

    /// Returns how many notices were said so far.
    #[must_use]
    pub fn said(&self) -> u64 {
        self.history.dropped() + self.history.len() as u64
    }

    /// Iterates over the notices that were said after the first `said`, as far as they are kept.
    pub fn since(&self, said: u64) -> impl Iterator<Item = &Notice> {
        let known = said.saturating_sub(self.history.dropped());
        self.history.iter().skip(usize::try_from(known).unwrap_or(usize::MAX))
    }

    /// Returns how many errors were not looked at in the history yet.
    #[must_use]
    pub fn unread_errors(&self) -> usize {
        self.unread_errors
    }

    /// Marks all as looked at.
    pub fn read(&mut self) {
        self.unread_errors = 0;
    }
}

impl Notice {
    /// Returns what happened and what to do, wrapped.
    fn words(&self, columns: usize) -> Vec<String> {
        if self.hint.is_empty() {
            return text::wrap(&self.text, columns);
        }
        let both = format!("{}: {}", self.text, self.hint);
        if both.len() <= LONGEST {
            return text::wrap(&both, columns);
        }
        let mut lines = text::wrap(&format!("{}:", self.text), columns);
        lines.extend(text::wrap(&self.hint, columns));
        lines
    }

    fn lifetime(&self) -> Duration {
        Duration::from_secs(match self.level {
            Level::Info | Level::Success => 3,
            Level::Warning | Level::Error => 8,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_fades_and_stays_in_the_history() {
        let mut notices = Notices::default();
        let start = Stamp { mono: 0, wall: 0 };
        notices.say(start, Level::Error, "a\x1bb", "");
        assert_eq!(notices.current(start).map(|notice| notice.text.as_str()), Some("a␛b"));
        assert_eq!(notices.wake(start), Some(start.after(Duration::from_secs(8))));
        assert_eq!(notices.current(start.after(Duration::from_secs(8))), None);
        assert_eq!((notices.history().len(), notices.unread_errors()), (1, 1));
        notices.read();
        assert_eq!(notices.unread_errors(), 0);
    }
}
