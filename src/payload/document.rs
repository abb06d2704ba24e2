//! A payload over as many lines as it takes, bounded.

use super::{
    Format, Hints, Span, Tone, cbor,
    detect::{Sample, sniff},
    gzip, hex, json,
    lines::{Lines, Pretty},
    msgpack,
    preview::image_title,
    text,
};
use crate::base::{human, padding};

/// The bytes in a row of a hexadecimal page.
const HEX_COLUMNS: usize = 16;

/// How much of a payload is shown at once; what is beyond is counted in a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes that are looked at, also of what comes out of gzip.
    pub bytes: usize,
    /// The most lines.
    pub lines: usize,
    /// The most columns of a line, at least 1,026; a longer line goes on in the next, which is marked with `↪`.
    pub columns: usize,
    /// The most levels of nesting.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 1 << 20, lines: 10_000, columns: 2_000, depth: 128 }
    }
}

/// A payload, ready to be shown line by line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    /// The lines.
    pub lines: Vec<Vec<Span>>,
    /// What is to be known about them, such as `first 1.0 MiB of 16.0 MiB`; each is one line, safe to print.
    pub notes: Vec<String>,
}

/// Writes a payload in a format.
///
/// JSON that does not parse is shown as text, with a note where it stops.
///
/// # Errors
///
/// Returns why the payload cannot be shown in this format.
pub fn document(payload: &[u8], format: Format, limits: &Limits) -> Result<Document, String> {
    page(Sample { bytes: payload, whole: true }, format, limits)
}

/// Writes a payload, or what there is of one.
fn page(payload: Sample<'_>, format: Format, limits: &Limits) -> Result<Document, String> {
    match format {
        Format::Empty => Ok(Document { lines: Vec::new(), notes: vec!["no bytes".into()] }),
        Format::Json => Ok(json_page(payload, limits)),
        Format::Text => Ok(text_page(payload, limits)),
        // A tree is decoded as a whole or not at all.
        Format::Cbor | Format::MessagePack if !payload.whole => Ok(hex_page(payload.bytes, limits)),
        Format::Cbor => {
            let bytes = bounded(payload.bytes, limits)?;
            let items = cbor::check(bytes, true)?;
            Ok(tree_page(bytes, limits, items, |page| cbor::write(bytes, page)))
        }
        Format::MessagePack => {
            let bytes = bounded(payload.bytes, limits)?;
            let objects = msgpack::check(bytes, true)?;
            Ok(tree_page(bytes, limits, objects, |page| msgpack::write(bytes, page)))
        }
        Format::Image(image) => {
            let size = if payload.whole { format!(", {}", size(payload.bytes.len())) } else { String::new() };
            let title = format!("{}{size}", image_title(image));
            Ok(Document { lines: vec![vec![Span::new(title, Tone::Note)]], notes: Vec::new() })
        }
        Format::Gzip => gzip_page(payload.bytes, limits),
        Format::File(_) | Format::Binary => Ok(hex_page(payload.bytes, limits)),
    }
}

fn json_page(payload: Sample<'_>, limits: &Limits) -> Document {
    let sample = payload.first(limits.bytes);
    let unpadded = padding::strip(sample.bytes);
    let text = if sample.whole { unpadded.text } else { padding::strip_start(sample.bytes) };
    if let Err(stop) = json::check(text, sample.whole) {
        let mut page = plain_page(payload, limits);
        page.notes.insert(0, format!("not JSON, {}", stop.describe(text)));
        return page;
    }
    let mut pretty = Pretty::new(lines(limits), limits.depth);
    json::write(text, &mut pretty);
    let mut page = pretty_page(pretty, limits, payload.bytes.len(), sample.bytes.len());
    if sample.whole {
        page.notes.extend(unpadded.notes());
    }
    page
}

/// Writes text, and says where it was meant as JSON and stops being it.
fn text_page(payload: Sample<'_>, limits: &Limits) -> Document {
    let mut page = plain_page(payload, limits);
    if payload.whole
        && payload.bytes.len() <= limits.bytes
        && let Some(stop) = json::almost(padding::strip(payload.bytes).text)
    {
        page.notes.insert(0, format!("not JSON, {}", stop.describe(padding::strip(payload.bytes).text)));
    }
    page
}

fn plain_page(payload: Sample<'_>, limits: &Limits) -> Document {
    let sample = payload.first(limits.bytes);
    let mut page = lines(limits);
    if sample.whole
        && let Some((before, text, after)) = text::single_line(sample.bytes)
    {
        page.push(&text::marks(before), Tone::Blank);
        page.push_bytes(text, text::tone(text));
        page.push(&text::marks(after), Tone::Blank);
    } else {
        let body = sample.bytes.strip_suffix(b"\n").unwrap_or(sample.bytes);
        for (i, line) in body.split(|byte| *byte == b'\n').enumerate() {
            if i > 0 {
                page.newline();
            }
            page.push_bytes(line.strip_suffix(b"\r").unwrap_or(line), Tone::Plain);
        }
    }
    let mut page = finish(page, payload.bytes.len(), sample.bytes.len());
    page.notes.extend(match text::bad_bytes(sample.bytes, sample.whole) {
        0 => None,
        1 => Some("1 byte is not UTF-8".to_owned()),
        bad => Some(format!("{} bytes are not UTF-8", human::count(bad as u64))),
    });
    page
}

fn tree_page(bytes: &[u8], limits: &Limits, values: usize, write: impl Fn(&mut Pretty)) -> Document {
    let mut pretty = Pretty::new(lines(limits), limits.depth);
    write(&mut pretty);
    let mut page = pretty_page(pretty, limits, bytes.len(), bytes.len());
    if values > 1 {
        page.notes.insert(0, format!("{} values in a row", human::count(values as u64)));
    }
    page
}

/// Writes what is inside; gzip inside gzip is shown as bytes.
fn gzip_page(payload: &[u8], limits: &Limits) -> Result<Document, String> {
    if !gzip::is_gzip(payload) {
        return Err("not gzip".into());
    }
    let inflated = gzip::inflate(payload, limits.bytes);
    let sample = Sample { bytes: &inflated.bytes, whole: inflated.whole };
    let inside = sniff(sample, &Hints::default()).format;
    let format = if inside == Format::Gzip { Format::Binary } else { inside };
    let mut page = page(sample, format, limits)?;
    let inside = size(inflated.bytes.len());
    page.notes.insert(
        0,
        match (inflated.whole, inflated.broken) {
            (true, _) => format!("gzip: {} hold {inside} of {format}", size(payload.len())),
            (false, false) => format!("gzip: {} hold {format}, the first {inside} are shown", size(payload.len())),
            (false, true) => format!("gzip: broken after {inside} of {format}"),
        },
    );
    Ok(page)
}

fn hex_page(payload: &[u8], limits: &Limits) -> Document {
    let rows = hex::hex_row_count(payload.len(), HEX_COLUMNS);
    let lines = hex::hex_rows(payload, 0..limits.lines, HEX_COLUMNS);
    let notes = more_lines((rows - lines.len()) as u64).into_iter().collect();
    Document { lines, notes }
}

fn pretty_page(pretty: Pretty, limits: &Limits, len: usize, shown: usize) -> Document {
    let (page, hidden) = pretty.finish();
    let mut page = finish(page, len, shown);
    if hidden {
        page.notes.push(format!("levels below {} are not shown", limits.depth));
    }
    page
}

fn finish(page: Lines, len: usize, shown: usize) -> Document {
    let (lines, more) = page.finish();
    let mut notes = Vec::new();
    if shown < len {
        notes.push(format!("first {} of {}", size(shown), size(len)));
    }
    notes.extend(more_lines(more));
    Document { lines, notes }
}

fn more_lines(more: u64) -> Option<String> {
    (more > 0).then(|| format!("… {} more {}", human::count(more), if more == 1 { "line" } else { "lines" }))
}

fn lines(limits: &Limits) -> Lines {
    Lines::new(limits.lines, limits.columns)
}

/// Takes bytes that are not too many to decode.
fn bounded<'a>(payload: &'a [u8], limits: &Limits) -> Result<&'a [u8], String> {
    if payload.len() <= limits.bytes {
        Ok(payload)
    } else {
        Err(format!("{} are more than the {} that are decoded", size(payload.len()), size(limits.bytes)))
    }
}

fn size(len: usize) -> String {
    human::size(len as u64)
}
