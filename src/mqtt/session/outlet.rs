//! Between the session and its one consumer: keeps the order, merges batches, and counts or holds back what is too much.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep_until},
};
use tokio_util::sync::PollSender;

use super::{gate::Gate, gather::Gatherer};
use crate::{
    mqtt::{
        event::{Event, Status},
        options::Overflow,
    },
    wire::{guard::oversize::Skipped, tap::Noted},
};

/// The most messages in one `Event::Messages`.
pub(super) const BATCH: usize = 1024;

/// The most messages that wait for the consumer beside those in its channel; then the broker is slowed.
const MAX_WAITING: usize = 8 * BATCH;

/// The same for a consumer that may be left behind, a flood of a tenth of a second; from half of it on the broker is slowed.
const MAX_COUNTED: usize = 256 * BATCH;

/// How long the broker is slowed for a consumer that takes nothing at all and may be left behind; then what comes is counted.
const PATIENCE: Duration = Duration::from_secs(1);

/// The most bytes of topics and payloads that wait likewise.
const MAX_BYTES: usize = 64 << 20;

/// The most packets that wait likewise, a batch of counts alone being taken for one; what comes on top is counted.
const MAX_PACKETS: usize = 16 * 1024;

/// The most bytes of packets that wait likewise.
const MAX_PACKET_BYTES: usize = 8 << 20;

/// Where the tasks of a session put what happened: at most 256 events, the largest of which is what one read has brought.
///
/// The queue is short because the other end never waits for the consumer.
#[derive(Debug, Clone)]
pub(super) struct Outlet {
    inbox: mpsc::Sender<Event>,
}

impl Outlet {
    /// Starts the task that delivers to `events` until every `Outlet` is dropped and all is delivered, or nobody listens.
    ///
    /// What the tap noted before an event is told before it.
    pub(super) fn start(events: mpsc::Sender<Event>, gatherer: Gatherer, backlog: Backlog) -> (Self, JoinHandle<()>) {
        let (sender, inbox) = mpsc::channel(256);
        (Self { inbox: sender }, tokio::spawn(deliver(inbox, events, gatherer, backlog)))
    }

    /// Passes an event on; an event that nobody listens to any more is dropped.
    pub(super) async fn send(&self, event: Event) {
        drop(self.inbox.send(event).await);
    }

    /// Returns a way to pass events on from where nothing can be awaited.
    pub(super) fn poll_sender(&self) -> PollSender<Event> {
        PollSender::new(self.inbox.clone())
    }

    /// Passes a status on.
    pub(super) async fn status(&self, status: Status) {
        self.send(Event::Status(status)).await;
    }

    /// Passes a stage of connecting on; it is progress only, so it is let go should the queue be full.
    pub(super) fn progress(&self, status: Status) {
        drop(self.inbox.try_send(Event::Status(status)));
    }

    /// Waits until nobody listens any more.
    pub(super) async fn deserted(&self) {
        self.inbox.closed().await;
    }
}

async fn deliver(mut inbox: mpsc::Receiver<Event>, consumer: mpsc::Sender<Event>, mut gatherer: Gatherer, mut backlog: Backlog) {
    let mut open = true;
    while open || backlog.has_some() {
        tokio::select! {
            biased;
            permit = consumer.reserve(), if backlog.has_some() => match permit {
                Ok(permit) => if let Some(event) = backlog.pop() { permit.send(event) },
                Err(_) => break,
            },
            event = inbox.recv(), if open => match event {
                Some(event) => {
                    // Nothing is left untold when a connection changes or ends.
                    let is_status = matches!(event, Event::Status(_));
                    backlog.push_packets(gatherer.take(is_status));
                    backlog.untold_skips |= is_status && backlog.skipped.has_changed().is_ok_and(|changed| changed);
                    backlog.push(event);
                }
                None => open = false,
            },
            () = until(backlog.waits_until) => backlog.leave_behind(),
            () = gatherer.due(), if open => backlog.push_packets(gatherer.take(false)),
            // Taking the event is what tells of it.
            Ok(()) = backlog.skipped.changed(), if open => backlog.untold_skips = true,
            () = consumer.closed() => break,
        }
    }
    // Whoever waits for room finds that nobody listens.
    backlog.gate.set_closed(false);
}

/// What the consumer has not taken yet, in order.
pub(super) struct Backlog {
    overflow: Overflow,
    gate: Arc<Gate>,
    /// Until when the broker is slowed for a consumer that takes nothing, where it may be left behind.
    waits_until: Option<Instant>,
    /// Whether it has been left behind, until there is room again.
    left_behind: bool,
    events: VecDeque<Event>,
    messages: usize,
    bytes: usize,
    packets: usize,
    packet_bytes: usize,
    /// Counts for which there was no room.
    untold: Noted,
    /// All messages over the limit, how many of them the consumer knows, and whether there may be more.
    skipped: watch::Receiver<Skipped>,
    told_skips: u64,
    untold_skips: bool,
}

impl Backlog {
    /// Makes an empty one; `skipped` counts the messages over the limit.
    pub(super) fn new(overflow: Overflow, gate: Arc<Gate>, skipped: watch::Receiver<Skipped>) -> Self {
        Self {
            overflow,
            gate,
            waits_until: None,
            left_behind: false,
            events: VecDeque::new(),
            messages: 0,
            bytes: 0,
            packets: 0,
            packet_bytes: 0,
            untold: Noted::default(),
            skipped,
            told_skips: 0,
            untold_skips: false,
        }
    }

    fn has_some(&self) -> bool {
        self.untold_skips || !self.events.is_empty()
    }

    /// Takes packets, or only counts them, so that a session never waits for whoever looks at them.
    fn push_packets(&mut self, noted: Option<Noted>) {
        let Some(mut noted) = noted else { return };
        let (packets, bytes) = weight(&noted);
        if self.packets > 0 && (self.packets + packets > MAX_PACKETS || self.packet_bytes + bytes > MAX_PACKET_BYTES) {
            noted.lost += noted.packets.len() as u64;
            noted.packets.clear();
            self.untold.absorb(noted);
            return;
        }
        if !self.untold.is_empty() {
            let mut all = std::mem::take(&mut self.untold);
            all.absorb(noted);
            noted = all;
        }
        self.packets += packets;
        self.packet_bytes += bytes;
        self.events.push_back(Event::Packets(noted));
    }

    fn push(&mut self, event: Event) {
        let Event::Messages(mut batch) = event else {
            self.events.push_back(event);
            return;
        };
        let room = match self.overflow {
            Overflow::Wait => usize::MAX,
            Overflow::Count if self.messages == 0 => MAX_COUNTED,
            Overflow::Count if self.bytes >= MAX_BYTES => 0,
            Overflow::Count => MAX_COUNTED.saturating_sub(self.messages),
        };
        let lost = batch.len().saturating_sub(room) as u64;
        batch.truncate(room);
        if !batch.is_empty() {
            self.messages += batch.len();
            self.bytes += batch.size();
            self.events.push_back(Event::Messages(batch));
        }
        if lost > 0 {
            match self.events.back_mut() {
                Some(Event::Lost(before)) => *before += lost,
                _ => self.events.push_back(Event::Lost(lost)),
            }
        }
        self.tend_gate();
    }

    /// Takes what is told next: what was passed over comes at once, and all of it together.
    fn pop(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.untold_skips) {
            let skipped = self.skipped.borrow_and_update().clone();
            let count = skipped.count - std::mem::replace(&mut self.told_skips, skipped.count);
            return Some(Event::Skipped(Skipped { count, ..skipped }));
        }
        let event = self.events.pop_front()?;
        if let Event::Messages(batch) = &event {
            self.messages -= batch.len();
            self.bytes -= batch.size();
            // The consumer has time for the next event again.
            self.waits_until = None;
            self.tend_gate();
        }
        if let Event::Packets(noted) = &event {
            let (packets, bytes) = weight(noted);
            self.packets -= packets;
            self.packet_bytes -= bytes;
        }
        Some(event)
    }

    /// Slows the broker while too much waits; one message may always, however large.
    fn tend_gate(&mut self) {
        let (most, most_bytes) = match self.overflow {
            Overflow::Wait => (MAX_WAITING, MAX_BYTES),
            Overflow::Count => (MAX_COUNTED / 2, MAX_BYTES / 2),
        };
        let has_room = self.messages == 0 || (self.messages < most && self.bytes < most_bytes);
        self.left_behind &= !has_room;
        let closes = !has_room && !self.left_behind;
        let waits = closes && self.overflow == Overflow::Count;
        self.waits_until = waits.then(|| self.waits_until.unwrap_or_else(|| Instant::now() + PATIENCE));
        if self.gate.is_closed() != closes {
            self.gate.set_closed(closes);
        }
    }

    /// Reads on without room, so that the connection lives whatever the consumer does.
    fn leave_behind(&mut self) {
        self.left_behind = true;
        self.tend_gate();
    }
}

/// Waits until then, or for ever.
async fn until(then: Option<Instant>) {
    match then {
        Some(then) => sleep_until(then).await,
        None => std::future::pending().await,
    }
}

/// Returns what packets count for in the backlog.
fn weight(noted: &Noted) -> (usize, usize) {
    (noted.packets.len().max(1), noted.held())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{
        base::clock::Stamp,
        mqtt::message::{Message, Received},
        wire::packet::{Direction, Packet},
    };

    fn batch(count: usize) -> Event {
        Event::Messages(vec![Received::default(); count].into())
    }

    fn backlog(overflow: Overflow) -> Backlog {
        Backlog::new(overflow, Arc::default(), watch::channel(Skipped::default()).1)
    }

    #[test]
    fn what_does_not_fit_is_counted_after_what_did_and_before_what_comes_later() {
        let mut backlog = backlog(Overflow::Count);
        backlog.push(batch(BATCH));
        backlog.push(batch(MAX_COUNTED - BATCH + 10));
        backlog.push(batch(5));
        assert!(matches!(backlog.pop(), Some(Event::Messages(first)) if first.len() == BATCH));
        backlog.push(batch(3));
        let rest: Vec<Event> = std::iter::from_fn(|| backlog.pop()).collect();
        assert!(matches!(rest[rest.len() - 2..], [Event::Lost(15), Event::Messages(ref last)] if last.len() == 3));
    }

    #[test]
    fn the_gate_closes_when_full_and_opens_when_there_is_room() {
        let mut backlog = backlog(Overflow::Wait);
        backlog.push(batch(MAX_WAITING));
        assert!(backlog.gate.is_closed());
        backlog.pop();
        assert!(!backlog.gate.is_closed());
    }

    #[tokio::test]
    async fn a_consumer_that_takes_nothing_is_left_behind_until_there_is_room() {
        let mut backlog = backlog(Overflow::Count);
        backlog.push(batch(MAX_COUNTED / 2 - 1));
        backlog.push(batch(1));
        assert!(backlog.gate.is_closed());
        let until = backlog.waits_until.expect("it is waited for");
        backlog.push(batch(1));
        assert_eq!(backlog.waits_until, Some(until));
        backlog.leave_behind();
        assert_eq!((backlog.gate.is_closed(), backlog.waits_until), (false, None));
        backlog.push(batch(MAX_COUNTED));
        assert!(!backlog.gate.is_closed());
        assert!(
            matches!(backlog.events.back(), Some(Event::Lost(lost)) if *lost == u64::try_from(MAX_COUNTED / 2 + 1).expect("small"))
        );
        while backlog.messages > 0 {
            backlog.pop();
        }
        backlog.push(batch(MAX_COUNTED / 2));
        assert!(backlog.gate.is_closed());
    }

    #[test]
    fn what_was_passed_over_is_told_once_and_together() {
        let skipped = watch::Sender::new(Skipped::default());
        let mut backlog = Backlog::new(Overflow::Count, Arc::default(), skipped.subscribe());
        let mut told = |count| {
            skipped.send_modify(|skipped| skipped.count = count);
            backlog.untold_skips = true;
            backlog.pop()
        };
        assert!(matches!(told(3), Some(Event::Skipped(Skipped { count: 3, .. }))));
        assert!(matches!(told(5), Some(Event::Skipped(Skipped { count: 2, .. }))));
        assert!(!backlog.has_some());
    }

    #[test]
    fn packets_that_nobody_takes_are_counted_and_told_when_there_is_room() {
        let ping = Packet { at: Stamp::default(), direction: Direction::Out, first: 0xc0, size: 2, head: Bytes::new() };
        let noted = |count| Some(Noted { packets: vec![ping.clone(); count], ..Noted::default() });
        let mut backlog = backlog(Overflow::Count);
        backlog.push_packets(noted(MAX_PACKETS));
        backlog.push_packets(noted(3));
        assert!(matches!(backlog.pop(), Some(Event::Packets(all)) if all.packets.len() == MAX_PACKETS && all.lost == 0));
        backlog.push_packets(noted(1));
        assert!(matches!(backlog.pop(), Some(Event::Packets(one)) if one.packets.len() == 1 && one.lost == 3));
        assert_eq!((backlog.packets, backlog.packet_bytes), (0, 0));
    }

    #[test]
    fn a_message_above_the_byte_bound_passes_when_nothing_else_waits() {
        let mut backlog = backlog(Overflow::Count);
        let payload = bytes::Bytes::from(vec![0; MAX_BYTES + 1]);
        let large = Received { message: Message { payload, ..Message::default() }, ..Received::default() };
        backlog.push(Event::Messages(vec![large].into()));
        backlog.push(batch(1));
        assert!(matches!(backlog.pop(), Some(Event::Messages(only)) if only.len() == 1));
        assert!(matches!(backlog.pop(), Some(Event::Lost(1))));
    }
}
