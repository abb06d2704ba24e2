//! What the stream is told from outside: to hold reading back while the consumer is behind, to ping, what a session resumes.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;

use crate::base::clock::Stamp;

/// Open at first; closed by the outlet, so that the broker is slowed and pings go on, and asked by the stream.
#[derive(Debug, Default)]
pub(super) struct Gate {
    closed: AtomicBool,
    reader: AtomicWaker,
    ping: AtomicBool,
    pinger: AtomicWaker,
    /// When a ping was last asked for and not answered yet, in microseconds of the monotonic clock; 0 is none.
    pinged: AtomicU64,
    /// Until when messages are those of a resumed session, likewise.
    resuming: AtomicU64,
}

impl Gate {
    /// Forgets the pings of the connection before, which nobody answers any more.
    pub(super) fn forget_pings(&self) {
        self.ping.store(false, Ordering::Release);
        self.pinged.store(0, Ordering::Release);
    }

    /// Opens or closes.
    pub(super) fn set_closed(&self, closed: bool) {
        self.closed.store(closed, Ordering::Release);
        if !closed {
            self.reader.wake();
        }
    }

    /// Tells whether it is closed.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Is ready while open; otherwise the reader is woken when it opens.
    pub(super) fn poll_open(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.is_closed() {
            return Poll::Ready(());
        }
        self.reader.register(cx.waker());
        // It may have opened before the waker was in place.
        if self.is_closed() { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Says until when messages are taken for those of a resumed session, nothing where there is none.
    pub(super) fn set_resuming(&self, until: Option<Stamp>) {
        self.resuming.store(until.map_or(0, |until| until.mono), Ordering::Release);
    }

    /// Tells whether a message that arrives now is taken for one of a resumed session.
    pub(super) fn is_resuming(&self, now: Stamp) -> bool {
        now.mono < self.resuming.load(Ordering::Acquire)
    }

    /// Asks for a ping; one that is under way serves as well.
    pub(super) fn ask_for_ping(&self, now: Stamp) {
        self.pinged.store(now.mono.max(1), Ordering::Release);
        self.ping.store(true, Ordering::Release);
        self.pinger.wake();
    }

    /// Is ready when a ping is to be written; otherwise the stream is woken when one is asked for.
    pub(super) fn poll_ping(&self, cx: &Context<'_>) -> Poll<()> {
        self.pinger.register(cx.waker());
        if self.ping.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Returns when the ping was asked for that is answered now.
    pub(super) fn answer_ping(&self) -> Option<Stamp> {
        let mono = self.pinged.swap(0, Ordering::AcqRel);
        (mono > 0).then_some(Stamp { mono, wall: 0 })
    }
}
