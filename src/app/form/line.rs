//! One line of text being entered: its keys, which are those of readline, and what is pasted into it.

use tui_input::{Input, InputRequest};

use crate::{
    base::{human, text},
    keymap::key::{Code, Key},
};

/// The most bytes of a field of one line; what is typed or pasted beyond them is left out, and that is said.
pub const LONGEST_LINE: usize = 16 << 10;

/// What a field did not take of a key or a paste.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeftOut {
    /// How many characters a terminal must not receive.
    pub hostile: usize,
    /// How many characters did not fit in.
    pub over: usize,
    /// The most bytes that the field takes.
    pub most: usize,
}

impl LeftOut {
    /// Says what was left out; nothing where all was taken.
    #[must_use]
    pub fn said(self) -> Option<String> {
        let were = |count: usize, what: &str| match count {
            1 => format!("1 {what}character was left out"),
            _ => format!("{} {what}characters were left out", human::count(count as u64)),
        };
        match (self.hostile, self.over) {
            (0, 0) => None,
            (hostile, 0) => Some(were(hostile, "control or invisible ")),
            (_, over) => Some(format!("{}: the field takes {}", were(over, ""), human::size(self.most as u64))),
        }
    }
}

/// Gives a key to the line, which takes at most `most` bytes; returns what was left out, nothing where the key is not for it.
pub fn press(input: &mut Input, key: Key, most: usize) -> Option<LeftOut> {
    let request = request(key)?;
    let mut left = LeftOut { most, ..LeftOut::default() };
    match request {
        InputRequest::InsertChar(c) if text::is_hostile(c) => left.hostile = 1,
        InputRequest::InsertChar(c) if input.value().len() + c.len_utf8() > most => left.over = 1,
        InputRequest::Yank => {
            let before = input.clone();
            input.handle(request);
            if input.value().len() > most.max(before.value().len()) {
                left.over = input.value().chars().count() - before.value().chars().count();
                *input = before;
            }
        }
        _ => {
            input.handle(request);
        }
    }
    Some(left)
}

/// Puts pasted text where the cursor is, as far as the line takes it with at most `most` bytes.
pub fn splice(input: &mut Input, pasted: &str, most: usize) -> LeftOut {
    let room = most.saturating_sub(input.value().len());
    let (clean, mut left) = sift(pasted.trim(), room, |c| !text::is_hostile(c));
    left.most = most;
    let cursor = input.cursor();
    let mut value = String::from(std::mem::take(input));
    let at = value.char_indices().nth(cursor).map_or(value.len(), |(at, _)| at);
    value.insert_str(at, &clean);
    *input = Input::new(value).with_cursor(cursor + clean.chars().count());
    left
}

/// Returns the first `room` bytes of what `keep` lets through, and what that leaves out.
pub(super) fn sift(pasted: &str, room: usize, keep: impl Fn(char) -> bool) -> (String, LeftOut) {
    let mut left = LeftOut::default();
    let mut clean = String::with_capacity(pasted.len().min(room));
    for c in pasted.chars() {
        if !keep(c) {
            left.hostile += 1;
        } else if left.over == 0 && clean.len() + c.len_utf8() <= room {
            clean.push(c);
        } else {
            left.over += 1;
        }
    }
    (clean, left)
}

/// Translates a key into an edit of one line.
fn request(key: Key) -> Option<InputRequest> {
    use InputRequest as R;
    Some(match (key.code, key.ctrl, key.alt) {
        (Code::Char(c), false, false) => R::InsertChar(c),
        (Code::Char('a'), true, _) | (Code::Home, ..) => R::GoToStart,
        (Code::Char('e'), true, _) | (Code::End, ..) => R::GoToEnd,
        (Code::Char('b'), false, true) | (Code::Left, true, _) => R::GoToPrevWord,
        (Code::Char('f'), false, true) | (Code::Right, true, _) => R::GoToNextWord,
        (Code::Left, ..) => R::GoToPrevChar,
        (Code::Right, ..) => R::GoToNextChar,
        _ if key.empties() => R::DeleteLine,
        (Code::Char('k'), true, _) => R::DeleteTillEnd,
        (Code::Char('w'), true, _) | (Code::Backspace, false, true) => R::DeletePrevWord,
        (Code::Char('y'), true, _) => R::Yank,
        (Code::Backspace, ..) => R::DeletePrevChar,
        (Code::Delete, ..) => R::DeleteNextChar,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paste_goes_where_the_cursor_is() {
        let mut input = Input::new("äb".into()).with_cursor(1);
        assert_eq!(splice(&mut input, " ü\x1bx\n", 9), LeftOut { hostile: 1, over: 0, most: 9 });
        assert_eq!((input.value(), input.cursor()), ("äüxb", 3));
    }

    #[test]
    fn a_full_line_takes_nothing_more() {
        let mut input = Input::new("abc".into());
        assert_eq!(splice(&mut input, "defg", 5), LeftOut { hostile: 0, over: 2, most: 5 });
        let typed = press(&mut input, Key::plain(Code::Char('x')), 5).expect("for the line");
        assert_eq!((typed.over, input.value()), (1, "abcde"));
        for key in ["ctrl-u", "ctrl-y", "ctrl-y"] {
            press(&mut input, key.parse().expect("a key"), 5).expect("for the line");
        }
        assert!(input.value().len() <= 5, "{}", input.value());
    }

    #[test]
    fn what_was_left_out_is_said() {
        let said = |hostile, over| LeftOut { hostile, over, most: 2048 }.said();
        assert_eq!(said(0, 0), None);
        assert_eq!(said(1, 0).as_deref(), Some("1 control or invisible character was left out"));
        assert_eq!(said(2, 1_000).as_deref(), Some("1,000 characters were left out: the field takes 2.0 KiB"));
    }
}
