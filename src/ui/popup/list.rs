//! Popups that are lists: help, commands, subscriptions, notices, themes.

use ratatui::{buffer::Buffer, layout::Position};
use tui_input::Input;

use super::{Pen, hints};
use crate::{
    app::{App, geometry::Area, popup},
    base::human,
    keymap::action::{Action, Context},
    theme::{Role, Theme},
    ui::{topics, widget::input::input},
};

/// Writes the keys of the contexts, innermost first, scrolled by `top` rows.
pub(super) fn help(app: &App, contexts: &[Context], top: usize, area: Area, theme: &Theme, buffer: &mut Buffer) {
    let mut rows: Vec<(String, &str, Role)> = Vec::new();
    for &context in contexts {
        if !rows.is_empty() {
            rows.push((String::new(), "", Role::Text));
        }
        rows.push((context.title().to_owned(), "", Role::Title));
        for &action in Action::ALL.iter().filter(|action| action.context() == context) {
            rows.push((app.keymap.labels(action).join(" "), action.doc(), Role::Key));
        }
    }
    let top = top.min(rows.len().saturating_sub(area.rows()));
    for (line, (keys, doc, role)) in rows.iter().skip(top).take(area.rows()).enumerate() {
        let mut pen = Pen::new(buffer, theme, area, line);
        pen.skip(1);
        if *role == Role::Title {
            pen.put(keys, *role);
        } else {
            pen.column(keys, 20, *role).put(doc, Role::Text);
        }
    }
}

/// Writes what was typed and the actions that match; an action that is not possible now is dim and says why.
pub(super) fn palette(app: &App, typed: &Input, selected: usize, area: Area, theme: &Theme, buffer: &mut Buffer) -> Position {
    let mut pen = Pen::new(buffer, theme, area, 0);
    pen.put(" > ", Role::Accent);
    let columns = pen.left();
    let cursor = input(&mut pen, typed, columns, "type to find an action", false);
    let hits = popup::palette(typed.value());
    let rows = area.rows().saturating_sub(2);
    let first = (selected + 1).saturating_sub(rows);
    for (line, (index, action)) in hits.iter().enumerate().skip(first).take(rows).enumerate() {
        let mut pen = Pen::new(buffer, theme, area, line + 2);
        if index == selected {
            pen.select(Role::Selection);
        }
        pen.put(if index == selected { " › " } else { "   " }, Role::Accent);
        let label = app.keymap.labels(*action).into_iter().next().unwrap_or_default();
        match app.can(*action) {
            Ok(()) => pen.column(action.doc(), area.columns().saturating_sub(12), Role::Text).put(&label, Role::Key),
            Err(why) => pen.column(action.doc(), area.columns().saturating_sub(12) / 2, Role::Dim).skip(1).put(&why, Role::Dim),
        };
    }
    cursor
}

/// Writes the subscriptions and what the broker said to them.
pub(super) fn subscriptions(app: &App, selected: usize, area: Area, theme: &Theme, buffer: &mut Buffer) {
    let Some(workspace) = app.workspace() else { return };
    if workspace.subscriptions.is_empty() {
        Pen::new(buffer, theme, area, 1).skip(2).put("Nothing is subscribed to; s subscribes.", Role::Dim);
    }
    let selected = selected.min(workspace.subscriptions.len().saturating_sub(1));
    let first = (selected + 1).saturating_sub(area.rows());
    for (line, (index, row)) in workspace.subscriptions.iter().enumerate().skip(first).take(area.rows()).enumerate() {
        let mut pen = Pen::new(buffer, theme, area, line);
        if index == selected {
            pen.select(Role::Selection);
        }
        pen.put(if index == selected { " › " } else { "   " }, Role::Accent);
        topics::subscription(row, &mut pen);
    }
}

/// Writes the notices, newest first.
pub(super) fn notices(app: &App, top: usize, area: Area, theme: &Theme, buffer: &mut Buffer) {
    let history = app.notices.history();
    if history.is_empty() {
        Pen::new(buffer, theme, area, 1).skip(2).put("Nothing yet.", Role::Dim);
    }
    let mut line = 0;
    for notice in history.iter().rev().skip(top) {
        let (mark, role) = hints::level(notice.level);
        let words = if notice.hint.is_empty() { notice.text.clone() } else { format!("{}: {}", notice.text, notice.hint) };
        for (offset, part) in super::wrap(&words, area.columns().saturating_sub(18)).iter().enumerate() {
            if line >= area.rows() {
                return;
            }
            let mut pen = Pen::new(buffer, theme, area, line);
            let (time, mark) =
                if offset == 0 { (human::time_of_day(notice.at, &app.facts.zone), mark) } else { (String::new(), "") };
            pen.skip(1).column(&time, 13, Role::Time).column(mark, 2, role).put(part, role);
            line += 1;
        }
    }
}

/// Writes the names of the themes.
pub(super) fn themes(app: &App, selected: usize, area: Area, theme: &Theme, buffer: &mut Buffer) {
    let first = (selected + 1).saturating_sub(area.rows());
    for (line, (index, name)) in app.facts.themes.iter().enumerate().skip(first).take(area.rows()).enumerate() {
        let mut pen = Pen::new(buffer, theme, area, line);
        if index == selected {
            pen.select(Role::Selection);
        }
        pen.put(if index == selected { " › " } else { "   " }, Role::Accent).put(name, Role::Text);
    }
}
