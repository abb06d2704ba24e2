//! The log: one private file, every line of it made safe, written by a thread of its own.

use std::{
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tracing::{Dispatch, level_filters::LevelFilter};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{filter::Targets, fmt, layer::SubscriberExt};

use super::{disk, human, text};

/// Whose lines are written; what libraries say may be about payloads.
const TARGET: &str = "mqtap";

/// The size at which the file is put aside, as `mqtap.log.1` in place of the one before, and begun anew.
const MOST: u64 = 4 << 20;

/// The most bytes of a line, escapes not counted; the rest is cut.
const LINE: usize = 4_096;

/// Lines that wait for the disk; above that, lines are lost and counted rather than that a session waits.
const WAITING: usize = 1_000;

/// The open log; dropping it writes the lines that wait, for at most a second.
#[derive(Debug)]
pub struct Guard {
    open: Option<(WorkerGuard, ErrorCounter)>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some((_, lost)) = &self.open
            && lost.dropped_lines() > 0
        {
            tracing::warn!(lines = lost.dropped_lines(), "the disk was too slow for the log, and lines were lost");
        }
    }
}

/// Opens the log of this process, and makes its directory; `level` is what `MQTAP_LOG` says: `off`, `error`, `warn`, `info`
/// (the default), `debug` or `trace`.
///
/// # Errors
///
/// Returns a sentence when the file cannot be written, or a log is open already; the program runs without one then.
pub fn start(path: &Path, level: Option<&str>) -> Result<Guard, String> {
    let known = level.map_or(Some(LevelFilter::INFO), |level| level.parse().ok());
    let filter = known.unwrap_or(LevelFilter::INFO);
    if filter == LevelFilter::OFF {
        return Ok(Guard { open: None });
    }
    let shown = text::safe(&path.to_string_lossy()).to_string();
    let file = LogFile::open(path, MOST).map_err(|error| format!("the log {shown} cannot be written: {}", human::cause(&error)))?;
    let (dispatch, guard) = subscriber(file, filter);
    tracing::dispatcher::set_global_default(dispatch).map_err(|_| "a log is open already".to_owned())?;
    if known.is_none() {
        tracing::warn!(level, "MQTAP_LOG is not one of off, error, warn, info, debug, trace; info is used");
    }
    Ok(guard)
}

fn subscriber(file: LogFile, filter: LevelFilter) -> (Dispatch, Guard) {
    let builder = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(WAITING).thread_name("log");
    let (writer, worker) = builder.finish(file);
    let lost = writer.error_counter();
    // What goes wrong with a line must not be said on the screen.
    let lines = fmt::layer().with_ansi(false).log_internal_errors(false).with_writer(writer);
    let targets = Targets::new().with_target(TARGET, filter);
    (Dispatch::new(tracing_subscriber::registry().with(targets).with(lines)), Guard { open: Some((worker, lost)) })
}

/// The file; each call of `write` is one line.
struct LogFile {
    path: PathBuf,
    file: File,
    /// The bytes in the file, those of other processes since it was opened left out.
    size: u64,
    most: u64,
}

impl LogFile {
    fn open(path: &Path, most: u64) -> io::Result<Self> {
        if let Some(dir) = path.parent() {
            disk::create_private_dir(dir)?;
        }
        let file = disk::append(path)?;
        let metadata = file.metadata()?;
        // Not of a device: the path may be a link to /dev/null.
        if metadata.is_file() && metadata.mode() & 0o077 != 0 {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        Ok(Self { path: path.to_owned(), file, size: metadata.len(), most })
    }

    /// Puts the full file aside and begins a new one.
    fn begin_anew(&mut self) -> io::Result<()> {
        // Another process may have done so; then its new file is nearly empty, and is used.
        if fs::metadata(&self.path).is_ok_and(|metadata| metadata.len() > self.most / 2) {
            let mut old = self.path.clone().into_os_string();
            old.push(".1");
            fs::rename(&self.path, old)?;
        }
        *self = Self::open(&self.path, self.most)?;
        Ok(())
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let body = line.strip_suffix(b"\n").unwrap_or(line);
        let mut safe = text::escape(&body[..body.len().min(LINE)]);
        safe.push_str(if body.len() > LINE { "…\n" } else { "\n" });
        if self.size + safe.len() as u64 > self.most {
            // Too large a file is better than none.
            let _ = self.begin_anew();
        }
        // A full disk costs lines, and must not end the thread.
        if self.file.write_all(safe.as_bytes()).is_ok() {
            self.size += safe.len() as u64;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// Logs what `say` says, and returns the text of the file.
    fn logged(filter: LevelFilter, say: impl FnOnce()) -> String {
        let (dir, path) = place();
        let (dispatch, guard) = subscriber(LogFile::open(&path, MOST).expect("opened"), filter);
        tracing::dispatcher::with_default(&dispatch, say);
        drop(guard);
        let text = fs::read_to_string(&path).expect("written");
        drop(dir);
        text
    }

    fn place() -> (TempDir, PathBuf) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("state/mqtap/mqtap.log");
        (dir, path)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it exists").mode() & 0o7777
    }

    #[test]
    fn nothing_hostile_reaches_the_file() {
        let hostile = "CANARY\x1b]0;pwned\x07\u{9b}31m\u{202e}\nforged line\r\u{2028}";
        let text = logged(LevelFilter::INFO, || {
            tracing::info!(display = %hostile, debug = ?hostile, plain = hostile, "{hostile}");
            tracing::info_span!("span", %hostile).in_scope(|| tracing::warn!("inside"));
        });
        assert_eq!(text.matches("CANARY").count(), 5, "{text}");
        assert!(text.chars().all(|c| c == '\n' || !text::is_hostile(c)), "{text:?}");
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains(r"display=CANARY\u{1b}]0;pwned\u{7}"), "{text}");
    }

    #[test]
    fn a_line_says_when_how_bad_and_where() {
        let text = logged(LevelFilter::INFO, || tracing::warn!(attempt = 2, "lost"));
        let words: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(words[1..], ["WARN", "mqtap::base::log::tests:", "lost", "attempt=2"]);
        assert!(words[0].parse::<jiff::Timestamp>().is_ok(), "{text}");
    }

    #[test]
    fn only_our_lines_of_the_level_are_written() {
        let text = logged(LevelFilter::INFO, || {
            tracing::error!(target: "mqtt5::broker", "theirs");
            tracing::error!(target: "rumqttc_v5", "theirs");
            tracing::debug!("too quiet");
            tracing::info!("ours");
        });
        assert!(text.contains("ours") && !text.contains("theirs") && !text.contains("quiet"), "{text}");
    }

    #[test]
    fn a_long_line_is_cut() {
        let text = logged(LevelFilter::INFO, || tracing::info!("{}", "ü".repeat(100_000)));
        assert!(text.len() < 5_000 && text.ends_with("…\n"), "{}", text.len());
    }

    #[test]
    fn directory_and_file_are_private() {
        let (_dir, path) = place();
        let parent = path.parent().expect("a parent");
        drop(LogFile::open(&path, MOST).expect("opened"));
        assert_eq!((mode(&path), mode(parent)), (0o600, 0o700));
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("set");
        drop(LogFile::open(&path, MOST).expect("opened"));
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_full_file_is_put_aside_and_one_old_one_is_kept() {
        let (_dir, path) = place();
        let mut log = LogFile::open(&path, 100).expect("opened");
        for n in 0..10 {
            log.write_all(format!("{n}{}\n", "-".repeat(38)).as_bytes()).expect("written");
        }
        let read = |path: &Path| fs::read_to_string(path).expect("it exists");
        let old = path.with_extension("log.1");
        assert!(read(&path).starts_with('8') && read(&old).starts_with('6'), "{} {}", read(&path), read(&old));
        assert_eq!((read(&path).len(), read(&old).len(), mode(&path), mode(&old)), (80, 80, 0o600, 0o600));
        assert_eq!(fs::read_dir(path.parent().expect("a parent")).expect("listed").count(), 2);
    }

    #[test]
    fn two_processes_share_the_file_and_put_it_aside_once() {
        let (_dir, path) = place();
        let mut first = LogFile::open(&path, 100).expect("opened");
        let mut second = LogFile::open(&path, 100).expect("opened");
        for _ in 0..3 {
            first.write_all(&[b'a'; 39]).expect("written");
            second.write_all(&[b'b'; 39]).expect("written");
        }
        let old = fs::read_to_string(path.with_extension("log.1")).expect("it exists");
        let new = fs::read_to_string(&path).expect("it exists");
        assert_eq!((old.len(), new.len()), (160, 80), "{old}\n{new}");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_a_sentence() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("file");
        fs::write(&file, "").expect("written");
        let why = start(&file.join("mqtap/mqtap.log"), None).expect_err("below a file");
        assert!(why.starts_with("the log ") && why.ends_with("cannot be written: not a directory"), "{why}");
    }

    #[test]
    fn a_log_that_is_off_makes_no_file() {
        let (_dir, path) = place();
        assert!(start(&path, Some("off")).is_ok());
        assert!(!path.parent().expect("a parent").exists());
    }
}
