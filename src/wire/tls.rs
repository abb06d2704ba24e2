//! TLS: who is trusted, who we are, and the handshake.

pub mod certificate;
mod form;
mod identity;
mod pem;
mod roots;
mod stream;
#[cfg(test)]
mod tests;
mod verifier;

use std::{env, io, path::PathBuf, sync::Arc};

use rustls::{
    AlertDescription, ClientConfig, ClientConnection, InvalidMessage, KeyLogFile, PeerIncompatible, ProtocolVersion,
    SupportedProtocolVersion,
    client::WebPkiServerVerifier,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName},
    version::{TLS12, TLS13},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::spawn_blocking,
};
use tokio_rustls::TlsConnector;

pub(super) use self::identity::Asked;
use self::{
    certificate::{Certificate, Refusal},
    identity::Identity,
    stream::Encrypted,
    verifier::{Trust, Verifier},
};
pub use self::{
    form::Form,
    identity::{IdentityFault, is_encrypted},
    roots::SystemStore,
};
use super::{
    endpoint::{Endpoint, Transport},
    error::{TlsCause, WireError},
    tcp::at,
};
use crate::base::{secret::Secret, text};

/// The most certificates of a chain that are kept to be shown.
const MAX_CHAIN: usize = 10;

/// How the server is verified, and who we are to it.
///
/// `Debug` shows no secret: [`Secret`] prints stars.
#[derive(Debug, Clone, Default)]
pub struct TlsOptions {
    /// A PEM file with certificate authorities, added to those of the system.
    pub ca_file: Option<PathBuf>,
    /// Whether the authorities of the file are trusted instead of the system's.
    pub ca_only: bool,
    /// The name to verify and to send as SNI, where it is not the host.
    pub server_name: Option<String>,
    /// A PEM file with the certificate of this client, and what leads from it to an authority.
    pub cert_file: Option<PathBuf>,
    /// A PEM file with the key to it, where that is not in the same file.
    pub key_file: Option<PathBuf>,
    /// The passphrase of the key.
    pub key_password: Option<Secret>,
    /// The protocols to offer by ALPN, the best first; empty offers none.
    pub alpn: Vec<String>,
    /// What is asked of the server's certificate.
    pub verify: Verify,
    /// The oldest version to speak.
    pub min_version: TlsVersion,
}

impl TlsOptions {
    /// Returns the file that holds the key of the client's certificate.
    #[must_use]
    pub fn key_path(&self) -> Option<&PathBuf> {
        self.cert_file.as_ref().map(|certificate| self.key_file.as_ref().unwrap_or(certificate))
    }
}

/// What is asked of a server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verify {
    /// A trusted authority signed it, for this name and this day.
    #[default]
    Full,
    /// It has this SHA-256 digest, whatever it says.
    Fingerprint([u8; 32]),
    /// Nothing: anybody can answer.
    None,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    V12,
    /// TLS 1.3.
    V13,
}

/// What a handshake came to.
pub(super) struct Agreed {
    /// The TLS version, the cipher suite, and the protocol by ALPN.
    pub(super) description: String,
    /// The certificates that the server showed, its own first.
    pub(super) chain: Vec<Certificate>,
    /// Whether nobody looked at them.
    pub(super) unverified: bool,
}

/// The settings of one handshake, and what it leaves behind for its error.
pub(super) struct Handshake {
    pub(super) config: ClientConfig,
    pub(super) name: ServerName<'static>,
    at: String,
    transport: Transport,
    verifier: Arc<Verifier>,
    identity: Arc<Identity>,
    unverified: bool,
}

/// Makes the TLS handshake on an open connection.
pub(super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    handshake: Handshake,
    stream: S,
) -> Result<(Encrypted<S>, Agreed), WireError> {
    let connector = TlsConnector::from(Arc::new(handshake.config.clone()));
    let stream = connector.connect(handshake.name.clone(), stream).await.map_err(|error| handshake.failure(&error))?;
    let connection = stream.get_ref().1;
    let agreed = handshake.agreed(
        describe(connection, !handshake.config.alpn_protocols.is_empty()),
        connection.peer_certificates().unwrap_or_default(),
    );
    Ok((Encrypted::new(stream, handshake), agreed))
}

impl Handshake {
    /// Reads the files on a thread that may wait for the disk, before the network has anything to do with it.
    pub(super) async fn prepare(endpoint: &Endpoint, options: &TlsOptions) -> Result<Self, WireError> {
        let name = server_name(endpoint, options)?;
        let (at, transport, unverified) = (at(endpoint), endpoint.transport, options.verify == Verify::None);
        let options = options.clone();
        let loaded = spawn_blocking(move || {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let trust = trust(&options, &provider)?;
            let identity = Arc::new(Identity::load(&options)?);
            let verifier = Arc::new(Verifier::new(trust, provider));
            let config = config(&options, &verifier, &identity);
            Ok((config, verifier, identity))
        });
        let (config, verifier, identity) = loaded.await.map_err(|_| WireError::NoRoots)??;
        Ok(Self { config, name, at, transport, verifier, identity, unverified })
    }

    pub(super) fn agreed(&self, description: String, chain: &[CertificateDer<'_>]) -> Agreed {
        let chain = chain.iter().take(MAX_CHAIN).map(|certificate| Certificate::read(certificate)).collect();
        Agreed { description, chain, unverified: self.unverified }
    }

    /// Says why the handshake failed.
    pub(super) fn failure(&self, error: &io::Error) -> WireError {
        if let Some(refused) = self.refusal() {
            return refused;
        }
        let cause = match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(error) => cause(error, self.identity.asked()),
            None if error.kind() == io::ErrorKind::UnexpectedEof => TlsCause::Closed,
            None => TlsCause::Broken(error.kind()),
        };
        self.error(cause)
    }

    /// Returns the refusal of the server's certificate, if that is what happened.
    pub(super) fn refusal(&self) -> Option<WireError> {
        let (why, chain) = self.verifier.refused()?;
        let chain: Arc<[Certificate]> = chain.iter().map(|sent| Certificate::read(sent)).collect();
        let refusal = Refusal::new(why, &chain, &self.name.to_str());
        Some(WireError::Certificate { at: self.at.clone(), refusal, chain })
    }

    /// Says what an alert of the server means.
    pub(super) fn alert(&self, alert: AlertDescription) -> WireError {
        self.error(cause(&rustls::Error::AlertReceived(alert), self.identity.asked()))
    }

    fn error(&self, cause: TlsCause) -> WireError {
        WireError::Tls { at: self.at.clone(), transport: self.transport, cause }
    }
}

fn server_name(endpoint: &Endpoint, options: &TlsOptions) -> Result<ServerName<'static>, WireError> {
    // The zone of a link-local address is this machine's own business.
    let host = endpoint.host.split('%').next().unwrap_or_default();
    let name = options.server_name.as_deref().unwrap_or(host);
    ServerName::try_from(name.to_owned()).map_err(|_| WireError::ServerName { name: text::safe(name).to_string() })
}

fn trust(options: &TlsOptions, provider: &Arc<CryptoProvider>) -> Result<Trust, WireError> {
    Ok(match options.verify {
        Verify::None => Trust::Anybody,
        Verify::Fingerprint(digest) => Trust::Pinned(digest),
        Verify::Full => {
            let roots = Arc::new(roots::load(options)?);
            let inner = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider));
            Trust::Signed(inner.build().map_err(|_| WireError::NoRoots)?)
        }
    })
}

fn config(options: &TlsOptions, verifier: &Arc<Verifier>, identity: &Arc<Identity>) -> ClientConfig {
    let versions: &[&SupportedProtocolVersion] = match options.min_version {
        TlsVersion::V12 => &[&TLS13, &TLS12],
        TlsVersion::V13 => &[&TLS13],
    };
    let mut config = ClientConfig::builder_with_provider(verifier.provider())
        .with_protocol_versions(versions)
        .expect("ring has cipher suites for TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(verifier) as _)
        .with_client_cert_resolver(Arc::clone(identity) as _);
    config.alpn_protocols = options.alpn.iter().map(|protocol| protocol.clone().into_bytes()).collect();
    // The variable by which curl, browsers and Wireshark share the keys of a connection that is looked into.
    if env::var_os("SSLKEYLOGFILE").is_some_and(|file| !file.is_empty()) {
        tracing::warn!("SSLKEYLOGFILE is set: the keys of this TLS connection are written to that file");
        config.key_log = Arc::new(KeyLogFile::new());
    }
    config
}

/// Says which TLS version, cipher suite and, where ALPN was offered, protocol were agreed on.
fn describe(connection: &ClientConnection, offers_alpn: bool) -> String {
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS",
    };
    let suite = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).unwrap_or_default();
    let suite = suite.trim_start_matches("TLS13_").trim_start_matches("TLS_");
    let alpn = match connection.alpn_protocol() {
        Some(protocol) => format!(", ALPN {}", text::line_of_bytes(protocol, 20)),
        None if offers_alpn => ", no ALPN".to_owned(),
        None => String::new(),
    };
    format!("{version} {suite}{alpn}")
}

/// Says why a handshake, or what the broker thought of it later, failed.
pub(super) fn cause(error: &rustls::Error, asked: Asked) -> TlsCause {
    use AlertDescription as Alert;
    use InvalidMessage as Message;
    match error {
        rustls::Error::InvalidMessage(
            Message::InvalidContentType | Message::UnknownProtocolVersion | Message::MessageTooLarge | Message::InvalidEmptyPayload,
        ) => TlsCause::PlainText,
        rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        )
        | rustls::Error::AlertReceived(Alert::ProtocolVersion) => TlsCause::Version,
        rustls::Error::AlertReceived(alert) => of_alert(*alert, asked),
        rustls::Error::PeerIncompatible(_) => TlsCause::Incompatible,
        rustls::Error::NoApplicationProtocol => TlsCause::Alpn,
        other => TlsCause::Other(text::safe(&other.to_string()).to_string()),
    }
}

/// Says what an alert of the broker means, which depends on whether it asked for a certificate and got one.
fn of_alert(alert: AlertDescription, asked: Asked) -> TlsCause {
    use AlertDescription as Alert;
    match (alert, asked) {
        (Alert::CertificateRequired, _) | (Alert::HandshakeFailure | Alert::NoCertificate, Asked::InVain) => {
            TlsCause::ClientCertificate
        }
        (Alert::BadCertificate | Alert::AccessDenied | Alert::CertificateUnknown, Asked::InVain) => TlsCause::ClientCertificate,
        (Alert::UnknownCA, Asked::Answered) => TlsCause::ClientRefused("it does not know the authority that signed it"),
        (Alert::CertificateExpired, Asked::Answered) => TlsCause::ClientRefused("it has expired"),
        (Alert::CertificateRevoked, Asked::Answered) => TlsCause::ClientRefused("it was revoked"),
        (Alert::AccessDenied, Asked::Answered) => TlsCause::ClientRefused("it gives no access"),
        (
            Alert::BadCertificate | Alert::UnsupportedCertificate | Alert::CertificateUnknown | Alert::DecryptError,
            Asked::Answered,
        ) => TlsCause::ClientRefused("it cannot be used"),
        (Alert::HandshakeFailure | Alert::InsufficientSecurity, _) => TlsCause::Incompatible,
        (Alert::UnrecognisedName, _) => TlsCause::UnknownName,
        (Alert::NoApplicationProtocol, _) => TlsCause::Alpn,
        (alert, _) => TlsCause::Other(format!("the broker ended the handshake with the alert {alert:?}")),
    }
}
