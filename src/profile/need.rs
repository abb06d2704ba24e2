//! The secrets that a connection needs: which, where each comes from, and the fetching of all.

use std::{ffi::OsString, fmt};

use super::{
    Profile,
    secret::{PasswordSource, Resolved},
};
use crate::{
    base::{secret::Secret, text},
    mqtt::options::Options,
    wire::{endpoint::Endpoint, tls},
};

/// A secret that a connection needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// The Password of CONNECT.
    Password,
    /// The Authentication Data of MQTT 5, such as a token.
    Authentication,
    /// The passphrase of the client's key.
    Passphrase,
    /// The password of the proxy's user.
    ProxyPassword,
    /// The value of the header with this name, in the handshake of a WebSocket.
    Header(String),
}

/// Where the secrets come from, the password aside.
#[derive(Debug, Clone, Default)]
pub(super) struct Sources {
    pub(super) authentication: Option<PasswordSource>,
    pub(super) passphrase: Option<PasswordSource>,
    pub(super) proxy: Option<PasswordSource>,
    pub(super) headers: Vec<(String, PasswordSource)>,
}

impl Need {
    /// Puts the secret where the session takes it from.
    pub fn put(&self, options: &mut Options, secret: Secret) {
        match self {
            Self::Password => options.password = Some(secret),
            Self::Authentication => {
                if let Some(authentication) = &mut options.authentication {
                    authentication.data = Some(secret);
                }
            }
            Self::Passphrase => options.tls.key_password = Some(secret),
            Self::ProxyPassword => {
                if let Some(proxy) = &mut options.proxy {
                    proxy.password = Some(secret);
                }
            }
            Self::Header(name) => options.websocket.headers.push((name.clone(), secret)),
        }
    }

    fn is_met(&self, options: &Options) -> bool {
        match self {
            Self::Password => options.password.is_some(),
            Self::Authentication => options.authentication.as_ref().is_none_or(|authentication| authentication.data.is_some()),
            Self::Passphrase => options.tls.key_password.is_some() || !options.endpoints().any(Endpoint::is_encrypted),
            Self::ProxyPassword => options.proxy.as_ref().is_none_or(|proxy| proxy.username.is_none() || proxy.password.is_some()),
            Self::Header(name) => {
                options.websocket.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
                    || !options.endpoints().any(|endpoint| endpoint.transport.is_websocket())
            }
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password => f.write_str("Password"),
            Self::Authentication => f.write_str("Authentication data"),
            Self::Passphrase => f.write_str("Passphrase of the client key"),
            Self::ProxyPassword => f.write_str("Password of the proxy"),
            Self::Header(name) => write!(f, "Header {}", text::line(name, 40)),
        }
    }
}

impl Profile {
    /// Returns the first secret that must be asked of the user and that `options` does not hold yet.
    ///
    /// An encrypted key and a user of the proxy need one even where the profile does not say so.
    pub async fn wanted(&self, options: &Options) -> Option<Need> {
        let asked =
            self.sources().into_iter().find(|(need, source)| matches!(source, PasswordSource::Prompt) && !need.is_met(options));
        if let Some((need, _)) = asked {
            return Some(need);
        }
        if self.sources.proxy.is_none() && !Need::ProxyPassword.is_met(options) {
            return Some(Need::ProxyPassword);
        }
        if self.sources.passphrase.is_some() || Need::Passphrase.is_met(options) {
            return None;
        }
        let key = options.tls.key_path()?.clone();
        let is_encrypted = tokio::task::spawn_blocking(move || tls::is_encrypted(&key)).await.unwrap_or(false);
        is_encrypted.then_some(Need::Passphrase)
    }

    /// Fetches what need not be asked of the user and what `options` does not hold yet; `environment` looks a variable up.
    ///
    /// # Errors
    ///
    /// Returns a sentence, safe to show, without any secret.
    pub async fn fetch(
        &self,
        options: &mut Options,
        environment: &(dyn Fn(&str) -> Option<OsString> + Sync),
    ) -> Result<(), String> {
        for (need, source) in self.sources() {
            if need.is_met(options) {
                continue;
            }
            match source.resolve(environment).await {
                Ok(Resolved::Password(secret)) => need.put(options, secret),
                Ok(Resolved::Prompt) => {}
                Err(why) if need == Need::Password => return Err(why),
                Err(why) => return Err(format!("{need}: {why}")),
            }
        }
        Ok(())
    }

    /// Has a secret come from another place than the file says.
    pub fn take_from(&mut self, need: &Need, source: PasswordSource) {
        self.forget(need);
        match need {
            Need::Password => self.password = Some(source),
            Need::Authentication => self.sources.authentication = Some(source),
            Need::Passphrase => self.sources.passphrase = Some(source),
            Need::ProxyPassword => self.sources.proxy = Some(source),
            Need::Header(name) => self.sources.headers.push((name.clone(), source)),
        }
    }

    /// Takes no secret from the profile where the command line replaced what it belongs to.
    pub fn forget(&mut self, need: &Need) {
        match need {
            Need::Password => self.password = None,
            Need::Authentication => self.sources.authentication = None,
            Need::Passphrase => self.sources.passphrase = None,
            Need::ProxyPassword => self.sources.proxy = None,
            Need::Header(name) => self.sources.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name)),
        }
    }

    /// Returns the options with an empty stand-in for each secret that the profile says where to find.
    pub(super) fn with_stand_ins(&self) -> Options {
        let mut options = self.template.clone();
        for (need, _) in self.sources() {
            need.put(&mut options, Secret::new(Vec::new()));
        }
        options
    }

    fn sources(&self) -> Vec<(Need, &PasswordSource)> {
        let Sources { authentication, passphrase, proxy, headers } = &self.sources;
        let one = [
            (Need::Password, &self.password),
            (Need::Authentication, authentication),
            (Need::Passphrase, passphrase),
            (Need::ProxyPassword, proxy),
        ];
        let one = one.into_iter().filter_map(|(need, source)| Some((need, source.as_ref()?)));
        one.chain(headers.iter().map(|(name, source)| (Need::Header(name.clone()), source))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        profile::client_id::Identity,
        wire::{endpoint::Url, proxy::Proxy},
    };

    fn profile(url: &str) -> (Profile, Options) {
        let profile = Profile::ad_hoc(Url::parse(url).expect(url));
        let identity = Identity { user: "anna".into(), host: "edge".into(), random: "r".into(), pid: 7 };
        let options = profile.options(&identity);
        (profile, options)
    }

    fn environment(name: &str) -> Option<OsString> {
        (name == "SET").then(|| "CANARY".into())
    }

    #[tokio::test]
    async fn every_secret_reaches_its_place() {
        let (mut profile, mut options) = profile("wss://h");
        let source = || PasswordSource::Env("SET".into());
        profile.password = Some(source());
        profile.sources = Sources {
            passphrase: Some(source()),
            proxy: Some(source()),
            headers: vec![("Authorization".into(), source())],
            ..Sources::default()
        };
        options.proxy = Some(Proxy::parse("http://ops@h").expect("valid"));
        assert_eq!(profile.wanted(&options).await, None);
        profile.fetch(&mut options, &environment).await.expect("set");
        let proxy = options.proxy.as_ref().and_then(|proxy| proxy.password.as_ref());
        let header = options.websocket.headers.first().map(|(_, value)| value);
        for secret in [options.password.as_ref(), options.tls.key_password.as_ref(), proxy, header] {
            assert_eq!(secret.map(Secret::expose), Some(&b"CANARY"[..]));
        }
        assert!(!format!("{options:?} {profile:?}").contains("CANARY"));
    }

    #[tokio::test]
    async fn what_is_asked_for_is_asked_before_anything_is_run() {
        let (mut profile, mut options) = profile("mqtts://h");
        profile.password = Some(PasswordSource::Prompt);
        options.proxy = Some(Proxy::parse("socks5://ops@h").expect("valid"));
        for expected in [Need::Password, Need::ProxyPassword] {
            let need = profile.wanted(&options).await.expect("to be asked");
            assert_eq!(need, expected);
            need.put(&mut options, Secret::from("typed".to_owned()));
        }
        assert_eq!(profile.wanted(&options).await, None);
    }

    #[tokio::test]
    async fn what_the_transport_does_not_use_is_not_fetched() {
        let (mut profile, mut options) = profile("mqtt://h");
        let missing = || PasswordSource::Env("MISSING".into());
        profile.sources = Sources {
            passphrase: Some(missing()),
            proxy: Some(missing()),
            headers: vec![("A".into(), missing())],
            ..Sources::default()
        };
        profile.fetch(&mut options, &environment).await.expect("nothing is needed");
        options.fallbacks.push(Url::parse("wss://h").expect("valid").endpoint);
        let why = profile.fetch(&mut options, &environment).await.expect_err("not set");
        assert!(why.starts_with("Passphrase of the client key: ") && why.contains("MISSING"), "{why}");
    }
}
