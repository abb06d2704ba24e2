//! The sections of a PEM file (RFC 7468), which may hold a key: every buffer is wiped.
//!
//! ```text
//! -----BEGIN PRIVATE KEY-----
//! MC4CAQAwBQYDK2VwBCIEI...
//! -----END PRIVATE KEY-----
//! ```

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

/// The base64 of a section is broken, or its end is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a section of the PEM file is broken")]
pub(super) struct Broken;

/// A section, found and not decoded yet.
#[derive(Clone, Copy)]
pub(super) struct Section<'a> {
    /// What it says that it holds.
    pub(super) label: &'a str,
    /// The lines within; nothing where the end is missing.
    body: Option<&'a [u8]>,
}

impl Section<'_> {
    /// Decodes what is in the section.
    pub(super) fn der(&self) -> Result<Zeroizing<Vec<u8>>, Broken> {
        let body = self.body.ok_or(Broken)?;
        // Both buffers have room for everything, as one that grows would leave a copy behind.
        let mut digits = Zeroizing::new(Vec::with_capacity(body.len()));
        digits.extend(body.iter().filter(|byte| !byte.is_ascii_whitespace()));
        let mut der = Zeroizing::new(vec![0; base64::decoded_len_estimate(digits.len())]);
        let length = STANDARD.decode_slice(digits.as_slice(), &mut der).map_err(|_| Broken)?;
        der.truncate(length);
        Ok(der)
    }
}

/// Finds the sections of a file; what is around them is skipped.
pub(super) fn sections(file: &[u8]) -> impl Iterator<Item = Section<'_>> {
    let mut rest = file;
    std::iter::from_fn(move || {
        loop {
            let label = label(line(&mut rest)?, "-----BEGIN ");
            let Some(label) = label else { continue };
            let body = rest;
            loop {
                let until = body.len() - rest.len();
                let Some(line) = line(&mut rest) else { return Some(Section { label, body: None }) };
                if self::label(line, "-----END ") == Some(label) {
                    return Some(Section { label, body: Some(&body[..until]) });
                }
            }
        }
    })
}

/// Takes the next line.
fn line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    if rest.is_empty() {
        return None;
    }
    let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
    let (line, after) = rest.split_at(end);
    *rest = after;
    Some(line)
}

fn label<'a>(line: &'a [u8], begin: &str) -> Option<&'a str> {
    std::str::from_utf8(line).ok()?.trim().strip_prefix(begin)?.strip_suffix("-----")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str) -> Vec<(&str, Result<Vec<u8>, Broken>)> {
        sections(file.as_bytes()).map(|section| (section.label, section.der().map(|der| der.to_vec()))).collect()
    }

    #[test]
    fn sections_are_found_among_other_text() {
        let file = "said before\r\n-----BEGIN A-----\r\nAAEC\r\nAwQ=\r\n-----END A-----\r\nbetween\n-----BEGIN B C-----\n-----END B C-----";
        assert_eq!(read(file), [("A", Ok(vec![0, 1, 2, 3, 4])), ("B C", Ok(Vec::new()))]);
        assert_eq!(read("no section"), []);
    }

    #[test]
    fn a_broken_section_keeps_its_label() {
        assert_eq!(read("-----BEGIN A-----\nAAEC\n"), [("A", Err(Broken))]);
        assert_eq!(read("-----BEGIN A-----\n!\n-----END A-----\n"), [("A", Err(Broken))]);
        assert_eq!(read("-----BEGIN A-----\nAAEC\n-----END B-----\n"), [("A", Err(Broken))]);
    }
}
