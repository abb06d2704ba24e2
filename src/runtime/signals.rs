//! The signals of the system.

use std::io;

use nix::unistd::{getpgrp, getppid, getsid};
use rustix::process::{Signal as Number, getpid, kill_current_process_group, kill_process};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::base::signals::Ending;

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// To end; the number of the signal gives the exit code.
    End(Number),
    /// To stop until continued.
    Suspend,
    /// To go on after a stop, of which nothing else tells when it came as SIGSTOP.
    Resume,
    /// To draw for a terminal of another size.
    Resize,
}

/// All signals that mqtap answers.
#[derive(Debug)]
pub(super) struct Signals {
    ending: Ending,
    stop: Signal,
    resume: Signal,
    resize: Signal,
}

impl Signals {
    /// Takes the signals over.
    pub(super) fn listen() -> io::Result<Self> {
        let listen = |number: Number| signal(SignalKind::from_raw(number.as_raw()));
        Ok(Self {
            ending: Ending::listen()?,
            stop: listen(Number::TSTP)?,
            resume: listen(Number::CONT)?,
            resize: listen(Number::WINCH)?,
        })
    }

    /// Waits for the next one; of several, the end comes first, so that a stopped program can be ended.
    pub(super) async fn next(&mut self) -> Asked {
        tokio::select! {
            biased;
            signal = self.ending.next() => Asked::End(signal),
            _ = self.stop.recv() => Asked::Suspend,
            _ = self.resume.recv() => Asked::Resume,
            _ = self.resize.recv() => Asked::Resize,
        }
    }
}

/// Tells whether a shell with job control started this program, which can let it go on again.
///
/// Without one, as in `ssh -t HOST mqtap` or as the command of a terminal window, nobody could; the system itself ignores the
/// key for a process group that is orphaned (POSIX.1-2024, 11.1.4).
pub(super) fn has_shell() -> bool {
    let session = getsid(None);
    // In a container, sessions and groups of processes outside have the number 0, with which rustix cannot deal (1.1.6).
    let in_session = getsid(Some(getppid())) == session;
    // The group of the session's leader is the shell's own, or there is no shell.
    in_session && session.is_ok_and(|session| session != getpgrp())
}

/// Stops this program and what else belongs to its job, as the key does.
pub(super) fn stop_job() {
    let _ = kill_current_process_group(Number::STOP);
}

/// Stops this program.
pub(super) fn stop() {
    let _ = kill_process(getpid(), Number::STOP);
}
