//! Every version and parameter of MQTT, as bytes, against scripted brokers and mosquitto.

mod authentication;
#[path = "../common/mod.rs"]
mod common;
mod connect;
mod packet;
mod politeness;
mod reasons;
mod requests;
mod sessions;
mod situations;

use std::time::Duration;

use common::{
    listener::options,
    scripted::{CONNACK_V5, CONNACK_V311, Scripted, Step},
};
use mqtap::mqtt::options::{Options, Protocol, Reconnect};

/// Waits that a test can sit through.
const QUICK: Reconnect = Reconnect { initial: Duration::from_millis(50), max: Duration::from_millis(200) };

fn v5(port: u16) -> Options {
    options(port, Protocol::V5, "tester")
}

fn connack(protocol: Protocol) -> Vec<u8> {
    match protocol {
        Protocol::V31 | Protocol::V311 => CONNACK_V311.to_vec(),
        Protocol::V5 => CONNACK_V5.to_vec(),
    }
}

/// A broker that accepts every connection, sends something, and then answers as a broker does.
async fn accepting(protocol: Protocol, then: &[u8]) -> Scripted {
    Scripted::start(vec![vec![Step::Read, Step::Send([&connack(protocol), then].concat()), Step::Serve]]).await
}
