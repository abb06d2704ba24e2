//! The start screen: live and saved connections, and ways to begin.

use ratatui::buffer::Buffer;

use super::widget::{Pen, frame};
use crate::{
    app::{
        App,
        geometry::Geometry,
        start::{Entry, PROBLEMS},
    },
    keymap::action::Action,
    mqtt::event::Status,
    theme::{Role, Theme},
};

pub(super) fn render(app: &App, geometry: &Geometry, theme: &Theme, buffer: &mut Buffer) {
    let area = geometry.body;
    frame(buffer, theme, area, "Connections ", "", true);
    let inner = area.inner();
    let entries = app.start.entries(&app.workspaces, app.facts.has_demo);
    let selected = app.start.selected.min(entries.len().saturating_sub(1));
    if !entries.iter().any(|entry| matches!(entry, Entry::Live(_) | Entry::Saved(_))) {
        Pen::new(buffer, theme, inner, 1).skip(2).put("No saved connections yet. Pick a start:", Role::Text);
    }
    for (line, index) in app.start_lines(inner.rows()) {
        let Some(entry) = entries.get(index) else { break };
        let mut pen = Pen::new(buffer, theme, inner, line);
        if index == selected {
            pen.select(Role::Selection);
        }
        pen.put(if index == selected { "  › " } else { "    " }, Role::Accent);
        row(app, *entry, &mut pen);
    }
    foot(app, inner.rows().saturating_sub(app.foot_rows()), geometry, theme, buffer);
}

fn row(app: &App, entry: Entry, pen: &mut Pen<'_>) {
    let key = |action: Action| app.keymap.labels(action).into_iter().next().unwrap_or_default();
    let mut way = |action: Action, name: &str, what: &str, role: Role| {
        pen.column(&key(action), 3, Role::Key).column(name, 26, Role::Text).put(what, role);
    };
    match entry {
        Entry::Live(id) => {
            let Some(workspace) = app.workspaces.iter().find(|workspace| workspace.id == id) else { return };
            let (mark, word, role) = match workspace.status {
                Status::Online(_) => ("●", "online", Role::Online),
                Status::Connecting { .. } => ("◐", "connecting", Role::Connecting),
                Status::Waiting { .. } => ("○", "waiting to try again", Role::Connecting),
                Status::Failed { .. } | Status::Closed => ("✗", "offline", Role::Offline),
            };
            pen.column(mark, 3, role).column(&workspace.profile.title(), 26, Role::Text).column(word, 22, role);
            pen.put(&workspace.profile.endpoint().to_string(), Role::Dim);
        }
        Entry::Saved(index) => {
            let Some(profile) = app.start.profiles.get(index) else { return };
            pen.skip(3).column(&profile.title(), 26, Role::Text).put(&profile.endpoint().to_string(), Role::Dim);
            if profile.read_only {
                pen.put("  read-only", Role::Warning);
            }
            if profile.protect {
                pen.put("  protected", Role::Warning);
            }
        }
        Entry::Localhost => match app.start.localhost {
            None => way(Action::ConnectionLocalhost, "Try localhost:1883", "", Role::Dim),
            Some(true) => way(Action::ConnectionLocalhost, "Try localhost:1883", "something answers there", Role::Online),
            Some(false) => way(Action::ConnectionLocalhost, "Try localhost:1883", "nothing answers there", Role::Dim),
        },
        Entry::New => way(Action::ConnectionNew, "New connection", "a form, or paste an mqtt(s):// URL", Role::Dim),
        Entry::Demo => way(Action::ConnectionDemo, "Demo", "a simulated plant, works offline", Role::Dim),
        Entry::Edit => way(Action::ConnectionEdit, "Edit the profiles file", "in $EDITOR", Role::Dim),
    }
}

/// Writes what is wrong with the profiles file, and what mqtap knows of its surroundings.
fn foot(app: &App, mut line: usize, geometry: &Geometry, theme: &Theme, buffer: &mut Buffer) {
    let inner = geometry.body.inner();
    for problem in app.start.problems.iter().take(PROBLEMS) {
        Pen::new(buffer, theme, inner, line).skip(2).put("✗ ", Role::Error).put(problem, Role::Error);
        line += 1;
    }
    line += 1;
    for about in app.about() {
        Pen::new(buffer, theme, inner, line).skip(2).put(&about, Role::Dim);
        line += 1;
    }
}
