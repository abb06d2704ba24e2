//! What happened in a session, as told to its one consumer.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    batch::Batch,
    command::Token,
    error::Failure,
    message::Qos,
    options::{Protocol, SessionExpiry},
    reason::Reason,
};
use crate::{
    base::clock::Stamp,
    wire::{dial::Stage, endpoint::Endpoint, guard::oversize::Skipped, tap::Noted, tls::certificate::Certificate},
};

/// Something that happened, in the order in which it happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The state of the connection changed.
    Status(Status),
    /// Messages arrived, oldest first.
    Messages(Batch),
    /// So many messages were let go because the consumer was slow; precedes the next batch.
    Lost(u64),
    /// What has arrived and is unread will take this long to read, at the rate of the last second; zero ends a lag.
    Lag(Duration),
    /// Messages above [`super::options::Options::packet_limit`] were passed over since this was last told.
    Skipped(Skipped),
    /// The broker answered to a subscription: the granted QoS, or why not.
    Subscribed {
        /// The Topic Filter.
        filter: String,
        /// The granted QoS, or the reason of the refusal.
        outcome: Result<Qos, Failure>,
    },
    /// The broker answered to the end of a subscription.
    Unsubscribed {
        /// The Topic Filter.
        filter: String,
        /// Nothing, or the reason of the refusal.
        outcome: Result<(), Failure>,
    },
    /// A publish came to its end.
    Settled {
        /// The token of the command.
        token: Token,
        /// The acknowledgement, or why the message was not taken.
        outcome: Result<Receipt, Failure>,
    },
    /// The broker answered to `Command::Reauthenticate`: nothing, or why not.
    Reauthenticated(Result<(), Failure>),
    /// A PINGRESP arrived this long after its PINGREQ.
    RoundTrip(Duration),
    /// Packets passed on the wire, where [`super::options::Options::packets`] asks for them; precedes what they led to.
    Packets(Noted),
}

/// The good end of a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// From the command to the last acknowledgement (QoS 0: to the socket).
    pub took: Duration,
    /// The QoS of the acknowledgement, where that is lower than the QoS of the message.
    pub lowered_to: Option<Qos>,
    /// The broker's reason, such as No Matching Subscribers; nothing on 3.1.1 and QoS 0.
    pub reason: Option<Reason>,
}

/// Where a connection stands.
#[derive(Debug, Clone)]
pub enum Status {
    /// An attempt is under way.
    Connecting {
        /// What it is doing.
        stage: Stage,
        /// 1 for the first attempt since the user asked or the connection was lost.
        attempt: u32,
    },
    /// CONNACK said yes.
    Online(Box<Welcome>),
    /// The connection failed or was lost; another attempt follows by itself.
    Waiting {
        /// When the next attempt starts.
        until: Stamp,
        /// The number of that attempt.
        attempt: u32,
        /// Why the last one ended.
        cause: Arc<Failure>,
    },
    /// The connection failed or was lost, and nothing more is tried until the user asks.
    Failed {
        /// Why.
        cause: Arc<Failure>,
    },
    /// The session ended because it was asked to; its last event.
    Closed,
}

impl Status {
    /// Returns why nothing more is tried.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        if let Self::Failed { cause } = self { Some(cause) } else { None }
    }
}

/// Why a connection speaks MQTT 3.1.1 that was to speak 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepDown {
    /// The broker said so, or answered as one of 3.1.1.
    Unsupported,
    /// It closed the connection at the CONNECT of MQTT 5.
    Closed,
    /// It did not answer to the CONNECT of MQTT 5.
    Silent,
}

impl fmt::Display for StepDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsupported => "the broker does not speak MQTT 5",
            Self::Closed => "the broker closed the connection on MQTT 5",
            Self::Silent => "the broker did not answer to MQTT 5",
        })
    }
}

/// What the broker granted in CONNACK, and what it took to get there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// When CONNACK arrived.
    pub at: Stamp,
    /// The version that is spoken.
    pub protocol: Protocol,
    /// Why it is 3.1.1, where that was not asked for.
    pub step_down: Option<StepDown>,
    /// Which of the endpoints it is, as there may be fallbacks.
    pub endpoint: Endpoint,
    /// The address that answered, as `127.0.0.1:1883`; behind a proxy the proxy's, and of a socket its path.
    pub peer: String,
    /// The TLS version, the cipher suite and what ALPN came to, where there is TLS.
    pub tls: Option<String>,
    /// The certificates that the broker showed, its own first, at most ten.
    pub chain: Vec<Certificate>,
    /// Whether nobody looked at them, so that anybody may be at the other end.
    pub unverified: bool,
    /// From the start of the attempt to CONNACK.
    pub took: Duration,
    /// How long each stage of that took, in their order.
    pub times: Vec<(Stage, Duration)>,
    /// Session Present: the broker resumed an earlier session.
    pub session_present: bool,
    /// Whether the broker should have kept the session of the connection before, and did not: subscriptions, queued messages
    /// and unconfirmed publishes are gone.
    pub session_lost: bool,
    /// The Client Identifier in use: ours or the assigned one.
    pub client_id: String,
    /// Keep Alive in force, ours or the broker's; zero is off.
    pub keep_alive: Duration,
    /// The broker's limits.
    pub limits: Limits,
    /// What CONNACK says besides.
    pub properties: ConnackProperties,
}

/// What CONNACK says besides the limits (MQTT 5.0, 3.2.2.3); texts are as they were sent, and made safe where they are shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConnackProperties {
    /// Session Expiry Interval, where the broker uses another than it was asked for.
    pub session_expiry: Option<SessionExpiry>,
    /// Assigned Client Identifier.
    pub assigned_client_id: Option<String>,
    /// Server Keep Alive, where the broker uses another than ours.
    pub server_keep_alive: Option<Duration>,
    /// Response Information, the basis of response topics.
    pub response_information: Option<String>,
    /// Server Reference: another server that may be used.
    pub server_reference: Option<String>,
    /// Reason String.
    pub reason_string: Option<String>,
    /// User Properties.
    pub user_properties: Vec<(String, String)>,
}

/// What the broker allows (MQTT 5.0, 3.2.2.3); the defaults are what holds where CONNACK is silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own in the standard")]
pub struct Limits {
    /// Maximum QoS.
    pub maximum_qos: Qos,
    /// Retain Available.
    pub retain_available: bool,
    /// Wildcard Subscription Available.
    pub wildcard_available: bool,
    /// Shared Subscription Available.
    pub shared_available: bool,
    /// Subscription Identifiers Available.
    pub identifiers_available: bool,
    /// Topic Alias Maximum: how many topics we may abbreviate.
    pub topic_alias_maximum: u16,
    /// Maximum Packet Size in bytes, where the broker has one.
    pub maximum_packet_size: Option<u32>,
    /// Receive Maximum.
    pub receive_maximum: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            maximum_qos: Qos::ExactlyOnce,
            retain_available: true,
            wildcard_available: true,
            shared_available: true,
            identifiers_available: true,
            topic_alias_maximum: 0,
            maximum_packet_size: None,
            receive_maximum: u16::MAX,
        }
    }
}
