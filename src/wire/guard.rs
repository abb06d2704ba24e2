//! The guard: passes on whole, valid packets from a server, and refuses the rest by name.

mod history;
mod inspect;
pub mod oversize;
#[cfg(test)]
mod tests;

use std::{
    future::Future as _,
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf},
    sync::watch,
};

use self::{
    history::History,
    inspect::Taking,
    oversize::{Skip, Skipped},
};
use super::{
    frame::{BadLength, Framer, Header},
    packet::{Kind, Version},
    run::{Gathering, Run},
    violation::Violation,
};
use crate::base::human;

/// How much is read at a time.
const CHUNK: usize = 64 << 10;

/// The least room for which the system is asked.
const SMALLEST_READ: usize = 8 << 10;

/// Acknowledgements of our own wait for the server to take them; above so many bytes nothing more is read.
const UNSENT: usize = 4096;

/// A stream that lets through what a client may see of a server.
///
/// Inbound, a packet passes when it is complete and every field of it is valid. Memory follows the bytes that arrived and is
/// bounded by the packet limit: a message over it is passed over and acknowledged, so that the connection holds and the server
/// does not send it again; any other packet over it is refused when its header is read. After a [`Violation`] (found with [`Violation::of`]) no byte follows, and to a server of
/// MQTT 5 the guard says why in a DISCONNECT. Outbound, bytes pass untouched.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a state of its own of the connection")]
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
    /// The message over the limit that is under way.
    skip: Option<Skip>,
    /// Where messages over the limit are counted.
    skipped: watch::Sender<Skipped>,
    /// Acknowledgements of our own that are still to be written.
    answers: BytesMut,
    /// Whether some were written and not flushed.
    unflushed: bool,
    progress: Progress,
    /// Whether the last read has left no room, so that more may lie there.
    is_full: bool,
    taking: Taking,
    gathering: Gathering,
    taken: Option<Run>,
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
            is_full: false,
            taking: Taking::Never,
            gathering: Gathering::default(),
            taken: None,
        }
    }

    /// Returns the stream below.
    pub fn below(&self) -> &S {
        &self.inner
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

    /// Minds what was said before, too: aliases that were not set or are above the Topic Alias Maximum, answers to nothing
    /// and answers of the wrong length; that there were more messages at once than the Receive Maximum is only logged.
    #[must_use]
    pub fn with_history(mut self, topic_alias_maximum: u16, receive_maximum: u16) -> Self {
        self.history = Some(History::new(topic_alias_maximum, receive_maximum));
        self
    }

    /// Takes PUBLISH packets with QoS 0 out of the stream, for [`Self::take_run`].
    ///
    /// What was taken out came before every byte that is read later, and after every byte that was read before. So that this
    /// order is kept, from the first packet of a read on that has to be in its place, the reader gets all of that read.
    /// An alias that was set by a message that was taken out is resolved where the reader gets a message that uses it.
    #[must_use]
    pub fn taking_quiet(mut self) -> Self {
        self.taking = Taking::NextRead;
        self
    }

    /// Returns what was taken out by the last read; until then reading is pending, and wakes nobody.
    pub fn take_run(&mut self) -> Option<Run> {
        self.taken.take()
    }

    /// Returns `true` if the last read filled its room: a further one may bring more at once.
    pub fn may_have_more(&self) -> bool {
        self.is_full
    }

    /// Tells whether the next read only goes on with what was read from the connection before.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
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
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if self.partial.capacity() - self.partial.len() < SMALLEST_READ {
            self.partial.reserve(CHUNK);
        }
        match ready!(pin!(self.inner.read_buf(&mut self.partial)).poll(cx)) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Poll::Ready(Err(self.broken(error))),
            // Many brokers end TLS without its close_notify; whether bytes are missing is seen here all the same.
            Ok(0) | Err(_) => Poll::Ready(self.end().map(|()| true)),
            Ok(read) => {
                self.is_full = self.partial.len() == self.partial.capacity();
                if let Some(skip) = &mut self.skip {
                    // Nothing else is held while a message is passed over.
                    self.partial.advance(skip.pass(read));
                    self.end_skip();
                }
                self.settle();
                self.progress.note(read, self.skip.is_some() || !self.partial.is_empty());
                Poll::Ready(Ok(false))
            }
        }
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
            }
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
            } else if this.answers.len() > UNSENT {
                return Poll::Pending;
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
