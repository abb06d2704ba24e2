//! A kept packet made readable: one line for the ladder, and every field by name.
//!
//! Both directions and both versions; nothing is refused. What cannot be read is told and left as bytes. Every text is
//! safe to show.
//!
//! ```text
//! summary   #1 sensors/# q1 nl=0 rh=0
//! fields    Packet Identifier 1 · Topic Filter sensors/# · QoS 1 · No Local no · ...
//! fault     what could not be read, and why
//! ```

mod glance;
mod packets;
#[cfg(test)]
mod tests;

pub use self::glance::{Publish, connect, packet_id, publish, reason_code};

use super::{
    check::{
        Fault,
        properties::{self, AUTH_DATA, TOPIC_ALIAS, Value},
        reader::Reader,
    },
    frame::Header,
    packet::{Packet, Version},
    reason::Reason,
};
use crate::base::{human, text};

/// The most columns of a value.
const VALUE_COLUMNS: usize = 400;

/// The most columns of a value within the summary.
const WORD_COLUMNS: usize = 120;

/// The most fields; a packet of 64 KiB can carry thousands of properties.
const MOST_FIELDS: usize = 200;

/// The most properties that are read; nothing that matters stands behind so many.
const MOST_PROPERTIES: usize = 1_000;

/// How long the summary may be in bytes when one more word is added to it; a hostile packet can repeat a property.
const FULL_SUMMARY: usize = 2_000;

/// The most bytes of a binary value that are written as digits.
const MOST_DIGITS: usize = 48;

/// One field of a packet; the value is safe to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The name in the standard.
    pub name: &'static str,
    /// The value for a person.
    pub value: String,
}

/// A packet made readable; all texts are safe to show.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decoded {
    /// What matters, without the name of the packet; may be empty.
    pub summary: String,
    /// Every field in its order.
    pub fields: Vec<Field>,
    /// Why the rest could not be read.
    pub fault: Option<String>,
    /// Whether it tells of a failure: a Reason Code from 0x80 on.
    pub is_failure: bool,
}

/// Reads a packet of a connection that speaks `version`.
#[must_use]
pub fn decode(packet: &Packet, version: Version) -> Decoded {
    read(packet, version, MOST_FIELDS)
}

/// Reads a packet as [`decode`] does and lists no fields: for the rows of a list, of which a frame shows many.
#[must_use]
pub fn summarize(packet: &Packet, version: Version) -> Decoded {
    read(packet, version, 0)
}

fn read(packet: &Packet, version: Version, most_fields: usize) -> Decoded {
    let body = body(packet);
    let mut page = Page { reader: Reader::new(body), version, most_fields, out: Decoded::default() };
    let read = packets::read(&mut page, packet);
    let unread = page.reader.rest();
    let mut out = page.out;
    match read {
        Err(fault) if packet.is_cut() && runs_out(&fault) => {
            out.fault = Some(cut(packet));
        }
        Err(fault) => out.fault = Some(format!("{} {}", fault.field, fault.detail)),
        Ok(()) if packet.is_cut() => out.fault = Some(cut(packet)),
        Ok(()) if !unread.is_empty() => out.fault = Some(format!("{} bytes follow the last field", unread.len())),
        Ok(()) => {}
    }
    if out.fault.is_some() && !unread.is_empty() && most_fields > 0 {
        out.fields.push(Field { name: "not read", value: digits(unread) });
    }
    out
}

/// Returns the bytes after the Fixed Header, as far as they were kept.
fn body(packet: &Packet) -> &[u8] {
    match Header::read(&packet.head) {
        Ok(Some(header)) => packet.head.get(header.len..).unwrap_or_default(),
        Ok(None) | Err(_) => &[],
    }
}

fn runs_out(fault: &Fault) -> bool {
    fault.detail.contains("past the end")
}

fn cut(packet: &Packet) -> String {
    let [kept, size] = [packet.head.len(), packet.size].map(|bytes| human::count(bytes as u64));
    format!("only the first {kept} of {size} bytes were kept")
}

/// A packet being read, and what came of it.
struct Page<'a> {
    reader: Reader<'a>,
    version: Version,
    /// How many fields are listed: [`MOST_FIELDS`] or none.
    most_fields: usize,
    out: Decoded,
}

impl<'a> Page<'a> {
    /// Adds a field; `value` must be safe to show, and is made only where it is listed.
    fn field(&mut self, name: &'static str, value: impl FnOnce() -> String) {
        if self.out.fields.len() < self.most_fields {
            self.out.fields.push(Field { name, value: value() });
        } else if self.out.fields.len() == self.most_fields && self.most_fields > 0 {
            self.out.fields.push(Field { name: "…", value: "more fields are not listed".to_owned() });
        }
    }

    /// Adds a word to the summary unless that is full; it must be safe to show.
    fn word(&mut self, word: &str) {
        if self.out.summary.len() > FULL_SUMMARY {
            return;
        }
        if !self.out.summary.is_empty() && !word.is_empty() {
            self.out.summary.push(' ');
        }
        self.out.summary.push_str(word);
    }

    fn text(&mut self, name: &'static str) -> Result<&'a [u8], Fault> {
        let bytes = self.reader.binary(name)?;
        self.field(name, || shown(bytes));
        Ok(bytes)
    }

    fn packet_id(&mut self) -> Result<(), Fault> {
        let id = self.reader.u16("Packet Identifier")?;
        self.field("Packet Identifier", || id.to_string());
        self.word(&format!("#{id}"));
        Ok(())
    }

    /// Reads a Reason Code; a success is a word only where `always` says so.
    fn reason(&mut self, always: bool) -> Result<(), Fault> {
        let code = self.reader.byte("Reason Code")?;
        self.tell(Reason(code), always);
        Ok(())
    }

    fn tell(&mut self, reason: Reason, always: bool) {
        self.field("Reason Code", || named(reason));
        if reason.is_failure() {
            self.out.is_failure = true;
            self.word(&named(reason));
        } else if always || reason.0 != 0 {
            self.word(&if reason.0 == 0 { "0x00".to_owned() } else { named(reason) });
        }
    }

    /// Reads the properties of MQTT 5; `see` makes a word of one, or none.
    fn properties(&mut self, mut see: impl FnMut(u8, Value<'_>) -> Option<String>) -> Result<(), Fault> {
        if self.version != Version::V5 {
            return Ok(());
        }
        let len = self.reader.varint("Property Length")?;
        let len = usize::try_from(len).unwrap_or(usize::MAX).min(self.reader.rest().len());
        let mut properties = Reader::new(self.reader.take(len, "Property Length")?);
        for _ in 0..MOST_PROPERTIES {
            if properties.is_empty() {
                break;
            }
            let (id, name, value) = properties::read(&mut properties)?;
            if let Some(word) = see(id, value) {
                self.word(&word);
            }
            self.field(name, || property(id, name, value));
        }
        Ok(())
    }
}

/// Writes a property for a person.
fn property(id: u8, name: &str, value: Value<'_>) -> String {
    match value {
        Value::Number(u32::MAX) if name == "Session Expiry Interval" => "never".to_owned(),
        Value::Number(n) if name.ends_with("Interval") || name.ends_with("Keep Alive") => {
            format!("{} s", human::count(n.into()))
        }
        Value::Number(n) if id == TOPIC_ALIAS => n.to_string(),
        Value::Number(n) => human::count(n.into()),
        Value::Text(text) => shown(text),
        Value::Binary(_) if id == AUTH_DATA => "***".to_owned(),
        Value::Binary(bytes) => digits(bytes),
        Value::Pair(key, value) => format!("{} = {}", shown(key), shown(value)),
    }
}

/// Writes a Reason Code with its name: `0x87 Not authorized`.
fn named(reason: Reason) -> String {
    format!("0x{:02X} {}", reason.0, reason.name().unwrap_or("not defined by MQTT"))
}

fn shown(bytes: &[u8]) -> String {
    text::line_of_bytes(bytes, VALUE_COLUMNS).to_string()
}

/// Makes a text safe for the summary, an empty one visible.
fn word(bytes: &[u8]) -> String {
    if bytes.is_empty() { "''".to_owned() } else { text::line_of_bytes(bytes, WORD_COLUMNS).to_string() }
}

fn yes_no(flag: bool) -> String {
    if flag { "yes" } else { "no" }.to_owned()
}

/// Writes bytes as hexadecimal digits, at most 48 of them.
#[must_use]
pub fn digits(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().min(MOST_DIGITS) * 3 + 16);
    for byte in bytes.iter().take(MOST_DIGITS) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&format!("{byte:02x}"));
    }
    if bytes.len() > MOST_DIGITS {
        out.push_str(&format!(" … {} bytes", human::count(bytes.len() as u64)));
    }
    out
}
