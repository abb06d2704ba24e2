//! The options of every verb that connects.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueHint, builder::BoolishValueParser};

use super::value;
use crate::{
    mqtt::{
        message::Qos,
        options::{Protocol, SessionExpiry},
    },
    wire::{endpoint, proxy::Proxy},
};

/// How to connect; what is not given is as the profile, or the default, says.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Connection")]
pub struct ConnectArgs {
    /// The version of MQTT to speak [default: 5, then 3.1.1 if the broker does not speak 5].
    #[arg(short = 'V', long, value_parser = value::protocol(), hide_possible_values = true, value_name = "3.1|3.1.1|5")]
    pub protocol: Option<Protocol>,

    /// Client Identifier, in which {user}, {host}, {random} and {pid} are filled in; '' lets the broker assign one
    /// [default: mqtap-{user}-{host}-{random}].
    #[arg(short = 'i', long, value_name = "ID")]
    pub client_id: Option<String>,

    /// User Name.
    #[arg(short = 'u', long, value_name = "NAME")]
    pub username: Option<String>,

    /// Where the password is.
    #[command(flatten)]
    pub password: PasswordArgs,

    /// The longest that connecting may take, such as 500ms or 10s [default: 10s].
    #[arg(long, value_name = "TIME", value_parser = value::some_duration, hide_short_help = true)]
    pub connect_timeout: Option<Duration>,

    /// Keep Alive, whole seconds; 0 turns it off [default: 30s].
    #[arg(short = 'k', long, value_name = "TIME", value_parser = value::keep_alive)]
    pub keep_alive: Option<Duration>,

    /// Clean Start: whether the broker forgets an earlier session [default: true].
    #[arg(long, value_name = "BOOL", value_parser = BoolishValueParser::new())]
    pub clean_start: Option<bool>,

    /// How long the broker keeps the session after the connection, a time or `never` (MQTT 5) [default: 0].
    #[arg(short = 'x', long, value_name = "TIME", value_parser = value::session_expiry)]
    pub session_expiry: Option<SessionExpiry>,

    /// The largest packet that is accepted, such as 64KiB; a broker of MQTT 5 leaves larger messages out [default: messages
    /// above 16MiB are passed over, and that is told].
    #[arg(long, value_name = "SIZE", value_parser = value::packet_size, hide_short_help = true)]
    pub max_packet_size: Option<u32>,

    /// What CONNECT asks of a broker of MQTT 5.
    #[command(flatten)]
    pub terms: TermArgs,

    /// How this client proves who it is, beside a password.
    #[command(flatten)]
    pub authentication: AuthenticationArgs,

    /// How the server is verified.
    #[command(flatten)]
    pub tls: TlsArgs,

    /// How the bytes get to the broker.
    #[command(flatten)]
    pub way: WayArgs,

    /// The Will Message.
    #[command(flatten)]
    pub will: WillArgs,
}

/// Where the password is; no option takes the password itself, as it would show in the list of processes.
#[derive(Debug, Clone, Default, Args)]
#[group(multiple = false)]
pub struct PasswordArgs {
    /// Takes the password from this environment variable.
    #[arg(long, value_name = "VARIABLE")]
    pub password_env: Option<String>,

    /// Takes the password from the first line of this file, `-` for standard input.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub password_file: Option<PathBuf>,
}

/// What CONNECT asks of a broker of MQTT 5.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "CONNECT properties (MQTT 5)")]
pub struct TermArgs {
    /// Receive Maximum: how many messages of QoS 1 and 2 the broker may send ahead of our acknowledgements [default: 65535].
    #[arg(long, value_name = "N", value_parser = value::some_number, hide_short_help = true)]
    pub receive_maximum: Option<u16>,

    /// Topic Alias Maximum: how many topics the broker may abbreviate [default: 32].
    #[arg(long, value_name = "N", value_parser = value::topic_alias_maximum, hide_short_help = true)]
    pub topic_alias_maximum: Option<u16>,

    /// Request Response Information: asks the broker for the basis of response topics [default: false].
    #[arg(long, value_name = "BOOL", value_parser = BoolishValueParser::new(), hide_short_help = true)]
    pub request_response_information: Option<bool>,

    /// Request Problem Information: has the broker give its reasons in words [default: true].
    #[arg(long, value_name = "BOOL", value_parser = BoolishValueParser::new(), hide_short_help = true)]
    pub request_problem_information: Option<bool>,
}

/// Enhanced authentication; no option takes the data itself, as it would show in the list of processes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "CONNECT properties (MQTT 5)")]
pub struct AuthenticationArgs {
    /// Authentication Method: SCRAM-SHA-1, SCRAM-SHA-256 or SCRAM-SHA-512 with user name and password, or another with data.
    #[arg(long, value_name = "METHOD", value_parser = value::method, hide_short_help = true)]
    pub auth_method: Option<String>,

    /// Takes the Authentication Data, such as a token, from this environment variable.
    #[arg(long, value_name = "VARIABLE", requires = "auth_method", conflicts_with = "auth_data_file", hide_short_help = true)]
    pub auth_data_env: Option<String>,

    /// Takes it from the first line of this file, `-` for standard input.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "auth_method", hide_short_help = true)]
    pub auth_data_file: Option<PathBuf>,
}

/// How the server is verified, and who this client is.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "TLS")]
pub struct TlsArgs {
    /// Trusts the authorities of this PEM file besides those of the system.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub ca_file: Option<PathBuf>,

    /// The certificate of this client, a PEM file.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, hide_short_help = true)]
    pub cert: Option<PathBuf>,

    /// Its key, a PEM file; the passphrase of an encrypted one is asked for [default: in the file of --cert].
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "cert", hide_short_help = true)]
    pub key: Option<PathBuf>,

    /// The name to verify, where it is not the host of the URL.
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub server_name: Option<String>,

    /// Offers this protocol by ALPN; may be repeated [default: none, and mqtt for quic://].
    #[arg(long, value_name = "PROTOCOL", value_parser = value::alpn, hide_short_help = true)]
    pub alpn: Vec<String>,

    /// Verifies nothing: anybody may answer, and see what is sent.
    #[arg(long, conflicts_with = "ca_file")]
    pub insecure: bool,
}

/// How the bytes get to the broker.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Way to the broker")]
pub struct WayArgs {
    /// The path of the WebSocket, in place of that of the URL [default: /mqtt].
    #[arg(long, value_name = "PATH", value_parser = endpoint::websocket_path, hide_short_help = true)]
    pub ws_path: Option<String>,

    /// Adds a header to the WebSocket handshake; may be repeated. It shows in the list of processes:
    /// keep a secret in a profile.
    #[arg(long, value_name = "NAME:VALUE", value_parser = value::header, hide_short_help = true)]
    pub ws_header: Vec<(String, String)>,

    /// Goes by a proxy, `socks5://[USER@]HOST[:PORT]` or `http://[USER@]HOST[:PORT]`.
    #[arg(long, value_name = "URL", value_parser = value::proxy, hide_short_help = true)]
    pub proxy: Option<Proxy>,
}

/// The Will Message: the broker publishes it when this client vanishes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Will Message")]
pub struct WillArgs {
    /// The topic of the Will Message.
    #[arg(long, value_name = "TOPIC", value_parser = value::topic_name, hide_short_help = true)]
    pub will_topic: Option<String>,

    /// Its payload [default: empty].
    #[arg(long, value_name = "TEXT", requires = "will_topic", hide_short_help = true)]
    pub will_payload: Option<String>,

    /// Its QoS [default: 0].
    #[arg(long, value_name = "0|1|2", value_parser = value::qos(), hide_possible_values = true, requires = "will_topic", hide_short_help = true)]
    pub will_qos: Option<Qos>,

    /// Makes the broker keep it.
    #[arg(long, requires = "will_topic", hide_short_help = true)]
    pub will_retain: bool,

    /// How long the broker waits before it publishes it (MQTT 5).
    #[arg(long, value_name = "TIME", value_parser = value::seconds, requires = "will_topic", hide_short_help = true)]
    pub will_delay: Option<u32>,

    /// How long it is of use, once published (MQTT 5).
    #[arg(long, value_name = "TIME", value_parser = value::seconds, requires = "will_topic", hide_short_help = true)]
    pub will_expiry: Option<u32>,

    /// Its Content Type (MQTT 5).
    #[arg(long, value_name = "TYPE", requires = "will_topic", hide_short_help = true)]
    pub will_content_type: Option<String>,

    /// Its Response Topic (MQTT 5).
    #[arg(long, value_name = "TOPIC", value_parser = value::topic_name, requires = "will_topic", hide_short_help = true)]
    pub will_response_topic: Option<String>,

    /// Its Correlation Data (MQTT 5).
    #[arg(long, value_name = "TEXT", requires = "will_topic", hide_short_help = true)]
    pub will_correlation_data: Option<String>,

    /// Its Payload Format Indicator: 0 bytes, 1 UTF-8 text (MQTT 5).
    #[arg(long, value_name = "0|1", value_parser = value::payload_format(), hide_possible_values = true, requires = "will_topic", hide_short_help = true)]
    pub will_payload_format: Option<u8>,

    /// Its User Property (MQTT 5); may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = value::user_property, requires = "will_topic", hide_short_help = true)]
    pub will_user_property: Vec<(String, String)>,
}

/// What CONNECT carries besides, where the verb has no properties of its own.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Connection")]
pub struct ConnectPropertyArgs {
    /// User Property of CONNECT (MQTT 5); may be repeated.
    #[arg(long = "user-property", value_name = "KEY=VALUE", value_parser = value::user_property, hide_short_help = true)]
    pub connect_user_properties: Vec<(String, String)>,
}

/// Where the packets of the connection are written down.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Connection")]
pub struct TraceArgs {
    /// Writes every control packet as a line to the end of this file, `-` for standard error; passwords are masked, QoS 0 is
    /// counted.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub trace: Option<PathBuf>,
}

impl ConnectArgs {
    /// Returns the first option given that only MQTT 5 can carry.
    #[must_use]
    pub fn needs_v5(&self) -> Option<&'static str> {
        let TermArgs { receive_maximum, topic_alias_maximum, request_response_information, request_problem_information } =
            self.terms;
        let given = [
            (self.session_expiry.is_some(), "--session-expiry"),
            (receive_maximum.is_some(), "--receive-maximum"),
            (topic_alias_maximum.is_some(), "--topic-alias-maximum"),
            (request_response_information.is_some(), "--request-response-information"),
            (request_problem_information.is_some(), "--request-problem-information"),
            (self.authentication.auth_method.is_some(), "--auth-method"),
            (self.will.will_delay.is_some(), "--will-delay"),
            (self.will.will_expiry.is_some(), "--will-expiry"),
            (self.will.will_content_type.is_some(), "--will-content-type"),
            (self.will.will_response_topic.is_some(), "--will-response-topic"),
            (self.will.will_correlation_data.is_some(), "--will-correlation-data"),
            (self.will.will_payload_format.is_some(), "--will-payload-format"),
            (!self.will.will_user_property.is_empty(), "--will-user-property"),
        ];
        given.into_iter().find_map(|(is_given, option)| is_given.then_some(option))
    }
}

impl ConnectPropertyArgs {
    /// Returns the first option given that only MQTT 5 can carry.
    #[must_use]
    pub fn needs_v5(&self) -> Option<&'static str> {
        (!self.connect_user_properties.is_empty()).then_some("--user-property")
    }
}
