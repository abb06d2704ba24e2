//! A form: labelled fields, one of them in focus, and the sentence that says what is wrong.

mod area;
pub mod line;

use bytes::Bytes;
use tui_input::Input;
use zeroize::Zeroize;

pub use self::area::Area;
use self::line::{LONGEST_LINE, LeftOut};
use crate::{
    base::secret::Secret,
    keymap::key::{Code, Key},
    mqtt::message::Properties,
};

/// What a field holds.
#[derive(Debug)]
pub enum Field {
    /// One line of text.
    Text(Input),
    /// One line that is shown as dots and wiped afterwards.
    Secret(Input),
    /// One of a few words.
    Choice {
        /// The words.
        options: &'static [&'static str],
        /// The index of the chosen one.
        chosen: usize,
    },
    /// On or off.
    Toggle(bool),
    /// Lines of text.
    Area(Box<Area>),
    /// Bytes that cannot be edited as text, for this reason, and are used as they are; deleting them makes an empty text.
    Raw(Bytes, &'static str),
    /// Properties of a message that are kept as they are, and what is said of them; they can be left out.
    Properties {
        /// The properties that are kept.
        kept: Option<Box<Properties>>,
        /// What is kept, or why nothing is.
        said: String,
    },
    /// A secret that was given already, never shown; thrown away, it leaves a choice of these words.
    Given(Secret, &'static [&'static str]),
}

/// A field with its label.
#[derive(Debug)]
pub struct Row {
    /// The label, unique within the form.
    pub label: &'static str,
    /// A word on what is expected, shown while the field is empty.
    pub hint: &'static str,
    /// The field.
    pub field: Field,
}

/// Labelled fields, one of them in focus.
#[derive(Debug)]
pub struct Form {
    /// The title of the popup.
    pub title: String,
    /// The fields from top to bottom.
    pub rows: Vec<Row>,
    /// The index of the field in focus.
    pub focus: usize,
    /// What is wrong with what was entered.
    pub error: Option<String>,
}

/// What a key did to a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// It was used up.
    Taken,
    /// The field does not hold that character.
    LeftOut(LeftOut),
    /// Enter in a form of single lines: the user is done.
    Submit,
    /// It means nothing here.
    Ignored,
}

impl Form {
    /// Makes a form with the first field in focus.
    #[must_use]
    pub fn new(title: impl Into<String>, rows: Vec<Row>) -> Self {
        Self { title: title.into(), rows, focus: 0, error: None }
    }

    /// Moves the focus by `step` fields, around the ends.
    pub fn step(&mut self, step: isize) {
        self.focus =
            self.focus.saturating_add_signed(step.rem_euclid(self.rows.len().max(1).cast_signed())) % self.rows.len().max(1);
    }

    /// Puts the focus on the field of that label.
    pub fn focus_on(&mut self, label: &str) {
        self.focus = self.rows.iter().position(|row| row.label == label).unwrap_or(self.focus);
    }

    /// Gives a key to the field in focus.
    pub fn key(&mut self, key: Key) -> Reply {
        self.error = None;
        let single = !self.rows.iter().any(|row| matches!(row.field, Field::Area(_) | Field::Raw(..)));
        let Some(row) = self.rows.get_mut(self.focus) else { return Reply::Ignored };
        let in_area = matches!(row.field, Field::Area(_));
        match key.code {
            Code::Enter if !in_area && single => return Reply::Submit,
            Code::Enter | Code::Down if !in_area => {
                self.step(1);
                return Reply::Taken;
            }
            Code::Up if !in_area => {
                self.step(-1);
                return Reply::Taken;
            }
            _ => {}
        }
        match row.field.key(key) {
            Some(left) if left.said().is_some() => Reply::LeftOut(left),
            Some(_) => Reply::Taken,
            None => Reply::Ignored,
        }
    }

    /// Inserts pasted text into the field in focus, and returns what it did not take.
    pub fn paste(&mut self, pasted: &str) -> LeftOut {
        self.error = None;
        match self.rows.get_mut(self.focus).map(|row| &mut row.field) {
            Some(Field::Text(input) | Field::Secret(input)) => line::splice(input, pasted, LONGEST_LINE),
            Some(Field::Area(area)) => area.paste(pasted),
            Some(Field::Choice { .. } | Field::Toggle(_) | Field::Raw(..) | Field::Properties { .. } | Field::Given(..)) | None => {
                LeftOut::default()
            }
        }
    }

    /// Returns the text of a field: a line, all lines, or the chosen word; empty where there is no such field.
    #[must_use]
    pub fn text(&self, label: &str) -> String {
        match self.field(label) {
            Some(Field::Text(input) | Field::Secret(input)) => input.value().to_owned(),
            Some(Field::Choice { options, chosen }) => options.get(*chosen).copied().unwrap_or_default().to_owned(),
            Some(Field::Area(area)) => area.text(),
            Some(Field::Toggle(_) | Field::Raw(..) | Field::Properties { .. } | Field::Given(..)) | None => String::new(),
        }
    }

    /// Tells whether a toggle is on.
    #[must_use]
    pub fn is_on(&self, label: &str) -> bool {
        matches!(self.field(label), Some(Field::Toggle(true)))
    }

    /// Returns the index of a choice.
    #[must_use]
    pub fn chosen(&self, label: &str) -> usize {
        match self.field(label) {
            Some(Field::Choice { chosen, .. }) => *chosen,
            _ => 0,
        }
    }

    /// Puts another field in the place of that label.
    pub fn set(&mut self, label: &str, field: Field) {
        if let Some(row) = self.rows.iter_mut().find(|row| row.label == label) {
            row.field = field;
        }
    }

    /// Writes another text into the line of that label; the cursor stays as far from its end.
    pub fn rewrite(&mut self, label: &str, text: String) {
        if let Some(Field::Text(input)) = self.rows.iter_mut().find(|row| row.label == label).map(|row| &mut row.field) {
            let behind = input.value().chars().count() - input.cursor();
            let cursor = text.chars().count().saturating_sub(behind);
            String::from(std::mem::replace(input, Input::new(text).with_cursor(cursor))).zeroize();
        }
    }

    /// Returns the field of that label.
    #[must_use]
    pub fn field(&self, label: &str) -> Option<&Field> {
        self.rows.iter().find(|row| row.label == label).map(|row| &row.field)
    }
}

impl Row {
    /// Makes a field of one line with a text to begin with.
    #[must_use]
    pub fn line(label: &'static str, hint: &'static str, value: impl Into<String>) -> Self {
        Self { label, hint, field: Field::Text(Input::new(value.into())) }
    }

    /// Makes an empty field for a secret.
    #[must_use]
    pub fn secret(label: &'static str, hint: &'static str) -> Self {
        Self { label, hint, field: Field::Secret(Input::default()) }
    }

    /// Makes a choice.
    #[must_use]
    pub fn choice(label: &'static str, options: &'static [&'static str], chosen: usize) -> Self {
        Self { label, hint: "", field: Field::Choice { options, chosen } }
    }

    /// Makes a switch.
    #[must_use]
    pub fn toggle(label: &'static str, on: bool) -> Self {
        Self { label, hint: "", field: Field::Toggle(on) }
    }

    /// Makes a field of several lines, or one that keeps the bytes as they are where they are no text for it.
    #[must_use]
    pub fn bytes(label: &'static str, value: &Bytes) -> Self {
        let area = std::str::from_utf8(value).map_err(|_| "that are no plain text").and_then(Area::of);
        let field = match area {
            Ok(area) => Field::Area(Box::new(area)),
            Err(why) => Field::Raw(value.clone(), why),
        };
        Self { label, hint: "", field }
    }
}

impl Field {
    /// Gives a key to the field; returns what was left out, nothing where the key means nothing here.
    fn key(&mut self, key: Key) -> Option<LeftOut> {
        let taken = |is_taken: bool| is_taken.then(LeftOut::default);
        match self {
            Self::Text(input) | Self::Secret(input) => line::press(input, key, LONGEST_LINE),
            Self::Choice { options, chosen } => taken(choose(options, chosen, key)),
            Self::Toggle(on) => {
                let flips = matches!(key.code, Code::Char(' ') | Code::Left | Code::Right);
                *on ^= flips;
                taken(flips)
            }
            Self::Area(area) => area.press(key),
            Self::Raw(..) => {
                let empties = matches!(key.code, Code::Delete | Code::Backspace) || key.empties();
                if empties {
                    *self = Self::Area(Box::default());
                }
                taken(empties)
            }
            Self::Given(_, options) => {
                let empties = matches!(key.code, Code::Delete | Code::Backspace) || key.empties();
                if empties {
                    *self = Self::Choice { options, chosen: 0 };
                }
                taken(empties)
            }
            Self::Properties { kept, said } => {
                let empties = (matches!(key.code, Code::Delete | Code::Backspace) || key.empties()) && kept.is_some();
                if empties {
                    *kept = None;
                    "properties left out".clone_into(said);
                }
                taken(empties)
            }
        }
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        if let Self::Secret(input) = self {
            String::from(std::mem::take(input)).zeroize();
        }
    }
}

fn choose(options: &[&str], chosen: &mut usize, key: Key) -> bool {
    let last = options.len().saturating_sub(1);
    match key.code {
        Code::Left => *chosen = chosen.checked_sub(1).unwrap_or(last),
        Code::Right | Code::Char(' ') => *chosen = if *chosen == last { 0 } else { *chosen + 1 },
        Code::Char(c) => match options.iter().position(|option| option.starts_with(c)) {
            Some(index) => *chosen = index,
            None => return false,
        },
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(form: &mut Form, keys: &str) -> Reply {
        keys.split(' ').map(|key| form.key(key.parse().expect("a key"))).last().expect("keys")
    }

    #[test]
    fn keys_go_to_the_field_in_focus() {
        let mut form = Form::new(
            "t",
            vec![Row::line("Topic", "", "a"), Row::choice("QoS", &["0", "1", "2"], 0), Row::toggle("Retain", false)],
        );
        press(&mut form, "/ b down 2 down space");
        assert_eq!((form.text("Topic"), form.chosen("QoS"), form.is_on("Retain")), ("a/b".into(), 2, true));
        assert_eq!(press(&mut form, "enter"), Reply::Submit);
    }

    #[test]
    fn enter_in_a_form_with_an_area_makes_lines() {
        let mut form = Form::new("t", vec![Row::line("Topic", "", ""), Row::bytes("Payload", &Bytes::new())]);
        press(&mut form, "t enter a enter b");
        assert_eq!((form.text("Topic"), form.text("Payload")), ("t".into(), "a\nb".into()));
    }

    #[test]
    fn a_paste_leaves_out_what_a_line_cannot_hold() {
        let mut form = Form::new("t", vec![Row::line("Topic", "", "")]);
        assert_eq!(form.paste(" a\x1b[31m/b\n").hostile, 1);
        assert_eq!(form.text("Topic"), "a[31m/b");
    }

    #[test]
    fn raw_bytes_are_kept_until_deleted() {
        let mut form = Form::new("t", vec![Row::bytes("Payload", &Bytes::from_static(b"\xff"))]);
        assert_eq!(press(&mut form, "x"), Reply::Ignored);
        press(&mut form, "delete x");
        assert_eq!(form.text("Payload"), "x");
    }
}
