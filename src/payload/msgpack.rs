//! MessagePack, written like CBOR's diagnostic notation; objects in a row stand side by side.

use rmpv::{
    ValueRef,
    decode::{Error, read_value_ref_with_max_depth},
};

use super::{
    Tone,
    evidence::{Evidence, Verdict},
    piece::{Layout, Piece, byte_string, float, quoted},
};
use crate::base::text::is_text;

/// The most levels of nesting that are decoded; it bounds the stack.
const MAX_DEPTH: usize = 128;

/// Weighs whether bytes are MessagePack: one map or list, or several maps with names.
pub(super) fn weigh(bytes: &[u8], whole: bool) -> Verdict {
    // Only these first bytes start a map or a list; anything else is not worth the attempt.
    if bytes.len() < 2 || !matches!(bytes[0], 0x80..=0x9f | 0xdc..=0xdf) {
        return Verdict::No;
    }
    let mut evidence = Evidence::default();
    let (mut rest, mut objects, mut maps) = (bytes, 0_usize, 0_usize);
    while !rest.is_empty() {
        match object(&mut rest) {
            Ok(value) => {
                objects += 1;
                maps += usize::from(matches!(value, ValueRef::Map(_)));
                count(&mut evidence, &value);
            }
            Err(Stop::Early) if !whole => break,
            Err(_) => return Verdict::No,
        }
    }
    match objects {
        // What there is of one object tells by its first name only.
        0 if starts_with_a_name(bytes) => Verdict::Sure,
        1 if evidence.scalars > 0 => evidence.weigh(bytes, whole),
        0 | 1 => Verdict::No,
        _ if maps == objects && evidence.has_names() => Verdict::Sure,
        _ => Verdict::No,
    }
}

/// Counts what came out of a value; the decoding bounds the recursion.
fn count(evidence: &mut Evidence, value: &ValueRef<'_>) {
    match value {
        ValueRef::Array(items) => items.iter().for_each(|item| count(evidence, item)),
        ValueRef::Map(members) => {
            for (key, value) in members {
                count_scalar(evidence, key, true);
                count(evidence, value);
            }
        }
        scalar => count_scalar(evidence, scalar, false),
    }
}

fn count_scalar(evidence: &mut Evidence, value: &ValueRef<'_>, is_key: bool) {
    match value {
        ValueRef::String(text) => evidence.text(text.as_str().unwrap_or_default(), is_key),
        ValueRef::Integer(number) => evidence.integer(number.as_u64() == Some(0), is_key),
        ValueRef::F32(_) | ValueRef::F64(_) => {
            evidence.floats += 1;
            evidence.scalar(is_key);
        }
        ValueRef::Nil | ValueRef::Boolean(_) | ValueRef::Binary(_) | ValueRef::Ext(..) | ValueRef::Array(_) | ValueRef::Map(_) => {
            evidence.scalar(is_key);
        }
    }
}

/// Returns `true` if the first key of the first map is a short readable text.
fn starts_with_a_name(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let mut in_map = false;
    for _ in 0..MAX_DEPTH {
        let Some(first) = rest.first() else { return false };
        let (skip, len) = match first {
            0x90..=0x9f => (1, None),
            0xdc => (3, None),
            0xdd => (5, None),
            0x80..=0x8f | 0xde | 0xdf => {
                in_map = true;
                (
                    match first {
                        0xde => 3,
                        0xdf => 5,
                        _ => 1,
                    },
                    None,
                )
            }
            0xa1..=0xbf if in_map => (1, Some(usize::from(first & 0x1f))),
            _ => return false,
        };
        rest = rest.get(skip..).unwrap_or_default();
        if let Some(len) = len {
            let name = rest.get(..len).and_then(|name| str::from_utf8(name).ok());
            return name.is_some_and(|name| name.chars().all(is_text));
        }
    }
    false
}

/// Counts the objects that take all bytes, or says why they do not; the last one of a cut payload may be cut as well.
pub(super) fn check(bytes: &[u8], whole: bool) -> Result<usize, String> {
    let (mut rest, mut objects) = (bytes, 0);
    while !rest.is_empty() {
        match object(&mut rest) {
            Ok(_) => objects += 1,
            Err(Stop::Early) if !whole => return Ok(objects + 1),
            Err(Stop::Early) => return Err("not MessagePack: it ends too early".into()),
            Err(Stop::Deep) => return Err(format!("nested deeper than {MAX_DEPTH} levels")),
        }
    }
    Ok(objects)
}

/// Why bytes are not an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Early,
    Deep,
}

fn object<'a>(rest: &mut &'a [u8]) -> Result<ValueRef<'a>, Stop> {
    read_value_ref_with_max_depth(rest, MAX_DEPTH).map_err(|error| match error {
        Error::InvalidMarkerRead(_) | Error::InvalidDataRead(_) => Stop::Early,
        Error::DepthLimitExceeded => Stop::Deep,
    })
}

/// Hands the pieces of the objects to a layout, as far as they go.
pub(super) fn write(bytes: &[u8], layout: &mut impl Layout) {
    let mut rest = bytes;
    let mut is_first = true;
    while !rest.is_empty() {
        let Ok(value) = object(&mut rest) else { return };
        if !(is_first || layout.piece(Piece::Comma)) || !write_value(&value, layout) {
            return;
        }
        is_first = false;
    }
}

/// Hands the pieces of a value to a layout, and tells whether it wants more; the decoding bounds the recursion.
fn write_value(value: &ValueRef<'_>, layout: &mut impl Layout) -> bool {
    match value {
        ValueRef::Array(items) => {
            layout.piece(Piece::Open("["))
                && items.iter().enumerate().all(|(i, item)| (i == 0 || layout.piece(Piece::Comma)) && write_value(item, layout))
                && layout.piece(Piece::Close("]"))
        }
        ValueRef::Map(members) => {
            layout.piece(Piece::Open("{"))
                && members.iter().enumerate().all(|(i, (key, value))| {
                    (i == 0 || layout.piece(Piece::Comma))
                        && write_key(key, layout)
                        && layout.piece(Piece::Colon)
                        && write_value(value, layout)
                })
                && layout.piece(Piece::Close("}"))
        }
        scalar => atom(scalar).is_some_and(|(text, tone)| layout.piece(Piece::Atom(&text, tone))),
    }
}

fn write_key(key: &ValueRef<'_>, layout: &mut impl Layout) -> bool {
    match atom(key) {
        Some((text, _)) => layout.piece(Piece::Atom(&text, Tone::Key)),
        None => write_value(key, layout),
    }
}

/// Writes a value that has no members; `None` for lists and maps.
fn atom(value: &ValueRef<'_>) -> Option<(String, Tone)> {
    match value {
        ValueRef::Nil => Some(("null".into(), Tone::Null)),
        ValueRef::Boolean(value) => Some((value.to_string(), Tone::Bool)),
        ValueRef::Integer(number) => Some((number.to_string(), Tone::Number)),
        ValueRef::F32(number) => Some((float(f64::from(*number)), Tone::Number)),
        ValueRef::F64(number) => Some((float(*number), Tone::Number)),
        ValueRef::String(text) => Some(match text.as_str() {
            Some(text) => (quoted(text), Tone::String),
            None => (byte_string(text.as_bytes()), Tone::Error),
        }),
        ValueRef::Binary(bytes) => Some((byte_string(bytes), Tone::String)),
        ValueRef::Ext(kind, bytes) => Some((format!("ext({kind}, {})", byte_string(bytes)), Tone::String)),
        ValueRef::Array(_) | ValueRef::Map(_) => None,
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
        let bytes = b"\x84\xa1t\xca\x41\xac\x00\x00\x01\xc4\x02\x01\xff\xa1l\x92\xc2\xc0\xa1e\xd4\x05\x07";
        assert_eq!(shown(bytes), r#"{"t": 21.5, 1: h'01ff', "l": [false, null], "e": ext(5, h'07')}"#);
    }

    #[test]
    fn a_string_that_is_not_utf8_is_shown_as_bytes() {
        assert_eq!(shown(b"\x91\xa2\xff\xfe"), "[h'fffe']");
    }

    #[test]
    fn a_length_that_lies_is_refused() {
        for bytes in [
            &b"\xdd\xff\xff\xff\xff"[..],
            b"\xdf\xff\xff\xff\xff\x01\x02",
            b"\xc6\xff\xff\xff\xff\x00",
            b"\xdb\xff\xff\xff\xff\x00",
        ] {
            assert!(check(bytes, true).is_err(), "{bytes:02x?}");
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        assert!(check(&[vec![0x91; 100_000], vec![0x01]].concat(), true).is_err_and(|why| why.contains("deeper")));
    }

    #[test]
    fn objects_in_a_row_need_names_to_be_believed() {
        assert_eq!(shown(b"\x81\xa1n\x01\x81\xa1n\x02"), r#"{"n": 1}, {"n": 2}"#);
        assert_eq!(weigh(b"\x81\xa1n\x01\x81\xa1n\x02", true), Verdict::Sure);
        assert_eq!(weigh(b"\x81\x01\x02\x03", true), Verdict::No);
    }

    #[test]
    fn the_start_of_a_large_object_tells_by_its_first_name() {
        assert_eq!(weigh(b"\x82\xa4rows\xdc\x10\x00\x01\x02", false), Verdict::Sure);
        assert_eq!(weigh(b"\xdc\x10\x00\x81\xa2id\x01", false), Verdict::Sure);
        assert_eq!(weigh(b"\xdc\x10\x00\x01\x02\x03", false), Verdict::No);
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
