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
mod launch;
mod link;
mod pace;
mod panic;
mod screen;
mod sessions;
mod signals;
mod terminal;
mod writer;

use std::{io, time::Duration};

use tokio::time::{Instant, sleep_until};

pub use self::launch::{Begin, Launch};
use self::{
    effects::{Back, Effects},
    encode::Budget,
    input::{Heard, Input},
    launch::{facts, keymap},
    link::Link,
    pace::Pace,
    screen::Screen,
    sessions::Sessions,
    signals::{Asked, Signals},
    terminal::Terminal,
    writer::Writer,
};
use crate::{
    app::{
        App,
        event::{Effect, Event, Outcome},
        notice::Level,
    },
    base::clock::Clock,
    theme::{self, Depth, Theme},
};

/// The time between two frames under load that nobody pressed a key for.
const FRAME: Duration = Duration::from_millis(33);

/// The same over SSH, where bytes are dearer.
const FRAME_SSH: Duration = Duration::from_millis(100);

/// How long messages are taken in before keys are looked at again.
const SLICE: Duration = Duration::from_millis(4);

/// The longest that answers of the terminal are waited for before somebody else reads from it.
const ANSWERS: Duration = Duration::from_millis(400);

/// The longest that leaving takes, a terminal that takes no byte included.
const LEAVING: Duration = Duration::from_millis(1_800);

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
        if matches!(ended, Ended::Left | Ended::Signal(_)) {
            shell.hear_out();
        }
        tracing::info!(?ended, "screen closes");
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
    link: Link,
    pace: Pace,
    /// Nothing while the terminal belongs to somebody else.
    input: Option<Input>,
    /// What goes to the terminal between two frames.
    aside: Vec<u8>,
    signals: Signals,
    sessions: Sessions,
    effects: Effects,
    /// Something changed since the last frame.
    dirty: bool,
    /// A key was pressed since the last frame: draw at once.
    urgent: bool,
    ended: Option<Ended>,
}

impl Shell {
    fn new(launch: &Launch, terminal: Terminal) -> io::Result<Self> {
        let clock = Clock::start();
        let over_ssh = ["SSH_CONNECTION", "SSH_TTY"].iter().any(|name| (launch.variable)(name).is_some());
        let theme = launch.theme.clone().unwrap_or_else(|| theme::DARK.to_owned());
        let facts = facts(launch, over_ssh);
        let about = facts.about.first().map(String::as_str);
        tracing::info!(version = env!("CARGO_PKG_VERSION"), about, size = ?terminal::size(), theme, "screen opened");
        let (keymap, problems) = keymap(&launch.paths);
        let mut app = App::new(facts, keymap, theme, terminal::size(), clock.now());
        for problem in &problems {
            app.say(Level::Warning, problem, "the other keys are in use");
        }
        if let Some(why) = &launch.no_log {
            app.say(Level::Warning, why, "MQTAP_STATE_DIR says where it is");
        }
        app.theme_chosen = launch.theme.is_some();
        let mut shell = Self {
            app,
            clock,
            terminal,
            screen: Screen::new(Depth::detect(launch.variable)),
            writer: Writer::start()?,
            link: Link::default(),
            pace: Pace::new(if over_ssh { FRAME_SSH } else { FRAME }),
            input: None,
            aside: Vec::new(),
            signals: Signals::listen()?,
            sessions: Sessions::default(),
            effects: Effects::new(launch.paths.clone(), (launch.variable)("TMUX").is_some()),
            dirty: true,
            urgent: true,
            ended: None,
        };
        shell.draw();
        shell.ask_for_background(launch);
        shell.input = Some(Input::start()?);
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
            if !self.writer.is_busy() {
                if !self.aside.is_empty() {
                    self.writer.write(std::mem::take(&mut self.aside));
                } else if self.dirty && self.opens().is_none_or(|opens| opens <= Instant::now()) {
                    self.draw();
                }
            }
            self.wait().await;
        }
    }

    /// Returns when the next frame may be drawn, nothing for at once.
    fn opens(&self) -> Option<Instant> {
        let link = self.link.opens(self.urgent);
        if self.urgent { link } else { link.max(self.pace.opens()) }
    }

    /// Waits for the next thing to happen, and takes it in.
    async fn wait(&mut self) {
        let frame = (self.dirty && !self.writer.is_busy()).then(|| self.opens().unwrap_or_else(Instant::now));
        let wake = self.app.wake().map(|stamp| Instant::from_std(self.clock.instant(stamp)));
        let next = [frame, wake].into_iter().flatten().min();
        let input = &mut self.input;
        tokio::select! {
            biased;
            asked = self.signals.next() => match asked {
                Asked::End(number) => self.ended = Some(Ended::Signal(number)),
                Asked::Suspend => self.carry_out(Effect::Suspend),
                Asked::Resize => self.resize(),
            },
            heard = async { match input { Some(input) => input.next().await, None => std::future::pending().await } } => {
                self.take_input(heard);
            }
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

    /// Takes keys, pastes and answers in; a burst of keys is one frame.
    fn take_input(&mut self, heard: io::Result<Vec<Heard>>) {
        let Ok(heard) = heard else {
            self.ended = Some(Ended::TerminalGone);
            return;
        };
        for heard in heard {
            if let Heard::Cursor(row, column) = heard
                && self.link.answered(Instant::now(), (row, column))
            {
                continue;
            }
            if let Some(event) = input::event(heard) {
                self.urgent = true;
                self.update(event);
            }
        }
    }

    /// Draws for a terminal of another size.
    fn resize(&mut self) {
        let (columns, rows) = terminal::size();
        self.screen.forget();
        self.urgent = true;
        self.update(Event::Resize(columns, rows));
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
        if let Event::Done(Outcome::Failed(what, _) | Outcome::NotStarted(_, what)) = &event {
            tracing::warn!("{what}");
        }
        let effects = self.app.update(self.clock.now(), event);
        for effect in effects {
            self.carry_out(effect);
        }
    }

    fn take_back(&mut self, back: Back) {
        match back {
            Back::Outcome(outcome) => self.update(Event::Done(outcome)),
            Back::Ready(id, options) => self.sessions.start(id, *options, self.clock),
            Back::Terminal(bytes) => {
                self.aside = bytes;
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
            | Effect::Probe
            | Effect::StartDemo) => self.effects.carry_out(effect),
        }
    }

    /// Lets somebody else use the terminal.
    fn give_away(&mut self) {
        self.hear_out();
        self.input = None;
        self.terminal.leave();
    }

    /// Waits for answers that are still on the way, which would be typed to whoever reads from the terminal next.
    fn hear_out(&mut self) {
        let until = Instant::now() + ANSWERS;
        while self.link.is_waiting()
            && let Some(input) = &mut self.input
            && let Some(heard) = input.next_until(until)
        {
            for heard in heard {
                if let Heard::Cursor(row, column) = heard {
                    self.link.answered(Instant::now(), (row, column));
                }
            }
        }
    }

    fn take_back_terminal(&mut self) {
        if self.terminal.take().is_err() {
            self.ended = Some(Ended::TerminalGone);
            return;
        }
        self.input = Input::start().ok();
        self.link = Link::default();
        self.app.size = terminal::size();
        self.screen.forget();
        self.dirty = true;
        self.urgent = true;
    }

    fn draw(&mut self) {
        // Without a reader the answer would be typed to somebody else.
        let asks = self.input.is_some() && self.link.asks();
        let frame = self.screen.draw(&mut self.app, Budget { room: self.link.room(), asks });
        self.dirty = !frame.is_whole;
        self.urgent = false;
        if frame.bytes.is_empty() {
            return;
        }
        let now = Instant::now();
        self.pace.drawn(now);
        if let Some(mark) = frame.mark {
            self.link.sent(now, frame.bytes.len(), mark);
        }
        self.writer.write(frame.bytes);
    }
}
