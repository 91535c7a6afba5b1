//! A blocking stream of either family.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// A connected socket; made with `into()`.
#[derive(Debug)]
pub struct Socket {
    stream: Stream,
    /// What the read time-out was last set to: setting it is a system call.
    timeout: Option<Duration>,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Self {
        Self { stream: Stream::Tcp(stream), timeout: None }
    }
}

impl From<UnixStream> for Socket {
    fn from(stream: UnixStream) -> Self {
        Self { stream: Stream::Unix(stream), timeout: None }
    }
}

impl Socket {
    pub(super) fn without_delay(&mut self) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(stream) => stream.set_nodelay(true),
            Stream::Unix(_) => Ok(()),
        }
    }

    pub(super) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(bytes),
            Stream::Unix(stream) => stream.write_all(bytes),
        }
    }

    pub(super) fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.read_exact(bytes),
            Stream::Unix(stream) => stream.read_exact(bytes),
        }
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
            match self.read_once(bytes) {
                Ok(count) => return Ok(Some(count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    left = timeout.saturating_sub(begun.elapsed());
                }
                Err(error) if is_time_out(&error) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    fn read_once(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.read(bytes),
            Stream::Unix(stream) => stream.read(bytes),
        }
    }

    pub(super) fn set_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        // The system takes zero for "for ever".
        let timeout = Some(timeout.max(Duration::from_micros(1)));
        if timeout != self.timeout {
            match &self.stream {
                Stream::Tcp(stream) => stream.set_read_timeout(timeout)?,
                Stream::Unix(stream) => stream.set_read_timeout(timeout)?,
            }
            self.timeout = timeout;
        }
        Ok(())
    }
}

pub(super) fn is_time_out(error: &io::Error) -> bool {
    use io::ErrorKind::{TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut)
}
