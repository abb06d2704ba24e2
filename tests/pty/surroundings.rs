//! What the machine puts around the screen: a time zone without an end, another job in the foreground, limits that are low.

use std::{process::Command, time::Duration};

use rstest::rstest;
use rustix::process::{Signal, kill_process};

use crate::{
    common::{mosquitto::Mosquitto, process, pty::Setup},
    watching,
};

#[rstest]
#[case::a_device(":/dev/zero")]
#[case::a_device_without_a_colon("/dev/zero")]
#[case::a_pipe("pipe")]
fn a_time_zone_without_an_end_is_said_and_times_are_in_utc(#[case] zone: &str) {
    let broker = Mosquitto::start();
    let setup = Setup::new().size(160, 24);
    let pipe = setup.home().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    let zone = if zone == "pipe" { format!(":{}", pipe.display()) } else { zone.to_owned() };
    let mut pty = watching(setup.env("TZ", &zone), broker.port);
    pty.send("N");
    pty.wait_for("times are in UTC");
    pty.send("\x03");
    assert_eq!(pty.ends(Duration::from_secs(2)), 0);
    pty.assert_restored();
}

#[test]
fn in_the_background_it_says_so_and_ends() {
    let script = "timeout 20 \"$MQTAP\" mqtt://127.0.0.1:1 '#'; echo \"ended $?\"";
    let mut pty = Setup::shell(script).size(250, 24).start();
    pty.wait_for("ended 2");
    assert!(pty.shows("started in the background"), "{}", pty.contents());
    pty.assert_restored();
}

#[test]
fn after_a_stop_it_can_be_ended_in_the_background() {
    let broker = Mosquitto::start();
    let script = "set -m; \"$MQTAP\" \"$@\"; echo \"stopped $?\"; bg; echo \"in the background\"; read -r line";
    let mut pty = watching(Setup::shell(script).args(&["sh"]), broker.port);
    let job = pty.foreground();
    pty.send("\x1a");
    pty.wait_for("in the background");
    pty.wait_until("state T", |_| process::state(job) == Some('T'));
    pty.assert_restored();
    kill_process(job, Signal::TERM).expect("it runs");
    kill_process(job, Signal::CONT).expect("it runs");
    pty.wait_until("the end of the job", |_| process::state(job).is_none());
    pty.assert_restored();
}

#[test]
fn files_that_may_have_no_size_end_nothing() {
    let broker = Mosquitto::start();
    let mut pty = watching(Setup::shell("ulimit -f 0; exec \"$MQTAP\" \"$@\"").args(&["sh"]), broker.port);
    pty.send("q");
    assert_eq!(pty.ends(Duration::from_secs(2)), 0);
    pty.assert_restored();
}

#[test]
fn with_few_files_or_threads_it_says_so_before_the_terminal_is_taken() {
    for limit in ["ulimit -n 8", "ulimit -n 12"] {
        let script = format!("{limit}; exec \"$MQTAP\" mqtt://127.0.0.1:1 '#'");
        let mut pty = Setup::shell(&script).size(200, 24).start();
        assert_eq!(pty.ends(Duration::from_secs(5)), 1, "{limit}: {}", pty.contents());
        assert!(pty.shows("too many open files"), "{limit}: {}", pty.contents());
        assert!(!pty.log().contains(&0x1b), "escape sequences");
        pty.assert_restored();
    }
}
