//! Sockets of this machine.

use tokio::net::UnixStream;

use super::{
    dial::{Io, waiting_in},
    endpoint::Endpoint,
    error::WireError,
};
use crate::base::text;

/// Connects to the socket of the endpoint.
pub(super) async fn connect(endpoint: &Endpoint) -> Result<UnixStream, WireError> {
    UnixStream::connect(&endpoint.path)
        .await
        .map_err(|error| WireError::Socket { path: text::safe(&endpoint.path).to_string(), kind: error.kind() })
}
impl Io for UnixStream {
    fn unread(&self) -> usize {
        waiting_in(self)
    }
}
