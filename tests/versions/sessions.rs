//! Sessions that the broker keeps: resumed, and lost.

use mqtap::mqtt::{
    event::Event,
    message::Qos,
    options::{Options, Protocol, SessionExpiry, Subscription},
};
use rstest::rstest;

use crate::{
    QUICK,
    common::{
        listener::{Listener, message, options},
        mosquitto::Mosquitto,
        scripted::{CONNACK_V5, Scripted, Step},
    },
    connack, v5,
};

fn kept(port: u16, protocol: Protocol) -> Options {
    Options {
        clean_start: false,
        session_expiry: SessionExpiry::After(3_600),
        reconnect: Some(QUICK),
        subscriptions: vec![Subscription::new("t", Qos::AtLeastOnce)],
        ..options(port, protocol, "kept")
    }
}

async fn subscribed(listener: &mut Listener) {
    listener.wait("SUBACK", |event| matches!(event, Event::Subscribed { outcome: Ok(_), .. }).then_some(())).await;
}

#[rstest]
#[case::v311(Protocol::V311)]
#[case::v5(Protocol::V5)]
#[tokio::test]
async fn messages_that_the_broker_had_queued_are_marked_and_later_ones_are_not(#[case] protocol: Protocol) {
    let broker = Mosquitto::start();
    let mut listener = Listener::start(kept(broker.port, protocol));
    let first = listener.welcome().await;
    assert!(!first.session_present && !first.session_lost, "there was none to lose");
    subscribed(&mut listener).await;
    listener.close().await;

    let mut other = Listener::online(options(broker.port, protocol, "other")).await;
    for n in 0..5 {
        other.publish(message("t", &n.to_string(), Qos::AtLeastOnce)).await.expect("taken");
    }
    let mut listener = Listener::start(kept(broker.port, protocol));
    assert!(listener.welcome().await.session_present);
    subscribed(&mut listener).await;
    other.publish(message("t", "live", Qos::AtLeastOnce)).await.expect("taken");
    let received = listener.messages(6).await;
    let marks: Vec<bool> = received.iter().map(|received| received.resumed).collect();
    assert_eq!(marks, [true, true, true, true, true, false]);
    assert_eq!(received[5].message.payload, "live");
    listener.close().await;
    other.close().await;
}

#[rstest]
#[case::v311(Protocol::V311)]
#[case::v5(Protocol::V5)]
#[tokio::test]
async fn a_session_that_the_broker_has_lost_is_said(#[case] protocol: Protocol) {
    let mut broker = Mosquitto::start();
    let mut listener = Listener::online(kept(broker.port, protocol)).await;
    subscribed(&mut listener).await;
    broker.kill();
    listener.waiting().await;
    broker.restart();
    let again = listener.welcome().await;
    assert_eq!((again.session_present, again.session_lost), (false, true));
    subscribed(&mut listener).await;
    listener.close().await;
}

#[rstest]
#[case::v31(Protocol::V31, false)]
#[case::v311(Protocol::V311, true)]
#[case::v5(Protocol::V5, true)]
#[tokio::test]
async fn a_session_that_the_broker_kept_is_not_missed(#[case] protocol: Protocol, #[case] tells: bool) {
    let mut resumed = connack(protocol);
    resumed[2] = 1;
    let first = vec![Step::Read, Step::Send(connack(protocol))];
    let broker = Scripted::start(vec![first, vec![Step::Read, Step::Send(resumed), Step::Ignore]]).await;
    let mut listener = Listener::start(kept(broker.port, protocol));
    assert!(!listener.welcome().await.session_lost);
    let again = listener.welcome().await;
    assert_eq!((again.session_present, again.session_lost), (tells, false));
    listener.close().await;
}

#[tokio::test]
async fn a_session_that_ends_with_the_connection_is_not_missed() {
    let script = || vec![Step::Read, Step::Send(CONNACK_V5.to_vec()), Step::Send(vec![0xe0, 2, 0x8b, 0])];
    let last = vec![Step::Read, Step::Send(CONNACK_V5.to_vec()), Step::Serve];
    for options in
        [Options { clean_start: false, ..v5(0) }, Options { clean_start: true, session_expiry: SessionExpiry::Never, ..v5(0) }]
    {
        let broker = Scripted::start(vec![script(), last.clone()]).await;
        let mut listener =
            Listener::start(Options { endpoint: crate::v5(broker.port).endpoint, reconnect: Some(QUICK), ..options });
        listener.welcome().await;
        assert!(!listener.welcome().await.session_lost);
        listener.close().await;
    }
}

#[tokio::test]
async fn a_broker_that_does_not_keep_a_session_as_long_as_asked_is_believed() {
    // Session Expiry Interval 0 in CONNACK.
    let connack = vec![0x20, 8, 0, 0, 5, 0x11, 0, 0, 0, 0];
    let first = vec![Step::Read, Step::Send([&connack[..], &[0xe0, 2, 0x8b, 0]].concat())];
    let second = vec![Step::Read, Step::Send(connack), Step::Serve];
    let broker = Scripted::start(vec![first, second]).await;
    let mut listener = Listener::start(kept(broker.port, Protocol::V5));
    assert_eq!(listener.welcome().await.properties.session_expiry, Some(SessionExpiry::AtDisconnect));
    assert!(!listener.welcome().await.session_lost);
    listener.close().await;
}
