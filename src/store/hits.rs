//! A set of message numbers that grows at both ends and shrinks at its start, with the n-th and the rank at hand.

use std::collections::VecDeque;

/// Numbers in a block.
const BLOCK: u64 = 4_096;
const WORDS: usize = 64;

/// Where ranks start, so that there is room below for hits that are found later.
const MIDDLE: u64 = 1 << 62;

/// A bit per number and a count per block: an eighth of a byte for each message that was looked at, hit or not.
#[derive(Debug, Clone)]
pub(super) struct Hits {
    blocks: VecDeque<Block>,
    /// The number of the first block's first bit.
    start: u64,
    /// The rank after the last hit.
    end: u64,
    /// The rank of the first hit that is kept.
    gone: u64,
}

#[derive(Debug, Clone)]
struct Block {
    /// The rank of the block's first hit, or of the one that follows.
    before: u64,
    words: [u64; WORDS],
}

impl Default for Hits {
    fn default() -> Self {
        Self { blocks: VecDeque::new(), start: 0, end: MIDDLE, gone: MIDDLE }
    }
}

impl Hits {
    /// Returns how many there are.
    pub(super) fn len(&self) -> u64 {
        self.end - self.gone
    }

    /// Adds a number above all that were added.
    pub(super) fn push(&mut self, seq: u64) {
        if self.blocks.is_empty() {
            self.start = seq - seq % BLOCK;
        }
        let (block, word, bit) = self.address(seq);
        while self.blocks.len() <= block {
            self.blocks.push_back(Block { before: self.end, words: [0; WORDS] });
        }
        self.blocks[block].words[word] |= 1 << bit;
        self.end += 1;
    }

    /// Adds a number below all that were added, none of which was removed.
    pub(super) fn push_front(&mut self, seq: u64) {
        if self.blocks.is_empty() {
            self.push(seq);
            return;
        }
        while seq < self.start {
            self.start -= BLOCK;
            self.blocks.push_front(Block { before: self.gone, words: [0; WORDS] });
        }
        let (block, word, bit) = self.address(seq);
        self.blocks[block].words[word] |= 1 << bit;
        self.gone -= 1;
        for block in self.blocks.range_mut(..=block) {
            block.before = self.gone;
        }
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
        let wanted = self.gone.checked_add(index).filter(|&wanted| wanted < self.end)?;
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

    /// Returns the rank of the first hit that is `seq` or later.
    fn rank(&self, seq: u64) -> u64 {
        if seq <= self.start {
            return self.blocks.front().map_or(self.end, |block| block.before);
        }
        let (block, word, bit) = self.address(seq);
        let Some(block) = self.blocks.get(block) else { return self.end };
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

    #[derive(Debug, Clone)]
    enum Step {
        Above(u64),
        Below(u64),
        Forget(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (1_u64..3_000).prop_map(Step::Above),
            4 => (1_u64..3_000).prop_map(Step::Below),
            1 => (0_u64..9_000).prop_map(Step::Forget),
        ]
    }

    fn check(hits: &Hits, list: &[u64]) -> Result<(), TestCaseError> {
        prop_assert_eq!(hits.len(), list.len() as u64);
        let all: Vec<_> = (0..hits.len() + 2).filter_map(|index| hits.get(index)).collect();
        prop_assert_eq!(&all, list);
        for probe in list.iter().flat_map(|&seq| [seq.saturating_sub(1), seq, seq + 1]).chain([0, u64::MAX]) {
            prop_assert_eq!(hits.position(probe), list.partition_point(|&seq| seq < probe) as u64);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn it_is_a_sorted_list(steps in proptest::collection::vec(step(), 0..60), first in 0_u64..100_000) {
            let mut hits = Hits::default();
            let mut list = Vec::new();
            // From here down and from here up nothing was added yet.
            let (mut low, mut high, mut cut) = (Some(first), first, 0);
            for step in steps {
                match step {
                    Step::Above(gap) => {
                        high += gap;
                        hits.push(high);
                        list.push(high);
                    }
                    Step::Below(gap) => {
                        low = low.and_then(|low| low.checked_sub(gap)).filter(|&low| low >= cut);
                        if let Some(low) = low {
                            hits.push_front(low);
                            list.insert(0, low);
                        }
                    }
                    Step::Forget(gap) => {
                        cut = (cut + gap).max(first.saturating_sub(20_000));
                        high = high.max(cut);
                        hits.forget_below(cut);
                        list.retain(|&seq| seq >= cut);
                    }
                }
                check(&hits, &list)?;
            }
        }
    }
}
