//! Other clients of the broker: mosquitto's own programs, and one that publishes much.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
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

/// Publishes each line to a topic as one message of QoS 0, and waits until the broker has taken them.
///
/// `mosquitto_pub -l` may do that, and may never end.
pub(crate) fn publish_lines(port: u16, topic: &str, lines: &str) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the broker listens");
    stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.set_write_timeout(Some(PATIENCE))).expect("settings");
    // CONNECT of MQTT 3.1.1 without an identifier and a keep-alive.
    stream.write_all(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00").expect("the broker reads");
    let mut connack = [0; 4];
    stream.read_exact(&mut connack).expect("CONNACK");
    assert_eq!(connack, [0x20, 2, 0, 0]);
    let mut packets = Vec::new();
    for line in lines.lines() {
        let length = 2 + topic.len() + line.len();
        let byte = |length| u8::try_from(length).expect("a short line");
        packets.push(0x30);
        packets.extend(if length < 128 { vec![byte(length)] } else { vec![byte(length % 128) | 0x80, byte(length / 128)] });
        packets.extend(u16::try_from(topic.len()).expect("a short topic").to_be_bytes());
        packets.extend([topic.as_bytes(), line.as_bytes()].concat());
    }
    // PINGREQ, whose answer comes when all before it was read.
    packets.extend([0xc0, 0]);
    stream.write_all(&packets).expect("the broker reads");
    let mut pingresp = [0; 2];
    stream.read_exact(&mut pingresp).expect("PINGRESP");
    stream.write_all(&[0xe0, 0]).expect("the broker reads");
}

fn publish_input(port: u16, args: &[&str], input: &[u8]) {
    let mut child =
        client("mosquitto_pub", port).args(args).stdin(Stdio::piped()).spawn().expect("mosquitto_pub must be installed");
    child.stdin.take().expect("piped").write_all(input).expect("mosquitto_pub reads");
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().expect("the state of mosquitto_pub") {
            break status;
        }
        if Instant::now() > deadline {
            let _ = child.kill();
        }
        thread::sleep(Duration::from_millis(1));
    };
    assert!(status.success(), "mosquitto_pub: {status}");
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
