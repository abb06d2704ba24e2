//! What speaks for a binary format that has no signature: a few bytes decode as almost anything.

use crate::base::text::is_text;

/// From this length on, bytes that decode to the last one are hardly there by chance.
const LONG: usize = 12;

/// How much speaks for a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// The bytes are something else.
    No,
    /// The bytes decode, which may be chance.
    Maybe,
    /// The bytes decode, and what comes out makes sense.
    Sure,
}

/// What came out of the bytes.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// Characters of readable texts.
    pub(super) letters: usize,
    /// Keys that are readable texts.
    pub(super) text_keys: usize,
    /// Other keys.
    pub(super) other_keys: usize,
    /// Values without members.
    pub(super) scalars: usize,
    /// Scalars that are the integer zero.
    pub(super) zeros: usize,
    /// Floats, each of which has a marker of its own.
    pub(super) floats: usize,
    /// What an encoder would hardly write, such as a tag around a value that the tag is not for.
    pub(super) odd: usize,
    /// Values that can be nothing else, such as the tag of a date around a date.
    pub(super) certain: usize,
}

impl Evidence {
    /// Counts a text.
    pub(super) fn text(&mut self, text: &str, is_key: bool) {
        let readable = !text.is_empty() && text.chars().all(is_text);
        self.letters += if readable { text.chars().count() } else { 0 };
        if is_key {
            self.text_keys += usize::from(readable);
            self.other_keys += usize::from(!readable);
        } else {
            self.scalars += 1;
        }
    }

    /// Counts an integer.
    pub(super) fn integer(&mut self, is_zero: bool, is_key: bool) {
        self.other_keys += usize::from(is_key);
        self.scalars += usize::from(!is_key);
        self.zeros += usize::from(is_zero && !is_key);
    }

    /// Counts any other value without members.
    pub(super) fn scalar(&mut self, is_key: bool) {
        self.other_keys += usize::from(is_key);
        self.scalars += usize::from(!is_key);
    }

    /// Returns `true` if the keys are names.
    pub(super) fn has_names(&self) -> bool {
        self.text_keys > self.other_keys
    }

    /// Weighs what came out of the bytes of a payload, or of only the first ones of it (`whole` is false).
    pub(super) fn weigh(&self, bytes: &[u8], whole: bool) -> Verdict {
        let has_numbered_floats = self.floats > 0 && self.other_keys > 1;
        let is_sure = if self.has_names() || self.certain > 0 && self.odd == 0 {
            true
        } else if self.odd > 0 || is_text_in_another_charset(bytes) {
            false
        } else if self.letters > 1 || has_numbered_floats {
            true
        } else if whole {
            bytes.len() >= LONG && self.scalars > self.zeros
        } else {
            self.floats >= LONG
        };
        if is_sure { Verdict::Sure } else { Verdict::Maybe }
    }
}

/// Returns `true` for one letter of another charset before plain ASCII, such as `Ölstand: 12` in Latin-1.
fn is_text_in_another_charset(bytes: &[u8]) -> bool {
    bytes.iter().skip(1).all(|byte| matches!(byte, b' '..=b'~'))
}
