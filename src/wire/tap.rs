//! The tap: notes every packet that passes, both ways, and changes nothing.

#[cfg(test)]
mod tests;

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
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
use crate::base::clock::{Clock, Stamp};

/// The most bytes that are kept of a control packet; only a hostile one is longer.
pub const CONTROL_KEPT: usize = 64 * 1024;

/// The most bytes that are kept of a PUBLISH: topic, properties and the beginning of the payload.
pub const PUBLISH_KEPT: usize = 2 * 1024;

/// The most bytes that wait in a trace.
const WAITING: usize = 8 << 20;

/// Makes the two ends of a trace that holds at most `capacity` packets and 8 MiB of them.
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
    quiet_bytes: [AtomicU64; 2],
    bytes: [AtomicU64; 2],
    /// The bytes that wait in the trace.
    waiting: AtomicUsize,
    /// Whether PUBLISH packets with QoS 0 are noted one by one.
    lists_quiet: AtomicBool,
}

/// What passed since a trace was last looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Noted {
    /// When it was looked at.
    pub at: Stamp,
    /// The packets in their order.
    pub packets: Vec<Packet>,
    /// PUBLISH packets with QoS 0 that are not among them, by [`Direction`].
    pub quiet: [Quiet; 2],
    /// Since when these were counted.
    pub quiet_since: Stamp,
    /// Packets that were let go because nobody took them in time.
    pub lost: u64,
}

/// PUBLISH packets with QoS 0 that were only counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quiet {
    /// How many.
    pub count: u64,
    /// Their bytes, headers included.
    pub bytes: u64,
}

impl Noted {
    /// Tells whether nothing passed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty() && self.quiet == [Quiet::default(); 2] && self.lost == 0
    }

    /// Returns how many bytes of packets are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.packets.iter().map(|packet| packet.head.len()).sum()
    }

    /// Adds what passed later.
    pub fn absorb(&mut self, later: Self) {
        self.at = later.at;
        if self.quiet == [Quiet::default(); 2] {
            self.quiet_since = later.quiet_since;
        }
        self.packets.extend(later.packets);
        for (sum, more) in self.quiet.iter_mut().zip(later.quiet) {
            sum.count += more.count;
            sum.bytes += more.bytes;
        }
        self.lost += later.lost;
    }
}

impl Trace {
    /// Waits for the next packet; nothing when all sinks are gone.
    pub async fn next(&mut self) -> Option<Packet> {
        let packet = self.receiver.recv().await;
        self.counts.waiting.fetch_sub(packet.as_ref().map_or(0, |packet| packet.head.len()), Relaxed);
        packet
    }

    /// Returns the next packet if one is there.
    pub fn try_next(&mut self) -> Option<Packet> {
        let packet = self.receiver.try_recv().ok()?;
        self.counts.waiting.fetch_sub(packet.head.len(), Relaxed);
        Some(packet)
    }

    /// Returns how many packets were let go because the trace was full.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.counts.lost.load(Relaxed)
    }

    /// Returns how many PUBLISH packets with QoS 0 passed and were counted only.
    #[must_use]
    pub fn quiet(&self, direction: Direction) -> Quiet {
        Quiet {
            count: self.counts.quiet[direction as usize].load(Relaxed),
            bytes: self.counts.quiet_bytes[direction as usize].load(Relaxed),
        }
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

    /// Returns the stream below.
    pub fn below(&self) -> &S {
        &self.inner
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
    /// Says whether PUBLISH packets with QoS 0 are noted one by one; at first they are only counted.
    pub fn list_quiet(&self, list: bool) {
        self.counts.lists_quiet.store(list, Relaxed);
    }

    fn note(&self, clock: Clock, direction: Direction, framer: &mut Framer, bytes: &[u8]) {
        let (mut quiet, mut quiet_bytes) = (0, 0);
        let mut now = None;
        let keep = if self.counts.lists_quiet.load(Relaxed) { kept_of_all } else { kept };
        framer.feed(bytes, keep, |header, head| {
            // Nothing was kept of one that began before it was asked for.
            if is_quiet_publish(header.first) && head.is_empty() {
                quiet += 1;
                quiet_bytes += header.size() as u64;
                return;
            }
            mask::mask(head);
            let head = std::mem::take(head).freeze();
            let at = *now.get_or_insert_with(|| clock.now());
            self.pass(Packet { at, direction, first: header.first, size: header.size(), head });
        });
        // Once a read, not once a packet: in a flood that is one in a hundred.
        self.counts.quiet[direction as usize].fetch_add(quiet, Relaxed);
        self.counts.quiet_bytes[direction as usize].fetch_add(quiet_bytes, Relaxed);
        self.counts.bytes[direction as usize].fetch_add(bytes.len() as u64, Relaxed);
    }

    /// Hands a packet over where there is room, and else counts it.
    fn pass(&self, packet: Packet) {
        let size = packet.head.len();
        let before = self.counts.waiting.fetch_add(size, Relaxed);
        if before + size > WAITING || self.sender.try_send(packet).is_err() {
            self.counts.waiting.fetch_sub(size, Relaxed);
            self.counts.lost.fetch_add(1, Relaxed);
        }
    }
}

/// Returns how much is kept of a packet with this first byte, while QoS 0 is only counted.
fn kept(first: u8) -> usize {
    if is_quiet_publish(first) { 0 } else { kept_of_all(first) }
}

/// Returns how much is kept of a packet with this first byte, while QoS 0 is listed too.
fn kept_of_all(first: u8) -> usize {
    if Kind::of(first) == Kind::Publish { PUBLISH_KEPT } else { CONTROL_KEPT }
}
