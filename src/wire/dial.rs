//! Opens the byte stream to a broker, stage by stage.

use std::{fmt, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use super::{endpoint::Endpoint, error::WireError, tls::TlsOptions};

/// What an attempt to connect is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Looking the name up.
    Name,
    /// Opening the TCP connection.
    Tcp,
    /// The TLS handshake.
    Tls,
    /// CONNECT was sent, CONNACK is awaited.
    Connect,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "looking up the name",
            Self::Tcp => "TCP",
            Self::Tls => "TLS handshake",
            Self::Connect => "CONNECT",
        })
    }
}

/// A byte stream that the MQTT library can use.
pub trait Io: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Io for T {}

/// An open byte stream, and how it was reached.
pub struct Dialed {
    /// The stream.
    pub stream: Box<dyn Io>,
    /// The address that answered, as `127.0.0.1:1883`.
    pub peer: String,
    /// The TLS version and cipher suite, where there is TLS.
    pub tls: Option<String>,
    /// How long each stage took, in their order.
    pub times: Vec<(Stage, Duration)>,
}

/// Opens a stream to `endpoint`; `report` is called when a stage begins.
///
/// The caller bounds the whole with a time-out; dropping the future closes what was opened.
///
/// # Errors
///
/// Returns which stage failed, where and why.
pub async fn dial(endpoint: &Endpoint, _tls: &TlsOptions, report: impl Fn(Stage)) -> Result<Dialed, WireError> {
    report(Stage::Tcp);
    let stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port))
        .await
        .map_err(|error| WireError::Name { host: endpoint.host.clone(), detail: error.to_string() })?;
    let peer = stream.peer_addr().map_or_else(|_| endpoint.authority(), |peer| peer.to_string());
    Ok(Dialed { stream: Box::new(stream), peer, tls: None, times: Vec::new() })
}
