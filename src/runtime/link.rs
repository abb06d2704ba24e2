//! How fast the way to the terminal is, found out by asking the terminal where its cursor is after each frame.
//!
//! What is written waits in buffers on the way (the terminal's, SSH's, TCP's), so a write that returns says nothing about
//! what is seen. The answer to a question does: all before it was displayed. So few frames are on the way at a time, and on
//! a slow way a frame is as small as it must be to pass in a time that a person hardly feels.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// Asks where the cursor is (DSR 6).
pub(super) const QUESTION: &[u8] = b"\x1b[6n";

/// Seconds that a frame may take to pass.
const PASS: f64 = 0.08;

/// The fewest bytes of a frame, whatever the way is.
const FEWEST: f64 = 200.0;

/// The most bytes of a frame after the first one while nothing is known of the way.
const UNSURE: usize = 1_000;

/// The answers from which the way is known, the newest.
const SAMPLES: usize = 9;

/// Small and large frames tell something about the bytes a second when they differ by so many bytes.
const APART: f64 = 64.0;

/// Of so many frames one is smaller than there is room for, so that the delay can be told from the bytes a second.
const SMALLER_EACH: u32 = 4;

/// The most frames that are remembered as on the way; the oldest is forgotten.
const MOST_ASKED: usize = 6;

/// The same before the first answer, which may take longest.
const MOST_ASKED_FIRST: usize = 16;

/// A way that takes less than this for each byte is fast, in seconds.
const FAST: f64 = 10e-6;

/// On a fast way each such delay, in seconds, makes room for one more frame.
const DEPTH: f64 = 0.1;

/// Unanswered questions after which a terminal that has never answered is not asked any more.
const MUTE: u32 = 7;

/// Unanswered questions in a row that are taken for lost answers of a terminal that has answered before.
const LOST: u32 = 3;

/// The highest number that a terminal reports for the modifiers of a key.
const MODIFIERS: u16 = 16;

/// The shortest and the longest time that an answer is waited for, in seconds.
const WAIT: (f64, f64) = (0.25, 1.0);

/// How long the very first answer is waited for, in seconds; longer each time that none came.
const FIRST_WAIT: f64 = 0.1;

/// A frame has at most so many times the bytes of one that has passed in time, whatever else is thought of the way.
const GROWTH: f64 = 2.0;

/// What counts as proven after a stall, in bytes: more than on a slow way, and few enough for one.
const TRIAL: f64 = 1_000.0;

/// How long no answer must come after a late one before the way is known to be free, at least and at most.
const SILENCE: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(2));

/// A way on which no answer has come for so long has stood still; what comes after that says little about its speed.
const STALL: Duration = Duration::from_secs(3);

/// How long late answers come at once when it moves again, and how long none must come before the way is known to be free.
const RESUMED: (Duration, Duration) = (Duration::from_secs(1), Duration::from_millis(50));

/// What is left, with each answer in time, of the fear that the way is slow.
const COURAGE: f64 = 0.65;

/// The longest time that the way is left free for keys, in seconds.
const REST: f64 = 0.5;

/// Where the cursor was left, as the terminal counts: row and column from 1.
pub(super) type Mark = (u16, u16);

/// A frame whose answer is awaited.
#[derive(Debug)]
struct Asked {
    mark: Mark,
    at: Instant,
    bytes: f64,
    /// The bytes of this frame and of those that were on the way before it.
    with_those_ahead: f64,
    /// Whether the answer before it was overdue, so that it is not known what was ahead.
    is_doubtful: bool,
}

/// What is known of the way to the terminal.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// Frames on the way, the oldest first.
    asked: VecDeque<Asked>,
    /// When the last answer came.
    answered_at: Option<Instant>,
    /// When the first answer after a stall came.
    resumed_at: Option<Instant>,
    /// Bytes of frames, and the seconds until their answer.
    samples: VecDeque<(f64, f64)>,
    /// Seconds that an answer to an empty frame takes.
    delay: f64,
    /// Seconds that each byte adds.
    slope: f64,
    /// The same, as far as late answers let fear.
    feared: f64,
    /// Bytes of a frame that has passed in time.
    proven: f64,
    frames: u32,
    /// Questions in a row without an answer.
    silent: u32,
    /// Whether the terminal has ever answered.
    answers: bool,
    /// Until then the way is left free for keys.
    rests_until: Option<Instant>,
}

impl Link {
    /// Tells whether the next frame should end in the question.
    pub(super) fn asks(&self) -> bool {
        self.answers || self.silent < MUTE
    }

    /// Tells whether an answer may be on its way.
    pub(super) fn expects(&self) -> bool {
        self.asks() && !self.asked.is_empty()
    }

    /// Returns the most bytes that the next frame should have.
    pub(super) fn room(&self) -> usize {
        if !self.answers && !self.asked.is_empty() && self.asks() {
            return UNSURE;
        }
        let slow = (PASS / self.per_byte()).max(FEWEST);
        let room = if self.frames.is_multiple_of(SMALLER_EACH) { slow / 3.0 } else { slow };
        let bytes = if self.answers { room.min((self.proven * GROWTH).max(FEWEST)) } else { room };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is positive, and endless on a fast way")]
        let bytes = bytes as usize;
        bytes
    }

    /// Returns when the next frame may go, nothing for at once; an urgent one is for a key.
    ///
    /// It may go earlier when an answer comes.
    pub(super) fn opens(&self, urgent: bool) -> Option<Instant> {
        let most = self.depth() + usize::from(urgent);
        let mut due: Vec<_> = self.asked.iter().filter(|_| self.asks()).map(|asked| self.due(asked)).collect();
        due.sort_unstable_by(|one, other| other.cmp(one));
        let passed = due.get(most - 1).copied();
        if urgent { passed } else { passed.max(self.rests_until) }
    }

    /// Takes note of a frame that ends in the question.
    pub(super) fn sent(&mut self, at: Instant, bytes: usize, mark: Mark) {
        let bytes = f64::from(u32::try_from(bytes).unwrap_or(u32::MAX));
        let overdue = self.asked.back().is_some_and(|last| at >= self.due(last));
        let ahead: f64 = self.asked.iter().map(|asked| asked.bytes).sum();
        if overdue && let Some(first) = self.asked.front() {
            self.silent = self.silent.saturating_add(1);
            self.proven /= GROWTH;
            let at_least = at.saturating_duration_since(first.at).as_secs_f64() / ahead.max(1.0);
            self.feared = self.feared.max(at_least.min(PASS / FEWEST));
        }
        self.frames = self.frames.wrapping_add(1);
        let most = if self.answers { MOST_ASKED } else { MOST_ASKED_FIRST };
        while self.asked.len() >= most {
            self.asked.pop_front();
        }
        self.asked.push_back(Asked { mark, at, bytes, with_those_ahead: bytes + ahead, is_doubtful: overdue });
    }

    /// Takes an answer; returns whether one was due.
    ///
    /// One that names no place where a frame ended is taken for that of the oldest: some terminals always name the same place.
    /// But F3 with a modifier looks like such an answer.
    pub(super) fn answered(&mut self, now: Instant, mark: Mark) -> bool {
        let named = self.asked.iter().position(|asked| asked.mark == mark);
        if named.is_none() && (is_key(mark) || (self.asked.is_empty() && !self.answers)) {
            return false;
        }
        // An answer that was given up may be lost, or late and frames pile up on the way: then nothing but silence tells that
        // they have passed.
        let is_late = self.asked.is_empty() || self.asked.iter().any(|asked| now >= self.due(asked));
        let last = named.unwrap_or(if is_late { self.asked.len().saturating_sub(1) } else { 0 });
        let oldest = self.asked.front().map(|asked| now.saturating_duration_since(asked.at));
        if is_late && self.answered_at.is_some_and(|answered| now.saturating_duration_since(answered) > STALL) {
            self.resumed_at = Some(now);
            self.feared = 0.0;
            self.proven = self.proven.max(TRIAL);
        }
        let resumes = is_late && self.resumed_at.is_some_and(|resumed| now.saturating_duration_since(resumed) < RESUMED.0);
        let passed = self.asked.drain(..(last + 1).min(self.asked.len())).next_back();
        // How long the way stood still says nothing about how fast it is.
        if let Some(asked) = passed.filter(|_| !resumes) {
            let took = now.saturating_duration_since(asked.at).as_secs_f64();
            let expected = self.expected(asked.with_those_ahead);
            let overlapped = self.answered_at.is_some_and(|answered| answered > asked.at);
            let unknown = asked.is_doubtful || (named.is_none() && is_late);
            let doubtful = unknown || (overlapped && took <= expected);
            if unknown {
                self.proven /= GROWTH;
            }
            if !doubtful {
                self.prove(asked.with_those_ahead, took);
                self.learn(asked.with_those_ahead, took);
            }
            self.rest(now, if doubtful { took.min(expected) } else { took });
            if named.is_some() && now >= self.due(&asked) {
                let at_most = (took - self.delay) / asked.with_those_ahead.max(1.0);
                self.feared = self.feared.max(at_most.min(PASS / FEWEST));
            }
        }
        if is_late {
            let silence = if resumes { RESUMED.1 } else { oldest.unwrap_or_default().clamp(SILENCE.0, SILENCE.1) };
            self.rests_until = self.rests_until.max(Some(now + silence));
        }
        self.answered_at = Some(now);
        self.silent = 0;
        self.answers = true;
        true
    }

    /// Takes a frame for the measure of the next ones: what has passed in time, or what would have.
    fn prove(&mut self, bytes: f64, took: f64) {
        let least = self.samples.iter().map(|sample| sample.1).fold(took, f64::min);
        let held = took - least;
        self.proven = if held <= PASS { self.proven.max(bytes) } else { bytes * PASS / held };
    }

    /// Tells the delay from the bytes a second by comparing small frames with large ones; medians, as one frame may hiccup.
    fn learn(&mut self, bytes: f64, took: f64) {
        let is_late = took > 0.2 + 2.0 * self.expected(bytes);
        self.feared = if is_late { (took - self.delay) / bytes.max(1.0) } else { self.feared * COURAGE };
        if self.samples.len() >= SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back((bytes, took));
        let mut samples: Vec<_> = self.samples.iter().copied().collect();
        samples.sort_by(|one, other| one.0.total_cmp(&other.0));
        let third = samples.len().div_ceil(3);
        let (small, large) = (middle(&samples[..third]), middle(&samples[samples.len() - third..]));
        if large.0 - small.0 >= APART {
            self.slope = ((large.1 - small.1) / (large.0 - small.0)).max(0.0);
        }
        self.delay = (small.1 - self.slope * small.0).max(0.0);
    }

    /// Returns the seconds that each byte adds; a terminal that has not answered yet may never do, so it is not held back.
    fn per_byte(&self) -> f64 {
        if self.answers { self.slope.max(self.feared) } else { 0.0 }
    }

    /// Returns the seconds until the answer to a frame of so many bytes.
    fn expected(&self, bytes: f64) -> f64 {
        self.delay + self.per_byte() * bytes
    }

    /// Leaves the way free for half the time that a frame has held it.
    fn rest(&mut self, now: Instant, took: f64) {
        let held = (took - self.delay).max(0.0) / 2.0;
        self.rests_until = Some(now + Duration::from_secs_f64(held.min(REST)));
    }

    /// Returns how many frames that no key is behind may be on the way.
    fn depth(&self) -> usize {
        let more = if self.per_byte() < FAST { self.delay / DEPTH } else { 0.0 };
        match more {
            3.0.. => 4,
            2.0.. => 3,
            1.0.. => 2,
            _ => 1,
        }
    }

    /// Returns when the answer to a frame is given up, and the frame taken for arrived.
    fn due(&self, asked: &Asked) -> Instant {
        let seconds = if self.answers {
            let usual = 0.05 + 1.5 * self.expected(asked.with_those_ahead);
            let shortest = if self.per_byte() > FAST { WAIT.0 / 2.0 } else { WAIT.0 };
            // A few answers may be lost; after that the way has stalled, and what is sent only piles up.
            let doubled = 2_f64.powi(self.silent.saturating_sub(LOST).min(8).cast_signed());
            (usual.max(shortest) * doubled).min(usual.max(WAIT.1))
        } else {
            // Long enough in all for a whole first frame on a slow way, and soon over for a terminal that is mute.
            FIRST_WAIT * 1.5_f64.powi(self.silent.min(MUTE).cast_signed())
        };
        asked.at + Duration::from_secs_f64(seconds)
    }
}

/// Tells whether a place is what F3 with a modifier looks like; no frame that asks ends there.
pub(super) fn is_key((row, column): Mark) -> bool {
    row == 1 && (2..=MODIFIERS).contains(&column)
}

/// Returns the medians of bytes and seconds.
fn middle(samples: &[(f64, f64)]) -> (f64, f64) {
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    (median(samples.iter().map(|sample| sample.0).collect()), median(samples.iter().map(|sample| sample.1).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A way to a terminal, in virtual time.
    struct Way {
        link: Link,
        start: Instant,
        /// Milliseconds since the start.
        now: f64,
        bytes_a_second: f64,
        delay_ms: f64,
        /// When the bytes that are on the way have passed.
        free_at: f64,
        /// Answers on the way back: when they arrive, and their mark.
        answers: VecDeque<(f64, Mark)>,
        /// Of a hundred answers so many are lost.
        loses: u64,
        /// Whether all answers name the same place.
        names_one_place: bool,
        frames: u64,
        /// The longest time that a frame waited behind others.
        longest_queue: f64,
    }

    impl Way {
        fn new(bytes_a_second: f64, delay_ms: f64) -> Self {
            let link = Link::default();
            let start = Instant::now();
            let (free_at, now, frames, longest_queue) = (0.0, 0.0, 0, 0.0);
            Self {
                link,
                start,
                now,
                bytes_a_second,
                delay_ms,
                free_at,
                answers: VecDeque::new(),
                loses: 0,
                names_one_place: false,
                frames,
                longest_queue,
            }
        }

        fn instant(&self) -> Instant {
            self.start + Duration::from_secs_f64(self.now / 1_000.0)
        }

        /// Sends a frame if one may go, of `bytes` or what there is room for; returns when it is seen.
        fn send(&mut self, bytes: usize, urgent: bool) -> Option<f64> {
            if self.link.opens(urgent).is_some_and(|opens| opens > self.instant()) {
                return None;
            }
            let bytes = bytes.min(self.link.room());
            self.frames += 1;
            let mark = (2, u16::try_from(self.frames % 60_000).expect("small"));
            let asks = self.link.asks();
            if asks {
                self.link.sent(self.instant(), bytes, mark);
            }
            self.longest_queue = self.longest_queue.max(self.free_at - self.now);
            self.free_at =
                self.free_at.max(self.now) + 1_000.0 * f64::from(u32::try_from(bytes).expect("small")) / self.bytes_a_second;
            let seen = self.free_at + self.delay_ms / 2.0;
            // Whether an answer gets lost looks random, but is the same in every run.
            let chance = (self.frames.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % 100;
            if asks && chance >= self.loses {
                self.answers.push_back((seen + self.delay_ms / 2.0, mark));
            }
            Some(seen)
        }

        /// Stands still for so long while frames are drawn; then what has gathered passes at the old speed.
        fn stall(&mut self, bytes: usize, millis: u32) {
            let until = self.now + f64::from(millis);
            let held = self.free_at - self.now;
            self.free_at = until;
            // An answer that was on its way back is not held up.
            self.flood(bytes, millis);
            self.free_at = self.free_at.max(until + held);
        }

        /// Lets a millisecond pass.
        fn tick(&mut self) {
            self.now += 1.0;
            while let Some(&(at, mark)) = self.answers.front()
                && at <= self.now
            {
                self.answers.pop_front();
                let mark = if self.names_one_place { (1, 1) } else { mark };
                let due = self.link.answered(self.instant(), mark);
                assert!(due || self.names_one_place);
            }
        }

        /// Draws all the time, at most every 33 ms, for so long.
        fn flood(&mut self, bytes: usize, millis: u32) {
            let mut last = self.now - 33.0;
            for _ in 0..millis {
                if self.now - last >= 33.0 && self.send(bytes, false).is_some() {
                    last = self.now;
                }
                self.tick();
            }
        }

        /// Presses keys into a flood; returns the median and the longest time until their frame is seen.
        fn keys(&mut self, bytes: usize) -> (f64, f64) {
            let mut times: Vec<f64> = (0..40_u32)
                .map(|n| {
                    self.flood(bytes, 400 + 37 * (n % 7));
                    let pressed = self.now;
                    loop {
                        if let Some(seen) = self.send(bytes, true) {
                            return seen - pressed;
                        }
                        self.tick();
                    }
                })
                .collect();
            times.sort_by(f64::total_cmp);
            (times[20], times[39])
        }
    }

    #[test]
    fn a_near_terminal_gets_whole_frames_at_the_full_pace() {
        let mut way = Way::new(5e6, 1.0);
        way.flood(6_000, 10_000);
        assert!(way.link.room() > 6_000, "{}", way.link.room());
        assert!(way.frames > 280, "{}", way.frames);
    }

    #[test]
    fn a_far_terminal_is_not_taken_for_a_slow_one() {
        let mut way = Way::new(5e6, 300.0);
        for bytes in [6_000, 150, 3_000].into_iter().cycle().take(60) {
            way.flood(bytes, 200);
        }
        assert!(way.link.room() >= 6_000, "{}", way.link.room());
        let frames = way.frames;
        way.flood(3_000, 5_000);
        assert!(way.frames - frames > 40, "{} frames in 5 s", way.frames - frames);
    }

    #[test]
    fn on_a_slow_way_a_key_is_never_behind_more_than_a_frame() {
        for (bytes_a_second, delay, median, longest) in
            [(10_000.0, 0.5, 200.0, 250.0), (10_000.0, 80.0, 240.0, 300.0), (2_400.0, 0.5, 250.0, 500.0)]
        {
            let mut way = Way::new(bytes_a_second, delay);
            way.flood(5_000, 8_000);
            way.longest_queue = 0.0;
            let (half, all) = way.keys(5_000);
            assert!(half <= median && all <= longest, "{bytes_a_second} B/s: {half} ms, {all} ms");
            assert!(way.longest_queue <= 300.0, "{bytes_a_second} B/s: {} ms", way.longest_queue);
        }
    }

    #[test]
    fn a_slow_way_is_used_for_the_better_part_of_the_time() {
        let mut way = Way::new(10_000.0, 1.0);
        way.flood(5_000, 5_000);
        let frames = way.frames;
        way.flood(5_000, 10_000);
        assert!(way.frames - frames >= 60, "{} frames in 10 s", way.frames - frames);
    }

    #[test]
    fn a_way_that_becomes_slow_is_noticed_within_seconds() {
        let mut way = Way::new(5e6, 1.0);
        way.flood(5_000, 5_000);
        way.bytes_a_second = 2_400.0;
        way.flood(5_000, 8_000);
        assert!(way.link.room() < 300, "{}", way.link.room());
        way.longest_queue = 0.0;
        way.flood(5_000, 5_000);
        assert!(way.longest_queue < 200.0, "{} ms", way.longest_queue);
        way.bytes_a_second = 5e6;
        way.flood(5_000, 5_000);
        assert!(way.link.room() > 5_000, "{}", way.link.room());
    }

    #[test]
    fn lost_answers_do_not_stop_the_screen() {
        let ways = [10_000.0, 2_400.0].into_iter().flat_map(|speed| [5, 15, 30, 60].map(|loses| (speed, loses)));
        for ((bytes_a_second, loses), one_place) in ways.flat_map(|way| [(way, false), (way, true)]) {
            let mut way = Way::new(5e6, 1.0);
            way.flood(5_000, 2_000);
            way.bytes_a_second = bytes_a_second;
            way.loses = loses;
            way.names_one_place = one_place;
            way.flood(5_000, 8_000);
            way.longest_queue = 0.0;
            let frames = way.frames;
            way.flood(5_000, 10_000);
            let (half, all) = way.keys(5_000);
            let what = format!("{bytes_a_second} B/s, {loses} % lost, {one_place}");
            assert!(way.frames - frames >= 80, "{what}: {} frames in 10 s", way.frames - frames);
            assert!(way.longest_queue <= 2_000.0, "{what}: {} ms", way.longest_queue);
            assert!(half <= 150.0 && all <= 2_500.0, "{what}: {half} ms, {all} ms");
        }
    }

    #[test]
    fn a_terminal_that_never_answers_is_soon_left_alone() {
        let mut way = Way::new(5e6, 1.0);
        way.loses = 100;
        way.flood(1_000, 4_500);
        assert!(!way.link.asks());
        assert!(!way.link.expects());
        let frames = way.frames;
        way.flood(1_000, 1_000);
        assert!(way.frames - frames >= 29, "{}", way.frames - frames);
    }

    #[test]
    fn a_way_that_stalls_collects_few_frames() {
        let mut way = Way::new(5e6, 1.0);
        way.flood(5_000, 1_000);
        let frames = way.frames;
        way.bytes_a_second = 1.0;
        way.flood(5_000, 10_000);
        assert!(way.frames - frames <= 8, "{}", way.frames - frames);
    }

    #[test]
    fn a_way_that_moves_again_is_used_again_soon() {
        for delay in [0.5, 20.0, 80.0] {
            let mut way = Way::new(5e6, delay);
            way.flood(5_000, 5_000);
            way.stall(5_000, 10_000);
            let resumed = way.now;
            let seen = loop {
                match way.send(5_000, false) {
                    // Those that waited show what was to be seen before.
                    Some(seen) if way.now > resumed + delay => break seen,
                    Some(_) | None => way.tick(),
                }
            };
            assert!(seen - resumed <= 150.0 + 3.0 * delay, "delay {delay} ms: {} ms", seen - resumed);
            way.flood(5_000, 1_000);
            assert!(way.link.room() > 5_000, "delay {delay} ms: {}", way.link.room());
        }
    }

    #[test]
    fn an_answer_that_is_not_due_is_not_taken() {
        let mut link = Link::default();
        assert!(!link.answered(Instant::now(), (1, 5)));
    }

    #[test]
    fn f3_with_a_modifier_is_no_answer() {
        let mut link = Link::default();
        link.sent(Instant::now(), 100, (4, 9));
        assert!(!link.answered(Instant::now(), (1, 5)));
        assert!(link.answered(Instant::now(), (4, 9)));
    }

    #[test]
    fn a_terminal_that_never_answers_soon_gets_whole_frames() {
        let mut way = Way::new(5e6, 1.0);
        way.loses = 100;
        way.flood(5_000, 1_000);
        assert!(way.frames >= 4, "{}", way.frames);
        way.flood(5_000, 3_000);
        assert!(way.link.room() > 5_000, "{}", way.link.room());
    }

    #[test]
    fn a_first_answer_that_comes_late_is_heard() {
        let mut way = Way::new(2_400.0, 1.0);
        way.flood(5_000, 3_000);
        assert!(way.link.answers);
        way.flood(5_000, 30_000);
        way.longest_queue = 0.0;
        way.flood(5_000, 5_000);
        assert!(way.longest_queue < 200.0, "{} ms", way.longest_queue);
    }

    #[test]
    fn a_terminal_that_always_names_the_same_place_is_believed() {
        let mut link = Link::default();
        let start = Instant::now();
        link.sent(start, 100, (4, 9));
        assert!(link.answered(start + Duration::from_millis(3), (1, 1)));
        assert!(!link.expects());
    }
}
