//! The terminal: taken over, given back, whatever happens in between.

use std::{
    io::{self, IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use crossterm::terminal;
use nix::unistd::{getpgrp, tcgetpgrp};
use rustix::termios::{Action, QueueSelector, tcflow, tcflush, tcgetwinsize};

/// Alternate screen, no cursor, bracketed paste; plain attributes first, as the alternate screen gives back those it found.
const ENTER: &[u8] = b"\x1b[0m\x1b[?1049h\x1b[?25l\x1b[?2004h";

/// Has the terminal report presses and the wheel, in the form that has no greatest column (SGR).
pub(super) const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1006h";

/// The reverse.
pub(super) const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1000l";

/// The reverse of all that, after plain text attributes and the end of a frame and its scrolling that may have been cut short.
const LEAVE: &[u8] = b"\x1b[?2026l\x1b[r\x1b[0m\x1b[?1006l\x1b[?1000l\x1b[?2004l\x1b[?25h\x1b[?1049l";

/// How long a terminal that takes no byte is waited for before what it has not taken is thrown away.
const STALLED: Duration = Duration::from_millis(300);

/// How often that is done again, as the rest of a long frame may fill the terminal's buffer anew.
const AGAIN: Duration = Duration::from_millis(20);

/// How long the foreground of the terminal is waited for.
const FOREGROUND: Duration = Duration::from_millis(250);

/// The largest screen that is drawn, so that an absurd size costs neither the memory nor the time of one.
const LARGEST: (u16, u16) = (1_000, 500);

/// The terminal, and whether it is in the state that the UI needs; all clones are one.
#[derive(Debug, Clone, Default)]
pub(super) struct Terminal {
    taken: Arc<AtomicBool>,
}

impl Terminal {
    /// Takes the terminal over, also when somebody else changed it in the meantime.
    pub(super) fn take(&self) -> io::Result<()> {
        // Raw mode that was on already is what this program thinks, not what the terminal has.
        terminal::disable_raw_mode()?;
        terminal::enable_raw_mode()?;
        let mut out = io::stdout().lock();
        self.taken.store(true, Ordering::SeqCst);
        let entered = out.write_all(ENTER).and_then(|()| out.flush());
        drop(out);
        if entered.is_err() {
            self.leave();
        }
        entered
    }

    /// Tells whether the terminal is taken over.
    pub(super) fn is_ours(&self) -> bool {
        self.taken.load(Ordering::SeqCst)
    }

    /// Writes a frame; drops it when the terminal was given back before its turn came.
    pub(super) fn write(&self, frame: &[u8]) -> io::Result<()> {
        // Under the lock that giving back writes with, so that no frame comes after that.
        let mut out = io::stdout().lock();
        if !self.is_ours() {
            return Ok(());
        }
        out.write_all(frame)?;
        out.flush()
    }

    /// Gives the terminal back; does nothing when that was done. Callable from any thread, also while one panics.
    pub(super) fn leave(&self) {
        if self.taken.swap(false, Ordering::SeqCst) {
            // The modes first: they can be set even when nobody reads what is written.
            let _ = terminal::disable_raw_mode();
            let _written = unstall();
            let mut out = io::stdout().lock();
            let _ = out.write_all(LEAVE).and_then(|()| out.flush());
        }
    }
}

/// Makes room for the last bytes where nobody reads from the terminal, until the returned value is dropped.
fn unstall() -> Option<Sender<()>> {
    let (written, wait) = channel();
    let discard = move || {
        let mut patience = STALLED;
        while wait.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            let out = rustix::stdio::stdout();
            let _ = tcflush(out, QueueSelector::OFlush);
            // A writer that waits for room is not woken by the flush alone.
            let _ = tcflow(out, Action::OOff);
            let _ = tcflow(out, Action::OOn);
            patience = AGAIN;
        }
    };
    thread::Builder::new().name("terminal-flush".into()).spawn(discard).ok().map(|_| written)
}

/// Returns columns and rows, 80x24 where the terminal does not say.
pub(super) fn size() -> (u16, u16) {
    match tcgetwinsize(rustix::stdio::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.min(LARGEST.0), size.ws_row.min(LARGEST.1)),
        Ok(_) | Err(_) => (80, 24),
    }
}

/// Returns `true` if another job has the terminal, so that the system would stop us for changing its modes (SIGTTOU).
pub(super) fn in_background() -> bool {
    // A terminal that does not control this process has no foreground.
    tcgetpgrp(rustix::stdio::stdin()).is_ok_and(|foreground| foreground != getpgrp())
}

/// Says why the UI cannot run here, if so.
///
/// # Errors
///
/// Returns a sentence that names what to do instead.
pub(super) fn check(term: Option<&str>) -> Result<(), String> {
    let instead = "`mqtap sub TARGET FILTER` prints messages without a screen";
    if !io::stdout().is_terminal() {
        return Err(format!("the output is not a terminal; {instead}"));
    }
    if !io::stdin().is_terminal() {
        return Err(format!("the input is not a terminal; {instead}"));
    }
    // A shell may give the terminal to a program that it has started a moment later.
    let mut waited = Duration::ZERO;
    while in_background() {
        if waited >= FOREGROUND {
            let why = "the terminal cannot be used: started in the background; leave out `&`, and give `timeout` --foreground";
            return Err(format!("{why}; {instead}"));
        }
        thread::sleep(AGAIN);
        waited += AGAIN;
    }
    match term {
        None | Some("") => Err(format!("TERM is not set, so the terminal is unknown; {instead}")),
        Some("dumb") => Err(format!("TERM is `dumb`, a terminal that cannot place text; {instead}")),
        Some(_) => Ok(()),
    }
}
