//! What the help says: the keys of a place in lines, as wide as there is room.

use super::App;
use crate::{
    base::text,
    keymap::action::{Action, Context},
};

/// The columns of the keys, with the blank before them.
pub const KEYS: usize = 21;

/// A line of the help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Nothing, between two places.
    Blank,
    /// The name of a place.
    Title(&'static str),
    /// What a key does.
    Key {
        /// The keys; nothing on the further lines of a sentence.
        keys: String,
        /// The sentence or a part of it; where the key does nothing now, it says why.
        words: String,
        /// Whether the key does something now.
        is_possible: bool,
    },
}

/// Writes the keys of the contexts, innermost first, in lines of at most `columns` columns.
#[must_use]
pub fn lines(app: &App, contexts: &[Context], columns: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for &context in contexts {
        if !lines.is_empty() {
            lines.push(Line::Blank);
        }
        lines.push(Line::Title(context.title()));
        for &action in Action::ALL.iter().filter(|action| action.context() == context) {
            let (sentence, is_possible) = match app.can(action) {
                Ok(()) => (action.doc().to_owned(), true),
                Err(why) => (format!("{} Not now: {why}.", action.doc()), false),
            };
            let mut keys = app.keymap.labels(action).join(" ");
            for words in text::wrap(&sentence, columns.saturating_sub(KEYS + 1)) {
                lines.push(Line::Key { keys: std::mem::take(&mut keys), words, is_possible });
            }
        }
    }
    lines
}
