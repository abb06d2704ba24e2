//! The short way of QoS 0 messages: from the guard to the consumer, past the MQTT library.
//!
//! ```text
//! connection > tap > guard > intake > library > driver > outlet > consumer       packets that need an answer or state
//!                      └─ run ─> intake ─────────────────> outlet                QoS 0, which needs neither
//! ```
//!
//! The order stays what it was on the wire, since only one of the two ways is used at a time. The guard takes out of a read
//! what comes before the first packet that must keep its place, and lets all that follows go to the library. The intake reads
//! on only when the library has seen an empty turn after its last byte: in it the library hands out what it holds, and the
//! driver passes that on before it polls again. Both ways end in the same queue, so that what is taken there first is first.
//!
//! PUBACK, PUBREC, PUBCOMP and PINGRESP may overtake messages of the same read: no message depends on them. A packet that
//! gives a Topic Alias its topic goes the long way, so that the library knows each alias as the guard does.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::PollSender;

use crate::{
    base::clock::Clock,
    mqtt::{batch::Batch, event::Event, session::gate::Gate},
    wire::run::Run,
};

/// How long reading rests after a small read, so that the next one brings more.
const NAP: Duration = Duration::from_millis(5);

/// Reading does not rest for so long after something was sent, since an answer may be due.
const AWAKE: Duration = Duration::from_millis(100);

/// A read of so many bytes is not small.
const LARGE: usize = 48 << 10;

/// The entrance of the short way.
pub(in crate::mqtt::session) struct Shortcut {
    clock: Clock,
    gate: Arc<Gate>,
    /// The queue is drained without waiting for the consumer, so it is full for moments only.
    outlet: PollSender<Event>,
    nap: Pin<Box<Sleep>>,
    napping: bool,
    /// When something was last taken.
    taken: Instant,
    /// When something was last sent.
    sent: Instant,
}

impl Shortcut {
    pub(in crate::mqtt::session) fn new(outlet: PollSender<Event>, clock: Clock, gate: Arc<Gate>) -> Self {
        let now = Instant::now();
        Self { clock, gate, outlet, nap: Box::pin(sleep(Duration::ZERO)), napping: false, taken: now, sent: now }
    }

    /// Waits until reading may go on, and what it brings can be taken.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.napping {
            ready!(self.nap.as_mut().poll(cx));
            self.napping = false;
        }
        // An error says that nobody listens any more; then nothing is sent.
        self.outlet.poll_reserve(cx).map(drop)
    }

    /// Takes a run over, for which there is room; `more` says that the connection may hold more already.
    pub(super) fn take(&mut self, run: Run, more: bool) {
        let at = self.clock.now();
        self.rest(run.held(), more);
        let batch = Batch::of_run(run, at, self.gate.is_resuming(at));
        drop(self.outlet.send_item(Event::Messages(batch)));
    }

    /// Passes an event on unless the queue is full; returns `true` if it was passed on.
    pub(super) fn report(&self, event: Event) -> bool {
        self.outlet.get_ref().is_some_and(|outlet| outlet.try_send(event).is_ok())
    }

    /// Takes note that something is sent.
    pub(super) fn wake(&mut self) {
        self.sent = Instant::now();
        self.napping = false;
    }

    /// Lets reading rest when small reads follow each other closely: each costs more than the messages that it brings.
    ///
    /// It never rests while something is there to be read: a stream gives all that it has up to the room of the read.
    fn rest(&mut self, read: usize, more: bool) {
        let now = Instant::now();
        let before = std::mem::replace(&mut self.taken, now);
        if !more && read < LARGE && now - before < 2 * NAP && now - self.sent > AWAKE {
            self.nap.as_mut().reset(now + NAP);
            self.napping = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn reading_rests_after_small_reads_and_never_while_more_is_there() {
        let mut shortcut = Shortcut::new(PollSender::new(mpsc::channel(1).0), Clock::start(), Arc::default());
        shortcut.sent = Instant::now().checked_sub(2 * AWAKE).expect("a clock that has run");
        for (read, more, rests) in [(100, true, false), (LARGE, false, false), (100, false, true)] {
            shortcut.napping = false;
            shortcut.taken = Instant::now();
            shortcut.rest(read, more);
            assert_eq!(shortcut.napping, rests, "{read} bytes, more: {more}");
        }
    }
}
