//! Where everything goes, by the size of the terminal.

use super::{filter, trouble::wrap};
use crate::app::{
    App, Screen,
    geometry::{Area, Geometry, has_room},
    popup::Popup,
    workspace::{Grant, Pane, View, Workspace},
};

/// The smallest terminal, in columns and rows.
pub const MIN: (u16, u16) = (60, 16);

/// From here on the tree is wide and messages have all their columns.
const WIDE: u16 = 120;

/// From here on the tree is wider still, for the last values.
const ROOMY: u16 = 150;

/// From here on messages and detail stand side by side.
const THREE_COLUMNS: u16 = 180;

/// From here on there is a second row at the bottom, for notices.
const TALL: u16 = 30;

/// The most subscriptions listed under the tree.
const MOST_SUBSCRIPTIONS: usize = 6;

/// Divides the screen.
#[must_use]
pub fn geometry(app: &App) -> Geometry {
    let (width, height) = app.size;
    let screen = Area { x: 0, y: 0, width, height };
    if width < MIN.0 || height < MIN.1 {
        return Geometry { screen, too_small: true, ..Geometry::default() };
    }
    let bottom = if height >= TALL { 2 } else { 1 };
    let filter = u16::from(has_filter(app));
    let body = Area { y: 1, height: height - 1 - bottom - filter, ..screen };
    let mut geometry = Geometry {
        screen,
        top: Area { height: 1, ..screen },
        body,
        filter: Area { y: height - bottom - filter, height: filter, ..screen },
        hints: Area { y: height - bottom, height: bottom, ..screen },
        ..Geometry::default()
    };
    if let (Screen::Workspace(_), Some(workspace)) = (app.screen, app.workspace()) {
        match workspace.view {
            View::Panes => {
                panes(&mut geometry, workspace);
                tree(&mut geometry, workspace);
            }
            View::Protocol => protocol(&mut geometry),
            View::Broker => geometry.broker = body,
        }
    }
    geometry.popup = match app.popups.last() {
        None => Area::default(),
        Some(Popup::Filter(_)) => geometry.filter,
        Some(popup) => popup_area(app, popup, screen),
    };
    geometry
}

/// Tells whether there is a row for a filter: one is typed, or in force.
fn has_filter(app: &App) -> bool {
    let typed = app.popups.iter().any(|popup| matches!(popup, Popup::Filter(_)));
    typed || app.workspace().is_some_and(|workspace| filter::in_force(workspace).is_some())
}

/// Divides the protocol view: a row of headings, the ladder, a rule, the selected packet.
fn protocol(geometry: &mut Geometry) {
    geometry.protocol = geometry.body;
    let inner = geometry.body.inner();
    let packet = match inner.height {
        ..16 => 3,
        16..28 => 5,
        28..40 => 9,
        40.. => 13,
    };
    geometry.packet = Area { y: inner.y + inner.height - packet, height: packet, ..inner };
    geometry.ladder = Area { y: inner.y + 1, height: inner.height - packet - 2, ..inner };
}

fn panes(geometry: &mut Geometry, workspace: &Workspace) {
    let body = geometry.body;
    if workspace.zoom || !has_room((geometry.screen.width, geometry.screen.height)) {
        match workspace.focus {
            Pane::Topics => geometry.topics = body,
            Pane::Messages => geometry.messages = body,
            Pane::Detail => geometry.detail = body,
        }
        return;
    }
    let tree = match body.width {
        ..WIDE => 26,
        WIDE..ROOMY => 46,
        ROOMY.. => 56,
    };
    geometry.topics = Area { width: tree, ..body };
    let rest = Area { x: tree, width: body.width - tree, ..body };
    if body.width >= THREE_COLUMNS {
        let messages = rest.width * 3 / 5;
        geometry.messages = Area { width: messages, ..rest };
        geometry.detail = Area { x: rest.x + messages, width: rest.width - messages, ..rest };
    } else {
        let messages = rest.height * 9 / 20;
        geometry.messages = Area { height: messages, ..rest };
        geometry.detail = Area { y: rest.y + messages, height: rest.height - messages, ..rest };
    }
}

/// Divides the topic pane into the tree and the subscriptions that must be seen: refused ones always, all where there is room.
fn tree(geometry: &mut Geometry, workspace: &Workspace) {
    let inner = geometry.topics.inner();
    let denied = workspace.subscriptions.iter().filter(|row| matches!(row.grant, Grant::Denied(..))).count();
    let rows = if inner.height >= TALL { workspace.subscriptions.len() } else { denied }.min(MOST_SUBSCRIPTIONS);
    let rows = if rows == 0 { 0 } else { u16::try_from(rows).unwrap_or(0) + 1 }.min(inner.height / 2);
    geometry.tree = Area { height: inner.height - rows, ..inner };
    geometry.subscriptions = Area { y: inner.y + inner.height - rows, height: rows, ..inner };
}

fn popup_area(app: &App, popup: &Popup, screen: Area) -> Area {
    let (width, height) = match popup {
        Popup::Help { .. } => (78, screen.height - 2),
        Popup::Palette { .. } => (72, 21),
        Popup::Notices { .. } => (110, screen.height - 4),
        Popup::Themes { .. } => (36, u16::try_from(app.facts.themes.len()).unwrap_or(u16::MAX).saturating_add(2)),
        Popup::Subscriptions { .. } => (90, 16),
        Popup::Publish(_) => (76, 20),
        Popup::Subscribe(_, form) | Popup::Connect(form) | Popup::Secret(.., form) | Popup::LogIn(_, form) => {
            (66, u16::try_from(form.rows.len()).unwrap_or(u16::MAX).saturating_add(5))
        }
        Popup::Confirm { question, .. } => {
            let rows = wrap(question, 62.min(usize::from(screen.width).saturating_sub(6))).len();
            (66, u16::try_from(rows).unwrap_or(u16::MAX).saturating_add(4).max(6))
        }
        Popup::Filter(_) => (66, 1),
    };
    let (width, height) = (width.min(screen.width - 2), height.min(screen.height - 2));
    Area { x: (screen.width - width) / 2, y: (screen.height - height) / 2, width, height }
}
