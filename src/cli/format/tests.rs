use bytes::Bytes;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::Value;

use super::*;
use crate::{
    base::{clock::Stamp, text::is_hostile},
    mqtt::message::{Message, Properties, Qos, Received},
};

fn received(topic: &str, payload: &[u8]) -> Received {
    Received {
        at: Stamp { mono: 0, wall: 1_795_176_271_207_123 },
        message: Message {
            topic: topic.into(),
            payload: Bytes::copy_from_slice(payload),
            qos: Qos::AtLeastOnce,
            ..Message::default()
        },
        ..Received::default()
    }
}

fn written(format: &str, escaped: bool, received: &Received) -> Vec<u8> {
    let mut out = Vec::new();
    Printer::new(Format::parse(format).expect(format), escaped).write(received, &mut out);
    out
}

fn line(format: &str, escaped: bool, received: &Received) -> String {
    String::from_utf8(written(format, escaped, received)).expect("UTF-8")
}

#[test]
fn json_is_the_contract_word_for_word() {
    assert_eq!(
        line("json", false, &received("a/b", b"twenty-four bytes of txt")),
        "{\"time\":\"2026-11-20T12:04:31.207123Z\",\"topic\":\"a/b\",\"qos\":1,\"retain\":false,\"dup\":false,\"size\":24,\
         \"payload\":\"twenty-four bytes of txt\"}\n"
    );
}

#[test]
fn json_names_bytes_that_are_not_text() {
    assert!(line("json", false, &received("a", b"\xff\x00")).ends_with(",\"size\":2,\"payload_base64\":\"/wA=\"}\n"));
}

#[test]
fn json_escapes_what_a_terminal_must_not_receive() {
    let text = "\"\\\n\u{7f}\u{9b}\u{202e}\u{2028}\u{e0041}é😀";
    assert!(
        line("json", false, &received("a", text.as_bytes()))
            .contains(r#""payload":"\"\\\n\u007f\u009b\u202e\u2028\udb40\udc41é😀""#)
    );
}

#[test]
fn json_has_the_properties_that_are_set() {
    let mut message = received("a", b"");
    message.message.properties = Some(Box::new(Properties {
        message_expiry: Some(60),
        correlation_data: Some(Bytes::from_static(b"\xff")),
        user_properties: vec![("k".into(), "v".into()), ("k".into(), "w".into())],
        subscription_ids: vec![7, 8],
        ..Properties::default()
    }));
    assert!(line("json", false, &message).ends_with(
        ",\"properties\":{\"message_expiry\":60,\"correlation_data_base64\":\"/w==\",\"user_properties\":[[\"k\",\"v\"],[\"k\",\"w\"]],\
         \"subscription_ids\":[7,8]}}\n"
    ));
    message.message.properties = Some(Box::default());
    assert!(!line("json", false, &message).contains("properties"));
}

#[test]
fn text_is_exact_to_a_pipe_and_escaped_to_a_terminal() {
    let hostile = received("a/\u{202e}b", b"\x1b]0;x\x07\n\xff");
    assert_eq!(written("text", false, &hostile), b"a/\xe2\x80\xaeb \x1b]0;x\x07\n\xff\n");
    assert_eq!(line("text", true, &hostile), "a/\\u{202e}b \\u{1b}]0;x\\u{7}\\n\\xff\n");
}

#[test]
fn payload_and_hex_leave_the_topic_out() {
    assert_eq!(written("payload", false, &received("a", b"\x1b1")), b"\x1b1\n");
    assert_eq!(line("hex", false, &received("a", b"\x00\xa5\xff")), "00a5ff\n");
}

#[test]
fn json_writes_the_usual_escapes_short() {
    assert!(line("json", false, &received("a", b"1\r\n\t2\x08")).contains(r#""payload":"1\r\n\t2\u0008""#));
}

#[rstest]
#[case("{payload.t}", "21.50")]
#[case("{payload.a[1].on}", "true")]
#[case("{payload.a}", r#"[1, {"on":true}]"#)]
#[case(r#"{payload["x:y"]}"#, "tab\t\"")]
#[case("{payload.none}{payload.n}", "null")]
#[case("{payload.t:>7}|{payload.s:.2}", "  21.50|ab")]
fn a_template_takes_a_member_of_json_as_it_was_sent(#[case] template: &str, #[case] expected: &str) {
    let payload = br#"{"t": 21.50, "a": [1, {"on":true}], "x:y": "tab\t\"", "n": null, "s": "abc"}"#;
    assert_eq!(line(template, false, &received("a", payload)), format!("{expected}\n"));
    assert_eq!(line("{payload.t}", false, &received("a", b"no json")), "\n");
}

#[test]
fn a_template_lays_its_fields_out() {
    let message = received("a/b", b"x");
    assert_eq!(line("{topic:6}{size:03}{qos:>2}|{json:.5}", false, &message), "a/b   001 1|{\"tim\n");
    assert!(Format::parse("{topic:wide}").is_err_and(|why| why.contains("is not a layout")));
}

#[test]
fn a_member_of_json_is_harmless_on_a_terminal() {
    assert_eq!(line("{payload.t}", true, &received("a", br#"{"t":"\u001b[2J"}"#)), "\\u{1b}[2J\n");
}

#[test]
fn what_stands_behind_a_message_is_chosen() {
    let message = received("a", b"x");
    for (separator, expected) in [(Separator::Nl, "a x\n"), (Separator::Nul, "a x\0"), (Separator::None, "a x")] {
        let mut out = Vec::new();
        Printer::new(Format::Text, false).separated(separator).write(&message, &mut out);
        assert_eq!(String::from_utf8(out).expect("UTF-8"), expected);
    }
    assert_eq!(written("{topic}\\0{topic}\\r", false, &message), b"a\0a\r\n");
}

#[rstest]
#[case("text", "unix", "1795176271.207123 a x\n")]
#[case("json", "unix", "{\"time\":1795176271.207123,\"topic\":\"a\"")]
#[case("json", "%Y \"%m\"", "{\"time\":\"2026 \\\"11\\\"\",")]
#[case("{time:>8}", "%H:%M", "   12:04\n")]
fn a_time_goes_where_the_format_has_one(#[case] format: &str, #[case] time: &str, #[case] expected: &str) {
    let mut out = Vec::new();
    let printer = Printer::new(Format::parse(format).expect(format), false);
    printer.timed(Time::parse(time).expect(time), TimeZone::UTC).write(&received("a", b"x"), &mut out);
    let written = String::from_utf8(out).expect("UTF-8");
    assert!(written.starts_with(expected), "{written}");
}

#[test]
fn a_template_writes_its_fields_in_order() {
    let message = received("a/b", b"\x1b");
    assert_eq!(
        line("{{{time}}}\\t{topic} {qos}{retain}{dup} {size} {hex} {base64} {properties}{content_type}", true, &message),
        "{2026-11-20T12:04:31.207123Z}\ta/b 100 1 1b Gw== {}\n"
    );
    assert_eq!(line("{payload}|", true, &message), "\\u{1b}|\n");
}

#[test]
fn a_bad_format_says_what_is_possible() {
    for (text, part) in [
        ("xml", "text, json, payload, hex"),
        ("{tpoic}", "the fields are time, topic, qos"),
        ("{topic", "has no `}`"),
        ("{topic} }", "has no `{`"),
        ("{topic}\\x", "backslash"),
        ("{payload.}", "a path is .name"),
        ("{payload.a..b}", "name is missing"),
    ] {
        let error = Format::parse(text).expect_err(text);
        assert!(error.contains(part), "{text}: {error}");
    }
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,30}", "[\\u{0}-\\u{10ffff}]{0,30}", "[\\u{0}-\\u{9f}\\u{200b}-\\u{206f}\"\\\\]{0,30}"]
}

proptest! {
    #[test]
    fn json_gives_back_every_text_and_holds_no_hostile_character(topic in any_text(), payload in any_text(), key in any_text()) {
        let mut message = received(&topic, payload.as_bytes());
        message.message.properties = Some(Box::new(Properties {
            user_properties: vec![(key.clone(), payload.clone())],
            content_type: Some(key.clone()),
            ..Properties::default()
        }));
        let line = line("json", false, &message);
        let object = line.strip_suffix('\n').expect("a line");
        prop_assert!(!object.chars().any(is_hostile), "{:?}", object);
        let value: Value = serde_json::from_str(object).expect("JSON");
        prop_assert_eq!(&value["topic"], &Value::from(topic));
        prop_assert_eq!(&value["payload"], &Value::from(payload.clone()));
        prop_assert_eq!(&value["size"], &Value::from(payload.len()));
        prop_assert_eq!(&value["properties"]["user_properties"][0], &Value::from(vec![key.clone(), payload]));
        prop_assert_eq!(&value["properties"]["content_type"], &Value::from(key));
    }

    #[test]
    fn json_gives_back_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let line = line("json", false, &received("a", &bytes));
        let value: Value = serde_json::from_str(&line).expect("JSON");
        let back = match (&value["payload"], &value["payload_base64"]) {
            (Value::String(text), Value::Null) => text.clone().into_bytes(),
            (Value::Null, Value::String(text)) => STANDARD.decode(text).expect("base64"),
            other => panic!("{other:?}"),
        };
        prop_assert_eq!(back, bytes);
    }

    #[test]
    fn nothing_hostile_reaches_a_terminal(topic in any_text(), payload in proptest::collection::vec(any::<u8>(), 0..100)) {
        for format in ["text", "json", "payload", "hex", "{topic}{payload}{properties}"] {
            let line = line(format, true, &received(&topic, &payload));
            prop_assert!(!line.trim_end_matches('\n').chars().any(is_hostile), "{}: {:?}", format, line);
            prop_assert_eq!(line.matches('\n').count(), 1);
        }
    }
}
