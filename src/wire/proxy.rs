//! Proxies: SOCKS5 and HTTP CONNECT, both of which look the broker's name up themselves.

use std::{fmt, io};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_socks::tcp::Socks5Stream;
use zeroize::Zeroizing;

use super::{
    endpoint::{Authority, Endpoint, authority_of, percent_encode},
    error::{WireError, words},
};
use crate::base::{secret::Secret, text};

/// The longest answer of an HTTP proxy, in bytes; more is no answer.
const MAX_ANSWER: usize = 16 << 10;

/// The most header lines of an answer that are read.
const MAX_HEADERS: usize = 64;

/// The protocol that a proxy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyKind {
    /// SOCKS5 (RFC 1928), with a user name and password where it wants them (RFC 1929).
    Socks5,
    /// HTTP CONNECT (RFC 9110, 9.3.6).
    Http,
}

/// The way out of a network.
///
/// `Debug` shows no secret: [`Secret`] prints stars.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// The protocol.
    pub kind: ProxyKind,
    /// Its name or address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who asks it.
    pub username: Option<String>,
    /// The password of the one who asks.
    pub password: Option<Secret>,
}

impl Proxy {
    /// Reads `socks5://[user@]host[:port]` or `http://[user@]host[:port]`.
    ///
    /// # Errors
    ///
    /// Returns a sentence that says what is wrong; it never repeats a password.
    pub fn parse(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").ok_or("the URL of a proxy starts with socks5:// or http://")?;
        let scheme = scheme.to_ascii_lowercase();
        let (kind, default_port) = match scheme.as_str() {
            "socks5" | "socks5h" | "socks" => (ProxyKind::Socks5, 1080),
            "http" => (ProxyKind::Http, 80),
            _ => {
                let shown = text::line(&scheme, 20);
                return Err(format!("`{shown}` is not a kind of proxy that is supported; use socks5:// or http://"));
            }
        };
        let advice = "the key proxy.password of a profile says where it is; without that, it is asked for";
        let Authority { username, host, port } = Authority::read(rest, rest, &scheme, advice)?;
        Ok(Self { kind, host, port: port.unwrap_or(default_port), username, password: None })
    }

    /// Returns the URL with its user, as [`Proxy::parse`] reads it.
    #[must_use]
    pub fn url(&self) -> String {
        let url = self.to_string();
        match (&self.username, url.split_once("://")) {
            (Some(user), Some((scheme, rest))) => format!("{scheme}://{}@{rest}", percent_encode(user)),
            (Some(_) | None, _) => url,
        }
    }

    /// Returns host and port, made safe.
    pub(super) fn at(&self) -> String {
        text::safe(&authority_of(&self.host, self.port)).to_string()
    }

    /// Names the proxy in an error of looking it up or connecting to it.
    pub(super) fn unreachable(&self, error: WireError) -> WireError {
        let cause = match error {
            WireError::Name { detail, .. } => ProxyCause::Name(detail),
            WireError::Connect { kind, .. } => ProxyCause::Broken(kind),
            other => return other,
        };
        self.error(cause)
    }

    fn error(&self, cause: ProxyCause) -> WireError {
        WireError::Proxy { at: self.at(), cause }
    }

    /// Asks the proxy, on an open connection to it, for one to the broker.
    pub(super) async fn pass(&self, endpoint: &Endpoint, stream: TcpStream) -> Result<TcpStream, WireError> {
        let passed = match self.kind {
            ProxyKind::Socks5 => self.socks5(endpoint, stream).await,
            ProxyKind::Http => self.http(endpoint, stream).await,
        };
        passed.map_err(|cause| self.error(cause))
    }

    async fn socks5(&self, endpoint: &Endpoint, stream: TcpStream) -> Result<TcpStream, ProxyCause> {
        let target = (endpoint.host.as_str(), endpoint.port);
        let passed = match &self.username {
            None => Socks5Stream::connect_with_socket(stream, target).await,
            Some(username) => {
                let password = self.password.as_ref().map(Secret::expose).unwrap_or_default();
                let password = std::str::from_utf8(password).map_err(|_| ProxyCause::Password)?;
                Socks5Stream::connect_with_password_and_socket(stream, target, username, password).await
            }
        };
        passed.map(Socks5Stream::into_inner).map_err(ProxyCause::of_socks)
    }

    async fn http(&self, endpoint: &Endpoint, mut stream: TcpStream) -> Result<TcpStream, ProxyCause> {
        stream.write_all(&self.request(endpoint)?).await.map_err(|error| ProxyCause::of_io(&error))?;
        let answer = read_head(&mut stream).await?;
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(&answer) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) | Err(_) => return Err(ProxyCause::NotAProxy),
        }
        match response.code {
            Some(200..=299) => Ok(stream),
            Some(407) => Err(ProxyCause::Credentials),
            Some(code) => {
                let reason = text::line(response.reason.unwrap_or_default(), 80);
                Err(ProxyCause::Refused(format!("{code} {reason}").trim_end().to_owned()))
            }
            None => Err(ProxyCause::NotAProxy),
        }
    }

    fn request(&self, endpoint: &Endpoint) -> Result<Zeroizing<Vec<u8>>, ProxyCause> {
        // The zone of a link-local address is this machine's own business.
        let host = endpoint.host.split('%').next().unwrap_or_default();
        let target = authority_of(host, endpoint.port);
        let mut request = Zeroizing::new(Vec::new());
        request.extend_from_slice(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").as_bytes());
        if let Some(username) = &self.username {
            if username.contains(':') {
                return Err(ProxyCause::Password);
            }
            let mut pair = Zeroizing::new(format!("{username}:").into_bytes());
            pair.extend_from_slice(self.password.as_ref().map(Secret::expose).unwrap_or_default());
            let encoded = Zeroizing::new(STANDARD.encode(&*pair));
            request.extend_from_slice(b"Proxy-Authorization: Basic ");
            request.extend_from_slice(encoded.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        Ok(request)
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            ProxyKind::Socks5 => "socks5",
            ProxyKind::Http => "http",
        };
        write!(f, "{scheme}://{}", authority_of(&self.host, self.port))
    }
}

/// Reads up to the empty line, byte by byte, as what follows belongs to the broker.
async fn read_head(stream: &mut TcpStream) -> Result<Vec<u8>, ProxyCause> {
    let mut head = Vec::with_capacity(256);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == MAX_ANSWER {
            return Err(ProxyCause::NotAProxy);
        }
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && !head.is_empty() => return Err(ProxyCause::NotAProxy),
            Err(error) => return Err(ProxyCause::of_io(&error)),
        }
    }
    Ok(head)
}

/// Why a proxy did not lead to the broker; all text is safe to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProxyCause {
    /// Its name has no address.
    #[error("cannot find it: {0}")]
    Name(String),
    /// It does not take connections, or the connection to it broke.
    #[error("{}", words(&io::Error::from(*.0)))]
    Broken(io::ErrorKind),
    /// It closed the connection without a word.
    #[error("it closed the connection")]
    Closed,
    /// What answers is no such proxy.
    #[error("what answers is not a proxy of this kind")]
    NotAProxy,
    /// It wants a user name and password, or others.
    #[error("it refused the user name or password")]
    Credentials,
    /// The user name or the password cannot be sent.
    #[error("this user name or password cannot be sent to it")]
    Password,
    /// It will not or cannot connect to the broker.
    #[error("it does not connect to the broker: {0}")]
    Refused(String),
    /// The transport does not run over TCP, so it would go past the proxy.
    #[error("{0} goes past it: a proxy carries TCP only")]
    Past(&'static str),
}

impl ProxyCause {
    /// Says what to do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Name(_) => "check the spelling of the proxy's name in proxy.url or --proxy",
            Self::Broken(_) | Self::Closed => "is the proxy running? are its host and port right?",
            Self::NotAProxy => "is it socks5:// or http://? is the port right?",
            Self::Credentials => "write USER@ into the proxy's URL, and set proxy.password in a profile",
            Self::Password => "a user name has no colon, and SOCKS5 takes 1 to 255 bytes of text for each",
            Self::Refused(_) => "does the proxy allow this host and port, and does the broker run?",
            Self::Past(_) => "use mqtt://, mqtts://, ws:// or wss:// with a proxy, or leave the proxy out",
        }
    }

    /// Tells whether trying again by itself is wrong.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::NotAProxy | Self::Credentials | Self::Password | Self::Past(_) => true,
            Self::Name(_) | Self::Broken(_) | Self::Closed | Self::Refused(_) => false,
        }
    }

    fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Closed,
            kind => Self::Broken(kind),
        }
    }

    fn of_socks(error: tokio_socks::Error) -> Self {
        use tokio_socks::Error as Socks;
        match error {
            Socks::Io(error) => Self::of_io(&error),
            Socks::NoAcceptableAuthMethods | Socks::AuthorizationRequired | Socks::PasswordAuthFailure(_) => Self::Credentials,
            Socks::InvalidAuthValues(_) => Self::Password,
            Socks::InvalidResponseVersion | Socks::UnknownAuthMethod | Socks::InvalidReservedByte | Socks::UnknownAddressType => {
                Self::NotAProxy
            }
            Socks::ConnectionNotAllowedByRuleset => Self::Refused("its rules forbid it".into()),
            Socks::NetworkUnreachable => Self::Refused("network unreachable".into()),
            Socks::HostUnreachable => Self::Refused("host unreachable".into()),
            Socks::ConnectionRefused => Self::Refused("connection refused".into()),
            Socks::TtlExpired => Self::Refused("no answer in time".into()),
            other => Self::Refused(text::line(&other.to_string().to_lowercase(), 80).to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_a_proxy_is_read_and_printed_without_its_user() {
        let proxy = Proxy::parse("socks5h://ops@[::1]").expect("valid");
        assert_eq!((proxy.kind, proxy.username.as_deref()), (ProxyKind::Socks5, Some("ops")));
        assert_eq!((proxy.to_string(), proxy.url()), ("socks5://[::1]:1080".into(), "socks5://ops@[::1]:1080".into()));
        let odd = Proxy::parse("http://a%40b%3A@h").expect("valid");
        assert_eq!((odd.username.as_deref(), odd.url()), (Some("a@b:"), "http://a%40b%3A@h:80".into()));
        assert_eq!(Proxy::parse("HTTP://proxy:3128/").expect("valid").to_string(), "http://proxy:3128");
    }

    #[test]
    fn a_bad_url_of_a_proxy_says_what_is_wrong() {
        let cases = [
            ("bastion:1080", "starts with"),
            ("https://proxy", "use socks5:// or http://"),
            ("socks5://", "names no host"),
            ("http://proxy:0", "1 to 65535"),
            ("http://proxy/pac", "nothing may follow"),
        ];
        for (url, part) in cases {
            let error = Proxy::parse(url).expect_err(url);
            assert!(error.contains(part), "{url}: {error}");
        }
        let error = Proxy::parse("socks5://ops:CANARY@h").expect_err("a password");
        assert!(error.contains("proxy.password") && !error.contains("CANARY"), "{error}");
    }

    #[test]
    fn a_secret_of_a_proxy_is_never_printed() {
        let mut proxy = Proxy::parse("http://ops@h").expect("valid");
        proxy.password = Some(Secret::from("CANARY".to_owned()));
        assert!(!format!("{proxy:?} {proxy}").contains("CANARY"));
    }

    #[test]
    fn an_ipv6_target_stands_in_brackets_without_its_zone() {
        let proxy = Proxy::parse("http://ops@h").expect("valid");
        let endpoint = Endpoint::new(crate::wire::endpoint::Transport::Tcp, "fe80::1%eth0", 1883);
        let request = String::from_utf8(proxy.request(&endpoint).expect("valid").to_vec()).expect("text");
        assert!(request.starts_with("CONNECT [fe80::1]:1883 HTTP/1.1\r\nHost: [fe80::1]:1883\r\n"), "{request}");
        assert!(request.ends_with("Proxy-Authorization: Basic b3BzOg==\r\n\r\n"), "{request}");
    }
}
