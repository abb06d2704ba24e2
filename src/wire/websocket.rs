//! WebSocket: the handshake over HTTP, and the stream of bytes in binary frames (MQTT 5.0, 6).

pub mod cause;
mod handshake;

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest as _,
        error::ProtocolError,
        handshake::client::Request,
        http::{HeaderName, HeaderValue, Uri, header},
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use self::cause::WebSocketCause;
use super::{
    dial::Io,
    endpoint::{Endpoint, Transport, authority_of, masked},
    error::WireError,
    tcp::at,
};
use crate::base::{secret::Secret, text};

/// The path where neither the URL nor the options say another; most brokers take it.
const DEFAULT_PATH: &str = "/mqtt";

/// The subprotocol that both sides must name (MQTT 5.0, 6.0.0-3).
const SUBPROTOCOL: &str = "mqtt";

/// The most bytes that one frame to the broker carries, so that what waits to be sent is bounded.
const CHUNK: usize = 64 << 10;

/// The most bytes that wait to be sent; above it `poll_write` waits, as it does far below.
const MAX_WAITING: usize = 1 << 20;

/// How much larger than the largest packet a frame may be, as one frame carries many packets.
const BATCH: usize = 16 << 20;

/// What the handshake says beside the address.
///
/// `Debug` shows no secret: [`Secret`] prints stars.
#[derive(Clone, Default)]
pub struct WebSocketOptions {
    /// The path with its query, where the URL has none.
    pub path: Option<String>,
    /// More header lines of the request; a value may be a secret.
    pub headers: Vec<(String, Secret)>,
}

impl fmt::Debug for WebSocketOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, headers } = self;
        f.debug_struct("WebSocketOptions").field("path", &path.as_deref().map(masked)).field("headers", headers).finish()
    }
}

/// Checks the name of a header line that is to be added to the request.
///
/// # Errors
///
/// Returns a sentence that says what is wrong.
pub fn check_header(name: &str) -> Result<(), String> {
    let Ok(name) = name.parse::<HeaderName>() else {
        return Err(format!("`{}` is not the name of an HTTP header", text::line(name, 40)));
    };
    let is_ours = [header::CONNECTION, header::UPGRADE, header::CONTENT_LENGTH, header::TRANSFER_ENCODING].contains(&name)
        || name.as_str().starts_with("sec-websocket-");
    if is_ours { Err(format!("the header {name} belongs to the handshake itself")) } else { Ok(()) }
}

/// Makes the handshake on an open connection.
pub(super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    endpoint: &Endpoint,
    options: &WebSocketOptions,
    max_packet_size: u32,
    mut stream: S,
) -> Result<WebSocket<S>, WireError> {
    let at = at(endpoint);
    let failed = |cause| WireError::WebSocket { at: at.clone(), cause };
    let request = request(endpoint, options).map_err(failed)?;
    let largest = usize::try_from(max_packet_size).unwrap_or(usize::MAX).saturating_add(BATCH);
    let config =
        WebSocketConfig::default().max_message_size(Some(largest)).max_frame_size(Some(largest)).max_write_buffer_size(MAX_WAITING);
    let answer = handshake::exchange(request, &mut stream).await.map_err(|error| match below(error) {
        Ok(error) => error,
        Err(error) => failed(WebSocketCause::of_handshake(error)),
    })?;
    let rest = answer.judge().map_err(failed)?;
    let inner = WebSocketStream::from_partially_read(stream, rest, Role::Client, Some(config)).await;
    Ok(WebSocket { inner, unread: Bytes::new(), has_ended: false, cause: None, at })
}

/// Returns what the layer below said of its own failure: in TLS 1.3 a refused client hears of it first here.
fn below(error: Error) -> Result<WireError, Error> {
    match error {
        Error::Io(error) => error.downcast().map_err(Error::Io),
        other => Err(other),
    }
}

fn request(endpoint: &Endpoint, options: &WebSocketOptions) -> Result<Request, WebSocketCause> {
    let scheme = if endpoint.transport == Transport::Wss { "wss" } else { "ws" };
    let path = [Some(endpoint.path.as_str()), options.path.as_deref()].into_iter().flatten().find(|path| !path.is_empty());
    let path = path.unwrap_or(DEFAULT_PATH);
    // The zone of a link-local address is this machine's own business.
    let host = endpoint.host.split('%').next().unwrap_or_default();
    let with_port = authority_of(host, endpoint.port);
    // A default port is left out of Host, as browsers do: some gateways sign or compare it.
    let authority = match with_port.rsplit_once(':') {
        Some((host, _)) if endpoint.has_default_port() => host,
        Some(_) | None => with_port.as_str(),
    };
    let uri: Uri = format!("{scheme}://{authority}{path}").parse().map_err(|_| WebSocketCause::Address)?;
    let mut request = uri.into_client_request().map_err(|_| WebSocketCause::Address)?;
    let headers = request.headers_mut();
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    for (name, value) in &options.headers {
        let bad = || WebSocketCause::Header(text::line(name, 40).to_string());
        check_header(name).map_err(|_| bad())?;
        let name = name.parse::<HeaderName>().map_err(|_| bad())?;
        let mut value = HeaderValue::from_bytes(value.expose()).map_err(|_| bad())?;
        value.set_sensitive(true);
        // Of those that are there already only Host may be another one; a name of the user's may come more than once.
        if name == header::HOST {
            headers.insert(name, value);
        } else {
            headers.append(name, value);
        }
    }
    Ok(request)
}

/// The bytes of MQTT in the binary frames of a WebSocket.
///
/// Memory is bounded by the limits of the frames inbound and by [`MAX_WAITING`] outbound.
pub(super) struct WebSocket<S> {
    inner: WebSocketStream<S>,
    /// What the reader had no room for yet, of one message.
    unread: Bytes,
    /// Whether no message will come any more.
    has_ended: bool,
    /// Why, where the broker did not just close it.
    cause: Option<WebSocketCause>,
    at: String,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    fn error(&self, cause: WebSocketCause) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, WireError::WebSocket { at: self.at.clone(), cause })
    }

    fn io_error(&self, error: Error) -> io::Error {
        match error {
            Error::Io(error) => error,
            Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(ProtocolError::SendAfterClosing) => {
                io::ErrorKind::BrokenPipe.into()
            }
            other => self.error(WebSocketCause::of_stream(&other)),
        }
    }

    fn end(&mut self, cause: Option<WebSocketCause>) {
        self.has_ended = true;
        self.cause = cause;
    }

    /// Waits for the next message that has bytes; false at the end.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        loop {
            if self.has_ended {
                return Poll::Ready(self.cause.clone().map_or(Ok(false), |cause| Err(self.error(cause))));
            }
            match ready!(Pin::new(&mut self.inner).poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) if bytes.is_empty() => {}
                Some(Ok(Message::Binary(bytes))) => {
                    self.unread = bytes;
                    return Poll::Ready(Ok(true));
                }
                // A ping is answered by the library when it reads on.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Text(_))) => {
                    let frame = CloseFrame { code: CloseCode::Unsupported, reason: "MQTT needs binary frames".into() };
                    // The connection ends in any case; that the broker hears why is a courtesy.
                    let _ = Pin::new(&mut self.inner).start_send(Message::Close(Some(frame)));
                    let _ = Pin::new(&mut self.inner).poll_flush(cx);
                    self.end(Some(WebSocketCause::Text));
                }
                Some(Ok(Message::Close(frame))) => {
                    // The library has queued the answer.
                    let _ = Pin::new(&mut self.inner).poll_flush(cx);
                    self.end(frame.and_then(|frame| WebSocketCause::of_close(&frame)));
                }
                // To hang up without a word is what brokers do over TCP too.
                None | Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => self.end(None),
                Some(Err(error)) => return Poll::Ready(Err(self.io_error(error))),
            }
        }
    }
}

impl<S: Io> Io for WebSocket<S> {
    fn unread(&self) -> usize {
        self.unread.len() + self.inner.get_ref().unread()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocket<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if this.unread.is_empty() && !ready!(this.poll_message(cx))? {
            return Poll::Ready(Ok(()));
        }
        let length = this.unread.len().min(buf.remaining());
        buf.put_slice(&this.unread[..length]);
        this.unread.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocket<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(Pin::new(&mut this.inner).poll_ready(cx)).map_err(|error| this.io_error(error))?;
        let length = bytes.len().min(CHUNK);
        let message = Message::Binary(Bytes::copy_from_slice(&bytes[..length]));
        Pin::new(&mut this.inner).start_send(message).map_err(|error| this.io_error(error))?;
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        Pin::new(&mut this.inner).poll_flush(cx).map_err(|error| this.io_error(error))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // The broker may have closed it meanwhile, which is as good.
        let _ = ready!(Pin::new(&mut this.inner).poll_close(cx));
        Pin::new(this.inner.get_mut()).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
