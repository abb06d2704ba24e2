//! Why a key does nothing: whether an action is possible here and now.

use crate::{
    app::{
        App, Screen,
        broker::WillTest,
        geometry::has_room,
        popup::Popup,
        protocol,
        start::Entry,
        workspace::{Pane, View, Workspace},
    },
    keymap::action::{Action, Context},
    mqtt::error::Failure,
    store::exchange::What,
    wire::packet::{Direction, Kind},
};

/// Why something that the broker must do cannot be done.
const OFFLINE: &str = "not connected: r tries again at once";

type Answer = Result<(), &'static str>;

impl App {
    /// Says why an action is not possible now: what it is about is not on the screen, or the connection does not allow it.
    ///
    /// # Errors
    ///
    /// Returns the reason, and what would help.
    pub fn can(&self, action: Action) -> Result<(), String> {
        self.is_in_place(action).and_then(|()| self.is_allowed(action)).map_err(str::to_owned)
    }

    /// Returns the popup that an action is about, below those in which one only looks for an action.
    fn ground(&self) -> Option<&Popup> {
        self.popups.iter().rev().find(|popup| !matches!(popup, Popup::Help { .. } | Popup::Palette { .. }))
    }

    /// Says where to find what the action is about, unless that is on the screen.
    fn is_in_place(&self, action: Action) -> Answer {
        let ground = self.ground();
        match action {
            _ if matches!(ground, Some(Popup::Confirm { .. })) && !is_possible_at_a_question(action) => {
                Err("answer the question first: y or n")
            }
            Action::TopicToggle | Action::TopicExpandAll | Action::TopicCollapseAll => {
                self.shows(Pane::Topics)?;
                let is_flat = self.workspace().is_some_and(|workspace| workspace.topics.is_flat());
                if is_flat { Err("a list has no branches: t shows the tree") } else { Ok(()) }
            }
            Action::PinBranch | Action::Zoom | Action::CopyPayload | Action::CopyTopic | Action::PublishCopy => self.in_panes(),
            Action::Freeze => match self.connected_to()?.view {
                View::Panes | View::Protocol => Ok(()),
                View::Broker => Err("there is nothing to freeze here: 2 shows the messages"),
            },
            Action::ScrollDetailDown | Action::ScrollDetailUp => match self.connected_to()?.view {
                View::Panes => self.shows(Pane::Detail),
                View::Protocol | View::Broker => Ok(()),
            },
            Action::ConnectionOpen | Action::ConnectionDelete => match (self.screen, ground) {
                (Screen::Start, None) => Ok(()),
                (Screen::Start | Screen::Workspace(_), _) => Err("none is selected: c shows the connections"),
            },
            Action::Unsubscribe => match ground {
                Some(Popup::Subscriptions { .. }) => Ok(()),
                _ => Err("none is selected: S lists the subscriptions"),
            },
            Action::Choose => match self.popups.last() {
                Some(Popup::Themes { .. }) => Ok(()),
                _ => Err("there is nothing to choose here"),
            },
            Action::PacketExport => Ok(()),
            _ => match action.context() {
                Context::Topics => self.shows(Pane::Topics),
                Context::Detail => self.shows(Pane::Detail),
                Context::Messages => self.in_panes(),
                Context::Protocol => match self.connected_to()?.view {
                    View::Protocol => Ok(()),
                    View::Panes | View::Broker => Err("the packets are not on the screen: 5 shows them"),
                },
                Context::Broker
                | Context::Connections
                | Context::Workspace
                | Context::Subscriptions
                | Context::Form
                | Context::Confirm
                | Context::List
                | Context::Global => Ok(()),
            },
        }
    }

    fn connected_to(&self) -> Result<&Workspace, &'static str> {
        self.workspace().ok_or("there is no connection here: c shows the connections")
    }

    fn online(&self) -> Result<&Workspace, &'static str> {
        self.connected_to().and_then(|workspace| if workspace.is_online() { Ok(workspace) } else { Err(OFFLINE) })
    }

    fn in_panes(&self) -> Answer {
        match self.connected_to()?.view {
            View::Panes => Ok(()),
            View::Protocol | View::Broker => Err("this is for the panes: 1, 2 or 3 shows them"),
        }
    }

    /// Says how to see a pane, unless it is on the screen.
    fn shows(&self, pane: Pane) -> Answer {
        self.in_panes()?;
        let workspace = self.connected_to()?;
        if workspace.focus == pane || !workspace.zoom && has_room(self.size) {
            return Ok(());
        }
        Err(match pane {
            Pane::Topics => "the topics are not on the screen: 1 shows them",
            Pane::Messages => "the messages are not on the screen: 2 shows them",
            Pane::Detail => "the detail is not on the screen: 3 shows it",
        })
    }

    /// Says why the connection, or what is selected, does not allow the action.
    fn is_allowed(&self, action: Action) -> Answer {
        let when = |is_possible: bool, why: &'static str| if is_possible { Ok(()) } else { Err(why) };
        match action {
            Action::Publish | Action::PublishCopy => {
                let is_writable = !self.connected_to()?.profile.read_only;
                when(is_writable, "this connection is read-only: nothing can be published")?;
                let has_message = self.online()?.selected().is_some();
                when(action == Action::Publish || has_message, "no message is selected")
            }
            Action::Subscribe | Action::SubscribeMore | Action::Ping => self.online().map(|_| ()),
            Action::Unsubscribe => when(!self.online()?.subscriptions.is_empty(), "nothing is subscribed to"),
            Action::CopyPayload | Action::MessageOpen => when(self.connected_to()?.selected().is_some(), "no message is selected"),
            Action::CopyTopic => when(self.connected_to()?.topic().is_some(), "no topic is selected"),
            Action::Reconnect | Action::LogIn => when(!self.connected_to()?.is_online(), "the connection is up"),
            Action::FollowRedirect => {
                let server = self.connected_to()?.status.failure().and_then(Failure::redirection);
                when(server.is_some(), "the broker names no other server")
            }
            Action::Reauthenticate => {
                let why = "this connection has no authentication method: set connect.authentication in the profile";
                when(self.connected_to()?.profile.authenticates(), why)?;
                self.online().map(|_| ())
            }
            Action::WillTest => self.connected_to().and_then(can_test_will),
            Action::PacketOpen => self.connected_to().and_then(can_open_packet),
            Action::PacketCopy => {
                when(self.connected_to()?.selected_row().and_then(protocol::copied).is_some(), "no packet is selected")
            }
            Action::PacketExport => when(self.connected_to()?.exchange.packets() > 0, "no packet has passed yet"),
            Action::Filter => when(self.connected_to()?.target().is_some(), "there is no list to narrow here"),
            Action::MatchNext => when(self.connected_to()?.has_searched(), "nothing was searched for yet: / filters"),
            // Without a search the key shows what was said.
            Action::MatchPrevious => Ok(()),
            Action::NextConnection => {
                let is_other = |workspace: &Workspace| Screen::Workspace(workspace.id) != self.screen;
                when(self.workspaces.iter().any(is_other), "there is no other live connection")
            }
            Action::ConnectionDelete => {
                let entries = self.start.entries(&self.workspaces, self.facts.has_demo);
                let is_saved = matches!(entries.get(self.start.selected), Some(Entry::Saved(_)));
                when(is_saved, "only a saved connection that is not live can be deleted")
            }
            Action::ConnectionDemo => when(self.facts.has_demo, "this mqtap was built without the demo"),
            _ => match action.context() {
                Context::Topics
                | Context::Messages
                | Context::Detail
                | Context::Protocol
                | Context::Broker
                | Context::Workspace
                | Context::Subscriptions => self.connected_to().map(|_| ()),
                Context::Connections | Context::Form | Context::Confirm | Context::List | Context::Global => Ok(()),
            },
        }
    }
}

/// Tells whether an action neither needs the place below a question nor leads away from it.
fn is_possible_at_a_question(action: Action) -> bool {
    match action.context() {
        Context::Confirm | Context::List => true,
        Context::Global => !matches!(action, Action::Connections | Action::Palette),
        Context::Topics
        | Context::Messages
        | Context::Detail
        | Context::Protocol
        | Context::Broker
        | Context::Connections
        | Context::Workspace
        | Context::Subscriptions
        | Context::Form => false,
    }
}

/// Says why the will cannot be tested now.
fn can_test_will(workspace: &Workspace) -> Answer {
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
fn can_open_packet(workspace: &Workspace) -> Answer {
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
