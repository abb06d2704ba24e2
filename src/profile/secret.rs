//! Where a password comes from, and the fetching of it.

use std::{
    ffi::OsString,
    fmt,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
};
use zeroize::Zeroizing;

use crate::base::{disk, human, secret::Secret, text};

/// The longest password that is taken, in bytes; MQTT carries at most 65,535.
const MAX_SECRET: usize = 64 << 10;

/// The longest that a password command may take.
const COMMAND_DEADLINE: Duration = Duration::from_secs(10);

/// How much of what a password command complains about is read, in bytes; the rest is thrown away.
const MAX_COMPLAINT: u64 = 4 << 10;

/// Where the password of a profile comes from.
#[derive(Clone)]
pub enum PasswordSource {
    /// An environment variable.
    Env(String),
    /// The standard output of a program: its name and its arguments, started without a shell.
    Command(Vec<String>),
    /// A file that nobody else can read.
    File(PathBuf),
    /// The user, asked when connecting.
    Prompt,
    /// The profile file itself.
    Inline(Secret),
    /// A source was given that cannot be used, and why; connecting without a password would only hide it.
    Unusable(String),
}

/// What came of it.
#[derive(Debug)]
pub enum Resolved {
    /// The password.
    Password(Secret),
    /// The caller asks the user.
    Prompt,
}

impl PasswordSource {
    /// Fetches the password; `environment` looks a variable up.
    ///
    /// A command is killed with all that it started after ten seconds, after 64 KiB, and when this future is dropped.
    ///
    /// # Errors
    ///
    /// Returns a sentence, safe to show, without the password.
    pub async fn resolve(&self, environment: &(dyn Fn(&str) -> Option<OsString> + Sync)) -> Result<Resolved, String> {
        match self {
            Self::Env(name) => of_environment(name, environment(name)).map(Resolved::Password),
            Self::Command(argv) => run(argv, COMMAND_DEADLINE).await.map(Resolved::Password),
            Self::File(path) => of_file(path).map(Resolved::Password),
            Self::Prompt => Ok(Resolved::Prompt),
            Self::Inline(secret) => Ok(Resolved::Password(secret.clone())),
            Self::Unusable(reason) => Err(reason.clone()),
        }
    }
}

impl fmt::Display for PasswordSource {
    /// Says where the password comes from, never what it is; of a command only the program.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable {}", text::line(name, 60)),
            Self::Command(argv) => write!(f, "command {}", program(argv)),
            Self::File(path) => write!(f, "file {}", text::safe(&path.to_string_lossy())),
            Self::Prompt => f.write_str("asked for"),
            Self::Inline(_) => f.write_str("in the profile file"),
            Self::Unusable(reason) => write!(f, "not usable: {reason}"),
        }
    }
}

impl fmt::Debug for PasswordSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordSource({self})")
    }
}

/// Reads a password to its end, at most 64 KiB of it, and takes one line break off.
///
/// # Errors
///
/// Returns a sentence that continues the name of the source.
pub async fn read(reader: impl AsyncRead + Unpin) -> Result<Secret, String> {
    secret_of(&read_bytes(reader).await?)
}

async fn read_bytes(reader: impl AsyncRead + Unpin) -> Result<Zeroizing<Vec<u8>>, String> {
    // The buffer never moves, so that no copy is left behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SECRET + 1));
    let mut reader = reader.take(MAX_SECRET as u64 + 1);
    while bytes.len() <= MAX_SECRET {
        if reader.read_buf(&mut *bytes).await.map_err(|error| format!("cannot be read: {}", human::cause(&error)))? == 0 {
            return Ok(bytes);
        }
    }
    Err(format!("gave more than {}, which is no password", human::size(MAX_SECRET as u64)))
}

fn secret_of(bytes: &[u8]) -> Result<Secret, String> {
    let line = bytes.strip_suffix(b"\n").map_or(bytes, |line| line.strip_suffix(b"\r").unwrap_or(line));
    if line.is_empty() { Err("gave an empty password".into()) } else { Ok(Secret::new(line.to_vec())) }
}

fn of_environment(name: &str, value: Option<OsString>) -> Result<Secret, String> {
    let shown = text::line(name, 60);
    match value.map(|value| Secret::new(value.into_vec())) {
        None => Err(format!("the environment variable {shown} that holds the password is not set")),
        Some(secret) if secret.is_empty() => Err(format!("the environment variable {shown} that holds the password is empty")),
        Some(secret) => Ok(secret),
    }
}

fn of_file(path: &Path) -> Result<Secret, String> {
    let shown = text::safe(&path.to_string_lossy());
    let fail = |what: String| format!("the password file {shown} {what}");
    let contents = disk::read(path, MAX_SECRET as u64).map_err(|error| fail(error.to_string()))?;
    // A secret that is mounted into a container is often open to all, and its mode cannot be changed.
    let mounted =
        format!("for a read-only mount, --password-file - < {shown}, or {{ command = [\"cat\", \"{shown}\"] }} in a profile");
    disk::check_private(path, &contents.metadata).map_err(|why| fail(format!("{why}; {mounted}")))?;
    secret_of(&contents.bytes).map_err(fail)
}

/// A running command; dropping it kills the command with all that it started, unless it has ended.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // The number is there only while the child was not waited for, so it cannot be somebody else's by now.
        let group = self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(group) = group {
            // It may have ended a moment ago, which is as good.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

async fn run(argv: &[String], deadline: Duration) -> Result<Secret, String> {
    let shown = program(argv);
    let (name, arguments) = argv.split_first().ok_or("the password command is empty")?;
    let mut running = Command::new(name)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map(Running)
        .map_err(|error| format!("the password command {shown} cannot be started: {}", human::cause(&error)))?;
    match tokio::time::timeout(deadline, finish(&mut running.0)).await {
        Ok(result) => result.map_err(|what| format!("the password command {shown} {what}")),
        Err(_) => Err(format!("the password command {shown} did not end within {} and was killed", human::duration(deadline))),
    }
}

async fn finish(child: &mut Child) -> Result<Secret, String> {
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else { return Err("has no output".into()) };
    // Too much output ends it at once; nothing at all may be explained by what it complains about.
    let (output, complaint) = tokio::try_join!(read_bytes(stdout), async { Ok(complaint(stderr).await) })?;
    let status = child.wait().await.map_err(|error| format!("cannot be waited for: {}", human::cause(&error)))?;
    if status.success() {
        return secret_of(&output);
    }
    let complaint = text::line_of_bytes(complaint.trim_ascii(), 200);
    let separator = if complaint.width() == 0 { "" } else { ": " };
    Err(format!("failed ({status}){separator}{complaint}"))
}

/// Reads the start of what a command complains about, and lets it complain on.
async fn complaint(mut stderr: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut start = Vec::new();
    // A complaint that cannot be read is no complaint.
    let _ = (&mut stderr).take(MAX_COMPLAINT).read_to_end(&mut start).await;
    let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
    start
}

fn program(argv: &[String]) -> String {
    argv.first().map(|name| text::line(name, 60).to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
