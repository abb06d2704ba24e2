//! The Broker view: what was agreed on, what the broker tells of itself, how far away it is, and what went wrong.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::{
    notice::Notice,
    workspace::{Subscribed, Workspace},
};
use crate::{
    base::{clock::Stamp, ring::Ring, text::wrap},
    mqtt::will_test::WillReport,
};

mod sections;

/// How many round trips are kept, the oldest going first: an hour, at one in half a minute.
pub const ROUND_TRIPS: usize = 120;

/// How many warnings and errors of a connection are kept, the oldest going first.
const TROUBLES: usize = 50;

/// The rows of the graph of round trips.
pub const GRAPH: usize = 3;

/// Columns of a label, with a blank.
pub const LABEL: usize = 15;

/// Columns of a time of day, with a blank.
pub const TIME: usize = 9;

/// From this width on there are two columns of sections, and from that one on three.
const COLUMNS: (usize, usize) = (76, 170);

/// Columns between two columns of sections.
const GAP: usize = 2;

/// What the view keeps of its connection.
#[derive(Debug)]
pub struct Broker {
    /// The first visible row.
    pub top: usize,
    /// The last round trips, the newest last.
    pub round_trips: Ring<Duration>,
    /// The last warnings and errors, the newest last.
    pub troubles: Ring<Notice>,
    /// What came of the test of the will.
    pub will_test: WillTest,
}

/// Where the test of the will stands.
#[derive(Debug, Clone, Default)]
pub enum WillTest {
    /// It was not asked for.
    #[default]
    Never,
    /// It is under way.
    Running,
    /// It came to its end, at this moment.
    Done(Stamp, Box<WillReport>),
    /// It could not be made: why, and what to do.
    Failed(String, String),
}

impl Default for Broker {
    fn default() -> Self {
        Self { top: 0, round_trips: Ring::new(ROUND_TRIPS), troubles: Ring::new(TROUBLES), will_test: WillTest::default() }
    }
}

impl Broker {
    /// Scrolls; the next frame stops it at the end.
    pub fn scroll(&mut self, by: isize) {
        self.top = self.top.saturating_add_signed(by);
    }
}

/// How a value is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// As any other.
    Plain,
    /// It matters less.
    Dim,
    /// It is good.
    Good,
    /// Somebody should look at it.
    Warning,
    /// It is bad.
    Bad,
}

/// One row of a section.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// A label and its value; the label is empty where the value goes on from the row above.
    Fact(&'static str, String, Mood),
    /// A sentence, or a part of one.
    Text(String, Mood),
    /// A row of the graph of round trips, 0 being the highest.
    Graph(usize),
    /// A subscription, how many messages its part of the tree has, and how many come in a second.
    Subscription(Subscribed, Option<(u64, f64)>),
    /// A warning or an error; a further part of one has no time.
    Trouble(Option<Stamp>, String, Mood),
}

/// Rows under a title.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// The title.
    pub title: &'static str,
    /// The rows.
    pub rows: Vec<Row>,
}

impl Section {
    /// Returns the number of rows, with the title and a blank one behind.
    fn height(&self) -> usize {
        self.rows.len() + 2
    }

    fn new(title: &'static str) -> Self {
        Self { title, rows: Vec::new() }
    }

    /// Adds a value, in as many rows as it needs; the label is cut from the columns.
    fn fact(&mut self, label: &'static str, value: &str, mood: Mood, columns: usize) {
        let mut label = label;
        for part in wrap(value, columns.saturating_sub(LABEL)) {
            self.rows.push(Row::Fact(label, part, mood));
            label = "";
        }
    }

    fn text(&mut self, sentence: &str, mood: Mood, columns: usize) {
        self.rows.extend(wrap(sentence, columns).into_iter().map(|part| Row::Text(part, mood)));
    }
}

/// Where the columns of sections are: how many, and how wide each is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns {
    /// How many there are.
    pub count: usize,
    /// The width of each.
    pub width: usize,
}

impl Columns {
    /// Divides a width.
    #[must_use]
    pub fn of(width: usize) -> Self {
        let count = match width {
            _ if width >= COLUMNS.1 => 3,
            _ if width >= COLUMNS.0 => 2,
            _ => 1,
        };
        Self { count, width: (width - GAP.min(width) * (count - 1)) / count }
    }

    /// Returns where a column begins.
    #[must_use]
    pub fn start(&self, index: usize) -> usize {
        index * (self.width + GAP)
    }
}

/// Returns the sections of a connection, column by column, for an area of this width.
#[must_use]
pub fn columns(workspace: &Workspace, now: Stamp, zone: &TimeZone, width: usize) -> Vec<Vec<Section>> {
    let Columns { count, width } = Columns::of(width);
    let connection = sections::connection(workspace, zone, width);
    let round_trips = sections::round_trips(workspace, width);
    let granted = sections::granted(workspace, width);
    let certificates = sections::certificates(workspace, now, width);
    let subscriptions = sections::subscriptions(workspace, now, width);
    let told = sections::told(workspace, width);
    let will = sections::will(workspace, zone, width);
    let troubles = sections::troubles(workspace, width);
    let columns = match count {
        1 => vec![vec![
            Some(connection),
            Some(round_trips),
            Some(subscriptions),
            Some(told),
            granted,
            certificates,
            Some(will),
            Some(troubles),
        ]],
        2 => vec![
            vec![Some(connection), Some(round_trips), granted, certificates],
            vec![Some(subscriptions), Some(told), Some(will), Some(troubles)],
        ],
        _ => vec![
            vec![Some(connection), Some(round_trips), Some(will)],
            vec![granted, certificates, Some(troubles)],
            vec![Some(subscriptions), Some(told)],
        ],
    };
    columns.into_iter().map(|sections| sections.into_iter().flatten().collect()).collect()
}

/// Returns how many rows the highest column has.
#[must_use]
pub fn height(columns: &[Vec<Section>]) -> usize {
    columns.iter().map(|sections| sections.iter().map(Section::height).sum::<usize>()).max().unwrap_or(0).saturating_sub(1)
}
