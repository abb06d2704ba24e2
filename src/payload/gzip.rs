//! Gzip (RFC 1952): what is inside, never more than asked for.

use std::io::Read;

use flate2::read::MultiGzDecoder;

/// Tells whether bytes start as gzip does.
pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b, 0x08])
}

/// What came out of a gzip stream.
#[derive(Debug)]
pub(super) struct Inflated {
    /// The bytes, at most as many as were asked for.
    pub(super) bytes: Vec<u8>,
    /// Whether these are all bytes; otherwise there are more.
    pub(super) whole: bool,
    /// Whether the stream is broken after these bytes.
    pub(super) broken: bool,
}

/// Inflates at most `most` bytes, so that a small payload cannot fill the memory.
pub(super) fn inflate(payload: &[u8], most: usize) -> Inflated {
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let broken = MultiGzDecoder::new(payload).take(limit).read_to_end(&mut bytes).is_err();
    let whole = bytes.len() <= most && !broken;
    bytes.truncate(most);
    Inflated { bytes, whole, broken }
}

#[cfg(test)]
pub(super) fn deflate(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;

    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("a vector takes all");
    encoder.finish().expect("a vector takes all")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = deflate(&vec![0; 32 << 20]);
        assert!(bomb.len() < 64 << 10);
        let inflated = inflate(&bomb, 4096);
        assert_eq!((inflated.bytes.len(), inflated.whole, inflated.broken), (4096, false, false));
    }

    #[test]
    fn a_cut_stream_gives_what_it_has() {
        let stream = deflate(b"{\"a\":1}");
        assert_eq!(inflate(&stream, 100).bytes, b"{\"a\":1}");
        let cut = inflate(&stream[..stream.len() - 4], 100);
        assert_eq!((cut.bytes.as_slice(), cut.whole, cut.broken), (&b"{\"a\":1}"[..], false, true));
    }

    proptest! {
        #[test]
        fn any_stream_comes_to_an_end(tail in proptest::collection::vec(any::<u8>(), 0..200)) {
            let inflated = inflate(&[&[0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 0], tail.as_slice()].concat(), 1000);
            prop_assert!(inflated.bytes.len() <= 1000);
        }
    }
}
