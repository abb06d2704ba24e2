//! How fast what has arrived is read, where each message is a frame or a record of its own.

use std::time::Duration;

use mqtap::{
    mqtt::{
        message::Qos,
        options::{Options, Protocol},
    },
    wire::{endpoint::Transport, tls::TlsOptions},
};
use rstest::rstest;
use tokio::time::Instant;

use crate::{
    broker::{Everywhere, options},
    certificates::Authority,
    common::{
        listener::{Listener, message},
        mosquitto::Config,
    },
};

const MESSAGES: usize = 10_000;

#[rstest]
#[case::tcp(Transport::Tcp)]
#[case::tls(Transport::Tls)]
#[case::ws(Transport::Ws)]
#[case::wss(Transport::Wss)]
#[tokio::test]
async fn ten_thousand_messages_of_a_frame_each_are_not_held_up(#[case] transport: Transport) {
    let authority = Authority::new("speed");
    let config = Config::default().line("max_queued_messages 0").line("set_tcp_nodelay true");
    let broker = Everywhere::start(config, &authority, &authority.broker());
    let ours = options(broker.endpoint(transport, false), Protocol::V5, authority.trusted());
    let mut listener = Listener::subscribed(ours, "t", Qos::AtMostOnce).await;
    // A ping, and all that is sent, keeps reading awake for a moment: what is measured begins after it.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let sender = options(broker.endpoint(Transport::Tcp, false), Protocol::V5, TlsOptions::default());
    let mut sender = Listener::online(Options { client_id: "sender".into(), ..sender }).await;
    let began = Instant::now();
    for number in 0..MESSAGES {
        sender.send(message("t", &number.to_string(), Qos::AtMostOnce)).await;
    }
    let received = listener.messages(MESSAGES).await;
    let took = began.elapsed();
    for (number, received) in received.iter().enumerate() {
        assert_eq!(received.message.payload, number.to_string());
    }
    assert!(took < Duration::from_secs(10), "{took:?}");
    sender.close().await;
    listener.close().await;
}
