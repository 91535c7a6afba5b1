//! A client's stream that is given up if the client takes nothing of what is sent to it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// The stream. If no byte could be written for some time, writing fails, and with it the connection: a client that was stopped, or whose
/// machine is gone, must not keep its place for ever.
pub(super) struct Patient<S> {
    stream: S,
    /// `None`: the client may take as long as it likes.
    patience: Option<Duration>,
    /// The end of the wait that has begun.
    end: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub(super) fn new(stream: S, patience: Option<Duration>) -> Self {
        Self { stream, patience, end: None }
    }

    /// What becomes of an attempt to write.
    fn judge(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let Some(patience) = self.patience.filter(|_| written.is_pending()) else {
            self.end = None;
            return written;
        };
        let end = self.end.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(end.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("the client took nothing for {} s", patience.as_secs()),
        )))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.judge(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::Instant;

    use super::*;

    const TEN_SECONDS: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_given_up_when_the_time_is_over() {
        let (ours, _theirs) = duplex(64);
        let mut stream = Patient::new(ours, Some(TEN_SECONDS));
        let began = Instant::now();
        let error = stream.write_all(&[0; 65]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed(), TEN_SECONDS);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_that_always_takes_something_gets_everything() {
        let (ours, mut theirs) = duplex(64);
        let mut stream = Patient::new(ours, Some(TEN_SECONDS));
        let taking = async {
            let mut taken = 0;
            while taken < 1000 {
                sleep(Duration::from_secs(9)).await;
                taken += theirs.read(&mut [0; 10]).await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(stream.write_all(&[0; 1000]), taking);
        written.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_a_client_may_take_an_hour() {
        let (ours, mut theirs) = duplex(64);
        let mut stream = Patient::new(ours, None);
        let taking = async {
            sleep(Duration::from_secs(3600)).await;
            theirs.read_exact(&mut [0; 65]).await.unwrap()
        };
        let (written, _) = tokio::join!(stream.write_all(&[0; 65]), taking);
        written.unwrap();
    }
}
