//! The size of the terminal, which may be anything at any time.

use std::time::Duration;

use crate::{
    common::{
        mosquitto::Mosquitto,
        peer,
        pty::{Pty, Setup},
    },
    watching,
};

#[test]
fn after_a_storm_of_sizes_the_screen_is_right() {
    let broker = Mosquitto::start();
    let mut pty = watching(Setup::new(), broker.port);
    peer::publish(broker.port, "hall/press", br#"{"temp":21.5}"#);
    pty.wait_for("press {\"temp");
    let odd =
        [(1, 1), (2, 1), (1, 200), (500, 1), (79, 23), (20, 5), (300, 100), (0, 0), (65_535, 1), (1, 65_535), (65_535, 65_535)];
    for round in 0..20 {
        for (columns, rows) in odd {
            pty.resize(columns + u16::from(round < columns && columns < 1_000), rows);
        }
    }
    pty.resize(1, 1);
    pty.resize(30, 4);
    pty.wait_for("this terminal has 30x4");
    pty.resize(80, 24);
    pty.wait_for("press {\"temp");
    pty.wait_for("q quit");
    // Rates that fade would make a difference of their own.
    pty.wait_until("rates to fade", |pty| pty.contents().matches("/s").count() == 1 && pty.contents().contains("↓0/s"));
    let before = rows(&pty);
    let mark = pty.log().len();
    pty.send("\x0c");
    pty.wait_until("the same frame, drawn anew", |pty| pty.wrote_since(mark, b"\x1b[2J") && rows(pty) == before);
    pty.send("q");
    assert_eq!(pty.ends(Duration::from_secs(2)), 0);
    pty.assert_restored();
}

/// Returns the rows without blanks at their ends: whether those were written or erased cannot be seen.
fn rows(pty: &Pty) -> Vec<String> {
    pty.contents().lines().map(|row| row.trim_end().to_owned()).collect()
}

#[test]
fn keys_work_while_the_terminal_is_too_small() {
    let mut pty = Setup::new().size(10, 3).start();
    pty.wait_for("mqtap nee");
    pty.send("q");
    assert_eq!(pty.ends(Duration::from_secs(2)), 0);
    pty.assert_restored();
}
