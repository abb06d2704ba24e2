//! A value in a JSON payload, found by a scan over its bytes: nothing is built, and what comes after it is not read.
//!
//! No recursion and no allocation but for texts with escapes, so that a hostile payload costs no more than its length. Of
//! keys that occur twice the first counts.

use std::{borrow::Cow, cmp::Ordering};

use memchr::memchr2;

use super::Relation;
use crate::base::padding;

/// So many digits fit into 64 bits whatever they are.
const SHORT: usize = 18;

/// A text of fewer bytes is looked through byte by byte, which is quicker than to begin anything better.
const FEW: usize = 16;

/// The bytes that can follow a number or a name.
const ENDS: [bool; 256] = {
    let (bytes, mut ends, mut at) = (b",:]}[{\" \t\r\n", [false; 256], 0);
    while at < bytes.len() {
        ends[bytes[at] as usize] = true;
        at += 1;
    }
    ends
};

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// The value of a key.
    Key(String),
    /// An element by its index.
    Index(usize),
}

/// What a value is compared to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Number(Number),
    Text(String),
    Bool(bool),
    Null,
}

/// A number, exact where it is whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Whole(i128),
    Real(f64),
}

impl Number {
    /// Reads a number as JSON writes it.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let (is_negative, digits) = text.strip_prefix(b"-").map_or((false, text), |digits| (true, digits));
        // Most are whole and short, and quickly read.
        if (1..=SHORT).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit) {
            let value = digits.iter().fold(0_i64, |value, digit| value * 10 + i64::from(digit - b'0'));
            return Some(Self::Whole(i128::from(if is_negative { -value } else { value })));
        }
        if !text.last()?.is_ascii_digit() || !text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
        {
            return None;
        }
        let text = str::from_utf8(text).ok().filter(|text| text.starts_with(|c: char| c == '-' || c.is_ascii_digit()))?;
        text.parse().map(Self::Whole).or_else(|_| text.parse().map(Self::Real)).ok()
    }

    fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Whole(one), Self::Whole(two)) => Some(one.cmp(&two)),
            (one, two) => one.real().partial_cmp(&two.real()),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "compared with a number that is not whole")]
    fn real(self) -> f64 {
        match self {
            Self::Whole(number) => number as f64,
            Self::Real(number) => number,
        }
    }
}

/// Tells whether a value is there and stands in a relation to another; values of two kinds are only not equal.
pub(super) fn holds(payload: &[u8], path: &[Step], wanted: Option<&(Relation, Literal)>) -> bool {
    let Some(value) = find(payload, path) else { return false };
    let Some((relation, literal)) = wanted else { return true };
    let ordering = match (value, literal) {
        (Value::Number(value), Literal::Number(wanted)) => value.compare(*wanted),
        (Value::Text(raw), Literal::Text(wanted)) => unescape(raw).map(|value| value.as_ref().cmp(wanted.as_bytes())),
        (Value::Bool(value), Literal::Bool(wanted)) => Some(value.cmp(wanted)),
        (Value::Null, Literal::Null) => Some(Ordering::Equal),
        (Value::Number(_) | Value::Text(_) | Value::Bool(_) | Value::Null | Value::Other, _) => None,
    };
    ordering.map_or(*relation == Relation::NotEqual, |ordering| relation.holds(ordering))
}

#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    Number(Number),
    /// Between the quotes, escapes and all.
    Text(&'a [u8]),
    Bool(bool),
    Null,
    /// An object or an array.
    Other,
}

/// The place of a value in JSON payloads, such as `.a[0].on`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPath(Vec<Step>);

impl JsonPath {
    /// Reads a path as filters write it.
    ///
    /// # Errors
    ///
    /// Returns a sentence that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        super::parse::path(text).map(Self).map_err(|error| error.message)
    }

    /// Returns the value that stands there: a text without quotes and escapes, anything else as it was sent; `None` if there is
    /// none.
    #[must_use]
    pub fn value<'a>(&self, payload: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let mut scan = seek(payload, &self.0)?;
        let from = scan.0.trim_ascii_start();
        if from.starts_with(b"\"") {
            return unescape(scan.string()?);
        }
        scan.skip()?;
        Some(Cow::Borrowed(&from[..from.len() - scan.0.len()]))
    }
}

fn find<'a>(payload: &'a [u8], path: &[Step]) -> Option<Value<'a>> {
    seek(payload, path)?.value()
}

/// Returns what begins with the value of a path.
fn seek<'a>(payload: &'a [u8], path: &[Step]) -> Option<Scan<'a>> {
    let mut scan = Scan(padding::strip(payload).text);
    for step in path {
        match step {
            Step::Key(name) => {
                scan.take(b'{')?;
                while !is_key(scan.string()?, name) {
                    scan.take(b':')?;
                    scan.skip()?;
                    scan.take(b',')?;
                }
                scan.take(b':')?;
            }
            Step::Index(index) => {
                scan.take(b'[')?;
                for _ in 0..*index {
                    scan.skip()?;
                    scan.take(b',')?;
                }
            }
        }
    }
    Some(scan)
}

fn is_key(raw: &[u8], name: &str) -> bool {
    raw == name.as_bytes() || raw.contains(&b'\\') && unescape(raw).is_some_and(|key| key.as_ref() == name.as_bytes())
}

/// Resolves the escapes of a text, nothing where they are wrong.
fn unescape(raw: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !raw.contains(&b'\\') {
        return Some(Cow::Borrowed(raw));
    }
    let quoted = [b"\"", raw, b"\""].concat();
    serde_json::from_slice::<String>(&quoted).ok().map(|text| Cow::Owned(text.into_bytes()))
}

/// What is not read yet.
#[derive(Debug)]
struct Scan<'a>(&'a [u8]);

impl<'a> Scan<'a> {
    /// Takes a sign, after white space.
    fn take(&mut self, sign: u8) -> Option<()> {
        self.0 = self.0.trim_ascii_start().strip_prefix(&[sign])?;
        Some(())
    }

    /// Takes a string, and returns what is between its quotes.
    fn string(&mut self) -> Option<&'a [u8]> {
        self.take(b'"')?;
        let text = self.0;
        let mut at = text.iter().take(FEW).take_while(|byte| !matches!(byte, b'"' | b'\\')).count();
        loop {
            at += memchr2(b'"', b'\\', text.get(at..)?)?;
            if text[at] == b'"' {
                self.0 = &text[at + 1..];
                return Some(&text[..at]);
            }
            at += 2;
        }
    }

    /// Takes a value that is of no interest.
    fn skip(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            self.0 = self.0.trim_ascii_start();
            match *self.0.first()? {
                b'"' => drop(self.string()?),
                b'{' | b'[' => {
                    depth += 1;
                    self.0 = &self.0[1..];
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.0 = &self.0[1..];
                }
                b',' | b':' if depth > 0 => self.0 = &self.0[1..],
                _ if self.word().is_empty() => return None,
                _ => {}
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// Takes a number or a name, up to what can follow it.
    fn word(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| ENDS[usize::from(*byte)]).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        word
    }

    fn value(&mut self) -> Option<Value<'a>> {
        self.0 = self.0.trim_ascii_start();
        match *self.0.first()? {
            b'"' => self.string().map(Value::Text),
            b'{' | b'[' => Some(Value::Other),
            _ => match self.word() {
                b"true" => Some(Value::Bool(true)),
                b"false" => Some(Value::Bool(false)),
                b"null" => Some(Value::Null),
                number => Number::parse(number).map(Value::Number),
            },
        }
    }
}
