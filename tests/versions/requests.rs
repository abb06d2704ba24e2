//! PUBLISH, SUBSCRIBE and UNSUBSCRIBE with all that they can carry.

use mqtap::mqtt::{
    error::Failure,
    event::Event,
    message::{Message, Properties, Qos},
    options::{Options, Protocol, Subscription},
};
use rstest::rstest;

use crate::{
    accepting,
    common::{
        listener::{Listener, message, options},
        mosquitto::{Config, Mosquitto},
        scripted::{Scripted, Step},
    },
    packet::Fields,
    v5,
};

fn aliased(topic: &str, alias: u16, qos: Qos) -> Message {
    let properties = Properties { topic_alias: Some(alias), ..Properties::default() };
    Message { properties: Some(Box::new(properties)), ..message(topic, "x", qos) }
}

/// A broker that takes so many topic aliases.
async fn with_aliases(most: u8) -> Scripted {
    let connack = vec![0x20, 6, 0, 0, 3, 0x22, 0, most];
    Scripted::start(vec![vec![Step::Read, Step::Send(connack), Step::Serve]]).await
}

#[tokio::test]
async fn an_alias_stands_for_the_topic_from_the_second_message_on() {
    let broker = with_aliases(3).await;
    let mut listener = Listener::online(v5(broker.port)).await;
    for topic in ["a/b", "a/b", "c"] {
        listener.publish(aliased(topic, 3, Qos::AtMostOnce)).await.expect("sent");
    }
    listener.close().await;
    let sent: Vec<_> = broker
        .read(0x30)
        .iter()
        .map(|packet| {
            let mut fields = Fields::of(packet);
            (fields.text(), fields.properties())
        })
        .collect();
    let alias = || vec![(0x23, vec![0, 3])];
    assert_eq!(sent, [("a/b".into(), alias()), (String::new(), alias()), ("c".into(), alias())]);
}

#[tokio::test]
async fn an_alias_that_the_broker_does_not_take_is_said() {
    let broker = with_aliases(3).await;
    let mut listener = Listener::online(v5(broker.port)).await;
    for alias in [0, 4] {
        let outcome = listener.publish(aliased("t", alias, Qos::AtMostOnce)).await;
        let Err(Failure::Invalid(said)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(said, format!("the broker takes topic aliases from 1 to 3, the message has {alias}"));
    }
    listener.close().await;
    let none = accepting(Protocol::V5, &[]).await;
    let mut listener = Listener::online(v5(none.port)).await;
    let outcome = listener.publish(aliased("t", 1, Qos::AtMostOnce)).await;
    assert!(matches!(&outcome, Err(Failure::Invalid(said)) if said == "the broker takes no topic aliases"), "{outcome:?}");
    listener.close().await;
}

#[tokio::test]
async fn aliased_messages_arrive_at_every_qos() {
    let broker = Mosquitto::start();
    for qos in Qos::ALL {
        let mut listener = Listener::subscribed(v5(broker.port), "t/#", qos).await;
        for topic in ["t/a", "t/a", "t/b", "t/a"] {
            listener.publish(aliased(topic, 1, qos)).await.expect("taken");
        }
        let topics: Vec<_> = listener.messages(4).await.iter().map(|received| received.message.topic.to_string()).collect();
        assert_eq!(topics, ["t/a", "t/a", "t/b", "t/a"], "QoS {qos}");
        listener.close().await;
    }
}

#[tokio::test]
async fn a_subscription_carries_all_its_options_and_its_identifier() {
    let broker = accepting(Protocol::V5, &[]).await;
    let subscription = Subscription {
        no_local: true,
        retain_as_published: true,
        retain_handling: 2,
        identifier: Some(268_435_455),
        ..Subscription::new("a/+", Qos::ExactlyOnce)
    };
    let mut listener = Listener::online(v5(broker.port)).await;
    listener.subscribe(subscription).await.expect("granted");
    listener
        .subscribe(Subscription { retain_as_published: false, ..Subscription::new("$share/g/#", Qos::AtMostOnce) })
        .await
        .expect("granted");
    listener.close().await;
    let sent = broker.read(0x80);
    let mut fields = Fields::of(&sent[0]);
    fields.short();
    assert_eq!(fields.properties(), [(0x0b, 268_435_455_usize.to_be_bytes().to_vec())]);
    assert_eq!((fields.text().as_str(), fields.byte()), ("a/+", 0b10_1110));
    let mut fields = Fields::of(&sent[1]);
    fields.short();
    assert_eq!(fields.properties(), []);
    assert_eq!((fields.text().as_str(), fields.rest()), ("$share/g/#", &[0][..]));
}

#[tokio::test]
async fn the_identifier_comes_back_with_each_message() {
    let broker = Mosquitto::start();
    let numbered =
        |filter: &str, identifier| Subscription { identifier: Some(identifier), ..Subscription::new(filter, Qos::AtMostOnce) };
    let mut listener = Listener::online(v5(broker.port)).await;
    for subscription in [numbered("a/#", 7), numbered("a/b", 268_435_455)] {
        listener.subscribe(subscription).await.expect("granted");
    }
    listener.send(message("a/b", "x", Qos::AtMostOnce)).await;
    let mut ids = Vec::new();
    while ids.len() < 2 {
        let received = listener.messages(1).await.remove(0);
        ids.extend(received.message.properties.expect("identifiers").subscription_ids);
    }
    ids.sort_unstable();
    assert_eq!(ids, [7, 268_435_455]);
    listener.close().await;
}

#[rstest]
#[case(Protocol::V311, Some(1), "needs MQTT 5")]
#[case(Protocol::V5, Some(0), "1 to 268435455")]
#[case(Protocol::V5, Some(268_435_456), "1 to 268435455")]
#[tokio::test]
async fn an_identifier_that_cannot_be_is_said(#[case] protocol: Protocol, #[case] identifier: Option<u32>, #[case] said: &str) {
    let broker = accepting(protocol, &[]).await;
    let mut listener = Listener::online(options(broker.port, protocol, "me")).await;
    let outcome = listener.subscribe(Subscription { identifier, ..Subscription::new("t", Qos::AtMostOnce) }).await;
    assert!(matches!(&outcome, Err(Failure::Invalid(sentence)) if sentence.contains(said)), "{outcome:?}");
    listener.close().await;
}

#[tokio::test]
async fn a_shared_subscription_gives_each_message_to_one_member() {
    let broker = Mosquitto::start();
    let shared = "$share/group/t";
    let mut members = Vec::new();
    for id in ["one", "two"] {
        members.push(Listener::subscribed(options(broker.port, Protocol::V5, id), shared, Qos::AtLeastOnce).await);
    }
    let mut publisher = Listener::online(options(broker.port, Protocol::V5, "publisher")).await;
    for n in 0..10 {
        publisher.publish(message("t", &n.to_string(), Qos::AtLeastOnce)).await.expect("taken");
    }
    let mut got = Vec::new();
    for member in &mut members {
        // A message of its own marks the end of what the member got.
        member.subscribe(Subscription::new("end", Qos::AtLeastOnce)).await.expect("granted");
    }
    publisher.publish(message("end", "", Qos::AtLeastOnce)).await.expect("taken");
    for member in &mut members {
        loop {
            let received = member.messages(1).await.remove(0).message;
            if &received.topic == "end" {
                break;
            }
            got.push(String::from_utf8(received.payload.to_vec()).expect("text"));
        }
    }
    got.sort();
    assert_eq!(got, (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
    for member in members {
        member.close().await;
    }
    publisher.close().await;
}

#[tokio::test]
async fn a_kept_filter_is_unsubscribed_from_before_anything_is_subscribed() {
    let broker = accepting(Protocol::V5, &[]).await;
    let start = Options {
        unsubscribe: vec!["old".into()],
        subscriptions: vec![Subscription::new("new", Qos::AtMostOnce)],
        ..v5(broker.port)
    };
    let listener = Listener::online(start).await;
    crate::common::within("both requests", async {
        while broker.read(0x80).is_empty() || broker.read(0xa0).is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let id = |packet: &[u8]| Fields::of(packet).short();
    assert!(id(&broker.read(0xa0)[0]) < id(&broker.read(0x80)[0]));
    listener.close().await;
}

#[rstest]
#[case::v31(Protocol::V31)]
#[case::v311(Protocol::V311)]
#[case::v5(Protocol::V5)]
#[tokio::test]
async fn every_version_publishes_and_receives_at_every_qos(#[case] protocol: Protocol) {
    let broker = Config::default().line("max_inflight_messages 0").start();
    for qos in Qos::ALL {
        let mut listener = Listener::subscribed(options(broker.port, protocol, "both-ways"), "t/#", qos).await;
        for n in 0..50 {
            listener.send(message("t/x", &n.to_string(), qos)).await;
        }
        let (mut receipts, mut payloads) = (0, Vec::new());
        while receipts < 50 || payloads.len() < 50 {
            match listener.next("receipts and messages").await {
                Event::Messages(batch) => payloads.extend(batch.into_iter().map(|received| received.message.payload)),
                Event::Settled { outcome, .. } => {
                    outcome.expect("taken");
                    receipts += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(payloads.iter().zip(0..).all(|(payload, n)| payload == &n.to_string()), "QoS {qos}, in order");
        listener.close().await;
    }
}
