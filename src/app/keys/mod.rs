//! From a key to an action to what it does.

mod act;
mod can;
mod filter;
mod layers;
mod login;

use super::{
    App, Screen,
    event::Effect,
    workspace::{Pane, View},
};
use crate::keymap::{
    Lookup,
    action::{Action, Context},
    key::{Code, Key},
};

impl App {
    /// Returns where keys are looked up now, innermost first.
    #[must_use]
    pub fn contexts(&self) -> Vec<Context> {
        if let Some(popup) = self.popups.last() {
            return popup.contexts().to_vec();
        }
        match (self.screen, self.workspace().map(|workspace| (workspace.view, workspace.focus))) {
            (Screen::Start, _) | (_, None) => vec![Context::Connections, Context::List, Context::Global],
            (Screen::Workspace(_), Some(place)) => {
                let pane = match place {
                    (View::Panes, Pane::Topics) => Context::Topics,
                    (View::Panes, Pane::Messages) => Context::Messages,
                    (View::Panes, Pane::Detail) => Context::Detail,
                    (View::Protocol, _) => Context::Protocol,
                    (View::Broker, _) => Context::Broker,
                };
                vec![pane, Context::Workspace, Context::List, Context::Global]
            }
        }
    }

    pub(super) fn key(&mut self, key: Key) -> Vec<Effect> {
        let typing = self.popups.last().is_some_and(|popup| popup.contexts() == [Context::Form]);
        if typing {
            return self.key_while_typing(key);
        }
        self.typed.push(key);
        let contexts = self.contexts();
        match self.keymap.lookup(&contexts, &self.typed) {
            Lookup::Found(action) => {
                self.typed.clear();
                self.act(action)
            }
            Lookup::Prefix => Vec::new(),
            Lookup::Unbound if self.typed.len() > 1 => {
                // The sequence led nowhere: the last key may still mean something by itself.
                self.typed.clear();
                if key.code == Code::Esc { Vec::new() } else { self.key(key) }
            }
            Lookup::Unbound => {
                self.typed.clear();
                Vec::new()
            }
        }
    }

    /// Returns `true` if a key leaves mqtap wherever it is pressed; one that types a character is typed, whatever it does elsewhere.
    #[must_use]
    pub fn quits_now(&self, key: Key) -> bool {
        key.typed().is_none() && self.keymap.lookup(&[Context::Global], &[key]) == Lookup::Found(Action::QuitNow)
    }

    /// Handles a key while a text is being entered: only few keys are actions then.
    fn key_while_typing(&mut self, key: Key) -> Vec<Effect> {
        if self.quits_now(key) {
            // What was typed is put aside.
            self.close();
            return self.act(Action::QuitNow);
        }
        if key.code == Code::Esc {
            self.close();
            return Vec::new();
        }
        if let Lookup::Found(action) = self.keymap.lookup(&[Context::Form], &[key])
            && self.popups.last().is_some_and(|popup| popup.form().is_some())
        {
            return self.act(action);
        }
        self.key_in_field(key)
    }
}
