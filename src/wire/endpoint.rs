//! Where a broker is: transport, host and port, read from a URL.

use std::fmt;

/// How the bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Plain TCP, `mqtt://`.
    Tcp,
    /// TLS over TCP, `mqtts://`.
    Tls,
}

/// Scheme, its aliases, transport, default port.
const SCHEMES: &[(&str, &[&str], Transport, u16)] =
    &[("mqtt", &["tcp"], Transport::Tcp, 1883), ("mqtts", &["ssl", "tls"], Transport::Tls, 8883)];

/// The schemes of CLI.md whose transport does not exist yet.
const PLANNED: &[&str] = &["ws", "wss", "quic", "unix"];

/// The address of a broker.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// How the bytes travel.
    pub transport: Transport,
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// What a URL says: the endpoint and, perhaps, the user name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// Where to connect.
    pub endpoint: Endpoint,
    /// The part before `@`.
    pub username: Option<String>,
}

impl Endpoint {
    /// Tells whether the host is this machine: a loopback address or `localhost`.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost") || self.host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Tells whether the bytes are encrypted on the way.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.transport == Transport::Tls
    }

    /// Returns `host:port`, with brackets around an IPv6 address.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') { format!("[{}]:{}", self.host, self.port) } else { format!("{}:{}", self.host, self.port) }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = SCHEMES.iter().find(|scheme| scheme.2 == self.transport);
        write!(f, "{}://{}", scheme.map_or("mqtt", |scheme| scheme.0), self.authority())
    }
}

impl Url {
    /// Tells whether a text is meant as a URL rather than as a profile's name.
    #[must_use]
    pub fn is_url(text: &str) -> bool {
        text.contains("://") || text.starts_with("unix:")
    }

    /// Reads `mqtt://[user@]host[:port]`.
    ///
    /// # Errors
    ///
    /// Returns a sentence that says what is wrong; it never repeats a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or("a broker's URL starts with mqtt:// or mqtts://")?;
        let scheme = scheme.to_ascii_lowercase();
        let Some(&(_, _, transport, default_port)) =
            SCHEMES.iter().find(|(name, aliases, ..)| *name == scheme || aliases.contains(&scheme.as_str()))
        else {
            let known = "use mqtt:// or mqtts://";
            return Err(if PLANNED.contains(&scheme.as_str()) {
                format!("{scheme}:// is not supported by this version of mqtap; {known}")
            } else {
                format!("`{}` is not a scheme of a broker's URL; {known}", crate::base::text::line(&scheme, 20))
            });
        };
        let (username, authority) = match rest.rsplit_once('@') {
            None => (None, rest),
            Some((user, _)) if user.contains(':') => {
                return Err("a password in a URL would show in the list of processes; leave it out, and use --password-env, \
                            --password-file or a profile"
                    .into());
            }
            Some((user, authority)) => (Some(percent_decode(user)?), authority),
        };
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        if authority.contains(['/', '?', '#']) {
            return Err(format!("nothing may follow the port in a {scheme}:// URL"));
        }
        let (host, port) = split_port(authority)?;
        if host.is_empty() {
            return Err("the URL names no host; write mqtt://localhost".into());
        }
        if host.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err("the host of the URL holds a space or a control character".into());
        }
        let port = match port {
            None => default_port,
            Some(port) => match port.parse() {
                Ok(0) | Err(_) => {
                    return Err(format!("`{}` is not a port; a port is 1 to 65535", crate::base::text::line(port, 20)));
                }
                Ok(port) => port,
            },
        };
        Ok(Self { endpoint: Endpoint { transport, host: host.to_owned(), port }, username })
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), String> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or("the IPv6 address lacks its closing bracket")?;
        if host.parse::<std::net::Ipv6Addr>().is_err() && !host.contains('%') {
            return Err(format!("`{}` is not an IPv6 address", crate::base::text::line(host, 40)));
        }
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => Err("after the bracket of an IPv6 address only :PORT may follow".into()),
        };
    }
    match authority.split_once(':') {
        Some((_, port)) if port.contains(':') => Err("write an IPv6 address in brackets: mqtt://[::1]:1883".into()),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((authority, None)),
    }
}

fn percent_decode(text: &str) -> Result<String, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next(), bytes.next()].map(|digit| digit.and_then(|d| char::from(d).to_digit(16)));
            let [Some(high), Some(low)] = digits else { return Err("a % in a URL is followed by two hexadecimal digits".into()) };
            out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).map_err(|_| "the user name in the URL is not UTF-8".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> (Transport, String, u16) {
        let url = Url::parse(text).expect(text);
        (url.endpoint.transport, url.endpoint.host, url.endpoint.port)
    }

    #[test]
    fn the_port_follows_the_scheme() {
        assert_eq!(endpoint("mqtt://localhost"), (Transport::Tcp, "localhost".into(), 1883));
        assert_eq!(endpoint("SSL://broker.example/"), (Transport::Tls, "broker.example".into(), 8883));
        assert_eq!(endpoint("tcp://10.0.0.1:2000"), (Transport::Tcp, "10.0.0.1".into(), 2000));
        assert_eq!(endpoint("mqtt://[::1]:2000"), (Transport::Tcp, "::1".into(), 2000));
    }

    #[test]
    fn a_url_is_printed_as_it_is_read() {
        for text in ["mqtt://localhost:1883", "mqtts://[::1]:8883"] {
            assert_eq!(Url::parse(text).expect(text).endpoint.to_string(), text);
        }
    }

    #[test]
    fn a_user_is_taken_and_a_password_refused_unseen() {
        assert_eq!(Url::parse("mqtt://o%40ps@h").expect("valid").username.as_deref(), Some("o@ps"));
        let refusal = Url::parse("mqtt://ops:CANARY@h").expect_err("a password");
        assert!(refusal.contains("list of processes") && !refusal.contains("CANARY"), "{refusal}");
    }

    #[test]
    fn a_bad_url_says_what_is_wrong() {
        let cases = [
            ("localhost", "starts with"),
            ("http://h", "not a scheme"),
            ("ws://h", "not supported"),
            ("mqtt://", "no host"),
            ("mqtt://h:0", "1 to 65535"),
            ("mqtt://h:99999", "1 to 65535"),
            ("mqtt://::1:1883", "brackets"),
            ("mqtt://[::1", "bracket"),
            ("mqtt://h/path", "nothing may follow"),
            ("mqtt://%zz@h", "hexadecimal"),
        ];
        for (text, part) in cases {
            let error = Url::parse(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
