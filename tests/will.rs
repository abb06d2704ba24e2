//! Connections that are cut, and the wills that brokers publish then.

mod common;

use std::time::Duration;

use common::{
    listener::{Listener, message, options},
    mosquitto::{Config, Mosquitto},
    within,
};
use mqtap::{
    base::clock::Clock,
    mqtt::{
        command::Command,
        event::Event,
        message::{Message, Properties, Qos},
        options::{Options, Protocol, SessionExpiry, Will},
        will_test::{self, WillFault, WillReport},
    },
};
use rstest::rstest;

/// So much longer than due a will may take here.
const PATIENCE: Duration = Duration::from_secs(5);

fn will(payload: &str) -> Will {
    let message = Message { retain: true, ..message("state/me", payload, Qos::AtLeastOnce) };
    Will { message, delay: None }
}

fn with_will(port: u16, protocol: Protocol) -> Options {
    Options { will: Some(will("gone")), ..options(port, protocol, "me") }
}

async fn tested(options: &Options, patience: Duration) -> Result<WillReport, WillFault> {
    within("the test of the will", will_test::run(options, patience, Clock::start())).await
}

#[tokio::test]
async fn a_session_that_is_cut_leaves_its_will_and_one_that_ends_does_not() {
    let broker = Mosquitto::start();
    let mut witness = Listener::subscribed(options(broker.port, Protocol::V5, "witness"), "state/#", Qos::AtLeastOnce).await;
    let polite = Options { will: Some(will("polite")), ..options(broker.port, Protocol::V5, "polite") };
    Listener::online(polite).await.close().await;
    let Listener { session, mut events, .. } = Listener::online(with_will(broker.port, Protocol::V5)).await;
    within("the cut", session.cut()).await;
    within("the end of the events", async { while events.recv().await.is_some() {} }).await;
    let messages = witness.messages(1).await;
    assert_eq!(messages[0].message.payload, "gone");
    witness.close().await;
}

#[tokio::test]
async fn a_ping_is_answered_at_once() {
    let broker = Mosquitto::start();
    for protocol in [Protocol::V311, Protocol::V5] {
        let mut listener = Listener::online(options(broker.port, protocol, "pinger")).await;
        for _ in 0..3 {
            listener.session.command(Command::Ping).expect("room for a command");
            let round_trip = listener
                .wait("PINGRESP", |event| match event {
                    Event::RoundTrip(took) => Some(took),
                    _ => None,
                })
                .await;
            // Long before Keep Alive would have sent one.
            assert!(!round_trip.is_zero() && round_trip < Duration::from_secs(10), "{round_trip:?}");
        }
        listener.close().await;
    }
}

#[rstest]
#[case::v31(Protocol::V31)]
#[case::v311(Protocol::V311)]
#[case::v5(Protocol::V5)]
#[tokio::test]
async fn a_will_arrives_as_it_was_given(#[case] protocol: Protocol) {
    let broker = Mosquitto::start();
    // What is retained from an earlier death must not be taken for this one.
    let mut before = Listener::online(options(broker.port, Protocol::V5, "before")).await;
    before.publish(will("gone").message).await.expect("published");
    before.close().await;
    let report = tested(&with_will(broker.port, protocol), PATIENCE).await.expect("tested");
    let arrival = report.arrival.as_ref().expect("it arrives");
    assert_eq!((arrival.message.qos, &*arrival.message.payload), (Qos::AtLeastOnce, &b"gone"[..]));
    assert_eq!(arrival.message.retain, protocol == Protocol::V5);
    assert_eq!(report.differences(), Vec::<String>::new());
    assert_eq!((report.protocol, report.client_id.as_str(), report.due), (protocol, "me-will-test", Duration::ZERO));
    assert!(arrival.after <= report.waited && report.others == 0, "{report:?}");
}

#[tokio::test]
async fn the_properties_of_a_will_arrive_with_it() {
    let broker = Mosquitto::start();
    let mut options = with_will(broker.port, Protocol::V5);
    let properties = Properties {
        content_type: Some("text/plain".into()),
        user_properties: vec![("site".into(), "a".into())],
        correlation_data: Some(b"\x01"[..].into()),
        ..Properties::default()
    };
    options.will.as_mut().expect("a will").message.properties = Some(Box::new(properties.clone()));
    let report = tested(&options, PATIENCE).await.expect("tested");
    let came = report.arrival.as_ref().and_then(|arrival| arrival.message.properties.as_deref()).expect("properties");
    assert_eq!((&came.content_type, &came.user_properties), (&properties.content_type, &properties.user_properties));
    assert_eq!(report.differences(), Vec::<String>::new());
}

#[tokio::test]
async fn a_delayed_will_is_waited_for() {
    let broker = Mosquitto::start();
    let mut options = with_will(broker.port, Protocol::V5);
    options.will.as_mut().expect("a will").delay = Some(1);
    // The session ends with the connection, and then the will is due; mosquitto 2.0 waits all the same.
    let at_once = tested(&options, Duration::from_secs(2)).await.expect("tested");
    assert_eq!(at_once.due, Duration::ZERO);
    assert!(at_once.arrival.is_some());

    options.session_expiry = SessionExpiry::After(60);
    let delayed = tested(&options, PATIENCE).await.expect("tested");
    assert_eq!(delayed.due, Duration::from_secs(1));
    // A broker may look at its delayed wills only now and then.
    assert!(delayed.arrival.is_some_and(|arrival| arrival.after > Duration::from_millis(200)));
    // Nothing of the client is left at the broker.
    let again = Options { clean_start: false, ..common::listener::options(broker.port, Protocol::V5, "me-will-test") };
    let mut again = Listener::start(again);
    assert!(!again.welcome().await.session_present);
    again.close().await;
}

#[tokio::test]
async fn a_test_that_is_stopped_leaves_nothing_behind() {
    let broker = Mosquitto::start();
    let mut options = with_will(broker.port, Protocol::V5);
    options.will.as_mut().expect("a will").delay = Some(60);
    options.session_expiry = SessionExpiry::After(60);
    let stop = async {
        // The broker notes that the client was cut off.
        while !broker.log_text().contains("Client me-will-test closed its connection") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let stopped = within("the stop", will_test::run_until(&options, PATIENCE, Clock::start(), stop)).await;
    assert!(matches!(stopped, Err(WillFault::Stopped)), "{stopped:?}");
    let again = Options { clean_start: false, ..common::listener::options(broker.port, Protocol::V5, "me-will-test") };
    let mut again = Listener::start(again);
    assert!(!again.welcome().await.session_present);
    again.close().await;
}

#[tokio::test]
async fn a_will_that_may_not_be_published_is_missed() {
    let broker = Config::default().acl("topic read state/#\n").start();
    let report = tested(&with_will(broker.port, Protocol::V5), Duration::from_millis(500)).await.expect("tested");
    assert_eq!(report.arrival, None);
    assert!(report.waited >= Duration::from_millis(500), "{report:?}");
}

#[tokio::test]
async fn what_keeps_the_test_from_being_made_is_named() {
    let broker = Config::default().only_subscribe_to("open/#").start();
    let denied = tested(&with_will(broker.port, Protocol::V5), PATIENCE).await.expect_err("denied");
    assert!(denied.to_string().starts_with("subscribe to the topic of the will: Not authorized"), "{denied}");
    let without = tested(&options(broker.port, Protocol::V5, "me"), PATIENCE).await.expect_err("no will");
    assert!(matches!(without, WillFault::NoWill) && without.hint().contains("will.topic"));
}
