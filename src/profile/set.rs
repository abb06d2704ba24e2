//! Where the values of the keys go, and which of them are impossible.

use std::time::Duration;

use bytes::Bytes;

use super::{Profile, client_id, secret::PasswordSource};
use crate::{
    mqtt::{
        bounds,
        message::{Message, Properties, Qos},
        options::{Authentication, Protocol, Reconnect, Subscription, Will},
        topic,
    },
    wire::{
        endpoint::{self, Url},
        proxy::Proxy,
        tls::{TlsVersion, Verify},
        websocket,
    },
};

/// The least memory for messages that a store works with.
const MIN_MEMORY: u64 = 1 << 20;

/// The most headers of a profile, each of which is compared with all before it.
const MAX_HEADERS: usize = 64;

#[expect(clippy::unnecessary_wraps, reason = "it stands where others refuse a value")]
pub(super) fn put<T>(place: &mut T, value: T) -> Result<(), String> {
    *place = value;
    Ok(())
}

pub(super) fn set_text(place: &mut Option<String>, text: &str) -> Result<(), String> {
    bounds::text(text)?;
    put(place, Some(text.to_owned()))
}

pub(super) fn set_url(profile: &mut Profile, text: &str) -> Result<(), String> {
    let url = Url::parse(text)?;
    profile.template.endpoint = url.endpoint;
    // The key of its own says more than the URL, wherever it stands.
    if profile.template.username.is_none() {
        profile.template.username = url.username;
    }
    Ok(())
}

/// Takes the good ones, and says what is wrong with the first bad one.
pub(super) fn set_fallback_urls(profile: &mut Profile, texts: Vec<String>) -> Result<(), String> {
    let mut wrong = None;
    for (index, text) in texts.into_iter().enumerate() {
        let parsed = match Url::parse(&text) {
            Ok(Url { username: Some(_), .. }) => Err("a user name belongs to the key username".into()),
            Ok(url) => Ok(url.endpoint),
            Err(reason) => Err(reason),
        };
        match parsed {
            Ok(endpoint) => profile.template.fallbacks.push(endpoint),
            Err(reason) => drop(wrong.get_or_insert(format!("number {}: {reason}", index + 1))),
        }
    }
    wrong.map_or(Ok(()), Err)
}

pub(super) fn set_protocol(profile: &mut Profile, text: &str) -> Result<(), String> {
    profile.template.protocol = match text {
        "5" | "5.0" => Protocol::V5,
        "3.1.1" => Protocol::V311,
        "3.1" => Protocol::V31,
        _ => {
            let shown = super::problem::shown(text);
            return Err(format!("`{shown}` is not a version of MQTT; write \"5\", \"3.1.1\" or \"3.1\""));
        }
    };
    profile.template.may_downgrade = false;
    Ok(())
}

pub(super) fn set_client_id(profile: &mut Profile, text: &str) -> Result<(), String> {
    bounds::text(text)?;
    client_id::check(text)?;
    put(&mut profile.template.client_id, text.to_owned())
}

pub(super) fn set_connect_timeout(profile: &mut Profile, time: Duration) -> Result<(), String> {
    put(&mut profile.template.connect_timeout, bounds::some_time(time)?)
}

pub(super) fn set_keep_alive(profile: &mut Profile, time: Duration) -> Result<(), String> {
    put(&mut profile.template.keep_alive, bounds::keep_alive(time)?)
}

pub(super) fn set_reconnect(profile: &mut Profile, on: bool) -> Result<(), String> {
    put(&mut profile.template.reconnect, on.then(Reconnect::default))
}

pub(super) fn set_reconnect_initial(profile: &mut Profile, time: Duration) -> Result<(), String> {
    put(&mut profile.template.reconnect.get_or_insert_default().initial, bounds::some_time(time)?)
}

pub(super) fn set_reconnect_max(profile: &mut Profile, time: Duration) -> Result<(), String> {
    put(&mut profile.template.reconnect.get_or_insert_default().max, bounds::some_time(time)?)
}

pub(super) fn set_memory(profile: &mut Profile, bytes: u64) -> Result<(), String> {
    if bytes < MIN_MEMORY {
        return Err("must be at least 1MiB".into());
    }
    put(&mut profile.memory, Some(bytes))
}

pub(super) fn set_max_packet_size(profile: &mut Profile, bytes: u64) -> Result<(), String> {
    put(&mut profile.template.max_packet_size, Some(bounds::packet_size(bytes)?))
}

pub(super) fn set_receive_maximum(profile: &mut Profile, most: i64) -> Result<(), String> {
    put(&mut profile.template.receive_maximum, Some(bounds::some_number(most)?))
}

pub(super) fn set_topic_alias_maximum(profile: &mut Profile, most: i64) -> Result<(), String> {
    put(&mut profile.template.topic_alias_maximum, bounds::topic_alias_maximum(most)?)
}

pub(super) fn set_method(profile: &mut Profile, method: &str) -> Result<(), String> {
    bounds::text(method)?;
    if method.is_empty() {
        return Err("is empty".into());
    }
    put(&mut profile.template.authentication, Some(Authentication { method: method.to_owned(), data: None }))
}

pub(super) fn set_env(place: &mut Option<PasswordSource>, name: &str) -> Result<(), String> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err("is the name of an environment variable, without $ and =".into());
    }
    put(place, Some(PasswordSource::Env(name.to_owned())))
}

pub(super) fn set_command(place: &mut Option<PasswordSource>, argv: Vec<String>) -> Result<(), String> {
    if argv.first().is_none_or(String::is_empty) {
        return Err("names no program".into());
    }
    put(place, Some(PasswordSource::Command(argv)))
}

pub(super) fn set_password_prompt(profile: &mut Profile, on: bool) -> Result<(), String> {
    if !on {
        return Err("is true, or left out".into());
    }
    put(&mut profile.password, Some(PasswordSource::Prompt))
}

pub(super) fn set_server_name(profile: &mut Profile, name: &str) -> Result<(), String> {
    if name.is_empty()
        || name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/' || c == ':' && !name.contains("::"))
    {
        return Err("is a host's name, without scheme and port".into());
    }
    put(&mut profile.template.tls.server_name, Some(name.to_owned()))
}

pub(super) fn set_alpn(profile: &mut Profile, protocols: Vec<String>) -> Result<(), String> {
    if protocols.iter().any(|protocol| protocol.is_empty() || protocol.len() > 255) {
        return Err("the name of a protocol has 1 to 255 bytes".into());
    }
    put(&mut profile.template.tls.alpn, protocols)
}

pub(super) fn set_verify(profile: &mut Profile, text: &str) -> Result<(), String> {
    let verify = match text {
        "full" => Verify::Full,
        "none" => Verify::None,
        _ => match text.strip_prefix("fingerprint:") {
            Some(digest) => Verify::Fingerprint(fingerprint(digest)?),
            None => return Err("is \"full\", \"fingerprint:SHA256...\" or \"none\"".into()),
        },
    };
    put(&mut profile.template.tls.verify, verify)
}

/// Reads a SHA-256 digest: 64 hexadecimal digits, with or without colons, and perhaps a `SHA256:` in front.
fn fingerprint(text: &str) -> Result<[u8; 32], String> {
    let wrong = || "a fingerprint is the SHA-256 of the certificate: 64 hexadecimal digits, with or without colons".to_owned();
    let text = text.trim();
    let digits = text.strip_prefix("SHA256:").or_else(|| text.strip_prefix("sha256:")).unwrap_or(text);
    let digits: Vec<u8> = digits.bytes().filter(|byte| !matches!(byte, b':' | b' ')).collect();
    let mut digest = [0; 32];
    if digits.len() != 2 * digest.len() {
        return Err(wrong());
    }
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        let hex = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        let (Some(high), Some(low)) = (hex(pair[0]), hex(pair[1])) else { return Err(wrong()) };
        *byte = high << 4 | low;
    }
    Ok(digest)
}

pub(super) fn set_min_version(profile: &mut Profile, text: &str) -> Result<(), String> {
    let version = match text {
        "1.2" => TlsVersion::V12,
        "1.3" => TlsVersion::V13,
        _ => return Err("is \"1.2\" or \"1.3\"".into()),
    };
    put(&mut profile.template.tls.min_version, version)
}

pub(super) fn set_websocket_path(profile: &mut Profile, path: &str) -> Result<(), String> {
    put(&mut profile.template.websocket.path, Some(endpoint::websocket_path(path)?))
}

pub(super) fn add_header(profile: &mut Profile, name: String, source: PasswordSource) -> Result<(), String> {
    websocket::check_header(&name)?;
    let headers = &mut profile.sources.headers;
    if headers.len() == MAX_HEADERS {
        return Err(format!("there are more than {MAX_HEADERS} headers"));
    }
    if headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
        return Err(format!("the header {name} is there twice"));
    }
    headers.push((name, source));
    Ok(())
}

pub(super) fn set_proxy_url(profile: &mut Profile, url: &str) -> Result<(), String> {
    put(&mut profile.template.proxy, Some(Proxy::parse(url)?))
}

pub(super) fn will(profile: &mut Profile) -> &mut Will {
    profile.template.will.get_or_insert_with(|| Will { message: Message::default(), delay: None })
}

pub(super) fn will_properties(profile: &mut Profile) -> &mut Properties {
    will(profile).message.properties.get_or_insert_default()
}

pub(super) fn set_will_topic(profile: &mut Profile, text: &str) -> Result<(), String> {
    topic::check_name(text)?;
    put(&mut will(profile).message.topic, text.into())
}

pub(super) fn set_will_payload(profile: &mut Profile, text: &str) -> Result<(), String> {
    bounds::binary(text.as_bytes())?;
    put(&mut will(profile).message.payload, Bytes::copy_from_slice(text.as_bytes()))
}

pub(super) fn set_will_response_topic(profile: &mut Profile, text: &str) -> Result<(), String> {
    topic::check_name(text)?;
    put(&mut will_properties(profile).response_topic, Some(text.to_owned()))
}

pub(super) fn set_will_correlation_data(profile: &mut Profile, text: &str) -> Result<(), String> {
    bounds::binary(text.as_bytes())?;
    put(&mut will_properties(profile).correlation_data, Some(Bytes::copy_from_slice(text.as_bytes())))
}

pub(super) fn set_will_payload_format(profile: &mut Profile, format: i64) -> Result<(), String> {
    let format = u8::try_from(format).ok().filter(|&format| format <= 1).ok_or("is 0 (any bytes) or 1 (UTF-8 text)")?;
    put(&mut will_properties(profile).payload_format, Some(format))
}

pub(super) fn set_seconds(place: &mut Option<u32>, time: Duration) -> Result<(), String> {
    put(place, Some(bounds::seconds(time)?))
}

pub(super) fn set_qos(place: &mut Qos, level: i64) -> Result<(), String> {
    let qos = u8::try_from(level).ok().and_then(Qos::from_level);
    put(place, qos.ok_or_else(|| format!("is 0, 1 or 2, not {level}"))?)
}

pub(super) fn begin_subscription(profile: &mut Profile) {
    profile.template.subscriptions.push(Subscription::new("", Qos::AtMostOnce));
}

pub(super) fn subscription(profile: &mut Profile) -> &mut Subscription {
    profile.template.subscriptions.last_mut().expect("a subscription is begun before its keys are read")
}

pub(super) fn set_filter(profile: &mut Profile, filter: &str) -> Result<(), String> {
    topic::check_filter(filter)?;
    put(&mut subscription(profile).filter, filter.to_owned())
}

pub(super) fn set_retain_handling(profile: &mut Profile, handling: i64) -> Result<(), String> {
    let handling = u8::try_from(handling).ok().filter(|&handling| handling <= 2);
    put(&mut subscription(profile).retain_handling, handling.ok_or("is 0, 1 or 2")?)
}

pub(super) fn set_identifier(profile: &mut Profile, identifier: i64) -> Result<(), String> {
    put(&mut subscription(profile).identifier, Some(bounds::identifier(identifier)?))
}
