//! What each action does.

use bytestring::ByteString;

use crate::{
    app::{
        App, Screen,
        event::Effect,
        notice::Level,
        popup::{self, Confirmed, Popup},
        start::Entry,
        topics::Cursor,
        workspace::{Pane, Workspace},
    },
    base::text,
    keymap::action::Action,
    mqtt::{
        command::Command,
        event::Status,
        message::{Message, Qos},
    },
    profile::Profile,
    wire::endpoint::Url,
};

impl App {
    /// Does an action, or says why not.
    pub fn act(&mut self, action: Action) -> Vec<Effect> {
        if let Err(why) = self.can(action) {
            self.say(Level::Warning, &why, "");
            return Vec::new();
        }
        match action {
            Action::TopicOpen
            | Action::TopicExpand
            | Action::TopicCollapse
            | Action::TopicToggle
            | Action::TopicExpandAll
            | Action::TopicCollapseAll => self.act_on_tree(action),
            Action::Down
            | Action::Up
            | Action::PageDown
            | Action::PageUp
            | Action::HalfPageDown
            | Action::HalfPageUp
            | Action::First
            | Action::Last => self.act_on_list(action),
            Action::Choose => self.choose(),
            Action::ConnectionOpen
            | Action::ConnectionNew
            | Action::ConnectionLocalhost
            | Action::ConnectionDemo
            | Action::ConnectionEdit
            | Action::ConnectionDelete => return self.act_on_connections(action),
            Action::FormSend => return self.submit(),
            Action::FormNext | Action::FormPrevious => {
                let step = if action == Action::FormNext { 1 } else { -1 };
                if let Some(form) = self.popups.last_mut().and_then(Popup::form_mut) {
                    form.step(step);
                }
            }
            Action::ConfirmYes | Action::ConfirmNo => return self.confirm(action == Action::ConfirmYes),
            Action::Unsubscribe | Action::SubscribeMore | Action::Subscribe | Action::Subscriptions => {
                return self.act_on_subscriptions(action);
            }
            Action::MessageOpen
            | Action::DetailNextTab
            | Action::DetailPreviousTab
            | Action::DetailWrap
            | Action::Freeze
            | Action::ScrollDetailDown
            | Action::ScrollDetailUp
            | Action::PinBranch
            | Action::Zoom
            | Action::PaneTopics
            | Action::PaneMessages
            | Action::PaneDetail
            | Action::PaneNext
            | Action::PanePrevious => self.act_on_panes(action),
            Action::Publish | Action::PublishCopy => self.open_publish(action == Action::PublishCopy),
            Action::CopyPayload | Action::CopyTopic => return self.copy(action == Action::CopyPayload),
            Action::Reconnect | Action::Disconnect | Action::NextConnection => return self.act_on_session(action),
            Action::Back => self.back(),
            Action::Connections => {
                self.popups.clear();
                self.screen = Screen::Start;
                return vec![Effect::Probe];
            }
            Action::Help => {
                let contexts = self.contexts();
                self.popups.push(Popup::Help { contexts, top: 0 });
            }
            Action::Palette => self.popups.push(Popup::Palette { input: tui_input::Input::default(), selected: 0 }),
            Action::Theme => {
                let selected = self.facts.themes.iter().position(|name| *name == self.theme).unwrap_or(0);
                self.popups.push(Popup::Themes { selected, before: self.theme.clone() });
            }
            Action::Notices => {
                self.notices.read();
                self.notices.dismiss();
                self.popups.push(Popup::Notices { top: 0 });
            }
            Action::Redraw => return vec![Effect::Redraw],
            Action::Suspend => return vec![Effect::Suspend],
            Action::Quit if self.close() => {}
            Action::Quit => return self.ask_to_quit(),
            Action::QuitNow => return self.quit(),
        }
        Vec::new()
    }

    fn ask_to_quit(&mut self) -> Vec<Effect> {
        let pending = self.workspaces.iter().flat_map(|workspace| workspace.pending.values());
        match pending.filter(|pending| pending.qos > Qos::AtMostOnce).count() {
            0 => self.quit(),
            waiting => {
                let question = format!("{waiting} published messages are not acknowledged yet. Leave?");
                self.popups.push(Popup::Confirm { question, then: Confirmed::Quit });
                Vec::new()
            }
        }
    }

    /// Goes back one step: a popup, a notice, the zoom, the branch of the messages, the start screen.
    fn back(&mut self) {
        let now = self.now;
        if self.close() {
            return;
        }
        if self.notices.current(now).is_some() {
            self.notices.dismiss();
            return;
        }
        match self.screen {
            Screen::Start => {
                if let Some(workspace) = self.workspaces.first() {
                    self.screen = Screen::Workspace(workspace.id);
                }
            }
            Screen::Workspace(_) => {
                if let Some(workspace) = self.workspace_mut() {
                    if workspace.zoom {
                        workspace.zoom = false;
                    } else if workspace.focus == Pane::Topics {
                        workspace.topics.select(None);
                        workspace.messages.pinned = false;
                        workspace.follow_cursor();
                    } else {
                        workspace.focus = workspace.focus.step(-1);
                    }
                }
            }
        }
    }

    fn act_on_tree(&mut self, action: Action) {
        let Some(workspace) = self.workspace_mut() else { return };
        let node = workspace.topics.cursor.node();
        let row = node.and_then(|node| workspace.store.tree().row_of(node)).and_then(|row| workspace.store.tree().row(row));
        let (open, branch) = row.as_ref().map_or((false, false), |row| (row.open, row.has_children));
        match (action, node) {
            (Action::TopicExpandAll | Action::TopicCollapseAll, node) => {
                workspace.store.tree_mut().set_open_below(node, action == Action::TopicExpandAll);
            }
            (Action::TopicOpen | Action::TopicToggle, Some(node)) if branch => {
                workspace.store.tree_mut().set_open(node, !open);
            }
            (Action::TopicExpand, Some(node)) if branch && !open => workspace.store.tree_mut().set_open(node, true),
            (Action::TopicExpand, Some(_)) if branch => workspace.topics.step(&workspace.store, 1),
            (Action::TopicOpen, _) | (Action::TopicExpand, Some(_)) => workspace.focus = Pane::Messages,
            (Action::TopicExpand, None) => workspace.topics.step(&workspace.store, 1),
            (Action::TopicCollapse, Some(node)) if branch && open => workspace.store.tree_mut().set_open(node, false),
            (Action::TopicCollapse, Some(node)) => {
                let parent = workspace.store.tree().parent(node);
                workspace.topics.select(parent);
            }
            _ => {}
        }
        workspace.follow_cursor();
    }

    fn act_on_list(&mut self, action: Action) {
        const FAR: isize = isize::MAX / 2;
        let rows = match (self.popups.is_empty(), self.workspace().map(|workspace| workspace.focus)) {
            (false, _) => self.geometry.popup.inner().rows(),
            (true, Some(Pane::Topics)) => self.geometry.tree.rows(),
            (true, Some(Pane::Messages)) => self.geometry.messages.inner().rows(),
            (true, Some(Pane::Detail)) => self.geometry.detail_text().rows(),
            (true, None) => self.geometry.body.inner().rows(),
        };
        let page = rows.max(2).cast_signed() - 1;
        let by = match action {
            Action::Down => 1,
            Action::Up => -1,
            Action::PageDown => page,
            Action::PageUp => -page,
            Action::HalfPageDown => page / 2 + 1,
            Action::HalfPageUp => -(page / 2 + 1),
            Action::Last => FAR,
            _ => -FAR,
        };
        if self.step_popup(by) {
            return;
        }
        let entries = self.start.entries(&self.workspaces, self.facts.has_demo).len();
        let Some(workspace) = self.workspace_mut() else {
            self.start.selected = self.start.selected.saturating_add_signed(by).min(entries.saturating_sub(1));
            return;
        };
        match workspace.focus {
            Pane::Topics => {
                workspace.topics.step(&workspace.store, by);
                workspace.follow_cursor();
            }
            Pane::Messages if action == Action::Last => workspace.messages.set_follow(true),
            Pane::Messages => workspace.messages.step(by, rows),
            Pane::Detail => workspace.detail.scroll(by),
        }
    }

    fn act_on_connections(&mut self, action: Action) -> Vec<Effect> {
        let entries = self.start.entries(&self.workspaces, self.facts.has_demo);
        let selected = entries.get(self.start.selected).copied();
        let action = match (action, selected) {
            (Action::ConnectionOpen, Some(Entry::Live(id))) => {
                self.screen = Screen::Workspace(id);
                return Vec::new();
            }
            (Action::ConnectionOpen, Some(Entry::Saved(index))) => {
                let profile = self.start.profiles.get(index).cloned();
                return profile.map(|profile| self.connect(profile, None)).into_iter().collect();
            }
            (Action::ConnectionOpen, Some(Entry::Localhost)) => Action::ConnectionLocalhost,
            (Action::ConnectionOpen, Some(Entry::New)) => Action::ConnectionNew,
            (Action::ConnectionOpen, Some(Entry::Demo)) => Action::ConnectionDemo,
            (Action::ConnectionOpen, Some(Entry::Edit)) => Action::ConnectionEdit,
            (action, _) => action,
        };
        match action {
            Action::ConnectionNew => self.popups.push(Popup::Connect(popup::connect_form(""))),
            Action::ConnectionLocalhost => match Url::parse("mqtt://localhost") {
                Ok(url) => return vec![self.connect(Profile::ad_hoc(url).named("localhost"), None)],
                Err(why) => self.say(Level::Error, &why, ""),
            },
            Action::ConnectionDemo => {
                self.say(Level::Info, "starting the simulated plant", "");
                return vec![Effect::StartDemo];
            }
            Action::ConnectionEdit => return vec![Effect::Edit(self.facts.profiles_path.clone())],
            Action::ConnectionDelete => match selected {
                Some(Entry::Saved(index)) => {
                    let name = self.start.profiles.get(index).map(Profile::title).unwrap_or_default();
                    let question = format!("Delete the saved connection {name}?");
                    self.popups.push(Popup::Confirm { question, then: Confirmed::Delete(name) });
                }
                _ => self.say(Level::Warning, "only a saved connection that is not live can be deleted", ""),
            },
            _ => {}
        }
        Vec::new()
    }

    fn act_on_subscriptions(&mut self, action: Action) -> Vec<Effect> {
        let prefill = self.workspace().and_then(branch_filter).unwrap_or_default();
        match (action, self.popups.last()) {
            (Action::Unsubscribe, Some(&Popup::Subscriptions { selected })) => {
                let Some(workspace) = self.workspace() else { return Vec::new() };
                let id = workspace.id;
                let row = workspace.subscriptions.get(selected);
                return row
                    .map(|row| Effect::Mqtt(id, Command::Unsubscribe(row.subscription.filter.clone())))
                    .into_iter()
                    .collect();
            }
            (Action::Subscribe | Action::SubscribeMore, _) => self.popups.push(Popup::Subscribe(popup::subscribe_form(&prefill))),
            (Action::Subscriptions, _) => self.popups.push(Popup::Subscriptions { selected: 0 }),
            _ => {}
        }
        Vec::new()
    }

    fn act_on_panes(&mut self, action: Action) {
        let rows = self.geometry.messages.inner().rows();
        let page = self.geometry.detail_text().rows().max(2).cast_signed() / 2;
        let Some(workspace) = self.workspace_mut() else { return };
        match action {
            Action::MessageOpen | Action::PaneDetail => workspace.focus = Pane::Detail,
            Action::PaneTopics => workspace.focus = Pane::Topics,
            Action::PaneMessages => workspace.focus = Pane::Messages,
            Action::PaneNext => workspace.focus = workspace.focus.step(1),
            Action::PanePrevious => workspace.focus = workspace.focus.step(-1),
            Action::DetailNextTab => workspace.detail.tab = workspace.detail.tab.step(1),
            Action::DetailPreviousTab => workspace.detail.tab = workspace.detail.tab.step(-1),
            Action::DetailWrap => workspace.detail.wrap = !workspace.detail.wrap,
            Action::ScrollDetailDown => workspace.detail.scroll(page),
            Action::ScrollDetailUp => workspace.detail.scroll(-page),
            Action::Freeze => workspace.messages.toggle_follow(rows),
            Action::Zoom => workspace.zoom = !workspace.zoom,
            Action::PinBranch => {
                workspace.messages.pinned = !workspace.messages.pinned;
                workspace.follow_cursor();
            }
            _ => {}
        }
    }

    fn open_publish(&mut self, copy: bool) {
        let Some(workspace) = self.workspace() else { return };
        let topic = workspace.topic().unwrap_or_default();
        let message = match workspace.selected().filter(|_| copy) {
            Some(entry) => Message {
                topic: ByteString::from(entry.topic),
                payload: bytes::Bytes::copy_from_slice(entry.payload),
                qos: entry.qos,
                retain: entry.retain,
                dup: false,
                properties: None,
            },
            None => Message { topic: ByteString::from(topic), ..Message::default() },
        };
        self.popups.push(Popup::Publish(popup::publish_form(&message)));
    }

    fn copy(&mut self, payload: bool) -> Vec<Effect> {
        let Some(workspace) = self.workspace() else { return Vec::new() };
        let copied = if payload {
            workspace.selected().map(|entry| match std::str::from_utf8(entry.payload) {
                Ok(text) if !text.chars().any(|c| text::is_hostile(c) && !matches!(c, '\n' | '\t')) => text.to_owned(),
                _ => text::escape(entry.payload),
            })
        } else {
            workspace.topic().map(|topic| text::escape(topic.as_bytes()))
        };
        copied.map(|copied| Effect::Copy(copied, if payload { "payload" } else { "topic" })).into_iter().collect()
    }

    fn act_on_session(&mut self, action: Action) -> Vec<Effect> {
        match (action, self.screen) {
            (Action::Reconnect, Screen::Workspace(id)) => vec![Effect::Mqtt(id, Command::Reconnect)],
            (Action::Disconnect, Screen::Workspace(id)) => {
                let workspace = self.workspace();
                let kept = workspace.map_or(0, |workspace| workspace.store.counts().kept);
                if workspace.is_some_and(|workspace| matches!(workspace.status, Status::Failed { .. })) || kept == 0 {
                    self.popups.push(Popup::Confirm { question: String::new(), then: Confirmed::Disconnect(id) });
                    return self.confirm(true);
                }
                let question = format!("Disconnect and forget {} messages?", crate::base::human::count(kept));
                self.popups.push(Popup::Confirm { question, then: Confirmed::Disconnect(id) });
                Vec::new()
            }
            (Action::NextConnection, screen) => {
                let at = self.workspaces.iter().position(|workspace| Screen::Workspace(workspace.id) == screen);
                let next = at.map_or(0, |at| (at + 1) % self.workspaces.len());
                if let Some(workspace) = self.workspaces.get(next) {
                    self.screen = Screen::Workspace(workspace.id);
                }
                Vec::new()
            }
            _ => Vec::new(),
        }
    }
}

/// Returns the filter for everything under the cursor.
fn branch_filter(workspace: &Workspace) -> Option<String> {
    match workspace.topics.cursor {
        Cursor::All => None,
        Cursor::Node(node) => {
            let topic = workspace.store.tree().topic(node).to_owned();
            let row = workspace.store.tree().row_of(node).and_then(|row| workspace.store.tree().row(row))?;
            Some(if row.has_children { format!("{topic}/#") } else { topic })
        }
    }
}
