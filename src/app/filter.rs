//! The filter row: what it narrows, what is typed into it, and what is wrong with that.

use tui_input::Input;

use crate::{
    payload::{self, Format, Hints},
    store::{Entry, FilterError, Formats},
};

/// The list that a filter narrows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The topics.
    Topics,
    /// The messages.
    Messages,
}

/// The row while it is typed into; what is valid is in force at once.
#[derive(Debug)]
pub struct Typing {
    /// What is narrowed.
    pub target: Target,
    /// The text and the cursor in it.
    pub input: Input,
    /// What is wrong; the filter before it stays in force.
    pub error: Option<FilterError>,
}

impl Typing {
    /// Starts with a text.
    #[must_use]
    pub fn new(target: Target, text: &str) -> Self {
        Self { target, input: Input::new(text.to_owned()), error: None }
    }
}

/// The formats that `type:` knows.
pub const FORMATS: Formats = Formats {
    names: &["json", "text", "cbor", "msgpack", "gzip", "image", "png", "jpeg", "gif", "webp", "binary", "empty"],
    is: is_format,
};

fn is_format(entry: &Entry<'_>, name: &str) -> bool {
    let properties = entry.properties();
    let hints = Hints {
        content_type: properties.as_ref().and_then(|properties| properties.content_type.as_deref()),
        payload_format: properties.as_ref().and_then(|properties| properties.payload_format),
    };
    let format = payload::detect(entry.payload, &hints).format;
    format.name() == name || name == "image" && matches!(format, Format::Image(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_its_name_in_filters() {
        for format in Format::CHOICES.into_iter().chain([Format::Empty]) {
            assert!(FORMATS.names.contains(&format.name()), "{format}");
        }
    }
}
