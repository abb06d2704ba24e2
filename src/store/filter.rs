//! One filter language for messages: terms that all have to hold, parsed once and asked of each message.
//!
//! ```text
//! word  "two words"         in the topic or the payload, in any case
//! /re/                      a regular expression, in either
//! topic:a/+/t  topic:temp   a Topic Filter where it has a wildcard, else a part of the topic
//! qos:1  retain:  dup:no    Quality of Service and flags
//! size:>1k  size:<=20       bytes of the payload
//! prop:site  prop:site=a    a property by its name, User Properties included
//! type:json                 what the payload is
//! since:5m                  arrived within that time
//! .t > 21  .a[0] == "x"     a value in a JSON payload; `.t` alone is there at all, `.` is the payload itself
//! !term                     not so
//! ```

use std::{cmp::Ordering, ops::Range, time::Duration};

use regex::bytes::Regex;

pub use self::{json::JsonPath, packets::PacketFilter};
use self::{
    json::{Literal, Step},
    needle::Needle,
};
use super::{Entry, Store};
use crate::{
    base::clock::Stamp,
    mqtt::{message::Properties, topic},
};

mod field;
mod json;
mod needle;
mod packets;
mod parse;

#[cfg(test)]
mod tests;

/// The longest filter that is read, in bytes; with it the number of terms is bounded, too.
pub const LONGEST_FILTER: usize = 1_000;

/// How payload formats are named and told: the store looks at no payload for this itself.
#[derive(Debug, Clone, Copy)]
pub struct Formats {
    /// The names that `type:` takes.
    pub names: &'static [&'static str],
    /// Tells whether the payload of a message is of the format of that name.
    pub is: fn(&Store, &Entry<'_>, &str) -> bool,
}

/// What a filter lets through.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The cheap ones first.
    terms: Vec<Term>,
}

/// What is wrong with the text of a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FilterError {
    /// The bytes of the token that is wrong.
    pub span: Range<usize>,
    /// What is wrong with it, and what is expected.
    pub message: String,
}

/// What a filter leaves of the topics, without their messages.
#[derive(Debug, Clone, Default)]
pub struct TopicFilter {
    terms: Vec<Term>,
}

#[derive(Debug, Clone)]
struct Term<T = Test> {
    negated: bool,
    test: T,
    span: Range<usize>,
}

#[derive(Debug, Clone)]
enum Test {
    Qos(Relation, u64),
    Retain(bool),
    Dup(bool),
    Size(Relation, u64),
    Since(Duration),
    /// A Topic Filter with a wildcard.
    Topic(String),
    /// A part of the topic.
    InTopic(Needle),
    Word(Needle),
    /// A property of that name, with that value if there is one; no name is any property.
    Property(String, Option<String>),
    Json(Vec<Step>, Option<(Relation, Literal)>),
    Regex(Regex),
    Format(String, fn(&Store, &Entry<'_>, &str) -> bool),
}

/// How two values stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Equal,
    NotEqual,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Filter {
    /// Reads a filter; an empty one lets everything through.
    ///
    /// # Errors
    ///
    /// Returns the token that is wrong, and why.
    pub fn parse(text: &str, formats: Formats) -> Result<Self, FilterError> {
        let mut terms = parse::messages(text, formats)?;
        terms.sort_by_key(|term| term.test.cost());
        Ok(Self { terms })
    }

    /// Tells whether everything is let through.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Returns `true` if a message of a store is let through at a moment.
    #[must_use]
    pub fn matches(&self, store: &Store, entry: &Entry<'_>, now: Stamp) -> bool {
        self.terms.iter().all(|term| term.test.holds(store, entry, now) != term.negated)
    }

    /// Returns how many times as long as a word in a message the filter takes at most, to ask it of fewer messages at a time.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.terms.iter().map(|term| term.test.weight()).max().unwrap_or(1)
    }

    /// Returns the age at which a message is no longer let through, whatever else it has.
    #[must_use]
    pub fn since(&self) -> Option<Duration> {
        let ages = self.terms.iter().filter_map(|term| if let Test::Since(age) = term.test { Some(age) } else { None });
        ages.min()
    }

    /// Returns where words and expressions of the filter are in a text, to mark them; ranges may overlap.
    #[must_use]
    pub fn marks(&self, text: &str, in_topic: bool) -> Vec<Range<usize>> {
        marks(&self.terms, text, in_topic)
    }
}

impl TopicFilter {
    /// Reads a filter of words, expressions and `topic:`; an empty one lets everything through.
    ///
    /// # Errors
    ///
    /// Returns the token that is wrong, and why.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        Ok(Self { terms: parse::topics(text)? })
    }

    /// Tells whether everything is let through.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Tells whether a topic is let through; one below a topic that is meets the wishes already.
    #[must_use]
    pub fn matches(&self, topic: &str, is_below: bool) -> bool {
        self.terms
            .iter()
            .all(|term| if term.negated { !term.test.is_met_by(topic) } else { is_below || term.test.is_met_by(topic) })
    }

    /// Returns where words and expressions of the filter are in a text, to mark them; ranges may overlap.
    #[must_use]
    pub fn marks(&self, text: &str) -> Vec<Range<usize>> {
        marks(&self.terms, text, true)
    }
}

impl Test {
    /// Tells whether a topic meets the test by itself.
    fn is_met_by(&self, topic: &str) -> bool {
        match self {
            Self::Topic(filter) => topic::matches(filter, topic),
            Self::InTopic(needle) | Self::Word(needle) => needle.is_in(topic.as_bytes()),
            Self::Regex(regex) => regex.is_match(topic.as_bytes()),
            Self::Qos(..)
            | Self::Retain(_)
            | Self::Dup(_)
            | Self::Size(..)
            | Self::Since(_)
            | Self::Property(..)
            | Self::Json(..)
            | Self::Format(..) => false,
        }
    }

    /// Ranks by what asking costs.
    fn cost(&self) -> u8 {
        match self {
            Self::Qos(..) | Self::Retain(_) | Self::Dup(_) | Self::Size(..) | Self::Since(_) => 0,
            Self::Topic(_) | Self::InTopic(_) => 1,
            Self::Word(_) => 2,
            Self::Property(..) => 3,
            Self::Json(..) => 4,
            Self::Regex(_) => 5,
            Self::Format(..) => 6,
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Qos(..)
            | Self::Retain(_)
            | Self::Dup(_)
            | Self::Size(..)
            | Self::Since(_)
            | Self::Topic(_)
            | Self::InTopic(_)
            | Self::Word(_) => 1,
            Self::Regex(_) => 2,
            Self::Json(..) => 5,
            Self::Property(..) | Self::Format(..) => 10,
        }
    }

    fn holds(&self, store: &Store, entry: &Entry<'_>, now: Stamp) -> bool {
        match self {
            Self::Qos(relation, level) => relation.holds(u64::from(entry.qos.level()).cmp(level)),
            Self::Retain(wanted) => entry.retain == *wanted,
            Self::Dup(wanted) => entry.dup == *wanted,
            Self::Size(relation, size) => relation.holds((entry.size() as u64).cmp(size)),
            Self::Since(age) => now.since(entry.at) <= *age,
            Self::Topic(_) | Self::InTopic(_) => self.is_met_by(entry.topic),
            Self::Word(needle) => needle.is_in(entry.payload) || self.is_met_by(entry.topic),
            Self::Property(name, value) => {
                entry.has_properties() && entry.properties().is_some_and(|properties| has(&properties, name, value.as_deref()))
            }
            Self::Json(path, relation) => json::holds(entry.payload, path, relation.as_ref()),
            Self::Regex(regex) => regex.is_match(entry.payload) || self.is_met_by(entry.topic),
            Self::Format(name, is) => is(store, entry, name),
        }
    }
}

impl Relation {
    /// The signs, the longer ones first.
    const SIGNS: [(&str, Self); 7] = [
        ("==", Self::Equal),
        ("!=", Self::NotEqual),
        (">=", Self::AtLeast),
        ("<=", Self::AtMost),
        (">", Self::More),
        ("<", Self::Less),
        ("=", Self::Equal),
    ];

    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::AtMost => ordering.is_le(),
            Self::More => ordering.is_gt(),
            Self::AtLeast => ordering.is_ge(),
        }
    }
}

fn marks(terms: &[Term], text: &str, in_topic: bool) -> Vec<Range<usize>> {
    let mut marks = Vec::new();
    for term in terms.iter().filter(|term| !term.negated) {
        match &term.test {
            Test::Word(needle) => needle.find_all(text, &mut marks),
            Test::InTopic(needle) if in_topic => needle.find_all(text, &mut marks),
            Test::Regex(regex) => regex_marks(regex, text, &mut marks),
            Test::Qos(..)
            | Test::Retain(_)
            | Test::Dup(_)
            | Test::Size(..)
            | Test::Since(_)
            | Test::Topic(_)
            | Test::InTopic(_)
            | Test::Property(..)
            | Test::Json(..)
            | Test::Format(..) => {}
        }
    }
    marks
}

fn regex_marks(regex: &Regex, text: &str, marks: &mut Vec<Range<usize>>) {
    let found = regex.find_iter(text.as_bytes()).map(|found| found.range());
    marks.extend(found.filter(|range| text.get(range.clone()).is_some_and(|found| !found.is_empty())));
}

/// Tells whether a property is there, under its name in the specification or as a User Property.
fn has(properties: &Properties, name: &str, value: Option<&str>) -> bool {
    let is = |found: &str| value.is_none_or(|value| value == found);
    let number = |found: Option<u32>| found.is_some_and(|found| is(&found.to_string()));
    let text = |found: &Option<String>| found.as_deref().is_some_and(is);
    let user = properties.user_properties.iter().any(|(key, found)| key == name && is(found));
    user || match name {
        "" => true,
        "content-type" => text(&properties.content_type),
        "response-topic" => text(&properties.response_topic),
        "message-expiry" => number(properties.message_expiry),
        "payload-format" => number(properties.payload_format.map(u32::from)),
        "topic-alias" => number(properties.topic_alias.map(u32::from)),
        "subscription-id" => properties.subscription_ids.iter().any(|id| is(&id.to_string())),
        "correlation-data" => {
            properties.correlation_data.as_ref().is_some_and(|data| value.is_none_or(|value| value.as_bytes() == data.as_ref()))
        }
        _ => false,
    }
}
