//! Files and streams that their first bytes name; they are shown as bytes, with that name.

use super::text;

/// How far into a payload a text is looked through for the start of an SVG picture, in bytes.
const SVG_WINDOW: usize = 1 << 10;

/// A name, as it is shown and as filters take it, and how the format is recognised.
type Row = (&'static str, fn(&[u8]) -> bool);

/// The formats with a signature.
const SIGNATURES: &[Row] = &[
    ("elf", |b| b.starts_with(b"\x7fELF") && matches!(b.get(4), Some(1 | 2))),
    ("wasm", |b| b.starts_with(b"\0asm\x01\0\0\0")),
    ("zip", |b| b.starts_with(b"PK\x03\x04") || b.starts_with(b"PK\x05\x06")),
    ("zstd", |b| b.starts_with(b"\x28\xb5\x2f\xfd") || matches!(b, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])),
    ("lz4", |b| b.starts_with(b"\x04\x22\x4d\x18")),
    ("bzip2", |b| b.starts_with(b"BZh") && matches!(b.get(4..10), Some(b"\x31\x41\x59\x26\x53\x59" | b"\x17\x72\x45\x38\x50\x90"))),
    ("xz", |b| b.starts_with(b"\xfd7zXZ\0")),
    ("7z", |b| b.starts_with(b"7z\xbc\xaf\x27\x1c")),
    ("snappy", |b| b.starts_with(b"\xff\x06\0\0sNaPpY")),
    ("tar", |b| b.get(257..262) == Some(b"ustar")),
    ("wav", |b| is_riff(b, *b"WAVE")),
    ("avi", |b| is_riff(b, *b"AVI ")),
    ("ogg", |b| b.starts_with(b"OggS\0")),
    ("flac", |b| b.starts_with(b"fLaC\0")),
    ("midi", |b| b.starts_with(b"MThd\0\0\0\x06")),
    ("mp3", is_mp3),
    ("mp4", |b| b.get(4..8) == Some(b"ftyp") && b.first() == Some(&0)),
    ("matroska", |b| b.starts_with(b"\x1a\x45\xdf\xa3")),
    ("h264", is_h264),
    ("sqlite", |b| b.starts_with(b"SQLite format 3\0")),
    ("pcap", is_pcap),
    ("pcapng", |b| b.starts_with(b"\x0a\x0d\x0d\x0a") && matches!(b.get(8..12), Some(b"\x1a\x2b\x3c\x4d" | b"\x4d\x3c\x2b\x1a"))),
    ("certificate", |b| der_sequence(b).and_then(der_sequence).is_some_and(|inner| inner.starts_with(b"\xa0\x03\x02\x01"))),
    ("avro", |b| b.starts_with(b"Obj\x01")),
    ("openssl", |b| b.starts_with(b"Salted__") && b.len() > 16),
    ("mcuboot", |b| b.starts_with(b"\x3d\xb8\xf3\x96")),
    ("uf2", |b| b.starts_with(b"UF2\n\x57\x51\x5d\x9e")),
    ("esp-image", is_esp_image),
    ("utf-16", is_utf16),
];

/// The names of all formats that have no decoder of their own, for filters.
pub const FILES: &[&str] = &{
    let mut names = ["zlib"; SIGNATURES.len() + 2];
    names[1] = "pdf";
    let mut at = 0;
    while at < SIGNATURES.len() {
        names[at + 2] = SIGNATURES[at].0;
        at += 1;
    }
    names
};

/// Names a file or stream by its first bytes; readable text is none, whatever letters it starts with.
pub(super) fn recognise(bytes: &[u8], whole: bool) -> Option<&'static str> {
    // A small PDF can be readable to its end.
    if bytes.starts_with(b"%PDF-") && bytes.get(5).is_some_and(u8::is_ascii_digit) {
        return Some("pdf");
    }
    let (name, _) = SIGNATURES.iter().find(|(_, is)| is(bytes))?;
    (!(text::is_utf8(bytes, whole) && text::is_readable(bytes))).then_some(*name)
}

/// Says what a readable text is, beyond being one.
pub(super) fn name_text(bytes: &[u8]) -> Option<&'static str> {
    let start = bytes.trim_ascii_start();
    let window = &start[..start.len().min(SVG_WINDOW)];
    if start.starts_with(b"-----BEGIN CERTIFICATE-----") {
        Some("a certificate (PEM)")
    } else if start.starts_with(b"-----BEGIN ") && memchr::memmem::find(window, b"PRIVATE KEY-----").is_some() {
        Some("a private key (PEM)")
    } else if start.starts_with(b"<svg") || start.starts_with(b"<?xml") && memchr::memmem::find(window, b"<svg").is_some() {
        Some("a picture (SVG)")
    } else {
        None
    }
}

fn is_riff(bytes: &[u8], kind: [u8; 4]) -> bool {
    bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(&kind)
}

/// An ID3 tag: version 2 to 4, and a size of four times seven bits.
fn is_mp3(bytes: &[u8]) -> bool {
    matches!(bytes, [b'I', b'D', b'3', 2..=4, _, flags, size @ ..]
        if flags.trailing_zeros() >= 4 && size.len() >= 4 && size[..4].iter().all(|byte| byte & 0x80 == 0))
}

/// An H.264 stream in Annex B form that starts with a sequence parameter set or an access unit delimiter.
fn is_h264(bytes: &[u8]) -> bool {
    let unit = bytes.strip_prefix(b"\0\0\0\x01").or_else(|| bytes.strip_prefix(b"\0\0\x01"));
    match unit {
        Some([0x27 | 0x47 | 0x67, profile, _, ..]) => {
            matches!(profile, 44 | 66 | 77 | 83 | 86 | 88 | 100 | 110 | 118 | 122 | 128 | 244)
        }
        Some([0x09, kind, 0, 0, ..]) => kind & 0x1f == 0x10,
        Some(_) | None => false,
    }
}

/// Version 2 in the byte order that the magic number tells.
fn is_pcap(bytes: &[u8]) -> bool {
    match bytes.get(..6) {
        Some([0xd4, 0xc3, 0xb2, 0xa1, version @ ..] | [0x4d, 0x3c, 0xb2, 0xa1, version @ ..]) => version == [2, 0],
        Some([0xa1, 0xb2, 0xc3, 0xd4, version @ ..] | [0xa1, 0xb2, 0x3c, 0x4d, version @ ..]) => version == [0, 2],
        Some(_) | None => false,
    }
}

/// Returns what is inside of a DER sequence of at least 128 bytes (X.690, 8.1).
fn der_sequence(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [0x30, 0x81, 0x80..=0xff, inside @ ..]
        | [0x30, 0x82, 1..=0xff, _, inside @ ..]
        | [0x30, 0x83, 1..=0xff, _, _, inside @ ..] => Some(inside),
        _ => None,
    }
}

/// The header of an image for Espressif's chips: segments, flash mode, and an entry address that lies in their memory.
fn is_esp_image(bytes: &[u8]) -> bool {
    matches!(bytes, [0xe9, 1..=16, 0..=5, _, _, _, _, 0x3f | 0x40 | 0x42 | 0x4f, ..]) && bytes.len() >= 24
}

/// UTF-16 with a byte order mark, readable to its end.
fn is_utf16(bytes: &[u8]) -> bool {
    let read: fn([u8; 2]) -> u16 = match bytes {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return false,
    };
    let units = bytes[2..].chunks_exact(2).map(|pair| read([pair[0], pair[1]]));
    let is_readable = |c: Result<char, _>| c.is_ok_and(|c| !c.is_control() || c.is_whitespace());
    bytes.len() >= 6 && bytes.len().is_multiple_of(2) && char::decode_utf16(units).all(is_readable)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_file_is_named_by_its_first_bytes() {
        let cases: [(&[u8], &str); 22] = [
            (b"%PDF-1.7\n%\xe2\xe3", "pdf"),
            (b"\x7fELF\x02\x01\x01\0", "elf"),
            (b"PK\x03\x04\x14\0\0\0\x08\0", "zip"),
            (b"RIFF\x24\x08\0\0WAVEfmt ", "wav"),
            (b"OggS\0\x02\0\0\0\0", "ogg"),
            (b"ID3\x03\0\0\0\0\x0f\x76TIT2", "mp3"),
            (b"\0\0\0\x20ftypmp42\0\0\0\0", "mp4"),
            (b"\0\0\0\x01\x67\x42\0\x1e", "h264"),
            (b"\0\0\x01\x09\x10\0\0\0\x01\x67", "h264"),
            (b"SQLite format 3\0\x10\0", "sqlite"),
            (b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0", "pcap"),
            (b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0", "pcapng"),
            (b"\x30\x82\x02\x10\x30\x82\x01\xb6\xa0\x03\x02\x01\x02", "certificate"),
            (b"UF2\n\x57\x51\x5d\x9e\0\0", "uf2"),
            (b"\xe9\x04\x02\x10\x98\x11\x08\x40\xee\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", "esp-image"),
            (b"\x28\xb5\x2f\xfd\x24\x05", "zstd"),
            (b"\x04\x22\x4d\x18\x60\x40\x82", "lz4"),
            (b"BZh6\x31\x41\x59\x26\x53\x59\xaa", "bzip2"),
            (b"\xfd7zXZ\0\0\x01", "xz"),
            (b"\xff\xfeO\0K\0", "utf-16"),
            (b"\xfe\xff\0t\0 \0=", "utf-16"),
            (b"Obj\x01\x02\x16avro.schema\xff", "avro"),
        ];
        for (bytes, name) in cases {
            assert_eq!(recognise(bytes, true), Some(name), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn readable_text_is_no_file_whatever_it_starts_with() {
        for text in ["PK what?", "RIFF: left or right?", "ID3 tags are gone", "BZh!", "Obj 7 lost", "MThd", "fLaC or not", "7z"] {
            assert_eq!(recognise(text.as_bytes(), true), None, "{text}");
        }
        for bytes in
            [&b"\0\0\0\x01\x06\x01"[..], b"\xff\xfe", b"\xff\xfe\x01\0\x02\0", b"\xe9\x01\x02\x03", b"\x30\x03\x02\x01\x05"]
        {
            assert_eq!(recognise(bytes, true), None, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_text_that_is_a_certificate_or_a_picture_says_so() {
        assert_eq!(name_text(b"-----BEGIN CERTIFICATE-----\nMIIB"), Some("a certificate (PEM)"));
        assert_eq!(name_text(b"-----BEGIN EC PRIVATE KEY-----\nMHc"), Some("a private key (PEM)"));
        assert_eq!(name_text(b"<?xml version=\"1.0\"?>\n<svg width=\"8\">"), Some("a picture (SVG)"));
        assert_eq!(name_text(b"<5 mm gap"), None);
    }

    #[test]
    fn no_two_files_have_one_name() {
        assert_eq!(FILES.iter().collect::<BTreeSet<_>>().len(), FILES.len());
        assert_eq!(FILES.len(), SIGNATURES.len() + 2);
    }
}
