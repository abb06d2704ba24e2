//! The program in a real pseudo-terminal: what it writes, what its screen shows, how it leaves the terminal.

use std::{
    fs,
    io::{Read, Write},
    num::NonZeroU16,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{PATIENCE, process};

/// The program under test.
pub(crate) const MQTAP: &str = env!("CARGO_BIN_EXE_mqtap");

/// How often a condition that is not on the screen is looked at.
const STEP: Duration = Duration::from_millis(5);

/// What is to run, and in what terminal.
pub(crate) struct Setup {
    program: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    size: (u16, u16),
    controlling: bool,
    home: TempDir,
}

impl Setup {
    /// Prepares mqtap in a terminal of 80x24, with an empty home and no other environment.
    pub(crate) fn new() -> Self {
        Self::of(MQTAP)
    }

    /// Prepares another program, which finds mqtap as `$MQTAP`.
    pub(crate) fn of(program: &str) -> Self {
        let home = tempfile::Builder::new().prefix("mqtap-home-").tempdir().expect("a directory");
        let mut setup =
            Self { program: program.to_owned(), args: Vec::new(), env: Vec::new(), size: (80, 24), controlling: true, home };
        for name in ["config", "state", "data"] {
            let dir = setup.dir(name).to_string_lossy().into_owned();
            setup = setup.env(&format!("MQTAP_{}_DIR", name.to_uppercase()), &dir);
        }
        let home = setup.home.path().to_string_lossy().into_owned();
        let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/bin:/bin".into());
        // So that what a thread of it waits for can be seen.
        let setup = setup.env("MQTAP_DUMPABLE", "1");
        setup.env("HOME", &home).env("PATH", &path).env("TERM", "xterm-256color").env("LANG", "C.UTF-8").env("MQTAP", MQTAP)
    }

    /// Prepares a script of the shell.
    pub(crate) fn shell(script: &str) -> Self {
        Self::of("/bin/sh").args(&["-c", script])
    }

    /// Adds arguments.
    pub(crate) fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        self
    }

    /// Sets a variable of the environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes a variable out of the environment.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.env.retain(|(given, _)| given != name);
        self
    }

    /// Sets columns and rows.
    pub(crate) fn size(mut self, columns: u16, rows: u16) -> Self {
        self.size = (columns, rows);
        self
    }

    /// Makes the terminal one that sends no signals: the program runs in it, but it does not control the session.
    pub(crate) fn not_controlling(mut self) -> Self {
        self.controlling = false;
        self
    }

    /// Writes the saved connections, as mqtap would.
    pub(crate) fn profiles(self, text: &str) -> Self {
        fs::create_dir_all(self.dir("config")).expect("the directory");
        fs::write(self.profiles_path(), text).expect("the profiles");
        fs::set_permissions(self.profiles_path(), fs::Permissions::from_mode(0o600)).expect("permissions");
        self
    }

    /// Writes an executable file, and returns its path.
    pub(crate) fn executable(&self, name: &str, text: &str) -> String {
        let path = self.home.path().join(name);
        fs::write(&path, text).expect("the file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("permissions");
        path.to_string_lossy().into_owned()
    }

    /// Returns the home directory.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Iterates over the environment.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.env.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns where the saved connections are.
    pub(crate) fn profiles_path(&self) -> PathBuf {
        self.dir("config").join("profiles.toml")
    }

    fn dir(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Starts the program.
    pub(crate) fn start(self) -> Pty {
        let pair = native_pty_system().openpty(pty_size(self.size)).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(&self.program);
        command.args(&self.args);
        command.cwd(self.home.path());
        command.env_clear();
        for (name, value) in &self.env {
            command.env(name, value);
        }
        command.set_controlling_tty(self.controlling);
        let modes_before = modes(&*pair.master);
        let mut reader = pair.master.try_clone_reader().expect("the terminal can be read");
        // No room: while the test does not look, nobody reads from the terminal.
        let (sender, output) = sync_channel(0);
        let reading = thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave);
        Pty {
            keys: Some(pair.master.take_writer().expect("the terminal can be written to")),
            master: Some(pair.master),
            output: Some(output),
            reading: Some(reading),
            screen: vt100::Parser::new(nonzero(self.size.1), nonzero(self.size.0), 0),
            log: Vec::new(),
            modes_before,
            child,
            home: self.home,
        }
    }
}

/// A program in a pseudo-terminal; dropping it kills the program.
pub(crate) struct Pty {
    master: Option<Box<dyn MasterPty + Send>>,
    keys: Option<Box<dyn Write + Send>>,
    output: Option<Receiver<Vec<u8>>>,
    reading: Option<JoinHandle<()>>,
    screen: vt100::Parser,
    log: Vec<u8>,
    modes_before: String,
    child: Box<dyn Child + Send + Sync>,
    home: TempDir,
}

impl Pty {
    /// Presses keys.
    pub(crate) fn send(&mut self, keys: &str) {
        let writer = self.keys.as_mut().expect("the terminal is there");
        writer.write_all(keys.as_bytes()).and_then(|()| writer.flush()).expect("the terminal takes keys");
    }

    /// Reads what the program writes within so long; tells whether there was anything.
    pub(crate) fn read(&mut self, within: Duration) -> bool {
        let Some(output) = &self.output else {
            thread::sleep(within);
            return false;
        };
        match output.recv_timeout(within) {
            Ok(bytes) => {
                self.screen.process(&bytes);
                self.log.extend_from_slice(&bytes);
                true
            }
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => {
                self.output = None;
                false
            }
        }
    }

    /// Waits until the screen shows `text`.
    pub(crate) fn wait_for(&mut self, text: &str) {
        self.wait_until(&format!("{text:?}"), |pty| pty.shows(text));
    }

    /// Waits until the screen no longer shows `text`.
    pub(crate) fn wait_without(&mut self, text: &str) {
        self.wait_until(&format!("a screen without {text:?}"), |pty| !pty.shows(text));
    }

    /// Waits until something is the case, while the terminal is read.
    pub(crate) fn wait_until(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what} on:\n{}", self.report());
            // Where nobody can write any more, nothing will come that is not there after a last look.
            let may_come = self.is_open() || is_so(self);
            assert!(may_come, "it ended with {:?} before {what} on:\n{}", self.child.try_wait(), self.report());
            self.read(STEP);
        }
    }

    /// Waits until the program ends, and returns its exit code; it may not take longer than `within`.
    pub(crate) fn ends(&mut self, within: Duration) -> u32 {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("the state of the program") {
                break status;
            }
            assert!(start.elapsed() < within, "it did not end within {within:?}:\n{}", self.report());
            self.read(STEP);
        };
        let deadline = Instant::now() + PATIENCE;
        while self.output.is_some() && Instant::now() < deadline {
            self.read(STEP);
        }
        assert!(status.signal().is_none(), "a signal ended it: {status:?}");
        status.exit_code()
    }

    /// Waits until the program ends while nobody reads from the terminal.
    pub(crate) fn ends_unread(&mut self, within: Duration) -> u32 {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the state of the program") {
                return status.exit_code();
            }
            assert!(start.elapsed() < within, "it did not end within {within:?}:\n{}", self.report());
            thread::sleep(STEP);
        }
    }

    /// Tells whether the screen shows `text` within one row.
    pub(crate) fn shows(&self, text: &str) -> bool {
        self.screen.screen().rows(0, u16::MAX).any(|row| row.contains(text))
    }

    /// Returns the rows of the screen.
    pub(crate) fn contents(&self) -> String {
        self.screen.screen().contents()
    }

    /// Returns the screen of the terminal.
    pub(crate) fn screen(&self) -> &vt100::Screen {
        self.screen.screen()
    }

    /// Returns all bytes that the program wrote.
    pub(crate) fn log(&self) -> &[u8] {
        &self.log
    }

    /// Tells whether the program wrote these bytes since the log was so long.
    pub(crate) fn wrote_since(&self, mark: usize, bytes: &[u8]) -> bool {
        self.log[mark..].windows(bytes.len()).any(|window| window == bytes)
    }

    /// Tells whether anybody can still write to the terminal.
    pub(crate) fn is_open(&self) -> bool {
        self.output.is_some()
    }

    /// Returns the home directory of the program.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Changes the size of the terminal.
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        let master = self.master.as_ref().expect("the terminal is there");
        master.resize(pty_size((columns, rows))).expect("the terminal can be resized");
        self.screen.screen_mut().set_size(nonzero(rows), nonzero(columns));
    }

    /// Returns the process id of the program.
    pub(crate) fn pid(&self) -> Pid {
        let pid = self.child.process_id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        pid.expect("a started program has a process id")
    }

    /// Returns the process in the foreground of the terminal, where a shell runs programs as jobs.
    pub(crate) fn foreground(&self) -> Pid {
        let group = self.master.as_ref().and_then(|master| master.process_group_leader()).and_then(Pid::from_raw);
        group.expect("the terminal has a foreground")
    }

    /// Sends a signal to the program.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the program runs");
    }

    /// Takes the terminal away, as when the window is closed or the link breaks.
    pub(crate) fn hang_up(&mut self) {
        self.output = None;
        // The reader ends with the next byte that it cannot hand over.
        self.send("\x0c");
        self.reading.take().map(JoinHandle::join);
        self.keys = None;
        self.master = None;
    }

    /// Tells whether the terminal is as it was before the program started.
    pub(crate) fn is_restored(&self) -> bool {
        self.what_is_left().is_empty()
    }

    /// Asserts that the terminal is as it was before the program started.
    pub(crate) fn assert_restored(&self) {
        let left = self.what_is_left();
        assert!(left.is_empty(), "the terminal still has {left:?}:\n{}", self.report());
    }

    /// Asserts that the program holds the terminal: it gets every key, on a screen of its own.
    pub(crate) fn assert_taken(&self) {
        let left = self.what_is_left();
        for what in ["modes", "alternate screen", "bracketed paste"] {
            assert!(left.contains(&what), "{what} is not as mqtap needs it: {left:?}:\n{}", self.report());
        }
    }

    fn what_is_left(&self) -> Vec<&'static str> {
        let screen = self.screen.screen();
        let modes_now = self.master.as_deref().map(|master| modes(master));
        let mouse = screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None;
        [
            (modes_now.is_some_and(|modes| modes != self.modes_before), "modes"),
            (screen.alternate_screen(), "alternate screen"),
            (screen.hide_cursor(), "hidden cursor"),
            (screen.bracketed_paste(), "bracketed paste"),
            (screen.application_cursor() || screen.application_keypad(), "application keys"),
            (mouse, "mouse reports"),
            (screen.inverse() || screen.bold() || screen.fgcolor() != vt100::Color::Default, "text attributes"),
        ]
        .into_iter()
        .filter_map(|(is_left, what)| is_left.then_some(what))
        .collect()
    }

    fn report(&self) -> String {
        let tail = &self.log[self.log.len().saturating_sub(300)..];
        let said = fs::read_to_string(self.home.path().join("state/mqtap.log")).unwrap_or_default();
        let (screen, state, written) = (self.contents(), process::state(self.pid()), self.log.len());
        format!("{screen}\n--- state {state:?}, the last of {written} bytes: {}\n--- the log:\n{said}", tail.escape_ascii())
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // Not the kill of the library, which asks first and waits.
            let _ = kill_process(self.pid(), Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

fn modes(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().expect("the terminal has modes"))
}

fn pty_size((cols, rows): (u16, u16)) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

/// Returns a size that the emulator can have.
fn nonzero(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count.min(1_000)).unwrap_or(NonZeroU16::MIN)
}
