//! CONNECT, byte by byte, for every parameter at its limits.

use std::time::Duration;

use mqtap::{
    base::secret::Secret,
    mqtt::{
        error::Failure,
        message::{Message, Properties, Qos},
        options::{Authentication, Options, Protocol, SessionExpiry, Will},
    },
};
use rstest::rstest;

use crate::{
    accepting,
    common::{
        listener::{Listener, message, options},
        scripted::{Scripted, Step},
    },
    packet::{self, Connect},
};

/// Connects with these options, and returns the CONNECT that the broker got.
async fn connect(protocol: Protocol, change: impl FnOnce(&mut Options)) -> Connect {
    let broker = accepting(protocol, &[]).await;
    let mut options = options(broker.port, protocol, "me");
    change(&mut options);
    Listener::online(options).await.close().await;
    packet::connect(&broker.read(0x10)[0])
}

/// Tries to connect with these options, and returns why that is impossible; the broker gets no CONNECT.
async fn refusal(protocol: Protocol, change: impl FnOnce(&mut Options)) -> String {
    let broker = accepting(protocol, &[]).await;
    let mut options = options(broker.port, protocol, "me");
    change(&mut options);
    let mut listener = Listener::start(options);
    let cause = listener.failed().await;
    assert!(matches!(*cause, Failure::Invalid(_)), "{cause:?}");
    listener.close().await;
    assert_eq!(broker.accepted(), 0);
    cause.to_string()
}

fn property(id: u8, value: impl AsRef<[u8]>) -> (u8, Vec<u8>) {
    (id, value.as_ref().to_vec())
}

/// The property that is always sent: Topic Alias Maximum.
fn usual() -> Vec<(u8, Vec<u8>)> {
    vec![property(0x22, 32_u16.to_be_bytes())]
}

fn with(mut more: Vec<(u8, Vec<u8>)>) -> Vec<(u8, Vec<u8>)> {
    more.extend(usual());
    more.sort();
    more
}

#[rstest]
#[case::v31(Protocol::V31, "MQIsdp", 3)]
#[case::v311(Protocol::V311, "MQTT", 4)]
#[case::v5(Protocol::V5, "MQTT", 5)]
#[tokio::test]
async fn the_least_has_a_name_a_level_and_nothing_else(#[case] protocol: Protocol, #[case] name: &str, #[case] level: u8) {
    let properties = if protocol == Protocol::V5 { usual() } else { Vec::new() };
    let expected =
        Connect { name: name.into(), level, clean: true, keep_alive: 30, properties, client_id: "me".into(), ..Connect::default() };
    assert_eq!(connect(protocol, |_| ()).await, expected);
}

#[rstest]
#[case::v31(Protocol::V31)]
#[case::v311(Protocol::V311)]
#[case::v5(Protocol::V5)]
#[tokio::test]
async fn what_all_versions_have_is_sent_as_given(#[case] protocol: Protocol) {
    let sent = connect(protocol, |options| {
        options.keep_alive = Duration::ZERO;
        options.clean_start = false;
        options.client_id = "i".repeat(23);
        options.username = Some("\u{1f98a} ".repeat(13_107));
        options.password = Some(Secret::new((0..=u8::MAX).cycle().take(65_535).collect()));
        let message = Message { retain: true, ..message("w/t", "", Qos::ExactlyOnce) };
        options.will = Some(Will { message: Message { payload: vec![0xff; 65_535].into(), ..message }, delay: None });
    });
    let sent = sent.await;
    assert_eq!((sent.keep_alive, sent.clean, sent.client_id.len()), (0, false, 23));
    assert_eq!(sent.username.map(|name| name.len()), Some(65_535));
    assert!(sent.password.expect("sent").into_iter().eq((0..=u8::MAX).cycle().take(65_535)));
    let will = sent.will.expect("sent");
    assert_eq!((will.qos, will.retain, will.topic.as_str()), (2, true, "w/t"));
    assert!(will.payload == vec![0xff; 65_535] && will.properties.is_empty());
    let longest = connect(protocol, |options| options.keep_alive = Duration::from_secs(65_535)).await;
    assert_eq!(longest.keep_alive, u16::MAX);
}

#[rstest]
#[case(SessionExpiry::AtDisconnect, None)]
#[case(SessionExpiry::After(1), Some(1))]
#[case(SessionExpiry::After(u32::MAX - 1), Some(u32::MAX - 1))]
#[case(SessionExpiry::Never, Some(u32::MAX))]
#[tokio::test]
async fn the_session_expires_when_it_is_told_to(#[case] expiry: SessionExpiry, #[case] interval: Option<u32>) {
    let sent = connect(Protocol::V5, |options| options.session_expiry = expiry).await;
    let more = interval.map(|interval| property(0x11, interval.to_be_bytes()));
    assert_eq!(sent.properties, with(more.into_iter().collect()));
}

#[tokio::test]
async fn every_property_of_mqtt_5_is_sent() {
    let long = "v".repeat(65_535);
    let sent = connect(Protocol::V5, |options| {
        options.receive_maximum = Some(u16::MAX);
        options.max_packet_size = Some(268_435_460);
        options.topic_alias_maximum = u16::MAX;
        options.request_response_information = true;
        options.request_problem_information = false;
        options.user_properties = vec![("k".into(), long.clone()), (String::new(), String::new())];
    })
    .await;
    let expected = [
        property(0x17, [0]),
        property(0x19, [1]),
        property(0x21, u16::MAX.to_be_bytes()),
        property(0x22, u16::MAX.to_be_bytes()),
        property(0x26, "="),
        property(0x26, format!("k={long}")),
        property(0x27, 268_435_460_u32.to_be_bytes()),
    ];
    assert!(sent.properties == expected, "{} properties", sent.properties.len());
}

#[tokio::test]
async fn the_smallest_values_are_sent_too() {
    let sent = connect(Protocol::V5, |options| {
        options.receive_maximum = Some(1);
        options.max_packet_size = Some(5);
        options.topic_alias_maximum = 0;
    })
    .await;
    assert_eq!(sent.properties, [property(0x21, [0, 1]), property(0x27, [0, 0, 0, 5])]);
}

#[tokio::test]
async fn a_will_carries_every_property() {
    let properties = Properties {
        payload_format: Some(1),
        message_expiry: Some(u32::MAX),
        content_type: Some("text/plain".into()),
        response_topic: Some("r".into()),
        correlation_data: Some(vec![0, 255].into()),
        user_properties: vec![("a".into(), "1".into()), ("a".into(), "2".into())],
        ..Properties::default()
    };
    let will = Message { properties: Some(Box::new(properties)), ..message("w", "gone", Qos::AtLeastOnce) };
    let sent = connect(Protocol::V5, |options| options.will = Some(Will { message: will, delay: Some(u32::MAX) })).await;
    let sent = sent.will.expect("a will");
    assert_eq!((sent.qos, sent.retain, sent.topic.as_str(), &*sent.payload), (1, false, "w", &b"gone"[..]));
    let expected = [
        property(0x01, [1]),
        property(0x02, [255; 4]),
        property(0x03, "text/plain"),
        property(0x08, "r"),
        property(0x09, [0, 255]),
        property(0x18, [255; 4]),
        property(0x26, "a=1"),
        property(0x26, "a=2"),
    ];
    assert_eq!(sent.properties, expected);
}

#[tokio::test]
async fn a_password_goes_without_a_user_name_in_mqtt_5_only() {
    let secret = || Some(Secret::new(vec![0, 255, 0]));
    let sent = connect(Protocol::V5, |options| options.password = secret()).await;
    assert_eq!((sent.username, sent.password), (None, Some(vec![0, 255, 0])));
    for protocol in [Protocol::V31, Protocol::V311] {
        let said = refusal(protocol, |options| options.password = secret()).await;
        assert!(said.contains("no password without a user name"), "{said}");
    }
}

#[tokio::test]
async fn an_empty_client_id_is_sent_and_the_assigned_one_told() {
    let connack = b"\x20\x08\x00\x00\x05\x12\x00\x02my".to_vec();
    let broker = Scripted::start(vec![vec![Step::Read, Step::Send(connack), Step::Serve]]).await;
    let mut listener = Listener::start(options(broker.port, Protocol::V5, ""));
    let welcome = listener.welcome().await;
    assert_eq!((welcome.client_id.as_str(), welcome.properties.assigned_client_id.as_deref()), ("my", Some("my")));
    listener.close().await;
    assert_eq!(packet::connect(&broker.read(0x10)[0]).client_id, "");
    assert_eq!(connect(Protocol::V311, |options| options.client_id.clear()).await.client_id, "");
}

#[rstest]
#[case("", "has 0")]
#[case("123456789012345678901234", "has 24")]
#[tokio::test]
async fn mqtt_3_1_wants_1_to_23_characters(#[case] client_id: &str, #[case] said: &str) {
    let sentence = refusal(Protocol::V31, |options| options.client_id = client_id.into()).await;
    assert!(sentence.contains("1 to 23 characters") && sentence.contains(said), "{sentence}");
}

#[tokio::test]
async fn what_cannot_be_sent_is_said_and_nothing_goes_out() {
    type Change = fn(&mut Options);
    let with_method = |options: &mut Options, method: &str| {
        options.authentication = Some(Authentication { method: method.into(), data: None });
    };
    let cases: [(Protocol, Change, &str); 6] = [
        (Protocol::V5, |options| options.receive_maximum = Some(0), "at least 1"),
        (Protocol::V5, |options| options.client_id = "x".repeat(65_536), "65535"),
        (Protocol::V5, |options| options.username = Some("a\0".into()), "NUL"),
        (Protocol::V5, |options| options.password = Some(Secret::new(vec![1; 65_536])), "65535"),
        (Protocol::V5, |options| options.user_properties = vec![("x".repeat(65_536), String::new())], "65535"),
        (Protocol::V5, |options| options.will = Some(Will { message: message("a/#", "", Qos::AtMostOnce), delay: None }), "will"),
    ];
    for (protocol, change, said) in cases {
        let sentence = refusal(protocol, change).await;
        assert!(sentence.contains(said), "{sentence}");
    }
    for (protocol, method, said) in [
        (Protocol::V311, "Bearer", "needs MQTT 5"),
        (Protocol::V5, "SCRAM-SHA-256", "needs a user name and a password"),
        (Protocol::V5, "SCRAM-SHA-256-PLUS", "is not supported"),
    ] {
        let sentence = refusal(protocol, |options| with_method(options, method)).await;
        assert!(sentence.contains(said), "{sentence}");
    }
}
