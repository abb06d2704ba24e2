//! Packets in, joined rows out.

use super::*;

fn packet(millis: u64, direction: Direction, bytes: &[u8]) -> Packet {
    let at = Stamp::default().after(Duration::from_millis(millis));
    Packet { at, direction, first: bytes[0], size: bytes.len(), head: Bytes::copy_from_slice(bytes) }
}

fn exchange(packets: &[(u64, Direction, &[u8])]) -> Exchange {
    let mut exchange = Exchange::default();
    let packets = packets.iter().map(|(millis, direction, bytes)| packet(*millis, *direction, bytes)).collect();
    exchange.insert(Noted { packets, ..Noted::default() });
    exchange
}

/// Lists what each row is joined with, and after how many milliseconds.
fn joins(exchange: &Exchange) -> Vec<Option<(u64, u128)>> {
    exchange.rows().map(|(_, row)| row.joined.map(|joined| (joined.with.0, joined.took.as_millis()))).collect()
}

const CONNECT: &[u8] = b"\x10\x0d\0\x04MQTT\x05\x02\0\x3c\0\0\0";

use Direction::{In, Out};

#[test]
fn a_ping_and_a_connect_are_joined_with_their_answers() {
    let exchange = exchange(&[(0, Out, CONNECT), (12, In, b"\x20\x03\0\0\0"), (30, Out, b"\xc0\0"), (42, In, b"\xd0\0")]);
    assert_eq!(joins(&exchange), [Some((1, 12)), Some((0, 12)), Some((3, 12)), Some((2, 12))]);
    assert_eq!(exchange.row(RowId(3)).and_then(|row| row.connected), Some(Stamp::default()));
}

#[test]
fn an_attempt_that_fails_counts_from_no_connection_before_it() {
    let mut exchange = exchange(&[(10, Out, CONNECT)]);
    let later = |millis| Stamp::default().after(Duration::from_millis(millis));
    exchange.end(later(20), "lost".into());
    exchange.end(later(30), "refused".into());
    exchange.insert(Noted { at: later(40), packets: vec![packet(40, Out, CONNECT)], ..Noted::default() });
    let connected: Vec<_> = exchange.rows().map(|(_, row)| row.connected).collect();
    assert_eq!(connected, [Some(later(10)), Some(later(10)), None, Some(later(40))]);
}

#[test]
fn a_handshake_of_qos_2_is_joined_from_its_first_packet_to_its_last() {
    let publish = b"\x34\x06\0\x01t\0\x02\0";
    let steps: [(u64, Direction, &[u8]); 5] = [
        (0, Out, publish),
        (10, In, b"\x50\x02\0\x02"),
        (10, Out, b"\x62\x02\0\x02"),
        (15, In, b"\x32\x06\0\x01t\0\x02\0"),
        (24, In, b"\x70\x02\0\x02"),
    ];
    assert_eq!(joins(&exchange(&steps)), [Some((4, 24)), None, None, None, Some((0, 24))]);
}

#[test]
fn the_same_identifier_the_other_way_is_another_exchange() {
    let publish = b"\x32\x06\0\x01t\0\x02\0";
    let steps: [(u64, Direction, &[u8]); 4] =
        [(0, Out, publish), (1, In, publish), (2, Out, b"\x40\x02\0\x02"), (9, In, b"\x40\x02\0\x02")];
    assert_eq!(joins(&exchange(&steps)), [Some((3, 9)), Some((2, 1)), Some((1, 1)), Some((0, 9))]);
}

#[test]
fn a_refused_pubrec_ends_the_handshake() {
    let steps: [(u64, Direction, &[u8]); 2] = [(0, Out, b"\x34\x06\0\x01t\0\x02\0"), (5, In, b"\x50\x03\0\x02\x97")];
    assert_eq!(joins(&exchange(&steps)), [Some((1, 5)), Some((0, 5))]);
}

#[test]
fn a_subscription_is_joined_with_suback_and_with_nothing_else() {
    let subscribe = b"\x82\x07\0\x03\0\0\x01a\0";
    let steps: [(u64, Direction, &[u8]); 3] = [(0, Out, subscribe), (3, In, b"\x40\x02\0\x03"), (7, In, b"\x90\x04\0\x03\0\x87")];
    assert_eq!(joins(&exchange(&steps)), [Some((2, 7)), None, Some((0, 7))]);
}

#[test]
fn a_repeated_publish_goes_on_with_the_first() {
    let steps: [(u64, Direction, &[u8]); 3] =
        [(0, Out, b"\x32\x06\0\x01t\0\x02\0"), (50, Out, b"\x3a\x06\0\x01t\0\x02\0"), (60, In, b"\x40\x02\0\x02")];
    assert_eq!(joins(&exchange(&steps)), [Some((2, 60)), None, Some((0, 60))]);
}

#[test]
fn an_alias_is_shown_as_its_topic() {
    let exchange = exchange(&[
        (0, In, b"\x32\x09\0\x01t\0\x01\x03\x23\0\x05"),
        (1, In, b"\x32\x08\0\0\0\x02\x03\x23\0\x05"),
        (2, In, b"\x32\x08\0\0\0\x03\x03\x23\0\x06"),
    ]);
    let topics: Vec<_> = exchange
        .rows()
        .map(|(_, row)| match &row.what {
            What::Packet { topic, .. } => topic.clone(),
            What::Quiet { .. } | What::Lost(_) | What::Ended(_) => None,
        })
        .collect();
    assert_eq!(topics, [None, Some(Bytes::from_static(b"t")), None]);
}

#[test]
fn counts_between_two_packets_are_one_row_each_way() {
    let mut exchange = Exchange::default();
    let quiet = Quiet { count: 5, bytes: 50 };
    let second = |n: u64| Stamp { mono: n * 1_000_000, wall: 0 };
    for n in 5..15 {
        exchange.insert(Noted { at: second(n + 1), quiet: [quiet, quiet], quiet_since: second(n), ..Noted::default() });
    }
    let counts: Vec<_> = exchange.rows().map(|(_, row)| row.what.clone()).collect();
    let sum = Quiet { count: 50, bytes: 500 };
    let (since, until) = (second(5), second(15));
    assert_eq!(counts, [In, Out].map(|direction| What::Quiet { direction, quiet: sum, since, until }));
}

#[test]
fn the_oldest_rows_go_and_numbers_stay() {
    let mut exchange = Exchange::default();
    let pings: Vec<_> = (0..MOST_ROWS as u64 + 5).map(|n| packet(n, Out, b"\xc0\0")).collect();
    exchange.insert(Noted { packets: pings, lost: 3, ..Noted::default() });
    assert_eq!(exchange.range(), 6..MOST_ROWS as u64 + 6);
    assert_eq!((exchange.row(RowId(5)), exchange.lost(), exchange.packets()), (None, 3, MOST_ROWS as u64 + 5));
    let large = packet(0, In, &[[0x90, 0].as_slice(), &vec![0; 64 << 10]].concat());
    exchange.insert(Noted { packets: vec![large; 200], ..Noted::default() });
    let bytes: usize = exchange.rows().map(|(_, row)| held(row)).sum();
    assert!(bytes <= MOST_BYTES && exchange.range().end - exchange.range().start < 200, "{bytes}");
    assert_eq!(bytes, exchange.bytes);
}

#[test]
fn a_new_connection_joins_nothing_of_the_last() {
    let mut exchange = exchange(&[(0, Out, CONNECT), (1, Out, b"\xc0\0"), (2, Out, b"\x32\x06\0\x01t\0\x02\0")]);
    exchange.end(Stamp::default(), "reset".to_owned());
    let packets = vec![packet(9, Out, CONNECT), packet(10, In, b"\xd0\0"), packet(11, In, b"\x40\x02\0\x02")];
    exchange.insert(Noted { packets, ..Noted::default() });
    assert_eq!(joins(&exchange), [None; 7]);
}
