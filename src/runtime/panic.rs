//! What happens when a thread or task panics: the terminal is given back, the report is short, the program ends.

use std::{
    io::{self, Write},
    panic,
    path::{Path, PathBuf},
};

use tokio_util::sync::CancellationToken;

use super::{ended::Ended, terminal::Terminal};
use crate::base::{disk, text};

/// The exit code of a program that panicked, as Rust has it.
pub(super) const EXIT_CODE: u8 = 101;

/// What the rest of the program needs to know of a panic.
#[derive(Debug, Clone, Default)]
pub(super) struct Panics {
    /// Something panicked: the loop ends, so that sessions still say DISCONNECT.
    pub happened: CancellationToken,
    /// The report is written: the program may end.
    pub reported: CancellationToken,
}

impl Panics {
    /// Installs the hook that gives the terminal back and writes the report.
    pub(super) fn install(terminal: Terminal, crash_file: PathBuf) -> Self {
        let panics = Self::default();
        let Self { happened, reported } = panics.clone();
        panic::set_hook(Box::new(move |info| {
            // First of all, as a terminal that takes no byte holds up the rest.
            Ended::Panicked.last_resort();
            happened.cancel();
            terminal.leave();
            let place = info.location().map(|place| format!("{}:{}", place.file(), place.line())).unwrap_or_default();
            let what = info.payload_as_str().unwrap_or("no message");
            let report = format!("mqtap {} panicked at {place}: {}", env!("CARGO_PKG_VERSION"), text::safe(what));
            tracing::error!("{report}");
            let kept = match keep(&crash_file, &report) {
                Ok(()) => format!(" (report in {})", text::safe(&crash_file.to_string_lossy())),
                Err(_) => String::new(),
            };
            let _ = writeln!(io::stderr().lock(), "{report}{kept}");
            reported.cancel();
        }));
        panics
    }
}

fn keep(file: &Path, report: &str) -> io::Result<()> {
    if let Some(dir) = file.parent() {
        disk::create_private_dir(dir)?;
    }
    disk::replace(file, format!("{report}\n").as_bytes())
}
