//! How received messages are written: one file per format.

mod hex;
mod json;
mod layout;
mod payload;
mod separator;
mod template;
mod text;
mod time;
mod utc;

use jiff::tz::TimeZone;

pub(super) use self::json::harmless;
use self::time::Times;
pub use self::{
    separator::Separator,
    template::{Template, field_names},
    time::Time,
};
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

    /// Returns `true` if the time of a message can be seen in it.
    #[must_use]
    pub fn has_time(&self) -> bool {
        match self {
            Self::Text | Self::Json => true,
            Self::Payload | Self::Hex => false,
            Self::Template(template) => template.has_time(),
        }
    }
}

/// Writes messages in one format, with a line feed behind each.
#[derive(Debug)]
pub struct Printer {
    format: Format,
    escaped: bool,
    times: Times,
    /// Whether `text` begins with the time.
    timed: bool,
    separator: Separator,
}

impl Printer {
    /// Makes a printer; `escaped` replaces what a terminal must not receive by escapes.
    #[must_use]
    pub fn new(format: Format, escaped: bool) -> Self {
        let times = Times::new(Time::Utc, TimeZone::UTC);
        Self { format, escaped, times, timed: false, separator: Separator::Nl }
    }

    /// Sets how times are written, which the format `text` then begins with; local is the time of `zone`.
    #[must_use]
    pub fn timed(mut self, time: Time, zone: TimeZone) -> Self {
        (self.times, self.timed) = (Times::new(time, zone), true);
        self
    }

    /// Sets what stands behind each message.
    #[must_use]
    pub fn separated(mut self, separator: Separator) -> Self {
        self.separator = separator;
        self
    }

    /// Appends one message and the separator to `out`.
    pub fn write<'a>(&mut self, message: impl Into<Delivery<'a>>, out: &mut Vec<u8>) {
        let message = message.into();
        match &self.format {
            Format::Text => {
                if self.timed {
                    self.times.write(message.at, out);
                    out.push(b' ');
                }
                text::write(message, self.escaped, out);
            }
            Format::Json => json::write(message, &mut self.times, out),
            Format::Payload => payload::write(message, self.escaped, out),
            Format::Hex => hex::write(message.payload, out),
            Format::Template(template) => template.write(message, &mut self.times, self.escaped, out),
        }
        out.extend_from_slice(self.separator.bytes());
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
