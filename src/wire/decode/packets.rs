//! One reader for each type of packet (MQTT 5.0, 3; MQTT 3.1.1, 3).

use super::{Page, Reason, TOPIC_ALIAS, Value, named, shown, word, yes_no};
use crate::{
    base::human,
    wire::{
        check::Fault,
        packet::{Direction, Kind, Packet, Version},
    },
};

/// The filters or codes of one packet that are words of the summary.
const MOST_WORDS: usize = 3;

/// The most filters or codes of one packet that are listed; a packet of 64 KiB can hold as many bytes of them.
const MOST_LISTED: usize = 100;

pub(super) fn read(page: &mut Page<'_>, packet: &Packet) -> Result<(), Fault> {
    let kind = packet.kind();
    match kind {
        Kind::Connect => connect(page),
        Kind::Connack => connack(page),
        Kind::Publish => publish(page, packet),
        Kind::Puback | Kind::Pubrec | Kind::Pubrel | Kind::Pubcomp => acknowledgement(page),
        Kind::Subscribe => subscribe(page),
        Kind::Suback | Kind::Unsuback => codes(page, kind),
        Kind::Unsubscribe => unsubscribe(page),
        Kind::Disconnect | Kind::Auth => farewell(page, packet),
        Kind::Pingreq | Kind::Pingresp => Ok(()),
        Kind::Reserved => Err(Fault::new("type", "is one that MQTT does not define", 0x81)),
    }
}

fn connect(page: &mut Page<'_>) -> Result<(), Fault> {
    page.text("Protocol Name")?;
    let level = page.reader.byte("Protocol Version")?;
    page.version = if level >= 5 { Version::V5 } else { Version::V311 };
    let name = match level {
        3 => "3.1".to_owned(),
        4 => "3.1.1".to_owned(),
        other => other.to_string(),
    };
    page.field("Protocol Version", || format!("{level} (MQTT {name})"));
    let flags = page.reader.byte("Connect Flags")?;
    let flag = |bit: u8| flags & bit != 0;
    let clean = if page.version == Version::V5 { "Clean Start" } else { "Clean Session" };
    page.field(clean, || yes_no(flag(0x02)));
    let keep_alive = page.reader.u16("Keep Alive")?;
    page.field("Keep Alive", || format!("{} s", human::count(keep_alive.into())));
    page.word(&format!("v{name} clean={} ka={keep_alive}", u8::from(flag(0x02))));
    page.properties(|_, _| None)?;
    let id = page.text("Client Identifier")?;
    page.word(&format!("id={}", word(id)));
    if flag(0x04) {
        page.field("Will QoS", || (flags >> 3 & 3).to_string());
        page.field("Will Retain", || yes_no(flag(0x20)));
        page.properties(|_, _| None)?;
        let topic = page.text("Will Topic")?;
        page.word(&format!("will={}", word(topic)));
        let payload = page.reader.binary("Will Payload")?;
        page.field("Will Payload", || payload_text(payload, payload.len()));
    }
    if flag(0x80) {
        let name = page.text("User Name")?;
        page.word(&format!("user={}", word(name)));
    }
    if flag(0x40) {
        // The tap has blotted out the bytes.
        page.reader.binary("Password")?;
        page.field("Password", || "***".to_owned());
    }
    Ok(())
}

fn connack(page: &mut Page<'_>) -> Result<(), Fault> {
    let flags = page.reader.byte("Acknowledge Flags")?;
    let code = page.reader.byte("Reason Code")?;
    let short = page.reader.is_empty();
    // A broker without MQTT 5 answers in the words of 3.1.1.
    let reason = if page.version == Version::V5 && (!short || code >= 0x80) { Reason(code) } else { Reason::of_v3_connack(code) };
    page.tell(reason, true);
    page.field("Session Present", || yes_no(flags & 1 != 0));
    page.word(&format!("sess={}", flags & 1));
    if short {
        return Ok(());
    }
    page.properties(|id, value| match (id, value) {
        (0x12, Value::Text(client_id)) => Some(format!("id={}", word(client_id))),
        (0x13, Value::Number(n)) => Some(format!("ka={n}")),
        (0x21, Value::Number(n)) => Some(format!("rmax={n}")),
        (0x22, Value::Number(n)) => Some(format!("tamax={n}")),
        (0x24, Value::Number(n)) => Some(format!("qmax={n}")),
        (0x27, Value::Number(n)) => Some(format!("pmax={n}")),
        _ => reason_string(id, value),
    })
}

fn publish(page: &mut Page<'_>, packet: &Packet) -> Result<(), Fault> {
    let first = packet.first;
    let (dup, qos, retain) = (first & 8 != 0, first >> 1 & 3, first & 1 != 0);
    page.field("QoS", || if qos == 3 { "3 (not allowed)".to_owned() } else { qos.to_string() });
    page.field("Retain", || yes_no(retain));
    page.field("Dup", || yes_no(dup));
    page.word(&format!("q{qos}"));
    let topic = page.text("Topic Name")?;
    if qos > 0 {
        page.packet_id()?;
    }
    for (flag, mark) in [(retain, "R"), (dup, "D")] {
        if flag {
            page.word(mark);
        }
    }
    let mut alias = None;
    page.properties(|id, value| {
        if let (TOPIC_ALIAS, Value::Number(n)) = (id, value) {
            alias = Some(n);
        }
        None
    })?;
    match alias.filter(|_| topic.is_empty()) {
        Some(alias) => page.word(&format!("alias {alias}")),
        None => page.word(&word(topic)),
    }
    let payload = page.reader.rest();
    page.reader.take(payload.len(), "Payload")?;
    let whole = packet.size - packet.head.len().min(packet.size) + payload.len();
    page.field("Payload", || payload_text(payload, whole));
    Ok(())
}

/// Writes the size of a payload and its beginning.
fn payload_text(kept: &[u8], size: usize) -> String {
    let size = human::size(size as u64);
    if kept.is_empty() { size } else { format!("{size}  {}", shown(kept)) }
}

fn acknowledgement(page: &mut Page<'_>) -> Result<(), Fault> {
    page.packet_id()?;
    if page.reader.is_empty() {
        return Ok(());
    }
    page.reason(false)?;
    if page.reader.is_empty() { Ok(()) } else { page.properties(reason_string) }
}

fn subscribe(page: &mut Page<'_>) -> Result<(), Fault> {
    page.packet_id()?;
    page.properties(|_, _| None)?;
    let mut count = 0;
    while !page.reader.is_empty() {
        let filter = page.reader.binary("Topic Filter")?;
        let options = page.reader.byte("Subscription Options")?;
        count += 1;
        if count > MOST_LISTED {
            continue;
        }
        let qos = options & 3;
        let (no_local, as_published, handling) = (options >> 2 & 1, options >> 3 & 1, options >> 4 & 3);
        let v5 = page.version == Version::V5;
        page.field("Topic Filter", || {
            let shown = shown(filter);
            if v5 {
                let local = if no_local == 1 { ", no local" } else { "" };
                let retain = if as_published == 1 { ", retain as published" } else { "" };
                format!("{shown}  QoS {qos}{local}{retain}, retain handling {handling}")
            } else {
                format!("{shown}  QoS {qos}")
            }
        });
        if count <= MOST_WORDS {
            page.word(&format!("{} q{qos}", word(filter)));
        }
        if count == 1 && v5 && page.reader.is_empty() {
            page.word(&format!("nl={no_local} rh={handling}"));
        }
    }
    more(page, count);
    Ok(())
}

fn unsubscribe(page: &mut Page<'_>) -> Result<(), Fault> {
    page.packet_id()?;
    page.properties(|_, _| None)?;
    let mut count = 0;
    while !page.reader.is_empty() {
        let filter = page.reader.binary("Topic Filter")?;
        count += 1;
        if count <= MOST_LISTED {
            page.field("Topic Filter", || shown(filter));
        }
        if count <= MOST_WORDS {
            page.word(&word(filter));
        }
    }
    more(page, count);
    Ok(())
}

/// Reads SUBACK and UNSUBACK.
fn codes(page: &mut Page<'_>, kind: Kind) -> Result<(), Fault> {
    page.packet_id()?;
    let mut said = None;
    page.properties(|id, value| {
        said = reason_string(id, value).or(said.take());
        None
    })?;
    let codes = page.reader.rest();
    page.reader.take(codes.len(), "Reason Codes")?;
    page.out.is_failure |= codes.iter().any(|&code| Reason(code).is_failure());
    let v5 = page.version == Version::V5;
    for (i, &code) in codes.iter().take(MOST_LISTED).enumerate() {
        let reason = Reason(code);
        page.field("Reason Code", || match code {
            0..=2 if kind == Kind::Suback => format!("granted QoS {code}"),
            0x80 if !v5 => "0x80 Failure".to_owned(),
            _ => named(reason),
        });
        if i < MOST_WORDS {
            page.word(&match code {
                0..=2 if kind == Kind::Suback => format!("[granted q{code}]"),
                0 => "[done]".to_owned(),
                0x80 if !v5 => "[0x80 Failure]".to_owned(),
                _ => format!("[{}]", named(reason)),
            });
        }
    }
    more(page, codes.len());
    page.word(said.as_deref().unwrap_or_default());
    Ok(())
}

/// Says how many filters or codes are no words of the summary.
fn more(page: &mut Page<'_>, count: usize) {
    if count > MOST_WORDS {
        page.word(&format!("+{}", count - MOST_WORDS));
    }
}

/// Reads DISCONNECT and AUTH, which may leave everything out.
fn farewell(page: &mut Page<'_>, packet: &Packet) -> Result<(), Fault> {
    if page.reader.is_empty() {
        if page.version == Version::V5 {
            page.field("Reason Code", || ending(Reason(0), packet));
        }
        return Ok(());
    }
    let code = page.reader.byte("Reason Code")?;
    let reason = Reason(code);
    page.out.is_failure |= reason.is_failure();
    page.field("Reason Code", || ending(reason, packet));
    if code != 0 {
        page.word(&named(reason));
    }
    if page.reader.is_empty() {
        return Ok(());
    }
    page.properties(|id, value| match (id, value) {
        (0x15, Value::Text(method)) => Some(word(method)),
        _ => reason_string(id, value),
    })
}

/// Names the Reason Code of the end of a connection, where 0 has a name of its own.
fn ending(reason: Reason, packet: &Packet) -> String {
    match (reason.0, packet.kind(), packet.direction) {
        (0, Kind::Disconnect, Direction::In | Direction::Out) => "0x00 Normal disconnection".to_owned(),
        _ => named(reason),
    }
}

/// Makes the Reason String a word of the summary.
fn reason_string(id: u8, value: Value<'_>) -> Option<String> {
    match (id, value) {
        (0x1f, Value::Text(said)) if !said.is_empty() => Some(format!("“{}”", word(said))),
        _ => None,
    }
}
