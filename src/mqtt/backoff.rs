//! How long to wait before the next attempt: jitter below a bound that doubles, with a floor, and within a budget.

use std::time::Duration;

use super::options::Reconnect;
use crate::base::clock::Stamp;

/// A connection that held this long starts the waits anew; one that breaks earlier does not, so that a broker that accepts
/// and drops is not stormed.
pub const STABLE: Duration = Duration::from_secs(30);

/// The longest wait, whatever the options say.
const LONGEST: Duration = Duration::from_hours(24);

/// The part of the bound below which no wait falls, so that luck cannot make a storm either.
const FLOOR: f64 = 0.25;

/// How much longer the wait is when the broker asks for patience.
const PATIENCE: u32 = 4;

/// So many attempts are free of the budget.
const FREE: u32 = 10;

/// The time in which only those are made.
const FIRST: Duration = Duration::from_secs(30);

/// The time that each attempt after them has on the average: fifty fit into what is left of the first hour.
const PACE: Duration = Duration::from_secs(72);

/// The part of `PACE` over which attempts that wait for the budget are spread.
const SPREAD: f64 = 0.1;

/// The waits between attempts: at most 10 attempts start in the first 30 seconds and 60 in the first hour, whatever the bounds.
#[derive(Debug, Clone)]
pub struct Backoff {
    reconnect: Reconnect,
    failures: u32,
    /// When the first failure was counted.
    began: Option<Stamp>,
}

impl Backoff {
    /// Starts with the shortest wait.
    #[must_use]
    pub fn new(reconnect: Reconnect) -> Self {
        Self { reconnect, failures: 0, began: None }
    }

    /// Starts anew.
    pub fn reset(&mut self) {
        self.failures = 0;
        self.began = None;
    }

    /// Counts a failure and returns the wait that follows it; `random` is at least 0 and below 1, and `patience` tells whether
    /// the broker asked for it.
    pub fn after_failure(&mut self, now: Stamp, random: f64, patience: bool) -> Duration {
        let random = random.clamp(0.0, 1.0);
        let factor = 2_u32.saturating_pow(self.failures.min(31));
        let bound = self.reconnect.initial.saturating_mul(factor).min(self.reconnect.max).min(LONGEST);
        let began = *self.began.get_or_insert(now);
        self.failures = self.failures.saturating_add(1);
        let wait = bound.mul_f64(FLOOR + (1.0 - FLOOR) * random);
        let wait = if patience { wait.saturating_mul(PATIENCE).min(LONGEST) } else { wait };
        wait.max(self.budget(now.since(began), random))
    }

    /// Returns how long the budget makes the next attempt wait, so long after the first failure.
    fn budget(&self, elapsed: Duration, random: f64) -> Duration {
        let Some(paced) = self.failures.saturating_add(1).checked_sub(FREE).filter(|paced| *paced > 0) else {
            return Duration::ZERO;
        };
        let due = FIRST.saturating_add(PACE.saturating_mul(paced));
        match due.saturating_sub(elapsed) {
            Duration::ZERO => Duration::ZERO,
            wait => wait.min(LONGEST) + PACE.mul_f64(SPREAD * random),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAITS: Reconnect = Reconnect { initial: Duration::from_secs(1), max: Duration::from_secs(5) };

    /// The number of attempts that start within `span` when each fails at once.
    fn attempts_within(span: Duration, reconnect: Reconnect, random: f64) -> usize {
        let mut backoff = Backoff::new(reconnect);
        let start = Stamp::default();
        let mut now = start;
        let mut attempts = 0;
        while now.since(start) < span {
            attempts += 1;
            now = now.after(backoff.after_failure(now, random, false));
        }
        attempts
    }

    #[test]
    fn ten_attempts_in_half_a_minute_and_sixty_in_an_hour_are_never_exceeded() {
        let hasty = Reconnect { initial: Duration::from_millis(1), max: Duration::from_millis(1) };
        for reconnect in [Reconnect::default(), hasty, WAITS] {
            for random in [0.0, 0.3, 0.999] {
                assert!(attempts_within(FIRST, reconnect, random) <= 10, "{reconnect:?} {random}");
                assert!(attempts_within(Duration::from_hours(1), reconnect, random) <= 60, "{reconnect:?} {random}");
            }
        }
    }

    #[test]
    fn an_hour_without_luck_still_brings_many_attempts() {
        assert!(attempts_within(Duration::from_hours(1), Reconnect::default(), 0.999) > 40);
    }

    #[test]
    fn waits_spread_up_to_the_bound_that_doubles_and_then_stays() {
        let mut backoff = Backoff::new(WAITS);
        let waits: Vec<u64> = (0..5).map(|_| backoff.after_failure(Stamp::default(), 1.0, false).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 5, 5]);
    }

    #[test]
    fn a_broker_that_asks_for_patience_gets_four_times_as_much() {
        let mut backoff = Backoff::new(WAITS);
        let waits: Vec<u64> = (0..4).map(|_| backoff.after_failure(Stamp::default(), 1.0, true).as_secs()).collect();
        assert_eq!(waits, [4, 8, 16, 20]);
    }

    #[test]
    fn a_reset_starts_anew() {
        let mut backoff = Backoff::new(Reconnect::default());
        let first = backoff.after_failure(Stamp::default(), 0.5, false);
        for _ in 0..20 {
            backoff.after_failure(Stamp::default(), 0.5, false);
        }
        backoff.reset();
        assert_eq!(backoff.after_failure(Stamp::default(), 0.5, false), first);
    }

    #[test]
    fn a_thousand_failures_do_not_overflow() {
        let mut backoff = Backoff::new(Reconnect { initial: Duration::MAX, max: Duration::MAX });
        backoff.failures = u32::MAX - 500;
        for _ in 0..1_000 {
            let wait = backoff.after_failure(Stamp::default(), 1.0, true);
            assert!(wait < Duration::MAX, "{wait:?}");
        }
    }
}
