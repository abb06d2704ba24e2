//! TLS against a server in the same process, with certificates made on the spot.

use std::{fs, net::SocketAddr, path::Path, sync::Mutex, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::wire::{
    dial::{Dialed, Stage, tests::dial_tls},
    endpoint::Transport,
};

/// No step on loopback takes so long.
const DEADLINE: Duration = Duration::from_secs(20);

/// A certificate authority of the test.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: CertificateDer<'static>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let (key, params) = (KeyPair::generate().expect("a key"), Self::params(name));
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { pem: certificate.pem(), der: certificate.der().clone(), issuer: Issuer::new(params, key) }
    }

    /// An authority that this one vouches for.
    fn intermediate(&self, name: &str) -> Self {
        let (key, params) = (KeyPair::generate().expect("a key"), Self::params(name));
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Self { pem: certificate.pem(), der: certificate.der().clone(), issuer: Issuer::new(params, key) }
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    }

    fn sign(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Identity { chain: vec![certificate.der().clone()], key: key.serialize_der() }
    }

    /// Options that trust this authority alone.
    fn trusted(&self, dir: &Path) -> TlsOptions {
        let file = dir.join("ca.pem");
        fs::write(&file, &self.pem).expect("the CA file is written");
        TlsOptions { ca_file: Some(file), ca_only: true, ..TlsOptions::default() }
    }
}

/// What a server shows, and the key to it.
#[derive(Clone)]
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
}

fn params(common_name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("valid names");
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

/// A server that takes one connection; it goes with the value.
struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

fn server_config(identity: Identity) -> ServerConfig {
    let key = PrivateKeyDer::Pkcs8(identity.key.into());
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(identity.chain, key)
        .expect("a valid identity")
}

/// Starts a TLS server that echoes.
async fn serve(identity: Identity) -> Server {
    serve_config(server_config(identity)).await
}

async fn serve_config(config: ServerConfig) -> Server {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (listener, address) = listen().await;
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        if let Ok(stream) = acceptor.accept(stream).await {
            let (mut read, mut write) = tokio::io::split(stream);
            let _ = tokio::io::copy(&mut read, &mut write).await;
        }
    });
    Server { address, task }
}

/// Starts a server that reads a little, answers with these bytes, and closes.
async fn answer(bytes: &'static [u8]) -> Server {
    let (listener, address) = listen().await;
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        // All of the ClientHello is read, so that closing does not reset the connection.
        let mut hello = [0; 16 * 1024];
        let _ = stream.read(&mut hello).await;
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let _ = stream.read(&mut hello).await;
    });
    Server { address, task }
}

async fn call(server: &Server, options: &TlsOptions) -> Result<Dialed, WireError> {
    let endpoint = Endpoint::new(Transport::Tls, "localhost", server.address.port());
    timeout(DEADLINE, dial_tls(&endpoint, options, |_| ())).await.expect("an answer in time")
}

/// The error of dialling a server that shows a certificate with these parameters, its authority being trusted.
async fn refusal(params: &CertificateParams) -> WireError {
    let dir = TempDir::new().expect("a directory");
    let authority = Authority::new("Test CA");
    let server = serve(authority.sign(params)).await;
    call(&server, &authority.trusted(dir.path())).await.err().expect("a refusal")
}

#[tokio::test]
async fn a_good_certificate_opens_an_encrypted_stream() {
    let dir = TempDir::new().expect("a directory");
    let authority = Authority::new("Test CA");
    let server = serve(authority.sign(&params("broker", &["localhost"]))).await;
    let endpoint = Endpoint::new(Transport::Tls, "localhost", server.address.port());
    let reported = Mutex::new(Vec::new());
    let report = |stage| reported.lock().expect("one thread").push(stage);
    let dialed = timeout(DEADLINE, dial_tls(&endpoint, &authority.trusted(dir.path()), report)).await;
    let mut dialed = dialed.expect("in time").expect("a stream");
    let stages = [Stage::Name, Stage::Tcp, Stage::Tls];
    assert_eq!(*reported.lock().expect("one thread"), stages);
    assert_eq!(dialed.times.iter().map(|(stage, _)| *stage).collect::<Vec<_>>(), stages);
    assert_eq!(dialed.peer, server.address.to_string());
    assert!(dialed.tls.as_deref().is_some_and(|tls| tls.starts_with("TLS 1.3 AES_")), "{:?}", dialed.tls);
    dialed.stream.write_all(b"ping").await.expect("sent");
    dialed.stream.flush().await.expect("flushed");
    let mut echo = [0; 4];
    timeout(DEADLINE, dialed.stream.read_exact(&mut echo)).await.expect("in time").expect("an echo");
    assert_eq!(&echo, b"ping");
}

#[tokio::test]
async fn the_protocol_that_was_agreed_on_by_alpn_is_told() {
    let dir = TempDir::new().expect("a directory");
    let authority = Authority::new("Test CA");
    for (served, offered, told) in
        [(Some("mqtt"), &["mqtt"][..], ", ALPN mqtt"), (None, &["mqtt"], ", no ALPN"), (Some("mqtt"), &[], "")]
    {
        let mut config = server_config(authority.sign(&params("broker", &["localhost"])));
        config.alpn_protocols = served.into_iter().map(|name| name.as_bytes().to_vec()).collect();
        let server = serve_config(config).await;
        let alpn = offered.iter().map(ToString::to_string).collect();
        let dialed = call(&server, &TlsOptions { alpn, ..authority.trusted(dir.path()) }).await.expect("a stream");
        let agreed = dialed.tls.expect("TLS");
        assert_eq!(agreed.split_once(',').map_or("", |(suite, _)| &agreed[suite.len()..]), told, "{agreed}");
    }
}

#[tokio::test]
async fn an_authority_of_a_file_is_added_to_the_systems() {
    let dir = TempDir::new().expect("a directory");
    let authority = Authority::new("Test CA");
    let server = serve(authority.sign(&params("broker", &["localhost"]))).await;
    let options = TlsOptions { ca_only: false, ..authority.trusted(dir.path()) };
    assert!(call(&server, &options).await.is_ok());
}

#[tokio::test]
async fn an_expired_certificate_says_when_and_shows_itself() {
    let mut params = params("broker", &["localhost", "127.0.0.1"]);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2021, 10, 1);
    let error = refusal(&params).await;
    assert!(error.to_string().starts_with("connect to localhost:"), "{error}");
    assert!(error.to_string().ends_with(": certificate expired 2021-10-01"), "{error}");
    assert!(error.is_final());
    let WireError::Certificate { chain, .. } = error else { panic!("{error}") };
    let [certificate] = &*chain else { panic!("{chain:?}") };
    assert_eq!(certificate.subject, "CN=broker");
    assert_eq!(certificate.issuer, "CN=Test CA");
    assert_eq!(certificate.names, ["localhost", "127.0.0.1"]);
    assert_eq!(certificate.not_before.map(|time| time.to_string()).as_deref(), Some("2020-01-01T00:00:00Z"));
    assert_eq!(certificate.fingerprint().len(), 32 * 3 - 1);
}

#[tokio::test]
async fn a_certificate_of_the_future_says_when() {
    let mut params = params("broker", &["localhost"]);
    params.not_before = date_time_ymd(2090, 2, 3);
    let error = refusal(&params).await;
    assert!(error.to_string().ends_with("certificate is not valid before 2090-02-03"), "{error}");
    assert_eq!(error.hint(), "is the clock of this machine right?");
}

#[tokio::test]
async fn a_wrong_name_says_which_names_are_right() {
    let error = refusal(&params("broker", &["a.example", "10.0.0.1"])).await;
    assert!(error.to_string().ends_with("certificate is for a.example, 10.0.0.1, not for localhost"), "{error}");
    let none = refusal(&params("broker", &[])).await;
    assert!(none.to_string().ends_with("certificate names no host, so it is not for localhost"), "{none}");
}

#[tokio::test]
async fn a_certificate_with_a_common_name_alone_needs_a_subject_alt_name_or_a_pin() {
    let error = refusal(&params("localhost", &[])).await;
    assert!(error.to_string().ends_with("certificate names no host, so it is not for localhost"), "{error}");
    let key = KeyPair::generate().expect("a key");
    let alone = params("localhost", &[]).self_signed(&key).expect("a certificate");
    let identity = Identity { chain: vec![alone.der().clone()], key: key.serialize_der() };
    let dir = TempDir::new().expect("a directory");
    let itself =
        call(&serve(identity.clone()).await, &Authority::new("Our CA").trusted(dir.path())).await.err().expect("a refusal");
    for error in [error, itself] {
        assert!(error.hint().contains("subjectAltName") && error.hint().contains("verify = \"fingerprint:"), "{}", error.hint());
        assert!(!error.hint().contains("server_name") && !error.hint().contains("ca_file"), "{}", error.hint());
    }
    let pinned = TlsOptions { verify: Verify::Fingerprint(Certificate::read(alone.der()).sha256), ..TlsOptions::default() };
    assert!(call(&serve(identity).await, &pinned).await.is_ok(), "what the hint says works");
}

#[test]
fn a_certificate_of_version_1_is_said_to_name_no_host() {
    let authority = Authority::new("Test CA");
    let certificate = Certificate::read(&authority.sign(&params("localhost", &[])).chain[0]);
    let version = rustls::OtherError(Arc::new(io::Error::other("UnsupportedCertVersion")));
    let refusal = Refusal::new(&rustls::CertificateError::Other(version), &[certificate], "localhost");
    assert_eq!(refusal, Refusal::WrongName { wanted: "localhost".into(), names: Vec::new() });
    assert!(refusal.hint().contains("subjectAltName"), "{}", refusal.hint());
}

#[tokio::test]
async fn a_broker_that_does_not_send_its_intermediate_certificate_is_said_to() {
    let dir = TempDir::new().expect("a directory");
    let root = Authority::new("Test Root");
    let intermediate = root.intermediate("Test Intermediate");
    let mut identity = intermediate.sign(&params("broker", &["localhost"]));
    let error = call(&serve(identity.clone()).await, &root.trusted(dir.path())).await.err().expect("a refusal");
    assert!(error.to_string().ends_with("certificate is signed by an unknown authority (CN=Test Intermediate)"), "{error}");
    assert!(error.hint().contains("its own certificate only"), "{}", error.hint());
    identity.chain.push(intermediate.der.clone());
    assert!(call(&serve(identity.clone()).await, &root.trusted(dir.path())).await.is_ok());
    let error = call(&serve(identity).await, &Authority::new("Our CA").trusted(dir.path())).await.err().expect("a refusal");
    assert!(!error.hint().contains("its own certificate only"), "{}", error.hint());
    let WireError::Certificate { chain, .. } = error else { panic!("{error}") };
    assert_eq!(chain.iter().map(|sent| &*sent.subject).collect::<Vec<_>>(), ["CN=broker", "CN=Test Intermediate"]);
}

#[tokio::test]
async fn the_server_name_of_the_options_is_the_one_that_counts() {
    let dir = TempDir::new().expect("a directory");
    let authority = Authority::new("Test CA");
    let server = serve(authority.sign(&params("broker", &["broker.example"]))).await;
    let options = TlsOptions { server_name: Some("broker.example".into()), ..authority.trusted(dir.path()) };
    assert!(call(&server, &options).await.is_ok());
}

#[tokio::test]
async fn an_unknown_authority_is_named() {
    let dir = TempDir::new().expect("a directory");
    let server = serve(Authority::new("Their CA").sign(&params("broker", &["localhost"]))).await;
    let error = call(&server, &Authority::new("Our CA").trusted(dir.path())).await.err().expect("a refusal");
    assert!(error.to_string().ends_with("certificate is signed by an unknown authority (CN=Their CA)"), "{error}");
}

#[tokio::test]
async fn a_self_signed_certificate_is_refused_unless_it_is_the_ca_file() {
    let dir = TempDir::new().expect("a directory");
    let key = KeyPair::generate().expect("a key");
    for (is_ca, trusting_helps) in [(IsCa::NoCa, true), (IsCa::Ca(BasicConstraints::Unconstrained), false)] {
        let mut params = params("broker", &["localhost"]);
        params.is_ca = is_ca;
        let certificate = params.self_signed(&key).expect("a certificate");
        let identity = Identity { chain: vec![certificate.der().clone()], key: key.serialize_der() };
        let server = serve(identity.clone()).await;
        let error = call(&server, &Authority::new("Our CA").trusted(dir.path())).await.err().expect("a refusal");
        assert!(error.to_string().ends_with("certificate is self-signed"), "{error}");
        let file = dir.path().join("broker.pem");
        fs::write(&file, certificate.pem()).expect("the CA file is written");
        let trusting = TlsOptions { ca_file: Some(file), ca_only: true, ..TlsOptions::default() };
        assert_eq!(call(&serve(identity).await, &trusting).await.is_ok(), trusting_helps);
    }
}

#[tokio::test]
async fn names_in_a_hostile_certificate_are_made_safe() {
    let error = refusal(&params("\u{1b}[31mred\u{202e}", &["other.example"])).await;
    let WireError::Certificate { chain, .. } = &error else { panic!("{error}") };
    let certificate = &chain[0];
    assert!(certificate.subject.contains("red") && !certificate.subject.contains('\u{1b}'), "{certificate:?}");
    assert!(!certificate.subject.contains('\u{202e}'), "{certificate:?}");
}

#[tokio::test]
async fn a_port_without_tls_is_recognised() {
    let dir = TempDir::new().expect("a directory");
    let options = Authority::new("Our CA").trusted(dir.path());
    for plain in [&b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"[..], &[0x20, 3, 0, 0x84, 0]] {
        let error = call(&answer(plain).await, &options).await.err().expect("not TLS");
        assert!(error.to_string().ends_with(": TLS: this port does not speak TLS"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_is_told_from_one_that_refuses() {
    let dir = TempDir::new().expect("a directory");
    let options = Authority::new("Our CA").trusted(dir.path());
    let cases: [(&[u8], TlsCause); 3] = [
        (&[], TlsCause::Closed),
        (&[0x15, 3, 3, 0, 2, 2, 40], TlsCause::Incompatible),
        (&[0x15, 3, 3, 0, 2, 2, 112], TlsCause::UnknownName),
    ];
    for (bytes, expected) in cases {
        match call(&answer(bytes).await, &options).await.err() {
            Some(WireError::Tls { cause, .. }) => assert_eq!(cause, expected),
            other => panic!("{expected:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_useless_ca_file_is_named_with_its_reason() {
    let dir = TempDir::new().expect("a directory");
    let (empty, broken) = (dir.path().join("empty.pem"), dir.path().join("broken.pem"));
    fs::write(&empty, "no certificate here\n").expect("a file is written");
    let pipe = dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    fs::write(&broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").expect("a file is written");
    let cases = [
        (dir.path().join("missing.pem"), "missing.pem: there is no such file"),
        (dir.path().to_owned(), "it is a directory"),
        (empty, "empty.pem: it holds no certificate"),
        (broken, "broken.pem: certificate 1 cannot be used"),
        (pipe, "pipe: it is not a regular file"),
        ("/dev/zero".into(), "/dev/zero: it is not a regular file"),
    ];
    for (path, said) in cases {
        let server = answer(b"").await;
        let options = TlsOptions { ca_file: Some(path), ca_only: true, ..TlsOptions::default() };
        let endpoint = Endpoint::new(Transport::Tls, "localhost", server.address.port());
        let stages = Mutex::new(Vec::new());
        let report = |stage| stages.lock().expect("one thread").push(stage);
        let dialed = timeout(DEADLINE, dial_tls(&endpoint, &options, report)).await.expect("an answer in time");
        let error = dialed.err().expect("a useless file");
        assert!(error.to_string().contains(said) && error.is_final(), "{error}");
        assert_eq!(*stages.lock().expect("one thread"), [Stage::Tls], "nothing is asked of the network");
    }
}

#[tokio::test]
async fn trusting_nobody_is_an_error() {
    let options = TlsOptions { ca_only: true, ..TlsOptions::default() };
    assert_eq!(call(&answer(b"").await, &options).await.err(), Some(WireError::NoRoots));
}

#[tokio::test]
async fn a_host_that_no_certificate_can_name_is_an_error() {
    let options = TlsOptions { server_name: Some("not a name".into()), ..TlsOptions::default() };
    let error = call(&answer(b"").await, &options).await.err().expect("a bad name");
    assert!(error.to_string().starts_with("`not a name` cannot be verified"), "{error}");
}
