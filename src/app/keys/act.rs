//! What each action does, a line each.

use std::mem::discriminant;

use crate::{
    app::{
        App, Screen,
        event::Effect,
        notice::Level,
        popup::{self, Popup},
        protocol,
        publish::Publishing,
        start::Entry,
        workspace::{Origin, Pane, View, Workspace},
    },
    keymap::action::Action,
    mqtt::command::Command,
    profile::Profile,
    store::exchange::What,
    wire::endpoint::Url,
};

/// How far a key moves in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    Rows(isize),
    Pages(isize),
    HalfPages(isize),
    First,
    Last,
}

impl App {
    /// Does an action, or says why not.
    pub fn act(&mut self, action: Action) -> Vec<Effect> {
        if let Err(why) = self.can(action) {
            self.say(Level::Warning, &why, "");
            return Vec::new();
        }
        match action {
            Action::TopicOpen => self.here(Workspace::open_topic),
            Action::TopicExpand => self.here(Workspace::expand_topic),
            Action::TopicCollapse => self.here(Workspace::collapse_topic),
            Action::TopicToggle => self.here(Workspace::toggle_topic),
            Action::TopicExpandAll => self.here(|workspace| workspace.open_below(true)),
            Action::TopicCollapseAll => self.here(|workspace| workspace.open_below(false)),
            Action::TopicSort => self.here(|workspace| workspace.topics.next_sort(&mut workspace.store)),
            Action::TopicFlat => self.here(|workspace| workspace.topics.toggle_flat(&mut workspace.store)),
            Action::MessageOpen | Action::PaneDetail => self.here(|workspace| workspace.go_to(Pane::Detail)),
            Action::DetailNextTab => self.here(|workspace| workspace.detail.tab = workspace.detail.tab.step(1)),
            Action::DetailPreviousTab => self.here(|workspace| workspace.detail.tab = workspace.detail.tab.step(-1)),
            Action::DetailWrap => self.here(|workspace| workspace.detail.wrap = !workspace.detail.wrap),
            Action::PacketOpen => self.open_packet(),
            Action::PacketKinds => self.here(|workspace| workspace.protocol.next_kinds()),
            Action::PacketPings => self.here(|workspace| workspace.protocol.toggle_pings()),
            Action::PacketTimes => self.here(|workspace| workspace.protocol.next_times()),
            Action::PacketHex => self.here(|workspace| workspace.protocol.toggle_hex()),
            Action::PacketExport => self.export_packets(),
            Action::PacketQuiet => self.list_quiet(),
            Action::PacketCopy => self.copy("packet", |workspace| workspace.selected_row().and_then(protocol::copied)),
            Action::ConnectionOpen => self.open_selected(),
            Action::ConnectionNew => self.open(Popup::Connect(popup::connect_form(""))),
            Action::ConnectionLocalhost => self.connect_to_localhost(),
            Action::ConnectionDemo => self.start_demo(),
            Action::ConnectionEdit => vec![Effect::Edit(self.facts.profiles_path.clone())],
            Action::ConnectionDelete => self.ask_to_delete(),
            Action::Filter => self.open_filter(),
            Action::MatchNext => self.seek(false),
            Action::MatchPrevious if self.workspace().is_some_and(Workspace::has_searched) => self.seek(true),
            Action::Freeze => self.freeze(),
            Action::Publish => self.open_publish(false),
            Action::PublishCopy => self.open_publish(true),
            Action::Subscribe | Action::SubscribeMore => self.open_subscribe(),
            Action::Subscriptions => self.open(Popup::Subscriptions { selected: 0 }),
            Action::CopyPayload => self.copy("payload", Workspace::payload_as_text),
            Action::CopyTopic => self.copy("topic", Workspace::topic_as_text),
            Action::ScrollDetailDown => self.scroll_detail(1),
            Action::ScrollDetailUp => self.scroll_detail(-1),
            Action::PinBranch => self.here(Workspace::pin_branch),
            Action::Zoom => self.here(|workspace| workspace.zoom = !workspace.zoom),
            Action::Reconnect => self.reconnect(),
            Action::LogIn => self.open_log_in(),
            Action::FollowRedirect => self.ask_to_follow(),
            Action::Disconnect => self.ask_to_disconnect(),
            Action::PaneTopics => self.here(|workspace| workspace.go_to(Pane::Topics)),
            Action::PaneMessages => self.here(|workspace| workspace.go_to(Pane::Messages)),
            Action::PaneNext => self.here(|workspace| workspace.go_to(workspace.focus.step(1))),
            Action::PanePrevious => self.here(|workspace| workspace.go_to(workspace.focus.step(-1))),
            Action::ViewBroker => self.here(|workspace| workspace.view = View::Broker),
            Action::Ping => self.command(Command::Ping),
            Action::Reauthenticate => self.command(Command::Reauthenticate),
            Action::WillTest => self.ask_to_test_will(),
            Action::ViewProtocol => self.here(|workspace| workspace.view = View::Protocol),
            Action::NextConnection => self.next_connection(),
            Action::Unsubscribe => self.unsubscribe(),
            Action::FormSend => self.submit(),
            Action::FormNext => self.step_form(1),
            Action::FormPrevious => self.step_form(-1),
            Action::ConfirmYes => self.confirm(true),
            Action::ConfirmNo => self.confirm(false),
            Action::Down => self.go(Move::Rows(1)),
            Action::Up => self.go(Move::Rows(-1)),
            Action::PageDown => self.go(Move::Pages(1)),
            Action::PageUp => self.go(Move::Pages(-1)),
            Action::HalfPageDown => self.go(Move::HalfPages(1)),
            Action::HalfPageUp => self.go(Move::HalfPages(-1)),
            Action::First => self.go(Move::First),
            Action::Last => self.go(Move::Last),
            Action::Choose => self.choose(),
            Action::Back => self.back(),
            Action::Connections => self.show_start(),
            Action::Help => self.open(Popup::Help { contexts: self.contexts(), top: 0 }),
            Action::Palette => self.open(Popup::Palette { input: tui_input::Input::default(), selected: 0 }),
            Action::Theme => self.open_themes(),
            Action::Notices | Action::MatchPrevious => self.open_notices(),
            Action::Mouse => self.toggle_mouse(),
            Action::Redraw => vec![Effect::Redraw],
            Action::Suspend => vec![Effect::Suspend],
            Action::Quit => self.close_or_quit(),
            Action::QuitNow => self.quit(),
        }
    }

    /// Changes the connection on the screen.
    fn here(&mut self, change: impl FnOnce(&mut Workspace)) -> Vec<Effect> {
        if let Some(workspace) = self.workspace_mut() {
            change(workspace);
        }
        Vec::new()
    }

    /// Opens a popup, or goes to the one of its kind that is open.
    fn open(&mut self, popup: Popup) -> Vec<Effect> {
        let kind = discriminant(&popup);
        match self.popups.iter().position(|open| discriminant(open) == kind) {
            Some(at) => {
                while self.popups.len() > at + 1 {
                    self.close();
                }
            }
            None => self.popups.push(popup),
        }
        Vec::new()
    }

    fn command(&mut self, command: Command) -> Vec<Effect> {
        self.workspace().map(|workspace| Effect::Mqtt(workspace.id, command)).into_iter().collect()
    }

    fn freeze(&mut self) -> Vec<Effect> {
        let (messages, ladder) = (self.geometry.messages.inner().rows(), self.geometry.ladder.rows());
        self.here(|workspace| match workspace.view {
            View::Panes | View::Broker => workspace.messages.toggle_follow(messages),
            View::Protocol => workspace.protocol.set_follow(!workspace.protocol.follow, ladder),
        })
    }

    /// Scrolls the detail by half of its height.
    fn scroll_detail(&mut self, halves: isize) -> Vec<Effect> {
        let half = |rows: usize| rows.max(2).cast_signed() / 2;
        let (detail, packet) = (half(self.geometry.detail_text().rows()), half(self.geometry.packet.rows()));
        let broker = half(self.geometry.broker.inner().rows());
        self.here(|workspace| match workspace.view {
            View::Panes => workspace.detail.scroll(detail * halves),
            View::Broker => workspace.broker.scroll(broker * halves),
            View::Protocol => workspace.protocol.scroll(packet * halves),
        })
    }

    /// Moves in whatever list has the keys.
    fn go(&mut self, to: Move) -> Vec<Effect> {
        let place = self.workspace().map(|workspace| (workspace.view, workspace.focus));
        let is_free = self.popups.last().is_none_or(|popup| matches!(popup, Popup::Filter(_)));
        let rows = match (is_free, place) {
            (false, _) => self.geometry.popup.inner().rows(),
            (true, Some((View::Protocol, _))) => self.geometry.ladder.rows(),
            (true, Some((View::Broker, _))) => self.geometry.broker.inner().rows(),
            (true, Some((View::Panes, Pane::Topics))) => self.geometry.tree.rows(),
            (true, Some((View::Panes, Pane::Messages))) => self.geometry.messages.inner().rows(),
            (true, Some((View::Panes, Pane::Detail))) => self.geometry.detail_text().rows(),
            (true, None) => self.geometry.body.inner().rows(),
        };
        let page = rows.max(2).cast_signed() - 1;
        let by = match to {
            Move::Rows(rows) => rows,
            Move::Pages(pages) => pages * page,
            Move::HalfPages(halves) => halves * (page / 2 + 1),
            Move::First => isize::MIN / 2,
            Move::Last => isize::MAX / 2,
        };
        if self.step_popup(by) {
            return Vec::new();
        }
        let entries = self.start.entries(&self.workspaces, self.facts.has_demo).len();
        let Some(workspace) = self.workspace_mut() else {
            self.start.selected = self.start.selected.saturating_add_signed(by).min(entries.saturating_sub(1));
            return Vec::new();
        };
        match (workspace.view, workspace.focus) {
            (View::Protocol, _) if to == Move::Last => workspace.protocol.set_follow(true, rows),
            (View::Protocol, _) => workspace.protocol.step(by, rows),
            (View::Broker, _) => workspace.broker.scroll(by),
            (View::Panes, Pane::Topics) => {
                workspace.topics.step(&workspace.store, by);
                workspace.follow_cursor();
            }
            (View::Panes, Pane::Messages) if to == Move::Last => workspace.messages.set_follow(true),
            (View::Panes, Pane::Messages) => workspace.messages.step(by, rows),
            (View::Panes, Pane::Detail) => workspace.detail.scroll(by),
        }
        Vec::new()
    }

    /// Goes back one step: a popup, a notice, the zoom, the pane, the branch of the messages.
    fn back(&mut self) -> Vec<Effect> {
        if self.close() {
            return Vec::new();
        }
        let was_said = self.notices.current(self.now).map(|notice| notice.level);
        self.notices.dismiss();
        // What only fades by itself takes no key.
        if was_said >= Some(Level::Warning) {
            return Vec::new();
        }
        let before = self.came_from.filter(|id| self.find(*id).is_some());
        if let (Screen::Start, Some(id)) = (self.screen, before.or(self.workspaces.first().map(|live| live.id))) {
            self.screen = Screen::Workspace(id);
            return Vec::new();
        }
        self.here(Workspace::back)
    }

    fn show_start(&mut self) -> Vec<Effect> {
        while self.close() {}
        if let Screen::Workspace(id) = self.screen {
            self.came_from = Some(id);
            self.start.selected = self.workspaces.iter().position(|workspace| workspace.id == id).unwrap_or(0);
        }
        self.screen = Screen::Start;
        vec![Effect::Probe]
    }

    /// Does what the selected row of the start screen is for.
    fn open_selected(&mut self) -> Vec<Effect> {
        let entries = self.start.entries(&self.workspaces, self.facts.has_demo);
        match entries.get(self.start.selected) {
            Some(&Entry::Live(id)) => {
                self.screen = Screen::Workspace(id);
                Vec::new()
            }
            Some(&Entry::Saved(index)) => {
                let profile = self.start.profiles.get(index).cloned();
                profile.map(|profile| self.connect(profile, None)).into_iter().collect()
            }
            Some(Entry::Localhost) => self.act(Action::ConnectionLocalhost),
            Some(Entry::New) => self.act(Action::ConnectionNew),
            Some(Entry::Demo) => self.act(Action::ConnectionDemo),
            Some(Entry::Edit) => self.act(Action::ConnectionEdit),
            None => Vec::new(),
        }
    }

    fn connect_to_localhost(&mut self) -> Vec<Effect> {
        match Url::parse("mqtt://localhost") {
            Ok(url) => vec![self.connect_as(Origin::AdHoc, Profile::ad_hoc(url).named("localhost"), None)],
            Err(why) => {
                self.say(Level::Error, &why, "");
                Vec::new()
            }
        }
    }

    fn start_demo(&mut self) -> Vec<Effect> {
        if let Some(live) = self.workspaces.iter().find(|workspace| workspace.origin == Origin::Demo) {
            self.screen = Screen::Workspace(live.id);
            return Vec::new();
        }
        self.say(Level::Info, "starting the simulated plant", "");
        vec![Effect::StartDemo]
    }

    fn next_connection(&mut self) -> Vec<Effect> {
        let at = self.workspaces.iter().position(|workspace| Screen::Workspace(workspace.id) == self.screen);
        let next = at.map_or(0, |at| (at + 1) % self.workspaces.len());
        if let Some(workspace) = self.workspaces.get(next) {
            self.screen = Screen::Workspace(workspace.id);
        }
        Vec::new()
    }

    fn open_subscribe(&mut self) -> Vec<Effect> {
        let Some(workspace) = self.workspace() else { return Vec::new() };
        let filter = match workspace.view {
            View::Broker => "$SYS/#".to_owned(),
            View::Panes | View::Protocol => workspace.branch_filter().unwrap_or_default(),
        };
        self.open(Popup::Subscribe(workspace.id, popup::subscribe_form(&filter)))
    }

    fn unsubscribe(&mut self) -> Vec<Effect> {
        let (Some(&Popup::Subscriptions { selected }), Some(workspace)) = (self.popups.last(), self.workspace()) else {
            return Vec::new();
        };
        let row = workspace.subscriptions.get(selected);
        let filter = row.map(|row| row.subscription.filter.clone());
        filter.map(|filter| Effect::Mqtt(workspace.id, Command::Unsubscribe(filter))).into_iter().collect()
    }

    /// Opens the publish form: with the selected message, or with its topic.
    fn open_publish(&mut self, copy: bool) -> Vec<Effect> {
        let Some(workspace) = self.workspace() else { return Vec::new() };
        let publishing = match workspace.selected_message().filter(|_| copy) {
            Some(message) => Publishing::new(workspace, message),
            None => Publishing::on_topic(workspace),
        };
        self.open(Popup::Publish(publishing))
    }

    /// Goes to the message of a PUBLISH, or connects again where the connection ended.
    fn open_packet(&mut self) -> Vec<Effect> {
        let ended = self.workspace().and_then(Workspace::selected_row).is_some_and(|row| matches!(row.what, What::Ended(_)));
        if ended {
            return self.reconnect();
        }
        if !self.workspace_mut().is_some_and(Workspace::reveal_message) {
            self.say(Level::Warning, "the message is not kept any more", "");
        }
        Vec::new()
    }

    fn list_quiet(&mut self) -> Vec<Effect> {
        let Some(workspace) = self.workspace_mut() else { return Vec::new() };
        let list = !workspace.protocol.lists_quiet;
        workspace.protocol.lists_quiet = list;
        let said = if list { "QoS 0 is listed from now on" } else { "QoS 0 is only counted from now on" };
        self.say(Level::Info, said, "");
        self.command(Command::ListQuiet(list))
    }

    fn export_packets(&mut self) -> Vec<Effect> {
        let export = |workspace: &Workspace| Effect::Export(workspace.profile.title(), protocol::captured(&workspace.exchange));
        self.workspace().map(export).into_iter().collect()
    }

    fn copy(&mut self, what: &'static str, text: impl FnOnce(&Workspace) -> Option<String>) -> Vec<Effect> {
        let copied = self.workspace().and_then(text);
        copied.map(|copied| Effect::Copy(copied, what)).into_iter().collect()
    }

    fn open_themes(&mut self) -> Vec<Effect> {
        let selected = self.facts.themes.iter().position(|name| *name == self.theme).unwrap_or(0);
        let before = self.theme.clone();
        self.open(Popup::Themes { selected, before })
    }

    fn open_notices(&mut self) -> Vec<Effect> {
        self.notices.read();
        self.notices.dismiss();
        self.open(Popup::Notices { top: 0 })
    }
}
