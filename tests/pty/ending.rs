//! Every way to end, five times each: the terminal is as it was before, the exit code is right, the broker got a DISCONNECT.

use std::{
    thread,
    time::{Duration, Instant},
};

use rstest::rstest;
use rustix::process::Signal;

use crate::{
    common::{
        PATIENCE,
        mosquitto::{Config, Mosquitto},
        peer,
        pty::{Pty, Setup},
    },
    watching,
};

/// How often each way is gone, all at the same time.
const TIMES: usize = 5;

/// The longest that ending may take, with so many at a time.
const SOON: Duration = Duration::from_secs(5);

const CTRL_C: &str = "\x03";

/// The exit code of a program that panicked.
const PANICKED: u32 = 101;

fn broker() -> Mosquitto {
    Config::default().line("log_type all").start()
}

/// Ends mqtap, five times at once, in the way of `end`, which begins with a running one and returns the exit code that is due;
/// none may leave the broker without a DISCONNECT.
fn assert_it_ends(broker: &Mosquitto, start: impl Fn() -> Pty + Sync, end: impl Fn(&mut Pty) -> u32 + Sync) {
    thread::scope(|scope| {
        for _ in 0..TIMES {
            scope.spawn(|| {
                let mut pty = start();
                let code = end(&mut pty);
                assert_eq!(pty.ends(SOON), code, "{}", pty.contents());
                pty.assert_restored();
            });
        }
    });
    assert_farewell_of_each(broker);
}

/// Asserts that the broker got a DISCONNECT of each.
fn assert_farewell_of_each(broker: &Mosquitto) {
    let deadline = Instant::now() + PATIENCE;
    let came = || broker.log_text().matches("Received DISCONNECT from mqtap-").count();
    while came() < TIMES {
        assert!(Instant::now() < deadline, "{} of {TIMES} in:\n{}", came(), broker.log_text());
        thread::sleep(Duration::from_millis(5));
    }
}

/// Starts the screen on everything.
fn screen(broker: &Mosquitto) -> Pty {
    watching(Setup::new(), broker.port)
}

/// Starts `mqtap sub` in a terminal, and waits until it is subscribed.
fn sub(broker: &Mosquitto) -> Pty {
    let mut pty = Setup::new().args(&["sub", &format!("mqtt://127.0.0.1:{}", broker.port), "t"]).start();
    pty.wait_for("t retained");
    pty
}

/// Returns a broker that keeps a message, so that a subscriber shows that it is subscribed.
fn keeping() -> Mosquitto {
    let broker = broker();
    peer::publish_with(broker.port, &["-t", "t", "-r"], b"retained");
    broker
}

#[rstest]
#[case::in_the_topics("1", "q")]
#[case::in_the_topics_at_once("1", CTRL_C)]
#[case::in_the_messages("2", CTRL_C)]
#[case::in_the_detail("3", CTRL_C)]
#[case::in_the_packets("4", CTRL_C)]
#[case::in_the_broker_view("6", CTRL_C)]
#[case::in_the_connections("0", CTRL_C)]
#[case::in_the_publish_form("p", CTRL_C)]
#[case::in_the_publish_form_with_a_text("pabc", CTRL_C)]
#[case::in_the_subscribe_form("s", CTRL_C)]
#[case::in_the_connect_form("0n", CTRL_C)]
#[case::in_the_filter_row("/abc", CTRL_C)]
#[case::in_the_palette(":abc", CTRL_C)]
#[case::in_the_help("?", CTRL_C)]
#[case::in_the_notices("N", CTRL_C)]
#[case::in_the_themes("T", CTRL_C)]
#[case::in_the_subscriptions("S", CTRL_C)]
#[case::in_a_sequence("g", CTRL_C)]
fn one_key_ends_the_screen(#[case] before: &str, #[case] key: &str) {
    let broker = broker();
    assert_it_ends(
        &broker,
        || screen(&broker),
        |pty| {
            pty.send(before);
            pty.send(key);
            0
        },
    );
}

/// Sends a signal, and returns the exit code that is due.
fn strike(pty: &Pty, signal: Signal) -> u32 {
    pty.signal(signal);
    128 + signal.as_raw().unsigned_abs()
}

#[rstest]
fn every_signal_that_can_be_taken_ends(
    #[values(
        Signal::HUP,
        Signal::INT,
        Signal::QUIT,
        Signal::ABORT,
        Signal::USR1,
        Signal::USR2,
        Signal::ALARM,
        Signal::TERM,
        Signal::XCPU,
        Signal::VTALARM,
        Signal::PROF
    )]
    signal: Signal,
) {
    let broker = broker();
    assert_it_ends(&broker, || screen(&broker), |pty| strike(pty, signal));
    let broker = keeping();
    assert_it_ends(&broker, || sub(&broker), |pty| strike(pty, signal));
}

#[test]
fn the_key_that_interrupts_ends_sub() {
    let broker = keeping();
    assert_it_ends(
        &broker,
        || sub(&broker),
        |pty| {
            pty.send(CTRL_C);
            130
        },
    );
}

#[test]
fn a_reader_that_goes_ends_sub() {
    let broker = keeping();
    let script = "\"$MQTAP\" sub \"$1\" t | head -n 1; echo \"over\"";
    let url = format!("mqtt://127.0.0.1:{}", broker.port);
    assert_it_ends(
        &broker,
        || Setup::shell(script).args(&["sh", &url]).start(),
        |pty| {
            pty.wait_for("over");
            0
        },
    );
}

#[test]
fn without_an_output_there_is_no_screen() {
    let script = "\"$MQTAP\" mqtt://127.0.0.1:1 '#' >&-";
    thread::scope(|scope| {
        for _ in 0..TIMES {
            scope.spawn(|| {
                let mut pty = Setup::shell(script).size(200, 24).start();
                assert_eq!(pty.ends(SOON), 2);
                assert!(pty.shows("the output is not a terminal"), "{}", pty.contents());
                pty.assert_restored();
            });
        }
    });
}

#[rstest]
#[case::the_screen(true)]
#[case::sub(false)]
fn the_end_of_the_terminal_ends(#[case] has_screen: bool) {
    let broker = if has_screen { broker() } else { keeping() };
    thread::scope(|scope| {
        for _ in 0..TIMES {
            scope.spawn(|| {
                let mut pty = if has_screen { screen(&broker) } else { sub(&broker) };
                pty.hang_up();
                assert_eq!(pty.ends(SOON), 129);
            });
        }
    });
    assert_farewell_of_each(&broker);
}

#[rstest]
#[case::the_loop("loop")]
#[case::a_task("task")]
#[case::a_thread("thread")]
#[case::the_drawing("drawing")]
fn a_panic_ends_the_screen(#[case] place: &str) {
    let broker = broker();
    assert_it_ends(
        &broker,
        || watching(Setup::new().env("MQTAP_FAULT", place), broker.port),
        |pty| {
            pty.send("\x0c");
            PANICKED
        },
    );
}

#[rstest]
#[case::a_key(None, 130)]
#[case::a_signal(Some(Signal::TERM), 143)]
#[case::a_hang_up(Some(Signal::HUP), 129)]
fn a_question_for_a_password_ends_with_what_is_typed_shown_again(#[case] signal: Option<Signal>, #[case] code: u32) {
    let profile = "[profile.p]\nurl = \"mqtt://127.0.0.1:1\"\nusername = \"u\"\npassword = { prompt = true }\n";
    thread::scope(|scope| {
        for _ in 0..TIMES {
            scope.spawn(|| {
                let mut pty = Setup::new().profiles(profile).args(&["sub", "p", "t"]).start();
                pty.wait_for("Password of u@127.0.0.1:1");
                pty.wait_until("the echo to be off", |pty| !pty.is_restored());
                match signal {
                    Some(signal) => pty.signal(signal),
                    None => pty.send(CTRL_C),
                }
                assert_eq!(pty.ends(SOON), code);
                pty.assert_restored();
            });
        }
    });
}
