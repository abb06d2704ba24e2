//! Why the byte stream could not be opened, or broke.

use std::time::Duration;

use super::dial::Stage;

/// A failure below MQTT; placeholder shape.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WireError {
    /// The name has no address.
    #[error("cannot find {host}: {detail}")]
    Name {
        /// The name.
        host: String,
        /// The resolver's words, made safe.
        detail: String,
    },
    /// A stage took longer than the whole attempt may take.
    #[error("{stage}: no answer within {}", crate::base::human::span(*.after))]
    TimedOut {
        /// The stage.
        stage: Stage,
        /// The limit of the attempt.
        after: Duration,
    },
    /// The open stream broke.
    #[error("the connection broke: {detail}")]
    Broken {
        /// The system's words, made safe.
        detail: String,
    },
}

impl WireError {
    /// Says what to do; empty where nothing sensible can be said.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Name { .. } => "check the spelling, and the name server of this machine",
            Self::TimedOut { .. } => "check host, port and firewall",
            Self::Broken { .. } => "check the network",
        }
    }

    /// Tells whether trying again by itself is wrong.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Name { .. } | Self::TimedOut { .. } | Self::Broken { .. } => false,
        }
    }
}
