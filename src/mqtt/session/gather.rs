//! Gathers what the tap notes into batches, so that a packet wakes nobody while others follow it.

use std::{future::pending, time::Duration};

use tokio::time::{Instant, sleep_until};

use crate::{
    base::clock::{Clock, Stamp},
    wire::{
        packet::{Direction, Packet},
        tap::{Noted, Quiet, Trace},
    },
};

/// The packets that may wait for the gatherer; what comes on top is counted.
pub(super) const PACKETS: usize = 4096;

/// How long a packet may wait for others.
const GATHER: Duration = Duration::from_millis(10);

/// How often counts of QoS 0 are told.
const TALLY: Duration = Duration::from_secs(1);

/// The reading end of a session's trace; without a trace there is never anything to tell.
pub(super) struct Gatherer {
    trace: Option<Trace>,
    clock: Clock,
    /// The packet that ended the last wait.
    first: Option<Packet>,
    /// When something has to be told.
    due: Option<Instant>,
    /// When counts may be told again.
    next_tally: Instant,
    /// When they were told last.
    tallied: Stamp,
    told: [Quiet; 2],
    told_lost: u64,
}

impl Gatherer {
    pub(super) fn new(trace: Option<Trace>, clock: Clock) -> Self {
        let (told, next_tally) = ([Quiet::default(); 2], Instant::now());
        Self { trace, clock, first: None, due: None, next_tally, tallied: clock.now(), told, told_lost: 0 }
    }

    /// Waits until there is something to tell; to be called again after a cancellation.
    pub(super) async fn due(&mut self) {
        let Some(trace) = &mut self.trace else { return pending().await };
        if self.first.is_none() {
            let due = self.due;
            tokio::select! {
                packet = trace.next() => match packet {
                    Some(packet) => {
                        self.first = Some(packet);
                        let soon = Instant::now() + GATHER;
                        self.due = Some(self.due.map_or(soon, |due| due.min(soon)));
                    }
                    None => self.trace = None,
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => return,
            }
        }
        match self.due {
            Some(due) => sleep_until(due).await,
            None => pending().await,
        }
    }

    /// Takes what was noted up to now; counts too when it is their time, or when `all` is wanted.
    pub(super) fn take(&mut self, all: bool) -> Option<Noted> {
        let trace = self.trace.as_mut()?;
        self.due = None;
        let mut packets: Vec<Packet> = self.first.take().into_iter().collect();
        while packets.len() < PACKETS
            && let Some(packet) = trace.try_next()
        {
            packets.push(packet);
        }
        let at = self.clock.now();
        let mut noted = Noted { at, packets, lost: trace.lost() - self.told_lost, ..Noted::default() };
        self.told_lost += noted.lost;
        let passed = [trace.quiet(Direction::In), trace.quiet(Direction::Out)];
        if passed != self.told {
            let now = Instant::now();
            if now < self.next_tally && !all {
                self.due = Some(self.next_tally);
            } else {
                self.next_tally = now + TALLY;
                for ((quiet, passed), told) in noted.quiet.iter_mut().zip(passed).zip(self.told) {
                    *quiet = Quiet { count: passed.count - told.count, bytes: passed.bytes.saturating_sub(told.bytes) };
                }
                self.told = passed;
                noted.quiet_since = std::mem::replace(&mut self.tallied, at);
            }
        }
        (!noted.is_empty()).then_some(noted)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;
    use crate::wire::tap::{Tap, trace};

    #[tokio::test]
    async fn packets_come_together_and_counts_once_a_second() {
        let (near, _far) = duplex(1 << 20);
        let (sink, trace) = trace(PACKETS);
        let clock = Clock::start();
        let mut tap = Tap::new(near, clock, Some(sink));
        let mut gatherer = Gatherer::new(Some(trace), clock);
        assert_eq!(gatherer.take(false), None);
        tap.write_all(&[0xc0, 0, 0x30, 4, 0, 1, b'a', b'x', 0xc0, 0]).await.expect("room");
        gatherer.due().await;
        let first = gatherer.take(false).expect("two packets");
        assert_eq!((first.packets.len(), first.quiet[1]), (2, Quiet { count: 1, bytes: 6 }));
        let began = Instant::now();
        tap.write_all(&[0x30, 4, 0, 1, b'a', b'x']).await.expect("room");
        assert_eq!(gatherer.take(false), None, "counts wait");
        gatherer.due().await;
        let second = gatherer.take(false).expect("a count");
        assert_eq!((second.quiet[1], second.quiet_since), (Quiet { count: 1, bytes: 6 }, first.at));
        assert!(began.elapsed() > TALLY / 2);
        tap.write_all(&[0x30, 4, 0, 1, b'a', b'x']).await.expect("room");
        assert_eq!(gatherer.take(true).map(|noted| noted.quiet[1].count), Some(1), "at once when all is wanted");
    }

    #[tokio::test]
    async fn without_a_trace_nothing_is_ever_due() {
        let mut gatherer = Gatherer::new(None, Clock::start());
        assert!(tokio::time::timeout(2 * GATHER, gatherer.due()).await.is_err());
        assert_eq!(gatherer.take(false), None);
    }
}
