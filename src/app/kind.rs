//! What a message is: by its bytes and properties, and where these are few, by the messages before it on its topic.

use crate::{
    payload::{self, Detected, Format, Hints, MOST_ALIKE},
    store::{Entry, Store},
};

/// Tells what a message is, for lists, filters and pages alike.
///
/// Nothing is kept for this: at most eight messages of the topic are looked at, and only for a payload that may look like
/// something by chance.
#[must_use]
pub fn kind(store: &Store, entry: &Entry<'_>) -> Detected {
    let properties = entry.properties();
    let hints = Hints {
        content_type: properties.as_ref().and_then(|properties| properties.content_type.as_deref()),
        payload_format: properties.as_ref().and_then(|properties| properties.payload_format),
    };
    let detected = payload::detect(entry.payload, &hints);
    if !detected.is_doubtful || detected.format == Format::Binary {
        return detected;
    }
    let mut settled = None;
    store.look_back(entry.seq, MOST_ALIKE - 1, |earlier| {
        settled = detected.among(entry.payload.len(), earlier.payload);
        settled.is_none()
    });
    settled.unwrap_or(detected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::clock::Stamp,
        mqtt::message::{Message, Properties, Received},
    };

    fn message(topic: &str, payload: &'static [u8]) -> Message {
        Message { topic: topic.into(), payload: payload.into(), ..Message::default() }
    }

    fn insert(store: &mut Store, message: Message) {
        store.insert(&Received { at: Stamp::default(), message, ..Received::default() });
    }

    fn store(messages: &[(&str, &'static [u8])]) -> Store {
        let mut store = Store::new(1 << 20);
        for (topic, payload) in messages {
            insert(&mut store, message(topic, payload));
        }
        store
    }

    fn kinds(store: &Store) -> Vec<Format> {
        let all = store.range().filter_map(|seq| store.message(crate::store::Seq(seq)));
        all.map(|entry| kind(store, &entry).format).collect()
    }

    #[test]
    fn the_messages_before_it_on_its_topic_tell_what_a_doubtful_one_is() {
        let store = store(&[("a", b"\xff\x01\x02\x03"), ("b", b"i-;3"), ("a", b"i-;3"), ("a", b"open"), ("b", b"3;-i")]);
        assert_eq!(kinds(&store), [Format::Binary, Format::Text, Format::Binary, Format::Text, Format::Text]);
    }

    #[test]
    fn no_more_than_the_last_eight_messages_count() {
        let mut messages = vec![("a", b"\xff\x01".as_slice())];
        messages.extend([("a", b"a ".as_slice()); 8]);
        let kinds = kinds(&store(&messages));
        assert_eq!((kinds[7], kinds[8]), (Format::Binary, Format::Text));
    }

    #[test]
    fn a_content_type_overrides_the_messages_before() {
        let mut store = store(&[("a", b"\xff\x01")]);
        let properties = Properties { content_type: Some("application/cbor".into()), ..Properties::default() };
        insert(&mut store, Message { properties: Some(Box::new(properties)), ..message("a", b"\x81\x05") });
        assert_eq!(kinds(&store), [Format::Binary, Format::Cbor]);
    }
}
