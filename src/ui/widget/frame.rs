//! A border with a title at the left and a note at the right.

use ratatui::buffer::Buffer;

use super::Pen;
use crate::{
    app::geometry::Area,
    theme::{Role, Theme},
};

/// Horizontal, vertical, then the corners from top left clockwise.
type Lines = [&'static str; 6];

const PLAIN: Lines = ["─", "│", "┌", "┐", "┘", "└"];
const HEAVY: Lines = ["━", "┃", "┏", "┓", "┛", "┗"];

/// Draws the border; a focused pane differs by its lines, not by colour alone.
///
/// ```text
/// ┏1 Topics━━━━━━━━━━1,204 ┓
/// ┃                        ┃
/// ┗━━━━━━━━━━━━━━━━━━━━━━━━┛
/// ```
pub fn frame(buffer: &mut Buffer, theme: &Theme, area: Area, title: &str, note: &str, focused: bool) {
    if area.width < 2 || area.height < 2 {
        return;
    }
    let [horizontal, vertical, top_left, top_right, bottom_right, bottom_left] = if focused { HEAVY } else { PLAIN };
    let role = if focused { Role::BorderFocused } else { Role::Border };
    let (middle, last) = (area.columns() - 2, area.rows() - 1);
    for (row, left, right) in [(0, top_left, top_right), (last, bottom_left, bottom_right)] {
        Pen::new(buffer, theme, area, row).put(left, role).put(&horizontal.repeat(middle), role).put(right, role);
    }
    for row in 1..last {
        Pen::new(buffer, theme, area, row).put(vertical, role).skip(middle).put(vertical, role);
    }
    let inside = Area { x: area.x + 1, width: area.width - 2, ..area };
    let title_role = if focused { Role::Title } else { Role::Dim };
    let mut pen = Pen::new(buffer, theme, inside, 0);
    pen.put(title, title_role);
    let note_width = crate::base::text::line(note, inside.columns()).width();
    if note_width > 0 && pen.left() > note_width + 1 {
        pen.to_right(note_width + 1).put(note, Role::Dim).put(" ", role);
    }
}

/// Empties an area and gives it the background of a popup.
pub fn clear(buffer: &mut Buffer, theme: &Theme, area: Area) {
    let style = theme.style(Role::Popup);
    for y in area.y..area.y.saturating_add(area.height).min(buffer.area.bottom()) {
        for x in area.x..area.x.saturating_add(area.width).min(buffer.area.right()) {
            if let Some(cell) = buffer.cell_mut((x, y)) {
                cell.reset();
                cell.set_style(style);
            }
        }
    }
}
