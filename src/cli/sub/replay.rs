//! The end of `--retained-only`: when the broker has sent all that it had retained.
//!
//! ```text
//! SUBACK of the last filter ── PINGREQ ── PINGRESP ── nothing retained for a while ── the end
//! ```
//!
//! No packet of MQTT says it. mosquitto sends retained messages of QoS 0 before it answers a ping that came behind the
//! SUBSCRIBE; others send them on the side, so that their silence has to last longer.

use std::time::Duration;

use tokio::time::Instant;

use crate::mqtt::{
    event::{Limits, Welcome},
    options::Protocol,
};

/// The silence that ends it with mosquitto.
const SILENCE_OF_MOSQUITTO: Duration = Duration::from_millis(500);

/// The silence that ends it with any other broker.
const SILENCE: Duration = Duration::from_secs(2);

/// Where the retained messages of one connection stand.
#[derive(Debug)]
pub(super) struct Replay {
    filters: usize,
    /// The number of the connection that all of this is about.
    connection: u64,
    unanswered: usize,
    is_mosquitto: bool,
    /// When it is over unless another retained message comes; `None` until PINGRESP.
    ends: Option<Instant>,
}

impl Replay {
    /// Makes one for this number of filters.
    pub(super) fn new(filters: usize) -> Self {
        Self { filters, connection: 0, unanswered: filters, is_mosquitto: false, ends: None }
    }

    /// Returns when it is over unless another retained message comes.
    pub(super) fn ends(&self) -> Option<Instant> {
        self.ends
    }

    /// Takes an answer to a SUBSCRIBE; returns `true` if it was the last one, so that a ping is to follow.
    pub(super) fn answered(&mut self, connection: u64, welcome: Option<&Welcome>) -> bool {
        if connection != self.connection {
            let is_mosquitto = welcome.is_some_and(|welcome| is_mosquitto(welcome.protocol, &welcome.limits));
            *self = Self { connection, is_mosquitto, ..Self::new(self.filters) };
        }
        self.unanswered = self.unanswered.saturating_sub(1);
        self.unanswered == 0
    }

    /// Takes the answer to a ping.
    pub(super) fn pong(&mut self, now: Instant) {
        if self.unanswered == 0 && self.ends.is_none() {
            self.ends = Some(now + self.silence());
        }
    }

    /// Takes a message; returns `true` if it shows that no retained one is to come.
    ///
    /// Of a broker that may send both kinds side by side a new message shows nothing.
    pub(super) fn message(&mut self, is_retained: bool, now: Instant) -> bool {
        if is_retained && self.ends.is_some() {
            self.ends = Some(now + self.silence());
        }
        !is_retained && self.is_mosquitto && self.ends.is_some()
    }

    fn silence(&self) -> Duration {
        if self.is_mosquitto { SILENCE_OF_MOSQUITTO } else { SILENCE }
    }
}

/// Returns `true` if CONNACK is that of mosquitto as it comes; older versions of MQTT do not tell.
fn is_mosquitto(protocol: Protocol, limits: &Limits) -> bool {
    protocol == Protocol::V5 && limits.topic_alias_maximum == 10 && limits.receive_maximum == 20
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replay(is_mosquitto: bool) -> Replay {
        Replay { is_mosquitto, connection: 1, ..Replay::new(2) }
    }

    #[test]
    fn it_ends_when_nothing_retained_came_for_a_while_behind_the_ping() {
        for (is_mosquitto, silence) in [(true, SILENCE_OF_MOSQUITTO), (false, SILENCE)] {
            let (mut replay, now) = (replay(is_mosquitto), Instant::now());
            replay.pong(now);
            assert!(!replay.answered(1, None) && replay.ends().is_none());
            assert!(replay.answered(1, None), "the second answer is the last one");
            assert!(!replay.message(true, now) && replay.ends().is_none());
            replay.pong(now);
            assert_eq!(replay.ends(), Some(now + silence));
            let later = now + silence / 2;
            assert!(!replay.message(true, later));
            assert_eq!(replay.ends(), Some(later + silence));
        }
    }

    #[test]
    fn a_new_message_ends_it_where_retained_ones_come_before_all_others() {
        for is_mosquitto in [true, false] {
            let (mut replay, now) = (replay(is_mosquitto), Instant::now());
            assert!(!replay.message(false, now));
            replay.answered(1, None);
            replay.answered(1, None);
            replay.pong(now);
            assert_eq!(replay.message(false, now), is_mosquitto);
        }
    }

    #[test]
    fn a_new_connection_begins_it_again() {
        let (mut replay, now) = (replay(true), Instant::now());
        replay.answered(1, None);
        replay.answered(1, None);
        replay.pong(now);
        assert!(!replay.answered(2, None) && replay.ends().is_none());
    }
}
