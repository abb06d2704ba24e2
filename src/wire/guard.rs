//! The guard: passes on whole, valid packets from a server, and refuses the rest by name.

mod history;
pub mod oversize;
#[cfg(test)]
mod tests;

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::watch,
};

use self::{
    history::{History, Verdict},
    oversize::{Head, Skip, Skipped},
};
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

/// Acknowledgements of our own wait for the server to take them; above so many bytes nothing more is read.
const UNSENT: usize = 4096;

/// Reason Code Packet too large.
const TOO_LARGE: u8 = 0x95;

/// A stream that lets through what a client may see of a server.
///
/// Inbound, a packet passes when it is complete and every field of it is valid; most are checked where they were read,
/// without a copy. Memory follows the bytes that arrived and is bounded by the packet limit: a message over it is passed over
/// and acknowledged, so that the connection holds and the server does not send it again; any other packet over it is refused
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
    /// The message over the limit that is under way.
    skip: Option<Skip>,
    /// Where messages over the limit are counted.
    skipped: watch::Sender<Skipped>,
    /// Acknowledgements of our own that are still to be written.
    answers: BytesMut,
    /// Whether some were written and not flushed.
    unflushed: bool,
    progress: Progress,
}

/// What has arrived, also of a packet that is not whole yet; clones of it tell the same.
///
/// A large packet on a slow link passes nothing on for a long time, and yet the server is there.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Arrived>);

#[derive(Debug, Default)]
struct Arrived {
    bytes: AtomicU64,
    is_within: AtomicBool,
}

impl Progress {
    /// Returns how many bytes have arrived.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Relaxed)
    }

    /// Tells whether they end within a packet.
    #[must_use]
    pub fn is_within_packet(&self) -> bool {
        self.0.is_within.load(Relaxed)
    }

    /// Takes note of more bytes.
    pub(crate) fn note(&self, bytes: usize, is_within: bool) {
        self.0.bytes.fetch_add(bytes as u64, Relaxed);
        self.0.is_within.store(is_within, Relaxed);
    }
}

/// Why a run of packets ended.
enum Stop {
    /// The bytes end, perhaps within a packet.
    Partial,
    /// The packet of so many bytes is to be replaced.
    Replace(usize, Replacement),
    /// The packet of so many bytes is to be replaced by a longer one.
    Rewrite(usize, Vec<u8>),
    /// So many bytes belong to a message that is passed over.
    Skip(usize, Skip),
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
            skip: None,
            skipped: watch::Sender::default(),
            answers: BytesMut::new(),
            unflushed: false,
            progress: Progress::default(),
        }
    }

    /// Counts messages over the limit there.
    #[must_use]
    pub fn with_skipped(mut self, skipped: watch::Sender<Skipped>) -> Self {
        self.skipped = skipped;
        self
    }

    /// Returns what tells how far an unfinished packet has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Minds what was said before, too: aliases that were not set or are above the Topic Alias Maximum, answers to nothing,
    /// answers of the wrong length, and messages above the Receive Maximum.
    #[must_use]
    pub fn with_history(mut self, topic_alias_maximum: u16, receive_maximum: u16) -> Self {
        self.history = Some(History::new(topic_alias_maximum, receive_maximum));
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
            let verdict = check::body(self.version, header.first, &frame[header.len..])
                .and_then(|alias| self.recall(header.first, alias, &frame[header.len..]));
            match verdict {
                Ok(Verdict::Pass) => {}
                Ok(Verdict::LeaveOut) => return (passed, Stop::Replace(header.size(), Replacement::NOTHING)),
                Ok(Verdict::Name(alias)) => {
                    let frame = &*frame;
                    return (
                        passed,
                        self.name(alias, header, frame).unwrap_or_else(|fault| Stop::Refused(violation(fault, frame))),
                    );
                }
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
        let alias = check::body(self.version, header.first, head)?;
        let mut named = topic(bytes);
        if let Some(history) = &mut self.history {
            history.skipped(alias, head)?;
            named = named.or_else(|| alias.map(|alias| shown(history.topic(alias))));
        }
        Ok(Stop::Skip(bytes.len(), Skip::new(header, bytes.len(), named.unwrap_or_default(), head)?))
    }

    /// Gives a PUBLISH its topic back, which the library has not seen, or passes it over if that makes it too large.
    #[cold]
    fn name(&mut self, alias: u16, header: Header, frame: &[u8]) -> Result<Stop, Fault> {
        let Some(history) = &mut self.history else { return Ok(Stop::Replace(header.size(), Replacement::NOTHING)) };
        let body = &frame[header.len..];
        let named = oversize::with_topic(header.first, history.topic(alias), body);
        if named.len() <= self.limit {
            return Ok(Stop::Rewrite(frame.len(), named));
        }
        history.unsee(alias);
        let topic = shown(history.topic(alias));
        Ok(Stop::Skip(frame.len(), Skip::new(header, frame.len(), topic, body)?))
    }

    /// Takes note of a message over the limit once all of it has passed.
    fn end_skip(&mut self) {
        if let Some(skip) = self.skip.take_if(|skip| skip.is_over()) {
            self.answers.extend_from_slice(&skip.answer(self.version));
            skip.count(self.limit, &self.skipped);
        }
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
            Stop::Rewrite(size, packet) => {
                self.ready.extend_from_slice(&packet);
                self.partial.extend_from_slice(&bytes[passed + size..]);
                self.settle();
            }
            Stop::Skip(size, skip) => {
                self.skip = Some(skip);
                self.end_skip();
                self.partial.extend_from_slice(&bytes[passed + size..]);
                self.settle();
            }
            Stop::Refused(violation) => self.refused = Some(violation),
        }
        passed
    }

    /// Says where in a packet the stream ended.
    fn cut(&self) -> Option<String> {
        if let Some((got, size)) = self.skip.as_ref().map(Skip::progress) {
            return Some(format!("after {} of {} bytes of a PUBLISH", human::count(got as u64), human::count(size as u64)));
        }
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
        if let Some(skip) = &mut self.skip {
            let past = skip.pass(after - start);
            self.partial.extend_from_slice(&buf.filled()[start + past..]);
            buf.set_filled(start);
            self.end_skip();
            self.settle();
        } else if in_place {
            self.partial.clear();
            let passed = self.check_in_place(&mut buf.filled_mut()[start..]);
            buf.set_filled(start + passed);
        } else {
            self.partial.extend_from_slice(&buf.filled()[start..]);
            buf.set_filled(start);
            self.settle();
        }
        self.progress.note(after - before, self.skip.is_some() || !self.partial.is_empty());
        Poll::Ready(Ok(false))
    }
}

impl<S: AsyncWrite + Unpin> Guard<S> {
    /// Tells a server of MQTT 5 why, if that can be done at once: the connection ends in any case.
    fn tell(&mut self, cx: &mut Context<'_>, reason_code: u8) {
        let may = self.version == Version::V5 && self.connected && self.outgoing.is_between() && self.answers.is_empty();
        if !std::mem::replace(&mut self.told, true) && may {
            let sent = Pin::new(&mut self.inner).poll_write(cx, &[0xe0, 2, reason_code, 0]);
            if matches!(sent, Poll::Ready(Ok(_))) {
                let _ = Pin::new(&mut self.inner).poll_flush(cx);
            }
        }
    }

    /// Writes acknowledgements of our own, between two packets of the library's.
    fn poll_answers(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.answers.is_empty() && self.outgoing.is_between() {
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.answers))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.answers.advance(written);
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guard<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let start = buf.filled().len();
        while buf.remaining() > 0 && buf.filled().len() == start {
            if !this.answers.is_empty() || this.unflushed {
                let _ = this.poll_answers(cx)?;
                if this.answers.len() > UNSENT {
                    return Poll::Pending;
                }
            }
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
        if !this.answers.is_empty() && this.outgoing.is_between() {
            ready!(this.poll_answers(cx))?;
        }
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
