//! What may be sent at all: the standard's rules and the broker's limits, checked before anything goes out.
//!
//! The library ends the connection on most of these, so none of them may reach it.

use super::{
    bounds::{self, MAX_CLIENT_ID_V31, MAX_REMAINING},
    error::Failure,
    event::Limits,
    message::{Message, Properties},
    options::{Options, Protocol, Subscription},
    scram::Hash,
    topic,
};
use crate::base::{human, secret::Secret};

/// Checks a message against the standard and against what the broker grants.
pub(super) fn publish(message: &Message, limits: &Limits, protocol: Protocol) -> Result<(), Failure> {
    application_message(message, protocol)?;
    if message.qos > limits.maximum_qos {
        return invalid(format!("the broker takes QoS {} at most, the message has {}", limits.maximum_qos, message.qos));
    }
    if message.retain && !limits.retain_available {
        return invalid("the broker keeps no retained messages".into());
    }
    let alias = message.properties.as_deref().and_then(|properties| properties.topic_alias);
    if let Some(alias) = alias.filter(|alias| *alias == 0 || *alias > limits.topic_alias_maximum) {
        return invalid(match limits.topic_alias_maximum {
            0 => "the broker takes no topic aliases".into(),
            most => format!("the broker takes topic aliases from 1 to {most}, the message has {alias}"),
        });
    }
    fits(publish_size(message, protocol), limits)
}

/// Checks a subscription against the standard and against what the broker grants.
pub(super) fn subscribe(subscription: &Subscription, limits: &Limits, protocol: Protocol) -> Result<(), Failure> {
    let filter = subscription.filter.as_str();
    topic::check_filter(filter).map_err(Failure::Invalid)?;
    let shared = filter.starts_with("$share/");
    if subscription.retain_handling > 2 {
        return invalid("Retain Handling is 0, 1 or 2".into());
    }
    if let Some(identifier) = subscription.identifier {
        if protocol != Protocol::V5 {
            return invalid(format!("a subscription identifier needs MQTT 5, and this connection speaks {protocol}"));
        }
        if let Err(why) = bounds::identifier(identifier.into()) {
            return invalid(format!("a subscription identifier {why}"));
        }
        if !limits.identifiers_available {
            return invalid("the broker has no subscription identifiers".into());
        }
    }
    if shared && subscription.no_local && protocol == Protocol::V5 {
        return invalid("a shared subscription cannot have No Local".into());
    }
    if shared && !limits.shared_available {
        return invalid("the broker has no shared subscriptions".into());
    }
    if filter.contains(['+', '#']) && !limits.wildcard_available {
        return invalid("the broker has no subscriptions with wildcards".into());
    }
    let identifier = subscription.identifier.map_or(0, |value| 1 + variable_length(usize::try_from(value).unwrap_or(usize::MAX)));
    let properties = if protocol == Protocol::V5 { 1 + identifier } else { 0 };
    fits(packet_size(2 + properties + 2 + filter.len() + 1), limits)
}

/// Checks the filter of an UNSUBSCRIBE.
pub(super) fn unsubscribe(filter: &str, limits: &Limits, protocol: Protocol) -> Result<(), Failure> {
    topic::check_filter(filter).map_err(Failure::Invalid)?;
    let properties = usize::from(protocol == Protocol::V5);
    fits(packet_size(2 + properties + 2 + filter.len()), limits)
}

/// Checks what goes into CONNECT.
pub(super) fn connect(options: &Options, protocol: Protocol) -> Result<(), Failure> {
    client_id(&options.client_id, protocol)?;
    if options.receive_maximum == Some(0) {
        return invalid("Receive Maximum is at least 1".into());
    }
    credentials(options, protocol)?;
    string("the user name", options.username.as_deref().unwrap_or_default())?;
    binary("the password", options.password.as_ref().map(Secret::expose))?;
    pairs(&options.user_properties)?;
    if let Some(will) = &options.will {
        if will.message.properties.as_deref().is_some_and(|given| given.topic_alias.is_some() || !given.subscription_ids.is_empty())
        {
            return invalid("the will message: MQTT has no alias or identifier there".into());
        }
        application_message(&will.message, Protocol::V5)
            .map_err(|failure| Failure::Invalid(format!("the will message: {failure}")))?;
        binary("the payload of the will message", Some(&will.message.payload))?;
    }
    options.subscriptions.iter().try_for_each(|subscription| topic::check_filter(&subscription.filter).map_err(Failure::Invalid))
}

/// Checks a Client Identifier.
///
/// # Errors
///
/// Says what MQTT does not allow.
pub fn client_id(client_id: &str, protocol: Protocol) -> Result<(), Failure> {
    string("the client identifier", client_id)?;
    let characters = client_id.chars().count();
    if protocol == Protocol::V31 && !(1..=MAX_CLIENT_ID_V31).contains(&characters) {
        let wanted = format!("MQTT 3.1 wants a client identifier of 1 to {MAX_CLIENT_ID_V31} characters");
        return invalid(format!("{wanted}, this one has {characters}"));
    }
    Ok(())
}

/// Checks whether what proves who we are goes together, whatever the secrets are.
///
/// # Errors
///
/// Says what does not.
pub fn credentials(options: &Options, protocol: Protocol) -> Result<(), Failure> {
    if protocol != Protocol::V5 && options.username.is_none() && options.password.is_some() {
        return invalid("MQTT 3 takes no password without a user name".into());
    }
    let Some(wanted) = &options.authentication else { return Ok(()) };
    string("the authentication method", &wanted.method)?;
    if protocol != Protocol::V5 {
        return invalid(format!("authentication with {} needs MQTT 5, and this connection speaks {protocol}", wanted.method));
    }
    binary("the authentication data", wanted.data.as_ref().map(Secret::expose))?;
    if Hash::of_method(&wanted.method).is_some() {
        return match (&options.username, &options.password, &wanted.data) {
            (Some(_), Some(_), None) => Ok(()),
            (_, _, Some(_)) => invalid(format!("{} takes a user name and a password, no data", wanted.method)),
            (_, _, None) => invalid(format!("{} needs a user name and a password", wanted.method)),
        };
    }
    if wanted.method.starts_with("SCRAM-") {
        return invalid(format!("{} is not supported; SCRAM-SHA-1, SCRAM-SHA-256 and SCRAM-SHA-512 are", wanted.method));
    }
    Ok(())
}

fn application_message(message: &Message, protocol: Protocol) -> Result<(), Failure> {
    topic::check_name(&message.topic).map_err(Failure::Invalid)?;
    let Some(properties) = message.properties.as_deref().filter(|properties| !properties.is_empty()) else { return Ok(()) };
    if protocol != Protocol::V5 {
        return invalid(format!("properties need MQTT 5, and this connection speaks {protocol}"));
    }
    if properties.payload_format.is_some_and(|format| format > 1) {
        return invalid("Payload Format Indicator is 0 or 1".into());
    }
    if let Some(response_topic) = &properties.response_topic {
        topic::check_name(response_topic).map_err(|problem| Failure::Invalid(format!("Response Topic: {problem}")))?;
    }
    string("Content Type", properties.content_type.as_deref().unwrap_or_default())?;
    binary("Correlation Data", properties.correlation_data.as_deref())?;
    pairs(&properties.user_properties)
}

fn pairs(pairs: &[(String, String)]) -> Result<(), Failure> {
    pairs.iter().try_for_each(|(name, value)| string("a User Property", name).and_then(|()| string("a User Property", value)))
}

fn string(what: &str, text: &str) -> Result<(), Failure> {
    bounds::text(text).map_err(|why| Failure::Invalid(format!("{what} {why}")))
}

fn binary(what: &str, data: Option<&[u8]>) -> Result<(), Failure> {
    bounds::binary(data.unwrap_or_default()).map_err(|why| Failure::Invalid(format!("{what} {why}")))
}

fn fits(size: usize, limits: &Limits) -> Result<(), Failure> {
    let allowed = limits.maximum_packet_size.map_or(usize::MAX, |allowed| usize::try_from(allowed).unwrap_or(usize::MAX));
    if size > allowed {
        let (size, allowed) = human::size_and_limit(size as u64, allowed as u64);
        return invalid(format!("the packet has {size}, the broker takes {allowed} at most"));
    }
    if size > MAX_REMAINING as usize {
        let (size, allowed) = human::size_and_limit(size as u64, MAX_REMAINING.into());
        return invalid(format!("the packet has {size}, MQTT allows {allowed}"));
    }
    Ok(())
}

fn publish_size(message: &Message, protocol: Protocol) -> usize {
    let packet_id = if message.qos.level() > 0 { 2 } else { 0 };
    let properties = match protocol {
        Protocol::V31 | Protocol::V311 => 0,
        Protocol::V5 => {
            let length = message.properties.as_deref().map_or(0, properties_length);
            variable_length(length) + length
        }
    };
    packet_size(2 + message.topic.len() + packet_id + properties + message.payload.len())
}

/// The length of what we send of the properties (MQTT 5.0, 2.2.2): never Subscription Identifiers.
fn properties_length(properties: &Properties) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, |text| 3 + text.len());
    let pairs = properties.user_properties.iter().map(|(name, value)| 5 + name.len() + value.len()).sum::<usize>();
    properties.payload_format.map_or(0, |_| 2)
        + properties.message_expiry.map_or(0, |_| 5)
        + properties.topic_alias.map_or(0, |_| 3)
        + properties.correlation_data.as_ref().map_or(0, |data| 3 + data.len())
        + text(&properties.response_topic)
        + text(&properties.content_type)
        + pairs
}

fn packet_size(remaining: usize) -> usize {
    1 + variable_length(remaining) + remaining
}

/// The number of bytes of a Variable Byte Integer (MQTT 5.0, 1.5.5).
fn variable_length(value: usize) -> usize {
    match value {
        0..128 => 1,
        128..16_384 => 2,
        16_384..2_097_152 => 3,
        _ => 4,
    }
}

fn invalid(sentence: String) -> Result<(), Failure> {
    Err(Failure::Invalid(sentence))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::mqtt::message::Qos;

    fn message(payload: usize, qos: Qos) -> Message {
        Message { topic: "a/b".into(), payload: Bytes::from(vec![0; payload]), qos, ..Message::default() }
    }

    fn sentence(result: Result<(), Failure>) -> String {
        result.map_or_else(|failure| failure.to_string(), |()| "nothing wrong".into())
    }

    #[test]
    fn the_limit_of_the_packet_is_exact() {
        // Fixed header 2, topic 5, packet identifier 2, property length 1, payload 10.
        let exact = Limits { maximum_packet_size: Some(20), ..Limits::default() };
        assert!(publish(&message(10, Qos::AtLeastOnce), &exact, Protocol::V5).is_ok());
        let one_less = Limits { maximum_packet_size: Some(19), ..Limits::default() };
        let said = sentence(publish(&message(10, Qos::AtLeastOnce), &one_less, Protocol::V5));
        assert_eq!(said, "the packet has 20 B, the broker takes 19 B at most");
    }

    #[test]
    fn the_size_with_all_properties_is_what_the_library_writes() {
        let properties = Properties {
            payload_format: Some(1),
            message_expiry: Some(60),
            topic_alias: Some(7),
            response_topic: Some("r".into()),
            correlation_data: Some(Bytes::from_static(b"12")),
            user_properties: vec![("name".into(), "value".into()), (String::new(), String::new())],
            content_type: Some("text/plain".into()),
            ..Properties::default()
        };
        let theirs = rumqttc_v5::PublishProperties {
            payload_format_indicator: properties.payload_format,
            message_expiry_interval: properties.message_expiry,
            topic_alias: properties.topic_alias,
            response_topic: properties.response_topic.clone(),
            correlation_data: properties.correlation_data.clone(),
            user_properties: properties.user_properties.clone(),
            subscription_identifiers: Vec::new(),
            content_type: properties.content_type.clone(),
        };
        let ours = Message { properties: Some(Box::new(properties)), ..message(300, Qos::AtMostOnce) };
        let theirs = rumqttc_v5::Publish::new("a/b", rumqttc_v5::QoS::AtMostOnce, ours.payload.clone(), Some(theirs));
        assert_eq!(publish_size(&ours, Protocol::V5), theirs.size());
    }

    #[test]
    fn what_the_broker_does_not_grant_is_said_and_not_lowered() {
        let poor = Limits {
            maximum_qos: Qos::AtLeastOnce,
            retain_available: false,
            wildcard_available: false,
            shared_available: false,
            ..Limits::default()
        };
        let said = sentence(publish(&message(1, Qos::ExactlyOnce), &poor, Protocol::V5));
        assert_eq!(said, "the broker takes QoS 1 at most, the message has 2");
        let retained = Message { retain: true, ..message(1, Qos::AtMostOnce) };
        assert_eq!(sentence(publish(&retained, &poor, Protocol::V5)), "the broker keeps no retained messages");
        for filter in ["a/+", "$share/g/a"] {
            assert!(subscribe(&Subscription::new(filter, Qos::AtMostOnce), &poor, Protocol::V5).is_err(), "{filter}");
        }
        assert!(subscribe(&Subscription::new("a/b", Qos::AtMostOnce), &poor, Protocol::V5).is_ok());
    }

    #[test]
    fn properties_do_not_vanish_on_an_old_version() {
        let properties = Properties { content_type: Some("text/plain".into()), ..Properties::default() };
        let message = Message { properties: Some(Box::new(properties)), ..message(1, Qos::AtMostOnce) };
        assert!(sentence(publish(&message, &Limits::default(), Protocol::V311)).contains("need MQTT 5"));
    }
}
