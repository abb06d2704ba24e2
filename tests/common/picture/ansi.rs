//! What a program wrote to a terminal, as the cells that it left there.

use std::num::NonZeroU16;

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier, Style},
};

/// The escape sequence with which a program leaves the alternate screen, and its picture with it.
const LEAVE: &[u8] = b"\x1b[?1049l";

/// Interprets the output of a program, or of `tmux capture-pane -e -p`, on a terminal of this size.
///
/// A line feed alone starts a new line, as in a capture; what follows the end of a full-screen program is left out.
pub(crate) fn screen_of(output: &[u8], columns: NonZeroU16, rows: NonZeroU16) -> Buffer {
    let end = output.windows(LEAVE.len()).rposition(|window| window == LEAVE).unwrap_or(output.len());
    // A line feed at the end would scroll the first line away.
    let output = output[..end].trim_ascii_end();
    let mut terminal = vt100::Parser::new(rows, columns, 0);
    for line in output.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(line) => {
                terminal.process(line);
                terminal.process(b"\r\n");
            }
            None => terminal.process(line),
        }
    }
    cells_of(terminal.screen())
}

/// Copies the cells of a screen.
fn cells_of(screen: &vt100::Screen) -> Buffer {
    let (rows, columns) = screen.size();
    let mut cells = Buffer::empty(Rect::new(0, 0, columns.get(), rows.get()));
    for y in 0..rows.get() {
        for x in 0..columns.get() {
            if let Some((from, to)) = screen.cell(y, x).zip(cells.cell_mut((x, y))) {
                to.set_symbol(if from.has_contents() { from.contents() } else { " " }).set_style(style_of(from));
            }
        }
    }
    cells
}

fn style_of(cell: &vt100::Cell) -> Style {
    let attributes = [
        (cell.bold(), Modifier::BOLD),
        (cell.dim(), Modifier::DIM),
        (cell.italic(), Modifier::ITALIC),
        (cell.underline(), Modifier::UNDERLINED),
        (cell.inverse(), Modifier::REVERSED),
    ];
    let modifiers = attributes.into_iter().filter(|(set, _)| *set).map(|(_, modifier)| modifier).collect();
    Style::new().fg(color_of(cell.fgcolor())).bg(color_of(cell.bgcolor())).add_modifier(modifiers)
}

fn color_of(color: vt100::Color) -> Color {
    match color {
        vt100::Color::Default => Color::Reset,
        vt100::Color::Idx(index) => Color::Indexed(index),
        vt100::Color::Rgb(r, g, b) => Color::Rgb(r, g, b),
    }
}
