//! A session against real brokers, and against scripted ones where a real one would not misbehave.

mod common;

use common::{
    listener::{Listener, message, options},
    mosquitto::Config,
};
use mqtap::mqtt::{event::Event, message::Qos, options::Protocol};
use rstest::rstest;

#[rstest]
#[case::v311(Protocol::V311)]
#[case::v5(Protocol::V5)]
#[tokio::test]
async fn a_thousand_messages_of_each_qos_arrive_whole_and_in_order_with_receipts(#[case] protocol: Protocol) {
    // With its default of 20 in flight, mosquitto 2.0 stops to send from its queue of QoS 2 after 200 messages.
    let broker = Config::default().line("max_inflight_messages 0").start();
    for qos in Qos::ALL {
        let mut listener = Listener::subscribed(options(broker.port, protocol, "both-ways"), "t/#", qos).await;
        let mut open = std::collections::BTreeSet::new();
        for n in 0..1_000 {
            open.insert(listener.send(message("t/x", &format!("payload {n}"), qos)).await);
        }
        let mut payloads = Vec::new();
        while !open.is_empty() || payloads.len() < 1_000 {
            listener
                .wait("messages and receipts", |event| match event {
                    Event::Messages(batch) => {
                        payloads.extend(batch.into_iter().map(|received| received.message));
                        Some(())
                    }
                    Event::Settled { token, outcome } => {
                        outcome.expect("acknowledged");
                        assert!(open.remove(&token), "settled once");
                        Some(())
                    }
                    _ => None,
                })
                .await;
        }
        for (n, message) in payloads.iter().enumerate() {
            assert_eq!((message.topic.as_ref(), message.qos), ("t/x", qos));
            assert_eq!(message.payload, format!("payload {n}"));
        }
        listener.close().await;
    }
}
