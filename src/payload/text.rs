//! Text: what counts as it, and the colour of a payload that is a single value.

use super::Tone;

/// The longest text that is looked at as a single number or word, in bytes.
const VALUE_BYTES: usize = 64;

/// The longest number that a device sends as bytes.
const LONGEST_NUMBER: usize = 8;

/// The shortest text that may hold bytes that are none, in bytes; shorter ones are as likely a number.
const SHORTEST_DAMAGED: usize = LONGEST_NUMBER + 2;

/// The longest text whose white space is marked, in bytes.
const MARKED_BYTES: usize = 256;

/// The most white space at one end that is marked sign by sign.
const MOST_MARKS: usize = 8;

/// Tells whether bytes are UTF-8; where they are only the start of a payload, the last character may be cut.
pub(super) fn is_utf8(bytes: &[u8], whole: bool) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => !whole && error.error_len().is_none(),
    }
}

/// Tells whether UTF-8 reads as text: mostly characters, and controls only as a device may leave them.
///
/// Small integers in binary are UTF-8 as well, so control characters other than tab, line breaks and escape may be at most
/// one in five; one zero at the end, as C ends its strings, is not counted. Bell and backspace are those of a terminal where
/// half of the bytes of a longer text can be seen.
pub(super) fn is_readable(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let seen = bytes.iter().filter(|byte| matches!(byte, 0x21..=0x7e | 0x80..)).count();
    let is_terminal = bytes.len() > LONGEST_NUMBER && seen * 2 >= bytes.len();
    let is_control = |byte: &&u8| is_control(**byte) && !(is_terminal && matches!(**byte, 7 | 8));
    let controls = bytes.iter().filter(is_control).count();
    !bytes.is_empty() && !bytes.contains(&0) && controls * 5 <= bytes.len()
}

fn is_control(byte: u8) -> bool {
    matches!(byte, 0..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f | 0x7f)
}

/// Counts the bytes that are not UTF-8, those of a character that is cut at the end of a sample left out.
pub(super) fn bad_bytes(bytes: &[u8], whole: bool) -> usize {
    let mut bad = 0;
    let mut chunks = bytes.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        if whole || chunks.peek().is_some() || str::from_utf8(chunk.invalid()).is_err_and(|error| error.error_len().is_some()) {
            bad += chunk.invalid().len();
        }
    }
    bad
}

/// Returns `true` if bytes are a text in which a few do not belong: at most one in eight, or one in four between two brackets.
pub(super) fn is_mostly_readable(bytes: &[u8], whole: bool) -> bool {
    let text = bytes.trim_ascii();
    let odd = bad_bytes(bytes, whole) * 2 + bytes.iter().filter(|byte| is_control(**byte)).count() * 3;
    let has_brackets = matches!((text.first(), text.last()), (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')));
    bytes.len() >= SHORTEST_DAMAGED && odd * if has_brackets { 2 } else { 4 } <= bytes.len()
}

/// Returns `true` if a short text may as well be the bytes of a number: it is neither a number in digits nor a word of letters.
pub(super) fn may_be_chance(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii();
    let is_word = text.len() > 2 && text.iter().all(u8::is_ascii_alphabetic);
    bytes.len() <= LONGEST_NUMBER && !is_word && tone(bytes) == Tone::Plain
}

/// Returns the tone of a payload that is nothing but one number or one of JSON's words.
pub(super) fn tone(bytes: &[u8]) -> Tone {
    if bytes.len() > VALUE_BYTES {
        return Tone::Plain;
    }
    match std::str::from_utf8(bytes).map(str::trim) {
        Ok("true" | "false") => Tone::Bool,
        Ok("null") => Tone::Null,
        Ok(text) if is_number(text) => Tone::Number,
        Ok(_) | Err(_) => Tone::Plain,
    }
}

/// Returns the first line that is not blank, and whether there is more after it.
pub(super) fn first_line(bytes: &[u8]) -> (&[u8], bool) {
    let bytes = &bytes[bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count()..];
    let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(bytes.len());
    (&bytes[..end], !bytes[end..].trim_ascii().is_empty())
}

/// Returns the white space before a short text of one line, the text, and the white space after it.
pub(super) fn single_line(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let text = bytes.trim_ascii_start();
    let (before, text) = bytes.split_at(bytes.len() - text.len());
    let (text, after) = text.split_at(text.trim_ascii_end().len());
    let is_single = bytes.len() <= MARKED_BYTES && !text.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
    is_single.then_some((before, text, after))
}

/// Writes white space so that it can be seen: `␍␊`.
pub(super) fn marks(blank: &[u8]) -> String {
    let mut marks: String = blank
        .iter()
        .take(MOST_MARKS)
        .map(|byte| match byte {
            b'\t' => '␉',
            b'\n' => '␊',
            b'\r' => '␍',
            0x0c => '␌',
            _ => '·',
        })
        .collect();
    if blank.len() > MOST_MARKS {
        marks.push('…');
    }
    marks
}

fn is_number(text: &str) -> bool {
    // The float parser also takes words such as `inf`, which a device may mean as words.
    text.contains(|c: char| c.is_ascii_digit()) && text.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_value_has_its_tone() {
        let cases: [(&[u8], Tone); 7] = [
            (b"21.5", Tone::Number),
            (b" -1e400\n", Tone::Number),
            (b"true", Tone::Bool),
            (b"null", Tone::Null),
            (b"on", Tone::Plain),
            (b"infinity", Tone::Plain),
            (b"21.5 C", Tone::Plain),
        ];
        for (bytes, expected) in cases {
            assert_eq!(tone(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn small_integers_are_not_text() {
        for bytes in [&b"\0\0\0\x2a"[..], b"\x01", b"\0", b"\x01\x02ab"] {
            assert!(!is_readable(bytes), "{}", bytes.escape_ascii());
        }
        for bytes in [&b"on\0"[..], b"a\tb\r\n", b"\x1b[31mred", "größe".as_bytes()] {
            assert!(is_readable(bytes), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_cut_character_is_forgiven_only_at_a_cut() {
        assert!(is_utf8(b"gr\xc3", false) && !is_utf8(b"gr\xc3", true) && !is_utf8(b"gr\xff", false));
    }

    #[test]
    fn the_first_line_passes_over_blank_ones() {
        assert_eq!(first_line(b"\r\n  a b\r\nc"), (&b"a b"[..], true));
        assert_eq!(first_line(b"a\n"), (&b"a"[..], false));
        assert_eq!(first_line(b" \n"), (&b""[..], false));
    }
}
