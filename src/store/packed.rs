//! The records of an old segment, compressed in blocks, so that one of them is read without unpacking the others.

use std::cell::OnceCell;
use std::ops::Range;

use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

/// The size from which on a block is full, in bytes; it ends with the record that fills it.
const BLOCK: usize = 64 << 10;

/// Blocks in order, each of whole records.
#[derive(Debug)]
pub(super) struct Packed {
    blocks: Box<[Block]>,
}

#[derive(Debug)]
struct Block {
    /// Where the block starts in the arena.
    start: u32,
    /// How long it is there.
    len: u32,
    packed: Box<[u8]>,
    /// The records, from when one of them was read until that is forgotten.
    records: OnceCell<Box<[u8]>>,
}

impl Packed {
    /// Compresses an arena with records at `offsets`; nothing where less than an eighth would be saved.
    pub(super) fn new(arena: &[u8], offsets: impl Iterator<Item = u32>) -> Option<Self> {
        let mut scratch = Vec::new();
        let mut blocks = Vec::with_capacity(arena.len() / BLOCK + 1);
        let mut start = 0;
        for end in offsets.map(|offset| offset as usize).skip(1).chain([arena.len()]) {
            if end - start < BLOCK && end < arena.len() {
                continue;
            }
            let block = Block::new(arena, start..end, &mut scratch)?;
            if blocks.is_empty() && !is_worth(block.packed.len(), end - start) {
                return None;
            }
            blocks.push(block);
            start = end;
        }
        let packed = Self { blocks: blocks.into() };
        is_worth(packed.bytes(), arena.len()).then_some(packed)
    }

    /// Returns the memory taken, what is unpacked left out.
    pub(super) fn bytes(&self) -> usize {
        self.blocks.iter().map(|block| size_of::<Block>() + block.packed.len()).sum()
    }

    /// Returns the block with an offset of the arena.
    pub(super) fn block(&self, offset: usize) -> Option<usize> {
        self.blocks.partition_point(|block| block.start as usize <= offset).checked_sub(1)
    }

    /// Returns the part of the arena that a block holds.
    pub(super) fn part(&self, block: usize) -> Range<usize> {
        self.blocks.get(block).map_or(0..0, |block| block.start as usize..block.start as usize + block.len as usize)
    }

    /// Unpacks a block over what is in `out`.
    pub(super) fn unpack(&self, block: usize, out: &mut Vec<u8>) {
        if let Some(block) = self.blocks.get(block) {
            block.unpack(out);
        }
    }

    /// Returns the records of a block, which stay unpacked until [`Self::forget`], and whether they were packed.
    pub(super) fn records(&self, block: usize) -> (&[u8], bool) {
        let Some(block) = self.blocks.get(block) else { return (&[], false) };
        let mut was_packed = false;
        let records = block.records.get_or_init(|| {
            was_packed = true;
            let mut out = Vec::new();
            block.unpack(&mut out);
            out.into()
        });
        (records, was_packed)
    }

    /// Forgets what was unpacked of a block.
    pub(super) fn forget(&mut self, block: usize) {
        if let Some(block) = self.blocks.get_mut(block) {
            block.records.take();
        }
    }
}

impl Block {
    fn new(arena: &[u8], part: Range<usize>, scratch: &mut Vec<u8>) -> Option<Self> {
        let (start, len) = (u32::try_from(part.start).ok()?, u32::try_from(part.len()).ok()?);
        let records = arena.get(part)?;
        scratch.resize(get_maximum_output_size(records.len()), 0);
        let written = compress_into(records, scratch).ok()?;
        Some(Self { start, len, packed: scratch.get(..written)?.into(), records: OnceCell::new() })
    }

    fn unpack(&self, out: &mut Vec<u8>) {
        out.resize(self.len as usize, 0);
        let written = decompress_into(&self.packed, out).unwrap_or(0);
        out.truncate(written);
    }
}

/// Tells whether enough is saved to bear the time that reading takes then.
fn is_worth(packed: usize, plain: usize) -> bool {
    packed < plain - plain / 8
}
