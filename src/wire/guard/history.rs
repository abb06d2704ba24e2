//! What was said before on a connection, as far as it decides what a server may say now.

use std::collections::{HashMap, HashSet};

use bytestring::ByteString;

use crate::wire::{
    check::{
        Fault, answers, properties,
        reader::{ALIAS_INVALID, MALFORMED, Reader},
    },
    frame::Header,
    packet::{Kind, Version},
};

/// How much of a SUBSCRIBE or UNSUBSCRIBE is looked at; the filters of a longer one are not counted.
const REQUEST_KEPT: usize = 64 << 10;

/// How much of a PUBLISH it takes to reach its Packet Identifier: header, topic and identifier.
const PUBLISH_KEPT: usize = 5 + 2 + 65_535 + 2;

/// How much it takes to reach the Packet Identifier and the Reason Code of the others.
const SHORT_KEPT: usize = 5 + 2 + 1;

/// What is to be done with a valid packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The library gets it, or nobody misses it there.
    Pass,
    /// It answers to nothing, so the library would hang up; nobody misses it.
    LeaveOut,
    /// The library gets it with the topic of this alias, which it has not seen.
    Name(u16),
}

/// The answers that are due on either side and the aliases that are set; each grows to 65,535 entries at most.
#[derive(Debug)]
pub(super) struct History {
    topic_alias_maximum: u16,
    aliases: HashMap<u16, Alias>,
    due: HashMap<u16, Due>,
    receive_maximum: u16,
    /// The publishes of QoS 1 and 2 that we have not acknowledged to the end.
    unacknowledged: HashSet<u16>,
    /// Whether there were once more of them than there may be, which is said once.
    is_exceeded: bool,
    stray: u64,
}

/// What a Topic Alias stands for.
#[derive(Debug)]
struct Alias {
    topic: ByteString,
    /// Whether the message that set it went no further than here.
    is_unseen: bool,
}

/// The packet that answers to one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Puback,
    Pubrec,
    /// PUBREC has come, PUBREL is ours to send.
    Nothing,
    Pubcomp,
    /// With so many codes, where they were counted.
    Suback(Option<usize>),
    Unsuback(Option<usize>),
}

impl History {
    pub(super) fn new(topic_alias_maximum: u16, receive_maximum: u16) -> Self {
        Self {
            topic_alias_maximum,
            aliases: HashMap::new(),
            due: HashMap::new(),
            receive_maximum,
            unacknowledged: HashSet::new(),
            is_exceeded: false,
            stray: 0,
        }
    }

    /// Notes a packet of ours, of which [`kept`] says how much is needed.
    pub(super) fn outgoing(&mut self, version: Version, header: Header, head: &[u8]) {
        let mut reader = Reader::new(head.get(header.len..).unwrap_or_default());
        let kind = Kind::of(header.first);
        if kind == Kind::Publish && reader.binary("topic").is_err() {
            return;
        }
        let whole = head.len() == header.size();
        let Ok(id) = reader.packet_id() else { return };
        let due = match kind {
            Kind::Publish if header.first & 0x06 == 0x02 => Due::Puback,
            Kind::Publish if header.first & 0x06 == 0x04 => Due::Pubrec,
            Kind::Pubrel => Due::Pubcomp,
            Kind::Subscribe => Due::Suback(filters(version, reader, true).filter(|_| whole)),
            Kind::Unsubscribe => Due::Unsuback(filters(version, reader, false).filter(|_| whole)),
            Kind::Puback | Kind::Pubcomp => return self.acknowledge(id),
            Kind::Pubrec if reader.rest().first().is_some_and(|code| *code >= 0x80) => return self.acknowledge(id),
            Kind::Publish
            | Kind::Reserved
            | Kind::Connect
            | Kind::Connack
            | Kind::Pubrec
            | Kind::Suback
            | Kind::Unsuback
            | Kind::Pingreq
            | Kind::Pingresp
            | Kind::Disconnect
            | Kind::Auth => return,
        };
        self.due.insert(id, due);
    }

    /// Compares a valid packet of the server with what was said before; `passes` tells whether the library sees it.
    #[inline]
    pub(super) fn incoming(
        &mut self,
        version: Version,
        first: u8,
        alias: Option<u16>,
        body: &[u8],
        passes: bool,
    ) -> Result<Verdict, Fault> {
        match Kind::of(first) {
            Kind::Publish => {
                if version == Version::V5 && first & 0x06 != 0 {
                    self.receive(body)?;
                }
                match alias {
                    None => Ok(Verdict::Pass),
                    Some(alias) => self.alias(alias, body, passes),
                }
            }
            kind @ (Kind::Puback | Kind::Pubrec | Kind::Pubcomp | Kind::Suback | Kind::Unsuback) => {
                self.answer(version, kind, body)
            }
            Kind::Reserved
            | Kind::Connect
            | Kind::Connack
            | Kind::Pubrel
            | Kind::Subscribe
            | Kind::Unsubscribe
            | Kind::Pingreq
            | Kind::Pingresp
            | Kind::Disconnect
            | Kind::Auth => Ok(Verdict::Pass),
        }
    }

    /// Counts a publish of QoS 1 or 2 until it is acknowledged to the end (MQTT 5.0, 3.3.4).
    ///
    /// One that comes too early is no reason to hang up, which 3.3.4 lets a client do: mosquitto 2.0 sends a few at once when an
    /// acknowledgement makes room, and a clean session would lose all that it holds. There are no more than identifiers.
    fn receive(&mut self, body: &[u8]) -> Result<(), Fault> {
        let mut reader = Reader::new(body);
        reader.binary("topic")?;
        self.unacknowledged.insert(reader.packet_id()?);
        if self.unacknowledged.len() > usize::from(self.receive_maximum) && !std::mem::replace(&mut self.is_exceeded, true) {
            tracing::warn!(receive_maximum = self.receive_maximum, "the broker sends more messages at once than it may");
        }
        Ok(())
    }

    /// Notes that an exchange with the server is over, as our answer ends it.
    pub(super) fn acknowledge(&mut self, id: u16) {
        self.unacknowledged.remove(&id);
    }

    /// Compares a Topic Alias with those that are set, or sets it; `passes` tells whether the library sees the packet.
    fn alias(&mut self, alias: u16, body: &[u8], passes: bool) -> Result<Verdict, Fault> {
        if alias > self.topic_alias_maximum {
            let detail = format!("is {alias}, the maximum is {}", self.topic_alias_maximum);
            return Err(Fault::new("Topic Alias", detail, ALIAS_INVALID));
        }
        let topic = Reader::new(body).binary("topic")?;
        match self.aliases.get_mut(&alias) {
            None if topic.is_empty() => {
                let detail = format!("is {alias}, which was not set on this connection");
                Err(Fault::protocol("Topic Alias", detail))
            }
            Some(known) if topic.is_empty() => {
                let is_named = passes && std::mem::take(&mut known.is_unseen);
                Ok(if is_named { Verdict::Name(alias) } else { Verdict::Pass })
            }
            Some(known) if known.topic.as_bytes() == topic => {
                known.is_unseen &= !passes;
                Ok(Verdict::Pass)
            }
            Some(_) | None => {
                let topic = ByteString::try_from(topic).map_err(|_| Fault::new("topic", "is not valid UTF-8", MALFORMED))?;
                self.aliases.insert(alias, Alias { topic, is_unseen: !passes });
                Ok(Verdict::Pass)
            }
        }
    }

    /// Notes a valid PUBLISH that goes no further, so that a Topic Alias that it sets is known.
    pub(super) fn skipped(&mut self, alias: Option<u16>, body: &[u8]) -> Result<(), Fault> {
        alias.map_or(Ok(()), |alias| self.alias(alias, body, false).map(drop))
    }

    /// Takes back that the library has seen a topic.
    pub(super) fn unsee(&mut self, alias: u16) {
        if let Some(alias) = self.aliases.get_mut(&alias) {
            alias.is_unseen = true;
        }
    }

    /// Returns the topic that an alias stands for, empty for one that is not set.
    pub(super) fn topic(&self, alias: u16) -> ByteString {
        self.aliases.get(&alias).map(|alias| alias.topic.clone()).unwrap_or_default()
    }

    fn answer(&mut self, version: Version, kind: Kind, body: &[u8]) -> Result<Verdict, Fault> {
        let mut reader = Reader::new(body);
        let id = reader.packet_id()?;
        let Some(due) = self.due.get(&id).copied().filter(|due| due.is_answered_by(kind)) else {
            self.stray += 1;
            // A server can send millions: it is told at 1, 2, 4, 8 and so on.
            if self.stray.is_power_of_two() {
                tracing::warn!(packet = %kind, id, stray = self.stray, "an answer to nothing was left out");
            }
            return Ok(Verdict::LeaveOut);
        };
        self.due.remove(&id);
        match due {
            // RabbitMQ 3 does QoS 2 as QoS 1: its PUBACK is the end of the exchange.
            Due::Pubrec if kind == Kind::Puback => {}
            Due::Pubrec => {
                let is_failure = version == Version::V5 && reader.rest().first().is_some_and(|code| *code >= 0x80);
                if !is_failure {
                    self.due.insert(id, Due::Nothing);
                }
            }
            Due::Suback(count) | Due::Unsuback(count) => codes(version, kind, body, count)?,
            Due::Puback | Due::Pubcomp | Due::Nothing => {}
        }
        Ok(Verdict::Pass)
    }
}

impl Due {
    fn is_answered_by(self, kind: Kind) -> bool {
        match self {
            Self::Puback => kind == Kind::Puback,
            Self::Pubrec => matches!(kind, Kind::Pubrec | Kind::Puback),
            Self::Nothing => false,
            Self::Pubcomp => kind == Kind::Pubcomp,
            Self::Suback(_) => kind == Kind::Suback,
            Self::Unsuback(_) => kind == Kind::Unsuback,
        }
    }
}

/// Says how much of a packet of ours is needed, by its first byte.
pub(super) fn kept(first: u8) -> usize {
    match Kind::of(first) {
        Kind::Publish if first & 0x06 != 0 => PUBLISH_KEPT,
        Kind::Subscribe | Kind::Unsubscribe => REQUEST_KEPT,
        Kind::Puback | Kind::Pubrec | Kind::Pubrel | Kind::Pubcomp => SHORT_KEPT,
        Kind::Publish
        | Kind::Reserved
        | Kind::Connect
        | Kind::Connack
        | Kind::Suback
        | Kind::Unsuback
        | Kind::Pingreq
        | Kind::Pingresp
        | Kind::Disconnect
        | Kind::Auth => 0,
    }
}

/// Counts the filters of a SUBSCRIBE, which have options, or of an UNSUBSCRIBE.
fn filters(version: Version, mut reader: Reader<'_>, with_options: bool) -> Option<usize> {
    if version == Version::V5 {
        properties::values(&mut reader).ok()?;
    }
    let mut count = 0;
    while !reader.is_empty() {
        reader.binary("filter").ok()?;
        if with_options {
            reader.byte("options").ok()?;
        }
        count += 1;
    }
    Some(count)
}

/// Checks that there is a code for each filter; the UNSUBACK of MQTT 3 has none.
fn codes(version: Version, kind: Kind, body: &[u8], asked: Option<usize>) -> Result<(), Fault> {
    let Some(asked) = asked.filter(|_| version == Version::V5 || kind == Kind::Suback) else { return Ok(()) };
    let count = answers::subscription(version, kind, body)?.rest().len();
    if count == asked {
        return Ok(());
    }
    Err(Fault::new("reason codes", format!("are {count}, for {asked} that were asked for"), MALFORMED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame::Framer;

    /// A history of MQTT 5 in which these bytes were sent.
    fn after(sent: &[u8]) -> History {
        let mut history = History::new(3, 2);
        Framer::new().feed(sent, kept, |header, head| history.outgoing(Version::V5, header, head));
        history
    }

    fn verdict(history: &mut History, packet: &[u8]) -> Result<Verdict, String> {
        let layout = crate::wire::check::body(Version::V5, packet[0], &packet[2..]).expect("a valid packet");
        history
            .incoming(Version::V5, packet[0], layout.alias, &packet[2..], true)
            .map_err(|fault| format!("{} {}", fault.field, fault.detail))
    }

    #[test]
    fn an_answer_passes_once_and_a_stray_one_never() {
        let mut history = after(&[0x32, 6, 0, 1, b'a', 0, 7, 0, 0x34, 6, 0, 1, b'a', 0, 8, 0]);
        assert_eq!(verdict(&mut history, &[0x40, 2, 0, 7]), Ok(Verdict::Pass));
        assert_eq!(verdict(&mut history, &[0x40, 2, 0, 7]), Ok(Verdict::LeaveOut));
        assert_eq!(verdict(&mut history, &[0x50, 2, 0, 8]), Ok(Verdict::Pass));
        assert_eq!(verdict(&mut history, &[0x50, 2, 0, 8]), Ok(Verdict::LeaveOut));
        assert_eq!(verdict(&mut history, &[0x70, 2, 0, 8]), Ok(Verdict::LeaveOut), "PUBREL was not sent yet");
        Framer::new().feed(&[0x62, 2, 0, 8], kept, |header, head| history.outgoing(Version::V5, header, head));
        assert_eq!(verdict(&mut history, &[0x70, 2, 0, 8]), Ok(Verdict::Pass));
        assert_eq!(history.due.len(), 0);
    }

    #[test]
    fn a_puback_ends_a_publish_of_qos_2() {
        let mut history = after(&[0x34, 6, 0, 1, b'a', 0, 8, 0]);
        assert_eq!(verdict(&mut history, &[0x40, 2, 0, 8]), Ok(Verdict::Pass));
        assert_eq!(verdict(&mut history, &[0x50, 2, 0, 8]), Ok(Verdict::LeaveOut));
        assert_eq!(history.due.len(), 0);
    }

    #[test]
    fn a_refused_publish_of_qos_2_is_over() {
        let mut history = after(&[0x34, 6, 0, 1, b'a', 0, 8, 0]);
        assert_eq!(verdict(&mut history, &[0x50, 3, 0, 8, 0x87]), Ok(Verdict::Pass));
        assert_eq!(history.due.len(), 0);
    }

    #[test]
    fn a_publish_counts_until_it_is_acknowledged_to_the_end() {
        let mut history = after(&[]);
        let say = |history: &mut History, sent: &[u8]| {
            Framer::new().feed(sent, kept, |header, head| history.outgoing(Version::V5, header, head));
        };
        let one = |id| [0x32, 6, 0, 1, b'a', 0, id, 0];
        let two = |id| [0x34, 6, 0, 1, b'a', 0, id, 0];
        assert_eq!(verdict(&mut history, &one(1)), Ok(Verdict::Pass));
        assert_eq!(verdict(&mut history, &two(2)), Ok(Verdict::Pass));
        assert_eq!(verdict(&mut history, &two(2)), Ok(Verdict::Pass), "sent again");
        say(&mut history, &[0x40, 2, 0, 1, 0x50, 2, 0, 2]);
        let is_exceeded_by = |history: &mut History, publish: &[u8]| {
            assert_eq!(verdict(history, publish), Ok(Verdict::Pass));
            std::mem::take(&mut history.is_exceeded)
        };
        assert!(!is_exceeded_by(&mut history, &one(3)), "PUBACK ends it");
        assert!(is_exceeded_by(&mut history, &one(4)), "PUBREC does not");
        say(&mut history, &[0x50, 3, 0, 2, 0x87, 0x40, 2, 0, 4]);
        assert!(!is_exceeded_by(&mut history, &two(5)), "a PUBREC that refuses does");
        say(&mut history, &[0x70, 2, 0, 5]);
        assert!(!is_exceeded_by(&mut history, &two(6)), "PUBCOMP does");
        assert!(!is_exceeded_by(&mut history, &[0x30, 4, 0, 1, b'a', 0]), "QoS 0 does not count");
    }

    #[test]
    fn an_answer_has_a_code_for_each_filter() {
        let mut history = after(&[0x82, 11, 0, 1, 0, 0, 1, b'a', 0, 0, 1, b'b', 0, 0xa2, 6, 0, 2, 0, 0, 1, b'a']);
        let said = verdict(&mut history, &[0x90, 4, 0, 1, 0, 0]);
        assert_eq!(said, Err("reason codes are 1, for 2 that were asked for".into()));
        let mut history = after(&[0x82, 11, 0, 1, 0, 0, 1, b'a', 0, 0, 1, b'b', 0, 0xa2, 6, 0, 2, 0, 0, 1, b'a']);
        assert_eq!(verdict(&mut history, &[0x90, 5, 0, 1, 0, 0, 0]), Ok(Verdict::Pass));
        assert_eq!(verdict(&mut history, &[0x90, 4, 0, 9, 0, 0]), Ok(Verdict::LeaveOut));
        assert!(verdict(&mut history, &[0xb0, 5, 0, 2, 0, 0, 0]).is_err());
    }

    #[test]
    fn an_alias_is_set_before_it_is_used_and_below_the_maximum() {
        let mut history = after(&[]);
        let used = [0x30, 6, 0, 0, 3, 0x23, 0, 2];
        assert_eq!(verdict(&mut history, &used), Err("Topic Alias is 2, which was not set on this connection".into()));
        assert_eq!(verdict(&mut history, &[0x30, 7, 0, 1, b'a', 3, 0x23, 0, 2]), Ok(Verdict::Pass));
        assert_eq!(verdict(&mut history, &used), Ok(Verdict::Pass));
        let above = verdict(&mut history, &[0x30, 7, 0, 1, b'a', 3, 0x23, 0, 4]);
        assert_eq!(above, Err("Topic Alias is 4, the maximum is 3".into()));
    }
}
