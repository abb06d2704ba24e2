//! What a certificate says of itself, and why it was refused.

use std::{fmt, net::IpAddr};

use jiff::Timestamp;
use rustls::CertificateError;
use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer, X509Certificate},
};

use crate::base::text;

/// The most names of a certificate that are kept.
const NAMES: usize = 100;

/// The columns that one text of a certificate may take.
const COLUMNS: usize = 200;

/// The parts of a certificate that help a person to decide; all text is safe to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The subject, as `CN=broker.example`; empty where it has none or cannot be read.
    pub subject: String,
    /// The DNS names and IP addresses that it is for, at most a hundred.
    pub names: Vec<String>,
    /// Who signed it.
    pub issuer: String,
    /// Whether the subject signed it itself.
    pub is_self_signed: bool,
    /// When its time begins.
    pub not_before: Option<Timestamp>,
    /// When its time ends.
    pub not_after: Option<Timestamp>,
    /// The SHA-256 digest of the whole certificate.
    pub sha256: [u8; 32],
}

impl Certificate {
    /// Reads a certificate in DER; what cannot be read stays empty.
    #[must_use]
    pub fn read(der: &[u8]) -> Self {
        let mut certificate = Self {
            subject: String::new(),
            names: Vec::new(),
            issuer: String::new(),
            is_self_signed: false,
            not_before: None,
            not_after: None,
            sha256: [0; 32],
        };
        certificate.sha256.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, der).as_ref());
        if let Ok((_, parsed)) = X509Certificate::from_der(der) {
            certificate.subject = shown(&parsed.subject().to_string());
            certificate.issuer = shown(&parsed.issuer().to_string());
            certificate.is_self_signed = parsed.subject().as_raw() == parsed.issuer().as_raw();
            certificate.not_before = Timestamp::from_second(parsed.validity().not_before.timestamp()).ok();
            certificate.not_after = Timestamp::from_second(parsed.validity().not_after.timestamp()).ok();
            if let Ok(Some(names)) = parsed.subject_alternative_name() {
                certificate.names = names.value.general_names.iter().filter_map(name).take(NAMES).collect();
            }
        }
        certificate
    }

    /// Returns the digest as pairs of digits with colons, as browsers and openssl show it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.sha256.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
    }
}

/// Why a certificate was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Its time is over.
    Expired(Option<Timestamp>),
    /// Its time has not come.
    NotYetValid(Option<Timestamp>),
    /// It is for other names.
    WrongName {
        /// The name that was wanted, made safe.
        wanted: String,
        /// The names that it is for.
        names: Vec<String>,
    },
    /// Nobody who is trusted signed it.
    UnknownIssuer {
        /// Who signed it.
        issuer: String,
        /// Whether the broker sent no other certificate with it.
        is_alone: bool,
    },
    /// Its subject signed it itself, and is not trusted.
    SelfSigned {
        /// Whether it names a host.
        names_host: bool,
    },
    /// It is for something else than to be a server.
    WrongPurpose,
    /// It is not the one that is pinned; its own digest, as [`Certificate::fingerprint`] writes it.
    NotPinned(String),
    /// Something else, in rustls' words, made safe.
    Other(String),
}

impl Refusal {
    /// Returns why the first certificate of a chain was refused.
    pub(super) fn new(why: &CertificateError, chain: &[Certificate], wanted: &str) -> Self {
        let Some(certificate) = chain.first() else { return Self::Other(shown(&why.to_string())) };
        match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired(certificate.not_after),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::NotYetValid(certificate.not_before)
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::WrongName { wanted: shown(wanted), names: certificate.names.clone() }
            }
            // A self-signed authority that is used as a server's certificate comes as `Other`.
            CertificateError::UnknownIssuer | CertificateError::Other(_) if certificate.is_self_signed => {
                Self::SelfSigned { names_host: !certificate.names.is_empty() }
            }
            // Version 1, which `openssl x509 -req` makes by default, has no extensions and so no names.
            CertificateError::Other(other) if other.to_string().contains("UnsupportedCertVersion") => {
                Self::WrongName { wanted: shown(wanted), names: Vec::new() }
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => Self::WrongPurpose,
            CertificateError::ApplicationVerificationFailure => Self::NotPinned(certificate.fingerprint()),
            CertificateError::UnknownIssuer => {
                Self::UnknownIssuer { issuer: certificate.issuer.clone(), is_alone: chain.len() == 1 }
            }
            other => Self::Other(shown(&other.to_string())),
        }
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Expired(_) => "the broker needs a new certificate, unless the clock of this machine is wrong",
            Self::NotYetValid(_) => "is the clock of this machine right?",
            Self::WrongName { names, .. } if names.is_empty() => {
                "the broker needs a certificate with a subjectAltName, as a common name no longer counts; until then a profile can pin \
                 it: verify = \"fingerprint:SHA256\", which mqtap doctor shows"
            }
            Self::WrongName { .. } => "connect by a name of the certificate, or set server_name (--server-name) to one",
            Self::UnknownIssuer { is_alone: false, .. } => {
                "set ca_file (--ca-file) to the certificate of the authority that signed it, if you trust that"
            }
            Self::UnknownIssuer { is_alone: true, .. } => {
                "set ca_file (--ca-file) to the certificate of the authority that signed it, if you trust that; the broker sent its own \
                 certificate only, and should send the intermediate one too where there is one"
            }
            Self::SelfSigned { names_host: true } => {
                "set ca_file (--ca-file) to this certificate if you trust it; one marked as an authority must sign another for the \
                 broker, or be pinned in a profile: verify = \"fingerprint:SHA256\""
            }
            Self::SelfSigned { names_host: false } => {
                "it also names no host: the broker needs one with a subjectAltName; until then a profile can pin it if you trust it: \
                 verify = \"fingerprint:SHA256\", which mqtap doctor shows"
            }
            Self::WrongPurpose => "the broker needs a certificate whose extended key usage is serverAuth",
            Self::NotPinned(_) => {
                "if the broker got a new certificate, set verify to its fingerprint; if not, somebody else answers"
            }
            Self::Other(_) => "the broker needs another certificate",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired(Some(end)) => write!(f, "certificate expired {}", date(*end)),
            Self::Expired(None) => f.write_str("certificate expired"),
            Self::NotYetValid(Some(start)) => write!(f, "certificate is not valid before {}", date(*start)),
            Self::NotYetValid(None) => f.write_str("certificate is not valid yet"),
            Self::WrongName { wanted, names } => match names.as_slice() {
                [] => write!(f, "certificate names no host, so it is not for {wanted}"),
                [names @ .., last] if names.len() < 4 => {
                    f.write_str("certificate is for ")?;
                    names.iter().try_for_each(|name| write!(f, "{name}, "))?;
                    write!(f, "{last}, not for {wanted}")
                }
                [first, second, rest @ ..] => {
                    write!(f, "certificate is for {first}, {second} and {} more names, not for {wanted}", rest.len())
                }
                [only] => write!(f, "certificate is for {only}, not for {wanted}"),
            },
            Self::UnknownIssuer { issuer, .. } => write!(f, "certificate is signed by an unknown authority ({issuer})"),
            Self::SelfSigned { .. } => f.write_str("certificate is self-signed"),
            Self::WrongPurpose => f.write_str("certificate is not for a server"),
            Self::NotPinned(found) => write!(f, "certificate has the fingerprint {found}, which is not the pinned one"),
            Self::Other(why) => write!(f, "certificate refused: {why}"),
        }
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(dns) => Some(shown(dns)),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|ip| IpAddr::from(ip).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|ip| IpAddr::from(ip).to_string()),
        },
        _ => None,
    }
}

fn shown(text: &str) -> String {
    text::line(text, COLUMNS).to_string()
}

fn date(time: Timestamp) -> impl fmt::Display {
    time.strftime("%Y-%m-%d")
}
