//! A program that runs beside the test.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::common::PATIENCE;

/// Makes a command that knows no profile and no password of the machine it runs on.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqtap"));
    command
        .args(arguments)
        .env("MQTAP_CONFIG_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/without-profiles"))
        .env_remove("MQTAP_PASSWORD");
    // The log of a test is not the log of who runs it.
    command.env("MQTAP_STATE_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/state")).env_remove("MQTAP_LOG");
    command
}

/// A running program whose lines are read as they come; killed when dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    stderr: Option<JoinHandle<String>>,
}

impl Running {
    /// Starts `mqtap`.
    pub(crate) fn mqtap(arguments: &[&str]) -> Self {
        Self::start(&mut command(arguments))
    }

    /// Starts any program.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} must be installed: {error}", command.get_program().display()));
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        thread::spawn(move || {
            let lines = stdout.split(b'\n').map_while(Result::ok);
            // A test that is over listens no more.
            let _ = lines.map(|line| String::from_utf8_lossy(&line).into_owned()).try_for_each(|line| sender.send(line));
        });
        let mut stderr = child.stderr.take().expect("a pipe");
        let stderr = thread::spawn(move || {
            let mut text = Vec::new();
            stderr.read_to_end(&mut text).expect("standard error can be read");
            String::from_utf8_lossy(&text).into_owned()
        });
        Self { child, lines, stderr: Some(stderr) }
    }

    /// Writes to standard input, and closes it.
    pub(crate) fn feed(&mut self, text: &str) {
        self.child.stdin.take().expect("fed once").write_all(text.as_bytes()).expect("the program reads");
    }

    /// Writes to standard input, and leaves it open.
    pub(crate) fn write(&mut self, text: &str) {
        self.child.stdin.as_mut().expect("not closed").write_all(text.as_bytes()).expect("the program reads");
    }

    /// Waits for the next line.
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line")
    }

    /// Waits for the next line, but not long.
    pub(crate) fn line_within(&self, time: Duration) -> Option<String> {
        self.lines.recv_timeout(time).ok()
    }

    /// Waits for so many lines.
    pub(crate) fn lines(&self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.line()).collect()
    }

    /// Returns the lines until the program closes its output.
    pub(crate) fn rest(&self) -> Vec<String> {
        std::iter::from_fn(|| self.lines.recv_timeout(PATIENCE).ok()).collect()
    }

    /// Returns the number of the process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("the program runs");
    }

    /// Tells whether the program has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("the state of the program").is_some()
    }

    /// Waits for the end, and returns the exit code and what was said on standard error.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        drop(self.child.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        while !self.has_ended() {
            assert!(Instant::now() < deadline, "the program does not end");
            thread::sleep(Duration::from_millis(5));
        }
        let code = self.child.wait().expect("it has ended").code();
        let said = self.stderr.take().expect("ended once").join().expect("standard error was read");
        (code, said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
