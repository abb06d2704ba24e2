//! Why a WebSocket could not be opened, or ended.

use std::{fmt, io};

use tokio_tungstenite::tungstenite::{
    Error,
    error::ProtocolError,
    http::{Response, header},
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use crate::{base::text, wire::error::words};

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
        /// The first line of what it said, or where it points to.
        said: String,
    },
    /// The server does not agree to the subprotocol `mqtt`.
    Subprotocol,
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
            | Self::Subprotocol
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
            Self::Status { code, .. } => match code {
                300..=399 => "use the address that the server points to",
                401 | 403 | 407 => "the server wants credentials, mostly in a header: websocket.headers in the profile",
                404 => "is the path right? brokers mostly serve /mqtt, some / or /ws",
                426 | 200..=299 => "is this the WebSocket port and path of a broker?",
                502..=504 => "the gateway in front of the broker does not reach it",
                _ => "the server's log tells why",
            },
            Self::Subprotocol => "this WebSocket is not of an MQTT broker; are port and path right?",
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
            Self::Address | Self::Header(_) | Self::Subprotocol | Self::NotWebSocket | Self::Text => true,
            Self::Closed | Self::Broken(_) | Self::Ended { .. } | Self::Frames(_) => false,
        }
    }

    pub(super) fn of_handshake(error: Error) -> Self {
        match error {
            Error::Http(response) => Self::of_response(&response),
            Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(_)) => Self::Subprotocol,
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

    fn of_response(response: &Response<Option<Vec<u8>>>) -> Self {
        let status = response.status();
        let location = response.headers().get(header::LOCATION).filter(|_| status.is_redirection());
        let said = match location {
            Some(location) => format!("it points to {}", text::line_of_bytes(location.as_bytes(), COLUMNS)),
            None => first_line(response.body().as_deref().unwrap_or_default()),
        };
        Self::Status { code: status.as_u16(), reason: status.canonical_reason().unwrap_or_default(), said }
    }
}

impl fmt::Display for WebSocketCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => f.write_str("host or path cannot stand in an HTTP request"),
            Self::Header(name) => write!(f, "the header {name} cannot be sent"),
            Self::Status { code, reason, said } => {
                write!(f, "the server answered {code}")?;
                if !reason.is_empty() {
                    write!(f, " {reason}")?;
                }
                if said.is_empty() || said == reason { Ok(()) } else { write!(f, " (“{said}”)") }
            }
            Self::Subprotocol => f.write_str("the server does not agree to the subprotocol mqtt"),
            Self::NotWebSocket => f.write_str("what answers is not a WebSocket server"),
            Self::Closed => f.write_str("the server closed the connection during the handshake"),
            Self::Broken(how) | Self::Frames(how) => f.write_str(how),
            Self::Text => f.write_str("the broker sent a text frame, and MQTT needs binary ones"),
            Self::Ended { code, said } if said.is_empty() => write!(f, "the broker closed it with code {code}"),
            Self::Ended { code, said } => write!(f, "the broker closed it with code {code} (“{said}”)"),
        }
    }
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

fn shown(words: &str) -> String {
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
        let status = |code| WebSocketCause::Status { code, reason: "", said: String::new() };
        for code in [301, 401, 403, 404, 200, 426] {
            assert!(status(code).is_final(), "{code}");
        }
        for code in [429, 500, 502, 503, 504] {
            assert!(!status(code).is_final(), "{code}");
        }
    }
}
