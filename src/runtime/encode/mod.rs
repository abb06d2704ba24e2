//! From what the terminal shows to what it should show, in as few bytes as a plain terminal needs.

mod change;
mod pen;
mod scroll;
#[cfg(test)]
mod tests;

use ratatui::{
    buffer::{Buffer, Cell},
    layout::Position,
};

use self::{
    change::{Changes, Kind, Run, look, width},
    pen::{Look, Pen, number},
};
use super::link::{QUESTION, is_key};

/// Begins and ends a synchronized update (DEC 2026), so that no half frame is shown; terminals without it ignore both.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

/// The symbol of a cell of which it is not known what the terminal shows, which is never drawn.
const UNKNOWN: &str = "\0";

/// A frame of up to so many bytes arrives in one piece.
const PIECE: usize = 256;

/// Changed runs below which no scrolling is looked for.
const SCROLLED_RUNS: usize = 4;

/// The bytes of a frame.
#[derive(Debug, Default)]
pub struct Frame {
    /// What goes to the terminal, nothing where nothing changed.
    pub bytes: Vec<u8>,
    /// Whether the terminal shows everything then; if not, the rest is for another frame.
    pub is_whole: bool,
    /// Where the cursor is at the end of a frame that asks for it, row and column as the terminal counts them, from 1.
    pub mark: Option<(u16, u16)>,
}

/// How much a frame may take.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// The most bytes, apart from what goes with every frame; what differs in the ground comes first.
    pub room: usize,
    /// Whether the frame ends in the question where the cursor is.
    pub asks: bool,
}

/// Knows what the terminal shows and how it writes.
#[derive(Debug)]
pub struct Encoder {
    shown: Option<Buffer>,
    cursor: Option<Position>,
    look: Look,
    /// The row at which the next part of a frame starts that has no room, so that each has its turn.
    turn: u16,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    /// Makes an encoder that knows nothing of the terminal.
    #[must_use]
    pub fn new() -> Self {
        Self { shown: None, cursor: None, look: Look::PLAIN, turn: 0 }
    }

    /// Forgets what the terminal shows, so that the next frame is drawn from nothing.
    pub fn forget(&mut self) {
        *self = Self::new();
    }

    /// Writes what makes the terminal show `after`, and as much of it as there is room for.
    ///
    /// Returns the buffer that is of no use any more beside the frame.
    pub fn frame(&mut self, after: Buffer, cursor: Option<Position>, budget: Budget) -> (Frame, Option<Buffer>) {
        let known = self.shown.take().filter(|shown| shown.area == after.area);
        let is_new = known.is_none();
        let mut shown = known.unwrap_or_else(|| Buffer::empty(after.area));
        let mut drawing = Drawing::new(&shown, &after, self.look);
        if is_new {
            drawing.clear();
            self.cursor = None;
        } else if let Some(scrolled) = drawing.scrolled(&shown) {
            shown = scrolled;
        }
        let is_whole = drawing.draw(budget.room, &mut self.turn);
        let (mut body, mut pen) = (std::mem::take(&mut drawing.out), drawing.pen);
        let spare = if is_whole {
            self.shown = Some(after);
            Some(shown)
        } else {
            for run in &drawing.written {
                adopt(&mut shown, &after, *run);
            }
            self.shown = Some(shown);
            Some(after)
        };
        self.look = pen.look;
        self.place_cursor(&mut body, &mut pen, cursor);
        let mut frame = Frame { bytes: Vec::new(), is_whole, mark: None };
        if body.is_empty() {
            return (frame, spare);
        }
        if budget.asks {
            let mark = pen.at.map(|(x, y)| (y + 1, x + 1)).filter(|mark| cursor.is_some() || !is_key(*mark));
            frame.mark = mark.or_else(|| {
                pen.go(&mut body, 0, 0);
                Some((1, 1))
            });
        }
        frame.bytes = if body.len() > PIECE { [BEGIN, &body, END].concat() } else { body };
        if budget.asks {
            frame.bytes.extend_from_slice(QUESTION);
        }
        (frame, spare)
    }

    /// Brings the visible cursor to its place.
    fn place_cursor(&mut self, body: &mut Vec<u8>, pen: &mut Pen, cursor: Option<Position>) {
        let before = std::mem::replace(&mut self.cursor, cursor);
        if body.is_empty() && before == cursor {
            return;
        }
        if let Some(position) = cursor {
            pen.go(body, position.x, position.y);
        }
        match (before, cursor) {
            (None, Some(_)) => body.extend_from_slice(b"\x1b[?25h"),
            (Some(_), None) => body.extend_from_slice(b"\x1b[?25l"),
            (None, None) | (Some(_), Some(_)) => {}
        }
    }
}

/// A frame in the making.
struct Drawing<'a> {
    after: &'a Buffer,
    changes: Changes,
    pen: Pen,
    out: Vec<u8>,
    /// The runs that are in `out`.
    written: Vec<Run>,
}

impl<'a> Drawing<'a> {
    fn new(shown: &Buffer, after: &'a Buffer, look: Look) -> Self {
        let changes = Changes::between(shown, after);
        Self { after, changes, pen: Pen::new(look), out: Vec::new(), written: Vec::new() }
    }

    /// Begins with nothing on the terminal, and with no region that another program left behind: a line feed would scroll it.
    fn clear(&mut self) {
        self.out.extend_from_slice(b"\x1b[m\x1b[r\x1b[?25l\x1b[H\x1b[2J");
        self.pen = Pen { at: Some((0, 0)), look: Look::PLAIN };
    }

    /// Scrolls where that saves bytes; returns what the terminal shows then.
    fn scrolled(&mut self, shown: &Buffer) -> Option<Buffer> {
        if self.changes.runs.len() < SCROLLED_RUNS {
            return None;
        }
        let scroll = scroll::find(shown, self.after, &self.changes)?;
        let scrolled = scroll.apply(shown);
        let mut other = Self::new(&scrolled, self.after, self.pen.look);
        other.pen.dip(&mut other.out, Look::PLAIN);
        if scroll.write(&mut other.out, self.after.area.height) {
            other.pen.at = Some((0, 0));
        }
        if other.out.len() + other.cost(&other.changes.runs) >= self.cost(&self.changes.runs) {
            return None;
        }
        *self = other;
        Some(scrolled)
    }

    /// Writes what there is room for; returns whether that was everything.
    fn draw(&mut self, room: usize, turn: &mut u16) -> bool {
        let by_look = self.by_look();
        let (by_place, cost) = (self.cost(&self.changes.runs), self.cost(&by_look));
        if by_place.min(cost) > room {
            return self.write_some(room, turn);
        }
        let order = if cost < by_place { by_look } else { self.changes.runs.clone() };
        for run in order {
            self.write(run);
        }
        true
    }

    /// Writes first what stands out, then row after row from the turn on, until the room is used.
    fn write_some(&mut self, room: usize, turn: &mut u16) -> bool {
        let (first, others): (Vec<Run>, Vec<Run>) = self.changes.runs.iter().partition(|run| run.stands_out);
        let from_turn = others.iter().filter(|run| run.y >= *turn).chain(others.iter().filter(|run| run.y < *turn));
        let order: Vec<Run> = first.iter().chain(from_turn).copied().collect();
        let start = self.out.len();
        for (index, run) in order.iter().enumerate() {
            let is_row = index == 0 || order[index - 1].y != run.y;
            if is_row && self.out.len() - start >= room {
                *turn = run.y;
                return false;
            }
            self.write(*run);
        }
        true
    }

    /// Orders runs so that each look is taken on once, by what comes first.
    fn by_look(&self) -> Vec<Run> {
        let mut looks: Vec<Look> = vec![self.pen.look];
        let mut keyed: Vec<(usize, Run)> = Vec::with_capacity(self.changes.runs.len());
        for run in &self.changes.runs {
            let known = looks.iter().position(|look| *look == run.look);
            let key = known.unwrap_or_else(|| {
                looks.push(run.look);
                looks.len() - 1
            });
            keyed.push((key, *run));
        }
        keyed.sort_by_key(|(key, _)| *key);
        keyed.into_iter().map(|(_, run)| run).collect()
    }

    /// Returns how many bytes runs take in this order.
    fn cost(&self, runs: &[Run]) -> usize {
        let mut pen = self.pen;
        let mut out = Vec::new();
        for run in runs {
            write(&mut out, &mut pen, self.after, &self.changes, *run);
        }
        out.len()
    }

    fn write(&mut self, run: Run) {
        write(&mut self.out, &mut self.pen, self.after, &self.changes, run);
        self.written.push(run);
    }
}

/// Writes a run.
fn write(out: &mut Vec<u8>, pen: &mut Pen, after: &Buffer, changes: &Changes, run: Run) {
    let is_blank = (run.x..run.end).all(|x| after[(x, run.y)].symbol() == " ");
    let look = if is_blank { pen.look.grounded(run.look) } else { run.look };
    if !bridge(out, pen, after, changes, run, look) {
        pen.go(out, run.x, run.y);
    }
    pen.dip(out, look);
    match run.kind {
        Kind::Text => text(out, pen, after, run),
        Kind::Blank => {
            out.extend_from_slice(b"\x1b[");
            number(out, run.end - run.x);
            out.push(b'X');
        }
        Kind::BlankToEnd => out.extend_from_slice(b"\x1b[K"),
    }
}

/// Reaches a run by writing once more what stands before it, where that is shorter than to move.
fn bridge(out: &mut Vec<u8>, pen: &mut Pen, after: &Buffer, changes: &Changes, run: Run, look: Look) -> bool {
    let Some((x, y)) = pen.at else { return false };
    if y != run.y || x >= run.x || usize::from(run.x - x) >= pen.cost(run.x, run.y) {
        return false;
    }
    let gap = || (x..run.x).map(|x| &after[(x, y)]);
    if (x..run.x).any(|x| changes.differs(x, y)) || gap().any(|cell| cell.symbol().len() != 1) {
        return false;
    }
    let suits =
        |with: Look| gap().all(|cell| with == self::look(cell) || (cell.symbol() == " " && with.suits_blank(self::look(cell))));
    if suits(look) && !suits(pen.look) {
        pen.dip(out, look);
    } else if !suits(pen.look) {
        return false;
    }
    gap().for_each(|cell| out.extend_from_slice(symbol(cell).as_bytes()));
    pen.at = Some((run.x, run.y));
    true
}

fn text(out: &mut Vec<u8>, pen: &mut Pen, after: &Buffer, run: Run) {
    let mut x = run.x;
    while x < run.end {
        let cell = &after[(x, run.y)];
        if pen.at != Some((x, run.y)) {
            pen.go(out, x, run.y);
        }
        out.extend_from_slice(symbol(cell).as_bytes());
        let columns = width(cell);
        let next = x.saturating_add(columns);
        // Terminals disagree about where a wide character leaves the cursor, and about the end of a row, so the place is
        // set anew after them.
        let is_sure = columns == 1 && cell.symbol().len() <= 3 && next < after.area.width;
        pen.at = is_sure.then_some((next, run.y));
        x = next;
    }
}

/// Returns the character of a cell; every text went through the sanitiser, and this is the last gate, should one not have.
fn symbol(cell: &Cell) -> &str {
    let symbol = cell.symbol();
    if symbol.chars().any(char::is_control) { " " } else { symbol }
}

/// Takes over into `shown` what a run has made of it.
fn adopt(shown: &mut Buffer, after: &Buffer, run: Run) {
    let end = run.end.min(after.area.width);
    // Of a wide character that is overwritten by half, terminals leave behind what they like.
    let mut x = 0;
    while x < end {
        let next = x.saturating_add(width(&shown[(x, run.y)]));
        let is_cut = (x < run.x && next > run.x) || (x < end && next > end);
        for half in x..next.min(after.area.width) {
            if is_cut {
                shown[(half, run.y)].set_symbol(UNKNOWN);
            }
        }
        x = next;
    }
    for x in run.x..end {
        shown[(x, run.y)] = after[(x, run.y)].clone();
    }
}
