//! What becomes of a command, online and offline.

use super::{Conversation, Wish, requests::Broker};
use crate::mqtt::{
    command::Command,
    error::Failure,
    event::{Event, Limits},
    link::Client,
    options::Subscription,
    topic,
};

impl Conversation {
    pub(super) fn answer_online(&mut self, command: Option<Command>, client: &Client, limits: &Limits) -> Wish {
        let broker = Broker { client, limits, protocol: self.version.protocol() };
        match command {
            None | Some(Command::Disconnect) => return Wish::Leave,
            Some(Command::Reconnect) => {}
            Some(Command::ListQuiet(list)) => self.list_quiet(list),
            Some(Command::Ping) => self.gate.ask_for_ping(self.clock.now()),
            Some(Command::Reauthenticate) => self.requests.reauthenticate(&broker),
            Some(Command::Publish { token, message }) => self.requests.publish(&broker, token, message),
            Some(Command::Subscribe(subscription)) => {
                self.requests.subscribe(&broker, &subscription);
                self.remember(subscription);
            }
            Some(Command::Unsubscribe(filter)) => {
                self.subscriptions.retain(|subscription| subscription.filter != filter);
                self.requests.unsubscribe(&broker, filter);
            }
        }
        Wish::Stay
    }

    pub(super) async fn answer_offline_or_leave(&mut self, command: Option<Command>) -> Wish {
        match command {
            None | Some(Command::Disconnect) => Wish::Leave,
            Some(Command::Reconnect) => Wish::Reconnect,
            Some(command) => {
                self.answer_offline(command).await;
                Wish::Stay
            }
        }
    }

    /// Answers while there is no connection: a publish fails, a subscription waits for the next one.
    pub(super) async fn answer_offline(&mut self, command: Command) {
        match command {
            Command::Publish { token, .. } => {
                self.outlet.send(Event::Settled { token, outcome: Err(Failure::Offline) }).await;
            }
            Command::Subscribe(subscription) => match topic::check_filter(&subscription.filter) {
                Ok(()) => self.remember(subscription),
                Err(sentence) => {
                    let outcome = Err(Failure::Invalid(sentence));
                    self.outlet.send(Event::Subscribed { filter: subscription.filter, outcome }).await;
                }
            },
            Command::Unsubscribe(filter) => {
                self.subscriptions.retain(|subscription| subscription.filter != filter);
                self.outlet.send(Event::Unsubscribed { filter, outcome: Ok(()) }).await;
            }
            Command::ListQuiet(list) => self.list_quiet(list),
            Command::Reauthenticate => self.outlet.send(Event::Reauthenticated(Err(Failure::Offline))).await,
            Command::Ping | Command::Reconnect | Command::Disconnect => {}
        }
    }

    fn list_quiet(&self, list: bool) {
        if let Some(sink) = &self.sink {
            sink.list_quiet(list);
        }
    }

    /// Keeps a subscription for the next connection, in place of one with the same filter.
    fn remember(&mut self, subscription: Subscription) {
        if topic::check_filter(&subscription.filter).is_err() {
            return;
        }
        match self.subscriptions.iter_mut().find(|known| known.filter == subscription.filter) {
            Some(known) => *known = subscription,
            None => self.subscriptions.push(subscription),
        }
    }
}
