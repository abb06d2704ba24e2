//! What the screen begins with: what was asked for, the user's keys, and what there is to say about terminal and files.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::themes::Themes;
#[cfg(feature = "demo")]
use crate::demo::DemoOptions;
use crate::{
    app::Facts,
    base::disk::{self, ReadError},
    config::paths::Paths,
    keymap::Keymap,
    profile::Profile,
    record::trace::Trace,
    theme::Depth,
};

/// The largest `keys.toml` that is read, in bytes.
const MOST_KEYS: u64 = 256 << 10;

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
    /// Why there is no log, if so.
    pub no_log: Option<String>,
    /// Reads a variable of the environment.
    pub variable: fn(&str) -> Option<String>,
}

/// Tells whether the terminal is asked for its background: not when the user chose, nor one that would show the question.
pub(super) fn asks_for_background(launch: &Launch) -> bool {
    let term = (launch.variable)("TERM").unwrap_or_default();
    launch.theme.is_none() && (launch.variable)("NO_COLOR").is_none() && !["linux", "screen"].contains(&term.as_str())
}

/// Returns the keys of mqtap with those of the user's `keys.toml` laid over, and what is wrong in that file.
pub(super) fn keymap(paths: &Paths) -> (Keymap, Vec<String>) {
    let mut keymap = Keymap::builtin();
    let problems = match disk::read(&paths.keys(), MOST_KEYS) {
        Ok(contents) => match std::str::from_utf8(&contents.bytes) {
            Ok(text) => keymap.overlay(text),
            Err(_) => vec!["it is not UTF-8".to_owned()],
        },
        Err(ReadError::Missing) => Vec::new(),
        Err(error) => vec![error.to_string()],
    };
    (keymap, problems.into_iter().map(|problem| format!("keys.toml: {problem}")).collect())
}

/// Gathers what the start screen says about terminal and files.
pub(super) fn facts(launch: &Launch, themes: &Themes, zone: TimeZone, over_ssh: bool) -> Facts {
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
        zone,
        about: vec![
            format!("Terminal: {term}{place}, {colours}"),
            format!("Profiles: {}", profiles_path.display()),
            format!("Log:      {}", launch.paths.log().display()),
        ],
        profiles_path,
        themes: themes.names(),
        has_demo: cfg!(feature = "demo"),
    }
}
