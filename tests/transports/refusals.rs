//! Bad certificates and wrong ports: each is refused with its cause in words, and not tried again where that is pointless.

use mqtap::{
    mqtt::options::{Options, Protocol},
    wire::{
        endpoint::{Endpoint, Transport},
        tls::{TlsOptions, Verify},
    },
};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, date_time_ymd};
use rstest::rstest;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{
    broker::{Everywhere, options},
    certificates::{self, Authority, Identity},
    common::{
        listener::Listener,
        mosquitto::{Config, Mosquitto},
    },
};

/// A mosquitto that speaks TLS alone.
fn tls_broker(identity: &Identity, more: &str) -> Mosquitto {
    tls_config(identity, more).start()
}

fn tls_config(identity: &Identity, more: &str) -> Config {
    Config::default().line(&format!("certfile {}\nkeyfile {}\n{more}", identity.certificate.display(), identity.key.display()))
}

/// A mosquitto whose OpenSSL speaks one version of TLS alone; its own setting is only the lowest.
fn broker_of_version(authority: &Authority, version: &str, more: &str) -> Mosquitto {
    let file = authority.directory.path().join("openssl.cnf");
    let settings = format!("MinProtocol = TLSv{version}\nMaxProtocol = TLSv{version}\nCipherString = ALL:@SECLEVEL=0\n");
    let sections = "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = limits\n[limits]\n";
    certificates::write(&file, &format!("{sections}{settings}"));
    tls_config(&authority.broker(), &format!("tls_version tlsv{version}\n{more}")).variable("OPENSSL_CONF", &file).start()
}

fn tls_options(port: u16, tls: TlsOptions) -> Options {
    options(Endpoint::new(Transport::Tls, "localhost", port), Protocol::V5, tls)
}

/// Connects, and returns why nothing more is tried, with what to do.
async fn failure(options: Options) -> String {
    let mut listener = Listener::start(options);
    let cause = listener.failed().await;
    assert!(!cause.hint().is_empty(), "{cause} has no hint");
    let said = cause.to_string();
    listener.close().await;
    said
}

fn expired(params: &mut CertificateParams) {
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 10, 1));
}

fn not_yet_valid(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2090, 2, 3);
}

fn of_a_client(params: &mut CertificateParams) {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
}

#[rstest]
#[case::expired(expired, "certificate expired 2021-10-01")]
#[case::not_yet_valid(not_yet_valid, "certificate is not valid before 2090-02-03")]
#[case::wrong_key_usage(of_a_client, "certificate is not for a server")]
#[tokio::test]
async fn a_bad_certificate_is_refused_over_tls_and_websocket(
    #[case] spoil: fn(&mut CertificateParams),
    #[case] said: &str,
    #[values(Transport::Tls, Transport::Wss)] transport: Transport,
) {
    let authority = Authority::new("Test CA");
    let mut params = certificates::broker();
    spoil(&mut params);
    let broker = Everywhere::start(Config::default(), &authority, &authority.sign("broker", &params));
    let failure = failure(options(broker.endpoint(transport, false), Protocol::V5, authority.trusted())).await;
    assert!(failure.starts_with("connect to localhost:") && failure.ends_with(said), "{failure}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new("Test CA");
    let broker = tls_broker(&authority.sign("broker", &certificates::params("broker", &["other.example"])), "");
    let failure = failure(tls_options(broker.port, authority.trusted())).await;
    assert!(failure.ends_with("certificate is for other.example, not for localhost"), "{failure}");
}

#[tokio::test]
async fn a_self_signed_certificate_is_refused() {
    let authority = Authority::new("Test CA");
    let broker = tls_broker(&authority.self_signed("broker", &certificates::broker()), "");
    let failure = failure(tls_options(broker.port, authority.trusted())).await;
    assert!(failure.ends_with("certificate is self-signed"), "{failure}");
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let theirs = Authority::new("Their CA");
    let broker = tls_broker(&theirs.broker(), "");
    let failure = failure(tls_options(broker.port, Authority::new("Our CA").trusted())).await;
    assert!(failure.ends_with("certificate is signed by an unknown authority (CN=Their CA)"), "{failure}");
}

#[rstest]
#[case::tls_1_2("1.2")]
#[case::tls_1_3("1.3")]
#[tokio::test]
async fn a_missing_client_certificate_is_asked_for(#[case] version: &str) {
    let authority = Authority::new("Test CA");
    let more = format!("cafile {}\nrequire_certificate true", authority.file.display());
    let broker = broker_of_version(&authority, version, &more);
    let failure = failure(tls_options(broker.port, authority.trusted())).await;
    assert!(failure.ends_with("TLS: the broker wants a client certificate"), "{failure}");
}

#[rstest]
#[tokio::test]
async fn a_missing_client_certificate_is_asked_for_over_websocket_too(
    #[values(Transport::Tls, Transport::Wss)] transport: Transport,
) {
    let authority = Authority::new("Test CA");
    let broker = Everywhere::start(Config::default(), &authority, &authority.broker());
    let failure = failure(options(broker.endpoint(transport, true), Protocol::V5, authority.trusted())).await;
    assert!(failure.ends_with("TLS: the broker wants a client certificate"), "{failure}");
}

#[rstest]
#[case::tls_1_2("1.2")]
#[case::tls_1_3("1.3")]
#[tokio::test]
async fn a_client_certificate_of_an_unknown_authority_is_said_to_be_refused(#[case] version: &str) {
    let authority = Authority::new("Test CA");
    let more = format!("cafile {}\nrequire_certificate true", authority.file.display());
    let broker = broker_of_version(&authority, version, &more);
    let stranger = Authority::new("Their CA");
    let failure = failure(tls_options(broker.port, stranger.client().of_client(authority.trusted()))).await;
    assert!(failure.contains("the broker refused the client certificate: it does not know the authority"), "{failure}");
}

#[tokio::test]
async fn a_key_of_another_certificate_is_refused_before_anything_is_sent() {
    let authority = Authority::new("Test CA");
    let broker = tls_broker(&authority.broker(), "");
    let mixed = Identity { key: authority.broker().key, ..authority.client() };
    let failure = failure(tls_options(broker.port, mixed.of_client(authority.trusted()))).await;
    assert!(failure.starts_with("client key ") && failure.ends_with("it is not the key of the certificate"), "{failure}");
}

#[tokio::test]
async fn a_broker_of_tls_1_1_is_too_old() {
    let authority = Authority::new("Test CA");
    let broker = broker_of_version(&authority, "1.1", "ciphers ALL:@SECLEVEL=0");
    let failure = failure(tls_options(broker.port, authority.trusted())).await;
    assert!(failure.ends_with("TLS: the broker speaks only older versions of TLS"), "{failure}");
}

#[tokio::test]
async fn the_lowest_version_is_kept() {
    let authority = Authority::new("Test CA");
    let broker = broker_of_version(&authority, "1.2", "");
    let mut listener = Listener::start(tls_options(broker.port, authority.trusted()));
    assert!(listener.welcome().await.tls.is_some_and(|tls| tls.starts_with("TLS 1.2 ")));
    listener.close().await;
    let modern = TlsOptions { min_version: mqtap::wire::tls::TlsVersion::V13, ..authority.trusted() };
    let failure = failure(tls_options(broker.port, modern)).await;
    assert!(failure.ends_with("TLS: the broker speaks only older versions of TLS"), "{failure}");
}

#[tokio::test]
async fn tls_on_the_plain_port_hints_at_the_port() {
    let broker = Mosquitto::start();
    let authority = Authority::new("Test CA");
    let mut listener = Listener::start(tls_options(broker.port, authority.trusted()));
    let cause = listener.waiting().await;
    // mosquitto closes with bytes unread, which may come as a reset.
    assert!(cause.to_string().starts_with(&format!("connect to localhost:{}: TLS: ", broker.port)), "{cause}");
    assert!(cause.hint().contains("is this the TLS port?"), "{}", cause.hint());
    listener.close().await;
}

/// Answers the first connection with these bytes.
async fn answering(bytes: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        while matches!(stream.read(&mut request).await, Ok(1..)) {}
    });
    port
}

#[rstest]
#[case::http(b"HTTP/1.1 400 Bad Request\r\n\r\n", "look like HTTP")]
#[case::a_tls_alert(&[0x15, 3, 3, 0, 2, 2, 70], "look like TLS")]
#[tokio::test]
async fn another_protocol_on_the_plain_port_is_recognised_and_not_tried_again(#[case] answer: &'static [u8], #[case] said: &str) {
    let endpoint = Endpoint::new(Transport::Tcp, "127.0.0.1", answering(answer).await);
    let failure = failure(options(endpoint, Protocol::V5, TlsOptions::default())).await;
    assert!(failure.starts_with("not an MQTT port: the first bytes") && failure.contains(said), "{failure}");
}

#[tokio::test]
async fn plain_text_on_the_tls_port_hints_at_tls() {
    let authority = Authority::new("Test CA");
    let broker = tls_broker(&authority.broker(), "");
    let mut listener =
        Listener::start(options(Endpoint::new(Transport::Tcp, "localhost", broker.port), Protocol::V5, TlsOptions::default()));
    // OpenSSL has nothing to say to what is no TLS at all.
    let cause = listener.waiting().await;
    let said = cause.to_string();
    let known =
        ["connection lost during CONNECT: connection reset by the other side", "the broker closed the connection during CONNECT"];
    assert!(known.contains(&said.as_str()), "{said}");
    assert!(cause.hint().contains("and not TLS"), "{}", cause.hint());
    listener.close().await;
}

#[tokio::test]
async fn a_pinned_certificate_is_taken_whatever_it_says_and_no_other() {
    let authority = Authority::new("Test CA");
    let mut params = certificates::params("broker", &["other.example"]);
    expired(&mut params);
    let identity = authority.sign("broker", &params);
    let broker = tls_broker(&identity, "");
    let digest = sha256(&identity.der);
    let pinned = |digest| TlsOptions { verify: Verify::Fingerprint(digest), ..TlsOptions::default() };
    let mut listener = Listener::start(tls_options(broker.port, pinned(digest)));
    let welcome = listener.welcome().await;
    assert!(!welcome.unverified);
    assert_eq!(welcome.chain[0].sha256, digest);
    listener.close().await;
    let failure = failure(tls_options(broker.port, pinned([7; 32]))).await;
    assert!(failure.ends_with("which is not the pinned one"), "{failure}");
    assert!(failure.contains(&welcome.chain[0].fingerprint()), "{failure}");
}

#[tokio::test]
async fn without_verification_all_is_taken_and_the_welcome_says_so() {
    let authority = Authority::new("Test CA");
    let broker = tls_broker(&authority.self_signed("broker", &certificates::params("anybody", &[])), "");
    let nobody = TlsOptions { verify: Verify::None, ca_file: Some("/no/such/file".into()), ..TlsOptions::default() };
    let mut listener = Listener::start(tls_options(broker.port, nobody));
    let welcome = listener.welcome().await;
    assert!(welcome.unverified);
    assert_eq!(welcome.chain[0].subject, "CN=anybody");
    listener.close().await;
}

#[cfg(feature = "demo")]
#[tokio::test(flavor = "multi_thread")]
async fn quic_refuses_and_is_refused_in_the_same_words() {
    let authority = Authority::new("Test CA");
    let broker = crate::broker::embedded::Embedded::start(&authority, &authority.broker(), None, true).await;
    let call = |tls| failure(options(broker.endpoint(Transport::Quic), Protocol::V5, tls));
    let unknown = call(Authority::new("Our CA").trusted()).await;
    assert!(unknown.ends_with("certificate is signed by an unknown authority (CN=Test CA)"), "{unknown}");
    let missing = call(authority.trusted()).await;
    assert!(missing.ends_with("TLS: the broker wants a client certificate"), "{missing}");
    let alpn = TlsOptions { alpn: vec!["other".into()], ..authority.client().of_client(authority.trusted()) };
    let alpn = call(alpn).await;
    assert!(alpn.ends_with("TLS: the broker speaks none of the ALPN protocols that were offered"), "{alpn}");
}

#[tokio::test]
async fn a_socket_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("mqtt.sock").into_os_string().into_string().expect("UTF-8");
    let endpoint = Endpoint { path: path.clone(), ..Endpoint::new(Transport::Unix, "localhost", 0) };
    let mut listener = Listener::start(options(endpoint, Protocol::V5, TlsOptions::default()));
    let cause = listener.waiting().await;
    assert_eq!(cause.to_string(), format!("connect to {path}: there is no such file"));
    listener.close().await;
}

fn sha256(der: &[u8]) -> [u8; 32] {
    mqtap::wire::tls::certificate::Certificate::read(der).sha256
}
