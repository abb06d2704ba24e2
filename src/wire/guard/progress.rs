//! How far a stream has come, also in the middle of a packet.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

/// What has arrived, also of a packet that is not whole yet; clones of it tell the same.
///
/// A large packet on a slow link passes nothing on for a long time, and yet the server is there.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Arrived>);

#[derive(Debug, Default)]
struct Arrived {
    bytes: AtomicU64,
    is_within: AtomicBool,
}

impl Progress {
    /// Returns how many bytes have arrived.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Relaxed)
    }

    /// Tells whether they end within a packet.
    #[must_use]
    pub fn is_within_packet(&self) -> bool {
        self.0.is_within.load(Relaxed)
    }

    /// Takes note of more bytes.
    pub(crate) fn note(&self, bytes: usize, is_within: bool) {
        self.0.bytes.fetch_add(bytes as u64, Relaxed);
        self.0.is_within.store(is_within, Relaxed);
    }
}
