//! From one frame to the next, in as few bytes as a plain terminal needs.

use ratatui::{
    buffer::{Buffer, Cell},
    layout::Position,
    style::{Color, Modifier},
};
use unicode_width::UnicodeWidthStr;

/// Begins and ends a synchronized update (DEC 2026), so that no half frame is shown; terminals without it ignore both.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

/// Modifier and its SGR parameter.
const MODIFIERS: [(Modifier, u8); 7] = [
    (Modifier::BOLD, 1),
    (Modifier::DIM, 2),
    (Modifier::ITALIC, 3),
    (Modifier::UNDERLINED, 4),
    (Modifier::SLOW_BLINK, 5),
    (Modifier::REVERSED, 7),
    (Modifier::CROSSED_OUT, 9),
];

/// What a cell looks like, apart from its character.
type Look = (Color, Color, Modifier);

const BLANK: Look = (Color::Reset, Color::Reset, Modifier::empty());

/// Writes what turns `before` into `after`; without `before`, or with one of another size, everything is drawn.
///
/// Returns the bytes, none where nothing changed.
pub(super) fn frame(before: Option<&Buffer>, after: &Buffer, cursor_before: Option<Position>, cursor: Option<Position>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut pen = Pen { at: None, look: BLANK };
    let blank;
    let base = if let Some(before) = before.filter(|before| before.area == after.area) {
        before
    } else {
        out.extend_from_slice(b"\x1b[0m\x1b[2J");
        blank = Buffer::empty(after.area);
        &blank
    };
    for (x, y, cell) in base.diff_iter(after) {
        pen.cell(&mut out, x, y, cell);
    }
    if out.is_empty() && cursor == cursor_before {
        return out;
    }
    if pen.look != BLANK {
        out.extend_from_slice(b"\x1b[0m");
    }
    match cursor {
        Some(position) => {
            go_to(&mut out, position.x, position.y);
            if cursor_before.is_none() {
                out.extend_from_slice(b"\x1b[?25h");
            }
        }
        None if cursor_before.is_some() => out.extend_from_slice(b"\x1b[?25l"),
        None => {}
    }
    [BEGIN, &out, END].concat()
}

/// Where the terminal's cursor is and how it writes.
struct Pen {
    at: Option<(u16, u16)>,
    look: Look,
}

impl Pen {
    fn cell(&mut self, out: &mut Vec<u8>, x: u16, y: u16, cell: &Cell) {
        match self.at {
            Some(at) if at == (x, y) => {}
            Some((column, row)) if row == y && column < x => {
                out.extend_from_slice(b"\x1b[");
                if x - column > 1 {
                    number(out, x - column);
                }
                out.push(b'C');
            }
            _ => go_to(out, x, y),
        }
        let look = (cell.fg, cell.bg, cell.modifier);
        if look != self.look {
            sgr(out, look);
            self.look = look;
        }
        let symbol = cell.symbol();
        // Every text went through the sanitiser; this is the last gate, should one ever not have.
        let symbol = if symbol.chars().any(char::is_control) { " " } else { symbol };
        out.extend_from_slice(symbol.as_bytes());
        let width = u16::try_from(symbol.width().max(1)).unwrap_or(1);
        // Terminals disagree about where a wide character leaves the cursor, so its place is set anew after one.
        self.at = (width == 1 && symbol.len() <= 3).then_some((x.saturating_add(1), y));
    }
}

fn go_to(out: &mut Vec<u8>, x: u16, y: u16) {
    out.extend_from_slice(b"\x1b[");
    number(out, y + 1);
    out.push(b';');
    number(out, x + 1);
    out.push(b'H');
}

fn number(out: &mut Vec<u8>, n: u16) {
    out.extend_from_slice(n.to_string().as_bytes());
}

fn sgr(out: &mut Vec<u8>, (fg, bg, modifier): Look) {
    out.extend_from_slice(b"\x1b[0");
    for (flag, code) in MODIFIERS {
        if modifier.contains(flag) {
            out.push(b';');
            number(out, code.into());
        }
    }
    colour(out, fg, 30);
    colour(out, bg, 40);
    out.push(b'm');
}

/// Writes the parameters of a colour; `base` is 30 for the foreground and 40 for the background.
fn colour(out: &mut Vec<u8>, colour: Color, base: u16) {
    let named = match colour {
        Color::Reset => return,
        Color::Rgb(r, g, b) => {
            out.extend_from_slice(format!(";{};2;{r};{g};{b}", base + 8).as_bytes());
            return;
        }
        Color::Indexed(index) => {
            out.extend_from_slice(format!(";{};5;{index}", base + 8).as_bytes());
            return;
        }
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 60,
        Color::LightRed => 61,
        Color::LightGreen => 62,
        Color::LightYellow => 63,
        Color::LightBlue => 64,
        Color::LightMagenta => 65,
        Color::LightCyan => 66,
        Color::White => 67,
    };
    out.push(b';');
    number(out, base + named);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ratatui::{layout::Rect, style::Style};

    use super::*;

    fn buffer(rows: &[&str]) -> Buffer {
        Buffer::with_lines(rows.iter().copied())
    }

    /// Draws frames on an emulated terminal and returns its rows.
    fn shown(frames: &[Vec<u8>], columns: u16, rows: u16) -> Vec<String> {
        let mut screen = vt100::Parser::new(rows.try_into().expect("rows"), columns.try_into().expect("columns"), 0);
        for frame in frames {
            screen.process(frame);
        }
        screen.screen().rows(0, columns).collect()
    }

    #[test]
    fn nothing_changed_is_no_byte() {
        let one = buffer(&["abc"]);
        assert!(frame(Some(&one), &one.clone(), None, None).is_empty());
    }

    #[test]
    fn only_what_changed_is_written() {
        let bytes = frame(Some(&buffer(&["abc", "def"])), &buffer(&["abc", "dxf"]), None, None);
        assert_eq!(bytes, [BEGIN, b"\x1b[2;2Hx", END].concat());
    }

    #[test]
    fn a_style_is_set_and_reset() {
        let mut after = buffer(&["abc"]);
        after.set_string(1, 0, "b", Style::new().fg(Color::Red).add_modifier(Modifier::BOLD));
        let bytes = frame(Some(&buffer(&["abc"])), &after, None, None);
        assert_eq!(bytes, [BEGIN, b"\x1b[1;2H\x1b[0;1;31mb\x1b[0m", END].concat());
    }

    #[test]
    fn a_control_character_in_a_cell_is_never_sent() {
        let mut after = buffer(&["a"]);
        after[(0, 0)].set_symbol("\x1b[2J");
        let bytes = frame(Some(&buffer(&["b"])), &after, None, None);
        assert_eq!(bytes, [BEGIN, b"\x1b[1;1H ", END].concat());
    }

    #[test]
    fn the_cursor_is_shown_only_while_there_is_one() {
        let one = buffer(&["abc"]);
        let here = Some(Position { x: 1, y: 0 });
        assert_eq!(frame(Some(&one), &one, None, here), [BEGIN, b"\x1b[1;2H\x1b[?25h", END].concat());
        assert_eq!(frame(Some(&one), &one, here, None), [BEGIN, b"\x1b[?25l", END].concat());
    }

    proptest! {
        #[test]
        fn a_terminal_shows_each_frame_as_it_was_drawn(
            frames in proptest::collection::vec(proptest::collection::vec("[ a-z温é·]{0,8}", 4), 1..5)
        ) {
            let area = Rect::new(0, 0, 20, 4);
            let mut before: Option<Buffer> = None;
            let mut written = Vec::new();
            for rows in &frames {
                let mut after = Buffer::empty(area);
                for (y, row) in (0..).zip(rows) {
                    after.set_stringn(0, y, row, 20, Style::default());
                }
                written.push(frame(before.as_ref(), &after, None, None));
                before = Some(after);
            }
            let expected: Vec<String> = frames.last().into_iter().flatten().map(|row| row.trim_end().to_owned()).collect();
            let rows: Vec<String> = shown(&written, 20, 4).iter().map(|row| row.trim_end().to_owned()).collect();
            prop_assert_eq!(rows, expected);
        }
    }
}
