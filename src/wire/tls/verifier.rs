//! Verifies as the options want, and keeps the certificates that were refused so that the error can show it.

use std::sync::{Arc, OnceLock};

use rustls::{
    CertificateError, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::MAX_CHAIN;

/// Which certificates are taken.
#[derive(Debug)]
pub(super) enum Trust {
    /// Those that lead to a trusted authority.
    Signed(Arc<WebPkiServerVerifier>),
    /// The one with this SHA-256 digest.
    Pinned([u8; 32]),
    /// All.
    Anybody,
}

/// The verifier of one handshake.
#[derive(Debug)]
pub(super) struct Verifier {
    trust: Trust,
    provider: Arc<CryptoProvider>,
    refused: OnceLock<(CertificateError, Vec<CertificateDer<'static>>)>,
}

impl Verifier {
    pub(super) fn new(trust: Trust, provider: Arc<CryptoProvider>) -> Self {
        Self { trust, provider, refused: OnceLock::new() }
    }

    pub(super) fn provider(&self) -> Arc<CryptoProvider> {
        Arc::clone(&self.provider)
    }

    /// Returns why the server's certificate was refused, and all certificates that it sent, its own first.
    pub(super) fn refused(&self) -> Option<(&CertificateError, &[CertificateDer<'static>])> {
        self.refused.get().map(|(why, chain)| (why, chain.as_slice()))
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = match &self.trust {
            Trust::Signed(inner) => inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now),
            Trust::Pinned(digest) if ring::digest::digest(&ring::digest::SHA256, end_entity).as_ref() == digest => {
                Ok(ServerCertVerified::assertion())
            }
            Trust::Pinned(_) => Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)),
            Trust::Anybody => Ok(ServerCertVerified::assertion()),
        };
        if let Err(Error::InvalidCertificate(why)) = &verdict {
            let chain = std::iter::once(end_entity).chain(intermediates).take(MAX_CHAIN);
            self.refused.get_or_init(|| (why.clone(), chain.map(|sent| sent.clone().into_owned()).collect()));
        }
        verdict
    }

    // That the server has the key to its certificate is always checked, or a pinned certificate would prove nothing.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
