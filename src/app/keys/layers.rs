//! Keys in what lies over the panes: forms, the palette, lists and questions.

use std::time::Duration;

use crate::{
    app::{
        App, Screen,
        broker::WillTest,
        event::{ConnId, Effect},
        form::{
            Form, Reply,
            line::{self, LONGEST_LINE, LeftOut},
        },
        help,
        notice::Level,
        popup::{self, Confirmed, Connect, PALETTE_ROWS, Popup},
        publish::{Draft, Publishing},
        start::Entry,
        workspace::{Origin, Workspace},
    },
    base::{human, text},
    keymap::{
        action::{Action, Context},
        key::{Code, Key},
    },
    mqtt::{command::Command, error::Failure, message::Message, options::Subscription, will_test::PATIENCE},
    profile::Profile,
    wire::endpoint::{Endpoint, Url},
};

/// The most bytes that are typed to find an action.
const LONGEST_QUERY: usize = 256;

impl App {
    /// Gives a key to the field in focus of the popup on top.
    pub(super) fn key_in_field(&mut self, key: Key) -> Vec<Effect> {
        match self.popups.last_mut() {
            Some(Popup::Palette { .. }) => self.key_in_palette(key),
            Some(Popup::Filter(_)) => self.key_in_filter(key),
            Some(popup) => match popup.edit(|form| form.key(key)) {
                Some(Reply::Submit) => self.submit(),
                Some(Reply::LeftOut(left)) => {
                    self.say_left_out(left);
                    Vec::new()
                }
                Some(Reply::Taken | Reply::Ignored) | None => Vec::new(),
            },
            None => Vec::new(),
        }
    }

    /// Takes a key in the palette: Enter does what is selected, the arrows select, all else edits.
    fn key_in_palette(&mut self, key: Key) -> Vec<Effect> {
        let page = self.geometry.popup.inner().rows().saturating_sub(PALETTE_ROWS).max(1).cast_signed();
        let Some(Popup::Palette { input, selected }) = self.popups.last_mut() else { return Vec::new() };
        let hits = popup::palette(input.value());
        let step = match key.code {
            Code::Enter => {
                let chosen = hits.get(*selected).copied();
                self.popups.pop();
                return chosen.map(|action| self.act_from_palette(action)).unwrap_or_default();
            }
            Code::Down => 1,
            Code::Up => -1,
            Code::PageDown => page,
            Code::PageUp => -page,
            _ => {
                if let Some(left) = line::press(input, key, LONGEST_QUERY) {
                    *selected = 0;
                    self.say_left_out(left);
                }
                return Vec::new();
            }
        };
        *selected = selected.saturating_add_signed(step).min(hits.len().saturating_sub(1));
        Vec::new()
    }

    /// Does an action where it can be seen: not below a list that has nothing to do with it.
    fn act_from_palette(&mut self, action: Action) -> Vec<Effect> {
        if self.can(action).is_ok() && !matches!(action.context(), Context::Global | Context::Subscriptions) {
            let is_list = |popup: &Popup| {
                let lists = matches!(popup, Popup::Help { .. } | Popup::Notices { .. } | Popup::Themes { .. });
                lists || matches!(popup, Popup::Subscriptions { .. })
            };
            while self.popups.last().is_some_and(is_list) {
                self.close();
            }
        }
        self.act(action)
    }

    /// Puts pasted text into what is being typed; a URL becomes a connection where nothing is.
    pub(in crate::app) fn paste(&mut self, pasted: &str) -> Vec<Effect> {
        let url = pasted.trim();
        match self.popups.last_mut() {
            Some(Popup::Palette { input, selected }) => {
                let left = line::splice(input, pasted, LONGEST_QUERY);
                *selected = 0;
                self.say_left_out(left);
            }
            Some(Popup::Filter(_)) => self.paste_into_filter(pasted),
            Some(popup) => {
                let left = popup.edit(|form| form.paste(pasted)).unwrap_or_default();
                self.say_left_out(left);
            }
            None if url.len() <= LONGEST_LINE && Url::is_url(url) && !url.contains(char::is_whitespace) => {
                self.popups.push(Popup::Connect(popup::connect_form(url)));
            }
            None => self.say(Level::Info, "nothing to paste into here", "a pasted URL becomes a connection"),
        }
        Vec::new()
    }

    /// Says what a field did not take.
    pub(super) fn say_left_out(&mut self, left: LeftOut) {
        if let Some(said) = left.said() {
            self.say(Level::Warning, &said, "");
        }
    }

    /// Does what the form on top is for; what is wrong stays on the form.
    pub(super) fn submit(&mut self) -> Vec<Effect> {
        let Some(popup) = self.popups.pop() else { return Vec::new() };
        let (popup, result) = match popup {
            Popup::Subscribe(id, form) => {
                let result = popup::read_subscribe(&form).map(|subscription| self.subscribe(id, subscription));
                (Popup::Subscribe(id, form), result)
            }
            Popup::Publish(publishing) => match publishing.read() {
                Ok(message) => return self.publish(publishing, message),
                Err(why) => (Popup::Publish(publishing), Err(why)),
            },
            Popup::Connect(form) => {
                let result = self.connect_from(&form);
                (Popup::Connect(form), result)
            }
            Popup::Secret(id, need, given, form) => {
                let effects = self.start_with(id, &need, &given, &form);
                (Popup::Secret(id, need, given, form), Ok(effects))
            }
            Popup::LogIn(id, form) => {
                let effects = self.log_in(id, &form);
                (Popup::LogIn(id, form), Ok(effects))
            }
            other => (other, Ok(Vec::new())),
        };
        match result {
            Ok(effects) => effects,
            Err(why) => {
                self.popups.push(popup);
                if let Some(form) = self.popups.last_mut().and_then(Popup::form_mut) {
                    form.error = Some(why);
                }
                Vec::new()
            }
        }
    }

    fn subscribe(&mut self, id: ConnId, subscription: Subscription) -> Vec<Effect> {
        let Some(workspace) = self.find_mut(id) else { return Vec::new() };
        workspace.expect_grant(subscription.clone());
        vec![Effect::Mqtt(id, Command::Subscribe(subscription))]
    }

    /// Publishes what the form says, on a protected connection after a question with the form below it.
    fn publish(&mut self, publishing: Publishing, message: Message) -> Vec<Effect> {
        let id = publishing.id;
        let Some(workspace) = self.find(id) else { return Vec::new() };
        if !workspace.profile.protect {
            return self.send(id, message);
        }
        let topic = text::line(&message.topic, 40);
        let question = format!("Publish to {topic} on {}? It is protected.", workspace.profile.title());
        self.popups.push(Popup::Publish(publishing));
        self.ask(question, Confirmed::Publish(id, Box::new(message)))
    }

    fn send(&mut self, id: ConnId, message: Message) -> Vec<Effect> {
        let Some(workspace) = self.find_mut(id) else { return Vec::new() };
        let token = workspace.expect_receipt(&message);
        workspace.draft = Some(Draft::sent(message.clone()));
        vec![Effect::Mqtt(id, Command::Publish { token, message })]
    }

    /// Keeps what was typed into a form that is closed.
    fn put_aside(&mut self, publishing: &Publishing) {
        let Some(draft) = publishing.draft() else { return };
        if let Some(workspace) = self.find_mut(publishing.id) {
            workspace.draft = Some(draft);
            let hint = self.keymap.labels(Action::Publish).first().map(|key| format!("{key} brings it back"));
            self.say(Level::Info, "the message is not sent", &hint.unwrap_or_default());
        }
    }

    fn connect_from(&mut self, form: &Form) -> Result<Vec<Effect>, String> {
        let Connect { profile, draft, password } = popup::read_connect(form)?;
        let taken = self.start.profiles.iter().any(|saved| saved.name == profile.name);
        if draft.is_some() && taken {
            return Err(format!("there is a connection `{}` already: choose another name", profile.title()));
        }
        let origin = draft.as_ref().map_or(Origin::AdHoc, |draft| Origin::Saved(draft.name().to_owned()));
        let mut effects = vec![self.connect_as(origin, profile, password)];
        effects.extend(draft.map(Effect::Save));
        Ok(effects)
    }

    /// Moves the focus of the form on top.
    pub(super) fn step_form(&mut self, step: isize) -> Vec<Effect> {
        if let Some(form) = self.popups.last_mut().and_then(Popup::form_mut) {
            form.step(step);
        }
        Vec::new()
    }

    /// Closes the popup on top, or leaves; asks first when publishes would be lost.
    pub(super) fn close_or_quit(&mut self) -> Vec<Effect> {
        if self.close() {
            return Vec::new();
        }
        match unacknowledged(self.workspaces.iter().map(Workspace::unacknowledged).sum()) {
            None => self.quit(),
            Some(said) => self.ask(format!("{said} Leave?"), Confirmed::Quit),
        }
    }

    /// Asks before a saved connection is deleted.
    pub(super) fn ask_to_delete(&mut self) -> Vec<Effect> {
        let entries = self.start.entries(&self.workspaces, self.facts.has_demo);
        let Some(&Entry::Saved(index)) = entries.get(self.start.selected) else { return Vec::new() };
        let name = self.start.profiles.get(index).map(Profile::title).unwrap_or_default();
        self.ask(format!("Delete the saved connection {name}?"), Confirmed::Delete(name))
    }

    /// Asks before a connection is ended, when there are messages to forget or publishes that nobody acknowledged.
    pub(super) fn ask_to_disconnect(&mut self) -> Vec<Effect> {
        let Some(workspace) = self.workspace() else { return Vec::new() };
        let (id, kept) = (workspace.id, workspace.store.counts().kept);
        let question = match (kept, unacknowledged(workspace.unacknowledged())) {
            (0, None) => return self.disconnect(id),
            (0, Some(said)) => format!("{said} Disconnect?"),
            (kept, None) => format!("Disconnect and forget {} messages?", human::count(kept)),
            (kept, Some(said)) => format!("{said} Disconnect, and forget {} messages?", human::count(kept)),
        };
        self.ask(question, Confirmed::Disconnect(id))
    }

    fn disconnect(&mut self, id: ConnId) -> Vec<Effect> {
        self.workspaces.retain(|workspace| workspace.id != id);
        self.screen = Screen::Start;
        self.start.selected = 0;
        vec![Effect::Stop(id)]
    }

    /// Asks before another server is connected to, and says what it gets to know.
    pub(super) fn ask_to_follow(&mut self) -> Vec<Effect> {
        let Some(workspace) = self.workspace() else { return Vec::new() };
        let Some(server) = workspace.status.failure().and_then(Failure::redirection) else { return Vec::new() };
        let shown = text::line(&server.to_string(), 80);
        let host = text::line(&server.host, 60);
        let withheld = workspace.profile.elsewhere(server).withheld;
        let known = match &*withheld {
            [] if workspace.profile.endpoint().host.eq_ignore_ascii_case(&server.host) => {
                "It is on the same host, and gets the same credentials.".to_owned()
            }
            [] => format!("The profile knows {host}, or has no secrets: it gets what the broker got."),
            withheld => format!("{host} is another host: it does not get {}.", withheld.join(", ")),
        };
        let question = format!("Connect to {shown}, as the broker says? {known}");
        let then = Confirmed::Follow(workspace.id, server.clone());
        self.ask(question, then)
    }

    fn follow(&mut self, id: ConnId, server: &Endpoint) -> Vec<Effect> {
        let now = self.now;
        let Some(workspace) = self.find_mut(id) else { return Vec::new() };
        workspace.profile = workspace.profile.elsewhere(server).profile;
        workspace.enter(Workspace::starting(), now);
        vec![Effect::Start(id, Box::new(workspace.profile.clone()), Vec::new())]
    }

    /// Asks before a will is tested, and explains what happens.
    pub(super) fn ask_to_test_will(&mut self) -> Vec<Effect> {
        let Some(workspace) = self.workspace() else { return Vec::new() };
        let Some(will) = workspace.profile.will() else { return Vec::new() };
        let topic = text::line(&will.message.topic, 60);
        let stays = if will.message.retain { ", and keeps it, as it is retained" } else { "" };
        let wait = Duration::from_secs(will.delay.unwrap_or_default().into()).saturating_add(PATIENCE);
        let question = format!(
            "Test the will? Another client with the same will connects and is cut off. The broker then publishes the will to \
             {topic}{stays}, as if that client had died: whoever listens there sees it. It is waited for at most {}.",
            human::duration(wait)
        );
        let id = workspace.id;
        self.ask(question, Confirmed::TestWill(id))
    }

    fn test_will(&mut self, id: ConnId) -> Vec<Effect> {
        let Some(workspace) = self.find_mut(id) else { return Vec::new() };
        workspace.broker.will_test = WillTest::Running;
        vec![Effect::TestWill(id)]
    }

    fn ask(&mut self, question: String, then: Confirmed) -> Vec<Effect> {
        self.popups.push(Popup::Confirm { question, then });
        Vec::new()
    }

    /// Answers the question on top.
    pub(super) fn confirm(&mut self, yes: bool) -> Vec<Effect> {
        if !matches!(self.popups.last(), Some(Popup::Confirm { .. })) {
            return Vec::new();
        }
        let Some(Popup::Confirm { then, .. }) = self.popups.pop() else { return Vec::new() };
        if !yes {
            return Vec::new();
        }
        match then {
            Confirmed::Quit => self.quit(),
            Confirmed::Disconnect(id) => self.disconnect(id),
            Confirmed::Delete(name) => vec![Effect::Remove(name)],
            Confirmed::Publish(id, message) => {
                // The form has done its work.
                self.popups.pop_if(|popup| matches!(popup, Popup::Publish(publishing) if publishing.id == id));
                self.send(id, *message)
            }
            Confirmed::Follow(id, server) => self.follow(id, &server),
            Confirmed::TestWill(id) => self.test_will(id),
        }
    }

    /// Closes the popup on top, and takes back what it only tried.
    pub(super) fn close(&mut self) -> bool {
        match self.popups.pop() {
            Some(Popup::Themes { before, .. }) => {
                self.theme = before;
                true
            }
            Some(Popup::Filter(typing)) => {
                self.clear_filter(typing.target);
                true
            }
            Some(Popup::Secret(id, need, ..)) => {
                self.withhold_secret(id, &need);
                true
            }
            Some(Popup::Publish(publishing)) => {
                self.put_aside(&publishing);
                true
            }
            Some(_) => true,
            None => false,
        }
    }

    /// Keeps the popup on top from being scrolled beyond its last row.
    pub(in crate::app) fn stay_within_rows(&mut self) {
        let last = self.last_top();
        if let Some(Popup::Help { top, .. } | Popup::Notices { top }) = self.popups.last_mut() {
            *top = (*top).min(last);
        }
    }

    /// Returns the first row that the popup on top shows when it is scrolled to its end.
    fn last_top(&self) -> usize {
        let inner = self.geometry.popup.inner();
        let rows = match self.popups.last() {
            Some(Popup::Help { contexts, .. }) => help::lines(self, contexts, inner.columns()).len(),
            Some(Popup::Notices { .. }) => self.notices.lines(inner.columns()).len(),
            _ => 0,
        };
        rows.saturating_sub(inner.rows())
    }

    /// Moves the selection or the scroll position of the popup on top.
    pub(in crate::app) fn step_popup(&mut self, by: isize) -> bool {
        let subscriptions = self.workspace().map_or(0, |workspace| workspace.subscriptions.len());
        let (themes, last_top) = (self.facts.themes.clone(), self.last_top());
        let moved = |at: usize, rows: usize| at.saturating_add_signed(by).min(rows.saturating_sub(1));
        match self.popups.last_mut() {
            // The list goes on below the row.
            None | Some(Popup::Filter(_)) => return false,
            Some(Popup::Help { top, .. } | Popup::Notices { top }) => {
                *top = (*top).min(last_top).saturating_add_signed(by).min(last_top);
            }
            Some(Popup::Subscriptions { selected }) => *selected = moved(*selected, subscriptions),
            Some(Popup::Themes { selected, .. }) => {
                *selected = moved(*selected, themes.len());
                if let Some(name) = themes.get(*selected) {
                    self.theme.clone_from(name);
                }
            }
            Some(_) => {}
        }
        true
    }

    /// Chooses the selected row of the list on top.
    pub(super) fn choose(&mut self) -> Vec<Effect> {
        if let Some(Popup::Themes { .. }) = self.popups.last() {
            self.popups.pop();
            self.theme_chosen = true;
            let said = format!("theme {}", self.theme);
            self.say(Level::Info, &said, "--theme NAME starts with it");
        }
        Vec::new()
    }
}

/// Says how many publishes nobody has acknowledged, nothing where there is none.
fn unacknowledged(count: usize) -> Option<String> {
    match count {
        0 => None,
        1 => Some("1 published message is not acknowledged yet.".to_owned()),
        _ => Some(format!("{count} published messages are not acknowledged yet.")),
    }
}
