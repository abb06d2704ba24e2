//! Where a broker's Server Reference leads (MQTT 5.0, 4.11): the same connection to another server, without its secrets.

use super::{Profile, need::Sources};
use crate::wire::endpoint::Endpoint;

/// A connection that leads elsewhere.
#[derive(Debug, Clone)]
pub struct Elsewhere {
    /// What to connect with.
    pub profile: Profile,
    /// What is kept from the other server, in words; nothing where it is on the same host.
    pub withheld: Vec<&'static str>,
}

impl Profile {
    /// Returns this connection to another server.
    ///
    /// Only to a host that the profile names, and no less encrypted than there, goes what says or proves who we are.
    #[must_use]
    pub fn elsewhere(&self, server: &Endpoint) -> Elsewhere {
        let mut profile = self.clone();
        let is_known = self
            .template
            .endpoints()
            .any(|known| known.host.eq_ignore_ascii_case(&server.host) && (server.is_encrypted() || !known.is_encrypted()));
        profile.template.endpoint = server.clone();
        profile.template.fallbacks = Vec::new();
        let withheld = if is_known { Vec::new() } else { profile.withhold() };
        Elsewhere { profile, withheld }
    }

    /// Takes everything out that is meant for the hosts of the profile alone; returns what it was.
    fn withhold(&mut self) -> Vec<&'static str> {
        let Sources { authentication, passphrase, proxy: _, headers } = &mut self.sources;
        let options = &mut self.template;
        let mut withheld = Vec::new();
        let mut take = |was_there: bool, what| {
            if was_there {
                withheld.push(what);
            }
        };
        take(options.username.take().is_some(), "the user name");
        take(self.password.take().is_some() | options.password.take().is_some(), "the password");
        take(authentication.take().is_some() | options.authentication.take().is_some(), "the authentication data");
        take(options.tls.cert_file.take().is_some(), "the client certificate");
        (options.tls.key_file, options.tls.key_password, *passphrase) = (None, None, None);
        let named = !headers.is_empty() || !options.websocket.headers.is_empty();
        take(named, "the WebSocket headers");
        headers.clear();
        options.websocket.headers.clear();
        take(!options.user_properties.is_empty(), "the user properties");
        options.user_properties.clear();
        // The name of the old server would vouch for whoever answers.
        options.tls.server_name = None;
        withheld
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::secret::Secret,
        mqtt::options::Authentication,
        profile::secret::PasswordSource,
        wire::{endpoint::Url, proxy::Proxy},
    };

    fn endpoint(url: &str) -> Endpoint {
        Url::parse(url).expect(url).endpoint
    }

    fn full(url: &str) -> Profile {
        let mut profile = Profile::ad_hoc(Url::parse(url).expect(url));
        let source = || PasswordSource::Env("SET".into());
        profile.password = Some(source());
        profile.sources = Sources {
            authentication: Some(source()),
            passphrase: Some(source()),
            proxy: Some(source()),
            headers: vec![("Authorization".into(), source())],
        };
        profile.amend(|options| {
            options.authentication = Some(Authentication { method: "token".into(), data: None });
            options.user_properties = vec![("jwt".into(), "CANARY".into())];
            options.proxy = Some(Proxy::parse("socks5://ops@p").expect("valid"));
            options.tls.cert_file = Some("me.pem".into());
            options.tls.key_file = Some("me.key".into());
            options.tls.server_name = Some("h".into());
            options.websocket.headers = vec![("Cookie".into(), Secret::from("CANARY".to_owned()))];
            options.fallbacks = vec![endpoint("mqtts://second")];
        });
        profile
    }

    #[test]
    fn another_host_gets_nothing_that_proves_who_we_are() {
        let Elsewhere { profile, withheld } = full("mqtts://ops@h").elsewhere(&endpoint("mqtts://evil"));
        assert_eq!(
            withheld,
            [
                "the user name",
                "the password",
                "the authentication data",
                "the client certificate",
                "the WebSocket headers",
                "the user properties"
            ]
        );
        let options = &profile.template;
        assert_eq!(options.endpoints().map(ToString::to_string).collect::<Vec<_>>(), ["mqtts://evil:8883"]);
        assert!(options.username.is_none() && options.authentication.is_none() && options.user_properties.is_empty());
        assert!(options.tls.cert_file.is_none() && options.tls.key_file.is_none() && options.tls.server_name.is_none());
        assert!(options.websocket.headers.is_empty() && profile.password.is_none());
        let Sources { authentication, passphrase, proxy, headers } = &profile.sources;
        assert!(authentication.is_none() && passphrase.is_none() && headers.is_empty());
        assert!(proxy.is_some() && options.proxy.is_some(), "the proxy stays the same");
    }

    #[test]
    fn a_host_of_the_profile_gets_all_if_the_way_is_as_safe() {
        for server in ["mqtts://H:8884", "wss://h/mqtt", "mqtts://second"] {
            let Elsewhere { profile, withheld } = full("mqtts://ops@h").elsewhere(&endpoint(server));
            assert!(withheld.is_empty() && profile.username() == Some("ops") && profile.password.is_some(), "{server}");
        }
        let Elsewhere { profile, withheld } = full("mqtts://ops@h").elsewhere(&endpoint("mqtt://h"));
        assert!(!withheld.is_empty() && profile.username().is_none(), "not in the clear");
    }
}
