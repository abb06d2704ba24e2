//! The protocol view: a window on what passed on the wire, and the selected packet field by field or byte by byte.

mod packet;

use std::collections::VecDeque;

pub use self::packet::{captured, copied, decoded, message_of};
use self::packet::{describe, packet_of};
use super::detail::Line;
use crate::{
    payload,
    store::exchange::{Exchange, Row, RowId, What},
    wire::packet::{Kind, is_quiet_publish},
};

/// Which packets are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Filter {
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

impl Filter {
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
    pub filter: Filter,
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
    /// The rows that are shown, and the first that was not looked at.
    shown: VecDeque<RowId>,
    next: u64,
    lines: Vec<Line>,
    total: usize,
}

impl Default for Protocol {
    fn default() -> Self {
        Self {
            filter: Filter::All,
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
            next: 0,
            lines: Vec::new(),
            total: 0,
        }
    }
}

impl Protocol {
    /// Shows the next kind of packets.
    pub fn next_filter(&mut self) {
        self.filter = self.filter.next();
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
        self.next = 0;
    }

    fn catch_up(&mut self, exchange: &Exchange) {
        let range = exchange.range();
        while self.shown.front().is_some_and(|id| id.0 < range.start) {
            self.shown.pop_front();
        }
        for id in (self.next.max(range.start)..range.end).map(RowId) {
            if exchange.row(id).is_some_and(|row| self.takes(row)) {
                self.shown.push_back(id);
            }
        }
        self.next = range.end;
    }

    fn takes(&self, row: &Row) -> bool {
        let ping = match &row.what {
            What::Packet { packet, .. } => matches!(packet.kind(), Kind::Pingreq | Kind::Pingresp),
            What::Quiet { .. } | What::Lost(_) | What::Ended(_) => false,
        };
        (self.pings || !ping) && self.filter.takes(row)
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
            Some(top) if !self.follow => self.position(top).min(furthest),
            _ => furthest,
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
            self.selected = self.get(self.row());
        }
        if follow {
            (self.top, self.end, self.selected) = (None, None, None);
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
        self.selected = self.get(row);
        self.packet_top = 0;
    }

    /// Scrolls the selected packet; the next frame stops it at the end.
    pub fn scroll(&mut self, by: isize) {
        self.packet_top = self.packet_top.saturating_add_signed(by);
    }

    /// Takes in what passed, and makes ready `rows` rows of the ladder and the selected packet in `columns` by `lines`.
    pub fn prepare(&mut self, exchange: &Exchange, rows: usize, columns: usize, lines: usize) {
        self.catch_up(exchange);
        let rows = rows.max(1);
        if self.follow {
            self.selected = self.shown.back().copied();
        } else {
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
