//! The rows at the bottom: what the keys do here, and what was said last.

use ratatui::buffer::Buffer;
use unicode_width::UnicodeWidthStr;

use super::widget::Pen;
use crate::{
    app::{
        App,
        geometry::Geometry,
        notice::{Level, Notice},
        popup::Popup,
    },
    keymap::{self, action::Action},
    theme::{Role, Theme},
};

/// What always fits, at the end of the row.
const ALWAYS: [Action; 2] = [Action::Help, Action::Quit];

pub(super) fn render(app: &App, geometry: &Geometry, theme: &Theme, buffer: &mut Buffer) {
    let notice = app.notices.current(app.now);
    let area = geometry.hints;
    if area.height > 1 {
        if let Some(notice) = notice {
            said(notice, &mut Pen::new(buffer, theme, area, 0));
        }
        keys(app, &mut Pen::new(buffer, theme, area, 1));
        return;
    }
    let mut pen = Pen::new(buffer, theme, area, 0);
    let Some(notice) = notice else {
        keys(app, &mut pen);
        return;
    };
    let needed = words(notice).width() + 3;
    if needed > area.columns() * 2 / 3 {
        said(notice, &mut pen);
    } else {
        let columns = u16::try_from(area.columns() - needed).unwrap_or(area.width);
        keys(app, &mut Pen::new(buffer, theme, crate::app::geometry::Area { width: columns, ..area }, 0));
        said(notice, Pen::new(buffer, theme, area, 0).skip(area.columns() - needed));
    }
}

fn words(notice: &Notice) -> String {
    if notice.hint.is_empty() { notice.text.clone() } else { format!("{}: {}", notice.text, notice.hint) }
}

/// Writes a notice behind the mark of its level.
fn said(notice: &Notice, pen: &mut Pen<'_>) {
    let (mark, role) = level(notice.level);
    pen.put(" ", role).put(mark, role).put(" ", role).put(&words(notice), role);
}

/// Returns the mark and the role of a level.
pub(super) fn level(level: Level) -> (&'static str, Role) {
    match level {
        Level::Info => ("·", Role::Notice),
        Level::Success => ("✓", Role::Success),
        Level::Warning => ("!", Role::Warning),
        Level::Error => ("✗", Role::Error),
    }
}

/// Writes the keys of this place, the most useful first; help and quit always fit.
fn keys(app: &App, pen: &mut Pen<'_>) {
    if !app.typed.is_empty() {
        pen.put(" ", Role::Hint).put(&keymap::label(&app.typed), Role::Key).put(" … ", Role::Hint);
    }
    let typed = match app.popups.last() {
        Some(Popup::Filter(_)) => Some([("↵", "keep"), ("Esc", "show all"), ("↑ ↓", "move")]),
        Some(Popup::Palette { .. }) => Some([("↵", "do it"), ("Esc", "cancel"), ("↑ ↓", "select")]),
        _ => None,
    };
    if let Some(typed) = typed {
        for (key, word) in typed {
            write(pen.skip(1), &(key.to_owned(), word, Action::Filter));
        }
        return;
    }
    let hint = |action: Action| {
        let key = app.keymap.labels(action).into_iter().next().unwrap_or_default();
        (key, action.hint(), action)
    };
    let mut hints: Vec<(String, &str, Action)> = Vec::new();
    for context in app.contexts() {
        for &action in Action::ALL.iter().filter(|action| action.context() == context && !action.hint().is_empty()) {
            if !ALWAYS.contains(&action) {
                hints.push(hint(action));
            }
        }
    }
    let typing = app.popups.last().is_some_and(|popup| popup.contexts().first() == Some(&keymap::action::Context::Form));
    let always: Vec<_> = if typing { Vec::new() } else { ALWAYS.map(hint).to_vec() };
    let width = |(key, word, _): &(String, &str, Action)| key.width() + word.width() + 3;
    let mut room = pen.left().saturating_sub(always.iter().map(width).sum::<usize>() + 1);
    if typing {
        hints.push(("Esc".to_owned(), "cancel", Action::Back));
    }
    pen.put(" ", Role::Hint);
    for hint in hints.iter().filter(|hint| app.can(hint.2).is_ok()) {
        if width(hint) > room {
            break;
        }
        room -= width(hint);
        write(pen, hint);
    }
    for hint in &always {
        write(pen, hint);
    }
}

fn write(pen: &mut Pen<'_>, (key, word, _): &(String, &str, Action)) {
    pen.put(key, Role::Key).put(" ", Role::Hint).put(word, Role::Hint).put("  ", Role::Hint);
}
