//! Tests of the pictures; none needs a font.

use std::num::NonZeroU16;

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier, Style},
};
use resvg::usvg::fontdb::Database;

use super::{
    pixmap, png, screen_of,
    svg::{CELL_HEIGHT, CELL_WIDTH, Look, PADDING, TITLE_BAR, svg},
};

const LOOK: Look = Look { foreground: [200, 200, 200], background: [10, 20, 30] };

fn size(cells: u16) -> NonZeroU16 {
    NonZeroU16::new(cells).unwrap()
}

/// Returns the colour of the pixel at `x` and `y` of a cell.
fn pixel(cells: &Buffer, (column, row): (u16, u16), x: u16, y: u16) -> [u8; 3] {
    let pixels = pixmap(&svg(cells, LOOK, ""), &Database::new()).unwrap();
    let (x, y) = (PADDING + column * CELL_WIDTH + x, TITLE_BAR + row * CELL_HEIGHT + y);
    let pixel = pixels.pixel(x.into(), y.into()).unwrap();
    [pixel.red(), pixel.green(), pixel.blue()]
}

#[test]
fn the_same_cells_make_the_same_bytes() {
    let mut cells = Buffer::with_lines(["┏━┓╭╮ ⣿⠁ ▁▂▃█▒▚"]);
    cells.set_style(Rect::new(0, 0, 5, 1), Style::new().fg(Color::Indexed(196)).bg(Color::Blue));
    let draw = || png(&svg(&cells, LOOK, "mqtap"), &Database::new()).unwrap();
    assert_eq!(draw(), draw());
}

#[test]
fn a_heavy_line_meets_the_next_cell_without_a_gap() {
    let cells = Buffer::with_lines(["┏━┓", "┃ ┃"]);
    for (cell, x, y) in [((0, 0), 9, 10), ((1, 0), 0, 10), ((1, 0), 9, 10), ((0, 0), 5, 19), ((0, 1), 5, 0)] {
        assert_eq!(pixel(&cells, cell, x, y), LOOK.foreground, "{cell:?} {x} {y}");
    }
}

#[test]
fn a_corner_leaves_its_other_sides_empty() {
    let cells = Buffer::with_lines(["┏"]);
    assert_eq!(pixel(&cells, (0, 0), 1, 10), LOOK.background);
    assert_eq!(pixel(&cells, (0, 0), 5, 2), LOOK.background);
}

#[test]
fn a_block_fills_its_share_of_the_cell() {
    let cells = Buffer::with_lines(["▄▌"]);
    assert_eq!([2, 17].map(|y| pixel(&cells, (0, 0), 5, y)), [LOOK.background, LOOK.foreground]);
    assert_eq!([2, 7].map(|x| pixel(&cells, (1, 0), x, 5)), [LOOK.foreground, LOOK.background]);
}

#[test]
fn braille_is_drawn_dot_by_dot() {
    let cells = Buffer::with_lines(["⠁⢀"]);
    assert_eq!(pixel(&cells, (0, 0), 2, 2), LOOK.foreground);
    assert_eq!(pixel(&cells, (0, 0), 7, 17), LOOK.background);
    assert_eq!(pixel(&cells, (1, 0), 7, 17), LOOK.foreground);
}

#[test]
fn reverse_exchanges_text_and_ground() {
    let mut cells = Buffer::with_lines(["█ "]);
    cells.set_style(Rect::new(0, 0, 2, 1), Style::new().add_modifier(Modifier::REVERSED));
    assert_eq!(pixel(&cells, (0, 0), 5, 5), LOOK.background);
    assert_eq!(pixel(&cells, (1, 0), 5, 5), LOOK.foreground);
}

#[test]
fn what_a_wide_character_covers_is_not_drawn_again() {
    let mut cells = Buffer::empty(Rect::new(0, 0, 3, 1));
    cells.set_string(0, 0, "温", Style::new());
    cells[(1, 0)].set_symbol("x");
    let drawn = svg(&cells, LOOK, "");
    assert!(drawn.contains(">温<") && !drawn.contains(">x<"), "{drawn}");
}

#[test]
fn text_is_escaped_for_xml() {
    let drawn = svg(&Buffer::with_lines(["a<b>&c"]), LOOK, "<&>");
    assert!(drawn.contains("a&lt;b&gt;&amp;c") && drawn.contains(">&lt;&amp;&gt;<"), "{drawn}");
}

#[test]
fn a_capture_becomes_the_cells_it_shows() {
    let cells = screen_of(b"\x1b[1;38;2;1;2;3mab\x1b[0m\n\x1b[48;5;24;4mc\x1b[0m\n\n", size(3), size(3));
    let mut expected = Buffer::with_lines(["ab ", "c  ", "   "]);
    expected.set_style(Rect::new(0, 0, 2, 1), Style::new().fg(Color::Rgb(1, 2, 3)).add_modifier(Modifier::BOLD));
    expected.set_style(Rect::new(0, 1, 1, 1), Style::new().bg(Color::Indexed(24)).add_modifier(Modifier::UNDERLINED));
    assert_eq!(cells, expected);
}

#[test]
fn the_capture_of_a_full_screen_keeps_its_first_line() {
    assert_eq!(screen_of(b"a\nb\n", size(1), size(2)), Buffer::with_lines(["a", "b"]));
}

#[test]
fn the_log_of_a_finished_program_shows_its_last_screen() {
    let cells = screen_of(b"sh\x1b[?1049h\x1b[Hfull\x1b[?1049lbye", size(4), size(1));
    assert_eq!(cells, Buffer::with_lines(["full"]));
}
