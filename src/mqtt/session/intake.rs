//! The stream as the MQTT library reads it: a refusal named, reading held back on demand, the end never hiding messages.

pub(super) mod inlet;
mod lag;
pub(super) mod shortcut;

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep, sleep_until},
};

use self::{inlet::Inlet, lag::Lag, shortcut::Shortcut};
use super::{
    frames::Frames,
    gate::Gate,
    opening::{self, Opening, Step, Terms},
    watchdog::{Alarm, Watchdog},
};
use crate::{
    base::human,
    mqtt::{error::Failure, event::Event},
    wire::{error::WireError, guard::Progress},
};

/// PINGREQ.
const PINGREQ: &[u8] = &[0xc0, 0x00];

/// How long the broker may take to close the connection after DISCONNECT.
const LINGER: Duration = Duration::from_millis(250);

/// How long the broker may refuse to take what is sent, or less where Keep Alive is short; the library would wait for ever,
/// without a ping.
const STALL: Duration = Duration::from_secs(30);

/// The least of that.
const SHORTEST_STALL: Duration = Duration::from_secs(5);

/// How long a packet may take to arrive, unless it is large and comes steadily.
const UNFINISHED: Duration = Duration::from_mins(1);

/// The shortest silence before the end of a connection that may be its cause.
const IDLE: Duration = Duration::from_secs(2);

/// The fewest bytes in that time that are steady.
const STEADY: u64 = 4 << 10;

/// The stream that is given to the library.
///
/// When reading fails, the library drops the messages of the same batch that it has not handed out yet. So a read that
/// brought messages is followed by one empty turn, in which the library hands them out, before it sees DISCONNECT, the end
/// of the stream or an error.
pub(in crate::mqtt) struct Intake {
    stream: Inlet,
    terms: Terms,
    gate: Arc<Gate>,
    incoming: Frames,
    outgoing: Frames,
    /// What comes before CONNACK has arrived.
    opening: Option<(Opening, Pin<Box<Sleep>>)>,
    watchdog: Option<Watchdog>,
    /// When something was sent or came.
    active: Instant,
    /// What has arrived, and how many bytes that were at the last look.
    progress: (Progress, u64),
    /// When an unfinished packet must have come on, and how many bytes had arrived when that was set.
    unfinished: Option<(Pin<Box<Sleep>>, u64)>,
    /// What is left to write of a ping of our own, until it is flushed.
    ping: Option<&'static [u8]>,
    /// Bytes that the library may see next.
    ready: BytesMut,
    /// DISCONNECT, as far as it has arrived.
    farewell: BytesMut,
    /// The end that waits for its turn.
    end: Option<io::Result<()>>,
    /// Whether the library has seen an empty turn since the last bytes.
    settled: bool,
    /// When writing is given up, while it makes no progress.
    stalled: Option<Pin<Box<Sleep>>>,
    leaving: Option<Leaving>,
    shortcut: Shortcut,
    lag: Lag,
}

/// DISCONNECT was written: the connection is closed once the broker has closed it, so that unread messages cannot turn the
/// close into a reset that overtakes DISCONNECT.
struct Leaving {
    shut: bool,
    deadline: Pin<Box<Sleep>>,
}

impl Intake {
    /// Wraps a fresh stream of whole, valid packets.
    pub(super) fn new(stream: Inlet, terms: Terms, gate: Arc<Gate>, progress: Progress, shortcut: Shortcut) -> Self {
        let whole = terms.deadline;
        let deadline = Box::pin(sleep_until(terms.silence.map_or(whole, |silence| whole.min(Instant::now() + silence))));
        Self {
            stream,
            terms,
            gate,
            incoming: Frames::default(),
            outgoing: Frames::default(),
            opening: Some((Opening::default(), deadline)),
            watchdog: None,
            active: Instant::now(),
            progress: (progress, 0),
            unfinished: None,
            ping: None,
            ready: BytesMut::new(),
            farewell: BytesMut::new(),
            end: None,
            settled: true,
            stalled: None,
            leaving: None,
            shortcut,
            lag: Lag::new(),
        }
    }

    /// Lets the library have one empty turn if it needs one.
    fn settle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.settled {
            return Poll::Ready(());
        }
        self.settled = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Looks at the bytes that a read has brought, from `fresh` on in `buf`, and leaves there what the library may see.
    fn inspect(&mut self, buf: &mut ReadBuf<'_>, fresh: usize) {
        if let Some((opening, _)) = &mut self.opening {
            let step = opening.take(&buf.filled()[fresh..], &self.terms);
            buf.set_filled(fresh);
            match step {
                Ok(Step::Await(passed)) => self.ready.unsplit(passed),
                Ok(Step::Open { passed, rest, keep_alive }) => {
                    self.opening = None;
                    self.watchdog = Watchdog::start(keep_alive);
                    self.ready.unsplit(passed);
                    let end = self.look_for_farewell(&rest).unwrap_or(rest.len());
                    self.ready.extend_from_slice(&rest[..end]);
                }
                Err(failure) => self.end = Some(Err(io::Error::other(failure))),
            }
        } else if let Some(end) = self.look_for_farewell(&buf.filled()[fresh..]) {
            buf.set_filled(fresh + end);
        }
    }

    /// Takes DISCONNECT out of the stream, where it begins in these bytes or has begun before; returns where it begins.
    fn look_for_farewell(&mut self, bytes: &[u8]) -> Option<usize> {
        let start = if self.farewell.is_empty() { self.incoming.find_disconnect(bytes)? } else { 0 };
        self.farewell.extend_from_slice(&bytes[start..]);
        if let Some(frame) = opening::whole_packet(&mut self.farewell) {
            let failure = opening::disconnected(frame, &self.terms.endpoint);
            self.end = Some(Err(io::Error::other(failure)));
        }
        Some(start)
    }

    fn poll_fresh(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            if !self.stream.guard().has_ready() {
                // What the library holds comes before what is taken past it.
                ready!(self.settle(cx));
                ready!(self.shortcut.poll_ready(cx));
            }
            let fresh = buf.filled().len();
            let read = Pin::new(&mut self.stream).poll_read(cx, buf);
            let more = self.stream.guard().may_have_more();
            if let Some(run) = self.stream.guard().take_run() {
                self.shortcut.take(run, more);
                if read.is_pending() {
                    // Between two reads the library gets its turn for requests and pings, and so do pings of our own.
                    self.hear();
                    cx.waker().wake_by_ref();
                    return self.poll_silence(cx);
                }
            }
            let Poll::Ready(read) = read else {
                self.poll_unfinished(cx)?;
                return self.poll_silence(cx);
            };
            let silence = self.active.elapsed();
            self.hear();
            match read {
                Ok(()) if buf.filled().len() > fresh => self.inspect(buf, fresh),
                Ok(()) if self.opening.is_none() && silence >= IDLE => {
                    self.end = Some(Err(io::Error::other(Failure::Idle { silence, times: 1 })));
                }
                end => self.end = Some(end),
            }
            if buf.filled().len() > fresh {
                self.settled = false;
                return Poll::Ready(Ok(()));
            }
            if !self.ready.is_empty() {
                return self.poll_ready(buf);
            }
            if self.end.is_some() {
                return self.poll_end(cx);
            }
        }
    }

    /// Measures how far reading is behind, and reports it.
    fn poll_lag(&mut self, cx: &mut Context<'_>) {
        let read = self.progress.0.bytes();
        let stream = &mut self.stream;
        if let Some(lag) = self.lag.poll(cx, read, || stream.guard().below().below().unread()) {
            self.lag.was_reported(self.shortcut.report(Event::Lag(lag)));
        }
    }

    fn hear(&mut self) {
        self.active = Instant::now();
        self.unfinished = None;
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.hear();
        }
    }

    /// Takes a part of a packet as a sign of life, though nothing can be passed on yet, unless it only trickles.
    fn poll_unfinished(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let bytes = self.progress.0.bytes();
        if std::mem::replace(&mut self.progress.1, bytes) != bytes
            && let Some(watchdog) = &mut self.watchdog
        {
            watchdog.hear();
        }
        if !self.progress.0.is_within_packet() {
            self.unfinished = None;
            return Ok(());
        }
        let (due, before) = self.unfinished.get_or_insert_with(|| (Box::pin(sleep(UNFINISHED)), bytes));
        while due.as_mut().poll(cx).is_ready() {
            if bytes.saturating_sub(*before) < STEADY {
                let said = format!("less than {} of a packet came in {}", human::size(STEADY), human::span(UNFINISHED));
                return Err(io::Error::other(Failure::Protocol(said)));
            }
            (*due, *before) = (Box::pin(sleep(UNFINISHED)), bytes);
        }
        Ok(())
    }

    /// Waits for the end of the time in which the broker must be heard.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some((_, deadline)) = &mut self.opening {
            ready!(deadline.as_mut().poll(cx));
            let silence = self.terms.silence.take();
            if silence.is_some() && self.progress.0.bytes() > 0 && Instant::now() < self.terms.deadline {
                // It has begun to answer: now it has all the time that there is.
                deadline.as_mut().reset(self.terms.deadline);
                ready!(deadline.as_mut().poll(cx));
            }
            let after = silence.unwrap_or(self.terms.options.connect_timeout);
            return Poll::Ready(Err(io::Error::other(Failure::Silent { awaited: "CONNACK", after })));
        }
        // Half a packet is let out first, after which this is polled again.
        if self.outgoing.is_between() && self.ping.is_none() && self.gate.poll_ping(cx).is_ready() {
            self.ping = Some(PINGREQ);
        }
        let _ = self.poll_ping(cx)?;
        while let Some(watchdog) = &mut self.watchdog {
            match ready!(watchdog.poll(cx)) {
                Alarm::Ask if self.outgoing.is_between() => {
                    self.ping = Some(PINGREQ);
                    let _ = self.poll_ping(cx)?;
                }
                // Half a packet is on its way: then it is the writing that stalls.
                Alarm::Ask => {}
                Alarm::Gone => {
                    let after = watchdog.patience();
                    return Poll::Ready(Err(io::Error::other(Failure::Silent { awaited: "PINGRESP", after })));
                }
            }
        }
        Poll::Pending
    }

    /// Writes what is left of a ping of our own.
    fn poll_ping(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.ping.filter(|rest| !rest.is_empty()) {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.ping = rest.get(written..);
            self.active = Instant::now();
        }
        if self.ping.is_some() {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.ping = None;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_ready(&mut self, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let length = self.ready.len().min(buf.remaining());
        buf.put_slice(&self.ready[..length]);
        self.ready.advance(length);
        self.settled = false;
        Poll::Ready(Ok(()))
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.settle(cx));
        Poll::Ready(self.end.take().unwrap_or(Ok(())))
    }

    /// Passes the result of writing on, unless writing has made no progress for too long.
    fn watch<T>(&mut self, cx: &mut Context<'_>, progress: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if progress.is_ready() {
            self.stalled = None;
            return progress;
        }
        let stall = self.watchdog.as_ref().map_or(STALL, |watchdog| watchdog.patience().clamp(SHORTEST_STALL, STALL));
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(stall)));
        ready!(stalled.as_mut().poll(cx));
        let detail = format!("the broker has taken nothing for {}", human::span(stall));
        Poll::Ready(Err(io::Error::other(WireError::Broken { detail })))
    }

    /// Closes our side, and reads and discards until the broker has closed its own.
    fn poll_leave(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(leaving) = &mut self.leaving else { return Poll::Ready(Ok(())) };
        if !leaving.shut {
            leaving.shut = ready!(Pin::new(&mut self.stream).poll_shutdown(cx)).is_ok();
            if !leaving.shut {
                return Poll::Ready(Ok(()));
            }
        }
        let mut scratch = [0; 4096];
        while leaving.deadline.as_mut().poll(cx).is_pending() {
            let mut buf = ReadBuf::new(&mut scratch);
            let read = Pin::new(&mut self.stream).poll_read(cx, &mut buf);
            if self.stream.guard().take_run().is_some() {
                continue;
            }
            match ready!(read) {
                Ok(()) if !buf.filled().is_empty() => {}
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Intake {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.poll_lag(cx);
        if this.opening.is_none() && this.gate.poll_open(cx).is_pending() {
            this.settled = true;
            return Poll::Pending;
        }
        if !this.ready.is_empty() {
            this.poll_ready(buf)
        } else if this.end.is_some() {
            this.poll_end(cx)
        } else {
            this.poll_fresh(cx, buf)
        }
    }
}

impl AsyncWrite for Intake {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.shortcut.wake();
        if this.ping.is_some() {
            let progress = this.poll_ping(cx);
            ready!(this.watch(cx, progress))?;
        }
        let progress = Pin::new(&mut this.stream).poll_write(cx, bytes);
        let written = ready!(this.watch(cx, progress))?;
        this.active = Instant::now();
        if this.outgoing.find_disconnect(&bytes[..written]).is_some() {
            this.leaving = Some(Leaving { shut: false, deadline: Box::pin(sleep(LINGER)) });
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let progress = Pin::new(&mut this.stream).poll_flush(cx);
        ready!(this.watch(cx, progress))?;
        this.poll_leave(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
        sync::mpsc,
        time::timeout,
    };
    use tokio_util::sync::PollSender;

    use super::*;
    use crate::{
        base::clock::Clock,
        mqtt::options::{Options, Protocol},
        wire::{dial::Io, endpoint::Url, packet::Version},
    };

    impl Io for DuplexStream {
        fn unread(&self) -> usize {
            0
        }
    }

    /// A stream and the broker at its other end.
    fn pair(keep_alive: Duration) -> (Intake, DuplexStream) {
        let (ours, broker) = duplex(4096);
        let clock = Clock::start();
        let ours: Box<dyn Io> = Box::new(ours);
        let guarded = crate::wire::open(ours, Version::V5, u32::MAX, clock, None).taking_quiet();
        let endpoint = Url::parse("mqtt://h").expect("valid").endpoint;
        let options = Arc::new(Options { keep_alive, ..Options::new(endpoint, "me") });
        let terms = Terms {
            endpoint: options.endpoint.clone(),
            options,
            protocol: Protocol::V5,
            client_id: "me".into(),
            deadline: Instant::now() + STALL,
            silence: None,
        };
        let shortcut = Shortcut::new(PollSender::new(mpsc::channel(1).0), clock, Arc::default());
        (Intake::new(Inlet::new(guarded, Version::V5), terms, Arc::default(), Progress::default(), shortcut), broker)
    }

    /// The same after CONNACK.
    async fn open(keep_alive: Duration) -> (Intake, DuplexStream) {
        let (mut intake, mut broker) = pair(keep_alive);
        broker.write_all(&[0x20, 3, 0, 0, 0]).await.expect("room");
        let mut connack = [0; 5];
        intake.read_exact(&mut connack).await.expect("CONNACK");
        (intake, broker)
    }

    fn failure(error: &io::Error) -> &Failure {
        error.get_ref().and_then(|inner| inner.downcast_ref()).expect("a failure")
    }

    #[tokio::test]
    async fn disconnect_is_flushed_when_the_broker_has_closed() {
        let (mut intake, mut broker) = pair(STALL);
        intake.write_all(&[0xe0, 0x00]).await.expect("room");
        assert!(timeout(LINGER / 5, intake.flush()).await.is_err(), "the broker has not closed yet");
        let mut seen = Vec::new();
        timeout(STALL, broker.read_to_end(&mut seen)).await.expect("our side is closed").expect("no error");
        assert_eq!(seen, [0xe0, 0x00]);
        broker.write_all(b"late").await.expect("room");
        drop(broker);
        intake.flush().await.expect("flushed");
    }

    #[tokio::test]
    async fn a_broker_that_does_not_close_is_not_waited_for_long() {
        let (mut intake, _broker) = pair(STALL);
        intake.write_all(&[0xe0, 0x00]).await.expect("room");
        timeout(10 * LINGER, intake.flush()).await.expect("in time").expect("flushed");
    }

    #[tokio::test]
    async fn a_disconnect_is_told_after_what_came_before_it_at_any_cut() {
        let farewell = b"\xe0\x07\x8b\x05\x1f\x00\x02go";
        let bytes = [&[0xd0, 0][..], farewell].concat();
        for cut in 0..bytes.len() {
            let (mut intake, mut broker) = open(STALL).await;
            let mut seen = Vec::new();
            broker.write_all(&bytes[..cut]).await.expect("room");
            let feed = async {
                tokio::task::yield_now().await;
                broker.write_all(&bytes[cut..]).await.expect("room");
            };
            let (error, ()) = tokio::join!(async { intake.read_to_end(&mut seen).await.expect_err("the end") }, feed);
            assert_eq!(seen, [0xd0, 0], "cut at {cut}");
            assert!(matches!(failure(&error), Failure::Disconnected { text, .. } if text == "go"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_broker_that_is_silent_while_we_send_is_asked_and_then_gone() {
        let keep_alive = Duration::from_secs(1);
        let (mut intake, mut broker) = open(keep_alive).await;
        let began = Instant::now();
        let error = loop {
            match timeout(keep_alive / 10, intake.read_u8()).await {
                Ok(read) => break read.expect_err("the end"),
                // A QoS 0 publish now and then: the library would never ping.
                Err(_) => intake.write_all(&[0x30, 4, 0, 1, b't', 0]).await.expect("room"),
            }
        };
        assert!(matches!(failure(&error), Failure::Silent { awaited: "PINGRESP", .. }), "{error:?}");
        let took = began.elapsed();
        assert!(took >= keep_alive && took < 2 * keep_alive, "{took:?}");
        drop(intake);
        let mut sent = Vec::new();
        broker.read_to_end(&mut sent).await.expect("all that was sent");
        assert_eq!(sent.chunks(6).filter(|chunk| chunk.starts_with(PINGREQ)).count(), 1, "asked once, between two packets");
    }

    #[tokio::test]
    async fn a_packet_that_only_trickles_is_an_error_and_one_that_comes_steadily_is_not() {
        for (bytes, is_steady) in [(STEADY - 1, false), (STEADY, true)] {
            let (mut intake, _broker) = open(STALL).await;
            let progress = Progress::default();
            progress.note(usize::try_from(bytes).expect("few"), true);
            intake.progress.0 = progress;
            intake.unfinished = Some((Box::pin(sleep(LINGER)), 0));
            let ended = timeout(2 * LINGER, intake.read_u8()).await;
            match ended {
                Err(_) => assert!(is_steady, "{bytes} bytes"),
                Ok(read) => {
                    let error = read.expect_err("the end");
                    assert!(matches!(failure(&error), Failure::Protocol(_)) && !is_steady, "{bytes} bytes: {error:?}");
                }
            }
        }
    }

    #[tokio::test]
    async fn a_broker_that_takes_nothing_is_given_up() {
        let (mut intake, _broker) = open(Duration::from_secs(1)).await;
        let began = Instant::now();
        let error = intake.write_all(&[0; 10_000]).await.expect_err("nobody reads");
        assert!(failure_text(&error).contains("has taken nothing for 5"), "{error:?}");
        let took = began.elapsed();
        assert!(took >= SHORTEST_STALL && took < 2 * SHORTEST_STALL, "{took:?}");
    }

    fn failure_text(error: &io::Error) -> String {
        error.get_ref().map(ToString::to_string).unwrap_or_default()
    }

    #[tokio::test]
    async fn a_ping_goes_out_in_the_turn_in_which_messages_are_taken() {
        let (mut intake, mut broker) = open(STALL).await;
        // The empty turn after CONNACK.
        assert!(timeout(LINGER / 5, intake.read_u8()).await.is_err(), "nothing was sent");
        intake.gate.ask_for_ping(Clock::start().now());
        broker.write_all(&[0x30, 4, 0, 1, b't', 0]).await.expect("room");
        let mut space = [0; 8];
        let turn = |cx: &mut Context<'_>| Poll::Ready(Pin::new(&mut intake).poll_read(cx, &mut ReadBuf::new(&mut space)));
        assert!(std::future::poll_fn(turn).await.is_pending(), "the message was taken");
        let mut sent = [0; 2];
        timeout(STALL, broker.read_exact(&mut sent)).await.expect("in time").expect("a ping");
        assert_eq!(sent, PINGREQ);
    }

    #[tokio::test]
    async fn a_connack_that_does_not_come_is_silent_at_the_deadline() {
        let (mut intake, _broker) = pair(STALL);
        intake.opening = Some((Opening::default(), Box::pin(sleep(LINGER))));
        let error = intake.read_u8().await.expect_err("the end");
        assert!(matches!(failure(&error), Failure::Silent { awaited: "CONNACK", .. }), "{error:?}");
    }
}
