//! The stream as the MQTT library reads it: a refusal named, reading held back on demand, the end never hiding messages.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, BytesMut};
use rumqttc_v5::mqttbytes::v5::Packet;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep, sleep_until},
};

use super::{frames::Frames, gate::Gate};
use crate::{
    base::{human, text},
    mqtt::{error::Failure, options::Protocol, reason::Reason},
    wire::{dial::Io, error::WireError},
};

/// The first byte of CONNACK.
const CONNACK: u8 = 0x20;

/// The longest CONNACK that is kept to find the reason of a refusal in it.
const MAX_CONNACK: usize = 64 << 10;

/// How long the broker may take to close the connection after DISCONNECT.
const LINGER: Duration = Duration::from_millis(250);

/// How long the broker may refuse to take what is sent; the library would wait for ever, without a ping.
const STALL: Duration = Duration::from_secs(30);

/// The stream that is given to the library.
///
/// When reading fails, the library drops the messages of the same batch that it has not handed out yet. So a read that
/// brought messages is followed by one empty turn, in which the library hands them out, before it sees DISCONNECT, the end
/// of the stream or an error.
pub(in crate::mqtt) struct Intake {
    stream: Box<dyn Io>,
    protocol: Protocol,
    gate: Arc<Gate>,
    incoming: Frames,
    outgoing: Frames,
    connack: Option<Connack>,
    /// Bytes, from DISCONNECT on, that wait for their turn.
    held: BytesMut,
    /// The end that waits for its turn.
    end: Option<io::Result<()>>,
    /// Whether the library has seen an empty turn since the last bytes.
    settled: bool,
    /// When writing is given up, while it makes no progress.
    stalled: Option<Pin<Box<Sleep>>>,
    leaving: Option<Leaving>,
}

/// CONNACK as far as it has arrived, and how long it is waited for.
struct Connack {
    bytes: BytesMut,
    deadline: Pin<Box<Sleep>>,
    limit: Duration,
}

/// DISCONNECT was written: the connection is closed once the broker has closed it, so that unread messages cannot turn the
/// close into a reset that overtakes DISCONNECT.
struct Leaving {
    shut: bool,
    deadline: Pin<Box<Sleep>>,
}

impl Intake {
    /// Wraps a fresh stream; CONNACK is awaited until `deadline`, which is `limit` after the start of the attempt.
    pub(super) fn new(stream: Box<dyn Io>, protocol: Protocol, gate: Arc<Gate>, deadline: Instant, limit: Duration) -> Self {
        let connack = Connack { bytes: BytesMut::new(), deadline: Box::pin(sleep_until(deadline)), limit };
        Self {
            stream,
            protocol,
            gate,
            incoming: Frames::default(),
            outgoing: Frames::default(),
            connack: Some(connack),
            held: BytesMut::new(),
            end: None,
            settled: true,
            stalled: None,
            leaving: None,
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

    /// Looks at the bytes that a read has brought; `fresh` is where they start in `buf`.
    fn inspect(&mut self, buf: &mut ReadBuf<'_>, fresh: usize) -> io::Result<()> {
        if let Some(connack) = &mut self.connack
            && let Some(verdict) = connack.judge(&buf.filled()[fresh..], self.protocol)
        {
            self.connack = None;
            if let Err(failure) = verdict {
                buf.set_filled(fresh);
                return Err(io::Error::other(failure));
            }
        }
        if let Some(start) = self.incoming.find_disconnect(&buf.filled()[fresh..]) {
            self.held.extend_from_slice(&buf.filled()[fresh + start..]);
            buf.set_filled(fresh + start);
        }
        Ok(())
    }

    fn poll_fresh(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(connack) = &mut self.connack
            && connack.deadline.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::Error::other(Failure::Silent { awaited: "CONNACK", after: connack.limit })));
        }
        let fresh = buf.filled().len();
        let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, buf) else {
            self.settled = true;
            return Poll::Pending;
        };
        match read {
            Ok(()) if buf.filled().len() > fresh => {
                self.inspect(buf, fresh)?;
                if buf.filled().len() > fresh {
                    self.settled = false;
                    return Poll::Ready(Ok(()));
                }
                self.poll_held(cx, buf)
            }
            end => {
                self.end = Some(end);
                self.poll_end(cx)
            }
        }
    }

    fn poll_held(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.settle(cx));
        let length = self.held.len().min(buf.remaining());
        buf.put_slice(&self.held[..length]);
        self.held.advance(length);
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
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALL)));
        ready!(stalled.as_mut().poll(cx));
        let detail = format!("the broker has taken nothing for {}", human::span(STALL));
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
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf)) {
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
        if this.connack.is_none() && this.gate.poll_open(cx).is_pending() {
            this.settled = true;
            return Poll::Pending;
        }
        if !this.held.is_empty() {
            this.poll_held(cx, buf)
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
        let progress = Pin::new(&mut this.stream).poll_write(cx, bytes);
        let written = ready!(this.watch(cx, progress))?;
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

impl Connack {
    /// Takes more bytes; says, once there are enough, whether the broker refused.
    ///
    /// The library does not tell the Reason String of a refusal, knows no reason outside the standard, and waits for ever on
    /// the 3.1.1 CONNACK with which an old broker answers to MQTT 5.
    fn judge(&mut self, more: &[u8], protocol: Protocol) -> Option<Result<(), Failure>> {
        self.bytes.extend_from_slice(more);
        let endless = self.bytes.len() > 4 && self.bytes[1..5].iter().all(|byte| byte & 0x80 != 0);
        if self.bytes.first() != Some(&CONNACK) || endless {
            // The library refuses it by itself.
            return Some(Ok(()));
        }
        let length = self.bytes.iter().skip(1).take(4).position(|byte| byte & 0x80 == 0)? + 1;
        let remaining = self.bytes[1..=length].iter().rev().fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
        let code = *self.bytes.get(length + 2)?;
        let refused = |reason| Failure::Refused { reason, text: String::new() };
        match (protocol, remaining) {
            (Protocol::V311, _) if code == 0 => Some(Ok(())),
            (Protocol::V5, 2) if code == 0 => Some(Err(Failure::Protocol("CONNACK without the properties of MQTT 5".into()))),
            (Protocol::V5, 2) if Reason(code).is_failure() => Some(Err(refused(Reason(code)))),
            (Protocol::V311, _) | (Protocol::V5, 2) => Some(Err(refused(Reason::of_v311_connack(code)))),
            (Protocol::V5, _) if !Reason(code).is_failure() => Some(Ok(())),
            (Protocol::V5, _) => {
                let whole = 1 + length + remaining;
                if self.bytes.len() < whole.min(MAX_CONNACK) {
                    return None;
                }
                Some(Err(Failure::Refused { reason: Reason(code), text: self.reason_string() }))
            }
        }
    }

    /// Takes the Reason String out of the packet; empty where there is none, or where the packet cannot be read.
    fn reason_string(&mut self) -> String {
        match Packet::read(&mut self.bytes, None) {
            Ok(Packet::ConnAck(connack)) => {
                let said = connack.properties.and_then(|properties| properties.reason_string);
                text::safe(&said.unwrap_or_default()).to_string()
            }
            Ok(_) | Err(_) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        time::timeout,
    };

    use super::*;

    #[tokio::test]
    async fn disconnect_is_flushed_when_the_broker_has_closed() {
        let (ours, mut broker) = duplex(64);
        let deadline = Instant::now() + STALL;
        let mut intake = Intake::new(Box::new(ours), Protocol::V5, Arc::default(), deadline, STALL);
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
        let (ours, _broker) = duplex(64);
        let deadline = Instant::now() + STALL;
        let mut intake = Intake::new(Box::new(ours), Protocol::V5, Arc::default(), deadline, STALL);
        intake.write_all(&[0xe0, 0x00]).await.expect("room");
        timeout(10 * LINGER, intake.flush()).await.expect("in time").expect("flushed");
    }

    /// Feeds a CONNACK byte by byte; returns the verdict and after how many bytes it came.
    fn judged(bytes: &[u8], protocol: Protocol) -> (usize, Result<(), Failure>) {
        let deadline = Box::pin(sleep(LINGER));
        let mut connack = Connack { bytes: BytesMut::new(), deadline, limit: LINGER };
        let verdict = (1..=bytes.len()).find_map(|end| connack.judge(&bytes[end - 1..end], protocol).map(|verdict| (end, verdict)));
        verdict.expect("a verdict by the last byte")
    }

    fn refusal(bytes: &[u8], protocol: Protocol) -> (u8, String) {
        match judged(bytes, protocol) {
            (end, Err(Failure::Refused { reason, text })) if end == bytes.len() => (reason.0, text),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_refusal_is_read_from_pieces() {
        assert_eq!(refusal(&[0x20, 0x02, 0x00, 0x05], Protocol::V311), (0x87, String::new()));
        assert_eq!(refusal(&[0x20, 0x02, 0x00, 0x01], Protocol::V5), (0x84, String::new()));
        assert_eq!(refusal(&[0x20, 0x02, 0x00, 0x84], Protocol::V5), (0x84, String::new()));
        assert_eq!(refusal(b"\x20\x08\x00\x87\x05\x1f\x00\x02no", Protocol::V5), (0x87, "no".into()));
    }

    #[tokio::test]
    async fn the_reason_string_of_a_long_connack_is_found() {
        let mut bytes = vec![0x20, 0xcf, 0x01, 0x00, 0x8a, 0xcb, 0x01, 0x1f, 0x00, 0xc8];
        bytes.extend([b'x'; 200]);
        assert_eq!(refusal(&bytes, Protocol::V5), (0x8a, "x".repeat(200)));
    }

    #[tokio::test]
    async fn a_reason_that_the_standard_does_not_know_is_told_by_its_code() {
        assert_eq!(refusal(&[0x20, 0x03, 0x00, 0xff, 0x00], Protocol::V5), (0xff, String::new()));
    }

    #[tokio::test]
    async fn no_first_packet_makes_the_judge_panic() {
        for first in 0..=u8::MAX {
            for rest in [&[0x00, 0, 0][..], &[0xff; 9], &[0x02, 0x00, 0x84, 0x00], &[0x03, 0x00, 0x87, 0x05], &[0x01, 0x87, 0x87]] {
                for protocol in [Protocol::V311, Protocol::V5] {
                    let deadline = Box::pin(sleep(LINGER));
                    let mut connack = Connack { bytes: BytesMut::new(), deadline, limit: LINGER };
                    drop([first].iter().chain(rest).find_map(|byte| connack.judge(&[*byte], protocol)));
                }
            }
        }
    }

    #[tokio::test]
    async fn an_acceptance_passes() {
        assert!(judged(&[0x20, 0x02, 0x01, 0x00], Protocol::V311).1.is_ok());
        assert!(judged(&[0x20, 0x03, 0x00, 0x00, 0x00], Protocol::V5).1.is_ok());
    }
}
