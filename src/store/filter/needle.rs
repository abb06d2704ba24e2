//! A text that is looked for in bytes, whatever the case of its letters.

use std::ops::Range;

use memchr::{memchr2, memmem::Finder};
use regex::bytes::{Regex, RegexBuilder};

/// The longest text that is compared at each of its possible places; a longer one is left to the regular expressions,
/// whose time does not grow with it.
const LONGEST: usize = 64;

/// Bytes from the most to the less frequent in topics and JSON; those that are missing here are rare.
const FREQUENT: &[u8] = b"e\"at:,/i0ors1nl2.5cdm34 p8679u_{}[]-hg";

/// A text to look for; a letter of ASCII in either case, any other by the simple case folding of Unicode.
#[derive(Debug, Clone)]
pub(super) struct Needle(Kind);

#[derive(Debug, Clone)]
enum Kind {
    /// Without letters, so that there is one way to write it.
    Plain(Box<Finder<'static>>),
    /// ASCII in lower case, and the place of its rarest byte.
    Ascii { text: Vec<u8>, rare: usize },
    /// Anything else.
    Folded(Regex),
}

impl Needle {
    /// Makes a needle; an empty one is found everywhere.
    ///
    /// # Errors
    ///
    /// Returns a sentence for a text that is too long to be looked for.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        if !text.is_ascii() || text.len() > LONGEST {
            let folded = RegexBuilder::new(&regex::escape(text)).case_insensitive(true).build();
            return folded.map(|regex| Self(Kind::Folded(regex))).map_err(|_| "the word is too long to be looked for".to_owned());
        }
        if !text.bytes().any(|byte| byte.is_ascii_alphabetic()) {
            return Ok(Self(Kind::Plain(Box::new(Finder::new(text).into_owned()))));
        }
        let text = text.to_ascii_lowercase().into_bytes();
        let frequency = |byte: u8| FREQUENT.iter().position(|&frequent| frequent == byte).unwrap_or(FREQUENT.len());
        let rare = (0..text.len()).max_by_key(|&at| frequency(text[at])).unwrap_or(0);
        Ok(Self(Kind::Ascii { text, rare }))
    }

    /// Tells whether the text is somewhere in `bytes`.
    pub(super) fn is_in(&self, bytes: &[u8]) -> bool {
        match &self.0 {
            Kind::Plain(finder) => finder.find(bytes).is_some(),
            Kind::Ascii { text, rare } => find_ascii(text, *rare, bytes).is_some(),
            Kind::Folded(regex) => regex.is_match(bytes),
        }
    }

    /// Returns the first place of the text in `bytes`.
    fn find(&self, bytes: &[u8]) -> Option<Range<usize>> {
        match &self.0 {
            Kind::Plain(finder) => finder.find(bytes).map(|start| start..start + finder.needle().len()),
            Kind::Ascii { text, rare } => find_ascii(text, *rare, bytes).map(|start| start..start + text.len()),
            Kind::Folded(regex) => regex.find(bytes).map(|found| found.range()),
        }
    }

    /// Adds all places of the text in `text`, which do not overlap.
    pub(super) fn find_all(&self, text: &str, places: &mut Vec<Range<usize>>) {
        let mut from = 0;
        while let Some(found) = self.find(&text.as_bytes()[from..]).filter(|found| !found.is_empty()) {
            places.push(from + found.start..from + found.end);
            from += found.end;
        }
    }
}

fn find_ascii(text: &[u8], rare: usize, bytes: &[u8]) -> Option<usize> {
    let (lower, upper) = (text[rare], text[rare].to_ascii_uppercase());
    let mut at = rare;
    loop {
        at += memchr2(lower, upper, bytes.get(at..)?)?;
        let start = at - rare;
        if bytes.get(start..start + text.len())?.eq_ignore_ascii_case(text) {
            return Some(start);
        }
        at += 1;
    }
}
