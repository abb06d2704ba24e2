//! Bytes to something to show: what a payload is, its preview in a list, and its text on a page.

use std::fmt;

mod cbor;
mod detect;
mod document;
mod evidence;
mod files;
mod gzip;
mod hex;
mod image;
mod json;
mod lines;
mod msgpack;
mod piece;
mod preview;
mod text;

pub use self::{
    detect::{Detected, Hints, MOST_ALIKE, detect},
    document::{Document, Limits, document},
    files::FILES,
    hex::{hex_row_count, hex_rows},
    image::{Image, ImageKind},
    preview::preview,
};

/// What a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// No bytes at all.
    Empty,
    /// JSON (RFC 8259).
    Json,
    /// UTF-8 text.
    Text,
    /// CBOR (RFC 8949), one item or several in a row.
    Cbor,
    /// MessagePack, one object or several in a row.
    MessagePack,
    /// A picture, known by its first bytes.
    Image(Image),
    /// Gzip (RFC 1952) around something else.
    Gzip,
    /// A file or stream of the format of that name, known by its first bytes and shown as bytes.
    File(&'static str),
    /// Anything else, shown as bytes.
    Binary,
}

impl Format {
    /// The formats that a person may choose against the detection, in the order of a menu.
    pub const CHOICES: [Self; 6] = [Self::Json, Self::Text, Self::Cbor, Self::MessagePack, Self::Gzip, Self::Binary];

    /// Returns the name as it is shown and as filters take it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Json => "json",
            Self::Text => "text",
            Self::Cbor => "cbor",
            Self::MessagePack => "msgpack",
            Self::Image(image) => image.kind.name(),
            Self::Gzip => "gzip",
            Self::File(name) => name,
            Self::Binary => "binary",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a part of the shown text is, for its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tone {
    /// Text without a role.
    Plain,
    /// The key of a map.
    Key,
    /// A string.
    String,
    /// A number.
    Number,
    /// True or false.
    Bool,
    /// The absence of a value.
    Null,
    /// Brackets, commas, colons, and bytes of zero.
    Punctuation,
    /// What is said about the payload and is not in it: `⟨cbor⟩`, an offset, an ellipsis.
    Note,
    /// What stands for white space that could not be seen.
    Blank,
    /// What stands for a character or byte that must not be shown as it is.
    Escape,
    /// What does not belong where it is.
    Error,
}

/// A piece of one line, safe to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The text; it went through [`crate::base::text`].
    pub text: String,
    /// What it is.
    pub tone: Tone,
}

impl Span {
    fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }
}

#[cfg(test)]
mod tests;
