//! What we do with brokers that misbehave or fall silent.

use std::time::Duration;

use mqtap::mqtt::{
    command::Command,
    error::Failure,
    event::Event,
    message::Qos,
    options::{Options, Protocol, Subscription},
};
use rstest::rstest;
use tokio::time::Instant;

use crate::{
    QUICK,
    common::{
        listener::{Listener, message, options},
        mosquitto::Config,
        scripted::{CONNACK_V5, Scripted, Step},
        within,
    },
    connack, v5,
};

#[tokio::test]
async fn a_retained_message_that_ends_every_connection_is_named() {
    // Content Type twice, on plant/bad, and each time with another packet identifier.
    let script = |id: u8| {
        let body = [&[0, 9][..], b"plant/bad", &[0, id, 8, 3, 0, 1, b'a', 3, 0, 1, b'b']].concat();
        let publish = [&[0x33, u8::try_from(body.len()).expect("short")], &body[..]].concat();
        vec![Step::Read, Step::Send(CONNACK_V5.to_vec()), Step::Read, Step::Send(publish), Step::Ignore]
    };
    let broker = Scripted::start((1..=4).map(script).collect()).await;
    let subscriptions = vec![Subscription::new("plant/#", Qos::AtLeastOnce)];
    let mut listener = Listener::start(Options { reconnect: Some(QUICK), subscriptions, ..v5(broker.port) });
    let cause = listener.failed().await;
    let said = cause.to_string();
    assert!(said.contains("3 connections") && said.contains("PUBLISH on plant/bad: Content Type occurs twice"), "{said}");
    assert!(cause.hint().contains("retained"), "{}", cause.hint());
    listener.close().await;
    assert_eq!(broker.accepted(), 3);
}

/// mosquitto 2.0 sends more at once than it may when acknowledgements make room.
#[rstest]
#[tokio::test]
async fn a_small_receive_maximum_costs_no_message(
    #[values(Qos::AtLeastOnce, Qos::ExactlyOnce)] qos: Qos,
    #[values(1, 2, 10)] receive_maximum: u16,
) {
    const SENT: usize = 500;
    let broker = Config::default().line("max_queued_messages 0").start();
    let ours = Options { receive_maximum: Some(receive_maximum), reconnect: None, ..v5(broker.port) };
    let mut listener = Listener::online(ours).await;
    listener.subscribe(Subscription::new("a", qos)).await.expect("granted");
    let mut publisher = Listener::online(Options { client_id: "publisher".into(), ..v5(broker.port) }).await;
    for n in 0..SENT {
        publisher.send(message("a", &n.to_string(), qos)).await;
    }
    let mut next = 0;
    while next < SENT {
        for received in listener.messages(1).await {
            assert_eq!(received.message.payload, next.to_string());
            next += 1;
        }
    }
    publisher.close().await;
    listener.close().await;
}

#[rstest]
#[case(Qos::AtLeastOnce, &[0x40, 2, 0, 1])]
#[case(Qos::ExactlyOnce, &[0x50, 3, 0, 1, 0x87])]
#[tokio::test]
async fn no_more_is_published_than_the_broker_can_take(#[case] qos: Qos, #[case] answer: &[u8]) {
    let pong = || Step::Send(vec![0xd0, 0]);
    let connack = vec![0x20, 6, 0, 0, 3, 0x21, 0, 2];
    // Two publishes and a ping; when one of the two is over, a third publish and another ping.
    let first = [Step::Read, Step::Send(connack), Step::Read, Step::Read, Step::Read, pong()];
    let second = [Step::Send(answer.to_vec()), Step::Read, Step::Read, pong(), Step::Ignore];
    let broker = Scripted::start(vec![first.into_iter().chain(second).collect()]).await;
    let mut listener = Listener::online(v5(broker.port)).await;
    for n in 0..5 {
        listener.send(message("t", &n.to_string(), qos)).await;
    }
    for open in [2, 3] {
        within("PUBLISH", async {
            while broker.read(0x30).len() < open {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        listener.session.send(Command::Ping).await.expect("online");
        listener.wait("PINGRESP", |event| matches!(event, Event::RoundTrip(_)).then_some(())).await;
    }
    assert_eq!(broker.read(0x30).len(), 3, "two are still open");
    listener.close().await;
}

#[tokio::test]
async fn an_alias_that_was_not_set_on_this_connection_is_an_error() {
    let set = [0x30, 7, 0, 1, b'a', 3, 0x23, 0, 1];
    let used = [0x30, 6, 0, 0, 3, 0x23, 0, 1];
    let first = vec![Step::Read, Step::Send([CONNACK_V5, &set, &used].concat()), Step::Send(vec![0xe0, 2, 0x8b, 0])];
    let second = vec![Step::Read, Step::Send([CONNACK_V5, &used].concat()), Step::Ignore];
    let broker = Scripted::start(vec![first, second]).await;
    let mut listener = Listener::start(Options { reconnect: Some(QUICK), ..v5(broker.port) });
    let topics: Vec<_> = listener.messages(2).await.iter().map(|received| received.message.topic.to_string()).collect();
    assert_eq!(topics, ["a", "a"]);
    listener.waiting().await;
    let cause = listener.waiting().await;
    assert!(cause.to_string().contains("Topic Alias is 1, which was not set on this connection"), "{cause}");
    listener.close().await;
}

#[rstest]
#[case::v31(Protocol::V31)]
#[case::v311(Protocol::V311)]
#[case::v5(Protocol::V5)]
#[tokio::test]
async fn answers_to_nothing_leave_the_connection_alone(#[case] protocol: Protocol) {
    let stray = [
        &[0x40, 2, 0, 9, 0x50, 2, 0, 9, 0x70, 2, 0, 9][..],
        if protocol == Protocol::V5 { &[0x90, 4, 0, 9, 0, 0, 0xb0, 4, 0, 9, 0, 0] } else { &[0x90, 3, 0, 9, 0, 0xb0, 2, 0, 9] },
    ]
    .concat();
    let script = vec![
        Step::Read,
        Step::Send([connack(protocol), stray].concat()),
        Step::Read,
        Step::Send(vec![0x40, 2, 0, 1]),
        Step::Ignore,
    ];
    let broker = Scripted::start(vec![script]).await;
    let mut listener = Listener::online(options(broker.port, protocol, "me")).await;
    listener.publish(message("t", "x", Qos::AtLeastOnce)).await.expect("acknowledged");
    listener.close().await;
    assert_eq!(broker.accepted(), 1);
}

#[tokio::test]
async fn a_suback_with_too_many_codes_fails_the_subscription_and_says_so() {
    let script =
        vec![Step::Read, Step::Send(CONNACK_V5.to_vec()), Step::Read, Step::Send(vec![0x90, 5, 0, 1, 0, 0, 0]), Step::Ignore];
    let broker = Scripted::start(vec![script]).await;
    let mut listener = Listener::online(Options { reconnect: None, ..v5(broker.port) }).await;
    let outcome = listener.subscribe(Subscription::new("t", Qos::AtMostOnce)).await;
    assert!(outcome.is_err(), "{outcome:?}");
    let cause = listener.failed().await;
    assert!(cause.to_string().contains("SUBACK: reason codes are 2, for 1 that were asked for"), "{cause}");
    listener.close().await;
}

/// Publishes to a broker that has gone silent after CONNACK; returns after how many keep-alives that was told.
async fn silence(protocol: Protocol, keep_alive: Duration) -> f64 {
    let script = vec![Step::Read, Step::Send(connack(protocol)), Step::Ignore];
    let broker = Scripted::start(vec![script]).await;
    let steady = Options { keep_alive, reconnect: None, ..options(broker.port, protocol, "me") };
    let mut listener = Listener::online(steady).await;
    let began = Instant::now();
    loop {
        listener.send(message("t", "x", Qos::AtMostOnce)).await;
        let pause = tokio::time::timeout(keep_alive / 10, listener.next("the end"));
        if let Ok(Event::Status(status)) = pause.await {
            let took = began.elapsed();
            assert!(format!("{status:?}").contains("PINGRESP"), "{status:?}");
            listener.close().await;
            assert_eq!(broker.read(0xc0).len(), 1, "one ping, although something is always sent");
            return took.as_secs_f64() / keep_alive.as_secs_f64();
        }
    }
}

#[rstest]
#[case::v31(Protocol::V31)]
#[case::v5(Protocol::V5)]
#[tokio::test]
async fn a_broker_that_falls_silent_while_we_publish_is_noticed_after_one_and_a_half_keep_alives(#[case] protocol: Protocol) {
    let keep_alives = silence(protocol, Duration::from_secs(1)).await;
    assert!((1.0..1.75).contains(&keep_alives), "{keep_alives}");
}

#[tokio::test]
async fn an_idle_connection_has_one_ping_for_each_keep_alive() {
    let script = vec![Step::Read, Step::Send(CONNACK_V5.to_vec()), Step::Serve];
    let broker = Scripted::start(vec![script]).await;
    let mut listener = Listener::online(Options { keep_alive: Duration::from_secs(1), ..v5(broker.port) }).await;
    for _ in 0..2 {
        listener.wait("PINGRESP", |event| matches!(event, Event::RoundTrip(_)).then_some(())).await;
    }
    assert_eq!(broker.read(0xc0).len(), 2);
    listener.close().await;
}

#[tokio::test]
async fn a_broker_that_never_comes_back_is_tried_ten_times_at_most_at_first() {
    let broker = Scripted::start(vec![vec![Step::Read]]).await;
    let mut listener = Listener::start(Options { reconnect: Some(QUICK), ..v5(broker.port) });
    let tenth = |event| {
        let Event::Status(mqtap::mqtt::event::Status::Waiting { attempt, cause, .. }) = event else { return None };
        assert!(matches!(*cause, Failure::Closed { .. }), "{cause:?}");
        (attempt == 11).then_some(())
    };
    listener.wait("the tenth failure", tenth).await;
    let more = tokio::time::timeout(Duration::from_secs(1), listener.events.recv()).await;
    assert!(more.is_err(), "{more:?}");
    assert_eq!(broker.accepted(), 10);
    listener.close().await;
}

#[tokio::test]
async fn a_proxy_that_ends_idle_connections_is_told_by_their_equal_silence() {
    let idle = vec![Step::Read, Step::Send(CONNACK_V5.to_vec()), Step::Pause(Duration::from_millis(2_100))];
    let broker = Scripted::start(vec![idle]).await;
    let mut listener = Listener::start(Options { reconnect: Some(QUICK), ..v5(broker.port) });
    let (first, second) = (listener.waiting().await, listener.waiting().await);
    assert!(first.to_string().starts_with("the broker closed the connection after 2.") && !first.to_string().contains("times"));
    assert!(second.to_string().ends_with(" s without traffic, 2 times"), "{second}");
    assert!(!first.hint().contains("-k") && second.hint().contains("ends idle connections"), "{}", second.hint());
    listener.close().await;
}
