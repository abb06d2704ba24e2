//! Forms: what is typed and pasted into them, and what becomes of it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use mqtap::{
    app::event::{Effect, Event},
    base::text,
    keymap::key::{Code, Key},
    mqtt::{command::Command, message::Message},
};

use crate::player::Player;

/// Longer than any paste takes that is not quadratic, on any machine.
const PATIENCE: Duration = Duration::from_secs(10);

fn online() -> Player {
    let mut player = Player::online(80, 24, &["#"]);
    player.receive("plant/temp", "21");
    player.pass(10_000);
    player
}

fn paste(player: &mut Player, text: impl Into<String>) {
    player.update(Event::Paste(text.into()));
    player.screen();
}

fn press(player: &mut Player, c: char) {
    player.update(Event::Key(Key::plain(Code::Char(c))));
    player.screen();
}

/// Everything that was published.
fn published(player: &Player) -> Vec<Message> {
    let published = |effect: &Effect| match effect {
        Effect::Mqtt(_, Command::Publish { message, .. }) => Some(message.clone()),
        _ => None,
    };
    player.effects.iter().filter_map(published).collect()
}

/// Lets a message arrive, opens a copy of it, presses keys and sends it.
fn republished(payload: &'static [u8], keys: &[&str]) -> Bytes {
    let mut player = online();
    player.receive("plant/raw", payload);
    player.keys("2 P");
    for keys in keys {
        player.keys(keys);
    }
    player.keys("alt-enter");
    published(&player).pop().expect("a publish").payload
}

#[test]
fn a_paste_of_a_mebibyte_is_over_at_once() {
    for (place, keys) in
        [("palette", ":"), ("filter", "/"), ("topic", "1 g g p"), ("payload", "1 g g p tab tab tab"), ("subscribe", "s")]
    {
        let mut player = online();
        player.keys(keys);
        let start = Instant::now();
        paste(&mut player, "ab cd\n".repeat((1 << 20) / 6));
        assert!(start.elapsed() < PATIENCE, "{place}: {:?}", start.elapsed());
        press(&mut player, 'x');
        assert!(start.elapsed() < 2 * PATIENCE, "{place}: {:?}", start.elapsed());
    }
}

#[test]
fn what_does_not_fit_into_a_field_is_counted() {
    let mut player = online();
    player.keys("1 g g p");
    paste(&mut player, "t".repeat(20_000));
    let shown = player.shown();
    assert!(shown.contains("3,616 characters were left out: the field takes 16.0 KiB"), "{shown}");
    press(&mut player, 't');
    assert!(player.shown().contains("1 character was left out"), "{}", player.shown());
    player.keys("tab tab tab");
    paste(&mut player, "p".repeat(300 << 10));
    assert!(player.shown().contains("left out: the field takes 256 KiB"), "{}", player.shown());
}

#[test]
fn a_very_long_line_of_a_payload_is_edited_at_its_end() {
    let mut player = online();
    player.keys("1 g g p");
    player.type_text("t");
    player.keys("tab tab tab");
    paste(&mut player, "0123456789".repeat(7_000));
    player.keys("end backspace x alt-enter");
    let payload = published(&player).pop().expect("a publish").payload;
    assert_eq!((payload.len(), &payload[payload.len() - 3..]), (70_000, &b"78x"[..]));
}

#[test]
fn a_payload_over_the_limit_of_the_field_is_kept_as_it_is() {
    let mut player = online();
    player.receive("plant/long", "x".repeat((256 << 10) + 1));
    player.keys("2 P");
    let shown = player.shown();
    assert!(shown.contains("sent as they are"), "{shown}");
}

#[test]
fn a_payload_with_tabs_is_edited_as_text() {
    assert_eq!(republished(b"{\n\t\"a\": 1\n}", &["delete ["]), &b"[\n\t\"a\": 1\n}"[..]);
}

#[test]
fn the_line_ends_of_a_payload_stay_as_they_are() {
    assert_eq!(republished(b"a\r\nb\r\n", &[]), &b"a\r\nb\r\n"[..]);
    assert_eq!(republished(b"a\r\nb\r\n", &["x enter y"]), &b"x\r\nya\r\nb\r\n"[..]);
    assert_eq!(republished(b"a\r\nb\nc\rd", &[]), &b"a\r\nb\nc\rd"[..]);
    assert_eq!(republished(b"a\n", &["x"]), &b"xa\n"[..]);
}

#[test]
fn what_cannot_be_seen_is_not_typed_into_anything() {
    for keys in ["1 g g p", "1 g g p tab tab tab", "s", "/", ":"] {
        let mut player = online();
        player.keys(keys);
        for c in ['\u{e0070}', '\u{202e}', '\u{9b}'] {
            press(&mut player, 'a');
            press(&mut player, c);
            let shown = player.shown();
            assert!(shown.contains("was left out"), "{keys}: {shown}");
        }
        let hostile = |cell: &ratatui::buffer::Cell| cell.symbol().chars().any(text::is_hostile);
        assert!(!player.screen().content.iter().any(hostile), "{keys}");
    }
    let payload = republished(b"", &[]);
    assert!(payload.is_empty());
}

#[test]
fn a_payload_of_stacked_marks_fills_no_cell_with_bytes() {
    let mut player = online();
    player.receive("plant/zalgo", format!("a{}b", "\u{301}".repeat(3_000)));
    player.keys("2 P");
    assert!(player.screen().content.iter().all(|cell| cell.symbol().len() <= 32));
}

#[test]
fn a_paste_that_only_mentions_a_url_is_none() {
    let mut player = Player::new(80, 24);
    paste(&mut player, "{\"link\": \"https://x.example\"}");
    assert!(player.app.popups.is_empty() && player.shown().contains("nothing to paste into"), "{}", player.shown());
}
