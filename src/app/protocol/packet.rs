//! What is said of one row of the protocol view: its packet in lines, as digits, and the message it brought.

use std::time::Duration;

use crate::{
    app::detail::Line,
    base::human,
    payload::{Span, Tone},
    record::pcapng::Item,
    store::{
        Found, Scope, Seq, Store, View,
        exchange::{Exchange, Joined, Row, What},
    },
    wire::{
        decode::{self, Decoded},
        packet::{Direction, Packet},
    },
};

/// The most bytes that are copied; as digits they are twice as long.
const MOST_COPIED: usize = 16 * 1024;

/// The most messages before a packet, and as many after it, that are looked at for its own.
const MOST_SEARCHED: usize = 200_000;

/// How far from its packet a message can be stamped, in microseconds.
const SLACK: u64 = 1_000_000;

pub(super) fn packet_of(row: &Row) -> Option<&Packet> {
    match &row.what {
        What::Packet { packet, .. } => Some(packet),
        What::Quiet { .. } | What::Lost(_) | What::Ended(_) => None,
    }
}

/// Decodes the packet of a row, with the topic that stands for its alias.
#[must_use]
pub fn decoded(row: &Row) -> Option<Decoded> {
    let What::Packet { packet, version, topic } = &row.what else { return None };
    let mut decoded = decode::decode(packet, *version);
    if let Some(topic) = topic {
        let topic = crate::base::text::line_of_bytes(topic, 120);
        decoded.summary.push_str(&format!(" = {topic}"));
    }
    Some(decoded)
}

/// Returns the bytes of a packet as digits, for the clipboard.
#[must_use]
pub fn copied(row: &Row) -> Option<String> {
    let packet = packet_of(row)?;
    let mut digits = String::new();
    for byte in packet.head.iter().take(MOST_COPIED) {
        digits.push_str(&format!("{byte:02x}"));
    }
    Some(digits)
}

/// Returns what a capture of the exchange holds; the bytes of packets are shared.
#[must_use]
pub fn captured(exchange: &Exchange) -> Vec<Item> {
    let item = |row: &Row| match &row.what {
        What::Packet { packet, .. } => Item::Packet(packet.clone()),
        What::Quiet { direction, quiet, .. } => {
            let way = if *direction == Direction::Out { "sent" } else { "received" };
            let (count, size) = (human::count(quiet.count), human::size(quiet.bytes));
            Item::Remark(format!("{count} PUBLISH packets with QoS 0 ({size}) {way} around here are not in this file"))
        }
        What::Lost(count) => Item::Remark(format!("{} packets are missing around here", human::count(*count))),
        What::Ended(why) => Item::Remark(format!("the connection ended: {why}")),
    };
    exchange.rows().map(|(_, row)| item(row)).collect()
}

/// Finds the message that a PUBLISH from the broker brought: the one of its topic and payload that is nearest in time.
///
/// It looks at bounded parts of the log on either side, which is too much for a frame.
#[must_use]
pub fn message_of(row: &Row, store: &Store) -> Option<Seq> {
    let What::Packet { packet, version, topic: alias } = &row.what else { return None };
    if packet.direction == Direction::Out {
        return None;
    }
    let publish = decode::publish(packet, *version)?;
    let topic = alias.as_deref().unwrap_or(publish.topic);
    let node = store.tree().find(std::str::from_utf8(topic).ok()?)?;
    // Messages are stamped when their batch begins, which may be a little earlier than their packet.
    let from = store.first_within(Duration::ZERO, packet.at);
    let view = View::filtered(Scope::Topic(node));
    let mut nearest: Option<(u64, Seq)> = None;
    for (from, back) in [(from.0.checked_sub(1).map(Seq), true), (Some(from), false)] {
        let Some(from) = from else { continue };
        let mut distance = 0;
        let found = view.find(store, from, back, MOST_SEARCHED, |entry| {
            distance = entry.at.mono.abs_diff(packet.at.mono);
            entry.qos.level() == packet.first >> 1 & 3 && entry.payload.starts_with(publish.payload)
        });
        if let Found::At(seq) = found
            && distance <= SLACK
            && nearest.is_none_or(|(best, _)| distance < best)
        {
            nearest = Some((distance, seq));
        }
    }
    nearest.map(|(_, seq)| seq)
}

/// Writes what is known of a row: what it is and answers, its fields flowing from line to line, its first bytes.
pub(super) fn describe(row: &Row, exchange: &Exchange, columns: usize) -> Vec<Line> {
    let plain = |text: String| vec![span(text, Tone::Plain)];
    let (Some(packet), Some(decoded)) = (packet_of(row), decoded(row)) else {
        return match &row.what {
            What::Quiet { quiet, since, until, .. } => vec![
                plain(format!(
                    "{} PUBLISH packets with QoS 0 in {}, {} in all",
                    human::count(quiet.count),
                    human::precise_span(until.since(*since)),
                    human::size(quiet.bytes)
                )),
                plain("they were only counted".to_owned()),
            ],
            What::Lost(count) => vec![
                plain(format!("{} packets were let go", human::count(*count))),
                plain("they came faster than the screen could take them; the messages are not affected".to_owned()),
            ],
            What::Ended(why) => flow([vec![span(why.clone(), Tone::Error)]], columns),
            What::Packet { .. } => Vec::new(),
        };
    };
    let way = if packet.direction == Direction::Out { "to the broker" } else { "from the broker" };
    let mut head = vec![span(packet.kind().name(), Tone::Key)];
    let bytes = human::count(packet.size as u64);
    head.push(span(format!("  {way}, {bytes} bytes{}", exchanged(row.joined.as_ref(), exchange)), Tone::Note));
    let mut parts: Vec<Line> = Vec::new();
    if let Some(fault) = &decoded.fault {
        parts.push(vec![span(fault.clone(), Tone::Error)]);
    }
    for field in decoded.fields {
        parts.push(vec![span(field.name, Tone::Key), span(format!(" {}", field.value), Tone::Plain)]);
    }
    let mut lines = vec![head];
    lines.extend(flow(parts, columns));
    lines.push(vec![span("hex ", Tone::Key), span(decode::digits(&packet.head), Tone::Note)]);
    lines
}

/// Says what a packet answers, or what answered it.
fn exchanged(joined: Option<&Joined>, exchange: &Exchange) -> String {
    let Some(joined) = joined else { return String::new() };
    let other = exchange.row(joined.with).and_then(packet_of).map_or("a packet that is gone", |packet| packet.kind().name());
    let took = human::precise_span(joined.took);
    if joined.is_last { format!(", {took} after {other}") } else { format!(", {other} followed after {took}") }
}

/// Puts parts one after the other with a dot between, and begins a new line where one does not fit any more.
fn flow(parts: impl IntoIterator<Item = Line>, columns: usize) -> Vec<Line> {
    use unicode_width::UnicodeWidthStr;
    let width = |line: &Line| line.iter().map(|span| span.text.width()).sum::<usize>();
    let mut lines: Vec<Line> = Vec::new();
    for part in parts {
        match lines.last_mut() {
            Some(line) if width(line) + 3 + width(&part) <= columns => {
                line.push(span(" · ", Tone::Punctuation));
                line.extend(part);
            }
            _ => lines.extend(crate::app::detail::wrap(part, columns)),
        }
    }
    lines
}

fn span(text: impl Into<String>, tone: Tone) -> Span {
    Span { text: text.into(), tone }
}
