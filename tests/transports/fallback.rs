//! The addresses after the first.

use mqtap::{
    mqtt::options::{Options, Protocol, Reconnect},
    wire::{
        endpoint::{Endpoint, Transport},
        tls::TlsOptions,
    },
};
use std::time::Duration;

use crate::{
    broker::{Everywhere, options},
    certificates::Authority,
    common::{
        listener::Listener,
        mosquitto::{Config, free_port},
        scripted::{Scripted, Step},
    },
};

fn tcp(port: u16) -> Endpoint {
    Endpoint::new(Transport::Tcp, "127.0.0.1", port)
}

#[tokio::test]
async fn the_first_address_that_works_is_used_and_told() {
    let authority = Authority::new("Test CA");
    let broker = Everywhere::start(Config::default(), &authority, &authority.broker());
    let unknown = broker.endpoint(Transport::Tls, false);
    let works = broker.endpoint(Transport::Ws, false);
    let fallbacks = vec![unknown, works.clone(), broker.endpoint(Transport::Tcp, false)];
    // The certificate of the second is not trusted, which is no reason to stop there.
    let tls = Authority::new("Our CA").trusted();
    let mut listener = Listener::start(Options { fallbacks, ..options(tcp(free_port()), Protocol::V5, tls) });
    assert_eq!(listener.welcome().await.endpoint, works);
    listener.close().await;
}

#[tokio::test]
async fn when_none_works_they_are_tried_again_from_the_first() {
    // It closes each connection behind its CONNECT.
    let first = Scripted::start(vec![vec![Step::Read]]).await;
    let second = free_port();
    let reconnect = Some(Reconnect { initial: Duration::from_millis(50), max: Duration::from_millis(100) });
    let options = options(tcp(first.port), Protocol::V5, TlsOptions::default());
    let mut listener = Listener::start(Options { fallbacks: vec![tcp(second)], reconnect, ..options });
    for rounds in 1..=2 {
        let cause = listener.waiting().await;
        assert!(cause.to_string().contains(&second.to_string()), "{cause}");
        assert!(first.accepted() >= rounds, "{} connections in round {rounds}", first.accepted());
    }
    listener.close().await;
}

#[tokio::test]
async fn one_address_that_may_heal_is_enough_to_go_on() {
    let authority = Authority::new("Test CA");
    let broker = Everywhere::start(Config::default(), &authority, &authority.broker());
    let hopeless = broker.endpoint(Transport::Tls, false);
    let options = options(tcp(free_port()), Protocol::V5, Authority::new("Our CA").trusted());
    let mut listener = Listener::start(Options { fallbacks: vec![hopeless.clone()], ..options.clone() });
    listener.waiting().await;
    listener.close().await;
    let mut listener = Listener::start(Options { endpoint: hopeless.clone(), fallbacks: vec![hopeless], ..options });
    listener.failed().await;
    listener.close().await;
}
