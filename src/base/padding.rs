//! What devices leave around a text: a byte order mark, the zeros of a fixed buffer, the fill of an erased memory.

use super::human;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A text, and what stood around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unpadded<'a> {
    /// The text.
    pub text: &'a [u8],
    byte_order_mark: bool,
    before: usize,
    after: usize,
    fill: u8,
}

/// Takes away a byte order mark and zeros before a text, and zeros or a fill of 0xFF after it.
///
/// White space stays: JSON allows it, and in other texts it matters.
#[must_use]
pub fn strip(bytes: &[u8]) -> Unpadded<'_> {
    let before = bytes.iter().take_while(|byte| **byte == 0).count();
    let text = &bytes[before..];
    let (byte_order_mark, text) = text.strip_prefix(BYTE_ORDER_MARK).map_or((false, text), |text| (true, text));
    let fill = text.last().copied().filter(|last| matches!(last, 0 | 0xff)).unwrap_or_default();
    let after = text.iter().rev().take_while(|byte| **byte == fill).count();
    Unpadded { text: &text[..text.len() - after], byte_order_mark, before, after, fill }
}

/// Takes away only what stands before a text.
#[must_use]
pub fn strip_start(bytes: &[u8]) -> &[u8] {
    let text = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

impl Unpadded<'_> {
    /// Says what stood around the text, a sentence each.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.before > 0 {
            notes.push(format!("{} NUL before it", human::count(self.before as u64)));
        }
        if self.byte_order_mark {
            notes.push("a byte order mark before it, which many readers of JSON refuse".to_owned());
        }
        if self.after > 0 {
            let name = if self.fill == 0 { "NUL" } else { "0xFF" };
            notes.push(format!("{} {name} after it", human::count(self.after as u64)));
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_within_what_a_device_left_around_it() {
        let cases: [(&[u8], &[u8], &[&str]); 6] = [
            (b"{} ", b"{} ", &[]),
            (b"{}\0", b"{}", &["1 NUL after it"]),
            (b"\0\0{}", b"{}", &["2 NUL before it"]),
            (b"\xef\xbb\xbf{}\r\n", b"{}\r\n", &["a byte order mark before it, which many readers of JSON refuse"]),
            (b"{}\n\xff\xff", b"{}\n", &["2 0xFF after it"]),
            (b"\0\0", b"", &["2 NUL before it"]),
        ];
        for (bytes, text, notes) in cases {
            let unpadded = strip(bytes);
            assert_eq!((unpadded.text, unpadded.notes()), (text, notes.iter().map(|&note| note.to_owned()).collect()));
        }
    }
}
