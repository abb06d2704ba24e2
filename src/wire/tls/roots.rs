//! The certificate authorities that are trusted: the system's and those of a file.

use std::{io, path::Path};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use zeroize::Zeroizing;

use super::{TlsOptions, form::Form};
use crate::{
    base::{
        disk::{self, ReadError},
        text,
    },
    wire::error::WireError,
};

/// No list of authorities is larger in bytes; the system's has a quarter of a megabyte.
const LARGEST_FILE: u64 = 16 << 20;

/// The variable that names a file of certificates in the place of the system's.
const CERT_FILE: &str = "SSL_CERT_FILE";

/// What the system's store of certificate authorities holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemStore {
    /// Authorities that can be used.
    pub usable: usize,
    /// Certificates that cannot.
    pub unusable: usize,
    /// What could not be read, made safe.
    pub problems: Vec<String>,
}

impl SystemStore {
    /// Reads the store from disk.
    #[must_use]
    pub fn read() -> Self {
        let (certificates, problems) = system();
        let (usable, unusable) = RootCertStore::empty().add_parsable_certificates(certificates);
        Self { usable, unusable, problems }
    }
}

/// Reads the system's certificates, and says what could not be read, made safe.
fn system() -> (Vec<CertificateDer<'static>>, Vec<String>) {
    // The library would wait for a pipe, and read a device to an end that it does not have.
    if let Some(path) = std::env::var_os(CERT_FILE)
        && let Err(why @ (ReadError::Special | ReadError::TooLarge(_))) = disk::read(Path::new(&path), LARGEST_FILE)
    {
        return (Vec::new(), vec![format!("the file of {CERT_FILE} {why}")]);
    }
    let system = rustls_native_certs::load_native_certs();
    let problems = system.errors.iter().map(|error| text::safe(&error.to_string()).to_string()).collect();
    (system.certs, problems)
}

/// Reads the roots from disk; a broken certificate in the system's store is skipped, in the user's file it is an error.
pub(super) fn load(options: &TlsOptions) -> Result<RootCertStore, WireError> {
    let mut roots = RootCertStore::empty();
    if !options.ca_only {
        let (certificates, problems) = system();
        for problem in problems {
            tracing::warn!(error = %problem, "a system CA certificate cannot be read");
        }
        let (_, skipped) = roots.add_parsable_certificates(certificates);
        if skipped > 0 {
            tracing::warn!(skipped, "system CA certificates cannot be used");
        }
    }
    if let Some(path) = &options.ca_file {
        add_file(&mut roots, path).map_err(|(detail, form)| WireError::CaFile {
            path: text::safe(&path.to_string_lossy()).to_string(),
            detail,
            form,
        })?;
    }
    if roots.is_empty() { Err(WireError::NoRoots) } else { Ok(roots) }
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), (String, Option<Form>)> {
    let pem = read(path).map_err(|detail| (detail, None))?;
    if let Some(form) = Form::of(&pem) {
        return Err((form.to_string(), Some(form)));
    }
    let mut found = 0;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        found += 1;
        let certificate = certificate.map_err(|error| (format!("not PEM: {}", text::safe(&error.to_string())), None))?;
        roots
            .add(certificate)
            .map_err(|error| (format!("certificate {found} cannot be used: {}", text::safe(&error.to_string())), None))?;
    }
    if found == 0 { Err(("it holds no certificate".to_owned(), None)) } else { Ok(()) }
}

/// Reads a PEM file, or says in plain words why it cannot.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    disk::read(path, LARGEST_FILE).map(|contents| contents.bytes).map_err(|error| match error {
        ReadError::Missing => "there is no such file".to_owned(),
        ReadError::Directory => "it is a directory".to_owned(),
        ReadError::Special => "it is not a regular file".to_owned(),
        ReadError::TooLarge(_) => "it is too large for a list of certificates".to_owned(),
        ReadError::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        ReadError::Io(error) => text::safe(&error.to_string()).to_string(),
    })
}
