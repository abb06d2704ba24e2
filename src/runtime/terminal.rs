//! The terminal: taken over, given back, whatever happens in between.

use std::{
    io::{self, IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crossterm::terminal;

/// Alternate screen, no cursor, bracketed paste.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[?2004h";

/// The reverse, after plain text attributes and the end of a frame that may have been cut short.
const LEAVE: &[u8] = b"\x1b[?2026l\x1b[0m\x1b[?2004l\x1b[?25h\x1b[?1049l";

/// The terminal in the state that the UI needs; dropping it gives the terminal back.
#[derive(Debug, Clone)]
pub(super) struct Terminal {
    taken: Arc<AtomicBool>,
}

impl Terminal {
    /// Takes the terminal over.
    pub(super) fn enter() -> io::Result<Self> {
        let terminal = Self { taken: Arc::new(AtomicBool::new(false)) };
        terminal.take()?;
        Ok(terminal)
    }

    /// Takes the terminal over again after [`Terminal::leave`].
    pub(super) fn take(&self) -> io::Result<()> {
        terminal::enable_raw_mode()?;
        self.taken.store(true, Ordering::SeqCst);
        write(ENTER)
    }

    /// Gives the terminal back; does nothing when that was done. Callable from any thread, also while one panics.
    pub(super) fn leave(&self) {
        if self.taken.swap(false, Ordering::SeqCst) {
            // The modes first: they can be set even when nobody reads what is written.
            let _ = terminal::disable_raw_mode();
            let _ = write(LEAVE);
        }
    }
}

/// Returns columns and rows, 80x24 where the terminal does not say.
pub(super) fn size() -> (u16, u16) {
    match terminal::size() {
        Ok((0, _) | (_, 0)) | Err(_) => (80, 24),
        Ok(size) => size,
    }
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
    match term {
        None | Some("") => Err(format!("TERM is not set, so the terminal is unknown; {instead}")),
        Some("dumb") => Err(format!("TERM is `dumb`, a terminal that cannot place text; {instead}")),
        Some(_) => Ok(()),
    }
}

fn write(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}
