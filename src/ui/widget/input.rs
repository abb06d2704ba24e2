//! One line of text being entered.

use ratatui::layout::Position;
use tui_input::Input;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::Pen;
use crate::theme::Role;

/// Draws the text of `input`, scrolled so that the cursor is in sight, and returns where the cursor is.
pub fn input(pen: &mut Pen<'_>, input: &Input, columns: usize, hint: &str, secret: bool) -> Position {
    let columns = columns.min(pen.left());
    if input.value().is_empty() {
        let cursor = pen.position();
        pen.field(columns).column(hint, columns, Role::Faint);
        return cursor;
    }
    let before = width_before(input);
    let (value, before) =
        if secret { ("•".repeat(input.value().chars().count()), input.cursor()) } else { (input.value().to_owned(), before) };
    let (start, dropped) = scrolled(&value, before, columns);
    let mut cursor = pen.position();
    cursor.x = cursor.x.saturating_add(u16::try_from(before - dropped.min(before)).unwrap_or(0));
    pen.field(columns).column(&value[start..], columns, Role::Input);
    cursor
}

/// Returns how many bytes of the text [`input()`] leaves out at the left.
#[must_use]
pub fn shown_from(input: &Input, columns: usize) -> usize {
    scrolled(input.value(), width_before(input), columns).0
}

fn width_before(input: &Input) -> usize {
    input.value().chars().take(input.cursor()).collect::<String>().width()
}

/// Returns the bytes and the columns to leave out so that the cursor behind `before` columns is in sight.
fn scrolled(value: &str, before: usize, columns: usize) -> (usize, usize) {
    let skip = (before + 1).saturating_sub(columns);
    let mut dropped = 0;
    let start = value.grapheme_indices(true).find(|(_, grapheme)| {
        let enough = dropped >= skip;
        dropped += if enough { 0 } else { grapheme.width() };
        enough
    });
    (start.map_or(value.len(), |(at, _)| at), dropped)
}
