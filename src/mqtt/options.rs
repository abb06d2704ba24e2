//! Everything that a session needs to know before it connects.

use std::{fmt, time::Duration};

use super::{
    bounds::MAX_CLIENT_ID_V31,
    message::{Message, Properties, Qos},
    scram::Hash,
};
use crate::{
    base::secret::Secret,
    wire::{dial::Means, endpoint::Endpoint, proxy::Proxy, tls::TlsOptions, websocket::WebSocketOptions},
};

/// The largest packet that is accepted unless the user says otherwise, in bytes.
pub const DEFAULT_MAX_PACKET_SIZE: u32 = 16 << 20;

/// How many topics the broker may abbreviate unless the user says otherwise.
pub const DEFAULT_TOPIC_ALIASES: u16 = 32;

/// The version of MQTT to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Protocol {
    /// MQTT 3.1.
    V31,
    /// MQTT 3.1.1.
    V311,
    /// MQTT 5.0.
    #[default]
    V5,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V31 => "3.1",
            Self::V311 => "3.1.1",
            Self::V5 => "5",
        })
    }
}

/// How long the broker keeps the session after the connection has ended (MQTT 5.0, 3.1.2.11.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SessionExpiry {
    /// The session ends with the connection.
    #[default]
    AtDisconnect,
    /// Seconds, below `u32::MAX`.
    After(u32),
    /// The session does not expire.
    Never,
}

impl SessionExpiry {
    /// Returns the Session Expiry Interval in seconds as CONNECT carries it.
    #[must_use]
    pub fn interval(self) -> u32 {
        match self {
            Self::AtDisconnect => 0,
            Self::After(seconds) => seconds,
            Self::Never => u32::MAX,
        }
    }

    /// Returns what a Session Expiry Interval in seconds means.
    #[must_use]
    pub fn of_interval(seconds: u32) -> Self {
        match seconds {
            0 => Self::AtDisconnect,
            u32::MAX => Self::Never,
            seconds => Self::After(seconds),
        }
    }
}

/// When to try again after a connection was lost: random waits below a bound that doubles, and never more than ten tries in
/// half a minute and sixty in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reconnect {
    /// The bound of the first wait.
    pub initial: Duration,
    /// The bound that it grows to.
    pub max: Duration,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self { initial: Duration::from_millis(500), max: Duration::from_mins(1) }
    }
}

/// The Will Message (MQTT 5.0, 3.1.2.5): the broker publishes it when this client vanishes without DISCONNECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Will {
    /// Topic, payload, QoS, RETAIN and, on MQTT 5, properties.
    pub message: Message,
    /// Will Delay Interval in seconds (MQTT 5).
    pub delay: Option<u32>,
}

impl Will {
    /// Says what of it an older version than MQTT 5 does not carry, as a sentence; nothing where all of it goes out.
    #[must_use]
    pub fn left_out(&self, protocol: Protocol) -> Option<String> {
        if protocol == Protocol::V5 {
            return None;
        }
        let none = Properties::default();
        let properties = self.message.properties.as_deref().unwrap_or(&none);
        let Properties { payload_format, message_expiry, response_topic, correlation_data, user_properties, content_type, .. } =
            properties;
        let parts = [
            (self.delay.is_some(), "delay"),
            (message_expiry.is_some(), "expiry"),
            (content_type.is_some(), "content type"),
            (response_topic.is_some(), "response topic"),
            (correlation_data.is_some(), "correlation data"),
            (payload_format.is_some(), "payload format"),
            (!user_properties.is_empty(), "user properties"),
        ];
        let parts: Vec<&str> = parts.into_iter().filter_map(|(is_there, name)| is_there.then_some(name)).collect();
        (!parts.is_empty()).then(|| format!("the will went without what MQTT {protocol} does not have: {}", parts.join(", ")))
    }
}

/// One Topic Filter with its Subscription Options (MQTT 5.0, 3.8.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The Topic Filter.
    pub filter: String,
    /// The most QoS that the broker may use for it.
    pub qos: Qos,
    /// No Local (MQTT 5): not what this client published itself.
    pub no_local: bool,
    /// Retain As Published (MQTT 5).
    pub retain_as_published: bool,
    /// Retain Handling (MQTT 5): 0 send at subscribe, 1 only if new, 2 never.
    pub retain_handling: u8,
    /// Subscription Identifier (MQTT 5), 1 to 268,435,455: comes back with every message that matched.
    pub identifier: Option<u32>,
}

impl Subscription {
    /// Makes a subscription with the defaults of MQTT: retained messages are sent, own messages too.
    #[must_use]
    pub fn new(filter: impl Into<String>, qos: Qos) -> Self {
        Self { filter: filter.into(), qos, no_local: false, retain_as_published: true, retain_handling: 0, identifier: None }
    }
}

/// What the session does when its consumer is slower than the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overflow {
    /// It slows the broker for a moment, then lets messages go and counts them, so that the connection lives: for a screen.
    #[default]
    Count,
    /// It waits, so that the broker is slowed: for a verb that must have every message.
    Wait,
}

/// Enhanced authentication (MQTT 5.0, 4.12).
///
/// With the method `SCRAM-SHA-1`, `SCRAM-SHA-256` or `SCRAM-SHA-512`, User Name and Password are the credentials, and the
/// password itself is not sent. With any other method the data is sent as it is.
#[derive(Debug, Clone)]
pub struct Authentication {
    /// Authentication Method.
    pub method: String,
    /// Authentication Data, such as a token; none with SCRAM.
    pub data: Option<Secret>,
}

/// What to connect to, and how.
///
/// `Debug` shows no secret: [`Secret`] prints stars.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own in the standard")]
pub struct Options {
    /// Where the broker is.
    pub endpoint: Endpoint,
    /// Where else it is, tried in this order when what is before fails.
    pub fallbacks: Vec<Endpoint>,
    /// How the broker is verified and who we are to it, where the endpoint uses TLS.
    pub tls: TlsOptions,
    /// What the handshake of a WebSocket says, where the endpoint is one.
    pub websocket: WebSocketOptions,
    /// The proxy between here and the broker.
    pub proxy: Option<Proxy>,
    /// The version to speak.
    pub protocol: Protocol,
    /// Whether to step down to 3.1.1, once and visibly, when the broker does not speak 5.
    pub may_downgrade: bool,
    /// The Client Identifier; empty lets the broker assign one.
    pub client_id: String,
    /// The User Name.
    pub username: Option<String>,
    /// The Password.
    pub password: Option<Secret>,
    /// The longest that each attempt may take, from the name to CONNACK.
    pub connect_timeout: Duration,
    /// Keep Alive, whole seconds; zero turns it off.
    pub keep_alive: Duration,
    /// Clean Start (MQTT 5) or Clean Session (3.1.1).
    pub clean_start: bool,
    /// Session Expiry Interval (MQTT 5).
    pub session_expiry: SessionExpiry,
    /// The Will Message.
    pub will: Option<Will>,
    /// When to try again; nothing means never.
    pub reconnect: Option<Reconnect>,
    /// Filters of a kept session that are unsubscribed from after the first CONNACK, before anything is subscribed to.
    pub unsubscribe: Vec<String>,
    /// What to subscribe to after each CONNACK; more can be added by command.
    pub subscriptions: Vec<Subscription>,
    /// The largest incoming packet that is accepted, in bytes, where the user says so; see [`Options::packet_limit`].
    pub max_packet_size: Option<u32>,
    /// Receive Maximum (MQTT 5): how many messages of QoS 1 and 2 the broker may send ahead of our acknowledgements, at least
    /// 1; nothing is 65,535.
    pub receive_maximum: Option<u16>,
    /// Topic Alias Maximum (MQTT 5): how many topics the broker may abbreviate; each is kept in memory.
    pub topic_alias_maximum: u16,
    /// Request Response Information (MQTT 5).
    pub request_response_information: bool,
    /// Request Problem Information (MQTT 5): false has the broker leave out reasons in words.
    pub request_problem_information: bool,
    /// User Properties of CONNECT (MQTT 5).
    pub user_properties: Vec<(String, String)>,
    /// Enhanced authentication (MQTT 5).
    pub authentication: Option<Authentication>,
    /// What happens when the consumer is slow.
    pub overflow: Overflow,
    /// Whether every packet on the wire is told by `Event::Packets`.
    pub packets: bool,
}

impl Options {
    /// Makes options for an endpoint with the defaults of the profile file.
    #[must_use]
    pub fn new(endpoint: Endpoint, client_id: impl Into<String>) -> Self {
        Self {
            endpoint,
            fallbacks: Vec::new(),
            tls: TlsOptions::default(),
            websocket: WebSocketOptions::default(),
            proxy: None,
            protocol: Protocol::V5,
            may_downgrade: true,
            client_id: client_id.into(),
            username: None,
            password: None,
            connect_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(30),
            clean_start: true,
            session_expiry: SessionExpiry::AtDisconnect,
            will: None,
            reconnect: Some(Reconnect::default()),
            unsubscribe: Vec::new(),
            subscriptions: Vec::new(),
            max_packet_size: None,
            receive_maximum: None,
            topic_alias_maximum: DEFAULT_TOPIC_ALIASES,
            request_response_information: false,
            request_problem_information: true,
            user_properties: Vec::new(),
            authentication: None,
            overflow: Overflow::Count,
            packets: false,
        }
    }

    /// Returns what another client of the same user needs, that is called alike, keeps no session and tries once.
    ///
    /// A Client Identifier that the broker assigns stays empty, and one of MQTT 3.1 is cut to its 23 characters.
    #[must_use]
    pub fn sibling(&self, suffix: &str) -> Self {
        let own = self.client_id.as_str();
        let client_id = match self.protocol {
            _ if own.is_empty() || suffix.is_empty() => own.to_owned(),
            Protocol::V31 => {
                let kept: String = own.chars().take(MAX_CLIENT_ID_V31.saturating_sub(suffix.len() + 1)).collect();
                format!("{kept}-{suffix}")
            }
            Protocol::V311 | Protocol::V5 => format!("{own}-{suffix}"),
        };
        Self {
            client_id,
            clean_start: true,
            session_expiry: SessionExpiry::AtDisconnect,
            reconnect: None,
            unsubscribe: Vec::new(),
            subscriptions: Vec::new(),
            overflow: Overflow::Count,
            packets: false,
            ..self.clone()
        }
    }

    /// Tells whether CONNECT carries the password: SCRAM proves that it is known, and does not send it.
    #[must_use]
    pub fn sends_password(&self) -> bool {
        self.password.is_some() && !self.uses_scram()
    }

    /// Tells whether CONNECT carries Authentication Data that is a secret.
    #[must_use]
    pub fn sends_token(&self) -> bool {
        self.authentication.as_ref().is_some_and(|wanted| wanted.data.is_some()) && !self.uses_scram()
    }

    /// Returns `true` if something is asked for that only MQTT 5 carries.
    #[must_use]
    pub fn needs_v5(&self) -> bool {
        self.session_expiry != SessionExpiry::AtDisconnect
            || self.receive_maximum.is_some()
            || self.request_response_information
            || !self.request_problem_information
            || !self.user_properties.is_empty()
            || self.authentication.is_some()
            || self.will.as_ref().is_some_and(|will| will.left_out(Protocol::V311).is_some())
            || self.subscriptions.iter().any(|asked| asked.no_local || asked.retain_handling != 0 || asked.identifier.is_some())
    }

    pub(super) fn uses_scram(&self) -> bool {
        self.authentication.as_ref().is_some_and(|wanted| Hash::of_method(&wanted.method).is_some())
    }

    /// Returns the size in bytes above which an incoming message is passed over.
    #[must_use]
    pub fn packet_limit(&self) -> u32 {
        self.max_packet_size.unwrap_or(DEFAULT_MAX_PACKET_SIZE)
    }

    /// Returns Maximum Packet Size, which makes a broker of MQTT 5 leave out larger messages without a word.
    ///
    /// It is what the user asks for. A limit of our own stays here, so that a larger message is passed over and told of; but a
    /// frame of a WebSocket is read as a whole, so that there a larger one would end the connection.
    pub(super) fn advertised_limit(&self) -> Option<u32> {
        let is_websocket = self.endpoints().any(|endpoint| endpoint.transport.is_websocket());
        self.max_packet_size.or_else(|| is_websocket.then_some(DEFAULT_MAX_PACKET_SIZE))
    }

    /// Returns where the broker may be, the first choice first.
    pub fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        std::iter::once(&self.endpoint).chain(&self.fallbacks)
    }

    /// Returns what dialling needs to know beside the endpoint.
    #[must_use]
    pub fn means(&self) -> Means<'_> {
        Means { tls: &self.tls, websocket: &self.websocket, proxy: self.proxy.as_ref(), max_packet_size: self.packet_limit() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::endpoint::Url;

    #[test]
    fn what_an_old_version_leaves_out_of_a_will_is_named() {
        let properties = Properties { content_type: Some("t".into()), ..Properties::default() };
        let message = Message { properties: Some(Box::new(properties)), ..Message::default() };
        let will = Will { message, delay: Some(5) };
        let said = will.left_out(Protocol::V311);
        assert_eq!(said.as_deref(), Some("the will went without what MQTT 3.1.1 does not have: delay, content type"));
        assert_eq!(will.left_out(Protocol::V5), None);
        assert_eq!(Will { message: Message::default(), delay: None }.left_out(Protocol::V31), None);
    }

    #[test]
    fn a_limit_that_nobody_asked_for_is_told_to_the_broker_only_where_a_larger_message_would_do_harm() {
        let limit = |url: &str, asked| {
            let options = Options::new(Url::parse(url).expect("valid").endpoint, "id");
            Options { max_packet_size: asked, ..options }.advertised_limit()
        };
        assert_eq!((limit("mqtts://h", None), limit("mqtt://h", Some(100))), (None, Some(100)));
        assert_eq!(limit("wss://h", None), Some(DEFAULT_MAX_PACKET_SIZE));
    }

    #[test]
    fn scram_sends_no_password_and_a_token_is_sent() {
        let secret = || Some(Secret::from("CANARY".to_owned()));
        let with = |method: Option<&str>, data| {
            let authentication = method.map(|method| Authentication { method: method.into(), data });
            let endpoint = Url::parse("mqtt://h").expect("valid").endpoint;
            let options = Options { password: secret(), authentication, ..Options::new(endpoint, "id") };
            (options.sends_password(), options.sends_token())
        };
        assert_eq!(with(None, None), (true, false));
        assert_eq!(with(Some("SCRAM-SHA-256"), None), (false, false));
        assert_eq!(with(Some("token"), secret()), (true, true));
    }
}
