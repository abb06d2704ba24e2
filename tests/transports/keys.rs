//! The client's key in every form that it may have.

use std::{fs, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use mqtap::{
    base::secret::Secret,
    mqtt::options::{Options, Protocol},
    wire::{
        endpoint::Transport,
        tls::{TlsOptions, is_encrypted},
    },
};
use pkcs8::{
    EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef,
    der::{Encode as _, asn1::OctetStringRef},
    pkcs5::{EncryptionScheme, pbes2},
};
use rcgen::KeyPair;

use crate::{
    broker::{Everywhere, options},
    certificates::{Authority, Identity, client, write},
    common::{listener::Listener, mosquitto::Config},
};

const PASSPHRASE: &str = "open sesame";

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// Writes the key of an identity in another form, and returns the identity with that.
fn rewritten(identity: &Identity, form: impl Fn(&[u8]) -> String) -> Identity {
    let der = KeyPair::from_pem(&fs::read_to_string(&identity.key).expect("the key")).expect("a key").serialize_der();
    let key = identity.key.with_extension("other.key");
    write(&key, &form(&der));
    Identity { key, ..identity.clone() }
}

/// Returns what PKCS#8 wraps: PKCS#1 for RSA, SEC1 for elliptic curves.
fn inner(der: &[u8]) -> &[u8] {
    PrivateKeyInfoRef::try_from(der).expect("PKCS#8").private_key.as_bytes()
}

fn encrypted(der: &[u8]) -> String {
    let parameters = pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(2048, &[7; 16], [9; 16]).expect("parameters");
    let data = parameters.encrypt(PASSPHRASE, der).expect("encrypted");
    let info = EncryptedPrivateKeyInfoRef {
        encryption_algorithm: EncryptionScheme::Pbes2(parameters),
        encrypted_data: OctetStringRef::new(&data).expect("not too long"),
    };
    pem("ENCRYPTED PRIVATE KEY", &info.to_der().expect("DER"))
}

/// A broker that wants a certificate, and the options of a client that has one.
struct TwoWay {
    _broker: Everywhere,
    authority: Authority,
    client: Identity,
    options: Options,
}

impl TwoWay {
    fn start() -> Self {
        let authority = Authority::new("Test CA");
        let broker = Everywhere::start(Config::default(), &authority, &authority.broker());
        let client = authority.client();
        let options = options(broker.endpoint(Transport::Tls, true), Protocol::V5, authority.trusted());
        Self { _broker: broker, authority, client, options }
    }

    fn with(&self, identity: &Identity, passphrase: Option<&str>) -> Options {
        let key_password = passphrase.map(|text| Secret::from(text.to_owned()));
        let tls = TlsOptions { key_password, ..identity.of_client(self.authority.trusted()) };
        Options { tls, ..self.options.clone() }
    }

    async fn connects(&self, options: Options) {
        let listener = Listener::online(options).await;
        listener.close().await;
    }

    async fn fails(&self, options: Options) -> String {
        let mut listener = Listener::start(options);
        let cause = listener.failed().await;
        listener.close().await;
        cause.to_string()
    }
}

#[tokio::test]
async fn a_key_may_be_pkcs8_or_sec1_and_in_the_file_of_the_certificate() {
    let two_way = TwoWay::start();
    two_way.connects(two_way.with(&two_way.client, None)).await;
    let sec1 = rewritten(&two_way.client, |der| pem("EC PRIVATE KEY", inner(der)));
    two_way.connects(two_way.with(&sec1, None)).await;
    let both: PathBuf = two_way.client.certificate.with_extension("both.pem");
    let text = [&two_way.client.key, &two_way.client.certificate].map(|file| fs::read_to_string(file).expect("a file")).concat();
    write(&both, &text);
    let tls = TlsOptions { cert_file: Some(both), ..two_way.authority.trusted() };
    two_way.connects(Options { tls, ..two_way.options.clone() }).await;
}

#[tokio::test]
async fn an_rsa_key_may_be_pkcs1() {
    let two_way = TwoWay::start();
    // A key of this test alone: what makes the certificates makes no such keys.
    let key = KeyPair::from_pem(include_str!("rsa.key")).expect("a key");
    let identity = two_way.authority.sign_key("rsa", &client(), &key);
    two_way.connects(two_way.with(&identity, None)).await;
    let pkcs1 = rewritten(&identity, |der| pem("RSA PRIVATE KEY", inner(der)));
    two_way.connects(two_way.with(&pkcs1, None)).await;
}

#[tokio::test]
async fn an_encrypted_key_opens_with_its_passphrase_alone() {
    let two_way = TwoWay::start();
    let locked = rewritten(&two_way.client, encrypted);
    assert!(is_encrypted(&locked.key) && !is_encrypted(&two_way.client.key));
    two_way.connects(two_way.with(&locked, Some(PASSPHRASE))).await;
    let without = two_way.fails(two_way.with(&locked, None)).await;
    assert!(without.ends_with("it is encrypted, and there is no passphrase"), "{without}");
    let wrong = two_way.fails(two_way.with(&locked, Some("CANARY"))).await;
    assert!(wrong.ends_with("the passphrase is wrong") && !wrong.contains("CANARY"), "{wrong}");
}

#[tokio::test]
async fn a_key_that_cannot_be_used_is_named_with_its_reason() {
    let two_way = TwoWay::start();
    let old = rewritten(&two_way.client, |_| {
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"
            .into()
    });
    let none = Identity { key: two_way.client.certificate.clone(), ..two_way.client.clone() };
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("me.key");
    let named = format!("client key {}", path.display());
    let missing = Identity { key: path, ..two_way.client.clone() };
    let no_certificate = Identity { certificate: two_way.client.key.clone(), ..two_way.client.clone() };
    let cases = [
        (old, "client key", "it is encrypted in a way that is not supported"),
        (missing, &*named, "there is no such file"),
        (none, "client key", "it holds no private key"),
        (no_certificate, "client certificate", "it holds no certificate"),
    ];
    for (identity, which, why) in cases {
        let said = two_way.fails(two_way.with(&identity, None)).await;
        assert!(said.starts_with(which) && said.ends_with(why), "{said}");
    }
}
