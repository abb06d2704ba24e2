//! A queue that keeps the newest and counts what it let go.

use std::collections::VecDeque;

/// Keeps at most `capacity` items; pushing one more drops the oldest and counts it.
#[derive(Debug, Clone)]
pub struct Ring<T> {
    items: VecDeque<T>,
    capacity: usize,
    dropped: u64,
}

impl<T> Ring<T> {
    /// Makes an empty ring; a capacity of zero is taken as one.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { items: VecDeque::new(), capacity: capacity.max(1), dropped: 0 }
    }

    /// Adds an item, and returns the one that had to go.
    pub fn push(&mut self, item: T) -> Option<T> {
        let oldest = if self.items.len() == self.capacity { self.items.pop_front() } else { None };
        self.dropped += u64::from(oldest.is_some());
        self.items.push_back(item);
        oldest
    }

    /// Returns how many items were dropped since the ring was made.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Returns how many items are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Tells whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Returns the item at `index`, the oldest being 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&T> {
        self.items.get(index)
    }

    /// Iterates from the oldest to the newest.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        self.items.iter()
    }

    /// Returns the newest item.
    #[must_use]
    pub fn last(&self) -> Option<&T> {
        self.items.back()
    }

    /// Removes everything that is kept; the count of dropped items stays.
    pub fn clear(&mut self) {
        self.items.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_and_is_counted() {
        let mut ring = Ring::new(2);
        assert_eq!(ring.push(1), None);
        assert_eq!(ring.push(2), None);
        assert_eq!(ring.push(3), Some(1));
        assert_eq!(ring.iter().copied().collect::<Vec<_>>(), [2, 3]);
        assert_eq!((ring.len(), ring.dropped(), ring.last()), (2, 1, Some(&3)));
    }
}
