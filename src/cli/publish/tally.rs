//! What became of the messages of `pub`, and what is said of failures while it goes on: the first at once, more together.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use bytestring::ByteString;
use tokio::time::Instant;

use crate::{
    base::human,
    cli::exit::Problem,
    mqtt::{command::Token, error::Failure, message::Qos},
};

/// How long nothing is said after something was.
const PAUSE: Duration = Duration::from_secs(30);

/// The messages that were handed in.
#[derive(Debug)]
pub(super) struct Tally {
    topic: ByteString,
    /// Whether there is one message only, of whose failure the end tells.
    is_one: bool,
    /// The token of the next message.
    next: u64,
    /// The payloads of those that are not settled, at most a window of them and the next.
    open: HashMap<Token, Bytes>,
    /// Those among them that were not sent, in their order.
    unsent: VecDeque<Token>,
    /// Since when a message waits while none is settled.
    waits_since: Option<Instant>,
    settled: u64,
    failed: u64,
    first: Option<Failure>,
    /// Failures that nothing was said of.
    untold: u64,
    said: Option<Instant>,
}

impl Tally {
    /// Begins to count messages to a topic.
    pub(super) fn new(topic: ByteString, is_one: bool) -> Self {
        let (open, unsent) = (HashMap::new(), VecDeque::new());
        let (next, settled, failed, untold) = (0, 0, 0, 0);
        Self { topic, is_one, next, open, unsent, waits_since: None, settled, failed, first: None, untold, said: None }
    }

    /// Notes a message on its way.
    pub(super) fn hand_in(&mut self, payload: Bytes, now: Instant) -> Token {
        self.waits_since.get_or_insert(now);
        let token = Token(self.next);
        self.next += 1;
        self.open.insert(token, payload);
        token
    }

    /// Returns `true` if no message waits.
    pub(super) fn is_settled(&self) -> bool {
        self.open.is_empty()
    }

    /// Returns since when messages wait while none is settled; `None` if none waits.
    pub(super) fn waits_since(&self) -> Option<Instant> {
        self.waits_since
    }

    /// Says how far it has come.
    pub(super) fn progress(&self, qos: Qos) -> String {
        let did = if qos == Qos::AtMostOnce { "sent" } else { "acknowledged" };
        format!("{} of {} {did}", human::count(self.settled - self.failed), human::counted(self.next, "message"))
    }

    /// Notes that a message did not leave, so that it may be handed in once more without being there twice.
    pub(super) fn was_not_sent(&mut self, token: Token) {
        self.unsent.push_back(token);
    }

    /// Tells whether a message waits to be handed in once more.
    pub(super) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Returns what is to be handed in once more.
    pub(super) fn take_unsent(&mut self) -> Vec<(Token, Bytes)> {
        self.unsent.drain(..).filter_map(|token| Some((token, self.open.get(&token)?.clone()))).collect()
    }

    /// Notes the end of a message; returns what to say of it.
    pub(super) fn settle(&mut self, token: Token, failure: Option<Failure>, now: Instant) -> Option<String> {
        self.open.remove(&token);
        self.waits_since = (!self.open.is_empty()).then_some(now);
        self.settled += 1;
        let failure = failure?;
        self.failed += 1;
        self.untold += 1;
        let said = format!("publish to {}", self.topic);
        let said = match self.untold {
            1 => Problem::of(&said, &failure).text,
            n => Problem::of(&format!("{said}: {} more messages failed, the last one", human::count(n)), &failure).text,
        };
        self.first.get_or_insert(failure);
        if self.is_one || self.said.is_some_and(|said| now.duration_since(said) < PAUSE) {
            return None;
        }
        (self.said, self.untold) = (Some(now), 0);
        Some(said)
    }

    /// Returns the problem of all of it, where there is one.
    ///
    /// # Errors
    ///
    /// Returns how many messages failed, and why the first of them did.
    pub(super) fn verdict(self) -> Result<(), Problem> {
        let Some(failure) = self.first else { return Ok(()) };
        let what = if self.is_one {
            format!("publish to {}", self.topic)
        } else {
            let (failed, settled) = (human::count(self.failed), human::count(self.settled));
            format!("publish to {}: {failed} of {settled} messages failed", self.topic)
        };
        Err(Problem::of(&what, &failure))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::reason::Reason;

    fn denied() -> Failure {
        Failure::Denied { reason: Reason(0x87), text: String::new() }
    }

    #[test]
    fn the_first_failure_is_told_at_once_and_what_follows_together() {
        let mut tally = Tally::new("t".into(), false);
        let start = Instant::now();
        let mut fail = |now| {
            let token = tally.hand_in(Bytes::new(), Instant::now());
            tally.settle(token, Some(denied()), now)
        };
        assert_eq!(fail(start).as_deref(), Some("publish to t: Not authorized (0x87)"));
        assert_eq!((fail(start), fail(start + PAUSE / 2)), (None, None));
        let said = fail(start + PAUSE);
        assert_eq!(said.as_deref(), Some("publish to t: 3 more messages failed, the last one: Not authorized (0x87)"));
        let token = tally.hand_in(Bytes::new(), Instant::now());
        assert_eq!(tally.settle(token, None, start + PAUSE * 3), None);
        let problem = tally.verdict().expect_err("some failed");
        assert_eq!(problem.text, "publish to t: 4 of 5 messages failed: Not authorized (0x87)");
    }

    #[test]
    fn a_single_message_is_told_of_once() {
        let mut tally = Tally::new("t".into(), true);
        let token = tally.hand_in(Bytes::new(), Instant::now());
        assert_eq!(tally.settle(token, Some(denied()), Instant::now()), None);
        assert_eq!(tally.verdict().expect_err("it failed").text, "publish to t: Not authorized (0x87)");
    }

    #[test]
    fn what_was_not_sent_is_handed_in_again_and_counts_once() {
        let mut tally = Tally::new("t".into(), false);
        let tokens = ["1", "2"].map(|payload| tally.hand_in(payload.into(), Instant::now()));
        for token in tokens {
            tally.was_not_sent(token);
        }
        assert!(tally.has_unsent());
        assert_eq!(tally.take_unsent(), [(tokens[0], "1".into()), (tokens[1], "2".into())]);
        assert!(!tally.has_unsent());
        for token in tokens {
            assert_eq!(tally.settle(token, None, Instant::now()), None);
        }
        assert_eq!((tally.settled, tally.open.len(), tally.verdict()), (2, 0, Ok(())));
    }
}
