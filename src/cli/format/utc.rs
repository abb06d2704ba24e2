//! Times in UTC with microseconds; the calendar is worked out once a second, not once a message.

use crate::base::{clock::Stamp, human};

/// The length of `2026-11-20T12:04:31`.
const TO_SECONDS: usize = 19;

/// Writes times, and remembers the text of the last second.
#[derive(Debug, Default)]
pub(super) struct Utc {
    second: Option<i64>,
    text: String,
}

impl Utc {
    /// Appends `2026-11-20T12:04:31.207123Z`.
    pub(super) fn write(&mut self, stamp: Stamp, out: &mut Vec<u8>) {
        let second = stamp.wall.div_euclid(1_000_000);
        if self.second != Some(second) {
            self.text = human::utc(stamp);
            self.text.truncate(TO_SECONDS);
            self.second = Some(second);
        }
        out.extend_from_slice(self.text.as_bytes());
        let mut fraction = *b".000000Z";
        let mut micros = stamp.wall.rem_euclid(1_000_000);
        for digit in fraction[1..=6].iter_mut().rev() {
            *digit += u8::try_from(micros % 10).unwrap_or(0);
            micros /= 10;
        }
        out.extend_from_slice(&fraction);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_reads_as_the_calendar_says() {
        let mut utc = Utc::default();
        for wall in [0, 1, 999_999, 1_000_000, 1_795_176_271_207_123, 1_795_176_271_999_000, -1, 951_782_400_000_001] {
            let stamp = Stamp { mono: 0, wall };
            let mut out = Vec::new();
            utc.write(stamp, &mut out);
            assert_eq!(String::from_utf8(out).expect("ASCII"), human::utc(stamp));
        }
    }
}
