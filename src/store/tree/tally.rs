//! What is counted per node: messages, bytes, topics, and a rate that falls to zero in silence.

use super::Stats;
use crate::base::clock::Stamp;

/// Microseconds in a second.
const SECOND: u64 = 1_000_000;

/// Fraction bits of the smoothed rate.
const FRACTION: u32 = 8;

/// Seconds of silence after which a rate starts to fade, and after which it is zero.
const FADE: (u32, u32) = (5, 10);

/// The counters of a node and everything below it; one cache line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tally {
    messages: u64,
    bytes: u64,
    /// Messages of exactly this topic.
    own: u64,
    last: Stamp,
    /// The second of the last arrival, on the monotonic clock.
    second: u32,
    /// Arrivals within that second.
    bucket: u32,
    /// Messages a second over the seconds before, each second weighing half of the one after it.
    smooth: u32,
    topics: u32,
    retained: u32,
    /// The branch that the node is in.
    pub(super) parent: u32,
}

/// What one message adds to its topic and to every branch above.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    pub(super) at: Stamp,
    pub(super) bytes: u64,
    /// Topics seen for the first time.
    pub(super) topics: u32,
    /// Topics that became retained, modulo 2^32.
    pub(super) retained: u32,
}

/// Returns the second that a moment is in.
pub(super) fn second_of(at: Stamp) -> u32 {
    u32::try_from(at.mono / SECOND).unwrap_or(u32::MAX)
}

impl Tally {
    /// Starts to count.
    pub(super) fn new(parent: u32) -> Self {
        Self {
            messages: 0,
            bytes: 0,
            own: 0,
            last: Stamp::default(),
            second: 0,
            bucket: 0,
            smooth: 0,
            topics: 0,
            retained: 0,
            parent,
        }
    }

    /// Tells whether messages came for exactly this topic.
    pub(super) fn is_topic(&self) -> bool {
        self.own > 0
    }

    /// Tells whether nothing was counted yet.
    pub(super) fn is_unused(&self) -> bool {
        self.messages == 0
    }

    /// Returns how many messages were counted.
    pub(super) fn messages(&self) -> u64 {
        self.messages
    }

    /// Returns how many payload bytes were counted.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the second of the last arrival.
    pub(super) fn second(&self) -> u64 {
        self.second.into()
    }

    /// Counts a message of exactly this topic; [`Self::add`] counts it for this node and all above.
    pub(super) fn own(&mut self) {
        self.own += 1;
    }

    /// Counts a message that arrived in `second`.
    pub(super) fn add(&mut self, change: &Change, second: u32) {
        self.messages += 1;
        self.bytes += change.bytes;
        self.topics += change.topics;
        self.retained = self.retained.wrapping_add(change.retained);
        if second > self.second {
            self.smooth = rolled(self.smooth, self.bucket, second - self.second);
            self.second = second;
            self.bucket = 0;
        }
        self.bucket = self.bucket.saturating_add(1);
        self.last = change.at;
    }

    /// Returns the messages a second at a moment, over the whole seconds before it.
    pub(super) fn rate(&self, now: Stamp) -> f64 {
        let silence = second_of(now).saturating_sub(self.second);
        let smooth = if silence == 0 { self.smooth } else { rolled(self.smooth, self.bucket, silence) };
        let (from, to) = FADE;
        let left = to.saturating_sub(silence).min(to - from);
        f64::from(smooth) / f64::from(1_u32 << FRACTION) * f64::from(left) / f64::from(to - from)
    }

    /// Returns what is known of the node whose first message arrived at `first`.
    pub(super) fn stats(&self, first: Stamp, now: Stamp) -> Stats {
        let seen = self.messages > 0;
        Stats {
            messages: self.messages,
            own: self.own,
            bytes: self.bytes,
            topics: u64::from(self.topics),
            retained: u64::from(self.retained),
            rate: self.rate(now),
            first: seen.then_some(first),
            last: seen.then_some(self.last),
        }
    }
}

/// Moves a smoothed rate `seconds` (at least one) on: past the bucket, then past seconds without a message.
fn rolled(smooth: u32, bucket: u32, seconds: u32) -> u32 {
    let filled = (smooth >> 1).saturating_add(bucket.saturating_mul(1 << (FRACTION - 1)));
    filled.checked_shr(seconds - 1).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tree::order::ROOT;

    fn at(millis: u64) -> Stamp {
        Stamp { mono: millis * 1_000, wall: 0 }
    }

    fn run(tally: &mut Tally, from_millis: u64, to_millis: u64, every_millis: u64) {
        let mut millis = from_millis;
        while millis < to_millis {
            let change = Change { at: at(millis), bytes: 1, topics: 0, retained: 0 };
            tally.add(&change, second_of(change.at));
            millis += every_millis;
        }
    }

    #[test]
    fn a_tally_is_one_cache_line() {
        assert_eq!(size_of::<Tally>(), 64);
    }

    #[test]
    fn a_steady_rate_is_met_within_five_seconds() {
        let mut tally = Tally::new(ROOT);
        run(&mut tally, 0, 5_000, 10);
        let rate = tally.rate(at(5_000));
        assert!((95.0..=100.0).contains(&rate), "{rate}");
    }

    #[test]
    fn a_rate_is_gone_after_ten_seconds_of_silence() {
        for every_millis in [1, 1_000, 7_000] {
            let mut tally = Tally::new(ROOT);
            run(&mut tally, 0, 60_000, every_millis);
            let rate = tally.rate(at(70_000));
            assert!(rate < 0.01, "{rate}");
        }
    }

    #[test]
    fn a_rate_only_falls_in_silence() {
        let mut tally = Tally::new(ROOT);
        run(&mut tally, 0, 20_000, 1);
        let rates: Vec<_> = (20..32).map(|second| tally.rate(at(second * 1_000))).collect();
        assert!(rates.is_sorted_by(|before, after| before >= after), "{rates:?}");
        assert!(rates[1] > 100.0, "{rates:?}");
    }

    #[test]
    fn a_clock_that_stands_or_steps_back_is_survived() {
        let mut tally = Tally::new(ROOT);
        run(&mut tally, 9_000, 9_500, 100);
        run(&mut tally, 1_000, 1_500, 100);
        assert_eq!(tally.stats(at(9_000), at(0)).messages, 10);
        assert!(tally.rate(at(0)).abs() < f64::EPSILON);
    }
}
