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
    dial::Io,
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
    Ok((Quic { stream: Some((send, receive)), farewell: None, connection, endpoint: ours, handshake }, peer, agreed))
}

/// One attempt at one address.
#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error("no UDP socket: {}", crate::base::human::cause(.0))]
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
    /// Waits until the broker has all that was written; made when the stream is shut down.
    farewell: Option<Farewell>,
    connection: Connection,
    endpoint: quinn::Endpoint,
    handshake: Handshake,
}

type Farewell = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

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

impl Io for Quic {
    /// The library does not tell; its window bounds them.
    fn unread(&self) -> usize {
        0
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

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let Some((send, _)) = &mut this.stream else { return Poll::Ready(Ok(())) };
        let farewell = this.farewell.get_or_insert_with(|| {
            // It may be finished already, or the connection lost, which is as good.
            let _ = send.finish();
            let stopped = send.stopped();
            // A datagram can be lost, and the process may end at once: the last bytes are waited for here.
            Box::pin(async {
                let _ = timeout(FAREWELL, stopped).await;
            })
        });
        farewell.as_mut().poll(cx).map(Ok)
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

#[cfg(test)]
mod tests {
    use std::{
        net::UdpSocket,
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
    };

    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use rustls::pki_types::PrivateKeyDer;
    use tokio::{io::AsyncWriteExt as _, task::JoinHandle};

    use super::*;
    use crate::wire::{
        endpoint::Transport,
        tls::{TlsOptions, Verify},
    };

    /// No step on loopback takes so long.
    const DEADLINE: Duration = Duration::from_secs(20);

    const LOCAL: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

    fn server() -> quinn::Endpoint {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]);
        let tls = tls.expect("a version").with_no_client_auth().with_single_cert(vec![cert.der().clone()], key);
        let mut tls = tls.expect("a valid identity");
        tls.alpn_protocols = vec![ALPN.to_vec()];
        let crypto = quinn::crypto::rustls::QuicServerConfig::try_from(tls).expect("TLS 1.3");
        quinn::Endpoint::server(quinn::ServerConfig::with_crypto(Arc::new(crypto)), LOCAL.into()).expect("a free port")
    }

    /// Passes datagrams on between one client and the server, but for the next few of the client's.
    fn relay(server: SocketAddr, losing: Arc<AtomicUsize>) -> (SocketAddr, JoinHandle<io::Result<()>>) {
        let bound = |address: SocketAddr| {
            let socket = UdpSocket::bind(address).expect("a free port");
            socket.set_nonblocking(true).expect("a socket");
            tokio::net::UdpSocket::from_std(socket).expect("a runtime")
        };
        let (front, back) = (bound(LOCAL.into()), bound(LOCAL.into()));
        let address = front.local_addr().expect("an address");
        let task = tokio::spawn(async move {
            let (mut there, mut here) = ([0; 2048], [0; 2048]);
            let mut client = None;
            loop {
                tokio::select! {
                    read = front.recv_from(&mut there) => {
                        let (length, from) = read?;
                        client = Some(from);
                        if losing.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_err() {
                            back.send_to(&there[..length], server).await?;
                        }
                    }
                    read = back.recv_from(&mut here) => {
                        let (length, _) = read?;
                        if let Some(client) = client {
                            front.send_to(&here[..length], client).await?;
                        }
                    }
                }
            }
        });
        (address, task)
    }

    #[tokio::test]
    async fn a_lost_farewell_is_sent_again_before_the_stream_is_shut_down() {
        let server = server();
        let losing = Arc::new(AtomicUsize::new(0));
        let (address, relaying) = relay(server.local_addr().expect("an address"), Arc::clone(&losing));
        let (arrived, mut has_arrived) = tokio::sync::watch::channel(0);
        let serving = tokio::spawn(async move {
            let connection = server.accept().await.expect("an attempt").await.expect("a connection");
            let (_send, mut receive) = connection.accept_bi().await.expect("a stream");
            let mut bytes = [0; 64];
            while let Ok(Some(read)) = receive.read(&mut bytes).await {
                arrived.send_modify(|all| *all += read);
            }
            connection.closed().await;
        });
        let endpoint = Endpoint::new(Transport::Quic, "localhost", address.port());
        let options = TlsOptions { verify: Verify::None, ..TlsOptions::default() };
        let handshake = Handshake::prepare(&endpoint, &options).await.expect("no files");
        let opened = timeout(DEADLINE, connect(&endpoint, handshake, vec![address])).await.expect("in time");
        let (mut stream, ..) = opened.expect("a connection");
        stream.write_all(b"hello").await.expect("open");
        timeout(DEADLINE, has_arrived.wait_for(|all| *all == 5)).await.expect("in time").expect("a server");
        losing.store(2, Relaxed);
        stream.write_all(&[0xe0, 0]).await.expect("open");
        timeout(DEADLINE, stream.shutdown()).await.expect("in time").expect("shut down");
        assert_eq!((losing.load(Relaxed), *has_arrived.borrow()), (0, 7), "datagrams were lost, and no byte");
        drop(stream);
        timeout(DEADLINE, serving).await.expect("in time").expect("the server ended");
        relaying.abort();
    }
}
