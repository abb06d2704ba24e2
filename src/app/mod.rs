//! The state of the terminal UI, and the one function that changes it.
//!
//! ```text
//! Event ──▶ App::update ──▶ Effects          pure: no clock, no I/O
//! App::prepare(geometry) ──▶ ui::render      what a frame needs, before it is drawn
//! ```

pub mod broker;
pub mod detail;
pub mod event;
pub mod filter;
pub mod form;
pub mod geometry;
pub mod help;
mod keys;
pub mod kind;
pub mod messages;
mod mouse;
pub mod notice;
pub mod popup;
pub mod protocol;
pub mod publish;
pub mod start;
mod sys;
pub mod topics;
pub mod workspace;

use std::{path::PathBuf, time::Duration};

use jiff::tz::TimeZone;

use self::{
    broker::WillTest,
    event::{ConnId, Effect, Event, Outcome},
    geometry::Geometry,
    notice::{Level, Notices},
    popup::Popup,
    start::{PROBLEMS, Start},
    workspace::{Origin, Workspace},
};
use crate::{
    base::{clock::Stamp, human, secret::Secret},
    keymap::{Keymap, action::Action, key::Key},
    mqtt::{
        error::Failure,
        event::Status,
        will_test::{WillFault, WillReport},
    },
    profile::{Profile, need::Need},
    theme,
};

/// The name of the connection to the simulated plant.
pub const DEMO: &str = "demo";

/// How long after the last message rates may still change on the screen.
const RATES_FADE: Duration = Duration::from_secs(15);

/// How often a screen with changing rates or a countdown is drawn anew without any event.
const PULSE: Duration = Duration::from_secs(1);

/// What the state knows of the world at its start.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The time zone of all clock times on the screen.
    pub zone: TimeZone,
    /// Where the saved connections are.
    pub profiles_path: PathBuf,
    /// Sentences about terminal and files for the start screen.
    pub about: Vec<String>,
    /// The names of the themes.
    pub themes: Vec<String>,
    /// Whether the simulated plant was built in.
    pub has_demo: bool,
}

/// What the whole screen shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// The connections, saved and live.
    Start,
    /// A live connection.
    Workspace(ConnId),
}

/// The state of the terminal UI.
#[derive(Debug)]
pub struct App {
    /// The moment of the last event.
    pub now: Stamp,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// What is shown.
    pub screen: Screen,
    /// The start screen.
    pub start: Start,
    /// The live connections, in the order of their start.
    pub workspaces: Vec<Workspace>,
    /// What lies over the panes, the last on top.
    pub popups: Vec<Popup>,
    /// What was said.
    pub notices: Notices,
    /// The keys.
    pub keymap: Keymap,
    /// The keys of a sequence that is not complete.
    pub typed: Vec<Key>,
    /// The name of the theme.
    pub theme: String,
    /// Whether the user chose the theme, so that a guess does not replace it.
    pub theme_chosen: bool,
    /// Whether the mouse is ours and not the terminal's.
    pub has_mouse: bool,
    /// What is known of the world.
    pub facts: Facts,
    /// The last geometry, for paging.
    geometry: Geometry,
    /// The connection that was on the screen before the start screen.
    came_from: Option<ConnId>,
    next_id: u32,
    last_message: Option<Stamp>,
    quitting: bool,
}

impl App {
    /// Makes the state of a program that just started.
    #[must_use]
    pub fn new(facts: Facts, keymap: Keymap, theme: String, size: (u16, u16), now: Stamp) -> Self {
        Self {
            now,
            size,
            screen: Screen::Start,
            start: Start::default(),
            workspaces: Vec::new(),
            popups: Vec::new(),
            notices: Notices::default(),
            keymap,
            typed: Vec::new(),
            theme,
            theme_chosen: false,
            has_mouse: false,
            facts,
            geometry: Geometry::default(),
            came_from: None,
            next_id: 0,
            last_message: None,
            quitting: false,
        }
    }

    /// Takes an event in, and returns what is to be done outside.
    #[must_use]
    pub fn update(&mut self, now: Stamp, event: Event) -> Vec<Effect> {
        self.now = now;
        match event {
            Event::Key(key) => self.key(key),
            Event::Paste(text) => self.paste(&text),
            Event::Mouse(mouse) => self.mouse(mouse),
            Event::Resize(columns, rows) => {
                self.size = (columns, rows);
                Vec::new()
            }
            Event::Tick => self.tick(),
            Event::Mqtt(id, event) => self.session(id, event),
            Event::Done(outcome) => self.done(outcome),
        }
    }

    /// Starts a connection and goes to it; `password` is what the user just typed. One with a name is a saved one.
    pub fn connect(&mut self, profile: Profile, password: Option<Secret>) -> Effect {
        let origin = profile.name.clone().map_or(Origin::AdHoc, Origin::Saved);
        self.connect_as(origin, profile, password)
    }

    fn connect_as(&mut self, origin: Origin, profile: Profile, password: Option<Secret>) -> Effect {
        let id = ConnId(self.next_id);
        self.next_id += 1;
        let mut workspace = Workspace::new(id, profile.clone(), self.now);
        workspace.origin = origin;
        self.workspaces.push(workspace);
        self.screen = Screen::Workspace(id);
        Effect::Start(id, Box::new(profile), password.map(|password| (Need::Password, password)).into_iter().collect())
    }

    /// Returns the connection on the screen.
    #[must_use]
    pub fn workspace(&self) -> Option<&Workspace> {
        match self.screen {
            Screen::Start => None,
            Screen::Workspace(id) => self.find(id),
        }
    }

    /// Returns a connection, where it is still there.
    #[must_use]
    pub fn find(&self, id: ConnId) -> Option<&Workspace> {
        self.workspaces.iter().find(|workspace| workspace.id == id)
    }

    fn find_mut(&mut self, id: ConnId) -> Option<&mut Workspace> {
        self.workspaces.iter_mut().find(|workspace| workspace.id == id)
    }

    /// Says what there is to know about the surroundings, a line each.
    #[must_use]
    pub fn about(&self) -> Vec<String> {
        let key = self.keymap.labels(Action::Mouse).into_iter().next().unwrap_or_default();
        let mouse = if self.has_mouse { "on, Shift selects text" } else { "off" };
        let turn = if self.has_mouse { "off" } else { "on" };
        self.facts.about.iter().cloned().chain([format!("Mouse:    {mouse}; {key} turns it {turn}")]).collect()
    }

    /// Returns the rows at the foot of the start screen, with the problems of the profiles file.
    #[must_use]
    pub fn foot_rows(&self) -> usize {
        self.facts.about.len() + 1 + self.start.problems.len().min(PROBLEMS) + 2
    }

    /// Says on which of so many rows of the start screen the entries stand, each by its index.
    #[must_use]
    pub fn start_lines(&self, rows: usize) -> Vec<(usize, usize)> {
        let entries = self.start.entries(&self.workspaces, self.facts.has_demo);
        self.start.lines(&entries, rows.saturating_sub(self.foot_rows()))
    }

    /// Returns the name of a connection; empty when it is gone.
    #[must_use]
    pub fn title(&self, id: ConnId) -> String {
        self.find(id).map(|workspace| workspace.profile.title()).unwrap_or_default()
    }

    fn workspace_mut(&mut self) -> Option<&mut Workspace> {
        match self.screen {
            Screen::Start => None,
            Screen::Workspace(id) => self.find_mut(id),
        }
    }

    /// Brings everything that a frame of this geometry shows up to date.
    pub fn prepare(&mut self, geometry: Geometry) {
        self.geometry = geometry;
        self.stay_within_rows();
        let (zone, now) = (self.facts.zone.clone(), self.now);
        if let Some(workspace) = self.workspace_mut() {
            workspace.prepare(&geometry, &zone, now);
        }
    }

    /// Returns when the screen changes by itself, nothing when it stays as it is until an event.
    #[must_use]
    pub fn wake(&self) -> Option<Stamp> {
        let fading = self.last_message.filter(|last| self.now.since(*last) < RATES_FADE);
        let waiting = self.workspaces.iter().any(|workspace| matches!(workspace.status, Status::Waiting { .. }));
        let aging = self.workspace().is_some_and(Workspace::is_aging);
        let pulse = (fading.is_some() || waiting || aging).then(|| self.now.after(PULSE));
        let searching = self.workspace().filter(|workspace| workspace.is_busy()).map(|_| self.now);
        [self.notices.wake(self.now), pulse, searching].into_iter().flatten().min()
    }

    /// Goes on with what takes longer than a frame.
    fn tick(&mut self) -> Vec<Effect> {
        let (now, geometry) = (self.now, self.geometry);
        if let Some(target) = self.workspace_mut().and_then(|workspace| workspace.advance(&geometry, now)) {
            self.say_nothing_matches(target);
        }
        Vec::new()
    }

    fn session(&mut self, id: ConnId, event: crate::mqtt::event::Event) -> Vec<Effect> {
        use crate::mqtt::event::Event as E;
        let now = self.now;
        let is_free = self.screen == Screen::Workspace(id) && self.popups.is_empty();
        let Some(workspace) = self.workspaces.iter_mut().find(|workspace| workspace.id == id) else { return Vec::new() };
        if matches!(event, E::Messages(_)) {
            self.last_message = Some(now);
        }
        let asks = is_free && workspace.welcome.is_none() && matches!(event, E::Status(_));
        workspace.take(event, now, &mut self.notices);
        if !asks {
            return Vec::new();
        }
        // What the first answer of a broker leaves to be said is asked for at once.
        if workspace.is_online() && workspace.subscriptions.is_empty() {
            let filter = if workspace.profile.endpoint().is_local() { "#" } else { "" };
            self.popups.push(Popup::Subscribe(id, popup::subscribe_form(filter)));
        } else if workspace.status.failure().is_some_and(Failure::doubts_the_user) {
            let form = popup::log_in_form(workspace);
            self.popups.push(Popup::LogIn(id, form));
        }
        Vec::new()
    }

    fn done(&mut self, outcome: Outcome) -> Vec<Effect> {
        match outcome {
            Outcome::SecretWanted(id, need, given) => self.ask_for_secret(id, need, given),
            Outcome::NotStarted(id, why) => self.not_started(id, why),
            Outcome::Profiles(profiles) => {
                let problems: Vec<String> = profiles.problems().iter().map(ToString::to_string).collect();
                for problem in &problems {
                    self.say(Level::Error, problem, "the rest of the file is in use");
                }
                self.start.take(&profiles, problems);
            }
            Outcome::Said(text) => self.say(Level::Info, &text, ""),
            Outcome::Failed(text, hint) => self.say(Level::Error, &text, &hint),
            Outcome::Probed(answers) => self.start.localhost = Some(answers),
            Outcome::DemoReady(profile) => return self.show_demo(*profile),
            Outcome::WillTested(id, outcome) => self.will_tested(id, outcome),
            Outcome::LightBackground => {
                if !self.theme_chosen {
                    theme::LIGHT.clone_into(&mut self.theme);
                }
            }
        }
        Vec::new()
    }

    /// Goes to the simulated plant, which may have been asked for twice before it was there.
    fn show_demo(&mut self, profile: Profile) -> Vec<Effect> {
        match self.workspaces.iter().find(|workspace| workspace.origin == Origin::Demo) {
            Some(live) => {
                self.screen = Screen::Workspace(live.id);
                Vec::new()
            }
            None => vec![self.connect_as(Origin::Demo, profile, None)],
        }
    }

    fn will_tested(&mut self, id: ConnId, outcome: Result<Box<WillReport>, WillFault>) {
        let now = self.now;
        let Some(workspace) = self.find_mut(id) else { return };
        let (level, said, hint) = match &outcome {
            Ok(report) => match &report.arrival {
                Some(arrival) => (Level::Success, format!("the will arrived after {}", human::span(arrival.after)), ""),
                None => (Level::Error, "the will did not arrive".to_owned(), "the Broker view tells what that may mean"),
            },
            Err(fault) => (Level::Error, format!("the will could not be tested: {fault}"), fault.hint()),
        };
        workspace.broker.will_test = match outcome {
            Ok(report) => WillTest::Done(now, report),
            Err(fault) => WillTest::Failed(fault.to_string(), fault.hint().to_owned()),
        };
        self.notices.say(now, level, &said, hint);
    }

    /// Says something to the user; both texts go through the sanitiser.
    pub fn say(&mut self, level: Level, text: &str, hint: &str) {
        self.notices.say(self.now, level, text, hint);
    }

    /// Ends all sessions, then the program.
    fn quit(&mut self) -> Vec<Effect> {
        if self.quitting {
            return vec![Effect::Quit];
        }
        self.quitting = true;
        self.workspaces.iter().map(|workspace| Effect::Stop(workspace.id)).chain([Effect::Quit]).collect()
    }
}
