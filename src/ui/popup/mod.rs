//! What lies over the panes.

mod form;
mod list;

use ratatui::{buffer::Buffer, layout::Position};

use super::{
    hints,
    trouble::wrap,
    widget::{
        Pen,
        frame::{clear, frame},
    },
};
use crate::{
    app::{App, geometry::Geometry, popup::Popup, publish::Publishing},
    keymap::action::Action,
    theme::{Role, Theme},
};

/// Draws the popup on top, and returns where the cursor is.
pub(super) fn render(app: &App, geometry: &Geometry, theme: &Theme, buffer: &mut Buffer) -> Option<Position> {
    let popup = app.popups.last().filter(|popup| !matches!(popup, Popup::Filter(_)))?;
    let area = geometry.popup;
    clear(buffer, theme, area);
    let inner = area.inner();
    match popup {
        Popup::Help { contexts, top } => {
            frame(buffer, theme, area, "Keys ", "Esc closes", true);
            list::help(app, contexts, *top, inner, theme, buffer);
            None
        }
        Popup::Palette { input, selected } => {
            frame(buffer, theme, area, "Commands ", "", true);
            Some(list::palette(app, input, *selected, inner, theme, buffer))
        }
        Popup::Filter(_) => None,
        Popup::Publish(Publishing { form, .. })
        | Popup::Subscribe(_, form)
        | Popup::Connect(form)
        | Popup::Secret(.., form)
        | Popup::LogIn(_, form) => {
            frame(buffer, theme, area, &format!("{} ", form.title), "", true);
            form::render(form, inner, theme, buffer)
        }
        Popup::Subscriptions { selected } => {
            frame(buffer, theme, area, "Subscriptions ", "", true);
            list::subscriptions(app, *selected, inner, theme, buffer);
            None
        }
        Popup::Notices { top } => {
            frame(buffer, theme, area, "What was said ", "newest first", true);
            list::notices(app, *top, inner, theme, buffer);
            None
        }
        Popup::Themes { selected, .. } => {
            frame(buffer, theme, area, "Theme ", "↵ chooses", true);
            list::themes(app, *selected, inner, theme, buffer);
            None
        }
        Popup::Confirm { question, .. } => {
            frame(buffer, theme, area, "Question ", "", true);
            for (line, text) in wrap(question, inner.columns().saturating_sub(2)).iter().enumerate() {
                Pen::new(buffer, theme, inner, line).skip(1).put(text, Role::Text);
            }
            let mut pen = Pen::new(buffer, theme, inner, inner.rows().saturating_sub(1));
            pen.skip(1);
            for action in [Action::ConfirmYes, Action::ConfirmNo] {
                let key = app.keymap.labels(action).into_iter().next().unwrap_or_default();
                pen.put(&key, Role::Key).put(" ", Role::Hint).put(action.hint(), Role::Hint).put("   ", Role::Hint);
            }
            None
        }
    }
}
