//! The Broker view: keys and events in, snapshots out.

use std::time::Duration;

use crate::{
    SIZES,
    player::{Player, properties},
};
use insta::assert_snapshot;
use mqtap::{
    app::{
        event::{Effect, Event, Outcome},
        workspace::View,
    },
    base::clock::Stamp,
    mqtt::{
        command::Command,
        error::Failure,
        event::{Event as Mqtt, Limits, Status},
        message::{Message, Qos},
        options::{Authentication, Protocol, Will},
        reason::Reason,
        will_test::{Arrival, WillFault, WillReport},
    },
    profile::{Profile, secret::PasswordSource},
    wire::{endpoint::Url, guard::oversize::Skipped, tls::certificate::Certificate},
};

/// What a mosquitto tells of itself.
const SYS: &[(&str, &str)] = &[
    ("version", "mosquitto version 2.0.18"),
    ("uptime", "45296 seconds"),
    ("clients/connected", "412"),
    ("clients/maximum", "1307"),
    ("subscriptions/count", "2210"),
    ("retained messages/count", "98"),
    ("messages/received", "48211907"),
    ("messages/sent", "91002113"),
    ("bytes/received", "4200119233"),
    ("bytes/sent", "8100774512"),
    ("load/messages/received/1min", "18742.33"),
    ("load/messages/received/5min", "17210.02"),
    ("load/messages/received/15min", "16004.71"),
];

fn will() -> Will {
    let topic = "clients/mqtap/state".into();
    let message = Message { topic, payload: "gone".into(), qos: Qos::AtLeastOnce, retain: true, ..Message::default() };
    Will { message, delay: None }
}

fn certificate() -> Certificate {
    let time = |text: &str| Some(text.parse().expect("a time"));
    Certificate {
        subject: "CN=broker.plant.example".into(),
        names: vec!["broker.plant.example".into(), "10.20.0.5".into()],
        issuer: "CN=Plant CA, O=Plant".into(),
        is_self_signed: false,
        not_before: time("2026-01-01T00:00:00Z"),
        not_after: time("2026-11-30T12:00:00Z"),
        sha256: [0xa7; 32],
    }
}

/// Connects with everything that a broker may say, and goes to the view.
fn plant(columns: u16, rows: u16) -> Player {
    let mut player = Player::online(columns, rows, &["plant/#", "+/state", "secret/#"]);
    let workspace = &mut player.app.workspaces[0];
    workspace.profile.amend(|options| options.will = Some(will()));
    let mut welcome = workspace.welcome.clone().expect("it is online");
    welcome.tls = Some("TLS 1.3 AES_256_GCM_SHA384".into());
    welcome.chain = vec![certificate()];
    welcome.limits =
        Limits { retain_available: false, receive_maximum: 20, maximum_packet_size: Some(1 << 20), ..Limits::default() };
    welcome.properties.reason_string = Some("welcome\u{1b}[2J".into());
    welcome.properties.user_properties = vec![("region".into(), "eu".into())];
    player.mqtt(Mqtt::Status(Status::Online(welcome)));
    for filter in ["plant/#", "+/state"] {
        player.mqtt(Mqtt::Subscribed { filter: filter.into(), outcome: Ok(Qos::AtMostOnce) });
    }
    let denied = Failure::Denied { reason: Reason(0x87), text: String::new() };
    player.mqtt(Mqtt::Subscribed { filter: "secret/#".into(), outcome: Err(denied) });
    for (topic, payload) in SYS {
        player.receive(&format!("$SYS/broker/{topic}"), *payload);
    }
    for n in 0..40_u64 {
        player.receive("plant/hall1/temp", "21.5");
        player.mqtt(Mqtt::RoundTrip(Duration::from_micros(9_000 + n * n % 17 * 900)));
    }
    player.mqtt(Mqtt::RoundTrip(Duration::from_millis(61)));
    player.keys("6");
    player.pass(10_000);
    player
}

fn report() -> WillReport {
    let message = Message { retain: true, ..will().message };
    WillReport {
        will: will(),
        protocol: Protocol::V5,
        client_id: "mqtap-ops-will-test".into(),
        due: Duration::ZERO,
        arrival: Some(Arrival { after: Duration::from_millis(12), message }),
        others: 0,
        waited: Duration::from_millis(12),
    }
}

fn tested(player: &mut Player, outcome: Result<WillReport, WillFault>) {
    let id = player.app.workspaces[0].id;
    player.update(Event::Done(Outcome::WillTested(id, outcome.map(Box::new))));
    player.pass(10_000);
}

#[test]
fn the_broker_view() {
    for (columns, rows) in SIZES {
        assert_snapshot!(format!("broker_{columns}x{rows}"), plant(columns, rows).shown());
    }
}

#[test]
fn what_does_not_fit_is_scrolled_to_and_no_further() {
    let mut player = plant(80, 24);
    player.keys("G");
    let end = player.shown();
    assert_snapshot!(end);
    player.keys("j pagedown");
    assert_eq!(player.shown(), end);
    player.keys("g g");
    assert_eq!(player.app.workspaces[0].broker.top, 0);
}

#[test]
fn a_connection_that_nothing_is_known_of_says_what_to_do() {
    let mut player = Player::online(80, 24, &[]);
    player.keys("esc 6");
    player.pass(10_000);
    assert_snapshot!(player.shown());
    player.keys("s");
    assert!(player.shown().contains("$SYS/#"), "{}", player.shown());
}

#[test]
fn a_connection_that_was_lost_keeps_what_it_knew() {
    let mut player = plant(120, 34);
    let until = Stamp { mono: 60_000_000, wall: 0 };
    let cause = std::sync::Arc::new(Failure::Silent { awaited: "PINGRESP", after: Duration::from_secs(45) });
    player.mqtt(Mqtt::Status(Status::Waiting { until, attempt: 2, cause }));
    player.pass(10_000);
    assert_snapshot!(player.shown());
}

#[test]
fn the_view_is_left_as_it_was_entered() {
    let mut player = plant(80, 24);
    assert_eq!(player.app.workspaces[0].view, View::Broker);
    player.keys("esc");
    assert_eq!(player.app.workspaces[0].view, View::Panes);
    player.keys("6 2");
    assert_eq!(player.app.workspaces[0].view, View::Panes);
}

#[test]
fn a_ping_is_asked_for() {
    let mut player = plant(80, 24);
    player.keys("i");
    assert!(player.effects.iter().any(|effect| matches!(effect, Effect::Mqtt(_, Command::Ping))));
}

/// Moves the broker.
fn redirected(player: &mut Player, servers: &[&str]) {
    let servers = servers.iter().map(|server| Url::parse(server).expect("a URL").endpoint).collect();
    let cause = Failure::Redirected { reason: Reason(0x9d), text: "we moved".into(), servers };
    player.mqtt(Mqtt::Status(Status::Failed { cause: cause.into() }));
    player.pass(10_000);
}

fn started(player: &Player) -> Option<&Profile> {
    player.effects.iter().rev().find_map(|effect| if let Effect::Start(_, profile, _) = effect { Some(&**profile) } else { None })
}

#[test]
fn a_redirection_is_followed_only_after_a_question_and_without_secrets() {
    let mut player = Player::online(120, 34, &["plant/#"]);
    let profile = &mut player.app.workspaces[0].profile;
    profile.password = Some(PasswordSource::Env("PLANT".into()));
    profile.amend(|options| options.username = Some("ops".into()));
    player.effects.clear();
    redirected(&mut player, &["mqtt://elsewhere.example", "mqtt://third.example"]);
    assert_snapshot!("redirected", player.shown());
    player.keys("F");
    assert_snapshot!("redirect_question", player.shown());
    player.keys("n");
    assert!(started(&player).is_none(), "not without a yes");
    player.keys("F y");
    let there = started(&player).expect("a start");
    assert_eq!(there.endpoint().to_string(), "mqtt://elsewhere.example:1883");
    assert!(there.username().is_none() && there.password.is_none());
    assert_eq!(there.subscriptions().len(), 1);
    assert_eq!(player.app.workspaces.len(), 1, "the messages stay");
}

#[test]
fn a_redirection_to_the_same_host_keeps_the_credentials_and_says_so() {
    let mut player = Player::online(80, 24, &["plant/#"]);
    player.app.workspaces[0].profile.amend(|options| options.username = Some("ops".into()));
    redirected(&mut player, &["mqtt://broker.plant.example:2000"]);
    player.keys("6 F");
    assert!(player.shown().contains("gets the same credentials"), "{}", player.shown());
    player.keys("y");
    assert_eq!(started(&player).expect("a start").username(), Some("ops"));
    player.keys("F");
    let mut player = plant(80, 24);
    player.keys("F");
    assert!(player.app.popups.is_empty() && player.shown().contains("names no other server"), "{}", player.shown());
}

#[test]
fn authenticating_once_more_needs_a_method() {
    let asked = |player: &Player| player.effects.iter().any(|effect| matches!(effect, Effect::Mqtt(_, Command::Reauthenticate)));
    let mut player = plant(120, 34);
    player.keys("a");
    assert!(!asked(&player) && player.shown().contains("no authentication method"), "{}", player.shown());
    player.pass(10_000);
    assert!(!player.shown().contains("authenticate"), "no hint either");
    let method = Authentication { method: "SCRAM-SHA-256".into(), data: None };
    player.app.workspaces[0].profile.amend(|options| options.authentication = Some(method));
    assert!(player.shown().contains("a authenticate"), "{}", player.shown());
    player.keys("a");
    assert!(asked(&player));
    player.mqtt(Mqtt::Reauthenticated(Ok(())));
    assert!(player.shown().contains("authenticated once more"), "{}", player.shown());
}

#[test]
fn what_is_too_large_is_counted_as_lost_and_said_calmly() {
    let mut player = plant(120, 34);
    let before = player.app.workspaces[0].store.counts();
    for count in [1, 2] {
        player.mqtt(Mqtt::Skipped(Skipped { count, topic: "plant/image".into(), size: 24 << 20, limit: 16 << 20 }));
    }
    assert!(player.shown().contains("a message of 24.0 MiB on plant/image was passed over"), "{}", player.shown());
    let counts = player.app.workspaces[0].store.counts();
    assert_eq!((counts.lost, counts.received), (3, before.received + 3));
    assert_eq!(counts.received, counts.kept + counts.evicted + counts.lost);
    assert_eq!(player.app.workspaces[0].broker.troubles.iter().filter(|told| told.text.contains("passed over")).count(), 1);
    assert!(player.shown().contains("3 messages, the last of 24.0 MiB"), "{}", player.shown());
}

#[test]
fn only_so_many_round_trips_are_kept() {
    let mut player = plant(80, 24);
    for _ in 0..200 {
        player.mqtt(Mqtt::RoundTrip(Duration::from_millis(5)));
    }
    assert_eq!(player.app.workspaces[0].broker.round_trips.len(), 120);
}

#[test]
fn a_will_is_tested_only_after_a_question_that_explains_it() {
    let asked = |player: &Player| player.effects.iter().any(|effect| matches!(effect, Effect::TestWill(_)));
    let mut player = plant(80, 24);
    player.keys("w");
    assert_snapshot!("will_question", player.shown());
    assert!(!asked(&player));
    player.keys("n");
    assert!(!asked(&player));
    player.keys("w y");
    assert!(asked(&player));
    player.keys("w");
    assert!(player.shown().contains("the test is under way"), "{}", player.shown());
    tested(&mut player, Ok(report()));
    player.keys("G");
    assert_snapshot!("will_arrived", player.shown());
}

#[test]
fn a_will_that_differs_or_does_not_arrive_says_so() {
    let mut player = plant(160, 60);
    let mut changed = report();
    if let Some(arrival) = &mut changed.arrival {
        arrival.message = Message { qos: Qos::AtMostOnce, properties: Some(Box::new(properties())), ..arrival.message.clone() };
    }
    tested(&mut player, Ok(changed));
    let shown = player.shown();
    for part in ["arrived after 12 ms", "it came with QoS 0, the will has 1", "its Content Type differs", "its User Properties"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    tested(&mut player, Ok(WillReport { arrival: None, waited: Duration::from_secs(10), ..report() }));
    let shown = player.shown();
    assert!(shown.contains("nothing arrived within 10.0 s") && shown.contains("this user may not publish"), "{shown}");
    tested(&mut player, Err(WillFault::Topic(Failure::Denied { reason: Reason(0x87), text: String::new() })));
    let shown = player.shown();
    assert!(shown.contains("not possible: subscribe to the topic of the will"), "{shown}");
}

#[test]
fn a_will_test_is_refused_where_it_makes_no_sense() {
    let mut player = plant(80, 24);
    player.app.workspaces[0].profile.read_only = true;
    player.keys("w");
    assert!(player.app.popups.is_empty() && player.shown().contains("read-only"), "{}", player.shown());
    let mut player = Player::online(80, 24, &["#"]);
    player.keys("6 w");
    assert!(player.app.popups.is_empty() && player.shown().contains("has no will"), "{}", player.shown());
}

#[test]
fn no_size_panics_and_no_hostile_text_reaches_a_cell() {
    let mut player = plant(80, 24);
    player.receive("$SYS/broker/version", "\u{1b}]0;pwned\u{7}\u{202e}x");
    let sizes = [(60, 16), (61, 19), (79, 20), (80, 20), (119, 30), (180, 16), (250, 70), (65_535, 1), (1, 500)];
    for (columns, rows) in sizes {
        player.update(Event::Resize(columns, rows));
        for keys in ["G", "w", "n", "g g"] {
            player.keys(keys);
            for cell in player.screen().content {
                assert!(!cell.symbol().chars().any(mqtap::base::text::is_hostile), "{:?}", cell.symbol());
            }
        }
    }
}

#[test]
fn a_screen_that_lags_says_how_far_it_is_behind() {
    for columns in [60, 80, 160] {
        let mut player = plant(columns, 24);
        let top = |player: &mut Player| player.shown().lines().next().expect("a row").to_owned();
        player.mqtt(Mqtt::Lag(Duration::from_millis(3_140)));
        assert!(top(&mut player).contains(" 3.1 s behind"), "{}", top(&mut player));
        player.mqtt(Mqtt::Lag(Duration::ZERO));
        assert!(!top(&mut player).contains("behind"), "{}", top(&mut player));
    }
}
