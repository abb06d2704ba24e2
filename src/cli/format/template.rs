//! Templates such as `{time} {topic} {payload}`: fields in the user's own order.

use std::io::Write as _;

use super::{hex, json, layout::Layout, push, time::Times};
use crate::{
    base::text,
    mqtt::{batch::Delivery, message::Properties},
    store::JsonPath,
};

/// A template, read once and written for every message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(Field, Option<Layout>),
    /// A value in a JSON payload.
    Member(JsonPath, Option<Layout>),
}

/// What a message can be asked for by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Time,
    Topic,
    Qos,
    Retain,
    Dup,
    Size,
    Payload,
    Hex,
    Base64,
    ContentType,
    ResponseTopic,
    CorrelationData,
    Properties,
    Json,
}

const FIELDS: [(&str, Field); 14] = [
    ("time", Field::Time),
    ("topic", Field::Topic),
    ("qos", Field::Qos),
    ("retain", Field::Retain),
    ("dup", Field::Dup),
    ("size", Field::Size),
    ("payload", Field::Payload),
    ("hex", Field::Hex),
    ("base64", Field::Base64),
    ("content_type", Field::ContentType),
    ("response_topic", Field::ResponseTopic),
    ("correlation_data", Field::CorrelationData),
    ("properties", Field::Properties),
    ("json", Field::Json),
];

impl Template {
    /// Reads a template: `{field}`, `{field:layout}`, `{payload.member}`, `{{` and `}}` for braces, escapes such as `\t`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '{' if chars.as_str().starts_with('{') => {
                    chars.next();
                    plain.push('{');
                }
                '{' => {
                    let (name, rest) =
                        chars.as_str().split_once('}').ok_or("a `{` of the template has no `}`; write {{ for a brace")?;
                    chars = rest.chars();
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(part(name)?);
                }
                '}' => {
                    if chars.next() != Some('}') {
                        return Err("a `}` of the template has no `{`; write }} for a brace".into());
                    }
                    plain.push('}');
                }
                '\\' => plain.push(match chars.next() {
                    Some('t') => '\t',
                    Some('n') => '\n',
                    Some('r') => '\r',
                    Some('0') => '\0',
                    Some('\\') => '\\',
                    Some(_) | None => {
                        return Err("behind a backslash of the template stands t, n, r, 0 or another backslash".into());
                    }
                }),
                other => plain.push(other),
            }
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self { parts })
    }

    /// Appends one message; text from outside is escaped where `escaped` says so, the template's own text never.
    pub(super) fn write(&self, message: Delivery<'_>, times: &mut Times, escaped: bool, out: &mut Vec<u8>) {
        for part in &self.parts {
            let start = out.len();
            let layout = match part {
                Part::Text(text) => {
                    out.extend_from_slice(text.as_bytes());
                    continue;
                }
                Part::Field(field, layout) => {
                    field.write(message, times, escaped, out);
                    layout
                }
                Part::Member(path, layout) => {
                    push(&path.value(message.payload).unwrap_or_default(), escaped, out);
                    layout
                }
            };
            if let Some(layout) = layout {
                layout.apply(start, out);
            }
        }
    }

    /// Returns `true` if a field has the time.
    pub(super) fn has_time(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Field(Field::Time | Field::Json, _)))
    }
}

impl Field {
    fn write(self, message: Delivery<'_>, times: &mut Times, escaped: bool, out: &mut Vec<u8>) {
        let properties = message.properties;
        let mut optional = |bytes: Option<&[u8]>| push(bytes.unwrap_or_default(), escaped, out);
        match self {
            Self::ContentType => optional(properties.and_then(|p| p.content_type.as_deref()).map(str::as_bytes)),
            Self::ResponseTopic => optional(properties.and_then(|p| p.response_topic.as_deref()).map(str::as_bytes)),
            Self::CorrelationData => optional(properties.and_then(|p| p.correlation_data.as_deref())),
            Self::Properties => json::properties(properties.unwrap_or(&Properties::default()), out),
            Self::Time => times.write(message.at, out),
            Self::Json => json::write(message, times, out),
            Self::Topic => push(message.topic.as_bytes(), escaped, out),
            Self::Qos => out.push(b'0' + message.qos.level()),
            Self::Retain => out.push(b'0' + u8::from(message.retain)),
            Self::Dup => out.push(b'0' + u8::from(message.dup)),
            Self::Size => write!(out, "{}", message.payload.len()).expect("a vector takes all"),
            Self::Payload => push(message.payload, escaped, out),
            Self::Hex => hex::write(message.payload, out),
            Self::Base64 => json::base64(message.payload, out),
        }
    }
}

/// Reads what stands between the braces: `size`, `topic:20`, `payload.a[0]:>8`.
fn part(text: &str) -> Result<Part, String> {
    let mut quoted = false;
    let colon = text.find(|c: char| {
        quoted ^= c == '"';
        c == ':' && !quoted
    });
    let (name, layout) = colon.map_or((text, None), |at| (&text[..at], Some(&text[at + 1..])));
    let layout = |is_number| layout.map(|layout| Layout::parse(layout, is_number)).transpose();
    if let Some(path) = name.strip_prefix("payload").filter(|path| path.starts_with(['.', '['])) {
        return Ok(Part::Member(JsonPath::parse(path)?, layout(false)?));
    }
    let field = field(name)?;
    let is_number = matches!(field, Field::Qos | Field::Retain | Field::Dup | Field::Size);
    Ok(Part::Field(field, layout(is_number)?))
}

fn field(name: &str) -> Result<Field, String> {
    FIELDS.iter().find(|(known, _)| *known == name).map(|(_, field)| *field).ok_or_else(|| {
        let names: Vec<_> = FIELDS.iter().map(|(known, _)| *known).collect();
        format!(
            "a template has no field `{}`; the fields are {}, and payload.MEMBER of JSON",
            text::line(name, 40),
            names.join(", ")
        )
    })
}

/// Returns the names of all fields.
pub fn field_names() -> impl Iterator<Item = &'static str> {
    FIELDS.iter().map(|(name, _)| *name)
}
