//! A TCP stream that acknowledges what it reads at once.
//!
//! A broker that leaves Nagle's algorithm on, as mosquitto does by default, sends nothing small while an acknowledgement is awaited,
//! and the system holds acknowledgements back for 40 ms. Between the two, a SUBACK or a retained message would come that much late.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::dial::{Io, waiting_in};

/// From so many bytes in one read on, the system acknowledges by itself, as two full segments do.
const BULK: usize = 4 << 10;

/// The stream.
#[derive(Debug)]
pub(super) struct Prompt(TcpStream);

impl Prompt {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self(stream)
    }

    /// Sends the acknowledgement that is held back; the setting lasts no longer (tcp(7)).
    #[cfg(target_os = "linux")]
    fn acknowledge(&self) {
        // A system that cannot do it is as quick as it is.
        let _ = socket2::SockRef::from(&self.0).set_tcp_quickack(true);
    }

    #[cfg(not(target_os = "linux"))]
    fn acknowledge(&self) {}
}

impl Io for Prompt {
    fn unread(&self) -> usize {
        waiting_in(&self.0)
    }
}

impl AsyncRead for Prompt {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.0).poll_read(cx, buffer);
        if (1..BULK).contains(&(buffer.filled().len() - before)) {
            self.acknowledge();
        }
        polled
    }
}

impl AsyncWrite for Prompt {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use socket2::SockRef;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    async fn is_prompt_after(sent: usize) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let stream = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("the listener");
        let mut peer = listener.accept().await.expect("a client").0;
        peer.write_all(&vec![0; sent]).await.expect("the client reads");
        SockRef::from(&stream).set_tcp_quickack(false).expect("a setting of Linux");
        let mut stream = Prompt::new(stream);
        while stream.0.peek(&mut vec![0; sent]).await.expect("the peer wrote") < sent {}
        assert_eq!(stream.read(&mut vec![0; sent]).await.expect("the peer wrote"), sent);
        SockRef::from(&stream.0).tcp_quickack().expect("a setting of Linux")
    }

    #[tokio::test]
    async fn a_small_read_is_acknowledged_at_once() {
        assert!(is_prompt_after(4).await);
    }

    #[tokio::test]
    async fn a_flood_costs_no_further_call() {
        assert!(!is_prompt_after(BULK).await);
    }
}
