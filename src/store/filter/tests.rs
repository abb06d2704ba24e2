//! Filters against a naive reading of them, and what is said about wrong ones.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;

use super::{
    field::{Field, List},
    *,
};
use crate::{
    mqtt::message::{Message, Qos, Received},
    store::{Seq, Store},
};

fn is_format(_: &Store, entry: &Entry<'_>, name: &str) -> bool {
    (name == "json") == serde_json::from_slice::<Value>(entry.payload).is_ok()
}

const FORMATS: Formats = Formats { names: &["json", "text"], is: is_format };

const NOW: Stamp = Stamp { mono: 600_000_000, wall: 0 };

fn parse(text: &str) -> Filter {
    Filter::parse(text, FORMATS).unwrap_or_else(|why| panic!("{text}: {why}"))
}

fn matches(text: &str, message: Message) -> bool {
    let mut store = Store::new(0);
    store.insert(&Received { at: Stamp { mono: 300_000_000, wall: 0 }, message, ..Received::default() });
    parse(text).matches(&store, &store.message(Seq(0)).unwrap(), NOW)
}

fn sample() -> Message {
    Message {
        topic: "plant/Hall1/temp".into(),
        payload: Bytes::from_static(br#"{"t": 21.5, "site":"A \"b\"", "big":9007199254740993, "a":[{"x":[true,null]}, -3]}"#),
        qos: Qos::AtLeastOnce,
        retain: true,
        dup: false,
        properties: Some(Box::new(Properties {
            content_type: Some("application/json".into()),
            user_properties: vec![("site".into(), "a b".into()), ("fw".into(), "1.4".into())],
            ..Properties::default()
        })),
    }
}

#[test]
fn each_kind_of_term_is_understood() {
    let cases = [
        ("", true),
        ("HALL1", true),
        ("hall2", false),
        ("\"a \\\\\"", true),
        ("!temp", false),
        ("temp big", true),
        ("temp bag", false),
        ("/^plant.*temp$/", true),
        ("/21\\.[0-9], \"s/", true),
        ("!/zzz/", true),
        ("topic:plant/+/temp", true),
        ("topic:+/temp", false),
        ("topic:TEMP", true),
        ("topic:big", false),
        ("qos:1", true),
        ("qos:>1", false),
        ("qos:>=1", true),
        ("retain:", true),
        ("retain:no", false),
        ("dup:", false),
        ("!dup:", true),
        ("size:>80", true),
        ("size:<1k", true),
        ("size:1", false),
        ("prop:site", true),
        ("prop:site=\"a b\"", true),
        ("prop:site=a", false),
        ("prop:content-type=application/json", true),
        ("prop:response-topic", false),
        ("prop:", true),
        ("type:json", true),
        ("!type:json", false),
        ("since:5m", true),
        ("since:299s", false),
        (".t", true),
        (".t > 21", true),
        (".t>21.5", false),
        (".t >= 21.50", true),
        (".u", false),
        (".u != 3", false),
        (".t != warm", true),
        (".site == \"A \\\"b\\\"\"", true),
        (".site > 3", false),
        (".big == 9007199254740993", true),
        (".big == 9007199254740992", false),
        (".a[0].x[0] == true", true),
        (".a[0].x[1] = null", true),
        (".a[1] < -2.5", true),
        (".a[2]", false),
        (".[\"a\"][1] == -3", true),
        (". != 3", true),
        (".t > 21 topic:temp !qos:0 hall", true),
        ("12:04", false),
    ];
    for (text, expected) in cases {
        assert_eq!(matches(text, sample()), expected, "{text}");
    }
}

#[test]
fn a_payload_of_one_value_is_compared_as_it_is() {
    let payload = |payload: &'static [u8]| Message { topic: "a".into(), payload: payload.into(), ..Message::default() };
    assert!(matches(". > 21", payload(b" 21.5\n")));
    assert!(matches(". == on", payload(b"\"on\"")));
    assert!(!matches(". > 21", payload(b"21.5x")));
}

#[test]
fn binary_payloads_are_searched_as_bytes() {
    let message = || Message { topic: "a".into(), payload: Bytes::from_static(b"\xff\x00ABC\xfe"), ..Message::default() };
    assert!(matches("abc", message()));
    assert!(matches(r"/(?-u)\xff\x00A/", message()));
    assert!(!matches("abcd", message()));
}

#[test]
fn letters_of_other_alphabets_match_in_either_case() {
    let message = || Message { topic: "größe/ТЕМП".into(), payload: Bytes::from("ÉTÉ"), ..Message::default() };
    for text in ["GRÖSSE", "Größe", "темп", "été"] {
        assert_eq!(matches(text, message()), text != "GRÖSSE", "{text}");
    }
}

#[test]
fn what_is_wrong_is_underlined_and_explained() {
    let long = "x".repeat(LONGEST_FILTER + 1);
    let cases = [
        ("qos:3", "qos:3", "0, 1 or 2"),
        ("temp qos:x", "qos:x", "0, 1 or 2"),
        ("size:>big", "size:>big", "bytes"),
        ("retain:maybe", "retain:maybe", "yes or no"),
        ("type:xml", "type:xml", "json, text"),
        ("temp dir:in", "dir:in", "`dir:` works in the protocol view"),
        ("since:soon", "since:soon", "a time"),
        ("!since:5m", "!since:5m", "turned around"),
        ("topc:a", "topc:a", "did you mean `topic:`"),
        ("topic:a/#/b", "topic:a/#/b", "`#`"),
        ("topic:", "topic:", "a part of a topic"),
        ("a \"b c", "\"b c", "not closed"),
        ("/finance x", "/finance", "needs quotes"),
        ("/(/", "/(/", "unclosed group"),
        (r"/(\w{900}){900}/", r"/(\w{900}){900}/", "too large"),
        (".t >", ">", "a value is missing"),
        (".a..b", ".a.", "a name is missing"),
        (".a[x]", ".a[", "an index"),
        ("a !", "!", "must not be so"),
        (long.as_str(), long.as_str(), "at most 1000 bytes"),
    ];
    for (text, token, message) in cases {
        let why = Filter::parse(text, FORMATS).expect_err(text);
        assert_eq!(text.get(why.span.clone()), Some(token), "{text}: {why}");
        assert!(why.message.contains(message), "{text}: {why}");
    }
}

#[test]
fn a_field_works_where_the_table_says_and_is_refused_elsewhere() {
    let said = |list, field: Field| {
        let text = match field {
            Field::Topic => "topic:a",
            Field::Qos => "qos:1",
            Field::Retain => "retain:",
            Field::Dup => "dup:",
            Field::Size => "size:>1k",
            Field::Since => "since:5m",
            Field::Type if list == List::Packets => "type:PUB*",
            Field::Type => "type:json",
            Field::Property => "prop:site",
            Field::Direction => "dir:in",
            Field::Id => "id:7",
            Field::Reason => "reason:fail",
        };
        match list {
            List::Topics => TopicFilter::parse(text).err(),
            List::Messages => Filter::parse(text, FORMATS).err(),
            List::Packets => PacketFilter::parse(text).err(),
        }
    };
    for field in Field::ALL {
        for list in [List::Topics, List::Messages, List::Packets] {
            let said = said(list, field).map(|why| why.message);
            match &said {
                None => assert!(field.is_of(list), "{field:?} of {list:?}"),
                Some(why) => assert!(!field.is_of(list) && why.contains("works "), "{field:?} of {list:?}: {why}"),
            }
        }
    }
}

#[test]
fn a_value_in_json_is_refused_where_there_is_no_payload() {
    let message = "`.path` works among the messages; as a word it needs quotes";
    for why in [TopicFilter::parse("a .t > 21").unwrap_err(), PacketFilter::parse("a .t > 21").unwrap_err()] {
        assert_eq!((why.span, why.message.as_str()), (2..4, message));
    }
    assert!(TopicFilter::parse("\".t\"").is_ok() && PacketFilter::parse("\".t\"").is_ok());
}

#[test]
fn a_colon_alone_makes_no_field() {
    let message = Message { topic: "a".into(), payload: Bytes::from_static(b"at 12:04 http://x"), ..Message::default() };
    assert!(matches("12:04 http://x", message));
}

#[test]
fn marks_are_where_words_and_expressions_are() {
    let filter = parse("temp /[0-9]+/ !no topic:hall qos:1");
    assert_eq!(filter.marks("a Temp 21 no hall", false), [2..6, 7..9]);
    let mut marks = filter.marks("hall1/temp", true);
    marks.sort_by_key(|range| range.start);
    assert_eq!(marks, [0..4, 4..5, 6..10]);
}

/// A term and how a person would understand it.
#[derive(Debug, Clone)]
enum Model {
    Word(String),
    InTopic(String),
    Qos(u8),
    Retain(bool),
    Larger(usize),
    Property(String, String),
    Json(Vec<String>, &'static str, Value),
    Not(Box<Model>),
}

impl Model {
    fn text(&self) -> String {
        let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        match self {
            Self::Word(word) => quoted(word),
            Self::InTopic(part) => format!("topic:{part}"),
            Self::Qos(level) => format!("qos:{level}"),
            Self::Retain(wanted) => format!("retain:{}", if *wanted { "yes" } else { "no" }),
            Self::Larger(size) => format!("size:>{size}"),
            Self::Property(name, value) => format!("prop:{name}={value}"),
            Self::Json(path, sign, value) => {
                let path: String =
                    path.iter().map(|step| step.parse().map_or_else(|_| format!(".{step}"), |n: usize| format!("[{n}]"))).collect();
                let path = if path.starts_with('.') { path } else { format!(".{path}") };
                let value = value.as_str().map_or_else(|| value.to_string(), quoted);
                format!("{path} {sign} {value}")
            }
            Self::Not(model) => format!("!{}", model.text()),
        }
    }

    fn reads_json(&self) -> bool {
        match self {
            Self::Json(..) => true,
            Self::Not(model) => model.reads_json(),
            Self::Word(_) | Self::InTopic(_) | Self::Qos(_) | Self::Retain(_) | Self::Larger(_) | Self::Property(..) => false,
        }
    }

    fn holds(&self, message: &Message) -> bool {
        let lower = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_ascii_lowercase();
        match self {
            Self::Word(word) => {
                [message.topic.as_bytes(), &message.payload].iter().any(|bytes| lower(bytes).contains(&lower(word.as_bytes())))
            }
            Self::InTopic(part) => lower(message.topic.as_bytes()).contains(&lower(part.as_bytes())),
            Self::Qos(level) => message.qos.level() == *level,
            Self::Retain(wanted) => message.retain == *wanted,
            Self::Larger(size) => message.payload.len() > *size,
            Self::Property(name, value) => message
                .properties
                .as_ref()
                .is_some_and(|properties| properties.user_properties.contains(&(name.clone(), value.clone()))),
            Self::Json(path, sign, wanted) => holds(&message.payload, path, sign, wanted),
            Self::Not(model) => !model.holds(message),
        }
    }
}

fn holds(payload: &[u8], path: &[String], sign: &str, wanted: &Value) -> bool {
    let Ok(value) = serde_json::from_slice::<Value>(payload) else { return false };
    let found = path.iter().try_fold(&value, |value, step| match (value, step.parse::<usize>()) {
        (Value::Array(items), Ok(index)) => items.get(index),
        (Value::Object(map), Err(_)) => map.get(step),
        _ => None,
    });
    let ordering = match (found, wanted) {
        (None, _) => return false,
        (Some(Value::Number(one)), Value::Number(two)) => one.as_f64().partial_cmp(&two.as_f64()),
        (Some(Value::String(one)), Value::String(two)) => Some(one.as_bytes().cmp(two.as_bytes())),
        (Some(Value::Bool(one)), Value::Bool(two)) => Some(one.cmp(two)),
        (Some(Value::Null), Value::Null) => Some(Ordering::Equal),
        (Some(_), _) => None,
    };
    match sign {
        "==" => ordering == Some(Ordering::Equal),
        "!=" => ordering != Some(Ordering::Equal),
        "<" => ordering == Some(Ordering::Less),
        _ => ordering == Some(Ordering::Greater),
    }
}

fn json(depth: u32) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i32..4).prop_map(Value::from),
        (-3.0_f64..3.0).prop_map(Value::from),
        "[ab\"\\\\ é{}\\[\\]:,]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(depth, 20, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[ab\"é]{1,2}", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn model() -> impl Strategy<Value = Model> {
    let step = prop_oneof!["[abé]{1,2}", "[0-2]"];
    let sign = prop_oneof![Just("=="), Just("!="), Just("<"), Just(">")];
    let term = prop_oneof![
        3 => "[a-cA-C0-9\"\\\\:, ]{1,4}".prop_map(Model::Word),
        1 => "[abAB/]{1,3}".prop_map(Model::InTopic),
        1 => (0_u8..3).prop_map(Model::Qos),
        1 => any::<bool>().prop_map(Model::Retain),
        1 => (0_usize..40).prop_map(Model::Larger),
        1 => ("[ab]", "[ab]").prop_map(|(name, value)| Model::Property(name, value)),
        4 => (proptest::collection::vec(step, 0..3), sign, json(0)).prop_map(|(path, sign, value)| Model::Json(path, sign, value)),
    ];
    (term, any::<bool>()).prop_map(|(term, negated)| if negated { Model::Not(Box::new(term)) } else { term })
}

fn message() -> impl Strategy<Value = Message> {
    let payload = prop_oneof![
        json(3).prop_map(|value| value.to_string().into_bytes()),
        json(3).prop_map(|value| serde_json::to_vec_pretty(&value).unwrap()),
        proptest::collection::vec(any::<u8>(), 0..40),
        "[a-cA-C\",{}]{0,20}".prop_map(String::into_bytes),
    ];
    let users = proptest::collection::vec(("[ab]", "[ab]"), 0..3);
    ("[abAB]{1,3}(/[ab]{1,2}){0,2}", payload, 0_u8..3, any::<bool>(), users).prop_map(|(topic, payload, qos, retain, users)| {
        Message {
            topic: topic.into(),
            payload: payload.into(),
            qos: Qos::from_level(qos).unwrap(),
            retain,
            dup: false,
            properties: Some(Box::new(Properties { user_properties: users, ..Properties::default() })),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_filter_means_what_it_says(models in proptest::collection::vec(model(), 1..3), message in message()) {
        let text = models.iter().map(Model::text).collect::<Vec<_>>().join(" ");
        // What follows the value is not read, so that a broken document may well have one.
        let is_broken = serde_json::from_slice::<Value>(&message.payload).is_err();
        prop_assume!(!is_broken || !models.iter().any(Model::reads_json));
        let expected = models.iter().all(|model| model.holds(&message));
        prop_assert_eq!(matches(&text, message), expected, "{}", text);
    }

    #[test]
    fn no_text_and_no_payload_make_it_fail(text in "[!\"/.\\[\\]a-c:=<> ()*+?\\\\é]{0,20}|\\PC{0,20}", payload: Vec<u8>) {
        match Filter::parse(&text, FORMATS) {
            Ok(filter) => {
                let mut store = Store::new(0);
                store.insert(&Received { at: NOW, resumed: false, message: Message { topic: "a".into(), payload: payload.into(), ..Message::default() } });
                let _ = filter.matches(&store, &store.message(Seq(0)).unwrap(), NOW);
                let _ = filter.marks(&text, true);
            }
            Err(why) => prop_assert!(text.get(why.span.clone()).is_some_and(|token| !token.is_empty()), "{:?}", why),
        }
    }

    #[test]
    fn a_deep_or_broken_document_is_left_at_its_end(nested in "[\\[{\"a:1,\\\\]{0,40}", repeat in 1_usize..3_000) {
        let payload = nested.repeat(repeat);
        matches(".a[1].a > 3", Message { topic: "a".into(), payload: payload.into(), ..Message::default() });
    }
}

#[test]
fn a_value_is_found_behind_a_byte_order_mark_and_before_padding() {
    for payload in [&b"\xef\xbb\xbf{\"t\":21.5}"[..], b"{\"t\":21.5}\0\0", b"\0{\"t\":21.5}", b"\xef\xbb\xbf [{\"t\":21.5}]"] {
        let path = if payload.contains(&b'[') { ".[0].t == 21.5" } else { ".t == 21.5" };
        let message = Message { topic: "a".into(), payload: Bytes::copy_from_slice(payload), ..Message::default() };
        assert!(matches(path, message), "{}", payload.escape_ascii());
    }
    let number = Message { topic: "a".into(), payload: Bytes::from_static(b"21.5\0"), ..Message::default() };
    assert!(matches(". == 21.5", number));
}
