//! From a name to one clean byte stream: dialling stage by stage, the tap, the guard, and the shim for MQTT 3.1.

mod check;
pub mod decode;
pub mod dial;
mod drain;
pub mod endpoint;
pub mod error;
pub mod frame;
pub mod guard;
mod mask;
pub mod packet;
mod prompt;
pub mod proxy;
mod quic;
pub mod reason;
mod repair;
pub mod run;
pub mod tap;
mod tcp;
pub mod tls;
mod unix;
pub mod v31;
pub mod violation;
pub mod websocket;

use tokio::io::{AsyncRead, AsyncWrite};

use self::{
    guard::Guard,
    packet::Version,
    tap::{Sink, Tap},
};
use crate::base::clock::Clock;

/// Stacks the tap and, above it, the guard on an open stream on which no byte of MQTT has passed yet.
///
/// `max_packet_size` is the size in bytes of the largest packet to accept. Reading gives whole, valid packets only; an
/// error may carry a [`violation::Violation`].
pub fn open<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    version: Version,
    max_packet_size: u32,
    clock: Clock,
    sink: Option<Sink>,
) -> Guard<Tap<S>> {
    Guard::new(Tap::new(stream, clock, sink), version, max_packet_size)
}
