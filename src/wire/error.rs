//! Why the byte stream could not be opened, or broke.

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
}

impl WireError {
    /// Says what to do; empty where nothing sensible can be said.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Name { .. } => "check the spelling, and the name server of this machine",
        }
    }

    /// Tells whether trying again by itself is wrong.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Name { .. } => false,
        }
    }
}
