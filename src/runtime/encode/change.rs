//! What differs between what the terminal shows and what it should show, as runs of one look each.

use ratatui::buffer::{Buffer, Cell};
use unicode_width::UnicodeWidthStr;

use super::pen::Look;

/// Unchanged cells between two runs of one look that are written again rather than jumped over.
const BRIDGE: u16 = 4;

/// Blanks that are erased rather than written: so many within a row, fewer where a run ends in them.
const ERASED: (u16, u16) = (10, 6);

/// Cells in a row that differ in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) y: u16,
    /// The first column, and the one after the last.
    pub(super) x: u16,
    pub(super) end: u16,
    pub(super) look: Look,
    pub(super) kind: Kind,
    /// Whether the ground changes, as under a selection that has moved.
    pub(super) stands_out: bool,
}

/// How a run is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Character by character.
    Text,
    /// Blanks on the terminal's own ground.
    Blank,
    /// The same, up to the end of the row.
    BlankToEnd,
}

/// The differences between two screens of the same size.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// By row and column.
    pub(super) runs: Vec<Run>,
    /// Which cells differ, row by row.
    differs: Vec<bool>,
    width: usize,
}

impl Changes {
    /// Compares two screens of the same size.
    pub(super) fn between(before: &Buffer, after: &Buffer) -> Self {
        let width = usize::from(after.area.width);
        let mut changes = Self { runs: Vec::new(), differs: Vec::with_capacity(after.content.len()), width };
        if width == 0 {
            return changes;
        }
        for (y, (old, new)) in (0..).zip(before.content.chunks(width).zip(after.content.chunks(width))) {
            let start = changes.differs.len();
            if mark(old, new, &mut changes.differs) {
                let row = Row { y, old, new, differs: &changes.differs[start..] };
                row.runs(&mut changes.runs);
            }
        }
        changes
    }

    /// Tells whether a cell differs.
    pub(super) fn differs(&self, x: u16, y: u16) -> bool {
        self.differs.get(usize::from(y) * self.width + usize::from(x)).copied().unwrap_or(true)
    }
}

/// Returns the look of a cell.
pub(super) fn look(cell: &Cell) -> Look {
    let make = if cell.symbol() == " " { Look::of_blank } else { Look::of_ink };
    make(cell.fg, cell.bg, cell.modifier)
}

/// Returns the columns that a cell takes.
pub(super) fn width(cell: &Cell) -> u16 {
    let symbol = cell.symbol();
    if symbol.len() == 1 { 1 } else { u16::try_from(symbol.width()).unwrap_or(u16::MAX).max(1) }
}

fn is_same(one: &Cell, other: &Cell) -> bool {
    one == other || (one.symbol() == other.symbol() && look(one) == look(other))
}

/// Adds for each cell of a row whether it differs; returns whether any does.
///
/// A cell under the second half of a wide character has nothing of its own.
fn mark(old: &[Cell], new: &[Cell], differs: &mut Vec<bool>) -> bool {
    if old == new {
        differs.resize(differs.len() + new.len(), false);
        return false;
    }
    let (mut old_covers, mut new_covers) = (0, 0);
    let mut any = false;
    for (old, new) in old.iter().zip(new) {
        let covered = (old_covers > 0, new_covers > 0);
        old_covers = if covered.0 { old_covers } else { width(old) } - 1;
        new_covers = if covered.1 { new_covers } else { width(new) } - 1;
        let differ = covered.0 != covered.1 || (!covered.1 && !is_same(old, new));
        differs.push(differ);
        any |= differ;
    }
    any
}

/// A row with differences.
struct Row<'a> {
    y: u16,
    old: &'a [Cell],
    new: &'a [Cell],
    differs: &'a [bool],
}

impl Row<'_> {
    /// Adds the runs of the row.
    fn runs(&self, runs: &mut Vec<Run>) {
        let columns = u16::try_from(self.new.len()).unwrap_or(u16::MAX);
        let tail = self.blank_tail();
        let mut open: Option<Run> = None;
        let mut x = 0;
        while x < columns {
            let cell = &self.new[usize::from(x)];
            let end = x.saturating_add(width(cell));
            if !self.differs[usize::from(x)] {
                x = end;
                continue;
            }
            if x >= tail && columns - x > ERASED.1 / 2 {
                runs.extend(open.take());
                runs.push(self.run(x, columns, Kind::BlankToEnd));
                return;
            }
            let blanks = self.blanks(x);
            let is_last = !self.differs.get(usize::from(x + blanks)).copied().unwrap_or(false);
            if blanks >= if is_last { ERASED.1 } else { ERASED.0 } {
                runs.extend(open.take());
                runs.push(self.run(x, x + blanks, Kind::Blank));
                x += blanks;
                continue;
            }
            let stands_out = look(cell).stands_out_from(look(&self.old[usize::from(x)]));
            if let Some(run) = &mut open
                && self.joins(run, x)
            {
                run.end = end;
                run.stands_out |= stands_out;
            } else {
                runs.extend(open.take());
                open = Some(Run { stands_out, ..self.run(x, end, Kind::Text) });
            }
            x = end;
        }
        runs.extend(open);
    }

    fn run(&self, x: u16, end: u16, kind: Kind) -> Run {
        let (y, range) = (self.y, usize::from(x)..usize::from(end.min(u16::try_from(self.new.len()).unwrap_or(end))));
        let pairs = || self.old[range.clone()].iter().zip(&self.new[range.clone()]);
        let stands_out = kind != Kind::Text && pairs().any(|(old, new)| look(new).stands_out_from(look(old)));
        Run { y, x, end, look: look(&self.new[usize::from(x)]), kind, stands_out }
    }

    /// Returns the column from which on the row is blank.
    fn blank_tail(&self) -> u16 {
        let inked = self.new.iter().rposition(|cell| !is_bare(cell)).map_or(0, |last| last + 1);
        u16::try_from(inked).unwrap_or(u16::MAX)
    }

    /// Returns how many cells from `x` on are blank, up to the last of them that differs.
    fn blanks(&self, x: u16) -> u16 {
        let from = usize::from(x);
        let blanks = self.new[from..].iter().take_while(|cell| is_bare(cell)).count();
        let differ = self.differs[from..from + blanks].iter().rposition(|differs| *differs);
        u16::try_from(differ.map_or(0, |last| last + 1)).unwrap_or(u16::MAX)
    }

    /// Tells whether the cell at `x` can be written with the run before it, and all between; takes its look on.
    fn joins(&self, run: &mut Run, x: u16) -> bool {
        if x - run.end > BRIDGE {
            return false;
        }
        let mut joined = run.look;
        for at in usize::from(run.end)..=usize::from(x) {
            let cell = &self.new[at];
            let is_blank = cell.symbol() == " ";
            let own = look(cell);
            if is_blank && joined.suits_blank(own) {
                continue;
            }
            // Blanks alone, in the run and behind it, take the look of the first character.
            let only_blanks = || self.new[usize::from(run.x)..at].iter().all(|cell| cell.symbol() == " ");
            let adopts = !is_blank && own != joined && own.suits_blank(joined) && joined == run.look && only_blanks();
            if own != joined && !adopts {
                return false;
            }
            joined = own;
        }
        // What is bridged is written as plain bytes, one for each column.
        if self.new[usize::from(run.end)..usize::from(x)].iter().any(|cell| cell.symbol().len() != 1) {
            return false;
        }
        run.look = joined;
        true
    }
}

/// Tells whether a cell is blank on the terminal's own ground.
fn is_bare(cell: &Cell) -> bool {
    cell.symbol() == " " && look(cell) == Look::PLAIN
}
