//! The row at the top: which connection, how it is, and what came of it; cut from the right.

use std::time::Duration;

use ratatui::buffer::Buffer;

use super::widget::Pen;
use crate::{
    app::{App, geometry::Geometry, workspace::Workspace},
    base::human,
    mqtt::event::Status,
    theme::{Role, Theme},
};

pub(super) fn render(app: &App, geometry: &Geometry, theme: &Theme, buffer: &mut Buffer) {
    let mut pen = Pen::new(buffer, theme, geometry.top, 0);
    let Some(workspace) = app.workspace() else {
        pen.underlay(Role::TopBar).put(concat!(" mqtap ", env!("CARGO_PKG_VERSION")), Role::Title);
        let live = match app.workspaces.len() {
            0 => "no connection".to_owned(),
            1 => "1 connection".to_owned(),
            many => format!("{many} connections"),
        };
        pen.to_right(live.len() + 1).put(&live, Role::Dim);
        return;
    };
    pen.underlay(if workspace.profile.protect { Role::TopBarProtected } else { Role::TopBar });
    tabs(app, workspace, &mut pen);
    state(app, workspace, &mut pen);
    let unread = match app.notices.unread_errors() {
        0 => String::new(),
        unread => format!(" !{unread} "),
    };
    for (label, value, role) in facts(app, workspace) {
        let needed = label.chars().count() + value.chars().count() + 2;
        if pen.left() <= needed + unread.len() {
            break;
        }
        pen.put("  ", Role::Dim).put(label, Role::Dim).put(&value, role);
    }
    if !unread.is_empty() {
        pen.to_right(unread.len()).put(&unread, Role::Error);
    }
}

/// Writes the live connections, the one on the screen in front.
fn tabs(app: &App, shown: &Workspace, pen: &mut Pen<'_>) {
    pen.put(" ", Role::Text);
    let room = pen.left() / 3;
    if app.workspaces.len() == 1 || pen.left() < 100 {
        let position = app.workspaces.iter().position(|workspace| workspace.id == shown.id).unwrap_or(0) + 1;
        let name = crate::base::text::line(&shown.profile.title(), room);
        pen.shown(&name, Role::Title);
        if app.workspaces.len() > 1 {
            pen.put(&format!(" {position}/{}", app.workspaces.len()), Role::Dim);
        }
        pen.put(" ", Role::Text);
        return;
    }
    for workspace in &app.workspaces {
        let here = workspace.id == shown.id;
        let (mark, role) = mark(&workspace.status);
        if !here {
            pen.put(mark, role).put(" ", Role::Dim);
        }
        let name = crate::base::text::line(&workspace.profile.title(), room / app.workspaces.len().max(1));
        pen.shown(&name, if here { Role::Title } else { Role::Dim }).put(" │ ", Role::Faint);
    }
}

fn mark(status: &Status) -> (&'static str, Role) {
    match status {
        Status::Online(_) => ("●", Role::Online),
        Status::Connecting { .. } => ("◐", Role::Connecting),
        Status::Waiting { .. } => ("○", Role::Connecting),
        Status::Failed { .. } | Status::Closed => ("✗", Role::Offline),
    }
}

/// Writes the state in a word and a mark, so that it never depends on colour alone.
fn state(app: &App, workspace: &Workspace, pen: &mut Pen<'_>) {
    let (mark, role) = mark(&workspace.status);
    let since = human::hours_minutes(workspace.since, &app.facts.zone);
    let words = match &workspace.status {
        Status::Online(_) => format!("online since {since}"),
        Status::Connecting { stage, attempt } if *attempt > 1 => format!("connecting (try {attempt}): {stage}"),
        Status::Connecting { stage, .. } => format!("connecting: {stage}"),
        Status::Waiting { until, attempt, .. } => {
            let left = until.since(app.now).as_secs_f64().ceil();
            format!("offline since {since}, try {attempt} in {left:.0} s")
        }
        Status::Failed { .. } => format!("offline since {since}"),
        Status::Closed => "closed".to_owned(),
    };
    pen.put(mark, role).put(" ", role).put(&words, role);
}

/// Lists what else there is to say, the most important first.
fn facts(app: &App, workspace: &Workspace) -> Vec<(&'static str, String, Role)> {
    let counts = workspace.store.counts();
    let mut facts = Vec::new();
    let lost = |role| ("lost ", human::count(counts.lost), role);
    if counts.lost > 0 {
        facts.push(lost(Role::Error));
    }
    if let Some(lag) = workspace.lag {
        let lag = if lag < Duration::from_mins(1) { format!("{:.1} s", lag.as_secs_f64()) } else { human::span(lag) };
        facts.push(("", format!("{lag} behind"), Role::Warning));
    }
    if workspace.profile.read_only {
        facts.push(("", "READ-ONLY".to_owned(), Role::Warning));
    }
    if let Some(welcome) = workspace.welcome.as_ref().filter(|_| workspace.is_online()) {
        if welcome.unverified {
            facts.insert(0, ("", "UNVERIFIED".to_owned(), Role::Error));
        }
        let tls = if welcome.tls.is_some() { " TLS" } else { "" };
        facts.push(("", format!("MQTT {}{tls}", welcome.protocol), Role::Text));
    }
    if let Some(time) = &workspace.round_trip {
        facts.push(("RTT ", time.clone(), Role::Text));
    }
    let rate = human::rate(workspace.store.rate(app.now));
    facts.push(("↓", if rate.is_empty() { "0/s".to_owned() } else { rate }, Role::Rate));
    facts.push(("kept ", human::count(counts.kept), Role::Text));
    if counts.lost == 0 {
        facts.push(lost(Role::Dim));
    }
    facts.push(("evicted ", human::count(counts.evicted), Role::Dim));
    facts.push(("in ", format!("{}/{}", human::size(counts.bytes as u64), human::size(counts.budget as u64)), Role::Dim));
    facts.push(("sent ", human::count(workspace.sent), Role::Dim));
    facts.push(("subs ", human::count(workspace.subscriptions.len() as u64), Role::Dim));
    let welcome = workspace.welcome.as_ref().filter(|_| workspace.is_online());
    let endpoint = welcome.map_or(workspace.profile.endpoint(), |welcome| &welcome.endpoint);
    facts.push(("", endpoint.to_string(), Role::Dim));
    facts
}
