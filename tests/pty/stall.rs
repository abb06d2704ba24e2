//! A terminal that takes no byte, as over a link that hangs: the connections do not notice, and the end is not held up.

use std::{
    fmt::Write as _,
    thread,
    time::{Duration, Instant},
};

use crate::{
    common::{
        PATIENCE,
        mosquitto::{Config, Mosquitto},
        peer, process,
        pty::{Pty, Setup},
    },
    watching,
};

/// Publishes without reading from the terminal, until it is full.
pub(crate) fn stall(pty: &mut Pty, port: u16) {
    let deadline = Instant::now() + PATIENCE;
    let mut round = 0;
    while !is_stalled(pty) {
        assert!(Instant::now() < deadline, "the terminal takes everything");
        round += 1;
        let mut lines = String::new();
        for n in 0..200 {
            writeln!(lines, "{round} {n} {}", "#".repeat(150 - n % 100)).expect("a string takes all");
        }
        peer::publish_lines(port, &format!("flood/{}", round % 40), &lines);
    }
}

/// Tells whether a write to the terminal goes on for longer than a terminal that is read takes.
fn is_stalled(pty: &Pty) -> bool {
    (0..20).all(|_| {
        let stalled = process::is_stalled(pty.pid(), "terminal-writer");
        thread::sleep(Duration::from_millis(5));
        stalled
    })
}

fn pings(broker: &Mosquitto) -> usize {
    broker.log_text().matches("Received PINGREQ from mqtap-").count()
}

#[test]
fn the_connection_goes_on_and_the_screen_catches_up() {
    let broker = Config::default().line("log_type all").start();
    let setup = Setup::new().size(200, 60).args(&["--keep-alive", "5s"]);
    let mut pty = watching(setup, broker.port);
    stall(&mut pty, broker.port);
    let before = pings(&broker);
    let deadline = Instant::now() + PATIENCE;
    while pings(&broker) < before + 2 {
        assert!(Instant::now() < deadline, "no PINGREQ:\n{}", broker.log_text());
        thread::sleep(Duration::from_millis(20));
    }
    assert!(process::is_stalled(pty.pid(), "terminal-writer"), "nobody read, yet the terminal took more");
    peer::publish(broker.port, "the/last", b"the newest of all");
    pty.wait_for("the newest of all");
    pty.wait_for("online since");
    assert!(!broker.log_text().contains("exceeded timeout"), "the broker gave up on it");
}

#[test]
fn a_key_ends_it_in_time_with_the_terminal_restored() {
    let broker = Config::default().line("log_type all").start();
    let mut pty = watching(Setup::new().size(200, 60), broker.port);
    stall(&mut pty, broker.port);
    pty.send("q");
    assert_eq!(pty.ends_unread(Duration::from_secs(2)), 0);
    pty.wait_until("all that it wrote", |pty| !pty.is_open());
    pty.assert_restored();
    broker.wait_for_log("Received DISCONNECT from mqtap-");
}
