//! A key as it is pressed, written and read: `q`, `G`, `ctrl-d`, `alt-enter`, `f5`.

use std::{fmt, str::FromStr};

/// What is on the key, without modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// A printable character as it arrives: an upper-case letter is `G`, not shift and `g`.
    Char(char),
    /// F1 to F12.
    F(u8),
    /// The key of that name.
    Enter,
    /// The key of that name.
    Esc,
    /// The key of that name.
    Tab,
    /// Shift and Tab, which terminals send as a key of its own.
    BackTab,
    /// The key of that name.
    Backspace,
    /// The key of that name.
    Delete,
    /// The key of that name.
    Insert,
    /// The arrow.
    Up,
    /// The arrow.
    Down,
    /// The arrow.
    Left,
    /// The arrow.
    Right,
    /// The key of that name.
    Home,
    /// The key of that name.
    End,
    /// The key of that name.
    PageUp,
    /// The key of that name.
    PageDown,
}

/// Written name, symbol for the hints, code.
const NAMES: &[(&str, &str, Code)] = &[
    ("enter", "↵", Code::Enter),
    ("esc", "Esc", Code::Esc),
    ("tab", "Tab", Code::Tab),
    ("shift-tab", "Shift+Tab", Code::BackTab),
    ("backspace", "Backspace", Code::Backspace),
    ("delete", "Del", Code::Delete),
    ("insert", "Ins", Code::Insert),
    ("up", "↑", Code::Up),
    ("down", "↓", Code::Down),
    ("left", "←", Code::Left),
    ("right", "→", Code::Right),
    ("home", "Home", Code::Home),
    ("end", "End", Code::End),
    ("pageup", "PgUp", Code::PageUp),
    ("pagedown", "PgDn", Code::PageDown),
    ("space", "Space", Code::Char(' ')),
];

/// A key press in its one normal form, so that equal presses are equal values on every terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The key.
    pub code: Code,
    /// Whether Control was held.
    pub ctrl: bool,
    /// Whether Alt was held.
    pub alt: bool,
    /// Whether Shift was held, on keys that have no upper case.
    pub shift: bool,
}

impl Key {
    /// Makes a key press without modifiers.
    #[must_use]
    pub fn plain(code: Code) -> Self {
        Self { code, ctrl: false, alt: false, shift: false }
    }

    /// Brings a press into normal form: shift is part of a character, and Shift+Tab is [`Code::BackTab`].
    #[must_use]
    pub fn normal(self) -> Self {
        match self.code {
            Code::Char(c) if self.ctrl => Self { code: Code::Char(c.to_ascii_lowercase()), shift: false, ..self },
            Code::Char(c) if self.shift && c.is_ascii_lowercase() => {
                Self { code: Code::Char(c.to_ascii_uppercase()), shift: false, ..self }
            }
            Code::Char(_) | Code::BackTab => Self { shift: false, ..self },
            Code::Tab if self.shift => Self { code: Code::BackTab, shift: false, ..self },
            _ => self,
        }
    }

    /// Returns the character when the press types one.
    #[must_use]
    pub fn typed(self) -> Option<char> {
        match self.code {
            Code::Char(c) if !self.ctrl && !self.alt => Some(c),
            _ => None,
        }
    }

    /// Returns `true` if the press empties the field in which it is typed, as in a shell.
    #[must_use]
    pub fn empties(self) -> bool {
        self.code == Code::Char('u') && self.ctrl
    }

    /// Writes the key for a person, as the hints and the help show it: `Ctrl+d`, `↵`.
    #[must_use]
    pub fn label(self) -> String {
        let mut out = String::new();
        for (held, name) in [(self.ctrl, "Ctrl+"), (self.alt, "Alt+"), (self.shift, "Shift+")] {
            if held {
                out.push_str(name);
            }
        }
        match (NAMES.iter().find(|name| name.2 == self.code), self.code) {
            (Some((_, symbol, _)), _) => out.push_str(symbol),
            (None, Code::Char(c)) => out.push(c),
            (None, code) => out.push_str(&format!("{code:?}").replace(['(', ')'], "")),
        }
        out
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (held, name) in [(self.ctrl, "ctrl-"), (self.alt, "alt-"), (self.shift, "shift-")] {
            if held {
                f.write_str(name)?;
            }
        }
        match (NAMES.iter().find(|name| name.2 == self.code), self.code) {
            (Some((name, ..)), _) => f.write_str(name),
            (None, Code::Char(c)) => write!(f, "{c}"),
            (None, Code::F(n)) => write!(f, "f{n}"),
            (None, _) => Ok(()),
        }
    }
}

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut key = Self::plain(Code::Enter);
        let mut rest = text;
        loop {
            if let Some(&(_, _, code)) = NAMES.iter().find(|name| name.0 == rest) {
                key.code = code;
                return Ok(key.normal());
            }
            let modifiers = [("ctrl-", 0), ("alt-", 1), ("shift-", 2)];
            let Some((after, which)) = modifiers.iter().find_map(|(name, i)| rest.strip_prefix(name).map(|after| (after, i)))
            else {
                break;
            };
            match which {
                0 => key.ctrl = true,
                1 => key.alt = true,
                _ => key.shift = true,
            }
            rest = after;
        }
        let mut chars = rest.chars();
        key.code = match (chars.next(), chars.as_str()) {
            (Some(c), "") if !c.is_control() => Code::Char(c),
            (Some('f'), number) => match number.parse() {
                Ok(n @ 1..=12) => Code::F(n),
                _ => return Err(unknown(text)),
            },
            _ => return Err(unknown(text)),
        };
        Ok(key.normal())
    }
}

fn unknown(text: &str) -> String {
    format!("`{}` is not a key; write q, G, ctrl-d, alt-enter, f5, pagedown", crate::base::text::line(text, 30))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_as_they_are_read() {
        for text in ["q", "G", "?", "ctrl-d", "alt-enter", "f5", "shift-tab", "space", "pagedown", "-", "shift-left", "ctrl-alt-x"]
        {
            assert_eq!(text.parse::<Key>().expect(text).to_string(), text);
        }
        for bad in ["", "ctrl-", "f13", "gg", "hyper-x"] {
            assert!(bad.parse::<Key>().is_err(), "{bad}");
        }
    }

    #[test]
    fn equal_presses_are_equal_values() {
        let shifted = Key { shift: true, ..Key::plain(Code::Char('g')) };
        assert_eq!(shifted.normal(), Key::plain(Code::Char('G')));
        let question = Key { shift: true, ..Key::plain(Code::Char('?')) };
        assert_eq!(question.normal(), Key::plain(Code::Char('?')));
        let back = Key { shift: true, ..Key::plain(Code::Tab) };
        assert_eq!(back.normal(), Key::plain(Code::BackTab));
    }

    #[test]
    fn labels_are_for_people() {
        let label = |text: &str| text.parse::<Key>().expect(text).label();
        assert_eq!(
            (label("ctrl-d"), label("enter"), label("f5"), label("G")),
            ("Ctrl+d".into(), "↵".into(), "F5".into(), "G".into())
        );
    }
}
