//! Bytes as they are: offset, hexadecimal digits, text column.

use std::ops::Range;

use super::{Span, Tone};

/// The bytes between two gaps.
const GROUP: usize = 8;

/// Returns how many rows a payload of `len` bytes takes.
#[must_use]
pub fn hex_row_count(len: usize, bytes_per_row: usize) -> usize {
    len.div_ceil(bytes_per_row.max(1))
}

/// Writes the rows asked for and no others, so the cost does not depend on the payload.
///
/// ```text
/// 00000010  7b 22 74 22 3a 32 31 00  00 ff                    {"t":21···
/// ```
#[must_use]
pub fn hex_rows(payload: &[u8], rows: Range<usize>, bytes_per_row: usize) -> Vec<Vec<Span>> {
    let per_row = bytes_per_row.max(1);
    let rows = rows.start..rows.end.min(hex_row_count(payload.len(), per_row));
    rows.map(|row| {
        let start = row * per_row;
        let bytes = &payload[start..payload.len().min(start + per_row)];
        hex_row(start, bytes, per_row)
    })
    .collect()
}

/// Writes the first bytes without offset or text column: `de ad be ef`.
pub(super) fn digits(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 3);
    for (i, byte) in bytes.iter().enumerate() {
        if i > 0 {
            out.push(' ');
        }
        push_digits(&mut out, *byte);
    }
    out
}

fn hex_row(offset: usize, bytes: &[u8], per_row: usize) -> Vec<Span> {
    let mut row = vec![Span::new(format!("{offset:08x}  "), Tone::Note)];
    for (i, byte) in bytes.iter().enumerate() {
        let tone = if *byte == 0 { Tone::Punctuation } else { Tone::Plain };
        let text = extend(&mut row, tone);
        push_digits(text, *byte);
        text.push(' ');
        if i % GROUP == GROUP - 1 {
            text.push(' ');
        }
    }
    let taken = bytes.len() * 3 + bytes.len() / GROUP;
    let full = per_row * 3 + per_row / GROUP;
    extend(&mut row, Tone::Plain).push_str(&" ".repeat(full - taken + 1));
    for byte in bytes {
        match byte {
            0x20..=0x7e => extend(&mut row, Tone::String).push(char::from(*byte)),
            _ => extend(&mut row, Tone::Escape).push('·'),
        }
    }
    row
}

/// Returns the text of the last span if it has the tone, else of a new one.
fn extend(row: &mut Vec<Span>, tone: Tone) -> &mut String {
    if row.last().is_none_or(|last| last.tone != tone) {
        row.push(Span::new("", tone));
    }
    &mut row.last_mut().expect("a span was just pushed where there was none").text
}

fn push_digits(out: &mut String, byte: u8) {
    for digit in [byte >> 4, byte & 15] {
        out.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(row: &[Span]) -> String {
        row.iter().map(|span| span.text.as_str()).collect()
    }

    #[test]
    fn a_row_has_offset_bytes_and_text() {
        let rows = hex_rows(b"0123456789abcdef{\"t\"\0\x1b\xff", 0..9, 16);
        assert_eq!(rows.len(), 2);
        assert_eq!(text(&rows[0]), "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66   0123456789abcdef");
        assert_eq!(text(&rows[1]), "00000010  7b 22 74 22 00 1b ff                               {\"t\"···");
        assert_eq!(rows[1][2], Span::new("00 ", Tone::Punctuation));
    }

    #[test]
    fn only_the_rows_asked_for_are_made() {
        let payload = vec![b'a'; 16 << 20];
        let rows = hex_rows(&payload, 1_000_000..1_000_002, 16);
        assert_eq!(rows.iter().map(|row| row[0].text.as_str()).collect::<Vec<_>>(), ["00f42400  ", "00f42410  "]);
    }

    proptest! {
        #[test]
        fn any_range_is_harmless(len in 0usize..100, start in 0usize..200, end in 0usize..200, per_row in 0usize..40) {
            let rows = hex_rows(&vec![7; len], start..end, per_row);
            prop_assert!(rows.len() <= hex_row_count(len, per_row));
        }
    }
}
