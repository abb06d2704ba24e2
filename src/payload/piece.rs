//! The pieces that a structured value is written in, the same for every decoder and every layout.

use super::Tone;

/// One piece of a value, in the order of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// The start of a map or list, with its bracket.
    Open(&'static str),
    /// The end of a map or list, with its bracket.
    Close(&'static str),
    /// Between two members.
    Comma,
    /// Between a key and its value.
    Colon,
    /// Anything else: a key, a string, a number; not yet safe to print.
    Atom(&'a str, Tone),
}

/// Takes pieces and lays them out.
pub(super) trait Layout {
    /// Takes the next piece, and tells whether more are of use.
    fn piece(&mut self, piece: Piece<'_>) -> bool;
}

/// Writes a string in quotes, with the escapes that JSON has for quotes, backslashes and line breaks.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Writes a byte string as CBOR's diagnostic notation does: `h'0badcafe'`.
pub(super) fn byte_string(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2 + 3);
    out.push_str("h'");
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out.push('\'');
    out
}

/// Writes a float with the fewest digits that name it, as a 32-bit one where it is one.
#[expect(clippy::cast_possible_truncation, clippy::float_cmp, reason = "the comparison proves that nothing was lost")]
pub(super) fn float(value: f64) -> String {
    let narrow = value as f32;
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity".into() } else { "-Infinity".into() }
    } else if f64::from(narrow) == value {
        format!("{narrow:?}")
    } else {
        format!("{value:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_keep_to_one_line() {
        assert_eq!(quoted("a\"b\\c\nd"), r#""a\"b\\c\nd""#);
        assert_eq!(byte_string(&[0x0b, 0xad]), "h'0bad'");
    }

    #[test]
    fn a_float_has_no_invented_digits() {
        assert_eq!((float(f64::from(3.71_f32)), float(0.1), float(21.0)), ("3.71".into(), "0.1".into(), "21.0".into()));
        assert_eq!((float(f64::NAN), float(f64::NEG_INFINITY)), ("NaN".into(), "-Infinity".into()));
    }
}
