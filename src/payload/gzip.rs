//! Gzip (RFC 1952): what is inside, never more than asked for.

use std::io::Read;

use flate2::read::MultiGzDecoder;

/// How much of a zlib stream is inflated to tell that it is one, in bytes.
const MOST_INFLATED: usize = 256 << 10;

/// Tells whether bytes start as gzip does.
pub(super) fn starts_like_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b, 0x08])
}

/// Returns `true` if bytes are gzip, or the start of it: the header makes sense, and something comes out.
pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    let has_header = matches!(bytes, [0x1f, 0x8b, 0x08, 0..=0x1f, _, _, _, _, 0 | 2 | 4, 0..=13 | 255, ..]);
    has_header && {
        let inflated = inflate(bytes, 1);
        inflated.whole || !inflated.bytes.is_empty()
    }
}

/// Returns `true` if bytes are one zlib stream (RFC 1950) that inflates to its end, where its checksum is.
pub(super) fn is_zlib(bytes: &[u8]) -> bool {
    let has_header = matches!(bytes, [0x08 | 0x18 | 0x28 | 0x38 | 0x48 | 0x58 | 0x68 | 0x78, flags, ..]
        if flags & 0x20 == 0 && (u16::from(bytes[0]) << 8 | u16::from(*flags)).is_multiple_of(31));
    if !has_header {
        return false;
    }
    let mut decoder = flate2::bufread::ZlibDecoder::new(bytes);
    let most = u64::try_from(MOST_INFLATED).unwrap_or(u64::MAX);
    let inflated = std::io::copy(&mut decoder.by_ref().take(most), &mut std::io::sink());
    // A stream that is longer than what is looked at has proven itself.
    inflated.is_ok_and(|inflated| inflated == most || inflated > 0 && decoder.into_inner().is_empty())
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
