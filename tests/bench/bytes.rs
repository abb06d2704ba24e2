//! The bytes that a frame takes, beside the fewest that draw the same on an xterm.

use mqtap::runtime::encode::{Budget, Encoder};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Style},
};

use crate::{frame, table};

const AREA: Rect = Rect { x: 0, y: 0, width: 200, height: 50 };

/// Twenty rows of a topic, a value and a time, as the harness that found the fewest bytes has them.
fn rows() -> Buffer {
    let mut screen = Buffer::empty(AREA);
    for y in 0..20 {
        screen.set_string(0, y, format!("{:<40}20.00  12:00:00", format!("line/17/machine/{y:02}/temp")), Style::new());
    }
    screen
}

/// Returns the bytes from one screen to another, with the question that ends each frame.
fn between(before: &Buffer, after: &Buffer) -> f64 {
    let mut encoder = Encoder::new();
    let budget = Budget { room: usize::MAX, asks: true };
    encoder.frame(before.clone(), None, budget);
    encoder.frame(after.clone(), None, budget).0.bytes.len() as f64
}

/// Measures frames.
pub(crate) fn measure() {
    let before = rows();
    let row = |what: &str, after: &Buffer, before: &Buffer, fewest: f64| {
        table::row(&format!("bytes: {what}"), "B", between(before, after), Some(("the fewest", fewest)));
    };
    let mut values = before.clone();
    for y in 0..20 {
        values.set_string(40, y, format!("{:05.2}", 21.11 + f64::from(y)), Style::new());
    }
    row("20 values of 5 digits", &values, &before, 221.0);
    let mut scrolled = Buffer::empty(AREA);
    scrolled.set_string(0, 0, format!("{:<40}33.33  12:00:20", "line/17/machine/99/temp"), Style::new());
    for y in 1..20 {
        for x in 0..AREA.width {
            scrolled[(x, y)] = before[(x, y - 1)].clone();
        }
    }
    row("20 rows move down by one", &scrolled, &before, 60.0);
    let selected = |y| {
        let mut screen = before.clone();
        screen.set_style(Rect::new(0, y, 60, 1), Style::new().fg(Color::Black).bg(Color::LightGreen));
        screen
    };
    row("the selection moves by one row of 60", &selected(5), &selected(4), 134.0);
    let mut player = frame::player(10_000);
    let one = player.screen();
    player.keys("down");
    let other = player.screen();
    table::row("bytes: a key in the tree, 200x50", "B", between(&one, &other), None);
}
