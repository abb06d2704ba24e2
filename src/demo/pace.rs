//! Plant time: which ticks are due by the clock.

use std::{ops::Range, time::Duration};

use tokio::time::{Interval, MissedTickBehavior, interval};

use super::{MOST_RATE, plant::TICK};
use crate::base::clock::{Clock, Stamp};

/// The shortest sleep between two looks at the clock; ticks that are shorter come several at once.
const SLEEP: Duration = Duration::from_millis(10);

/// The speed of plant time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    clock: Clock,
    started: Stamp,
    tick: Duration,
}

impl Pace {
    /// Starts plant time now, so fast that a plant of `natural` messages per second sends `rate`.
    pub(super) fn new(clock: Clock, natural: f64, rate: Option<u32>) -> Self {
        let speed = rate.map_or(1.0, |rate| f64::from(rate.clamp(1, MOST_RATE)) / natural.max(1.0));
        Self { clock, started: clock.now(), tick: TICK.div_f64(speed) }
    }

    /// Returns the tick of this moment.
    fn now(&self) -> u64 {
        let ticks = self.clock.now().since(self.started).as_nanos() / self.tick.as_nanos().max(1);
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }

    /// Returns how long so much plant time takes.
    pub(super) fn real(&self, plant: Duration) -> Duration {
        plant.mul_f64(self.tick.as_secs_f64() / TICK.as_secs_f64())
    }

    /// Starts handing out ticks, the first being this moment's.
    pub(super) fn ticks(self) -> Ticks {
        let mut timer = interval(self.tick.max(SLEEP));
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ticks { pace: self, next: self.now(), timer }
    }
}

/// Hands out every tick once, in order.
#[derive(Debug)]
pub(super) struct Ticks {
    pace: Pace,
    next: u64,
    timer: Interval,
}

impl Ticks {
    /// Waits until ticks are due and returns them; after a stall of more than a second, the older ones are left out.
    pub(super) async fn due(&mut self) -> Range<u64> {
        self.timer.tick().await;
        let end = self.pace.now().saturating_add(1);
        let second = Duration::from_secs(1).as_nanos() / self.pace.tick.as_nanos().max(1);
        let most = u64::try_from(second).unwrap_or(u64::MAX).max(1);
        let start = self.next.max(end.saturating_sub(most));
        self.next = end;
        start..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_above_the_natural_one_shortens_the_tick() {
        let pace = Pace::new(Clock::start(), 30.0, Some(300));
        assert_eq!(pace.tick, Duration::from_millis(5));
        assert_eq!(pace.real(Duration::from_secs(20)), Duration::from_secs(2));
    }

    #[tokio::test]
    async fn every_tick_comes_once() {
        let mut ticks = Pace::new(Clock::start(), 30.0, Some(3_000)).ticks();
        let first = ticks.due().await;
        let (mut next, mut seen) = (first.end, 0);
        while seen < 200 {
            let due = ticks.due().await;
            assert_eq!(due.start, next);
            next = due.end;
            seen += due.count();
        }
    }
}
