//! The topic aliases that we use towards the broker.

use std::collections::HashMap;

use bytestring::ByteString;

use crate::mqtt::{command::Token, message::Message};

/// The aliases of one connection, at most 65,535, and the publishes under way that use one.
///
/// A publish names its topic until one with that topic and alias has been settled: the library sends QoS 0 past a QoS 1 that
/// waits for its turn. For the same reason an alias changes its topic only when nothing under way uses it.
#[derive(Debug, Default)]
pub(super) struct Aliases {
    known: HashMap<u16, Alias>,
    under_way: HashMap<Token, u16>,
}

#[derive(Debug)]
struct Alias {
    topic: ByteString,
    /// Whether the broker knows it for certain.
    settled: bool,
    /// How many publishes under way use it.
    users: usize,
}

impl Aliases {
    /// Forgets all: aliases live as long as a connection (MQTT 5.0, 3.3.2.3.4).
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Shortens a message that has an alias, as far as that is safe.
    pub(super) fn shorten(&mut self, token: Token, message: &mut Message) {
        let Some(properties) = &mut message.properties else { return };
        let Some(alias) = properties.topic_alias else { return };
        let fresh = || Alias { topic: message.topic.clone(), settled: false, users: 0 };
        let entry = self.known.entry(alias).or_insert_with(fresh);
        if entry.topic != message.topic {
            if entry.users > 0 {
                properties.topic_alias = None;
                return;
            }
            *entry = fresh();
        }
        entry.users += 1;
        self.under_way.insert(token, alias);
        if entry.settled {
            message.topic = ByteString::new();
        }
    }

    /// Takes note of the end of a publish.
    pub(super) fn settle(&mut self, token: Token, went_well: bool) {
        let Some(alias) = self.under_way.remove(&token).and_then(|alias| self.known.get_mut(&alias)) else { return };
        alias.users = alias.users.saturating_sub(1);
        alias.settled |= went_well;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::message::Properties;

    /// Sends to `topic` with alias 1; returns topic and alias as they go out.
    fn sent(aliases: &mut Aliases, token: u64, topic: &'static str) -> (String, Option<u16>) {
        let properties = Properties { topic_alias: Some(1), ..Properties::default() };
        let mut message =
            Message { topic: ByteString::from_static(topic), properties: Some(Box::new(properties)), ..Message::default() };
        aliases.shorten(Token(token), &mut message);
        (message.topic.to_string(), message.properties.and_then(|properties| properties.topic_alias))
    }

    #[test]
    fn the_topic_is_left_out_once_the_broker_knows_the_alias() {
        let mut aliases = Aliases::default();
        assert_eq!(sent(&mut aliases, 1, "a"), ("a".into(), Some(1)));
        assert_eq!(sent(&mut aliases, 2, "a"), ("a".into(), Some(1)), "the first is still under way");
        aliases.settle(Token(1), true);
        assert_eq!(sent(&mut aliases, 3, "a"), (String::new(), Some(1)));
        aliases.forget();
        assert_eq!(sent(&mut aliases, 4, "a"), ("a".into(), Some(1)));
    }

    #[test]
    fn a_refused_publish_sets_no_alias() {
        let mut aliases = Aliases::default();
        sent(&mut aliases, 1, "a");
        aliases.settle(Token(1), false);
        assert_eq!(sent(&mut aliases, 2, "a"), ("a".into(), Some(1)));
    }

    #[test]
    fn an_alias_in_use_is_not_given_to_another_topic() {
        let mut aliases = Aliases::default();
        sent(&mut aliases, 1, "a");
        assert_eq!(sent(&mut aliases, 2, "b"), ("b".into(), None));
        aliases.settle(Token(1), true);
        aliases.settle(Token(2), true);
        assert_eq!(sent(&mut aliases, 3, "b"), ("b".into(), Some(1)));
        aliases.settle(Token(3), true);
        assert_eq!(sent(&mut aliases, 4, "b"), (String::new(), Some(1)));
    }
}
