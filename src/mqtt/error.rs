//! Why something did not work: what, where, and what to do about it.

use std::{sync::Arc, time::Duration};

use super::reason::Reason;
use crate::{
    base::text,
    wire::{endpoint::Endpoint, error::WireError, packet::Kind, violation::Violation, websocket::cause::WebSocketCause},
};

/// The longest that the next attempt waits because a web server asks for it.
const MOST_PATIENCE: Duration = Duration::from_hours(1);

/// Why a connection, a subscription or a publish failed.
///
/// `Display` gives one safe sentence fragment; [`Failure::hint`] says what to do. Text from the broker inside went through
/// the sanitiser.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    /// The byte stream could not be opened, or broke.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// CONNACK refused the connection.
    #[error("the broker refused the connection: {reason}{}", said(.text))]
    Refused {
        /// The reason.
        reason: Reason,
        /// The Reason String, made safe; empty where there is none.
        text: String,
    },
    /// The server sent DISCONNECT.
    #[error("the broker ended the connection: {}{}", .reason.shown_in(Kind::Disconnect), said(.text))]
    Disconnected {
        /// The reason.
        reason: Reason,
        /// The Reason String, made safe; empty where there is none.
        text: String,
    },
    /// The broker wants another server to be used; it is not followed by itself.
    #[error("the broker says: {reason}: connect to {}{}", list(.servers), said(.text))]
    Redirected {
        /// Use another server, or Server moved.
        reason: Reason,
        /// The Reason String, made safe; empty where there is none.
        text: String,
        /// The servers that it names, in its order; at least one.
        servers: Vec<Endpoint>,
    },
    /// The broker or we could not be authenticated.
    #[error("authentication failed: {0}")]
    Authentication(String),
    /// A subscription, its end, or a publish was refused.
    #[error("{reason}{}", said(.text))]
    Denied {
        /// The reason.
        reason: Reason,
        /// The Reason String, made safe; empty where there is none.
        text: String,
    },
    /// The broker did not answer in time.
    #[error("no {awaited} from the broker within {}", crate::base::human::span(*.after))]
    Silent {
        /// The packet that was awaited.
        awaited: &'static str,
        /// How long.
        after: Duration,
    },
    /// The broker closed the connection without a word.
    #[error("the broker closed the connection{}", .during.map(|d| format!(" during {d}")).unwrap_or_default())]
    Closed {
        /// What was going on, where that says something.
        during: Option<&'static str>,
    },
    /// The broker answered to a CONNECT of MQTT 5 as one of 3.1.1 does, so that nothing can be said in MQTT 5.
    #[error("the broker answered to MQTT 5 with a CONNACK of MQTT 3.1.1{}", old_code(*.code))]
    OldConnack {
        /// The return code (MQTT 3.1.1, 3.2.2.3).
        code: u8,
    },
    /// The broker answered to a CONNECT of MQTT 5 with nothing but the end of the connection.
    #[error(transparent)]
    Unanswered {
        /// How it ended.
        cause: Box<Failure>,
    },
    /// The connection was closed after a silence of both sides.
    #[error("the broker closed the connection after {} without traffic{}", crate::base::human::span(*.silence), counted(*.times))]
    Idle {
        /// How long nothing was sent and nothing came.
        silence: Duration,
        /// How many connections one after the other ended after the same silence.
        times: usize,
    },
    /// The request cannot be sent as it is; nothing went to the broker.
    #[error("{0}")]
    Invalid(String),
    /// The request was given up because the connection was lost or closed before an answer came.
    #[error("not confirmed: the connection was lost")]
    Unconfirmed,
    /// There is no connection.
    #[error("not connected")]
    Offline,
    /// The broker broke the protocol.
    #[error("protocol error: {0}")]
    Protocol(String),
    /// The broker sent a packet that MQTT forbids.
    #[error("protocol error: {0}")]
    Violation(#[from] Violation),
    /// The same thing has ended several connections one after the other.
    #[error("given up after {times} connections that ended alike: {cause}")]
    Repeated {
        /// How many connections.
        times: usize,
        /// What ended each of them.
        cause: Arc<Failure>,
    },
}

impl Failure {
    /// Says what to do, in one sentence without a full stop; empty where nothing sensible can be said.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Wire(error) => error.hint(),
            // To CONNECT brokers say this of a wrong password, too.
            Self::Refused { reason: Reason(0x87), .. } => {
                "the user name or password is wrong or missing, or this client identifier is not allowed"
            }
            Self::Refused { reason, .. } | Self::Disconnected { reason, .. } | Self::Denied { reason, .. } => reason.hint(),
            Self::Redirected { .. } => "follow it only if you trust it; nothing secret goes to a host that you did not choose",
            Self::Authentication(_) => "check the authentication method, the user name and the password or token",
            Self::OldConnack { .. } => "the broker speaks MQTT 3.1.1: -V 3.1.1, or protocol = \"3.1.1\" in the profile",
            Self::Unanswered { .. } => {
                "does it speak MQTT 3.1.1 only? try -V 3.1.1; is this an MQTT port, and not TLS or WebSocket?"
            }
            Self::Silent { awaited: "CONNACK", .. } => "is this an MQTT port, and not TLS or WebSocket?",
            Self::Silent { .. } => "the broker or the network is stuck",
            Self::Closed { during: Some("CONNECT") } => {
                "is this an MQTT port, and not TLS or WebSocket? the broker's log may tell why"
            }
            Self::Idle { times: 2.., .. } => {
                "something in between, such as a proxy, ends idle connections: set a keep alive (-k, keep_alive) below that time"
            }
            Self::Closed { .. } | Self::Idle { .. } => "the broker's log tells why",
            Self::Invalid(_) | Self::Unconfirmed | Self::Offline => "",
            Self::Protocol(_) | Self::Violation(_) => "the broker or something in between sends what MQTT forbids",
            Self::Repeated { cause, .. } => match &**cause {
                Self::Violation(_)
                | Self::Protocol(_)
                | Self::Wire(WireError::WebSocket { cause: WebSocketCause::Frames(_), .. }) => {
                    "a retained or queued message may be the cause: leave its topic out of the filters, or have it removed"
                }
                other => other.hint(),
            },
        }
    }

    /// Tells whether trying again by itself is wrong: bad credentials, banned, session taken over, bad certificate.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Wire(error) => error.is_final(),
            Self::Refused { reason, .. } | Self::Disconnected { reason, .. } => reason.forbids_retry(),
            Self::Unanswered { cause } => cause.is_final(),
            Self::OldConnack { .. }
            | Self::Invalid(_)
            | Self::Redirected { .. }
            | Self::Authentication(_)
            | Self::Repeated { .. } => true,
            Self::Denied { .. }
            | Self::Silent { .. }
            | Self::Closed { .. }
            | Self::Idle { .. }
            | Self::Unconfirmed
            | Self::Offline
            | Self::Protocol(_)
            | Self::Violation(_) => false,
        }
    }

    /// Returns how long a web server in the way asks to wait before the next attempt, an hour at most; zero if it does not.
    #[must_use]
    pub fn retry_after(&self) -> Duration {
        let asked = if let Self::Wire(error) = self { error.retry_after() } else { None };
        asked.unwrap_or_default().min(MOST_PATIENCE)
    }

    /// Returns the server that the broker names in place of itself, the first of them.
    #[must_use]
    pub fn redirection(&self) -> Option<&Endpoint> {
        if let Self::Redirected { servers, .. } = self { servers.first() } else { None }
    }

    /// Tells whether CONNECT was refused for who we are, so that another user name or password may help.
    #[must_use]
    pub fn doubts_the_user(&self) -> bool {
        matches!(self, Self::Authentication(_)) || matches!(self, Self::Refused { reason, .. } if reason.doubts_the_user())
    }

    /// Tells whether the broker asks for patience: it is busy, going down, or counts what it is asked.
    #[must_use]
    pub fn asks_for_patience(&self) -> bool {
        match self {
            Self::Refused { reason, .. } | Self::Disconnected { reason, .. } => reason.asks_for_patience(),
            Self::Wire(_)
            | Self::OldConnack { .. }
            | Self::Unanswered { .. }
            | Self::Redirected { .. }
            | Self::Authentication(_)
            | Self::Denied { .. }
            | Self::Silent { .. }
            | Self::Closed { .. }
            | Self::Idle { .. }
            | Self::Invalid(_)
            | Self::Unconfirmed
            | Self::Offline
            | Self::Protocol(_)
            | Self::Violation(_)
            | Self::Repeated { .. } => false,
        }
    }
}

/// Says what a return code of MQTT 3.1.1 means.
fn old_code(code: u8) -> String {
    let words = match code {
        0 => return String::new(),
        1 => "unacceptable protocol version",
        2 => "identifier rejected",
        3 => "server unavailable",
        4 => "bad user name or password",
        5 => "not authorized",
        _ => "reserved",
    };
    format!(": {words} (return code {code})")
}

fn list(servers: &[Endpoint]) -> String {
    let shown: Vec<String> = servers.iter().map(|server| text::safe(&server.to_string()).to_string()).collect();
    shown.join(" or ")
}

fn counted(times: usize) -> String {
    if times > 1 { format!(", {times} times") } else { String::new() }
}

fn said(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" (“{text}”)") }
}
