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
    base::text,
    mqtt::{error::Failure, options::Protocol, reason::Reason},
    wire::dial::Io,
};

/// The longest CONNACK that is kept to find the reason of a refusal in it.
const MAX_CONNACK: usize = 64 << 10;

/// How long the broker may take to close the connection after DISCONNECT.
const LINGER: Duration = Duration::from_millis(250);

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
        let written = ready!(Pin::new(&mut this.stream).poll_write(cx, bytes))?;
        if this.outgoing.find_disconnect(&bytes[..written]).is_some() {
            this.leaving = Some(Leaving { shut: false, deadline: Box::pin(sleep(LINGER)) });
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.stream).poll_flush(cx))?;
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
        let &[kind, length, ..] = &self.bytes[..] else { return None };
        if kind != 0x20 || self.bytes.len() > MAX_CONNACK {
            return Some(Ok(()));
        }
        let code = *self.bytes.get(3)?;
        if length == 2 {
            return Some(match (protocol, code) {
                (Protocol::V311, 0) => Ok(()),
                (Protocol::V5, 0) => Err(Failure::Protocol("CONNACK without the properties of MQTT 5".into())),
                (Protocol::V5, 0x80..) => Err(Failure::Refused { reason: Reason(code), text: String::new() }),
                (Protocol::V311 | Protocol::V5, code) => {
                    Err(Failure::Refused { reason: Reason::of_v311_connack(code), text: String::new() })
                }
            });
        }
        // Neither a first byte of a long length nor the code of a packet of another shape is judged here.
        match Packet::read(&mut self.bytes, None) {
            Err(rumqttc_v5::mqttbytes::Error::InsufficientBytes(_)) => None,
            Ok(Packet::ConnAck(connack)) if protocol == Protocol::V5 && Reason(code).is_failure() => {
                let said = connack.properties.and_then(|properties| properties.reason_string).unwrap_or_default();
                Some(Err(Failure::Refused { reason: Reason(code), text: text::safe(&said).to_string() }))
            }
            Ok(_) | Err(_) => Some(Ok(())),
        }
    }
}
