//! The same filter language for what passed on the wire, with fields of its own.
//!
//! ```text
//! word  "two words"  /re/      in the name of the packet, in any of its fields, or why a connection ended
//! type:PUB*  type:sub          its name, or how that begins
//! dir:in  dir:out              from the broker, or to it
//! topic:a/+/t  topic:temp      the topic of a PUBLISH, a filter, a will; the last answer has that of what it answers
//! id:7                         Packet Identifier
//! reason:0x87  reason:fail     a Reason Code; any of a failure
//! reason:"not auth"            a part of its name, or of the Reason String
//! qos:1  retain:  dup:         of a PUBLISH
//! size:>1k  since:5m  !term    as for messages
//! ```

use std::{cell::OnceCell, ops::Range, time::Duration};

use regex::bytes::Regex;

use super::{
    FilterError, Needle, Relation, Term,
    field::{Field, List},
    parse::{self, Result, Scanner, Token, Topic},
    regex_marks,
};
use crate::{
    base::clock::Stamp,
    mqtt::topic,
    store::exchange::{Exchange, Row, What},
    wire::{
        decode::{self, Decoded},
        packet::{Direction, Kind, Packet},
    },
};

/// The fields of packets that hold a topic, or a filter for topics.
const TOPICS: [&str; 2] = ["Topic Filter", "Will Topic"];

/// What a filter leaves of the packets.
#[derive(Debug, Clone, Default)]
pub struct PacketFilter {
    terms: Vec<Term<Test>>,
}

#[derive(Debug, Clone)]
enum Test {
    /// One of these kinds.
    Type(Vec<Kind>),
    Direction(Direction),
    Topic(String),
    InTopic(Needle),
    Id(u16),
    Code(u8),
    Failure,
    Reason(Needle),
    Qos(Relation, u64),
    Retain(bool),
    Dup(bool),
    Size(Relation, u64),
    Since(Duration),
    Word(Needle),
    Regex(Regex),
}

impl PacketFilter {
    /// Reads a filter; an empty one lets everything through.
    ///
    /// # Errors
    ///
    /// Returns the token that is wrong, and why.
    pub fn parse(text: &str) -> std::result::Result<Self, FilterError> {
        let terms = parse::terms(text, test)?;
        match terms.iter().find(|term| term.negated && matches!(term.test, Test::Since(_))) {
            None => Ok(Self { terms }),
            Some(term) => Err(parse::error(term.span.clone(), parse::SINCE_NEGATED)),
        }
    }

    /// Tells whether everything is let through.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Tells whether a row is let through at a moment.
    #[must_use]
    pub fn matches(&self, row: &Row, exchange: &Exchange, now: Stamp) -> bool {
        let asked = Asked { row, exchange, decoded: OnceCell::new() };
        self.terms.iter().all(|term| asked.meets(&term.test, now) != term.negated)
    }

    /// Returns the age at which a row is no longer let through, whatever else it is.
    #[must_use]
    pub fn since(&self) -> Option<Duration> {
        let ages = self.terms.iter().filter_map(|term| if let Test::Since(age) = term.test { Some(age) } else { None });
        ages.min()
    }

    /// Returns where words and expressions of the filter are in a text, to mark them; ranges may overlap.
    #[must_use]
    pub fn marks(&self, text: &str) -> Vec<Range<usize>> {
        let mut marks = Vec::new();
        for term in self.terms.iter().filter(|term| !term.negated) {
            match &term.test {
                Test::Word(needle) | Test::InTopic(needle) | Test::Reason(needle) => needle.find_all(text, &mut marks),
                Test::Regex(regex) => regex_marks(regex, text, &mut marks),
                Test::Type(_)
                | Test::Direction(_)
                | Test::Topic(_)
                | Test::Id(_)
                | Test::Code(_)
                | Test::Failure
                | Test::Qos(..)
                | Test::Retain(_)
                | Test::Dup(_)
                | Test::Size(..)
                | Test::Since(_) => {}
            }
        }
        marks
    }
}

/// A row that is asked, decoded once at most.
struct Asked<'a> {
    row: &'a Row,
    exchange: &'a Exchange,
    decoded: OnceCell<Decoded>,
}

impl Asked<'_> {
    fn meets(&self, test: &Test, now: Stamp) -> bool {
        let publish = self.packet().filter(|packet| packet.kind() == Kind::Publish);
        let flag = |bit: u8, wanted: bool| publish.is_some_and(|packet| (packet.first & bit != 0) == wanted);
        match test {
            Test::Type(kinds) => self.kind().is_some_and(|kind| kinds.contains(&kind)),
            Test::Direction(direction) => self.direction() == Some(*direction),
            Test::Topic(filter) => self.has_topic(|found| str::from_utf8(found).is_ok_and(|found| topic::matches(filter, found))),
            Test::InTopic(needle) => self.has_topic(|found| needle.is_in(found)),
            Test::Id(id) => self.packet().is_some_and(|packet| decode::packet_id(packet) == Some(*id)),
            Test::Code(code) => self.has_code(*code),
            Test::Failure => self.decoded().is_failure || matches!(self.row.what, What::Ended(_)),
            Test::Reason(needle) => self.says(needle),
            Test::Qos(relation, level) => self.qos().is_some_and(|qos| relation.holds(qos.cmp(level))),
            Test::Retain(wanted) => flag(0x01, *wanted),
            Test::Dup(wanted) => flag(0x08, *wanted),
            Test::Size(relation, size) => self.packet().is_some_and(|packet| relation.holds((packet.size as u64).cmp(size))),
            Test::Since(age) => now.since(self.row.at) <= *age,
            Test::Word(needle) => self.has_text(|text| needle.is_in(text)),
            Test::Regex(regex) => self.has_text(|text| regex.is_match(text)),
        }
    }

    fn packet(&self) -> Option<&Packet> {
        packet_of(self.row)
    }

    fn decoded(&self) -> &Decoded {
        self.decoded.get_or_init(|| match &self.row.what {
            What::Packet { packet, version, .. } => decode::decode(packet, *version),
            What::Quiet { .. } | What::Lost(_) | What::Ended(_) => Decoded::default(),
        })
    }

    fn kind(&self) -> Option<Kind> {
        match &self.row.what {
            What::Packet { packet, .. } => Some(packet.kind()),
            What::Quiet { .. } => Some(Kind::Publish),
            What::Lost(_) | What::Ended(_) => None,
        }
    }

    fn direction(&self) -> Option<Direction> {
        match &self.row.what {
            What::Packet { packet, .. } => Some(packet.direction),
            What::Quiet { direction, .. } => Some(*direction),
            What::Lost(_) | What::Ended(_) => None,
        }
    }

    /// Returns the QoS of a PUBLISH.
    fn qos(&self) -> Option<u64> {
        match &self.row.what {
            What::Packet { packet, .. } if packet.kind() == Kind::Publish => Some(u64::from(packet.first >> 1 & 3)),
            What::Quiet { .. } => Some(0),
            What::Packet { .. } | What::Lost(_) | What::Ended(_) => None,
        }
    }

    /// Tells whether a topic of the row is wanted, or one of the row that it is the last answer to.
    fn has_topic(&self, wanted: impl Fn(&[u8]) -> bool) -> bool {
        let answered = self.row.joined.filter(|joined| joined.is_last).and_then(|joined| self.exchange.row(joined.with));
        let before = answered.map(|row| Self { row, exchange: self.exchange, decoded: OnceCell::new() });
        self.has_own_topic(&wanted) || before.is_some_and(|before| before.has_own_topic(&wanted))
    }

    fn has_own_topic(&self, wanted: impl Fn(&[u8]) -> bool) -> bool {
        let What::Packet { packet, version, topic } = &self.row.what else { return false };
        match packet.kind() {
            Kind::Publish => {
                let topic = topic.as_deref().or_else(|| decode::publish(packet, *version).map(|publish| publish.topic));
                topic.is_some_and(wanted)
            }
            Kind::Connect | Kind::Subscribe | Kind::Unsubscribe => {
                let of_topics = self.decoded().fields.iter().filter(|field| TOPICS.contains(&field.name));
                // Options follow a filter behind two blanks.
                let mut topics = of_topics.map(|field| field.value.split("  ").next().unwrap_or_default());
                topics.any(|topic| wanted(topic.as_bytes()))
            }
            Kind::Reserved
            | Kind::Connack
            | Kind::Puback
            | Kind::Pubrec
            | Kind::Pubrel
            | Kind::Pubcomp
            | Kind::Suback
            | Kind::Unsuback
            | Kind::Pingreq
            | Kind::Pingresp
            | Kind::Disconnect
            | Kind::Auth => false,
        }
    }

    fn reasons(&self) -> impl Iterator<Item = &str> {
        self.decoded().fields.iter().filter(|field| field.name == "Reason Code").map(|field| field.value.as_str())
    }

    fn has_code(&self, code: u8) -> bool {
        let (digits, granted) = (format!("0x{code:02X} "), format!("granted QoS {code}"));
        if self.reasons().next().is_some() {
            return self.reasons().any(|reason| reason.starts_with(&digits) || reason == granted);
        }
        // A Reason Code that was left out is a success.
        let acknowledges = matches!(self.kind(), Some(Kind::Puback | Kind::Pubrec | Kind::Pubrel | Kind::Pubcomp));
        acknowledges && code == 0
    }

    /// Tells whether a text is in a reason.
    fn says(&self, needle: &Needle) -> bool {
        match &self.row.what {
            What::Ended(why) => needle.is_in(why.as_bytes()),
            What::Packet { .. } | What::Quiet { .. } | What::Lost(_) => {
                let strings = self.decoded().fields.iter().filter(|field| field.name == "Reason String");
                self.reasons().chain(strings.map(|field| field.value.as_str())).any(|reason| needle.is_in(reason.as_bytes()))
            }
        }
    }

    /// Tells whether a text of the row is wanted.
    fn has_text(&self, wanted: impl Fn(&[u8]) -> bool) -> bool {
        match &self.row.what {
            What::Ended(why) => wanted(why.as_bytes()),
            What::Lost(_) => false,
            What::Quiet { .. } => wanted(Kind::Publish.name().as_bytes()),
            What::Packet { packet, topic, .. } => {
                let decoded = self.decoded();
                wanted(packet.kind().name().as_bytes())
                    || wanted(decoded.summary.as_bytes())
                    || topic.as_deref().is_some_and(&wanted)
                    || decoded.fields.iter().any(|field| wanted(field.value.as_bytes()))
            }
        }
    }
}

/// Reads what a term asks.
fn test(scanner: &mut Scanner<'_>) -> Result<Test> {
    match scanner.token(List::Packets)? {
        (Token::Word(needle), _) => Ok(Test::Word(needle)),
        (Token::Regex(regex), _) => Ok(Test::Regex(regex)),
        (Token::Field(field, value), span) => packet_field(field, &value, span),
    }
}

fn packet_field(field: Field, value: &str, span: Range<usize>) -> Result<Test> {
    let fail = |message: &str| Err(parse::error(span.clone(), message));
    match field {
        Field::Type => match kinds(value) {
            kinds if kinds.is_empty() => fail("`type:` takes a packet, as in CONNACK, sub or *ACK"),
            kinds => Ok(Test::Type(kinds)),
        },
        Field::Direction => match value {
            "in" => Ok(Test::Direction(Direction::In)),
            "out" => Ok(Test::Direction(Direction::Out)),
            _ => fail("`dir:` takes in (from the broker) or out"),
        },
        Field::Topic => Ok(match parse::topic(value, span)? {
            Topic::Filter(filter) => Test::Topic(filter),
            Topic::Part(needle) => Test::InTopic(needle),
        }),
        Field::Id => match value.parse() {
            Ok(id @ 1..) => Ok(Test::Id(id)),
            Ok(0) | Err(_) => fail("`id:` takes a Packet Identifier, from 1 to 65535"),
        },
        Field::Reason => reason(value, span),
        Field::Qos => parse::qos(value, span).map(|(relation, level)| Test::Qos(relation, level)),
        Field::Retain => parse::flag(value, span).map(Test::Retain),
        Field::Dup => parse::flag(value, span).map(Test::Dup),
        Field::Size => parse::size(value, span).map(|(relation, size)| Test::Size(relation, size)),
        Field::Since => parse::since(value, span).map(Test::Since),
        Field::Property => Err(field.elsewhere(span)),
    }
}

fn reason(value: &str, span: Range<usize>) -> Result<Test> {
    let digits = value.strip_prefix("0x").or_else(|| value.strip_prefix("0X"));
    let code = digits.map_or_else(|| value.parse(), |digits| u8::from_str_radix(digits, 16));
    let is_number = digits.is_some() || value.starts_with(|c: char| c.is_ascii_digit());
    match (code, value) {
        (Ok(code), _) => Ok(Test::Code(code)),
        (Err(_), "fail") => Ok(Test::Failure),
        (Err(_), "") => Err(parse::error(span, "`reason:` takes a code (0x87), fail, or words")),
        (Err(_), _) if is_number => Err(parse::error(span, "a Reason Code is a number from 0 to 255, as in 0x87")),
        (Err(_), words) => parse::word(words, span).map(Test::Reason),
    }
}

/// Returns the kinds that a pattern names: the one of exactly this name, or all that begin with it or fit its stars.
fn kinds(pattern: &str) -> Vec<Kind> {
    let pattern = pattern.to_ascii_uppercase();
    let all = (1..16).map(|number| Kind::of(number << 4));
    let exact: Vec<Kind> = all.clone().filter(|kind| kind.name() == pattern).collect();
    if !exact.is_empty() || pattern.is_empty() {
        return exact;
    }
    let pattern = if pattern.contains('*') { pattern } else { format!("{pattern}*") };
    all.filter(|kind| fits(&pattern, kind.name())).collect()
}

/// Tells whether a name fits a pattern, in which a star stands for anything.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Returns the packet of a row, if it has one.
fn packet_of(row: &Row) -> Option<&Packet> {
    match &row.what {
        What::Packet { packet, .. } => Some(packet),
        What::Quiet { .. } | What::Lost(_) | What::Ended(_) => None,
    }
}

#[cfg(test)]
mod tests;
