//! Who we are to the broker: the client's certificate and the key to it, and whether they were asked for.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use pkcs8::{EncryptedPrivateKeyInfoRef, pkcs5};
use rustls::{
    InconsistentKeys, SignatureScheme,
    client::ResolvesClientCert,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use x509_parser::pem::Pem;
use zeroize::Zeroizing;

use super::{TlsOptions, roots};
use crate::{
    base::{secret::Secret, text},
    wire::error::WireError,
};

/// The label of a key in PKCS#8 that is encrypted (RFC 7468, 11).
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

/// What a key has that OpenSSL encrypted in its old way (RFC 1421).
const OLD_ENCRYPTION: &[u8] = b"Proc-Type: 4,ENCRYPTED";

/// Whether the broker asked for a certificate of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wire) enum Asked {
    /// It did not, or nobody knows.
    Unknown,
    /// It did, and there was none.
    InVain,
    /// It did, and got one.
    Answered,
}

/// Why the client's certificate or its key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityFault {
    /// The file cannot be read: how, made safe.
    #[error("{0}")]
    Unreadable(String),
    /// There is no certificate in it.
    #[error("it holds no certificate")]
    NoCertificate,
    /// There is no key in it.
    #[error("it holds no private key")]
    NoKey,
    /// The key is encrypted, and no passphrase is known.
    #[error("it is encrypted, and there is no passphrase")]
    Locked,
    /// The passphrase does not open it.
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    /// The key is encrypted in a way that is not supported.
    #[error("it is encrypted in a way that is not supported")]
    Encryption,
    /// The key is of another certificate.
    #[error("it is not the key of the certificate")]
    OtherKey,
    /// It is something else that cannot be used, in the library's words made safe.
    #[error("it cannot be used: {0}")]
    Unusable(String),
}

impl IdentityFault {
    /// Says what to do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "cert_file and key_file (--cert, --key) name PEM files",
            Self::NoCertificate => "cert_file (--cert) names a PEM file that begins with -----BEGIN CERTIFICATE-----",
            Self::NoKey => "key_file (--key) names a PEM file with a key in PKCS#8, PKCS#1 or SEC1",
            Self::Locked => "set key_password in the profile, for example to { prompt = true }",
            Self::WrongPassphrase => "check key_password of the profile",
            Self::Encryption => "convert it: openssl pkcs8 -topk8 -in OLD.key -out NEW.key",
            Self::OtherKey => "cert_file and key_file (--cert, --key) must belong together",
            Self::Unusable(_) => "make the certificate or its key anew",
        }
    }
}

/// Tells whether a file holds a key that needs a passphrase; false where it cannot be read.
#[must_use]
pub fn is_encrypted(path: &Path) -> bool {
    roots::read(path).is_ok_and(|bytes| {
        let bytes = Zeroizing::new(bytes);
        pems(&bytes).any(|pem| pem.label == ENCRYPTED)
    })
}

/// Shows the client's certificate when it is asked for, and remembers that it was.
#[derive(Debug)]
pub(super) struct Identity {
    key: Option<Arc<CertifiedKey>>,
    was_asked: AtomicBool,
}

impl Identity {
    /// Reads certificate and key from disk, where the options name them.
    pub(super) fn load(options: &TlsOptions, provider: &CryptoProvider) -> Result<Self, WireError> {
        let key = match (&options.cert_file, options.key_path()) {
            (Some(certificate), Some(key)) => {
                let chain = chain(certificate).map_err(|fault| error("client certificate", certificate, fault))?;
                let der = key_of(key, options.key_password.as_ref()).map_err(|fault| error("client key", key, fault))?;
                let certified = CertifiedKey::from_der(chain, der, provider);
                Some(Arc::new(certified.map_err(|why| error("client key", key, of_library(&why)))?))
            }
            (None, _) | (_, None) => None,
        };
        Ok(Self { key, was_asked: AtomicBool::new(false) })
    }

    pub(super) fn asked(&self) -> Asked {
        match (self.was_asked.load(Relaxed), &self.key) {
            (false, _) => Asked::Unknown,
            (true, None) => Asked::InVain,
            (true, Some(_)) => Asked::Answered,
        }
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.was_asked.store(true, Relaxed);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
    }
}

fn error(what: &'static str, path: &Path, fault: IdentityFault) -> WireError {
    WireError::Identity { what, path: text::safe(&path.to_string_lossy()).to_string(), fault }
}

fn of_library(error: &rustls::Error) -> IdentityFault {
    match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => IdentityFault::OtherKey,
        other => unusable(other),
    }
}

fn unusable(error: &dyn std::fmt::Display) -> IdentityFault {
    IdentityFault::Unusable(text::safe(&error.to_string()).to_string())
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, IdentityFault> {
    let pem = Zeroizing::new(roots::read(path).map_err(IdentityFault::Unreadable)?);
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|error| unusable(&error))?;
    if chain.is_empty() { Err(IdentityFault::NoCertificate) } else { Ok(chain) }
}

fn key_of(path: &Path, passphrase: Option<&Secret>) -> Result<PrivateKeyDer<'static>, IdentityFault> {
    let pem = Zeroizing::new(roots::read(path).map_err(IdentityFault::Unreadable)?);
    if pem.windows(OLD_ENCRYPTION.len()).any(|window| window == OLD_ENCRYPTION) {
        return Err(IdentityFault::Encryption);
    }
    if let Some(encrypted) = pems(&pem).find(|pem| pem.label == ENCRYPTED) {
        return unlock(&encrypted.contents, passphrase.ok_or(IdentityFault::Locked)?);
    }
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => IdentityFault::NoKey,
        other => unusable(&other),
    })
}

/// Decrypts a key (RFC 5958, 3).
fn unlock(der: &[u8], passphrase: &Secret) -> Result<PrivateKeyDer<'static>, IdentityFault> {
    let encrypted = EncryptedPrivateKeyInfoRef::try_from(der).map_err(|_| IdentityFault::Encryption)?;
    let key = encrypted.decrypt(passphrase.expose()).map_err(|error| match error {
        pkcs8::Error::EncryptedPrivateKey(
            pkcs5::Error::UnsupportedAlgorithm { .. }
            | pkcs5::Error::NoPbes1CryptSupport
            | pkcs5::Error::AlgorithmParametersInvalid { .. },
        ) => IdentityFault::Encryption,
        _ => IdentityFault::WrongPassphrase,
    })?;
    Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into())
}

/// Reads the sections of a PEM file; what is none is skipped.
fn pems(bytes: &[u8]) -> impl Iterator<Item = Pem> {
    Pem::iter_from_buffer(bytes).map_while(Result::ok)
}
