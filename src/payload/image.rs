//! Pictures: their kind and size, from their first bytes.

/// How far into a JPEG its size is looked for, in bytes; a longer EXIF block leaves the size unknown.
const JPEG_WINDOW: usize = 64 << 10;

/// A format of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImageKind {
    /// Portable Network Graphics.
    Png,
    /// JPEG, any variant.
    Jpeg,
    /// GIF 87a or 89a.
    Gif,
    /// WebP: lossy, lossless or extended.
    WebP,
}

impl ImageKind {
    /// Returns the name in lower case: `png`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Gif => "gif",
            Self::WebP => "webp",
        }
    }
}

/// A picture's kind, and its width and height in pixels where its header was at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Image {
    /// The format.
    pub kind: ImageKind,
    /// Width and height in pixels.
    pub size: Option<(u32, u32)>,
}

/// Recognises a picture by its signature.
pub(super) fn recognise(bytes: &[u8]) -> Option<Image> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some(Image { kind: ImageKind::Png, size: png_size(bytes) });
    }
    if bytes.starts_with(b"\xff\xd8\xff") {
        return Some(Image { kind: ImageKind::Jpeg, size: jpeg_size(bytes) });
    }
    if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        return Some(Image { kind: ImageKind::Gif, size: pair(le(bytes, 6, 2), le(bytes, 8, 2)) });
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Some(Image { kind: ImageKind::WebP, size: webp_size(bytes) });
    }
    None
}

fn png_size(bytes: &[u8]) -> Option<(u32, u32)> {
    if bytes.get(12..16)? != b"IHDR" {
        return None;
    }
    pair(be(bytes, 16, 4), be(bytes, 20, 4))
}

/// Walks over the segments up to the frame header (ITU T.81, B.2.2).
fn jpeg_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let bytes = &bytes[..bytes.len().min(JPEG_WINDOW)];
    let mut at = 2;
    loop {
        if *bytes.get(at)? != 0xff {
            return None;
        }
        match *bytes.get(at + 1)? {
            0xff => at += 1,
            0x01 | 0xd0..=0xd8 => at += 2,
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                return pair(be(bytes, at + 7, 2), be(bytes, at + 5, 2));
            }
            _ => at += 2 + usize::try_from(be(bytes, at + 2, 2)?).ok()?,
        }
    }
}

fn webp_size(bytes: &[u8]) -> Option<(u32, u32)> {
    match bytes.get(12..16)? {
        b"VP8X" => pair(le(bytes, 24, 3).map(|w| w + 1), le(bytes, 27, 3).map(|h| h + 1)),
        b"VP8L" => {
            let bits = le(bytes, 21, 4)?;
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8 " => pair(le(bytes, 26, 2).map(|w| w & 0x3fff), le(bytes, 28, 2).map(|h| h & 0x3fff)),
        _ => None,
    }
}

fn pair(width: Option<u32>, height: Option<u32>) -> Option<(u32, u32)> {
    width.zip(height)
}

fn be(bytes: &[u8], at: usize, n: usize) -> Option<u32> {
    Some(bytes.get(at..at + n)?.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
}

fn le(bytes: &[u8], at: usize, n: usize) -> Option<u32> {
    Some(bytes.get(at..at + n)?.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_kind_tells_its_size() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\x40\0\0\0\xc8";
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x0b\x08\0\xc8\x01\x40";
        let gif = b"GIF89a\x40\x01\xc8\0";
        let lossless = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f\x3f\xc1\x31\0";
        let extended = b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0\x3f\x01\0\xc7\0\0";
        let cases: [(&[u8], ImageKind); 5] = [
            (png, ImageKind::Png),
            (jpeg, ImageKind::Jpeg),
            (gif, ImageKind::Gif),
            (lossless, ImageKind::WebP),
            (extended, ImageKind::WebP),
        ];
        for (bytes, kind) in cases {
            assert_eq!(recognise(bytes), Some(Image { kind, size: Some((320, 200)) }), "{kind:?}");
        }
    }

    #[test]
    fn a_cut_header_leaves_the_size_unknown() {
        assert_eq!(recognise(b"\x89PNG\r\n\x1a\n\0\0"), Some(Image { kind: ImageKind::Png, size: None }));
        assert_eq!(recognise(b"\xff\xd8\xff\xe0\xff\xff"), Some(Image { kind: ImageKind::Jpeg, size: None }));
    }

    proptest! {
        #[test]
        fn no_header_makes_it_fail(kind in 0usize..5, tail in proptest::collection::vec(any::<u8>(), 0..64)) {
            let starts: [&[u8]; 5] = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF\0\0\0\0WEBPVP8L", b"RIFF\0\0\0\0WEBPVP8 "];
            let bytes = [starts[kind], &tail].concat();
            prop_assert!(recognise(&bytes).is_some());
        }
    }
}
