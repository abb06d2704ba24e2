//! Filters in a terminal: typed, wrong, kept, cleared, from match to match.

use std::time::Duration;

use crate::{
    common::{mosquitto::Mosquitto, peer, pty::Setup},
    watching,
};

const ENTER: &str = "\r";
const ESC: &str = "\x1b";
const CTRL_U: &str = "\x15";

/// Writes a payload for each number, a line each.
fn readings(numbers: std::ops::Range<u32>) -> String {
    let lines: Vec<_> = numbers.map(|n| format!("{{\"temp\":{n}}}\n")).collect();
    lines.concat()
}

#[test]
fn messages_topics_and_packets_are_narrowed_while_a_filter_is_typed() {
    let broker = Mosquitto::start();
    let mut pty = watching(Setup::new().size(120, 34), broker.port);
    peer::publish_lines(broker.port, "hall/press", &readings(0..15));
    peer::publish(broker.port, "hall/door", b"open");
    peer::publish_lines(broker.port, "hall/press", &readings(15..30));
    pty.wait_for("kept 31");

    pty.send("2/press .temp > 26");
    pty.wait_for("3 of 31 messages");
    pty.wait_for("{\"temp\":27}");
    assert!(!pty.shows("{\"temp\":26}"), "{}", pty.contents());
    pty.send(" qos:7");
    pty.wait_for("`qos:` takes 0, 1 or 2");
    pty.wait_for("3 of 31");
    pty.send(&format!("{CTRL_U}door{ENTER}"));
    pty.wait_for("1 of 31 messages");
    peer::publish(broker.port, "hall/door", b"closed");
    pty.wait_for("2 of 32 messages");

    pty.send(ESC);
    pty.wait_for("● follow  32 ");
    pty.send("N");
    pty.wait_for("‖ frozen");
    pty.wait_for("│open");
    pty.send("n");
    pty.wait_for("│closed");
    pty.send("n");
    pty.wait_for("no further message matches");

    pty.send("1/door");
    pty.wait_for("1 of 2 topics");
    pty.send(ENTER);
    pty.wait_without("    press");
    pty.send("2");
    pty.wait_for("1 of 2 topics");
    pty.send(&format!("1{ESC}"));
    pty.wait_without("of 2 topics");
    pty.wait_for("    press");

    pty.send("5/type:sub dir:in");
    pty.wait_for("SUBACK");
    pty.wait_without("CONNACK");
    pty.send(&format!("{ENTER}15"));
    pty.wait_for("/ type:sub dir:in");
    pty.send("q");
    assert_eq!(pty.ends(Duration::from_secs(2)), 0);
    pty.assert_restored();
}
