//! The format `json`: one object a line, lossless and harmless in a terminal.

use std::io::{self, Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};

use super::time::{Time, Times};
use crate::{
    base::{
        clock::Stamp,
        text::{Stack, is_hostile},
    },
    mqtt::{batch::Delivery, message::Properties},
};

/// Appends one message.
pub(super) fn write(message: Delivery<'_>, times: &mut Times, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"time\":");
    time(message.at, times, out);
    out.extend_from_slice(b",\"topic\":");
    string(message.topic, out);
    out.extend_from_slice(b",\"qos\":");
    out.push(b'0' + message.qos.level());
    out.extend_from_slice(b",\"retain\":");
    out.extend_from_slice(truth(message.retain));
    out.extend_from_slice(b",\"dup\":");
    out.extend_from_slice(truth(message.dup));
    if message.resumed {
        out.extend_from_slice(b",\"resumed\":true");
    }
    out.extend_from_slice(b",\"size\":");
    number(message.payload.len(), out);
    out.push(b',');
    bytes("payload", message.payload, out);
    if let Some(all) = message.properties.filter(|all| !all.is_empty()) {
        out.extend_from_slice(b",\"properties\":");
        properties(all, out);
    }
    out.push(b'}');
}

fn time(at: Stamp, times: &mut Times, out: &mut Vec<u8>) {
    match times.form() {
        Time::Utc | Time::Local => {
            out.push(b'"');
            times.write(at, out);
            out.push(b'"');
        }
        Time::Unix => times.write(at, out),
        Time::Pattern(_) => {
            let mut text = Vec::new();
            times.write(at, &mut text);
            string(&String::from_utf8_lossy(&text), out);
        }
    }
}

/// Appends the properties as an object, those that are set, in the order of the standard.
pub(super) fn properties(all: &Properties, out: &mut Vec<u8>) {
    let Properties {
        payload_format,
        message_expiry,
        topic_alias,
        response_topic,
        correlation_data,
        user_properties,
        subscription_ids,
        content_type,
    } = all;
    let start = out.len();
    let key = |name: &str, out: &mut Vec<u8>| {
        out.push(if out.len() == start { b'{' } else { b',' });
        string(name, out);
        out.push(b':');
    };
    if let Some(format) = payload_format {
        key("payload_format", out);
        number(format, out);
    }
    if let Some(seconds) = message_expiry {
        key("message_expiry", out);
        number(seconds, out);
    }
    if let Some(alias) = topic_alias {
        key("topic_alias", out);
        number(alias, out);
    }
    if let Some(topic) = response_topic {
        key("response_topic", out);
        string(topic, out);
    }
    if let Some(data) = correlation_data {
        out.push(if out.len() == start { b'{' } else { b',' });
        bytes("correlation_data", data, out);
    }
    if !user_properties.is_empty() {
        key("user_properties", out);
        list(user_properties, out, |(name, value), out| {
            out.push(b'[');
            string(name, out);
            out.push(b',');
            string(value, out);
            out.push(b']');
        });
    }
    if !subscription_ids.is_empty() {
        key("subscription_ids", out);
        list(subscription_ids, out, |id, out| number(id, out));
    }
    if let Some(content) = content_type {
        key("content_type", out);
        string(content, out);
    }
    if out.len() == start {
        out.push(b'{');
    }
    out.push(b'}');
}

/// Appends `"name":"text"`, or `"name_base64":"..."` where the bytes are not UTF-8.
fn bytes(name: &str, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    if let Ok(text) = std::str::from_utf8(bytes) {
        out.extend_from_slice(b"\":");
        string(text, out);
    } else {
        out.extend_from_slice(b"_base64\":\"");
        base64(bytes, out);
        out.push(b'"');
    }
}

/// Appends bytes in standard base64.
pub(super) fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let length = base64::encoded_len(bytes.len(), true).unwrap_or(usize::MAX);
    out.resize(start + length, 0);
    let written = STANDARD.encode_slice(bytes, &mut out[start..]).expect("the room was made for exactly this");
    out.truncate(start + written);
}

/// Appends a JSON string in which every character that a terminal must not receive is an escape.
///
/// What is left raw are printable characters, so that the text is the same after parsing and harmless before.
fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    fragment(text, out);
    out.push(b'"');
}

/// Appends any value as JSON, with its strings as harmless as those of a message.
pub(in crate::cli) fn harmless(value: &impl Serialize, out: &mut Vec<u8>) {
    let mut serializer = Serializer::with_formatter(out, Harmless);
    value.serialize(&mut serializer).expect("a vector takes all, and what is serialized here has text for keys");
}

/// The escapes of [`fragment`] on top of those that JSON needs.
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: io::Write + ?Sized>(&mut self, writer: &mut W, text: &str) -> io::Result<()> {
        let mut escaped = Vec::with_capacity(text.len());
        fragment(text, &mut escaped);
        writer.write_all(&escaped)
    }
}

fn fragment(text: &str, out: &mut Vec<u8>) {
    let mut done = 0;
    let mut stack = Stack::default();
    for (at, c) in text.char_indices() {
        let is_too_high = stack.is_too_high(c);
        if !must_escape(c) && !is_too_high {
            continue;
        }
        out.extend_from_slice(&text.as_bytes()[done..at]);
        done = at + c.len_utf8();
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").expect("a vector takes all");
                }
            }
        }
    }
    out.extend_from_slice(&text.as_bytes()[done..]);
}

fn must_escape(c: char) -> bool {
    match c {
        '"' | '\\' => true,
        ' '..='~' => false,
        other => is_hostile(other),
    }
}

fn list<T>(items: &[T], out: &mut Vec<u8>, mut item: impl FnMut(&T, &mut Vec<u8>)) {
    for (i, value) in items.iter().enumerate() {
        out.push(if i == 0 { b'[' } else { b',' });
        item(value, out);
    }
    out.push(b']');
}

fn number(value: impl std::fmt::Display, out: &mut Vec<u8>) {
    write!(out, "{value}").expect("a vector takes all");
}

fn truth(value: bool) -> &'static [u8] {
    if value { b"true" } else { b"false" }
}
