//! A message of `mqtap sub` to /dev/null, beside `mosquitto_sub`.

use std::process::{Child, Command, Stdio};

use crate::{
    cpu,
    flood::Flood,
    table::{self, best},
};

/// Messages of one measurement.
const MESSAGES: u32 = 2_000_000;

/// A subscriber that is killed when dropped.
struct Subscriber(Child);

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Measures the verb.
pub(crate) fn measure() {
    if cpu::of_this_thread().is_none() {
        table::skip("verb", "there is no /proc/thread-self/schedstat");
        return;
    }
    let peer = peer().map(|peer| ("mosquitto_sub -v", peer));
    let ours = best(3, || {
        run(|port| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_mqtap"));
            command.args(["sub", &format!("mqtt://127.0.0.1:{port}"), "#", "-q", "1"]);
            command
        })
        .expect("mqtap runs")
    });
    table::row("verb: message of `mqtap sub` to /dev/null", "CPU ns", ours, peer);
}

/// Returns the figure of `mosquitto_sub`, nothing where it is not installed.
fn peer() -> Option<f64> {
    let peer = |port: u16| {
        let mut command = Command::new("mosquitto_sub");
        command.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-t", "#", "-q", "1", "-v"]);
        command
    };
    Command::new("mosquitto_sub").arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    Some(best(3, || run(peer).expect("mosquitto_sub runs")))
}

/// Returns the CPU nanoseconds of a message.
fn run(command: impl FnOnce(u16) -> Command) -> Option<f64> {
    let flood = Flood::start();
    let mut command = command(flood.port);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
    let subscriber = Subscriber(child);
    flood.subscribed();
    flood.send(MESSAGES / 10);
    let before = cpu::of_process(subscriber.0.id())?;
    let (count, _) = flood.send(MESSAGES);
    let used = cpu::of_process(subscriber.0.id())? - before;
    Some(used as f64 / f64::from(count))
}
