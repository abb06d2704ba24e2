//! How long to wait before the next attempt: full jitter over a bound that doubles, with a floor.

use std::time::Duration;

use super::options::Reconnect;

/// A connection that held this long starts the waits anew; one that breaks earlier does not, so that a broker that accepts
/// and drops is not stormed.
pub const STABLE: Duration = Duration::from_secs(30);

/// The longest wait, whatever the options say.
const LONGEST: Duration = Duration::from_hours(24);

/// The part of the bound below which no wait falls, so that luck cannot make a storm either.
const FLOOR: f64 = 0.25;

/// The waits between attempts, of which at most 10 start in the first 30 seconds with the default bounds.
#[derive(Debug, Clone)]
pub struct Backoff {
    reconnect: Reconnect,
    failures: u32,
}

impl Backoff {
    /// Starts with the shortest wait.
    #[must_use]
    pub fn new(reconnect: Reconnect) -> Self {
        Self { reconnect, failures: 0 }
    }

    /// Starts anew.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Counts a failure and returns the wait that follows it; `random` is at least 0 and below 1.
    pub fn after_failure(&mut self, random: f64) -> Duration {
        let factor = 2_u32.saturating_pow(self.failures.min(31));
        let bound = self.reconnect.initial.saturating_mul(factor).min(self.reconnect.max).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        bound.mul_f64(FLOOR + (1.0 - FLOOR) * random.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of attempts that start within `span` when each fails at once.
    fn attempts_within(span: Duration, mut random: impl FnMut() -> f64) -> usize {
        let mut backoff = Backoff::new(Reconnect::default());
        let mut now = Duration::ZERO;
        let mut attempts = 0;
        while now < span {
            attempts += 1;
            now += backoff.after_failure(random());
        }
        attempts
    }

    #[test]
    fn at_most_ten_attempts_start_in_thirty_seconds_even_with_the_worst_luck() {
        assert!(attempts_within(Duration::from_secs(30), || 0.0) <= 10);
    }

    #[test]
    fn waits_spread_up_to_the_bound_that_doubles_and_then_stays() {
        let mut backoff = Backoff::new(Reconnect { initial: Duration::from_secs(1), max: Duration::from_secs(5) });
        let waits: Vec<u64> = (0..5).map(|_| backoff.after_failure(1.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 5, 5]);
    }

    #[test]
    fn a_reset_starts_anew() {
        let mut backoff = Backoff::new(Reconnect::default());
        let first = backoff.after_failure(0.5);
        backoff.after_failure(0.5);
        backoff.reset();
        assert_eq!(backoff.after_failure(0.5), first);
    }

    #[test]
    fn a_thousand_failures_do_not_overflow() {
        let mut backoff = Backoff::new(Reconnect { initial: Duration::MAX, max: Duration::MAX });
        for _ in 0..1_000 {
            assert!(backoff.after_failure(1.0) <= LONGEST);
        }
    }
}
