//! Every key of `profiles.toml`, declared once: its name, what it is, what it does, and where its value goes.

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;

use super::{Profile, client_id, secret::PasswordSource};
use crate::{
    mqtt::{
        message::{Message, Properties, Qos},
        options::{Protocol, Reconnect, SessionExpiry, Subscription, Will},
        topic,
    },
    wire::endpoint::Url,
};

/// The longest text that MQTT carries, in bytes (MQTT 5.0, 1.5.4).
const MAX_TEXT: usize = 65_535;

/// The largest packet of MQTT: four bytes of Remaining Length, and the header before it (MQTT 5.0, 2.1.4).
const MAX_PACKET: u64 = 268_435_455 + 5;

/// The least memory for messages that a store works with.
const MIN_MEMORY: u64 = 1 << 20;

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
    /// A password in a text, or a table that says where it is.
    Password(&'static [Key]),
    /// A table.
    Section(&'static [Key]),
    /// A table, or false for never.
    Switch(&'static [Key], Set<bool>),
    /// Any number of tables; the function begins one.
    List(&'static [Key], fn(&mut Profile)),
    /// A key of the design that this version lacks.
    Planned,
    /// A key that this version lacks, and without which connecting would do what the user did not want.
    Needed(&'static str),
}

impl Key {
    const fn new(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self { name, doc, is_v5: false, kind }
    }

    const fn v5(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self { name, doc, is_v5: true, kind }
    }

    const fn planned(name: &'static str) -> Self {
        Self { name, doc: "Not supported by this version yet.", is_v5: false, kind: Kind::Planned }
    }

    /// Says what a value looks like, for a table of all keys and for messages.
    #[must_use]
    pub fn expects(&self) -> &'static str {
        match self.kind {
            Kind::Text(_) => "a text in quotes",
            Kind::Flag(_) | Kind::Guard(_) => "true or false",
            Kind::Number(_) => "a whole number",
            Kind::Duration(_) => "a duration such as \"10s\"",
            Kind::Expiry(_) => "\"0\", a duration such as \"1h\", or \"never\"",
            Kind::Size(_) => "a size such as \"16MiB\"",
            Kind::File(_) => "the path of a file, in quotes",
            Kind::Words(_) => "a list of texts such as [\"pass\", \"show\", \"plant\"]",
            Kind::Pairs(_) => "a list of pairs such as [[\"team\", \"ops\"]]",
            Kind::Password(_) => "a table such as { env = \"PLANT_PASSWORD\" }, or a text in quotes",
            Kind::Section(_) => "a table",
            Kind::Switch(..) => "a table such as { initial = \"500ms\", max = \"60s\" }, or false",
            Kind::List(..) => "any number of tables",
            Kind::Planned | Kind::Needed(_) => "not supported by this version yet",
        }
    }

    /// Tells whether this version reads the key.
    #[must_use]
    pub fn is_supported(&self) -> bool {
        !matches!(self.kind, Kind::Planned | Kind::Needed(_))
    }

    /// Returns the keys of the table that is this key's value.
    #[must_use]
    pub fn inner(&self) -> &'static [Key] {
        match self.kind {
            Kind::Password(keys) | Kind::Section(keys) | Kind::Switch(keys, _) | Kind::List(keys, _) => keys,
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
            | Kind::Planned
            | Kind::Needed(_) => &[],
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
        "Where the broker is: mqtt://HOST or mqtts://HOST, with :PORT where it is not 1883 or 8883.",
    ),
    Key::planned("fallback_urls"),
    Key::new(
        "protocol",
        Kind::Text(set_protocol),
        "The version of MQTT, \"5\" or \"3.1.1\"; left out, 5 with one try at 3.1.1 when the broker does not speak it.",
    ),
    Key::new(
        "client_id",
        Kind::Text(set_client_id),
        "The client identifier, in which {user}, {host}, {random} and {pid} are filled in; \"\" lets the broker assign one.",
    ),
    Key::new("username", Kind::Text(|p, text| set_text(&mut p.template.username, text)), "The user name."),
    Key::new(
        "password",
        Kind::Password(PASSWORD),
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
    Key::new("memory", Kind::Size(set_memory), "How much memory the messages that are kept may take."),
    Key::new("connect", Kind::Section(CONNECT), "Properties of the connection."),
    Key::new("will", Kind::Section(WILL), "What the broker publishes when this client vanishes."),
    Key::new("tls", Kind::Section(TLS), "How the broker is verified, for mqtts://."),
    Key::planned("websocket"),
    Key {
        name: "proxy",
        doc: "Not supported by this version yet.",
        is_v5: false,
        kind: Kind::Needed("connecting would go past the proxy"),
    },
    Key::new("subscription", Kind::List(SUBSCRIPTION, begin_subscription), "What to subscribe to, a table for each filter."),
    Key::planned("decode"),
];

static PASSWORD: &[Key] = &[
    Key::new("env", Kind::Text(set_password_env), "The environment variable that holds the password."),
    Key::new(
        "command",
        Kind::Words(set_password_command),
        "A program that prints the password, with its arguments; started without a shell and killed after 10 seconds.",
    ),
    Key::new(
        "file",
        Kind::File(|p, path| put(&mut p.password, Some(PasswordSource::File(path)))),
        "A file that holds the password and that nobody else can read.",
    ),
    Key::new("prompt", Kind::Flag(set_password_prompt), "true: the password is asked for."),
    Key::planned("keyring"),
];

static RECONNECT: &[Key] = &[
    Key::new(
        "initial",
        Kind::Duration(set_reconnect_initial),
        "The longest wait before the first try; each wait is random below its bound.",
    ),
    Key::new("max", Kind::Duration(set_reconnect_max), "What the bound grows to, doubling from try to try."),
];

static CONNECT: &[Key] = &[
    Key::planned("receive_maximum"),
    Key::new("maximum_packet_size", Kind::Size(set_max_packet_size), "The largest packet that is accepted."),
    Key::planned("topic_alias_maximum"),
    Key::planned("request_response_information"),
    Key::planned("request_problem_information"),
    Key::v5(
        "user_properties",
        Kind::Pairs(|p, pairs| put(&mut p.template.user_properties, pairs)),
        "Names and values that the broker is told.",
    ),
    Key::planned("authentication"),
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
        Kind::Flag(|p, on| put(&mut p.template.tls.ca_only, on)),
        "Whether those are trusted instead of the system's.",
    ),
    Key::planned("cert_file"),
    Key::planned("key_file"),
    Key::planned("key_password"),
    Key::new(
        "server_name",
        Kind::Text(set_server_name),
        "The name to look for in the broker's certificate, where it is not the host of the URL.",
    ),
    Key::planned("alpn"),
    Key::planned("verify"),
    Key::planned("min_version"),
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
];

#[expect(clippy::unnecessary_wraps, reason = "it stands where others refuse a value")]
fn put<T>(place: &mut T, value: T) -> Result<(), String> {
    *place = value;
    Ok(())
}

fn check_text(text: &str) -> Result<(), String> {
    if text.len() > MAX_TEXT {
        return Err(format!("has {} bytes, MQTT allows {MAX_TEXT}", text.len()));
    }
    if text.contains('\0') { Err("holds a NUL character, which MQTT forbids".into()) } else { Ok(()) }
}

fn set_text(place: &mut Option<String>, text: &str) -> Result<(), String> {
    check_text(text)?;
    put(place, Some(text.to_owned()))
}

fn set_url(profile: &mut Profile, text: &str) -> Result<(), String> {
    let url = Url::parse(text)?;
    profile.template.endpoint = url.endpoint;
    // The key of its own says more than the URL, wherever it stands.
    if profile.template.username.is_none() {
        profile.template.username = url.username;
    }
    Ok(())
}

fn set_protocol(profile: &mut Profile, text: &str) -> Result<(), String> {
    profile.template.protocol = match text {
        "5" | "5.0" => Protocol::V5,
        "3.1.1" => Protocol::V311,
        "3.1" => return Err("MQTT 3.1 is not supported by this version yet; write \"5\" or \"3.1.1\"".into()),
        _ => return Err(format!("`{}` is not a version of MQTT; write \"5\" or \"3.1.1\"", super::problem::shown(text))),
    };
    profile.template.may_downgrade = false;
    Ok(())
}

fn set_client_id(profile: &mut Profile, text: &str) -> Result<(), String> {
    check_text(text)?;
    client_id::check(text)?;
    put(&mut profile.template.client_id, text.to_owned())
}

fn set_connect_timeout(profile: &mut Profile, time: Duration) -> Result<(), String> {
    if time.is_zero() {
        return Err("must be longer than nothing".into());
    }
    put(&mut profile.template.connect_timeout, time)
}

fn set_keep_alive(profile: &mut Profile, time: Duration) -> Result<(), String> {
    if time.subsec_nanos() != 0 || time.as_secs() > u64::from(u16::MAX) {
        return Err("must be whole seconds, at most 65535".into());
    }
    put(&mut profile.template.keep_alive, time)
}

fn set_reconnect(profile: &mut Profile, on: bool) -> Result<(), String> {
    put(&mut profile.template.reconnect, on.then(Reconnect::default))
}

fn set_reconnect_initial(profile: &mut Profile, time: Duration) -> Result<(), String> {
    if time.is_zero() {
        return Err("must be longer than nothing".into());
    }
    put(&mut profile.template.reconnect.get_or_insert_default().initial, time)
}

fn set_reconnect_max(profile: &mut Profile, time: Duration) -> Result<(), String> {
    if time.is_zero() {
        return Err("must be longer than nothing".into());
    }
    put(&mut profile.template.reconnect.get_or_insert_default().max, time)
}

fn set_memory(profile: &mut Profile, bytes: u64) -> Result<(), String> {
    if bytes < MIN_MEMORY {
        return Err("must be at least 1MiB".into());
    }
    put(&mut profile.memory, Some(bytes))
}

fn set_max_packet_size(profile: &mut Profile, bytes: u64) -> Result<(), String> {
    match u32::try_from(bytes) {
        Ok(size) if size > 0 && bytes <= MAX_PACKET => put(&mut profile.template.max_packet_size, size),
        Ok(_) | Err(_) => Err(format!("must be 1 to {MAX_PACKET} bytes, the largest packet of MQTT")),
    }
}

fn set_password_env(profile: &mut Profile, name: &str) -> Result<(), String> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err("is the name of an environment variable, without $ and =".into());
    }
    put(&mut profile.password, Some(PasswordSource::Env(name.to_owned())))
}

fn set_password_command(profile: &mut Profile, argv: Vec<String>) -> Result<(), String> {
    if argv.first().is_none_or(String::is_empty) {
        return Err("names no program".into());
    }
    put(&mut profile.password, Some(PasswordSource::Command(argv)))
}

fn set_password_prompt(profile: &mut Profile, on: bool) -> Result<(), String> {
    if !on {
        return Err("is true, or left out".into());
    }
    put(&mut profile.password, Some(PasswordSource::Prompt))
}

fn set_server_name(profile: &mut Profile, name: &str) -> Result<(), String> {
    if name.is_empty()
        || name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/' || c == ':' && !name.contains("::"))
    {
        return Err("is a host's name, without scheme and port".into());
    }
    put(&mut profile.template.tls.server_name, Some(name.to_owned()))
}

fn will(profile: &mut Profile) -> &mut Will {
    profile.template.will.get_or_insert_with(|| Will { message: Message::default(), delay: None })
}

fn will_properties(profile: &mut Profile) -> &mut Properties {
    will(profile).message.properties.get_or_insert_default()
}

fn set_will_topic(profile: &mut Profile, text: &str) -> Result<(), String> {
    topic::check_name(text)?;
    put(&mut will(profile).message.topic, text.into())
}

fn set_will_payload(profile: &mut Profile, text: &str) -> Result<(), String> {
    // A will's payload is Binary Data, whose length is two bytes (MQTT 5.0, 3.1.3.4).
    if text.len() > MAX_TEXT {
        return Err(format!("has {} bytes, a will carries at most {MAX_TEXT}", text.len()));
    }
    put(&mut will(profile).message.payload, Bytes::copy_from_slice(text.as_bytes()))
}

fn set_will_response_topic(profile: &mut Profile, text: &str) -> Result<(), String> {
    topic::check_name(text)?;
    put(&mut will_properties(profile).response_topic, Some(text.to_owned()))
}

fn set_will_correlation_data(profile: &mut Profile, text: &str) -> Result<(), String> {
    if text.len() > MAX_TEXT {
        return Err(format!("has {} bytes, MQTT allows {MAX_TEXT}", text.len()));
    }
    put(&mut will_properties(profile).correlation_data, Some(Bytes::copy_from_slice(text.as_bytes())))
}

fn set_will_payload_format(profile: &mut Profile, format: i64) -> Result<(), String> {
    let format = u8::try_from(format).ok().filter(|&format| format <= 1).ok_or("is 0 (any bytes) or 1 (UTF-8 text)")?;
    put(&mut will_properties(profile).payload_format, Some(format))
}

fn set_seconds(place: &mut Option<u32>, time: Duration) -> Result<(), String> {
    let seconds = u32::try_from(time.as_secs()).ok().filter(|_| time.subsec_nanos() == 0);
    put(place, Some(seconds.ok_or("must be whole seconds, at most 4294967295")?))
}

fn set_qos(place: &mut Qos, level: i64) -> Result<(), String> {
    let qos = u8::try_from(level).ok().and_then(Qos::from_level);
    put(place, qos.ok_or_else(|| format!("is 0, 1 or 2, not {level}"))?)
}

fn begin_subscription(profile: &mut Profile) {
    profile.template.subscriptions.push(Subscription::new("", Qos::AtMostOnce));
}

fn subscription(profile: &mut Profile) -> &mut Subscription {
    profile.template.subscriptions.last_mut().expect("a subscription is begun before its keys are read")
}

fn set_filter(profile: &mut Profile, filter: &str) -> Result<(), String> {
    topic::check_filter(filter)?;
    put(&mut subscription(profile).filter, filter.to_owned())
}

fn set_retain_handling(profile: &mut Profile, handling: i64) -> Result<(), String> {
    let handling = u8::try_from(handling).ok().filter(|&handling| handling <= 2);
    put(&mut subscription(profile).retain_handling, handling.ok_or("is 0, 1 or 2")?)
}

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
