//! A panic, wherever it happens: the terminal is given back, one line says what it was, the broker gets its DISCONNECT.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use rstest::rstest;

use crate::{
    common::{mosquitto::Config, pty::Setup},
    watching,
};

const CTRL_L: &str = "\x0c";

#[rstest]
#[case::a_task("task")]
#[case::a_thread("thread")]
#[case::the_loop("loop")]
fn a_panic_in(#[case] place: &str) {
    let broker = Config::default().line("log_type all").start();
    let mut pty = watching(Setup::new().size(200, 40).env("MQTAP_FAULT", place), broker.port);
    pty.send(CTRL_L);
    assert_eq!(pty.ends(Duration::from_secs(2)), 101);
    pty.assert_restored();
    let shown = pty.contents();
    let report = shown.trim();
    assert!(report.starts_with("mqtap 0.1.0 panicked at src/runtime/fault.rs:"), "{shown}");
    assert!(report.contains(&format!("injected into a {place}")) || place == "loop", "{shown}");
    assert!(!report.contains('\n'), "more than one line:\n{shown}");
    let kept = pty.home().join("state/crash.txt");
    assert_eq!(fs::metadata(&kept).expect("the report is kept").permissions().mode() & 0o777, 0o600);
    broker.wait_for_log("Received DISCONNECT from mqtap-");
}

#[test]
fn a_panic_ends_it_even_when_the_terminal_takes_no_byte() {
    let broker = Config::default().line("log_type all").start();
    let mut pty = watching(Setup::new().size(200, 60).env("MQTAP_FAULT", "thread"), broker.port);
    crate::stall::stall(&mut pty, broker.port);
    pty.send(CTRL_L);
    assert_eq!(pty.ends_unread(Duration::from_secs(3)), 101);
    broker.wait_for_log("Received DISCONNECT from mqtap-");
}
