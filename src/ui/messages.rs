//! The message log: a row for each message of the branch.

use ratatui::buffer::Buffer;

use super::{
    trouble,
    widget::{Pen, frame},
};
use crate::{
    app::{
        App,
        geometry::Geometry,
        kind::kind,
        workspace::{Pane, Workspace},
    },
    base::{human, text},
    payload,
    store::{Entry, Filter, Store},
    theme::{Role, Theme},
};

/// From this width on there are columns for the time since the message before and for the size.
const WIDE: usize = 90;

pub(super) fn render(app: &App, workspace: &Workspace, geometry: &Geometry, theme: &Theme, buffer: &mut Buffer) {
    let area = geometry.messages;
    if area.is_empty() {
        return;
    }
    let focused = workspace.focus == Pane::Messages;
    let messages = &workspace.messages;
    let branch = messages.branch.map(|node| workspace.store.tree().topic(node));
    let inner = area.inner();
    let note = note(workspace, inner.columns());
    let pin = if messages.pinned { " pinned" } else { "" };
    let room = inner.columns().saturating_sub(note.chars().count() + pin.len() + 14);
    let title = match &branch {
        None => "2 Messages".to_owned(),
        Some(topic) => format!("2 Messages {}{pin}", text::fit_end(topic, room)),
    };
    frame(buffer, theme, area, &format!("{title} "), &note, focused);
    if messages.view().is_empty() && messages.filter().is_some() && messages.total() > 0 {
        let said = if messages.searching { "searching …" } else { "No message matches the filter; Esc shows all." };
        Pen::new(buffer, theme, inner, inner.rows() / 3).skip(2).put(said, Role::Dim);
        return;
    }
    if messages.view().is_empty() && !messages.searching {
        trouble::render(app, workspace, inner, theme, buffer);
        return;
    }
    let first = messages.first(inner.rows());
    let selected = messages.row();
    let columns = Columns::new(workspace, branch, inner.columns());
    let view = messages.view();
    for line in 0..inner.rows() {
        let index = first + line;
        let Some(entry) = view.get(index).and_then(|seq| workspace.store.message(seq)) else { break };
        let before = index.checked_sub(1).and_then(|index| view.get(index)).and_then(|seq| workspace.store.message(seq));
        let mut pen = Pen::new(buffer, theme, inner, line);
        let is_selected = index == selected;
        if is_selected {
            pen.select(if focused { Role::Selection } else { Role::SelectionUnfocused });
        }
        pen.put(if is_selected { "›" } else { " " }, Role::Accent);
        row(app, &workspace.store, &entry, before.as_ref(), &columns, messages.marks(), &mut pen);
    }
}

/// Says whether the log follows, and how much of what came is kept.
fn note(workspace: &Workspace, columns: usize) -> String {
    let messages = &workspace.messages;
    let counts = workspace.store.counts();
    let mut shown = human::count(messages.view().len() as u64);
    if messages.filter().is_some() {
        shown = format!("{shown} of {}", human::count(messages.total() as u64));
    }
    let state = match (messages.searching, messages.follow, messages.new_below()) {
        (true, ..) => "searching ".to_owned(),
        (false, true, _) => "● follow ".to_owned(),
        (false, false, 0) => "‖ frozen ".to_owned(),
        (false, false, new) => format!("‖ frozen, {} new ", human::count(new as u64)),
    };
    if columns >= WIDE {
        let sign = if messages.filter().is_some() { " ·" } else { " of" };
        format!("{state} {shown}{sign} {} received", human::count(counts.received))
    } else {
        format!("{state} {shown}")
    }
}

/// Which columns there are and how the topic is shortened; the same for all rows, so that nothing jumps.
struct Columns {
    /// Whether there is room for the time since the message before and for the size.
    wide: bool,
    /// How many bytes of the topic the title says already.
    prefix: usize,
    /// Columns of the topic.
    topic: usize,
}

impl Columns {
    fn new(workspace: &Workspace, branch: Option<&str>, columns: usize) -> Self {
        let is_leaf = workspace.messages.branch.is_some_and(|node| workspace.store.tree().first_child(Some(node)).is_none());
        let name = branch.map_or(0, |topic| last_level(topic).chars().count());
        let topic = if is_leaf { name.clamp(4, columns / 4) } else { (columns / 3).clamp(10, 48) };
        Self { wide: columns >= WIDE, prefix: branch.map_or(0, str::len), topic }
    }
}

fn last_level(topic: &str) -> &str {
    topic.rsplit('/').next().unwrap_or(topic)
}

/// Writes a message: time, QoS and flags, topic below the branch, payload.
fn row(
    app: &App,
    store: &Store,
    entry: &Entry<'_>,
    before: Option<&Entry<'_>>,
    columns: &Columns,
    marks: Option<&Filter>,
    pen: &mut Pen<'_>,
) {
    pen.column(&human::time_of_day(entry.at, &app.facts.zone), 13, Role::Time);
    if columns.wide {
        let delta = before.map(|before| format!("+{}", human::span(entry.at.since(before.at)))).unwrap_or_default();
        pen.column_right(&delta, 9, Role::Dim).skip(1);
    }
    pen.put(&entry.qos.to_string(), if entry.qos.level() == 0 { Role::Dim } else { Role::Qos });
    pen.put(if entry.retain { "R" } else { "·" }, if entry.retain { Role::Retained } else { Role::Faint });
    pen.put(if entry.dup { "D" } else { "·" }, if entry.dup { Role::Warning } else { Role::Faint }).skip(1);
    let below =
        entry.topic.get(columns.prefix..).map(|rest| rest.strip_prefix('/').unwrap_or(rest)).filter(|rest| !rest.is_empty());
    let topic = below.unwrap_or_else(|| last_level(entry.topic));
    let start = pen.column_at();
    if topic.is_empty() {
        pen.column("(empty)", columns.topic, Role::Faint);
    } else {
        pen.column_shown(&text::fit_end(topic, columns.topic), columns.topic, Role::Topic);
    }
    if let Some(marks) = marks {
        pen.mark(start, |text| marks.marks(text, true), Role::Match);
    }
    pen.skip(1);
    if columns.wide {
        pen.column_right(&human::size(entry.payload.len() as u64), 9, Role::Dim).skip(2);
    }
    let spans = payload::preview(entry.payload, kind(store, entry).format, pen.left());
    let start = pen.column_at();
    pen.spans(&spans, pen.left());
    if let Some(marks) = marks {
        pen.mark(start, |text| marks.marks(text, false), Role::Match);
    }
}
