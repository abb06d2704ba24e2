//! The tap: notes every packet that passes, both ways, and changes nothing.

#[cfg(test)]
mod tests;

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::mpsc,
};

use super::{
    frame::Framer,
    mask,
    packet::{Direction, Kind, Packet, is_quiet_publish},
};
use crate::base::clock::Clock;

/// The most bytes that are kept of a control packet; only a hostile one is longer.
pub const CONTROL_KEPT: usize = 64 * 1024;

/// The most bytes that are kept of a PUBLISH.
pub const PUBLISH_KEPT: usize = 256;

/// Makes the two ends of a trace that holds at most `capacity` packets.
///
/// When it is full, further packets are let go and counted ([`Trace::lost`]): a connection never waits for its trace.
///
/// # Panics
///
/// Panics when `capacity` is zero.
#[must_use]
pub fn trace(capacity: usize) -> (Sink, Trace) {
    let (sender, receiver) = mpsc::channel(capacity);
    let counts = Arc::new(Counts::default());
    (Sink { sender, counts: Arc::clone(&counts) }, Trace { receiver, counts })
}

/// Where a tap puts what it notes; clones of it feed the same trace.
#[derive(Debug, Clone)]
pub struct Sink {
    sender: mpsc::Sender<Packet>,
    counts: Arc<Counts>,
}

/// What taps have noted: packets in their order, and counts.
#[derive(Debug)]
pub struct Trace {
    receiver: mpsc::Receiver<Packet>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    lost: AtomicU64,
    quiet: [AtomicU64; 2],
    bytes: [AtomicU64; 2],
}

impl Trace {
    /// Waits for the next packet; nothing when all sinks are gone.
    pub async fn next(&mut self) -> Option<Packet> {
        self.receiver.recv().await
    }

    /// Returns the next packet if one is there.
    pub fn try_next(&mut self) -> Option<Packet> {
        self.receiver.try_recv().ok()
    }

    /// Returns how many packets were let go because the trace was full.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.counts.lost.load(Relaxed)
    }

    /// Returns how many PUBLISH packets with QoS 0 passed; they are counted, never kept.
    #[must_use]
    pub fn quiet(&self, direction: Direction) -> u64 {
        self.counts.quiet[direction as usize].load(Relaxed)
    }

    /// Returns how many bytes of MQTT passed.
    #[must_use]
    pub fn bytes(&self, direction: Direction) -> u64 {
        self.counts.bytes[direction as usize].load(Relaxed)
    }
}

/// A stream that tells a [`Sink`] of every packet that passes.
#[derive(Debug)]
pub struct Tap<S> {
    inner: S,
    clock: Clock,
    sink: Option<Sink>,
    incoming: Framer,
    outgoing: Framer,
}

impl<S> Tap<S> {
    /// Taps a stream on which no byte has passed yet; without a sink it does nothing.
    #[must_use]
    pub fn new(inner: S, clock: Clock, sink: Option<Sink>) -> Self {
        Self { inner, clock, sink, incoming: Framer::new(), outgoing: Framer::new() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        if let Some(sink) = &this.sink {
            sink.note(this.clock, Direction::In, &mut this.incoming, &buf.filled()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.inner).poll_write(cx, bytes))?;
        if let Some(sink) = &this.sink {
            sink.note(this.clock, Direction::Out, &mut this.outgoing, &bytes[..written]);
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

impl Sink {
    fn note(&self, clock: Clock, direction: Direction, framer: &mut Framer, bytes: &[u8]) {
        let mut quiet = 0;
        framer.feed(bytes, kept, |header, head| {
            if is_quiet_publish(header.first) {
                quiet += 1;
                return;
            }
            mask::mask(head);
            let head = std::mem::take(head).freeze();
            let packet = Packet { at: clock.now(), direction, first: header.first, size: header.size(), head };
            if self.sender.try_send(packet).is_err() {
                self.counts.lost.fetch_add(1, Relaxed);
            }
        });
        // Once a read, not once a packet: in a flood that is one in a hundred.
        self.counts.quiet[direction as usize].fetch_add(quiet, Relaxed);
        self.counts.bytes[direction as usize].fetch_add(bytes.len() as u64, Relaxed);
    }
}

/// Returns how much is kept of a packet with this first byte.
fn kept(first: u8) -> usize {
    if is_quiet_publish(first) {
        0
    } else if Kind::of(first) == Kind::Publish {
        PUBLISH_KEPT
    } else {
        CONTROL_KEPT
    }
}
