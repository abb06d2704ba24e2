//! Notices what ends one connection after the other, such as a malformed retained message.

use std::sync::Arc;

use super::idle::Idle;
use crate::{
    mqtt::{error::Failure, reason::Reason},
    wire::{error::WireError, websocket::cause::WebSocketCause},
};

/// So many connections that ended alike end the attempts.
const STRIKES: usize = 3;

/// What ended the connections one after the other.
#[derive(Debug, Default)]
pub(super) struct Poison {
    last: Option<Mark>,
    strikes: usize,
    /// What ends idle connections, which may hold for long.
    idle: Idle,
}

/// By what a failure is known again.
#[derive(Debug, PartialEq, Eq)]
enum Mark {
    /// Packet, topic and field; the bytes differ from one delivery to the next.
    Violation(&'static str, Option<Box<str>>, &'static str),
    Protocol(String),
    /// What the broker has against what we send.
    Blame(Reason),
}

impl Poison {
    /// Forgets what was seen, after a connection that held or at the user's word.
    pub(super) fn forget(&mut self) {
        (self.last, self.strikes) = (None, 0);
    }

    /// Counts a failure, and says so in its place when trying again would only bring it once more.
    pub(super) fn judge(&mut self, failure: Failure) -> Failure {
        let failure = self.idle.judge(failure);
        let mark = Mark::of(&failure);
        self.strikes = if mark.is_some() && mark == self.last { self.strikes + 1 } else { 1 };
        self.last = mark;
        if self.last.is_none() || self.strikes < STRIKES {
            return failure;
        }
        Failure::Repeated { times: self.strikes, cause: Arc::new(failure) }
    }
}

impl Mark {
    fn of(failure: &Failure) -> Option<Self> {
        match failure {
            Failure::Violation(violation) => Some(Self::Violation(violation.packet, violation.topic.clone(), violation.field)),
            // A message in one frame may be too large to be held.
            Failure::Protocol(what) | Failure::Wire(WireError::WebSocket { cause: WebSocketCause::Frames(what), .. }) => {
                Some(Self::Protocol(what.clone()))
            }
            Failure::Disconnected { reason, .. } => reason.blames_us().then_some(Self::Blame(*reason)),
            Failure::Wire(_)
            | Failure::Refused { .. }
            | Failure::Redirected { .. }
            | Failure::Authentication(_)
            | Failure::Denied { .. }
            | Failure::Silent { .. }
            | Failure::Closed { .. }
            | Failure::OldConnack { .. }
            | Failure::Unanswered { .. }
            | Failure::Idle { .. }
            | Failure::Invalid(_)
            | Failure::Unconfirmed
            | Failure::Offline
            | Failure::Repeated { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::violation::Violation;

    fn violation(topic: &str, bytes: &[u8]) -> Failure {
        Failure::Violation(Violation {
            packet: "PUBLISH",
            topic: Some(topic.into()),
            field: "Content Type",
            detail: "occurs twice".into(),
            reason_code: 0x82,
            bytes: bytes.into(),
        })
    }

    fn strikes_out(poison: &mut Poison, failure: Failure) -> bool {
        matches!(poison.judge(failure), Failure::Repeated { .. })
    }

    #[test]
    fn the_third_delivery_of_a_bad_message_strikes_out_and_is_named() {
        let mut poison = Poison::default();
        assert!(!strikes_out(&mut poison, violation("a", &[1])));
        assert!(!strikes_out(&mut poison, violation("a", &[2])));
        let said = poison.judge(violation("a", &[3])).to_string();
        assert_eq!(
            said,
            "given up after 3 connections that ended alike: protocol error: PUBLISH on a: Content Type occurs twice (bytes 03)"
        );
    }

    #[test]
    fn a_broker_that_blames_us_the_same_way_strikes_out() {
        let blamed = |code| Failure::Disconnected { reason: Reason(code), text: String::new() };
        let mut poison = Poison::default();
        for _ in 0..2 {
            assert!(!strikes_out(&mut poison, blamed(0x95)));
        }
        assert!(strikes_out(&mut poison, blamed(0x95)));
        for _ in 0..9 {
            assert!(!strikes_out(&mut poison, blamed(0x8b)), "a restart is nobody's fault");
        }
    }

    #[test]
    fn a_frame_that_is_too_large_each_time_strikes_out() {
        let frames = |said: &str| {
            let cause = WebSocketCause::Frames(said.into());
            Failure::Wire(WireError::WebSocket { at: "h:80".into(), cause })
        };
        let mut poison = Poison::default();
        for _ in 0..2 {
            assert!(!strikes_out(&mut poison, frames("Message too long: 64 > 32")));
        }
        assert!(strikes_out(&mut poison, frames("Message too long: 64 > 32")));
        assert!(!strikes_out(&mut poison, frames("Reserved bits are non-zero")));
    }

    #[test]
    fn what_differs_or_comes_after_something_else_does_not() {
        let mut poison = Poison::default();
        for topic in ["a", "b", "a", "b", "a"] {
            assert!(!strikes_out(&mut poison, violation(topic, &[])));
        }
        for _ in 0..9 {
            assert!(!strikes_out(&mut poison, Failure::Closed { during: None }));
        }
        assert!(!strikes_out(&mut poison, violation("a", &[])));
        poison.forget();
        assert!(!strikes_out(&mut poison, violation("a", &[])));
        assert!(!strikes_out(&mut poison, violation("a", &[])));
    }
}
