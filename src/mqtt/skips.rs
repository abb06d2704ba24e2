//! Tells of messages over the limit calmly: the first at once, what follows together.

use std::time::Duration;

use crate::{
    base::{clock::Stamp, human},
    wire::guard::oversize::Skipped,
};

/// How long nothing is said after something was.
const PAUSE: Duration = Duration::from_secs(30);

/// What to do about it.
pub const HINT: &str = "--max-packet-size, or connect.maximum_packet_size in the profile, raises the limit";

/// What was passed over and what was said of it.
#[derive(Debug, Default)]
pub struct Skips {
    total: u64,
    untold: u64,
    last: Skipped,
    said: Option<Stamp>,
}

impl Skips {
    /// Counts, and returns a sentence where it is time for one.
    pub fn take(&mut self, skipped: Skipped, now: Stamp) -> Option<String> {
        self.total += skipped.count;
        self.untold += skipped.count;
        self.last = skipped;
        if self.said.is_some_and(|said| now.since(said) < PAUSE) {
            return None;
        }
        self.said = Some(now);
        self.rest()
    }

    /// Returns a sentence on what nothing was said of yet, where there is any.
    pub fn rest(&mut self) -> Option<String> {
        let Skipped { topic, size, limit, .. } = &self.last;
        let (size, limit) = human::size_and_limit(*size, *limit);
        match std::mem::take(&mut self.untold) {
            0 => None,
            1 => Some(format!("a message of {size} on {topic} was passed over: the limit is {limit}")),
            n => {
                let count = human::count(n);
                Some(format!("{count} messages over the limit of {limit} were passed over, the last of {size} on {topic}"))
            }
        }
    }

    /// Returns how many messages were passed over in all, and the last of them.
    #[must_use]
    pub fn total(&self) -> (u64, &Skipped) {
        (self.total, &self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_at_once_and_what_follows_together() {
        let skipped = |count| Skipped { count, topic: "a/b".into(), size: 24 << 20, limit: 16 << 20 };
        let start = Stamp { mono: 5, wall: 5 };
        let mut skips = Skips::default();
        let said = skips.take(skipped(1), start);
        assert_eq!(said.as_deref(), Some("a message of 24.0 MiB on a/b was passed over: the limit is 16.0 MiB"));
        assert_eq!(skips.take(skipped(2), start.after(PAUSE / 2)), None);
        let said = skips.take(skipped(1), start.after(PAUSE));
        assert_eq!(said.as_deref(), Some("3 messages over the limit of 16.0 MiB were passed over, the last of 24.0 MiB on a/b"));
        assert_eq!((skips.rest(), skips.total().0), (None, 4));
    }
}
