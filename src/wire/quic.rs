//! QUIC: one connection with one stream in both directions, which carries MQTT.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use quinn::{
    ClientConfig, Connection, ConnectionError, ReadError, RecvStream, SendStream, TransportConfig, VarInt, WriteError,
    crypto::rustls::{HandshakeData, QuicClientConfig},
};
use rustls::{AlertDescription, pki_types::CertificateDer};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::timeout,
};

use super::{
    endpoint::Endpoint,
    error::WireError,
    tcp::{at, race},
    tls::{Agreed, Handshake},
};
use crate::base::text;

/// What is offered by ALPN unless the options say otherwise; QUIC has no connection without.
const ALPN: &[u8] = b"mqtt";

/// How often a connection without traffic is kept alive: NATs forget UDP within half a minute.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// How long the last bytes, DISCONNECT among them, may take to be acknowledged.
const FAREWELL: Duration = Duration::from_secs(1);

/// The error codes in which QUIC carries TLS alerts (RFC 9001, 4.8).
const ALERTS: std::ops::Range<u64> = 0x100..0x200;

/// Connects to the first address that answers, and opens the stream.
pub(super) async fn connect(
    endpoint: &Endpoint,
    mut handshake: Handshake,
    addresses: Vec<SocketAddr>,
) -> Result<(Quic, String, Agreed), WireError> {
    let at = at(endpoint);
    let failed =
        |detail: &dyn std::fmt::Display| WireError::Quic { at: at.clone(), detail: text::safe(&detail.to_string()).to_string() };
    if handshake.config.alpn_protocols.is_empty() {
        handshake.config.alpn_protocols = vec![ALPN.to_vec()];
    }
    let crypto = QuicClientConfig::try_from(handshake.config.clone()).map_err(|error| failed(&error))?;
    let mut config = ClientConfig::new(Arc::new(crypto));
    config.transport_config(Arc::new(transport()));
    let name = handshake.name.to_str().into_owned();
    let opened = race(addresses, move |address| open(address, config.clone(), name.clone())).await;
    let (ours, connection) = opened.map_err(|error| match error {
        Some(error) => explain(&handshake, &error).unwrap_or_else(|| failed(&error)),
        None => failed(&"the name has no address"),
    })?;
    let agreed = handshake.agreed(describe(&connection), &chain(&connection));
    let (send, receive) = connection.open_bi().await.map_err(|error| failed(&error))?;
    let peer = connection.remote_address().to_string();
    Ok((Quic { stream: Some((send, receive)), connection, endpoint: ours, handshake }, peer, agreed))
}

/// One attempt at one address.
#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error("no UDP socket: {}", .0.kind())]
    Socket(io::Error),
    #[error(transparent)]
    Connect(quinn::ConnectError),
    #[error(transparent)]
    Connection(ConnectionError),
}

async fn open(address: SocketAddr, config: ClientConfig, name: String) -> Result<(quinn::Endpoint, Connection), OpenError> {
    let any = match address {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let ours = quinn::Endpoint::client(any).map_err(OpenError::Socket)?;
    let connecting = ours.connect_with(config, address, &name).map_err(OpenError::Connect)?;
    let connection = connecting.await.map_err(OpenError::Connection)?;
    Ok((ours, connection))
}

/// The broker can open no streams of its own, which MQTT has no use for.
fn transport() -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport.keep_alive_interval(Some(KEEPALIVE));
    transport.max_concurrent_bidi_streams(VarInt::from_u32(0));
    transport.max_concurrent_uni_streams(VarInt::from_u32(0));
    transport.datagram_receive_buffer_size(None);
    transport
}

/// Says what a failed connection means, where TLS failed.
fn explain(handshake: &Handshake, error: &OpenError) -> Option<WireError> {
    match error {
        OpenError::Socket(_) | OpenError::Connect(_) => None,
        OpenError::Connection(error) => handshake.refusal().or_else(|| of_connection(handshake, error)),
    }
}

fn of_connection(handshake: &Handshake, error: &ConnectionError) -> Option<WireError> {
    let code = match error {
        ConnectionError::ConnectionClosed(close) => u64::from(close.error_code),
        ConnectionError::TransportError(error) => u64::from(error.code),
        ConnectionError::VersionMismatch
        | ConnectionError::ApplicationClosed(_)
        | ConnectionError::Reset
        | ConnectionError::TimedOut
        | ConnectionError::LocallyClosed
        | ConnectionError::CidsExhausted => return None,
    };
    let alert = ALERTS.contains(&code).then(|| u8::try_from(code - ALERTS.start).ok()).flatten()?;
    Some(handshake.alert(AlertDescription::from(alert)))
}

fn describe(connection: &Connection) -> String {
    let data = connection.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
    match data.and_then(|data| data.protocol) {
        Some(protocol) => format!("QUIC, TLS 1.3, ALPN {}", text::line_of_bytes(&protocol, 20)),
        None => "QUIC, TLS 1.3".to_owned(),
    }
}

fn chain(connection: &Connection) -> Vec<CertificateDer<'static>> {
    let identity = connection.peer_identity().and_then(|identity| identity.downcast::<Vec<CertificateDer<'static>>>().ok());
    identity.map(|chain| *chain).unwrap_or_default()
}

/// The stream of one QUIC connection; dropping it ends the connection once the broker has all that was written.
pub(super) struct Quic {
    /// Taken when it is dropped.
    stream: Option<(SendStream, RecvStream)>,
    connection: Connection,
    endpoint: quinn::Endpoint,
    handshake: Handshake,
}

impl Quic {
    fn read_error(&self, error: ReadError) -> io::Result<()> {
        match error {
            // The broker said goodbye to the whole connection, not to the stream alone.
            ReadError::ConnectionLost(ConnectionError::ApplicationClosed(close)) if close.error_code.into_inner() == 0 => Ok(()),
            ReadError::ConnectionLost(error) => Err(self.lost(&error)),
            other => Err(other.into()),
        }
    }

    fn lost(&self, error: &ConnectionError) -> io::Error {
        if let Some(error) = of_connection(&self.handshake, error) {
            return io::Error::other(error);
        }
        match error {
            ConnectionError::TimedOut => io::ErrorKind::TimedOut.into(),
            ConnectionError::Reset => io::ErrorKind::ConnectionReset.into(),
            other => io::Error::new(io::ErrorKind::NotConnected, text::safe(&other.to_string()).to_string()),
        }
    }
}

impl AsyncRead for Quic {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let Some((_, receive)) = &mut this.stream else { return Poll::Ready(Ok(())) };
        match receive.poll_read_buf(cx, buf) {
            Poll::Ready(Err(error)) => Poll::Ready(this.read_error(error)),
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncWrite for Quic {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let Some((send, _)) = &mut this.stream else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
        Pin::new(send).poll_write(cx, bytes).map_err(|error| match error {
            WriteError::ConnectionLost(error) => this.lost(&error),
            other => other.into(),
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What is written is on its way; a stream of QUIC has nothing to flush.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some((send, _)) = &mut self.get_mut().stream {
            // It may be finished already, or the connection lost, which is as good.
            let _ = send.finish();
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Quic {
    fn drop(&mut self) {
        let Some((mut send, receive)) = self.stream.take() else { return };
        let (connection, endpoint) = (self.connection.clone(), self.endpoint.clone());
        let _ = send.finish();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            // To close the connection throws away what is not acknowledged yet, which may be DISCONNECT.
            let _ = timeout(FAREWELL, send.stopped()).await;
            drop(receive);
            connection.close(VarInt::from_u32(0), b"");
            let _ = timeout(FAREWELL, endpoint.wait_idle()).await;
        });
    }
}
