//! The selected message: what it is in two rows, then its payload, properties or bytes.

use ratatui::buffer::Buffer;

use super::widget::{Pen, frame};
use crate::{
    app::{
        App,
        detail::Tab,
        geometry::Geometry,
        workspace::{Pane, Workspace},
    },
    base::{human, text},
    theme::{Role, Theme},
};

pub(super) fn render(app: &App, workspace: &Workspace, geometry: &Geometry, theme: &Theme, buffer: &mut Buffer) {
    let area = geometry.detail;
    if area.is_empty() {
        return;
    }
    let detail = &workspace.detail;
    let inner = area.inner();
    let window = geometry.detail_text();
    let below = detail.total().saturating_sub(detail.top + window.rows());
    let note = match (detail.top, below) {
        (0, 0) => String::new(),
        (_, 0) => "end".to_owned(),
        (_, more) => format!("{} more", human::count(more as u64)),
    };
    frame(buffer, theme, area, "3 Detail ", &note, workspace.focus == Pane::Detail);
    tabs(workspace, geometry, theme, buffer);
    let Some(entry) = workspace.selected() else {
        Pen::new(buffer, theme, inner, 0).skip(1).put("no message selected", Role::Dim);
        return;
    };
    Pen::new(buffer, theme, inner, 0).shown(&text::fit_end(entry.topic, inner.columns()), Role::Topic);
    let mut pen = Pen::new(buffer, theme, inner, 1);
    pen.put(&human::time_of_day(entry.at, &app.facts.zone), Role::Time);
    pen.put("  QoS ", Role::Dim).put(&entry.qos.to_string(), Role::Text);
    if entry.retain {
        pen.put("  retained", Role::Retained);
    }
    if entry.dup {
        pen.put("  dup", Role::Warning);
    }
    if entry.resumed {
        pen.put("  resumed", Role::Warning);
    }
    pen.put("  ", Role::Dim).put(&human::size(entry.payload.len() as u64), Role::Text);
    if let Some((format, reason)) = detail.format() {
        pen.put("  ", Role::Dim).put(format.name(), Role::Kind).put(": ", Role::Dim).put(reason, Role::Dim);
    }
    for (line, spans) in detail.visible().iter().take(window.rows()).enumerate() {
        let mut pen = Pen::new(buffer, theme, window, line);
        pen.spans(spans, window.columns());
    }
}

/// Writes the tabs into the border, the one in front in brackets.
fn tabs(workspace: &Workspace, geometry: &Geometry, theme: &Theme, buffer: &mut Buffer) {
    let top = geometry.detail;
    let row = crate::app::geometry::Area { x: top.x + 10, width: top.width.saturating_sub(24), height: 1, ..top };
    let mut pen = Pen::new(buffer, theme, row, 0);
    for tab in Tab::ALL {
        let name = match tab {
            Tab::Payload => "Payload",
            Tab::Properties => "Properties",
            Tab::Hex => "Hex",
        };
        if tab == workspace.detail.tab {
            pen.put("[", Role::Accent).put(name, Role::Accent).put("]", Role::Accent);
        } else {
            pen.put(" ", Role::Dim).put(name, Role::Dim).put(" ", Role::Dim);
        }
    }
}
