//! Values of options, read with a sentence for what is wrong.

use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

#[cfg(feature = "demo")]
use crate::demo;
use crate::{
    base::human,
    mqtt::{
        bounds,
        message::Qos,
        options::{Protocol, SessionExpiry},
        topic,
    },
    wire::{proxy::Proxy, websocket},
};

/// Reads a Quality of Service.
pub(super) fn qos() -> impl TypedValueParser<Value = Qos> {
    PossibleValuesParser::new(["0", "1", "2"]).map(|text| match text.as_str() {
        "0" => Qos::AtMostOnce,
        "1" => Qos::AtLeastOnce,
        _ => Qos::ExactlyOnce,
    })
}

/// Reads a protocol version.
pub(super) fn protocol() -> impl TypedValueParser<Value = Protocol> {
    let named = |name: &'static str, others: &[&'static str]| PossibleValue::new(name).aliases(others.iter().copied());
    let values =
        [named("3.1", &["31", "3", "mqttv31"]), named("3.1.1", &["311", "4", "mqttv311"]), named("5", &["5.0", "50", "mqttv5"])];
    PossibleValuesParser::new(values).map(|text| match text.as_str() {
        "3.1" | "31" | "3" | "mqttv31" => Protocol::V31,
        "3.1.1" | "311" | "4" | "mqttv311" => Protocol::V311,
        _ => Protocol::V5,
    })
}

/// Reads a Retain Handling.
pub(super) fn retain_handling() -> impl TypedValueParser<Value = u8> {
    PossibleValuesParser::new(["0", "1", "2"]).map(|text| text.parse().expect("the values are numbers"))
}

/// Reads a Subscription Identifier.
pub(super) fn subscription_identifier(text: &str) -> Result<u32, String> {
    bounds::identifier(number(text)?)
}

/// Reads a Receive Maximum or a Topic Alias.
pub(super) fn some_number(text: &str) -> Result<u16, String> {
    bounds::some_number(number(text)?)
}

/// Reads a Topic Alias Maximum.
pub(super) fn topic_alias_maximum(text: &str) -> Result<u16, String> {
    bounds::topic_alias_maximum(number(text)?)
}

fn number(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| "is not a whole number".into())
}

/// Reads how many messages a second the demo sends.
#[cfg(feature = "demo")]
pub(super) fn demo_rate() -> impl TypedValueParser<Value = u32> {
    clap::builder::RangedU64ValueParser::<u32>::new().range(1..=u64::from(demo::MOST_RATE))
}

/// Reads how many devices the demo has.
#[cfg(feature = "demo")]
pub(super) fn demo_devices() -> impl TypedValueParser<Value = usize> {
    clap::builder::RangedU64ValueParser::<usize>::new().range(1..=demo::MOST_DEVICES as u64)
}

/// Reads an Authentication Method.
pub(super) fn method(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("a method has a name, such as SCRAM-SHA-256".into()) } else { Ok(text.to_owned()) }
}

/// Reads a Payload Format Indicator.
pub(super) fn payload_format() -> impl TypedValueParser<Value = u8> {
    PossibleValuesParser::new(["0", "1"]).map(|text| u8::from(text == "1"))
}

/// Reads a duration.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    human::parse_duration(text)
}

/// Reads a duration that is longer than nothing.
pub(super) fn some_duration(text: &str) -> Result<Duration, String> {
    bounds::some_time(human::parse_duration(text)?)
}

/// Reads a Keep Alive: whole seconds that fit into two bytes.
pub(super) fn keep_alive(text: &str) -> Result<Duration, String> {
    bounds::keep_alive(human::parse_duration(text)?)
}

/// Reads a Session Expiry Interval: a duration in whole seconds, or `never`.
pub(super) fn session_expiry(text: &str) -> Result<SessionExpiry, String> {
    if text == "never" {
        return Ok(SessionExpiry::Never);
    }
    bounds::session_expiry(human::parse_duration(text)?)
}

/// Reads a duration that MQTT carries as whole seconds in four bytes.
pub(super) fn seconds(text: &str) -> Result<u32, String> {
    bounds::seconds(human::parse_duration(text)?)
}

/// Reads the size of the largest packet that is accepted.
pub(super) fn packet_size(text: &str) -> Result<u32, String> {
    bounds::packet_size(human::parse_size(text)?)
}

/// Reads a Topic Filter.
pub(super) fn filter(text: &str) -> Result<String, String> {
    topic::check_filter(text).map(|()| text.to_owned())
}

/// Reads a Topic Name.
pub(super) fn topic_name(text: &str) -> Result<String, String> {
    topic::check_name(text).map(|()| text.to_owned())
}

/// Reads a User Property.
pub(super) fn user_property(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err("a user property is KEY=VALUE".into()),
    }
}

/// Reads the name of a protocol for ALPN.
pub(super) fn alpn(text: &str) -> Result<String, String> {
    if (1..=255).contains(&text.len()) { Ok(text.to_owned()) } else { Err("a protocol's name has 1 to 255 bytes".into()) }
}

/// Reads a header line.
pub(super) fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a header is NAME:VALUE")?;
    websocket::check_header(name.trim())?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// Reads the URL of a proxy.
pub(super) fn proxy(text: &str) -> Result<Proxy, String> {
    Proxy::parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_mqtt_cannot_carry_are_refused() {
        assert_eq!(keep_alive("1m30s"), Ok(Duration::from_secs(90)));
        assert!(keep_alive("500ms").is_err() && keep_alive("65536").is_err());
        assert_eq!(session_expiry("never"), Ok(SessionExpiry::Never));
        assert_eq!(session_expiry("0"), Ok(SessionExpiry::AtDisconnect));
        assert_eq!(session_expiry("1h"), Ok(SessionExpiry::After(3_600)));
        assert!(session_expiry("4294967295").is_err() && session_expiry("1ms").is_err());
    }

    #[test]
    fn a_packet_size_is_what_mqtt_can_have() {
        assert_eq!(packet_size("16MiB"), Ok(16 << 20));
        assert!(packet_size("0").is_err() && packet_size("1GiB").is_err());
    }

    #[test]
    fn a_header_keeps_later_colons_and_leaves_the_handshake_alone() {
        assert_eq!(header("X-Id: a:b "), Ok(("X-Id".into(), "a:b".into())));
        for bad in ["X-Id", "Upgrade:x", "a b:c", ":v"] {
            assert!(header(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_user_property_keeps_later_equals_signs() {
        assert_eq!(user_property("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert!(user_property("a").is_err());
    }
}
