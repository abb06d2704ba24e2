//! Certificates made on the spot.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use mqtap::wire::tls::TlsOptions;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// An authority, and the directory in which all its files lie.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) directory: TempDir,
    pub(crate) file: PathBuf,
}

/// A certificate and its key, as PEM files.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// The same certificate in DER.
    pub(crate) der: Vec<u8>,
}

/// The parameters of a certificate for some names.
pub(crate) fn params(common_name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("valid names");
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

/// The parameters of a good certificate of a broker on this machine.
pub(crate) fn broker() -> CertificateParams {
    let mut params = params("broker", &["localhost", "127.0.0.1"]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

/// The parameters of a good certificate of a client.
pub(crate) fn client() -> CertificateParams {
    let mut params = params("tester", &[]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let (directory, key) = (Self::directory(), KeyPair::generate().expect("a key"));
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let file = directory.path().join("ca.pem");
        write(&file, &params.self_signed(&key).expect("a certificate").pem());
        Self { issuer: Issuer::new(params, key), directory, file }
    }

    /// Makes an authority that this one vouches for.
    pub(crate) fn intermediate(&self, name: &str) -> Self {
        let (directory, key) = (Self::directory(), KeyPair::generate().expect("a key"));
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let file = directory.path().join("ca.pem");
        write(&file, &params.signed_by(&key, &self.issuer).expect("a certificate").pem());
        Self { issuer: Issuer::new(params, key), directory, file }
    }

    fn directory() -> TempDir {
        let directory = tempfile::Builder::new().prefix("mqtap-pki-").tempdir().expect("a directory");
        // A broker that gives up root reads them as somebody else.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
        directory
    }

    /// Signs a certificate and writes it and its key to files of this name.
    pub(crate) fn sign(&self, name: &str, params: &CertificateParams) -> Identity {
        self.sign_key(name, params, &KeyPair::generate().expect("a key"))
    }

    /// Signs a certificate for a key, and writes both to files of this name.
    pub(crate) fn sign_key(&self, name: &str, params: &CertificateParams, key: &KeyPair) -> Identity {
        let certificate = params.signed_by(key, &self.issuer).expect("a certificate");
        self.write(name, &certificate, key)
    }

    /// Makes a certificate that signs itself.
    pub(crate) fn self_signed(&self, name: &str, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        self.write(name, &certificate, &key)
    }

    /// Signs a good certificate of a broker.
    pub(crate) fn broker(&self) -> Identity {
        self.sign("broker", &broker())
    }

    /// Signs a good certificate of a client.
    pub(crate) fn client(&self) -> Identity {
        self.sign("client", &client())
    }

    /// Options that trust this authority alone.
    pub(crate) fn trusted(&self) -> TlsOptions {
        TlsOptions { ca_file: Some(self.file.clone()), ca_only: true, ..TlsOptions::default() }
    }

    fn write(&self, name: &str, certificate: &rcgen::Certificate, key: &KeyPair) -> Identity {
        let path = |end: &str| self.directory.path().join(format!("{name}.{end}"));
        let identity = Identity { certificate: path("pem"), key: path("key"), der: certificate.der().to_vec() };
        write(&identity.certificate, &certificate.pem());
        write(&identity.key, &key.serialize_pem());
        identity
    }
}

impl Identity {
    /// Adds this identity to the options of a client.
    pub(crate) fn of_client(&self, options: TlsOptions) -> TlsOptions {
        TlsOptions { cert_file: Some(self.certificate.clone()), key_file: Some(self.key.clone()), ..options }
    }
}

pub(crate) fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("the file is written");
}
