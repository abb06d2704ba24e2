//! Sockets of this machine.

use tokio::net::UnixStream;

use super::{
    dial::{Io, waiting_in},
    endpoint::Endpoint,
    error::WireError,
};
use crate::base::{limits, text};

/// Connects to the socket of the endpoint.
pub(super) async fn connect(endpoint: &Endpoint) -> Result<UnixStream, WireError> {
    let path = || text::safe(&endpoint.path).to_string();
    UnixStream::connect(&endpoint.path).await.map_err(|error| {
        if limits::is_out_of_files(&error) {
            return WireError::OutOfFiles { at: path() };
        }
        WireError::Socket { path: path(), kind: error.kind() }
    })
}

impl Io for UnixStream {
    fn unread(&self) -> usize {
        waiting_in(self)
    }
}
