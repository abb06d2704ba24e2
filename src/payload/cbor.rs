//! CBOR (RFC 8949), written in its diagnostic notation; items in a row (RFC 8742) stand side by side.

use std::borrow::Cow;

use ciborium_ll::{Decoder, Error, Header, simple};

use super::{
    Tone,
    evidence::{Evidence, Verdict},
    piece::{Layout, Piece, byte_string, float, quoted},
};

/// The most levels of nesting that are decoded.
const MAX_DEPTH: usize = 128;

/// The tag that says "this is CBOR" (RFC 8949, 3.4.6), as it starts a payload.
const SELF_DESCRIBED: &[u8] = &[0xd9, 0xd9, 0xf7];

/// The moments that an epoch in a payload may mean: 1990 to 2100.
const EPOCH: std::ops::Range<f64> = 631_152_000.0..4_102_444_800.0;

/// A part of an item, in the order of its bytes.
#[derive(Debug)]
enum Part<'a> {
    Open(&'static str),
    Close(&'static str),
    Comma,
    Colon,
    Tag(u64),
    /// The end of what a tag is for.
    EndTag,
    /// A value without members, and whether it is a key.
    Atom(Atom<'a>, bool),
}

#[derive(Debug)]
enum Atom<'a> {
    Integer(i128),
    Float(f64),
    Bytes(Cow<'a, [u8]>),
    Text(Cow<'a, str>),
    Simple(u8),
}

/// Why bytes are not an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// They end within it.
    Early,
    /// The byte at this offset does not belong.
    At(usize),
    /// It is nested too deep.
    Deep,
}

/// Returns `true` if a payload announces itself as CBOR.
pub(super) fn is_self_described(bytes: &[u8]) -> bool {
    bytes.starts_with(SELF_DESCRIBED)
}

/// Counts the items that take all bytes, or says why they do not; the last one of a cut payload may be cut as well.
pub(super) fn check(bytes: &[u8], whole: bool) -> Result<usize, String> {
    let (items, stop) = walk(bytes, &mut |_| true);
    match stop {
        None => Ok(items),
        Some(Stop::Early) if !whole => Ok(items + 1),
        Some(Stop::Early) => Err("not CBOR: it ends too early".into()),
        Some(Stop::At(at)) => Err(format!("not CBOR at byte {at}")),
        Some(Stop::Deep) => Err(format!("nested deeper than {MAX_DEPTH} levels")),
    }
}

/// Weighs whether bytes without any announcement are CBOR: one map, list or tagged value, or several maps with names.
pub(super) fn weigh(bytes: &[u8], whole: bool) -> Verdict {
    weigh_items(bytes, whole, true)
}

/// Weighs items, and those within byte strings that are tagged as CBOR only if `embedded` is set: one level of them is enough.
fn weigh_items(bytes: &[u8], whole: bool, embedded: bool) -> Verdict {
    // Major types 4 to 6 are lists, maps and tags; anything else is not worth the attempt.
    if bytes.len() < 2 || !matches!(bytes[0] >> 5, 4..=6) {
        return Verdict::No;
    }
    let mut evidence = Evidence::default();
    let mut tag = None;
    let (mut depth, mut roots, mut maps) = (0_usize, 0_usize, 0_usize);
    let (_, stop) = walk(bytes, &mut |part| {
        if depth == 0 {
            roots += 1;
            maps += usize::from(matches!(part, Part::Open("{")));
            roots -= usize::from(matches!(part, Part::Comma));
        }
        match &part {
            Part::Open(_) | Part::Tag(_) => depth += 1,
            Part::Close(_) | Part::EndTag => depth -= 1,
            Part::Comma | Part::Colon | Part::Atom(..) => {}
        }
        if let Some(tag) = tag.take() {
            count_tagged(&mut evidence, tag, &part, embedded);
        }
        match part {
            Part::Tag(number) => tag = Some(number),
            Part::Atom(Atom::Text(text), is_key) => evidence.text(&text, is_key),
            Part::Atom(Atom::Integer(number), is_key) => evidence.integer(number == 0, is_key),
            Part::Atom(atom, is_key) => {
                evidence.floats += usize::from(matches!(atom, Atom::Float(_)));
                // Nobody has registered another one.
                evidence.odd +=
                    usize::from(matches!(atom, Atom::Simple(value) if !(simple::FALSE..=simple::UNDEFINED).contains(&value)));
                evidence.scalar(is_key);
            }
            Part::Open(_) | Part::Close(_) | Part::Comma | Part::Colon | Part::EndTag => {}
        }
        true
    });
    match stop {
        Some(Stop::Early) if !whole => {}
        Some(_) => return Verdict::No,
        None => {}
    }
    let in_a_row = roots > 1;
    if evidence.scalars == 0 || in_a_row && !(maps == roots && evidence.has_names()) {
        return Verdict::No;
    }
    evidence.weigh(bytes, whole)
}

/// Counts what speaks for or against CBOR in a tag and what begins behind it (RFC 8949, 3.4, and the IANA registry).
fn count_tagged(evidence: &mut Evidence, tag: u64, part: &Part<'_>, embedded: bool) {
    let fits = match (tag, part) {
        (0, Part::Atom(Atom::Text(text), _)) => {
            let is_date = text.len() >= 10 && text.bytes().take(4).all(|byte| byte.is_ascii_digit()) && text.as_bytes()[4] == b'-';
            evidence.certain += usize::from(is_date);
            is_date
        }
        #[expect(clippy::cast_precision_loss, reason = "compared with moments a century apart")]
        (1, Part::Atom(Atom::Integer(number), _)) => {
            let is_moment = EPOCH.contains(&(*number as f64));
            evidence.certain += usize::from(is_moment);
            is_moment
        }
        (1, Part::Atom(Atom::Float(number), _)) => EPOCH.contains(number),
        (2 | 3, Part::Atom(Atom::Bytes(bytes), _)) => !bytes.is_empty(),
        (24, Part::Atom(Atom::Bytes(bytes), _)) => {
            let inside = if embedded { weigh_items(bytes, true, false) } else { Verdict::Maybe };
            evidence.certain += usize::from(inside == Verdict::Sure);
            inside != Verdict::No
        }
        (32, Part::Atom(Atom::Text(text), _)) => text.contains(':'),
        (37, Part::Atom(Atom::Bytes(bytes), _)) => bytes.len() == 16,
        (33 | 34 | 36, Part::Atom(Atom::Text(_), _)) | (55799, _) => true,
        (0..=3 | 24 | 32..=37, _) => false,
        (4 | 5 | 16..=18 | 30 | 96..=98, part) => matches!(part, Part::Open("[")),
        (_, part) => matches!(part, Part::Open(_)),
    };
    evidence.odd += usize::from(!fits);
}

/// Hands the pieces of the items to a layout, as far as they go.
pub(super) fn write(bytes: &[u8], layout: &mut impl Layout) {
    walk(bytes, &mut |part| match part {
        Part::Open(bracket) => layout.piece(Piece::Open(bracket)),
        Part::Close(bracket) => layout.piece(Piece::Close(bracket)),
        Part::Comma => layout.piece(Piece::Comma),
        Part::Colon => layout.piece(Piece::Colon),
        Part::Tag(number) => layout.piece(Piece::Atom(&format!("{number}("), Tone::Note)),
        Part::EndTag => layout.piece(Piece::Atom(")", Tone::Note)),
        Part::Atom(atom, is_key) => {
            let (text, tone) = shown(&atom);
            layout.piece(Piece::Atom(&text, if is_key { Tone::Key } else { tone }))
        }
    });
}

fn shown(atom: &Atom<'_>) -> (String, Tone) {
    match atom {
        Atom::Integer(number) => (number.to_string(), Tone::Number),
        Atom::Float(number) => (float(*number), Tone::Number),
        Atom::Bytes(bytes) => (byte_string(bytes), Tone::String),
        Atom::Text(text) => (quoted(text), Tone::String),
        Atom::Simple(simple::FALSE) => ("false".into(), Tone::Bool),
        Atom::Simple(simple::TRUE) => ("true".into(), Tone::Bool),
        Atom::Simple(simple::NULL) => ("null".into(), Tone::Null),
        Atom::Simple(simple::UNDEFINED) => ("undefined".into(), Tone::Null),
        Atom::Simple(value) => (format!("simple({value})"), Tone::Null),
    }
}

/// An open list, map or tag.
#[derive(Debug)]
struct Level {
    close: Part<'static>,
    /// The items to come; `None` if a break ends them.
    left: Option<u64>,
    done: u64,
}

impl Level {
    fn is_map(&self) -> bool {
        matches!(self.close, Part::Close("}"))
    }
}

/// Visits the parts of all items until the visitor has enough; returns the whole items, and why there are no more.
///
/// The open levels are a list, so nesting costs no stack.
fn walk<'a>(bytes: &'a [u8], visit: &mut dyn FnMut(Part<'a>) -> bool) -> (usize, Option<Stop>) {
    let (mut at, mut items) = (0, 0);
    while at < bytes.len() {
        if items > 0 && !visit(Part::Comma) {
            return (items, None);
        }
        match item(bytes, &mut at, visit) {
            Ok(true) => items += 1,
            Ok(false) => return (items, None),
            Err(stop) => return (items, Some(stop)),
        }
    }
    (items, None)
}

/// Visits one item; `false` means that the visitor has enough.
fn item<'a>(bytes: &'a [u8], at: &mut usize, visit: &mut dyn FnMut(Part<'a>) -> bool) -> Result<bool, Stop> {
    let mut open: Vec<Level> = Vec::new();
    loop {
        let start = *at;
        let header = header(bytes, at)?;
        if header == Header::Break {
            let level = open.pop().filter(|level| level.left.is_none() && !(level.is_map() && level.done % 2 == 1));
            if !visit(level.ok_or(Stop::At(start))?.close) {
                return Ok(false);
            }
        } else {
            let is_key = match open.last() {
                Some(level) if level.is_map() && level.done % 2 == 1 => visit(Part::Colon).then_some(false),
                Some(level) => (level.done == 0 || visit(Part::Comma)).then_some(level.is_map()),
                None => Some(false),
            };
            let Some(is_key) = is_key else { return Ok(false) };
            let (part, level) = match header {
                Header::Array(len) => (Part::Open("["), Some((Part::Close("]"), len.map(|len| len as u64)))),
                Header::Map(len) => {
                    let items = len.map(|len| (len as u64).checked_mul(2).ok_or(Stop::At(start))).transpose()?;
                    (Part::Open("{"), Some((Part::Close("}"), items)))
                }
                Header::Tag(number) => (Part::Tag(number), Some((Part::EndTag, Some(1)))),
                Header::Positive(number) => (Part::Atom(Atom::Integer(number.into()), is_key), None),
                Header::Negative(number) => (Part::Atom(Atom::Integer(!i128::from(number)), is_key), None),
                Header::Float(number) => (Part::Atom(Atom::Float(number), is_key), None),
                Header::Simple(value) => (Part::Atom(Atom::Simple(value), is_key), None),
                Header::Bytes(len) => (Part::Atom(Atom::Bytes(string(bytes, at, len, as_bytes)?), is_key), None),
                Header::Text(len) => (Part::Atom(Atom::Text(text(bytes, at, len, start)?), is_key), None),
                Header::Break => return Err(Stop::At(start)),
            };
            if !visit(part) {
                return Ok(false);
            }
            if let Some((close, left)) = level {
                if open.len() == MAX_DEPTH {
                    return Err(Stop::Deep);
                }
                open.push(Level { close, left, done: 0 });
                if left != Some(0) {
                    continue;
                }
                if !open.pop().is_none_or(|level| visit(level.close)) {
                    return Ok(false);
                }
            }
        }
        // An item is complete, and with it perhaps what it is in.
        loop {
            let Some(level) = open.last_mut() else { return Ok(true) };
            level.done += 1;
            level.left = level.left.map(|left| left - 1);
            if level.left != Some(0) {
                break;
            }
            if !open.pop().is_none_or(|level| visit(level.close)) {
                return Ok(false);
            }
        }
    }
}

fn header(bytes: &[u8], at: &mut usize) -> Result<Header, Stop> {
    let mut decoder = Decoder::from(&bytes[*at..]);
    let header = decoder.pull().map_err(|error| match error {
        Error::Io(_) => Stop::Early,
        Error::Syntax(offset) => Stop::At(*at + offset),
    })?;
    *at += decoder.offset();
    Ok(header)
}

fn as_bytes(header: Header) -> Option<usize> {
    if let Header::Bytes(len) = header { len } else { None }
}

fn as_text(header: Header) -> Option<usize> {
    if let Header::Text(len) = header { len } else { None }
}

/// Reads a string of a known length, or of chunks up to a break, the length of each of which `chunk` takes from its header.
fn string<'a>(
    bytes: &'a [u8],
    at: &mut usize,
    len: Option<usize>,
    chunk: impl Fn(Header) -> Option<usize>,
) -> Result<Cow<'a, [u8]>, Stop> {
    if let Some(len) = len {
        let string = at.checked_add(len).and_then(|end| bytes.get(*at..end)).ok_or(Stop::Early)?;
        *at += len;
        return Ok(Cow::Borrowed(string));
    }
    let mut string = Vec::new();
    loop {
        let start = *at;
        match header(bytes, at)? {
            Header::Break => return Ok(Cow::Owned(string)),
            other => {
                let len = chunk(other).ok_or(Stop::At(start))?;
                let end = at.checked_add(len).filter(|end| *end <= bytes.len()).ok_or(Stop::Early)?;
                string.extend_from_slice(&bytes[*at..end]);
                *at = end;
            }
        }
    }
}

fn text<'a>(bytes: &'a [u8], at: &mut usize, len: Option<usize>, start: usize) -> Result<Cow<'a, str>, Stop> {
    match string(bytes, at, len, as_text)? {
        Cow::Borrowed(text) => str::from_utf8(text).map(Cow::Borrowed).map_err(|_| Stop::At(start)),
        Cow::Owned(text) => String::from_utf8(text).map(Cow::Owned).map_err(|_| Stop::At(start)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::payload::lines::Row;

    fn shown(bytes: &[u8]) -> String {
        assert!(check(bytes, true).is_ok(), "{}", bytes.escape_ascii());
        let mut row = Row::new(10_000, true);
        write(bytes, &mut row);
        row.finish().into_iter().map(|span| span.text).collect()
    }

    #[test]
    fn the_notation_keeps_kinds_apart() {
        let bytes = b"\xa4\x01\xfa\x40\x6d\x70\xa4\x61a\x42\x01\xff\x20\x82\xf4\xf6\x41\x07\xc1\x1a\x00\x00\x00\x2a";
        assert_eq!(shown(bytes), r#"{1: 3.71, "a": h'01ff', -1: [false, null], h'07': 1(42)}"#);
        assert_eq!(shown(b"\x9f\x7f\x61a\x61b\xff\xbf\x01\x80\xff\x5f\x41\x01\xff\xff"), r#"["ab", {1: []}, h'01']"#);
    }

    #[test]
    fn undefined_is_not_null_and_simple_values_have_their_numbers() {
        assert_eq!(shown(b"\x82\xf7\xf6"), "[undefined, null]");
        assert_eq!(shown(b"\x82\xf0\xf8\xff"), "[simple(16), simple(255)]");
    }

    #[test]
    fn items_in_a_row_stand_side_by_side() {
        assert_eq!(shown(b"\xa1\x61t\x01\x18\x2a\x61x"), r#"{"t": 1}, 42, "x""#);
        assert_eq!(check(b"\xa1\x61t\x01\x18\x2a\x61x", true), Ok(3));
    }

    #[test]
    fn a_length_that_lies_is_refused() {
        for bytes in
            [&b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff"[..], b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff\x00", b"\xba\xff\xff\xff\xff\x01"]
        {
            assert!(check(bytes, true).is_err(), "{bytes:02x?}");
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        assert!(check(&[vec![0x81; 100_000], vec![0x01]].concat(), true).is_err_and(|why| why.contains("deeper")));
        assert!(check(&[vec![0xc1; 100_000], vec![0x01]].concat(), true).is_err());
    }

    #[test]
    fn a_break_where_none_may_be_is_refused() {
        for bytes in [&b"\xff"[..], b"\x81\xff", b"\xbf\x01\xff", b"\xc1\xff", b"\x7f\x41a\xff"] {
            assert!(check(bytes, true).is_err(), "{bytes:02x?}");
        }
    }

    #[test]
    fn a_tag_is_believed_only_around_what_it_is_for() {
        let sure: [&[u8]; 4] = [
            b"\xc0\x742026-03-01T12:00:00Z",
            b"\xc1\x1a\x69\xa4\x2b\x40",
            b"\xd8\x18\x44\xa1\x61t\x01",
            b"\xd2\x84\x43\xa1\x01\x26\xa0\x44abcd\x44efgh",
        ];
        for bytes in sure {
            assert_eq!(weigh(bytes, true), Verdict::Sure, "{}", bytes.escape_ascii());
        }
        for bytes in [&b"\xc4\x08"[..], b"\xc0\x65words", b"\xc1\x07", b"\xd5\x6cstand: 77 cm", b"\xca\xf7"] {
            assert_ne!(weigh(bytes, true), Verdict::Sure, "{}", bytes.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300), start in 0x80u8..0xe0) {
            for bytes in [bytes.clone(), [vec![start], bytes].concat()] {
                write(&bytes, &mut Row::new(80, true));
                let whole = check(&bytes, true);
                prop_assert!(check(&bytes, false).is_ok() || whole.is_err());
                prop_assert!(weigh(&bytes, true) == Verdict::No || whole.is_ok());
            }
        }
    }
}
