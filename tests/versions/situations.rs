//! What a broker may do that is rare, and what becomes of it.

use std::{collections::HashMap, time::Duration};

use mqtap::mqtt::{
    command::{Command, Token},
    error::Failure,
    event::Event,
    message::Qos,
    options::{Options, Protocol, SessionExpiry, Subscription},
    reason::Reason,
};
use rstest::rstest;

use crate::{
    QUICK,
    common::{
        listener::{Listener, message, options},
        scripted::{CONNACK_V5, CONNACK_V311, Scripted, Step},
        within,
    },
    connack, v5,
};

/// Waits until so many packets of a type were read.
async fn has_read(broker: &Scripted, first: u8, count: usize) -> Vec<Vec<u8>> {
    within("packets", async {
        loop {
            let read = broker.read(first);
            if read.len() >= count {
                return read;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

/// Sends a ping and waits for its answer, so that what was sent before has been read.
async fn round_trip(listener: &mut Listener) {
    listener.session.send(Command::Ping).await.expect("the session lives");
    listener.wait("PINGRESP", |event| matches!(event, Event::RoundTrip(_)).then_some(())).await;
}

/// CONNACK of MQTT 5 with properties.
fn granting(properties: &[u8]) -> Vec<u8> {
    let length = u8::try_from(properties.len()).expect("short");
    [&[0x20, 3 + length, 0, 0, length], properties].concat()
}

#[tokio::test]
async fn a_disconnect_without_a_reason_is_a_normal_one() {
    for farewell in [&[0xe0, 0][..], &[0xe0, 1, 0], &[0xe0, 2, 0, 0]] {
        let script = vec![Step::Read, Step::Send([CONNACK_V5, farewell].concat()), Step::Ignore];
        let broker = Scripted::start(vec![script]).await;
        let mut listener = Listener::start(v5(broker.port));
        let cause = listener.waiting().await;
        assert!(matches!(*cause, Failure::Disconnected { reason: Reason(0), .. }), "{cause:?}");
        assert!(cause.to_string().contains("Normal disconnection"), "{cause}");
        listener.close().await;
    }
}

#[rstest]
#[case(1)]
#[case(10)]
#[tokio::test]
async fn a_broker_that_takes_next_to_nothing_can_still_be_listened_to(#[case] most: u8) {
    let messages = [&[0x30, 5, 0, 1, b't', 0, b'x'][..], &[0x30, 5, 0, 1, b't', 0, b'y']].concat();
    let bytes = [granting(&[0x27, 0, 0, 0, most]), messages].concat();
    let broker = Scripted::start(vec![vec![Step::Read, Step::Send(bytes), Step::Serve]]).await;
    let mut listener = Listener::start(Options { reconnect: Some(QUICK), ..v5(broker.port) });
    assert_eq!(listener.messages(2).await.len(), 2);
    let refused = listener.subscribe(Subscription::new("plant/hall1/#", Qos::AtMostOnce)).await.expect_err("too large");
    assert!(refused.to_string().contains(&format!("takes {most} B at most")), "{refused}");
    let refused = listener.publish(message("t", "a payload", Qos::AtLeastOnce)).await.expect_err("too large");
    assert!(
        matches!(refused, Failure::Invalid(_)) && refused.to_string().contains(&format!("takes {most} B at most")),
        "{refused}"
    );
    round_trip(&mut listener).await;
    assert_eq!(broker.accepted(), 1);
    listener.close().await;
}

#[tokio::test]
async fn the_keep_alive_of_the_broker_is_heeded() {
    let broker = Scripted::start(vec![vec![Step::Read, Step::Send(granting(&[0x13, 0, 1])), Step::Serve]]).await;
    let mut listener = Listener::start(v5(broker.port));
    assert_eq!(listener.welcome().await.keep_alive, Duration::from_secs(1));
    has_read(&broker, 0xc0, 2).await;
    assert_eq!(broker.accepted(), 1);
    listener.close().await;
    for seconds in [0, u16::MAX] {
        let [high, low] = seconds.to_be_bytes();
        let broker = Scripted::start(vec![vec![Step::Read, Step::Send(granting(&[0x13, high, low])), Step::Serve]]).await;
        let mut listener = Listener::start(Options { keep_alive: Duration::from_secs(1), ..v5(broker.port) });
        assert_eq!(listener.welcome().await.keep_alive, Duration::from_secs(seconds.into()));
        tokio::time::sleep(Duration::from_millis(1_600)).await;
        assert!(broker.read(0xc0).is_empty(), "a Keep Alive of {seconds} s is not ours of 1 s");
        listener.close().await;
    }
}

#[tokio::test]
async fn a_keep_alive_that_the_broker_only_repeats_is_not_said_to_be_its_own_wish() {
    for (theirs, told) in [(7, None), (8, Some(Duration::from_secs(8)))] {
        let broker = Scripted::start(vec![vec![Step::Read, Step::Send(granting(&[0x13, 0, theirs])), Step::Serve]]).await;
        // What is asked for in milliseconds goes out as whole seconds.
        let mut listener = Listener::start(Options { keep_alive: Duration::from_millis(6_500), ..v5(broker.port) });
        let welcome = listener.welcome().await;
        assert_eq!((welcome.keep_alive, welcome.properties.server_keep_alive), (Duration::from_secs(theirs.into()), told));
        listener.close().await;
    }
}

#[rstest]
#[case(Protocol::V311, &[0x20, 2, 1, 0])]
#[case(Protocol::V5, &[0x20, 3, 1, 0, 0])]
#[tokio::test]
async fn a_session_that_should_be_new_and_is_not_is_an_error(#[case] protocol: Protocol, #[case] connack: &[u8]) {
    let broker = Scripted::start(vec![vec![Step::Read, Step::Send(connack.to_vec()), Step::Ignore]]).await;
    let mut listener = Listener::start(Options { reconnect: Some(QUICK), ..options(broker.port, protocol, "me") });
    let cause = listener.failed().await;
    assert!(cause.to_string().to_lowercase().contains("session"), "{cause}");
    assert_eq!(broker.accepted(), 3, "no loop");
    listener.close().await;
}

#[rstest]
#[case(Protocol::V31, &[0x70, 2, 0, 9])]
#[case(Protocol::V311, &[0x70, 2, 0, 9])]
#[case(Protocol::V5, &[0x70, 3, 0, 9, 0x92])]
#[tokio::test]
async fn a_pubrel_for_nothing_is_answered(#[case] protocol: Protocol, #[case] pubcomp: &[u8]) {
    let bytes = [connack(protocol), vec![0x62, 2, 0, 9]].concat();
    let broker = Scripted::start(vec![vec![Step::Read, Step::Send(bytes), Step::Serve]]).await;
    let mut listener = Listener::online(options(broker.port, protocol, "me")).await;
    let answer = has_read(&broker, 0x70, 1).await.remove(0);
    assert!(answer == pubcomp || answer == [&[0x70, 4][..], &pubcomp[2..], &[0]].concat(), "{answer:02x?}");
    round_trip(&mut listener).await;
    assert_eq!(broker.accepted(), 1);
    listener.close().await;
}

#[rstest]
#[case(Protocol::V311, CONNACK_V311)]
#[case(Protocol::V5, CONNACK_V5)]
#[tokio::test]
async fn a_message_that_is_sent_again_comes_once_with_qos_2_and_marked_with_qos_1(
    #[case] protocol: Protocol,
    #[case] connack: &[u8],
) {
    let publish = |first: u8, id: u8, payload: u8| match protocol {
        Protocol::V31 | Protocol::V311 => vec![first, 6, 0, 1, b't', 0, id, payload],
        Protocol::V5 => vec![first, 7, 0, 1, b't', 0, id, 0, payload],
    };
    let exactly = [publish(0x34, 5, b'a'), publish(0x3c, 5, b'a'), vec![0x62, 2, 0, 5]].concat();
    let at_least = [publish(0x32, 6, b'b'), publish(0x3a, 6, b'b')].concat();
    let bytes = [connack, &exactly, &at_least].concat();
    let broker = Scripted::start(vec![vec![Step::Read, Step::Send(bytes), Step::Serve]]).await;
    let mut listener = Listener::start(options(broker.port, protocol, "me"));
    let got = listener.messages(3).await;
    let got: Vec<_> = got.iter().map(|received| (&*received.message.payload, received.message.dup)).collect();
    assert_eq!(got, [(&b"a"[..], false), (b"b", false), (b"b", true)]);
    assert_eq!(has_read(&broker, 0x70, 1).await.len(), 1, "one PUBCOMP");
    listener.close().await;
}

#[tokio::test]
async fn acknowledgements_in_any_order_find_their_publish() {
    let order = [3, 1, 5, 2, 4];
    // The reason tells which one it is: only the third has no subscriber.
    let answers = order.map(|id| [0x40, 3, 0, id, if id == 3 { 0x10 } else { 0 }]).concat();
    let publishes = std::iter::repeat_n(Step::Read, order.len());
    let script =
        [Step::Read, Step::Send(CONNACK_V5.to_vec())].into_iter().chain(publishes).chain([Step::Send(answers), Step::Ignore]);
    let broker = Scripted::start(vec![script.collect()]).await;
    let mut listener = Listener::online(v5(broker.port)).await;
    let mut sent = Vec::new();
    for n in 1..=order.len() {
        sent.push(listener.send(message("t", &n.to_string(), Qos::AtLeastOnce)).await);
    }
    let mut reasons = HashMap::new();
    while reasons.len() < sent.len() {
        let settled = |event| if let Event::Settled { token, outcome } = event { Some((token, outcome)) } else { None };
        let (token, outcome) = listener.wait("a receipt", settled).await;
        reasons.insert(token, outcome.expect("acknowledged").reason);
    }
    for (n, token) in (1..).zip(&sent) {
        let wanted = if n == 3 { Reason(0x10) } else { Reason(0) };
        assert_eq!(reasons[token].unwrap_or(Reason(0)), wanted, "publish {n}");
    }
    listener.close().await;
}

#[rstest]
#[case(Protocol::V311, CONNACK_V311, &[0x20, 2, 1, 0])]
#[case(Protocol::V5, CONNACK_V5, &[0x20, 3, 1, 0, 0])]
#[tokio::test]
async fn what_was_in_flight_is_sent_again_whole_marked_and_in_order(
    #[case] protocol: Protocol,
    #[case] connack: &[u8],
    #[case] resumed: &[u8],
) {
    const COUNT: usize = 20;
    let reads = || std::iter::repeat_n(Step::Read, COUNT);
    let acks = (1..=20).flat_map(|id| [0x40, 2, 0, id]).collect();
    let first = [Step::Read, Step::Send(connack.to_vec())].into_iter().chain(reads());
    let second = [Step::Read, Step::Send(resumed.to_vec())].into_iter().chain(reads()).chain([Step::Send(acks), Step::Ignore]);
    let broker = Scripted::start(vec![first.collect(), second.collect()]).await;
    let kept = Options { clean_start: false, reconnect: Some(QUICK), ..options(broker.port, protocol, "me") };
    let mut listener = Listener::online(kept).await;
    for n in 0..COUNT {
        listener.send(message("t", &n.to_string(), Qos::AtLeastOnce)).await;
    }
    for _ in 0..COUNT {
        let settled = |event| if let Event::Settled { outcome, .. } = event { Some(outcome) } else { None };
        listener.wait("a receipt", settled).await.expect("acknowledged");
    }
    let read = broker.read(0x30);
    let (before, after) = read.split_at(COUNT);
    assert!(before.iter().all(|publish| publish[0] == 0x32) && after.iter().all(|publish| publish[0] == 0x3a));
    let rest = |publishes: &[Vec<u8>]| publishes.iter().map(|publish| publish[1..].to_vec()).collect::<Vec<_>>();
    assert_eq!(rest(before), rest(after), "the same identifiers and payloads in the same order, none twice");
    listener.close().await;
}

#[tokio::test]
async fn an_assigned_client_identifier_of_the_greatest_length_is_kept_and_used_again() {
    let assigned = "i".repeat(usize::from(u16::MAX));
    let properties = [&[0x12, 0xff, 0xff][..], assigned.as_bytes()].concat();
    // Property Length 65,538, Remaining Length 65,543.
    let connack = [&[0x20, 0x87, 0x80, 0x04, 0, 0, 0x82, 0x80, 0x04][..], &properties].concat();
    let broker = Scripted::start(vec![vec![Step::Read, Step::Send(connack), Step::Read], vec![Step::Read, Step::Ignore]]).await;
    let session_expiry = SessionExpiry::After(3_600);
    let ours = Options { client_id: String::new(), clean_start: false, session_expiry, reconnect: Some(QUICK), ..v5(broker.port) };
    let mut listener = Listener::start(ours);
    assert_eq!(listener.welcome().await.client_id, assigned);
    // The script closes the connection once it has read something.
    listener.session.send(Command::Ping).await.expect("the session lives");
    let again = has_read(&broker, 0x10, 2).await.remove(1);
    assert!(again.windows(assigned.len()).any(|window| window == assigned.as_bytes()), "the session is that of the identifier");
    listener.close().await;
}

#[tokio::test]
async fn a_request_for_an_answer_to_anywhere_is_shown_and_never_obeyed() {
    // Message Expiry Interval 0 and the greatest, Response Topic $SYS/x, Correlation Data of one byte.
    let request = |id: u8, expiry: [u8; 4]| {
        let properties = [&[0x02][..], &expiry, &[0x08, 0, 6], b"$SYS/x", &[0x09, 0, 1, 7]].concat();
        let length = u8::try_from(properties.len()).expect("short");
        [&[0x32, 6 + length, 0, 1, b'a', 0, id, length][..], &properties].concat()
    };
    let bytes = [CONNACK_V5, &request(1, [0; 4]), &request(2, [0xff; 4])].concat();
    let broker = Scripted::start(vec![vec![Step::Read, Step::Send(bytes), Step::Serve]]).await;
    let mut listener = Listener::online(v5(broker.port)).await;
    for expiry in [0, u32::MAX] {
        let properties = listener.messages(1).await.remove(0).message.properties.expect("properties");
        assert_eq!((properties.message_expiry, properties.response_topic.as_deref()), (Some(expiry), Some("$SYS/x")));
    }
    round_trip(&mut listener).await;
    assert!(broker.read(0x30).is_empty(), "nothing is published by itself");
    listener.close().await;
}

#[tokio::test]
async fn a_broker_that_acknowledges_nothing_is_not_sent_more_and_more() {
    const WANTED: usize = 70_000;
    let broker = Scripted::start(vec![vec![Step::Read, Step::Send(CONNACK_V5.to_vec()), Step::Ignore]]).await;
    let listener = Listener::online(Options { keep_alive: Duration::ZERO, ..v5(broker.port) }).await;
    let mut refused = 0;
    for n in 0..WANTED {
        let publish = Command::Publish { token: Token(n as u64), message: message("t", "x", Qos::AtLeastOnce) };
        match listener.session.command(publish) {
            Ok(()) => tokio::task::yield_now().await,
            Err(why) => {
                assert!(why.to_string().contains("too many requests wait"), "{why}");
                refused += 1;
            }
        }
    }
    assert!(refused > WANTED / 2, "only {refused} were refused: whoever publishes must feel it");
    listener.close().await;
    let sent = broker.read(0x30).len();
    assert!(sent < WANTED - refused, "{sent} were sent: none is acknowledged, so that all but a few have to wait");
}
