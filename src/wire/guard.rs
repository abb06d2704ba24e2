//! The guard: passes on whole, valid packets from a server, and refuses the rest by name.

mod history;
#[cfg(test)]
mod tests;

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use self::history::{History, Verdict};
use super::{
    check::{self, Fault},
    frame::{BadLength, Framer, Header},
    packet::{Kind, Version},
    repair::{self, Replacement},
    violation::{EVIDENCE, FIRST_BYTES, Violation},
};
use crate::base::{human, text};

/// A beginning of a packet of up to so many bytes is read on in the reader's own buffer.
const CARRIED: usize = 1024;

/// The most columns of a topic in a violation.
const TOPIC_COLUMNS: usize = 80;

/// Reason Code Packet too large.
const TOO_LARGE: u8 = 0x95;

/// A stream that lets through what a client may see of a server.
///
/// Inbound, a packet passes when it is complete and every field of it is valid; most are checked where they were read,
/// without a copy. Memory follows the bytes that arrived and is bounded by the packet limit: a packet over it is refused
/// when its header is read. After a [`Violation`] (found with [`Violation::of`]) no byte follows, and to a server of
/// MQTT 5 the guard says why in a DISCONNECT. Outbound, bytes pass untouched.
#[derive(Debug)]
pub struct Guard<S> {
    inner: S,
    version: Version,
    limit: usize,
    /// Whether CONNACK has passed.
    connected: bool,
    /// The beginning of a packet, never a whole one between two reads.
    partial: BytesMut,
    /// Checked bytes for which the reader had no room.
    ready: BytesMut,
    refused: Option<Violation>,
    /// Whether the server was told of the refusal, or need not be.
    told: bool,
    outgoing: Framer,
    /// What was said before, where the guard minds it.
    history: Option<History>,
}

/// Why a run of packets ended.
enum Stop {
    /// The bytes end, perhaps within a packet.
    Partial,
    /// The packet of so many bytes is to be replaced.
    Replace(usize, Replacement),
    Refused(Violation),
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
        }
    }

    /// Minds what was said before, too: aliases that were not set or are above the Topic Alias Maximum, answers to nothing,
    /// and answers of the wrong length.
    #[must_use]
    pub fn with_history(mut self, topic_alias_maximum: u16) -> Self {
        self.history = Some(History::new(topic_alias_maximum));
        self
    }

    /// Checks the packets at the start of `bytes`; returns how many bytes may pass.
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
            if let Some(replacement) = repair::replacement(self.version, header, frame) {
                if let Err(fault) = check::body(self.version, header.first, &replacement.as_slice()[2..]) {
                    return (passed, Stop::Refused(violation(fault, frame)));
                }
                self.connected |= Kind::of(header.first) == Kind::Connack;
                return (passed, Stop::Replace(header.size(), replacement));
            }
            let verdict = check::body(self.version, header.first, &frame[header.len..])
                .and_then(|alias| self.recall(header.first, alias, &frame[header.len..]));
            match verdict {
                Ok(Verdict::Pass) => {}
                Ok(Verdict::LeaveOut) => return (passed, Stop::Replace(header.size(), Replacement::NOTHING)),
                Err(fault) => return (passed, Stop::Refused(violation(fault, frame))),
            }
            repair::in_place(self.version, header, frame);
            self.connected |= Kind::of(header.first) == Kind::Connack;
            passed += header.size();
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
    fn recall(&mut self, first: u8, alias: Option<u16>, body: &[u8]) -> Result<Verdict, Fault> {
        match &mut self.history {
            Some(history) => history.incoming(self.version, first, alias, body),
            None => Ok(Verdict::Pass),
        }
    }

    /// Moves what is complete from `partial` to `ready`.
    fn settle(&mut self) {
        loop {
            let mut partial = std::mem::take(&mut self.partial);
            let (passed, stop) = self.check(&mut partial);
            let checked = partial.split_to(passed);
            if self.ready.is_empty() {
                self.ready = checked;
            } else {
                self.ready.extend_from_slice(&checked);
            }
            match stop {
                Stop::Partial => {
                    // A short rest must not hold the memory of a large packet.
                    self.partial = if passed > 0 { BytesMut::from(&partial[..]) } else { partial };
                    return;
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

    /// Checks what was read into `bytes`, and returns how much of it the reader may see; the rest is kept.
    fn check_in_place(&mut self, bytes: &mut [u8]) -> usize {
        let (passed, stop) = self.check(bytes);
        match stop {
            Stop::Partial => self.partial.extend_from_slice(&bytes[passed..]),
            Stop::Replace(size, replacement) => {
                self.ready.extend_from_slice(replacement.as_slice());
                self.partial.extend_from_slice(&bytes[passed + size..]);
                self.settle();
            }
            Stop::Refused(violation) => self.refused = Some(violation),
        }
        passed
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
    fn poll_more(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let start = buf.filled().len();
        let carried = self.partial.len();
        // A short beginning goes back into the reader's buffer, so that the rest joins it there.
        let in_place = carried <= CARRIED && buf.remaining() > carried;
        if in_place {
            buf.put_slice(&self.partial);
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        let after = buf.filled().len();
        if !matches!(polled, Poll::Ready(Ok(()))) || after == before {
            buf.set_filled(start);
            return match ready!(polled) {
                Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Poll::Ready(Err(self.broken(error))),
                // Many brokers end TLS without its close_notify; whether bytes are missing is seen here all the same.
                Ok(()) | Err(_) => Poll::Ready(self.end().map(|()| true)),
            };
        }
        if in_place {
            self.partial.clear();
            let passed = self.check_in_place(&mut buf.filled_mut()[start..]);
            buf.set_filled(start + passed);
        } else {
            self.partial.extend_from_slice(&buf.filled()[start..]);
            buf.set_filled(start);
            self.settle();
        }
        Poll::Ready(Ok(false))
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
            } else if let Some(violation) = this.refused.clone() {
                this.tell(cx, violation.reason_code);
                return Poll::Ready(Err(violation.into()));
            } else if ready!(this.poll_more(cx, buf))? {
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
