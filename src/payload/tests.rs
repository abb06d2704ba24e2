//! Previews and pages as a person sees them, and the promises they keep for any bytes.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use super::*;
use crate::base::text::is_hostile;

fn text(spans: &[Span]) -> String {
    spans.iter().map(|span| span.text.as_str()).collect()
}

fn short(payload: &[u8], columns: usize) -> String {
    text(&preview(payload, detect(payload, &Hints::default()).format, columns))
}

fn page(payload: &[u8], format: Format) -> Document {
    document(payload, format, &Limits::default()).expect("can be shown")
}

fn lines(document: &Document) -> Vec<String> {
    document.lines.iter().map(|line| text(line)).collect()
}

#[test]
fn a_preview_says_what_it_is() {
    let gzipped = gzip::deflate(br#"{"t": 21.5}"#);
    let cases: [(&[u8], &str); 10] = [
        (b"", "⟨empty⟩"),
        (b"{ \"t\": 21.50,\n \"u\": \"C\" }", r#"{"t":21.50,"u":"C"}"#),
        (b"21.5", "21.5"),
        (b"\n first\nsecond", "first …"),
        (b"\xa2\x01\xfa\x40\x6d\x70\xa4\x02\x38\x42", "⟨cbor⟩ {1: 3.71, 2: -67}"),
        (b"\x81\xa1t\xca\x41\xac\0\0", r#"⟨msgpack⟩ {"t": 21.5}"#),
        (b"\xde\xad\xbe\xef", "⟨4 B⟩ de ad be ef"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\x40\0\0\0\xc8", "⟨png 320×200⟩ 24 B"),
        (b"[1, 2", "[1, 2"),
        (&gzipped, r#"⟨gzip→json⟩ {"t":21.5}"#),
    ];
    for (payload, expected) in cases {
        assert_eq!(short(payload, 80), expected);
    }
}

#[test]
fn a_preview_that_is_cut_says_so() {
    assert_eq!(short(br#"{"temperature":21.5}"#, 10), r#"{"tempera…"#);
    assert_eq!(short(b"[1,2,3]", 6), "[1,2,…");
    assert_eq!(short("[\"温度\"]".as_bytes(), 5), "[\"温…");
    assert_eq!(short(b"\xde\xad\xbe\xef", 12), "⟨4 B⟩ de ad…");
    assert_eq!(short(&[b"[".to_vec(), b"1,".repeat(10_000)].concat(), 8), "[1,1,1,…");
    assert_eq!(short(b"hello", 0), "");
}

#[test]
fn a_bare_number_is_a_number() {
    assert_eq!(preview(b"21.5", Format::Text, 10), [Span::new("21.5", Tone::Number)]);
    let lines = page(b"21.5\n", Format::Text).lines;
    assert_eq!(lines, [[Span::new("21.5", Tone::Number), Span::new("␊", Tone::Blank)]]);
}

#[test]
fn a_large_tree_by_content_type_is_previewed_by_its_bytes() {
    let payload = [vec![0x59, 0xff, 0xff], vec![7; 0xffff]].concat();
    let hints = Hints { content_type: Some("application/cbor"), payload_format: None };
    assert_eq!(text(&preview(&payload, detect(&payload, &hints).format, 28)), "⟨cbor 64.0 KiB⟩ 59 ff ff 07…");
}

#[test]
fn a_preview_of_gzip_tells_no_size_that_it_does_not_know() {
    let image = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\x40\0\0\0\xc8".as_slice(), &vec![7; 200_000]].concat();
    assert_eq!(short(&gzip::deflate(&image), 80), "⟨gzip→png 320×200⟩");
    assert_eq!(short(&gzip::deflate(&image[..3_000]), 80), "⟨gzip→png 320×200⟩ 2.9 KiB");
    let bytes = vec![0xff; 200_000];
    assert_eq!(short(&gzip::deflate(&bytes), 23), "⟨gzip→binary⟩ ff ff ff…");
    let tree = [b"\xd9\xd9\xf7\x5a\0\x03\x0d\x40".as_slice(), &vec![7; 200_000]].concat();
    assert_eq!(short(&gzip::deflate(&tree), 21), "⟨gzip→cbor⟩ d9 d9 f7…");
}

#[test]
fn json_is_laid_out_with_every_digit() {
    let source = br#"{"n":1e400,"n":99999999999999999999,"v":[1.10,{"e":{},"l":[]}],"s":"a\u00e9\n","b":true,"z":null}"#;
    let expected = r#"{
  "n": 1e400,
  "n": 99999999999999999999,
  "v": [
    1.10,
    {
      "e": {},
      "l": []
    }
  ],
  "s": "a\u00e9\n",
  "b": true,
  "z": null
}"#;
    let document = page(source, Format::Json);
    assert_eq!(lines(&document).join("\n"), expected);
    assert_eq!(document.notes, Vec::<String>::new());
    let tones: Vec<_> = document.lines[1].iter().map(|span| span.tone).collect();
    assert_eq!(tones, [Tone::Plain, Tone::Key, Tone::Punctuation, Tone::Number, Tone::Punctuation]);
}

#[test]
fn json_that_breaks_off_is_text_with_a_note() {
    let document = page(b"{\"a\": 1,\n\"b\" 2}", Format::Json);
    assert_eq!(lines(&document), ["{\"a\": 1,", "\"b\" 2}"]);
    assert_eq!(document.notes, ["not JSON, line 2, column 5: expected a colon"]);
}

#[test]
fn depth_is_shown_to_its_limit() {
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    let document = page(&deep, Format::Json);
    assert_eq!(document.lines.len(), 257);
    assert_eq!(lines(&document)[128].trim(), "[…]");
    assert_eq!(document.notes, ["levels below 128 are not shown"]);
    let shallow = Limits { depth: 1, ..Limits::default() };
    let document = document_of(b"[[1,[2]],3]", &shallow);
    assert_eq!(document, ["[", "  […],", "  3", "]"]);
}

#[test]
fn what_gzip_holds_beyond_the_limit_is_not_missed() {
    let list = gzip::deflate(format!("[{}1]", "1,\n".repeat(700_000)).as_bytes());
    let limits = Limits { lines: 5, ..Limits::default() };
    let document = document(&list, Format::Gzip, &limits).expect("can be shown");
    assert_eq!(lines(&document), ["[", "  1,", "  1,", "  1,", "  1,"]);
    assert!(document.notes[0].ends_with("hold json, the first 1.0 MiB are shown"), "{:?}", document.notes);
}

#[test]
fn json_of_a_broken_gzip_stream_is_shown_as_far_as_it_goes() {
    let whole: Vec<u8> = (0..4_000_u32).flat_map(|n| format!("{},", n.wrapping_mul(2_654_435_761)).into_bytes()).collect();
    let whole = gzip::deflate(&[b"[".as_slice(), &whole, b"1]"].concat());
    let document = page(&whole[..whole.len() / 2], Format::Gzip);
    assert_eq!(lines(&document)[..2], ["[", "  0,"]);
    assert!(document.notes[0].starts_with("gzip: broken after"), "{:?}", document.notes);
}

#[test]
fn a_tree_that_gzip_holds_in_part_is_shown_as_bytes() {
    let tree = [b"\xd9\xd9\xf7\x5a\0\x1e\x84\x80".as_slice(), &vec![7; 2_000_000]].concat();
    let document = page(&gzip::deflate(&tree), Format::Gzip);
    assert!(lines(&document)[0].contains("d9 d9 f7 5a"), "{:?}", lines(&document)[0]);
    assert!(document.notes[0].contains("hold cbor, the first 1.0 MiB are shown"), "{:?}", document.notes);
    let image = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\x40\0\0\0\xc8".as_slice(), &vec![7; 2_000_000]].concat();
    assert_eq!(lines(&page(&gzip::deflate(&image), Format::Gzip)), ["png 320×200"]);
}

fn document_of(payload: &[u8], limits: &Limits) -> Vec<String> {
    lines(&document(payload, Format::Json, limits).expect("JSON is always shown"))
}

#[test]
fn a_page_is_bounded_and_counts_the_rest() {
    let list = format!("[{}1]", "1,".repeat(12_999));
    let document = page(list.as_bytes(), Format::Json);
    assert_eq!(document.lines.len(), 10_000);
    assert_eq!(document.notes, ["… 3,002 more lines"]);
    let text = page("a\n".repeat(10_001).as_bytes(), Format::Text);
    assert_eq!((text.lines.len(), text.notes), (10_000, vec!["… 1 more line".to_owned()]));
    let binary = page(&vec![0; 160_016], Format::Binary);
    assert_eq!((binary.lines.len(), binary.notes), (10_000, vec!["… 1 more line".to_owned()]));
}

#[test]
fn a_page_looks_at_the_first_mebibyte() {
    let document = page(&vec![b'a'; 16 << 20], Format::Text);
    assert_eq!(document.notes, ["first 1.0 MiB of 16.0 MiB"]);
    assert!(document.lines.iter().all(|line| text(line).width() <= 2_000));
    assert!(text(&document.lines[1]).starts_with("↪ a"));
    let json = [b"[\"".to_vec(), vec![b'a'; 2 << 20]].concat();
    assert_eq!(page(&json, Format::Json).notes, ["first 1.0 MiB of 2.0 MiB"]);
}

#[test]
fn a_page_of_a_tree_is_laid_out_like_json() {
    let cbor = b"\xa2\x61t\xf9\x4d\x60\x01\x82\x41\xff\xc1\x18\x2a";
    assert_eq!(lines(&page(cbor, Format::Cbor)), ["{", "  \"t\": 21.5,", "  1: [", "    h'ff',", "    1(42)", "  ]", "}"]);
    let msgpack = b"\x81\xa1t\x92\x01\xc0";
    assert_eq!(lines(&page(msgpack, Format::MessagePack)), ["{", "  \"t\": [", "    1,", "    null", "  ]", "}"]);
}

#[test]
fn a_payload_that_is_not_what_was_chosen_says_why() {
    let why = |payload: &[u8], format| document(payload, format, &Limits::default()).expect_err("cannot be shown");
    assert_eq!(why(b"\x82\x01", Format::Cbor), "not CBOR: it ends too early");
    assert_eq!(why(b"\x92\x01", Format::MessagePack), "not MessagePack: it ends too early");
    assert_eq!(why(b"hello", Format::Gzip), "not gzip");
    assert_eq!(why(&vec![0x80; (1 << 20) + 1], Format::Cbor), "1.0 MiB are more than the 1.0 MiB that are decoded");
}

#[test]
fn gzip_shows_what_is_inside() {
    let document = page(&gzip::deflate(b"{\"a\":1}"), Format::Gzip);
    assert_eq!(lines(&document), ["{", "  \"a\": 1", "}"]);
    assert_eq!(document.notes, ["gzip: 27 B hold 7 B of json"]);
    let nested = page(&gzip::deflate(&gzip::deflate(b"a")), Format::Gzip);
    assert!(lines(&nested)[0].starts_with("00000000  1f 8b 08"));
}

#[test]
fn what_a_terminal_must_not_get_is_marked() {
    let document = page(b"a\x1b[31m\xff\xe2\x80\xae", Format::Text);
    assert_eq!(lines(&document), ["a␛[31m\\xFF‹U+202E›"]);
    let escapes: Vec<_> = document.lines[0].iter().filter(|span| span.tone == Tone::Escape).map(|span| &span.text).collect();
    assert_eq!(escapes, ["␛", "\\xFF", "‹U+202E›"]);
}

#[test]
fn a_preview_costs_no_more_for_a_large_payload() {
    let json = [b"{\"a\":\"".to_vec(), vec![b'x'; 16 << 20], b"\"}".to_vec()].concat();
    let bomb = gzip::deflate(&vec![b' '; 16 << 20]);
    let started = Instant::now();
    for payload in [json, vec![b'x'; 16 << 20], vec![0xff; 16 << 20], bomb] {
        for _ in 0..50 {
            assert!(!preview(&payload, detect(&payload, &Hints::default()).format, 80).is_empty());
        }
    }
    // Two hundred looks at 16 MiB each would take many seconds without the window.
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}

proptest! {
    #[test]
    fn any_preview_fits_and_is_safe(
        payload in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..300),
            "[\\[\\]{},:\"0-9a-z \u{202e}\u{1b}温\u{301}]{0,60}".prop_map(String::into_bytes),
        ],
        content_type in proptest::option::of(prop_oneof![Just("application/json"), Just("application/cbor"), Just("x+msgpack"), Just("text/plain")]),
        columns in 0usize..60,
    ) {
        let hints = Hints { content_type, payload_format: None };
        let spans = preview(&payload, detect(&payload, &hints).format, columns);
        let shown = text(&spans);
        prop_assert!(spans.iter().map(|span| span.text.width()).sum::<usize>() <= columns, "{shown}");
        prop_assert!(!shown.chars().any(is_hostile), "{shown}");
    }

    #[test]
    fn any_page_is_bounded_and_safe(payload in proptest::collection::vec(any::<u8>(), 0..400), choice in 0..Format::CHOICES.len()) {
        let limits = Limits { lines: 7, ..Limits::default() };
        for format in [Format::CHOICES[choice], detect(&payload, &Hints::default()).format] {
            if let Ok(document) = document(&payload, format, &limits) {
                prop_assert!(document.lines.len() <= 7);
                for line in &document.lines {
                    let shown = text(line);
                    prop_assert!(shown.width() <= 2_000 && !shown.chars().any(is_hostile), "{shown}");
                }
            }
        }
    }

    #[test]
    fn json_laid_out_is_the_same_json(value in any_json()) {
        let again = lines(&page(value.to_string().as_bytes(), Format::Json)).join("\n");
        prop_assert_eq!(serde_json::from_str::<Value>(&again).expect("still JSON"), value);
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-zé\"\\\\\n ]{0,9}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec(("[a-z]{0,4}", inner), 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

#[test]
fn white_space_around_a_short_text_can_be_seen() {
    let cases: [(&[u8], &str); 9] = [
        (b"ON", "ON"),
        (b"ON\n", "ON␊"),
        (b"ON\r\n", "ON␍␊"),
        (b"ON ", "ON·"),
        (b"\nON", "␊ON"),
        (b" ", "·"),
        (b"\n", "␊"),
        (b"all is well", "all is well"),
        (b"x            ", "x········…"),
    ];
    for (payload, expected) in cases {
        assert_eq!(short(payload, 80), expected, "{}", payload.escape_ascii());
        assert_eq!(lines(&page(payload, Format::Text)), [expected], "{}", payload.escape_ascii());
    }
    let marks = preview(b"ON\r\n", Format::Text, 80);
    assert_eq!(marks[1], Span::new("␍␊", Tone::Blank));
    assert_eq!(lines(&page(b"one\ntwo\n", Format::Text)), ["one", "two"]);
}

#[test]
fn what_stood_around_json_is_told_beside_it() {
    let notes = |payload: &[u8]| page(payload, detect(payload, &Hints::default()).format).notes;
    assert_eq!(notes(b"{\"t\":21.5}\0"), ["1 NUL after it"]);
    assert_eq!(notes(b"\0[1]\0\0\0"), ["1 NUL before it", "3 NUL after it"]);
    assert_eq!(notes(b"\xef\xbb\xbf[1]"), ["a byte order mark before it, which many readers of JSON refuse"]);
    assert_eq!(lines(&page(b"{\"t\":21.5}\0", Format::Json)), ["{", "  \"t\": 21.5", "}"]);
    assert_eq!(short(b"{\"t\":21.5}\0\0", 80), "{\"t\":21.5}");
}

#[test]
fn a_text_that_was_meant_as_json_says_where_it_stops() {
    let payload = b"{\"id\":41\",\"name\":\"pump\"}";
    let document = page(payload, detect(payload, &Hints::default()).format);
    assert_eq!(document.notes, ["not JSON, line 1, column 9: expected a comma or }"]);
    assert_eq!(page(b"[12:30] pump on", Format::Text).notes, Vec::<String>::new());
}

#[test]
fn bytes_that_are_not_utf8_are_marked_in_a_text_and_counted() {
    let document = page(b"The pump said \xff\xfe and went on", Format::Text);
    assert_eq!(lines(&document), ["The pump said \\xFF\\xFE and went on"]);
    assert_eq!(document.notes, ["2 bytes are not UTF-8"]);
    assert_eq!(page(b"a text that ends in K\xc3", Format::Text).notes, ["1 byte is not UTF-8"]);
}

#[test]
fn a_file_is_named_beside_its_bytes() {
    assert_eq!(short(b"%PDF-1.7\n%\xe2\xe3", 40), "⟨pdf 12 B⟩ 25 50 44 46 2d 31 2e 37 0a 2…");
    assert!(lines(&page(b"%PDF-1.7\n%\xe2\xe3", Format::File("pdf")))[0].starts_with("00000000  25 50 44 46"));
}

#[test]
fn several_values_in_a_row_are_counted() {
    let document = page(b"\x81\xa1n\x01\x81\xa1n\x02", Format::MessagePack);
    assert_eq!(document.notes, ["2 values in a row"]);
    assert_eq!(lines(&document), ["{", "  \"n\": 1", "},", "{", "  \"n\": 2", "}"]);
}
