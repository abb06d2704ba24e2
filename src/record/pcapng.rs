//! Packets as a pcapng file that Wireshark opens as MQTT over TCP.
//!
//! The tap sees MQTT whatever carries it, so that TLS, WebSocket and QUIC are in the file as plain TCP between two
//! addresses for documentation; IP and TCP are made up, the time and the bytes of MQTT are true. Secrets are masked. Of a
//! packet that was kept in part the capture holds that part, and says so as captures do.
//!
//! ```text
//! Section Header   who wrote it, and what is made up
//! Interface        link type RAW, one packet of IP each
//! Enhanced Packet  time, IPv4, TCP from or to port 1883, one packet of MQTT; a comment where something is missing
//! ```

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use crate::wire::packet::{Direction, Kind, Packet};

/// The link type of bare IP (`LINKTYPE_RAW`).
const RAW: u16 = 101;

/// The addresses of the two ends (RFC 5737).
const CLIENT: [u8; 4] = [192, 0, 2, 1];
const BROKER: [u8; 4] = [192, 0, 2, 2];

/// The port of the broker, by which Wireshark knows MQTT.
const PORT: u16 = 1883;

/// The first port of a client; each connection has the next.
const FIRST_PORT: u16 = 49_152;

/// The bytes of MQTT in one packet of IP, whose length has 16 bits.
const SEGMENT: usize = 60_000;

/// The headers of IPv4 and TCP without options.
const HEADERS: usize = 40;

const COMMENT: u16 = 1;
const APPLICATION: u16 = 4;
const INTERFACE_NAME: u16 = 2;

/// Something to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A packet.
    Packet(Packet),
    /// What is to be known at this place, and has no bytes; it must be safe to show.
    Remark(String),
}

/// Writes items as a capture; a remark becomes a comment of the packet after it, the last ones of the last packet.
///
/// # Errors
///
/// Returns the error of `out`.
pub fn write(items: &[Item], out: &mut impl Write) -> io::Result<()> {
    section(out)?;
    interface(out)?;
    let mut connection = Connection::default();
    let mut comment = String::new();
    let last = items.iter().rposition(|item| matches!(item, Item::Packet(_)));
    for (at, item) in items.iter().enumerate() {
        match item {
            Item::Packet(packet) => {
                if last == Some(at) {
                    items[at + 1..].iter().for_each(|item| remark(&mut comment, item));
                }
                connection.packet(packet, &comment, out)?;
                comment.clear();
            }
            Item::Remark(_) => remark(&mut comment, item),
        }
    }
    Ok(())
}

/// Adds a remark to a comment, on a line of its own.
fn remark(comment: &mut String, item: &Item) {
    let Item::Remark(said) = item else { return };
    if !comment.is_empty() {
        comment.push('\n');
    }
    comment.push_str(said);
}

fn section(out: &mut impl Write) -> io::Result<()> {
    let mut body = Vec::new();
    body.extend(0x1a2b_3c4d_u32.to_le_bytes());
    body.extend(1_u16.to_le_bytes());
    body.extend(0_u16.to_le_bytes());
    // The length of the section is not known.
    body.extend(u64::MAX.to_le_bytes());
    option(&mut body, COMMENT, "IP and TCP are made up, MQTT is as it passed; passwords are masked, QoS 0 may be left out");
    option(&mut body, APPLICATION, concat!("mqtap ", env!("CARGO_PKG_VERSION")));
    end_options(&mut body);
    block(out, 0x0a0d_0d0a, &body)
}

fn interface(out: &mut impl Write) -> io::Result<()> {
    let mut body = Vec::new();
    body.extend(RAW.to_le_bytes());
    body.extend([0; 2]);
    // No limit to the length of a packet.
    body.extend(0_u32.to_le_bytes());
    option(&mut body, INTERFACE_NAME, "mqtap");
    end_options(&mut body);
    block(out, 1, &body)
}

fn block(out: &mut impl Write, kind: u32, body: &[u8]) -> io::Result<()> {
    let total = u32::try_from(body.len() + 12).unwrap_or(u32::MAX).to_le_bytes();
    for part in [&kind.to_le_bytes(), &total[..], body, &total] {
        out.write_all(part)?;
    }
    Ok(())
}

fn option(body: &mut Vec<u8>, code: u16, text: &str) {
    // An option has at most 65,535 bytes, and ends at a character.
    let end = text.floor_char_boundary(usize::from(u16::MAX) - 3);
    let text = &text[..end];
    body.extend(code.to_le_bytes());
    body.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_le_bytes());
    body.extend_from_slice(text.as_bytes());
    pad(body);
}

fn end_options(body: &mut Vec<u8>) {
    body.extend([0; 4]);
}

/// Fills up to a multiple of four bytes, as all of pcapng is.
fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

/// The made-up TCP connection of the packets since the last CONNECT.
#[derive(Debug, Default)]
struct Connection {
    number: u16,
    /// The next byte of each [`Direction`].
    sequence: [u32; 2],
    identification: u16,
}

impl Connection {
    /// Writes a packet in as many segments as it takes.
    fn packet(&mut self, packet: &Packet, comment: &str, out: &mut impl Write) -> io::Result<()> {
        if packet.kind() == Kind::Connect && packet.direction == Direction::Out {
            self.number = self.number.wrapping_add(1);
            self.sequence = [1, 1];
        }
        let mut start = 0;
        while start < packet.size {
            let size = (packet.size - start).min(SEGMENT);
            let kept = packet.head.get(start..).unwrap_or_default();
            let kept = &kept[..kept.len().min(size)];
            self.segment(packet, kept, size, if start == 0 { comment } else { "" }, out)?;
            start += size;
            if kept.len() < size {
                // The rest is a gap of TCP, as where a capture has lost packets.
                self.advance(packet.direction, packet.size - start);
                break;
            }
        }
        Ok(())
    }

    fn advance(&mut self, direction: Direction, bytes: usize) {
        let next = &mut self.sequence[direction as usize];
        // Sequence numbers go round.
        *next = next.wrapping_add(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    /// Writes one segment, of whose `size` bytes `kept` are there.
    fn segment(&mut self, packet: &Packet, kept: &[u8], size: usize, comment: &str, out: &mut impl Write) -> io::Result<()> {
        let headers = self.headers(packet.direction, kept, size);
        let micros = u64::try_from(packet.at.wall).unwrap_or(0);
        let length = |bytes: usize| u32::try_from(HEADERS + bytes).unwrap_or(u32::MAX).to_le_bytes();
        let mut body = Vec::with_capacity(kept.len() + 128);
        body.extend(0_u32.to_le_bytes());
        let [high, low] = [micros >> 32, micros & 0xffff_ffff].map(|half| u32::try_from(half).unwrap_or(u32::MAX));
        body.extend(high.to_le_bytes());
        body.extend(low.to_le_bytes());
        body.extend(length(kept.len()));
        body.extend(length(size));
        body.extend(headers);
        body.extend_from_slice(kept);
        pad(&mut body);
        if !comment.is_empty() {
            option(&mut body, COMMENT, comment);
            end_options(&mut body);
        }
        self.advance(packet.direction, size);
        block(out, 6, &body)
    }

    /// Makes the headers of IPv4 and TCP.
    fn headers(&mut self, direction: Direction, kept: &[u8], size: usize) -> [u8; HEADERS] {
        let client_port = FIRST_PORT + self.number % (u16::MAX - FIRST_PORT);
        let (source, target, ports, ours, theirs) = match direction {
            Direction::Out => (CLIENT, BROKER, [client_port, PORT], Direction::Out, Direction::In),
            Direction::In => (BROKER, CLIENT, [PORT, client_port], Direction::In, Direction::Out),
        };
        self.identification = self.identification.wrapping_add(1);
        let length = u16::try_from(HEADERS + size).unwrap_or(u16::MAX).to_be_bytes();
        let [id, from, to] = [self.identification, ports[0], ports[1]].map(u16::to_be_bytes);
        let mut bytes = [0; HEADERS];
        // IPv4: version and header length, length, identification, don't fragment, time to live, TCP, addresses.
        bytes[0] = 0x45;
        bytes[2..4].copy_from_slice(&length);
        bytes[4..6].copy_from_slice(&id);
        bytes[6] = 0x40;
        bytes[8] = 64;
        bytes[9] = 6;
        bytes[12..16].copy_from_slice(&source);
        bytes[16..20].copy_from_slice(&target);
        let checksum = !fold(sum(&bytes[..20]));
        bytes[10..12].copy_from_slice(&checksum.to_be_bytes());
        // TCP: ports, sequence numbers, header length, PSH and ACK, window.
        bytes[20..22].copy_from_slice(&from);
        bytes[22..24].copy_from_slice(&to);
        bytes[24..28].copy_from_slice(&self.sequence[ours as usize].to_be_bytes());
        bytes[28..32].copy_from_slice(&self.sequence[theirs as usize].to_be_bytes());
        bytes[32] = 0x50;
        bytes[33] = 0x18;
        bytes[34..36].copy_from_slice(&u16::MAX.to_be_bytes());
        if kept.len() == size {
            let tcp = u32::try_from(HEADERS - 20 + size).unwrap_or(0);
            let pseudo = sum(&bytes[12..20]) + 6 + (tcp >> 16) + (tcp & 0xffff);
            let checksum = !fold(pseudo + sum(&bytes[20..]) + sum(kept));
            bytes[36..38].copy_from_slice(&checksum.to_be_bytes());
        }
        bytes
    }
}

/// Adds up words of 16 bits (RFC 1071); 60,000 bytes cannot overflow.
fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0))).sum()
}

fn fold(sum: u32) -> u16 {
    let once = (sum >> 16) + (sum & 0xffff);
    let twice = (once >> 16) + (once & 0xffff);
    u16::try_from(twice).unwrap_or(u16::MAX)
}
