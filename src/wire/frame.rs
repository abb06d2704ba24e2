//! Finds the borders between control packets in a byte stream.

use std::fmt;

use bytes::BytesMut;

/// The longest Fixed Header in bytes.
const LONGEST: usize = 5;

/// The Fixed Header of a packet (MQTT 5.0, 2.1.1).
///
/// ```text
/// byte 0      1 .. 4
/// type flags  Remaining Length, seven bits a byte, the lowest first, bit 7: one more follows
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Type and flags.
    pub first: u8,
    /// The length of the header itself.
    pub len: usize,
    /// The Remaining Length.
    pub body: usize,
}

/// The Remaining Length has more than four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadLength;

impl Header {
    /// Reads the header at the start of `bytes`; nothing when its end has not arrived yet.
    ///
    /// A length in more bytes than it needs is taken: it cannot be misread.
    ///
    /// # Errors
    ///
    /// Fails when the Remaining Length has more than four bytes.
    #[inline]
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, BadLength> {
        let [first, rest @ ..] = bytes else { return Ok(None) };
        let mut body = 0;
        for (i, &byte) in rest.iter().take(LONGEST - 1).enumerate() {
            body |= usize::from(byte & 0x7f) << (7 * i);
            if byte & 0x80 == 0 {
                return Ok(Some(Self { first: *first, len: i + 2, body }));
            }
        }
        if rest.len() < LONGEST - 1 { Ok(None) } else { Err(BadLength) }
    }

    /// Returns the size of the whole packet.
    #[must_use]
    pub fn size(&self) -> usize {
        self.len + self.body
    }
}

/// Writes a Remaining Length, or another Variable Byte Integer (MQTT 5.0, 1.5.5), in as few bytes as it needs.
pub(super) fn put_remaining_length(out: &mut Vec<u8>, mut length: usize) {
    loop {
        let low = u8::try_from(length & 0x7f).expect("seven bits");
        length >>= 7;
        out.push(if length == 0 { low } else { low | 0x80 });
        if length == 0 {
            return;
        }
    }
}

/// Follows a byte stream packet by packet, however it is cut, and keeps the first bytes of each.
pub struct Framer {
    state: State,
    /// The first bytes of the packet under way, as many as were asked for.
    head: BytesMut,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Inside a header, of which so many bytes have passed.
    Header { start: [u8; LONGEST], len: usize },
    /// Inside a packet, of which so much is missing and so much is wanted.
    Body { header: Header, missing: usize, wanted: usize },
    /// The borders are lost for good.
    Lost,
}

impl Framer {
    /// Starts between two packets.
    #[must_use]
    pub fn new() -> Self {
        Self { state: State::START, head: BytesMut::new() }
    }

    /// Tells whether the bytes so far end with the end of a packet.
    #[must_use]
    pub fn is_between(&self) -> bool {
        matches!(self.state, State::Header { len: 0, .. })
    }

    /// Takes the next bytes, and calls `each` at the end of each packet with its header and its first bytes,
    /// which it may take.
    ///
    /// `keep` says by the first byte how many bytes of a packet are wanted; it is asked once a packet, so that it may be
    /// another one with each call. Memory follows the bytes that arrive, never
    /// the length that a header claims. After a malformed length nothing is found any more.
    pub fn feed(&mut self, mut bytes: &[u8], keep: fn(u8) -> usize, mut each: impl FnMut(Header, &mut BytesMut)) {
        while !bytes.is_empty() {
            let (header, missing, wanted) = match self.state {
                State::Lost => return,
                State::Body { header, missing, wanted } => (header, missing, wanted),
                State::Header { start, len } => {
                    let Some((header, used, wanted)) = self.header(bytes, start, len, keep) else { return };
                    bytes = &bytes[used..];
                    (header, header.body, wanted)
                }
            };
            let take = bytes.len().min(missing);
            self.keep(&bytes[..take], wanted);
            bytes = &bytes[take..];
            if take == missing {
                self.state = State::START;
                each(header, &mut self.head);
                self.head.clear();
            } else {
                self.state = State::Body { header, missing: missing - take, wanted };
            }
        }
    }

    /// Reads the header that begins or goes on with `bytes`; returns it with how many of them belong to it, and how many
    /// bytes of the packet are wanted.
    #[inline]
    fn header(
        &mut self,
        bytes: &[u8],
        mut start: [u8; LONGEST],
        len: usize,
        keep: fn(u8) -> usize,
    ) -> Option<(Header, usize, usize)> {
        // Nearly always the header is in one piece.
        if len == 0
            && let Ok(Some(header)) = Header::read(bytes)
        {
            let wanted = keep(header.first);
            self.keep(&bytes[..header.len], wanted);
            return Some((header, header.len, wanted));
        }
        let take = bytes.len().min(LONGEST - len);
        start[len..len + take].copy_from_slice(&bytes[..take]);
        match Header::read(&start[..len + take]) {
            Ok(Some(header)) => {
                let wanted = keep(header.first);
                self.keep(&start[..header.len], wanted);
                return Some((header, header.len - len, wanted));
            }
            Ok(None) => self.state = State::Header { start, len: len + take },
            Err(BadLength) => self.state = State::Lost,
        }
        None
    }

    /// Keeps these bytes too, up to `limit` in all.
    #[inline]
    fn keep(&mut self, bytes: &[u8], limit: usize) {
        let kept = bytes.len().min(limit.saturating_sub(self.head.len()));
        if kept > 0 {
            self.head.extend_from_slice(&bytes[..kept]);
        }
    }
}

impl fmt::Debug for Framer {
    /// Leaves the kept bytes out: they may be half a CONNECT, password included.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framer").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Default for Framer {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    const START: Self = Self::Header { start: [0; LONGEST], len: 0 };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(pieces: &[&[u8]]) -> Vec<(u8, usize, Vec<u8>)> {
        let mut framer = Framer::new();
        let mut out = Vec::new();
        for piece in pieces {
            framer.feed(piece, |_| 4, |header, head| out.push((header.first, header.size(), head.to_vec())));
        }
        out
    }

    #[test]
    fn a_header_is_read_or_awaited() {
        assert_eq!(Header::read(&[0x30, 0x80]), Ok(None));
        assert_eq!(Header::read(&[0x30, 0xff, 0xff, 0xff, 0x7f]), Ok(Some(Header { first: 0x30, len: 5, body: 268_435_455 })));
        assert_eq!(Header::read(&[0x30, 0x80, 0x00]), Ok(Some(Header { first: 0x30, len: 3, body: 0 })));
        assert_eq!(Header::read(&[0x30, 0xff, 0xff, 0xff, 0x80]), Err(BadLength));
    }

    #[test]
    fn a_remaining_length_is_written_as_it_is_read() {
        for length in [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455] {
            let mut bytes = vec![0x30];
            put_remaining_length(&mut bytes, length);
            assert_eq!(Header::read(&bytes), Ok(Some(Header { first: 0x30, len: bytes.len(), body: length })));
        }
    }

    #[test]
    fn packets_are_found_at_any_cut() {
        let stream = [0x20, 2, 0, 0, 0xd0, 0, 0x30, 0x85, 0x00, 0, 1, b'a', b'x', b'y'];
        let whole = frames(&[&stream]);
        assert_eq!(
            whole,
            [(0x20, 4, vec![0x20, 2, 0, 0]), (0xd0, 2, vec![0xd0, 0]), (0x30, 8, vec![0x30, 0x85, 0, 0])],
            "type, size and the first four bytes"
        );
        for cut in 0..stream.len() {
            assert_eq!(frames(&[&stream[..cut], &stream[cut..]]), whole, "cut at {cut}");
        }
        assert_eq!(frames(&stream.chunks(1).collect::<Vec<_>>()), whole);
    }

    #[test]
    fn a_claimed_length_takes_no_memory() {
        let mut framer = Framer::new();
        framer.feed(&[0x10, 0xff, 0xff, 0xff, 0x7f, 1], |_| usize::MAX, |_, _| panic!("no packet is complete"));
        assert!(framer.head.capacity() < 1_000, "{}", framer.head.capacity());
    }

    proptest! {
        #[test]
        fn any_bytes_give_the_same_packets_at_any_cut(bytes in proptest::collection::vec(any::<u8>(), 0..100), cut in 0usize..100) {
            let cut = cut.min(bytes.len());
            prop_assert_eq!(frames(&[&bytes]), frames(&[&bytes[..cut], &bytes[cut..]]));
        }
    }
}
