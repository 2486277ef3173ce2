//! A connection that has to get on: the HTTP library times heads, but neither the words that tell which HTTP is spoken nor
//! an answer that nobody reads.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

/// HTTP/2 begins with so many bytes; up to there the library can't tell which HTTP is spoken.
const PREFACE_BYTES: usize = 24;

pub(super) struct Timed {
    stream: TcpStream,
    /// When the first words must be there; none when they are, or an answer has been begun.
    opening: Option<Pin<Box<Sleep>>>,
    read: usize,
    /// When what waits to be written must get on; none while nothing waits.
    stalled: Option<Pin<Box<Sleep>>>,
    most_stalled: Duration,
}

impl Timed {
    pub(super) fn new(stream: TcpStream, opening: Duration, most_stalled: Duration) -> Self {
        Self { stream, opening: Some(Box::pin(sleep(opening))), read: 0, stalled: None, most_stalled }
    }

    /// What a write has come to, or an error when nothing could be written for too long.
    fn written<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.opening = None;
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let most = self.most_stalled;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(most)));
        stalled.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Timed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.read = self.read.saturating_add(buf.filled().len() - before);
        if self.read >= PREFACE_BYTES {
            self.opening = None;
        }
        match (&polled, &mut self.opening) {
            (Poll::Pending, Some(opening)) => {
                opening.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
            }
            _ => polled,
        }
    }
}

impl AsyncWrite for Timed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.written(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.written(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
