//! The Broker view: sections in one to three columns, scrolled together.
//!
//! ```text
//! ┏6 Broker━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 12 more below ┓
//! ┃Connection                             Subscriptions                              ┃
//! ┃state          online since 12:04      ● plant/#  QoS 0          3,912   281/s    ┃
//! ┃                                                                                  ┃
//! ┃Round trip                             The broker about itself ($SYS)             ┃
//! ┃▂▂▃▂▂▁▂▆▂▂                             version        mosquitto version 2.0.18    ┃
//! ```

use std::time::Duration;

use ratatui::buffer::Buffer;

use super::{
    topics,
    widget::{Pen, frame},
};
use crate::{
    app::{
        App,
        broker::{self, Columns, GRAPH, LABEL, Mood, Row, TIME},
        geometry::{Area, Geometry},
        workspace::Workspace,
    },
    base::human,
    theme::{Role, Theme},
};

/// The levels of a bar within one cell.
const BARS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// Columns of the counts behind a subscription.
const COUNTS: usize = 16;

pub(super) fn render(app: &App, workspace: &Workspace, geometry: &Geometry, theme: &Theme, buffer: &mut Buffer) {
    let area = geometry.broker;
    if area.is_empty() {
        return;
    }
    let inner = area.inner();
    let columns = broker::columns(workspace, app.now, &app.facts.zone, inner.columns());
    let top = workspace.broker.top;
    let below = broker::height(&columns).saturating_sub(top + inner.rows());
    let note = if below > 0 { format!("{} more below", human::count(below as u64)) } else { String::new() };
    frame(buffer, theme, area, "6 Broker ", &note, true);
    let places = Columns::of(inner.columns());
    for (index, sections) in columns.iter().enumerate() {
        let start = places.start(index);
        let short = |columns: usize| u16::try_from(columns).unwrap_or(u16::MAX);
        let column = Area { x: inner.x + short(start), width: short(places.width), ..inner };
        let titled = sections.iter().flat_map(|section| {
            let rows = section.rows.iter().map(Some);
            std::iter::once((Some(section.title), None)).chain(rows.map(|row| (None, row))).chain([(None, None)])
        });
        for (line, (title, row)) in titled.skip(top).take(inner.rows()).enumerate() {
            let mut pen = Pen::new(buffer, theme, column, line);
            match (title, row) {
                (Some(title), _) => drop(pen.put(title, Role::Title)),
                (None, Some(row)) => draw(app, workspace, row, &mut pen),
                (None, None) => {}
            }
        }
    }
}

fn draw(app: &App, workspace: &Workspace, row: &Row, pen: &mut Pen<'_>) {
    match row {
        Row::Fact(label, value, mood) => drop(pen.column(label, LABEL, Role::Dim).put(value, role(*mood))),
        Row::Text(text, mood) => drop(pen.put(text, role(*mood))),
        Row::Graph(line) => graph(workspace, *line, pen),
        Row::Subscription(subscribed, counted) => {
            let columns = pen.left();
            topics::subscription(subscribed, pen);
            let counts = match counted {
                Some((messages, rate)) => format!("{} {:>7}", human::short_count(*messages), human::rate(*rate)),
                None => String::new(),
            };
            if pen.left() >= COUNTS || columns >= 2 * COUNTS {
                pen.to_right(COUNTS).column_right(&counts, COUNTS, Role::Rate);
            }
        }
        Row::Trouble(at, text, mood) => {
            let time = at.map(|at| human::time_of_day(at, &app.facts.zone)).unwrap_or_default();
            // Without the milliseconds.
            pen.column(time.get(..TIME - 1).unwrap_or_default(), TIME, Role::Time).put(text, role(*mood));
        }
    }
}

/// Draws a row of the bars of the last round trips, as many as there are columns; the highest bar is the longest of them.
fn graph(workspace: &Workspace, line: usize, pen: &mut Pen<'_>) {
    let trips = &workspace.broker.round_trips;
    let shown: Vec<Duration> = trips.iter().skip(trips.len().saturating_sub(pen.left())).copied().collect();
    let most = shown.iter().max().copied().unwrap_or_default().max(Duration::from_micros(1));
    let below = (GRAPH - 1 - line) * (BARS.len() - 1);
    let bars: String = shown.iter().map(|trip| BARS[level(*trip, most).saturating_sub(below).min(BARS.len() - 1)]).collect();
    pen.put(&bars, Role::Rate);
}

/// Returns the height of a bar in eighths of a cell, at least one.
fn level(trip: Duration, most: Duration) -> usize {
    let levels = (GRAPH * (BARS.len() - 1)) as u128;
    let level = (trip.as_micros() * levels).div_ceil(most.as_micros().max(1));
    usize::try_from(level.clamp(1, levels)).unwrap_or(1)
}

fn role(mood: Mood) -> Role {
    match mood {
        Mood::Plain => Role::Text,
        Mood::Dim => Role::Dim,
        Mood::Good => Role::Success,
        Mood::Warning => Role::Warning,
        Mood::Bad => Role::Error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_round_trip_has_the_highest_bar_and_the_shortest_one_is_seen() {
        let most = Duration::from_millis(240);
        assert_eq!([0, 1, 10, 120, 240].map(|millis| level(Duration::from_millis(millis), most)), [1, 1, 1, 12, 24]);
    }
}
