//! A form: labels at the left, fields at the right, what is wrong at the bottom.

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::Modifier,
    widgets::Widget,
};

use super::{Pen, wrap};
use crate::{
    app::{
        form::{self, Field, Form, Row},
        geometry::Area,
    },
    base::{human, text},
    theme::{Role, Theme},
    ui::widget::input::input,
};

/// Columns of the labels.
const LABEL: usize = 10;

/// The most bytes in one cell.
const MOST_BYTES: usize = 32;

pub(super) fn render(form: &Form, area: Area, theme: &Theme, buffer: &mut Buffer) -> Option<Position> {
    let mut cursor = None;
    let bottom = area.rows().saturating_sub(1);
    let mut line = 1;
    for (index, row) in form.rows.iter().enumerate() {
        let focused = index == form.focus;
        if let Field::Area(text) = &row.field {
            let label = if text.has_crlf() { format!("{}, lines end with CR LF", row.label) } else { row.label.to_owned() };
            rule(&label, area, line, focused, theme, buffer);
            let rows = bottom.saturating_sub(line + 2);
            let window =
                Area { x: area.x + 1, width: area.width.saturating_sub(2), y: area.y + small(line + 1), height: small(rows) };
            text_area(text, window, focused, theme, buffer);
            line = bottom;
            continue;
        }
        let mut pen = Pen::new(buffer, theme, area, line);
        let label = if focused { Role::Accent } else { Role::InputLabel };
        pen.put(if focused { "›" } else { " " }, Role::Accent).column(row.label, LABEL, label);
        if let Some(position) = field(row, focused, &mut pen) {
            cursor = Some(position);
        }
        line += 1;
    }
    if let Some(error) = &form.error {
        let lines = wrap(&text::safe(error).to_string(), area.columns().saturating_sub(4));
        let first = area.rows().saturating_sub(lines.len().min(2));
        for (offset, text) in lines.iter().take(2).enumerate() {
            let mark = if offset == 0 { "✗ " } else { "  " };
            Pen::new(buffer, theme, area, first + offset).skip(1).put(mark, Role::Error).put(text, Role::Error);
        }
    }
    cursor
}

fn small(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

fn rule(label: &str, area: Area, line: usize, focused: bool, theme: &Theme, buffer: &mut Buffer) {
    let mut pen = Pen::new(buffer, theme, area, line);
    let role = if focused { Role::Accent } else { Role::InputLabel };
    pen.put(if focused { "›" } else { " " }, Role::Accent).put(label, role).put(" ", role);
    let rest = pen.left();
    pen.put(&"─".repeat(rest), Role::Border);
}

/// Writes a field of one row, and returns where the cursor is when it has the focus.
fn field(row: &Row, focused: bool, pen: &mut Pen<'_>) -> Option<Position> {
    match &row.field {
        Field::Text(text) | Field::Secret(text) => {
            let columns = pen.left().saturating_sub(1);
            let position = input(pen, text, columns, row.hint, matches!(row.field, Field::Secret(_)));
            focused.then_some(position)
        }
        Field::Choice { options, chosen } => {
            for (index, option) in options.iter().enumerate() {
                let (mark, role) = if index == *chosen { ("(•) ", Role::Accent) } else { ("( ) ", Role::Dim) };
                pen.put(mark, role).put(option, if index == *chosen { Role::Text } else { Role::Dim }).skip(3);
            }
            None
        }
        Field::Toggle(on) => {
            pen.put(if *on { "[x]" } else { "[ ]" }, if *on { Role::Accent } else { Role::Dim });
            None
        }
        Field::Raw(bytes, why) => {
            let said = format!("{} {why}, sent as they are; Del empties", human::size(bytes.len() as u64));
            pen.put(&said, Role::Kind);
            None
        }
        Field::Properties { kept, said } => {
            pen.put(said, if kept.is_some() { Role::Text } else { Role::Dim });
            None
        }
        Field::Given(..) => {
            pen.put("from the URL, kept in memory; Del throws it away", Role::Kind);
            None
        }
        Field::Area(_) => None,
    }
}

/// Draws the text area; the cursor is a cell in reverse.
fn text_area(text: &form::Area, window: Area, focused: bool, theme: &Theme, buffer: &mut Buffer) {
    for row in 0..window.rows() {
        Pen::new(buffer, theme, window, row).field(window.columns());
    }
    let (area, rect) = (text.widget(), Rect { x: window.x, y: window.y, width: window.width, height: window.height });
    Widget::render(area, rect, buffer);
    let (top, left) = area.scroll_offset();
    let at = area.screen_cursor();
    let cursor = Position {
        x: window.x + small(at.col.saturating_sub(usize::from(left))),
        y: window.y + small(at.row.saturating_sub(usize::from(top))),
    };
    for position in rect.intersection(buffer.area).positions() {
        let cell = &mut buffer[position];
        // Graphemes come out as they were typed: of one that is no letter, a cell shows that there is something.
        if cell.symbol().len() > MOST_BYTES || cell.symbol().chars().any(text::is_hostile) {
            cell.set_symbol("…");
        }
        if focused && position == cursor {
            cell.modifier.insert(Modifier::REVERSED);
        }
    }
}
