//! Popups that are lists: help, commands, subscriptions, notices, themes.

use ratatui::{buffer::Buffer, layout::Position};
use tui_input::Input;

use super::{Pen, hints};
use crate::{
    app::{
        App,
        geometry::Area,
        help::{self, Line},
        popup::{self, PALETTE_ROWS},
    },
    base::{human, text},
    keymap::action::Context,
    theme::{Role, Theme},
    ui::{topics, widget::input::input},
};

/// Writes the keys of the contexts, innermost first, scrolled by `top` rows.
pub(super) fn help(app: &App, contexts: &[Context], top: usize, area: Area, theme: &Theme, buffer: &mut Buffer) {
    let lines = help::lines(app, contexts, area.columns());
    for (row, line) in lines.iter().skip(top).take(area.rows()).enumerate() {
        let mut pen = Pen::new(buffer, theme, area, row);
        pen.skip(1);
        match line {
            Line::Blank => {}
            Line::Title(title) => {
                pen.put(title, Role::Title);
            }
            Line::Key { keys, words, is_possible } => {
                let (key, text) = if *is_possible { (Role::Key, Role::Text) } else { (Role::Dim, Role::Dim) };
                pen.column(keys, help::KEYS - 1, key).put(words, text);
            }
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
    let rows = area.rows().saturating_sub(PALETTE_ROWS);
    let first = (selected + 1).saturating_sub(rows);
    for (line, (index, action)) in hits.iter().enumerate().skip(first).take(rows).enumerate() {
        let mut pen = Pen::new(buffer, theme, area, line + 2);
        if index == selected {
            pen.select(Role::Selection);
        }
        pen.put(if index == selected { " › " } else { "   " }, Role::Accent);
        let label = app.keymap.labels(*action).into_iter().next().unwrap_or_default();
        let role = if app.can(*action).is_ok() { Role::Text } else { Role::Dim };
        pen.column(action.doc(), area.columns().saturating_sub(12), role).skip(1).put(&label, Role::Key);
    }
    if let Some(action) = hits.get(selected) {
        let (said, role) = match app.can(*action) {
            Ok(()) => (action.doc().to_owned(), Role::Text),
            Err(why) => (format!("{} Not now: {why}.", action.doc()), Role::Warning),
        };
        let bottom = area.rows().saturating_sub(PALETTE_ROWS - 3);
        for (line, words) in text::wrap(&said, area.columns().saturating_sub(2)).iter().enumerate() {
            Pen::new(buffer, theme, area, bottom + line).skip(1).put(words, role);
        }
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
    let lines = app.notices.lines(area.columns());
    for (row, (starts, notice, words)) in lines.into_iter().skip(top).take(area.rows()).enumerate() {
        let (mark, role) = hints::level(notice.level);
        let (time, mark) = starts.map(|notice| (human::time_of_day(notice.at, &app.facts.zone), mark)).unwrap_or_default();
        let mut pen = Pen::new(buffer, theme, area, row);
        pen.skip(1).column(&time, 13, Role::Time).column(mark, 2, role).put(&words, role);
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
