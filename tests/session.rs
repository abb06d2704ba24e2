//! A session against real brokers, and against scripted ones where a real one would not misbehave.

mod common;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use common::{
    PATIENCE,
    listener::{Listener, message, options},
    mosquitto::{Config, Mosquitto},
    scripted::{CONNACK_V5, CONNACK_V311, Reply, Scripted, Step},
    within,
};
use mqtap::{
    base::secret::Secret,
    mqtt::{
        command::Command,
        error::Failure,
        event::{Event, Status, StepDown},
        message::{Message, Properties, Qos},
        options::{Options, Overflow, Protocol, Reconnect, Subscription, Will},
        reason::Reason,
    },
    wire::packet::Direction,
};
use rstest::rstest;
use tokio::time::Instant;

/// Waits that a test can sit through.
const QUICK: Reconnect = Reconnect { initial: Duration::from_millis(50), max: Duration::from_millis(200) };

fn v5(port: u16) -> Options {
    options(port, Protocol::V5, "tester")
}

fn reason(failure: &Failure) -> Option<Reason> {
    match failure {
        Failure::Refused { reason, .. } | Failure::Disconnected { reason, .. } | Failure::Denied { reason, .. } => Some(*reason),
        _ => None,
    }
}

#[rstest]
#[case::v311(Protocol::V311)]
#[case::v5(Protocol::V5)]
#[tokio::test]
async fn a_thousand_messages_of_each_qos_arrive_whole_and_in_order_with_receipts(#[case] protocol: Protocol) {
    // With its default of 20 in flight, mosquitto 2.0 stops to send from its queue of QoS 2 after 200 messages.
    let broker = Config::default().line("max_inflight_messages 0").start();
    for qos in Qos::ALL {
        let mut listener = Listener::subscribed(options(broker.port, protocol, "both-ways"), "t/#", qos).await;
        let mut open = BTreeSet::new();
        for n in 0..1_000 {
            open.insert(listener.send(message("t/x", &format!("payload {n}"), qos)).await);
        }
        let mut messages = Vec::new();
        while !open.is_empty() || messages.len() < 1_000 {
            let what = format!("{} receipts and {} messages", open.len(), 1_000 - messages.len());
            match listener.next(&what).await {
                Event::Messages(batch) => messages.extend(batch.into_iter().map(|received| received.message)),
                Event::Settled { token, outcome } => {
                    outcome.expect("acknowledged");
                    assert!(open.remove(&token), "settled once");
                }
                other => panic!("{other:?}"),
            }
        }
        for (n, message) in messages.iter().enumerate() {
            assert_eq!((message.topic.as_ref(), message.qos), ("t/x", qos));
            assert_eq!(message.payload, format!("payload {n}"));
        }
        listener.close().await;
    }
}

#[rstest]
#[case::v311(Protocol::V311)]
#[case::v5(Protocol::V5)]
#[tokio::test]
async fn a_welcome_tells_what_was_granted(#[case] protocol: Protocol) {
    let broker = Mosquitto::start();
    let mut listener = Listener::start(Options { keep_alive: Duration::from_secs(17), ..options(broker.port, protocol, "me") });
    let welcome = listener.welcome().await;
    assert_eq!((welcome.protocol, welcome.step_down, welcome.session_present), (protocol, None, false));
    assert_eq!((welcome.client_id.as_str(), welcome.keep_alive), ("me", Duration::from_secs(17)));
    assert_eq!((welcome.peer, welcome.tls), (format!("127.0.0.1:{}", broker.port), None));
    listener.close().await;
}

#[tokio::test]
async fn an_assigned_client_id_and_the_limits_of_the_broker_are_told() {
    let broker = Config::default().max_packet_size(5_000).line("max_keepalive 20").line("retain_available false").start();
    let mut listener = Listener::start(options(broker.port, Protocol::V5, ""));
    let welcome = listener.welcome().await;
    assert!(welcome.client_id.starts_with("auto-"), "{}", welcome.client_id);
    assert_eq!(welcome.keep_alive, Duration::from_secs(20));
    assert_eq!((welcome.limits.maximum_packet_size, welcome.limits.retain_available), (Some(5_000), false));
    listener.close().await;
}

#[tokio::test]
async fn a_message_above_the_limit_of_the_broker_is_invalid_and_the_connection_holds() {
    let broker = Config::default().max_packet_size(5_000).start();
    let mut listener = Listener::online(v5(broker.port)).await;
    let outcome = listener.publish(message("t", &"x".repeat(6_000), Qos::AtLeastOnce)).await;
    assert!(
        matches!(&outcome, Err(Failure::Invalid(sentence)) if sentence.contains("the broker takes 4.9 KiB (5,000 bytes)")),
        "{outcome:?}"
    );
    listener.publish(message("t", "small", Qos::AtLeastOnce)).await.expect("still connected");
    listener.close().await;
}

#[tokio::test]
async fn the_receipt_holds_the_reason_of_the_broker() {
    let broker = Mosquitto::start();
    let mut listener = Listener::online(v5(broker.port)).await;
    let receipt = listener.publish(message("nobody/listens", "x", Qos::AtLeastOnce)).await.expect("acknowledged");
    assert_eq!(receipt.reason, Some(Reason(0x10)));
    listener.close().await;
}

#[tokio::test]
async fn properties_travel_both_ways() {
    let broker = Mosquitto::start();
    let mut listener = Listener::subscribed(v5(broker.port), "t", Qos::AtMostOnce).await;
    let properties = Properties {
        payload_format: Some(1),
        response_topic: Some("answer/here".into()),
        correlation_data: Some("id 7".into()),
        user_properties: vec![("a".into(), "1".into()), ("a".into(), "2".into())],
        content_type: Some("text/plain".into()),
        ..Properties::default()
    };
    let sent = Message { properties: Some(Box::new(properties)), ..message("t", "x", Qos::AtMostOnce) };
    listener.publish(sent.clone()).await.expect("sent");
    assert_eq!(listener.messages(1).await[0].message, sent);
    listener.close().await;
}

#[rstest]
#[case::v311(Protocol::V311)]
#[case::v5(Protocol::V5)]
#[tokio::test]
async fn a_retained_message_arrives_flagged(#[case] protocol: Protocol) {
    let broker = Mosquitto::start();
    let mut listener = Listener::online(options(broker.port, protocol, "me")).await;
    let kept = Message { retain: true, ..message("kept", "x", Qos::AtLeastOnce) };
    listener.publish(kept).await.expect("acknowledged");
    listener.subscribe(Subscription::new("kept", Qos::AtMostOnce)).await.expect("granted");
    assert!(listener.messages(1).await[0].message.retain);
    listener.close().await;
}

#[rstest]
#[case::v311(Protocol::V311, 0x80)]
#[case::v5(Protocol::V5, 0x87)]
#[tokio::test]
async fn a_refused_subscription_is_told_with_its_reason(#[case] protocol: Protocol, #[case] code: u8) {
    let broker = Config::default().only_subscribe_to("allowed/#").start();
    let mut listener = Listener::online(options(broker.port, protocol, "me")).await;
    let refused = listener.subscribe(Subscription::new("secret/#", Qos::AtMostOnce)).await;
    assert_eq!(reason(&refused.expect_err("refused")), Some(Reason(code)));
    assert_eq!(listener.subscribe(Subscription::new("allowed/#", Qos::ExactlyOnce)).await.expect("granted"), Qos::ExactlyOnce);
    listener.close().await;
}

#[tokio::test]
async fn a_refused_publish_is_told_with_its_reason() {
    let broker = Config::default().acl("topic read #\n").start();
    let mut listener = Listener::online(v5(broker.port)).await;
    for qos in [Qos::AtLeastOnce, Qos::ExactlyOnce] {
        let refused = listener.publish(message("t", "x", qos)).await.expect_err("refused");
        assert_eq!(reason(&refused), Some(Reason(0x87)), "QoS {qos}");
    }
    listener.close().await;
}

#[rstest]
#[case::v311(Protocol::V311, 0x87)]
#[case::v5(Protocol::V5, 0x87)]
#[tokio::test]
async fn a_wrong_password_is_not_tried_again(#[case] protocol: Protocol, #[case] code: u8) {
    let broker = Config::default().user("ops", "right").start();
    let with = |password: &str| Options {
        username: Some("ops".into()),
        password: Some(Secret::from(password.to_owned())),
        reconnect: Some(QUICK),
        ..options(broker.port, protocol, "me")
    };
    let mut listener = Listener::start(with("wrong"));
    assert_eq!(reason(&*listener.failed().await), Some(Reason(code)));
    let silence = tokio::time::timeout(Duration::from_millis(500), listener.events.recv()).await;
    assert!(silence.is_err(), "nothing follows: {silence:?}");
    listener.close().await;
    Listener::online(with("right")).await.close().await;
}

#[tokio::test]
async fn the_user_can_try_again_after_a_failure() {
    let refused = vec![Step::Read, Step::Send(vec![0x20, 0x03, 0x00, 0x87, 0x00])];
    let accepted = vec![Step::Read, Step::Send(CONNACK_V5.to_vec()), Step::Serve];
    let broker = Scripted::start(vec![refused, accepted]).await;
    let mut listener = Listener::start(v5(broker.port));
    listener.failed().await;
    listener.session.command(Command::Reconnect).expect("the session lives");
    listener.welcome().await;
    listener.close().await;
}

#[tokio::test]
async fn the_reason_string_of_a_refusal_is_told_and_made_safe() {
    let connack = b"\x20\x0e\x00\x8a\x0b\x1f\x00\x08ab\x1b[2Jcd";
    let broker = Scripted::start(vec![vec![Step::Read, Step::Send(connack.to_vec()), Step::Ignore]]).await;
    let mut listener = Listener::start(v5(broker.port));
    let cause = listener.failed().await;
    let Failure::Refused { reason: Reason(0x8a), text } = &*cause else { panic!("{cause:?}") };
    assert!(text.starts_with("ab") && text.ends_with("cd") && !text.contains('\x1b'), "{text:?}");
    listener.close().await;
}

/// A session in a runtime of its own, so that it can be cut off as a crash would.
fn crash_after_online(options: Options) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let listener = runtime.block_on(Listener::online(options));
    // Only when all tasks are gone may the handle go, which would make them say goodbye.
    runtime.shutdown_timeout(PATIENCE);
    drop(listener);
}

fn with_will(port: u16, protocol: Protocol, client_id: &str) -> Options {
    let will = Will { message: message("will", client_id, Qos::AtLeastOnce), delay: None };
    Options { will: Some(will), ..options(port, protocol, client_id) }
}

#[rstest]
#[case::v311(Protocol::V311)]
#[case::v5(Protocol::V5)]
#[tokio::test]
async fn the_will_is_published_after_a_crash_and_not_after_disconnect(#[case] protocol: Protocol) {
    let broker = Mosquitto::start();
    let mut witness = Listener::subscribed(options(broker.port, protocol, "witness"), "will", Qos::AtLeastOnce).await;
    Listener::online(with_will(broker.port, protocol, "polite")).await.close().await;
    let crashing = with_will(broker.port, protocol, "crashed");
    tokio::task::spawn_blocking(move || crash_after_online(crashing)).await.expect("no panic");
    assert_eq!(witness.messages(1).await[0].message.payload, "crashed", "the first will is that of the crash");
    witness.close().await;
}

#[tokio::test]
async fn disconnect_suppresses_the_will_in_the_middle_of_a_flood() {
    let broker = Mosquitto::start();
    let mut witness = Listener::subscribed(options(broker.port, Protocol::V5, "witness"), "will", Qos::AtLeastOnce).await;
    let flooded = Listener::subscribed(with_will(broker.port, Protocol::V5, "flooded"), "flood", Qos::AtMostOnce).await;
    let mut publisher = Listener::online(options(broker.port, Protocol::V5, "publisher")).await;
    for _ in 0..2_000 {
        publisher.send(message("flood", &"x".repeat(1_000), Qos::AtMostOnce)).await;
    }
    flooded.close().await;
    publisher.close().await;
    let mut last = Listener::online(options(broker.port, Protocol::V5, "last")).await;
    last.publish(message("will", "none came", Qos::AtLeastOnce)).await.expect("acknowledged");
    assert_eq!(witness.messages(1).await[0].message.payload, "none came");
    last.close().await;
    witness.close().await;
}

#[tokio::test]
async fn a_dropped_session_says_goodbye() {
    let broker = Mosquitto::start();
    let mut witness = Listener::subscribed(options(broker.port, Protocol::V5, "witness"), "will", Qos::AtLeastOnce).await;
    let Listener { session, mut events, .. } = Listener::online(with_will(broker.port, Protocol::V5, "dropped")).await;
    drop(session);
    let closed = within("the last event", async {
        let mut last = None;
        while let Some(event) = events.recv().await {
            last = Some(event);
        }
        last
    });
    assert!(matches!(closed.await, Some(Event::Status(Status::Closed))));
    witness.publish(message("will", "none came", Qos::AtLeastOnce)).await.expect("acknowledged");
    assert_eq!(witness.messages(1).await[0].message.payload, "none came");
    witness.close().await;
}

#[rstest]
#[case::v311(Protocol::V311)]
#[case::v5(Protocol::V5)]
#[tokio::test]
async fn a_restarted_broker_is_found_again_and_subscriptions_are_renewed(#[case] protocol: Protocol) {
    let mut broker = Mosquitto::start();
    let options = Options {
        reconnect: Some(QUICK),
        subscriptions: vec![Subscription::new("from/options", Qos::AtLeastOnce)],
        ..options(broker.port, protocol, "me")
    };
    let mut listener = Listener::online(options).await;
    listener.subscribe(Subscription::new("by/command", Qos::AtLeastOnce)).await.expect("granted");
    broker.kill();
    listener.waiting().await;
    broker.restart();
    listener.welcome().await;
    for _ in 0..2 {
        listener.wait("SUBACK", |event| matches!(event, Event::Subscribed { outcome: Ok(_), .. }).then_some(())).await;
    }
    for topic in ["from/options", "by/command"] {
        listener.send(message(topic, "new", Qos::AtLeastOnce)).await;
        assert_eq!(&listener.messages(1).await[0].message.topic, topic);
    }
    listener.close().await;
}

#[tokio::test]
async fn an_unsubscribed_filter_stays_gone_after_a_reconnect() {
    let mut broker = Mosquitto::start();
    let mut listener = Listener::online(Options { reconnect: Some(QUICK), ..v5(broker.port) }).await;
    for filter in ["gone", "stays"] {
        listener.subscribe(Subscription::new(filter, Qos::AtLeastOnce)).await.expect("granted");
    }
    listener.session.command(Command::Unsubscribe("gone".into())).expect("room");
    let unsubscribed = |event| match event {
        Event::Unsubscribed { filter, outcome } => Some((filter, outcome.is_ok())),
        _ => None,
    };
    assert_eq!(listener.wait("UNSUBACK", unsubscribed).await, ("gone".into(), true));
    broker.kill();
    listener.waiting().await;
    broker.restart();
    let renewed = |event| match event {
        Event::Subscribed { filter, .. } => Some(filter),
        _ => None,
    };
    assert_eq!(listener.wait("SUBACK", renewed).await, "stays");
    listener.send(message("gone", "x", Qos::AtLeastOnce)).await;
    listener.send(message("stays", "x", Qos::AtLeastOnce)).await;
    assert_eq!(&listener.messages(1).await[0].message.topic, "stays");
    listener.close().await;
}

#[tokio::test]
async fn a_publish_without_an_answer_is_unconfirmed_when_the_connection_is_lost() {
    let script = vec![Step::Read, Step::Send(CONNACK_V5.to_vec()), Step::Read];
    let broker = Scripted::start(vec![script]).await;
    let mut listener = Listener::online(Options { reconnect: None, ..v5(broker.port) }).await;
    let outcome = listener.publish(message("t", "x", Qos::AtLeastOnce)).await;
    assert!(matches!(outcome, Err(Failure::Unconfirmed)), "{outcome:?}");
    let cause = listener.failed().await;
    assert!(matches!(*cause, Failure::Closed { .. } | Failure::Wire(_)), "{cause:?}");
    let offline = listener.publish(message("t", "x", Qos::AtLeastOnce)).await;
    assert!(matches!(offline, Err(Failure::Offline)), "{offline:?}");
    listener.close().await;
}

#[tokio::test]
async fn a_publish_of_a_kept_session_is_confirmed_by_the_next_connection() {
    let first = vec![Step::Read, Step::Send(CONNACK_V5.to_vec()), Step::Read];
    let resumed = vec![0x20, 0x03, 0x01, 0x00, 0x00];
    let second = vec![Step::Read, Step::Send(resumed), Step::Read, Step::Send(vec![0x40, 0x02, 0x00, 0x01]), Step::Ignore];
    let broker = Scripted::start(vec![first, second]).await;
    let kept = Options { clean_start: false, reconnect: Some(QUICK), ..v5(broker.port) };
    let mut listener = Listener::online(kept).await;
    listener.publish(message("t", "x", Qos::AtLeastOnce)).await.expect("acknowledged");
    assert_eq!(broker.accepted(), 2);
    listener.close().await;
}

#[tokio::test]
async fn a_subscription_without_an_answer_is_silent_after_ten_seconds() {
    let broker = Scripted::start(vec![vec![Step::Read, Step::Send(CONNACK_V5.to_vec()), Step::Ignore]]).await;
    let mut listener = Listener::online(v5(broker.port)).await;
    let outcome = listener.subscribe(Subscription::new("t", Qos::AtMostOnce)).await;
    assert!(matches!(outcome, Err(Failure::Silent { awaited: "SUBACK", .. })), "{outcome:?}");
    listener.close().await;
}

#[rstest]
#[case::v311(Protocol::V311)]
#[case::v5(Protocol::V5)]
#[tokio::test]
async fn a_kept_session_is_resumed_by_a_new_process_and_can_be_used(#[case] protocol: Protocol) {
    let broker = Mosquitto::start();
    let kept = || Options {
        clean_start: false,
        session_expiry: mqtap::mqtt::options::SessionExpiry::After(3_600),
        ..options(broker.port, protocol, "kept")
    };
    Listener::subscribed(kept(), "t", Qos::AtLeastOnce).await.close().await;
    let mut other = Listener::online(options(broker.port, protocol, "other")).await;
    other.publish(message("t", "meanwhile", Qos::AtLeastOnce)).await.expect("acknowledged");
    other.close().await;

    let mut listener = Listener::start(kept());
    assert!(listener.welcome().await.session_present);
    assert_eq!(listener.messages(1).await[0].message.payload, "meanwhile");
    listener.subscribe(Subscription::new("new", Qos::ExactlyOnce)).await.expect("granted");
    listener.send(message("new", "x", Qos::ExactlyOnce)).await;
    assert_eq!(&listener.messages(1).await[0].message.topic, "new");
    listener.close().await;
}

#[tokio::test]
async fn a_session_that_was_taken_over_is_not_tried_again() {
    let script = vec![Step::Read, Step::Send(CONNACK_V5.to_vec()), Step::Send(vec![0xe0, 0x02, 0x8e, 0x00])];
    let broker = Scripted::start(vec![script]).await;
    let mut listener = Listener::start(Options { reconnect: Some(QUICK), ..v5(broker.port) });
    let cause = listener.failed().await;
    assert!(matches!(*cause, Failure::Disconnected { reason: Reason(0x8e), .. }), "{cause:?}");
    listener.close().await;
    assert_eq!(broker.accepted(), 1);
}

#[tokio::test]
async fn messages_right_before_a_disconnect_are_not_lost() {
    let mut bytes = CONNACK_V5.to_vec();
    for n in b'0'..=b'9' {
        bytes.extend([0x30, 0x05, 0x00, 0x01, b't', 0x00, n]);
    }
    bytes.extend([0xe0, 0x02, 0x8b, 0x00]);
    let broker = Scripted::start(vec![vec![Step::Read, Step::Send(bytes)]]).await;
    let mut listener = Listener::start(Options { reconnect: None, ..v5(broker.port) });
    let payloads: Vec<u8> = listener.messages(10).await.iter().flat_map(|received| received.message.payload.to_vec()).collect();
    assert_eq!(payloads, b"0123456789");
    assert_eq!(reason(&*listener.failed().await), Some(Reason(0x8b)));
    listener.close().await;
}

#[rstest]
#[case::v311(Protocol::V311, CONNACK_V311)]
#[case::v5(Protocol::V5, CONNACK_V5)]
#[tokio::test]
async fn messages_right_before_the_end_of_the_stream_are_not_lost(#[case] protocol: Protocol, #[case] connack: &[u8]) {
    let mut bytes = connack.to_vec();
    let packet: &[u8] = match protocol {
        Protocol::V31 | Protocol::V311 => &[0x30, 0x04, 0x00, 0x01, b't', b'x'],
        Protocol::V5 => &[0x30, 0x05, 0x00, 0x01, b't', 0x00, b'x'],
    };
    bytes.extend(packet.repeat(10));
    let broker = Scripted::start(vec![vec![Step::Read, Step::Send(bytes)]]).await;
    let mut listener = Listener::start(Options { reconnect: None, ..options(broker.port, protocol, "me") });
    assert_eq!(listener.messages(10).await.len(), 10);
    listener.failed().await;
    listener.close().await;
}

#[tokio::test]
async fn a_broker_that_never_answers_connect_is_silent_within_the_time_of_the_attempt() {
    let broker = Scripted::start(vec![vec![Step::Ignore]]).await;
    for protocol in [Protocol::V311, Protocol::V5] {
        let connect_timeout = Duration::from_millis(300);
        let began = Instant::now();
        let mut listener = Listener::start(Options { connect_timeout, reconnect: None, ..options(broker.port, protocol, "me") });
        let cause = listener.failed().await;
        assert!(matches!(*cause, Failure::Silent { awaited: "CONNACK", .. }), "{cause:?}");
        let took = began.elapsed();
        assert!(took >= connect_timeout && took < connect_timeout + Duration::from_secs(1), "{took:?}");
        listener.close().await;
    }
}

#[tokio::test]
async fn a_ping_that_was_lost_with_its_connection_is_not_answered_on_the_next() {
    let lost = vec![Step::Read, Step::Send(CONNACK_V5.to_vec()), Step::Read, Step::Pause(Duration::from_millis(300))];
    let next = vec![Step::Read, Step::Send([CONNACK_V5, &[0xd0, 0]].concat()), Step::Serve];
    let broker = Scripted::start(vec![lost, next]).await;
    let mut listener = Listener::online(Options { reconnect: Some(QUICK), ..v5(broker.port) }).await;
    listener.session.send(Command::Ping).await.expect("online");
    listener.welcome().await;
    listener.session.send(Command::Ping).await.expect("online");
    let took = listener.wait("PINGRESP", |event| if let Event::RoundTrip(took) = event { Some(took) } else { None }).await;
    assert!(took < Duration::from_millis(300), "{took:?}");
    listener.close().await;
}

#[tokio::test]
async fn a_broker_that_keeps_breaking_the_protocol_is_given_up() {
    let bytes = [CONNACK_V5, &[0x36, 0x05, 0x00, 0x01, b't', 0x00, b'x']].concat();
    let broker = Scripted::start(vec![vec![Step::Read, Step::Send(bytes), Step::Ignore]]).await;
    let mut listener = Listener::start(Options { reconnect: Some(QUICK), ..v5(broker.port) });
    let cause = listener.failed().await;
    assert!(matches!(&*cause, Failure::Repeated { times: 3, cause } if matches!(&**cause, Failure::Violation(_))), "{cause:?}");
    assert_eq!(broker.accepted(), 3);
    listener.close().await;
}

#[rstest]
#[case::v311(Protocol::V311, CONNACK_V311, &[&[0x40, 2, 1, 2][..], &[0x50, 2, 1, 2]])]
#[case::v5(Protocol::V5, CONNACK_V5, &[&[0x40, 3, 1, 2, 0x97][..], &[0x50, 3, 1, 2, 0x97]])]
#[tokio::test]
async fn a_message_over_the_limit_is_passed_over_and_the_connection_holds(
    #[case] protocol: Protocol,
    #[case] connack: &[u8],
    #[case] answers: &[&[u8]],
) {
    for trickle in [false, true] {
        for qos in Qos::ALL {
            let packet = |payload: usize, qos: u8, topic: &str| {
                let id: &[u8] = if qos == 0 { &[] } else { &[1, 2] };
                let properties: &[u8] = if protocol == Protocol::V5 { &[0] } else { &[] };
                let length = u8::try_from(2 + topic.len() + id.len() + properties.len() + payload).expect("one byte");
                let head = [&[0x30 | qos << 1, length, 0, u8::try_from(topic.len()).expect("short")], topic.as_bytes()];
                [&head.concat()[..], id, properties, &vec![b'x'; payload]].concat()
            };
            let bytes = [packet(1, 0, "small"), packet(100, qos.level(), "big"), packet(2, 0, "small")].concat();
            let send = if trickle { Step::Trickle(bytes) } else { Step::Send(bytes) };
            let broker = Scripted::start(vec![vec![Step::Read, Step::Send(connack.to_vec()), send, Step::Serve]]).await;
            let limits = Options { max_packet_size: Some(100), reconnect: Some(QUICK), ..options(broker.port, protocol, "me") };
            let mut listener = Listener::start(limits);
            let skipped = listener.wait("Skipped", |event| if let Event::Skipped(skipped) = event { Some(skipped) } else { None });
            let skipped = skipped.await;
            assert_eq!((skipped.count, &*skipped.topic, skipped.limit), (1, "big", 100));
            let payloads: Vec<usize> = listener.messages(2).await.iter().map(|received| received.message.payload.len()).collect();
            assert_eq!(payloads, [1, 2]);
            let (first, wanted) = match qos {
                Qos::AtMostOnce => (0x40, None),
                Qos::AtLeastOnce => (0x40, Some(answers[0].to_vec())),
                Qos::ExactlyOnce => (0x50, Some(answers[1].to_vec())),
            };
            // A round trip later everything was read.
            listener.session.send(Command::Ping).await.expect("online");
            listener.wait("PINGRESP", |event| matches!(event, Event::RoundTrip(_)).then_some(())).await;
            assert_eq!(broker.read(first), Vec::from_iter(wanted));
            assert_eq!(broker.accepted(), 1);
            listener.close().await;
        }
    }
}

#[tokio::test]
async fn a_large_packet_on_a_slow_link_is_no_silence() {
    // Three Keep Alives long, in which PINGRESP could not come.
    let piece = |byte| vec![Step::Send(vec![byte; 100]), Step::Pause(Duration::from_millis(100))];
    let body = std::iter::repeat_with(|| piece(b'x')).take(30).flatten();
    let head = Step::Send([CONNACK_V311, &[0x30, 0xbb, 0x17, 0, 1, b'a']].concat());
    let script = [Step::Read, head].into_iter().chain(body).chain([Step::Serve]).collect();
    let broker = Scripted::start(vec![script]).await;
    let keep_alive = Duration::from_secs(1);
    let mut listener = Listener::start(Options { keep_alive, ..options(broker.port, Protocol::V311, "me") });
    assert_eq!(listener.messages(1).await[0].message.payload.len(), 3000);
    assert_eq!(broker.accepted(), 1);
    listener.close().await;
}

#[rstest]
#[case::reason_of_mqtt_5(&[0x20, 0x03, 0x00, 0x84, 0x00])]
#[case::code_of_mqtt_3(&[0x20, 0x02, 0x00, 0x01])]
#[case::another_code_of_mqtt_3(&[0x20, 0x02, 0x00, 0x05])]
#[case::an_acceptance_of_mqtt_3(&[0x20, 0x02, 0x00, 0x00])]
#[tokio::test]
async fn a_broker_that_does_not_speak_5_is_asked_once_in_3_1_1(#[case] refusal: &[u8]) {
    let refused = vec![Step::Read, Step::Send(refusal.to_vec())];
    let accepted = vec![Step::Read, Step::Send(CONNACK_V311.to_vec()), Step::Serve];
    let broker = Scripted::start(vec![refused, accepted]).await;
    let mut listener = Listener::start(v5(broker.port));
    let welcome = listener.welcome().await;
    assert_eq!((welcome.protocol, welcome.step_down), (Protocol::V311, Some(StepDown::Unsupported)));
    listener.close().await;
    assert_eq!(broker.accepted(), 2);
}

/// What a broker that does not know MQTT 5 does with its CONNECT.
#[rstest]
#[case::closes(vec![Step::Read], StepDown::Closed)]
#[case::resets(vec![Step::Reset], StepDown::Closed)]
#[case::is_silent(vec![Step::Ignore], StepDown::Silent)]
#[tokio::test]
async fn a_broker_that_does_not_answer_to_5_is_asked_once_in_3_1_1(#[case] refusal: Vec<Step>, #[case] why: StepDown) {
    let accepted = vec![Step::Read, Step::Send(CONNACK_V311.to_vec()), Step::Serve];
    let broker = Scripted::start(vec![refusal, accepted]).await;
    let mut listener = Listener::start(Options { connect_timeout: Duration::from_secs(2), ..v5(broker.port) });
    let began = Instant::now();
    let welcome = listener.welcome().await;
    assert_eq!((welcome.protocol, welcome.step_down), (Protocol::V311, Some(why)));
    assert!(began.elapsed() < Duration::from_secs(2), "half the time of an attempt is waited for at most");
    listener.close().await;
    assert_eq!(broker.accepted(), 2);
}

#[tokio::test]
async fn a_broker_that_answers_to_neither_version_is_asked_in_5_from_then_on() {
    let broker = Scripted::start(vec![vec![Step::Read]]).await;
    let mut listener = Listener::start(Options { reconnect: Some(QUICK), ..v5(broker.port) });
    for _ in 0..3 {
        let cause = listener.waiting().await;
        assert!(matches!(*cause, Failure::Closed { during: Some("CONNECT") }), "{cause:?}");
        assert!(!cause.hint().contains("-V"), "both were tried: {}", cause.hint());
    }
    listener.close().await;
    // The byte of the level stands behind the fixed header and the name of the protocol.
    let levels: Vec<u8> = broker.read(0x10).iter().map(|connect| connect[8]).collect();
    assert_eq!(levels[..4], [5, 4, 5, 5]);
}

#[tokio::test]
async fn a_version_that_has_worked_is_never_lowered() {
    let accepted = vec![Step::Read, Step::Send(CONNACK_V5.to_vec())];
    let broker = Scripted::start(vec![accepted, vec![Step::Read]]).await;
    let mut listener = Listener::online(Options { reconnect: Some(QUICK), ..v5(broker.port) }).await;
    for _ in 0..3 {
        listener.waiting().await;
    }
    listener.close().await;
    assert!(broker.read(0x10).iter().all(|connect| connect[8] == 5));
}

#[tokio::test]
async fn a_broker_that_may_not_be_asked_in_3_1_1_is_said_to_speak_it_perhaps() {
    let needs_v5 = Options { user_properties: vec![("team".into(), "ops".into())], reconnect: None, ..v5(0) };
    let told_so = Options { may_downgrade: false, reconnect: None, ..v5(0) };
    for options in [needs_v5, told_so] {
        let broker = Scripted::start(vec![vec![Step::Read]]).await;
        let mut listener = Listener::start(Options { endpoint: v5(broker.port).endpoint, ..options });
        let cause = listener.failed().await;
        assert_eq!(cause.to_string(), "the broker closed the connection during CONNECT");
        assert!(cause.hint().contains("-V 3.1.1"), "{}", cause.hint());
        listener.close().await;
        assert_eq!(broker.accepted(), 1);
    }
}

#[tokio::test]
async fn a_broker_is_not_asked_in_3_1_1_when_that_is_not_wanted() {
    let broker = Scripted::start(vec![vec![Step::Read, Step::Send(vec![0x20, 0x02, 0x00, 0x01])]]).await;
    let mut listener = Listener::start(Options { may_downgrade: false, ..v5(broker.port) });
    let cause = listener.failed().await;
    assert!(matches!(*cause, Failure::OldConnack { code: 1 }) && cause.hint().contains("-V 3.1.1"), "{cause:?}");
    listener.close().await;
    assert_eq!(broker.accepted(), 1);
}

#[tokio::test]
async fn a_broker_without_pingresp_is_noticed_within_twice_the_keep_alive() {
    let broker = Scripted::start(vec![vec![Step::Read, Step::Send(CONNACK_V5.to_vec()), Step::Ignore]]).await;
    let keep_alive = Duration::from_secs(1);
    let mut listener = Listener::online(Options { keep_alive, reconnect: None, ..v5(broker.port) }).await;
    let began = Instant::now();
    let cause = listener.failed().await;
    assert!(matches!(*cause, Failure::Silent { awaited: "PINGRESP", .. }), "{cause:?}");
    assert!(began.elapsed() < 2 * keep_alive + Duration::from_millis(500), "{:?}", began.elapsed());
    listener.close().await;
}

#[tokio::test]
async fn a_ping_tells_the_round_trip() {
    let broker = Mosquitto::start();
    let mut listener = Listener::online(Options { keep_alive: Duration::from_secs(1), ..v5(broker.port) }).await;
    let trip = |event| if let Event::RoundTrip(took) = event { Some(took) } else { None };
    assert!(listener.wait("PINGRESP", trip).await < Duration::from_secs(1));
    listener.close().await;
}

/// Floods `listener` with so many messages of so many bytes from another client, without reading its events.
async fn flood(port: u16, count: usize, size: usize) {
    let mut publisher = Listener::online(options(port, Protocol::V5, "publisher")).await;
    let mut open = BTreeSet::new();
    for n in 0..count {
        open.insert(publisher.send(message("flood", &format!("{n:0size$}"), Qos::AtMostOnce)).await);
        while open.len() >= 500 || (n + 1 == count && !open.is_empty()) {
            let settled = |event| if let Event::Settled { token, .. } = event { Some(token) } else { None };
            let token = publisher.wait("Settled", settled).await;
            open.remove(&token);
        }
    }
    publisher.close().await;
}

/// Floods a listener that takes nothing for so long, and returns how much of it was received and lost.
async fn flooded(pause: Duration) -> (usize, usize) {
    const SENT: usize = 40_000;
    let broker = Config::default().line("max_queued_messages 0").start();
    let mut listener = Listener::with_room(v5(broker.port), 4);
    listener.welcome().await;
    listener.subscribe(Subscription::new("flood", Qos::AtMostOnce)).await.expect("granted");
    // More than may wait by the bytes.
    flood(broker.port, SENT, 2_500).await;
    tokio::time::sleep(pause).await;
    let (mut received, mut lost) = (0, 0);
    while received + lost < SENT {
        match listener.next(&format!("{received} received, {lost} lost")).await {
            Event::Messages(batch) => received += batch.len(),
            Event::Lost(count) => lost += usize::try_from(count).expect("a small number"),
            _ => {}
        }
    }
    assert_eq!(received + lost, SENT);
    listener.close().await;
    (received, lost)
}

#[tokio::test]
async fn a_consumer_that_takes_nothing_is_told_exactly_how_much_it_missed() {
    let (received, lost) = flooded(Duration::from_secs(3)).await;
    assert!(lost > 0 && received > 0, "{received} received, {lost} lost");
}

#[tokio::test]
async fn a_slow_consumer_that_waits_loses_nothing_and_the_connection_holds() {
    const SENT: usize = 40_000;
    let broker = Config::default().line("max_queued_messages 0").start();
    let slow = Options { overflow: Overflow::Wait, keep_alive: Duration::from_secs(1), reconnect: None, ..v5(broker.port) };
    let mut listener = Listener::with_room(slow, 1);
    listener.welcome().await;
    listener.subscribe(Subscription::new("flood", Qos::AtMostOnce)).await.expect("granted");
    flood(broker.port, SENT, 1).await;
    // Long enough that the library would take the missing PINGRESP for a dead broker.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let mut next = 0;
    while next < SENT {
        for received in listener.messages(1).await {
            assert_eq!(received.message.payload, next.to_string());
            next += 1;
        }
    }
    listener.publish(message("other", "x", Qos::AtLeastOnce)).await.expect("still connected");
    listener.close().await;
}

#[tokio::test]
async fn disconnect_ends_a_session_in_whatever_state_it_is() {
    let silent = Scripted::start(vec![vec![Step::Ignore]]).await;
    let closing = Scripted::start(vec![vec![Step::Read]]).await;
    let refusing = Scripted::start(vec![vec![Step::Read, Step::Send(vec![0x20, 0x03, 0x00, 0x87, 0x00])]]).await;
    let stuck = Scripted::start(vec![vec![Step::Read, Step::Send(CONNACK_V5.to_vec()), Step::Ignore]]).await;
    let connecting = Listener::start(v5(silent.port));
    let mut waiting = Listener::start(v5(closing.port));
    waiting.waiting().await;
    let mut failed = Listener::start(v5(refusing.port));
    failed.failed().await;
    let mut unanswered = Listener::online(v5(stuck.port)).await;
    unanswered.send(message("t", "x", Qos::AtLeastOnce)).await;
    for listener in [connecting, waiting, failed, unanswered] {
        let began = Instant::now();
        listener.close().await;
        assert!(began.elapsed() < Duration::from_millis(1_500), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn no_options_make_a_session_panic() {
    let broker = Mosquitto::start();
    let odd = |change: fn(&mut Options)| {
        let mut options = Options { reconnect: None, ..v5(broker.port) };
        change(&mut options);
        options
    };
    let all = [
        odd(|o| o.keep_alive = Duration::ZERO),
        odd(|o| o.keep_alive = Duration::MAX),
        odd(|o| o.keep_alive = Duration::from_millis(1)),
        odd(|o| o.connect_timeout = Duration::ZERO),
        odd(|o| o.connect_timeout = Duration::MAX),
        odd(|o| o.max_packet_size = Some(0)),
        odd(|o| o.max_packet_size = Some(u32::MAX)),
        odd(|o| (o.client_id, o.clean_start) = (String::new(), false)),
        odd(|o| (o.client_id, o.clean_start, o.protocol) = (String::new(), false, Protocol::V311)),
        odd(|o| o.client_id = "x".repeat(70_000)),
        odd(|o| o.username = Some("\0".into())),
        odd(|o| o.password = Some(Secret::new(vec![0; 70_000]))),
        odd(|o| (o.password, o.protocol) = (Some(Secret::new(vec![0xff])), Protocol::V311)),
        odd(|o| o.will = Some(Will { message: message("#", "", Qos::AtMostOnce), delay: Some(u32::MAX) })),
        odd(|o| o.reconnect = Some(Reconnect { initial: Duration::MAX, max: Duration::MAX })),
        odd(|o| o.subscriptions = vec![Subscription::new("a#", Qos::AtMostOnce)]),
        odd(|o| o.endpoint.port = 0),
        odd(|o| o.endpoint.host = String::new()),
    ];
    for (n, options) in all.into_iter().enumerate() {
        let mut listener = Listener::start(options);
        let settled = |event| {
            let Event::Status(status) = event else { return None };
            matches!(status, Status::Online(_) | Status::Failed { .. } | Status::Waiting { .. }).then_some(())
        };
        listener.wait(&format!("a result of case {n}"), settled).await;
        listener.close().await;
    }
}

#[tokio::test]
async fn a_subscription_that_cannot_be_sent_is_invalid() {
    let broker = Mosquitto::start();
    let mut listener = Listener::online(v5(broker.port)).await;
    let outcome = listener.subscribe(Subscription::new("a/#/b", Qos::AtMostOnce)).await;
    assert!(matches!(&outcome, Err(Failure::Invalid(sentence)) if sentence.contains("end of a filter")), "{outcome:?}");
    let outcome = listener.publish(message("a/+", "x", Qos::AtMostOnce)).await;
    assert!(matches!(&outcome, Err(Failure::Invalid(sentence)) if sentence.contains("wildcard")), "{outcome:?}");
    listener.close().await;
}

#[tokio::test]
async fn a_missing_broker_is_waited_for_stage_by_stage() {
    let mut broker = Mosquitto::start();
    broker.kill();
    let mut listener = Listener::start(Options { reconnect: Some(QUICK), ..v5(broker.port) });
    listener.waiting().await;
    broker.restart();
    let mut stages = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        match listener.wait("a stage", |event| if let Event::Status(status) = event { Some(status) } else { None }).await {
            Status::Connecting { stage, .. } => stages.push(stage.to_string()),
            Status::Online(_) => break,
            Status::Waiting { .. } => stages.clear(),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(stages.last().map(String::as_str), Some("CONNECT"));
    assert!(stages.contains(&"TCP".to_owned()), "{stages:?}");
    listener.close().await;
}

#[rstest]
#[case::v311(Protocol::V311)]
#[case::v5(Protocol::V5)]
#[tokio::test]
async fn packets_are_told_both_ways_and_before_what_they_led_to(#[case] protocol: Protocol) {
    let broker = Mosquitto::start();
    let given = Options { packets: true, keep_alive: Duration::from_secs(1), ..options(broker.port, protocol, "tapped") };
    let given = Options { password: Some(Secret::from("CANARY-91".to_owned())), username: Some("ops".into()), ..given };
    let mut listener = Listener::start(given);
    let mut seen = Vec::new();
    let mut quiet = 0;
    let mut asked = false;
    let publishes = |seen: &[String]| seen.iter().filter(|line| line.starts_with("PUBLISH")).count() as u64;
    while quiet + publishes(&seen) < 6 || !seen.contains(&"PINGRESP <".to_owned()) {
        match listener.next("packets").await {
            Event::Packets(noted) => {
                assert_eq!(noted.lost, 0);
                quiet += noted.quiet[0].count + noted.quiet[1].count;
                for packet in noted.packets {
                    assert!(!packet.head.windows(6).any(|bytes| bytes == b"CANARY"), "{packet:?}");
                    seen.push(format!("{} {}", packet.kind(), if packet.direction == Direction::Out { '>' } else { '<' }));
                }
            }
            Event::Status(Status::Online(_)) => {
                assert_eq!(seen, ["CONNECT >", "CONNACK <"], "the packets come first");
                listener.session.command(Command::Subscribe(Subscription::new("t", Qos::ExactlyOnce))).expect("room");
            }
            Event::Subscribed { outcome, .. } => {
                outcome.expect("granted");
                assert!(seen.ends_with(&["SUBACK <".to_owned()]), "{seen:?}");
                listener.send(message("t", "counted", Qos::AtMostOnce)).await;
                listener.send(message("t", "listed", Qos::ExactlyOnce)).await;
            }
            Event::Messages(_) if !asked => {
                asked = true;
                listener.session.command(Command::ListQuiet(true)).expect("room");
                listener.send(message("t", "listed", Qos::AtMostOnce)).await;
            }
            _ => {}
        }
    }
    let count = |name: &str| seen.iter().filter(|line| *line == name).count();
    let handshake = ["PUBREC >", "PUBREC <", "PUBREL >", "PUBREL <", "PUBCOMP >", "PUBCOMP <"];
    assert_eq!(handshake.map(count), [1; 6], "{seen:?}");
    assert_eq!(quiet + publishes(&seen), 6, "{seen:?}");
    assert!(quiet >= 2, "the first was only counted");
    listener.close().await;
}

#[rstest]
#[case::v311(Protocol::V311, CONNACK_V311)]
#[case::v5(Protocol::V5, CONNACK_V5)]
#[tokio::test]
async fn a_puback_ends_a_publish_of_qos_2_and_that_is_said(#[case] protocol: Protocol, #[case] connack: &[u8]) {
    // The Packet Identifier follows the header and the topic, `t/x`.
    let puback: Reply = Arc::new(|publish| vec![0x40, 2, publish[7], publish[8]]);
    let answers = vec![Step::Answer(puback); 2];
    let script = [vec![Step::Read, Step::Send(connack.to_vec())], answers, vec![Step::Serve]].concat();
    let broker = Scripted::start(vec![script]).await;
    let mut listener = Listener::online(options(broker.port, protocol, "me")).await;
    for _ in 0..2 {
        let receipt = listener.publish(message("t/x", "on", Qos::ExactlyOnce)).await.expect("acknowledged");
        assert_eq!(receipt.lowered_to, Some(Qos::AtLeastOnce));
    }
    listener.close().await;
    assert_eq!(broker.read(0x60), Vec::<Vec<u8>>::new(), "no PUBREL");
}

#[tokio::test]
async fn a_lag_is_reported_while_more_arrives_than_is_taken_and_then_that_it_is_over() {
    const MESSAGES: usize = 300_000;
    let publish = [&[0x30, 50, 0, 1, b't', 0][..], &[b'x'; 46]].concat();
    let script = vec![Step::Read, Step::Send(CONNACK_V5.to_vec()), Step::Send(publish.repeat(MESSAGES)), Step::Serve];
    let broker = Scripted::start(vec![script]).await;
    let mut listener = Listener::with_room(Options { overflow: Overflow::Wait, ..v5(broker.port) }, 1);
    let mut lags = Vec::new();
    let mut received = 0;
    while received < MESSAGES || lags.last() != Some(&Duration::ZERO) {
        match listener.next(&format!("{received} messages, {lags:?}")).await {
            Event::Messages(batch) => received += batch.len(),
            Event::Lag(lag) => lags.push(lag),
            _ => {}
        }
        if lags.is_empty() {
            // A consumer that is slow until it is told so.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    assert!(lags[0] >= Duration::from_millis(500), "{lags:?}");
    listener.close().await;
}
