//! Lines of text being edited: bounded, and with the line ends that they came with.

use tui_textarea::{TextArea, WrapMode};

use super::line::{LeftOut, sift};
use crate::{
    base::text,
    keymap::key::{Code, Key},
};

/// The most bytes that are edited; a longer payload is used as it is.
const LONGEST_AREA: usize = 256 << 10;

/// The most lines, since the text field counts its rows on the screen in 16 bits.
const MOST_LINES: usize = 20_000;

/// A text of several lines, of at most 256 KiB; what is typed or pasted beyond them is left out.
#[derive(Debug)]
pub struct Area {
    text: TextArea<'static>,
    line_end: &'static str,
}

impl Default for Area {
    fn default() -> Self {
        Self::new(Vec::new(), "\n")
    }
}

impl Area {
    fn new(lines: Vec<String>, line_end: &'static str) -> Self {
        let mut text = TextArea::new(lines);
        // The theme colours the window, and the cursor is drawn where the field has the focus.
        let plain = text.style();
        text.set_cursor_line_style(plain);
        text.set_cursor_style(plain);
        text.set_wrap_mode(WrapMode::Glyph);
        Self { text, line_end }
    }

    /// Makes a field that gives back exactly this text until it is edited.
    ///
    /// # Errors
    ///
    /// Returns why the text cannot be edited, as a clause that goes on after its size.
    pub fn of(text: &str) -> Result<Self, &'static str> {
        let [breaks, pairs, returns] = ["\n", "\r\n", "\r"].map(|end| text.matches(end).count());
        if text.len() > LONGEST_AREA || breaks >= MOST_LINES {
            return Err("that are too long for a field");
        }
        if !text.chars().all(|c| text::is_text(c) || c == '\r') {
            return Err("that are no plain text");
        }
        let line_end = match returns {
            0 => "\n",
            _ if pairs == returns && pairs == breaks => "\r\n",
            _ => return Err("with line ends of several kinds"),
        };
        Ok(Self::new(text.split(line_end).map(str::to_owned).collect(), line_end))
    }

    /// Returns the text with its line ends.
    #[must_use]
    pub fn text(&self) -> String {
        self.text.lines().join(self.line_end)
    }

    /// Tells whether the lines end with CR LF.
    #[must_use]
    pub fn has_crlf(&self) -> bool {
        self.line_end == "\r\n"
    }

    /// Returns the field for drawing.
    #[must_use]
    pub fn widget(&self) -> &TextArea<'static> {
        &self.text
    }

    /// Gives a key to the field; returns what was left out, nothing where the key is not for it.
    pub fn press(&mut self, key: Key) -> Option<LeftOut> {
        let input = input(key)?;
        let mut left = LeftOut { most: LONGEST_AREA, ..LeftOut::default() };
        if key.empties() {
            self.text.select_all();
            self.text.cut();
        } else if key.typed().is_some_and(text::is_hostile) {
            left.hostile = 1;
        } else if self.text.input(input) && self.room().is_none() {
            self.text.undo();
            left.over = 1;
        }
        Some(left)
    }

    /// Puts pasted text where the cursor is, as far as it fits in.
    pub fn paste(&mut self, pasted: &str) -> LeftOut {
        let lines = pasted.replace("\r\n", "\n").replace('\r', "\n");
        // Each line end may take a byte more than it has here.
        let ends = lines.matches('\n').count() * (self.line_end.len() - 1);
        let room = self.room().unwrap_or(0).saturating_sub(ends);
        let (mut clean, mut left) = sift(&lines, room, text::is_text);
        let most = MOST_LINES - self.text.lines().len().min(MOST_LINES);
        if let Some((cut, _)) = clean.match_indices('\n').nth(most) {
            left.over += clean[cut..].chars().count();
            clean.truncate(cut);
        }
        self.text.insert_str(&clean);
        LeftOut { most: LONGEST_AREA, ..left }
    }

    /// Returns how many bytes fit in; nothing when there are too many already.
    fn room(&self) -> Option<usize> {
        let lines = self.text.lines();
        let ends = (lines.len() - 1) * self.line_end.len();
        let bytes: usize = lines.iter().map(String::len).sum();
        LONGEST_AREA.checked_sub(bytes + ends).filter(|_| lines.len() <= MOST_LINES)
    }
}

/// Translates a key for the text field, which has its own keys; none that is kept for the form.
fn input(key: Key) -> Option<tui_textarea::Input> {
    use tui_textarea::Key as K;
    let code = match key.code {
        Code::Char(c) => K::Char(c),
        Code::Enter => K::Enter,
        Code::Backspace => K::Backspace,
        Code::Delete => K::Delete,
        Code::Up => K::Up,
        Code::Down => K::Down,
        Code::Left => K::Left,
        Code::Right => K::Right,
        Code::Home => K::Home,
        Code::End => K::End,
        Code::PageUp => K::PageUp,
        Code::PageDown => K::PageDown,
        Code::Tab | Code::BackTab | Code::Esc | Code::Insert | Code::F(_) => return None,
    };
    Some(tui_textarea::Input { key: code, ctrl: key.ctrl, alt: key.alt, shift: key.shift })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn area(text: &str) -> Area {
        Area::of(text).unwrap_or_else(|why| panic!("{why}"))
    }

    fn press(area: &mut Area, key: &str) -> LeftOut {
        area.press(key.parse().expect("a key")).expect("for the field")
    }

    #[test]
    fn what_would_not_come_out_as_it_was_is_not_edited() {
        for (text, why) in [("a\x1b", "plain text"), ("a\u{202e}", "plain text"), ("a\r\nb\n", "several"), ("a\rb", "several")] {
            assert!(Area::of(text).expect_err(text).contains(why), "{text:?}");
        }
        assert!(Area::of(&"x".repeat(LONGEST_AREA)).is_ok());
        assert!(Area::of(&"x".repeat(LONGEST_AREA + 1)).expect_err("too long").contains("long"));
        assert!(Area::of(&"\n".repeat(MOST_LINES)).expect_err("too many lines").contains("long"));
    }

    #[test]
    fn a_full_field_takes_nothing_more() {
        let mut area = area(&"x".repeat(LONGEST_AREA - 1));
        assert_eq!(press(&mut area, "y").over, 0);
        for key in ["z", "enter"] {
            assert_eq!(press(&mut area, key).over, 1, "{key}");
        }
        assert_eq!(area.paste("ab\ncd").over, 5);
        assert_eq!(area.text().len(), LONGEST_AREA);
        press(&mut area, "ctrl-k");
        press(&mut area, "ctrl-y");
        assert_eq!(press(&mut area, "ctrl-y").over, 1, "what was cut is not pasted twice");
        assert!(area.text().len() <= LONGEST_AREA);
    }

    #[test]
    fn no_paste_makes_too_many_lines() {
        let mut area = area("a\r\nb");
        assert!(area.paste(&"\n".repeat(2 * MOST_LINES)).over > MOST_LINES);
        assert_eq!(area.text().matches("\r\n").count(), MOST_LINES - 1);
    }

    proptest! {
        #[test]
        fn a_text_comes_out_as_it_went_in(text in "[a\u{e4}\t \r\n\u{200b}]{0,12}") {
            if let Ok(area) = Area::of(&text) {
                prop_assert_eq!(area.text(), text);
            }
        }
    }
}
