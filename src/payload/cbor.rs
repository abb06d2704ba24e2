//! CBOR (RFC 8949), written in its diagnostic notation.

use ciborium::value::Value;

use super::{
    Tone,
    piece::{Layout, Piece, byte_string, float, quoted},
};

/// The most levels of nesting that are decoded; it bounds the stack.
const MAX_DEPTH: usize = 128;

/// The tag that says "this is CBOR" (RFC 8949, 3.4.6), as it starts a payload.
const SELF_DESCRIBED: &[u8] = &[0xd9, 0xd9, 0xf7];

/// Tells whether a payload announces itself as CBOR.
pub(super) fn is_self_described(bytes: &[u8]) -> bool {
    bytes.starts_with(SELF_DESCRIBED)
}

/// Tells whether bytes are one map, list or tagged value with something in it, and nothing more.
pub(super) fn is_likely(bytes: &[u8]) -> bool {
    // Major types 4 to 6 are lists, maps and tags; anything else is not worth the attempt.
    bytes.len() > 1
        && matches!(bytes[0] >> 5, 4..=6)
        && match decode(bytes) {
            Ok(Value::Array(items)) => !items.is_empty(),
            Ok(Value::Map(members)) => !members.is_empty(),
            Ok(value) => value.is_tag(),
            Err(_) => false,
        }
}

/// Decodes one item that takes all bytes, or says why they are none.
pub(super) fn decode(bytes: &[u8]) -> Result<Value, String> {
    use ciborium::de::Error;

    let mut rest = bytes;
    match ciborium::de::from_reader_with_recursion_limit(&mut rest, MAX_DEPTH) {
        Ok(value) if rest.is_empty() => Ok(value),
        Ok(_) => Err(format!("not one CBOR item: {} of {} bytes are left over", rest.len(), bytes.len())),
        Err(Error::Io(_)) => Err("not CBOR: it ends too early".into()),
        Err(Error::Syntax(at) | Error::Semantic(Some(at), _)) => Err(format!("not CBOR at byte {at}")),
        Err(Error::Semantic(None, _)) => Err("not CBOR that can be shown".into()),
        Err(Error::RecursionLimitExceeded) => Err(format!("nested deeper than {MAX_DEPTH} levels")),
    }
}

/// Hands the pieces of a value to a layout, and tells whether it wants more; the decoding bounds the recursion.
pub(super) fn write(value: &Value, layout: &mut impl Layout) -> bool {
    match value {
        Value::Array(items) => {
            layout.piece(Piece::Open("["))
                && items.iter().enumerate().all(|(i, item)| (i == 0 || layout.piece(Piece::Comma)) && write(item, layout))
                && layout.piece(Piece::Close("]"))
        }
        Value::Map(members) => {
            layout.piece(Piece::Open("{"))
                && members.iter().enumerate().all(|(i, (key, value))| {
                    (i == 0 || layout.piece(Piece::Comma))
                        && write_key(key, layout)
                        && layout.piece(Piece::Colon)
                        && write(value, layout)
                })
                && layout.piece(Piece::Close("}"))
        }
        Value::Tag(tag, inner) => {
            layout.piece(Piece::Atom(&format!("{tag}("), Tone::Note))
                && write(inner, layout)
                && layout.piece(Piece::Atom(")", Tone::Note))
        }
        scalar => atom(scalar).is_some_and(|(text, tone)| layout.piece(Piece::Atom(&text, tone))),
    }
}

fn write_key(key: &Value, layout: &mut impl Layout) -> bool {
    match atom(key) {
        Some((text, _)) => layout.piece(Piece::Atom(&text, Tone::Key)),
        None => write(key, layout),
    }
}

/// Writes a value that has no members; `None` for lists, maps and tags.
fn atom(value: &Value) -> Option<(String, Tone)> {
    match value {
        Value::Integer(number) => Some((i128::from(*number).to_string(), Tone::Number)),
        Value::Bytes(bytes) => Some((byte_string(bytes), Tone::String)),
        Value::Float(number) => Some((float(*number), Tone::Number)),
        Value::Text(text) => Some((quoted(text), Tone::String)),
        Value::Bool(value) => Some((value.to_string(), Tone::Bool)),
        Value::Null => Some(("null".into(), Tone::Null)),
        // The library may add kinds in a minor version.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::payload::lines::Row;

    fn shown(bytes: &[u8]) -> String {
        let value = decode(bytes).expect("one item");
        let mut row = Row::new(10_000, true);
        write(&value, &mut row);
        row.finish().into_iter().map(|span| span.text).collect()
    }

    #[test]
    fn the_notation_keeps_kinds_apart() {
        let bytes = b"\xa4\x01\xfa\x40\x6d\x70\xa4\x61a\x42\x01\xff\x20\x82\xf4\xf6\x41\x07\xc1\x1a\x00\x00\x00\x2a";
        assert_eq!(shown(bytes), r#"{1: 3.71, "a": h'01ff', -1: [false, null], h'07': 1(42)}"#);
    }

    #[test]
    fn a_length_that_lies_is_refused() {
        for bytes in
            [&b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff"[..], b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff\x00", b"\xba\xff\xff\xff\xff\x01"]
        {
            assert!(decode(bytes).is_err(), "{bytes:02x?}");
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        assert!(decode(&[vec![0x81; 100_000], vec![0x01]].concat()).is_err_and(|why| why.contains("deeper")));
        assert!(decode(&[vec![0xc1; 100_000], vec![0x01]].concat()).is_err());
    }

    #[test]
    fn what_is_left_over_is_no_item() {
        assert!(decode(b"\x81\x01\x02").is_err_and(|why| why.contains("1 of 3 bytes")));
        assert!(is_likely(b"\xa1\x01\x02") && !is_likely(b"\xa1\x01\x02\x03") && !is_likely(b"\x18\x2a") && !is_likely(b"\x80"));
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
