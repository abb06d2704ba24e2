//! Why a WebSocket could not be opened, or ended.

use std::{fmt, io, time::Duration};

use jiff::fmt::rfc2822;
use tokio_tungstenite::tungstenite::{
    Error,
    error::ProtocolError,
    http::{HeaderMap, Response, header},
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use crate::{
    base::{human, text},
    wire::error::words,
};

/// The columns that the words of a server may take.
const COLUMNS: usize = 100;

/// Why; all text is safe to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebSocketCause {
    /// Host or path cannot stand in an HTTP request.
    Address,
    /// The header line with this name cannot be sent.
    Header(String),
    /// The server answered with a status other than 101.
    Status {
        /// The status code.
        code: u16,
        /// What the code means, in the standard's words.
        reason: &'static str,
        /// The first line of what it said without the status, or where it points to.
        said: String,
        /// How long it asks to wait before the next attempt.
        retry_after: Option<Duration>,
    },
    /// The server agrees to another subprotocol than `mqtt`, or to none.
    Subprotocol(Option<String>),
    /// The server uses an extension that was not offered.
    Extension(String),
    /// What answers is not a WebSocket server.
    NotWebSocket,
    /// The connection was closed without a word during the handshake.
    Closed,
    /// The connection broke during the handshake.
    Broken(String),
    /// The server sent a text frame.
    Text,
    /// The server closed the WebSocket with a code that says why.
    Ended {
        /// The code (RFC 6455, 7.4).
        code: u16,
        /// The words that came with it.
        said: String,
    },
    /// The server sent frames that are forbidden or too large.
    Frames(String),
}

impl WebSocketCause {
    /// Tells whether the handshake failed, rather than an open WebSocket.
    #[must_use]
    pub fn is_handshake(&self) -> bool {
        match self {
            Self::Address
            | Self::Header(_)
            | Self::Status { .. }
            | Self::Subprotocol(_)
            | Self::Extension(_)
            | Self::NotWebSocket
            | Self::Closed
            | Self::Broken(_) => true,
            Self::Text | Self::Ended { .. } | Self::Frames(_) => false,
        }
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Address => "check host and path of the URL",
            Self::Header(_) => "a header is a name and visible text; those of the handshake itself cannot be set",
            Self::Status { code, said, .. } => match code {
                300..=399 => "use the address that the server points to",
                400 if said.contains("HTTPS") => "this port speaks TLS: use wss://",
                400 => {
                    "a proxy that does not pass the headers Upgrade and Connection on is a usual cause; the server's log may tell more"
                }
                401 | 407 => "the server wants credentials, mostly in a header: --ws-header, or websocket.headers in a profile",
                403 => {
                    "the server forbids it: is the path right? it may want credentials or an Origin in a header: --ws-header, or \
                     websocket.headers in a profile"
                }
                404 => "is the path right? brokers mostly serve /mqtt, some / or /ws",
                426 => {
                    "is this the WebSocket port and path of a broker? a proxy that does not pass the header Upgrade on is a usual cause"
                }
                200..=299 => "is this the WebSocket port and path of a broker?",
                429 => "the server limits how often clients connect",
                502 => {
                    "the proxy in front of the broker does not reach it, or does not pass the headers Upgrade and Connection on to it"
                }
                503 | 504 => "the proxy in front of the broker does not reach it, or the broker takes no clients now",
                _ => "the server's log tells why",
            },
            Self::Subprotocol(None) => {
                "is this the path of an MQTT broker? a proxy that drops the header Sec-WebSocket-Protocol is another cause"
            }
            Self::Subprotocol(Some(named)) if named.starts_with("mqtt") => {
                "this looks like a broker that does not answer with what it was asked for: it or a proxy must be set to mqtt"
            }
            Self::Subprotocol(Some(_)) => "this WebSocket is not of an MQTT broker; are port and path right?",
            Self::Extension(_) => "the server or a proxy breaks RFC 6455, 4.1: switch the extension off there",
            Self::NotWebSocket | Self::Closed => "is this the WebSocket port? is it ws:// or wss://?",
            Self::Broken(_) => "is this the WebSocket port? the network may have failed as well",
            Self::Text | Self::Frames(_) => "the broker or something in between breaks the rules of MQTT over WebSocket",
            Self::Ended { .. } => "the broker's log may tell more",
        }
    }

    /// Tells whether trying again by itself is wrong.
    pub(in crate::wire) fn is_final(&self) -> bool {
        match self {
            Self::Status { code, .. } => !matches!(code, 408 | 425 | 429 | 500..=599),
            Self::Address | Self::Header(_) | Self::Subprotocol(_) | Self::Extension(_) | Self::NotWebSocket | Self::Text => true,
            Self::Closed | Self::Broken(_) | Self::Ended { .. } | Self::Frames(_) => false,
        }
    }

    pub(super) fn of_handshake(error: Error) -> Self {
        match error {
            Error::Protocol(ProtocolError::HandshakeIncomplete) => Self::Closed,
            Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => Self::Closed,
            Error::Io(error) => Self::Broken(words(&error)),
            _ => Self::NotWebSocket,
        }
    }

    pub(super) fn of_stream(error: &Error) -> Self {
        Self::Frames(shown(&error.to_string()))
    }

    /// Reads a Close frame; nothing where it only says goodbye.
    pub(super) fn of_close(frame: &CloseFrame) -> Option<Self> {
        match frame.code {
            CloseCode::Normal | CloseCode::Status => None,
            code => Some(Self::Ended { code: code.into(), said: shown(frame.reason.as_str()) }),
        }
    }

    /// Reads an answer that agrees to nothing; `body` is what came of it.
    pub(super) fn of_response<T>(response: &Response<T>, body: &[u8]) -> Self {
        let status = response.status();
        let (code, reason) = (status.as_u16(), status.canonical_reason().unwrap_or_default());
        let location = response.headers().get(header::LOCATION).filter(|_| status.is_redirection());
        let said = match location {
            Some(location) => format!("it points to {}", text::line_of_bytes(location.as_bytes(), COLUMNS)),
            None => without_status(&first_line(body), code, reason).to_owned(),
        };
        Self::Status { code, reason, said, retry_after: retry_after(response.headers()) }
    }

    /// Returns how long the server asks to wait before the next attempt.
    pub(in crate::wire) fn retry_after(&self) -> Option<Duration> {
        if let Self::Status { retry_after, .. } = self { *retry_after } else { None }
    }
}

impl fmt::Display for WebSocketCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => f.write_str("host or path cannot stand in an HTTP request"),
            Self::Header(name) => write!(f, "the header {name} cannot be sent"),
            Self::Status { code, reason, said, retry_after } => {
                write!(f, "the server answered {code}")?;
                if !reason.is_empty() {
                    write!(f, " {reason}")?;
                }
                if !said.is_empty() {
                    write!(f, " (“{said}”)")?;
                }
                retry_after.map_or(Ok(()), |time| write!(f, " and asks to wait {}", human::duration(time)))
            }
            Self::Subprotocol(None) => f.write_str("the server names no subprotocol, where mqtt was asked for"),
            Self::Subprotocol(Some(named)) => {
                write!(f, "the server answered with the subprotocol {named}, where mqtt was asked for")
            }
            Self::Extension(named) => write!(f, "the server uses the extension {named}, which was not offered"),
            Self::NotWebSocket => f.write_str("what answers is not a WebSocket server"),
            Self::Closed => f.write_str("the server closed the connection during the handshake"),
            Self::Broken(how) | Self::Frames(how) => f.write_str(how),
            Self::Text => f.write_str("the broker sent a text frame, and MQTT needs binary ones"),
            Self::Ended { code, said } if said.is_empty() => write!(f, "the broker closed it with code {code}"),
            Self::Ended { code, said } => write!(f, "the broker closed it with code {code} (“{said}”)"),
        }
    }
}

/// Leaves the status out of the title of a page, which mostly repeats it.
fn without_status<'a>(title: &'a str, code: u16, reason: &str) -> &'a str {
    let rest = title.strip_prefix(&code.to_string()).map_or(title, str::trim_start);
    if rest.eq_ignore_ascii_case(reason) { "" } else { rest }
}

/// Reads Retry-After (RFC 9110, 10.2.3): seconds, or a date, which is taken by the server's own clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let asked = text(header::RETRY_AFTER)?;
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |text: &str| rfc2822::parse(text).ok().map(|date| date.timestamp());
    date(asked)?.duration_since(date(text(header::DATE)?)?).try_into().ok()
}

/// Takes the first line that has words out of a text that may be HTML.
fn first_line(body: &[u8]) -> String {
    let mut in_tag = false;
    let words: String = String::from_utf8_lossy(body)
        .chars()
        .filter_map(|c| match c {
            '<' => {
                in_tag = true;
                None
            }
            '>' if in_tag => {
                in_tag = false;
                Some('\n')
            }
            _ if in_tag => None,
            c => Some(c),
        })
        .collect();
    words.lines().map(str::trim).find(|line| !line.is_empty()).map(shown).unwrap_or_default()
}

pub(super) fn shown(words: &str) -> String {
    text::line(words, COLUMNS).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_words_of_a_page_are_taken_and_made_safe() {
        let page = b"<!doctype html>\n<html><head><title>403 \x1b[31mForbidden</title></head>";
        assert_eq!(first_line(page), "403 \u{241b}[31mForbidden");
        assert_eq!(first_line(b"\r\n  \r\nno such path\r\nmore"), "no such path");
        assert_eq!(first_line(b"<p><"), "");
    }

    #[test]
    fn what_can_heal_is_tried_again() {
        let status = |code| WebSocketCause::Status { code, reason: "", said: String::new(), retry_after: None };
        for code in [301, 401, 403, 404, 200, 426] {
            assert!(status(code).is_final(), "{code}");
        }
        for code in [429, 500, 502, 503, 504] {
            assert!(!status(code).is_final(), "{code}");
        }
    }
}
