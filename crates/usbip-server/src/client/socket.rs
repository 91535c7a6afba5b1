//! A blocking stream of any kind that the system has.

#[cfg(unix)]
mod unix;

use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A connected socket. Make it with `into()`.
#[derive(Debug)]
pub struct Socket {
    stream: Box<dyn Stream>,
    /// The last value of the read time-out, because setting it is a system call.
    timeout: Option<Duration>,
}

/// A stream of bytes whose reads can time out.
trait Stream: Read + Write + fmt::Debug + Send {
    /// Sends small packets at once, on a socket that would otherwise wait.
    fn without_delay(&self) -> io::Result<()>;
    /// Sets how long one read may take; `None`: without an end.
    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn without_delay(&self) -> io::Result<()> {
        self.set_nodelay(true)
    }

    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.set_read_timeout(timeout)
    }
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Self {
        Self { stream: Box::new(stream), timeout: None }
    }
}

impl Socket {
    pub(super) fn without_delay(&mut self) -> io::Result<()> {
        self.stream.without_delay()
    }

    pub(super) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub(super) fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.stream.read_exact(bytes)
    }

    /// One read; `None` if nothing came in time. One that a signal ended is done again, in the time that is left: without
    /// any, it still takes what came while this process was stopped.
    pub(super) fn read(
        &mut self,
        bytes: &mut [u8],
        timeout: Duration,
    ) -> io::Result<Option<usize>> {
        let begun = Instant::now();
        let mut left = timeout;
        loop {
            self.set_timeout(left)?;
            match self.stream.read(bytes) {
                Ok(count) => return Ok(Some(count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    left = timeout.saturating_sub(begun.elapsed());
                }
                Err(error) if is_time_out(&error) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn set_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        // For the system, zero means no time-out.
        let timeout = Some(timeout.max(Duration::from_micros(1)));
        if timeout != self.timeout {
            self.stream.set_read_timeout(timeout)?;
            self.timeout = timeout;
        }
        Ok(())
    }
}

pub(super) fn is_time_out(error: &io::Error) -> bool {
    use io::ErrorKind::{TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut)
}
