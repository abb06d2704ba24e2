//! The protocol view: keys and packets in, the ladder out; and its captures, read by Wireshark.

#[path = "common/player.rs"]
mod player;

use std::{path::Path, process::Command, time::Duration};

use bytes::Bytes;
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
use player::Player;

use Direction::{In, Out};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 34), (160, 45)];

/// 2026-11-20T12:04:31Z, in microseconds, as the player has it.
const START: i64 = 1_795_176_271_000_000;

const CONNECT: &[u8] = b"\x10\x2d\0\x04MQTT\x05\xc2\0\x1e\x05\x11\0\0\x0e\x10\0\x09mqtap-ops\0\x03ops\0\x09*********";
const CONNACK: &[u8] = b"\x20\x0f\0\0\x0c\x21\0\x14\x22\0\x0a\x27\0\x10\0\0\x25\x01";
const PUBLISH_Q2: &[u8] = b"\x34\x16\0\x09cmd/a/set\0\x02\0boost mode";

/// A packet that passed so many microseconds after the start.
fn packet(micros: u64, direction: Direction, bytes: &[u8]) -> Packet {
    let at = Stamp { mono: 0, wall: START }.after(Duration::from_micros(micros));
    Packet { at, direction, first: bytes[0], size: bytes.len(), head: Bytes::copy_from_slice(bytes) }
}

/// A session of MQTT 5 with a granted and a refused subscription, QoS 1 and 2, and pings.
fn session() -> Vec<Packet> {
    let steps: [(u64, Direction, &[u8]); 16] = [
        (101_000, Out, CONNECT),
        (113_140, In, CONNACK),
        (113_600, Out, b"\x82\x0f\0\x01\0\0\x09sensors/#\x01"),
        (126_600, In, b"\x90\x04\0\x01\0\x01"),
        (127_000, Out, b"\x82\x0e\0\x02\0\0\x08secret/#\x00"),
        (139_000, In, b"\x90\x07\0\x02\x03\x1f\0\0\x87"),
        (141_000, In, b"\x33\x19\0\x0fsensors/a/state\0\x07\0online"),
        (141_100, Out, b"\x40\x02\0\x07"),
        (4_740_000, Out, PUBLISH_Q2),
        (4_752_000, In, b"\x50\x02\0\x02"),
        (4_752_100, Out, b"\x62\x02\0\x02"),
        (4_764_000, In, b"\x70\x02\0\x02"),
        (5_200_000, Out, b"\x82\x0f\0\x03\0\0\x09\xe6\xb8\xa9\x1b[2J/#\x02"),
        (5_212_000, In, b"\x90\x04\0\x03\0\x8f"),
        (35_200_000, Out, b"\xc0\0"),
        (35_212_300, In, b"\xd0\0"),
    ];
    steps.map(|(micros, direction, bytes)| packet(micros, direction, bytes)).to_vec()
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
fn a_packet_byte_by_byte_and_times_since_connect() {
    let mut player = ladder(80, 24);
    player.keys("g g down x t t");
    assert_snapshot!(player.shown());
}

#[test]
fn the_end_of_a_connection_is_a_row_and_enter_connects_again() {
    let mut player = ladder(80, 24);
    let quiet = [Quiet { count: 312, bytes: 21_840 }, Quiet { count: 4, bytes: 80 }];
    player.mqtt(Mqtt::Packets(Noted { at: packet(36_000_000, In, b"\xd0\0").at, quiet, lost: 7, ..Noted::default() }));
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
    player.keys("a /");
    assert_eq!(rungs(&mut player), [1, 3, 0, 0, 1], "control");
    player.keys("/");
    assert_eq!(rungs(&mut player), [0, 0, 2, 0, 0], "publishes");
    player.keys("/");
    assert_eq!(rungs(&mut player), [0, 0, 2, 1, 0], "QoS 1 and 2");
}

#[test]
fn a_frozen_ladder_stands_still_and_counts_what_is_new() {
    let mut player = ladder(80, 24);
    player.keys("k k");
    let before: Vec<_> = player.shown().lines().skip(2).take(14).map(str::to_owned).collect();
    player.mqtt(noted((0..30).map(|n| packet(40_000_000 + n, Out, b"\xc0\0")).collect()));
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
    let odd: Vec<Packet> = (0..=u8::MAX).map(|first| packet(1, In, &[first, 3, 0xff, 0xff, 0x1b])).collect();
    player.mqtt(noted(odd));
    for keys in ["x", "g g", "J", "t", "G", "x", "pageup", "/", "/", "a", "f", "K", "z", "?"] {
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
    let large = [b"\x32\xd6\xe7\x07\0\x01t\0\x08\0".as_slice(), &vec![b'x'; 2_000]].concat();
    let cut = Packet { size: 4 + 0x1_f3d6, ..packet(36_000_000, In, &large) };
    let suback = [b"\x90\xf6\xe2\x04\0\x09\xf0\xe2\x04".as_slice(), &b"\x26\0\x01a\0\x01b".repeat(11_566), b"\0\0\0\0"].concat();
    let mut more = vec![cut, packet(36_000_100, Out, b"\x40\x02\0\x08"), packet(36_000_200, In, b"\xd0\0")];
    more.push(packet(36_000_300, Out, b"\xe0\0"));
    more.extend(session());
    let _ = suback;
    player.mqtt(noted(more));
    player.keys("W");
    let exported = player.effects.iter().find_map(|effect| match effect {
        Effect::Export(name, rows) => Some((name.clone(), rows.clone())),
        _ => None,
    });
    let (name, rows) = exported.expect("an export");
    let dir = tempfile::tempdir().expect("a directory");
    let capture = record::export(dir.path(), &name, &rows).expect("written");
    let fields = ["-Y", "mqtt", "-T", "fields", "-e", "mqtt.msgtype"];
    std::fs::copy(&capture, "/tmp/ladder-x.pcapng").unwrap();
    let types: Vec<u32> = tshark(&capture, &fields).split_whitespace().map(|number| number.parse().expect("a number")).collect();
    let session = [1, 2, 8, 9, 8, 9, 3, 4, 3, 5, 6, 7, 8, 9, 12, 13];
    assert_eq!(types, [&session[..], &[3, 4, 13, 14], &session].concat());
    let problems = "_ws.malformed || _ws.unreassembled || tcp.analysis.flags";
    println!("{}", tshark(&capture, &["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-Y", problems, "-V"]));
    assert_eq!(tshark(&capture, &["-Y", "_ws.malformed"]), "");
}
