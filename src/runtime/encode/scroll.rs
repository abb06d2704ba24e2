//! Rows that are shown already, only higher or lower.

use std::{cmp::Reverse, ops::Range};

use ratatui::buffer::Buffer;

use super::{
    change::{Changes, look},
    pen::number,
};

/// The most rows that a frame is looked for above or below.
const FARTHEST: usize = 12;

/// Changed cells of a row that are compared to guess how far it has moved.
const SAMPLES: usize = 6;

/// Rows that move together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scroll {
    /// The rows of the region, those that are scrolled in blank included.
    rows: Range<usize>,
    by: usize,
    up: bool,
}

/// Finds the scroll after which most cells are right, if there is one.
pub(super) fn find(shown: &Buffer, after: &Buffer, changes: &Changes) -> Option<Scroll> {
    let (by, up) = guess(shown, after, changes)?;
    let screen = Screens { shown, after };
    let height = usize::from(after.area.height);
    // The contiguous rows with the greatest sum of gains.
    let (mut best, mut best_rows) = (0, 0..0);
    let (mut sum, mut start) = (0, 0);
    for y in 0..height {
        sum += screen.gain(y, by, up).unwrap_or(-1);
        if sum <= 0 {
            (sum, start) = (0, y + 1);
        } else if sum > best {
            (best, best_rows) = (sum, start..y + 1);
        }
    }
    if best_rows.is_empty() {
        return None;
    }
    let rows = if up { best_rows.start..best_rows.end + by } else { best_rows.start - by..best_rows.end };
    Some(Scroll { rows, by, up })
}

/// Guesses from samples of the changed cells by how many rows most of them have moved, and whether upwards.
fn guess(shown: &Buffer, after: &Buffer, changes: &Changes) -> Option<(usize, bool)> {
    let mut votes: Vec<Vote> = (1..=FARTHEST).flat_map(|by| [true, false].map(|up| Vote { by, up, count: 0 })).collect();
    let mut samples = 0;
    let screen = Screens { shown, after };
    let mut in_row = (0, 0);
    for run in &changes.runs {
        if run.y != in_row.0 {
            in_row = (run.y, 0);
        }
        let (x, y) = (usize::from(run.x), usize::from(run.y));
        if in_row.1 >= SAMPLES || after.content[y * screen.width() + x].symbol() == " " {
            continue;
        }
        in_row.1 += 1;
        samples += 1;
        for vote in &mut votes {
            vote.count += usize::from(screen.came(x, y, vote.by, vote.up) == Some(true));
        }
    }
    let won = votes.into_iter().max_by_key(|vote| (vote.count, Reverse(vote.by)))?;
    (won.count * 3 > samples).then_some((won.by, won.up))
}

/// How many samples say that rows have moved so far.
struct Vote {
    by: usize,
    up: bool,
    count: usize,
}

/// What is shown, and what should be.
struct Screens<'a> {
    shown: &'a Buffer,
    after: &'a Buffer,
}

impl Screens<'_> {
    fn width(&self) -> usize {
        self.after.area.width.into()
    }

    /// Returns the row that would come to row `y`.
    fn source(&self, y: usize, by: usize, up: bool) -> Option<usize> {
        if up { Some(y + by).filter(|row| *row < usize::from(self.after.area.height)) } else { y.checked_sub(by) }
    }

    /// Tells whether a cell is right once its row has moved.
    fn came(&self, x: usize, y: usize, by: usize, up: bool) -> Option<bool> {
        let source = self.source(y, by, up)? * self.width() + x;
        Some(is_same(self.shown, source, self.after, y * self.width() + x))
    }

    /// Returns how many more cells of a row are right once it has moved.
    fn gain(&self, y: usize, by: usize, up: bool) -> Option<i32> {
        let (here, source) = (y * self.width(), self.source(y, by, up)? * self.width());
        let right = |from: usize| (0..self.width()).filter(|x| is_same(self.shown, from + x, self.after, here + x)).count();
        let count = |right: usize| i32::try_from(right).unwrap_or(i32::MAX);
        Some(count(right(source)) - count(right(here)))
    }
}

fn is_same(shown: &Buffer, from: usize, after: &Buffer, to: usize) -> bool {
    let (old, new) = (&shown.content[from], &after.content[to]);
    old == new || (old.symbol() == new.symbol() && look(old) == look(new))
}

impl Scroll {
    /// Returns what the terminal shows after it.
    pub(super) fn apply(&self, shown: &Buffer) -> Buffer {
        let width = usize::from(shown.area.width);
        let mut after = shown.clone();
        for y in self.rows.clone() {
            let source = if self.up { Some(y + self.by) } else { y.checked_sub(self.by) };
            let target = y * width..(y + 1) * width;
            match source.filter(|source| self.rows.contains(source)) {
                Some(source) => after.content[target].clone_from_slice(&shown.content[source * width..(source + 1) * width]),
                None => after.content[target].iter_mut().for_each(ratatui::buffer::Cell::reset),
            }
        }
        after
    }

    /// Writes it; returns whether that has brought the cursor home.
    pub(super) fn write(&self, out: &mut Vec<u8>, height: u16) -> bool {
        let small = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        let is_region = self.rows != (0..usize::from(height));
        if is_region {
            out.extend_from_slice(b"\x1b[");
            number(out, small(self.rows.start + 1));
            out.push(b';');
            number(out, small(self.rows.end));
            out.push(b'r');
        }
        out.extend_from_slice(b"\x1b[");
        if self.by > 1 {
            number(out, small(self.by));
        }
        out.push(if self.up { b'S' } else { b'T' });
        if is_region {
            out.extend_from_slice(b"\x1b[r");
        }
        is_region
    }
}
