//! What is wrong in a file: where, what, and the nearest right thing.

use std::{fmt, ops::Range};

use crate::base::text;

/// A place in a file, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

/// One thing that is wrong in a file; `Display` is one line that is safe to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The name of the file, without its directory.
    pub file: String,
    /// Where it is; nothing when the whole file is meant.
    pub at: Option<Position>,
    /// The key that it belongs to, `profile.plant.keep_alive`; empty when the whole file is meant.
    pub path: String,
    /// What is wrong; never a value that may be secret.
    pub message: String,
    /// What to write instead, where that can be guessed.
    pub suggestion: Option<String>,
}

impl Problem {
    /// Returns the key from the profile on, `tls.ca_file`; empty when the profile or the file is meant.
    #[must_use]
    pub fn key(&self) -> &str {
        let Some(path) = self.path.strip_prefix("profile.") else { return "" };
        let after = match path.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').map_or("", |(_, after)| after),
            None => path.find('.').map_or("", |dot| &path[dot..]),
        };
        after.strip_prefix('.').unwrap_or(after)
    }

    /// Tells whether the problem is in the table at this path.
    pub(super) fn is_in(&self, table: &str) -> bool {
        self.path.strip_prefix(table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if let Some(Position { line, column }) = self.at {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " {}", self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; {suggestion}"),
            None => Ok(()),
        }
    }
}

/// How many bytes of a text are counted through for a place in it, at most.
const COUNTED: usize = 1 << 7;

/// The starts of the lines of a text, to tell where a byte is without looking at all that is before it.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    text: &'a [u8],
    starts: Vec<usize>,
    /// How many characters begin before each block of [`COUNTED`] bytes.
    before: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let text = text.as_bytes();
        let blocks = text.chunks(COUNTED).scan(0, |sum, block| {
            *sum += beginnings(block);
            Some(*sum)
        });
        Self { text, starts, before: std::iter::once(0).chain(blocks).collect() }
    }

    /// Counts the characters that begin before a byte.
    fn count(&self, byte: usize) -> usize {
        let byte = byte.min(self.text.len());
        let block = byte / COUNTED;
        self.before[block] + beginnings(&self.text[block * COUNTED..byte])
    }

    pub(super) fn position(&self, byte: usize) -> Position {
        let line = self.starts.partition_point(|&start| start <= byte).max(1);
        Position { line, column: self.count(byte).saturating_sub(self.count(self.starts[line - 1])) + 1 }
    }

    pub(super) fn of_span(&self, span: Option<Range<usize>>) -> Option<Position> {
        span.map(|span| self.position(span.start))
    }
}

/// Counts the characters that begin in a part of a text in UTF-8.
fn beginnings(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

/// Returns the word that was probably meant, nothing where none is near.
pub(super) fn nearest<'a>(written: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A distance is quadratic; nobody mistypes more than this.
    if written.len() > 64 {
        return None;
    }
    let plain = |word: &str| word.to_ascii_lowercase().replace('-', "_");
    let wanted = plain(written);
    words
        .into_iter()
        .filter_map(|word| {
            let other = plain(word);
            let continued = wanted.len() >= 3 && (other.starts_with(&wanted) || wanted.starts_with(&other));
            let distance = if continued { 1 } else { strsim::damerau_levenshtein(&wanted, &other) };
            (distance <= 1 + wanted.len() / 4).then_some((distance, word))
        })
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, word)| word)
}

/// Makes a key's name or another short piece of the file safe to show.
pub(super) fn shown(word: &str) -> String {
    text::line(word, 60).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_not_bytes() {
        let lines = Lines::new("ä = 1\nüb = 2\n");
        assert_eq!(lines.position(0), Position { line: 1, column: 1 });
        assert_eq!(lines.position("ä".len()), Position { line: 1, column: 2 });
        assert_eq!(lines.position("ä = 1\nüb".len()), Position { line: 2, column: 3 });
        assert_eq!(lines.position(1_000).line, 3);
        let long = format!("a = 1\n{}x", "ä".repeat(3 * COUNTED));
        for (byte, column) in [(6, 1), (8, 2), (6 + 2 * COUNTED, COUNTED + 1), (long.len() - 1, 3 * COUNTED + 1)] {
            assert_eq!(Lines::new(&long).position(byte), Position { line: 2, column });
        }
    }

    #[test]
    fn a_name_with_a_dot_is_not_taken_for_a_key() {
        let problem =
            |path: &str| Problem { file: String::new(), at: None, path: path.into(), message: String::new(), suggestion: None };
        let cases =
            [("profile.\"a.b\".tls.ca_file", "tls.ca_file"), ("profile.a", ""), ("profile.\"a.b\"", ""), ("schema", ""), ("", "")];
        for (path, key) in cases {
            assert_eq!(problem(path).key(), key, "{path}");
        }
        assert!(problem("profile.a.url").is_in("profile.a") && !problem("profile.\"a.b\".url").is_in("profile.a"));
    }

    #[test]
    fn the_word_that_was_meant_is_found() {
        let words = ["keep_alive", "username", "url", "clean_start"];
        let cases = [("keepalive", "keep_alive"), ("Keep-Alive", "keep_alive"), ("user", "username"), ("ulr", "url")];
        for (written, meant) in cases {
            assert_eq!(nearest(written, words), Some(meant), "{written}");
        }
        assert_eq!(nearest("zebra", words), None);
        assert_eq!(nearest(&"u".repeat(100_000), words), None);
    }

    #[test]
    fn a_problem_is_one_line() {
        let mut problem = Problem {
            file: "profiles.toml".into(),
            at: Some(Position { line: 12, column: 3 }),
            path: "profile.plant.keepalive".into(),
            message: "unknown key `keepalive` in profile.plant".into(),
            suggestion: Some("did you mean `keep_alive`?".into()),
        };
        let expected = "profiles.toml:12:3: unknown key `keepalive` in profile.plant; did you mean `keep_alive`?";
        assert_eq!(problem.to_string(), expected);
        assert_eq!(problem.key(), "keepalive");
        (problem.at, problem.suggestion) = (None, None);
        assert_eq!(problem.to_string(), "profiles.toml: unknown key `keepalive` in profile.plant");
    }
}
