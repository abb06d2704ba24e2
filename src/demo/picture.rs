//! The camera's picture: a small PNG with a conveyor and what moves on it.

use std::io::Write;

use flate2::{Compression, Crc, write::ZlibEncoder};

const WIDTH: u32 = 96;
const HEIGHT: u32 = 64;

const WALL: [u8; 3] = [52, 61, 74];
const BELT: [u8; 3] = [28, 31, 36];
const SLAT: [u8; 3] = [68, 74, 84];
const BOX: [u8; 3] = [214, 158, 84];
const LAMP: [u8; 3] = [94, 206, 118];

/// Draws the picture of a moment: the boxes are `shift` pixels along.
pub(super) fn png(shift: u32) -> Vec<u8> {
    let mut rows = Vec::new();
    for y in 0..HEIGHT {
        // Each row starts with its filter type, here none (PNG, 9.2).
        rows.push(0);
        for x in 0..WIDTH {
            rows.extend(pixel(x, y, shift));
        }
    }
    let mut header = Vec::new();
    header.extend(WIDTH.to_be_bytes());
    header.extend(HEIGHT.to_be_bytes());
    // Eight bits, red green blue, and the one compression, filter and interlace that there is (PNG, 11.2.2).
    header.extend([8, 2, 0, 0, 0]);

    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut png, *b"IHDR", &header);
    chunk(&mut png, *b"IDAT", &zlib(&rows));
    chunk(&mut png, *b"IEND", &[]);
    png
}

fn pixel(x: u32, y: u32, shift: u32) -> [u8; 3] {
    let along = (x + WIDTH * 16 - shift % (WIDTH * 16)) % 40;
    match y {
        4..8 if (4..8).contains(&x) && shift.is_multiple_of(2) => LAMP,
        24..44 if along < 18 => BOX,
        44..48 => SLAT,
        48..60 if along.is_multiple_of(8) => SLAT,
        48..60 => BELT,
        _ => WALL,
    }
}

fn chunk(png: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    let mut sum = Crc::new();
    sum.update(&kind);
    sum.update(data);
    png.extend(u32::try_from(data.len()).expect("a picture of a few KiB").to_be_bytes());
    png.extend(kind);
    png.extend(data);
    png.extend(sum.sum().to_be_bytes());
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("a vector takes all bytes")
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::ZlibDecoder;

    use super::*;

    #[test]
    fn the_picture_is_a_png_with_right_sums() {
        let picture = png(7);
        let mut rest = picture.strip_prefix(b"\x89PNG\r\n\x1a\n").expect("the signature");
        let mut kinds = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            let mut sum = Crc::new();
            sum.update(&after[..4 + length]);
            assert_eq!(after[4 + length..8 + length], sum.sum().to_be_bytes());
            if after.starts_with(b"IDAT") {
                let mut pixels = Vec::new();
                ZlibDecoder::new(&after[4..4 + length]).read_to_end(&mut pixels).expect("zlib");
                assert_eq!(pixels.len(), 64 * (1 + 96 * 3));
            }
            kinds.push(after[..4].to_vec());
            rest = &after[8 + length..];
        }
        assert_eq!(kinds, [b"IHDR", b"IDAT", b"IEND"]);
    }

    #[test]
    fn the_picture_changes_as_time_goes() {
        assert_ne!(png(0), png(3));
        assert!(png(u32::MAX).len() < 4 << 10);
    }
}
