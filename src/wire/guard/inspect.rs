//! Walks over what was read, packet by packet: each is checked once, and sent on its way.

use bytes::{Buf, BytesMut};
use bytestring::ByteString;

use super::{
    CHUNK, Guard,
    history::Verdict,
    oversize::{self, Head, Skip},
};
use crate::{
    base::{human, text},
    wire::{
        check::{self, Fault},
        frame::{BadLength, Header},
        packet::{Kind, is_quiet_publish},
        repair::{self, Replacement},
        run::Layout,
        violation::{EVIDENCE, FIRST_BYTES, Violation},
    },
};

/// The most columns of a topic in a violation.
const TOPIC_COLUMNS: usize = 80;

/// Reason Code Packet too large.
const TOO_LARGE: u8 = 0x95;

/// Whether PUBLISH packets with QoS 0 are taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taking {
    Never,
    /// From the next read on.
    NextRead,
    /// From what is being checked.
    Now,
}

/// Why a run of packets ended.
enum Stop {
    /// The bytes end, perhaps within a packet.
    Partial,
    /// From here on the reader gets everything.
    Through,
    /// The packet of so many bytes is to be replaced.
    Replace(usize, Replacement),
    /// The packet of so many bytes is to be replaced by a longer one.
    Rewrite(usize, Vec<u8>),
    /// So many bytes belong to a message that is passed over.
    Skip(usize, Skip),
    Refused(Violation),
}

/// What becomes of a packet while others are taken out.
pub(super) enum Way {
    /// It is taken out.
    Out,
    /// The reader gets it before what was taken out is handed on, which nobody can tell.
    Ahead,
    /// The reader gets it and all that follows.
    Through,
}

impl<S> Guard<S> {
    /// Checks the packets at the start of `bytes`; returns how many bytes may pass, or were taken out.
    fn check(&mut self, bytes: &mut [u8]) -> (usize, Stop) {
        let mut passed = 0;
        loop {
            let rest = &mut bytes[passed..];
            let header = match Header::read(rest) {
                Ok(Some(header)) => header,
                Ok(None) => return (passed, Stop::Partial),
                Err(BadLength) => {
                    let fault = Fault::new("remaining length", "has more than four bytes", 0x81);
                    return (passed, Stop::Refused(violation(fault, rest)));
                }
            };
            if let Err(fault) = self.check_header(header, rest) {
                return (passed, Stop::Refused(violation(fault, rest)));
            }
            let taking = self.taking == Taking::Now;
            let way = if taking { way(header.first) } else { Way::Through };
            if taking && (matches!(way, Way::Through) || header.size() > self.limit) {
                return (passed, Stop::Through);
            }
            if header.size() > self.limit {
                return (passed, self.pass_over(header, rest).unwrap_or_else(|fault| Stop::Refused(violation(fault, rest))));
            }
            let Some(frame) = rest.get_mut(..header.size()) else { return (passed, Stop::Partial) };
            if let Some(replacement) = repair::replacement(self.version, header, frame) {
                if let Err(fault) = check::body(self.version, header.first, &replacement.as_slice()[2..]) {
                    return (passed, Stop::Refused(violation(fault, frame)));
                }
                self.connected |= Kind::of(header.first) == Kind::Connack;
                return (passed, Stop::Replace(header.size(), replacement));
            }
            let body = &frame[header.len..];
            let checked = check::body(self.version, header.first, body)
                .and_then(|layout| self.recall(header.first, layout.alias, body).map(|verdict| (layout, verdict)));
            let (layout, verdict) = match checked {
                Ok(checked) => checked,
                Err(fault) => return (passed, Stop::Refused(violation(fault, frame))),
            };
            repair::in_place(self.version, header, frame);
            let end = passed + header.size();
            match (way, verdict) {
                (Way::Through, Verdict::Pass) => self.connected |= Kind::of(header.first) == Kind::Connack,
                (Way::Through, Verdict::LeaveOut) => return (passed, Stop::Replace(header.size(), Replacement::NOTHING)),
                (Way::Through, Verdict::Name(alias)) => {
                    let frame = &*frame;
                    let stop = self.name(alias, header, frame).unwrap_or_else(|fault| Stop::Refused(violation(fault, frame)));
                    return (passed, stop);
                }
                (Way::Ahead, Verdict::Pass | Verdict::Name(_)) => self.ready.extend_from_slice(frame),
                (Way::Ahead, Verdict::LeaveOut) => {}
                (Way::Out, Verdict::Pass | Verdict::Name(_) | Verdict::LeaveOut) => {
                    let topic = self.named(layout);
                    if !self.gathering.push(frame[0], (passed + header.len, end), layout, topic) {
                        return (passed, Stop::Through);
                    }
                }
            }
            passed = end;
        }
    }

    #[inline]
    fn check_header(&self, header: Header, bytes: &[u8]) -> Result<(), Fault> {
        if !self.connected
            && let Some(other) = another_protocol(bytes)
        {
            return Err(Fault::new(FIRST_BYTES, other, 0x82));
        }
        check::first_byte(self.version, self.connected, header.first)?;
        if header.size() > self.limit && Kind::of(header.first) != Kind::Publish { Err(self.too_large(header)) } else { Ok(()) }
    }

    #[cold]
    fn too_large(&self, header: Header) -> Fault {
        let detail = format!("is {}, the limit is {}", size(header.size()), size(self.limit));
        Fault::new("size", detail, TOO_LARGE)
    }

    /// Judges a PUBLISH over the limit, of which `bytes` have arrived and perhaps more.
    #[cold]
    fn pass_over(&mut self, header: Header, bytes: &[u8]) -> Result<Stop, Fault> {
        let bytes = &bytes[..bytes.len().min(header.size())];
        let body = &bytes[header.len..];
        let head = match oversize::head(self.version, header, body) {
            Head::Partial => return Ok(Stop::Partial),
            Head::Whole(length) => &body[..length],
            Head::Endless => return Err(self.too_large(header)),
        };
        let alias = check::body(self.version, header.first, head)?.alias;
        let mut named = topic(bytes);
        if let Some(history) = &mut self.history {
            history.skipped(alias, head)?;
            named = named.or_else(|| alias.map(|alias| shown(history.topic(alias).as_bytes())));
        }
        Ok(Stop::Skip(bytes.len(), Skip::new(header, bytes.len(), named.unwrap_or_default(), head)?))
    }

    /// Gives a PUBLISH its topic back, which the library has not seen, or passes it over if that makes it too large.
    #[cold]
    fn name(&mut self, alias: u16, header: Header, frame: &[u8]) -> Result<Stop, Fault> {
        let Some(history) = &mut self.history else { return Ok(Stop::Replace(header.size(), Replacement::NOTHING)) };
        let body = &frame[header.len..];
        let named = oversize::with_topic(frame[0], history.topic(alias).as_bytes(), body);
        if named.len() <= self.limit {
            return Ok(Stop::Rewrite(frame.len(), named));
        }
        history.unsee(alias);
        let topic = shown(history.topic(alias).as_bytes());
        Ok(Stop::Skip(frame.len(), Skip::new(header, frame.len(), topic, body)?))
    }

    /// Takes note of a message over the limit once all of it has passed.
    pub(super) fn end_skip(&mut self) {
        if let Some(skip) = self.skip.take_if(|skip| skip.is_over()) {
            self.answers.extend_from_slice(&skip.answer(self.version));
            if let (Some(history), Some(id)) = (&mut self.history, skip.packet_id()) {
                history.acknowledge(id);
            }
            skip.count(self.limit, &self.skipped);
        }
    }

    /// Compares a valid packet with what was said before.
    #[inline]
    fn recall(&mut self, first: u8, alias: Option<u16>, body: &[u8]) -> Result<Verdict, Fault> {
        match &mut self.history {
            Some(history) => history.incoming(self.version, first, alias, body, self.taking != Taking::Now),
            None => Ok(Verdict::Pass),
        }
    }

    /// Returns the topic of a PUBLISH that has only its Topic Alias.
    #[inline]
    fn named(&self, layout: Layout) -> Option<ByteString> {
        let alias = layout.alias.filter(|_| layout.topic_len == 0)?;
        self.history.as_ref().map(|history| history.topic(alias))
    }

    /// Checks what was read, and moves what is complete out of `partial`.
    pub(super) fn settle(&mut self) {
        if self.taking == Taking::NextRead && self.connected {
            self.taking = Taking::Now;
        }
        loop {
            let mut partial = std::mem::take(&mut self.partial);
            let (passed, stop) = self.check(&mut partial);
            // A split shares the buffer even where it takes nothing, and a shared one is copied whole to grow.
            if passed > 0 {
                let checked = partial.split_to(passed);
                if self.taking == Taking::Now {
                    if !self.gathering.is_empty() {
                        self.taken = Some(self.gathering.take(checked.freeze()));
                    }
                } else if self.ready.is_empty() {
                    self.ready = checked;
                } else {
                    self.ready.extend_from_slice(&checked);
                }
            }
            match stop {
                Stop::Partial => {
                    // A short rest must not hold the memory of a large packet.
                    self.partial = if passed > CHUNK { BytesMut::from(&partial[..]) } else { partial };
                    return;
                }
                Stop::Through => {
                    self.taking = Taking::NextRead;
                    self.partial = partial;
                }
                Stop::Replace(size, replacement) => {
                    self.ready.extend_from_slice(replacement.as_slice());
                    partial.advance(size);
                    self.partial = partial;
                }
                Stop::Rewrite(size, packet) => {
                    self.ready.extend_from_slice(&packet);
                    partial.advance(size);
                    self.partial = partial;
                }
                Stop::Skip(size, skip) => {
                    self.partial = BytesMut::from(&partial[size..]);
                    self.skip = Some(skip);
                    self.end_skip();
                }
                Stop::Refused(violation) => {
                    self.refused = Some(violation);
                    return;
                }
            }
        }
    }
}

/// Tells what may become of a packet by its first byte.
pub(super) fn way(first: u8) -> Way {
    match Kind::of(first) {
        Kind::Publish if is_quiet_publish(first) => Way::Out,
        // Answers to what was sent; no message waits for them, and they wait for none.
        Kind::Puback | Kind::Pubrec | Kind::Pubcomp | Kind::Pingresp => Way::Ahead,
        Kind::Publish
        | Kind::Reserved
        | Kind::Connect
        | Kind::Connack
        | Kind::Pubrel
        | Kind::Subscribe
        | Kind::Suback
        | Kind::Unsubscribe
        | Kind::Unsuback
        | Kind::Pingreq
        | Kind::Disconnect
        | Kind::Auth => Way::Through,
    }
}

#[cold]
fn violation(fault: Fault, bytes: &[u8]) -> Violation {
    Violation {
        packet: bytes.first().map_or("packet", |&first| Kind::of(first).name()),
        // A packet of a type that does not belong here is refused by its header, however much of it has come.
        topic: (fault.field != "type").then(|| topic(bytes)).flatten(),
        field: fault.field,
        detail: fault.detail,
        reason_code: fault.reason_code,
        bytes: bytes[..bytes.len().min(EVIDENCE)].into(),
    }
}

/// Reads the topic of a PUBLISH that may be cut.
fn topic(bytes: &[u8]) -> Option<Box<str>> {
    let header = Header::read(bytes).ok().flatten().filter(|header| Kind::of(header.first) == Kind::Publish)?;
    let (length, rest) = bytes.get(header.len..)?.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes(*length));
    let topic = rest.get(..length).filter(|_| length + 2 <= header.body)?;
    (!topic.is_empty()).then(|| shown(topic))
}

fn shown(topic: &[u8]) -> Box<str> {
    text::line_of_bytes(topic, TOPIC_COLUMNS).to_string().into()
}

fn size(bytes: usize) -> String {
    format!("{} bytes", human::count(bytes as u64))
}

/// Recognises what answers on a port that is not one of MQTT; two bytes are there whenever a header is.
fn another_protocol(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [b'H', b'T', ..] => Some("look like HTTP, not MQTT; is this a WebSocket or a web port?"),
        [0x15 | 0x16, 3, ..] => Some("look like TLS, not MQTT; use mqtts://"),
        [b'S', b'S', ..] => Some("look like SSH, not MQTT"),
        _ => None,
    }
}
