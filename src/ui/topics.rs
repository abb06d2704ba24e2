//! The topic tree, and the subscriptions below it.

use ratatui::buffer::Buffer;

use super::widget::{Pen, frame};
use crate::{
    app::{
        App,
        geometry::{Area, Geometry},
        kind::kind,
        workspace::{Grant, Pane, Workspace},
    },
    base::{human, text},
    payload,
    store::{NodeId, Row, Sort},
    theme::{Role, Theme},
};

/// From this width on there is a column for counts beside the one for rates.
const WIDE: usize = 40;

/// The deepest indentation, in levels; a deeper row stands where the deepest does.
const DEEPEST: usize = 12;

pub(super) fn render(app: &App, workspace: &Workspace, geometry: &Geometry, theme: &Theme, buffer: &mut Buffer) {
    let area = geometry.topics;
    if area.is_empty() {
        return;
    }
    let focused = workspace.focus == Pane::Topics;
    let tree = workspace.store.tree();
    let topics = &workspace.topics;
    let title = match (topics.is_flat(), topics.sort(&workspace.store)) {
        (false, Sort::Name) => "1 Topics".to_owned(),
        (false, sort) => format!("1 Topics by {} ", sort.name()),
        (true, sort) => format!("1 Flat by {} ", sort.name()),
    };
    let count = human::count(tree.topics() as u64);
    let note = match topics.filter() {
        None => count,
        Some(_) => format!("{} of {count}", human::count(tree.topics_shown() as u64)),
    };
    frame(buffer, theme, area, &title, &note, focused);
    let list = geometry.tree;
    let top = workspace.topics.top;
    let cursor = workspace.topics.row(&workspace.store);
    let mark = |pen: &mut Pen<'_>, row: usize| {
        if row == cursor {
            pen.select(if focused { Role::Selection } else { Role::SelectionUnfocused });
        }
    };
    let mut line = 0;
    if top == 0 && list.rows() > 0 {
        let mut pen = Pen::new(buffer, theme, list, 0);
        mark(&mut pen, 0);
        all(app, workspace, list, &mut pen);
        line = 1;
    }
    let first = (top + line).saturating_sub(1);
    for (offset, listed) in topics.flat_from(first).iter().take(list.rows().saturating_sub(line)).enumerate() {
        let mut pen = Pen::new(buffer, theme, list, line + offset);
        mark(&mut pen, first + offset + 1);
        flat(app, workspace, *listed, list, &mut pen);
    }
    let in_tree = if topics.is_flat() { 0 } else { list.rows().saturating_sub(line) };
    for (offset, row) in tree.rows_from(first, in_tree).enumerate() {
        let mut pen = Pen::new(buffer, theme, list, line + offset);
        mark(&mut pen, first + offset + 1);
        node(app, workspace, &row, list, &mut pen);
    }
    subscriptions(workspace, geometry.subscriptions, theme, buffer);
}

/// Writes the row that stands for all topics.
fn all(app: &App, workspace: &Workspace, list: Area, pen: &mut Pen<'_>) {
    let counts = workspace.store.counts();
    let (numbers, columns) = numbers(list, counts.received - counts.lost, workspace.store.rate(app.now), true);
    pen.put("all topics", Role::Branch);
    pen.to_right(columns).column_right(&numbers, columns, Role::Rate);
}

/// Writes a branch or a topic: indentation, mark, name, last value, count and rate.
fn node(app: &App, workspace: &Workspace, row: &Row<'_>, list: Area, pen: &mut Pen<'_>) {
    let stats = workspace.store.tree().stats(row.node, app.now);
    let mark = match (row.has_children, row.open) {
        (true, true) => "▼ ",
        (true, false) => "▶ ",
        (false, _) => "  ",
    };
    let (numbers, columns) = numbers(list, stats.messages, stats.rate, row.has_children);
    let role = if row.has_children { Role::Branch } else { Role::Topic };
    pen.skip(row.depth.min(DEEPEST) * 2).put(mark, Role::Dim);
    let room = pen.left().saturating_sub(columns + 1);
    let name = if row.name.is_empty() { "(empty)" } else { row.name };
    let shown = text::name(name, room);
    let start = pen.column_at();
    pen.shown(&shown, if row.name.is_empty() { Role::Faint } else { role });
    if let Some(marks) = workspace.topics.marks() {
        pen.mark(start, |text| marks.marks(text), Role::Match);
    }
    latest(workspace, row.node, columns, pen);
    pen.to_right(columns).column_right(&numbers, columns, Role::Rate);
}

/// Writes a topic of the flat list with all its levels, the end of which is the part to keep.
fn flat(app: &App, workspace: &Workspace, listed: NodeId, list: Area, pen: &mut Pen<'_>) {
    let tree = workspace.store.tree();
    let stats = tree.stats(listed, app.now);
    let by_rate = workspace.topics.sort(&workspace.store) == Sort::Rate;
    let (numbers, columns) = numbers(list, stats.own, stats.rate, !by_rate);
    let room = pen.left().saturating_sub(columns + 1);
    let start = pen.column_at();
    pen.shown(&text::fit_end(tree.topic(listed), room), Role::Topic);
    if let Some(marks) = workspace.topics.marks() {
        pen.mark(start, |text| marks.marks(text), Role::Match);
    }
    if list.columns() >= WIDE {
        latest(workspace, listed, columns, pen);
    }
    pen.to_right(columns).column_right(&numbers, columns, Role::Rate);
}

/// Writes the last value of a topic, up to the numbers.
fn latest(workspace: &Workspace, topic: NodeId, columns: usize, pen: &mut Pen<'_>) {
    let latest = workspace.store.latest(topic).and_then(|seq| workspace.store.message(seq));
    let Some(entry) = latest.filter(|_| pen.left() > columns + 3) else { return };
    pen.put(" ", Role::Text);
    if entry.retain {
        pen.put("R ", Role::Retained);
    }
    let left = pen.left().saturating_sub(columns + 1);
    let spans = payload::preview(entry.payload, kind(&workspace.store, &entry).format, left);
    pen.spans(&spans, left);
}

/// Makes the numbers at the right of a row and their width: count and rate, or in a narrow tree one of them.
fn numbers(list: Area, count: u64, rate: f64, branch: bool) -> (String, usize) {
    let (count, rate) = (human::short_count(count), human::rate(rate));
    if list.columns() >= WIDE {
        (format!("{count:>6} {rate:>7}"), 14)
    } else if branch || rate.is_empty() {
        (count, 6)
    } else {
        (rate, 6)
    }
}

fn subscriptions(workspace: &Workspace, area: Area, theme: &Theme, buffer: &mut Buffer) {
    if area.height < 2 {
        return;
    }
    let title = "── Subscriptions ";
    let rule = format!("{title}{}", "─".repeat(area.columns().saturating_sub(17)));
    Pen::new(buffer, theme, area, 0).put(&rule, Role::Border);
    let mut rows: Vec<_> = workspace.subscriptions.iter().collect();
    // What was refused must be seen even where not all rows fit.
    rows.sort_by_key(|row| !matches!(row.grant, Grant::Denied(..)));
    for (line, row) in rows.into_iter().take(area.rows() - 1).enumerate() {
        let mut pen = Pen::new(buffer, theme, area, line + 1);
        subscription(row, &mut pen);
    }
}

/// Writes a subscription and what the broker said to it.
pub(super) fn subscription(row: &crate::app::workspace::Subscribed, pen: &mut Pen<'_>) {
    let filter = &row.subscription.filter;
    match &row.grant {
        Grant::Awaited => pen.put("◌ ", Role::Connecting).put(filter, Role::Text).put("  awaiting the broker", Role::Dim),
        Grant::Granted(qos) => pen.put("● ", Role::Online).put(filter, Role::Text).put(&format!("  QoS {qos}"), Role::Dim),
        Grant::Denied(why, _) => pen.put("✗ ", Role::Error).put(filter, Role::Error).put("  ", Role::Error).put(why, Role::Error),
    };
}
