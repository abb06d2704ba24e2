//! Enhanced authentication (MQTT 5.0, 4.12): what we send in CONNECT and AUTH, and what the broker must answer.

use std::fmt;

use bytes::Bytes;
use ring::rand::{SecureRandom as _, SystemRandom};
use rumqttc_v5::{AuthAction, AuthContext, AuthError, Authenticator, mqttbytes::v5::AuthProperties};

use super::{
    options::Options,
    scram::{Hash, Scram},
};
use crate::base::secret::Secret;

/// The bytes of chance in a nonce.
const NONCE: usize = 18;

/// What the library asks while CONNECT and AUTH go to and fro; begun anew with each of them that we start.
pub(super) struct Exchange {
    method: String,
    mechanism: Mechanism,
}

enum Mechanism {
    /// Data that is sent once.
    Token(Option<Secret>),
    Scram {
        hash: Hash,
        username: String,
        password: Secret,
        current: Option<Scram>,
        /// Whether the broker has proved that it knows the password.
        verified: bool,
    },
}

impl Exchange {
    /// Makes the exchange that the options want; nothing without enhanced authentication.
    pub(super) fn new(options: &Options) -> Option<Self> {
        let wanted = options.authentication.as_ref()?;
        let mechanism = match Hash::of_method(&wanted.method) {
            None => Mechanism::Token(wanted.data.clone()),
            Some(hash) => Mechanism::Scram {
                hash,
                username: options.username.clone().unwrap_or_default(),
                password: options.password.clone().unwrap_or_else(|| Secret::new(Vec::new())),
                current: None,
                verified: false,
            },
        };
        Some(Self { method: wanted.method.clone(), mechanism })
    }

    /// Returns the Authentication Method.
    pub(super) fn method(&self) -> &str {
        &self.method
    }

    /// Checks what the broker's success came with.
    fn accept(&mut self, data: Option<&[u8]>) -> Result<(), String> {
        match &mut self.mechanism {
            Mechanism::Token(_) | Mechanism::Scram { verified: true, .. } => Ok(()),
            Mechanism::Scram { current, verified, .. } => {
                let data = data.ok_or("the broker has not proved that it knows the password")?;
                current.as_ref().ok_or("the broker accepts before it was asked")?.verify(data)?;
                *verified = true;
                Ok(())
            }
        }
    }

    fn begin(&mut self) -> Result<Option<Vec<u8>>, String> {
        match &mut self.mechanism {
            Mechanism::Token(data) => Ok(data.as_ref().map(|data| data.expose().to_vec())),
            Mechanism::Scram { hash, username, password, current, verified } => {
                let scram = Scram::new(*hash, username, password, nonce()?)?;
                let first = scram.first();
                (*current, *verified) = (Some(scram), false);
                Ok(Some(first))
            }
        }
    }

    fn answer(&mut self, data: &[u8]) -> Result<Vec<u8>, String> {
        match &mut self.mechanism {
            Mechanism::Token(_) => Err(format!("the broker wants more than {} has to say", self.method)),
            Mechanism::Scram { current, verified, .. } => {
                let scram = current.as_mut().ok_or("the broker answers before it was asked")?;
                if !scram.is_proved() {
                    return scram.prove(data);
                }
                if *verified {
                    return Err("the broker goes on after its signature".into());
                }
                // Some brokers prove themselves before they accept.
                scram.verify(data)?;
                *verified = true;
                Ok(Vec::new())
            }
        }
    }

    fn properties(&self, data: Option<Vec<u8>>) -> AuthProperties {
        AuthProperties { method: Some(self.method.clone()), data: data.map(Bytes::from), reason: None, user_properties: Vec::new() }
    }
}

impl Authenticator for Exchange {
    fn start(&mut self, _: AuthContext<'_>) -> Result<Option<AuthProperties>, AuthError> {
        let data = self.begin()?;
        Ok(Some(self.properties(data)))
    }

    fn continue_auth(&mut self, _: AuthContext<'_>, incoming: Option<AuthProperties>) -> Result<AuthAction, AuthError> {
        let data = incoming.and_then(|properties| properties.data).unwrap_or_default();
        let answer = self.answer(&data)?;
        Ok(AuthAction::Send(self.properties(Some(answer))))
    }

    fn success(&mut self, _: AuthContext<'_>, incoming: Option<AuthProperties>) -> Result<(), AuthError> {
        let data = incoming.and_then(|properties| properties.data);
        Ok(self.accept(data.as_deref())?)
    }

    fn failure(&mut self, _: AuthContext<'_>, _: AuthError) {}
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("method", &self.method).finish_non_exhaustive()
    }
}

/// Makes a nonce of letters and digits.
fn nonce() -> Result<String, String> {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let mut bytes = [0; NONCE];
    SystemRandom::new().fill(&mut bytes).map_err(|_| "the system has no random numbers".to_owned())?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{mqtt::options::Authentication, wire::endpoint::Url};

    fn exchange(method: &str, data: Option<&str>) -> Exchange {
        let endpoint = Url::parse("mqtt://h").expect("valid").endpoint;
        let data = data.map(|data| Secret::from(data.to_owned()));
        let authentication = Some(Authentication { method: method.into(), data });
        let password = Some(Secret::from("pencil".to_owned()));
        let options = Options { authentication, username: Some("user".into()), password, ..Options::new(endpoint, "id") };
        Exchange::new(&options).expect("wanted")
    }

    #[test]
    fn a_token_is_sent_once_and_believed_in_any_answer() {
        let mut token = exchange("Bearer", Some("CANARY"));
        assert_eq!(token.begin(), Ok(Some(b"CANARY".to_vec())));
        assert!(token.answer(b"more").is_err());
        assert_eq!(token.accept(None), Ok(()));
        assert!(!format!("{token:?}").contains("CANARY"));
    }

    #[test]
    fn a_broker_that_proves_nothing_is_not_believed() {
        let mut scram = exchange("SCRAM-SHA-256", None);
        scram.begin().expect("a first message");
        assert!(scram.accept(None).expect_err("no signature").contains("has not proved"));
        assert!(scram.accept(Some(b"v=QQ==")).expect_err("no proof").contains("before our proof"));
    }

    #[test]
    fn every_exchange_has_a_nonce_of_its_own() {
        let mut scram = exchange("SCRAM-SHA-1", None);
        let first = scram.begin().expect("a first message");
        assert_ne!(scram.begin().expect("a first message"), first);
    }
}
