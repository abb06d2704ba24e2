//! An encrypted stream that says in whose words the broker refused the client's certificate after the handshake.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use super::{Handshake, cause, identity::Identity};
use crate::wire::{
    dial::Io,
    endpoint::Transport,
    error::{TlsCause, WireError},
};

/// The stream after a handshake.
///
/// In TLS 1.3 the client is done before the server has looked at its certificate, so that the refusal comes as the first
/// thing that is read.
pub(in crate::wire) struct Encrypted<S> {
    inner: TlsStream<S>,
    at: String,
    transport: Transport,
    identity: Arc<Identity>,
}

impl<S> Encrypted<S> {
    pub(super) fn new(inner: TlsStream<S>, handshake: Handshake) -> Self {
        let Handshake { at, transport, identity, .. } = handshake;
        Self { inner, at, transport, identity }
    }

    fn explain(&self, error: io::Error) -> io::Error {
        let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else { return error };
        match cause(tls, self.identity.asked()) {
            cause @ (TlsCause::ClientCertificate | TlsCause::ClientRefused(_)) => {
                io::Error::new(error.kind(), WireError::Tls { at: self.at.clone(), transport: self.transport, cause })
            }
            TlsCause::PlainText
            | TlsCause::Closed
            | TlsCause::Broken(_)
            | TlsCause::Incompatible
            | TlsCause::Version
            | TlsCause::Alpn
            | TlsCause::UnknownName
            | TlsCause::Other(_) => error,
        }
    }
}

impl<S: Io> Io for Encrypted<S> {
    /// What is decrypted and unread is at most a record.
    fn unread(&self) -> usize {
        self.inner.get_ref().0.unread()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf).map_err(|error| self.explain(error))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes).map_err(|error| self.explain(error))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx).map_err(|error| self.explain(error))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx).map_err(|error| self.explain(error))
    }
}
