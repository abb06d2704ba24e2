//! Standard output: gathered, then written at once.

use std::{
    io::{self, IsTerminal as _, Write as _},
    os::fd::AsFd as _,
};

use rustix::{
    fs::{FileType, fstat},
    io::Errno,
    process::Signal,
};
use tokio::{io::Interest, net::unix::pipe};

use super::exit::{Exit, Problem};

/// So much is gathered before it is written although more is ready.
const FULL: usize = 64 << 10;

/// The bytes that wait to be written: at most [`FULL`] and one message.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// What waits.
    pub(super) buffer: Vec<u8>,
}

impl Output {
    /// Tells whether it is time to write.
    pub(super) fn is_full(&self) -> bool {
        self.buffer.len() >= FULL
    }

    /// Writes all that waits; blocks as long as the reader does.
    ///
    /// # Errors
    ///
    /// Returns a silent problem with exit code 0 when the reader has gone, and otherwise says what went wrong.
    pub(super) fn flush(&mut self) -> Result<(), Problem> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(&self.buffer).and_then(|()| stdout.flush());
        self.buffer.clear();
        // One message of many megabytes must not be paid for to the end.
        self.buffer.shrink_to(2 * FULL);
        written.map_err(|error| failed(&error))
    }
}

/// Writes one text, such as a list.
pub(super) fn print(bytes: &[u8]) -> Result<(), Problem> {
    Output { buffer: bytes.to_vec() }.flush()
}

/// Waits until nobody can read standard output any more, so that `| head -1` ends also when no further message comes; returns
/// the exit code of that: a pipe has been read enough of, a terminal has hung up.
pub(super) async fn reader_gone() -> Exit {
    let exit = if is_terminal() { Exit::Signal(Signal::HUP) } else { Exit::Done };
    let stdout = io::stdout().as_fd().try_clone_to_owned().and_then(pipe::Sender::from_owned_fd_unchecked);
    // A file cannot be watched, and its reader does not go.
    if let Ok(stdout) = stdout
        && stdout.ready(Interest::ERROR).await.is_ok()
    {
        return exit;
    }
    std::future::pending().await
}

/// Tells whether bytes go to a terminal, where they must be made safe.
pub(super) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Returns `true` if bytes go to a device, as a terminal is one.
fn is_device() -> bool {
    fstat(rustix::stdio::stdout()).is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::CharacterDevice)
}

fn failed(error: &io::Error) -> Problem {
    if error.kind() == io::ErrorKind::BrokenPipe {
        Problem::new(Exit::Done, "")
    } else if error.raw_os_error() == Some(Errno::IO.raw_os_error()) && is_device() {
        // A terminal that has hung up, of which only that is left.
        Problem::new(Exit::Signal(Signal::HUP), "")
    } else {
        Problem::new(Exit::Other, format!("write to standard output: {error}"))
    }
}
