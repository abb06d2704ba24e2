use proptest::prelude::*;
use ratatui::{
    layout::Rect,
    style::{Color, Modifier, Style},
};

use super::*;

const WHOLE: Budget = Budget { room: usize::MAX, asks: false };

/// An encoder and the terminal that it writes to.
struct Stage {
    encoder: Encoder,
    terminal: vt100::Parser,
    size: (u16, u16),
}

impl Stage {
    fn new(columns: u16, rows: u16) -> Self {
        let terminal = vt100::Parser::new(rows.try_into().expect("rows"), columns.try_into().expect("columns"), 0);
        Self { encoder: Encoder::new(), terminal, size: (columns, rows) }
    }

    /// Draws a whole frame.
    fn show(&mut self, after: &Buffer) -> Vec<u8> {
        self.draw(after, None, WHOLE).bytes
    }

    /// Draws a frame, and compares the terminal with what the encoder knows of it.
    fn draw(&mut self, after: &Buffer, cursor: Option<Position>, budget: Budget) -> Frame {
        let (frame, _) = self.encoder.frame(after.clone(), cursor, budget);
        self.terminal.process(&frame.bytes);
        let shown = self.encoder.shown.clone().expect("a screen");
        self.compare(&shown);
        if frame.is_whole {
            self.compare(after);
        }
        frame
    }

    fn compare(&self, expected: &Buffer) {
        let (columns, rows) = self.size;
        for y in 0..rows {
            let mut covered = 0;
            for x in 0..columns {
                if covered > 0 {
                    covered -= 1;
                    continue;
                }
                let cell = &expected[(x, y)];
                covered = width(cell) - 1;
                if cell.symbol() == UNKNOWN {
                    continue;
                }
                let shown = self.terminal.screen().cell(y, x).expect("a cell");
                let contents = if shown.has_contents() { shown.contents() } else { " " };
                assert_eq!(contents, symbol(cell), "column {x}, row {y}");
                assert_eq!(look_of(shown), seen(cell), "look of column {x}, row {y}: {contents:?}");
            }
        }
    }
}

/// What the emulator can tell of the look of a cell, as far as it is seen.
type Seen = (vt100::Color, vt100::Color, [bool; 5]);

fn look_of(cell: &vt100::Cell) -> Seen {
    let flags = [cell.bold(), cell.dim(), cell.italic(), cell.underline(), cell.inverse()];
    visible(!cell.has_contents() || cell.contents() == " ", (cell.fgcolor(), cell.bgcolor(), flags))
}

fn seen(cell: &Cell) -> Seen {
    let modifiers = [Modifier::BOLD, Modifier::DIM, Modifier::ITALIC, Modifier::UNDERLINED, Modifier::REVERSED];
    let flags = modifiers.map(|modifier| cell.modifier.contains(modifier));
    visible(symbol(cell) == " ", (colour(cell.fg), colour(cell.bg), flags))
}

fn visible(is_blank: bool, (fg, bg, flags): Seen) -> Seen {
    if is_blank && !flags[3] && !flags[4] { (vt100::Color::Default, bg, [false; 5]) } else { (fg, bg, flags) }
}

fn colour(colour: Color) -> vt100::Color {
    match colour {
        Color::Reset => vt100::Color::Default,
        Color::Rgb(r, g, b) => vt100::Color::Rgb(r, g, b),
        Color::Indexed(index) => vt100::Color::Idx(index),
        Color::Red => vt100::Color::Idx(1),
        Color::LightBlue => vt100::Color::Idx(12),
        other => panic!("{other} is not used here"),
    }
}

fn buffer(rows: &[&str]) -> Buffer {
    Buffer::with_lines(rows.iter().copied())
}

fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

#[test]
fn nothing_changed_is_no_byte() {
    let mut stage = Stage::new(3, 1);
    let one = buffer(&["abc"]);
    stage.show(&one);
    assert!(stage.show(&one).is_empty());
}

#[test]
fn the_first_frame_clears_the_screen() {
    assert_eq!(shown(&Stage::new(3, 2).show(&buffer(&["abc", "  d"]))), r"\x1b[m\x1b[r\x1b[?25l\x1b[H\x1b[2Jabc\x1b[2;3Hd");
}

#[test]
fn only_what_changed_is_written() {
    let mut stage = Stage::new(3, 2);
    stage.show(&buffer(&["abc", "def"]));
    assert_eq!(shown(&stage.show(&buffer(&["abc", "dxf"]))), r"\x1b[2;2Hx");
}

#[test]
fn what_is_between_two_changes_is_written_again_where_that_is_shorter() {
    let mut stage = Stage::new(12, 1);
    stage.show(&buffer(&["abcdefghijkl"]));
    assert_eq!(shown(&stage.show(&buffer(&["xbcydefghijk"]))), r"\x1b[Hxbcydefghijk");
    assert_eq!(shown(&stage.show(&buffer(&["XbcydefghijK"]))), r"\x1b[HX\x1b[10CK");
}

#[test]
fn a_style_is_set_and_kept_for_the_next_frame() {
    let mut stage = Stage::new(3, 1);
    stage.show(&buffer(&["abc"]));
    let mut after = buffer(&["abc"]);
    after.set_string(1, 0, "b", Style::new().fg(Color::Red).add_modifier(Modifier::BOLD));
    assert_eq!(shown(&stage.show(&after)), r"\x1b[;2H\x1b[1;31mb");
    after.set_string(0, 0, "a", Style::new().fg(Color::Red).add_modifier(Modifier::BOLD));
    assert_eq!(shown(&stage.show(&after)), r"\x1b[Ha");
    assert_eq!(shown(&stage.show(&buffer(&["abc"]))), r"\x1b[H\x1b[mab");
}

#[test]
fn the_rest_of_a_row_is_erased() {
    let mut stage = Stage::new(30, 1);
    stage.show(&buffer(&["a text, and another text      "]));
    assert_eq!(shown(&stage.show(&buffer(&["a text                        "]))), r"\x1b[;7H\x1b[K");
    stage.show(&buffer(&["a text, and another text     |"]));
    assert_eq!(shown(&stage.show(&buffer(&["a text                       |"]))), r"\x1b[;7H\x1b[18X");
}

#[test]
fn a_log_that_moves_up_is_scrolled() {
    let rows: Vec<String> = (0..20).map(|n| format!("{n} message number {n} of a log")).collect();
    let window = |from: usize| buffer(&rows[from..from + 8].iter().map(String::as_str).collect::<Vec<_>>());
    let mut stage = Stage::new(u16::try_from(rows[10].len()).expect("short"), 8);
    let size = stage.size.0;
    let at = |from| {
        let mut screen = Buffer::empty(Rect::new(0, 0, size, 8));
        screen.merge(&window(from));
        screen
    };
    stage.show(&at(0));
    let bytes = stage.show(&at(1));
    assert!(shown(&bytes).contains(r"\x1b[S"), "{}", shown(&bytes));
    assert!(bytes.len() < 60, "{} bytes", bytes.len());
    let bytes = stage.show(&at(0));
    assert!(shown(&bytes).contains(r"\x1b[T"), "{}", shown(&bytes));
}

#[test]
fn a_control_character_in_a_cell_is_never_sent() {
    let mut stage = Stage::new(1, 1);
    stage.show(&buffer(&["b"]));
    let mut after = buffer(&["a"]);
    after[(0, 0)].set_symbol("\x1b[2J");
    assert_eq!(shown(&stage.show(&after)), r"\x1b[H ");
}

#[test]
fn the_cursor_is_shown_only_while_there_is_one() {
    let mut stage = Stage::new(3, 1);
    let one = buffer(&["abc"]);
    stage.show(&one);
    let here = Some(Position { x: 1, y: 0 });
    assert_eq!(shown(&stage.draw(&one, here, WHOLE).bytes), r"\x1b[;2H\x1b[?25h");
    assert_eq!(shown(&stage.draw(&one, None, WHOLE).bytes), r"\x1b[?25l");
}

#[test]
fn a_frame_that_asks_says_where_the_cursor_is_left() {
    let mut stage = Stage::new(8, 2);
    stage.show(&buffer(&["        ", "abcdefgh"]));
    let asks = Budget { asks: true, ..WHOLE };
    for (row, mark) in [("abXdefgh", (2, 4)), ("abXdefgH", (1, 1)), ("温Xdefgh", (1, 1))] {
        let frame = stage.draw(&buffer(&["        ", row]), None, asks);
        assert!(frame.bytes.ends_with(QUESTION));
        assert_eq!(frame.mark, Some(mark), "{row}");
        let (y, x) = stage.terminal.screen().cursor_position();
        assert_eq!(frame.mark, Some((y + 1, x + 1)), "{row}");
    }
    assert!(stage.draw(&buffer(&["        ", "温Xdefgh"]), None, asks).mark.is_none());
    let at_f3 = stage.draw(&buffer(&["   X    ", "温Xdefgh"]), None, asks);
    assert_eq!(at_f3.mark, Some((1, 1)), "an answer from there would look like F3 with Control");
}

#[test]
fn without_room_what_stands_out_comes_first_and_every_row_has_its_turn() {
    let rows = |c: char| vec![c.to_string().repeat(20); 6];
    let screen = |c| buffer(&rows(c).iter().map(String::as_str).collect::<Vec<_>>());
    let mut stage = Stage::new(20, 6);
    stage.show(&screen('a'));
    let mut after = screen('b');
    after.set_style(Rect::new(0, 4, 20, 1), Style::new().bg(Color::Red));
    let small = Budget { room: 30, asks: false };
    let frame = stage.draw(&after, None, small);
    assert!(!frame.is_whole);
    let row_is = |stage: &Stage, y, c| stage.terminal.screen().cell(y, 3).expect("a cell").contents() == c;
    assert!(row_is(&stage, 4, "b"));
    assert!(row_is(&stage, 3, "a"));
    let mut frames = 1;
    while !stage.draw(&after, None, small).is_whole {
        frames += 1;
        assert!(frames < 6);
    }
    stage.compare(&after);
}

#[test]
fn blanks_take_no_look_on_that_a_character_behind_them_has_not() {
    let mut stage = Stage::new(8, 1);
    let mut screen = buffer(&["     xx "]);
    screen.set_style(Rect::new(0, 0, 5, 1), Style::new().bg(Color::Red));
    stage.show(&screen);
    screen.set_style(Rect::new(0, 0, 5, 1), Style::reset());
    screen.set_style(Rect::new(6, 0, 1, 1), Style::new().fg(Color::Red));
    stage.show(&screen);
}

/// An edit of a screen.
#[derive(Debug, Clone)]
enum Edit {
    Write { x: u16, y: u16, text: String, style: Style },
    Fill { x: u16, y: u16, columns: u16, rows: u16, symbol: char, style: Style },
    Colour { x: u16, y: u16, columns: u16, rows: u16, style: Style },
    Scroll { from: u16, to: u16, by: u16, up: bool },
    Clear,
}

const AREA: Rect = Rect { x: 0, y: 0, width: 24, height: 9 };

fn style() -> impl Strategy<Value = Style> {
    let colours = || {
        prop_oneof![
            3 => Just(Color::Reset),
            1 => Just(Color::Red),
            1 => Just(Color::LightBlue),
            1 => Just(Color::Indexed(200)),
            1 => Just(Color::Rgb(1, 20, 200))
        ]
    };
    let modifiers = prop_oneof![3 => Just(Modifier::empty()), 1 => (0_u16..32).prop_map(|bits| {
        // The emulator knows bold or dim, not both.
        let weight = if bits & 1 == 0 { Modifier::BOLD } else { Modifier::DIM };
        let all = [Modifier::empty(), weight, Modifier::ITALIC, Modifier::UNDERLINED, Modifier::REVERSED];
        all.iter().enumerate().filter(|(n, _)| bits >> n & 1 == 1).fold(Modifier::empty(), |sum, (_, one)| sum | *one)
    })];
    (colours(), colours(), modifiers).prop_map(|(fg, bg, modifier)| Style::reset().fg(fg).bg(bg).add_modifier(modifier))
}

fn edit() -> impl Strategy<Value = Edit> {
    let (x, y) = (|| 0..AREA.width, || 0..AREA.height);
    prop_oneof![
        4 => (x(), y(), "[ a-z0-9温é·😀]{0,12}", style()).prop_map(|(x, y, text, style)| Edit::Write { x, y, text, style }),
        2 => (x(), y(), 1..AREA.width, 1..AREA.height, prop_oneof![Just(' '), Just('━'), Just('x')], style())
            .prop_map(|(x, y, columns, rows, symbol, style)| Edit::Fill { x, y, columns, rows, symbol, style }),
        2 => (x(), y(), 1..AREA.width, 1_u16..3, style())
            .prop_map(|(x, y, columns, rows, style)| Edit::Colour { x, y, columns, rows, style }),
        2 => (y(), y(), 1_u16..4, any::<bool>()).prop_map(|(from, to, by, up)| Edit::Scroll { from, to, by, up }),
        1 => Just(Edit::Clear),
    ]
}

impl Edit {
    fn apply(&self, screen: &mut Buffer) {
        match self {
            Self::Write { x, y, text, style } => {
                let columns = usize::from(AREA.width - x);
                screen.set_stringn(*x, *y, text, columns, *style);
            }
            Self::Fill { x, y, columns, rows, symbol, style } => {
                for position in Rect::new(*x, *y, *columns, *rows).intersection(AREA).positions() {
                    screen[position].set_char(*symbol).set_style(*style);
                }
            }
            Self::Colour { x, y, columns, rows, style } => {
                screen.set_style(Rect::new(*x, *y, *columns, *rows).intersection(AREA), *style);
            }
            Self::Scroll { from, to, by, up } => {
                let rows = usize::from(*from.min(to))..usize::from(*from.max(to)) + 1;
                let width = usize::from(AREA.width);
                let cells = &mut screen.content[rows.start * width..rows.end * width];
                let by = (usize::from(*by) * width).min(cells.len());
                if *up { cells.rotate_left(by) } else { cells.rotate_right(by) }
            }
            Self::Clear => screen.reset(),
        }
        mend(screen);
    }
}

/// Removes halves of wide characters, which no text written to a screen leaves behind but these edits may.
fn mend(screen: &mut Buffer) {
    for y in 0..AREA.height {
        let mut x = 0;
        while x < AREA.width {
            let columns = width(&screen[(x, y)]);
            if x + columns > AREA.width {
                screen[(x, y)].set_symbol(" ");
            }
            for covered in x + 1..(x + columns).min(AREA.width) {
                screen[(covered, y)].set_symbol(" ");
            }
            x += columns;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_terminal_shows_each_frame_as_it_was_drawn(
        frames in proptest::collection::vec(
            (
                proptest::collection::vec(edit(), 1..6),
                prop_oneof![3 => Just(usize::MAX), 1 => 0_usize..300],
                proptest::option::of((0..AREA.width, 0..AREA.height)),
                any::<bool>(),
            ),
            1..12,
        )
    ) {
        let mut stage = Stage::new(AREA.width, AREA.height);
        let mut screen = Buffer::empty(AREA);
        for (edits, room, cursor, asks) in frames {
            for edit in edits {
                edit.apply(&mut screen);
            }
            let cursor = cursor.map(Position::from);
            let frame = stage.draw(&screen, cursor, Budget { room, asks });
            let (y, x) = stage.terminal.screen().cursor_position();
            if let Some(mark) = frame.mark {
                prop_assert_eq!(mark, (y + 1, x + 1));
            }
            if let Some(cursor) = cursor {
                prop_assert_eq!((x, y), (cursor.x, cursor.y));
            }
            prop_assert_eq!(stage.terminal.screen().hide_cursor(), cursor.is_none());
        }
        stage.draw(&screen, None, WHOLE);
    }
}
