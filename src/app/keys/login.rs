//! Logging in: a secret that a start wants, and another user name and password where the broker took neither.

use std::sync::Arc;

use crate::{
    app::{
        App,
        event::{ConnId, Effect},
        form::Form,
        notice::Level,
        popup::{self, Popup},
        workspace::Workspace,
    },
    base::secret::Secret,
    mqtt::{command::Command, error::Failure, event::Status},
    profile::{need::Need, secret::PasswordSource},
};

impl App {
    /// Asks for a secret that the start of a connection wants.
    pub(in crate::app) fn ask_for_secret(&mut self, id: ConnId, need: Need, given: Vec<(Need, Secret)>) {
        if let Some(workspace) = self.find(id) {
            let form = popup::secret_form(&need, &workspace.profile.title());
            self.popups.push(Popup::Secret(id, need, given, form));
        }
    }

    /// Starts the connection with the secret that was typed.
    pub(super) fn start_with(&self, id: ConnId, need: &Need, given: &[(Need, Secret)], form: &Form) -> Vec<Effect> {
        let typed = (need.clone(), Secret::from(form.text(popup::SECRET_ROW)));
        let all = given.iter().cloned().chain([typed]).collect();
        self.find(id).map(|workspace| Effect::Start(id, Box::new(workspace.profile.clone()), all)).into_iter().collect()
    }

    /// Says on the connection that it could not be started: it stays, so that the reason can be read, and what was received.
    pub(in crate::app) fn not_started(&mut self, id: ConnId, why: String) {
        self.say(Level::Error, &why, "");
        let now = self.now;
        if let Some(workspace) = self.find_mut(id).filter(|workspace| !workspace.has_session) {
            workspace.enter(Status::Failed { cause: Arc::new(Failure::Invalid(why)) }, now);
        }
    }

    /// Connects again: the session does, where there is one.
    pub(super) fn reconnect(&mut self) -> Vec<Effect> {
        let Some(workspace) = self.workspace() else { return Vec::new() };
        if workspace.has_session {
            return vec![Effect::Mqtt(workspace.id, Command::Reconnect)];
        }
        let (id, profile, now) = (workspace.id, Box::new(workspace.profile.clone()), self.now);
        if let Some(workspace) = self.workspace_mut() {
            workspace.enter(Workspace::starting(), now);
        }
        vec![Effect::Start(id, profile, Vec::new())]
    }

    /// Opens the form for another user name and password.
    pub(super) fn open_log_in(&mut self) -> Vec<Effect> {
        let Some(workspace) = self.workspace() else { return Vec::new() };
        let form = popup::log_in_form(workspace);
        self.popups.push(Popup::LogIn(workspace.id, form));
        Vec::new()
    }

    /// Connects as the user that was typed.
    pub(super) fn log_in(&mut self, id: ConnId, form: &Form) -> Vec<Effect> {
        let now = self.now;
        let Some(workspace) = self.find_mut(id) else { return Vec::new() };
        let (username, password) = popup::read_log_in(form);
        workspace.profile.amend(|options| options.username = username);
        workspace.profile.forget(&Need::Password);
        let mut given = Vec::new();
        if let Some(password) = password {
            // Nowhere but here: another start asks again.
            workspace.profile.take_from(&Need::Password, PasswordSource::Prompt);
            given.push((Need::Password, password));
        }
        workspace.enter(Workspace::starting(), now);
        vec![Effect::Start(id, Box::new(workspace.profile.clone()), given)]
    }

    /// Takes note that a secret which a start wants is not given.
    pub(super) fn withhold_secret(&mut self, id: ConnId, need: &Need) {
        let now = self.now;
        if let Some(workspace) = self.find_mut(id).filter(|workspace| !workspace.has_session) {
            let cause = Failure::Invalid(format!("not given: {need}"));
            workspace.enter(Status::Failed { cause: Arc::new(cause) }, now);
        }
    }
}
