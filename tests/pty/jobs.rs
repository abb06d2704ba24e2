//! Stopping and going on, under a shell with job control and without one.

use std::time::Duration;

use rustix::process::{Signal, kill_process};

use crate::{
    common::{
        mosquitto::Mosquitto,
        peer, process,
        pty::{Pty, Setup},
    },
    watching,
};

const CTRL_Z: &str = "\x1a";

/// What the shell below says of a job that SIGSTOP or SIGTSTP stopped: 128 and the number.
const STOPPED: &str = "stopped 14";

/// A shell that runs mqtap as a job, says when the job is stopped, and lets it go on when a line is entered.
const SHELL: &str = "set -m; \"$MQTAP\" \"$@\"; echo \"stopped $?\"; read -r line; fg; echo \"ended $?\"";

/// Starts mqtap in that shell, and waits until it is subscribed to everything.
fn under_a_shell(port: u16) -> Pty {
    watching(Setup::shell(SHELL).args(&["sh"]), port)
}

fn goes_on(pty: &mut Pty, port: u16) {
    pty.send("\n");
    pty.wait_for("Subscribed to # (QoS 0)");
    pty.assert_taken();
    peer::publish(port, "after/the/stop", b"still here");
    pty.wait_for("still here");
    pty.send("q");
    pty.wait_for("ended 0");
    assert_eq!(pty.ends(Duration::from_secs(2)), 0);
    pty.assert_restored();
}

#[test]
fn the_key_stops_it_and_the_shell_brings_it_back() {
    let broker = Mosquitto::start();
    let mut pty = under_a_shell(broker.port);
    let job = pty.foreground();
    pty.send(CTRL_Z);
    pty.wait_for(STOPPED);
    assert_eq!(process::state(job), Some('T'));
    pty.assert_restored();
    goes_on(&mut pty, broker.port);
}

#[test]
fn a_signal_stops_it_and_the_shell_brings_it_back() {
    let broker = Mosquitto::start();
    let mut pty = under_a_shell(broker.port);
    let job = pty.foreground();
    kill_process(job, Signal::TSTP).expect("it runs");
    pty.wait_for(STOPPED);
    assert_eq!(process::state(job), Some('T'));
    pty.assert_restored();
    goes_on(&mut pty, broker.port);
}

#[test]
fn after_a_stop_that_nobody_can_catch_the_whole_screen_is_drawn() {
    let broker = Mosquitto::start();
    let mut pty = watching(Setup::new(), broker.port);
    pty.signal(Signal::STOP);
    let pid = pty.pid();
    pty.wait_until("state T", |_| process::state(pid) == Some('T'));
    let mark = pty.log().len();
    pty.signal(Signal::CONT);
    pty.wait_until("a whole frame", |pty| pty.wrote_since(mark, b"\x1b[?1049h") && pty.wrote_since(mark, b"\x1b[2J"));
    pty.wait_for("Subscribed to # (QoS 0)");
    pty.assert_taken();
    pty.send("q");
    assert_eq!(pty.ends(Duration::from_secs(2)), 0);
    pty.assert_restored();
}

#[test]
fn a_stopped_program_can_be_ended() {
    let broker = Mosquitto::start();
    let mut pty = under_a_shell(broker.port);
    let job = pty.foreground();
    pty.send(CTRL_Z);
    pty.wait_for(STOPPED);
    kill_process(job, Signal::TERM).expect("it runs");
    kill_process(job, Signal::CONT).expect("it runs");
    pty.wait_until("the end of the job", |_| process::state(job).is_none());
    pty.assert_restored();
}

#[test]
fn without_a_shell_to_go_back_to_the_key_stops_nothing() {
    let broker = Mosquitto::start();
    let mut pty = watching(Setup::new(), broker.port);
    pty.send(CTRL_Z);
    pty.wait_for("there is no shell here to go back to");
    pty.assert_taken();
}

#[test]
fn a_signal_stops_it_without_a_shell_too() {
    let broker = Mosquitto::start();
    let mut pty = watching(Setup::new(), broker.port);
    let pid = pty.pid();
    pty.signal(Signal::TSTP);
    pty.wait_until("state T", |_| process::state(pid) == Some('T'));
    pty.wait_until("its terminal back", |pty| pty.is_restored());
    pty.signal(Signal::CONT);
    pty.wait_for("Subscribed to # (QoS 0)");
    pty.assert_taken();
}

#[test]
fn the_editor_has_the_terminal_and_its_keys_to_itself() {
    let broker = Mosquitto::start();
    // Ctrl-C ends a read of some shells, which is then begun anew.
    let script = "#!/bin/sh\ntrap 'echo interrupted' INT\necho ready\n\
                  until read -r line; do :; done\necho \"read $line\"\nread -r line\n\
                  printf 'schema = 1\\n[profile.edited]\\nurl = \"mqtt://localhost\"\\n' > \"$1\"\nchmod 600 \"$1\"\n";
    let setup = Setup::new();
    let editor = setup.executable("editor", script);
    let mut pty = watching(setup.env("EDITOR", &editor), broker.port);
    pty.send("ce");
    pty.wait_for("ready");
    assert!(pty.is_restored());
    pty.send("\x03");
    pty.wait_for("interrupted");
    pty.send("a key for the editor\n");
    pty.wait_for("read a key for the editor");
    peer::publish(broker.port, "while/editing", b"it goes on");
    pty.send("\n");
    pty.wait_for("edited");
    pty.assert_taken();
    pty.send("\r");
    pty.wait_for("it goes on");
    pty.send("q");
    assert_eq!(pty.ends(Duration::from_secs(2)), 0);
    pty.assert_restored();
}
