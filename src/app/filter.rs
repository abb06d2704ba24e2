//! The filter row: what it narrows, what is typed into it, and what is wrong with that.

use tui_input::Input;

use super::{
    geometry::Geometry,
    kind::kind,
    workspace::{Pane, View, Workspace},
};
use crate::{
    base::clock::Stamp,
    payload::{FILES, Format, ImageKind},
    store::{Entry, Filter, FilterError, Formats, LONGEST_FILTER, PacketFilter, Store, TopicFilter},
};

/// The list that a filter narrows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The topics.
    Topics,
    /// The messages.
    Messages,
    /// What passed on the wire.
    Packets,
}

impl Target {
    /// Returns the word for one of the list.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Topics => "topic",
            Self::Messages => "message",
            Self::Packets => "packet",
        }
    }
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
            (View::Protocol, _) => Some(Target::Packets),
            (View::Broker, _) => None,
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
            Target::Packets => self.protocol.filter(),
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
            Target::Packets => self.protocol.set_filter(text, PacketFilter::parse(text)?),
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
        let begun = good.get(wrong.span.start..).filter(|_| text.len() <= LONGEST_FILTER && text.starts_with(good));
        let is_name = begun.is_some_and(|begun| !begun.is_empty() && !begun.contains(':'));
        if let Some(before) = text.get(..wrong.span.start).filter(|_| is_name) {
            // Were that wrong as well, it would have been told first.
            drop(self.set_filter(target, before.trim_end_matches('!').trim()));
        }
        Err(wrong)
    }

    /// Shows everything of a list again.
    pub fn clear_filter(&mut self, target: Target) {
        self.remember_filter(target);
        match target {
            Target::Topics => self.topics.set_filter(&mut self.store, "", TopicFilter::default()),
            Target::Messages => self.messages.set_filter("", Filter::default()),
            Target::Packets => self.protocol.set_filter("", PacketFilter::default()),
        }
    }

    /// Keeps the filter of a list, to go from one match to the next after it is cleared as well.
    pub fn remember_filter(&mut self, target: Target) {
        match target {
            Target::Topics => self.topics.remember_filter(),
            Target::Messages => self.messages.remember_filter(),
            Target::Packets => self.protocol.remember_filter(),
        }
    }

    /// Tells whether the list that a filter is for now was searched.
    #[must_use]
    pub fn has_searched(&self) -> bool {
        match self.target() {
            None => false,
            Some(Target::Topics) => self.topics.has_searched(),
            Some(Target::Messages) => self.messages.has_searched(),
            Some(Target::Packets) => self.protocol.has_searched(),
        }
    }

    /// Goes to the next match of the last filter, or back to the one before.
    pub fn seek(&mut self, back: bool, geometry: &Geometry) {
        match self.target() {
            None => {}
            Some(Target::Topics) => self.topics.seek(&self.store, back),
            Some(Target::Messages) => self.messages.seek(back, geometry.messages.inner().rows()),
            Some(Target::Packets) => self.protocol.seek(back, geometry.ladder.rows()),
        }
    }

    /// Looks on for the next match; tells where there is none.
    pub fn seek_on(&mut self, geometry: &Geometry, now: Stamp) -> Option<Target> {
        let target = self.target()?;
        let is_over = match target {
            Target::Topics => {
                let is_over = self.topics.seek_on(&self.store);
                self.follow_cursor();
                is_over
            }
            Target::Messages => self.messages.seek_on(&self.store, now, geometry.messages.inner().rows()),
            Target::Packets => self.protocol.seek_on(&self.exchange, now, geometry.ladder.rows()),
        };
        is_over.then_some(target)
    }

    /// Goes on with what takes longer than a frame; tells where a match was looked for in vain.
    pub fn advance(&mut self, geometry: &Geometry, now: Stamp) -> Option<Target> {
        if self.topics.searching {
            self.topics.advance(&mut self.store, now);
        }
        if self.messages.searching {
            self.messages.advance(&self.store, now);
        }
        if self.protocol.searching {
            self.protocol.advance(&self.exchange, now);
        }
        self.seek_on(geometry, now)
    }

    /// Tells whether something takes longer than a frame.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        match self.view {
            View::Panes => {
                let searching = self.topics.searching || self.messages.searching;
                searching || self.topics.arranging || self.topics.is_seeking() || self.messages.is_seeking()
            }
            View::Protocol => self.protocol.searching || self.protocol.is_seeking(),
            View::Broker => false,
        }
    }

    /// Tells whether what a filter shows changes by itself, since it may get too old.
    #[must_use]
    pub fn is_aging(&self) -> bool {
        match self.view {
            View::Panes => self.messages.is_aging(),
            View::Protocol => self.protocol.is_aging(),
            View::Broker => false,
        }
    }
}

/// The formats that `type:` knows.
pub const FORMATS: Formats = Formats { names: NAMES, is: is_format };

const NAMES: &[&str] = &{
    let kinds = Format::CHOICES.len() + 2;
    let mut names = ["empty"; Format::CHOICES.len() + 2 + ImageKind::ALL.len() + FILES.len()];
    let mut at = 0;
    while at < names.len() {
        if at < Format::CHOICES.len() {
            names[at] = Format::CHOICES[at].name();
        } else if at == Format::CHOICES.len() {
            names[at] = "image";
        } else if at >= kinds + ImageKind::ALL.len() {
            names[at] = FILES[at - kinds - ImageKind::ALL.len()];
        } else if at >= kinds {
            names[at] = ImageKind::ALL[at - kinds].name();
        }
        at += 1;
    }
    names
};

fn is_format(store: &Store, entry: &Entry<'_>, name: &str) -> bool {
    let format = kind(store, entry).format;
    format.name() == name || matches!((format, name), (Format::Image(_), "image") | (Format::File(_), "binary"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{app::event::ConnId, profile::Profile, wire::endpoint::Url};

    fn workspace() -> Workspace {
        let url = Url::parse("mqtt://127.0.0.1").expect("a URL");
        Workspace::new(ConnId(0), Profile::ad_hoc(url), Stamp::default())
    }

    /// Types a text letter by letter, and returns what is in force then.
    fn typed(workspace: &mut Workspace, target: Target, text: &str) -> Option<String> {
        for end in (1..=text.len()).filter(|end| text.is_char_boundary(*end)) {
            drop(workspace.type_filter(target, &text[..end]));
        }
        workspace.filter(target).map(str::to_owned)
    }

    #[test]
    fn the_beginning_of_a_field_narrows_nothing() {
        for target in [Target::Messages, Target::Packets] {
            for text in ["temp qos:", "temp qos:7", "temp !since:5m", "temp tpic:"] {
                assert_eq!(typed(&mut workspace(), target, text).as_deref(), Some("temp"), "{target:?} {text}");
            }
        }
        assert_eq!(typed(&mut workspace(), Target::Messages, "qos:7"), None);
        assert_eq!(typed(&mut workspace(), Target::Topics, "temp qos:1").as_deref(), Some("temp"));
    }

    #[test]
    fn a_wrong_filter_leaves_the_last_good_one_in_force() {
        for (target, good, wrong) in [
            (Target::Messages, "temp qos:1", "temp qos:7"),
            (Target::Messages, ".t > 21", ".t >"),
            (Target::Packets, "id:7", "id:70000"),
            (Target::Topics, "topic:a/+", "topic:a/+b"),
        ] {
            let mut workspace = workspace();
            workspace.type_filter(target, good).expect("good");
            let why = workspace.type_filter(target, wrong).expect_err(wrong);
            assert!(wrong.get(why.span.clone()).is_some() && !why.message.is_empty(), "{wrong}");
            assert_eq!(workspace.filter(target), Some(good), "{wrong}");
        }
        let mut workspace = workspace();
        let long = "x".repeat(LONGEST_FILTER + 1);
        workspace.type_filter(Target::Messages, &long[1..]).expect("as long as may be");
        workspace.type_filter(Target::Messages, &long).expect_err("too long");
        assert_eq!(workspace.filter(Target::Messages), Some(&long[1..]));
    }

    #[test]
    fn each_list_keeps_a_filter_of_its_own() {
        let mut workspace = workspace();
        for (target, text) in [(Target::Topics, "a"), (Target::Messages, "b"), (Target::Packets, "c")] {
            workspace.set_filter(target, text).expect("good");
        }
        workspace.clear_filter(Target::Messages);
        let filters = [Target::Topics, Target::Messages, Target::Packets].map(|target| workspace.filter(target));
        assert_eq!(filters, [Some("a"), None, Some("c")]);
    }

    #[test]
    fn every_format_has_its_name_in_filters() {
        for format in Format::CHOICES.into_iter().chain([Format::Empty]) {
            assert!(FORMATS.names.contains(&format.name()), "{format}");
        }
        assert!(ImageKind::ALL.iter().all(|kind| FORMATS.names.contains(&kind.name())));
        assert!(FILES.iter().chain(&["image"]).all(|name| FORMATS.names.contains(name)));
        assert_eq!(FORMATS.names.iter().collect::<std::collections::BTreeSet<_>>().len(), FORMATS.names.len());
    }
}
