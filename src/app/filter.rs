//! The filter row: what it narrows, what is typed into it, and what is wrong with that.

use tui_input::Input;

use super::workspace::{Pane, View, Workspace};
use crate::{
    base::clock::Stamp,
    payload::{self, Format, Hints},
    store::{Entry, Filter, FilterError, Formats, LONGEST_FILTER, TopicFilter},
};

/// The list that a filter narrows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The topics.
    Topics,
    /// The messages.
    Messages,
}

/// The row while it is typed into; what is valid is in force at once.
#[derive(Debug)]
pub struct Typing {
    /// What is narrowed.
    pub target: Target,
    /// The text and the cursor in it.
    pub input: Input,
    /// What is wrong; the filter before it stays in force.
    pub error: Option<FilterError>,
}

impl Typing {
    /// Starts with a text.
    #[must_use]
    pub fn new(target: Target, text: &str) -> Self {
        Self { target, input: Input::new(text.to_owned()), error: None }
    }
}

impl Workspace {
    /// Returns the list that a filter is for now, nothing where there is none.
    #[must_use]
    pub fn target(&self) -> Option<Target> {
        match (self.view, self.focus) {
            (View::Protocol | View::Broker, _) => None,
            (View::Panes, Pane::Topics) => Some(Target::Topics),
            (View::Panes, Pane::Messages | Pane::Detail) => Some(Target::Messages),
        }
    }

    /// Returns the text of the filter that is in force.
    #[must_use]
    pub fn filter(&self, target: Target) -> Option<&str> {
        match target {
            Target::Topics => self.topics.filter(),
            Target::Messages => self.messages.filter(),
        }
    }

    /// Narrows a list by a filter; one that is wrong changes nothing.
    ///
    /// # Errors
    ///
    /// Returns the token that is wrong, and why.
    pub fn set_filter(&mut self, target: Target, text: &str) -> Result<(), FilterError> {
        match target {
            Target::Topics => self.topics.set_filter(&mut self.store, text, TopicFilter::parse(text)?),
            Target::Messages => self.messages.set_filter(text, Filter::parse(text, FORMATS)?),
        }
        Ok(())
    }

    /// Narrows a list by a filter while it is typed.
    ///
    /// A token that is wrong leaves the filter before it in force, but not what was only the beginning of this token: on
    /// the way to `qos:1` nothing is narrowed by the word `qos`.
    ///
    /// # Errors
    ///
    /// Returns the token that is wrong, and why.
    pub fn type_filter(&mut self, target: Target, text: &str) -> Result<(), FilterError> {
        let wrong = match self.set_filter(target, text) {
            Ok(()) => return Ok(()),
            Err(wrong) => wrong,
        };
        let good = self.filter(target).unwrap_or_default();
        let begun = text.len() <= LONGEST_FILTER && text.starts_with(good) && wrong.span.start < good.len();
        if let Some(before) = text.get(..wrong.span.start).filter(|_| begun) {
            // Were that wrong as well, it would have been told first.
            drop(self.set_filter(target, before.trim()));
        }
        Err(wrong)
    }

    /// Shows everything of a list again.
    pub fn clear_filter(&mut self, target: Target) {
        match target {
            Target::Topics => self.topics.set_filter(&mut self.store, "", TopicFilter::default()),
            Target::Messages => {
                self.messages.remember_filter();
                self.messages.set_filter("", Filter::default());
            }
        }
    }

    /// Goes on with what takes longer than a frame; tells when a message that was looked for is not there.
    pub fn advance(&mut self, now: Stamp, rows: usize) -> bool {
        if self.topics.searching {
            self.topics.advance(&mut self.store, now);
        }
        if self.messages.searching {
            self.messages.advance(&self.store, now);
        }
        self.messages.seek_on(&self.store, now, rows)
    }

    /// Tells whether something takes longer than a frame.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.view == View::Panes && (self.topics.searching || self.messages.searching || self.messages.is_seeking())
    }
}

/// The formats that `type:` knows.
pub const FORMATS: Formats = Formats {
    names: &["json", "text", "cbor", "msgpack", "gzip", "image", "png", "jpeg", "gif", "webp", "binary", "empty"],
    is: is_format,
};

fn is_format(entry: &Entry<'_>, name: &str) -> bool {
    let properties = entry.properties();
    let hints = Hints {
        content_type: properties.as_ref().and_then(|properties| properties.content_type.as_deref()),
        payload_format: properties.as_ref().and_then(|properties| properties.payload_format),
    };
    let format = payload::detect(entry.payload, &hints).format;
    format.name() == name || name == "image" && matches!(format, Format::Image(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_its_name_in_filters() {
        for format in Format::CHOICES.into_iter().chain([Format::Empty]) {
            assert!(FORMATS.names.contains(&format.name()), "{format}");
        }
    }
}
