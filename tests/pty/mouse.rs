//! The mouse in a real terminal: taken, used, and given back.

use std::time::Duration;

use vt100::MouseProtocolMode;

use crate::{
    common::{
        mosquitto::Mosquitto,
        peer,
        pty::{Pty, Setup},
    },
    watching,
};

/// Returns what the terminal reports of the mouse.
fn mode(pty: &Pty) -> MouseProtocolMode {
    pty.screen().mouse_protocol_mode()
}

#[test]
fn the_mouse_selects_and_is_given_back() {
    let broker = Mosquitto::start();
    let mut pty = watching(Setup::new(), broker.port);
    peer::publish(broker.port, "plant/temp", b"21.5");
    peer::publish(broker.port, "zigbee/lamp", b"on");
    pty.wait_for("▶ zigbee");
    assert_eq!(mode(&pty), MouseProtocolMode::PressRelease);
    let row = 1 + pty.contents().lines().position(|line| line.contains("▶ zigbee")).expect("it is shown");
    pty.send(&format!("\x1b[<0;4;{row}M\x1b[<0;4;{row}m"));
    pty.wait_for("2 Messages zigbee");
    pty.send(&format!("\x1b[<0;4;{row}M\x1b[<0;4;{row}m"));
    pty.wait_for("▼ zigbee");
    pty.send("M");
    pty.wait_until("the mouse to be the terminal's", |pty| mode(pty) == MouseProtocolMode::None);
    pty.send("M");
    pty.wait_until("the mouse to be ours", |pty| mode(pty) == MouseProtocolMode::PressRelease);
    pty.send("q");
    assert_eq!(pty.ends(Duration::from_secs(2)), 0);
    pty.assert_restored();
}

#[test]
fn over_ssh_the_mouse_is_the_terminals_until_it_is_asked_for() {
    let mut pty = Setup::new().env("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22").start();
    pty.wait_for("Mouse:    off");
    assert_eq!(mode(&pty), MouseProtocolMode::None);
    pty.send("M");
    pty.wait_for("Mouse:    on");
    pty.wait_until("the mouse to be ours", |pty| mode(pty) == MouseProtocolMode::PressRelease);
}
