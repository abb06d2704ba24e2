//! The time zone of this process: what `TZ` says, else that of the machine, read within bounds.

use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use super::disk::{self, ReadError};

/// No zone is larger in bytes; the largest there is has some thousands.
const LARGEST: u64 = 1 << 20;

/// Where systems keep their zones, and the zone of the machine itself.
const DIRECTORIES: [&str; 4] = ["/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo"];
const MACHINE: &str = "/etc/localtime";

/// Finds the zone; `variable` looks a variable of the environment up.
///
/// jiff would do it without a bound on time and memory: `TZ` may name a pipe, or a device that has no end.
///
/// # Errors
///
/// Returns a sentence when there is no such zone, so that times are in UTC.
pub fn find(variable: impl Fn(&str) -> Option<String>) -> Result<TimeZone, String> {
    let Some(name) = variable("TZ") else { return of_machine(Path::new(MACHINE)) };
    // As the C library has it (POSIX.1-2024, 8.3): what begins with a colon is the name of a zone or a file, never a rule.
    let (rule, name) = name.strip_prefix(':').map_or((Some(name.as_str()), name.as_str()), |name| (None, name));
    if name.is_empty() {
        return Ok(TimeZone::UTC);
    }
    if let Some(zone) = rule.and_then(|rule| TimeZone::posix(rule).ok()) {
        return Ok(zone);
    }
    let mut why = ReadError::Missing.to_string();
    // An absolute path stays what it is.
    for dir in variable("TZDIR").map(PathBuf::from).into_iter().chain(DIRECTORIES.map(PathBuf::from)) {
        match disk::read(&dir.join(name), LARGEST) {
            Ok(contents) => return TimeZone::tzif(name, &contents.bytes).map_err(|_| unusable(name, "is not a time zone")),
            Err(ReadError::Missing) => {}
            Err(error) => why = error.to_string(),
        }
    }
    Err(unusable(name, &why))
}

fn of_machine(path: &Path) -> Result<TimeZone, String> {
    match disk::read(path, LARGEST) {
        Ok(contents) => TimeZone::tzif("", &contents.bytes).map_err(|_| unusable(MACHINE, "is not a time zone")),
        Err(ReadError::Missing) => Ok(TimeZone::UTC),
        Err(error) => Err(unusable(MACHINE, &error.to_string())),
    }
}

fn unusable(name: &str, why: &str) -> String {
    format!("the time zone {} {why}; times are in UTC", super::text::line(name, 60))
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use super::*;

    fn found(tz: &str, dir: &Path) -> Result<TimeZone, String> {
        let dir = dir.to_str().expect("UTF-8").to_owned();
        find(move |name| match name {
            "TZ" => Some(tz.to_owned()),
            "TZDIR" => Some(dir.clone()),
            _ => None,
        })
    }

    fn offset(zone: &TimeZone) -> i32 {
        zone.to_offset(jiff::Timestamp::from_second(1_800_000_000).expect("in range")).seconds()
    }

    #[test]
    fn a_zone_is_a_rule_a_name_or_a_file() {
        let dir = tempfile::tempdir().expect("a directory");
        // RFC 9636: one type, five and a half hours east, without an end.
        let block = [&b"TZif2"[..], &[0; 34], b"\x01\0\0\0\x04\0\0\x4d\x58\0\0IST\0"].concat();
        let india = [&block[..], &block, b"\nIST-5:30\n"].concat();
        let file = dir.path().join("India");
        fs::write(&file, india).expect("written");
        let path = file.to_str().expect("UTF-8");
        let cases = [("", 0), (":", 0), ("EST5", -5 * 3_600), ("India", 19_800), (":India", 19_800), (path, 19_800)];
        for (tz, seconds) in cases {
            assert_eq!(offset(&found(tz, dir.path()).expect(tz)), seconds, "{tz}");
        }
    }

    #[test]
    fn a_zone_that_waits_or_has_no_end_is_a_sentence() {
        let dir = tempfile::tempdir().expect("a directory");
        let made = Command::new("mkfifo").arg(dir.path().join("Pipe")).status().expect("mkfifo runs");
        assert!(made.success());
        fs::write(dir.path().join("Text"), "no zone").expect("written");
        let cases = [
            (":/dev/zero", "is not a regular file"),
            ("/dev/zero", "is not a regular file"),
            ("Pipe", "is not a regular file"),
            ("Text", "is not a time zone"),
            ("Nowhere/At_All", "does not exist"),
            ("a\x1b]0;pwned\x07", "does not exist"),
        ];
        for (tz, why) in cases {
            let said = found(tz, dir.path()).expect_err(tz);
            assert!(said.contains(why) && said.ends_with("times are in UTC") && !said.contains('\x1b'), "{said}");
        }
        assert!(of_machine(&dir.path().join("Pipe")).is_err());
        assert_eq!(of_machine(&dir.path().join("none")), Ok(TimeZone::UTC));
    }
}
