//! The bytes of a capture; that Wireshark reads it is for the tests beside the crate.

use bytes::Bytes;

use super::*;
use crate::base::clock::Stamp;

fn item(direction: Direction, bytes: &[u8], size: usize) -> Item {
    let at = Stamp { mono: 0, wall: 1_795_176_271_207_123 };
    Item::Packet(Packet { at, direction, first: bytes[0], size, head: Bytes::copy_from_slice(bytes) })
}

/// Takes a capture apart: the type and the body of each block.
fn blocks(items: &[Item]) -> Vec<(u32, Vec<u8>)> {
    let mut file = Vec::new();
    write(items, &mut file).expect("a vector takes all");
    let mut rest = file.as_slice();
    let mut blocks = Vec::new();
    let word = |bytes: &[u8]| u32::from_le_bytes(bytes[..4].try_into().expect("four bytes"));
    while !rest.is_empty() {
        let total = word(&rest[4..]) as usize;
        assert_eq!((total % 4, word(&rest[total - 4..]) as usize), (0, total), "a block ends with its length");
        blocks.push((word(rest), rest[8..total - 4].to_vec()));
        rest = &rest[total..];
    }
    blocks
}

/// Returns the headers and the payload of a block.
fn datagram(body: &[u8]) -> (usize, &[u8]) {
    let length = |at: usize| u32::from_le_bytes(body[at..at + 4].try_into().expect("four bytes")) as usize;
    (length(16), &body[20..20 + length(12)])
}

fn sequence(datagram: &[u8]) -> [u32; 2] {
    [24, 28].map(|at| u32::from_be_bytes(datagram[at..at + 4].try_into().expect("four bytes")))
}

#[test]
fn packets_are_segments_with_sums_that_add_up() {
    let items =
        [item(Direction::Out, b"\x10\x00", 2), item(Direction::In, b"\x20\x03\0\0\0", 5), item(Direction::Out, b"\xc0\0", 2)];
    let blocks = blocks(&items);
    assert_eq!(blocks.iter().map(|block| block.0).collect::<Vec<_>>(), [0x0a0d_0d0a, 1, 6, 6, 6]);
    let mut sequences = Vec::new();
    for (_, body) in &blocks[2..] {
        let (original, bytes) = datagram(body);
        assert_eq!(original, bytes.len());
        assert_eq!(fold(sum(&bytes[..20])), 0xffff, "the sum of IP with its checksum");
        let pseudo = sum(&bytes[12..20]) + 6 + u32::try_from(bytes.len() - 20).expect("short");
        assert_eq!(fold(pseudo + sum(&bytes[20..])), 0xffff, "the sum of TCP with its checksum");
        sequences.push(sequence(bytes));
    }
    assert_eq!(sequences, [[1, 1], [1, 3], [3, 6]]);
}

#[test]
fn a_cut_packet_is_a_truncated_segment_and_then_a_gap() {
    let items = [item(Direction::In, &[0x32; 100], 150_000), item(Direction::In, b"\xd0\0", 2)];
    let blocks = blocks(&items);
    let (original, bytes) = datagram(&blocks[2].1);
    assert_eq!((original, bytes.len()), (HEADERS + SEGMENT, HEADERS + 100));
    assert_eq!(sequence(datagram(&blocks[3].1).1)[0] - sequence(bytes)[0], 150_000);
    assert_eq!(blocks.len(), 4);
}

#[test]
fn a_packet_above_the_length_of_ip_has_several_segments() {
    let items = [item(Direction::In, &vec![0x90; SEGMENT + 7], SEGMENT + 7)];
    let blocks = blocks(&items);
    let sizes: Vec<_> = blocks[2..].iter().map(|(_, body)| datagram(body).1.len()).collect();
    assert_eq!(sizes, [HEADERS + SEGMENT, HEADERS + 7]);
}

#[test]
fn what_has_no_bytes_is_a_comment_of_the_nearest_packet() {
    let remark = |said: &str| Item::Remark(said.to_owned());
    let blocks = blocks(&[remark("before"), item(Direction::Out, b"\xc0\0", 2), remark("after")]);
    let text = String::from_utf8_lossy(&blocks[2].1).into_owned();
    assert!(text.contains("before\nafter"), "{text}");
}
