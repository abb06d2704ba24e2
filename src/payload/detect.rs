//! What a payload is: by what is said about it, by its first bytes, by what it parses as.

use super::{Format, cbor, evidence::Verdict, files, gzip, image, json, msgpack, text};
use crate::base::padding;

/// How much of a payload is looked at, in bytes, to say what it is: in lists, filters and pages alike.
pub(super) const DETECT_WINDOW: usize = 16 << 10;

/// How many messages of a topic count for what a doubtful one of them is, itself included.
pub const MOST_ALIKE: usize = 8;

/// From this length on, a map or list is not taken for chance because of the messages before it, in bytes.
const LONG_TREE: usize = 64;

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
    /// Whether so few bytes may look like that by chance; then the messages before it on its topic count, by [`Self::among`].
    pub is_doubtful: bool,
}

impl Detected {
    fn sure(format: Format, reason: &'static str) -> Self {
        Self { format, reason, is_doubtful: false }
    }

    /// Looks at an earlier message of the topic, the nearest first; returns what this one of `len` bytes is once that is clear.
    ///
    /// A number in binary has the same length each time and now and then looks like a letter or a list.
    #[must_use]
    pub fn among(self, len: usize, earlier: &[u8]) -> Option<Self> {
        let before = detect(earlier, &Hints::default());
        let is_tree = matches!(self.format, Format::Cbor | Format::MessagePack);
        if before.format == Format::Binary && (earlier.len() == len || is_tree) && !before.is_doubtful {
            return Some(Self::sure(Format::Binary, "bytes, as the messages before it"));
        }
        (before.format == self.format && !before.is_doubtful).then_some(Self { is_doubtful: false, ..self })
    }
}

/// Tells what a payload is; of a large one the first 16 KiB decide.
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
    let sample = sample.first(DETECT_WINDOW);
    let bytes = sample.bytes;
    if bytes.is_empty() {
        return Detected::sure(Format::Empty, "no bytes");
    }
    let claim = hints.content_type.and_then(claim);
    if let Some(format) = claim.and_then(|claim| confirm(claim, sample)) {
        return Detected::sure(format, "by content-type");
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
    if let Some(image) = image::recognise(bytes, whole) {
        return Detected::sure(Format::Image(image), "by its first bytes");
    }
    if gzip::is_gzip(bytes) {
        return Detected::sure(Format::Gzip, "by its first bytes");
    }
    if whole && gzip::is_zlib(bytes) {
        return Detected::sure(Format::File("zlib"), "inflates to its end");
    }
    if let Some(name) = files::recognise(bytes, whole) {
        return Detected::sure(Format::File(name), "by its first bytes");
    }
    by_contents(sample, hints)
}

fn by_contents(sample: Sample<'_>, hints: &Hints<'_>) -> Detected {
    let Sample { bytes, whole } = sample;
    let unpadded = if whole { padding::strip(bytes).text } else { padding::strip_start(bytes) };
    if json::looks_like(unpadded) && json::check(unpadded, whole).is_ok() {
        return Detected::sure(Format::Json, if whole { "parses as JSON" } else { "starts as JSON" });
    }
    if text::is_utf8(bytes, whole) && hints.payload_format == Some(1) {
        return Detected::sure(Format::Text, "by format indicator");
    }
    if text::is_utf8(bytes, whole) && text::is_readable(bytes) {
        let reason = files::name_text(bytes).unwrap_or(if whole { "valid UTF-8" } else { "starts as UTF-8" });
        return Detected { format: Format::Text, reason, is_doubtful: text::may_be_chance(bytes) };
    }
    if cbor::is_self_described(bytes) && cbor::check(bytes, whole) == Ok(1) {
        return Detected::sure(Format::Cbor, "says that it is CBOR");
    }
    let (cbor, msgpack) = (cbor::weigh(bytes, whole), msgpack::weigh(bytes, whole));
    let is_doubtful = whole && bytes.len() < LONG_TREE;
    if cbor == Verdict::Sure {
        let reason = if whole { "decodes as CBOR to the last byte" } else { "starts as CBOR" };
        return Detected { format: Format::Cbor, reason, is_doubtful };
    }
    if msgpack == Verdict::Sure {
        let reason = if whole { "decodes as MessagePack to the last byte" } else { "starts as MessagePack" };
        return Detected { format: Format::MessagePack, reason, is_doubtful };
    }
    if text::is_mostly_readable(bytes, whole) {
        return Detected::sure(Format::Text, "mostly UTF-8");
    }
    // Nearly every pair of bytes decodes as something, which is not worth a word.
    let (is_doubtful, reason) = if gzip::starts_like_gzip(bytes) {
        (false, "starts like gzip, but nothing in it inflates")
    } else if cbor == Verdict::Maybe && bytes.len() > 2 {
        (true, "no format fits for certain; could be CBOR")
    } else if msgpack == Verdict::Maybe && bytes.len() > 2 {
        (true, "no format fits for certain; could be MessagePack")
    } else {
        (false, "no format fits")
    };
    Detected { format: Format::Binary, reason, is_doubtful }
}

/// What a content type can claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    Json,
    Text,
    Cbor,
    CborSequence,
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
        "application/cbor-seq" => Some(Claim::CborSequence),
        "application/msgpack" | "application/x-msgpack" | "application/vnd.msgpack" | "msgpack" => Some(Claim::MessagePack),
        "application/gzip" | "application/x-gzip" | "gzip" => Some(Claim::Gzip),
        other if other.ends_with("+json") => Some(Claim::Json),
        other if other.ends_with("+cbor") => Some(Claim::Cbor),
        other if other.ends_with("+cbor-seq") => Some(Claim::CborSequence),
        other if other.ends_with("+msgpack") => Some(Claim::MessagePack),
        other if other.starts_with("text/") => Some(Claim::Text),
        other if other.starts_with("image/") && !other.ends_with("+xml") => Some(Claim::Image),
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
        Claim::Cbor => (cbor::check(bytes, whole) == Ok(1)).then_some(Format::Cbor),
        Claim::CborSequence => cbor::check(bytes, whole).is_ok().then_some(Format::Cbor),
        Claim::MessagePack => (msgpack::check(bytes, whole) == Ok(1)).then_some(Format::MessagePack),
        Claim::Image => image::recognise(bytes, whole).map(Format::Image),
        Claim::Gzip => gzip::is_gzip(bytes).then_some(Format::Gzip),
    }
}

#[cfg(test)]
mod tests;
