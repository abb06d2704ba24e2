//! The terminal in other hands: an editor's, or the shell's while we are stopped.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    Shell,
    ended::Ended,
    input::{Heard, Input},
    link::Link,
    signals,
    terminal::{self, MOUSE_ON},
};
use crate::app::event::{Event, Outcome};

/// The longest that answers of the terminal are waited for before somebody else reads from it.
const ANSWERS: Duration = Duration::from_millis(400);

/// How long a terminal may take to tell its background; most that know the question answer at once.
const BACKGROUND: Duration = Duration::from_secs(1);

impl Shell {
    /// Lets somebody else use the terminal.
    pub(super) fn give_away(&mut self) {
        self.hear_out();
        self.input = None;
        self.terminal.leave();
    }

    /// Waits for answers that are on the way, which would be typed to whoever reads from the terminal next.
    pub(super) fn hear_out(&mut self) {
        let until = Instant::now() + ANSWERS;
        while (self.link.expects() || self.background.is_some_and(|asked| asked.elapsed() < BACKGROUND))
            && let Some(input) = &mut self.input
            && let Some(heard) = input.next_until(until)
        {
            for heard in heard {
                match heard {
                    Heard::Cursor(row, column) => drop(self.link.answered(Instant::now(), (row, column))),
                    Heard::Osc(_) => self.background = None,
                    Heard::Key(_) | Heard::Paste(_) | Heard::Mouse(_) => {}
                }
            }
        }
    }

    /// Lets the reader know whether an answer is due.
    pub(super) fn expect_answers(&self) {
        if let Some(input) = &self.input {
            input.expect(self.link.expects());
        }
    }

    pub(super) fn take_back_terminal(&mut self) {
        if terminal::in_background() {
            // As after `bg`; what would stop us for taking the terminal would stop us for every signal after it, too.
            return signals::stop();
        }
        self.input = None;
        match self.terminal.take().and_then(|()| Input::start()) {
            Ok(input) => self.input = Some(input),
            Err(_) => self.ended = Some(Ended::TerminalGone),
        }
        self.link = Link::default();
        self.mode = self.app.has_mouse.then_some(MOUSE_ON);
        self.resize();
    }

    /// Says what went wrong with the editor, and reads what it may have changed.
    pub(super) fn after_editing(&mut self, outcome: Option<Outcome>) {
        if let Some(outcome) = outcome {
            self.update(Event::Done(outcome));
        }
        self.effects.read_profiles();
    }
}
