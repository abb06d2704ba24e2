//! Enhanced authentication against a scripted broker that knows the password, or does not.

use std::sync::{Arc, Mutex};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use mqtap::{
    base::secret::Secret,
    mqtt::{
        command::Command,
        error::Failure,
        event::Event,
        options::{Authentication, Options},
    },
};
use ring::{digest, hmac, pbkdf2};
use rstest::rstest;

use crate::{
    QUICK,
    common::{
        listener::Listener,
        scripted::{CONNACK_V5, Reply, Scripted, Step},
    },
    packet::{self, Fields},
    v5,
};

const METHOD: u8 = 0x15;
const DATA: u8 = 0x16;

/// Reason Codes of AUTH.
const CONTINUE: u8 = 0x18;
const AGAIN: u8 = 0x19;

fn text(id: u8, value: &[u8]) -> Vec<u8> {
    [&[id][..], &u16::try_from(value.len()).expect("short").to_be_bytes(), value].concat()
}

/// Makes CONNACK or AUTH of what stands before the properties.
fn packet_with(first: u8, before: &[u8], properties: &[Vec<u8>]) -> Vec<u8> {
    let properties = properties.concat();
    let length = u8::try_from(properties.len()).expect("short");
    let body = [before, &[length], &properties].concat();
    let remaining = body.len();
    let header = if remaining < 128 {
        vec![first, u8::try_from(remaining).expect("short")]
    } else {
        vec![first, u8::try_from(remaining % 128).expect("short") | 0x80, u8::try_from(remaining / 128).expect("short")]
    };
    [header, body].concat()
}

fn auth(code: u8, method: &str, data: Option<&[u8]>) -> Vec<u8> {
    let properties: Vec<Vec<u8>> =
        [Some(text(METHOD, method.as_bytes())), data.map(|data| text(DATA, data))].into_iter().flatten().collect();
    packet_with(0xf0, &[code], &properties)
}

fn accept(method: &str, data: Option<&[u8]>) -> Vec<u8> {
    let properties: Vec<Vec<u8>> =
        [Some(text(METHOD, method.as_bytes())), data.map(|data| text(DATA, data))].into_iter().flatten().collect();
    packet_with(0x20, &[0, 0], &properties)
}

fn value(properties: &[(u8, Vec<u8>)], id: u8) -> Vec<u8> {
    properties.iter().find(|property| property.0 == id).expect("the property").1.clone()
}

/// The side of SCRAM that knows the password `pencil` of `user`.
struct Server {
    method: &'static str,
    salt: &'static [u8],
    /// The first message of the client without its header, and the first of the server.
    said: Mutex<(String, String)>,
}

impl Server {
    fn new(method: &'static str) -> Arc<Self> {
        Arc::new(Self { method, salt: b"a salt of the broker", said: Mutex::default() })
    }

    fn algorithms(&self) -> (pbkdf2::Algorithm, hmac::Algorithm, &'static digest::Algorithm) {
        match self.method {
            "SCRAM-SHA-1" => (pbkdf2::PBKDF2_HMAC_SHA1, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &digest::SHA1_FOR_LEGACY_USE_ONLY),
            "SCRAM-SHA-256" => (pbkdf2::PBKDF2_HMAC_SHA256, hmac::HMAC_SHA256, &digest::SHA256),
            _ => (pbkdf2::PBKDF2_HMAC_SHA512, hmac::HMAC_SHA512, &digest::SHA512),
        }
    }

    /// Answers to the first message of the client.
    fn challenge(&self, first: &[u8]) -> String {
        let first = std::str::from_utf8(first).expect("text");
        let bare = first.strip_prefix("n,,").expect("no channel binding").to_owned();
        let nonce = bare.strip_prefix("n=user,r=").expect("user and nonce");
        let challenge = format!("r={nonce}%more,s={},i=4096", STANDARD.encode(self.salt));
        *self.said.lock().expect("one test") = (bare, challenge.clone());
        challenge
    }

    /// Checks the proof, and signs.
    fn sign(&self, last: &[u8]) -> String {
        let (derivation, mac, hash) = self.algorithms();
        let mac_of = |key: &[u8], text: &[u8]| hmac::sign(&hmac::Key::new(mac, key), text).as_ref().to_vec();
        let (bare, challenge) = self.said.lock().expect("one test").clone();
        let last = std::str::from_utf8(last).expect("text");
        let (without_proof, proof) = last.rsplit_once(",p=").expect("a proof");
        let exchange = format!("{bare},{challenge},{without_proof}");
        let mut salted = vec![0; hash.output_len()];
        pbkdf2::derive(derivation, 4096.try_into().expect("not zero"), self.salt, b"pencil", &mut salted);
        let client_key = mac_of(&salted, b"Client Key");
        let stored = digest::digest(hash, &client_key);
        let signature = mac_of(stored.as_ref(), exchange.as_bytes());
        let expected: Vec<u8> = client_key.iter().zip(&signature).map(|(key, mask)| key ^ mask).collect();
        assert_eq!(STANDARD.decode(proof).expect("base64"), expected, "the client knows the password");
        format!("v={}", STANDARD.encode(mac_of(&mac_of(&salted, b"Server Key"), exchange.as_bytes())))
    }

    /// Answers to CONNECT with a challenge.
    fn to_connect(self: &Arc<Self>) -> Step {
        let server = Arc::clone(self);
        Step::Answer(Arc::new(move |packet: &[u8]| {
            let connect = packet::connect(packet);
            assert_eq!((&connect.username, &connect.password), (&None, &None), "SCRAM sends neither");
            assert_eq!(value(&connect.properties, METHOD), server.method.as_bytes());
            let challenge = server.challenge(&value(&connect.properties, DATA));
            auth(CONTINUE, server.method, Some(challenge.as_bytes()))
        }) as Reply)
    }

    /// Answers to AUTH with what `make` makes of its code and data.
    fn to_auth(self: &Arc<Self>, make: impl Fn(&Self, u8, &[u8]) -> Vec<u8> + Send + Sync + 'static) -> Step {
        let server = Arc::clone(self);
        Step::Answer(Arc::new(move |packet: &[u8]| {
            assert_eq!(packet[0], 0xf0);
            let mut fields = Fields::of(packet);
            let (code, properties) = (fields.byte(), fields.properties());
            assert_eq!(value(&properties, METHOD), server.method.as_bytes());
            make(&server, code, &value(&properties, DATA))
        }) as Reply)
    }

    fn accepting(self: &Arc<Self>) -> Step {
        self.to_auth(|server, code, data| {
            assert_eq!(code, CONTINUE);
            accept(server.method, Some(server.sign(data).as_bytes()))
        })
    }
}

fn with(port: u16, method: &str, data: Option<&str>) -> Options {
    let data = data.map(|data| Secret::from(data.to_owned()));
    Options {
        authentication: Some(Authentication { method: method.into(), data }),
        username: Some("user".into()),
        password: Some(Secret::from("pencil".to_owned())),
        reconnect: Some(QUICK),
        ..v5(port)
    }
}

/// Connects to a broker that plays this, and returns why it is not tried again.
async fn failure(method: &str, data: Option<&str>, script: Vec<Step>) -> Arc<Failure> {
    let broker = Scripted::start(vec![script]).await;
    let mut listener = Listener::start(with(broker.port, method, data));
    let cause = listener.failed().await;
    listener.close().await;
    assert_eq!(broker.accepted(), 1, "a failure of authentication is final");
    cause
}

#[rstest]
#[tokio::test]
async fn both_sides_of_scram_prove_that_they_know_the_password(
    #[values("SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512")] method: &'static str,
) {
    let server = Server::new(method);
    let broker = Scripted::start(vec![vec![server.to_connect(), server.accepting(), Step::Serve]]).await;
    let listener = Listener::online(with(broker.port, method, None)).await;
    listener.close().await;
    let all = [broker.read(0x10), broker.read(0xf0)].concat().concat();
    assert!(!all.windows(6).any(|window| window == b"pencil"), "the password never travels");
}

#[tokio::test]
async fn a_signature_before_connack_is_taken_too() {
    let server = Server::new("SCRAM-SHA-256");
    let sign = server.to_auth(|server, _, data| auth(CONTINUE, server.method, Some(server.sign(data).as_bytes())));
    let done = server.to_auth(|server, _, data| {
        assert_eq!(data, b"");
        accept(server.method, None)
    });
    let broker = Scripted::start(vec![vec![server.to_connect(), sign, done, Step::Serve]]).await;
    Listener::online(with(broker.port, "SCRAM-SHA-256", None)).await.close().await;
}

#[tokio::test]
async fn a_broker_that_does_not_know_the_password_is_left() {
    let server = Server::new("SCRAM-SHA-256");
    let forged = server.to_auth(|server, _, _| accept(server.method, Some(b"v=QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=")));
    let cause = failure("SCRAM-SHA-256", None, vec![server.to_connect(), forged, Step::Serve]).await;
    assert_eq!(cause.to_string(), "authentication failed: the broker does not know the password: its signature is wrong");
}

#[tokio::test]
async fn a_broker_that_proves_nothing_is_left() {
    let server = Server::new("SCRAM-SHA-512");
    let silent = server.to_auth(|server, _, _| accept(server.method, None));
    let cause = failure("SCRAM-SHA-512", None, vec![server.to_connect(), silent, Step::Serve]).await;
    assert!(cause.to_string().contains("has not proved that it knows the password"), "{cause}");
    let at_once = vec![Step::Read, Step::Send(accept("SCRAM-SHA-512", None)), Step::Serve];
    let cause = failure("SCRAM-SHA-512", None, at_once).await;
    assert!(cause.to_string().contains("has not proved"), "{cause}");
}

#[tokio::test]
async fn a_challenge_that_makes_the_password_easy_to_find_is_refused() {
    let weak = Step::Answer(Arc::new(|packet: &[u8]| {
        let first = value(&packet::connect(packet).properties, DATA);
        let nonce = String::from_utf8(first).expect("text").replace("n,,n=user,", "");
        auth(CONTINUE, "SCRAM-SHA-1", Some(format!("{nonce}x,s=QQ==,i=1").as_bytes()))
    }) as Reply);
    let cause = failure("SCRAM-SHA-1", None, vec![weak, Step::Ignore]).await;
    assert!(cause.to_string().contains("asks for 1 iterations"), "{cause}");
}

#[tokio::test]
async fn a_token_is_sent_as_it_is_with_user_name_and_password() {
    let broker = Scripted::start(vec![vec![Step::Read, Step::Send(accept("Bearer", None)), Step::Serve]]).await;
    Listener::online(with(broker.port, "Bearer", Some("a token"))).await.close().await;
    let connect = packet::connect(&broker.read(0x10)[0]);
    assert_eq!(value(&connect.properties, METHOD), b"Bearer");
    assert_eq!(value(&connect.properties, DATA), b"a token");
    assert_eq!((connect.username.as_deref(), connect.password.as_deref()), (Some(&b"user"[..]), Some(&b"pencil"[..])));
}

#[tokio::test]
async fn a_broker_that_wants_more_than_a_token_is_told_why_not() {
    let script = vec![Step::Read, Step::Send(auth(CONTINUE, "Bearer", None)), Step::Ignore];
    let cause = failure("Bearer", Some("a token"), script).await;
    assert_eq!(cause.to_string(), "authentication failed: the broker wants more than Bearer has to say");
}

/// Asks for a re-authentication, and waits for its outcome.
async fn again(listener: &mut Listener) -> Result<(), Failure> {
    listener.session.command(Command::Reauthenticate).expect("room");
    listener.wait("AUTH", |event| if let Event::Reauthenticated(outcome) = event { Some(outcome) } else { None }).await
}

#[tokio::test]
async fn an_open_connection_is_authenticated_once_more() {
    let server = Server::new("SCRAM-SHA-256");
    let challenge = server.to_auth(|server, code, data| {
        assert_eq!(code, AGAIN);
        auth(CONTINUE, server.method, Some(server.challenge(data).as_bytes()))
    });
    let success = server.to_auth(|server, _, data| auth(0, server.method, Some(server.sign(data).as_bytes())));
    let script = vec![server.to_connect(), server.accepting(), challenge, success, Step::Serve];
    let broker = Scripted::start(vec![script]).await;
    let mut listener = Listener::online(with(broker.port, "SCRAM-SHA-256", None)).await;
    again(&mut listener).await.expect("both know the password");
    listener.close().await;
}

#[tokio::test]
async fn without_authentication_there_is_none_to_repeat_and_the_connection_holds() {
    let broker = Scripted::start(vec![vec![Step::Read, Step::Send(CONNACK_V5.to_vec()), Step::Serve]]).await;
    let mut listener = Listener::online(v5(broker.port)).await;
    assert!(matches!(again(&mut listener).await, Err(Failure::Invalid(_))));
    assert_eq!(broker.accepted(), 1);
    listener.close().await;
}

#[rstest]
#[case::while_connecting(&[0xf0, 6, 0x18, 4, 0x15, 0, 1, b'm'])]
#[case::without_a_word(&[0xf0, 0])]
#[tokio::test]
async fn auth_that_was_not_asked_for_is_an_error(#[case] packet: &[u8]) {
    for before in [&[][..], CONNACK_V5] {
        let script = vec![Step::Read, Step::Send([before, packet].concat()), Step::Ignore];
        let broker = Scripted::start(vec![script]).await;
        let mut listener = Listener::start(Options { reconnect: None, ..v5(broker.port) });
        let cause = listener.failed().await;
        assert!(matches!(*cause, Failure::Violation(_) | Failure::Protocol(_)), "{cause:?}");
        listener.close().await;
    }
}
