//! What happens when a thread or task panics: the terminal is given back, the report is short, the program ends.

use std::{fs, io::Write, panic, path::PathBuf, sync::Arc, thread, time::Duration};

use tokio::sync::Notify;

use super::terminal::Terminal;
use crate::base::text;

/// The exit code of a program that panicked, as Rust has it.
pub(super) const EXIT_CODE: u8 = 101;

/// The longest that the orderly end may take before the program ends at once.
const PATIENCE: Duration = Duration::from_millis(1_800);

/// Installs the hook; `panicked` wakes the loop, so that sessions still say DISCONNECT.
pub(super) fn install(terminal: Terminal, crash_file: Option<PathBuf>) -> Arc<Notify> {
    let panicked = Arc::new(Notify::new());
    let wake = Arc::clone(&panicked);
    panic::set_hook(Box::new(move |info| {
        terminal.leave();
        let place = info.location().map(|place| format!("{}:{}", place.file(), place.line())).unwrap_or_default();
        let what = info.payload_as_str().unwrap_or("no message");
        let report = format!("mqtap {} panicked at {place}: {}\n", env!("CARGO_PKG_VERSION"), text::safe(what));
        tracing::error!("{}", report.trim_end());
        let mut stderr = std::io::stderr().lock();
        let _ = stderr.write_all(report.as_bytes());
        if let Some(file) = &crash_file
            && fs::write(file, &report).is_ok()
        {
            let _ = writeln!(stderr, "This is a fault of mqtap. The report is in {}", file.display());
        }
        drop(stderr);
        wake.notify_one();
        let _ = thread::Builder::new().name("last-resort".into()).spawn(|| {
            thread::sleep(PATIENCE);
            std::process::exit(EXIT_CODE.into());
        });
    }));
    panicked
}
