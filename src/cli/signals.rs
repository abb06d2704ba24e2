//! The signals that end a verb.

use std::{fs, io};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGHUP, SIGINT and SIGTERM, those that are not ignored on purpose.
#[derive(Debug)]
pub(super) struct Signals {
    hangup: Option<Signal>,
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
}

impl Signals {
    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// Returns why the system does not allow it.
    pub(super) fn listen() -> io::Result<Self> {
        let ignored = ignored();
        let listen = |kind: SignalKind| {
            // `nohup` starts a program with SIGHUP ignored, and means it.
            let bit = 1u64 << (kind.as_raw_value() - 1);
            if ignored & bit == 0 { signal(kind).map(Some) } else { Ok(None) }
        };
        Ok(Self {
            hangup: listen(SignalKind::hangup())?,
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// Waits for the next signal and returns its number.
    pub(super) async fn next(&mut self) -> u8 {
        tokio::select! {
            () = wait(&mut self.hangup) => 1,
            () = wait(&mut self.interrupt) => 2,
            () = wait(&mut self.terminate) => 15,
        }
    }
}

async fn wait(signal: &mut Option<Signal>) {
    if let Some(signal) = signal
        && signal.recv().await.is_some()
    {
        return;
    }
    std::future::pending::<()>().await;
}

/// Returns the mask of the signals that the parent told us to ignore; none where the system does not say.
fn ignored() -> u64 {
    let Ok(status) = fs::read_to_string("/proc/self/status") else { return 0 };
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
