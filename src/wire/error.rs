//! Why the byte stream could not be opened, or broke.

use std::{io, sync::Arc, time::Duration};

use super::{
    dial::Stage,
    endpoint::Transport,
    proxy::ProxyCause,
    tls::{
        self, Form, IdentityFault,
        certificate::{Certificate, Refusal},
    },
    websocket::cause::WebSocketCause,
};
use crate::base::{limits, text::safe};

/// A failure below MQTT.
///
/// `Display` gives one safe fragment with its context; [`WireError::hint`] says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The name has no address.
    #[error("cannot find {host}: {detail}")]
    Name {
        /// The name, made safe.
        host: String,
        /// The resolver's words, made safe.
        detail: String,
    },
    /// No address of the name took the connection.
    #[error("connect to {at}: {}{}", words(&io::Error::from(*.kind)), tried(.addresses))]
    Connect {
        /// Host and port, made safe.
        at: String,
        /// What the system said of the first address.
        kind: io::ErrorKind,
        /// The addresses that were tried.
        addresses: Vec<String>,
    },
    /// The socket of this machine did not take the connection.
    #[error("connect to {path}: {}", words(&io::Error::from(*.kind)))]
    Socket {
        /// The path, made safe.
        path: String,
        /// What the system said.
        kind: io::ErrorKind,
    },
    /// This program, or the system, has too many files open for a further connection.
    #[error("connect to {at}: {}", limits::OUT_OF_FILES)]
    OutOfFiles {
        /// What was to be connected to, made safe.
        at: String,
    },
    /// The proxy did not lead to the broker.
    #[error("proxy {at}: {cause}")]
    Proxy {
        /// Host and port of the proxy, made safe.
        at: String,
        /// Why.
        cause: ProxyCause,
    },
    /// The WebSocket could not be opened, or ended.
    #[error("{} {at}: WebSocket: {cause}", if .cause.is_handshake() { "connect to" } else { "connection lost to" })]
    WebSocket {
        /// Host and port, made safe.
        at: String,
        /// Why.
        cause: WebSocketCause,
    },
    /// The QUIC connection could not be opened, or ended.
    #[error("connect to {at}: QUIC: {detail}")]
    Quic {
        /// Host and port, made safe.
        at: String,
        /// Why, made safe.
        detail: String,
    },
    /// The client's certificate or its key cannot be used.
    #[error("{what} {path}: {fault}")]
    Identity {
        /// Which of the two.
        what: &'static str,
        /// The file, made safe.
        path: String,
        /// Why.
        fault: IdentityFault,
    },
    /// The file with certificate authorities cannot be used.
    #[error("CA file {path}: {detail}")]
    CaFile {
        /// The file, made safe.
        path: String,
        /// What is wrong with it.
        detail: String,
        /// What it is instead of PEM, where that is known.
        form: Option<Form>,
    },
    /// There is no certificate authority to trust.
    #[error("there is no certificate authority to trust")]
    NoRoots,
    /// The host cannot be the name in a certificate.
    #[error("`{name}` cannot be verified: it is neither a DNS name nor an IP address")]
    ServerName {
        /// The name, made safe.
        name: String,
    },
    /// The certificate of the broker was refused.
    #[error("connect to {at}: {refusal}")]
    Certificate {
        /// Host and port, made safe.
        at: String,
        /// Why.
        refusal: Refusal,
        /// What the certificates say that the broker sent, its own first; at most ten.
        chain: Arc<[Certificate]>,
    },
    /// The TLS handshake failed for another reason.
    #[error("connect to {at}: TLS: {cause}")]
    Tls {
        /// Host and port, made safe.
        at: String,
        /// How the bytes were to travel.
        transport: Transport,
        /// Why.
        cause: TlsCause,
    },
    /// A stage took longer than the whole attempt may take.
    #[error("{at}: {stage}: no answer within {}", crate::base::human::span(*.after))]
    TimedOut {
        /// Host and port of the broker, or those of the proxy while that is spoken to; made safe.
        at: String,
        /// The stage.
        stage: Stage,
        /// The limit of the attempt.
        after: Duration,
    },
    /// What answers speaks another protocol than MQTT.
    #[error("not an MQTT port: the first bytes {detail}")]
    OtherProtocol {
        /// What the bytes look like, as the end of a sentence.
        detail: String,
    },
    /// The connection broke before the broker had said anything of MQTT.
    #[error("connection lost during CONNECT: {detail}")]
    BrokenEarly {
        /// How, made safe.
        detail: String,
    },
    /// The open connection broke.
    #[error("connection lost: {detail}")]
    Broken {
        /// How, made safe.
        detail: String,
    },
}

/// Why a TLS handshake failed, the certificate aside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsCause {
    /// What answers does not speak TLS.
    #[error("this port does not speak TLS")]
    PlainText,
    /// The connection was closed without a word.
    #[error("the broker closed the connection during the handshake")]
    Closed,
    /// The connection broke.
    #[error("{}", words(&io::Error::from(*.0)))]
    Broken(io::ErrorKind),
    /// Neither side has a version or a cipher that the other takes.
    #[error("no TLS version or cipher suite in common with the broker")]
    Incompatible,
    /// The broker speaks no version of TLS that is new enough.
    #[error("the broker speaks only older versions of TLS")]
    Version,
    /// The broker speaks none of the protocols that were offered by ALPN.
    #[error("the broker speaks none of the ALPN protocols that were offered")]
    Alpn,
    /// The broker wants a certificate of the client.
    #[error("the broker wants a client certificate")]
    ClientCertificate,
    /// The broker does not take the client's certificate: why.
    #[error("the broker refused the client certificate: {0}")]
    ClientRefused(&'static str),
    /// The broker does not know the server name.
    #[error("the broker does not know the server name")]
    UnknownName,
    /// Something else, in rustls' words, made safe.
    #[error("{0}")]
    Other(String),
}

impl WireError {
    /// Makes the error of an open connection that broke.
    ///
    /// A packet that the guard refused is not a broken connection: see [`Violation::of`](super::violation::Violation::of).
    #[must_use]
    pub fn broken(error: &io::Error) -> Self {
        Self::Broken { detail: words(error) }
    }

    /// Says what to do; empty where nothing sensible can be said.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Name { .. } => "check the spelling, and the name server of this machine",
            Self::Connect { kind, .. } => match kind {
                io::ErrorKind::TimedOut => "is the host up? does a firewall drop the packets?",
                io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkDown => {
                    "is this machine online, and in the right network or VPN?"
                }
                io::ErrorKind::PermissionDenied => "a firewall of this machine forbids it",
                _ => "is the broker running? is the port right?",
            },
            Self::Socket { kind: io::ErrorKind::PermissionDenied, .. } => "this user needs the right to write to the socket",
            Self::Socket { .. } => "is the broker running? is the path that of its listener?",
            Self::OutOfFiles { .. } => limits::MORE_FILES,
            Self::Proxy { cause, .. } => cause.hint(),
            Self::WebSocket { cause, .. } => cause.hint(),
            Self::Quic { .. } => "does the broker serve QUIC on this UDP port (mostly 14567), and does a firewall let UDP through?",
            Self::Identity { fault, .. } => fault.hint(),
            Self::OtherProtocol { .. } => "check scheme and port of the URL",
            Self::BrokenEarly { .. } => "is this an MQTT port, and not TLS or WebSocket? the broker's log may tell why",
            Self::Broken { .. } => "the broker's log may tell why",
            Self::CaFile { form: Some(form), .. } => form.to_authorities(),
            Self::CaFile { form: None, .. } => "ca_file (--ca-file) names a PEM file that begins with -----BEGIN CERTIFICATE-----",
            Self::NoRoots => "install the system's CA certificates (package ca-certificates), or set ca_file (--ca-file)",
            Self::ServerName { .. } => "set server_name (--server-name) to the name in the broker's certificate",
            Self::Certificate { refusal, .. } => refusal.hint(),
            Self::Tls { transport, cause, .. } => cause.hint(*transport),
            Self::TimedOut { stage: Stage::Quic, .. } => "does the broker serve QUIC here, and does a firewall let UDP through?",
            Self::TimedOut { stage: Stage::Proxy, .. } => "is it a proxy of this kind, and does it reach the broker?",
            Self::TimedOut { .. } => "check host, port and firewall",
        }
    }

    /// Returns how long a web server asks to wait before the next attempt.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        if let Self::WebSocket { cause, .. } = self { cause.retry_after() } else { None }
    }

    /// Returns `true` if it is about what was set here, of which no network and no server has heard.
    #[must_use]
    pub fn is_about_settings(&self) -> bool {
        match self {
            Self::CaFile { .. } | Self::Identity { .. } | Self::ServerName { .. } => true,
            Self::Proxy { cause, .. } => matches!(cause, ProxyCause::Password | ProxyCause::Past(_)),
            Self::WebSocket { cause, .. } => matches!(cause, WebSocketCause::Address | WebSocketCause::Header(_)),
            Self::Name { .. }
            | Self::Connect { .. }
            | Self::Socket { .. }
            | Self::OutOfFiles { .. }
            | Self::Quic { .. }
            | Self::NoRoots
            | Self::Certificate { .. }
            | Self::Tls { .. }
            | Self::TimedOut { .. }
            | Self::OtherProtocol { .. }
            | Self::BrokenEarly { .. }
            | Self::Broken { .. } => false,
        }
    }

    /// Tells whether trying again by itself is wrong.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::CaFile { .. }
            | Self::NoRoots
            | Self::ServerName { .. }
            | Self::Certificate { .. }
            | Self::Identity { .. }
            | Self::OtherProtocol { .. } => true,
            Self::Tls { cause, .. } => cause.is_final(),
            Self::Proxy { cause, .. } => cause.is_final(),
            Self::WebSocket { cause, .. } => cause.is_final(),
            Self::Name { .. }
            | Self::Connect { .. }
            | Self::Socket { .. }
            | Self::OutOfFiles { .. }
            | Self::Quic { .. }
            | Self::TimedOut { .. }
            | Self::BrokenEarly { .. }
            | Self::Broken { .. } => false,
        }
    }
}

impl TlsCause {
    fn hint(&self, transport: Transport) -> &'static str {
        match self {
            Self::PlainText if transport == Transport::Wss => {
                "use ws:// for a WebSocket without TLS, or the broker's port for wss:// (mostly 443)"
            }
            Self::PlainText => "use mqtt:// for plain MQTT, or the broker's TLS port (mostly 8883)",
            Self::Closed if transport == Transport::Wss => {
                "is this the port for wss://? the broker may speak ws:// here, or want a client certificate"
            }
            Self::Broken(_) if transport == Transport::Wss => "is this the port for wss://? the network may have failed as well",
            Self::Closed => "is this the TLS port? the broker may speak plain MQTT here, or want a client certificate",
            Self::Broken(_) => "is this the TLS port? the network may have failed as well",
            Self::Incompatible => "the broker may be too old, or want other keys",
            Self::Version => "mqtap speaks TLS 1.2 and 1.3, or what min_version says; the broker must be brought up to date",
            Self::Alpn => "set alpn (--alpn) to what the broker serves here, or leave it out",
            Self::ClientCertificate => "set cert_file and key_file (--cert, --key) to a certificate that the broker knows",
            Self::ClientRefused(_) => "is it the right certificate, and signed by an authority that the broker trusts?",
            Self::UnknownName => "set server_name (--server-name) to a name that the broker serves",
            Self::Other(_) => "the broker's log may tell more",
        }
    }

    fn is_final(&self) -> bool {
        match self {
            Self::PlainText
            | Self::Incompatible
            | Self::Version
            | Self::Alpn
            | Self::ClientCertificate
            | Self::ClientRefused(_)
            | Self::UnknownName => true,
            Self::Closed | Self::Broken(_) | Self::Other(_) => false,
        }
    }
}

/// Says in plain words what an I/O error means for a connection.
#[must_use]
pub fn words(error: &io::Error) -> String {
    if let Some(inner) = error.get_ref() {
        return match inner.downcast_ref::<rustls::Error>() {
            Some(error) => format!("TLS: {}", tls::cause(error, tls::Asked::Unknown)),
            None => safe(&inner.to_string()).to_string(),
        };
    }
    let words = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset => "connection reset by the other side",
        io::ErrorKind::ConnectionAborted => "connection aborted",
        io::ErrorKind::BrokenPipe | io::ErrorKind::NotConnected => "connection is closed",
        io::ErrorKind::UnexpectedEof => "connection closed too early",
        io::ErrorKind::TimedOut => "no answer in time",
        io::ErrorKind::HostUnreachable => "host unreachable",
        io::ErrorKind::NetworkUnreachable => "network unreachable",
        io::ErrorKind::NetworkDown => "network is down",
        io::ErrorKind::AddrNotAvailable => "no usable address on this machine",
        io::ErrorKind::PermissionDenied => "not permitted",
        io::ErrorKind::NotFound => "there is no such file",
        _ => return safe(&error.to_string()).to_string(),
    };
    words.to_owned()
}

/// Names the addresses behind a name where there is more than one.
fn tried(addresses: &[String]) -> String {
    match addresses {
        [] | [_] => String::new(),
        [first, second] => format!(" (tried {first} and {second})"),
        [first, .., last] => format!(" (tried {} addresses, {first} to {last})", addresses.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(addresses: &[&str]) -> WireError {
        let addresses = addresses.iter().map(ToString::to_string).collect();
        WireError::Connect { at: "broker.example:8883".into(), kind: io::ErrorKind::ConnectionRefused, addresses }
    }

    #[test]
    fn an_error_says_where_what_and_what_to_do() {
        assert_eq!(refused(&["10.0.0.1"]).to_string(), "connect to broker.example:8883: connection refused");
        assert_eq!(refused(&[]).hint(), "is the broker running? is the port right?");
        let two = refused(&["::1", "127.0.0.1"]).to_string();
        assert!(two.ends_with("connection refused (tried ::1 and 127.0.0.1)"), "{two}");
    }

    #[test]
    fn a_broken_connection_says_how() {
        let reset = WireError::broken(&io::ErrorKind::ConnectionReset.into());
        assert_eq!(reset.to_string(), "connection lost: connection reset by the other side");
        let cut = io::Error::new(io::ErrorKind::UnexpectedEof, "closed after 20 of 119 bytes of a PUBLISH");
        assert_eq!(WireError::broken(&cut).to_string(), "connection lost: closed after 20 of 119 bytes of a PUBLISH");
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired);
        let alert = WireError::broken(&io::Error::new(io::ErrorKind::InvalidData, alert));
        assert_eq!(alert.to_string(), "connection lost: TLS: the broker wants a client certificate");
    }

    #[test]
    fn only_what_cannot_heal_is_final() {
        assert!(!refused(&[]).is_final());
        assert!(!WireError::Name { host: "h".into(), detail: "unknown".into() }.is_final());
        assert!(WireError::CaFile { path: "ca.pem".into(), detail: "not found".into(), form: None }.is_final());
        assert!(!WireError::Tls { at: "h:1".into(), transport: Transport::Tls, cause: TlsCause::Closed }.is_final());
    }
}
