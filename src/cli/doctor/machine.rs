//! What mqtap finds on this machine: terminal, clipboard, files, profiles, keys, certificate authorities.

use std::{env, fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use rustix::termios::tcgetwinsize;

use super::report::{Check, Fact, Mark, Report};
use crate::{
    base::{
        disk::{self, ReadError},
        human,
    },
    cli::{
        exit::{Exit, Problem},
        output,
    },
    config::paths::Paths,
    keymap::Keymap,
    profile::Profiles,
    theme::Depth,
    wire::tls::SystemStore,
};

/// The largest `keys.toml` that is read, in bytes.
const MOST_KEYS: u64 = 256 << 10;

/// Looks at everything, and reports it.
///
/// # Errors
///
/// Returns why the report could not be printed, or that nobody knows where the files are.
pub(super) fn examine(report: &mut Report) -> Result<(), Problem> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    report.section(concat!("mqtap ", env!("CARGO_PKG_VERSION")))?;
    for check in [terminal(&variable), clipboard(&variable), store(&variable)] {
        report.check(&check, Exit::Other)?;
    }
    let paths = Paths::of_process().map_err(|why| Problem::new(Exit::Other, why))?;
    report.section("Files")?;
    for check in files(&paths) {
        report.check(&check, Exit::Other)?;
    }
    report.section("In the files")?;
    for check in [profiles(&paths), keys(&paths)] {
        report.check(&check, Exit::Other)?;
    }
    Ok(())
}

fn terminal(variable: &impl Fn(&str) -> Option<String>) -> Check {
    let term = variable("TERM");
    let over_ssh = ["SSH_CONNECTION", "SSH_TTY"].iter().any(|name| variable(name).is_some());
    let inside = match (variable("TMUX").is_some(), variable("STY").is_some()) {
        (true, _) => "tmux",
        (false, true) => "screen",
        (false, false) => "",
    };
    let depth = Depth::detect(variable);
    let (colours, words) = match depth {
        Depth::TrueColor => ("truecolor", "16 million"),
        Depth::Ansi256 => ("256", "256"),
        Depth::Ansi16 => ("16", "16"),
        Depth::None => ("none", "none"),
    };
    let size = tcgetwinsize(rustix::stdio::stdout()).ok().filter(|size| size.ws_col > 0 && size.ws_row > 0);
    let is_utf8 = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| variable(name)).map(|locale| is_utf8(&locale));
    let mut facts = vec![
        Fact::both("colours", colours, "colours", words),
        Fact::flag("over_ssh", "over SSH", over_ssh),
        Fact::flag("output_is_terminal", "output to it", output::is_terminal()),
    ];
    if let Some(size) = size {
        facts.push(Fact::both("size", vec![size.ws_col, size.ws_row], "size", format!("{}x{}", size.ws_col, size.ws_row)));
    }
    if !inside.is_empty() {
        facts.push(Fact::text("inside", "inside", inside));
    }
    let check = Check::good("terminal", "terminal", term.as_deref().unwrap_or("unknown")).facts(facts);
    match (term.as_deref(), size, is_utf8) {
        (None, ..) => check.warn("TERM is not set: the screen does not open, and the verbs work"),
        (Some("dumb"), ..) => check.warn("a dumb terminal cannot place text: the screen does not open, and the verbs work"),
        (_, Some(size), _) if size.ws_col < 60 || size.ws_row < 16 => check.warn("the screen needs at least 60x16"),
        (_, _, Some(false)) => check.warn("the locale is not UTF-8: lines and marks may look wrong; set LANG to one that is"),
        _ => check,
    }
}

fn is_utf8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Tells which way a copied text goes.
fn clipboard(variable: &impl Fn(&str) -> Option<String>) -> Check {
    let check = |said: &str| Check::good("clipboard", "clipboard", said);
    if variable("TMUX").is_none() {
        return check("OSC 52, which the terminal carries out where it allows that").facts([Fact::hidden("way", "osc52")]);
    }
    let version = Command::new("tmux").arg("-V").output().ok().filter(|output| output.status.success());
    match version {
        Some(version) => {
            let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
            check("tmux, which passes it on to the terminal outside")
                .facts([Fact::hidden("way", "tmux"), Fact::text("tmux", "version", version)])
        }
        None => check("OSC 52")
            .facts([Fact::hidden("way", "osc52")])
            .warn("tmux drops OSC 52 of a program unless set-clipboard is on, and the tmux command cannot be run"),
    }
}

/// Counts the certificate authorities of the system.
fn store(variable: &impl Fn(&str) -> Option<String>) -> Check {
    let SystemStore { usable, unusable, problems } = SystemStore::read();
    let mut facts = vec![Fact::hidden("usable", usable)];
    if unusable > 0 {
        facts.push(Fact::count("unusable", "unusable", unusable as u64));
    }
    if !problems.is_empty() {
        facts.push(Fact::list("problems", "problems", problems));
    }
    for (key, name) in [("ssl_cert_file", "SSL_CERT_FILE"), ("ssl_cert_dir", "SSL_CERT_DIR")] {
        facts.extend(variable(name).map(|value| Fact::text(key, name, value)));
    }
    let check = Check::good("authorities", "TLS roots", format!("{usable} certificate authorities are trusted")).facts(facts);
    if usable == 0 {
        check.warn("install the system's CA certificates (package ca-certificates), or set tls.ca_file in the profiles")
    } else {
        check
    }
}

/// Looks where the files are and who may read them.
fn files(paths: &Paths) -> Vec<Check> {
    let Paths { config_dir, state_dir, data_dir, home: _ } = paths;
    let rows: [(&str, &str, &Path, u32); 6] = [
        ("config_dir", "settings", config_dir, 0o700),
        ("profiles_file", "profiles", &paths.profiles(), 0o600),
        ("keys_file", "keys", &paths.keys(), 0o600),
        ("state_dir", "state", state_dir, 0o700),
        ("log_file", "log", &paths.log(), 0o600),
        ("data_dir", "data", data_dir, 0o700),
    ];
    rows.map(|(key, label, path, wanted)| file(key, label, path, wanted)).to_vec()
}

fn file(key: &'static str, label: &'static str, path: &Path, wanted: u32) -> Check {
    let shown = path.display().to_string();
    let check = Check::good(key, label, &shown);
    match fs::metadata(path) {
        Ok(metadata) => {
            let mode = metadata.permissions().mode() & 0o7777;
            let mode_fact = Fact::text("mode", "mode", format!("{mode:04o}"));
            let check = check.facts([Fact::hidden("exists", true), mode_fact]);
            let others = mode & 0o077;
            if others == 0 { check } else { check.warn(format!("others of this machine have access: chmod {wanted:o} {shown}")) }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let said = format!("{shown} (not there yet)");
            Check { said, ..check }.facts([Fact::hidden("exists", false)])
        }
        Err(error) => {
            Check::bad(key, label, format!("{shown}: {}", human::cause(&error)), "can this user read the directory above it?")
        }
    }
}

fn profiles(paths: &Paths) -> Check {
    let profiles = Profiles::load(&paths.profiles(), paths.home.as_deref());
    let count = profiles.entries().len();
    let usable = profiles.entries().iter().filter(|entry| entry.profile.is_some()).count();
    let problems: Vec<String> = profiles.problems().iter().map(ToString::to_string).collect();
    let said = format!("{count} saved, {usable} of them can be used");
    let check = Check::good("profiles", "profiles", said).facts([Fact::hidden("count", count), Fact::hidden("usable", usable)]);
    with_problems(check, problems, "`mqtap profiles check` tells them as well")
}

fn keys(paths: &Paths) -> Check {
    let mut keymap = Keymap::builtin();
    let (said, problems) = match disk::read(&paths.keys(), MOST_KEYS) {
        Ok(contents) => match std::str::from_utf8(&contents.bytes) {
            Ok(text) => ("your keys lie over the built-in ones", keymap.overlay(text)),
            Err(_) => ("the file with your keys", vec!["it is not UTF-8".to_owned()]),
        },
        Err(ReadError::Missing) => ("the built-in ones", Vec::new()),
        Err(error) => ("the file with your keys", vec![error.to_string()]),
    };
    with_problems(Check::good("keys", "keys", said), problems, "the rest of the file is in use")
}

fn with_problems(check: Check, problems: Vec<String>, hint: &str) -> Check {
    if problems.is_empty() {
        return check;
    }
    let check = check.facts([Fact::list("problems", "problems", problems)]);
    Check { mark: Mark::Bad, hint: hint.to_owned(), ..check }
}
