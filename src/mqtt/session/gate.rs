//! Holds reading back while the consumer is behind, so that the broker is slowed and pings go on.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;

/// Open at first; closed by the outlet, asked by the stream.
#[derive(Debug, Default)]
pub(super) struct Gate {
    closed: AtomicBool,
    reader: AtomicWaker,
}

impl Gate {
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
}
