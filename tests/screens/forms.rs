//! Forms: what is typed and pasted into them, and what becomes of it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use mqtap::{
    app::event::{ConnId, Effect, Event},
    base::text,
    keymap::key::{Code, Key},
    mqtt::{
        command::Command,
        message::{Message, Properties},
        options::Protocol,
    },
    profile::{Profile, need::Need},
    wire::endpoint::Url,
};

use crate::player::{Player, properties};

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

/// Everything that was published, with where it went.
fn published(player: &Player) -> Vec<(ConnId, Message)> {
    let published = |effect: &Effect| match effect {
        Effect::Mqtt(id, Command::Publish { message, .. }) => Some((*id, message.clone())),
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
    published(&player).pop().expect("a publish").1.payload
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
    let payload = published(&player).pop().expect("a publish").1.payload;
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
fn a_no_gives_the_message_back() {
    for no in ["n", "esc", "q"] {
        let mut player = online();
        player.app.workspaces[0].profile.protect = true;
        player.keys("1 g g p");
        player.type_text("cmd");
        player.keys("tab tab tab h i alt-enter");
        assert!(player.shown().contains("It is protected"), "{}", player.shown());
        player.keys(no);
        let shown = player.shown();
        assert!(shown.contains("Topic     cmd") && shown.contains("hi"), "{no}: {shown}");
        player.keys("alt-enter y");
        let (_, message) = published(&player).pop().expect("a publish");
        assert_eq!((&*message.topic, &*message.payload), ("cmd", &b"hi"[..]));
        assert!(player.app.popups.is_empty());
    }
}

#[test]
fn a_message_that_is_not_sent_comes_back() {
    let mut player = online();
    player.keys("1 g g p");
    player.type_text("cmd");
    player.keys("tab tab tab h i esc");
    let shown = player.shown();
    assert!(player.app.popups.is_empty() && shown.contains("p brings it back"), "{shown}");
    player.keys("p");
    let shown = player.shown();
    assert!(shown.contains("Topic     cmd") && shown.contains("hi"), "{shown}");
}

#[test]
fn the_key_that_leaves_everywhere_leaves_with_one_press_from_whatever_is_open() {
    let opened = [
        "",
        "p",
        "s",
        "/",
        "4 /",
        ":",
        "ctrl-p",
        "?",
        "N",
        "T",
        "S",
        "g",
        "1 g g p tab tab tab x",
        "p alt-enter",
        "0",
        "0 n",
        "5",
        "6",
    ];
    for keys in opened {
        let mut player = online();
        if !keys.is_empty() {
            player.keys(keys);
        }
        assert!(!player.effects.iter().any(|effect| matches!(effect, Effect::Quit)), "{keys}");
        player.keys("ctrl-c");
        assert!(player.effects.iter().any(|effect| matches!(effect, Effect::Quit)), "{keys}: {}", player.shown());
    }
    let mut player = online();
    player.keys("1 g g p");
    player.type_text("cmd");
    player.keys("tab tab tab h i ctrl-c");
    assert!(player.app.workspaces[0].draft.is_some(), "what was typed is put aside");
}

#[test]
fn a_key_empties_the_field_it_is_typed_in() {
    let mut player = online();
    player.keys("1 g g p");
    player.type_text("cmd");
    player.keys("left left ctrl-u");
    player.type_text("other");
    player.keys("tab tab tab h i alt-enter");
    let mut player = online();
    player.keys("1 g g p");
    player.type_text("cmd");
    player.keys("tab tab tab o n e enter t w o up ctrl-u");
    player.type_text("new");
    player.keys("shift-tab shift-tab shift-tab left left ctrl-u");
    player.type_text("topic");
    player.keys("alt-enter");
    let (_, message) = published(&player).pop().expect("a publish");
    assert_eq!((&*message.topic, &*message.payload), ("topic", &b"new"[..]));
    player.keys("/");
    player.type_text("abc");
    player.keys("left ctrl-u");
    assert!(!player.shown().contains("abc"), "{}", player.shown());
}

#[test]
fn a_message_to_another_topic_comes_back_where_it_was_begun() {
    let mut player = online();
    player.keys("1 g g j j p");
    assert!(player.shown().contains("Topic     plant/temp"), "{}", player.shown());
    player.keys("shift-tab shift-tab shift-tab ctrl-u");
    player.type_text("cmd");
    player.keys("esc p");
    assert!(player.shown().contains("Topic     cmd"), "{}", player.shown());
    player.keys("esc k p");
    assert!(!player.shown().contains("Topic     cmd"), "another topic has another message: {}", player.shown());
    player.keys("esc j p");
    assert!(player.shown().contains("Topic     cmd"), "what was not touched replaces nothing: {}", player.shown());
}

#[test]
fn yes_publishes_on_the_connection_that_the_question_names() {
    let mut player = online();
    player.app.workspaces[0].profile.protect = true;
    let plant = player.app.workspaces[0].id;
    player.keys("1 g g p");
    player.type_text("cmd");
    player.keys("alt-enter");
    let _ = player.app.connect(Profile::ad_hoc(Url::parse("mqtt://lab.example").expect("a URL")).named("lab"), None);
    player.keys("y");
    let to: Vec<_> = published(&player).into_iter().map(|(id, _)| id).collect();
    assert_eq!(to, [plant]);
}

#[test]
fn a_form_sends_to_the_connection_that_it_was_opened_on() {
    let mut player = online();
    let plant = player.app.workspaces[0].id;
    let go_to_another = |player: &mut Player| {
        let _ = player.app.connect(Profile::ad_hoc(Url::parse("mqtt://lab.example").expect("a URL")).named("lab"), None);
    };
    player.keys("1 g g p");
    player.type_text("cmd");
    go_to_another(&mut player);
    player.keys("alt-enter");
    assert_eq!(published(&player).first().map(|(id, _)| *id), Some(plant));
    let mut player = online();
    player.keys("s");
    player.type_text("a");
    go_to_another(&mut player);
    player.keys("enter");
    let subscribed = player.effects.iter().find_map(|effect| match effect {
        Effect::Mqtt(id, Command::Subscribe(_)) => Some(*id),
        _ => None,
    });
    assert_eq!(subscribed, Some(plant));
}

/// What a device sent, with all that a property can be.
fn with_properties() -> Message {
    let properties = Properties { topic_alias: Some(7), subscription_ids: vec![1, 2], payload_format: Some(1), ..properties() };
    Message { topic: "plant/cmd".into(), payload: "go".into(), properties: Some(Box::new(properties)), ..Message::default() }
}

#[test]
fn a_copy_keeps_the_properties_that_can_be_published() {
    let mut player = online();
    player.receive_as(with_properties());
    player.keys("2 P");
    let shown = player.shown();
    assert!(shown.contains("7 properties kept"), "{shown}");
    player.keys("alt-enter");
    let sent = published(&player).pop().expect("a publish").1.properties.map(|properties| *properties);
    assert_eq!(sent, Some(Properties { payload_format: Some(1), ..properties() }));
}

#[test]
fn the_properties_of_a_copy_can_be_left_out() {
    let mut player = online();
    player.receive_as(with_properties());
    player.keys("2 P shift-tab delete");
    assert!(player.shown().contains("MQTT 5    properties left out"), "{}", player.shown());
    player.keys("alt-enter");
    assert_eq!(published(&player).pop().expect("a publish").1.properties, None);
}

#[test]
fn mqtt_3_1_1_has_no_properties_to_keep() {
    let mut player = online();
    player.app.workspaces[0].welcome.as_mut().expect("a welcome").protocol = Protocol::V311;
    player.receive_as(with_properties());
    player.keys("2 P");
    let shown = player.shown();
    assert!(shown.contains("7 properties left out: MQTT 3.1.1 has none"), "{shown}");
    player.keys("alt-enter");
    assert_eq!(published(&player).pop().expect("a publish").1.properties, None);
}

#[test]
fn a_password_in_a_url_is_taken_out_and_kept_in_memory() {
    let url = "mqtt://ops:S3cr%40t@broker.plant.example:2000";
    let on_start = |player: &mut Player| paste(player, url);
    let in_the_form = |player: &mut Player| {
        player.keys("n");
        paste(player, url);
    };
    let typed = |player: &mut Player| {
        player.keys("n");
        player.type_text(url);
    };
    let ways: [&dyn Fn(&mut Player); 3] = [&on_start, &in_the_form, &typed];
    for (way, enter) in ways.iter().enumerate() {
        let mut player = Player::new(80, 24);
        enter(&mut player);
        let shown = player.shown();
        assert!(!shown.contains("S3cr") && shown.contains("mqtt://ops@broker.plant.example:2000"), "{way}: {shown}");
        assert!(shown.contains("from the URL, kept in memory"), "{way}: {shown}");
        player.keys("enter");
        assert_password_of_the_url(&player);
    }
}

/// Asserts that the connection was started with the password, and saved without.
fn assert_password_of_the_url(player: &Player) {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("profiles.toml");
    let mut given = None;
    for effect in &player.effects {
        match effect {
            Effect::Start(_, profile, secrets) => {
                assert_eq!(profile.username(), Some("ops"));
                given = secrets.first().map(|(need, secret)| (need.clone(), secret.expose().to_vec()));
            }
            Effect::Save(draft) => draft.save(&file, None, mqtap::profile::draft::Saving::New).expect("saved"),
            _ => {}
        }
    }
    assert_eq!(given, Some((Need::Password, b"S3cr@t".to_vec())));
    let saved = std::fs::read_to_string(&file).expect("a file");
    assert!(!saved.contains("S3cr") && saved.contains("prompt = true"), "{saved}");
}

#[test]
fn the_password_of_a_url_can_be_thrown_away() {
    let mut player = Player::new(80, 24);
    paste(&mut player, "mqtt://ops:S3cret@broker.plant.example");
    player.keys("tab tab delete");
    assert!(player.shown().contains("(•) none"), "{}", player.shown());
    player.keys("enter");
    let given = player.effects.iter().find_map(|effect| match effect {
        Effect::Start(_, _, given) => Some(given.len()),
        _ => None,
    });
    assert_eq!(given, Some(0));
}

#[test]
fn a_paste_that_only_mentions_a_url_is_none() {
    let mut player = Player::new(80, 24);
    paste(&mut player, "{\"link\": \"https://x.example\"}");
    assert!(player.app.popups.is_empty() && player.shown().contains("nothing to paste into"), "{}", player.shown());
}
