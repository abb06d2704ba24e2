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
    crypto::ring::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer},
    sign::CertifiedKey,
};
use zeroize::Zeroizing;

use super::{TlsOptions, form::Form, pem, roots};
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
    /// It is no PEM file.
    #[error("{0}")]
    Form(Form),
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
            Self::Form(form) => form.to_identity(),
            Self::NoCertificate => "cert_file (--cert) names a PEM file that begins with -----BEGIN CERTIFICATE-----",
            Self::NoKey => "key_file (--key) names a PEM file with a key in PKCS#8, PKCS#1 or SEC1",
            Self::Locked => "set key_password in a profile, for example to { prompt = true }",
            Self::WrongPassphrase => "check key_password",
            Self::Encryption => "convert it: openssl pkcs8 -topk8 -in OLD.key -out NEW.key",
            Self::OtherKey => "cert_file and key_file (--cert, --key) must belong together",
            Self::Unusable(_) => "make the certificate or its key anew",
        }
    }
}

/// Tells whether a file holds a key that needs a passphrase; false where it cannot be read.
#[must_use]
pub fn is_encrypted(path: &Path) -> bool {
    roots::read(path).is_ok_and(|bytes| pem::sections(&bytes).any(|section| section.label == ENCRYPTED))
}

/// Shows the client's certificate when it is asked for, and remembers that it was.
#[derive(Debug)]
pub(super) struct Identity {
    key: Option<Arc<CertifiedKey>>,
    was_asked: AtomicBool,
}

impl Identity {
    /// Reads certificate and key from disk, where the options name them.
    pub(super) fn load(options: &TlsOptions) -> Result<Self, WireError> {
        let key = match (&options.cert_file, options.key_path()) {
            (Some(certificate), Some(key)) => {
                let chain = chain(certificate).map_err(|fault| error("client certificate", certificate, fault))?;
                let der = key_of(key, options.key_password.as_ref()).map_err(|fault| error("client key", key, fault))?;
                let certified = certified(chain, &der).map_err(|why| error("client key", key, of_library(&why)))?;
                Some(Arc::new(certified))
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

/// Puts certificate and key together, if they belong together; the bytes of the key stay with the caller, who wipes them.
fn certified(chain: Vec<CertificateDer<'static>>, key: &PrivateKeyDer<'_>) -> Result<CertifiedKey, rustls::Error> {
    let certified = CertifiedKey::new(chain, any_supported_type(key)?);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(error) => Err(error),
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, IdentityFault> {
    let file = roots::read(path).map_err(IdentityFault::Unreadable)?;
    Form::of(&file).map_or(Ok(file), |form| Err(IdentityFault::Form(form)))
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, IdentityFault> {
    let file = read(path)?;
    let sections = pem::sections(&file).filter(|section| section.label == "CERTIFICATE");
    let chain = sections.map(|section| section.der().map(|der| CertificateDer::from(der.to_vec())));
    let chain: Vec<_> = chain.collect::<Result<_, _>>()?;
    if chain.is_empty() { Err(IdentityFault::NoCertificate) } else { Ok(chain) }
}

fn key_of(path: &Path, passphrase: Option<&Secret>) -> Result<Zeroizing<PrivateKeyDer<'static>>, IdentityFault> {
    let file = read(path)?;
    if file.windows(OLD_ENCRYPTION.len()).any(|window| window == OLD_ENCRYPTION) {
        return Err(IdentityFault::Encryption);
    }
    if let Some(encrypted) = pem::sections(&file).find(|section| section.label == ENCRYPTED) {
        return unlock(&encrypted.der()?, passphrase.ok_or(IdentityFault::Locked)?);
    }
    let key = pem::sections(&file).find_map(|section| {
        let form: fn(Vec<u8>) -> PrivateKeyDer<'static> = match section.label {
            "PRIVATE KEY" => |der| PrivatePkcs8KeyDer::from(der).into(),
            "RSA PRIVATE KEY" => |der| PrivatePkcs1KeyDer::from(der).into(),
            "EC PRIVATE KEY" => |der| PrivateSec1KeyDer::from(der).into(),
            _ => return None,
        };
        Some(section.der().map(|der| Zeroizing::new(form(der.to_vec()))))
    });
    Ok(key.ok_or(IdentityFault::NoKey)??)
}

/// Decrypts a key (RFC 5958, 3).
fn unlock(der: &[u8], passphrase: &Secret) -> Result<Zeroizing<PrivateKeyDer<'static>>, IdentityFault> {
    let encrypted = EncryptedPrivateKeyInfoRef::try_from(der).map_err(|_| IdentityFault::Encryption)?;
    let key = encrypted.decrypt(passphrase.expose()).map_err(|error| match error {
        pkcs8::Error::EncryptedPrivateKey(
            pkcs5::Error::UnsupportedAlgorithm { .. }
            | pkcs5::Error::NoPbes1CryptSupport
            | pkcs5::Error::AlgorithmParametersInvalid { .. },
        ) => IdentityFault::Encryption,
        _ => IdentityFault::WrongPassphrase,
    })?;
    Ok(Zeroizing::new(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into()))
}

impl From<pem::Broken> for IdentityFault {
    fn from(broken: pem::Broken) -> Self {
        unusable(&broken)
    }
}
