//! The MQTT library behind one face, whichever version it speaks.

use std::{future::Future, io, pin::Pin, time::Duration};

use bytes::Bytes;
use bytestring::ByteString;

use super::{
    error::Failure,
    event::{ConnackProperties, Limits},
    message::{Message, Qos},
    options::{Options, Protocol, Subscription},
    reason::Reason,
    session::intake::Intake,
};
use crate::wire::{error::WireError, violation::Violation};

/// The most QoS 1 and 2 publishes that await acknowledgement at a time; the default of the library for MQTT 5 makes it walk
/// 65,536 slots after each read.
pub(super) const IN_FLIGHT: u16 = 100;

/// The capacity of each of the library's request queues; the session never has more requests under way, so neither fills up.
pub(super) const REQUESTS: usize = 512;

/// How much later than ours the library's own connect time-out strikes, so that ours names what was awaited.
pub(super) const CONNECT_GRACE: Duration = Duration::from_secs(2);

/// What came of one poll.
#[derive(Debug)]
pub(super) enum Arrival {
    /// An application message.
    Message(Message),
    /// The connection is accepted.
    Connack(Connack),
    /// PINGREQ was sent.
    Ping,
    /// PINGRESP arrived.
    Pong,
    /// SUBACK arrived.
    Suback,
    /// Nothing that the session needs to know.
    Other,
}

/// What a CONNACK that accepts says.
#[derive(Debug, Default)]
pub(super) struct Connack {
    /// Session Present.
    pub(super) session_present: bool,
    /// The broker's limits.
    pub(super) limits: Limits,
    /// What it says besides.
    pub(super) properties: ConnackProperties,
}

/// How a connection ended.
#[derive(Debug)]
pub(super) enum Broken {
    /// DISCONNECT was sent as asked.
    Done,
    /// The time for the whole attempt is over.
    NoConnack,
    /// PINGRESP did not come before the next PINGREQ was due.
    NoPong,
    /// Anything else.
    Failed(Failure),
}

/// An answer of the broker that is still to come.
pub(super) type Answer<T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;

/// The end of the library that takes requests.
pub(super) enum Client {
    /// MQTT 3.1.1, and 3.1 with a shim below.
    V3(rumqttc_v4::AsyncClient),
    V5(rumqttc_v5::AsyncClient),
}

/// The end of the library that owns the connection; whoever holds it does nothing but poll.
pub(super) enum Loop {
    /// MQTT 3.1.1, and 3.1 with a shim below.
    V3(Box<rumqttc_v4::EventLoop>),
    V5(Box<rumqttc_v5::EventLoop>),
}

/// Makes the two ends for a version.
pub(super) fn build(options: &Options, protocol: Protocol) -> Result<(Client, Loop), Failure> {
    Ok(match protocol {
        Protocol::V31 | Protocol::V311 => {
            let (client, event_loop) = super::v4::build(options)?;
            (Client::V3(client), Loop::V3(Box::new(event_loop)))
        }
        Protocol::V5 => {
            let (client, event_loop) = super::v5::build(options)?;
            (Client::V5(client), Loop::V5(Box::new(event_loop)))
        }
    })
}

impl Client {
    /// Queues a publish; the answer is the QoS that the broker confirmed, and its reason.
    pub(super) fn publish(&self, message: Message) -> Result<Answer<(Qos, Option<Reason>)>, Failure> {
        Ok(match self {
            Self::V3(client) => Box::pin(super::v4::publish(client, message)?),
            Self::V5(client) => Box::pin(super::v5::publish(client, message)?),
        })
    }

    /// Queues a SUBSCRIBE.
    pub(super) fn subscribe(&self, subscription: &Subscription) -> Result<Answer<Qos>, Failure> {
        Ok(match self {
            Self::V3(client) => Box::pin(super::v4::subscribe(client, subscription)?),
            Self::V5(client) => Box::pin(super::v5::subscribe(client, subscription)?),
        })
    }

    /// Queues an UNSUBSCRIBE.
    pub(super) fn unsubscribe(&self, filter: String) -> Result<Answer<()>, Failure> {
        Ok(match self {
            Self::V3(client) => Box::pin(super::v4::unsubscribe(client, filter)?),
            Self::V5(client) => Box::pin(super::v5::unsubscribe(client, filter)?),
        })
    }

    /// Queues a re-authentication.
    pub(super) fn reauthenticate(&self) -> Result<Answer<()>, Failure> {
        match self {
            Self::V3(_) => Err(Failure::Invalid("authenticating once more needs MQTT 5".into())),
            Self::V5(client) => Ok(Box::pin(super::v5::reauthenticate(client)?)),
        }
    }

    /// Has DISCONNECT sent before anything else that is queued.
    ///
    /// The library's `disconnect_with_timeout` sends none when the time is over, and then the will would be published.
    pub(super) fn disconnect(&self) {
        // The queue is unbounded; an error means that the loop has ended, and there is nothing to disconnect.
        match self {
            Self::V3(client) => drop(client.try_disconnect_now()),
            Self::V5(client) => drop(client.try_disconnect_now()),
        }
    }
}

impl Loop {
    /// Sets what opens the stream of the next attempt.
    pub(super) fn set_connector<F, Fut>(&mut self, connect: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<Intake>> + Send + 'static,
    {
        match self {
            Self::V3(event_loop) => drop(event_loop.mqtt_options.set_socket_connector(move |_, _| connect())),
            Self::V5(event_loop) => drop(event_loop.options.set_socket_connector(move |_, _| connect())),
        }
    }

    /// Connects where there is no connection, and waits for the next thing to happen; not to be cancelled.
    pub(super) async fn poll(&mut self) -> Result<Arrival, Broken> {
        match self {
            Self::V3(event_loop) => event_loop.poll().await.map(super::v4::arrival).map_err(super::v4::broken),
            Self::V5(event_loop) => super::v5::poll(event_loop).await,
        }
    }

    /// Tells whether the next poll has something at hand without reading the connection.
    pub(super) fn has_more(&self) -> bool {
        match self {
            Self::V3(event_loop) => !event_loop.state.events.is_empty(),
            Self::V5(event_loop) => !event_loop.state.events.is_empty(),
        }
    }

    /// Returns the Client Identifier in use: ours or, after CONNACK, the one that the broker assigned.
    pub(super) fn client_id(&self) -> String {
        match self {
            Self::V3(event_loop) => event_loop.mqtt_options.client_id(),
            Self::V5(event_loop) => event_loop.options.client_id(),
        }
    }

    /// Returns Keep Alive in force: ours or, after CONNACK, the broker's.
    pub(super) fn keep_alive(&self) -> Duration {
        match self {
            Self::V3(event_loop) => event_loop.mqtt_options.keep_alive(),
            Self::V5(event_loop) => event_loop.options.keep_alive(),
        }
    }

    /// Drops the blank checkpoint once it has served, or the library would write one after each read.
    pub(super) fn forget_store(&mut self) {
        match self {
            Self::V3(event_loop) => drop(event_loop.mqtt_options.clear_session_store()),
            Self::V5(event_loop) => drop(event_loop.options.clear_session_store()),
        }
    }

    /// Tells the library that PINGRESP arrived, while reading is held back on purpose.
    pub(super) fn assume_pong(&mut self) {
        // PINGRESP cannot fail: it changes one flag.
        match self {
            Self::V3(event_loop) => drop(event_loop.state.handle_incoming_packet(rumqttc_v4::Packet::PingResp)),
            Self::V5(event_loop) => drop(event_loop.state.handle_incoming_packet(rumqttc_v5::Packet::PingResp)),
        }
    }
}

/// Returns Keep Alive as CONNECT carries it; a part of a second counts as a whole one, so that it does not turn it off.
pub(super) fn keep_alive_seconds(keep_alive: Duration) -> u16 {
    let seconds = keep_alive.as_secs().saturating_add(u64::from(keep_alive.subsec_nanos() > 0));
    u16::try_from(seconds).unwrap_or(u16::MAX)
}

/// Takes a topic over without a copy.
pub(super) fn topic(bytes: Bytes) -> ByteString {
    // The library has checked that it is UTF-8; the fallback only saves a panic should that ever change.
    ByteString::try_from(bytes).unwrap_or_else(|_| ByteString::from_static("\u{fffd}"))
}

/// Digs the reason out of an error of the stream: what we or the wire put into it, or the system's words.
pub(super) fn failure_in(error: &io::Error) -> Failure {
    if let Some(violation) = Violation::of(error) {
        if violation.is_other_protocol() {
            return Failure::Wire(WireError::OtherProtocol { detail: violation.detail.to_string() });
        }
        return Failure::Violation(violation.clone());
    }
    if let Some(inner) = error.get_ref() {
        if let Some(failure) = inner.downcast_ref::<Failure>() {
            return failure.clone();
        }
        if let Some(failure) = inner.downcast_ref::<WireError>() {
            return Failure::Wire(failure.clone());
        }
    }
    match error.kind() {
        io::ErrorKind::ConnectionAborted => Failure::Closed { during: None },
        // An end in the middle of a packet says so in its own words.
        io::ErrorKind::UnexpectedEof if error.get_ref().is_none() => Failure::Closed { during: None },
        io::ErrorKind::Other if error.to_string().contains("bytes remaining") => Failure::Closed { during: Some("a packet") },
        _ => Failure::Wire(WireError::broken(error)),
    }
}
