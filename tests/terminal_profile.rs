//! The description of our screen for the measuring harness, tests/bench/terminal-profile.json, held against the screen.

#[path = "common/player.rs"]
#[expect(dead_code, reason = "the tests of the screens use the rest")]
mod player;

use std::{fs, sync::Arc};

use mqtap::{
    app::event::Effect,
    base::clock::Stamp,
    mqtt::{
        error::Failure,
        event::{Event as Mqtt, Status},
    },
    wire::error::WireError,
};
use player::Player;
use ratatui::style::Color;
use regex::Regex;
use serde_json::Value;

/// The size of the terminal that the harness measures with.
const SIZE: (u16, u16) = (200, 50);

fn profile() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/terminal-profile.json");
    let text = fs::read_to_string(path).expect("the profile");
    serde_json::from_str::<Value>(&text).expect("JSON")["mqtap"].take()
}

fn regex(profile: &Value, name: &str) -> Regex {
    Regex::new(profile[name].as_str().expect(name)).expect(name)
}

/// Sits down in front of what the harness sends first: so many topics, once each.
fn player(topics: u32) -> Player {
    let mut player = Player::online(SIZE.0, SIZE.1, &["#"]);
    for n in 0..topics {
        player.receive(&format!("site/{}/line/{}/machine/{n}/temp", n % 10, n % 7), format!("{{\"seq\":{n}}}"));
    }
    player
}

fn shown(player: &mut Player) -> String {
    player::text(&player.screen())
}

/// Presses keys as the harness has them, byte for byte.
fn press(player: &mut Player, keys: &Value) {
    let one = [keys.clone()];
    for key in keys.as_array().map_or(&one[..], Vec::as_slice) {
        player.keys(match key.as_str().expect("a key") {
            "\x1b[A" => "up",
            "\x1b[B" => "down",
            key => key,
        });
    }
}

/// Returns the rows with one of the colours of a selection.
fn selected(player: &mut Player, profile: &Value) -> Vec<u16> {
    let colours: Vec<Color> = profile["select"]["colors"]
        .as_array()
        .expect("colours")
        .iter()
        .map(|colour| Color::from_u32(u32::from_str_radix(colour.as_str().expect("a colour"), 16).expect("hexadecimal")))
        .collect();
    let screen = player.screen();
    (0..SIZE.1).filter(|y| (0..SIZE.0).any(|x| colours.contains(&screen[(x, *y)].bg))).collect()
}

#[test]
fn the_screen_is_known_to_be_up() {
    let screen = shown(&mut player(0));
    assert!(regex(&profile(), "ready").is_match(&screen), "{screen}");
    assert!(!regex(&profile(), "first_msg").is_match(&screen), "{screen}");
}

#[test]
fn the_first_message_is_seen() {
    let screen = shown(&mut player(1));
    assert!(regex(&profile(), "first_msg").is_match(&screen), "{screen}");
}

#[test]
fn both_counters_are_read() {
    let count = regex(&profile(), "count");
    for topics in [1, 999, 1_234] {
        let screen = shown(&mut player(topics));
        let found = count.captures(&screen).unwrap_or_else(|| panic!("{screen}"));
        let number = |name: &str| found[name].replace(',', "").parse::<u32>().expect("a number");
        assert_eq!((number("topics"), number("msgs")), (topics, topics));
    }
}

#[test]
fn the_keys_of_each_view_and_the_selection_are_known() {
    let profile = profile();
    let mut player = player(300);
    for keys in profile["views"].as_object().expect("views").values() {
        press(&mut player, keys);
    }
    press(&mut player, &profile["nav_prepare"]);
    let before = selected(&mut player, &profile);
    assert_eq!(before.len(), 1, "one row is selected");
    press(&mut player, &profile["nav_down"]);
    assert_eq!(selected(&mut player, &profile), [before[0] + 1]);
    press(&mut player, &profile["nav_up"]);
    assert_eq!(selected(&mut player, &profile), before);
}

#[test]
fn a_lost_connection_is_seen() {
    let profile = profile();
    let mut player = player(1);
    let error = regex(&profile, "error");
    assert!(!error.is_match(&shown(&mut player)));
    let cause = Arc::new(Failure::Wire(WireError::Broken { detail: "reset".into() }));
    player.mqtt(Mqtt::Status(Status::Waiting { until: Stamp { mono: 9_000_000, wall: 0 }, attempt: 2, cause }));
    let screen = shown(&mut player);
    assert!(error.is_match(&screen), "{screen}");
}

#[test]
fn the_quit_key_quits() {
    let mut player = player(1);
    press(&mut player, &profile()["quit"]);
    assert!(player.effects.iter().any(|effect| matches!(effect, Effect::Quit)));
}
