//! One line of a payload for a list, at a cost that depends on the columns.

use super::{
    Format, Hints, Image, Span, Tone, cbor,
    detect::{DETECT_WINDOW, Sample, sniff},
    gzip, hex, json,
    lines::Row,
    msgpack, text,
};
use crate::base::{human, padding};

/// Writes one line of at most `columns` columns of a payload in the format that it was detected to have:
///
/// ```text
/// {"t":21.5,"unit":"C"}        21.5        first line of text
/// ⟨cbor⟩ {1: 3.71, 2: -67}     ⟨png 320×200⟩ 12.1 KiB
/// ⟨4 B⟩ de ad be ef            ⟨gzip→json⟩ {"t":21.5}        ⟨empty⟩
/// ```
#[must_use]
pub fn preview(payload: &[u8], format: Format, columns: usize) -> Vec<Span> {
    let sample = Sample::of(payload, DETECT_WINDOW);
    let mut row = Row::new(columns, !matches!(format, Format::Json));
    match format {
        Format::Gzip => write_gzip(&mut row, payload, columns),
        Format::Empty
        | Format::Json
        | Format::Text
        | Format::Cbor
        | Format::MessagePack
        | Format::Image(_)
        | Format::File(_)
        | Format::Binary => {
            write(&mut row, sample, format, Some(payload.len()), "");
        }
    }
    row.finish()
}

/// Writes what is inside; that may be gzip again, which is then only named.
fn write_gzip(row: &mut Row, payload: &[u8], columns: usize) {
    let inflated = gzip::inflate(payload, DETECT_WINDOW);
    let sample = Sample { bytes: &inflated.bytes, whole: inflated.whole };
    let inside = sniff(sample, &Hints::default()).format;
    if inflated.bytes.is_empty() && inflated.broken {
        note(row, &format!("gzip, broken, {}", size(payload.len())));
        return;
    }
    if inside == Format::Json {
        *row = Row::new(columns, false);
    }
    let len = inflated.whole.then_some(inflated.bytes.len());
    write(row, sample, inside, len, "gzip→");
}

/// Writes a sample of `len` bytes in all, where that is known.
fn write(row: &mut Row, sample: Sample<'_>, format: Format, len: Option<usize>, wrap: &str) {
    let bytes = sample.bytes;
    let named = |row: &mut Row| note(row, &format!("{wrap}{format}"));
    match format {
        Format::Json | Format::Text => {
            if !wrap.is_empty() {
                named(row);
                row.push(" ", Tone::Plain);
            }
            let unpadded = if sample.whole { padding::strip(bytes).text } else { padding::strip_start(bytes) };
            if format == Format::Json && json::check(unpadded, sample.whole).is_ok() {
                json::write(unpadded, row);
                cut_unless(row, sample.whole);
            } else {
                write_text(row, sample);
            }
        }
        Format::Cbor | Format::MessagePack => write_tree(row, sample, format, len, wrap),
        Format::Image(image) => {
            note(row, &format!("{wrap}{}", image_title(image)));
            if let Some(len) = len {
                row.push(&format!(" {}", size(len)), Tone::Plain);
            }
        }
        Format::Empty | Format::Gzip => named(row),
        Format::File(_) => {
            note(row, &len.map_or_else(|| format!("{wrap}{format}"), |len| format!("{wrap}{format} {}", size(len))));
            write_digits(row, sample);
        }
        Format::Binary => {
            note(row, &len.map_or_else(|| format!("{wrap}{format}"), |len| format!("{wrap}{}", size(len))));
            write_digits(row, sample);
        }
    }
}

fn write_text(row: &mut Row, sample: Sample<'_>) {
    if sample.whole
        && let Some((before, text, after)) = text::single_line(sample.bytes)
    {
        row.push(&text::marks(before), Tone::Blank);
        row.push_bytes(text, text::tone(text));
        row.push(&text::marks(after), Tone::Blank);
        return;
    }
    let (line, more) = text::first_line(sample.bytes);
    let tone = if sample.whole { text::tone(sample.bytes) } else { Tone::Plain };
    row.push_bytes(line, tone);
    if more || !sample.whole {
        row.push(" ", Tone::Plain);
        row.cut();
    }
}

/// Writes a CBOR or MessagePack value where it is small, else its first bytes.
fn write_tree(row: &mut Row, sample: Sample<'_>, format: Format, len: Option<usize>, wrap: &str) {
    if !sample.whole {
        note(row, &len.map_or_else(|| format!("{wrap}{format}"), |len| format!("{wrap}{format} {}", size(len))));
        write_digits(row, sample);
        return;
    }
    note(row, &format!("{wrap}{format}"));
    row.push(" ", Tone::Plain);
    match format {
        Format::Cbor => cbor::write(sample.bytes, row),
        Format::MessagePack => msgpack::write(sample.bytes, row),
        Format::Empty | Format::Json | Format::Text | Format::Image(_) | Format::Gzip | Format::File(_) | Format::Binary => {}
    }
}

fn write_digits(row: &mut Row, sample: Sample<'_>) {
    let bytes = &sample.bytes[..sample.bytes.len().min(row.left() / 3 + 1)];
    row.push(" ", Tone::Plain);
    row.push(&hex::digits(bytes), Tone::Plain);
    cut_unless(row, sample.whole && bytes.len() == sample.bytes.len());
}

fn cut_unless(row: &mut Row, whole: bool) {
    if !whole {
        row.cut();
    }
}

fn note(row: &mut Row, text: &str) {
    row.push(&format!("⟨{text}⟩"), Tone::Note);
}

/// Writes a picture's kind and size: `png 320×200`.
pub(super) fn image_title(image: Image) -> String {
    match image.size {
        Some((width, height)) => format!("{} {width}×{height}", image.kind.name()),
        None => image.kind.name().into(),
    }
}

fn size(len: usize) -> String {
    human::size(len as u64)
}
