//! The stream of whole, valid packets below a session, whichever version of MQTT it speaks.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::wire::{dial::Io, guard::Guard, packet::Version, tap::Tap, v31::V31};

type Guarded = Guard<Tap<Box<dyn Io>>>;

/// The guarded stream, with the shim for MQTT 3.1 above it where that is spoken.
pub(in crate::mqtt::session) enum Inlet {
    Plain(Guarded),
    V31(V31<Guarded>),
}

impl Inlet {
    pub(in crate::mqtt::session) fn new(guarded: Guarded, version: Version) -> Self {
        match version {
            Version::V31 => Self::V31(V31::new(guarded)),
            Version::V311 | Version::V5 => Self::Plain(guarded),
        }
    }

    /// Returns the guard; the shim changes nothing in what it takes out.
    pub(super) fn guard(&mut self) -> &mut Guarded {
        match self {
            Self::Plain(guarded) => guarded,
            Self::V31(shim) => shim.below(),
        }
    }
}

impl AsyncRead for Inlet {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::V31(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Inlet {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::V31(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::V31(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::V31(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
