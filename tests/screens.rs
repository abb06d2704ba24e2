//! What the screens look like: keys and events in, snapshots out.

#[path = "screens/broker.rs"]
mod broker;
#[path = "screens/filter.rs"]
mod filter;
#[path = "screens/forms.rs"]
mod forms;
#[path = "screens/keys.rs"]
mod keys;
#[path = "screens/mouse.rs"]
mod mouse;
#[path = "common/player.rs"]
mod player;
#[path = "screens/popups.rs"]
mod popups;
#[path = "screens/protocol.rs"]
mod protocol;

use insta::assert_snapshot;
use mqtap::{
    app::event::{Effect, Event, Outcome},
    base::{clock::Stamp, secret::Secret},
    mqtt::{
        command::Command,
        error::Failure,
        event::{Event as Mqtt, Receipt, Status},
        message::{Message, Qos},
        options::Protocol,
        reason::Reason,
    },
    profile::need::Need,
    wire::{dial::Stage, error::WireError},
};
use player::{Player, properties};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 34), (160, 45)];

/// Fills a connection with what a plant would send.
fn plant(columns: u16, rows: u16) -> Player {
    let mut player = Player::online(columns, rows, &["plant/#", "secret/#"]);
    let denied = Failure::Denied { reason: Reason(0x87), text: String::new() };
    player.mqtt(Mqtt::Subscribed { filter: "secret/#".into(), outcome: Err(denied) });
    for n in 0..30 {
        player.receive("plant/hall1/press3/temp", format!("{}.{}", 20 + n / 10, n % 10));
        player.receive_as(Message {
            topic: "plant/hall1/press3/telemetry".into(),
            payload: format!("{{\"t\":{},\"unit\":\"°C\",\"ok\":true,\"tags\":[\"a\",null]}}", 200 + n).into(),
            qos: Qos::AtLeastOnce,
            properties: Some(Box::new(properties())),
            ..Message::default()
        });
    }
    player.receive_as(Message {
        topic: "plant/hall2/agv7/status".into(),
        payload: "online".into(),
        retain: true,
        ..Message::default()
    });
    player.receive("plant/hall2/plc/raw", vec![0x00, 0x01, 0xfe, 0xff, 0x10]);
    player.receive("zigbee/lamp", "\u{1b}]0;pwned\u{7}on\u{202e}");
    player.keys("o");
    player.pass(10_000);
    player
}

#[test]
fn the_start_screen() {
    for (columns, rows) in SIZES {
        let mut player = Player::new(columns, rows);
        player.update(Event::Done(Outcome::Probed(true)));
        assert_snapshot!(format!("start_{columns}x{rows}"), player.shown());
    }
}

#[test]
fn a_connection_with_messages() {
    for (columns, rows) in SIZES {
        assert_snapshot!(format!("workspace_{columns}x{rows}"), plant(columns, rows).shown());
    }
}

#[test]
fn a_message_with_its_properties() {
    let mut player = plant(80, 24);
    player.keys("down down down down down tab tab ]");
    assert_snapshot!(player.shown());
}

#[test]
fn a_message_byte_by_byte() {
    let mut player = plant(80, 24);
    player.keys("[");
    assert_snapshot!(player.shown());
}

#[test]
fn a_frozen_log_counts_what_is_new() {
    let mut player = plant(80, 24);
    player.keys("2 k k k");
    for _ in 0..5 {
        player.receive("plant/hall1/press3/temp", "30.0");
    }
    assert_snapshot!(player.shown());
}

#[test]
fn one_pane_on_a_small_terminal() {
    for key in ["1", "2", "3"] {
        let mut player = plant(60, 16);
        player.keys(key);
        assert_snapshot!(format!("small_pane_{key}"), player.shown());
    }
}

#[test]
fn a_terminal_that_is_too_small_is_told_so() {
    let mut player = plant(80, 24);
    player.update(Event::Resize(40, 10));
    assert_snapshot!(player.shown());
}

#[test]
fn the_publish_form() {
    let mut player = plant(80, 24);
    player.keys("2 P");
    assert_snapshot!("publish_raw", player.shown());
    player.keys("esc 1 g g p");
    player.type_text("plant/cmd");
    player.keys("tab 1 tab space tab");
    player.type_text("{\"mode\":");
    player.keys("enter");
    player.type_text(" \"eco\"}");
    assert_snapshot!("publish_form", player.shown());
}

#[test]
fn what_is_wrong_with_a_form_stands_in_it() {
    let mut player = plant(80, 24);
    player.keys("s");
    player.keys("ctrl-u");
    player.type_text("a/#/b");
    player.keys("enter");
    assert_snapshot!(player.shown());
}

#[test]
fn help_palette_notices_themes_and_subscriptions() {
    for (name, keys) in [("help", "?"), ("palette", ":"), ("notices", "N"), ("themes", "T down"), ("subscriptions", "S")] {
        let mut player = plant(80, 24);
        player.keys(keys);
        assert_snapshot!(format!("popup_{name}"), player.shown());
    }
}

#[test]
fn a_broker_that_is_not_there() {
    let mut player = Player::online(80, 24, &["#"]);
    let cause = WireError::Name { host: "broker.plant.example".into(), detail: "Name or service not known".into() };
    let until = Stamp { mono: 4_000_000, wall: 0 };
    player.mqtt(Mqtt::Status(Status::Waiting { until, attempt: 3, cause: std::sync::Arc::new(Failure::Wire(cause)) }));
    player.pass(500);
    assert_snapshot!(player.shown());
}

#[test]
fn a_denied_subscription_is_never_an_empty_screen() {
    let mut player = Player::online(80, 24, &["secret/#"]);
    let denied = Failure::Denied { reason: Reason(0x87), text: "ACL".into() };
    player.mqtt(Mqtt::Subscribed { filter: "secret/#".into(), outcome: Err(denied) });
    player.pass(10_000);
    assert_snapshot!(player.shown());
}

#[test]
fn a_shared_subscription_before_mqtt_5_is_remarked_on() {
    for (protocol, remarks) in [(Protocol::V311, true), (Protocol::V5, false)] {
        let mut player = Player::connecting(80, 24);
        player.welcome_with(|welcome| welcome.protocol = protocol);
        player.mqtt(Mqtt::Subscribed { filter: "$share/g/a".into(), outcome: Ok(Qos::AtMostOnce) });
        assert_eq!(player.shown().contains("$share/g/a: shared subscriptions are of MQTT 5"), remarks, "{}", player.shown());
    }
}

#[test]
fn connecting_shows_the_stage() {
    let mut player = Player::online(80, 24, &["#"]);
    player.mqtt(Mqtt::Status(Status::Connecting { stage: Stage::Tcp, attempt: 1 }));
    player.pass(10_000);
    let shown = player.shown();
    assert!(shown.contains("connecting: TCP"), "{shown}");
}

#[test]
fn a_connection_that_nobody_verified_says_so_in_red() {
    let mut player = Player::online(80, 24, &["#"]);
    player.pass(10_000);
    assert!(!player.shown().contains("UNVERIFIED"));
    let error = player.theme.style(mqtap::theme::Role::Error).fg;
    player.welcome_as(true);
    let buffer = player.screen();
    let row: String = (0..80).map(|column| buffer[(column, 0)].symbol().to_owned()).collect();
    let at = row.chars().position(|c| c == 'U').and_then(|at| u16::try_from(at).ok()).expect(&row);
    assert!(row.contains("UNVERIFIED"), "{row}");
    assert_eq!(Some(buffer[(at, 0)].fg), error);
}

#[test]
fn secrets_are_asked_for_one_after_the_other_and_all_are_passed_on() {
    let mut player = Player::online(80, 24, &["#"]);
    let id = player.app.workspaces[0].id;
    let wanted = |need, given| Event::Done(Outcome::SecretWanted(id, need, given));
    player.update(wanted(Need::Password, Vec::new()));
    assert!(player.shown().contains("Password for plant"));
    player.type_text("one");
    player.keys("enter");
    player.update(wanted(Need::Passphrase, started(&player)));
    assert!(player.shown().contains("Passphrase of the client key for plant"));
    player.type_text("two");
    assert!(!player.shown().contains("two"), "what is typed is not shown");
    player.keys("enter");
    let given = started(&player);
    let given: Vec<_> = given.iter().map(|(need, secret)| (need, secret.expose())).collect();
    assert_eq!(given, [(&Need::Password, &b"one"[..]), (&Need::Passphrase, &b"two"[..])]);
}

#[test]
fn a_secret_that_is_not_given_is_asked_for_again() {
    let mut player = Player::connecting(80, 24);
    let id = player.app.workspaces[0].id;
    let wanted = || Event::Done(Outcome::SecretWanted(id, Need::Password, Vec::new()));
    player.update(wanted());
    player.keys("esc");
    let shown = player.shown();
    assert!(shown.contains("Not given: Password") && shown.contains("r tries again"), "{shown}");
    player.effects.clear();
    player.keys("r");
    assert!(matches!(player.effects[..], [Effect::Start(again, ..)] if again == id), "a session that never was cannot reconnect");
    assert!(player.shown().contains("connecting"));
    player.update(wanted());
    assert!(player.shown().contains("Password for plant"));
}

#[test]
fn a_connection_that_could_not_be_started_stays_to_say_why() {
    let mut player = Player::connecting(80, 24);
    let id = player.app.workspaces[0].id;
    player.update(Event::Done(Outcome::NotStarted(id, "no password: the variable PLANT_PASSWORD is not set".into())));
    let shown = player.shown();
    assert!(shown.contains("No password: the variable PLANT_PASSWORD is") && shown.contains("r tries again"), "{shown}");
}

#[test]
fn what_was_received_outlives_a_start_that_failed() {
    let mut player = plant(80, 24);
    let id = player.app.workspaces[0].id;
    player.update(Event::Done(Outcome::NotStarted(id, "no password: the variable PLANT_PASSWORD is not set".into())));
    let shown = player.shown();
    assert!(shown.contains("kept 63") && shown.contains("online"), "{shown}");
}

#[test]
fn a_user_whom_the_broker_refuses_is_asked_for_another_name_and_password() {
    let refuse = |player: &mut Player, code| {
        let cause = Failure::Refused { reason: Reason(code), text: String::new() };
        player.mqtt(Mqtt::Status(Status::Failed { cause: cause.into() }));
    };
    let mut player = Player::connecting(80, 24);
    player.app.workspaces[0].profile.amend(|options| options.username = Some("ops".into()));
    refuse(&mut player, 0x86);
    assert_snapshot!(player.shown());
    player.type_text("CANARY");
    assert!(!player.shown().contains("CANARY"), "what is typed is not shown");
    player.keys("shift-tab backspace backspace backspace");
    player.type_text("anna");
    player.keys("enter");
    let Some(Effect::Start(_, profile, _)) = player.effects.last() else { panic!("no start") };
    assert_eq!(profile.username(), Some("anna"));
    assert_eq!(started(&player).iter().map(|(need, _)| need).collect::<Vec<_>>(), [&Need::Password]);
    assert_eq!(started(&player)[0].1.expose(), b"CANARY");
    // Once more, and then the user has enough of it.
    refuse(&mut player, 0x87);
    player.keys("esc");
    let shown = player.shown();
    assert!(player.app.popups.is_empty() && shown.contains("U with"), "{shown}");
    player.keys("U");
    assert!(player.shown().contains("Log in to plant"));
    // A full broker is another matter.
    let mut player = Player::connecting(80, 24);
    refuse(&mut player, 0x8a);
    assert!(player.app.popups.is_empty());
}

/// The secrets of the last start of a session.
fn started(player: &Player) -> Vec<(Need, Secret)> {
    let started = player.effects.iter().rev().find_map(|effect| match effect {
        Effect::Start(_, _, given) => Some(given.clone()),
        _ => None,
    });
    started.expect("a start")
}

#[test]
fn a_publish_goes_out_and_its_receipt_is_said() {
    let mut player = plant(80, 24);
    player.keys("1 g g p");
    player.type_text("cmd");
    player.keys("tab tab tab x alt-enter");
    let sent = player.effects.iter().find_map(|effect| match effect {
        Effect::Mqtt(_, Command::Publish { token, message }) => Some((*token, message.clone())),
        _ => None,
    });
    let (token, message) = sent.expect("a publish");
    assert_eq!((&*message.topic, &*message.payload), ("cmd", &b"x"[..]));
    let receipt = Receipt { took: std::time::Duration::from_millis(12), lowered_to: None, reason: Some(Reason(0x10)) };
    player.mqtt(Mqtt::Settled { token, outcome: Ok(receipt) });
    let shown = player.shown();
    assert!(shown.contains("✓ cmd: sent in 12 ms"), "{shown}");
}

#[test]
fn a_read_only_connection_publishes_nothing() {
    let mut player = plant(80, 24);
    player.app.workspaces[0].profile.read_only = true;
    player.keys("p");
    assert!(player.app.popups.is_empty());
    let shown = player.shown();
    assert!(shown.contains("read-only: nothing can be published"), "{shown}");
}

#[test]
fn a_protected_connection_asks_before_a_publish() {
    let mut player = plant(80, 24);
    player.app.workspaces[0].profile.protect = true;
    player.keys("1 g g p");
    player.type_text("cmd");
    player.keys("alt-enter");
    assert_snapshot!(player.shown());
    let published =
        |player: &Player| player.effects.iter().any(|effect| matches!(effect, Effect::Mqtt(_, Command::Publish { .. })));
    assert!(!published(&player));
    player.keys("y");
    assert!(published(&player));
}

#[test]
fn no_size_panics() {
    let mut player = plant(80, 24);
    for keys in ["p", "esc", "s", "esc", "?", "esc", ":", "esc", "N", "esc", "T", "esc", "S", "esc", "z", "2", "3", "c"] {
        player.keys(keys);
        for (columns, rows) in
            [(0, 0), (1, 1), (60, 16), (61, 19), (79, 20), (80, 20), (119, 30), (180, 16), (250, 70), (1, 500), (65_535, 1)]
        {
            player.update(Event::Resize(columns, rows));
            player.screen();
        }
        player.update(Event::Resize(80, 24));
        player.screen();
    }
}

#[test]
fn nothing_moves_while_nothing_happens() {
    let mut player = plant(80, 24);
    player.pass(60_000);
    assert_eq!(player.app.wake(), None, "no timer runs on a quiet connection");
    let before = player.shown();
    assert_eq!(player.pass(3_600_000).shown(), before);
}

#[test]
fn hostile_text_reaches_no_cell() {
    let mut player = plant(160, 45);
    player.receive("\u{1b}[2J/\u{202e}x\u{9b}31m", "a\u{301}".repeat(2_000));
    player.keys("1 O o G");
    for tab in ["]", "]", "]"] {
        player.keys(tab);
        for cell in player.screen().content {
            assert!(!cell.symbol().chars().any(mqtap::base::text::is_hostile), "{:?}", cell.symbol());
            assert!(cell.symbol().len() <= 32, "{:?}", cell.symbol());
        }
    }
}

#[test]
fn a_pasted_url_becomes_a_connection() {
    let mut player = Player::new(80, 24);
    player.update(Event::Paste(" mqtts://broker.plant.example:8884\n".into()));
    assert_snapshot!(player.shown());
    player.keys("enter");
    let started = player.effects.iter().any(|effect| matches!(effect, Effect::Start(..)));
    let saved = player.effects.iter().any(|effect| matches!(effect, Effect::Save(_)));
    assert!(started && saved);
}

#[test]
fn a_password_is_asked_for_and_never_shown() {
    let mut player = Player::online(80, 24, &["#"]);
    let id = player.app.workspaces[0].id;
    player.update(Event::Done(Outcome::SecretWanted(id, Need::Password, Vec::new())));
    player.type_text("CANARY");
    let shown = player.shown();
    assert!(shown.contains("••••••") && !shown.contains("CANARY"), "{shown}");
    player.keys("enter");
    let secret = player.effects.iter().find_map(|effect| match effect {
        Effect::Start(_, _, given) => given.first().map(|(_, secret)| secret.expose().to_vec()),
        _ => None,
    });
    assert_eq!(secret.as_deref(), Some(&b"CANARY"[..]));
}

#[test]
fn several_connections_live_side_by_side() {
    let mut player = plant(160, 45);
    let url = mqtap::wire::endpoint::Url::parse("mqtt://lab.example").expect("a URL");
    let effect = player.app.connect(mqtap::profile::Profile::ad_hoc(url).named("lab"), None);
    player.effects.push(effect);
    let top = |player: &mut Player| player.shown().lines().next().unwrap_or_default().to_owned();
    let shown = top(&mut player);
    assert!(shown.starts_with(" ● plant │ lab │ ◐ connecting"), "{shown}");
    player.keys("g c");
    let shown = top(&mut player);
    assert!(shown.starts_with(" plant │ ◐ lab │ ● online since 12:04"), "{shown}");
    player.keys("c");
    assert_snapshot!(player.shown());
}

#[test]
fn a_key_that_leads_nowhere_says_why() {
    let mut player = Player::new(80, 24);
    player.keys("G");
    player.keys(":");
    player.type_text("writes a message");
    let shown = player.shown();
    assert!(shown.contains("Not now: there is no"), "{shown}");
}
