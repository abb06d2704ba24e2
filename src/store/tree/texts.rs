//! Topic texts, each kept once.

/// Texts are kept in chunks of this size, so that growing never moves what is there.
const CHUNK: usize = 1 << OFFSET_BITS;
const OFFSET_BITS: u32 = 18;

/// Where a text starts: the chunk's number above [`OFFSET_BITS`], the offset within the chunk below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Text(u32);

impl Text {
    /// The text of nothing; it may be sliced by `0..0` only.
    pub(super) const EMPTY: Self = Self(0);
}

/// The longest text that can be kept.
pub(super) const LONGEST: usize = u16::MAX as usize;

/// The most bytes that can be addressed.
pub(super) const ADDRESSABLE: usize = u32::MAX as usize - CHUNK;

/// An arena of texts.
#[derive(Debug, Default)]
pub(super) struct Texts {
    chunks: Vec<String>,
}

impl Texts {
    /// Keeps a text of at most [`LONGEST`] bytes.
    pub(super) fn add(&mut self, text: &str) -> Text {
        let fits = self.chunks.last().is_some_and(|chunk| chunk.len() + text.len() <= CHUNK);
        if !fits {
            self.chunks.push(String::with_capacity(CHUNK));
        }
        let number = self.chunks.len() - 1;
        let chunk = &mut self.chunks[number];
        let at = (number << OFFSET_BITS) + chunk.len();
        chunk.push_str(text);
        Text(u32::try_from(at).expect("the tree's byte limit keeps texts addressable"))
    }

    /// Returns a part of the text that was kept at `text`.
    pub(super) fn slice(&self, text: Text, from: u16, to: u16) -> &str {
        let start = text.0 as usize & (CHUNK - 1);
        self.chunks
            .get((text.0 >> OFFSET_BITS) as usize)
            .map_or("", |chunk| &chunk[start + usize::from(from)..start + usize::from(to)])
    }

    /// Returns the memory taken.
    pub(super) fn bytes(&self) -> usize {
        self.chunks.len() * CHUNK + self.chunks.capacity() * size_of::<String>()
    }
}
