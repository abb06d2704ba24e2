//! Pictures: their kind and size, from their first bytes.

/// How far into a JPEG its size is looked for, in bytes; a longer EXIF block leaves the size unknown.
const JPEG_WINDOW: usize = 64 << 10;

/// The widest and highest GIF that is believed, in pixels: letters at the place of its size make more.
const WIDEST_GIF: u32 = 10_000;

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
    /// Windows bitmap.
    Bmp,
    /// Tagged Image File Format.
    Tiff,
    /// Windows icon.
    Ico,
    /// AVIF or HEIF.
    Avif,
    /// JPEG 2000: a file or a code stream.
    Jpeg2000,
    /// Portable bitmap, graymap or pixmap in its binary form.
    Ppm,
}

impl ImageKind {
    /// All formats.
    pub const ALL: [Self; 10] =
        [Self::Png, Self::Jpeg, Self::Gif, Self::WebP, Self::Bmp, Self::Tiff, Self::Ico, Self::Avif, Self::Jpeg2000, Self::Ppm];

    /// Returns the name in lower case: `png`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Gif => "gif",
            Self::WebP => "webp",
            Self::Bmp => "bmp",
            Self::Tiff => "tiff",
            Self::Ico => "ico",
            Self::Avif => "avif",
            Self::Jpeg2000 => "jpeg2000",
            Self::Ppm => "ppm",
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

/// Recognises a picture by its first bytes; where these are only the start of a payload, `whole` is false.
pub(super) fn recognise(bytes: &[u8], whole: bool) -> Option<Image> {
    let of = |kind, size| Some(Image { kind, size });
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => of(ImageKind::Png, png_size(bytes)),
        [0xff, 0xd8, 0xff, ..] if is_jpeg(bytes, whole) => of(ImageKind::Jpeg, jpeg_size(bytes)),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => {
            let size = pair(le(bytes, 6, 2), le(bytes, 8, 2));
            let is_screen = |(width, height)| width <= WIDEST_GIF && height <= WIDEST_GIF;
            size.is_none_or(is_screen).then_some(Image { kind: ImageKind::Gif, size }).filter(|_| !is_plain_text(bytes))
        }
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => of(ImageKind::WebP, webp_size(bytes)),
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, _, _, 0, 0, 12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0, ..] => {
            of(ImageKind::Bmp, bmp_size(bytes))
        }
        [b'I', b'I', 42, 0, 8..=0xff, _, _, 0, ..] | [b'M', b'M', 0, 42, 0, _, _, 8..=0xff, ..] => of(ImageKind::Tiff, None),
        [0, 0, 1, 0, 1..=32, 0, width, height, _, 0, 0 | 1, 0, ..] if le(bytes, 18, 4)? >= 22 => {
            let side = |byte: &u8| if *byte == 0 { 256 } else { u32::from(*byte) };
            of(ImageKind::Ico, Some((side(width), side(height))))
        }
        [0, _, _, _, b'f', b't', b'y', b'p', brand @ ..]
            if matches!(brand.get(..4)?, b"avif" | b"avis" | b"heic" | b"heix" | b"mif1") =>
        {
            of(ImageKind::Avif, None)
        }
        [0, 0, 0, 12, b'j', b'P', b' ', b' ', b'\r', b'\n', 0x87, b'\n', ..] => of(ImageKind::Jpeg2000, jp2_size(bytes)),
        [0xff, 0x4f, 0xff, 0x51, ..] => of(ImageKind::Jpeg2000, pair(be(bytes, 8, 4), be(bytes, 12, 4))),
        [b'P', b'4'..=b'6', b' ' | b'\n' | b'\t', ..] => of(ImageKind::Ppm, Some(ppm_size(bytes)?)),
        _ => None,
    }
}

fn is_plain_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~'))
}

/// Returns `true` if the first segment is one (ITU T.81, B.1.1): its end is where the next begins, or beyond what is looked at.
fn is_jpeg(bytes: &[u8], whole: bool) -> bool {
    let (Some(0xc0..=0xfe), Some(length)) = (bytes.get(3), be(bytes, 4, 2)) else { return false };
    let next = usize::try_from(length).ok().and_then(|length| bytes.get(4 + length));
    let has_name = matches!(bytes.get(6..10), Some(b"JFIF" | b"Exif" | b"ICC_" | b"http" | b"Adob"));
    length >= 2 && (next == Some(&0xff) || next.is_none() && (has_name || !whole))
}

fn bmp_size(bytes: &[u8]) -> Option<(u32, u32)> {
    match bytes.get(14)? {
        12 => pair(le(bytes, 18, 2), le(bytes, 20, 2)),
        // A height below zero tells that the rows go from the top down.
        _ => pair(le(bytes, 18, 4), le(bytes, 22, 4).map(|height| height.cast_signed().unsigned_abs())),
    }
}

/// Reads the size from the header box, which is the first one in the box after the file type.
fn jp2_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let window = &bytes[..bytes.len().min(256)];
    let at = window.windows(4).position(|four| four == b"ihdr")?;
    pair(be(bytes, at + 8, 4), be(bytes, at + 4, 4))
}

/// Reads the width and the height of a Netpbm header, which are the first two numbers of the text before the pixels.
fn ppm_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let window = &bytes[2..bytes.len().min(64)];
    let mut words = window.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let mut number = || words.next().and_then(|word| str::from_utf8(word).ok()).and_then(|word| word.parse().ok());
    let size = pair(number(), number());
    // A text such as `P5 12 30` has no pixels; a picture is more than its header.
    size.filter(|(width, height)| *width > 0 && *height > 0 && !is_plain_text(bytes))
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
            assert_eq!(recognise(bytes, true), Some(Image { kind, size: Some((320, 200)) }), "{kind:?}");
        }
    }

    #[test]
    fn other_pictures_tell_their_kind_and_size_as_well() {
        let bmp = b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x40\x01\0\0\x38\xff\xff\xff";
        let ico = b"\0\0\x01\0\x01\0\x20\x10\0\0\x01\0\x20\0\x68\x04\0\0\x16\0\0\0";
        let jp2 = b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 \0\0\0\0jp2 \0\0\0\x2djp2h\0\0\0\x16ihdr\0\0\0\xc8\0\0\x01\x40";
        let image = |kind, size| Image { kind, size };
        let cases: [(&[u8], Image); 6] = [
            (bmp, image(ImageKind::Bmp, Some((320, 200)))),
            (ico, image(ImageKind::Ico, Some((32, 16)))),
            (jp2, image(ImageKind::Jpeg2000, Some((320, 200)))),
            (b"P6\n320 200\n255\n\x01\x02\x03", image(ImageKind::Ppm, Some((320, 200)))),
            (b"II\x2a\0\x08\0\0\0\x0c\0", image(ImageKind::Tiff, None)),
            (b"\0\0\0\x1cftypavif\0\0\0\0", image(ImageKind::Avif, None)),
        ];
        for (bytes, image) in cases {
            assert_eq!(recognise(bytes, true), Some(image), "{:?}", image.kind);
        }
    }

    #[test]
    fn a_cut_header_leaves_the_size_unknown() {
        assert_eq!(recognise(b"\x89PNG\r\n\x1a\n\0\0", true), Some(Image { kind: ImageKind::Png, size: None }));
        let jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF\0";
        assert_eq!(recognise(jpeg, true), Some(Image { kind: ImageKind::Jpeg, size: None }));
    }

    #[test]
    fn text_and_numbers_are_no_picture() {
        let cases: [&[u8]; 7] = [
            b"GIF89a is the older format",
            b"GIF87a\r\n",
            b"BM 12 is a bench mark",
            b"P6 30 40",
            b"\xff\xd8\xff",
            b"\xff\xd8\xff\xe0\x7f",
            b"\xff\xd8\xff\xe1\x00\x04ab12",
        ];
        for bytes in cases {
            assert_eq!(recognise(bytes, true), None, "{}", bytes.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_it_fail(kind in 0usize..9, tail in proptest::collection::vec(any::<u8>(), 0..64), whole: bool) {
            let starts: [&[u8]; 9] = [
                b"\x89PNG\r\n\x1a\n",
                b"\xff\xd8\xff",
                b"GIF89a",
                b"RIFF\0\0\0\0WEBPVP8L",
                b"RIFF\0\0\0\0WEBPVP8 ",
                b"BM",
                b"\0\0\x01\0",
                b"\0\0\0\x0cjP  \r\n\x87\n",
                b"P6\n",
            ];
            recognise(&[starts[kind], &tail].concat(), whole);
        }
    }
}
