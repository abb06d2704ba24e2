//! Where a broker is: transport, host, port and path, read from a URL.

mod password;

use std::fmt;

pub use self::password::{masked, take_password};
use crate::base::text;

/// How the bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Plain TCP, `mqtt://`.
    Tcp,
    /// TLS over TCP, `mqtts://`.
    Tls,
    /// WebSocket over TCP, `ws://`.
    Ws,
    /// WebSocket over TLS, `wss://`.
    Wss,
    /// QUIC, which has TLS in it, `quic://`.
    Quic,
    /// A socket of this machine, `unix://`.
    Unix,
}

impl Transport {
    /// Tells whether the bytes are encrypted on the way.
    #[must_use]
    pub fn is_encrypted(self) -> bool {
        matches!(self, Self::Tls | Self::Wss | Self::Quic)
    }

    /// Tells whether the bytes travel in frames of a WebSocket.
    #[must_use]
    pub fn is_websocket(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }

    /// Tells whether the bytes travel over TCP, which is what a proxy carries.
    #[must_use]
    pub fn is_tcp(self) -> bool {
        matches!(self, Self::Tcp | Self::Tls | Self::Ws | Self::Wss)
    }
}

/// Scheme, its aliases, transport, default port.
const SCHEMES: &[(&str, &[&str], Transport, u16)] = &[
    ("mqtt", &["tcp"], Transport::Tcp, 1883),
    ("mqtts", &["ssl", "tls"], Transport::Tls, 8883),
    ("ws", &[], Transport::Ws, 80),
    ("wss", &[], Transport::Wss, 443),
    ("quic", &[], Transport::Quic, 14567),
    ("unix", &[], Transport::Unix, 0),
];

/// The longest path of a socket in bytes, which every Unix takes.
const MAX_SOCKET_PATH: usize = 103;

/// The address of a broker; printed, it is a URL without what its query says, which may be a secret.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// How the bytes travel.
    pub transport: Transport,
    /// A name, an IPv4 address, or an IPv6 address without brackets; `localhost` for a socket.
    pub host: String,
    /// The port; 0 for a socket.
    pub port: u16,
    /// The path of a socket, or that of a WebSocket with its query where the URL has one; empty elsewhere.
    pub path: String,
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
    /// Makes an endpoint without a path.
    #[must_use]
    pub fn new(transport: Transport, host: impl Into<String>, port: u16) -> Self {
        Self { transport, host: host.into(), port, path: String::new() }
    }

    /// Tells whether the host is this machine: a socket, a loopback address or `localhost`.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.transport == Transport::Unix
            || self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Tells whether the bytes are encrypted on the way.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.transport.is_encrypted()
    }

    /// Returns `host:port`, with brackets around an IPv6 address, or the path of a socket, made safe.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.transport == Transport::Unix { text::safe(&self.path).to_string() } else { authority_of(&self.host, self.port) }
    }

    /// Returns the whole URL, as [`Url::parse`] reads it; its query may be a secret.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = SCHEMES.iter().find(|scheme| scheme.2 == self.transport).map_or("mqtt", |scheme| scheme.0);
        match self.transport {
            Transport::Unix => format!("{scheme}://{}", percent_encode(&self.path)),
            Transport::Ws | Transport::Wss => format!("{scheme}://{}{}", self.authority(), self.path),
            Transport::Tcp | Transport::Tls | Transport::Quic => format!("{scheme}://{}", self.authority()),
        }
    }

    /// Tells whether the port is that of the scheme.
    pub(super) fn has_default_port(&self) -> bool {
        SCHEMES.iter().any(|scheme| scheme.2 == self.transport && scheme.3 == self.port)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.url()))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Url {
    /// Tells whether a text is meant as a URL rather than as a profile's name.
    #[must_use]
    pub fn is_url(text: &str) -> bool {
        text.contains("://") || text.starts_with("unix:")
    }

    /// Reads `mqtt://[user@]host[:port]` and its like; a WebSocket may have a path, and a socket is nothing but one.
    ///
    /// # Errors
    ///
    /// Returns a sentence that says what is wrong; it never repeats a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = match text.split_once("://") {
            Some(parts) => parts,
            None => text
                .split_once(':')
                .filter(|(scheme, _)| *scheme == "unix")
                .ok_or("a broker's URL starts with mqtt:// or mqtts://")?,
        };
        let scheme = scheme.to_ascii_lowercase();
        let Some(&(_, _, transport, default_port)) =
            SCHEMES.iter().find(|(name, aliases, ..)| *name == scheme || aliases.contains(&scheme.as_str()))
        else {
            let known: Vec<String> = SCHEMES.iter().map(|scheme| format!("{}://", scheme.0)).collect();
            let advice = match scheme.as_str() {
                "http" => "MQTT over WebSocket is ws://".to_owned(),
                "https" => "MQTT over WebSocket with TLS is wss://".to_owned(),
                _ => format!("use one of {}", known.join(" ")),
            };
            return Err(format!("`{}` is not a scheme of a broker's URL; {advice}", text::line(&scheme, 20)));
        };
        if transport == Transport::Unix {
            let endpoint = Endpoint { path: socket_path(rest)?, ..Endpoint::new(transport, "localhost", 0) };
            return Ok(Self { endpoint, username: None });
        }
        let end = if transport.is_websocket() { rest.find(['/', '?', '#']).unwrap_or(rest.len()) } else { rest.len() };
        let (authority, path) = rest.split_at(end);
        let Authority { username, host, port } = Authority::read(authority, rest, &scheme, PASSWORD_ADVICE)?;
        let path = websocket_path(path)?;
        Ok(Self { endpoint: Endpoint { transport, host, port: port.unwrap_or(default_port), path }, username })
    }
}

const PASSWORD_ADVICE: &str = "use --password-env, --password-file or a profile";

/// The part of a URL between the scheme and the path.
pub(super) struct Authority {
    pub(super) username: Option<String>,
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

impl Authority {
    /// Reads `[user@]host[:port]`, which stands in `rest`; `advice` says where a password belongs.
    pub(super) fn read(authority: &str, rest: &str, scheme: &str, advice: &str) -> Result<Self, String> {
        let password = || format!("a password in a URL would show in the list of processes; leave it out, and {advice}");
        let (username, authority) = match authority.rsplit_once('@') {
            None => (None, authority),
            Some((user, _)) if user.contains(':') => return Err(password()),
            Some((user, authority)) => (Some(percent_decode(user)?), authority),
        };
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        if authority.contains(['/', '?', '#']) {
            return Err(format!("nothing may follow the port in a {scheme}:// URL"));
        }
        let (host, port) = split_port(authority)?;
        if host.is_empty() {
            return Err(format!("the URL names no host; write {scheme}://localhost"));
        }
        if host.chars().any(|c| c.is_whitespace() || text::is_hostile(c)) {
            return Err("the host of the URL holds a space or a character that cannot be seen".into());
        }
        let port = match port.map(str::parse) {
            None => None,
            Some(Ok(port)) if port > 0 => Some(port),
            // What looks like a port may be the beginning of a password with a slash in it.
            Some(_) if rest.contains('@') => return Err(password()),
            Some(_) => {
                let shown = text::line(port.unwrap_or_default(), 20);
                return Err(format!("`{shown}` is not a port; a port is 1 to 65535"));
            }
        };
        Ok(Self { username, host: host.to_owned(), port })
    }
}

/// Returns `host:port`, with brackets around an IPv6 address.
pub(super) fn authority_of(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Checks the path of a WebSocket with its query, as it is sent.
///
/// # Errors
///
/// Returns a sentence that says what is wrong.
pub fn websocket_path(path: &str) -> Result<String, String> {
    if path.contains('#') {
        return Err("a `#` begins what is never sent; write %23 if it belongs to the path".into());
    }
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("the path of a URL holds visible ASCII only; write the rest as %20 and so on".into());
    }
    Ok(if path.is_empty() || path.starts_with('/') { path.to_owned() } else { format!("/{path}") })
}

/// Reads the path of a socket, in which `%20` and its like stand for bytes.
fn socket_path(text: &str) -> Result<String, String> {
    let path = percent_decode(text)?;
    if !path.starts_with('/') || path.ends_with('/') {
        return Err("the path of a socket is absolute: unix:///run/mosquitto.sock".into());
    }
    if path.contains('\0') || path.len() > MAX_SOCKET_PATH {
        return Err(format!("the path of a socket has at most {MAX_SOCKET_PATH} bytes, none of them zero"));
    }
    Ok(path)
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), String> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or("the IPv6 address lacks its closing bracket")?;
        let (address, zone) = host.split_once('%').unwrap_or((host, "eth0"));
        if address.parse::<std::net::Ipv6Addr>().is_err() || zone.is_empty() || zone.contains('[') {
            return Err(format!("`{}` is not an IPv6 address", text::line(host, 40)));
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
    String::from_utf8(out).map_err(|_| "the URL is not UTF-8 once its % are read".into())
}

/// Writes what would mean something in a URL, and what cannot be seen, as `%20` and its like.
pub(super) fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'%' | b'?' | b'#' | b'@' | b':' => out.push_str(&format!("%{byte:02X}")),
            byte if byte.is_ascii_graphic() => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select, test_runner::TestRunner};

    use super::*;

    /// What means something in a URL, and what hides in one.
    const PIECES: &[&str] =
        &["", "/", ":", "@", "?", "#", "[", "]", "%", "%41", "%e2%80%ae", "&a=b", "::1", "1883", "h", ".example", "\u{202e}"];

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
        assert_eq!(endpoint("ws://h/mqtt"), (Transport::Ws, "h".into(), 80));
        assert_eq!(endpoint("WSS://h"), (Transport::Wss, "h".into(), 443));
        assert_eq!(endpoint("quic://h"), (Transport::Quic, "h".into(), 14567));
    }

    #[test]
    fn a_url_is_printed_as_it_is_read() {
        for text in [
            "mqtt://localhost:1883",
            "mqtts://[::1]:8883",
            "ws://h:80",
            "ws://h:8080/",
            "wss://[::1]:443/mqtt?a=b@c:d&e=%20",
            "quic://h:14567",
            "unix:///run/a%20b%25%C3%BC.sock",
        ] {
            assert_eq!(Url::parse(text).expect(text).endpoint.url(), text);
        }
    }

    #[test]
    fn whatever_is_read_prints_without_a_hostile_character_and_is_read_back_equal() {
        let piece = || {
            let piece =
                prop_oneof![3 => select(PIECES).prop_map(str::to_owned), 1 => "\\PC", 1 => any::<char>().prop_map(String::from)];
            vec(piece, 0..4).prop_map(|pieces| pieces.concat())
        };
        let parts = (
            select(&["mqtt", "TCP", "mqtts", "ws", "wss", "quic", "unix", "http"][..]),
            select(&["://", "://", ":///", ":"][..]),
            select(&["", "", "u@"][..]),
            piece(),
            piece(),
            piece(),
        );
        let cases = ProptestConfig::default().cases.max(10_000);
        let read = std::cell::Cell::new(0);
        let ended = TestRunner::new(ProptestConfig { cases, ..ProptestConfig::default() }).run(
            &parts,
            |(scheme, colon, user, one, two, three)| {
                let text = format!("{scheme}{colon}{user}{one}{two}{three}");
                let Ok(Url { endpoint, .. }) = Url::parse(&text) else { return Ok(()) };
                read.set(read.get() + 1);
                for printed in [endpoint.url(), endpoint.to_string(), endpoint.authority()] {
                    prop_assert!(!printed.chars().any(text::is_hostile), "{text:?}: {printed:?}");
                }
                prop_assert_eq!(Url::parse(&endpoint.url()).map(|url| url.endpoint), Ok(endpoint));
                Ok(())
            },
        );
        ended.unwrap_or_else(|error| panic!("{error}"));
        assert!(read.get() > cases / 10, "only {} of {cases} were URLs", read.get());
    }

    #[test]
    fn a_token_in_a_query_is_sent_and_not_shown() {
        let endpoint = Url::parse("wss://h/mqtt?token=CANARY").expect("valid").endpoint;
        assert_eq!(endpoint.path, "/mqtt?token=CANARY");
        assert_eq!(format!("{endpoint} {endpoint:?}"), "wss://h:443/mqtt?token=*** wss://h:443/mqtt?token=***");
    }

    #[test]
    fn a_path_is_that_of_a_websocket_or_a_socket() {
        let path = |text: &str| Url::parse(text).expect(text).endpoint.path;
        assert_eq!(path("ws://ops@h:80/a/b?c=d"), "/a/b?c=d");
        assert_eq!(path("ws://h?c=d"), "/?c=d");
        assert_eq!(path("unix:///run/a%20b"), "/run/a b");
        assert_eq!(path("unix:/run/a"), "/run/a");
        assert!(Url::parse("unix:///run/a").expect("valid").endpoint.is_local());
    }

    #[test]
    fn a_user_is_taken_and_a_password_refused_unseen() {
        assert_eq!(Url::parse("mqtt://o%40ps@h").expect("valid").username.as_deref(), Some("o@ps"));
        for text in
            ["mqtt://ops:CANARY@h", "mqtt://ops:CAN/ARY@h", "wss://ops:CANARY@h/mqtt", "ws://ops:CAN/ARY@h", "quic://ops:CAN?ARY@h"]
        {
            let refusal = Url::parse(text).expect_err("a password");
            assert!(refusal.contains("list of processes") && !refusal.contains("CAN"), "{refusal}");
        }
    }

    #[test]
    fn the_scheme_of_a_web_page_names_that_of_a_websocket() {
        for (text, scheme) in [("http://h/mqtt", "ws://"), ("HTTPS://h/mqtt", "wss://")] {
            let error = Url::parse(text).expect_err(text);
            assert!(error.contains("not a scheme") && error.ends_with(&format!(" is {scheme}")), "{error}");
        }
    }

    #[test]
    fn a_bad_url_says_what_is_wrong() {
        let cases = [
            ("localhost", "starts with"),
            ("gopher://h", "not a scheme"),
            ("socks5://h", "use one of mqtt:// mqtts:// ws://"),
            ("ws://h/a#b", "%23"),
            ("ws://h/ü", "visible ASCII"),
            ("ws:///mqtt", "names no host"),
            ("unix://h/a", "absolute"),
            ("unix:///", "absolute"),
            ("unix:///%00", "none of them zero"),
            ("quic://h/path", "nothing may follow"),
            ("mqtt://", "no host"),
            ("mqtt://h:0", "1 to 65535"),
            ("mqtt://h:99999", "1 to 65535"),
            ("mqtt://::1:1883", "brackets"),
            ("mqtt://[::1", "bracket"),
            ("mqtt://[x%y]", "not an IPv6 address"),
            ("mqtt://[fe80::1%]", "not an IPv6 address"),
            ("mqtt://a b", "a space"),
            ("mqtt://good.example\u{202e}x", "cannot be seen"),
            ("ws://\u{200b}h/mqtt", "cannot be seen"),
            ("mqtt://[fe80::1%\u{e0041}]", "cannot be seen"),
            ("mqtt://h/path", "nothing may follow"),
            ("mqtt://%zz@h", "hexadecimal"),
        ];
        for (text, part) in cases {
            let error = Url::parse(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
