//! Opens the byte stream to a broker, stage by stage.

use std::{fmt, time::Duration};

use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    endpoint::{Endpoint, Transport},
    error::WireError,
    tcp,
    tls::{self, TlsOptions},
};
use crate::base::clock::Clock;

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
pub async fn dial(endpoint: &Endpoint, tls: &TlsOptions, report: impl Fn(Stage)) -> Result<Dialed, WireError> {
    let mut stages = Stages { clock: Clock::start(), report, times: Vec::new() };
    let addresses = stages.run(Stage::Name, tcp::resolve(endpoint)).await?;
    let stream = stages.run(Stage::Tcp, tcp::connect(endpoint, addresses)).await?;
    let peer = stream.peer_addr().map_or_else(|_| tcp::at(endpoint), |peer| peer.to_string());
    let (stream, tls): (Box<dyn Io>, _) = match endpoint.transport {
        Transport::Tcp => (Box::new(stream), None),
        Transport::Tls => {
            let stream = stages.run(Stage::Tls, tls::connect(endpoint, tls, stream)).await?;
            let description = tls::describe(&stream);
            (Box::new(stream), Some(description))
        }
    };
    Ok(Dialed { stream, peer, tls, times: stages.times })
}

/// Announces the stages and takes their times.
struct Stages<R> {
    clock: Clock,
    report: R,
    times: Vec<(Stage, Duration)>,
}

impl<R: Fn(Stage)> Stages<R> {
    async fn run<T>(&mut self, stage: Stage, work: impl Future<Output = Result<T, WireError>>) -> Result<T, WireError> {
        (self.report)(stage);
        let start = self.clock.now();
        let done = work.await?;
        self.times.push((stage, self.clock.now().since(start)));
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_plain_connection_has_two_stages() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let endpoint = Endpoint { transport: Transport::Tcp, host: "127.0.0.1".into(), port: address.port() };
        let reported = RefCell::new(Vec::new());
        let dialed = dial(&endpoint, &TlsOptions::default(), |stage| reported.borrow_mut().push(stage)).await.expect("a listener");
        assert_eq!(*reported.borrow(), [Stage::Name, Stage::Tcp]);
        assert_eq!(dialed.times.len(), 2);
        assert_eq!((dialed.peer, dialed.tls), (address.to_string(), None));
    }

    #[test]
    fn a_session_may_dial_on_any_thread() {
        fn sent(_: impl Send) {}
        let endpoint = Endpoint { transport: Transport::Tls, host: "localhost".into(), port: 8883 };
        sent(dial(&endpoint, &TlsOptions::default(), |_| ()));
    }
}
