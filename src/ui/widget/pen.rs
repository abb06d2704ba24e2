//! A pen that writes along one row and never over its end.

use std::ops::Range;

use ratatui::{
    buffer::Buffer,
    layout::Position,
    style::{Modifier, Style},
};
use unicode_width::UnicodeWidthStr;

use crate::{
    app::geometry::Area,
    base::text::{self, Shown},
    payload::{Span, Tone},
    theme::{Role, Theme},
};

/// Writes along a row of `area`, from the left; what does not fit is cut.
pub struct Pen<'a> {
    buffer: &'a mut Buffer,
    theme: &'a Theme,
    x: u16,
    y: u16,
    end: u16,
    under: Style,
    over: Style,
}

impl<'a> Pen<'a> {
    /// Makes a pen at the left of row `row` of `area`; outside of the area it writes nothing.
    pub fn new(buffer: &'a mut Buffer, theme: &'a Theme, area: Area, row: usize) -> Self {
        let y = area.y.saturating_add(u16::try_from(row).unwrap_or(u16::MAX));
        let inside = row < area.rows() && y < buffer.area.bottom();
        let end = if inside { (area.x + area.width).min(buffer.area.right()) } else { area.x };
        Self { buffer, theme, x: area.x, y, end, under: Style::default(), over: Style::default() }
    }

    /// Fills the rest of the row with a ground on which everything written from now on stands.
    pub fn underlay(&mut self, role: Role) -> &mut Self {
        self.under = self.theme.style(role);
        self.fill(self.under);
        self
    }

    /// Marks the rest of the row as chosen: the mark lies over the styles of everything written from now on.
    pub fn select(&mut self, role: Role) -> &mut Self {
        self.over = self.theme.style(role);
        self.fill(self.over);
        self
    }

    /// Gives the next columns the ground of a field, without moving.
    pub fn field(&mut self, columns: usize) -> &mut Self {
        let end = self.end;
        self.end = end.min(self.x.saturating_add(u16::try_from(columns).unwrap_or(u16::MAX)));
        self.fill(self.theme.style(Role::Input));
        self.end = end;
        self
    }

    fn fill(&mut self, style: Style) {
        for x in self.x..self.end {
            if let Some(cell) = self.buffer.cell_mut(Position { x, y: self.y }) {
                cell.set_style(style);
            }
        }
    }

    /// Returns how many columns are left.
    #[must_use]
    pub fn left(&self) -> usize {
        usize::from(self.end.saturating_sub(self.x))
    }

    /// Writes text of our own or from outside, cut with an ellipsis.
    pub fn put(&mut self, text: &str, role: Role) -> &mut Self {
        let shown = text::line(text, self.left());
        self.shown(&shown, role)
    }

    /// Writes text into exactly `columns` columns, the rest blank.
    pub fn column(&mut self, text: &str, columns: usize, role: Role) -> &mut Self {
        let columns = columns.min(self.left());
        self.column_shown(&text::line(text, columns), columns, role)
    }

    /// Writes text that is safe already into exactly `columns` columns, which it fits, the rest blank.
    pub fn column_shown(&mut self, shown: &Shown, columns: usize, role: Role) -> &mut Self {
        let columns = columns.min(self.left());
        self.shown(shown, role);
        self.skip(columns.saturating_sub(shown.width()))
    }

    /// Writes text at the right of exactly `columns` columns.
    pub fn column_right(&mut self, text: &str, columns: usize, role: Role) -> &mut Self {
        let columns = columns.min(self.left());
        let shown = text::line(text, columns);
        self.skip(columns.saturating_sub(shown.width()));
        self.shown(&shown, role)
    }

    /// Writes text that is safe already; what was replaced in it has a style of its own.
    pub fn shown(&mut self, shown: &Shown, role: Role) -> &mut Self {
        for (part, escaped) in shown.parts() {
            self.raw(part, if escaped { Role::Escape } else { role });
        }
        self
    }

    /// Writes decoded spans, at most `columns` columns of them; returns how many were used.
    pub fn spans(&mut self, spans: &[Span], columns: usize) -> usize {
        let start = self.x;
        let end = self.end;
        self.end = self.end.min(self.x.saturating_add(u16::try_from(columns).unwrap_or(u16::MAX)));
        for span in spans {
            self.raw(&span.text, role_of(span.tone));
        }
        self.end = end;
        usize::from(self.x - start)
    }

    /// Leaves columns blank.
    pub fn skip(&mut self, columns: usize) -> &mut Self {
        self.x = self.x.saturating_add(u16::try_from(columns).unwrap_or(u16::MAX)).min(self.end);
        self
    }

    /// Moves to `columns` before the end of the row, unless the pen is beyond that.
    pub fn to_right(&mut self, columns: usize) -> &mut Self {
        let columns = u16::try_from(columns).unwrap_or(u16::MAX);
        self.x = self.x.max(self.end.saturating_sub(columns));
        self
    }

    /// Returns where the pen is, for the cursor.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { x: self.x.min(self.end.saturating_sub(1)), y: self.y }
    }

    /// Returns the column that is written next.
    #[must_use]
    pub fn column_at(&self) -> u16 {
        self.x
    }

    /// Lays a role over parts of what was written from a column on; `find` returns these parts in bytes of the text.
    pub fn mark(&mut self, from: u16, find: impl FnOnce(&str) -> Vec<Range<usize>>, role: Role) {
        self.lay_over(from, find, self.theme.style(role));
    }

    /// Underlines parts of what was written from a column on, in a role.
    pub fn underline(&mut self, from: u16, find: impl FnOnce(&str) -> Vec<Range<usize>>, role: Role) {
        self.lay_over(from, find, self.theme.style(role).add_modifier(Modifier::UNDERLINED));
    }

    fn lay_over(&mut self, from: u16, find: impl FnOnce(&str) -> Vec<Range<usize>>, style: Style) {
        let mut text = String::new();
        // Where in the text each cell starts.
        let mut cells = Vec::new();
        let mut x = from;
        while x < self.x {
            let Some(cell) = self.buffer.cell(Position { x, y: self.y }) else { break };
            let width = u16::try_from(cell.symbol().width()).unwrap_or(1).max(1);
            cells.push((x, width, text.len()));
            text.push_str(cell.symbol());
            x = x.saturating_add(width);
        }
        let parts = find(&text);
        for (x, width, _) in cells.into_iter().filter(|(.., at)| parts.iter().any(|part| part.contains(at))) {
            for x in x..x + width {
                if let Some(cell) = self.buffer.cell_mut(Position { x, y: self.y }) {
                    cell.set_style(style);
                }
            }
        }
    }

    fn raw(&mut self, text: &str, role: Role) {
        let left = self.left();
        if left == 0 {
            return;
        }
        let style = self.under.patch(self.theme.style(role)).patch(self.over);
        if text.bytes().all(|byte| (b' '..0x7f).contains(&byte)) {
            // A column each: there is nothing to find out about them.
            for byte in text.bytes().take(left) {
                if let Some(cell) = self.buffer.cell_mut(Position { x: self.x, y: self.y }) {
                    cell.set_char(char::from(byte)).set_style(style);
                }
                self.x += 1;
            }
            return;
        }
        let (x, _) = self.buffer.set_stringn(self.x, self.y, text, left, style);
        debug_assert!(usize::from(x - self.x) <= text.width(), "a cell is never wider than what the sanitiser allows");
        self.x = x;
    }
}

fn role_of(tone: Tone) -> Role {
    match tone {
        Tone::Plain => Role::Text,
        Tone::Key => Role::JsonKey,
        Tone::String => Role::JsonString,
        Tone::Number => Role::JsonNumber,
        Tone::Bool => Role::JsonBool,
        Tone::Null => Role::JsonNull,
        Tone::Punctuation => Role::JsonPunctuation,
        Tone::Note => Role::Kind,
        Tone::Blank => Role::Dim,
        Tone::Escape => Role::Escape,
        Tone::Error => Role::Error,
    }
}
