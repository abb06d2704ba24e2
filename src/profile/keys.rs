//! Every key of `profiles.toml`, declared once: its name, what it is, what it does, and where its value goes.

use std::{path::PathBuf, time::Duration};

use super::{
    Profile,
    secret::PasswordSource,
    set::{
        add_header, begin_subscription, put, set_alpn, set_client_id, set_command, set_connect_timeout, set_env, set_fallback_urls,
        set_filter, set_identifier, set_keep_alive, set_max_packet_size, set_memory, set_method, set_min_version,
        set_password_prompt, set_protocol, set_proxy_url, set_qos, set_receive_maximum, set_reconnect, set_reconnect_initial,
        set_reconnect_max, set_retain_handling, set_seconds, set_server_name, set_text, set_topic_alias_maximum, set_url,
        set_verify, set_websocket_path, set_will_correlation_data, set_will_payload, set_will_payload_format,
        set_will_response_topic, set_will_topic, subscription, will, will_properties,
    },
    shown::Shows,
};
use crate::mqtt::options::SessionExpiry;

/// Puts a value into the profile, or says why it is impossible.
type Set<T> = fn(&mut Profile, T) -> Result<(), String>;

/// A key of the file.
#[derive(Debug)]
pub struct Key {
    /// The name as it is written.
    pub name: &'static str,
    /// What it does, one sentence.
    pub doc: &'static str,
    /// Whether only MQTT 5 has it.
    pub is_v5: bool,
    /// What its value is, and where that goes.
    pub(super) kind: Kind,
    /// How much of its value may be shown.
    pub(super) shows: Shows,
}

/// What the value of a key is.
#[derive(Debug)]
pub(super) enum Kind {
    /// A text.
    Text(fn(&mut Profile, &str) -> Result<(), String>),
    /// True or false.
    Flag(Set<bool>),
    /// True or false, and true where it cannot be read, so that a slip opens nothing.
    Guard(Set<bool>),
    /// A whole number.
    Number(Set<i64>),
    /// A duration in a text, or a number of seconds.
    Duration(Set<Duration>),
    /// A duration, or the word `never`.
    Expiry(Set<SessionExpiry>),
    /// A size in a text, or a number of bytes.
    Size(Set<u64>),
    /// The path of a file.
    File(Set<PathBuf>),
    /// A list of texts.
    Words(Set<Vec<String>>),
    /// A list of pairs of texts.
    Pairs(Set<Vec<(String, String)>>),
    /// A text without which connecting would do what the user did not want, and what that would be.
    Vital(fn(&mut Profile, &str) -> Result<(), String>, &'static str),
    /// A password in a text, or a table that says where it is.
    Password(&'static [Key], fn(&mut Profile, PasswordSource)),
    /// Another secret, given as a password is.
    Secret(fn(&mut Profile, PasswordSource)),
    /// A list of pairs of a name and a secret.
    Headers(fn(&mut Profile, String, PasswordSource) -> Result<(), String>),
    /// A table.
    Section(&'static [Key]),
    /// A table, or false for never.
    Switch(&'static [Key], Set<bool>),
    /// Any number of tables; the function begins one.
    List(&'static [Key], fn(&mut Profile)),
    /// A key of the design that this version lacks.
    Planned,
}

impl Key {
    const fn new(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self { name, doc, is_v5: false, kind, shows: Shows::All }
    }

    const fn v5(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self { name, doc, is_v5: true, kind, shows: Shows::All }
    }

    const fn planned(name: &'static str) -> Self {
        Self::new(name, Kind::Planned, "Not supported by this version yet.")
    }

    const fn showing(self, shows: Shows) -> Self {
        Self { shows, ..self }
    }

    /// Says what a value looks like, for a table of all keys and for messages.
    #[must_use]
    pub fn expects(&self) -> &'static str {
        match self.kind {
            Kind::Text(_) | Kind::Vital(..) => "a text in quotes",
            Kind::Flag(_) | Kind::Guard(_) => "true or false",
            Kind::Number(_) => "a whole number",
            Kind::Duration(_) => "a duration such as \"10s\"",
            Kind::Expiry(_) => "\"0\", a duration such as \"1h\", or \"never\"",
            Kind::Size(_) => "a size such as \"16MiB\"",
            Kind::File(_) => "the path of a file, in quotes",
            Kind::Words(_) => "a list of texts such as [\"pass\", \"show\", \"plant\"]",
            Kind::Pairs(_) => "a list of pairs such as [[\"team\", \"ops\"]]",
            Kind::Headers(_) => "a list of pairs such as [[\"Authorization\", { env = \"WS_TOKEN\" }]]",
            Kind::Password(..) | Kind::Secret(_) => "a table such as { env = \"PLANT_PASSWORD\" }, or a text in quotes",
            Kind::Section(_) => "a table",
            Kind::Switch(..) => "a table such as { initial = \"500ms\", max = \"60s\" }, or false",
            Kind::List(..) => "any number of tables",
            Kind::Planned => "not supported by this version yet",
        }
    }

    /// Tells whether this version reads the key.
    #[must_use]
    pub fn is_supported(&self) -> bool {
        !matches!(self.kind, Kind::Planned)
    }

    /// Returns the keys of the table that is this key's value.
    #[must_use]
    pub fn inner(&self) -> &'static [Key] {
        match self.kind {
            Kind::Password(keys, _) | Kind::Section(keys) | Kind::Switch(keys, _) | Kind::List(keys, _) => keys,
            Kind::Text(_)
            | Kind::Flag(_)
            | Kind::Guard(_)
            | Kind::Number(_)
            | Kind::Duration(_)
            | Kind::Expiry(_)
            | Kind::Size(_)
            | Kind::File(_)
            | Kind::Words(_)
            | Kind::Pairs(_)
            | Kind::Vital(..)
            | Kind::Secret(_)
            | Kind::Headers(_)
            | Kind::Planned => &[],
        }
    }
}

/// Calls `visit` with the path and the declaration of every key of a profile: `keep_alive`, `tls`, `tls.ca_file`.
pub fn each(mut visit: impl FnMut(&str, &'static Key)) {
    fn walk(prefix: &str, keys: &'static [Key], visit: &mut impl FnMut(&str, &'static Key)) {
        for key in keys {
            let path = format!("{prefix}{}", key.name);
            visit(&path, key);
            walk(&format!("{path}."), key.inner(), visit);
        }
    }
    walk("", PROFILE, &mut visit);
}

/// Finds the declaration of a path such as `tls.ca_file`.
#[must_use]
pub fn find(path: &str) -> Option<&'static Key> {
    let mut keys = PROFILE;
    let mut found = None;
    for name in path.split('.') {
        let key = keys.iter().find(|key| key.name == name)?;
        (keys, found) = (key.inner(), Some(key));
    }
    found
}

/// The keys of `[profile.NAME]`.
pub static PROFILE: &[Key] = &[
    Key::new(
        "url",
        Kind::Text(set_url),
        "Where the broker is: mqtt://, mqtts://, ws://, wss:// or quic:// with HOST, and :PORT where it is another; \
         unix:///PATH.",
    )
    .showing(Shows::Url),
    Key::new(
        "fallback_urls",
        Kind::Words(set_fallback_urls),
        "Where else the broker is, tried in this order when connecting to the one before fails.",
    )
    .showing(Shows::Url),
    Key::new(
        "protocol",
        Kind::Text(set_protocol),
        "The version of MQTT, \"5\", \"3.1.1\" or \"3.1\"; left out, 5 with one try at 3.1.1 when the broker does not answer to it.",
    ),
    Key::new(
        "client_id",
        Kind::Text(set_client_id),
        "The client identifier, in which {user}, {host}, {random} and {pid} are filled in; \"\" lets the broker assign one.",
    ),
    Key::new("username", Kind::Text(|p, text| set_text(&mut p.template.username, text)), "The user name."),
    Key::new(
        "password",
        Kind::Password(PASSWORD, |p, source| p.password = Some(source)),
        "Where the password is; the password itself, in quotes, is read only while nobody else can read this file.",
    ),
    Key::new(
        "connect_timeout",
        Kind::Duration(set_connect_timeout),
        "The longest that an attempt to connect may take, from the name to the broker's answer.",
    ),
    Key::new(
        "keep_alive",
        Kind::Duration(set_keep_alive),
        "The longest silence before a ping, in whole seconds; \"0\" turns it off.",
    ),
    Key::new(
        "clean_start",
        Kind::Flag(|p, on| put(&mut p.template.clean_start, on)),
        "Whether to forget the session that the broker kept.",
    ),
    Key::v5(
        "session_expiry",
        Kind::Expiry(|p, expiry| put(&mut p.template.session_expiry, expiry)),
        "How long the broker keeps the session after the connection has ended: \"0\", a duration, or \"never\" for no end.",
    ),
    Key::new("reconnect", Kind::Switch(RECONNECT, set_reconnect), "When to try again after the connection was lost; false: never."),
    Key::new("read_only", Kind::Guard(|p, on| put(&mut p.read_only, on)), "Whether nothing can be published, not even by mistake."),
    Key::new("protect", Kind::Guard(|p, on| put(&mut p.protect, on)), "Whether each publish is asked for, and the bar tinted."),
    Key::new(
        "memory",
        Kind::Size(set_memory),
        "How much memory the messages that are kept may take; the tree of topics may take as much again, and at least 64MiB.",
    ),
    Key::new("connect", Kind::Section(CONNECT), "Properties of the connection."),
    Key::new("will", Kind::Section(WILL), "What the broker publishes when this client vanishes."),
    Key::new("tls", Kind::Section(TLS), "How the broker is verified and who this client is, for mqtts://, wss:// and quic://."),
    Key::new("websocket", Kind::Section(WEBSOCKET), "What the handshake says, for ws:// and wss://."),
    Key::new("proxy", Kind::Section(PROXY), "The way to the broker, for all that runs over TCP."),
    Key::new("subscription", Kind::List(SUBSCRIPTION, begin_subscription), "What to subscribe to, a table for each filter."),
    Key::planned("decode"),
];

/// The ways to a secret; what they say goes to the place of the password first.
pub(super) static PASSWORD: &[Key] = &[
    Key::new("env", Kind::Text(|p, name| set_env(&mut p.password, name)), "The environment variable that holds the password.")
        .showing(Shows::Source),
    Key::new(
        "command",
        Kind::Words(|p, argv| set_command(&mut p.password, argv)),
        "A program that prints the password, with its arguments; started without a shell and killed after 10 seconds.",
    )
    .showing(Shows::Source),
    Key::new(
        "file",
        Kind::File(|p, path| put(&mut p.password, Some(PasswordSource::File(path)))),
        "A file that holds the password and that nobody else can read.",
    )
    .showing(Shows::Source),
    Key::new("prompt", Kind::Flag(set_password_prompt), "true: the password is asked for.").showing(Shows::Source),
    Key::planned("keyring"),
];

static RECONNECT: &[Key] = &[
    Key::new(
        "initial",
        Kind::Duration(set_reconnect_initial),
        "The longest wait before the first try; each wait is random below its bound.",
    ),
    Key::new(
        "max",
        Kind::Duration(set_reconnect_max),
        "What the bound grows to, doubling; never more than 10 tries in half a minute and 60 in an hour.",
    ),
];

static CONNECT: &[Key] = &[
    Key::v5(
        "receive_maximum",
        Kind::Number(set_receive_maximum),
        "How many messages of QoS 1 and 2 the broker may send ahead of their acknowledgement: 1 to 65535.",
    ),
    Key::new(
        "maximum_packet_size",
        Kind::Size(set_max_packet_size),
        "The largest packet that is accepted, which a broker of MQTT 5 is told and heeds in silence; left out, messages above 16MiB \
         are passed over and told of.",
    ),
    Key::v5(
        "topic_alias_maximum",
        Kind::Number(set_topic_alias_maximum),
        "How many topics the broker may abbreviate: 0 to 65535; each is kept in memory.",
    ),
    Key::v5(
        "request_response_information",
        Kind::Flag(|p, on| put(&mut p.template.request_response_information, on)),
        "Whether the broker is asked for the basis of response topics.",
    ),
    Key::v5(
        "request_problem_information",
        Kind::Flag(|p, on| put(&mut p.template.request_problem_information, on)),
        "Whether the broker may give its reasons in words.",
    ),
    Key::v5(
        "user_properties",
        Kind::Pairs(|p, pairs| put(&mut p.template.user_properties, pairs)),
        "Names and values that the broker is told.",
    ),
    Key::new(
        "authentication",
        Kind::Section(AUTHENTICATION),
        "Enhanced authentication of MQTT 5: SCRAM with username and password, or a token.",
    ),
];

static AUTHENTICATION: &[Key] = &[
    Key::new(
        "method",
        Kind::Text(set_method),
        "The method; needed. With SCRAM-SHA-1, SCRAM-SHA-256 or SCRAM-SHA-512 the password itself is not sent.",
    ),
    Key::new(
        "data",
        Kind::Secret(|p, source| p.sources.authentication = Some(source)),
        "Where the data of another method is, such as a token; the data itself, in quotes, as with password.",
    ),
];

static WILL: &[Key] = &[
    Key::new("topic", Kind::Text(set_will_topic), "The topic of the will; needed."),
    Key::new("payload", Kind::Text(set_will_payload), "The payload."),
    Key::new("qos", Kind::Number(|p, level| set_qos(&mut will(p).message.qos, level)), "The quality of service: 0, 1 or 2."),
    Key::new("retain", Kind::Flag(|p, on| put(&mut will(p).message.retain, on)), "Whether the broker keeps it."),
    Key::v5(
        "delay",
        Kind::Duration(|p, time| set_seconds(&mut will(p).delay, time)),
        "How long the broker waits for a new connection first.",
    ),
    Key::v5(
        "expiry",
        Kind::Duration(|p, time| set_seconds(&mut will_properties(p).message_expiry, time)),
        "How long it is worth delivering.",
    ),
    Key::v5(
        "content_type",
        Kind::Text(|p, text| set_text(&mut will_properties(p).content_type, text)),
        "What the payload is, such as a MIME type.",
    ),
    Key::v5("response_topic", Kind::Text(set_will_response_topic), "The topic for an answer."),
    Key::v5("correlation_data", Kind::Text(set_will_correlation_data), "What an answer carries back."),
    Key::v5("payload_format", Kind::Number(set_will_payload_format), "0: any bytes, 1: UTF-8 text."),
    Key::v5(
        "user_properties",
        Kind::Pairs(|p, pairs| put(&mut will_properties(p).user_properties, pairs)),
        "Names and values that travel with it.",
    ),
];

static TLS: &[Key] = &[
    Key::new(
        "ca_file",
        Kind::File(|p, path| put(&mut p.template.tls.ca_file, Some(path))),
        "A PEM file with certificate authorities, added to those of the system.",
    ),
    Key::new(
        "ca_only",
        Kind::Guard(|p, on| put(&mut p.template.tls.ca_only, on)),
        "Whether those are trusted instead of the system's.",
    ),
    Key::new(
        "cert_file",
        Kind::File(|p, path| put(&mut p.template.tls.cert_file, Some(path))),
        "A PEM file with the certificate of this client.",
    ),
    Key::new(
        "key_file",
        Kind::File(|p, path| put(&mut p.template.tls.key_file, Some(path))),
        "A PEM file with the key to it, where that is not in the same file.",
    ),
    Key::new(
        "key_password",
        Kind::Secret(|p, source| p.sources.passphrase = Some(source)),
        "Where the passphrase of the key is, as for password; left out, it is asked for.",
    ),
    Key::new(
        "server_name",
        Kind::Text(set_server_name),
        "The name to look for in the broker's certificate, where it is not the host of the URL.",
    ),
    Key::new("alpn", Kind::Words(set_alpn), "The protocols to offer by ALPN; left out, none, and \"mqtt\" for quic://."),
    Key::new(
        "verify",
        Kind::Vital(set_verify, "the broker would be verified in another way"),
        "\"full\", or \"fingerprint:SHA256\" of the only certificate that is taken, or \"none\", and then anybody may answer.",
    ),
    Key::new(
        "min_version",
        Kind::Vital(set_min_version, "an older TLS might be spoken"),
        "The oldest version of TLS to speak: \"1.2\" or \"1.3\".",
    ),
];

static WEBSOCKET: &[Key] = &[
    Key::new("path", Kind::Text(set_websocket_path), "The path, where the url has none; left out, /mqtt.").showing(Shows::Url),
    Key::new(
        "headers",
        Kind::Headers(add_header),
        "Names and values of more headers; a value is given as a password is, and is never shown.",
    ),
];

static PROXY: &[Key] = &[
    Key::new(
        "url",
        Kind::Vital(set_proxy_url, "connecting would go past the proxy"),
        "The proxy: socks5://HOST or http://HOST, with USER@ where it wants one and :PORT where it is not 1080 or 80; needed.",
    )
    .showing(Shows::Url),
    Key::new(
        "password",
        Kind::Secret(|p, source| p.sources.proxy = Some(source)),
        "Where the password for it is, as for password; left out, it is asked for where the URL names a user.",
    ),
];

static SUBSCRIPTION: &[Key] = &[
    Key::new("filter", Kind::Text(set_filter), "The topic filter; needed."),
    Key::new(
        "qos",
        Kind::Number(|p, level| set_qos(&mut subscription(p).qos, level)),
        "The most that the broker may use: 0, 1 or 2.",
    ),
    Key::v5(
        "no_local",
        Kind::Flag(|p, on| put(&mut subscription(p).no_local, on)),
        "Whether to leave out what this client published.",
    ),
    Key::v5(
        "retain_as_published",
        Kind::Flag(|p, on| put(&mut subscription(p).retain_as_published, on)),
        "Whether a message keeps its retain flag when it is passed on live.",
    ),
    Key::v5(
        "retain_handling",
        Kind::Number(set_retain_handling),
        "Retained messages: 0 sent, 1 sent if the subscription is new, 2 not sent.",
    ),
    Key::v5(
        "identifier",
        Kind::Number(set_identifier),
        "A number from 1 to 268435455 that comes back with each message, so that it tells which filter matched.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_finds_its_key() {
        assert_eq!(find("tls.ca_file").map(|key| key.name), Some("ca_file"));
        assert_eq!(find("subscription.qos").map(Key::expects), Some("a whole number"));
        for none in ["", "tls.", "tls.url", "url.tls"] {
            assert!(find(none).is_none(), "{none}");
        }
    }

    #[test]
    fn every_key_has_one_sentence_and_a_name_of_its_own() {
        let mut paths = std::collections::HashSet::new();
        each(|path, key| {
            assert!(key.doc.ends_with('.') && key.doc.len() > 10, "{path}");
            assert!(paths.insert(path.to_owned()), "{path} is declared twice");
        });
        assert!(paths.contains("will.user_properties") && paths.len() > 50);
    }
}
