//! From a key to an action to what it does.

mod act;
mod filter;
mod layers;
mod login;

use super::{
    App, Screen,
    broker::WillTest,
    event::Effect,
    popup::Popup,
    protocol,
    workspace::{Pane, View, Workspace},
};
use crate::{
    keymap::{
        Lookup,
        action::{Action, Context},
        key::{Code, Key},
    },
    mqtt::error::Failure,
    store::exchange::What,
    wire::{
        endpoint::Url,
        packet::{Direction, Kind},
    },
};

/// Why something that the broker must do cannot be done.
const OFFLINE: &str = "not connected: r tries again at once";

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

    /// Handles a key while a text is being entered: only few keys are actions then.
    fn key_while_typing(&mut self, key: Key) -> Vec<Effect> {
        let quits = self.keymap.lookup(&[Context::Global], &[key]) == Lookup::Found(Action::QuitNow);
        if key.code == Code::Esc || quits {
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

    pub(super) fn paste(&mut self, text: &str) -> Vec<Effect> {
        match self.popups.last_mut() {
            Some(Popup::Palette { input, selected }) => {
                for c in text.trim().chars().filter(|c| !c.is_control()) {
                    input.handle(tui_input::InputRequest::InsertChar(c));
                }
                *selected = 0;
            }
            Some(Popup::Filter(_)) => self.paste_into_filter(text),
            Some(popup) => {
                let removed = popup.form_mut().map_or(0, |form| form.paste(text));
                if removed > 0 {
                    let said = format!("{removed} control or invisible characters of the paste were left out");
                    self.say(super::notice::Level::Warning, &said, "");
                }
            }
            None if Url::is_url(text.trim()) => {
                self.popups.push(Popup::Connect(super::popup::connect_form(text.trim())));
            }
            None => self.say(super::notice::Level::Info, "nothing to paste into here", "a pasted URL becomes a connection"),
        }
        Vec::new()
    }

    /// Says why an action is not possible now.
    ///
    /// # Errors
    ///
    /// Returns the reason, and what would help.
    pub fn can(&self, action: Action) -> Result<(), String> {
        let workspace = self.workspace();
        let none = "there is no connection here: c shows the connections";
        let needs_message = || match workspace.ok_or(none)?.selected() {
            Some(_) => Ok(()),
            None => Err("no message is selected"),
        };
        let result = match action {
            Action::Publish | Action::PublishCopy => match workspace {
                None => Err(none),
                Some(workspace) if workspace.profile.read_only => Err("this connection is read-only: nothing can be published"),
                Some(workspace) if !workspace.is_online() => Err(OFFLINE),
                Some(_) if action == Action::PublishCopy => needs_message(),
                Some(_) => Ok(()),
            },
            Action::Subscribe | Action::SubscribeMore | Action::Ping => match workspace {
                None => Err(none),
                Some(workspace) if !workspace.is_online() => Err(OFFLINE),
                Some(_) => Ok(()),
            },
            Action::CopyPayload => needs_message(),
            Action::CopyTopic => match workspace {
                None => Err(none),
                Some(workspace) => workspace.topic().map(|_| ()).ok_or("no topic is selected"),
            },
            Action::Reconnect | Action::LogIn => match workspace {
                None => Err(none),
                Some(workspace) if workspace.is_online() => Err("the connection is up"),
                Some(_) => Ok(()),
            },
            Action::FollowRedirect => match workspace {
                None => Err(none),
                Some(workspace) if workspace.status.failure().and_then(Failure::redirection).is_none() => {
                    Err("the broker names no other server")
                }
                Some(_) => Ok(()),
            },
            Action::Reauthenticate => match workspace {
                None => Err(none),
                Some(workspace) if !workspace.profile.authenticates() => {
                    Err("this connection has no authentication method: set connect.authentication in the profile")
                }
                Some(workspace) if !workspace.is_online() => Err(OFFLINE),
                Some(_) => Ok(()),
            },
            Action::WillTest => workspace.ok_or(none).and_then(can_test_will),
            Action::PacketOpen => workspace.ok_or(none).and_then(can_open_packet),
            Action::PacketCopy => {
                match workspace.ok_or(none).map(|workspace| workspace.selected_row().and_then(protocol::copied)) {
                    Ok(Some(_)) => Ok(()),
                    Ok(None) => Err("no packet is selected"),
                    Err(why) => Err(why),
                }
            }
            Action::PacketExport => match workspace {
                None => Err(none),
                Some(workspace) if workspace.exchange.packets() == 0 => Err("no packet has passed yet"),
                Some(_) => Ok(()),
            },
            Action::Filter => match workspace {
                None => Err(none),
                Some(workspace) => workspace.target().map(|_| ()).ok_or("there is no list to narrow here"),
            },
            Action::MatchNext => match workspace {
                None => Err(none),
                Some(workspace) if !workspace.has_searched() => Err("nothing was searched for yet: / filters"),
                Some(_) => Ok(()),
            },
            // Without a search the key shows what was said.
            Action::MatchPrevious => Ok(()),
            Action::NextConnection if self.workspaces.is_empty() => Err("there is no live connection"),
            Action::ConnectionDemo if !self.facts.has_demo => Err("this mqtap was built without the demo"),
            _ if matches!(
                action.context(),
                Context::Workspace
                    | Context::Topics
                    | Context::Messages
                    | Context::Detail
                    | Context::Protocol
                    | Context::Broker
                    | Context::Subscriptions
            ) =>
            {
                workspace.map(|_| ()).ok_or(none)
            }
            _ => Ok(()),
        };
        result.map_err(str::to_owned)
    }
}

/// Says why the will cannot be tested now.
fn can_test_will(workspace: &Workspace) -> Result<(), &'static str> {
    if workspace.profile.will().is_none() {
        return Err("this connection has no will: set will.topic in the profile");
    }
    if workspace.profile.read_only {
        return Err("this connection is read-only: the broker would publish the will");
    }
    if matches!(workspace.broker.will_test, WillTest::Running) {
        return Err("the test is under way");
    }
    if workspace.is_online() { Ok(()) } else { Err(OFFLINE) }
}

/// Says why the selected row of the protocol leads nowhere.
fn can_open_packet(workspace: &Workspace) -> Result<(), &'static str> {
    let row = workspace.selected_row().ok_or("nothing is selected")?;
    match &row.what {
        What::Ended(_) if workspace.is_online() => Err("the connection is up again"),
        What::Quiet { .. } => Err("these were only counted: l lists QoS 0 from now on"),
        What::Lost(_) => Err("these packets were not taken"),
        What::Packet { packet, .. } if packet.kind() != Kind::Publish => Err("only a PUBLISH leads to a message"),
        What::Packet { packet, .. } if packet.direction == Direction::Out => {
            Err("this was published here: only what the broker sent is among the messages")
        }
        // Whether its message is still kept takes a walk through the log, which only the key is worth.
        What::Ended(_) | What::Packet { .. } => Ok(()),
    }
}
