//! Keys, pastes and sizes from the terminal, and its answer to the one question that it is asked.

use std::time::Duration;

use crossterm::event::{Event as Term, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::{
    app::event::{Event, Outcome},
    base::clock::Stamp,
    keymap::key::{Code, Key},
};

/// Asks for the background colour (OSC 11).
///
/// The answer arrives among the keys, whenever it does: waiting for it would hold up the start, and lose what is typed.
pub(super) const ASK_BACKGROUND: &[u8] = b"\x1b]11;?\x07";

/// How long after the start the terminal may still answer.
const ANSWERS: Duration = Duration::from_secs(10);

/// How long the parts of one answer may be apart.
const APART: Duration = Duration::from_millis(50);

/// The characters of an answer that are kept; the rest of a longer one is dropped.
const LONGEST: usize = 64;

/// Turns terminal events into ours; an answer would otherwise arrive as two dozen key presses.
#[derive(Debug)]
pub(super) struct Input {
    start: Stamp,
    /// When Escape came, if that was the last key: a slow link may have cut an answer after its first byte.
    escape: Option<Stamp>,
    /// The answer that is on its way, and when its last part came.
    answer: Option<(String, Stamp)>,
}

/// What a key is to an answer of the terminal.
enum Part {
    /// Nothing: somebody pressed it.
    Stranger,
    /// One character of it.
    Inner,
    /// Its end; this is the whole.
    End(String),
}

impl Input {
    /// Makes a translator for a terminal that was taken over at `start`.
    pub(super) fn new(start: Stamp) -> Self {
        Self { start, escape: None, answer: None }
    }

    /// Translates an event; nothing when it means nothing here.
    pub(super) fn translate(&mut self, now: Stamp, event: Term) -> Option<Event> {
        match event {
            Term::Key(key) if key.kind != KeyEventKind::Release => match self.part(now, key) {
                Part::Stranger => translate_key(key).map(Event::Key),
                Part::Inner => None,
                Part::End(answer) => is_light(&answer).then_some(Event::Done(Outcome::LightBackground)),
            },
            Term::Paste(text) => Some(Event::Paste(text)),
            Term::Resize(columns, rows) => Some(Event::Resize(columns, rows)),
            Term::Key(_) | Term::FocusGained | Term::FocusLost | Term::Mouse(_) => None,
        }
    }

    /// Tells an OSC, DCS or APC answer from keys: Alt and `]`, `P` or `_`, and the burst after it.
    fn part(&mut self, now: Stamp, key: KeyEvent) -> Part {
        if let Some((mut answer, last)) = self.answer.take()
            && now.since(last) <= APART
        {
            match (key.code, key.modifiers) {
                (KeyCode::Char('g'), KeyModifiers::CONTROL) | (KeyCode::Char('\\'), KeyModifiers::ALT) => return Part::End(answer),
                (KeyCode::Char(c), _) if answer.len() < LONGEST => answer.push(c),
                _ => {}
            }
            self.answer = Some((answer, now));
            return Part::Inner;
        }
        let escaped = self.escape.take().is_some_and(|escape| now.since(escape) <= APART);
        self.escape = (key.code == KeyCode::Esc).then_some(now);
        let begins = match key.code {
            KeyCode::Char(']') if escaped => true,
            KeyCode::Char(']' | 'P' | '_') => key.modifiers.contains(KeyModifiers::ALT),
            _ => false,
        };
        if begins && now.since(self.start) <= ANSWERS {
            self.answer = Some((String::new(), now));
            return Part::Inner;
        }
        Part::Stranger
    }
}

/// Tells whether `11;rgb:RRRR/GGGG/BBBB`, each with one to four digits, is nearer to white than to black.
fn is_light(answer: &str) -> bool {
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
    use rstest::rstest;

    use super::*;

    fn at(millis: u64) -> Stamp {
        Stamp { mono: millis * 1000, wall: 0 }
    }

    fn press(input: &mut Input, now: Stamp, code: KeyCode, modifiers: KeyModifiers) -> Option<Event> {
        input.translate(now, Term::Key(KeyEvent::new(code, modifiers)))
    }

    /// Lets the inner part of an answer arrive, and its end.
    fn answer(input: &mut Input, now: Stamp, inner: &str) -> Option<Event> {
        for c in inner.chars() {
            assert!(press(input, now, KeyCode::Char(c), KeyModifiers::NONE).is_none(), "{c}");
        }
        press(input, now, KeyCode::Char('g'), KeyModifiers::CONTROL)
    }

    #[test]
    fn a_late_answer_presses_no_key() {
        let mut input = Input::new(at(0));
        assert!(press(&mut input, at(3_000), KeyCode::Char(']'), KeyModifiers::ALT).is_none());
        assert!(answer(&mut input, at(3_001), "11;rgb:1e1e/1e1e/2e2e").is_none());
        assert!(matches!(press(&mut input, at(3_002), KeyCode::Char('q'), KeyModifiers::NONE), Some(Event::Key(_))));
    }

    #[test]
    fn an_answer_that_was_cut_after_its_first_byte_is_still_one() {
        let mut input = Input::new(at(0));
        assert!(press(&mut input, at(100), KeyCode::Esc, KeyModifiers::NONE).is_some());
        assert!(press(&mut input, at(120), KeyCode::Char(']'), KeyModifiers::NONE).is_none());
        assert!(matches!(answer(&mut input, at(121), "11;rgb:ffff/ffff/ffff"), Some(Event::Done(Outcome::LightBackground))));
    }

    #[test]
    fn a_person_who_presses_alt_is_heard() {
        let mut input = Input::new(at(0));
        assert!(press(&mut input, at(11_000), KeyCode::Char(']'), KeyModifiers::ALT).is_some());
        let mut early = Input::new(at(0));
        press(&mut early, at(100), KeyCode::Char(']'), KeyModifiers::ALT);
        assert!(press(&mut early, at(900), KeyCode::Char('q'), KeyModifiers::NONE).is_some());
    }

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
        assert_eq!(is_light(answer), expected);
    }
}
