//! What a payload is: by what is said about it, by its first bytes, by what it parses as.

use super::{Format, cbor, gzip, image, json, msgpack, text};

/// How much of a payload is looked at, in bytes.
pub(super) const DETECT_WINDOW: usize = 1 << 20;

/// What is known about a payload besides its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hints<'a> {
    /// Content Type (MQTT 5.0, 3.3.2.3.9).
    pub content_type: Option<&'a str>,
    /// Payload Format Indicator (MQTT 5.0, 3.3.2.3.2): 1 means UTF-8 text.
    pub payload_format: Option<u8>,
}

/// A format, and why it was chosen, which is always shown with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detected {
    /// The format.
    pub format: Format,
    /// The reason, after "json: ", such as `by content-type`.
    pub reason: &'static str,
}

/// Tells what a payload is; of a large one the first MiB decides.
#[must_use]
pub fn detect(payload: &[u8], hints: &Hints<'_>) -> Detected {
    sniff(Sample::of(payload, DETECT_WINDOW), hints)
}

/// The part of a payload that is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample<'a> {
    /// The first bytes.
    pub(super) bytes: &'a [u8],
    /// Whether these are all.
    pub(super) whole: bool,
}

impl<'a> Sample<'a> {
    /// Takes at most `window` bytes of a payload.
    pub(super) fn of(payload: &'a [u8], window: usize) -> Self {
        Self { bytes: payload, whole: true }.first(window)
    }

    /// Takes at most so many bytes of the sample.
    pub(super) fn first(self, window: usize) -> Self {
        let len = self.bytes.len();
        Self { bytes: &self.bytes[..len.min(window)], whole: self.whole && len <= window }
    }
}

/// Tells what a sample is: content type, signature, JSON, text, CBOR, MessagePack, in this order.
pub(super) fn sniff(sample: Sample<'_>, hints: &Hints<'_>) -> Detected {
    let bytes = sample.bytes;
    if bytes.is_empty() {
        return Detected { format: Format::Empty, reason: "no bytes" };
    }
    let claim = hints.content_type.and_then(claim);
    if let Some(format) = claim.and_then(|claim| confirm(claim, sample)) {
        return Detected { format, reason: "by content-type" };
    }
    let found = by_bytes(sample, hints);
    match (claim, hints.payload_format) {
        (Some(_), _) => Detected { reason: "not what its content-type says", ..found },
        (None, Some(1)) if !text::is_utf8(bytes, sample.whole) => {
            Detected { reason: "said to be UTF-8 by its format indicator, but is not", ..found }
        }
        (None, _) => found,
    }
}

fn by_bytes(sample: Sample<'_>, hints: &Hints<'_>) -> Detected {
    let Sample { bytes, whole } = sample;
    let (format, reason) = if let Some(image) = image::recognise(bytes) {
        (Format::Image(image), "by its first bytes")
    } else if gzip::is_gzip(bytes) {
        (Format::Gzip, "by its first bytes")
    } else if json::looks_like(bytes) && json::check(bytes, whole).is_ok() {
        (Format::Json, if whole { "parses as JSON" } else { "starts as JSON" })
    } else if text::is_utf8(bytes, whole) && hints.payload_format == Some(1) {
        (Format::Text, "by format indicator")
    } else if text::is_utf8(bytes, whole) && text::is_readable(bytes) {
        (Format::Text, if whole { "valid UTF-8" } else { "starts as UTF-8" })
    } else if cbor::is_self_described(bytes) && (!whole || cbor::decode(bytes).is_ok()) {
        (Format::Cbor, "says that it is CBOR")
    } else if whole && cbor::is_likely(bytes) {
        (Format::Cbor, "decodes as CBOR to the last byte")
    } else if whole && msgpack::is_likely(bytes) {
        (Format::MessagePack, "decodes as MessagePack to the last byte")
    } else {
        (Format::Binary, "no format fits")
    };
    Detected { format, reason }
}

/// What a content type can claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    Json,
    Text,
    Cbor,
    MessagePack,
    Image,
    Gzip,
}

/// Returns what a content type claims, nothing where it is not known or says nothing, as `application/octet-stream`.
fn claim(content_type: &str) -> Option<Claim> {
    // No media type has a name as long as this (RFC 6838, 4.2), so a longer one costs nothing.
    let essence = content_type.split(';').next()?.trim();
    let essence = essence.get(..essence.len().min(255))?.to_ascii_lowercase();
    match essence.as_str() {
        "application/json" | "text/json" | "json" => Some(Claim::Json),
        "application/cbor" | "cbor" => Some(Claim::Cbor),
        "application/msgpack" | "application/x-msgpack" | "application/vnd.msgpack" | "msgpack" => Some(Claim::MessagePack),
        "application/gzip" | "application/x-gzip" | "gzip" => Some(Claim::Gzip),
        other if other.ends_with("+json") => Some(Claim::Json),
        other if other.ends_with("+cbor") => Some(Claim::Cbor),
        other if other.ends_with("+msgpack") => Some(Claim::MessagePack),
        other if other.starts_with("text/") => Some(Claim::Text),
        "image/png" | "image/jpeg" | "image/jpg" | "image/gif" | "image/webp" => Some(Claim::Image),
        _ => None,
    }
}

/// Returns the format that a claim names, nothing where the bytes contradict it.
///
/// JSON that does not parse is still meant as JSON: its page then says where it stops.
fn confirm(claim: Claim, sample: Sample<'_>) -> Option<Format> {
    let Sample { bytes, whole } = sample;
    match claim {
        Claim::Json => text::is_utf8(bytes, whole).then_some(Format::Json),
        Claim::Text => text::is_utf8(bytes, whole).then_some(Format::Text),
        Claim::Cbor => (!whole || cbor::decode(bytes).is_ok()).then_some(Format::Cbor),
        Claim::MessagePack => (!whole || msgpack::decode(bytes).is_ok()).then_some(Format::MessagePack),
        Claim::Image => image::recognise(bytes).map(Format::Image),
        Claim::Gzip => gzip::is_gzip(bytes).then_some(Format::Gzip),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(payload: &[u8]) -> String {
        detect(payload, &Hints::default()).format.to_string()
    }

    fn typed(payload: &[u8], content_type: &str) -> (String, &'static str) {
        let detected = detect(payload, &Hints { content_type: Some(content_type), payload_format: None });
        (detected.format.to_string(), detected.reason)
    }

    #[test]
    fn bytes_alone_tell_most() {
        let cases: [(&[u8], &str); 14] = [
            (b"", "empty"),
            (b" {\"a\": 1}", "json"),
            (b"[1, 2", "text"),
            (b"21.5", "text"),
            (b"true", "text"),
            (b"\"on\"", "json"),
            ("größe".as_bytes(), "text"),
            (b"\0\0\0\x2a", "binary"),
            (b"\x89PNG\r\n\x1a\n", "png"),
            (b"\x1f\x8b\x08\0", "gzip"),
            (b"\xa1\x61t\xf9\x4d\x60", "cbor"),
            (b"\x81\xa1t\xca\x41\xac\0\0", "msgpack"),
            (b"\xd9\xd9\xf7\x18\x2a", "cbor"),
            (b"\x01\x03\x04\x00\xd3\x01\xff\x1b\x9c", "binary"),
        ];
        for (payload, expected) in cases {
            assert_eq!(format(payload), expected, "{}", payload.escape_ascii());
        }
    }

    #[test]
    fn a_content_type_wins_where_the_bytes_agree() {
        assert_eq!(typed(b"21.5", "application/JSON; charset=utf-8"), ("json".into(), "by content-type"));
        assert_eq!(typed(b"{\"a\":1}", "text/plain"), ("text".into(), "by content-type"));
        assert_eq!(typed(b"\x18\x2a", "application/senml+cbor"), ("cbor".into(), "by content-type"));
        assert_eq!(typed(b"\xcd\x01\x02", "application/msgpack"), ("msgpack".into(), "by content-type"));
    }

    #[test]
    fn a_content_type_that_lies_is_told() {
        assert_eq!(typed(b"\xff\xfe", "application/json"), ("binary".into(), "not what its content-type says"));
        assert_eq!(typed(b"hello", "image/png"), ("text".into(), "not what its content-type says"));
        assert_eq!(typed(b"{}", "application/octet-stream"), ("json".into(), "parses as JSON"));
    }

    #[test]
    fn a_format_indicator_that_lies_is_told() {
        let hints = Hints { content_type: None, payload_format: Some(1) };
        assert_eq!(detect(b"\x01", &hints), Detected { format: Format::Text, reason: "by format indicator" });
        assert_eq!(detect(b"\xff", &hints).reason, "said to be UTF-8 by its format indicator, but is not");
    }

    #[test]
    fn a_large_payload_is_judged_by_its_start() {
        let json = format!("[{}", "1,".repeat(1 << 20));
        assert_eq!(detect(json.as_bytes(), &Hints::default()), Detected { format: Format::Json, reason: "starts as JSON" });
        let text = "é".repeat(DETECT_WINDOW);
        assert_eq!(detect(&text.as_bytes()[1..], &Hints::default()).format, Format::Binary);
        assert_eq!(detect(text.as_bytes(), &Hints::default()).format, Format::Text);
    }
}
