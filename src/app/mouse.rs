//! The mouse: the wheel moves what is under it, a press selects, one more press opens what is selected.

use super::{
    App, Screen,
    event::{Effect, Mouse},
    geometry::Area,
    notice::Level,
    popup::Popup,
    workspace::{Pane, View},
};
use crate::keymap::action::Action;

/// How many rows a notch of the wheel moves in the panes.
const NOTCH: isize = 3;

impl App {
    /// Does what the mouse asks for; nothing while it belongs to the terminal.
    pub(super) fn mouse(&mut self, mouse: Mouse) -> Vec<Effect> {
        let is_free = self.popups.last().is_none_or(|popup| matches!(popup, Popup::Filter(_)));
        if !self.has_mouse {
            return Vec::new();
        }
        match mouse {
            Mouse::Wheel { x, y, by } if is_free => self.wheel((x, y), by),
            Mouse::Press { x, y } if is_free => self.press((x, y)),
            Mouse::Wheel { by, .. } => {
                self.step_popup(by);
                Vec::new()
            }
            Mouse::Press { .. } => Vec::new(),
        }
    }

    /// Takes the mouse, or leaves it to the terminal.
    pub(super) fn toggle_mouse(&mut self) -> Vec<Effect> {
        self.has_mouse = !self.has_mouse;
        let said = if self.has_mouse { "the mouse is on: Shift selects text" } else { "the mouse selects text again" };
        self.say(Level::Info, said, "");
        vec![Effect::Mouse(self.has_mouse)]
    }

    fn wheel(&mut self, at: (u16, u16), by: isize) -> Vec<Effect> {
        let geometry = self.geometry;
        let entries = self.start.entries(&self.workspaces, self.facts.has_demo).len();
        let Some(workspace) = self.workspace_mut() else {
            self.start.selected = self.start.selected.saturating_add_signed(by).min(entries.saturating_sub(1));
            return Vec::new();
        };
        let by = by * NOTCH;
        if geometry.topics.holds(at) {
            workspace.topics.step(&workspace.store, by);
            workspace.follow_cursor();
        } else if geometry.messages.holds(at) {
            let rows = geometry.messages.inner().rows();
            let last = workspace.messages.view().len().saturating_sub(1);
            if by > 0 && workspace.messages.row() == last {
                workspace.messages.set_follow(true);
            } else {
                workspace.messages.step(by, rows);
            }
        } else if geometry.detail.holds(at) {
            workspace.detail.scroll(by);
        } else if geometry.packet.holds(at) {
            workspace.protocol.scroll(by);
        } else if geometry.protocol.holds(at) {
            workspace.protocol.step(by, geometry.ladder.rows());
        } else if geometry.broker.holds(at) {
            workspace.broker.scroll(by);
        }
        Vec::new()
    }

    fn press(&mut self, at: (u16, u16)) -> Vec<Effect> {
        match self.screen {
            Screen::Start => self.press_on_start(at),
            Screen::Workspace(_) => self.press_on_workspace(at),
        }
    }

    fn press_on_start(&mut self, at: (u16, u16)) -> Vec<Effect> {
        let inner = self.geometry.body.inner();
        let Some(line) = inner.row_of(at) else { return Vec::new() };
        let Some((_, index)) = self.start_lines(inner.rows()).into_iter().find(|(on, _)| *on == line) else {
            return Vec::new();
        };
        if self.start.selected == index {
            return self.act(Action::ConnectionOpen);
        }
        self.start.selected = index;
        Vec::new()
    }

    fn press_on_workspace(&mut self, at: (u16, u16)) -> Vec<Effect> {
        let geometry = self.geometry;
        let Some(workspace) = self.workspace_mut() else { return Vec::new() };
        let pane = [(geometry.topics, Pane::Topics), (geometry.messages, Pane::Messages), (geometry.detail, Pane::Detail)];
        if let (View::Panes, Some((_, pane))) = (workspace.view, pane.into_iter().find(|(area, _)| area.holds(at))) {
            workspace.focus = pane;
        }
        if let Some(line) = geometry.tree.row_of(at) {
            let row = workspace.topics.top + line;
            if row > workspace.topics.rows(&workspace.store) {
                return Vec::new();
            }
            if row == workspace.topics.row(&workspace.store) {
                let flat = workspace.topics.is_flat();
                return self.act(if flat { Action::TopicOpen } else { Action::TopicToggle });
            }
            workspace.topics.go_to(&workspace.store, row);
            workspace.follow_cursor();
        } else if let Some(line) = geometry.messages.inner().row_of(at) {
            let rows = geometry.messages.inner().rows();
            let row = workspace.messages.first(rows) + line;
            if row >= workspace.messages.view().len() {
                return Vec::new();
            }
            if row == workspace.messages.row() {
                return self.act(Action::MessageOpen);
            }
            workspace.messages.go_to(row, rows);
        } else if let Some(line) = geometry.ladder.row_of(at) {
            let rows = geometry.ladder.rows();
            let (row, selected) = (workspace.protocol.first(rows) + line, workspace.protocol.row());
            if row < workspace.protocol.len() {
                workspace.protocol.step(row.cast_signed() - selected.cast_signed(), rows);
            }
        }
        Vec::new()
    }
}

impl Area {
    /// Tells whether a cell is within, by its column and row.
    #[must_use]
    pub fn holds(self, (x, y): (u16, u16)) -> bool {
        (self.x..self.x.saturating_add(self.width)).contains(&x) && (self.y..self.y.saturating_add(self.height)).contains(&y)
    }

    /// Returns the row within the area of a cell that is in it.
    fn row_of(self, at: (u16, u16)) -> Option<usize> {
        self.holds(at).then(|| usize::from(at.1 - self.y))
    }
}
