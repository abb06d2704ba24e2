//! SCRAM (RFC 5802, RFC 7677): both sides prove that they know the password, and neither sends it.
//!
//! ```text
//! client  n,,n=user,r=nonce
//! server  r=nonce+more,s=salt,i=4096
//! client  c=biws,r=nonce+more,p=proof
//! server  v=signature
//! ```

use std::{borrow::Cow, num::NonZeroU32};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{digest, hmac, pbkdf2};
use zeroize::Zeroizing;

use crate::base::{human, secret::Secret, text};

/// The fewest iterations that a server may ask for: fewer would make the proof easy to attack (RFC 7677, 4).
const FEWEST_ITERATIONS: u32 = 4_096;

/// The most: what is recommended for stored passwords today, where brokers ask for 4,096 to some ten thousand.
///
/// The work is done between two reads of the connection, and this many take some tenths of a second; a broker that asked for
/// millions would keep this process busy with each connection.
const MOST_ITERATIONS: u32 = 600_000;

/// The longest message of a server that is read.
const MOST_BYTES: usize = 4_096;

/// A hash function with its name in Authentication Method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

/// One exchange.
pub(super) struct Scram {
    hash: Hash,
    password: Secret,
    nonce: String,
    /// The first message of the client without its header.
    bare: String,
    /// What the server must send at the end.
    expected: Option<Vec<u8>>,
}

impl Hash {
    /// Returns the hash of an Authentication Method.
    pub(super) fn of_method(method: &str) -> Option<Self> {
        match method {
            "SCRAM-SHA-1" => Some(Self::Sha1),
            "SCRAM-SHA-256" => Some(Self::Sha256),
            "SCRAM-SHA-512" => Some(Self::Sha512),
            _ => None,
        }
    }

    fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha512 => &digest::SHA512,
        }
    }

    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }

    fn pbkdf2(self) -> pbkdf2::Algorithm {
        match self {
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }

    fn sign(self, key: &[u8], message: &[u8]) -> hmac::Tag {
        hmac::sign(&hmac::Key::new(self.hmac(), key), message)
    }
}

impl Scram {
    /// Begins an exchange; `nonce` is random, printable and without a comma.
    ///
    /// # Errors
    ///
    /// Fails when the user name or the password holds what `SASLprep` forbids.
    pub(super) fn new(hash: Hash, username: &str, password: &Secret, nonce: String) -> Result<Self, String> {
        let name = prepared(username, "user name")?.replace('=', "=3D").replace(',', "=2C");
        let bare = format!("n={name},r={nonce}");
        Ok(Self { hash, password: prepared_password(password)?, nonce, bare, expected: None })
    }

    /// Returns the first message of the client.
    pub(super) fn first(&self) -> Vec<u8> {
        // No channel binding: MQTT may end TLS in front of the broker.
        format!("n,,{}", self.bare).into_bytes()
    }

    /// Answers to the first message of the server with the proof.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the message.
    pub(super) fn prove(&mut self, message: &[u8]) -> Result<Vec<u8>, String> {
        let message = readable(message)?;
        let mut fields = message.split(',');
        let nonce = field(fields.next(), "r=")?;
        let salt = STANDARD.decode(field(fields.next(), "s=")?).map_err(|_| "the broker's salt is not base64".to_owned())?;
        let iterations = iterations(field(fields.next(), "i=")?)?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err("the broker answers to another exchange".into());
        }
        let length = self.hash.digest().output_len();
        let mut salted = Zeroizing::new(vec![0; length]);
        pbkdf2::derive(self.hash.pbkdf2(), iterations, &salt, self.password.expose(), &mut salted);
        let client_key = self.hash.sign(&salted, b"Client Key");
        let stored_key = digest::digest(self.hash.digest(), client_key.as_ref());
        // `biws` is the header `n,,` of the first message.
        let without_proof = format!("c=biws,r={nonce}");
        let exchange = format!("{},{message},{without_proof}", self.bare);
        let signature = self.hash.sign(stored_key.as_ref(), exchange.as_bytes());
        let proof: Vec<u8> = client_key.as_ref().iter().zip(signature.as_ref()).map(|(key, mask)| key ^ mask).collect();
        let server_key = self.hash.sign(&salted, b"Server Key");
        self.expected = Some(self.hash.sign(server_key.as_ref(), exchange.as_bytes()).as_ref().to_vec());
        Ok(format!("{without_proof},p={}", STANDARD.encode(proof)).into_bytes())
    }

    /// Tells whether the proof was made, so that the message to come is the last one.
    pub(super) fn is_proved(&self) -> bool {
        self.expected.is_some()
    }

    /// Checks the last message of the server.
    ///
    /// # Errors
    ///
    /// Returns what is wrong: the broker does not know the password, or says that we do not.
    pub(super) fn verify(&self, message: &[u8]) -> Result<(), String> {
        let message = readable(message)?;
        let first = message.split(',').next().unwrap_or_default();
        if let Some(error) = first.strip_prefix("e=") {
            return Err(format!("the broker says {}", text::line(error, 60)));
        }
        let signature =
            STANDARD.decode(field(Some(first), "v=")?).map_err(|_| "the broker's signature is not base64".to_owned())?;
        let expected = self.expected.as_ref().ok_or("the broker's signature comes before our proof")?;
        if *expected == signature { Ok(()) } else { Err("the broker does not know the password: its signature is wrong".into()) }
    }
}

/// Brings a text into the one form that both sides take it in (RFC 4013).
fn prepared<'a>(text: &'a str, what: &str) -> Result<Cow<'a, str>, String> {
    // The crate's error names the character, which nobody should see of a password.
    stringprep::saslprep(text).map_err(|_| format!("the {what} holds a character that SCRAM does not allow (RFC 4013)"))
}

/// Does so with a password; one that is not text is taken as it is.
fn prepared_password(password: &Secret) -> Result<Secret, String> {
    match std::str::from_utf8(password.expose()).map(|text| prepared(text, "password")) {
        Err(_) | Ok(Ok(Cow::Borrowed(_))) => Ok(password.clone()),
        Ok(Ok(Cow::Owned(text))) => Ok(Secret::from(text)),
        Ok(Err(why)) => Err(why),
    }
}

fn readable(message: &[u8]) -> Result<&str, String> {
    if message.len() > MOST_BYTES {
        return Err(format!("the broker's message has {}", human::size(message.len() as u64)));
    }
    std::str::from_utf8(message).map_err(|_| "the broker's message is not text".into())
}

fn field<'a>(field: Option<&'a str>, name: &str) -> Result<&'a str, String> {
    field.and_then(|field| field.strip_prefix(name)).ok_or_else(|| format!("the broker's message lacks `{name}` where it is due"))
}

fn iterations(text: &str) -> Result<NonZeroU32, String> {
    let count = text.parse::<u32>().ok().filter(|count| (FEWEST_ITERATIONS..=MOST_ITERATIONS).contains(count));
    count.and_then(NonZeroU32::new).ok_or_else(|| {
        let shown = text::line(text, 20);
        format!("the broker asks for {shown} iterations, {FEWEST_ITERATIONS} to {MOST_ITERATIONS} are taken")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::from(text.to_owned())
    }

    fn scram(hash: Hash, nonce: &str) -> Scram {
        Scram::new(hash, "user", &secret("pencil"), nonce.into()).expect("plain texts")
    }

    /// Plays an exchange of an RFC.
    fn play(mut scram: Scram, first: &str, challenge: &str, proof: &str, signature: &str) {
        assert_eq!(String::from_utf8(scram.first()).expect("text"), first);
        assert_eq!(String::from_utf8(scram.prove(challenge.as_bytes()).expect("a proof")).expect("text"), proof);
        assert_eq!(scram.verify(signature.as_bytes()), Ok(()));
        let forged = signature.replacen(['r', '6'], "A", 1);
        assert!(scram.verify(forged.as_bytes()).expect_err("forged").contains("does not know the password"));
    }

    #[test]
    fn the_exchange_of_rfc_5802_is_reproduced() {
        play(
            scram(Hash::Sha1, "fyko+d2lbbFgONRv9qkxdawL"),
            "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        );
    }

    #[test]
    fn the_exchange_of_rfc_7677_is_reproduced() {
        play(
            scram(Hash::Sha256, "rOprNGfwEbeRWgbNEkqO"),
            "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        );
    }

    #[test]
    fn the_examples_of_rfc_4013_are_reproduced() {
        let cases = [
            ("I\u{ad}X", Some("IX")),
            ("user", Some("user")),
            ("USER", Some("USER")),
            ("\u{aa}", Some("a")),
            ("\u{2168}", Some("IX")),
            ("\u{7}", None),
            ("\u{627}\u{31}", None),
        ];
        for (given, wanted) in cases {
            let name = prepared(given, "user name");
            assert_eq!(name.as_deref().ok(), wanted, "{given:?}");
            let password = prepared_password(&secret(given));
            assert_eq!(password.as_ref().ok().map(Secret::expose), wanted.map(str::as_bytes), "{given:?}");
        }
        let why = Scram::new(Hash::Sha1, "user", &secret("CANARY\u{7}"), "N".into()).err().expect("forbidden");
        assert!(why.contains("the password holds a character") && !why.contains("CANARY"), "{why}");
    }

    #[test]
    fn both_forms_of_one_password_give_one_proof() {
        let proof = |password: &Secret| {
            let mut scram = Scram::new(Hash::Sha256, "r\u{e9}n\u{e9}", password, "N".into()).expect("allowed");
            assert_eq!(scram.first(), "n,,n=r\u{e9}n\u{e9},r=N".as_bytes());
            scram.prove(b"r=NN,s=QQ==,i=4096").expect("a proof")
        };
        assert_eq!(proof(&secret("pass\u{e9}\u{a0}word")), proof(&secret("passe\u{301} word")));
        assert_ne!(proof(&secret("pass\u{e9}")), proof(&secret("passe")));
        proof(&Secret::new(vec![0xff, 0xfe]));
    }

    #[test]
    fn a_user_name_cannot_break_out_of_its_field() {
        let scram = Scram::new(Hash::Sha1, "a,r=x=", &secret("p"), "N".into()).expect("plain texts");
        assert_eq!(scram.first(), b"n,,n=a=2Cr=3Dx=3D,r=N");
    }

    #[test]
    fn a_bad_challenge_is_refused_with_its_reason() {
        let cases = [
            ("", "lacks `r=`"),
            ("m=ext,r=NN,s=AA==,i=4096", "lacks `r=`"),
            ("r=N,s=QQ==,i=4096", "another exchange"),
            ("r=XN,s=QQ==,i=4096", "another exchange"),
            ("r=NN,s=%%,i=4096", "not base64"),
            ("r=NN,s=QQ==", "lacks `i=`"),
            ("r=NN,s=QQ==,i=4095", "asks for 4095 iterations"),
            ("r=NN,s=QQ==,i=600001", "asks for 600001 iterations, 4096 to 600000 are taken"),
            ("r=NN,s=QQ==,i=4000000000", "asks for 4000000000 iterations"),
            ("r=NN,s=QQ==,i=-1", "asks for -1 iterations"),
        ];
        for (challenge, said) in cases {
            let error = scram(Hash::Sha256, "N").prove(challenge.as_bytes()).expect_err(challenge);
            assert!(error.contains(said), "{challenge}: {error}");
        }
        assert!(scram(Hash::Sha256, "N").prove(&[0xff]).is_err());
        assert!(scram(Hash::Sha256, "N").prove(&[b'r'; 5_000]).is_err());
    }

    #[test]
    fn a_bad_end_is_refused_with_its_reason() {
        let mut scram = scram(Hash::Sha512, "N");
        assert!(scram.verify(b"v=QQ==").expect_err("no proof yet").contains("before our proof"));
        scram.prove(b"r=NN,s=QQ==,i=4096").expect("a proof");
        assert_eq!(scram.verify(b"e=invalid-proof\x1b[2J"), Err("the broker says invalid-proof␛[2J".into()));
        for bad in [&b""[..], b"v=%", b"v=QQ=="] {
            assert!(scram.verify(bad).is_err());
        }
    }
}
