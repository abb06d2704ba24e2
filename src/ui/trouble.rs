//! What stands where messages would be while there are none: how far the connection is, or what is wrong and what to do.

use ratatui::buffer::Buffer;

use super::widget::Pen;
use crate::{
    app::{
        App,
        geometry::Area,
        workspace::{Grant, Workspace},
    },
    base::human,
    keymap::action::Action,
    mqtt::{error::Failure, event::Status},
    theme::{Role, Theme},
};

pub(super) fn render(app: &App, workspace: &Workspace, area: Area, theme: &Theme, buffer: &mut Buffer) {
    let lines = lines(app, workspace, area.columns().saturating_sub(4));
    let top = area.rows().saturating_sub(lines.len()) / 3;
    for (line, (text, role)) in lines.iter().enumerate() {
        Pen::new(buffer, theme, area, top + line).skip(2).put(text, *role);
    }
}

fn lines(app: &App, workspace: &Workspace, columns: usize) -> Vec<(String, Role)> {
    let endpoint = workspace.profile.endpoint();
    match &workspace.status {
        Status::Connecting { stage, .. } => vec![(format!("{endpoint}"), Role::Text), (format!("{stage} …"), Role::Connecting)],
        Status::Waiting { until, attempt, cause } => {
            let seconds = until.since(app.now).as_secs_f64().ceil();
            let mut lines = failure(cause, columns);
            lines.push((String::new(), Role::Text));
            lines.push((
                format!("Try {attempt} in {seconds:.0} s; {} tries at once.", key(app, Action::Reconnect)),
                Role::Connecting,
            ));
            lines
        }
        Status::Failed { cause } => {
            let mut lines = failure(cause, columns);
            lines.push((String::new(), Role::Text));
            if cause.redirection().is_some() {
                lines.push((format!("{} follows it, after a question.", key(app, Action::FollowRedirect)), Role::Text));
            }
            let mut next = format!("Not tried again by itself; {} tries again", key(app, Action::Reconnect));
            if cause.doubts_the_user() {
                next.push_str(&format!(", {} with another user name or password", key(app, Action::LogIn)));
            }
            lines.extend(wrap(&format!("{next}."), columns).into_iter().map(|line| (line, Role::Dim)));
            lines
        }
        Status::Online(_) => online(app, workspace, columns),
        Status::Closed => vec![("closed".to_owned(), Role::Dim)],
    }
}

fn failure(cause: &Failure, columns: usize) -> Vec<(String, Role)> {
    let mut lines: Vec<_> = wrap(&capital(&cause.to_string()), columns).into_iter().map(|line| (line, Role::Error)).collect();
    if !cause.hint().is_empty() {
        lines.extend(wrap(&capital(cause.hint()), columns).into_iter().map(|line| (line, Role::Text)));
    }
    lines
}

fn online(app: &App, workspace: &Workspace, columns: usize) -> Vec<(String, Role)> {
    if workspace.subscriptions.is_empty() {
        return vec![
            ("Connected. Nothing is subscribed to.".into(), Role::Text),
            (format!("{} subscribes.", key(app, Action::Subscribe)), Role::Dim),
        ];
    }
    let mut lines = Vec::new();
    for row in &workspace.subscriptions {
        let filter = crate::base::text::line(&row.subscription.filter, columns / 2);
        match &row.grant {
            Grant::Awaited => lines.push((format!("{filter}: awaiting the broker"), Role::Connecting)),
            Grant::Granted(qos) => {
                let said = format!("Subscribed to {filter} (QoS {qos}); nothing has arrived yet.");
                lines.extend(wrap(&said, columns).into_iter().map(|line| (line, Role::Text)));
            }
            Grant::Denied(why, hint) => {
                lines.extend(wrap(&format!("{filter} was denied: {why}"), columns).into_iter().map(|line| (line, Role::Error)));
                lines.extend(wrap(&capital(hint), columns).into_iter().map(|line| (line, Role::Text)));
            }
        }
    }
    if workspace.store.counts().received > 0 {
        lines = vec![("No messages here.".to_owned(), Role::Dim)];
    } else {
        lines.push((format!("Online since {}.", human::hours_minutes(workspace.since, &app.facts.zone)), Role::Dim));
    }
    lines
}

fn key(app: &App, action: Action) -> String {
    app.keymap.labels(action).into_iter().next().unwrap_or_default()
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Breaks a safe text at spaces.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    use unicode_width::UnicodeWidthStr;
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
