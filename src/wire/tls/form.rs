//! What a file holds that should be PEM and is not, as far as its first bytes tell.

use std::fmt;

use pkcs8::EncryptedPrivateKeyInfoRef;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The content type `SignedData` (RFC 5652, 5.1), as certificates of Windows come in.
const SIGNED_DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";

/// A form other than PEM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A certificate in DER.
    Certificate,
    /// A key in DER, encrypted or not.
    Key,
    /// Certificates in PKCS#7, mostly named `.p7b`.
    Pkcs7,
    /// Certificates and a key in PKCS#12, mostly named `.p12` or `.pfx`.
    Pkcs12,
}

impl Form {
    /// Recognises the form; `None` if it is none of them.
    pub(super) fn of(file: &[u8]) -> Option<Self> {
        let [0x30, length, after @ ..] = file else { return None };
        // The length of the outermost sequence is in one byte, or in as many as its lower bits say.
        let within = if length & 0x80 == 0 { after } else { after.get(usize::from(length & 0x7f)..)? };
        match within {
            [0x02, 0x01, 0x03, ..] => Some(Self::Pkcs12),
            [0x02, 0x01, 0x00 | 0x01, ..] => Some(Self::Key),
            _ if within.starts_with(SIGNED_DATA) => Some(Self::Pkcs7),
            _ if X509Certificate::from_der(file).is_ok() => Some(Self::Certificate),
            _ => EncryptedPrivateKeyInfoRef::try_from(file).is_ok().then_some(Self::Key),
        }
    }

    /// Says how to make a PEM file of certificate authorities of it.
    pub(in crate::wire) fn to_authorities(self) -> &'static str {
        match self {
            Self::Certificate => "convert it: openssl x509 -inform DER -in FILE -out ca.pem",
            Self::Key => "ca_file (--ca-file) names a PEM file that begins with -----BEGIN CERTIFICATE-----",
            Self::Pkcs7 => "convert it: openssl pkcs7 -inform DER -print_certs -in FILE -out ca.pem",
            Self::Pkcs12 => "convert it: openssl pkcs12 -cacerts -nokeys -in FILE -out ca.pem",
        }
    }

    /// Says how to make a PEM file with a client's certificate or key of it.
    pub(super) fn to_identity(self) -> &'static str {
        match self {
            Self::Certificate => "convert it: openssl x509 -inform DER -in FILE -out cert.pem",
            Self::Key => "convert it: openssl pkey -inform DER -in FILE -out key.pem",
            Self::Pkcs7 => "convert it: openssl pkcs7 -inform DER -print_certs -in FILE -out cert.pem",
            Self::Pkcs12 => {
                "convert it: openssl pkcs12 -in FILE -out both.pem, which holds certificate and key (cert_file, --cert); key_password in \
                 a profile is the new passphrase"
            }
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "it is a certificate in DER, not in PEM",
            Self::Key => "it is a key in DER",
            Self::Pkcs7 => "it is PKCS#7 (.p7b), not PEM",
            Self::Pkcs12 => "it is PKCS#12 (.p12, .pfx), not PEM",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_der_has_no_form() {
        for bytes in [&b""[..], b"0", b"-----BEGIN CERTIFICATE-----", b"\x30\x84", b"\x30\x02\x05\x00", b"\x30\xff\x02\x01\x03"] {
            assert_eq!(Form::of(bytes), None, "{bytes:02x?}");
        }
    }

    #[test]
    fn keys_and_containers_are_told_by_their_beginning() {
        assert_eq!(Form::of(b"\x30\x82\x0a\x00\x02\x01\x03\x30"), Some(Form::Pkcs12));
        assert_eq!(Form::of(b"\x30\x80\x02\x01\x03\x30"), Some(Form::Pkcs12), "of indefinite length");
        assert_eq!(Form::of(b"\x30\x2e\x02\x01\x00\x30\x05"), Some(Form::Key));
        assert_eq!(Form::of(&[b"\x30\x82\x01\x00", SIGNED_DATA].concat()), Some(Form::Pkcs7));
        let key = rcgen::KeyPair::generate().expect("a key");
        assert_eq!(Form::of(&key.serialize_der()), Some(Form::Key));
        let certificate = rcgen::CertificateParams::default().self_signed(&key).expect("a certificate");
        assert_eq!(Form::of(certificate.der()), Some(Form::Certificate));
    }
}
