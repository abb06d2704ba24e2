//! What the broker says in CONNACK and DISCONNECT, told by name.

use std::time::Duration;

use mqtap::{
    base::secret::Secret,
    mqtt::{
        error::Failure,
        options::{Options, Protocol, SessionExpiry},
        reason::Reason,
    },
    profile::{Profile, client_id::Identity},
    wire::endpoint::Url,
};
use tokio::time::Instant;

use crate::{
    QUICK, accepting,
    common::{
        listener::{Listener, options},
        scripted::{CONNACK_V5, Scripted, Step},
    },
    v5,
};

/// The Reason Codes of DISCONNECT (MQTT 5.0, 3.14.2.1), by name.
const DISCONNECT: [(u8, &str); 29] = [
    (0x00, "Normal disconnection"),
    (0x04, "Disconnect with Will Message"),
    (0x80, "Unspecified error"),
    (0x81, "Malformed Packet"),
    (0x82, "Protocol Error"),
    (0x83, "Implementation specific error"),
    (0x87, "Not authorized"),
    (0x89, "Server busy"),
    (0x8b, "Server shutting down"),
    (0x8d, "Keep Alive timeout"),
    (0x8e, "Session taken over"),
    (0x8f, "Topic Filter invalid"),
    (0x90, "Topic Name invalid"),
    (0x93, "Receive Maximum exceeded"),
    (0x94, "Topic Alias invalid"),
    (0x95, "Packet too large"),
    (0x96, "Message rate too high"),
    (0x97, "Quota exceeded"),
    (0x98, "Administrative action"),
    (0x99, "Payload format invalid"),
    (0x9a, "Retain not supported"),
    (0x9b, "QoS not supported"),
    (0x9c, "Use another server"),
    (0x9d, "Server moved"),
    (0x9e, "Shared Subscriptions not supported"),
    (0x9f, "Connection rate exceeded"),
    (0xa0, "Maximum connect time"),
    (0xa1, "Subscription Identifiers not supported"),
    (0xa2, "Wildcard Subscriptions not supported"),
];

/// The Reason Codes of a CONNACK that refuses (MQTT 5.0, 3.2.2.2), by name.
const CONNACK: [(u8, &str); 21] = [
    (0x80, "Unspecified error"),
    (0x81, "Malformed Packet"),
    (0x82, "Protocol Error"),
    (0x83, "Implementation specific error"),
    (0x84, "Unsupported Protocol Version"),
    (0x85, "Client Identifier not valid"),
    (0x86, "Bad User Name or Password"),
    (0x87, "Not authorized"),
    (0x88, "Server unavailable"),
    (0x89, "Server busy"),
    (0x8a, "Banned"),
    (0x8c, "Bad authentication method"),
    (0x90, "Topic Name invalid"),
    (0x95, "Packet too large"),
    (0x97, "Quota exceeded"),
    (0x99, "Payload format invalid"),
    (0x9a, "Retain not supported"),
    (0x9b, "QoS not supported"),
    (0x9c, "Use another server"),
    (0x9d, "Server moved"),
    (0x9f, "Connection rate exceeded"),
];

/// Connects once to a broker that sends this after CONNECT and keeps the connection open; returns how it was told.
async fn told(protocol: Protocol, bytes: Vec<u8>) -> String {
    let broker = Scripted::start(vec![vec![Step::Read, Step::Send(bytes), Step::Ignore]]).await;
    let began = Instant::now();
    let once = Options { reconnect: None, may_downgrade: false, ..options(broker.port, protocol, "me") };
    let mut listener = Listener::start(once);
    let cause = listener.failed().await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?} for {cause}", began.elapsed());
    listener.close().await;
    cause.to_string()
}

#[tokio::test]
async fn every_reason_of_disconnect_is_told_by_name_within_a_second() {
    for (code, name) in DISCONNECT {
        let expected = format!("the broker ended the connection: {name} (0x{code:02X})");
        for farewell in [&[0xe0, 1, code][..], &[0xe0, 2, code, 0]] {
            assert_eq!(told(Protocol::V5, [CONNACK_V5, farewell].concat()).await, expected, "{farewell:02x?}");
        }
        let with_words = [CONNACK_V5, &[0xe0, 9, code, 7, 0x1f, 0, 4], b"\x1bbye"].concat();
        assert_eq!(told(Protocol::V5, with_words).await, format!("{expected} (“␛bye”)"));
    }
    let without = told(Protocol::V5, [CONNACK_V5, &[0xe0, 0]].concat()).await;
    assert_eq!(without, "the broker ended the connection: Normal disconnection (0x00)");
}

#[tokio::test]
async fn every_reason_of_a_refusal_is_told_by_name_within_a_second() {
    for (code, name) in CONNACK {
        let expected = format!("the broker refused the connection: {name} (0x{code:02X})");
        assert_eq!(told(Protocol::V5, vec![0x20, 3, 0, code, 0]).await, expected);
        let with_words = [&[0x20, 8, 0, code, 5, 0x1f, 0, 2][..], b"no"].concat();
        assert_eq!(told(Protocol::V5, with_words).await, format!("{expected} (“no”)"));
    }
}

#[tokio::test]
async fn every_return_code_of_mqtt_3_is_told_by_the_name_of_mqtt_5() {
    let names = [
        "Unsupported Protocol Version",
        "Client Identifier not valid",
        "Server unavailable",
        "Bad User Name or Password",
        "Not authorized",
    ];
    for protocol in [Protocol::V31, Protocol::V311] {
        for (code, name) in (1..).zip(names) {
            let said = told(protocol, vec![0x20, 2, 0, code]).await;
            assert!(said.starts_with(&format!("the broker refused the connection: {name} (0x")), "{said}");
        }
    }
}

#[tokio::test]
async fn a_server_that_moved_is_named_and_never_followed() {
    let elsewhere = accepting(Protocol::V5, &[]).await;
    let reference = format!("127.0.0.1:{}", elsewhere.port);
    let property = [&[0x1c, 0, u8::try_from(reference.len()).expect("short")], reference.as_bytes()].concat();
    let length = u8::try_from(property.len()).expect("short");
    let refused = [&[0x20, 3 + length, 0, 0x9c, length], &property[..]].concat();
    let ended = [CONNACK_V5, &[0xe0, 2 + length, 0x9d, length], &property].concat();
    for bytes in [refused, ended] {
        let broker = Scripted::start(vec![vec![Step::Read, Step::Send(bytes), Step::Ignore]]).await;
        let mut listener = Listener::start(Options { reconnect: Some(QUICK), ..v5(broker.port) });
        let cause = listener.failed().await;
        let Failure::Redirected { servers, .. } = &*cause else { panic!("{cause:?}") };
        assert_eq!(servers.iter().map(ToString::to_string).collect::<Vec<_>>(), [format!("mqtt://{reference}")]);
        assert!(cause.to_string().contains(&reference), "{cause}");
        listener.close().await;
        assert_eq!(broker.accepted(), 1);
    }
    assert_eq!(elsewhere.accepted(), 0, "nothing went to a server that nobody chose");
}

#[tokio::test]
async fn a_redirection_that_is_followed_brings_no_secret_to_another_host() {
    for (host, gets) in [("127.0.0.1", true), ("localhost", false)] {
        let elsewhere = accepting(Protocol::V5, &[]).await;
        let reference = format!("{host}:{}", elsewhere.port);
        let property = [&[0x1c, 0, u8::try_from(reference.len()).expect("short")], reference.as_bytes()].concat();
        let length = u8::try_from(property.len()).expect("short");
        let ended = [CONNACK_V5, &[0xe0, 2 + length, 0x9d, length], &property].concat();
        let broker = Scripted::start(vec![vec![Step::Read, Step::Send(ended), Step::Ignore]]).await;
        let mut profile = Profile::ad_hoc(Url::parse(&format!("mqtt://ops@127.0.0.1:{}", broker.port)).expect("a URL"));
        profile.amend(|options| options.password = Some(Secret::from("CANARY".to_owned())));
        let identity = Identity { user: "u".into(), host: "h".into(), random: "r".into(), pid: 1 };
        let mut listener = Listener::start(profile.options(&identity));
        let cause = listener.failed().await;
        listener.close().await;
        let Failure::Redirected { servers, .. } = &*cause else { panic!("{cause:?}") };
        let there = profile.elsewhere(&servers[0]).profile;
        Listener::online(there.options(&identity)).await.close().await;
        let holds = |connect: &[u8], what: &[u8]| connect.windows(what.len()).any(|window| window == what);
        let connect = elsewhere.read(0x10).remove(0);
        assert_eq!((holds(&connect, b"CANARY"), holds(&connect, b"ops")), (gets, gets), "{host}");
    }
}

#[tokio::test]
async fn all_that_connack_says_is_in_the_welcome() {
    let properties: &[u8] = b"\x11\0\0\0\x07\x21\0\x05\x24\x01\x25\0\x27\0\0\x10\0\x22\0\x09\x1f\0\x02hi\x26\0\x01k\0\x01v\
        \x28\0\x29\0\x2a\0\x13\0\x11\x1a\0\x03r/1\x1c\0\x01h";
    let length = u8::try_from(properties.len()).expect("short");
    let connack = [&[0x20, 3 + length, 0, 0, length], properties].concat();
    let broker = Scripted::start(vec![vec![Step::Read, Step::Send(connack), Step::Serve]]).await;
    let mut listener = Listener::start(Options { request_response_information: true, ..v5(broker.port) });
    let welcome = listener.welcome().await;
    let limits = welcome.limits;
    assert_eq!((limits.maximum_qos.level(), limits.receive_maximum, limits.topic_alias_maximum), (1, 5, 9));
    assert_eq!(limits.maximum_packet_size, Some(4_096));
    let available = [limits.retain_available, limits.wildcard_available, limits.identifiers_available, limits.shared_available];
    assert_eq!(available, [false; 4]);
    assert_eq!(welcome.keep_alive, Duration::from_secs(17));
    let said = welcome.properties;
    assert_eq!((said.session_expiry, said.server_keep_alive), (Some(SessionExpiry::After(7)), Some(Duration::from_secs(17))));
    assert_eq!((said.response_information.as_deref(), said.server_reference.as_deref()), (Some("r/1"), Some("h")));
    assert_eq!((said.reason_string.as_deref(), &*said.user_properties), (Some("hi"), &[("k".into(), "v".into())][..]));
    listener.close().await;
}

#[tokio::test]
async fn what_connack_says_unasked_is_tolerated() {
    let properties: &[u8] = b"\x12\0\x05other\x15\0\x01m\x16\0\x01d\x1a\0\x03r/1";
    let length = u8::try_from(properties.len()).expect("short");
    let connack = [&[0x20, 3 + length, 0, 0, length], properties].concat();
    let broker = Scripted::start(vec![vec![Step::Read, Step::Send(connack), Step::Serve]]).await;
    let mut listener = Listener::start(v5(broker.port));
    assert_eq!(listener.welcome().await.client_id, "tester");
    listener.close().await;
}

#[tokio::test]
async fn nothing_is_tried_again_where_that_would_be_wrong() {
    let refusals = [0x84, 0x85, 0x86, 0x87, 0x8a, 0x8c].map(|code| vec![0x20, 3, 0, code, 0]);
    let farewells = [0x87, 0x8e, 0x98].map(|code| [CONNACK_V5, &[0xe0, 2, code, 0]].concat());
    for bytes in refusals.into_iter().chain(farewells) {
        let broker = Scripted::start(vec![vec![Step::Read, Step::Send(bytes.clone()), Step::Ignore]]).await;
        let mut listener = Listener::start(Options { reconnect: Some(QUICK), may_downgrade: false, ..v5(broker.port) });
        listener.failed().await;
        listener.close().await;
        assert_eq!(broker.accepted(), 1, "{bytes:02x?}");
    }
}

#[tokio::test]
async fn a_busy_broker_is_tried_again() {
    let broker = Scripted::start(vec![
        vec![Step::Read, Step::Send(vec![0x20, 3, 0, 0x89, 0])],
        vec![Step::Read, Step::Send(CONNACK_V5.to_vec()), Step::Serve],
    ])
    .await;
    let mut listener = Listener::start(Options { reconnect: Some(QUICK), ..v5(broker.port) });
    let cause = listener.waiting().await;
    assert!(matches!(*cause, Failure::Refused { reason: Reason(0x89), .. }), "{cause:?}");
    listener.welcome().await;
    listener.close().await;
}
