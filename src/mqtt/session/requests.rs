//! What was sent to the broker and awaits its answer.

use std::{future::Future, pin::Pin, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::time::timeout;

use super::aliases::Aliases;
use crate::{
    base::clock::Clock,
    mqtt::{
        check,
        command::Token,
        error::Failure,
        event::{Event, Limits, Receipt},
        link::{Answer, Client, REQUESTS},
        message::Message,
        options::{Protocol, Subscription},
    },
};

/// How long the broker may take to answer to SUBSCRIBE and UNSUBSCRIBE.
const PATIENCE: Duration = Duration::from_secs(10);

/// The requests under way, at most `REQUESTS`; each ends with exactly one event.
pub(super) struct Requests {
    clock: Clock,
    aliases: Aliases,
    answers: FuturesUnordered<Pin<Box<dyn Future<Output = Event> + Send>>>,
}

/// The broker at the other end, as far as requests are concerned.
pub(super) struct Broker<'a> {
    pub(super) client: &'a Client,
    pub(super) limits: &'a Limits,
    pub(super) protocol: Protocol,
}

impl Requests {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, aliases: Aliases::default(), answers: FuturesUnordered::new() }
    }

    /// Takes note that a new connection begins.
    pub(super) fn begin_connection(&mut self) {
        self.aliases.forget();
    }

    /// Tells whether one more may be sent.
    pub(super) fn has_room(&self) -> bool {
        self.answers.len() < REQUESTS
    }

    pub(super) fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// Waits for the next answer; nothing when none is due.
    pub(super) async fn next(&mut self) -> Option<Event> {
        let event = self.answers.next().await?;
        if let Event::Settled { token, outcome } = &event {
            self.aliases.settle(*token, outcome.is_ok());
        }
        Some(event)
    }

    /// Sends a message.
    pub(super) fn publish(&mut self, broker: &Broker<'_>, token: Token, mut message: Message) {
        let clock = self.clock;
        let began = clock.now();
        let asked = message.qos;
        let answer = check::publish(&message, broker.limits, broker.protocol).and_then(|()| {
            self.aliases.shorten(token, &mut message);
            broker.client.publish(message)
        });
        self.answers.push(Box::pin(async move {
            let outcome = match answer {
                Ok(answer) => answer.await.map(|(confirmed, reason)| {
                    let lowered_to = (confirmed < asked).then_some(confirmed);
                    Receipt { took: clock.now().since(began), lowered_to, reason }
                }),
                Err(failure) => Err(failure),
            };
            Event::Settled { token, outcome }
        }));
    }

    /// Sends a SUBSCRIBE.
    pub(super) fn subscribe(&self, broker: &Broker<'_>, subscription: &Subscription) {
        let answer =
            check::subscribe(subscription, broker.limits, broker.protocol).and_then(|()| broker.client.subscribe(subscription));
        let filter = subscription.filter.clone();
        self.answers.push(Box::pin(async move { Event::Subscribed { filter, outcome: patiently(answer, "SUBACK").await } }));
    }

    /// Begins a re-authentication.
    pub(super) fn reauthenticate(&self, broker: &Broker<'_>) {
        let answer = broker.client.reauthenticate();
        self.answers.push(Box::pin(async move { Event::Reauthenticated(patiently(answer, "AUTH").await) }));
    }

    /// Sends an UNSUBSCRIBE.
    pub(super) fn unsubscribe(&self, broker: &Broker<'_>, filter: String) {
        let answer =
            check::unsubscribe(&filter, broker.limits, broker.protocol).and_then(|()| broker.client.unsubscribe(filter.clone()));
        self.answers.push(Box::pin(async move { Event::Unsubscribed { filter, outcome: patiently(answer, "UNSUBACK").await } }));
    }
}

async fn patiently<T>(answer: Result<Answer<T>, Failure>, awaited: &'static str) -> Result<T, Failure> {
    timeout(PATIENCE, answer?).await.unwrap_or(Err(Failure::Silent { awaited, after: PATIENCE }))
}
