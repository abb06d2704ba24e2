//! The program in a real terminal, with a real broker: from the first frame to the terminal as it was before.

#[path = "../common/mod.rs"]
mod common;

mod ending;
mod faults;
mod filter;
mod hostile;
mod idle;
mod jobs;
mod journey;
mod leaving;
mod mouse;
mod size;
mod stall;
mod surroundings;
mod trouble;

use common::pty::{Pty, Setup};

/// Starts mqtap with a connection to the broker on this port, and waits until it is subscribed to everything.
fn watching(setup: Setup, port: u16) -> Pty {
    let mut pty = setup.args(&[&format!("mqtt://127.0.0.1:{port}"), "#"]).start();
    pty.wait_for("Subscribed to # (QoS 0)");
    pty
}

/// Returns the saved connection `plant`, which is subscribed to everything at QoS 1, so that a slow machine loses nothing, with more
/// lines for its table.
fn plant(port: u16, lines: &str) -> String {
    format!(
        "schema = 1\n[profile.plant]\nurl = \"mqtt://127.0.0.1:{port}\"\n{lines}\n[[profile.plant.subscription]]\nfilter = \"#\"\nqos = 1\n"
    )
}
