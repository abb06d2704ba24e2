//! `--time`: how the time of a message is written.

use std::io::Write as _;

use jiff::{Timestamp, Zoned, fmt::strtime::BrokenDownTime, tz::TimeZone};

use super::utc::Utc;
use crate::base::clock::Stamp;

/// The value of `--time`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Time {
    /// `2026-11-20T12:04:31.207123Z`.
    #[default]
    Utc,
    /// The same in the zone of this machine, with its offset.
    Local,
    /// Seconds since 1970 with six digits behind the point.
    Unix,
    /// A pattern of `strftime`, filled in with the local time.
    Pattern(String),
}

impl Time {
    /// Reads the value of `--time`.
    ///
    /// # Errors
    ///
    /// Returns a sentence that names the values, or says what is wrong with the pattern.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "utc" => Ok(Self::Utc),
            "local" => Ok(Self::Local),
            "unix" => Ok(Self::Unix),
            pattern if pattern.contains('%') => {
                let tried = BrokenDownTime::from(&Zoned::new(Timestamp::UNIX_EPOCH, TimeZone::UTC)).to_string(pattern);
                tried.map(|_| Self::Pattern(pattern.into())).map_err(|error| format!("not a pattern of strftime: {error}"))
            }
            _ => Err("a time is utc, local, unix, or a pattern of strftime such as '%H:%M:%S%.3f'".into()),
        }
    }
}

/// Writes times in one form.
#[derive(Debug)]
pub(super) struct Times {
    form: Time,
    zone: TimeZone,
    utc: Utc,
}

impl Times {
    /// Makes a writer whose local time is that of `zone`.
    pub(super) fn new(form: Time, zone: TimeZone) -> Self {
        Self { form, zone, utc: Utc::default() }
    }

    /// Returns the form.
    pub(super) fn form(&self) -> &Time {
        &self.form
    }

    /// Appends a time.
    pub(super) fn write(&mut self, stamp: Stamp, out: &mut Vec<u8>) {
        match &self.form {
            Time::Utc => self.utc.write(stamp, out),
            Time::Unix => {
                let (seconds, micros) = (stamp.wall.div_euclid(1_000_000), stamp.wall.rem_euclid(1_000_000));
                write!(out, "{seconds}.{micros:06}").expect("a vector takes all");
            }
            Time::Local => self.pattern("%Y-%m-%dT%H:%M:%S%.6f%:z", stamp, out),
            Time::Pattern(pattern) => self.pattern(pattern, stamp, out),
        }
    }

    fn pattern(&self, pattern: &str, stamp: Stamp, out: &mut Vec<u8>) {
        let at = Timestamp::from_microsecond(stamp.wall).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(self.zone.clone());
        // The pattern was tried, and a time that it cannot write is left out.
        out.extend_from_slice(BrokenDownTime::from(&at).to_string(pattern).unwrap_or_default().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::offset;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("utc", "2026-11-20T12:04:31.207123Z")]
    #[case("local", "2026-11-20T13:04:31.207123+01:00")]
    #[case("unix", "1795176271.207123")]
    #[case("%H:%M:%S%.3f", "13:04:31.207")]
    #[case("%s %%", "1795176271 %")]
    fn a_time_is_written_as_asked_for(#[case] form: &str, #[case] written: &str) {
        let mut out = Vec::new();
        let mut times = Times::new(Time::parse(form).expect(form), offset(1).to_time_zone());
        times.write(Stamp { mono: 0, wall: 1_795_176_271_207_123 }, &mut out);
        assert_eq!(String::from_utf8(out).expect("UTF-8"), written);
    }

    #[test]
    fn a_time_that_nobody_knows_is_refused() {
        for bad in ["", "now", "UTC", "%!", "%H:%"] {
            assert!(Time::parse(bad).is_err(), "{bad}");
        }
    }
}
