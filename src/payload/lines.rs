//! Where shown text is collected: one line for a list, or the lines of a page.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::{
    Span, Tone,
    piece::{Layout, Piece},
};
use crate::base::text::{ELLIPSIS, Shown, line, line_of_bytes};

/// The most bytes of source text that one span is made of.
const SPAN_BYTES: usize = 256;

/// The widest that one byte of source text can be shown, in columns.
const COLUMNS_PER_BYTE: usize = 4;

/// The mark before the rest of a line that was too long.
const CONTINUED: &str = "↪ ";

/// One line of at most so many columns; what does not fit is replaced by an ellipsis.
#[derive(Debug)]
pub(super) struct Row {
    spans: Vec<Span>,
    left: usize,
    full: bool,
    space: &'static str,
}

impl Row {
    /// Starts a line; `spaced` puts a space after commas and colons.
    pub(super) fn new(columns: usize, spaced: bool) -> Self {
        Self { spans: Vec::new(), left: columns, full: columns == 0, space: if spaced { " " } else { "" } }
    }

    /// Appends text that may be hostile.
    pub(super) fn push(&mut self, text: &str, tone: Tone) {
        if !self.full && !text.is_empty() {
            self.take(&line(text, self.left), tone);
        }
    }

    /// Appends bytes as the text that they are, or nearly are.
    pub(super) fn push_bytes(&mut self, bytes: &[u8], tone: Tone) {
        if !self.full && !bytes.is_empty() {
            self.take(&line_of_bytes(bytes, self.left), tone);
        }
    }

    /// Returns the columns that are free.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// Ends the line with an ellipsis because the payload goes on.
    pub(super) fn cut(&mut self) {
        if self.full {
            return;
        }
        self.full = true;
        while self.left == 0 {
            let Some(last) = self.spans.last_mut() else { return };
            match last.text.grapheme_indices(true).next_back().map(|(at, grapheme)| (at, grapheme.width())) {
                Some((at, width)) => {
                    last.text.truncate(at);
                    self.left += width;
                }
                None => drop(self.spans.pop()),
            }
        }
        self.spans.push(Span::new(ELLIPSIS, Tone::Note));
    }

    /// Returns the line.
    pub(super) fn finish(self) -> Vec<Span> {
        self.spans
    }

    fn take(&mut self, shown: &Shown, tone: Tone) {
        if shown.is_cut() && self.left == 0 {
            return self.cut();
        }
        self.spans.extend(spans(shown, tone));
        self.left = self.left.saturating_sub(shown.width());
        self.full = shown.is_cut();
    }
}

impl Layout for Row {
    fn piece(&mut self, piece: Piece<'_>) -> bool {
        match piece {
            Piece::Open(bracket) | Piece::Close(bracket) => self.push(bracket, Tone::Punctuation),
            Piece::Comma => self.push(if self.space.is_empty() { "," } else { ", " }, Tone::Punctuation),
            Piece::Colon => self.push(if self.space.is_empty() { ":" } else { ": " }, Tone::Punctuation),
            Piece::Atom(text, tone) => self.push(text, tone),
        }
        !self.full
    }
}

/// The lines of a page, bounded: what comes after the last line that is kept is only counted.
#[derive(Debug)]
pub(super) struct Lines {
    done: Vec<Vec<Span>>,
    last: Vec<Span>,
    width: usize,
    columns: usize,
    most: usize,
    more: u64,
}

impl Lines {
    /// Starts an empty page of at most `most` lines, each of at most `columns` columns.
    pub(super) fn new(most: usize, columns: usize) -> Self {
        let columns = columns.max(SPAN_BYTES * COLUMNS_PER_BYTE + CONTINUED.width());
        Self { done: Vec::new(), last: Vec::new(), width: 0, columns, most: most.max(1), more: 0 }
    }

    /// Appends text that may be hostile to the last line; where that is too long, the text goes on in a marked one.
    pub(super) fn push(&mut self, text: &str, tone: Tone) {
        let mut rest = text;
        while !rest.is_empty() && !self.is_full() {
            let (chunk, after) = rest.split_at(chunk_end(rest));
            rest = after;
            let shown = line(chunk, usize::MAX / 64);
            if self.width + shown.width() > self.columns {
                self.end_line();
                self.last.push(Span::new(CONTINUED, Tone::Note));
                self.width = CONTINUED.width();
            }
            self.width += shown.width();
            self.last.extend(spans(&shown, tone));
        }
    }

    /// Appends bytes as the text that they are, or nearly are.
    pub(super) fn push_bytes(&mut self, bytes: &[u8], tone: Tone) {
        for chunk in bytes.utf8_chunks() {
            self.push(chunk.valid(), tone);
            for byte in chunk.invalid() {
                self.push(&format!("\\x{byte:02X}"), Tone::Escape);
            }
            if self.is_full() {
                break;
            }
        }
    }

    /// Ends the last line.
    pub(super) fn newline(&mut self) {
        if self.is_full() {
            self.more += 1;
        } else {
            self.end_line();
        }
    }

    /// Tells whether all lines are taken, so that what follows is only counted.
    pub(super) fn is_full(&self) -> bool {
        self.done.len() >= self.most
    }

    /// Returns the lines, and how many more there would have been.
    pub(super) fn finish(mut self) -> (Vec<Vec<Span>>, u64) {
        self.newline();
        (self.done, self.more)
    }

    fn end_line(&mut self) {
        self.done.push(std::mem::take(&mut self.last));
        self.width = 0;
    }
}

/// Lays a value out over lines, two columns deeper for each level.
#[derive(Debug)]
pub(super) struct Pretty {
    lines: Lines,
    depth: usize,
    deepest: usize,
    /// How many levels the value goes on below the deepest one that is shown.
    below: usize,
    /// A map or list was opened or a comma written, so that a value starts on a line of its own.
    break_before: bool,
    hidden: bool,
}

impl Pretty {
    /// Starts a page; what is nested deeper than `deepest` levels is left out.
    pub(super) fn new(lines: Lines, deepest: usize) -> Self {
        Self { lines, depth: 0, deepest, below: 0, break_before: false, hidden: false }
    }

    /// Returns the lines, and whether something was nested too deep to be shown.
    pub(super) fn finish(self) -> (Lines, bool) {
        (self.lines, self.hidden)
    }

    fn value(&mut self, text: &str, tone: Tone) {
        if self.break_before {
            self.break_line();
        }
        self.lines.push(text, tone);
    }

    fn break_line(&mut self) {
        self.break_before = false;
        self.lines.newline();
        self.lines.push(&"  ".repeat(self.depth), Tone::Plain);
    }

    fn skip(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Open(_) => self.below += 1,
            Piece::Close(bracket) => {
                self.below -= 1;
                if self.below == 0 {
                    self.lines.push(bracket, Tone::Punctuation);
                }
            }
            Piece::Comma | Piece::Colon | Piece::Atom(..) => {}
        }
    }
}

impl Layout for Pretty {
    fn piece(&mut self, piece: Piece<'_>) -> bool {
        if self.below > 0 {
            self.skip(piece);
            return true;
        }
        match piece {
            Piece::Open(bracket) => {
                self.value(bracket, Tone::Punctuation);
                if self.depth == self.deepest {
                    self.lines.push("…", Tone::Note);
                    self.hidden = true;
                    self.below = 1;
                } else {
                    self.depth += 1;
                    self.break_before = true;
                }
            }
            Piece::Close(bracket) => {
                self.depth = self.depth.saturating_sub(1);
                // Still to break means that nothing came since the opening: an empty map or list stays on its line.
                if !self.break_before {
                    self.break_line();
                }
                self.break_before = false;
                self.lines.push(bracket, Tone::Punctuation);
            }
            Piece::Comma => {
                self.lines.push(",", Tone::Punctuation);
                self.break_before = true;
            }
            Piece::Colon => self.lines.push(": ", Tone::Punctuation),
            Piece::Atom(text, tone) => self.value(text, tone),
        }
        true
    }
}

fn spans(shown: &Shown, tone: Tone) -> impl Iterator<Item = Span> {
    shown.parts().map(move |(part, escaped)| Span::new(part, if escaped { Tone::Escape } else { tone }))
}

/// Returns where the next span's text ends, between two graphemes where they are of a sane size.
fn chunk_end(text: &str) -> usize {
    if text.len() <= SPAN_BYTES {
        return text.len();
    }
    let window = &text[..text.floor_char_boundary(SPAN_BYTES)];
    if window.is_ascii() {
        return window.len() - 1;
    }
    match window.grapheme_indices(true).next_back() {
        Some((at, _)) if at > 0 => at,
        _ => window.len(),
    }
}
