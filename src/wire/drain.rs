//! A stream whose read brings all that is there, where the layer below hands out one record or one frame at a time.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::dial::Io;

/// The stream.
///
/// A read that leaves room in its buffer has found nothing more: after it, a reader may rest for more to gather.
#[derive(Debug)]
pub(super) struct Drain<S> {
    inner: S,
    /// What the read after the last bytes came to, for the next read.
    end: Option<io::Result<()>>,
}

impl<S> Drain<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner, end: None }
    }
}

impl<S: Io> Io for Drain<S> {
    fn unread(&self) -> usize {
        self.inner.unread()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Drain<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(end) = this.end.take() {
            return Poll::Ready(end);
        }
        let start = buf.filled().len();
        while buf.remaining() > 0 {
            let before = buf.filled().len();
            match Pin::new(&mut this.inner).poll_read(cx, buf) {
                Poll::Ready(Ok(())) if buf.filled().len() > before => {}
                nothing if before == start => return nothing,
                Poll::Ready(end) => {
                    this.end = Some(end);
                    break;
                }
                Poll::Pending => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Drain<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    /// Gives one piece a read, then what it ends with.
    struct Frames(Vec<&'static [u8]>, Option<io::ErrorKind>);

    impl AsyncRead for Frames {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            if self.0.is_empty() {
                return Poll::Ready(self.1.take().map_or(Ok(()), |kind| Err(kind.into())));
            }
            let (now, later) = self.0[0].split_at(self.0[0].len().min(buf.remaining()));
            buf.put_slice(now);
            if later.is_empty() {
                self.0.remove(0);
            } else {
                self.0[0] = later;
            }
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn a_read_brings_all_frames_that_are_there() {
        let mut stream = Drain::new(Frames(vec![b"one ", b"two ", b"three"], None));
        let mut seen = [0; 64];
        let length = stream.read(&mut seen).await.expect("bytes");
        assert_eq!(&seen[..length], b"one two three");
        assert_eq!(stream.read(&mut seen).await.expect("the end"), 0);
    }

    #[tokio::test]
    async fn a_full_buffer_leaves_the_rest_for_the_next_read() {
        let mut stream = Drain::new(Frames(vec![b"one ", b"two"], None));
        let mut seen = [0; 5];
        assert_eq!(stream.read(&mut seen).await.expect("bytes"), 5);
        assert_eq!(&seen, b"one t");
        assert_eq!(stream.read(&mut seen).await.expect("bytes"), 2);
    }

    #[tokio::test]
    async fn an_error_comes_after_the_bytes_before_it() {
        let mut stream = Drain::new(Frames(vec![b"last"], Some(io::ErrorKind::ConnectionReset)));
        let mut seen = [0; 64];
        assert_eq!(stream.read(&mut seen).await.expect("bytes"), 4);
        assert_eq!(stream.read(&mut seen).await.expect_err("broken").kind(), io::ErrorKind::ConnectionReset);
    }
}
