//! What passed on the wire: packets, counts and ends of a connection, each joined to what it answers.

#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use bytes::Bytes;

use crate::{
    base::clock::Stamp,
    wire::{
        decode,
        packet::{Direction, Kind, Packet, Version, is_quiet_publish},
        tap::{Noted, Quiet},
    },
};

/// The most rows that are kept; beyond that the oldest go.
pub const MOST_ROWS: usize = 20_000;

/// The most bytes of packets that are kept likewise.
pub const MOST_BYTES: usize = 8 << 20;

/// The topic aliases of the broker that are remembered; it was allowed fewer.
const MOST_ALIASES: usize = 64;

/// The first Reason Code of a failure.
const FAILURE: u8 = 0x80;

/// The number of a row in order of arrival, from 0; none is used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(pub u64);

/// Something that happened on the wire, or to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// When.
    pub at: Stamp,
    /// What.
    pub what: What,
    /// What it answers, or what answered it.
    pub joined: Option<Joined>,
    /// When the CONNECT of its connection was sent.
    pub connected: Option<Stamp>,
}

/// What a row is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A control packet.
    Packet {
        /// The packet.
        packet: Packet,
        /// The version that the connection speaks.
        version: Version,
        /// The topic that its Topic Alias stands for, where it carries the alias alone.
        topic: Option<Bytes>,
    },
    /// PUBLISH packets with QoS 0 that were only counted.
    Quiet {
        /// Which way they went.
        direction: Direction,
        /// How many, and their bytes.
        quiet: Quiet,
        /// Since when they were counted.
        since: Stamp,
        /// When they were counted last.
        until: Stamp,
    },
    /// So many packets were not taken in time.
    Lost(u64),
    /// The connection ended, or an attempt failed; the sentence is safe.
    Ended(String),
}

/// Two packets of one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joined {
    /// The row of the other one: the last one's first, the first one's last.
    pub with: RowId,
    /// The time between them.
    pub took: Duration,
    /// Whether this row is the last of the exchange.
    pub is_last: bool,
}

/// What an open exchange began with.
#[derive(Debug, Clone, Copy)]
struct Opened {
    row: RowId,
    at: Stamp,
    kind: Kind,
    qos: u8,
}

/// The rows of one connection, the oldest first.
///
/// Bounded by [`MOST_ROWS`] and [`MOST_BYTES`]; what goes is counted. Open exchanges are bounded by the 65,535 Packet
/// Identifiers of each direction.
#[derive(Debug)]
pub struct Exchange {
    rows: VecDeque<Row>,
    /// The number of the oldest row.
    first: u64,
    bytes: usize,
    lost: u64,
    packets: u64,
    version: Version,
    /// When the CONNECT of the connection was sent, until it ends.
    connected: Option<Stamp>,
    /// Exchanges with a Packet Identifier, by who began them.
    open: HashMap<(Direction, u16), Opened>,
    ping: Option<Opened>,
    connect: Option<Opened>,
    aliases: HashMap<u16, Bytes>,
}

impl Default for Exchange {
    fn default() -> Self {
        Self {
            rows: VecDeque::new(),
            first: 0,
            bytes: 0,
            lost: 0,
            packets: 0,
            version: Version::V5,
            connected: None,
            open: HashMap::new(),
            ping: None,
            connect: None,
            aliases: HashMap::new(),
        }
    }
}

impl Exchange {
    /// Takes in what the tap noted.
    pub fn insert(&mut self, noted: Noted) {
        if noted.lost > 0 {
            self.lost += noted.lost;
            self.push(Row { at: noted.at, what: What::Lost(noted.lost), joined: None, connected: self.connected });
        }
        for packet in noted.packets {
            self.packet(packet);
        }
        for (quiet, direction) in noted.quiet.into_iter().zip([Direction::In, Direction::Out]) {
            if quiet.count > 0 {
                self.quiet(direction, quiet, (noted.quiet_since, noted.at));
            }
        }
    }

    /// Notes the end of the connection, or of an attempt at one; `why` must be safe to show.
    pub fn end(&mut self, at: Stamp, why: String) {
        self.ping = None;
        self.connect = None;
        self.aliases.clear();
        let connected = self.connected.take();
        self.push(Row { at, what: What::Ended(why), joined: None, connected });
    }

    fn packet(&mut self, packet: Packet) {
        let row = RowId(self.first + self.rows.len() as u64);
        let kind = packet.kind();
        if let Some((version, clean)) = decode::connect(&packet) {
            self.version = version;
            self.connected = Some(packet.at);
            self.aliases.clear();
            if clean {
                self.open.clear();
            }
        }
        let opened = Opened { row, at: packet.at, kind, qos: packet.first >> 1 & 3 };
        let began = self.join(&packet, opened);
        let joined = began.map(|began| Joined { with: began.row, took: packet.at.since(began.at), is_last: true });
        if let Some(Joined { with, took, .. }) = joined
            && let Some(began) = self.row_mut(with)
        {
            began.joined = Some(Joined { with: row, took, is_last: false });
        }
        self.packets += 1;
        let topic = self.alias(&packet);
        let at = packet.at;
        self.push(Row { at, what: What::Packet { packet, version: self.version, topic }, joined, connected: self.connected });
    }

    /// Follows exchanges; returns what the packet is the end of.
    fn join(&mut self, packet: &Packet, opened: Opened) -> Option<Opened> {
        match opened.kind {
            Kind::Connect => self.connect = Some(opened),
            Kind::Connack => return self.connect.take(),
            Kind::Pingreq => self.ping = Some(opened),
            Kind::Pingresp => return self.ping.take(),
            Kind::Publish if is_quiet_publish(packet.first) => {}
            Kind::Publish | Kind::Subscribe | Kind::Unsubscribe => {
                let key = (packet.direction, decode::packet_id(packet)?);
                // A repetition goes on with what the first one began.
                let repeated = packet.first & 8 != 0 && opened.kind == Kind::Publish && self.open.contains_key(&key);
                if !repeated {
                    self.open.insert(key, opened);
                }
            }
            Kind::Puback | Kind::Pubcomp | Kind::Suback | Kind::Unsuback => return self.close(packet, opened.kind),
            Kind::Pubrec if decode::reason_code(packet, self.version) >= FAILURE => return self.close(packet, Kind::Pubcomp),
            Kind::Pubrec | Kind::Pubrel | Kind::Reserved | Kind::Disconnect | Kind::Auth => {}
        }
        None
    }

    /// Closes the exchange that a packet of this kind from the other side ends.
    fn close(&mut self, packet: &Packet, kind: Kind) -> Option<Opened> {
        let key = (other(packet.direction), decode::packet_id(packet)?);
        let opened = self.open.get(&key)?;
        let fits = match (opened.kind, opened.qos) {
            (Kind::Subscribe, _) => kind == Kind::Suback,
            (Kind::Unsubscribe, _) => kind == Kind::Unsuback,
            (_, 2) => kind == Kind::Pubcomp,
            (_, _) => kind == Kind::Puback,
        };
        if fits { self.open.remove(&key) } else { None }
    }

    /// Remembers a topic for its alias, or finds the topic of an alias that came alone.
    fn alias(&mut self, packet: &Packet) -> Option<Bytes> {
        let publish = decode::publish(packet, self.version).filter(|_| packet.direction == Direction::In)?;
        let (topic, alias) = (publish.topic, publish.alias?);
        if topic.is_empty() {
            return self.aliases.get(&alias).cloned();
        }
        if self.aliases.len() < MOST_ALIASES || self.aliases.contains_key(&alias) {
            self.aliases.insert(alias, Bytes::copy_from_slice(topic));
        }
        None
    }

    /// Adds counts to the last row where that is of the same direction, so that a flood is one row between two packets.
    fn quiet(&mut self, direction: Direction, more: Quiet, (since, at): (Stamp, Stamp)) {
        // The two directions may alternate without a packet in between.
        for row in self.rows.iter_mut().rev().take(2) {
            let What::Quiet { direction: of, quiet, until, .. } = &mut row.what else { break };
            if *of == direction {
                quiet.count += more.count;
                quiet.bytes += more.bytes;
                *until = at;
                return;
            }
        }
        // Before CONNECT there were none.
        let since = self.connected.filter(|connected| connected.mono > since.mono).unwrap_or(since);
        let what = What::Quiet { direction, quiet: more, since, until: at };
        self.push(Row { at, what, joined: None, connected: self.connected });
    }

    fn push(&mut self, row: Row) {
        self.bytes += held(&row);
        self.rows.push_back(row);
        while self.rows.len() > MOST_ROWS || self.bytes > MOST_BYTES {
            let Some(oldest) = self.rows.pop_front() else { break };
            self.bytes -= held(&oldest);
            self.first += 1;
        }
    }

    /// Returns the numbers of the kept rows.
    #[must_use]
    pub fn range(&self) -> std::ops::Range<u64> {
        self.first..self.first + self.rows.len() as u64
    }

    /// Returns a row; nothing when it had to go.
    #[must_use]
    pub fn row(&self, id: RowId) -> Option<&Row> {
        self.rows.get(usize::try_from(id.0.checked_sub(self.first)?).ok()?)
    }

    fn row_mut(&mut self, id: RowId) -> Option<&mut Row> {
        self.rows.get_mut(usize::try_from(id.0.checked_sub(self.first)?).ok()?)
    }

    /// Iterates over the rows, the oldest first.
    #[must_use]
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = (RowId, &Row)> {
        let first = self.first;
        self.rows.iter().enumerate().map(move |(at, row)| (RowId(first + at as u64), row))
    }

    /// Returns how many packets were listed in all, those that went included.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Returns how many packets were not taken in time.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }
}

fn held(row: &Row) -> usize {
    match &row.what {
        What::Packet { packet, .. } => packet.head.len(),
        What::Ended(why) => why.len(),
        What::Quiet { .. } | What::Lost(_) => 0,
    }
}

fn other(direction: Direction) -> Direction {
    match direction {
        Direction::In => Direction::Out,
        Direction::Out => Direction::In,
    }
}
