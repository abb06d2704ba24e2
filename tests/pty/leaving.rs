//! Ways to leave: the process is gone in time, the terminal is as before, the broker got its DISCONNECT.

use std::time::{Duration, Instant};

use rstest::rstest;
use rustix::process::Signal;

use crate::{
    common::{
        mosquitto::{Config, Mosquitto},
        peer::Subscriber,
        pty::{Pty, Setup},
    },
    plant, watching,
};

/// The longest that leaving may take.
const SOON: Duration = Duration::from_secs(2);

/// The longest that the program may outlive its terminal.
const AT_ONCE: Duration = Duration::from_secs(1);

const WILL: &str = "[profile.plant.will]\ntopic = \"wills/mqtap\"\npayload = \"gone\"";

/// Starts mqtap with a will.
fn with_will(broker: &Mosquitto) -> Pty {
    let mut pty = Setup::new().profiles(&plant(broker.port, WILL)).args(&["plant"]).start();
    pty.wait_for("online since");
    pty
}

fn is_will(line: &String) -> bool {
    line == "wills/mqtap gone"
}

#[rstest]
#[case::q("q", 0)]
#[case::ctrl_c("\x03", 0)]
fn a_key_ends_it_with_farewell(#[case] key: &str, #[case] code: u32) {
    let broker = Mosquitto::start();
    let mut subscriber = Subscriber::start(broker.port);
    let mut pty = with_will(&broker);
    pty.send(key);
    assert_eq!(pty.ends(SOON), code);
    pty.assert_restored();
    assert!(!subscriber.so_far().iter().any(is_will), "the will was published");
}

#[rstest]
#[case::term(Signal::TERM, 143)]
#[case::int(Signal::INT, 130)]
#[case::quit(Signal::QUIT, 131)]
#[case::hup(Signal::HUP, 129)]
fn a_signal_ends_it_with_farewell(#[case] signal: Signal, #[case] code: u32) {
    let broker = Mosquitto::start();
    let mut subscriber = Subscriber::start(broker.port);
    let mut pty = with_will(&broker);
    pty.signal(signal);
    assert_eq!(pty.ends(SOON), code);
    pty.assert_restored();
    assert!(!subscriber.so_far().iter().any(is_will), "the will was published");
}

#[test]
fn the_broker_is_told_with_disconnect() {
    let broker = Config::default().line("log_type all").start();
    let mut pty = watching(Setup::new(), broker.port);
    pty.send("q");
    assert_eq!(pty.ends(SOON), 0);
    broker.wait_for_log("Received DISCONNECT from mqtap-");
}

#[test]
fn the_will_is_published_when_the_process_is_killed() {
    let broker = Mosquitto::start();
    let mut subscriber = Subscriber::start(broker.port);
    let pty = with_will(&broker);
    pty.signal(Signal::KILL);
    subscriber.wait_for("wills/mqtap gone");
}

#[rstest]
#[case::with_its_signal(Setup::new().args(&["plant"]))]
#[case::with_the_signal_ignored(Setup::shell("trap '' HUP; exec \"$MQTAP\" plant"))]
#[case::without_any_signal(Setup::new().args(&["plant"]).not_controlling())]
fn it_ends_when_the_terminal_is_gone(#[case] setup: Setup) {
    let broker = Mosquitto::start();
    let mut subscriber = Subscriber::start(broker.port);
    let mut pty = setup.profiles(&plant(broker.port, WILL)).start();
    pty.wait_for("online since");
    pty.hang_up();
    assert_eq!(pty.ends(AT_ONCE), 129);
    assert!(!subscriber.so_far().iter().any(is_will), "the will was published");
}

#[test]
fn it_ends_when_the_terminal_is_gone_and_the_broker_is_silent() {
    let broker = Mosquitto::start();
    let mut pty = watching(Setup::new(), broker.port);
    broker.freeze();
    pty.hang_up();
    assert_eq!(pty.ends(AT_ONCE), 129);
}

#[test]
fn it_ends_when_the_broker_is_silent() {
    let broker = Mosquitto::start();
    let mut pty = watching(Setup::new(), broker.port);
    broker.freeze();
    pty.send("q");
    assert_eq!(pty.ends(SOON), 0);
    pty.assert_restored();
}

#[test]
fn a_shell_gets_its_terminal_and_the_exit_code_back() {
    let mut pty = Setup::shell("\"$MQTAP\"; echo \"ended $?\"").start();
    pty.wait_for("No saved connections yet");
    let start = Instant::now();
    pty.send("q");
    pty.wait_for("ended 0");
    assert!(start.elapsed() < SOON);
    pty.assert_restored();
}

#[test]
fn an_answer_that_comes_after_the_last_key_is_not_typed_to_the_shell() {
    let mut pty = Setup::shell("\"$MQTAP\"; echo left; exec cat -v").start();
    pty.wait_until("a question", |pty| pty.log().windows(4).any(|bytes| bytes == b"\x1b[6n"));
    pty.send("q");
    let pressed = Instant::now();
    // As slow as a way over a phone.
    pty.wait_until("the answers to be on their way", |_| pressed.elapsed() > Duration::from_millis(250));
    pty.send("\x1b[1;1R\x1b]11;rgb:1e1e/1e1e/2e2e\x07");
    pty.wait_for("left");
    pty.send("and then\r");
    pty.wait_for("and then");
    let shown = pty.contents();
    assert!(!shown.contains("1;1R") && !shown.contains("rgb"), "{shown}");
}
