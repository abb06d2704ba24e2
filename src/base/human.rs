//! Units as people read and write them: counts, sizes, durations, clock times.

use std::{io, time::Duration};

use jiff::{Timestamp, tz::TimeZone};

use super::{clock::Stamp, limits, text};

const SIZE_UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];

/// Writes a count with a comma between thousands: `12,345`.
#[must_use]
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Writes a count of things: `1 message`, `12,345 messages`.
#[must_use]
pub fn counted(n: u64, thing: &str) -> String {
    format!("{} {thing}{}", count(n), if n == 1 { "" } else { "s" })
}

/// Writes a count in at most five characters: `999`, `12.3k`, `4.0M`.
#[must_use]
pub fn short_count(n: u64) -> String {
    match n {
        0..1_000 => n.to_string(),
        1_000..100_000 => format!("{}.{}k", n / 1_000, n % 1_000 / 100),
        100_000..1_000_000 => format!("{}k", n / 1_000),
        1_000_000..100_000_000 => format!("{}.{}M", n / 1_000_000, n % 1_000_000 / 100_000),
        _ => format!("{}M", n / 1_000_000),
    }
}

/// Says what an error of the system means, in few words and made safe.
#[must_use]
pub fn cause(error: &io::Error) -> String {
    if limits::is_out_of_files(error) {
        return format!("{}; {}", limits::OUT_OF_FILES, limits::MORE_FILES);
    }
    let kind = error.kind().to_string();
    // What has no kind has words of the system, or of whoever made it.
    let has_words = error.get_ref().is_none() && kind != "uncategorized error";
    let said = if has_words { kind } else { error.to_string() };
    text::safe(said.split(" (os error").next().unwrap_or_default()).to_string()
}

/// Writes a size in bytes with a binary unit, rounded to the nearest: `24 B`, `12.1 KiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // What would round to 1024 of a unit is 1.0 of the next.
    let fits = |power: u32| nearest(bytes, 1 << (10 * power)) < 1024;
    let power = (1..5).find(|power| fits(*power)).unwrap_or(5);
    let (unit, name) = (1 << (10 * power), SIZE_UNITS[power as usize - 1]);
    match nearest(bytes.saturating_mul(10), unit) {
        tenths @ ..1_000 => format!("{}.{} {name}", tenths / 10, tenths % 10),
        _ => format!("{} {name}", nearest(bytes, unit)),
    }
}

/// Writes a limit in bytes: `256 MiB`, and what it is exactly where that is not a whole number: `256 MiB (268,435,455 bytes)`.
#[must_use]
pub fn limit(bytes: u64) -> String {
    let size = size(bytes);
    let whole = size.replace(".0 ", " ");
    if bytes < 1024 || parse_size(&whole) == Ok(bytes) { size } else { format!("{size} ({} bytes)", count(bytes)) }
}

/// Writes a size and the limit that it exceeds, which never look alike.
#[must_use]
pub fn size_and_limit(bytes: u64, most: u64) -> (String, String) {
    let shown = if size(bytes) == size(most) { limit(bytes) } else { size(bytes) };
    (shown, limit(most))
}

fn nearest(bytes: u64, unit: u64) -> u64 {
    bytes / unit + u64::from(bytes % unit >= unit.div_ceil(2))
}

/// Writes a rate in events per second, in at most five characters and `/s`; an empty text below one in a hundred seconds.
#[must_use]
pub fn rate(per_second: f64) -> String {
    if per_second < 0.01 {
        String::new()
    } else if per_second < 1.0 {
        format!("{per_second:.1}/s").replacen("0.0/s", "<.1/s", 1)
    } else {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is small and not negative")]
        let whole = per_second.round() as u64;
        format!("{}/s", short_count(whole))
    }
}

/// Writes a short span of time with the unit that fits: `850 µs`, `12 ms`, `4.61 s`, `3m07s`, `2h05m`, `12d03h`.
#[must_use]
pub fn span(time: Duration) -> String {
    let micros = time.as_micros();
    let seconds = time.as_secs();
    match (micros, seconds) {
        (..1_000, _) => format!("{micros} µs"),
        (1_000..10_000, _) => format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        (10_000..1_000_000, _) => format!("{} ms", micros / 1_000),
        (_, ..10) => format!("{}.{:02} s", seconds, time.subsec_millis() / 10),
        (_, 10..60) => format!("{}.{} s", seconds, time.subsec_millis() / 100),
        (_, 60..3_600) => format!("{}m{:02}s", seconds / 60, seconds % 60),
        (_, 3_600..86_400) => format!("{}h{:02}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// Writes a span of time as precisely as it is worth on the wire: `412 µs`, `12.1 ms`, `4.61 s`, `55.37 s`, `3m07s`.
#[must_use]
pub fn precise_span(time: Duration) -> String {
    match (time.as_micros(), time.as_secs()) {
        (micros @ ..1_000, 0) => format!("{micros} µs"),
        (micros, 0) => format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        (_, seconds @ ..60) => format!("{seconds}.{:02} s", time.subsec_millis() / 10),
        (_, _) => span(time),
    }
}

/// Writes a duration as the command line and the files take it: `10s`, `1m30s`, `500ms`.
#[must_use]
pub fn duration(time: Duration) -> String {
    let (seconds, millis) = (time.as_secs(), time.subsec_millis());
    let mut out = String::new();
    for (unit, name) in [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")] {
        let n = match unit {
            86_400 => seconds / unit,
            3_600 => seconds % 86_400 / unit,
            60 => seconds % 3_600 / unit,
            _ => seconds % 60,
        };
        if n > 0 {
            out.push_str(&format!("{n}{name}"));
        }
    }
    if millis > 0 {
        out.push_str(&format!("{millis}ms"));
    }
    if out.is_empty() { "0s".into() } else { out }
}

/// Reads a duration: `10s`, `1m30s`, `500ms`; a bare number is seconds.
///
/// # Errors
///
/// Returns a sentence that says what is wrong and what is expected.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let fail = || format!("`{}` is not a duration; write 10s, 1m30s, 500ms or a number of seconds", text.escape_debug());
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(fail());
    }
    if let Ok(seconds) = rest.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|&i| i > 0).ok_or_else(fail)?;
        let (number, after) = rest.split_at(digits);
        let unit = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        let scale = match unit.trim() {
            "ms" => 0.001,
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return Err(fail()),
        };
        let number: f64 = number.parse().map_err(|_| fail())?;
        let part = Duration::try_from_secs_f64(number * scale).map_err(|_| fail())?;
        total = total.checked_add(part).ok_or_else(fail)?;
        rest = after;
    }
    Ok(total)
}

/// Reads a size: `16MiB`, `1kB`; a bare number is bytes.
///
/// # Errors
///
/// Returns a sentence that says what is wrong and what is expected.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let fail = || format!("`{}` is not a size; write 16MiB, 1kB or a number of bytes", text.escape_debug());
    let text_ = text.trim();
    let digits = text_.find(|c: char| !c.is_ascii_digit()).unwrap_or(text_.len());
    let number: u64 = text_[..digits].parse().map_err(|_| fail())?;
    let scale = match text_[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" | "k" => 1_000,
        "mb" | "m" => 1_000_000,
        "gb" | "g" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(fail()),
    };
    number.checked_mul(scale).ok_or_else(fail)
}

/// Writes the time of day with milliseconds in `zone`: `12:04:31.207`.
#[must_use]
pub fn time_of_day(stamp: Stamp, zone: &TimeZone) -> String {
    zoned(stamp, zone).strftime("%H:%M:%S%.3f").to_string()
}

/// Writes hours and minutes in `zone`: `12:04`.
#[must_use]
pub fn hours_minutes(stamp: Stamp, zone: &TimeZone) -> String {
    zoned(stamp, zone).strftime("%H:%M").to_string()
}

/// Writes date and time with microseconds in UTC: `2026-11-20T12:04:31.207123Z`.
#[must_use]
pub fn utc(stamp: Stamp) -> String {
    zoned(stamp, &TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

fn zoned(stamp: Stamp, zone: &TimeZone) -> jiff::Zoned {
    Timestamp::from_microsecond(stamp.wall).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_without_a_kind_is_told_in_the_words_of_the_system() {
        let of = |code| cause(&io::Error::from_raw_os_error(code));
        assert_eq!(of(13), "permission denied");
        assert_eq!(of(24), "too many open files; raise the limit: `ulimit -n 1024`");
        assert_eq!(of(27), "file too large");
        assert_eq!(of(5), "Input/output error");
        assert_eq!(cause(&io::Error::other("is\x1b odd")), "is␛ odd");
    }

    #[test]
    fn counts_and_sizes_read_well() {
        assert_eq!((count(0), count(999), count(1_234_567)), ("0".into(), "999".into(), "1,234,567".into()));
        assert_eq!((counted(1, "message"), counted(1_000, "message")), ("1 message".into(), "1,000 messages".into()));
        assert_eq!(short_count(12_345), "12.3k");
        assert_eq!((size(24), size(12_390), size(88 << 20)), ("24 B".into(), "12.1 KiB".into(), "88.0 MiB".into()));
    }

    #[test]
    fn a_size_is_rounded_to_the_nearest_and_a_limit_told_exactly() {
        let cases = [
            (1_023, "1023 B"),
            (102_348, "99.9 KiB"),
            (102_349, "100 KiB"),
            ((1 << 20) - 1, "1.0 MiB"),
            ((1 << 20) - 600, "1023 KiB"),
            (268_435_455, "256 MiB"),
            (268_435_456, "256 MiB"),
            ((1 << 40) - 1, "1.0 TiB"),
            (u64::MAX, "16384 PiB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(size(bytes), text, "{bytes}");
        }
        assert_eq!((limit(1 << 28), limit((1 << 28) - 1)), ("256 MiB".into(), "256 MiB (268,435,455 bytes)".into()));
        let one_more = ("1.0 MiB (1,048,577 bytes)".into(), "1.0 MiB".into());
        assert_eq!(size_and_limit((1 << 20) + 1, 1 << 20), one_more);
        assert_eq!(size_and_limit(3 << 20, 1 << 20), ("3.0 MiB".into(), "1.0 MiB".into()));
        assert_eq!((limit(10), limit(2 << 10), limit(1_500)), ("10 B".into(), "2.0 KiB".into(), "1.5 KiB (1,500 bytes)".into()));
    }

    #[test]
    fn rates_fade_to_nothing() {
        assert_eq!(
            (rate(0.0), rate(0.04), rate(0.5), rate(312.4)),
            (String::new(), "<.1/s".into(), "0.5/s".into(), "312/s".into())
        );
    }

    #[test]
    fn durations_are_read_and_written_alike() {
        for text in ["10s", "1m30s", "500ms", "1h", "2d3h", "0s"] {
            assert_eq!(duration(parse_duration(text).expect("valid")), text);
        }
        assert_eq!(parse_duration("5"), Ok(Duration::from_secs(5)));
        for bad in ["", "s", "10x", "-1", "1e400s", "99999999999999999999s"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_are_read() {
        assert_eq!(parse_size("16MiB"), Ok(16 << 20));
        assert_eq!(parse_size("1kB"), Ok(1_000));
        assert_eq!(parse_size("42"), Ok(42));
        for bad in ["", "MiB", "-1", "1.5MiB", "99999999999999GiB"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_written_in_their_zone() {
        let stamp = Stamp { mono: 0, wall: 1_795_176_271_207_123 };
        assert_eq!(utc(stamp), "2026-11-20T12:04:31.207123Z");
        assert_eq!(time_of_day(stamp, &TimeZone::UTC), "12:04:31.207");
        assert_eq!(hours_minutes(stamp, &TimeZone::UTC), "12:04");
    }

    #[test]
    fn spans_on_the_wire_keep_their_tenths() {
        let cases = [
            (410, "410 µs"),
            (1_410, "1.4 ms"),
            (12_140, "12.1 ms"),
            (4_610_000, "4.61 s"),
            (55_370_000, "55.37 s"),
            (187_000_000, "3m07s"),
        ];
        for (micros, text) in cases {
            assert_eq!(precise_span(Duration::from_micros(micros)), text);
        }
    }

    #[test]
    fn spans_take_the_unit_that_fits() {
        let cases = [(850, "850 µs"), (12_300, "12 ms"), (4_610_000, "4.61 s"), (187_000_000, "3m07s"), (7_500_000_000, "2h05m")];
        for (micros, text) in cases {
            assert_eq!(span(Duration::from_micros(micros)), text);
        }
    }
}
