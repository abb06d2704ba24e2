//! What the integration tests share: brokers, a listener for a session's events, deadlines.

#![expect(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod listener;
pub(crate) mod mosquitto;
pub(crate) mod peer;
pub(crate) mod process;
pub(crate) mod pty;
pub(crate) mod scripted;
pub(crate) mod sshd;

use std::{future::Future, time::Duration};

/// How long a test waits for what it expects.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Awaits a future, and fails the test when it takes too long.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for {what}"))
}
