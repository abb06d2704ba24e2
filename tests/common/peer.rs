//! Other clients of the broker: mosquitto's own programs.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use super::PATIENCE;

/// Publishes a message.
pub(crate) fn publish(port: u16, topic: &str, payload: &[u8]) {
    publish_with(port, &["-t", topic], payload);
}

/// Publishes with these arguments of `mosquitto_pub`.
pub(crate) fn publish_with(port: u16, args: &[&str], payload: &[u8]) {
    publish_input(port, &[args, &["-s"]].concat(), payload);
}

/// Publishes each line to a topic as one message.
pub(crate) fn publish_lines(port: u16, topic: &str, lines: &str) {
    publish_input(port, &["-t", topic, "-l"], lines.as_bytes());
}

fn publish_input(port: u16, args: &[&str], input: &[u8]) {
    let mut child =
        client("mosquitto_pub", port).args(args).stdin(Stdio::piped()).spawn().expect("mosquitto_pub must be installed");
    child.stdin.take().expect("piped").write_all(input).expect("mosquitto_pub reads");
    assert!(child.wait().expect("mosquitto_pub ends").success());
}

/// A subscriber, killed when dropped.
pub(crate) struct Subscriber {
    port: u16,
    child: Child,
    lines: Receiver<String>,
}

impl Subscriber {
    /// Subscribes to everything, and waits until that is in force.
    pub(crate) fn start(port: u16) -> Self {
        let mut child = client("mosquitto_sub", port)
            .args(["-v", "-t", "#"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("mosquitto_sub must be installed");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let subscriber = Self { port, child, lines };
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "mosquitto_sub does not subscribe");
            publish(port, "subscriber", b"ready?");
            if subscriber.lines.recv_timeout(Duration::from_millis(200)).is_ok() {
                return subscriber;
            }
        }
    }

    /// Waits for the message `topic payload`, and returns the lines before it.
    pub(crate) fn wait_for(&mut self, wanted: &str) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut before = Vec::new();
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if line == wanted => return before,
                Ok(line) => before.push(line),
                Err(error) => panic!("no {wanted:?} after {before:?}: {error}"),
            }
        }
    }

    /// Returns the messages that the broker has passed on up to now.
    pub(crate) fn so_far(&mut self) -> Vec<String> {
        publish(self.port, "subscriber", b"so far");
        self.wait_for("subscriber so far")
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn client(program: &str, port: u16) -> Command {
    let mut command = Command::new(program);
    command.args(["-h", "127.0.0.1", "-p", &port.to_string()]);
    command
}
