//! What payloads of known kinds are taken for.

use super::*;
use crate::payload::{Limits, document, preview};

fn format(payload: &[u8]) -> String {
    detect(payload, &Hints::default()).format.to_string()
}

fn typed(payload: &[u8], content_type: &str) -> (String, &'static str) {
    let detected = detect(payload, &Hints { content_type: Some(content_type), payload_format: None });
    (detected.format.to_string(), detected.reason)
}

#[test]
fn bytes_alone_tell_most() {
    let cases: [(&[u8], &str); 15] = [
        (b"", "empty"),
        (b" {\"a\": 1}", "json"),
        (b"[1, 2", "text"),
        (b"21.5", "text"),
        (b"true", "text"),
        (b"\"on\"", "json"),
        ("größe".as_bytes(), "text"),
        (b"\0\0\0\x2a", "binary"),
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"\x1f\x8b\x08\0", "binary"),
        (b"%PDF-1.7\n", "pdf"),
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
    assert_eq!(detect(b"\x01", &hints), Detected::sure(Format::Text, "by format indicator"));
    assert_eq!(detect(b"\xff", &hints).reason, "said to be UTF-8 by its format indicator, but is not");
}

#[test]
fn a_large_payload_is_judged_by_its_start() {
    let json = format!("[{}", "1,".repeat(1 << 20));
    assert_eq!(detect(json.as_bytes(), &Hints::default()), Detected::sure(Format::Json, "starts as JSON"));
    let text = "é".repeat(DETECT_WINDOW);
    assert_eq!(detect(&text.as_bytes()[1..], &Hints::default()).reason, "mostly UTF-8");
    assert_eq!(detect(text.as_bytes(), &Hints::default()).format, Format::Text);
}

/// Shapes as devices send them, with what they are.
fn shapes() -> Vec<(Vec<u8>, &'static str)> {
    let rows: [(&[u8], &str); 42] = [
        // Numbers in binary: i16, u16, u24, u32, f32 and f64 in either order, status bytes, frames.
        (b"\xc4\x08", "binary"),
        (b"\x91\x06", "binary"),
        (b"\xc1\0", "binary"),
        (b"\xc5\x60", "binary"),
        (b"\xca\xf7", "binary"),
        (b"\x81\x02", "binary"),
        (b"\x83\x01\x02\x03", "binary"),
        (b"\xa2\x01\x02\x03\x04", "binary"),
        (b"\xc1\x42\x66\x66", "binary"),
        (b"\xc0\x48\x59\x99\x99\x99\x99\x9a", "binary"),
        (b"\x95\0\0\0\0\0", "binary"),
        (b"\x89\0\0\0\0\0\0\0\0\0", "binary"),
        (b"\x8f\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "binary"),
        (b"\x9c\0\0\0\0\0\0\0\0\0\0\0\0", "binary"),
        (b"\x92\x7f\x01", "binary"),
        // Words in other charsets: Latin-1, CP1252, GBK, Shift-JIS, CP1251.
        (b"\xc5ben", "binary"),
        (b"\xd812", "binary"),
        (b"\xc9cran", "binary"),
        (b"\xd72", "binary"),
        (b"\xa3123.45", "binary"),
        (b"\xa712", "binary"),
        (b"\x96273.15", "binary"),
        (b"\x9cuvre d'art: 1", "text"),
        (b"\xd6lstand: 77 cm", "text"),
        (b"\xc8\xf5", "binary"),
        (b"\xca\xf4", "binary"),
        (b"\xc3\xf7", "binary"),
        (b"\x91\xe5", "binary"),
        (b"\x91\x53", "binary"),
        (b"\xe4\xe0", "binary"),
        // CBOR.
        (b"\xa1\x61h\x18\x2d", "cbor"),
        (b"\xa2\x01\xfb\x40\x35\0\0\0\0\0\0\x02\x18\x3c", "cbor"),
        (b"\x82\x64pump\x19\x03\xe8", "cbor"),
        (b"\x8c\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c", "cbor"),
        (b"\xc1\x1a\x69\xa4\x2b\x40", "cbor"),
        (b"\xa1\x61h\x01\xa1\x61h\x02", "cbor"),
        // MessagePack.
        (b"\x81\xa1h\x2d", "msgpack"),
        (b"\x82\x01\xcb\x40\x35\0\0\0\0\0\0\x02\x3c", "msgpack"),
        (b"\x92\xa4pump\xcd\x03\xe8", "msgpack"),
        (b"\x9c\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c", "msgpack"),
        (b"\x81\xa1h\x01\x81\xa1h\x02", "msgpack"),
        (b"\xde\0\x01\xa4name\x91\xc0", "msgpack"),
    ];
    rows.into_iter().map(|(bytes, kind)| (bytes.to_vec(), kind)).collect()
}

#[test]
fn short_bytes_are_cbor_or_messagepack_only_where_something_speaks_for_it() {
    for (bytes, kind) in shapes() {
        assert_eq!(format(&bytes), kind, "{}", bytes.escape_ascii());
    }
}

#[test]
fn no_number_of_two_bytes_is_cbor_or_messagepack() {
    for value in 0..=u16::MAX {
        let format = detect(&value.to_le_bytes(), &Hints::default()).format;
        assert!(!matches!(format, Format::Cbor | Format::MessagePack | Format::Gzip | Format::Image(_)), "{value}: {format}");
    }
}

/// Tells what the last of several messages of a topic is, as a list or page does.
fn last_of(messages: &[&[u8]]) -> Detected {
    let (last, before) = messages.split_last().expect("a message");
    let detected = detect(last, &Hints::default());
    if !detected.is_doubtful {
        return detected;
    }
    let nearest_first = before.iter().rev().take(MOST_ALIKE - 1);
    nearest_first.into_iter().find_map(|earlier| detected.among(last.len(), earlier)).unwrap_or(detected)
}

#[test]
fn the_kind_of_a_topic_that_carries_numbers_does_not_flicker() {
    for start in [0_u16, 2_000, 2_500, 5_000] {
        let ramp: Vec<[u8; 2]> = (start..start + 1_000).map(u16::to_le_bytes).collect();
        let mut kinds: Vec<_> = ramp
            .windows(MOST_ALIKE)
            .map(|window| last_of(&window.iter().map(<[u8; 2]>::as_slice).collect::<Vec<_>>()).format)
            .collect();
        kinds.dedup();
        // A run of 95 values in 256 that are all letters is text for as long as it lasts.
        assert!(kinds.len() <= 8 && !kinds.contains(&Format::Cbor) && !kinds.contains(&Format::MessagePack), "{start}: {kinds:?}");
    }
    let epoch: Vec<[u8; 4]> = (0..2_000_u32).map(|n| (1_764_571_000 + 61 * n).to_be_bytes()).collect();
    let changes = |kinds: Vec<Format>| kinds.windows(2).filter(|pair| pair[0] != pair[1]).count();
    let alone = changes(epoch.iter().map(|bytes| detect(bytes, &Hints::default()).format).collect());
    let among = changes(
        epoch
            .windows(MOST_ALIKE)
            .map(|window| last_of(&window.iter().map(<[u8; 4]>::as_slice).collect::<Vec<_>>()).format)
            .collect(),
    );
    assert!(among * 6 < alone, "{among} changes among the messages before, {alone} without");
}

#[test]
fn a_text_among_texts_stays_text() {
    assert_eq!(last_of(&[b"OFF", b"ON"]).format, Format::Text);
    assert_eq!(last_of(&[b"\xff\xfe", b"on", b"21.5", b"a b"]).format, Format::Text);
    assert_eq!(last_of(&[b"\x01\x02\x03\x04", b"i-;3"]).format, Format::Binary);
    assert_eq!(last_of(&[b"\xff\xfe\x01", b"i-;3"]).format, Format::Text);
    assert_eq!(last_of(&[b"\x01\x02\x03\x04", b"open"]).format, Format::Text);
}

#[test]
fn a_list_among_frames_is_a_frame() {
    let frame = b"\x93\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d";
    let list = b"\x9d\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d";
    assert_eq!(last_of(&[list]).format, Format::MessagePack);
    let among = last_of(&[frame, list]);
    assert_eq!((among.format, among.reason), (Format::Binary, "bytes, as the messages before it"));
    assert_eq!(last_of(&[b"\x82\x01\x02\x03\x04", list]).format, Format::MessagePack);
}

#[test]
fn a_content_type_counts_more_than_the_messages_before() {
    let hints = Hints { content_type: Some("application/cbor"), payload_format: None };
    assert!(!detect(b"\x81\x05", &hints).is_doubtful);
    assert_eq!(detect(b"\x81\x05", &hints).format, Format::Cbor);
}

#[test]
fn a_sequence_of_cbor_is_one_by_its_content_type() {
    assert_eq!(typed(b"\x01\x02\x61x", "application/cbor-seq"), ("cbor".into(), "by content-type"));
    assert_eq!(typed(b"\x01\x02\x61x", "application/senml+cbor-seq").0, "cbor");
    assert_eq!(typed(b"\x01\x02\x03", "application/cbor").1, "not what its content-type says");
}

#[test]
fn json_with_a_byte_order_mark_or_padding_is_json() {
    for payload in [&b"\xef\xbb\xbf{\"t\":21.5}"[..], b"{\"t\":21.5}\0", b"\0{\"t\":21.5}", b"{\"t\":21.5}\xff\xff\xff\xff"] {
        assert_eq!(format(payload), "json", "{}", payload.escape_ascii());
    }
    assert_eq!(format(&[b"{\"t\":21.5}".as_slice(), &[0; 43]].concat()), "json");
    assert_eq!(format(&[&[0; 6], b"pump".as_slice()].concat()), "binary");
}

#[test]
fn three_bytes_make_no_gzip() {
    let noise: Vec<u8> = (0..30_u32).map(|n| (n * 167 + 13).to_le_bytes()[0]).collect();
    for payload in [b"\x1f\x8b\x08\0".to_vec(), b"\x1f\x8b\x08\x01\x02".to_vec(), [b"\x1f\x8b\x08".as_slice(), &noise].concat()] {
        let detected = detect(&payload, &Hints::default());
        assert_eq!(detected.format, Format::Binary);
        assert_eq!(detected.reason, "starts like gzip, but nothing in it inflates");
    }
    let gzip = gzip::deflate(b"{\"t\":21.5}");
    assert_eq!((format(&gzip), format(&gzip[..gzip.len() - 9])), ("gzip".into(), "gzip".into()));
    assert_eq!(format(&gzip::deflate(b"")), "gzip");
}

#[test]
fn a_zlib_stream_is_named_when_it_inflates_to_its_end() {
    use std::io::Write;

    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&b"{\"layers\":[]}".repeat(40)).expect("a vector takes all");
    let stream = encoder.finish().expect("a vector takes all");
    assert_eq!(format(&stream), "zlib");
    assert_eq!(format(&stream[..stream.len() - 1]), "binary");
    assert_eq!(format(b"x^2+y^2"), "text");
}

#[test]
fn a_text_with_few_bad_bytes_is_text() {
    let cases: [(&[u8], &str); 9] = [
        (b"The pump said \xff and went on", "text"),
        (b"Pumpe l\xe4uft seit 12 Stunden", "text"),
        (b"the last letter is cut: K\xc3", "text"),
        (b"Java writes \xc0\x80 for a zero", "text"),
        (b"{\"t\":21.5,\"x\":\"\x02\xff\x10\xfe\",\"unit\":\"C\"}", "text"),
        (b"fail\x08\x08\x08\x08pass", "text"),
        (b"\xd2\xe5\xec\xef\xe5\xf0\xe0\xf2\xf3\xf0\xe0 21", "binary"),
        (b"\x08\x96\x01\x12\x07testing\x1d\0\0\0\x41", "binary"),
        (b"\xc0Bffffff", "binary"),
    ];
    for (bytes, kind) in cases {
        assert_eq!(format(bytes), kind, "{}", bytes.escape_ascii());
    }
}

#[test]
fn list_filter_and_page_agree_above_four_kibibytes() {
    let cbor = [b"\xa1\x64rows\x99\x0f\xa0".as_slice(), &b"\x18\x2a".repeat(4_000)].concat();
    let msgpack = [b"\x81\xa4rows\xdc\x0f\xa0".as_slice(), &b"\xcc\xea".repeat(4_000)].concat();
    let text = [b"pump on\n".repeat(800).as_slice(), b"\xff\xfe"].concat();
    for (payload, kind) in [(cbor, "cbor"), (msgpack, "msgpack"), (text, "text")] {
        let format = detect(&payload, &Hints::default()).format;
        assert_eq!(format.name(), kind);
        let row: String = preview(&payload, format, 60).into_iter().map(|span| span.text).collect();
        assert!(row.contains(if kind == "text" { "pump on" } else { kind }), "{row}");
        assert!(document(&payload, format, &Limits::default()).is_ok());
    }
    let large = [b"\xa1\x64rows\x99\x9c\x40".as_slice(), &b"\x18\x2a".repeat(40_000)].concat();
    let format = detect(&large, &Hints::default()).format;
    let row: String = preview(&large, format, 30).into_iter().map(|span| span.text).collect();
    assert_eq!(row, "⟨cbor 78.1 KiB⟩ a1 64 72 6f 7…");
}
