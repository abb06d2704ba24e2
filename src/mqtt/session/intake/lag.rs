//! How far reading is behind what has arrived: the unread bytes over the rate of the last second.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep};

/// How often it is measured while something arrives.
const EVERY: Duration = Duration::from_millis(250);

/// The time over which the rate is taken.
const WINDOW: Duration = Duration::from_secs(1);

/// The lag is reported from this on, when two measurements in a row say so: a burst is no lag.
const SHOWN: Duration = Duration::from_millis(500);

/// A reported lag has gone below this.
const CLEARED: Duration = Duration::from_millis(200);

/// Measures the lag of a stream while it is busy.
pub(super) struct Lag {
    /// When the next measurement is due; there is none while nothing arrives.
    due: Pin<Box<Sleep>>,
    is_due: bool,
    meter: Meter,
}

impl Lag {
    pub(super) fn new() -> Self {
        Self { due: Box::pin(sleep(Duration::ZERO)), is_due: false, meter: Meter::default() }
    }

    /// Measures when it is time, and returns a lag that is to be reported; zero says that there is none any more.
    ///
    /// `read` is how many bytes were read so far, `unread` counts those that wait.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, read: u64, unread: impl FnOnce() -> usize) -> Option<Duration> {
        if !self.is_due {
            if self.meter.is_idle(read) {
                return None;
            }
            self.due.as_mut().reset(Instant::now() + EVERY);
            self.is_due = true;
        }
        if self.due.as_mut().poll(cx).is_pending() {
            return None;
        }
        let reported = self.meter.measure(Instant::now(), read, unread());
        self.due.as_mut().reset(Instant::now() + EVERY);
        // Registers the waker for the next one; a stream without traffic is not woken again.
        self.is_due = !self.meter.is_idle(read) && self.due.as_mut().poll(cx) == Poll::Pending;
        reported
    }

    /// Takes note whether what was returned has been reported; the next measurement returns it again otherwise.
    pub(super) fn was_reported(&mut self, was: bool) {
        self.meter.is_shown |= !was;
    }
}

/// The measurements of the last second.
#[derive(Debug, Default)]
struct Meter {
    /// When it was measured, and how many bytes had been read then.
    samples: VecDeque<(Instant, u64)>,
    lag: Duration,
    /// Whether the last measurement was above [`SHOWN`].
    was_high: bool,
    is_shown: bool,
}

impl Meter {
    /// Returns `true` if nothing was read since the last measurement and nothing waits.
    fn is_idle(&self, read: u64) -> bool {
        self.lag.is_zero() && !self.is_shown && self.samples.back().map_or(0, |(_, before)| *before) == read
    }

    fn measure(&mut self, now: Instant, read: u64, unread: usize) -> Option<Duration> {
        while self.samples.len() > 1 && self.samples.front().is_some_and(|(at, _)| now - *at > WINDOW) {
            self.samples.pop_front();
        }
        let before = self.samples.front().copied();
        let since = self.samples.back().map_or(EVERY, |(at, _)| now - *at);
        self.samples.push_back((now, read));
        self.lag = match before {
            _ if unread == 0 => Duration::ZERO,
            Some((at, before)) if read > before => {
                let micros = (now - at).as_micros() * unread as u128 / u128::from(read - before);
                Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
            }
            // Nothing is read while something waits: it falls behind by the time that passes.
            Some(_) => self.lag.saturating_add(since),
            None => Duration::ZERO,
        };
        let was_high = std::mem::replace(&mut self.was_high, self.lag >= SHOWN);
        if self.is_shown && self.lag < CLEARED {
            self.is_shown = false;
            return Some(Duration::ZERO);
        }
        self.is_shown |= was_high && self.was_high;
        self.is_shown.then_some(self.lag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Measures every 250 ms; each pair is the bytes read since, and the unread ones.
    fn reported(steps: &[(u64, usize)]) -> Vec<Option<u128>> {
        let (mut meter, mut now, mut read) = (Meter::default(), Instant::now(), 0);
        let mut step = |&(more, unread): &(u64, usize)| {
            now += EVERY;
            read += more;
            meter.measure(now, read, unread).map(|lag| lag.as_millis())
        };
        steps.iter().map(&mut step).collect()
    }

    #[test]
    fn unread_bytes_over_the_rate_of_the_last_second_are_the_lag() {
        // 1,000 bytes a second are read, and 3,100 wait.
        let steps = [(250, 0), (250, 3_100), (250, 3_100), (250, 3_100)];
        assert_eq!(reported(&steps), [None, None, Some(3_100), Some(3_100)]);
    }

    #[test]
    fn a_burst_that_is_read_at_once_is_no_lag() {
        assert_eq!(reported(&[(250, 0), (250, 90_000), (90_000, 0), (250, 0)]), [None; 4]);
    }

    #[test]
    fn a_lag_is_shown_from_half_a_second_on_and_cleared_below_a_fifth() {
        let steps = [(250, 0), (250, 500), (250, 500), (250, 300), (250, 200), (250, 199), (250, 400)];
        assert_eq!(reported(&steps), [None, None, Some(500), Some(300), Some(200), Some(0), None]);
    }

    #[test]
    fn a_stream_that_is_not_read_falls_behind_as_time_passes() {
        let mut steps = vec![(250, 0); 4];
        steps.extend([(0, 5_000); 8]);
        let told = reported(&steps);
        let last: Vec<u128> = told[told.len() - 3..].iter().map(|lag| lag.expect("far behind")).collect();
        assert_eq!([last[1] - last[0], last[2] - last[1]], [250, 250], "{told:?}");
    }

    #[test]
    fn nothing_is_measured_while_nothing_arrives() {
        let mut meter = Meter::default();
        assert!(meter.is_idle(0));
        assert!(!meter.is_idle(10));
        assert_eq!(meter.measure(Instant::now(), 10, 0), None);
        assert!(meter.is_idle(10));
    }
}
