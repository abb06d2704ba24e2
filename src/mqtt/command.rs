//! What is wanted of a connected session.

use super::{error::Failure, event::Event, message::Message, options::Subscription};

/// Names a publish, so that its outcome finds its way back; chosen by the sender, unique per session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// A wish, carried out in the order of arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Publishes a message; answered by `Event::Settled` with the same token.
    Publish {
        /// Returned with the outcome.
        token: Token,
        /// The message; its DUP flag is ignored.
        message: Message,
    },
    /// Adds a subscription (or replaces the one with the same filter), now and after each reconnect; answered by
    /// `Event::Subscribed`.
    Subscribe(Subscription),
    /// Removes the subscription of this filter; answered by `Event::Unsubscribed`.
    Unsubscribe(String),
    /// Whether PUBLISH packets with QoS 0 are among `Event::Packets`; at first they are only counted there.
    ListQuiet(bool),
    /// Sends PINGREQ at once; answered by `Event::RoundTrip`, and by nothing while there is no connection.
    Ping,
    /// Authenticates once more on the open connection (MQTT 5.0, 4.12.1); answered by `Event::Reauthenticated`.
    Reauthenticate,
    /// Tries again at once when waiting or after having given up; otherwise ignored.
    Reconnect,
    /// Sends DISCONNECT, so that no will is published, and ends the session.
    Disconnect,
}

impl Command {
    /// Returns what answers it where it did not reach the session, nothing where nothing is awaited.
    #[must_use]
    pub fn unheard(self, failure: Failure) -> Option<Event> {
        match self {
            Self::Publish { token, .. } => Some(Event::Settled { token, outcome: Err(failure) }),
            Self::Subscribe(Subscription { filter, .. }) => Some(Event::Subscribed { filter, outcome: Err(failure) }),
            Self::Unsubscribe(filter) => Some(Event::Unsubscribed { filter, outcome: Err(failure) }),
            Self::Reauthenticate => Some(Event::Reauthenticated(Err(failure))),
            Self::ListQuiet(_) | Self::Ping | Self::Reconnect | Self::Disconnect => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::message::Qos, *};

    #[test]
    fn whoever_awaits_an_answer_gets_one_for_what_was_not_heard() {
        let answer = |command: Command| command.unheard(Failure::Offline);
        let publish = Command::Publish { token: Token(7), message: Message::default() };
        assert!(matches!(answer(publish), Some(Event::Settled { token: Token(7), outcome: Err(Failure::Offline) })));
        let subscribe = Command::Subscribe(Subscription::new("a/#", Qos::AtMostOnce));
        assert!(matches!(answer(subscribe), Some(Event::Subscribed { filter, outcome: Err(_) }) if filter == "a/#"));
        assert!(matches!(answer(Command::Unsubscribe("a".into())), Some(Event::Unsubscribed { filter, .. }) if filter == "a"));
        assert!(answer(Command::Reauthenticate).is_some() && answer(Command::Ping).is_none());
    }
}
