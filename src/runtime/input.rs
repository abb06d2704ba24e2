//! Keys, pastes and sizes from the terminal, without its late answers.

use std::{future::poll_fn, io, task::Poll, time::Duration};

use crossterm::event::{Event as Term, EventStream, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use futures_util::StreamExt;

use crate::{
    app::event::Event,
    base::clock::Stamp,
    keymap::key::{Code, Key},
};

/// How long after the start a terminal may still answer a query.
const ANSWERS: Duration = Duration::from_secs(2);

/// How long the parts of one answer may be apart.
const APART: Duration = Duration::from_millis(50);

/// The most events of a burst that become one frame.
const BURST: usize = 256;

/// Waits for an event of the terminal, and returns it with all that are there already; for ever while there is no stream.
///
/// The stream remembers the first waker that it is asked with until an event comes, so it is only ever polled from here.
///
/// # Errors
///
/// Fails when the terminal is gone.
pub(super) async fn next(stream: &mut Option<EventStream>) -> io::Result<Vec<Term>> {
    let Some(stream) = stream else { return std::future::pending().await };
    let mut events = Vec::new();
    poll_fn(|context| {
        while events.len() < BURST {
            match stream.poll_next_unpin(context) {
                Poll::Ready(Some(Ok(event))) => events.push(event),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(None) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Poll::Pending => break,
            }
        }
        if events.is_empty() { Poll::Pending } else { Poll::Ready(Ok(std::mem::take(&mut events))) }
    })
    .await
}

/// Turns terminal events into ours; a late answer to a query would otherwise arrive as two dozen key presses.
#[derive(Debug)]
pub(super) struct Input {
    start: Stamp,
    /// The last part of an answer that is being dropped.
    answer: Option<Stamp>,
}

impl Input {
    /// Makes a translator for a terminal that was taken over at `start`.
    pub(super) fn new(start: Stamp) -> Self {
        Self { start, answer: None }
    }

    /// Translates an event; nothing when it means nothing here.
    pub(super) fn translate(&mut self, now: Stamp, event: Term) -> Option<Event> {
        match event {
            Term::Key(key) if key.kind != KeyEventKind::Release => {
                if self.is_answer(now, key) {
                    return None;
                }
                translate_key(key).map(Event::Key)
            }
            Term::Paste(text) => Some(Event::Paste(text)),
            Term::Resize(columns, rows) => Some(Event::Resize(columns, rows)),
            Term::Key(_) | Term::FocusGained | Term::FocusLost | Term::Mouse(_) => None,
        }
    }

    /// Tells whether the key is part of an OSC, DCS or APC answer: Alt and `]`, `P` or `_`, and the burst after it.
    fn is_answer(&mut self, now: Stamp, key: KeyEvent) -> bool {
        if let Some(last) = self.answer {
            let ends = matches!((key.code, key.modifiers), (KeyCode::Char('g'), KeyModifiers::CONTROL))
                || matches!((key.code, key.modifiers), (KeyCode::Char('\\'), KeyModifiers::ALT));
            if now.since(last) <= APART {
                self.answer = (!ends).then_some(now);
                return true;
            }
            self.answer = None;
        }
        let begins = key.modifiers.contains(KeyModifiers::ALT) && matches!(key.code, KeyCode::Char(']' | 'P' | '_'));
        if begins && now.since(self.start) <= ANSWERS {
            self.answer = Some(now);
            return true;
        }
        false
    }
}

fn translate_key(key: KeyEvent) -> Option<Key> {
    let code = match key.code {
        KeyCode::Char(c) => Code::Char(c),
        KeyCode::F(n) => Code::F(n),
        KeyCode::Enter => Code::Enter,
        KeyCode::Esc => Code::Esc,
        KeyCode::Tab => Code::Tab,
        KeyCode::BackTab => Code::BackTab,
        KeyCode::Backspace => Code::Backspace,
        KeyCode::Delete => Code::Delete,
        KeyCode::Insert => Code::Insert,
        KeyCode::Up => Code::Up,
        KeyCode::Down => Code::Down,
        KeyCode::Left => Code::Left,
        KeyCode::Right => Code::Right,
        KeyCode::Home => Code::Home,
        KeyCode::End => Code::End,
        KeyCode::PageUp => Code::PageUp,
        KeyCode::PageDown => Code::PageDown,
        _ => return None,
    };
    let held = |modifier| key.modifiers.contains(modifier);
    let pressed = Key { code, ctrl: held(KeyModifiers::CONTROL), alt: held(KeyModifiers::ALT), shift: held(KeyModifiers::SHIFT) };
    Some(pressed.normal())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Stamp {
        Stamp { mono: millis * 1000, wall: 0 }
    }

    fn press(input: &mut Input, now: Stamp, c: char, modifiers: KeyModifiers) -> Option<Event> {
        input.translate(now, Term::Key(KeyEvent::new(KeyCode::Char(c), modifiers)))
    }

    #[test]
    fn a_late_answer_presses_no_key() {
        let mut input = Input::new(at(0));
        assert!(press(&mut input, at(100), ']', KeyModifiers::ALT).is_none());
        for c in "11;rgb:1e1e/1e1e/2e2e".chars() {
            assert!(press(&mut input, at(101), c, KeyModifiers::NONE).is_none(), "{c}");
        }
        assert!(press(&mut input, at(102), 'g', KeyModifiers::CONTROL).is_none());
        assert!(matches!(press(&mut input, at(103), 'q', KeyModifiers::NONE), Some(Event::Key(_))));
    }

    #[test]
    fn a_person_who_presses_alt_is_heard() {
        let mut input = Input::new(at(0));
        assert!(press(&mut input, at(3_000), ']', KeyModifiers::ALT).is_some());
        let mut early = Input::new(at(0));
        press(&mut early, at(100), ']', KeyModifiers::ALT);
        assert!(press(&mut early, at(900), 'q', KeyModifiers::NONE).is_some());
    }
}
