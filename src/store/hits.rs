//! A set of message numbers that grows at its end and shrinks at its start, with the n-th and the rank at hand.

use std::collections::VecDeque;

/// Numbers in a block.
const BLOCK: u64 = 4_096;
const WORDS: usize = 64;

/// A bit per number and a count per block: an eighth of a byte for each message that was looked at, hit or not.
#[derive(Debug, Default, Clone)]
pub(super) struct Hits {
    blocks: VecDeque<Block>,
    /// The number of the first block's first bit.
    start: u64,
    /// Hits ever.
    total: u64,
    /// Hits ever that are below the lowest number kept.
    gone: u64,
}

#[derive(Debug, Clone)]
struct Block {
    /// Hits ever before this block.
    before: u64,
    words: [u64; WORDS],
}

impl Hits {
    /// Returns how many there are.
    pub(super) fn len(&self) -> u64 {
        self.total - self.gone
    }

    /// Adds a number above all that were added.
    pub(super) fn push(&mut self, seq: u64) {
        if self.blocks.is_empty() {
            self.start = seq - seq % BLOCK;
        }
        let (block, word, bit) = self.address(seq);
        while self.blocks.len() <= block {
            self.blocks.push_back(Block { before: self.total, words: [0; WORDS] });
        }
        self.blocks[block].words[word] |= 1 << bit;
        self.total += 1;
    }

    /// Removes all numbers below `seq`.
    pub(super) fn forget_below(&mut self, seq: u64) {
        self.gone = self.gone.max(self.rank(seq));
        while !self.blocks.is_empty() && self.start + BLOCK <= seq {
            self.blocks.pop_front();
            self.start += BLOCK;
        }
    }

    /// Returns the number at an index, the lowest being 0.
    pub(super) fn get(&self, index: u64) -> Option<u64> {
        let wanted = self.gone.checked_add(index).filter(|&wanted| wanted < self.total)?;
        let block = self.blocks.partition_point(|block| block.before <= wanted).checked_sub(1)?;
        let mut left = wanted - self.blocks[block].before;
        let mut seq = self.start + block as u64 * BLOCK;
        for &word in &self.blocks[block].words {
            let ones = u64::from(word.count_ones());
            if left < ones {
                return Some(seq + nth_one(word, left));
            }
            left -= ones;
            seq += u64::from(u64::BITS);
        }
        None
    }

    /// Returns how many numbers are below `seq`.
    pub(super) fn position(&self, seq: u64) -> u64 {
        self.rank(seq).saturating_sub(self.gone)
    }

    /// Returns how many numbers below `seq` were ever added.
    fn rank(&self, seq: u64) -> u64 {
        if seq <= self.start {
            return self.blocks.front().map_or(self.total, |block| block.before);
        }
        let (block, word, bit) = self.address(seq);
        let Some(block) = self.blocks.get(block) else { return self.total };
        let whole: u32 = block.words[..word].iter().map(|word| word.count_ones()).sum();
        let part = (block.words[word] & ((1 << bit) - 1)).count_ones();
        block.before + u64::from(whole) + u64::from(part)
    }

    fn address(&self, seq: u64) -> (usize, usize, u32) {
        let distance = seq.saturating_sub(self.start);
        let block = usize::try_from(distance / BLOCK).unwrap_or(usize::MAX);
        let within = (distance % BLOCK) as u32;
        (block, (within / u64::BITS) as usize, within % u64::BITS)
    }
}

/// Returns the position of the `n`-th bit that is set, counted from the lowest.
fn nth_one(mut word: u64, n: u64) -> u64 {
    for _ in 0..n {
        word &= word - 1;
    }
    u64::from(word.trailing_zeros())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_sorted_list(gaps in proptest::collection::vec(0_u64..3_000, 0..60), cut in 0_u64..100_000, from in 0_u64..100_000) {
            let mut hits = Hits::default();
            let mut list = Vec::new();
            let mut seq = from;
            for gap in gaps {
                hits.push(seq);
                list.push(seq);
                seq += 1 + gap;
            }
            hits.forget_below(from / 2);
            hits.forget_below(cut);
            hits.push(seq);
            list.push(seq);
            hits.forget_below(cut);
            list.retain(|&seq| seq >= cut);
            prop_assert_eq!(hits.len(), list.len() as u64);
            let all: Vec<_> = (0..hits.len() + 2).filter_map(|index| hits.get(index)).collect();
            prop_assert_eq!(&all, &list);
            for probe in list.iter().flat_map(|&seq| [seq.saturating_sub(1), seq, seq + 1]).chain([0, cut, u64::MAX]) {
                prop_assert_eq!(hits.position(probe), list.partition_point(|&seq| seq < probe) as u64);
            }
        }
    }
}
