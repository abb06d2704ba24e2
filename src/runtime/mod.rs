//! The impure shell of the terminal UI: the loop that brings events to the state, carries out its effects, and draws.
//!
//! ```text
//! terminal ─▶ input ──┐                    ┌─▶ effects ─▶ sessions, files, clipboard, $EDITOR
//! sessions ───────────┼─▶ App::update ─────┤
//! signals, time ──────┘                    └─▶ screen ──▶ writer thread ─▶ terminal
//! ```

mod clipboard;
mod effects;
mod encode;
mod input;
mod panic;
mod screen;
mod sessions;
mod signals;
mod terminal;
mod writer;

use std::{io, sync::Arc, time::Duration};

use crossterm::event::{Event as TermEvent, EventStream};
use futures_util::{FutureExt, StreamExt};
use tokio::time::{Instant, sleep_until};

use self::{
    effects::{Back, Effects},
    input::Input,
    screen::Screen,
    sessions::Sessions,
    signals::{Asked, Signals},
    terminal::Terminal,
    writer::Writer,
};
#[cfg(feature = "demo")]
use crate::demo::DemoOptions;
use crate::{
    app::{
        App, Facts,
        event::{Effect, Event, Outcome},
    },
    base::clock::Clock,
    config::paths::Paths,
    keymap::Keymap,
    profile::Profile,
    record::trace::Trace,
    theme::{self, Depth, Theme},
};

/// The shortest time between two frames that nobody pressed a key for.
const FRAME: Duration = Duration::from_millis(33);

/// The same over SSH, where bytes are dearer.
const FRAME_SSH: Duration = Duration::from_millis(100);

/// How long messages are taken in before keys are looked at again.
const SLICE: Duration = Duration::from_millis(4);

/// The longest that leaving takes, a terminal that takes no byte included.
const LEAVING: Duration = Duration::from_millis(1_800);

/// What to begin with.
#[derive(Debug, Clone)]
pub enum Begin {
    /// The start screen.
    Start,
    /// A connection.
    Connect(Box<Profile>),
    /// The simulated plant.
    #[cfg(feature = "demo")]
    Demo(DemoOptions),
}

/// What the UI needs to know.
#[derive(Debug, Clone)]
pub struct Launch {
    /// What to begin with.
    pub begin: Begin,
    /// The theme that the user named.
    pub theme: Option<String>,
    /// Where the packets of all connections are written down.
    pub trace: Option<Arc<Trace>>,
    /// Where the files are.
    pub paths: Paths,
    /// Reads a variable of the environment.
    pub variable: fn(&str) -> Option<String>,
}

/// Why the UI did not start: a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoScreen(String);

/// Runs the terminal UI until the user leaves, and returns the exit code.
///
/// # Errors
///
/// Fails before anything was drawn when there is no terminal to draw on.
pub async fn run(launch: Launch) -> Result<u8, NoScreen> {
    let term = (launch.variable)("TERM");
    terminal::check(term.as_deref()).map_err(NoScreen)?;
    if let Some(name) = &launch.theme
        && Theme::builtin(name).is_none()
    {
        let names: Vec<_> = Theme::names().collect();
        return Err(NoScreen(format!("there is no theme `{}`; there are {}", crate::base::text::line(name, 40), names.join(", "))));
    }
    let unusable = |error: io::Error| NoScreen(format!("the terminal cannot be used: {error}"));
    let terminal = Terminal::enter().map_err(unusable)?;
    let panicked = panic::install(terminal.clone(), Some(launch.paths.state_dir.join("crash.txt")));
    let result = async {
        let mut shell = Shell::new(&launch, terminal.clone())?;
        shell.begin(launch);
        let ended = tokio::select! {
            ended = shell.run() => ended,
            () = panicked.notified() => Ended::Panicked,
        };
        last_resort(ended);
        shell.sessions.stop_all().await;
        io::Result::Ok(ended)
    }
    .await;
    terminal.leave();
    result.map(Ended::code).map_err(unusable)
}

/// Why the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// The user left.
    Left,
    /// A signal of this number.
    Signal(i32),
    /// The terminal is gone.
    TerminalGone,
    /// A thread or task panicked.
    Panicked,
}

impl Ended {
    /// Returns the exit code, which for a signal is 128 and its number.
    fn code(self) -> u8 {
        match self {
            Self::Left => 0,
            Self::Signal(number) => u8::try_from(128 + number).unwrap_or(u8::MAX),
            Self::TerminalGone => 129,
            Self::Panicked => panic::EXIT_CODE,
        }
    }
}

/// Ends the program even when the terminal takes no byte or a broker takes no DISCONNECT.
fn last_resort(ended: Ended) {
    let _ = std::thread::Builder::new().name("last-resort".into()).spawn(move || {
        std::thread::sleep(LEAVING);
        let _ = crossterm::terminal::disable_raw_mode();
        std::process::exit(ended.code().into());
    });
}

/// All that the loop owns.
struct Shell {
    app: App,
    clock: Clock,
    terminal: Terminal,
    screen: Screen,
    writer: Writer,
    input: Input,
    /// Nothing while the terminal belongs to somebody else.
    keys: Option<EventStream>,
    signals: Signals,
    sessions: Sessions,
    effects: Effects,
    pace: Duration,
    /// Something changed since the last frame.
    dirty: bool,
    /// A key was pressed since the last frame: draw at once.
    urgent: bool,
    last_frame: Instant,
    ended: Option<Ended>,
}

impl Shell {
    fn new(launch: &Launch, terminal: Terminal) -> io::Result<Self> {
        let clock = Clock::start();
        let over_ssh = ["SSH_CONNECTION", "SSH_TTY"].iter().any(|name| (launch.variable)(name).is_some());
        let theme = launch.theme.clone().unwrap_or_else(|| theme::DARK.to_owned());
        let facts = facts(launch, over_ssh);
        let mut app = App::new(facts, Keymap::builtin(), theme, terminal::size(), clock.now());
        app.theme_chosen = launch.theme.is_some();
        let mut shell = Self {
            app,
            clock,
            terminal,
            screen: Screen::new(Depth::detect(launch.variable)),
            writer: Writer::start()?,
            input: Input::new(clock.now()),
            keys: None,
            signals: Signals::listen()?,
            sessions: Sessions::new(launch.trace.clone()),
            effects: Effects::new(launch.paths.clone(), (launch.variable)("TMUX").is_some()),
            pace: if over_ssh { FRAME_SSH } else { FRAME },
            dirty: true,
            urgent: true,
            last_frame: Instant::now(),
            ended: None,
        };
        shell.draw();
        shell.ask_for_background(launch);
        shell.keys = Some(EventStream::new());
        Ok(shell)
    }

    /// Asks the terminal whether its background is light, before anything else reads its answers.
    fn ask_for_background(&mut self, launch: &Launch) {
        let term = (launch.variable)("TERM").unwrap_or_default();
        let silent = ["linux", "screen"].contains(&term.as_str()) || (launch.variable)("NO_COLOR").is_some();
        if self.app.theme_chosen || silent {
            return;
        }
        let mut options = terminal_colorsaurus::QueryOptions::default();
        options.timeout = Duration::from_millis(200);
        if matches!(terminal_colorsaurus::theme_mode(options), Ok(terminal_colorsaurus::ThemeMode::Light)) {
            self.update(Event::Done(Outcome::LightBackground));
        }
    }

    fn begin(&mut self, launch: Launch) {
        self.effects.read_profiles();
        match launch.begin {
            Begin::Start => self.carry_out(Effect::Probe),
            #[cfg(feature = "demo")]
            Begin::Demo(options) => self.effects.start_demo(options),
            Begin::Connect(profile) => {
                let effect = self.app.connect(*profile, None);
                self.carry_out(effect);
            }
        }
    }

    async fn run(&mut self) -> Ended {
        loop {
            if let Some(ended) = self.ended {
                return ended;
            }
            let now = Instant::now();
            if self.dirty && !self.writer.is_busy() && (self.urgent || now >= self.last_frame + self.pace) {
                self.draw();
            }
            self.wait().await;
        }
    }

    /// Waits for the next thing to happen, and takes it in.
    async fn wait(&mut self) {
        let frame = (self.dirty && !self.writer.is_busy()).then(|| self.last_frame + self.pace);
        let wake = self.app.wake().map(|stamp| Instant::from_std(self.clock.instant(stamp)));
        let next = [frame, wake].into_iter().flatten().min();
        let keys = &mut self.keys;
        tokio::select! {
            biased;
            asked = self.signals.next() => match asked {
                Asked::End(number) => self.ended = Some(Ended::Signal(number)),
                Asked::Suspend => self.carry_out(Effect::Suspend),
            },
            event = async { match keys { Some(keys) => keys.next().await, None => std::future::pending().await } } => self.take_input(event),
            result = self.writer.written() => if result.is_err() {
                self.ended = Some(Ended::TerminalGone);
            },
            back = self.effects.next() => self.take_back(back),
            (id, event) = self.sessions.next() => {
                self.update(Event::Mqtt(id, event));
                self.take_more();
            }
            () = async { match next { Some(next) => sleep_until(next).await, None => std::future::pending().await } } => {
                if wake.is_some_and(|wake| wake <= Instant::now()) {
                    self.update(Event::Tick);
                }
            }
        }
    }

    /// Takes all keys that are there, so that a burst of them is one frame.
    fn take_input(&mut self, event: Option<io::Result<TermEvent>>) {
        let mut event = event;
        loop {
            let Some(Ok(term)) = event else {
                self.ended = Some(Ended::TerminalGone);
                return;
            };
            if let Some(event) = self.input.translate(self.clock.now(), term) {
                if matches!(event, Event::Resize(..)) {
                    self.screen.forget();
                }
                self.urgent = true;
                self.update(event);
            }
            let Some(more) = self.keys.as_mut().and_then(|keys| keys.next().now_or_never()) else { return };
            event = more;
        }
    }

    /// Takes what the sessions have ready, for a bounded time, so that a key never waits for a flood.
    fn take_more(&mut self) {
        let start = Instant::now();
        while start.elapsed() < SLICE {
            let Some((id, event)) = self.sessions.ready() else { return };
            self.update(Event::Mqtt(id, event));
        }
    }

    fn update(&mut self, event: Event) {
        self.dirty = true;
        let effects = self.app.update(self.clock.now(), event);
        for effect in effects {
            self.carry_out(effect);
        }
    }

    fn take_back(&mut self, back: Back) {
        match back {
            Back::Outcome(outcome) => self.update(Event::Done(outcome)),
            Back::Ready(id, options) => {
                let title = self.app.title(id);
                if let Err(error) = self.sessions.start(id, &title, *options, self.clock, self.effects.trace_failed()) {
                    self.update(Event::Done(Outcome::NotStarted(id, format!("cannot trace: {error}"))));
                }
            }
            Back::Terminal(bytes) => {
                // Between two frames, where it cannot fall into the middle of one.
                if !self.writer.is_busy() {
                    self.writer.write(bytes);
                }
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Mqtt(id, command) => {
                if let Err(failure) = self.sessions.command(id, command) {
                    self.update(Event::Done(Outcome::Failed(failure.to_string(), failure.hint().to_owned())));
                }
            }
            Effect::Stop(id) => self.sessions.stop(id),
            Effect::Redraw => {
                self.screen.forget();
                self.app.size = terminal::size();
                self.dirty = true;
            }
            Effect::Suspend => {
                self.give_away();
                let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
                self.take_back_terminal();
            }
            Effect::Edit(path) => {
                self.give_away();
                let outcome = effects::edit(&path);
                self.take_back_terminal();
                if let Some(outcome) = outcome {
                    self.update(Event::Done(outcome));
                }
                self.effects.read_profiles();
            }
            Effect::Quit => self.ended = Some(Ended::Left),
            effect @ (Effect::Start(..)
            | Effect::Save(_)
            | Effect::Remove(_)
            | Effect::Copy(..)
            | Effect::Export(..)
            | Effect::Probe
            | Effect::StartDemo) => self.effects.carry_out(effect),
        }
    }

    /// Lets somebody else use the terminal.
    fn give_away(&mut self) {
        self.keys = None;
        self.terminal.leave();
    }

    fn take_back_terminal(&mut self) {
        if self.terminal.take().is_err() {
            self.ended = Some(Ended::TerminalGone);
            return;
        }
        self.keys = Some(EventStream::new());
        self.app.size = terminal::size();
        self.screen.forget();
        self.dirty = true;
        self.urgent = true;
    }

    fn draw(&mut self) {
        self.screen.draw(&mut self.app, &mut self.writer);
        self.dirty = false;
        self.urgent = false;
        self.last_frame = Instant::now();
    }
}

/// Gathers what the start screen says about terminal and files.
fn facts(launch: &Launch, over_ssh: bool) -> Facts {
    let variable = launch.variable;
    let term = variable("TERM").unwrap_or_default();
    let place = match (over_ssh, variable("TMUX").is_some()) {
        (true, true) => " over SSH in tmux",
        (true, false) => " over SSH",
        (false, true) => " in tmux",
        (false, false) => "",
    };
    let colours = match Depth::detect(variable) {
        Depth::TrueColor => "16 million colours",
        Depth::Ansi256 => "256 colours",
        Depth::Ansi16 => "16 colours",
        Depth::None => "no colours",
    };
    let profiles_path = launch.paths.profiles();
    Facts {
        zone: jiff::tz::TimeZone::system(),
        about: vec![
            format!("Terminal: {term}{place}, {colours}"),
            format!("Profiles: {}", profiles_path.display()),
            format!("Log:      {}", launch.paths.log().display()),
        ],
        profiles_path,
        themes: Theme::names().map(str::to_owned).collect(),
        has_demo: cfg!(feature = "demo"),
    }
}
