//! The text of a filter to its terms: the tokens that all filters share, and the fields of those for messages.

use std::{ops::Range, time::Duration};

use regex::bytes::{Regex, RegexBuilder};

use super::{
    FilterError, Formats, LONGEST_FILTER, Needle, Relation, Term, Test,
    field::{self, Field, List},
    json::{Literal, Number, Step},
};
use crate::{base::human, mqtt::topic};

/// The most memory that a compiled regular expression takes, and its cache while it runs, in bytes.
const REGEX_SIZE: usize = 1 << 20;

/// What is said of a `since:` that is negated.
pub(super) const SINCE_NEGATED: &str = "`since:` cannot be turned around";

/// The deepest nesting of a regular expression.
const REGEX_DEPTH: u32 = 50;

pub(super) type Result<T> = std::result::Result<T, FilterError>;

/// Reads a filter for topics.
pub(super) fn topics(text: &str) -> Result<Vec<Term>> {
    terms(text, |scanner| match scanner.token(List::Topics)? {
        (Token::Word(needle), _) => Ok(Test::Word(needle)),
        (Token::Regex(regex), _) => Ok(Test::Regex(regex)),
        (Token::Field(field, value), span) => topic_field(field, &value, span),
    })
}

/// Reads a filter for messages.
pub(super) fn messages(text: &str, formats: Formats) -> Result<Vec<Term>> {
    let terms = terms(text, |scanner| scanner.test(formats))?;
    match terms.iter().find(|term| term.negated && matches!(term.test, Test::Since(_))) {
        None => Ok(terms),
        Some(term) => Err(error(term.span.clone(), SINCE_NEGATED)),
    }
}

/// Reads terms, whatever they ask, each by `read`, which takes it from behind the sign of negation.
pub(super) fn terms<T>(text: &str, read: impl Fn(&mut Scanner<'_>) -> Result<T>) -> Result<Vec<Term<T>>> {
    if text.len() > LONGEST_FILTER {
        return Err(error(0..text.len(), format!("a filter has at most {LONGEST_FILTER} bytes")));
    }
    let mut scanner = Scanner { text, at: 0 };
    let mut terms = Vec::new();
    loop {
        scanner.space();
        let start = scanner.at;
        if scanner.rest().is_empty() {
            return Ok(terms);
        }
        let negated = scanner.eat("!");
        if scanner.rest().chars().next().is_none_or(char::is_whitespace) {
            return Err(error(start..scanner.at, "`!` stands before what must not be so"));
        }
        let test = read(&mut scanner)?;
        terms.push(Term { negated, test, span: start..scanner.at });
    }
}

/// Reads a path into JSON, and nothing behind it.
pub(super) fn path(text: &str) -> Result<Vec<Step>> {
    let mut scanner = Scanner { text, at: 0 };
    let steps = scanner.path()?;
    if steps.is_empty() || scanner.at < text.len() {
        return Err(error(scanner.at..text.len(), "a path is .name, .name[0] or .name[\"other name\"]"));
    }
    Ok(steps)
}

pub(super) fn error(span: Range<usize>, message: impl Into<String>) -> FilterError {
    FilterError { span, message: message.into() }
}

/// The text of a filter, and how far it was read.
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

/// What a term is written with.
pub(super) enum Token {
    /// A text to look for.
    Word(Needle),
    /// A regular expression between slashes.
    Regex(Regex),
    /// A field and its value.
    Field(Field, String),
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, sign: &str) -> bool {
        let eaten = self.rest().starts_with(sign);
        self.at += if eaten { sign.len() } else { 0 };
        eaten
    }

    /// Takes a token of a list's filter, and returns it with the bytes that it has in the text.
    pub(super) fn token(&mut self, list: List) -> Result<(Token, Range<usize>)> {
        let start = self.at;
        let token = match self.rest().chars().next() {
            Some('"') => {
                let text = self.quoted()?;
                Token::Word(word(&text, start..self.at)?)
            }
            Some('/') => Token::Regex(self.regex()?),
            None | Some(_) => {
                let text = self.bare()?;
                bare(&text, start..self.at, list)?
            }
        };
        Ok((token, start..self.at))
    }

    /// Takes what a term for messages asks.
    fn test(&mut self, formats: Formats) -> Result<Test> {
        if self.rest().starts_with('.') {
            return self.json();
        }
        match self.token(List::Messages)? {
            (Token::Word(needle), _) => Ok(Test::Word(needle)),
            (Token::Regex(regex), _) => Ok(Test::Regex(regex)),
            (Token::Field(field, value), span) => message_field(field, &value, span, formats),
        }
    }

    /// Takes a text in quotes; a backslash stands before a quote or itself.
    fn quoted(&mut self) -> Result<String> {
        let start = self.at;
        self.at += 1;
        let mut out = String::new();
        let mut escaped = false;
        for (at, c) in self.text[self.at..].char_indices() {
            match c {
                '"' if !escaped => {
                    self.at += at + 1;
                    return Ok(out);
                }
                '\\' if !escaped => escaped = true,
                _ => {
                    if escaped && !matches!(c, '"' | '\\') {
                        out.push('\\');
                    }
                    out.push(c);
                    escaped = false;
                }
            }
        }
        self.at = self.text.len();
        Err(error(start..self.at, "the quote is not closed"))
    }

    /// Takes everything up to white space; a value may be in quotes.
    fn bare(&mut self) -> Result<String> {
        let mut out = String::new();
        while let Some(c) = self.rest().chars().next().filter(|c| !c.is_whitespace()) {
            if c == '"' && out.ends_with([':', '=']) {
                out.push_str(&self.quoted()?);
            } else {
                out.push(c);
                self.at += c.len_utf8();
            }
        }
        Ok(out)
    }

    fn regex(&mut self) -> Result<Regex> {
        let start = self.at;
        let body = &self.text[start + 1..];
        let ends = |at: usize| body[at + 1..].chars().next().is_none_or(char::is_whitespace);
        let escaped = |at: usize| body[..at].bytes().rev().take_while(|&byte| byte == b'\\').count() % 2 == 1;
        let end = body.match_indices('/').map(|(at, _)| at).find(|&at| ends(at) && !escaped(at));
        let Some(end) = end.filter(|&end| end > 0) else {
            let end = self.rest().find(char::is_whitespace).map_or(self.text.len(), |end| start + end);
            return Err(error(start..end, "a regular expression is /between slashes/; a word that starts so needs quotes"));
        };
        self.at = start + 1 + end + 1;
        RegexBuilder::new(&body[..end])
            .size_limit(REGEX_SIZE)
            .dfa_size_limit(REGEX_SIZE)
            .nest_limit(REGEX_DEPTH)
            .build()
            .map_err(|why| error(start..self.at, reason(&why)))
    }

    /// Takes a path, and what its value is compared to.
    fn json(&mut self) -> Result<Test> {
        let path = self.path()?;
        let end = self.at;
        self.space();
        let Some((sign, relation)) = Relation::SIGNS.into_iter().find(|(sign, _)| self.rest().starts_with(sign)) else {
            self.at = end;
            return Ok(Test::Json(path, None));
        };
        let start = self.at;
        self.at += sign.len();
        self.space();
        let literal = match self.rest().chars().next() {
            None => return Err(error(start..start + sign.len(), "a value is missing behind the sign")),
            Some('"') => Literal::Text(self.quoted()?),
            Some(_) => match self.bare()?.as_str() {
                "true" => Literal::Bool(true),
                "false" => Literal::Bool(false),
                "null" => Literal::Null,
                text => Number::parse(text.as_bytes()).map_or_else(|| Literal::Text(text.to_owned()), Literal::Number),
            },
        };
        Ok(Test::Json(path, Some((relation, literal))))
    }

    fn path(&mut self) -> Result<Vec<Step>> {
        let start = self.at;
        let mut steps = Vec::new();
        loop {
            if self.eat("[") {
                steps.push(self.index(start)?);
                continue;
            }
            if !self.eat(".") {
                return Ok(steps);
            }
            let stop = |c: char| c.is_whitespace() || matches!(c, '.' | '[' | '=' | '!' | '<' | '>');
            let len = self.rest().find(stop).unwrap_or(self.rest().len());
            if len > 0 {
                steps.push(Step::Key(self.rest()[..len].to_owned()));
                self.at += len;
            } else if self.at > start + 1 || self.rest().starts_with('.') {
                return Err(error(start..self.at, "a name is missing behind the dot"));
            }
        }
    }

    /// Takes the rest of an index, or of a key in brackets.
    fn index(&mut self, start: usize) -> Result<Step> {
        let step = if self.rest().starts_with('"') {
            Some(Step::Key(self.quoted()?))
        } else {
            let digits = self.rest().find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest().len());
            let index = self.rest()[..digits].parse().ok();
            self.at += digits;
            index.map(Step::Index)
        };
        match step {
            Some(step) if self.eat("]") => Ok(step),
            _ => Err(error(start..self.at, "in brackets is an index, as in [0], or a key in quotes")),
        }
    }
}

/// Tells what a token without quotes is; one with a colon that is no field is a word, unless it is almost a field.
fn bare(text: &str, span: Range<usize>, list: List) -> Result<Token> {
    if text.starts_with('.') {
        return Err(field::path_elsewhere(span));
    }
    if let Some((name, value)) = text.split_once(':') {
        if let Some(field) = Field::named(name) {
            return Ok(Token::Field(field, value.to_owned()));
        }
        if let Some(field) = Field::almost(name, list) {
            return Err(error(span, format!("did you mean `{}:`? As a word it needs quotes", field.name())));
        }
    }
    word(text, span).map(Token::Word)
}

fn topic_field(field: Field, value: &str, span: Range<usize>) -> Result<Test> {
    match field {
        Field::Topic => topic_test(value, span),
        Field::Qos
        | Field::Retain
        | Field::Dup
        | Field::Size
        | Field::Since
        | Field::Type
        | Field::Property
        | Field::Direction
        | Field::Id
        | Field::Reason => Err(field.elsewhere(span)),
    }
}

fn message_field(field: Field, value: &str, span: Range<usize>, formats: Formats) -> Result<Test> {
    match field {
        Field::Topic => topic_test(value, span),
        Field::Qos => qos(value, span).map(|(relation, level)| Test::Qos(relation, level)),
        Field::Retain => flag(value, span).map(Test::Retain),
        Field::Dup => flag(value, span).map(Test::Dup),
        Field::Size => size(value, span).map(|(relation, size)| Test::Size(relation, size)),
        Field::Property => {
            let (name, value) = value.split_once('=').map_or((value, None), |(name, value)| (name, Some(value.to_owned())));
            Ok(Test::Property(name.to_owned(), value))
        }
        Field::Type if formats.names.contains(&value) => Ok(Test::Format(value.to_owned(), formats.is)),
        Field::Type => Err(error(span, format!("`type:` takes {}", formats.names.join(", ")))),
        Field::Since => since(value, span).map(Test::Since),
        Field::Direction | Field::Id | Field::Reason => Err(field.elsewhere(span)),
    }
}

fn topic_test(value: &str, span: Range<usize>) -> Result<Test> {
    Ok(match topic(value, span)? {
        Topic::Filter(filter) => Test::Topic(filter),
        Topic::Part(needle) => Test::InTopic(needle),
    })
}

/// What `topic:` takes.
pub(super) enum Topic {
    /// A Topic Filter with a wildcard.
    Filter(String),
    /// A part of a topic.
    Part(Needle),
}

pub(super) fn topic(value: &str, span: Range<usize>) -> Result<Topic> {
    if value.is_empty() {
        Err(error(span, "`topic:` takes a Topic Filter, or a part of a topic"))
    } else if value.contains(['+', '#']) {
        topic::check_filter(value).map(|()| Topic::Filter(value.to_owned())).map_err(|why| error(span, why))
    } else {
        word(value, span).map(Topic::Part)
    }
}

pub(super) fn qos(value: &str, span: Range<usize>) -> Result<(Relation, u64)> {
    match relation(value) {
        (relation, Some(level @ 0..=2)) => Ok((relation, level)),
        _ => Err(error(span, "`qos:` takes 0, 1 or 2, as in qos:1 or qos:>0")),
    }
}

pub(super) fn flag(value: &str, span: Range<usize>) -> Result<bool> {
    yes(value).ok_or_else(|| error(span, "a flag takes yes or no; alone it means yes"))
}

pub(super) fn size(value: &str, span: Range<usize>) -> Result<(Relation, u64)> {
    match relation(value) {
        (relation, Some(size)) => Ok((relation, size)),
        (_, None) => Err(error(span, "`size:` takes bytes, as in size:>1k or size:<=20")),
    }
}

pub(super) fn since(value: &str, span: Range<usize>) -> Result<Duration> {
    human::parse_duration(value).map_err(|_| error(span, "`since:` takes a time, as in since:5m or since:1h30m"))
}

pub(super) fn word(text: &str, span: Range<usize>) -> Result<Needle> {
    Needle::new(text).map_err(|why| error(span, why))
}

/// Reads a number of bytes with the sign before it, none being equality.
fn relation(value: &str) -> (Relation, Option<u64>) {
    let sign = Relation::SIGNS.into_iter().find(|(sign, _)| value.starts_with(sign));
    let (relation, value) = sign.map_or((Relation::Equal, value), |(sign, relation)| (relation, &value[sign.len()..]));
    let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let (number, unit) = value.split_at(digits);
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => Some(0),
        "k" | "kb" | "kib" => Some(10),
        "m" | "mb" | "mib" => Some(20),
        "g" | "gb" | "gib" => Some(30),
        _ => None,
    };
    let number: Option<u64> = number.parse().ok();
    (relation, number.zip(shift).and_then(|(number, shift)| number.checked_mul(1 << shift)))
}

fn yes(value: &str) -> Option<bool> {
    match value {
        "" | "yes" | "true" | "1" => Some(true),
        "no" | "false" | "0" => Some(false),
        _ => None,
    }
}

/// Says in one line why an expression is none: the library draws several, and the last says it.
fn reason(why: &regex::Error) -> String {
    if let regex::Error::CompiledTooBig(_) = why {
        return "the regular expression is too large".to_owned();
    }
    let said = why.to_string();
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    format!("regular expression: {}", last.trim().trim_start_matches("error: "))
}
