//! Keys that lead from connection to connection, and from branch to branch.

use mqtap::{
    app::{
        Screen,
        event::{Effect, Event, Outcome},
        popup::Popup,
    },
    mqtt::message::{Message, Qos},
    profile::{Profile, Profiles},
    wire::endpoint::Url,
};

use crate::player::Player;

fn online() -> Player {
    let mut player = Player::online(80, 24, &["#"]);
    player.receive("plant/temp", "21");
    player.receive("plant/hall/press", "1");
    player.pass(10_000);
    player
}

fn profile(name: &str) -> Profile {
    Profile::ad_hoc(Url::parse("mqtt://lab.example").expect("a URL")).named(name)
}

/// The saved connections of these names.
fn saved(player: &mut Player, names: &[&str]) {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("profiles.toml");
    let tables: Vec<String> = names.iter().map(|name| format!("[profile.{name}]\nurl = \"mqtt://{name}.saved\"\n")).collect();
    std::fs::write(&file, tables.concat()).expect("a file");
    player.update(Event::Done(Outcome::Profiles(Profiles::load(&file, None))));
}

#[test]
fn esc_on_the_connections_goes_back_to_where_one_came_from() {
    let mut player = online();
    let lab = player.app.connect(profile("lab"), None);
    player.effects.push(lab);
    let here = player.app.screen;
    player.keys("c");
    assert_eq!(player.app.screen, Screen::Start);
    player.keys("esc");
    assert_eq!(player.app.screen, here);
    player.keys("c enter");
    assert_eq!(player.app.screen, here, "its row is the selected one");
}

#[test]
fn a_saved_connection_is_listed_beside_a_live_one_of_its_name() {
    let mut player = Player::new(80, 24);
    player.keys("t");
    saved(&mut player, &["localhost", "lab"]);
    player.keys("c");
    let shown = player.shown();
    assert!(shown.contains("mqtt://localhost.saved:1883") && shown.contains("mqtt://localhost:1883"), "{shown}");
    player.keys("down enter c");
    let shown = player.shown();
    assert_eq!(shown.matches("mqtt://localhost.saved").count(), 1, "the saved one is live and listed once: {shown}");
    assert!(shown.contains("● ") || shown.contains("◐ "), "{shown}");
}

#[test]
fn a_connection_called_demo_is_not_the_plant() {
    let mut player = Player::new(80, 24);
    let _ = player.app.connect(profile("demo"), None);
    player.keys("c d");
    assert!(player.effects.iter().any(|effect| matches!(effect, Effect::StartDemo)));
    player.update(Event::Done(Outcome::DemoReady(Box::new(profile("demo")))));
    let plant = player.app.screen;
    player.effects.clear();
    player.keys("c d");
    assert!(player.effects.iter().all(|effect| !matches!(effect, Effect::StartDemo)), "the plant runs once");
    assert_eq!(player.app.screen, plant);
}

#[test]
fn a_frozen_log_stays_frozen_from_branch_to_branch() {
    let mut player = online();
    player.keys("g g f");
    player.receive("plant/temp", "22");
    player.receive("plant/temp", "23");
    player.keys("j j");
    let shown = player.shown();
    assert!(!player.app.workspaces[0].messages.follow && !shown.contains("● follow"), "{shown}");
    let workspace = &player.app.workspaces[0];
    let selected = workspace.selected().expect("a message");
    assert_eq!((selected.topic, selected.payload), ("plant/hall/press", &b"1"[..]), "{shown}");
    assert_eq!(workspace.messages.new_below(), 0, "{shown}");
    player.keys("j j");
    let workspace = &player.app.workspaces[0];
    let selected = workspace.selected().expect("a message");
    assert_eq!((selected.topic, selected.payload), ("plant/temp", &b"21"[..]), "as it stood when it was frozen");
    assert_eq!(workspace.messages.new_below(), 2);
    player.keys("f");
    let shown = player.shown();
    assert!(shown.contains("● follow"), "{shown}");
}

#[test]
fn a_disconnect_asks_about_what_is_not_acknowledged() {
    let mut player = Player::online(80, 24, &["#"]);
    player.app.workspaces[0].expect_receipt(&Message { topic: "a".into(), qos: Qos::AtLeastOnce, ..Message::default() });
    player.keys("D");
    let shown = player.shown();
    assert!(matches!(player.app.popups[..], [Popup::Confirm { .. }]) && shown.contains("1 published message"), "{shown}");
    player.keys("y");
    assert!(player.app.workspaces.is_empty());
}
