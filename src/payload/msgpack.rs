//! MessagePack, written like CBOR's diagnostic notation.

use rmpv::{
    ValueRef,
    decode::{Error, read_value_ref_with_max_depth},
};

use super::{
    Tone,
    piece::{Layout, Piece, byte_string, float, quoted},
};

/// The most levels of nesting that are decoded; it bounds the stack.
const MAX_DEPTH: usize = 128;

/// Tells whether bytes are one map or list with something in it, and nothing more.
pub(super) fn is_likely(bytes: &[u8]) -> bool {
    // Only these first bytes start a map or a list; anything else is not worth the attempt.
    bytes.len() > 1
        && matches!(bytes[0], 0x80..=0x9f | 0xdc..=0xdf)
        && match decode(bytes) {
            Ok(ValueRef::Array(items)) => !items.is_empty(),
            Ok(ValueRef::Map(members)) => !members.is_empty(),
            Ok(_) | Err(_) => false,
        }
}

/// Decodes one object that takes all bytes, or says why they are none.
pub(super) fn decode(bytes: &[u8]) -> Result<ValueRef<'_>, String> {
    let mut rest = bytes;
    match read_value_ref_with_max_depth(&mut rest, MAX_DEPTH) {
        Ok(value) if rest.is_empty() => Ok(value),
        Ok(_) => Err(format!("not one MessagePack object: {} of {} bytes are left over", rest.len(), bytes.len())),
        Err(Error::InvalidMarkerRead(_) | Error::InvalidDataRead(_)) => Err("not MessagePack: it ends too early".into()),
        Err(Error::DepthLimitExceeded) => Err(format!("nested deeper than {MAX_DEPTH} levels")),
    }
}

/// Hands the pieces of a value to a layout, and tells whether it wants more; the decoding bounds the recursion.
pub(super) fn write(value: &ValueRef<'_>, layout: &mut impl Layout) -> bool {
    match value {
        ValueRef::Array(items) => {
            layout.piece(Piece::Open("["))
                && items.iter().enumerate().all(|(i, item)| (i == 0 || layout.piece(Piece::Comma)) && write(item, layout))
                && layout.piece(Piece::Close("]"))
        }
        ValueRef::Map(members) => {
            layout.piece(Piece::Open("{"))
                && members.iter().enumerate().all(|(i, (key, value))| {
                    (i == 0 || layout.piece(Piece::Comma))
                        && write_key(key, layout)
                        && layout.piece(Piece::Colon)
                        && write(value, layout)
                })
                && layout.piece(Piece::Close("}"))
        }
        scalar => atom(scalar).is_some_and(|(text, tone)| layout.piece(Piece::Atom(&text, tone))),
    }
}

fn write_key(key: &ValueRef<'_>, layout: &mut impl Layout) -> bool {
    match atom(key) {
        Some((text, _)) => layout.piece(Piece::Atom(&text, Tone::Key)),
        None => write(key, layout),
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
        let value = decode(bytes).expect("one object");
        let mut row = Row::new(10_000, true);
        write(&value, &mut row);
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
            assert!(decode(bytes).is_err(), "{bytes:02x?}");
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        assert!(decode(&[vec![0x91; 100_000], vec![0x01]].concat()).is_err_and(|why| why.contains("deeper")));
    }

    #[test]
    fn what_is_left_over_is_no_object() {
        assert!(decode(b"\x91\x01\x02").is_err_and(|why| why.contains("1 of 3 bytes")));
        assert!(is_likely(b"\x81\x01\x02") && !is_likely(b"\x81\x01\x02\x03") && !is_likely(b"\x2a\x2a") && !is_likely(b"\x80"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300), start in 0x80u8..0xe0) {
            for bytes in [bytes.clone(), [vec![start], bytes].concat()] {
                if let Ok(value) = decode(&bytes) {
                    write(&value, &mut Row::new(80, true));
                }
            }
        }
    }
}
