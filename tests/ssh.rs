//! The program on the other side of a real SSH connection: the same screen, and no process left when the link is gone.

mod common;

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use common::{
    mosquitto::{Config, Mosquitto},
    peer, process,
    pty::{MQTAP, Pty, Setup},
    sshd::Sshd,
};
use rstest::rstest;
use rustix::process::{Pid, Signal, kill_process};

/// The longest that the program may outlive its link.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Starts mqtap over SSH, with its files where `files` has them.
fn over_ssh(sshd: &Sshd, files: &Setup, args: &str) -> Pty {
    let mut script = format!("echo $$ > {}; cd {}; exec env", sshd.path("pid").display(), files.home().display());
    for (name, value) in files.variables().filter(|(name, _)| name.starts_with("MQTAP_") || matches!(*name, "HOME" | "LANG")) {
        script.push_str(&format!(" {name}={value}"));
    }
    sshd.client(&format!("{script} {MQTAP} {args}")).start()
}

/// Starts mqtap over SSH, and waits until it is subscribed to everything; returns its process too.
fn watching(sshd: &Sshd, files: &Setup, broker: &Mosquitto) -> (Pty, Pid) {
    let mut pty = over_ssh(sshd, files, &format!("mqtt://127.0.0.1:{} \"#\"", broker.port));
    pty.wait_for("Subscribed to # (QoS 0)");
    let pid = fs::read_to_string(sshd.path("pid")).expect("the process id");
    (pty, pid.trim().parse().ok().and_then(Pid::from_raw).expect("a process id"))
}

#[test]
fn the_start_screen_is_the_same_as_without_ssh() {
    let sshd = Sshd::start();
    let local = Setup::new();
    let mut remote = over_ssh(&sshd, &local, "");
    let mut local = local.start();
    for pty in [&mut local, &mut remote] {
        pty.wait_for("answers there");
        pty.wait_for("q quit");
    }
    let shown = |pty: &Pty| pty.contents().lines().map(|line| line.replace(" over SSH", "").replace(' ', "")).collect::<Vec<_>>();
    assert!(remote.shows("xterm-256color over SSH"), "{}", remote.contents());
    // Over SSH the mouse is left to the terminal.
    assert!(remote.shows("Mouse:    off") && local.shows("Mouse:    on"), "{}", remote.contents());
    local.send("M");
    // What is said about it goes by itself.
    let expected = shown(&remote);
    local.wait_until(&format!("{expected:#?}"), |local| shown(local) == expected);
    remote.send("q");
    assert_eq!(remote.ends(Duration::from_secs(5)), 0);
    remote.assert_restored();
}

#[test]
fn messages_are_seen_and_the_key_that_stops_does_not_leave_it_stuck() {
    let sshd = Sshd::start();
    let broker = Mosquitto::start();
    let files = Setup::new();
    let (mut pty, _) = watching(&sshd, &files, &broker);
    pty.send("\x1a");
    pty.wait_for("there is no shell here to go back to");
    peer::publish(broker.port, "hall/press", br#"{"temp":21.5}"#);
    pty.wait_for("▼ hall");
    pty.wait_for(r#"  "temp": 21.5"#);
    pty.send("q");
    assert_eq!(pty.ends(Duration::from_secs(5)), 0);
    pty.assert_restored();
}

#[rstest]
#[case::by_the_client(|client: &Pty, _: Pid| client.pid())]
#[case::by_the_server(|_: &Pty, program: Pid| process::parent(program).expect("the server of the session"))]
fn a_link_that_is_cut(#[case] cut: fn(&Pty, Pid) -> Pid) {
    let sshd = Sshd::start();
    let broker = Config::default().line("log_type all").start();
    let files = Setup::new();
    let (pty, program) = watching(&sshd, &files, &broker);
    kill_process(cut(&pty, program), Signal::KILL).expect("it runs");
    let start = Instant::now();
    while process::state(program).is_some() {
        assert!(start.elapsed() < AT_ONCE, "it still runs:\n{}", sshd.log());
        thread::sleep(Duration::from_millis(5));
    }
    broker.wait_for_log("Received DISCONNECT from mqtap-");
}
