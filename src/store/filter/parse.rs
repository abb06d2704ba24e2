//! The text of a filter to its terms.

use std::ops::Range;

use regex::bytes::RegexBuilder;

use super::{
    FilterError, Formats, LONGEST_FILTER, Needle, Relation, Term, Test,
    json::{Literal, Number, Step},
};
use crate::{base::human, mqtt::topic};

/// The most memory that a compiled regular expression takes, and its cache while it runs, in bytes.
const REGEX_SIZE: usize = 1 << 20;

/// The deepest nesting of a regular expression.
const REGEX_DEPTH: u32 = 50;

/// The fields, for what is almost one of them.
const FIELDS: [&str; 8] = ["topic", "qos", "retain", "dup", "size", "prop", "type", "since"];

type Result<T> = std::result::Result<T, FilterError>;

pub(super) fn parse(text: &str, formats: Formats) -> Result<Vec<Term>> {
    if text.len() > LONGEST_FILTER {
        return Err(error(0..text.len(), format!("a filter has at most {LONGEST_FILTER} bytes")));
    }
    let mut scanner = Scanner { text, at: 0, formats };
    let mut terms = Vec::new();
    loop {
        scanner.space();
        if scanner.rest().is_empty() {
            return Ok(terms);
        }
        terms.push(scanner.term()?);
    }
}

fn error(span: Range<usize>, message: impl Into<String>) -> FilterError {
    FilterError { span, message: message.into() }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    formats: Formats,
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

    fn term(&mut self) -> Result<Term> {
        let start = self.at;
        let negated = self.eat("!");
        let test = match self.rest().chars().next() {
            None => return Err(error(start..self.at, "`!` stands before what must not be so")),
            Some(c) if c.is_whitespace() => return Err(error(start..self.at, "`!` stands before what must not be so")),
            Some('"') => {
                let text = self.quoted()?;
                word(&text, start..self.at)?
            }
            Some('/') => self.regex()?,
            Some('.') => self.json()?,
            Some(_) => {
                let token = self.bare()?;
                self.field(&token, start..self.at)?
            }
        };
        if negated && matches!(test, Test::Since(_)) {
            return Err(error(start..self.at, "`since:` cannot be turned around"));
        }
        Ok(Term { negated, test, span: start..self.at })
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

    fn regex(&mut self) -> Result<Test> {
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
        let regex = RegexBuilder::new(&body[..end])
            .size_limit(REGEX_SIZE)
            .dfa_size_limit(REGEX_SIZE)
            .nest_limit(REGEX_DEPTH)
            .build()
            .map_err(|why| error(start..self.at, reason(&why)))?;
        Ok(Test::Regex(regex))
    }

    fn field(&self, token: &str, span: Range<usize>) -> Result<Test> {
        let Some((name, value)) = token.split_once(':') else { return word(token, span) };
        let fail = |message: &str| Err(error(span.clone(), message));
        match name {
            "topic" if value.is_empty() => fail("`topic:` takes a Topic Filter, or a part of a topic"),
            "topic" if value.contains(['+', '#']) => match topic::check_filter(value) {
                Ok(()) => Ok(Test::Topic(value.to_owned())),
                Err(why) => Err(error(span, why)),
            },
            "topic" => Needle::new(value).map(Test::InTopic).map_err(|why| error(span, why)),
            "qos" => match relation(value) {
                (relation, Some(level @ 0..=2)) => Ok(Test::Qos(relation, level)),
                _ => fail("`qos:` takes 0, 1 or 2, as in qos:1 or qos:>0"),
            },
            "retain" | "dup" => match (yes(value), name) {
                (Some(wanted), "retain") => Ok(Test::Retain(wanted)),
                (Some(wanted), _) => Ok(Test::Dup(wanted)),
                (None, _) => fail("a flag takes yes or no; alone it means yes"),
            },
            "size" => match relation(value) {
                (relation, Some(size)) => Ok(Test::Size(relation, size)),
                (_, None) => fail("`size:` takes bytes, as in size:>1k or size:<=20"),
            },
            "prop" => {
                let (name, value) = value.split_once('=').map_or((value, None), |(name, value)| (name, Some(value.to_owned())));
                Ok(Test::Property(name.to_owned(), value))
            }
            "type" if self.formats.names.contains(&value) => Ok(Test::Format(value.to_owned(), self.formats.is)),
            "type" => fail(&format!("`type:` takes {}", self.formats.names.join(", "))),
            "since" => match human::parse_duration(value) {
                Ok(age) => Ok(Test::Since(age)),
                Err(_) => fail("`since:` takes a time, as in since:5m or since:1h30m"),
            },
            _ => match FIELDS.iter().find(|field| strsim::osa_distance(field, name) == 1) {
                Some(field) => fail(&format!("did you mean `{field}:`? As a word it needs quotes")),
                None => word(token, span),
            },
        }
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

fn word(text: &str, span: Range<usize>) -> Result<Test> {
    Needle::new(text).map(Test::Word).map_err(|why| error(span, why))
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
