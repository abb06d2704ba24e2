//! MQTT 3.1 for a library that speaks 3.1.1: the few bytes in which they differ, changed on the way.
//!
//! ```text
//! out   CONNECT   00 04 "MQTT" 04     00 06 "MQIsdp" 03
//! in    CONNACK   20 02 xx rc         20 02 00 rc         the byte is reserved in 3.1
//! in    PUBREL    6A                  62                  3.1 says here that it was sent before
//! ```

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use zeroize::{Zeroize, Zeroizing};

use super::{
    frame::{Header, put_remaining_length},
    packet::Kind,
};

/// How the library begins the body of CONNECT, and what it becomes.
const NAME_V311: &[u8] = b"\0\x04MQTT\x04";
const NAME_V31: &[u8] = b"\0\x06MQIsdp\x03";

/// A stream that speaks MQTT 3.1 below and 3.1.1 above; what comes from below must be whole, valid packets.
pub struct V31<S> {
    inner: S,
    outgoing: Outgoing,
    incoming: Incoming,
}

/// Where the way out stands; the buffers hold the password, so they are wiped.
enum Outgoing {
    /// CONNECT as far as it was written.
    Gathering(Zeroizing<Vec<u8>>),
    /// CONNECT as it is sent, of which so much was.
    Sending(Zeroizing<Vec<u8>>, usize),
    Through,
}

/// Where the way in stands.
#[derive(Debug, Clone, Copy)]
enum Incoming {
    First,
    Length {
        kind: Kind,
        value: usize,
        shift: u32,
    },
    /// The next byte is the reserved one of CONNACK, the first of so many.
    Flags {
        left: usize,
    },
    Body {
        left: usize,
    },
}

impl<S> V31<S> {
    /// Wraps a fresh connection.
    pub fn new(inner: S) -> Self {
        Self { inner, outgoing: Outgoing::Gathering(Zeroizing::default()), incoming: Incoming::First }
    }

    /// Returns the connection below.
    pub fn below(&mut self) -> &mut S {
        &mut self.inner
    }
}

impl<S: AsyncWrite + Unpin> V31<S> {
    /// Sends what is left of CONNECT.
    fn poll_connect(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Outgoing::Sending(connect, sent) = &mut self.outgoing {
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &connect[*sent..]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *sent += written;
            if *sent == connect.len() {
                self.outgoing = Outgoing::Through;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for V31<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Outgoing::Gathering(gathered) = &mut this.outgoing {
            append(gathered, bytes);
            if let Some(connect) = translated(gathered)? {
                this.outgoing = Outgoing::Sending(connect, 0);
            }
            return Poll::Ready(Ok(bytes.len()));
        }
        ready!(this.poll_connect(cx))?;
        Pin::new(&mut this.inner).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_connect(cx))?;
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_connect(cx))?;
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for V31<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        this.incoming.translate(&mut buf.filled_mut()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S> fmt::Debug for V31<S> {
    /// Leaves CONNECT out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("V31").field("incoming", &self.incoming).finish_non_exhaustive()
    }
}

impl Incoming {
    /// Changes the next bytes, wherever the packets are cut.
    fn translate(&mut self, bytes: &mut [u8]) {
        let mut at = 0;
        while let Some(byte) = bytes.get_mut(at) {
            let (next, step) = match *self {
                Self::First => {
                    let kind = Kind::of(*byte);
                    if kind == Kind::Pubrel {
                        *byte = 0x62;
                    }
                    (Self::Length { kind, value: 0, shift: 0 }, 1)
                }
                Self::Length { kind, value, shift } => {
                    let value = value | usize::from(*byte & 0x7f) << shift;
                    let next = match (*byte & 0x80 == 0, value) {
                        (false, _) => Self::Length { kind, value, shift: shift + 7 },
                        (true, 0) => Self::First,
                        (true, left) if kind == Kind::Connack => Self::Flags { left },
                        (true, left) => Self::Body { left },
                    };
                    (next, 1)
                }
                Self::Flags { left } => {
                    *byte = 0;
                    (Self::after(1, left), 1)
                }
                Self::Body { left } => {
                    let step = left.min(bytes.len() - at);
                    (Self::after(step, left), step)
                }
            };
            *self = next;
            at += step;
        }
    }

    fn after(passed: usize, left: usize) -> Self {
        if passed == left { Self::First } else { Self::Body { left: left - passed } }
    }
}

/// Appends bytes that may be secret: a buffer that is too small is wiped, not left behind.
fn append(gathered: &mut Zeroizing<Vec<u8>>, bytes: &[u8]) {
    if gathered.capacity() - gathered.len() < bytes.len() {
        let mut larger = Zeroizing::new(Vec::with_capacity(2 * (gathered.len() + bytes.len())));
        larger.extend_from_slice(gathered);
        *gathered = larger;
    }
    gathered.extend_from_slice(bytes);
}

/// Translates a CONNECT; nothing while its end is missing.
fn translated(connect: &mut Zeroizing<Vec<u8>>) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let unexpected = || io::Error::other("the first packet is not a CONNECT of MQTT 3.1.1");
    let Some(header) = Header::read(connect).map_err(|_| unexpected())? else { return Ok(None) };
    if connect.len() < header.size() {
        return Ok(None);
    }
    let rest = connect[header.len..].strip_prefix(NAME_V311).ok_or_else(unexpected)?;
    let length = header.body + NAME_V31.len() - NAME_V311.len();
    // The buffer never grows, so that no copy of the password is left behind.
    let mut out = Zeroizing::new(Vec::with_capacity(connect.len() + 8));
    out.push(header.first);
    put_remaining_length(&mut out, length);
    out.extend_from_slice(NAME_V31);
    out.extend_from_slice(rest);
    connect.zeroize();
    Ok(Some(out))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    fn pair() -> (V31<DuplexStream>, DuplexStream) {
        let (ours, broker) = duplex(1 << 17);
        (V31::new(ours), broker)
    }

    /// A CONNECT of 3.1.1 with a user name of so many bytes, and the same in 3.1.
    fn connects(user: usize) -> (Vec<u8>, Vec<u8>) {
        let packet = |name: &[u8]| {
            let length = u16::try_from(user).expect("short").to_be_bytes();
            let body = [name, &[0x82, 0, 30, 0, 1, b'i'], &length, &vec![b'u'; user]].concat();
            let mut out = vec![0x10];
            let mut remaining = body.len();
            while remaining > 127 {
                out.push(u8::try_from(remaining % 128).expect("below 128") | 0x80);
                remaining /= 128;
            }
            out.push(u8::try_from(remaining).expect("below 128"));
            [out, body].concat()
        };
        (packet(NAME_V311), packet(NAME_V31))
    }

    #[tokio::test]
    async fn connect_is_translated_whatever_its_length_and_however_it_is_written() {
        for user in [0, 107, 108, 110, 200, 16_366, 16_370, 65_535] {
            let (given, wanted) = connects(user);
            for piece in [1, 7, given.len()] {
                let (mut shim, mut broker) = pair();
                for part in given.chunks(piece) {
                    shim.write_all(part).await.expect("room");
                }
                shim.write_all(&[0xc0, 0]).await.expect("room");
                shim.shutdown().await.expect("open");
                let mut seen = Vec::new();
                broker.read_to_end(&mut seen).await.expect("open");
                assert!(seen == [&wanted[..], &[0xc0, 0]].concat(), "user name of {user} bytes in pieces of {piece}");
            }
        }
    }

    #[tokio::test]
    async fn connect_is_sent_by_a_flush_alone() {
        let (mut shim, mut broker) = pair();
        let (given, wanted) = connects(3);
        shim.write_all(&given).await.expect("room");
        shim.flush().await.expect("open");
        let mut seen = vec![0; wanted.len()];
        broker.read_exact(&mut seen).await.expect("all of it");
        assert_eq!(seen, wanted);
    }

    #[tokio::test]
    async fn the_answers_are_translated_at_any_cut() {
        let mut given = vec![0x20, 2, 0x55, 0, 0x6a, 2, 0, 7, 0x30, 0xc8, 0x01];
        given.extend([0x6a; 200]);
        given.extend([0xd0, 0, 0x62, 2, 0, 8]);
        let mut wanted = given.clone();
        (wanted[2], wanted[4]) = (0, 0x62);
        for piece in 1..=given.len() {
            let mut place = Incoming::First;
            let mut seen = given.clone();
            for part in seen.chunks_mut(piece) {
                place.translate(part);
            }
            assert_eq!(seen, wanted, "pieces of {piece}");
        }
    }

    #[tokio::test]
    async fn another_first_packet_is_an_error_and_not_a_panic() {
        let (mut shim, _broker) = pair();
        assert!(shim.write_all(&[0x10, 7, 0, 4, b'M', b'Q', b'T', b'T', 5]).await.is_err());
    }
}
