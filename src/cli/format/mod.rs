//! How received messages are written: one file per format.

mod hex;
mod json;
mod payload;
mod template;
mod text;
mod utc;

pub(super) use self::json::harmless;
pub use self::template::{Template, field_names};
use self::utc::Utc;
use crate::{base::text::escape, mqtt::batch::Delivery};

/// A format of `--format`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// Topic, a space, payload.
    Text,
    /// One JSON object.
    Json,
    /// The payload alone.
    Payload,
    /// The payload in hexadecimal digits.
    Hex,
    /// Fields in the user's own order.
    Template(Template),
}

impl Format {
    /// Reads the value of `--format`.
    ///
    /// # Errors
    ///
    /// Returns a sentence that lists the formats, or the fields of a template.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            "payload" => Ok(Self::Payload),
            "hex" => Ok(Self::Hex),
            template if template.contains('{') => Template::parse(template).map(Self::Template),
            _ => Err("a format is text, json, payload, hex, or a template such as '{time} {topic} {payload}'".into()),
        }
    }
}

/// Writes messages in one format, a line each.
#[derive(Debug)]
pub struct Printer {
    format: Format,
    escaped: bool,
    utc: Utc,
}

impl Printer {
    /// Makes a printer; `escaped` replaces what a terminal must not receive by escapes.
    #[must_use]
    pub fn new(format: Format, escaped: bool) -> Self {
        Self { format, escaped, utc: Utc::default() }
    }

    /// Appends one message and a line feed to `out`.
    pub fn write<'a>(&mut self, message: impl Into<Delivery<'a>>, out: &mut Vec<u8>) {
        let message = message.into();
        match &self.format {
            Format::Text => text::write(message, self.escaped, out),
            Format::Json => json::write(message, &mut self.utc, out),
            Format::Payload => payload::write(message, self.escaped, out),
            Format::Hex => hex::write(message.payload, out),
            Format::Template(template) => template.write(message, &mut self.utc, self.escaped, out),
        }
        out.push(b'\n');
    }
}

/// Appends text from outside, escaped for a terminal or exactly as it came.
pub(super) fn push(bytes: &[u8], escaped: bool, out: &mut Vec<u8>) {
    if escaped {
        out.extend_from_slice(escape(bytes).as_bytes());
    } else {
        out.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests;
