//! The opening handshake: sends the request and judges the answer (RFC 6455, 4.1).

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::{
    Error,
    error::ProtocolError,
    handshake::{
        client::{Request, Response, generate_request},
        derive_accept_key,
        machine::TryParse as _,
    },
    http::{
        HeaderMap, HeaderName, StatusCode,
        header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL, UPGRADE},
    },
};
use zeroize::Zeroizing;

use super::{
    SUBPROTOCOL,
    cause::{WebSocketCause, shown},
};

/// The longest head of an answer, in bytes; more is no answer.
const MAX_HEAD: usize = 32 << 10;

/// What a server answered.
pub(super) struct Answer {
    response: Response,
    /// The key of the request, to which the answer must fit.
    key: String,
    /// What came after the head: the beginning of a page or of frames.
    pub(super) rest: Vec<u8>,
}

/// Sends the request and waits for the head of the answer.
pub(super) async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(request: Request, stream: &mut S) -> Result<Answer, Error> {
    let (request, key) = generate_request(request)?;
    stream.write_all(&Zeroizing::new(request)).await?;
    stream.flush().await?;
    let mut bytes = Vec::with_capacity(MAX_HEAD / 8);
    while bytes.len() < MAX_HEAD {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(ProtocolError::HandshakeIncomplete.into());
        }
        if let Some((length, response)) = Response::try_parse(&bytes)? {
            return Ok(Answer { response, key, rest: bytes.split_off(length) });
        }
    }
    Err(Error::AttackAttempt)
}

impl Answer {
    /// Returns the first bytes of the frames, if the server agrees to all that was asked for and to nothing else.
    pub(super) fn judge(self) -> Result<Vec<u8>, WebSocketCause> {
        if self.response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(WebSocketCause::of_response(&self.response, &self.rest));
        }
        let headers = self.response.headers();
        let accept = derive_accept_key(self.key.as_bytes());
        let is_websocket = lists(headers, UPGRADE).any(|token| token.eq_ignore_ascii_case("websocket"))
            && lists(headers, CONNECTION).any(|token| token.eq_ignore_ascii_case("upgrade"))
            && headers.get(SEC_WEBSOCKET_ACCEPT).is_some_and(|theirs| theirs.as_bytes() == accept.as_bytes());
        if !is_websocket {
            return Err(WebSocketCause::NotWebSocket);
        }
        // None was offered; one that is used all the same would make the frames unreadable.
        if let Some(extension) = lists(headers, SEC_WEBSOCKET_EXTENSIONS).next() {
            return Err(WebSocketCause::Extension(shown(&extension)));
        }
        let named: Vec<_> = lists(headers, SEC_WEBSOCKET_PROTOCOL).collect();
        match named.as_slice() {
            [only] if only == SUBPROTOCOL => Ok(self.rest),
            // MQTT wants the server to name it (MQTT 5.0, 6.0.0-4), and browsers refuse a server that does not: one that
            // has not agreed to MQTT gets no password either.
            [] => Err(WebSocketCause::Subprotocol(None)),
            named => Err(WebSocketCause::Subprotocol(Some(shown(&named.join(", "))))),
        }
    }
}

/// Returns the items of a header that is a list and may come more than once.
fn lists(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = String> {
    let all: Vec<_> = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
    let items = all.into_iter().flat_map(|value| value.split(',').map(|item| item.trim().to_owned()).collect::<Vec<_>>());
    items.filter(|item| !item.is_empty())
}
