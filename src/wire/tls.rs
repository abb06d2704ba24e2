//! TLS: which roots are trusted, and the handshake.

pub mod certificate;
mod roots;
#[cfg(test)]
mod tests;
mod verifier;

use std::{io, path::PathBuf, sync::Arc};

use rustls::{
    AlertDescription, ClientConfig, InvalidMessage,
    client::WebPkiServerVerifier,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::spawn_blocking,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use self::{
    certificate::{Certificate, Refusal},
    verifier::Verifier,
};
use super::{
    endpoint::Endpoint,
    error::{TlsCause, WireError},
    tcp::at,
};
use crate::base::text;

/// How the server is verified.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsOptions {
    /// A PEM file with certificate authorities, added to those of the system.
    pub ca_file: Option<PathBuf>,
    /// Whether the authorities of the file are trusted instead of the system's.
    pub ca_only: bool,
    /// The name to verify and to send as SNI, where it is not the host.
    pub server_name: Option<String>,
}

/// Makes the TLS handshake on an open connection.
pub(super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    endpoint: &Endpoint,
    options: &TlsOptions,
    stream: S,
) -> Result<TlsStream<S>, WireError> {
    let name = server_name(endpoint, options)?;
    let verifier = Arc::new(verifier(options.clone()).await?);
    let connector = TlsConnector::from(Arc::new(config(&verifier)));
    connector.connect(name.clone(), stream).await.map_err(|error| failure(at(endpoint), &name, &error, verifier.refused()))
}

/// Says which TLS version and cipher suite were agreed on.
pub(super) fn describe<S>(stream: &TlsStream<S>) -> String {
    let connection = stream.get_ref().1;
    let version = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS",
    };
    match connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()) {
        Some(suite) => format!("{version} {}", suite.trim_start_matches("TLS13_").trim_start_matches("TLS_")),
        None => version.to_owned(),
    }
}

fn server_name(endpoint: &Endpoint, options: &TlsOptions) -> Result<ServerName<'static>, WireError> {
    // The zone of a link-local address is this machine's own business.
    let host = endpoint.host.split('%').next().unwrap_or_default();
    let name = options.server_name.as_deref().unwrap_or(host);
    ServerName::try_from(name.to_owned()).map_err(|_| WireError::ServerName { name: text::safe(name).to_string() })
}

/// Loads the roots on a thread that may wait for the disk.
async fn verifier(options: TlsOptions) -> Result<Verifier, WireError> {
    let roots = match spawn_blocking(move || roots::load(&options)).await {
        Ok(roots) => roots?,
        Err(_) => return Err(WireError::NoRoots),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    Ok(Verifier::new(inner.build().map_err(|_| WireError::NoRoots)?, provider))
}

fn config(verifier: &Arc<Verifier>) -> ClientConfig {
    ClientConfig::builder_with_provider(verifier.provider())
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(verifier) as _)
        .with_no_client_auth()
}

fn failure(at: String, name: &ServerName<'_>, error: &io::Error, refused: Option<&CertificateDer<'_>>) -> WireError {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if let (Some(rustls::Error::InvalidCertificate(why)), Some(refused)) = (tls, refused) {
        let certificate = Certificate::read(refused);
        let refusal = Refusal::new(why, &certificate, &name.to_str());
        return WireError::Certificate { at, refusal, certificate: Arc::new(certificate) };
    }
    let cause = match tls {
        Some(error) => cause(error),
        None if error.kind() == io::ErrorKind::UnexpectedEof => TlsCause::Closed,
        None => TlsCause::Broken(error.kind()),
    };
    WireError::Tls { at, cause }
}

/// Says why a handshake, or what the broker thought of it later, failed.
pub(super) fn cause(error: &rustls::Error) -> TlsCause {
    use AlertDescription as Alert;
    use InvalidMessage as Message;
    match error {
        rustls::Error::InvalidMessage(
            Message::InvalidContentType | Message::UnknownProtocolVersion | Message::MessageTooLarge | Message::InvalidEmptyPayload,
        ) => TlsCause::PlainText,
        rustls::Error::PeerIncompatible(_)
        | rustls::Error::AlertReceived(Alert::ProtocolVersion | Alert::HandshakeFailure | Alert::InsufficientSecurity) => {
            TlsCause::Incompatible
        }
        rustls::Error::AlertReceived(Alert::CertificateRequired) => TlsCause::ClientCertificate,
        rustls::Error::AlertReceived(Alert::UnrecognisedName) => TlsCause::UnknownName,
        rustls::Error::AlertReceived(alert) => TlsCause::Other(format!("the broker ended the handshake with the alert {alert:?}")),
        other => TlsCause::Other(text::safe(&other.to_string()).to_string()),
    }
}
