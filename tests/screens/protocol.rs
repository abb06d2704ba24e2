//! The protocol view: keys and packets in, the ladder out; and its captures, read by Wireshark.

use std::{path::Path, process::Command, time::Duration};

use insta::assert_snapshot;
use mqtap::{
    app::{
        event::{Effect, Event},
        workspace::View,
    },
    base::clock::Stamp,
    mqtt::{
        command::Command as Wish,
        error::Failure,
        event::{Event as Mqtt, Status},
        message::{Message, Qos},
    },
    record,
    wire::{
        error::WireError,
        packet::{Direction, Packet},
        tap::{Noted, Quiet},
    },
};

use crate::player::Player;

use Direction::{In, Out};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 34), (160, 45)];

/// 2026-11-20T12:04:31Z, in microseconds, as the player has it.
const START: i64 = 1_795_176_271_000_000;

const CONNECT: &[u8] = b"\0\x04MQTT\x05\xc2\0\x1e\x05\x11\0\0\x0e\x10\0\x09mqtap-ops\0\x03ops\0\x09*********";
const CONNACK: &[u8] = b"\0\0\x0d\x21\0\x14\x22\0\x0a\x27\0\x10\0\0\x25\x01";

/// A packet that passed so many microseconds after the start, from its first byte and what follows the Fixed Header.
fn packet(micros: u64, direction: Direction, first: u8, body: &[u8]) -> Packet {
    let mut head = vec![first];
    let mut rest = body.len();
    while rest >= 0x80 {
        head.push(0x80 | u8::try_from(rest & 0x7f).expect("seven bits"));
        rest >>= 7;
    }
    head.push(u8::try_from(rest).expect("seven bits"));
    head.extend_from_slice(body);
    let at = Stamp { mono: 0, wall: START }.after(Duration::from_micros(micros));
    Packet { at, direction, first, size: head.len(), head: head.into() }
}

fn ping(micros: u64) -> Packet {
    packet(micros, Out, 0xc0, b"")
}

/// A session of MQTT 5 with a granted and two refused subscriptions, QoS 1 and 2, and a ping.
fn session() -> Vec<Packet> {
    let steps: [(u64, Direction, u8, &[u8]); 16] = [
        (101_000, Out, 0x10, CONNECT),
        (113_140, In, 0x20, CONNACK),
        (113_600, Out, 0x82, b"\0\x01\0\0\x09sensors/#\x01"),
        (126_600, In, 0x90, b"\0\x01\0\x01"),
        (127_000, Out, 0x82, b"\0\x02\0\0\x08secret/#\x00"),
        (139_000, In, 0x90, b"\0\x02\x06\x1f\0\x03ACL\x87"),
        (141_000, In, 0x33, b"\0\x0fsensors/a/state\0\x07\0online"),
        (141_100, Out, 0x40, b"\0\x07"),
        (4_740_000, Out, 0x34, b"\0\x09cmd/a/set\0\x02\0boost mode"),
        (4_752_000, In, 0x50, b"\0\x02"),
        (4_752_100, Out, 0x62, b"\0\x02"),
        (4_764_000, In, 0x70, b"\0\x02"),
        (5_200_000, Out, 0x82, b"\0\x03\0\0\x09\xe6\xb8\xa9\x1b[2J/#\x02"),
        (5_212_000, In, 0x90, b"\0\x03\0\x8f"),
        (35_200_000, Out, 0xc0, b""),
        (35_212_300, In, 0xd0, b""),
    ];
    steps.map(|(micros, direction, first, body)| packet(micros, direction, first, body)).to_vec()
}

fn noted(packets: Vec<Packet>) -> Mqtt {
    let at = packets.last().map(|packet| packet.at).unwrap_or_default();
    Mqtt::Packets(Noted { at, packets, ..Noted::default() })
}

/// Looks at the wire of a connection on which a session ran.
fn ladder(columns: u16, rows: u16) -> Player {
    let mut player = Player::online(columns, rows, &["sensors/#"]);
    player.mqtt(noted(session()));
    player.pass(36_000);
    player.keys("5");
    player
}

#[test]
fn the_ladder_of_a_session() {
    for (columns, rows) in SIZES {
        assert_snapshot!(format!("ladder_{columns}x{rows}"), ladder(columns, rows).shown());
    }
    assert_snapshot!("ladder_60x16", ladder(60, 16).shown());
}

#[test]
fn a_packet_with_its_fields() {
    let mut player = ladder(80, 24);
    player.keys("g g");
    assert_snapshot!("packet_connect", player.shown());
    player.keys("down");
    assert_snapshot!("packet_connack", player.shown());
}

#[test]
fn a_packet_byte_by_byte_and_times_since_connect() {
    let mut player = ladder(80, 24);
    player.keys("g g down x t t");
    assert_snapshot!(player.shown());
}

#[test]
fn the_end_of_a_connection_is_a_row_and_enter_connects_again() {
    let mut player = ladder(80, 24);
    let quiet = [Quiet { count: 312, bytes: 21_840 }, Quiet { count: 4, bytes: 80 }];
    let (at, quiet_since) = (ping(36_000_000).at, ping(35_100_000).at);
    player.mqtt(Mqtt::Packets(Noted { at, quiet, quiet_since, lost: 7, ..Noted::default() }));
    let until = Stamp { mono: 37_200_000, wall: 0 };
    let cause = WireError::Broken { detail: "reset by the broker".into() };
    player.mqtt(Mqtt::Status(Status::Waiting { until, attempt: 1, cause: std::sync::Arc::new(Failure::Wire(cause)) }));
    player.pass(10);
    assert_snapshot!(player.shown());
    player.keys("enter");
    assert!(player.effects.iter().any(|effect| matches!(effect, Effect::Mqtt(_, Wish::Reconnect))));
}

#[test]
fn kinds_of_packets_and_pings_are_left_out_on_request() {
    let mut player = ladder(120, 34);
    let rungs = |player: &mut Player| {
        let text = player.shown();
        let names = ["CONNECT", "SUBACK", "PUBLISH", "PUBREC", "PINGREQ"];
        names.map(|name| text.lines().filter(|line| line.contains(&format!("─ {name}"))).count())
    };
    assert_eq!(rungs(&mut player), [1, 3, 2, 1, 1]);
    player.keys("a");
    assert_eq!(rungs(&mut player), [1, 3, 2, 1, 0]);
    player.keys("a i");
    assert_eq!(rungs(&mut player), [1, 3, 0, 0, 1], "control");
    player.keys("i");
    assert_eq!(rungs(&mut player), [0, 0, 2, 0, 0], "publishes");
    player.keys("i");
    assert_eq!(rungs(&mut player), [0, 0, 2, 1, 0], "QoS 1 and 2");
}

#[test]
fn the_ladder_is_narrowed_while_a_filter_is_typed() {
    for (columns, rows) in SIZES {
        let mut player = ladder(columns, rows);
        player.keys("/");
        player.type_text("type:PUB* topic:cmd");
        assert_snapshot!(format!("ladder_filter_{columns}x{rows}"), player.shown());
    }
    let mut player = ladder(80, 24);
    player.keys("/");
    player.type_text("reason:fail");
    assert!(player.shown().contains("2 of 16 rows"), "{}", player.shown());
    player.keys("enter 1 5");
    assert!(player.shown().contains(" / reason:fail"), "it is still there after another view");
    player.mqtt(noted(vec![packet(40_000_000, In, 0x90, b"\0\x04\0\x87"), ping(40_000_001)]));
    assert!(player.shown().contains("3 of 18 rows"), "{}", player.shown());
    player.keys("esc");
    assert!(!player.shown().contains("reason:fail"));
    assert_eq!(player.app.workspaces[0].view, View::Protocol);
}

#[test]
fn a_wrong_filter_of_the_ladder_says_what_is_meant() {
    let mut player = ladder(80, 24);
    player.keys("/");
    player.type_text("dir:in type:foo");
    let shown = player.shown();
    assert!(shown.contains("`type:` takes a packet"), "{shown}");
    assert!(shown.contains("CONNACK") && !shown.contains("─ CONNECT"), "the filter before it stays");
    player.keys("esc");
    assert!(player.shown().contains("─ SUBSCRIBE"));
}

#[test]
fn a_chosen_packet_stays_chosen_and_matches_are_found_among_all() {
    let mut player = ladder(120, 34);
    player.keys("g g down down");
    let chosen = player.app.workspaces[0].protocol.selected;
    player.keys("/");
    player.type_text("pub");
    player.keys("enter");
    assert_ne!(player.app.workspaces[0].protocol.selected, chosen);
    player.keys("esc");
    assert_eq!(player.app.workspaces[0].protocol.selected, chosen);
    let mut found = Vec::new();
    for key in ["n", "n", "n", "N"] {
        player.keys(key);
        found.extend(player.app.workspaces[0].protocol.selected.map(|id| id.0));
    }
    assert_eq!(found, [6, 7, 8, 7]);
    player.keys("g g n N");
    assert!(player.shown().contains("no further packet matches"), "{}", player.shown());
}

#[test]
fn a_long_exchange_is_filtered_in_parts_with_progress() {
    let mut player = ladder(80, 24);
    let batch = |n: u64| (0..1_000).map(|at| ping(40_000_000 + 1_000 * n + at)).collect();
    for n in 0..30 {
        player.mqtt(noted(batch(n)));
    }
    player.mqtt(noted(session()));
    player.keys("/");
    player.type_text("subscribe");
    let shown = player.shown();
    assert!(shown.contains("searching ") && shown.contains(" %  3 of 20,000 rows"), "{shown}");
    for _ in 0..20 {
        player.pass(1);
    }
    let shown = player.shown();
    assert!(shown.contains("3 of 20,000 rows") && !shown.contains("searching"), "{shown}");
}

#[test]
fn packets_that_are_too_old_leave_the_ladder() {
    let mut player = ladder(80, 24);
    player.keys("/");
    player.type_text("since:10s");
    player.keys("enter");
    assert_eq!(player.app.workspaces[0].protocol.len(), 2);
    player.pass(11_000).screen();
    assert_eq!(player.app.workspaces[0].protocol.len(), 0);
}

#[test]
fn a_frozen_ladder_stands_still_and_counts_what_is_new() {
    let mut player = ladder(80, 24);
    player.keys("k k");
    let before: Vec<_> = player.shown().lines().skip(2).take(14).map(str::to_owned).collect();
    player.mqtt(noted((0..30).map(|n| ping(40_000_000 + n)).collect()));
    let text = player.shown();
    assert!(text.contains("‖ frozen, 30 new"), "{text}");
    assert_eq!(text.lines().skip(2).take(14).collect::<Vec<_>>(), before);
    player.keys("G");
    assert!(player.shown().contains("● follow  46 packets"));
}

#[test]
fn enter_goes_to_the_message_of_a_publish() {
    let mut player = Player::online(80, 24, &["sensors/#"]);
    player.mqtt(noted(session()));
    let state = |payload: &'static str| Message {
        topic: "sensors/a/state".into(),
        payload: payload.into(),
        qos: Qos::AtLeastOnce,
        retain: true,
        ..Message::default()
    };
    player.receive_as(state("offline"));
    player.receive_as(state("online"));
    player.receive_as(Message { topic: "sensors/b".into(), ..Message::default() });
    player.keys("5 g g down down down down down down enter");
    let workspace = &player.app.workspaces[0];
    assert_eq!(workspace.view, View::Panes);
    assert_eq!(workspace.selected().map(|entry| entry.payload.to_vec()), Some(b"online".to_vec()));
    player.keys("5 g g enter");
    assert!(player.shown().contains("only a PUBLISH leads to a message"), "{}", player.shown());
}

#[test]
fn a_message_that_is_not_kept_any_more_is_missed_aloud() {
    let mut player = Player::online(80, 24, &["sensors/#"]);
    player.mqtt(noted(session()));
    player.receive_as(Message { topic: "sensors/a/state".into(), payload: "online".into(), ..Message::default() });
    player.pass(3_600_000);
    player.keys("5 g g down down down down down down enter");
    assert!(player.shown().contains("the message is not kept any more"), "{}", player.shown());
    assert_eq!(player.app.workspaces[0].view, View::Protocol);
}

#[test]
fn digits_and_escape_go_back_to_the_panes() {
    for keys in ["1", "2", "3", "esc", "tab"] {
        let mut player = ladder(80, 24);
        player.keys(keys);
        assert_eq!(player.app.workspaces[0].view, View::Panes, "{keys}");
    }
}

#[test]
fn qos_0_is_listed_on_request() {
    let mut player = ladder(80, 24);
    player.keys("l");
    assert!(player.effects.iter().any(|effect| matches!(effect, Effect::Mqtt(_, Wish::ListQuiet(true)))));
    assert!(player.shown().contains("with QoS 0"));
    player.keys("l");
    assert!(player.effects.iter().any(|effect| matches!(effect, Effect::Mqtt(_, Wish::ListQuiet(false)))));
}

#[test]
fn no_size_and_no_packet_panics() {
    let mut player = ladder(80, 24);
    let odd: Vec<Packet> = (0..=u8::MAX).map(|first| packet(1, In, first, &[0xff, 0xff, 0x1b])).collect();
    player.mqtt(noted(odd));
    for keys in ["x", "g g", "J", "t", "G", "x", "pageup", "i", "i", "/", "s", "enter", "n", "N", "a", "f", "K", "z", "?"] {
        player.keys(keys);
        for (columns, rows) in [(0, 0), (60, 16), (61, 17), (79, 20), (120, 30), (250, 70), (1, 500), (65_535, 1)] {
            player.update(Event::Resize(columns, rows));
            for cell in player.screen().content {
                assert!(!cell.symbol().chars().any(mqtap::base::text::is_hostile), "{:?}", cell.symbol());
            }
        }
        player.update(Event::Resize(80, 24));
    }
}

/// Runs tshark on a capture, and returns what it prints.
fn tshark(capture: &Path, arguments: &[&str]) -> String {
    let output = Command::new("tshark").arg("-r").arg(capture).args(arguments).output();
    let output = output.expect("tshark must be installed to run the tests");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn wireshark_reads_every_packet_of_an_export() {
    let mut player = ladder(80, 24);
    let large = packet(36_000_000, In, 0x32, &[b"\0\x01t\0\x08\0".as_slice(), &vec![b'x'; 150_000]].concat());
    let cut = Packet { head: large.head.slice(..2_048), ..large };
    let properties = b"\x26\0\x01a\0\x01b".repeat(9_000);
    let suback = packet(36_000_200, In, 0x90, &[b"\0\x09\x98\xec\x03".as_slice(), &properties, b"\0"].concat());
    assert!(suback.size > 62_000, "more than a segment");
    let mut more =
        vec![cut, packet(36_000_100, Out, 0x40, b"\0\x08"), suback, ping(36_000_300), packet(36_000_400, Out, 0xe0, b"")];
    more.extend(session());
    player.mqtt(noted(more));
    player.keys("W");
    let exported = player.effects.iter().find_map(|effect| match effect {
        Effect::Export(name, items) => Some((name.clone(), items.clone())),
        _ => None,
    });
    let (name, items) = exported.expect("an export");
    let dir = tempfile::tempdir().expect("a directory");
    let capture = record::export(dir.path(), &name, &items).expect("written");
    let fields = ["-Y", "mqtt", "-T", "fields", "-e", "mqtt.msgtype"];
    let types = tshark(&capture, &fields);
    let session = "1 2 8 9 8 9 3 4 3 5 6 7 8 9 12 13";
    assert_eq!(types.split_whitespace().collect::<Vec<_>>().join(" "), format!("{session} 3 4 9 12 14 {session}"));
    let checked = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-Y"];
    let bad = "_ws.malformed || tcp.checksum.status == Bad || ip.checksum.status == Bad";
    assert_eq!(tshark(&capture, &[&checked[..], &[bad]].concat()), "");
    let good = "tcp.checksum.status == Good && ip.checksum.status == Good";
    let sums = tshark(&capture, &[&checked[..], &[good]].concat()).lines().count();
    assert_eq!(sums, 2 * 16 + 5, "all but the cut one, and two segments of the long one");
    assert_eq!(tshark(&capture, &["-Y", "mqtt.passwd", "-T", "fields", "-e", "mqtt.passwd"]), "*********\n".repeat(2));
}
