//! The verbs as scripts use them: the real binary against a real mosquitto.

#[path = "../common/mod.rs"]
mod common;
mod doctor;
mod exits;
mod flow;
mod interop;
mod log;
mod options;
mod printing;
mod profiles;
mod running;
mod secrets;
mod surroundings;
mod trace;
mod usage;

use std::time::Duration;

use common::{PATIENCE, mosquitto::Mosquitto, scripted::Scripted};

/// Makes a command that knows no profile and no password of the machine it runs on.
fn mqtap(arguments: &[&str]) -> assert_cmd::Command {
    let mut command = assert_cmd::Command::from_std(running::command(arguments));
    command.timeout(PATIENCE);
    command
}

/// Runs a verb to its end and returns what it printed.
fn printed(arguments: &[&str]) -> String {
    let output = mqtap(arguments).assert().success().get_output().stdout.clone();
    String::from_utf8(output).expect("UTF-8")
}

/// Waits until the broker has read a packet of a type.
async fn has_read(broker: &Scripted, first: u8) {
    while broker.read(first).is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

impl Mosquitto {
    /// Returns the URL of the broker.
    fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Publishes with our own client, at QoS 1 so that it has arrived.
    fn publish(&self, topic: &str, payload: &str, options: &[&str]) {
        let url = self.url();
        let arguments = [&["pub", &url, topic, payload, "-q", "1"], options].concat();
        mqtap(&arguments).assert().success();
    }
}
