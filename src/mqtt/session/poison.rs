//! Notices a broker that keeps sending what breaks the connection, such as a malformed retained message.

use std::{collections::VecDeque, time::Duration};

use crate::{base::clock::Stamp, mqtt::error::Failure};

/// So many identical failures within `SPAN` end the attempts.
const STRIKES: usize = 3;

const SPAN: Duration = Duration::from_mins(1);

/// The last protocol errors, at most `STRIKES`.
#[derive(Debug, Default)]
pub(super) struct Poison {
    recent: VecDeque<(Stamp, String)>,
}

impl Poison {
    /// Counts a failure; tells whether trying again would only bring it once more.
    pub(super) fn strikes_out(&mut self, failure: &Failure, now: Stamp) -> bool {
        let Failure::Protocol(what) = failure else { return false };
        self.recent.push_back((now, what.clone()));
        if self.recent.len() > STRIKES {
            self.recent.pop_front();
        }
        self.recent.len() == STRIKES && self.recent.iter().all(|(at, seen)| seen == what && now.since(*at) <= SPAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protocol(what: &str) -> Failure {
        Failure::Protocol(what.into())
    }

    fn at(seconds: u64) -> Stamp {
        Stamp::default().after(Duration::from_secs(seconds))
    }

    #[test]
    fn three_identical_protocol_errors_within_a_minute_strike_out() {
        let mut poison = Poison::default();
        assert!(!poison.strikes_out(&protocol("x"), at(0)));
        assert!(!poison.strikes_out(&protocol("x"), at(10)));
        assert!(poison.strikes_out(&protocol("x"), at(60)));
    }

    #[test]
    fn other_failures_and_slow_ones_do_not() {
        let mut poison = Poison::default();
        for (what, second) in [("x", 0), ("y", 1), ("x", 2), ("x", 90), ("x", 151)] {
            assert!(!poison.strikes_out(&protocol(what), at(second)), "{what} {second}");
        }
        for _ in 0..9 {
            assert!(!poison.strikes_out(&Failure::Closed { during: None }, at(0)));
        }
    }
}
