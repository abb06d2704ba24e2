//! Bytes from the terminal to keys, pastes and answers; whatever arrives, later keys are heard.

use std::time::Duration;

use crate::{
    app::event::Mouse,
    keymap::key::{Code, Key},
};

/// How long a lone Esc may be the beginning of a sequence.
const PAUSE: Duration = Duration::from_millis(30);

/// The same while an answer is expected, which a slow way may cut after its first byte.
const LONG_PAUSE: Duration = Duration::from_millis(200);

/// How long the rest of a sequence or paste is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a paste that has stood still may go on: what comes until its end is text, not keys.
const STANDSTILL: Duration = Duration::from_secs(10);

/// The longest sequence or answer that is understood, in bytes; a longer one is skipped to its end.
const SEQUENCE: usize = 64;

/// The longest paste that is taken, in bytes; what is beyond is left out.
const PASTE: usize = 1 << 20;

/// Ends a bracketed paste.
const PASTE_END: &[u8] = b"\x1b[201~";

/// What the terminal said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::runtime) enum Heard {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted.
    Paste(String),
    /// The mouse was used, in a cell counted from 0.
    Mouse(Mouse),
    /// The cursor is in this row and column, counted from 1; for row 1 it may as well be F3 with a modifier.
    Cursor(u16, u16),
    /// What an OSC answer says, as far as it is kept.
    Osc(Vec<u8>),
}

/// Reads the bytes of a terminal as they come, in pieces of any size.
#[derive(Debug, Default)]
pub(super) struct Parser {
    state: State,
    /// The sequence, paste or character that is incomplete.
    pending: Vec<u8>,
    /// Whether Esc preceded the character, as terminals send Alt.
    alt: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// Between two keys, or within a character of several bytes.
    #[default]
    Ground,
    /// After Esc.
    Escape,
    /// After `Esc O`.
    Ss3,
    /// After `Esc [`.
    Csi,
    /// After `Esc [ [`, with which the Linux console begins its function keys.
    Console,
    /// In an OSC, DCS, APC, PM or SOS string, which began with this byte.
    Text(u8),
    /// In such a string after Esc, which may end it.
    TextEscape(u8),
    /// Between the marks of a bracketed paste.
    Paste,
    /// The same, after it has stood still and what had come was taken.
    LatePaste,
}

impl Parser {
    /// Takes bytes in, and adds what they say to `heard`.
    pub(super) fn feed(&mut self, bytes: &[u8], heard: &mut Vec<Heard>) {
        for &byte in bytes {
            self.step(byte, heard);
        }
    }

    /// Returns how long more bytes are waited for before [`Parser::give_up`] is called; nothing between two keys.
    pub(super) fn patience(&self, expects_answer: bool) -> Option<Duration> {
        let pause = if expects_answer { LONG_PAUSE } else { PAUSE };
        match self.state {
            State::Ground if self.pending.is_empty() => None,
            State::Ss3 => Some(PAUSE),
            State::Escape => Some(pause),
            State::Csi | State::Text(_) if self.pending.is_empty() => Some(pause),
            State::LatePaste if self.pasted() == 0 => Some(STANDSTILL),
            State::Ground
            | State::Csi
            | State::Console
            | State::Text(_)
            | State::TextEscape(_)
            | State::Paste
            | State::LatePaste => Some(PATIENCE),
        }
    }

    /// Takes an incomplete sequence for what it is so far, as no more bytes came.
    pub(super) fn give_up(&mut self, heard: &mut Vec<Heard>) {
        let late = self.state == State::LatePaste && self.pasted() == 0;
        if matches!(self.state, State::Paste | State::LatePaste) && !late {
            // The way stands still, or the paste is longer than it shows: what follows is still no key.
            let end = self.pending.split_off(self.pasted());
            let text = std::mem::replace(&mut self.pending, end);
            if !text.is_empty() {
                heard.push(pasted(&text));
            }
            self.state = State::LatePaste;
            return;
        }
        let state = std::mem::take(&mut self.state);
        let pending = std::mem::take(&mut self.pending);
        self.alt = false;
        match state {
            State::Escape => heard.push(Heard::Key(Key::plain(Code::Esc))),
            State::Ss3 => heard.push(alt('O')),
            State::Csi if pending.is_empty() => heard.push(alt('[')),
            State::Text(first) if pending.is_empty() => heard.push(alt(char::from(first))),
            State::Ground
            | State::Csi
            | State::Console
            | State::Text(_)
            | State::TextEscape(_)
            | State::Paste
            | State::LatePaste => {}
        }
    }

    fn step(&mut self, byte: u8, heard: &mut Vec<Heard>) {
        match (self.state, byte) {
            (State::Ground, _) => self.ground(byte, heard),
            (State::Escape, _) => self.escape(byte, heard),
            // Whoever sees nothing happen must be able to leave.
            (State::LatePaste, 0x03) => {
                self.reset();
                self.ground(byte, heard);
            }
            (State::Paste | State::LatePaste, _) => self.paste(byte, heard),
            (State::Text(first), 0x1b) => self.state = State::TextEscape(first),
            (State::Text(first), 0x07) | (State::TextEscape(first), b'\\') => {
                let text = std::mem::take(&mut self.pending);
                self.reset();
                if first == b']' && text.len() <= SEQUENCE {
                    heard.push(Heard::Osc(text));
                }
            }
            // CAN and SUB break it off.
            (State::Text(_), 0x18 | 0x1a) => self.reset(),
            (State::TextEscape(_), _) => {
                self.reset();
                self.escape(byte, heard);
            }
            (State::Ss3 | State::Csi | State::Console, 0x1b) => {
                self.reset();
                self.state = State::Escape;
            }
            (State::Csi, b'[') if self.pending.is_empty() => self.state = State::Console,
            (State::Text(_), _) | (State::Csi, 0x20..=0x3f) => self.keep(byte),
            (State::Csi, 0x40..=0x7e) => self.sequence(byte, heard),
            (State::Ss3 | State::Console, 0x20..=0x7e) => {
                let console = self.state == State::Console;
                self.reset();
                match if console { function_key(byte, b'A') } else { ss3(byte) } {
                    Some(code) => heard.push(Heard::Key(Key::plain(code))),
                    None if console => {}
                    None => {
                        heard.push(alt('O'));
                        self.ground(byte, heard);
                    }
                }
            }
            (State::Ss3 | State::Csi | State::Console, _) => {
                self.reset();
                self.ground(byte, heard);
            }
        }
    }

    /// Keeps a byte of a sequence, and of a long one that it is too long.
    fn keep(&mut self, byte: u8) {
        if self.pending.len() <= SEQUENCE {
            self.pending.push(byte);
        }
    }

    fn reset(&mut self) {
        self.state = State::Ground;
        self.pending.clear();
        self.alt = false;
    }

    fn ground(&mut self, byte: u8, heard: &mut Vec<Heard>) {
        if !self.pending.is_empty() || byte >= 0x80 {
            self.character(byte, heard);
            return;
        }
        let alt = std::mem::take(&mut self.alt);
        let control = |c| (Code::Char(c), true);
        let (code, ctrl) = match byte {
            0x1b => {
                self.state = State::Escape;
                return;
            }
            b'\r' => (Code::Enter, false),
            b'\t' => (Code::Tab, false),
            0x7f => (Code::Backspace, false),
            0x00 => control(' '),
            0x01..=0x1a => control(char::from(byte - 1 + b'a')),
            0x1c..=0x1f => control(char::from(byte - 0x1c + b'4')),
            _ => (Code::Char(char::from(byte)), false),
        };
        heard.push(Heard::Key(Key { ctrl, alt, ..Key::plain(code) }.normal()));
    }

    /// Collects a character of several bytes; what is no UTF-8 is dropped.
    fn character(&mut self, byte: u8, heard: &mut Vec<Heard>) {
        if byte & 0xc0 != 0x80 && !self.pending.is_empty() {
            self.reset();
            self.ground(byte, heard);
            return;
        }
        self.pending.push(byte);
        match std::str::from_utf8(&self.pending) {
            Ok(text) => {
                let alt = self.alt;
                heard.extend(text.chars().map(|c| Heard::Key(Key { alt, ..Key::plain(Code::Char(c)) })));
                self.reset();
            }
            Err(error) if error.error_len().is_some() => self.reset(),
            Err(_) => {}
        }
    }

    fn escape(&mut self, byte: u8, heard: &mut Vec<Heard>) {
        self.state = match byte {
            0x1b => {
                heard.push(Heard::Key(Key::plain(Code::Esc)));
                State::Escape
            }
            b'[' => State::Csi,
            b'O' => State::Ss3,
            b']' | b'P' | b'_' | b'^' | b'X' => State::Text(byte),
            _ => {
                self.state = State::Ground;
                self.alt = true;
                self.ground(byte, heard);
                return;
            }
        };
    }

    fn paste(&mut self, byte: u8, heard: &mut Vec<Heard>) {
        if self.pending.len() >= PASTE + PASTE_END.len() {
            self.pending.remove(PASTE);
        }
        self.pending.push(byte);
        if self.pending.ends_with(PASTE_END) {
            self.pending.truncate(self.pending.len() - PASTE_END.len());
            if !self.pending.is_empty() {
                heard.push(pasted(&self.pending));
            }
            self.reset();
        }
    }

    /// Returns how many bytes of the paste have come, without those that may begin its end or a character.
    fn pasted(&self) -> usize {
        let ends = |length: &usize| self.pending.ends_with(&PASTE_END[..*length]);
        if let Some(length) = (1..PASTE_END.len()).rev().find(ends) {
            return self.pending.len() - length;
        }
        let first = self.pending.iter().rposition(|byte| byte & 0xc0 != 0x80).unwrap_or(0);
        let is_cut = std::str::from_utf8(&self.pending[first..]).is_err_and(|error| error.error_len().is_none());
        if is_cut { first } else { self.pending.len() }
    }

    /// Takes a whole control sequence.
    fn sequence(&mut self, last: u8, heard: &mut Vec<Heard>) {
        let body = std::mem::take(&mut self.pending);
        self.reset();
        if body == b"200" && last == b'~' {
            self.state = State::Paste;
            return;
        }
        if let (Some(report), b'M') = (body.strip_prefix(b"<"), last) {
            heard.extend(mouse(report).map(Heard::Mouse));
            return;
        }
        // A private marker or an intermediate byte makes it a report that nobody asked for.
        if body.len() > SEQUENCE || !body.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b';' | b':')) {
            return;
        }
        heard.extend(Parameters::read(&body).heard(last));
    }
}

/// The numbers of a control sequence; of a number with parts only the first part, of the second number two parts.
struct Parameters {
    numbers: [Option<u16>; 3],
    /// 1 for a press, 2 for a repetition, 3 for a release.
    kind: u16,
}

impl Parameters {
    fn read(body: &[u8]) -> Self {
        let number = |digits: &[u8]| std::str::from_utf8(digits).ok()?.parse().ok();
        let mut parameters = Self { numbers: [None; 3], kind: 1 };
        let fields = body.split(|&byte| byte == b';');
        for (index, field) in fields.take(3).enumerate() {
            let mut parts = field.split(|&byte| byte == b':').map(number);
            parameters.numbers[index] = parts.next().flatten();
            if index == 1 {
                parameters.kind = parts.next().flatten().unwrap_or(1);
            }
        }
        parameters
    }

    fn heard(&self, last: u8) -> Option<Heard> {
        let [first, second, third] = self.numbers;
        if let (b'R', Some(row), Some(column)) = (last, first, second) {
            return Some(Heard::Cursor(row, column));
        }
        if last == b'R' && second.is_some() {
            return None;
        }
        let code = match last {
            b'~' if first == Some(27) => scalar(third?)?,
            b'~' => tilde(first?)?,
            b'u' => scalar(first?)?,
            b'Z' => Code::BackTab,
            _ => cursor_key(last).or_else(|| function_key(last, b'P').filter(|_| last <= b'S'))?,
        };
        (self.kind != 3).then(|| Heard::Key(modified(code, second.unwrap_or(1))))
    }
}

/// Makes the key that a terminal reports with a modifier of `mask`, which is 1 and the sum of Shift 1, Alt 2, Control 4.
pub(super) fn modified(code: Code, mask: u16) -> Key {
    let mask = mask.saturating_sub(1);
    Key { code, shift: mask & 1 != 0, alt: mask & 2 != 0, ctrl: mask & 4 != 0 }.normal()
}

/// Reads the report of a press (SGR): button, column and row from 1; of the buttons only the left one and the wheel mean something.
fn mouse(report: &[u8]) -> Option<Mouse> {
    let mut numbers = report.split(|&byte| byte == b';').map(|digits| std::str::from_utf8(digits).ok()?.parse::<u16>().ok());
    let (button, x, y) = (numbers.next()??, numbers.next()??.checked_sub(1)?, numbers.next()??.checked_sub(1)?);
    // Shift, Alt and Control are told with 4, 8 and 16.
    match button & !0b1_1100 {
        0 => Some(Mouse::Press { x, y }),
        64 => Some(Mouse::Wheel { x, y, by: -1 }),
        65 => Some(Mouse::Wheel { x, y, by: 1 }),
        _ => None,
    }
}

fn alt(c: char) -> Heard {
    Heard::Key(Key { alt: true, ..Key::plain(Code::Char(c)) })
}

fn pasted(bytes: &[u8]) -> Heard {
    Heard::Paste(String::from_utf8_lossy(&bytes[..bytes.len().min(PASTE)]).into_owned())
}

fn ss3(byte: u8) -> Option<Code> {
    match byte {
        b'M' => Some(Code::Enter),
        b'P'..=b'S' => function_key(byte, b'P'),
        _ => cursor_key(byte),
    }
}

fn function_key(byte: u8, first: u8) -> Option<Code> {
    byte.checked_sub(first).filter(|n| *n < 5).map(|n| Code::F(n + 1))
}

fn cursor_key(byte: u8) -> Option<Code> {
    Some(match byte {
        b'A' => Code::Up,
        b'B' => Code::Down,
        b'C' => Code::Right,
        b'D' => Code::Left,
        b'F' => Code::End,
        b'H' => Code::Home,
        _ => return None,
    })
}

fn tilde(number: u16) -> Option<Code> {
    Some(match number {
        1 | 7 => Code::Home,
        2 => Code::Insert,
        3 => Code::Delete,
        4 | 8 => Code::End,
        5 => Code::PageUp,
        6 => Code::PageDown,
        11..=15 => Code::F(u8::try_from(number - 10).ok()?),
        17..=21 => Code::F(u8::try_from(number - 11).ok()?),
        23 | 24 => Code::F(u8::try_from(number - 12).ok()?),
        _ => return None,
    })
}

/// Returns the key of a Unicode scalar value, as terminals report keys that have no byte of their own.
fn scalar(value: u16) -> Option<Code> {
    Some(match value {
        9 => Code::Tab,
        13 => Code::Enter,
        27 => Code::Esc,
        8 | 127 => Code::Backspace,
        _ => Code::Char(char::from_u32(value.into()).filter(|c| !c.is_control())?),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn heard(bytes: &[u8]) -> Vec<Heard> {
        let mut parser = Parser::default();
        let mut heard = Vec::new();
        parser.feed(bytes, &mut heard);
        while parser.patience(false).is_some() {
            parser.give_up(&mut heard);
        }
        heard
    }

    /// Writes keys as a keymap does, separated by spaces.
    fn keys(bytes: &[u8]) -> String {
        let name = |heard: &Heard| match heard {
            Heard::Key(key) => key.to_string(),
            other => format!("{other:?}"),
        };
        heard(bytes).iter().map(name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn keys_of_the_usual_terminals_are_known() {
        for (bytes, expected) in [
            (&b"qG?\r\t\x7f "[..], "q G ? enter tab backspace space"),
            (b"\x03\x00\x1f", "ctrl-c ctrl-space ctrl-7"),
            (b"\x1b", "esc"),
            (b"\x1b\x1b", "esc esc"),
            (b"\x1bx\x1b\r\x1bG", "alt-x alt-enter alt-G"),
            ("é温\u{1b}ß".as_bytes(), "é 温 alt-ß"),
            (b"\x1b[A\x1bOB\x1b[1;5C\x1b[1;2D", "up down ctrl-right shift-left"),
            (b"\x1b[H\x1b[F\x1b[1~\x1b[4~\x1bOH", "home end home end home"),
            (b"\x1b[2~\x1b[3~\x1b[5~\x1b[6~\x1b[Z", "insert delete pageup pagedown shift-tab"),
            (b"\x1bOP\x1b[[A\x1b[11~\x1b[15~\x1b[17~\x1b[24~\x1b[1;5S", "f1 f1 f1 f5 f6 f12 ctrl-f4"),
            (b"\x1b[27;5;13~\x1b[13;5u\x1b[97;3u\x1b[9;2u", "ctrl-enter ctrl-enter alt-a shift-tab"),
            (b"\x1b[97;1:3u", ""),
            (b"\x1b[\x1b]\x1bP\x1b_\x1bO", "alt-O"),
        ] {
            assert_eq!(keys(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn the_first_byte_of_a_sequence_alone_is_a_key_with_alt() {
        for (bytes, expected) in [(b"\x1b[", "alt-["), (b"\x1b]", "alt-]"), (b"\x1bP", "alt-P"), (b"\x1bO", "alt-O")] {
            assert_eq!(keys(bytes), expected);
        }
    }

    #[test]
    fn presses_and_the_wheel_are_heard_with_their_cell() {
        for (bytes, expected) in [
            (&b"\x1b[<0;1;1M"[..], Mouse::Press { x: 0, y: 0 }),
            (b"\x1b[<4;300;7M", Mouse::Press { x: 299, y: 6 }),
            (b"\x1b[<64;10;2M", Mouse::Wheel { x: 9, y: 1, by: -1 }),
            (b"\x1b[<81;10;2M", Mouse::Wheel { x: 9, y: 1, by: 1 }),
        ] {
            assert_eq!(heard(bytes), [Heard::Mouse(expected)], "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn an_answer_that_nobody_expects_presses_no_key() {
        for answer in [
            &b"\x1b[?997;1n"[..],
            b"\x1b[?62;22c",
            b"\x1b[>41;390;0c",
            b"\x1b[?2026;2$y",
            b"\x1bP1$r0m\x1b\\",
            b"\x1b_Gi=1;OK\x1b\\",
            b"\x1b[0n",
            b"\x1b[I\x1b[O",
            b"\x1b[<0;10;10m\x1b[<0;0;10M\x1b[<35;1;1M\x1b[<0;99999;1M\x1b[<0;1M\x1b[<M",
        ] {
            let with_key = [answer, b"q"].concat();
            assert_eq!(keys(&with_key), "q", "{}", answer.escape_ascii());
        }
    }

    #[test]
    fn what_an_osc_answer_says_is_heard_whatever_ends_it() {
        for answer in [&b"\x1b]11;rgb:1e1e/1e1e/2e2e\x07"[..], b"\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\"] {
            assert_eq!(heard(answer), [Heard::Osc(b"11;rgb:1e1e/1e1e/2e2e".to_vec())]);
        }
        assert_eq!(heard(&[b"\x1b]", &[b'x'; SEQUENCE + 1][..], b"\x07"].concat()), []);
    }

    #[test]
    fn the_place_of_the_cursor_is_heard() {
        assert_eq!(heard(b"\x1b[24;80R"), [Heard::Cursor(24, 80)]);
        assert_eq!(heard(b"\x1b[0;0R"), [Heard::Cursor(0, 0)]);
        assert_eq!(heard(b"\x1b[99999;1R"), []);
    }

    #[test]
    fn a_paste_is_one_text_whatever_is_in_it() {
        assert_eq!(keys(b"\x1b[200~a\x1b[Ab\r\x1b[201~q"), "Paste(\"a\\u{1b}[Ab\\r\") q");
        assert_eq!(keys(b"\x1b[200~never ended"), "Paste(\"never ended\")");
    }

    /// Feeds parts, with a pause after each that is long enough to give up.
    fn with_pauses(parts: &[&[u8]]) -> Vec<Heard> {
        let (mut parser, mut heard) = (Parser::default(), Vec::new());
        for part in parts {
            parser.feed(part, &mut heard);
            parser.give_up(&mut heard);
        }
        heard
    }

    #[test]
    fn a_paste_that_stands_still_presses_no_key() {
        let text = |text: &str| Heard::Paste(text.into());
        let q = Heard::Key(Key::plain(Code::Char('q')));
        assert_eq!(with_pauses(&[b"\x1b[200~some text", b" quits\x1b[201~q"]), [text("some text"), text(" quits"), q.clone()]);
        assert_eq!(with_pauses(&[b"\x1b[200~some\x1b[2", b"01~q"]), [text("some"), q.clone()]);
        assert_eq!(with_pauses(&[b"\x1b[200~caf\xc3", b"\xa9\x1b[201~q"]), [text("caf"), text("é"), q.clone()]);
        assert_eq!(with_pauses(&[b"\x1b[200~some", b"", b"q"]), [text("some"), q], "an end that never comes");
    }

    #[test]
    fn whoever_waits_for_a_paste_to_end_can_leave() {
        let mut parser = Parser::default();
        let mut heard = Vec::new();
        parser.feed(b"\x1b[200~a\x03b", &mut heard);
        parser.give_up(&mut heard);
        assert!(parser.patience(false).is_some_and(|patience| patience >= Duration::from_secs(5)));
        parser.feed(b"q\x03q", &mut heard);
        let key = |key: &str| Heard::Key(key.parse().expect("a key"));
        assert_eq!(heard, [Heard::Paste("a\u{3}b".into()), key("ctrl-c"), key("q")]);
    }

    #[test]
    fn a_paste_is_bounded() {
        let long = [b"\x1b[200~", &vec![b'a'; PASTE + 9][..], b"\x1b[201~q"].concat();
        let heard = heard(&long);
        assert_eq!(heard.len(), 2);
        assert!(matches!(&heard[0], Heard::Paste(text) if text.len() == PASTE));
    }

    proptest! {
        #[test]
        fn pieces_say_the_same_as_the_whole(bytes in proptest::collection::vec(any::<u8>(), 0..64), cut in 0_usize..64) {
            let cut = cut.min(bytes.len());
            let mut parser = Parser::default();
            let mut pieces = Vec::new();
            parser.feed(&bytes[..cut], &mut pieces);
            parser.feed(&bytes[cut..], &mut pieces);
            while parser.patience(false).is_some() {
                parser.give_up(&mut pieces);
            }
            prop_assert_eq!(pieces, heard(&bytes));
        }

        #[test]
        fn after_a_pause_every_key_is_heard(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut parser = Parser::default();
            let mut before = Vec::new();
            parser.feed(&bytes, &mut before);
            // A paste that has stood still is given up in two steps.
            for _ in 0..2 {
                parser.give_up(&mut before);
            }
            prop_assert_eq!(parser.patience(false), None);
            let mut after = Vec::new();
            parser.feed(b"q", &mut after);
            prop_assert_eq!(after, [Heard::Key(Key::plain(Code::Char('q')))]);
        }

        #[test]
        fn no_bytes_hold_more_than_the_bound(bytes in proptest::collection::vec(proptest::sample::select(&b"\x1b[]012;:Pu~RA\\\x07"[..]), 0..512)) {
            let mut parser = Parser::default();
            let mut heard = Vec::new();
            parser.feed(&bytes, &mut heard);
            prop_assert!(parser.pending.len() <= PASTE + PASTE_END.len());
        }
    }
}
