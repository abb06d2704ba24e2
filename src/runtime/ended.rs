//! Why the loop ended, and the end that comes in any case.

use std::{process, thread, time::Duration};

use rustix::process::Signal;

use super::panic;
use crate::base::signals::exit_code;

/// The longest that leaving takes, a terminal that takes no byte and a broker that takes no DISCONNECT included.
const LEAVING: Duration = Duration::from_millis(1_800);

/// The same when the terminal is gone, and nobody is there to see what is waited for.
const LEAVING_ALONE: Duration = Duration::from_millis(700);

/// Why the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The user left.
    Left,
    /// A signal.
    Signal(Signal),
    /// The terminal is gone.
    TerminalGone,
    /// A thread or task panicked.
    Panicked,
}

impl Ended {
    /// Returns the exit code, which for a signal is 128 and its number.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Left => 0,
            Self::Signal(signal) => exit_code(signal),
            Self::TerminalGone => Self::Signal(Signal::HUP).code(),
            Self::Panicked => panic::EXIT_CODE,
        }
    }

    /// Ends the program when the orderly end takes too long.
    pub(super) fn last_resort(self) {
        let patience = match self {
            Self::TerminalGone | Self::Signal(Signal::HUP) => LEAVING_ALONE,
            Self::Left | Self::Signal(_) | Self::Panicked => LEAVING,
        };
        let _ = thread::Builder::new().name("last-resort".into()).spawn(move || {
            thread::sleep(patience);
            let _ = crossterm::terminal::disable_raw_mode();
            process::exit(self.code().into());
        });
    }
}
