//! The records of an old segment, compressed in blocks, so that one of them is read without unpacking the others.

use std::cell::OnceCell;
use std::ops::Range;

use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

/// The size from which on a block is full, in bytes; it ends with the record that fills it.
const BLOCK: usize = 64 << 10;

/// The largest block that is compressed, so that little is unpacked for a record; a larger record stays as it was written.
const LARGEST: usize = 4 * BLOCK;

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
    body: Body,
}

#[derive(Debug)]
enum Body {
    Plain(Box<[u8]>),
    Packed {
        packed: Box<[u8]>,
        /// The records, from when one of them was read until that is forgotten.
        records: OnceCell<Box<[u8]>>,
    },
}

impl Packed {
    /// Compresses an arena with records at `offsets`; nothing where less than an eighth would be saved.
    pub(super) fn new(arena: &[u8], offsets: impl Iterator<Item = u32>) -> Option<Self> {
        let mut scratch = Vec::new();
        let parts = parts(arena.len(), offsets);
        let mut blocks = Vec::with_capacity(parts.len());
        for part in parts {
            let plain = part.len();
            let block = Block::new(arena, part, &mut scratch)?;
            // The first that is compressed speaks for the others.
            if block.is_packed() && !blocks.iter().any(Block::is_packed) && !is_worth(block.bytes(), plain) {
                return None;
            }
            blocks.push(block);
        }
        let packed = Self { blocks: blocks.into() };
        is_worth(packed.bytes(), arena.len()).then_some(packed)
    }

    /// Returns the memory taken, what is unpacked left out.
    pub(super) fn bytes(&self) -> usize {
        self.blocks.iter().map(|block| size_of::<Block>() + block.bytes()).sum()
    }

    /// Returns the block with an offset of the arena.
    pub(super) fn block(&self, offset: usize) -> Option<usize> {
        self.blocks.partition_point(|block| block.start as usize <= offset).checked_sub(1)
    }

    /// Returns the part of the arena that a block holds.
    pub(super) fn part(&self, block: usize) -> Range<usize> {
        self.blocks.get(block).map_or(0..0, |block| block.start as usize..block.start as usize + block.len as usize)
    }

    /// Returns the records of a block that need no unpacking now.
    pub(super) fn at_hand(&self, block: usize) -> Option<&[u8]> {
        match &self.blocks.get(block)?.body {
            Body::Plain(records) => Some(records),
            Body::Packed { records, .. } => records.get().map(AsRef::as_ref),
        }
    }

    /// Unpacks a block that is not at hand over what is in `out`.
    pub(super) fn unpack(&self, block: usize, out: &mut Vec<u8>) {
        if let Some(block) = self.blocks.get(block) {
            block.unpack(out);
        }
    }

    /// Returns the records of a block, which stay unpacked until [`Self::forget`], and how many bytes that took just now.
    pub(super) fn records(&self, block: usize) -> (&[u8], usize) {
        let Some(block) = self.blocks.get(block) else { return (&[], 0) };
        match &block.body {
            Body::Plain(records) => (records, 0),
            Body::Packed { records, .. } => {
                let mut taken = 0;
                let records = records.get_or_init(|| {
                    let mut out = Vec::new();
                    block.unpack(&mut out);
                    taken = out.len();
                    out.into()
                });
                (records, taken)
            }
        }
    }

    /// Forgets what was unpacked of a block.
    pub(super) fn forget(&mut self, block: usize) {
        match self.blocks.get_mut(block).map(|block| &mut block.body) {
            Some(Body::Packed { records, .. }) => drop(records.take()),
            Some(Body::Plain(_)) | None => {}
        }
    }

    /// Returns the bytes that stay unpacked.
    #[cfg(test)]
    pub(super) fn unpacked(&self) -> usize {
        let stays = |block: &Block| match &block.body {
            Body::Plain(_) => None,
            Body::Packed { records, .. } => records.get().map(|records| records.len()),
        };
        self.blocks.iter().filter_map(stays).sum()
    }
}

impl Block {
    fn new(arena: &[u8], part: Range<usize>, scratch: &mut Vec<u8>) -> Option<Self> {
        let (start, len) = (u32::try_from(part.start).ok()?, u32::try_from(part.len()).ok()?);
        let records = arena.get(part)?;
        if records.len() > LARGEST {
            return Some(Self { start, len, body: Body::Plain(records.into()) });
        }
        scratch.resize(get_maximum_output_size(records.len()), 0);
        let written = compress_into(records, scratch).ok()?;
        Some(Self { start, len, body: Body::Packed { packed: scratch.get(..written)?.into(), records: OnceCell::new() } })
    }

    fn is_packed(&self) -> bool {
        matches!(self.body, Body::Packed { .. })
    }

    /// Returns the memory taken, what is unpacked left out.
    fn bytes(&self) -> usize {
        match &self.body {
            Body::Plain(records) => records.len(),
            Body::Packed { packed, .. } => packed.len(),
        }
    }

    fn unpack(&self, out: &mut Vec<u8>) {
        out.clear();
        if let Body::Packed { packed, .. } = &self.body {
            out.resize(self.len as usize, 0);
            let written = decompress_into(packed, out).unwrap_or(0);
            out.truncate(written);
        }
    }
}

/// Cuts an arena with records at `offsets` into blocks, of which one that is larger than may be compressed is a single record.
fn parts(end: usize, offsets: impl Iterator<Item = u32>) -> Vec<Range<usize>> {
    let mut parts = Vec::with_capacity(end / BLOCK + 1);
    let (mut start, mut record) = (0, 0);
    for next in offsets.map(|offset| offset as usize).skip(1).chain([end]) {
        if next - start > LARGEST && start < record {
            parts.push(start..record);
            start = record;
        }
        if next - start >= BLOCK || next == end {
            parts.push(start..next);
            start = next;
        }
        record = next;
    }
    parts
}

/// Tells whether enough is saved to bear the time that reading takes then.
fn is_worth(packed: usize, plain: usize) -> bool {
    packed < plain - plain / 8
}
