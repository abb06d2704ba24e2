//! The signals that end a program, taken so that it can say goodbye first.

use std::{fs, future::poll_fn, io, task::Poll};

use rustix::process::Signal;
use tokio::signal::unix::{self, SignalKind};

/// The signals that end a program unless it takes them; of several that came, the first of these counts.
///
/// SIGSEGV, SIGBUS, SIGILL and SIGFPE cannot be taken like this: the instruction that failed would fail again, without an end.
const ENDING: [Signal; 11] = [
    Signal::HUP,
    Signal::TERM,
    Signal::INT,
    Signal::QUIT,
    Signal::ABORT,
    Signal::USR1,
    Signal::USR2,
    Signal::ALARM,
    Signal::VTALARM,
    Signal::PROF,
    Signal::XCPU,
];

/// The signals that end this program, those left out that whoever started it has it ignore.
#[derive(Debug)]
pub struct Ending(Vec<(Signal, unix::Signal)>);

impl Ending {
    /// Takes the signals over.
    ///
    /// # Errors
    ///
    /// Returns why the system does not allow it.
    pub fn listen() -> io::Result<Self> {
        let ignored = ignored();
        // `nohup` starts a program with SIGHUP ignored, and means it.
        let heeded = ENDING.into_iter().filter(|signal| ignored & (1 << (signal.as_raw() - 1)) == 0);
        heeded.map(|signal| Ok((signal, unix::signal(SignalKind::from_raw(signal.as_raw()))?))).collect::<io::Result<_>>().map(Self)
    }

    /// Waits for the next signal.
    pub async fn next(&mut self) -> Signal {
        poll_fn(|context| {
            let came = self.0.iter_mut().find_map(|(number, signal)| signal.poll_recv(context).is_ready().then_some(*number));
            came.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

/// Returns the exit code of a program that a signal has ended, as shells have it.
#[must_use]
pub fn exit_code(signal: Signal) -> u8 {
    u8::try_from(128 + signal.as_raw()).unwrap_or(u8::MAX)
}

/// Returns the mask of the signals that are ignored; none where the system does not say.
fn ignored() -> u64 {
    let Ok(status) = fs::read_to_string("/proc/self/status") else { return 0 };
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
