//! The characters that are drawn as shapes: lines, blocks and braille.

use super::svg::{CELL_HEIGHT, CELL_WIDTH};

/// The arms of U+2500 to U+257F, four digits each: up, right, down, left; 0 none, 1 light, 2 heavy.
///
/// Dashed, double and diagonal lines are left to the font.
const ARMS: [&str; 8] = [
    "0101020210102020--------------------------------0110021001200220",
    "0011001200210022110012002100220010011002200120021110121021101120",
    "2120221012202220101110122011102120212012102220220111011202110212",
    "0121012202210222110111021201120221012102220122021111111212111212",
    "211111212121211222111122122122121222212222212222----------------",
    "----------------------------------------------------------------",
    "----------------------------------------------------------------",
    "----------------000110000100001000022000020000200201102001022010",
];

/// The quadrants of U+2596 to U+259F: 1 upper left, 2 upper right, 4 lower left, 8 lower right.
const QUADRANTS: [u8; 10] = [4, 8, 1, 13, 9, 7, 11, 2, 6, 14];

/// The middle of a cell, where lines cross.
const MIDDLE: (u16, u16) = (CELL_WIDTH / 2, CELL_HEIGHT / 2);

/// What is drawn for a character, as path data.
pub(super) enum Shape {
    /// Filled, with sharp edges.
    Block(String),
    /// Filled with a mixture, of which the text's colour has this share.
    Shade(String, f32),
    /// Filled, smooth.
    Dots(String),
    /// A line along the path, smooth.
    Arc(String),
}

/// Returns the shape of a character in the cell whose top left corner is at `x` and `y`.
pub(super) fn shape(character: char, x: u16, y: u16) -> Option<Shape> {
    let code = u32::from(character);
    match character {
        '╭' | '╮' | '╯' | '╰' => Some(Shape::Arc(arc(character, x, y))),
        '\u{2500}'..='\u{257f}' => lines(usize::try_from(code - 0x2500).ok()?, x, y).map(Shape::Block),
        '░' => Some(Shape::Shade(eighths(x, y, [0, 8, 0, 8]), 0.25)),
        '▒' => Some(Shape::Shade(eighths(x, y, [0, 8, 0, 8]), 0.5)),
        '▓' => Some(Shape::Shade(eighths(x, y, [0, 8, 0, 8]), 0.75)),
        '\u{2580}'..='\u{259f}' => Some(Shape::Block(block(u16::try_from(code - 0x2580).ok()?, x, y))),
        '\u{2800}'..='\u{28ff}' => Some(Shape::Dots(braille(code - 0x2800, x, y))),
        _ => None,
    }
}

/// Draws the arms of a line, a corner or a crossing, or nothing where the font has to.
fn lines(index: usize, x: u16, y: u16) -> Option<String> {
    let arms = ARMS.get(index / 16)?.get(index % 16 * 4..index % 16 * 4 + 4)?;
    let mut weights = [0; 4];
    for (weight, digit) in weights.iter_mut().zip(arms.chars()) {
        *weight = u16::try_from(digit.to_digit(10)?).ok()?;
    }
    let [up, right, down, left] = weights;
    // A line of weight w reaches w - 1 pixels to either side of the middle, and each arm across the other line.
    let (beside, along) = (up.max(down).max(1) - 1, left.max(right).max(1) - 1);
    let (middle_x, middle_y) = (x + MIDDLE.0, y + MIDDLE.1);
    let mut path = String::new();
    for (weight, top, bottom) in [(up, y, middle_y + along + 1), (down, middle_y - along, y + CELL_HEIGHT)] {
        if weight > 0 {
            path += &rectangle(middle_x + 1 - weight, top, 2 * weight - 1, bottom - top);
        }
    }
    for (weight, start, end) in [(left, x, middle_x + beside + 1), (right, middle_x - beside, x + CELL_WIDTH)] {
        if weight > 0 {
            path += &rectangle(start, middle_y + 1 - weight, end - start, 2 * weight - 1);
        }
    }
    Some(path)
}

/// Draws a rounded corner.
fn arc(character: char, x: u16, y: u16) -> String {
    let (middle_x, middle_y) = (x + MIDDLE.0, y + MIDDLE.1);
    let (bend_x, end_x) = if matches!(character, '╭' | '╰') { (middle_x + 4, x + CELL_WIDTH) } else { (middle_x - 4, x) };
    let (bend_y, end_y) = if matches!(character, '╭' | '╮') { (middle_y + 5, y + CELL_HEIGHT) } else { (middle_y - 5, y) };
    format!("M{middle_x}.5 {end_y}V{bend_y}.5Q{middle_x}.5 {middle_y}.5 {bend_x}.5 {middle_y}.5H{end_x}")
}

/// Draws a block element by its place after U+2580.
fn block(index: u16, x: u16, y: u16) -> String {
    match index {
        0 => eighths(x, y, [0, 8, 0, 4]),
        1..=8 => eighths(x, y, [0, 8, 8 - index, 8]),
        9..=16 => eighths(x, y, [0, 16 - index, 0, 8]),
        20 => eighths(x, y, [0, 8, 0, 1]),
        21 => eighths(x, y, [7, 8, 0, 8]),
        _ => {
            let quadrants = QUADRANTS.get(usize::from(index.saturating_sub(22))).copied().unwrap_or_default();
            let places = [(1, [0, 4, 0, 4]), (2, [4, 8, 0, 4]), (4, [0, 4, 4, 8]), (8, [4, 8, 4, 8])];
            places.into_iter().filter(|(bit, _)| quadrants & bit != 0).map(|(_, place)| eighths(x, y, place)).collect()
        }
    }
}

/// Draws a rectangle given in eighths of the cell: left, right, top, bottom.
fn eighths(x: u16, y: u16, [left, right, top, bottom]: [u16; 4]) -> String {
    let across = |eighths: u16| (eighths * CELL_WIDTH + 4) / 8;
    let down = |eighths: u16| (eighths * CELL_HEIGHT + 4) / 8;
    rectangle(x + across(left), y + down(top), across(right) - across(left), down(bottom) - down(top))
}

/// Draws the dots of a braille pattern, given by its bits.
fn braille(bits: u32, x: u16, y: u16) -> String {
    let dots = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)];
    let mut path = String::new();
    for (bit, (column, row)) in dots.into_iter().enumerate() {
        if bits >> bit & 1 == 1 {
            let (left, middle) = (x + 1 + 5 * column, y + 2 + 5 * row);
            path += &format!("M{left} {middle}.5a1.5 1.5 0 1 0 3 0a1.5 1.5 0 1 0-3 0z");
        }
    }
    path
}

fn rectangle(x: u16, y: u16, width: u16, height: u16) -> String {
    format!("M{x} {y}h{width}v{height}h-{width}z")
}
