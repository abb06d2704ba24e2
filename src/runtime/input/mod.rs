//! What the terminal says: keys, pastes, and its answers, read by a thread of their own.

mod parser;

use std::{
    io::{self, PipeReader, PipeWriter},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    stdio::stdin,
};
use tokio::{sync::mpsc, time::Instant};

pub(super) use self::parser::Heard;
use self::parser::{Parser, modified};
use super::link::is_key;
use crate::{
    app::event::{Event, Outcome},
    keymap::key::Code,
};

/// Asks for the background colour (OSC 11).
///
/// The answer arrives among the keys, whenever it does: waiting for it would hold up the start.
pub(super) const ASK_BACKGROUND: &[u8] = b"\x1b]11;?\x07";

/// Reads that may wait for the loop; the thread that finds the queue full reads no more until there is room.
const WAITING: usize = 16;

/// The most bytes of a read, so that a frame is drawn between two parts of a long paste.
const READ: usize = 4096;

/// The reading end of the terminal; dropping it leaves what is typed to others.
#[derive(Debug)]
pub(super) struct Input {
    heard: mpsc::Receiver<io::Result<Vec<Heard>>>,
    /// Closing it ends the thread.
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<Parser>>,
    /// Whether an answer may be on its way, so that an Esc is rather the beginning of it.
    expects: Arc<AtomicBool>,
}

impl Input {
    /// Begins to read.
    pub(super) fn start() -> io::Result<Self> {
        let (sender, heard) = mpsc::channel(WAITING);
        let (stopped, stop) = io::pipe()?;
        let expects = Arc::new(AtomicBool::new(true));
        let expected = Arc::clone(&expects);
        let read = move || read(&stopped, &expected, &sender);
        let thread = thread::Builder::new().name("terminal-reader".into()).spawn(read)?;
        Ok(Self { heard, stop: Some(stop), thread: Some(thread), expects })
    }

    /// Says whether an answer may be on its way, which then may come in pieces.
    pub(super) fn expect(&self, expects: bool) {
        self.expects.store(expects, Ordering::Relaxed);
    }

    /// Waits for something to be said.
    ///
    /// # Errors
    ///
    /// Fails when the terminal is gone.
    pub(super) async fn next(&mut self) -> io::Result<Vec<Heard>> {
        self.heard.recv().await.unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()))
    }

    /// Returns what was said already.
    pub(super) fn ready(&mut self) -> Option<io::Result<Vec<Heard>>> {
        self.heard.try_recv().ok()
    }

    /// Stops to read but for what is said until then, for which the thread is blocked; nothing when the time is over or the
    /// terminal gone.
    pub(super) fn next_until(&mut self, until: Instant) -> Option<Vec<Heard>> {
        let mut parser = self.stop().unwrap_or_default();
        if let Ok(heard) = self.heard.try_recv() {
            return heard.ok();
        }
        let mut heard = Vec::new();
        while heard.is_empty() {
            let left = until.checked_duration_since(Instant::now())?;
            if !wait(None, Some(left)).ok()?.is_readable {
                return None;
            }
            take(&mut parser, &mut heard).ok()?;
        }
        Some(heard)
    }

    /// Ends the thread, and returns its parser.
    fn stop(&mut self) -> Option<Parser> {
        self.heard.close();
        self.stop = None;
        self.thread.take()?.join().ok()
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Reads until it is stopped, the terminal is gone, or nobody listens.
fn read(stopped: &PipeReader, expects: &AtomicBool, sender: &mpsc::Sender<io::Result<Vec<Heard>>>) -> Parser {
    let mut parser = Parser::default();
    loop {
        let mut heard = Vec::new();
        let result = wait(Some(stopped), parser.patience(expects.load(Ordering::Relaxed))).and_then(|waited| {
            if waited.is_readable {
                take(&mut parser, &mut heard)?;
            } else if !waited.is_stopped {
                parser.give_up(&mut heard);
            }
            Ok(waited.is_stopped)
        });
        let is_over = !matches!(result, Ok(false));
        if let Err(error) = result {
            let _ = sender.blocking_send(Err(error));
        } else if !heard.is_empty() && sender.blocking_send(Ok(heard)).is_err() {
            return parser;
        }
        if is_over {
            return parser;
        }
    }
}

/// What there is to do after waiting; nothing when the time is over.
struct Waited {
    is_readable: bool,
    is_stopped: bool,
}

/// Waits for bytes, or to be stopped.
fn wait(stopped: Option<&PipeReader>, patience: Option<Duration>) -> io::Result<Waited> {
    let timeout = patience.and_then(|patience| Timespec::try_from(patience).ok());
    let input = stdin();
    let mut fds = vec![PollFd::new(&input, PollFlags::IN)];
    fds.extend(stopped.map(|stopped| PollFd::new(stopped, PollFlags::IN)));
    match poll(&mut fds, timeout.as_ref()) {
        Ok(_) => {
            let is_ready = |index: usize| fds.get(index).is_some_and(|fd| !fd.revents().is_empty());
            Ok(Waited { is_readable: is_ready(0) && !is_ready(1), is_stopped: is_ready(1) })
        }
        // The time begins again, which is short.
        Err(Errno::INTR) => wait(stopped, patience),
        Err(error) => Err(error.into()),
    }
}

/// Takes in what there is to read.
fn take(parser: &mut Parser, heard: &mut Vec<Heard>) -> io::Result<()> {
    let mut bytes = [0; READ];
    match rustix::io::read(stdin(), &mut bytes) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(length) => {
            parser.feed(&bytes[..length], heard);
            Ok(())
        }
        Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Returns the event that a key or paste is.
pub(super) fn event(heard: Heard) -> Option<Event> {
    match heard {
        Heard::Key(key) => Some(Event::Key(key)),
        Heard::Paste(text) => Some(Event::Paste(text)),
        Heard::Mouse(mouse) => Some(Event::Mouse(mouse)),
        // F3 with a modifier looks like an answer; here nobody has asked.
        Heard::Cursor(row, mask) if is_key((row, mask)) => Some(Event::Key(modified(Code::F(3), mask))),
        Heard::Cursor(..) => None,
        Heard::Osc(answer) => is_light(&answer).then_some(Event::Done(Outcome::LightBackground)),
    }
}

/// Tells whether `11;rgb:RRRR/GGGG/BBBB`, each with one to four digits, is nearer to white than to black.
fn is_light(answer: &[u8]) -> bool {
    let answer = String::from_utf8_lossy(answer);
    let Some(colour) = answer.strip_prefix("11;rgb:").or_else(|| answer.strip_prefix("11;rgba:")) else { return false };
    let parts = colour.split('/').map(|digits| {
        let most = 16_u32.checked_pow(u32::try_from(digits.len()).ok()?)?.checked_sub(1).filter(|most| *most > 0)?;
        Some(f64::from(u32::from_str_radix(digits, 16).ok()?) / f64::from(most))
    });
    match parts.take(3).collect::<Option<Vec<_>>>().as_deref() {
        // The weights of Rec. 709.
        Some(&[red, green, blue]) => 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5,
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::white("11;rgb:ffff/ffff/ffff", true)]
    #[case::cream("11;rgb:fd/f6/e3", true)]
    #[case::with_alpha("11;rgba:ffff/ffff/ffff/8000", true)]
    #[case::black("11;rgb:0/0/0", false)]
    #[case::navy("11;rgb:1e1e/1e1e/2e2e", false)]
    #[case::the_foreground("10;rgb:ffff/ffff/ffff", false)]
    #[case::cut("11;rgb:ffff/ff", false)]
    #[case::no_digits("11;rgb://", false)]
    #[case::too_many_digits("11;rgb:fffffffff/0/0", false)]
    fn a_background_is_light_or_not(#[case] answer: &str, #[case] expected: bool) {
        assert_eq!(is_light(answer.as_bytes()), expected);
    }

    #[test]
    fn an_answer_that_was_not_asked_for_is_f3_with_a_modifier() {
        let pressed = |row, column| match event(Heard::Cursor(row, column)) {
            Some(Event::Key(key)) => Some(key.to_string()),
            _ => None,
        };
        assert_eq!(pressed(1, 5), Some("ctrl-f3".into()));
        assert_eq!(pressed(1, 80), None);
        assert_eq!(pressed(5, 5), None);
    }
}
