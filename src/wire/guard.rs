//! The guard: passes on whole, valid packets from a server, and refuses the rest by name.

mod history;
#[cfg(test)]
mod tests;

use std::{
    future::Future as _,
    io,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use self::history::{History, Verdict};
use super::{
    check::{self, Fault},
    frame::{BadLength, Framer, Header},
    packet::{Kind, Version, is_quiet_publish},
    repair::{self, Replacement},
    run::{Gathering, Layout, Run},
    violation::{EVIDENCE, FIRST_BYTES, Violation},
};
use crate::base::{human, text};

/// How much is read at a time.
const CHUNK: usize = 64 << 10;

/// The least room for which the system is asked.
const SMALLEST_READ: usize = 8 << 10;

/// The most columns of a topic in a violation.
const TOPIC_COLUMNS: usize = 80;

/// Reason Code Packet too large.
const TOO_LARGE: u8 = 0x95;

/// A stream that lets through what a client may see of a server.
///
/// Inbound, a packet passes when it is complete and every field of it is valid. Memory follows the bytes that arrived and is bounded by the packet limit: a packet over it is refused
/// when its header is read. After a [`Violation`] (found with [`Violation::of`]) no byte follows, and to a server of
/// MQTT 5 the guard says why in a DISCONNECT. Outbound, bytes pass untouched.
#[derive(Debug)]
pub struct Guard<S> {
    inner: S,
    version: Version,
    limit: usize,
    /// Whether CONNACK has passed.
    connected: bool,
    /// What was read and not checked: the beginning of a packet, never a whole one between two reads.
    partial: BytesMut,
    /// Checked bytes that the reader has not taken.
    ready: BytesMut,
    refused: Option<Violation>,
    /// Whether the server was told of the refusal, or need not be.
    told: bool,
    outgoing: Framer,
    /// What was said before, where the guard minds it.
    history: Option<History>,
    /// Whether PUBLISH packets with QoS 0 are taken out.
    takes: bool,
    /// Whether that is so for the next packet of the bytes that are being checked.
    taking: bool,
    gathering: Gathering,
    taken: Option<Run>,
}

/// Why a run of packets ended.
enum Stop {
    /// The bytes end, perhaps within a packet.
    Partial,
    /// From here on the reader gets everything.
    Through,
    /// The packet of so many bytes is to be replaced.
    Replace(usize, Replacement),
    Refused(Violation),
}

/// What becomes of a packet while others are taken out.
enum Way {
    /// It is taken out.
    Out,
    /// The reader gets it before what was taken out is handed on, which nobody can tell.
    Ahead,
    /// The reader gets it and all that follows.
    Through,
}

impl<S> Guard<S> {
    /// Guards a fresh connection; `limit` is the size in bytes of the largest packet to accept.
    pub fn new(inner: S, version: Version, limit: u32) -> Self {
        Self {
            inner,
            version,
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            connected: false,
            partial: BytesMut::new(),
            ready: BytesMut::new(),
            refused: None,
            told: false,
            outgoing: Framer::new(),
            history: None,
            takes: false,
            taking: false,
            gathering: Gathering::default(),
            taken: None,
        }
    }

    /// Minds what was said before, too: aliases that were not set or are above the Topic Alias Maximum, answers to nothing,
    /// and answers of the wrong length.
    #[must_use]
    pub fn with_history(mut self, topic_alias_maximum: u16) -> Self {
        self.history = Some(History::new(topic_alias_maximum));
        self
    }

    /// Takes PUBLISH packets with QoS 0 out of the stream, for [`Self::take_run`].
    ///
    /// What was taken out came before every byte that is read later, and after every byte that was read before. So that this
    /// order is kept, from the first packet of a read on that has to be in its place, the reader gets all of that read.
    /// A packet that gives a Topic Alias its topic is such a one, since later packets for the reader may use the alias.
    #[must_use]
    pub fn taking_quiet(mut self) -> Self {
        self.takes = true;
        self
    }

    /// Returns what was taken out by the last read; until then reading is pending, and wakes nobody.
    pub fn take_run(&mut self) -> Option<Run> {
        self.taken.take()
    }

    /// Tells whether the next read only goes on with what was read from the connection before.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

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
            let Some(frame) = rest.get_mut(..header.size()) else { return (passed, Stop::Partial) };
            let way = if self.taking { way(header.first) } else { Way::Through };
            if self.taking && matches!(way, Way::Through) {
                return (passed, Stop::Through);
            }
            if let Some(replacement) = repair::replacement(self.version, header, frame) {
                if let Err(fault) = check::body(self.version, header.first, &replacement.as_slice()[2..]) {
                    return (passed, Stop::Refused(violation(fault, frame)));
                }
                self.connected |= Kind::of(header.first) == Kind::Connack;
                return (passed, Stop::Replace(header.size(), replacement));
            }
            let body = &frame[header.len..];
            let checked = check::body(self.version, header.first, body)
                .and_then(|layout| self.recall(header.first, layout, body).map(|verdict| (layout, verdict)));
            let (layout, verdict) = match checked {
                Ok(checked) => checked,
                Err(fault) => return (passed, Stop::Refused(violation(fault, frame))),
            };
            repair::in_place(self.version, header, frame);
            let end = passed + header.size();
            match (way, verdict) {
                (Way::Through, Verdict::LeaveOut) => return (passed, Stop::Replace(header.size(), Replacement::NOTHING)),
                (Way::Through, Verdict::Pass | Verdict::Names | Verdict::Named(_)) => {
                    self.connected |= Kind::of(header.first) == Kind::Connack;
                }
                (Way::Out, Verdict::Names) => return (passed, Stop::Through),
                (Way::Out, Verdict::Named(topic)) => {
                    if !self.gathering.push(frame[0], (passed + header.len, end), layout, Some(topic)) {
                        return (passed, Stop::Through);
                    }
                }
                (Way::Out, Verdict::Pass | Verdict::LeaveOut) => {
                    if !self.gathering.push(frame[0], (passed + header.len, end), layout, None) {
                        return (passed, Stop::Through);
                    }
                }
                (Way::Ahead, Verdict::LeaveOut) => {}
                (Way::Ahead, Verdict::Pass | Verdict::Names | Verdict::Named(_)) => self.ready.extend_from_slice(frame),
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
        if header.size() > self.limit {
            let detail = format!("is {}, the limit is {}", size(header.size()), size(self.limit));
            return Err(Fault::new("size", detail, TOO_LARGE));
        }
        Ok(())
    }

    /// Compares a valid packet with what was said before.
    #[inline]
    fn recall(&mut self, first: u8, layout: Layout, body: &[u8]) -> Result<Verdict, Fault> {
        match &mut self.history {
            Some(history) => history.incoming(self.version, first, layout, body),
            None => Ok(Verdict::Pass),
        }
    }

    /// Checks what was read, and moves what is complete out of `partial`.
    fn settle(&mut self) {
        self.taking = self.takes && self.connected;
        loop {
            let mut partial = std::mem::take(&mut self.partial);
            let (passed, stop) = self.check(&mut partial);
            let checked = partial.split_to(passed);
            if self.taking {
                if !self.gathering.is_empty() {
                    self.taken = Some(self.gathering.take(checked.freeze()));
                }
            } else if self.ready.is_empty() {
                self.ready = checked;
            } else {
                self.ready.extend_from_slice(&checked);
            }
            match stop {
                Stop::Partial => {
                    // A short rest must not hold the memory of a large packet.
                    self.partial = if passed > CHUNK { BytesMut::from(&partial[..]) } else { partial };
                    return;
                }
                Stop::Through => {
                    self.taking = false;
                    self.partial = partial;
                }
                Stop::Replace(size, replacement) => {
                    self.ready.extend_from_slice(replacement.as_slice());
                    partial.advance(size);
                    self.partial = partial;
                }
                Stop::Refused(violation) => {
                    self.refused = Some(violation);
                    return;
                }
            }
        }
    }

    /// Says where in a packet the stream ended.
    fn cut(&self) -> Option<String> {
        let first = *self.partial.first()?;
        let (got, kind) = (human::count(self.partial.len() as u64), Kind::of(first));
        Some(match Header::read(&self.partial) {
            Ok(Some(header)) => format!("after {got} of {} bytes of a {kind}", human::count(header.size() as u64)),
            Ok(None) | Err(BadLength) => format!("in the header of a {kind}"),
        })
    }

    fn end(&self) -> io::Result<()> {
        self.cut().map_or(Ok(()), |place| Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("closed {place}"))))
    }

    fn broken(&self, error: io::Error) -> io::Error {
        match self.cut() {
            Some(place) => io::Error::new(error.kind(), format!("{} {place}", super::error::words(&error))),
            None => error,
        }
    }
}

impl<S: AsyncRead + Unpin> Guard<S> {
    /// Reads once; true when the stream has ended between two packets.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if self.partial.capacity() - self.partial.len() < SMALLEST_READ {
            self.partial.reserve(CHUNK);
        }
        match ready!(pin!(self.inner.read_buf(&mut self.partial)).poll(cx)) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Poll::Ready(Err(self.broken(error))),
            // Many brokers end TLS without its close_notify; whether bytes are missing is seen here all the same.
            Ok(0) | Err(_) => Poll::Ready(self.end().map(|()| true)),
            Ok(_) => {
                self.settle();
                Poll::Ready(Ok(false))
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Guard<S> {
    /// Tells a server of MQTT 5 why, if that can be done at once: the connection ends in any case.
    fn tell(&mut self, cx: &mut Context<'_>, reason_code: u8) {
        let may = self.version == Version::V5 && self.connected && self.outgoing.is_between();
        if !std::mem::replace(&mut self.told, true) && may {
            let sent = Pin::new(&mut self.inner).poll_write(cx, &[0xe0, 2, reason_code, 0]);
            if matches!(sent, Poll::Ready(Ok(_))) {
                let _ = Pin::new(&mut self.inner).poll_flush(cx);
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guard<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let start = buf.filled().len();
        while buf.remaining() > 0 && buf.filled().len() == start {
            if !this.ready.is_empty() {
                let len = this.ready.len().min(buf.remaining());
                buf.put_slice(&this.ready[..len]);
                this.ready.advance(len);
                if this.ready.is_empty() {
                    this.ready = BytesMut::new();
                }
            } else if this.taken.is_some() {
                return Poll::Pending;
            } else if let Some(violation) = this.refused.clone() {
                this.tell(cx, violation.reason_code);
                return Poll::Ready(Err(violation.into()));
            } else if ready!(this.poll_more(cx))? {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.inner).poll_write(cx, bytes))?;
        match &mut this.history {
            Some(history) => {
                let version = this.version;
                this.outgoing.feed(&bytes[..written], history::kept, |header, head| history.outgoing(version, header, head));
            }
            None => this.outgoing.feed(&bytes[..written], |_| 0, |_, _| ()),
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Tells what may become of a packet by its first byte.
fn way(first: u8) -> Way {
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
        topic: topic(bytes),
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
    (!topic.is_empty()).then(|| text::line_of_bytes(topic, TOPIC_COLUMNS).to_string().into())
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
