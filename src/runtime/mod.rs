//! The impure shell of the terminal UI: the loop that brings events to the state, carries out its effects, and draws.
//!
//! ```text
//! terminal ─▶ input ──┐                    ┌─▶ effects ─▶ sessions, files, clipboard, $EDITOR
//! sessions ───────────┼─▶ App::update ─────┤
//! signals, time ──────┘                    └─▶ screen ──▶ writer thread ─▶ terminal
//! ```

mod clipboard;
mod editor;
mod effects;
pub mod encode;
mod ended;
#[cfg(debug_assertions)]
mod fault;
mod hang_up;
mod input;
mod launch;
mod lend;
mod link;
mod pace;
mod panic;
mod screen;
mod sessions;
mod signals;
mod terminal;
mod themes;
mod writer;

use std::{future::pending, io, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use jiff::tz::TimeZone;
use rustix::process::Signal;
use tokio::time::{Instant, sleep_until};

pub use self::launch::{Begin, Launch};
use self::{
    editor::Editor,
    effects::{Back, Effects},
    encode::Budget,
    ended::Ended,
    hang_up::HangUp,
    input::{Heard, Input},
    launch::{asks_for_background, facts, keymap},
    link::Link,
    pace::Pace,
    panic::Panics,
    screen::Screen,
    sessions::Sessions,
    signals::{Asked, Signals},
    terminal::{MOUSE_OFF, MOUSE_ON, Terminal},
    themes::Themes,
    writer::Writer,
};
use crate::{
    app::{
        App,
        event::{Effect, Event, Outcome},
        notice::Level,
    },
    base::{clock::Clock, zone},
    theme::{self, Depth},
};

/// The time between two frames under load that nobody pressed a key for.
const FRAME: Duration = Duration::from_millis(33);

/// The same over SSH, where bytes are dearer.
const FRAME_SSH: Duration = Duration::from_millis(100);

/// How long messages or keys are taken in before anything else is looked at again.
const SLICE: Duration = Duration::from_millis(4);

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
    let (themes, problems) = Themes::load(&launch.paths.themes());
    if let Some(name) = &launch.theme
        && themes.find(name).is_none()
    {
        let broken = problems.iter().find(|problem| problem.starts_with(&format!("themes/{name}.toml")));
        let there_are = broken.cloned().unwrap_or_else(|| format!("there are {}", themes.names().join(", ")));
        return Err(NoScreen(format!("there is no theme `{}`; {there_are}", crate::base::text::line(name, 40))));
    }
    let terminal = Terminal::default();
    let panics = Panics::install(terminal.clone(), launch.paths.state_dir.join("crash.txt"));
    let ended = live(launch, (themes, problems), &terminal, &panics).await;
    terminal.leave();
    ended.map(Ended::code).map_err(|error| NoScreen(format!("the terminal cannot be used: {error}")))
}

/// Takes the terminal over, runs the loop, and ends what it started.
async fn live(launch: Launch, themes: (Themes, Vec<String>), terminal: &Terminal, panics: &Panics) -> io::Result<Ended> {
    let signals = Signals::listen()?;
    let hang_up = HangUp::watch()?;
    terminal.take()?;
    let mut shell = Shell::new(&launch, themes, terminal.clone(), signals, hang_up)?;
    shell.begin(launch);
    let ended = tokio::select! {
        ended = AssertUnwindSafe(shell.run()).catch_unwind() => ended.unwrap_or(Ended::Panicked),
        () = panics.happened.cancelled() => Ended::Panicked,
    };
    tracing::info!(?ended, "screen closes");
    ended.last_resort();
    if let Some(editor) = &shell.editor {
        editor.close();
    } else if ended == Ended::Left {
        shell.hear_out();
        shell.input = Input::start().ok();
    }
    tokio::select! {
        () = shell.sessions.stop_all() => {}
        () = pressed_again(&shell.app, &mut shell.input, &mut shell.signals) => tracing::info!("left without a farewell"),
    }
    if panics.happened.is_cancelled() {
        panics.reported.cancelled().await;
        return Ok(Ended::Panicked);
    }
    Ok(ended)
}

/// Waits until the user wants to leave at once, whatever is still to be said to brokers.
async fn pressed_again(app: &App, input: &mut Option<Input>, signals: &mut Signals) {
    loop {
        let heard = tokio::select! {
            asked = signals.next() => match asked {
                // Of a terminal that hangs up the system tells the session and the job, which is one signal and not two.
                Asked::End(signal) if signal != Signal::HUP => return,
                Asked::End(_) | Asked::Suspend | Asked::Resume | Asked::Resize => continue,
            },
            heard = async { match input { Some(input) => input.next().await, None => pending().await } } => heard,
        };
        match heard {
            Ok(heard) => {
                let mut events = heard.into_iter().filter_map(input::event);
                if events.any(|event| matches!(event, Event::Key(key) if app.quits_now(key))) {
                    return;
                }
            }
            Err(_) => *input = None,
        }
    }
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
    /// Who has the terminal, unless it is us or a shell.
    editor: Option<Editor>,
    /// Bytes for the terminal that are no frame, sent between two of them; the last copy to the clipboard counts.
    aside: Option<Vec<u8>>,
    /// What the terminal has to be told before the next frame: whether it reports the mouse.
    mode: Option<&'static [u8]>,
    /// When the terminal was asked for its background, whose answer has not come.
    background: Option<Instant>,
    hang_up: HangUp,
    signals: Signals,
    sessions: Sessions,
    effects: Effects,
    variable: fn(&str) -> Option<String>,
    /// Something changed since the last frame.
    dirty: bool,
    /// A key was pressed since the last frame: draw at once.
    urgent: bool,
    ended: Option<Ended>,
}

impl Shell {
    fn new(
        launch: &Launch,
        (themes, unusable): (Themes, Vec<String>),
        terminal: Terminal,
        signals: Signals,
        hang_up: HangUp,
    ) -> io::Result<Self> {
        let clock = Clock::start();
        let over_ssh = ["SSH_CONNECTION", "SSH_TTY"].iter().any(|name| (launch.variable)(name).is_some());
        let theme = launch.theme.clone().unwrap_or_else(|| theme::DARK.to_owned());
        let (zone, no_zone) = zone::find(launch.variable).map_or_else(|why| (TimeZone::UTC, Some(why)), |zone| (zone, None));
        let facts = facts(launch, &themes, zone, over_ssh);
        let about = facts.about.first().map(String::as_str);
        tracing::info!(version = env!("CARGO_PKG_VERSION"), about, size = ?terminal::size(), theme, "screen opened");
        let (keymap, problems) = keymap(&launch.paths);
        let mut app = App::new(facts, keymap, theme, terminal::size(), clock.now());
        for problem in &problems {
            app.say(Level::Warning, problem, "the other keys are in use");
        }
        for problem in &unusable {
            app.say(Level::Warning, problem, "the other themes can be chosen");
        }
        if let Some(why) = &no_zone {
            app.say(Level::Warning, why, "TZ=Europe/Berlin names one");
        }
        if let Some(why) = &launch.no_log {
            app.say(Level::Warning, why, "MQTAP_STATE_DIR says where it is");
        }
        app.theme_chosen = launch.theme.is_some();
        // Over SSH text is more often selected, and a slow way is not made for every turn of a wheel.
        app.has_mouse = !over_ssh;
        let asks = asks_for_background(launch);
        let mut shell = Self {
            app,
            clock,
            screen: Screen::new(Depth::detect(launch.variable), themes),
            writer: Writer::start(terminal.clone())?,
            terminal,
            link: Link::default(),
            pace: Pace::new(if over_ssh { FRAME_SSH } else { FRAME }),
            input: None,
            editor: None,
            aside: asks.then(|| input::ASK_BACKGROUND.to_vec()),
            mode: (!over_ssh).then_some(MOUSE_ON),
            background: asks.then(Instant::now),
            hang_up,
            signals,
            sessions: Sessions::new(launch.trace.clone()),
            effects: Effects::new(launch.paths.clone(), (launch.variable)("TMUX").is_some()),
            variable: launch.variable,
            dirty: true,
            urgent: true,
            ended: None,
        };
        shell.draw();
        shell.input = Some(Input::start()?);
        Ok(shell)
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
            if self.may_write() {
                if let Some(mode) = self.mode.take() {
                    self.writer.write(mode.to_vec());
                } else if let Some(bytes) = self.aside.take() {
                    self.writer.write(bytes);
                } else if self.dirty && self.opens().is_none_or(|opens| opens <= Instant::now()) {
                    self.draw();
                }
            }
            self.wait().await;
        }
    }

    fn may_write(&self) -> bool {
        !self.writer.is_busy() && self.terminal.is_ours()
    }

    /// Returns when the next frame may be drawn, nothing for at once.
    fn opens(&self) -> Option<Instant> {
        let link = self.link.opens(self.urgent);
        if self.urgent { link } else { link.max(self.pace.opens()) }
    }

    /// Waits for the next thing to happen, and takes it in.
    async fn wait(&mut self) {
        let frame = (self.dirty && self.may_write()).then(|| self.opens().unwrap_or_else(Instant::now));
        let wake = self.app.wake().map(|stamp| Instant::from_std(self.clock.instant(stamp)));
        let next = [frame, wake].into_iter().flatten().min();
        let (input, editor) = (&mut self.input, &mut self.editor);
        tokio::select! {
            biased;
            asked = self.signals.next() => self.take_signal(asked),
            () = self.hang_up.happened() => self.ended = Some(Ended::TerminalGone),
            heard = async { match input { Some(input) => input.next().await, None => pending().await } } => {
                self.take_input(heard);
            }
            result = self.writer.written() => if result.is_err() {
                self.ended = Some(Ended::TerminalGone);
            },
            outcome = async { match editor { Some(editor) => editor.closed().await, None => pending().await } } => {
                self.editor = None;
                self.take_back_terminal();
                self.after_editing(outcome);
            }
            back = self.effects.next() => self.take_back(back),
            (id, event) = self.sessions.next() => {
                self.update(Event::Mqtt(id, event));
                self.take_more();
                // A flood without an end must not keep a search from going on.
                self.tick(wake);
            }
            () = async { match next { Some(next) => sleep_until(next).await, None => pending().await } } => self.tick(wake),
        }
    }

    /// Lets time pass where the screen is due to change by itself.
    fn tick(&mut self, wake: Option<Instant>) {
        if wake.is_some_and(|wake| wake <= Instant::now()) {
            self.update(Event::Tick);
        }
    }

    fn take_signal(&mut self, asked: Asked) {
        match asked {
            // While an editor has the terminal, its keys and its return are its own affair.
            Asked::End(Signal::INT | Signal::QUIT) | Asked::Resume if self.editor.is_some() => {}
            Asked::End(signal) => self.ended = Some(Ended::Signal(signal)),
            Asked::Suspend => {
                if self.editor.is_none() {
                    self.give_away();
                }
                signals::stop();
            }
            Asked::Resume => self.take_back_terminal(),
            Asked::Resize => self.resize(),
        }
    }

    /// Takes keys, pastes and answers in, those that are there, so that a burst of keys is one frame.
    fn take_input(&mut self, heard: io::Result<Vec<Heard>>) {
        let start = Instant::now();
        let mut next = Some(heard);
        while let Some(heard) = next {
            let Ok(heard) = heard else {
                self.ended = Some(Ended::TerminalGone);
                return;
            };
            for heard in heard {
                if let Heard::Osc(_) = heard {
                    self.background = None;
                }
                if let Heard::Cursor(row, column) = heard
                    && self.link.answered(Instant::now(), (row, column))
                {
                    self.expect_answers();
                    continue;
                }
                if let Some(event) = input::event(heard) {
                    self.urgent = true;
                    self.update(event);
                }
            }
            next = self.input.as_mut().filter(|_| start.elapsed() < SLICE).and_then(Input::ready);
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
            // The user may have gone on while the secrets were fetched.
            Back::Ready(id, _) if self.app.find(id).is_none() => {}
            Back::Ready(id, options) => {
                let title = self.app.title(id);
                if let Err(error) = self.sessions.start(id, &title, *options, self.clock, self.effects.trace_failed()) {
                    self.update(Event::Done(Outcome::NotStarted(id, format!("cannot trace: {error}"))));
                }
            }
            Back::Terminal(bytes) => self.aside = Some(bytes),
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Mqtt(id, command) => {
                if let Err(failure) = self.sessions.command(id, command.clone()) {
                    let said = Outcome::Failed(failure.to_string(), failure.hint().to_owned());
                    let event = command.unheard(failure).map_or(Event::Done(said), |event| Event::Mqtt(id, event));
                    self.update(event);
                }
            }
            Effect::Stop(id) => self.sessions.stop(id),
            Effect::TestWill(id) => {
                if let Some(options) = self.sessions.options(id) {
                    self.effects.test_will(id, options.clone(), self.clock);
                }
            }
            Effect::Mouse(on) => self.mode = Some(if on { MOUSE_ON } else { MOUSE_OFF }),
            Effect::Redraw => {
                #[cfg(debug_assertions)]
                fault::inject((self.variable)(fault::VARIABLE).as_deref());
                self.resize();
            }
            Effect::Suspend if signals::has_shell() => {
                self.give_away();
                signals::stop_job();
            }
            Effect::Suspend => {
                let said = "there is no shell here to go back to; q leaves";
                self.update(Event::Done(Outcome::Said(said.to_owned())));
            }
            Effect::Edit(path) => {
                self.give_away();
                match Editor::open(&path, self.variable) {
                    Ok(editor) => self.editor = Some(editor),
                    Err(outcome) => {
                        self.take_back_terminal();
                        self.after_editing(Some(outcome));
                    }
                }
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

    fn draw(&mut self) {
        #[cfg(debug_assertions)]
        if self.urgent && self.input.is_some() {
            fault::inject_into_drawing((self.variable)(fault::VARIABLE).as_deref());
        }
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
            self.expect_answers();
        }
        self.writer.write(frame.bytes);
    }
}
