//! Frames a second as a budget: what changes after a quiet time is drawn at once, a flood at an even pace.

use std::time::Duration;

use tokio::time::Instant;

/// Frames that may follow one another at once after a quiet time, so many that the first message of a connection, which comes
/// soon after the connection's own news, is drawn without delay.
const BURST: u32 = 6;

/// A budget that fills up by one frame in each `gap`, up to `BURST`.
#[derive(Debug)]
pub(super) struct Pace {
    gap: Duration,
    /// When the budget is full again.
    full_at: Option<Instant>,
}

impl Pace {
    /// Makes a full budget.
    pub(super) fn new(gap: Duration) -> Self {
        Self { gap, full_at: None }
    }

    /// Returns when the next frame may be drawn, nothing for at once.
    pub(super) fn opens(&self) -> Option<Instant> {
        self.full_at.and_then(|full| full.checked_sub(self.gap * (BURST - 1)))
    }

    /// Takes note of a frame; one that did not wait for its time delays the others, but never more than a quiet time ago.
    pub(super) fn drawn(&mut self, now: Instant) {
        let full = self.full_at.map_or(now, |full| full.max(now)) + self.gap;
        self.full_at = Some(full.min(now + self.gap * BURST));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: Duration = Duration::from_millis(100);

    /// Draws whenever it may, asking every millisecond; returns when.
    fn flood(pace: &mut Pace, start: Instant, millis: u64) -> Vec<u64> {
        let mut drawn = Vec::new();
        for milli in 0..millis {
            let now = start + Duration::from_millis(milli);
            if pace.opens().is_none_or(|opens| opens <= now) {
                pace.drawn(now);
                drawn.push(milli);
            }
        }
        drawn
    }

    #[test]
    fn a_flood_gets_an_even_pace_after_the_first_frames() {
        let mut pace = Pace::new(GAP);
        assert_eq!(flood(&mut pace, Instant::now(), 401), [0, 1, 2, 3, 4, 5, 100, 200, 300, 400]);
    }

    #[test]
    fn a_lone_change_after_a_quiet_time_is_drawn_at_once() {
        let mut pace = Pace::new(GAP);
        let start = Instant::now();
        flood(&mut pace, start, 1_000);
        let later = start + Duration::from_secs(2);
        assert_eq!(flood(&mut pace, later, 150), [0, 1, 2, 3, 4, 5, 100]);
    }

    #[test]
    fn keys_that_are_drawn_at_once_do_not_silence_the_rest() {
        let mut pace = Pace::new(GAP);
        let start = Instant::now();
        for milli in 0..500 {
            pace.drawn(start + Duration::from_millis(milli));
        }
        let opens = pace.opens().expect("a moment");
        assert!(opens <= start + Duration::from_millis(499) + GAP);
    }
}
