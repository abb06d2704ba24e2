//! A sheet of samples: every role of a theme, at every colour depth.

use mqtap::theme::{Depth, Role, Theme};
use ratatui::{buffer::Buffer, layout::Rect};

/// The depths, with the heads of their columns.
const DEPTHS: [(&str, Depth); 4] =
    [("true colour", Depth::TrueColor), ("256 colours", Depth::Ansi256), ("16 colours", Depth::Ansi16), ("no colour", Depth::None)];

/// The width of a column.
const COLUMN: u16 = 25;

/// Draws a row for each role and a column for each depth.
pub(crate) fn draw(theme: &Theme) -> Buffer {
    let rows = u16::try_from(Role::ALL.len()).unwrap_or(u16::MAX) + 3;
    let mut cells = Buffer::empty(Rect::new(0, 0, 4 * COLUMN, rows));
    for (x, (head, depth)) in (1..).step_by(COLUMN.into()).zip(DEPTHS) {
        let theme = theme.at_depth(depth);
        cells.set_string(x, 0, head, theme.style(Role::Title));
        for (y, role) in (2..).zip(Role::ALL) {
            cells.set_string(x, y, format!(" {:20} ", role.name()), theme.style(Role::Text).patch(theme.style(role)));
        }
    }
    cells
}
