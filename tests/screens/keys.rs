//! Keys that do nothing say why, and none does what cannot be seen.

use mqtap::{
    app::{
        Screen,
        event::{Effect, Event, Outcome},
        popup::Popup,
    },
    keymap::action::Action,
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
fn a_key_that_does_nothing_here_says_why() {
    for (place, keys, why) in [
        ("6", "f", "nothing to freeze"),
        ("6", "z", "panes"),
        ("6", "b", "panes"),
        ("6", "]", "panes"),
        ("6", "[", "panes"),
        ("6", "P", "panes"),
        ("6", "y y", "panes"),
        ("6", "/", "no list to narrow"),
        ("6", "enter", "nothing to choose"),
        ("5", "z", "panes"),
        ("5", "b", "panes"),
        ("5", "]", "panes"),
        ("5", "y t", "panes"),
        ("t", "space", "no branches"),
        ("t", "o", "no branches"),
        ("t", "O", "no branches"),
        ("S", "enter", "nothing to choose"),
        ("?", "enter", "nothing to choose"),
        ("N", "enter", "nothing to choose"),
        ("3", "enter", "nothing to choose"),
        ("1", "g c", "no other live connection"),
    ] {
        let mut player = online();
        player.keys(place);
        player.keys(keys);
        let shown = player.shown();
        assert!(shown.contains(why), "{place} {keys}: {shown}");
    }
}

#[test]
fn nothing_hidden_changes() {
    let mut player = online();
    for view in ["5", "6"] {
        player.keys(view);
        player.keys("z b ] f f");
    }
    player.keys("1 t space O o t");
    let workspace = &player.app.workspaces[0];
    assert!(!workspace.zoom && !workspace.messages.pinned && workspace.messages.follow);
    assert_eq!(workspace.detail.tab, mqtap::app::detail::Tab::default());
    let row = workspace.store.tree().row(0).expect("a root");
    assert!(workspace.store.tree().is_open(row.node), "the only root is open, as it was");
}

#[test]
fn hints_are_of_keys_that_do_something() {
    let mut player = online();
    player.keys("6");
    let shown = player.shown();
    let hints = shown.lines().rev().nth(1).expect("the hints");
    assert!(!hints.contains("freeze") && !hints.contains("zoom") && hints.contains("publish"), "{hints}");
}

#[test]
fn the_help_says_what_does_nothing_here() {
    let mut player = online();
    player.keys("6 ?");
    let mut pages = String::new();
    for _ in 0..6 {
        pages.push_str(&player.shown());
        player.keys("pagedown");
    }
    assert!(pages.contains("nothing to freeze"), "{pages}");
}

/// Opens the palette, types the name of an action, and tells what stands there.
fn offered(player: &mut Player, action: Action) -> String {
    player.keys(":");
    player.type_text(&action.name().replace('-', " "));
    let shown = player.shown();
    player.keys("enter");
    shown
}

#[test]
fn the_palette_does_nothing_to_what_cannot_be_seen() {
    for (action, why) in [
        (Action::Unsubscribe, "S lists"),
        (Action::ConnectionOpen, "c shows the connections"),
        (Action::ConnectionDelete, "c shows the connections"),
        (Action::PacketHex, "5 shows"),
    ] {
        let mut player = online();
        saved(&mut player, &["lab"]);
        let effects = player.effects.len();
        let shown = offered(&mut player, action);
        assert!(shown.contains(why), "{action:?}: {shown}");
        assert!(player.shown().contains(why), "{action:?}: {}", player.shown());
        assert_eq!((player.effects.len(), player.app.popups.len()), (effects, 0), "{action:?}");
    }
}

#[test]
fn the_palette_acts_on_the_list_below_it() {
    let mut player = online();
    player.keys("S");
    offered(&mut player, Action::Unsubscribe);
    assert!(matches!(player.effects.last(), Some(Effect::Mqtt(..))));
    let mut player = online();
    player.keys("?");
    offered(&mut player, Action::Zoom);
    assert!(player.app.popups.is_empty() && player.app.workspaces[0].zoom, "what is done is seen");
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
    for _ in 0..2 {
        player.update(Event::Done(Outcome::DemoReady(Box::new(profile("demo")))));
    }
    assert_eq!(player.app.workspaces.len(), 2, "asked for twice, it is there once");
    let plant = player.app.screen;
    player.effects.clear();
    player.keys("c d");
    assert!(player.effects.iter().all(|effect| !matches!(effect, Effect::StartDemo)), "the plant runs once");
    assert_eq!(player.app.screen, plant);
}

#[test]
fn a_key_that_types_a_letter_closes_no_form() {
    let mut player = online();
    let problems = player.app.keymap.overlay("[global]\nx = \"quit-now\"\nalt-x = \"quit-now\"\n");
    assert_eq!(problems, Vec::<String>::new());
    player.keys("1 g g s");
    player.type_text("mqttx");
    assert!(player.shown().contains("mqttx"), "{}", player.shown());
    player.keys("alt-x");
    assert!(player.app.popups.is_empty());
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
