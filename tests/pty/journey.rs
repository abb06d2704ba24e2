//! What a user does in a terminal, from the first screen to the last key.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use rstest::rstest;

use crate::common::{
    mosquitto::Mosquitto,
    peer::{self, Subscriber},
    pty::{Pty, Setup},
};

const ENTER: &str = "\r";
const TAB: &str = "\t";
const F5: &str = "\x1b[15~";
const ALT_ENTER: &str = "\x1b\r";

#[rstest]
#[case::small(80, 24, F5)]
#[case::large(160, 45, ALT_ENTER)]
fn a_connection_is_made_watched_published_to_and_left(#[case] columns: u16, #[case] rows: u16, #[case] send: &str) {
    let broker = Mosquitto::start();
    let mut subscriber = Subscriber::start(broker.port);
    let setup = Setup::new().size(columns, rows);
    let profiles = setup.profiles_path();
    let mut pty = setup.start();

    pty.wait_for("No saved connections yet");
    pty.assert_taken();
    pty.send("n");
    pty.wait_for("New connection ━");
    pty.send(&format!("mqtt://127.0.0.1:{}{TAB}plant{ENTER}", broker.port));
    pty.wait_for("online since");
    pty.wait_until("a saved profile", |_| profiles.exists());

    subscribe_to_all(&mut pty);
    peer::publish(broker.port, "hall/press", br#"{"temp":21.5,"ok":true}"#);
    pty.wait_for("▼ hall");
    pty.wait_for("press {\"temp");
    pty.wait_for(r#"{"temp":21.5,"#);
    pty.send("2");
    pty.wait_for(r#"  "temp": 21.5,"#);
    pty.wait_for(r#"  "ok": true"#);

    pty.send("1pp");
    pty.wait_for("Publish ━");
    pty.send(&format!("lant/cmd{TAB}{TAB}{TAB}{{\"mode\":\"eco\"}}{send}"));
    subscriber.wait_for(r#"plant/cmd {"mode":"eco"}"#);
    pty.wait_without("Publish ━");

    pty.send("q");
    assert_eq!(pty.ends(Duration::from_secs(2)), 0);
    pty.assert_restored();
    assert_eq!(fs::metadata(&profiles).expect("saved").permissions().mode() & 0o777, 0o600);
    let saved = fs::read_to_string(&profiles).expect("saved");
    assert!(saved.contains("[profile.plant]") && saved.contains(&format!("127.0.0.1:{}", broker.port)), "{saved}");
}

/// Subscribes to everything, in the form that a new connection without subscriptions opens by itself.
fn subscribe_to_all(pty: &mut Pty) {
    pty.wait_for("Subscribe ━");
    pty.send(ENTER);
    pty.wait_for("Subscribed to # (QoS 0)");
}

#[cfg(feature = "demo")]
#[test]
fn the_demo_needs_nothing_but_a_terminal() {
    let mut pty = Setup::new().args(&["demo"]).start();
    pty.wait_for("demo ● online since");
    pty.wait_for("▼ plant");
    pty.send("q");
    assert_eq!(pty.ends(Duration::from_secs(2)), 0);
    pty.assert_restored();
}
