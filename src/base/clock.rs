//! Time as a value: the wall clock for people, the monotonic clock for ages.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment, on both clocks, in microseconds.
///
/// The wall clock is what a person reads and may jump; differences are taken on the monotonic clock, so that no age is
/// ever negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Stamp {
    /// Microseconds on a clock that never goes back, from an origin of the process.
    pub mono: u64,
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub wall: i64,
}

impl Stamp {
    /// Returns the time from `earlier` to this moment, zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.mono.saturating_sub(earlier.mono))
    }

    /// Returns the moment `by` later.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        let micros = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        Self { mono: self.mono.saturating_add(micros), wall: self.wall.saturating_add(i64::try_from(micros).unwrap_or(i64::MAX)) }
    }
}

/// The source of stamps; copied into every task that needs the time, so that all share one origin.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// Starts a clock whose monotonic origin is now.
    #[must_use]
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// Reads both clocks.
    #[must_use]
    pub fn now(&self) -> Stamp {
        let wall = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
        };
        Stamp { mono: u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX), wall }
    }

    /// Returns the instant at which this clock shows `stamp`, for timers.
    #[must_use]
    pub fn instant(&self, stamp: Stamp) -> Instant {
        self.origin + Duration::from_micros(stamp.mono)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_never_negative() {
        let earlier = Stamp { mono: 5, wall: 500 };
        let later = Stamp { mono: 9, wall: 100 };
        assert_eq!(later.since(earlier), Duration::from_micros(4));
        assert_eq!(earlier.since(later), Duration::ZERO);
    }

    #[test]
    fn a_stamp_moves_on_both_clocks() {
        let stamp = Stamp { mono: 1, wall: 2 }.after(Duration::from_millis(1));
        assert_eq!(stamp, Stamp { mono: 1_001, wall: 1_002 });
    }
}
