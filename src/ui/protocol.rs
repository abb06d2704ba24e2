//! The protocol view: a ladder of packets between client and broker, and the selected packet below it.
//!
//! ```text
//! ┏5 Protocol━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ all types ● follow  1,882 packets ┓
//! ┃ time               Δ  client                                broker     bytes ┃
//! ┃ 12:03:58.101          │── CONNECT v5 clean=1 ka=60 id=app-7f ────▶│        58 ┃
//! ┃›12:03:58.113  12.1 ms │◀─ CONNACK 0x00 sess=0 rmax=20 ── 12.1 ms ─│        21 ┃
//! ┃───────────────────────────────────────────────────────────────────────────────┃
//! ┃CONNACK  from the broker, 21 bytes, 12.1 ms after CONNECT                       ┃
//! ```

use ratatui::buffer::Buffer;
use unicode_width::UnicodeWidthStr;

use super::{
    trouble,
    widget::{Pen, frame},
};
use crate::{
    app::{
        App,
        geometry::{Area, Geometry},
        protocol::{self, Times},
        workspace::Workspace,
    },
    base::human,
    store::exchange::{Joined, Row, What},
    theme::{Role, Theme},
    wire::packet::{Direction, Kind, Packet},
};

/// The columns of a time of day with and without microseconds, each with a blank.
const TIME: usize = 13;
const LONG_TIME: usize = 16;

/// The columns of a difference, with a blank.
const DELTA: usize = 10;

/// The columns of a size at the right of the ladder.
const BYTES: usize = 9;

pub(super) fn render(app: &App, workspace: &Workspace, geometry: &Geometry, theme: &Theme, buffer: &mut Buffer) {
    let area = geometry.protocol;
    if area.is_empty() {
        return;
    }
    frame(buffer, theme, area, "5 Protocol ", &note(workspace), true);
    let view = &workspace.protocol;
    let inner = area.inner();
    headings(view.times, inner, theme, buffer);
    let ladder = geometry.ladder;
    if view.is_empty() {
        if workspace.exchange.packets() > 0 {
            let said = match (view.searching, view.filter()) {
                (true, _) => "searching …",
                (false, Some(_)) => "No packet matches the filter; Esc shows all.",
                (false, None) => "No packets of this kind.",
            };
            Pen::new(buffer, theme, ladder, 1).skip(2).put(said, Role::Dim);
        } else {
            trouble::render(app, workspace, ladder, theme, buffer);
        }
    }
    let (first, selected) = (view.first(ladder.rows()), view.row());
    let mut before = first.checked_sub(1).and_then(|index| view.get(index)).and_then(|id| workspace.exchange.row(id));
    for line in 0..ladder.rows() {
        let Some(row) = view.get(first + line).and_then(|id| workspace.exchange.row(id)) else { break };
        let mut pen = Pen::new(buffer, theme, ladder, line);
        let is_selected = first + line == selected;
        if is_selected {
            pen.select(Role::Selection);
        }
        pen.put(if is_selected { "›" } else { " " }, Role::Accent);
        times(app, view.times, row, before, &mut pen);
        let start = pen.column_at();
        rung(row, &mut pen);
        if let Some(marks) = view.marks() {
            pen.mark(start, |text| marks.marks(text), Role::Match);
        }
        before = Some(row);
    }
    packet(workspace, geometry, theme, buffer);
}

/// Says what is shown, whether the ladder follows, and how much was let go.
fn note(workspace: &Workspace) -> String {
    let view = &workspace.protocol;
    let state = match (view.follow, view.new_below()) {
        (true, _) => "● follow".to_owned(),
        (false, 0) => "‖ frozen".to_owned(),
        (false, new) => format!("‖ frozen, {} new", human::count(new as u64)),
    };
    let pings = if view.pings { "" } else { ", no pings" };
    let quiet = if view.lists_quiet { ", with QoS 0" } else { "" };
    let lost = match workspace.exchange.lost() {
        0 => String::new(),
        lost => format!(", {} let go", human::count(lost)),
    };
    let packets = human::count(workspace.exchange.packets());
    format!("{}{pings}{quiet} {state}  {packets} packets{lost}", view.kinds.name())
}

fn headings(times: Times, area: Area, theme: &Theme, buffer: &mut Buffer) {
    let mut pen = Pen::new(buffer, theme, area, 0);
    pen.skip(1);
    match times {
        Times::Delta => pen.column("time", TIME, Role::Dim).column_right("Δ", DELTA - 1, Role::Dim).skip(1),
        Times::SinceConnect => pen.column("time", TIME, Role::Dim).column_right("CONNECT", DELTA - 1, Role::Dim).skip(1),
        Times::Absolute => pen.column("time", LONG_TIME, Role::Dim),
    };
    let rung = pen.left().saturating_sub(BYTES);
    pen.column("client", rung.saturating_sub(6), Role::Dim).column_right("broker", 6, Role::Dim);
    pen.column_right("bytes", BYTES, Role::Dim);
}

fn times(app: &App, times: Times, row: &Row, before: Option<&Row>, pen: &mut Pen<'_>) {
    let time = human::time_of_day(row.at, &app.facts.zone);
    let since = |earlier: Option<crate::base::clock::Stamp>| {
        earlier.map(|earlier| human::precise_span(row.at.since(earlier))).unwrap_or_default()
    };
    let delta = match times {
        Times::Absolute => {
            let micros = row.at.wall.rem_euclid(1_000);
            pen.column(&format!("{time}{micros:03}"), LONG_TIME, Role::Time);
            return;
        }
        Times::Delta => since(before.map(|before| before.at)),
        Times::SinceConnect => since(row.connected),
    };
    pen.column(&time, TIME, Role::Time).column_right(&delta, DELTA - 1, Role::Dim).skip(1);
}

/// Writes what passed between the two rails, and its size.
fn rung(row: &Row, pen: &mut Pen<'_>) {
    let columns = pen.left().saturating_sub(BYTES + 2);
    match &row.what {
        What::Packet { packet, .. } => {
            let decoded = protocol::summarized(row).unwrap_or_default();
            let role = if decoded.is_failure || decoded.fault.is_some() && !packet.is_cut() { Role::Error } else { Role::Text };
            let note =
                row.joined.filter(|joined| joined.is_last).map(|joined| joined_note(packet, joined, columns)).unwrap_or_default();
            let label = (packet.kind().name(), decoded.summary.as_str(), role);
            arrow(packet.direction, label, &note, columns, pen);
            pen.column_right(&human::count(packet.size as u64), BYTES, Role::Dim);
        }
        What::Quiet { direction, quiet, .. } => {
            let count = format!("{} × PUBLISH", human::count(quiet.count));
            arrow(*direction, (&count, "q0", Role::Dim), "counted", columns, pen);
            pen.column_right(&human::short_count(quiet.bytes), BYTES, Role::Dim);
        }
        What::Lost(count) => {
            pen.skip(1).column(&format!("! {} packets let go", human::count(*count)), columns, Role::Warning);
        }
        What::Ended(why) => {
            pen.skip(1).column(&format!("✗ {why}"), columns + 1 + BYTES, Role::Error);
        }
    }
}

/// Says how long the exchange took that ends with this packet.
fn joined_note(packet: &Packet, joined: Joined, columns: usize) -> String {
    let took = human::precise_span(joined.took);
    let wide = columns >= 60;
    match packet.kind() {
        Kind::Pingresp => format!("RTT {took}"),
        Kind::Puback if wide => format!("q1 round trip {took}"),
        Kind::Pubcomp | Kind::Pubrec if wide => format!("q2 round trip {took}"),
        Kind::Connack | Kind::Suback | Kind::Unsuback if wide => format!("answered in {took}"),
        Kind::Reserved
        | Kind::Connect
        | Kind::Connack
        | Kind::Publish
        | Kind::Puback
        | Kind::Pubrec
        | Kind::Pubrel
        | Kind::Pubcomp
        | Kind::Subscribe
        | Kind::Suback
        | Kind::Unsubscribe
        | Kind::Unsuback
        | Kind::Pingreq
        | Kind::Disconnect
        | Kind::Auth => took,
    }
}

/// Draws a rung of exactly `columns` columns between the rails, with the head of the arrow where it arrives.
fn arrow(direction: Direction, (name, summary, role): (&str, &str, Role), note: &str, columns: usize, pen: &mut Pen<'_>) {
    let way = if direction == Direction::Out { Role::Sent } else { Role::Received };
    let (tail, head) = match direction {
        Direction::Out => ("──", "▶"),
        Direction::In => ("◀─", "─"),
    };
    pen.put("│", Role::Faint).put(tail, way).put(" ", way).put(name, way);
    // The tail, the name, the blanks around them and the head.
    let mut room = columns.saturating_sub(2 + 1 + name.width() + 1 + 1);
    let note_width = if note.is_empty() { 0 } else { note.width() + 3 };
    // What a packet says comes before how long it took, which the times tell too.
    let with_note = note_width > 0 && room > note_width + summary.width();
    if with_note {
        room -= note_width;
    }
    if !summary.is_empty() && room > 1 {
        let shown = crate::base::text::line(summary, room - 1);
        pen.put(" ", way).shown(&shown, role);
        room -= 1 + shown.width();
    }
    pen.put(" ", way).put(&"─".repeat(room), Role::Faint);
    if with_note {
        pen.put(" ", way).put(note, Role::Time).put(" ", way).put("─", Role::Faint);
    }
    pen.put(head, if direction == Direction::Out { way } else { Role::Faint }).put("│", Role::Faint);
}

/// Writes the selected packet below a rule.
fn packet(workspace: &Workspace, geometry: &Geometry, theme: &Theme, buffer: &mut Buffer) {
    let area = geometry.packet;
    let rule = Area { y: area.y.saturating_sub(1), height: 1, ..area };
    let (lines, total) = workspace.protocol.lines();
    let below = total.saturating_sub(workspace.protocol.packet_top + area.rows());
    let mut pen = Pen::new(buffer, theme, rule, 0);
    pen.put(&"─".repeat(rule.columns()), Role::Border);
    if below > 0 {
        let more = format!(" {} more below ", human::count(below as u64));
        Pen::new(buffer, theme, rule, 0).to_right(more.width() + 1).put(&more, Role::Dim);
    }
    for (line, spans) in lines.iter().take(area.rows()).enumerate() {
        Pen::new(buffer, theme, area, line).spans(spans, area.columns());
    }
}
