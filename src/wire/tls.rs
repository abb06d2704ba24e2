//! TLS: which roots are trusted, and the handshake.

use std::path::PathBuf;

/// How the server is verified.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsOptions {
    /// A PEM file with certificate authorities, added to those of the system.
    pub ca_file: Option<PathBuf>,
    /// Whether the authorities of the file are trusted instead of the system's.
    pub ca_only: bool,
    /// The name to verify and to send as SNI, where it is not the host.
    pub server_name: Option<String>,
}
