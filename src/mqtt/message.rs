//! Application messages: what is published and what is received.

use std::fmt;

use bytes::Bytes;
use bytestring::ByteString;

use crate::base::clock::Stamp;

/// Quality of Service (MQTT 5.0, 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Qos {
    /// At most once: fire and forget.
    #[default]
    AtMostOnce,
    /// At least once: acknowledged with PUBACK.
    AtLeastOnce,
    /// Exactly once: PUBREC, PUBREL, PUBCOMP.
    ExactlyOnce,
}

impl Qos {
    /// All levels, in their order.
    pub const ALL: [Self; 3] = [Self::AtMostOnce, Self::AtLeastOnce, Self::ExactlyOnce];

    /// Returns the level of a number, nothing above 2.
    #[must_use]
    pub fn from_level(level: u8) -> Option<Self> {
        Self::ALL.get(usize::from(level)).copied()
    }

    /// Returns 0, 1 or 2.
    #[must_use]
    pub fn level(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for Qos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.level())
    }
}

/// An application message, in either direction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// The Topic Name, valid UTF-8; on MQTT 5 with its alias already resolved.
    pub topic: ByteString,
    /// The payload, shared with the read buffer and never copied on the way.
    pub payload: Bytes,
    /// The Quality of Service of this delivery.
    pub qos: Qos,
    /// The RETAIN flag: kept by the broker, or sent because it was kept.
    pub retain: bool,
    /// The DUP flag: this may be a second delivery.
    pub dup: bool,
    /// MQTT 5 properties, none on older versions or where there are none.
    pub properties: Option<Box<Properties>>,
}

/// A message with the moment of its arrival.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Received {
    /// When its last byte was read from the connection.
    pub at: Stamp,
    /// Whether it comes from a resumed session: the broker had queued it, or had it under way, when this connection began.
    pub resumed: bool,
    /// The message.
    pub message: Message,
}

/// The properties of PUBLISH and of a Will Message (MQTT 5.0, 3.3.2.3).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Properties {
    /// Payload Format Indicator: 0 unspecified bytes, 1 UTF-8 text.
    pub payload_format: Option<u8>,
    /// Message Expiry Interval, in seconds.
    pub message_expiry: Option<u32>,
    /// Topic Alias as it was sent.
    pub topic_alias: Option<u16>,
    /// Response Topic.
    pub response_topic: Option<String>,
    /// Correlation Data.
    pub correlation_data: Option<Bytes>,
    /// User Properties, in their order, names may repeat.
    pub user_properties: Vec<(String, String)>,
    /// Subscription Identifiers of the subscriptions that matched.
    pub subscription_ids: Vec<u32>,
    /// Content Type, such as a MIME type.
    pub content_type: Option<String>,
}

impl Properties {
    /// Tells whether no property is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
