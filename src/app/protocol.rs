//! The protocol view: a window on what passed on the wire, and the selected packet field by field or byte by byte.

mod packet;

use std::{collections::VecDeque, ops::Range};

pub use self::packet::{captured, copied, message_of, summarized};
use self::packet::{describe, packet_of};
use super::detail::Line;
use crate::{
    base::clock::Stamp,
    payload,
    store::{
        PacketFilter,
        exchange::{Exchange, Row, RowId, What},
    },
    wire::packet::{Kind, is_quiet_publish},
};

/// How much is looked at between two looks for a key: a row, and as much for every so many bytes of it.
const SLICE: usize = 2_000;
const BYTES_PER_COST: usize = 256;

/// Which packets are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kinds {
    /// All.
    #[default]
    All,
    /// What makes and ends connections and subscriptions.
    Control,
    /// PUBLISH.
    Publishes,
    /// PUBLISH from QoS 1 on and what acknowledges it.
    Handshakes,
}

impl Kinds {
    /// Returns the name in the title.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all types",
            Self::Control => "control",
            Self::Publishes => "publishes",
            Self::Handshakes => "QoS 1 and 2",
        }
    }

    fn next(self) -> Self {
        match self {
            Self::All => Self::Control,
            Self::Control => Self::Publishes,
            Self::Publishes => Self::Handshakes,
            Self::Handshakes => Self::All,
        }
    }

    fn takes(self, row: &Row) -> bool {
        let (kind, quiet) = match &row.what {
            What::Packet { packet, .. } => (packet.kind(), is_quiet_publish(packet.first)),
            What::Quiet { .. } => (Kind::Publish, true),
            // What ended or went missing is never left out.
            What::Lost(_) | What::Ended(_) => return true,
        };
        let acknowledges = matches!(kind, Kind::Puback | Kind::Pubrec | Kind::Pubrel | Kind::Pubcomp);
        match self {
            Self::All => true,
            Self::Control => kind != Kind::Publish && !acknowledges,
            Self::Publishes => kind == Kind::Publish,
            Self::Handshakes => acknowledges || kind == Kind::Publish && !quiet,
        }
    }
}

/// What the columns of time show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Times {
    /// The time of day, and the time since the row above.
    #[default]
    Delta,
    /// The time of day to the microsecond.
    Absolute,
    /// The time of day, and the time since CONNECT.
    SinceConnect,
}

impl Times {
    fn next(self) -> Self {
        match self {
            Self::Delta => Self::Absolute,
            Self::Absolute => Self::SinceConnect,
            Self::SinceConnect => Self::Delta,
        }
    }
}

/// What of the exchange is shown, and how.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Protocol {
    /// Which packets are shown.
    pub kinds: Kinds,
    /// Whether pings are shown.
    pub pings: bool,
    /// What the columns of time show.
    pub times: Times,
    /// Whether the selected packet is shown byte by byte.
    pub hex: bool,
    /// Whether QoS 0 is listed one by one.
    pub lists_quiet: bool,
    /// Whether the newest row is selected as it comes.
    pub follow: bool,
    /// The selected row.
    pub selected: Option<RowId>,
    /// The first visible line of the selected packet.
    pub packet_top: usize,
    /// The first visible row while the ladder stands still.
    top: Option<RowId>,
    /// The newest row when the ladder was frozen.
    end: Option<RowId>,
    /// The rows that are shown, of those that were looked at.
    shown: VecDeque<RowId>,
    seen: Option<Range<u64>>,
    /// Whether there are rows that were not looked at.
    pub searching: bool,
    /// The filter in force, and its text.
    narrowed: Option<(String, PacketFilter)>,
    /// The last filter, to go from one of its rows to the next among all.
    searched: Option<PacketFilter>,
    /// Whether its words are marked although it is not in force.
    marks_searched: bool,
    /// Where the next row of the last filter is looked for, and whether backwards.
    jump: Option<(u64, bool)>,
    /// The row that was chosen while the ladder stands still; a filter may hide it for a while.
    chosen: Option<RowId>,
    lines: Vec<Line>,
    total: usize,
}

impl Default for Protocol {
    fn default() -> Self {
        Self {
            kinds: Kinds::All,
            pings: true,
            times: Times::Delta,
            hex: false,
            lists_quiet: false,
            follow: true,
            selected: None,
            packet_top: 0,
            top: None,
            end: None,
            shown: VecDeque::new(),
            seen: None,
            searching: false,
            narrowed: None,
            searched: None,
            marks_searched: false,
            jump: None,
            chosen: None,
            lines: Vec::new(),
            total: 0,
        }
    }
}

impl Protocol {
    /// Shows the next kinds of packets.
    pub fn next_kinds(&mut self) {
        self.kinds = self.kinds.next();
        self.look_again();
    }

    /// Shows pings, or leaves them out.
    pub fn toggle_pings(&mut self) {
        self.pings = !self.pings;
        self.look_again();
    }

    /// Shows other times.
    pub fn next_times(&mut self) {
        self.times = self.times.next();
    }

    /// Shows the packet the other way.
    pub fn toggle_hex(&mut self) {
        self.hex = !self.hex;
        self.packet_top = 0;
    }

    fn look_again(&mut self) {
        self.shown.clear();
        self.seen = None;
        self.top = None;
    }

    /// Returns the text of the filter.
    #[must_use]
    pub fn filter(&self) -> Option<&str> {
        self.narrowed.as_ref().map(|(text, _)| text.as_str())
    }

    /// Returns the filter whose words are marked.
    #[must_use]
    pub fn marks(&self) -> Option<&PacketFilter> {
        let searched = self.searched.as_ref().filter(|_| self.marks_searched);
        self.narrowed.as_ref().map(|(_, filter)| filter).or(searched)
    }

    /// Shows only what a filter lets through, around the chosen row or what is next to it; an empty one shows all again.
    pub fn set_filter(&mut self, text: &str, filter: PacketFilter) {
        self.jump = None;
        self.marks_searched = false;
        if self.filter().unwrap_or_default() != text {
            self.narrowed = (!filter.is_empty()).then(|| (text.to_owned(), filter));
            self.look_again();
        }
    }

    /// Keeps the filter for [`Self::seek`], after it is cleared as well.
    pub fn remember_filter(&mut self) {
        if let Some((_, filter)) = &self.narrowed {
            self.searched = Some(filter.clone());
        }
    }

    /// Tells whether there was a filter.
    #[must_use]
    pub fn has_searched(&self) -> bool {
        self.searched.is_some()
    }

    /// Goes to the next row of the last filter, or back to the one before; with a filter in force that is the next row.
    pub fn seek(&mut self, back: bool, rows: usize) {
        if self.narrowed.is_some() {
            self.step(if back { -1 } else { 1 }, rows);
            return;
        }
        let Some(at) = self.selected.or_else(|| self.get(self.row())) else { return };
        self.marks_searched = true;
        self.jump = if back { at.0.checked_sub(1) } else { at.0.checked_add(1) }.map(|next| (next, back));
    }

    /// Tells whether the next row of the last filter is being looked for.
    #[must_use]
    pub fn is_seeking(&self) -> bool {
        self.jump.is_some()
    }

    /// Looks on for the next row of the last filter; tells when there is none.
    pub fn seek_on(&mut self, exchange: &Exchange, now: Stamp, rows: usize) -> bool {
        let (Some((mut next, back)), Some(filter)) = (self.jump.take(), &self.searched) else { return false };
        let mut left = SLICE;
        while let Some(row) = exchange.row(RowId(next)) {
            if left == 0 {
                self.jump = Some((next, back));
                return false;
            }
            left = left.saturating_sub(cost(row));
            if self.takes(row, exchange, now) && filter.matches(row, exchange, now) {
                let by = self.position(RowId(next)).cast_signed() - self.row().cast_signed();
                self.step(by, rows);
                return false;
            }
            // Below the first row there is none, so that the search ends there.
            next = if back { next.wrapping_sub(1) } else { next + 1 };
        }
        true
    }

    /// Takes in what passed, a bounded part of it at a time: first what is new, then what is older, the newest first.
    pub fn advance(&mut self, exchange: &Exchange, now: Stamp) {
        let range = self.range(exchange, now);
        while self.shown.front().is_some_and(|id| id.0 < range.start) {
            self.shown.pop_front();
        }
        let seen = self.seen.clone().unwrap_or(range.end..range.end);
        let mut seen = seen.start.max(range.start)..seen.end.max(range.start);
        let mut left = SLICE;
        while left > 0 && seen.end < range.end {
            let id = RowId(seen.end);
            if self.looks_at(id, exchange, now, &mut left) {
                self.shown.push_back(id);
            }
            seen.end += 1;
        }
        while left > 0 && seen.start > range.start {
            seen.start -= 1;
            let id = RowId(seen.start);
            if self.looks_at(id, exchange, now, &mut left) {
                self.shown.push_front(id);
            }
        }
        self.searching = seen != range;
        self.seen = Some(seen);
    }

    /// Returns the rows that are of interest, whatever they are.
    fn range(&self, exchange: &Exchange, now: Stamp) -> Range<u64> {
        let Range { start, end } = exchange.range();
        let Some(age) = self.narrowed.as_ref().and_then(|(_, filter)| filter.since()) else { return start..end };
        let (mut young, mut old) = (end, start);
        while old < young {
            let middle = u64::midpoint(old, young);
            if exchange.row(RowId(middle)).is_some_and(|row| now.since(row.at) > age) {
                old = middle + 1;
            } else {
                young = middle;
            }
        }
        young..end
    }

    fn looks_at(&self, id: RowId, exchange: &Exchange, now: Stamp, left: &mut usize) -> bool {
        let Some(row) = exchange.row(id) else { return false };
        // Without a filter nothing is decoded, and all rows that are kept cost less than one slice with one.
        *left -= if self.narrowed.is_some() { cost(row).min(*left) } else { 0 };
        self.takes(row, exchange, now)
    }

    /// Returns how much of what passed the filter was asked about, in percent, while that is not all.
    #[must_use]
    pub fn progress(&self, exchange: &Exchange) -> Option<u64> {
        let Range { start, end } = exchange.range();
        let seen = self.seen.as_ref().map_or(0, |seen| seen.end - seen.start);
        self.searching.then(|| seen * 100 / (end - start).max(1))
    }

    /// Tells whether what is shown changes by itself, since it may get too old.
    #[must_use]
    pub fn is_aging(&self) -> bool {
        self.narrowed.as_ref().is_some_and(|(_, filter)| filter.since().is_some()) && !self.is_empty()
    }

    fn takes(&self, row: &Row, exchange: &Exchange, now: Stamp) -> bool {
        let ping = match &row.what {
            What::Packet { packet, .. } => matches!(packet.kind(), Kind::Pingreq | Kind::Pingresp),
            What::Quiet { .. } | What::Lost(_) | What::Ended(_) => false,
        };
        (self.pings || !ping)
            && self.kinds.takes(row)
            && self.narrowed.as_ref().is_none_or(|(_, filter)| filter.matches(row, exchange, now))
    }

    /// Returns how many rows are shown.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shown.len()
    }

    /// Tells whether no row is shown.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// Returns the row at `index` of those that are shown.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<RowId> {
        self.shown.get(index).copied()
    }

    fn position(&self, id: RowId) -> usize {
        self.shown.partition_point(|&shown| shown < id)
    }

    /// Returns the index of the selected row.
    #[must_use]
    pub fn row(&self) -> usize {
        let last = self.len().saturating_sub(1);
        self.selected.map_or(last, |id| self.position(id).min(last))
    }

    /// Returns the index of the first visible row when `rows` are shown.
    #[must_use]
    pub fn first(&self, rows: usize) -> usize {
        let furthest = self.len().saturating_sub(rows);
        match self.top {
            _ if self.follow => furthest,
            Some(top) => self.position(top).min(furthest),
            None => self.row().saturating_sub(rows / 2).min(furthest),
        }
    }

    /// Returns how many rows came since the ladder stands still.
    #[must_use]
    pub fn new_below(&self) -> usize {
        self.end.map_or(0, |end| self.len().saturating_sub(self.shown.partition_point(|&id| id <= end)))
    }

    /// Follows the newest row, or stands still with `rows` visible rows as they are.
    pub fn set_follow(&mut self, follow: bool, rows: usize) {
        if self.follow && !follow {
            self.top = self.get(self.first(rows));
            self.end = self.shown.back().copied();
            self.choose(self.row());
        }
        if follow {
            (self.top, self.end, self.selected, self.chosen) = (None, None, None, None);
        }
        self.follow = follow;
    }

    /// Moves the selection by rows; moving away from the newest freezes.
    pub fn step(&mut self, by: isize, rows: usize) {
        let last = self.len().saturating_sub(1);
        let row = self.row().saturating_add_signed(by).min(last);
        if self.follow && row == last {
            return;
        }
        self.set_follow(false, rows);
        self.choose(row);
        self.packet_top = 0;
    }

    fn choose(&mut self, row: usize) {
        self.selected = self.get(row);
        self.chosen = self.selected;
    }

    /// Scrolls the selected packet; the next frame stops it at the end.
    pub fn scroll(&mut self, by: isize) {
        self.packet_top = self.packet_top.saturating_add_signed(by);
    }

    /// Takes in what passed, and makes ready `rows` rows of the ladder and the selected packet in `columns` by `lines`.
    pub fn prepare(&mut self, exchange: &Exchange, now: Stamp, rows: usize, columns: usize, lines: usize) {
        self.advance(exchange, now);
        let rows = rows.max(1);
        if self.follow {
            self.selected = self.shown.back().copied();
        } else {
            self.selected = self.chosen.or(self.selected);
            let row = self.row();
            self.selected = self.get(row);
            let first = self.first(rows).min(row).max((row + 1).saturating_sub(rows));
            self.top = self.get(first);
        }
        let selected = self.selected.and_then(|id| exchange.row(id));
        self.describe(selected, exchange, columns, lines);
    }

    fn describe(&mut self, row: Option<&Row>, exchange: &Exchange, columns: usize, lines: usize) {
        let packet = row.and_then(packet_of);
        match (row, packet) {
            (Some(_), Some(packet)) if self.hex => {
                let per_row = if columns >= 76 { 16 } else { 8 };
                self.total = payload::hex_row_count(packet.head.len(), per_row);
                self.packet_top = self.packet_top.min(self.total.saturating_sub(lines));
                self.lines = payload::hex_rows(&packet.head, self.packet_top..self.packet_top + lines, per_row);
            }
            (Some(row), _) => {
                self.lines = describe(row, exchange, columns);
                self.total = self.lines.len();
                self.packet_top = self.packet_top.min(self.total.saturating_sub(lines));
                self.lines.drain(..self.packet_top);
            }
            (None, _) => {
                self.lines.clear();
                self.total = 0;
            }
        }
    }

    /// Returns the lines of the selected packet from the first visible one on, and how many there are in all.
    #[must_use]
    pub fn lines(&self) -> (&[Line], usize) {
        (&self.lines, self.total)
    }
}

fn cost(row: &Row) -> usize {
    1 + packet_of(row).map_or(0, |packet| packet.head.len() / BYTES_PER_COST)
}
