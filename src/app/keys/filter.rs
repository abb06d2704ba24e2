//! Keys in the filter row, and from one of its messages to the next.

use tui_input::Input;

use crate::{
    app::{
        App,
        event::Effect,
        filter::{Target, Typing},
        form::line::{self, LeftOut},
        notice::Level,
        popup::Popup,
        workspace::Pane,
    },
    keymap::{
        action::Action,
        key::{Code, Key},
    },
    store::LONGEST_FILTER,
};

/// The most bytes of the row: with one more than a filter has, it says itself that it is too long.
const LONGEST_TYPED: usize = LONGEST_FILTER + 1;

impl App {
    /// Opens the filter row for the list with the keys.
    pub(super) fn open_filter(&mut self) -> Vec<Effect> {
        let Some(workspace) = self.workspace_mut() else { return Vec::new() };
        let Some(target) = workspace.target() else { return Vec::new() };
        if workspace.focus == Pane::Detail {
            workspace.go_to(Pane::Messages);
        }
        let typing = Typing::new(target, workspace.filter(target).unwrap_or_default());
        self.popups.push(Popup::Filter(typing));
        Vec::new()
    }

    /// Takes a key in the row: Enter keeps the filter, the arrows move in the list, all else edits.
    pub(super) fn key_in_filter(&mut self, key: Key) -> Vec<Effect> {
        match key.code {
            Code::Enter => {
                let is_good = |popup: &mut Popup| matches!(popup, Popup::Filter(typing) if typing.error.is_none());
                if let Some(Popup::Filter(typing)) = self.popups.pop_if(is_good)
                    && let Some(workspace) = self.workspace_mut()
                {
                    workspace.remember_filter(typing.target);
                }
                Vec::new()
            }
            Code::Down => self.act(Action::Down),
            Code::Up => self.act(Action::Up),
            Code::PageDown => self.act(Action::PageDown),
            Code::PageUp => self.act(Action::PageUp),
            _ => {
                self.edit_filter(|input| line::press(input, key, LONGEST_TYPED));
                Vec::new()
            }
        }
    }

    pub(super) fn paste_into_filter(&mut self, pasted: &str) {
        self.edit_filter(|input| Some(line::splice(input, pasted, LONGEST_TYPED)));
    }

    /// Changes the text of the row, and narrows the list by it at once.
    fn edit_filter(&mut self, edit: impl FnOnce(&mut Input) -> Option<LeftOut>) {
        let Some(Popup::Filter(mut typing)) = self.popups.pop() else { return };
        if let Some(left) = edit(&mut typing.input) {
            self.say_left_out(left);
        }
        let text = typing.input.value().trim();
        typing.error = self.workspace_mut().and_then(|workspace| workspace.type_filter(typing.target, text).err());
        if let Some(workspace) = self.workspace_mut().filter(|_| typing.target == Target::Topics) {
            workspace.follow_cursor();
        }
        self.popups.push(Popup::Filter(typing));
    }

    pub(super) fn clear_filter(&mut self, target: Target) {
        if let Some(workspace) = self.workspace_mut() {
            workspace.clear_filter(target);
        }
    }

    /// Goes to the next match of the last filter, or to the one before.
    pub(super) fn seek(&mut self, back: bool) -> Vec<Effect> {
        let (now, geometry) = (self.now, self.geometry);
        let Some(workspace) = self.workspace_mut() else { return Vec::new() };
        workspace.seek(back, &geometry);
        if let Some(target) = workspace.seek_on(&geometry, now) {
            self.say_nothing_matches(target);
        }
        Vec::new()
    }

    /// Says that there is no further match.
    pub(in crate::app) fn say_nothing_matches(&mut self, target: Target) {
        let hint = if target == Target::Topics { "closed branches are not searched: o opens all" } else { "" };
        self.say(Level::Info, &format!("no further {} matches", target.name()), hint);
    }
}
