//! The MQTT 5 properties of a message as bytes, since most are never looked at.
//!
//! A byte of presence bits, then the fields in the order of the bits; the two lists carry their counts and are always there.

use bytes::Bytes;

use super::record::{Reader, write_bytes, write_uint};
use crate::mqtt::message::Properties;

const PAYLOAD_FORMAT: u8 = 1;
const MESSAGE_EXPIRY: u8 = 1 << 1;
const TOPIC_ALIAS: u8 = 1 << 2;
const RESPONSE_TOPIC: u8 = 1 << 3;
const CORRELATION_DATA: u8 = 1 << 4;
const CONTENT_TYPE: u8 = 1 << 5;

/// Appends properties.
pub(super) fn encode(properties: &Properties, out: &mut Vec<u8>) {
    // Every field is named, so that a new one cannot be forgotten here.
    let Properties {
        payload_format,
        message_expiry,
        topic_alias,
        response_topic,
        correlation_data,
        user_properties,
        subscription_ids,
        content_type,
    } = properties;
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    out.push(
        flag(payload_format.is_some(), PAYLOAD_FORMAT)
            | flag(message_expiry.is_some(), MESSAGE_EXPIRY)
            | flag(topic_alias.is_some(), TOPIC_ALIAS)
            | flag(response_topic.is_some(), RESPONSE_TOPIC)
            | flag(correlation_data.is_some(), CORRELATION_DATA)
            | flag(content_type.is_some(), CONTENT_TYPE),
    );
    out.extend(payload_format);
    for number in [*message_expiry, topic_alias.map(u32::from)].into_iter().flatten() {
        write_uint(out, number.into());
    }
    let texts =
        [response_topic.as_deref().map(str::as_bytes), correlation_data.as_deref(), content_type.as_deref().map(str::as_bytes)];
    for bytes in texts.into_iter().flatten() {
        write_bytes(out, bytes);
    }
    write_uint(out, user_properties.len() as u64);
    for (name, value) in user_properties {
        write_bytes(out, name.as_bytes());
        write_bytes(out, value.as_bytes());
    }
    write_uint(out, subscription_ids.len() as u64);
    for &id in subscription_ids {
        write_uint(out, id.into());
    }
}

/// Reads what [`encode`] made.
pub(super) fn decode(bytes: &[u8]) -> Properties {
    let mut reader = Reader(bytes);
    let flags = reader.byte();
    let has = |flag: u8| flags & flag != 0;
    let payload_format = has(PAYLOAD_FORMAT).then(|| reader.byte());
    let message_expiry = has(MESSAGE_EXPIRY).then(|| number(&mut reader));
    let topic_alias = has(TOPIC_ALIAS).then(|| u16::try_from(reader.uint()).unwrap_or(u16::MAX));
    let response_topic = has(RESPONSE_TOPIC).then(|| reader.text().to_owned());
    let correlation_data = has(CORRELATION_DATA).then(|| Bytes::copy_from_slice(reader.bytes()));
    let content_type = has(CONTENT_TYPE).then(|| reader.text().to_owned());
    let pairs = reader.uint();
    let user_properties = (0..pairs).map(|_| (reader.text().to_owned(), reader.text().to_owned())).collect();
    let ids = reader.uint();
    let subscription_ids = (0..ids).map(|_| number(&mut reader)).collect();
    Properties {
        payload_format,
        message_expiry,
        topic_alias,
        response_topic,
        correlation_data,
        user_properties,
        subscription_ids,
        content_type,
    }
}

fn number(reader: &mut Reader<'_>) -> u32 {
    u32::try_from(reader.uint()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn properties() -> impl Strategy<Value = Properties> {
        let text = || proptest::option::of("\\PC{0,5}");
        let numbers = (any::<Option<u8>>(), any::<Option<u32>>(), any::<Option<u16>>());
        let lists = (proptest::collection::vec(("\\PC{0,5}", "\\PC{0,5}"), 0..4), any::<Vec<u32>>());
        (numbers, text(), any::<Option<Vec<u8>>>(), text(), lists).prop_map(
            |(numbers, response_topic, data, content_type, lists)| Properties {
                payload_format: numbers.0,
                message_expiry: numbers.1,
                topic_alias: numbers.2,
                response_topic,
                correlation_data: data.map(Bytes::from),
                user_properties: lists.0,
                subscription_ids: lists.1,
                content_type,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_again(properties in properties()) {
            let mut out = Vec::new();
            encode(&properties, &mut out);
            prop_assert_eq!(decode(&out), properties);
        }
    }
}
