//! A Unix socket as such a stream.

use std::io;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::{Socket, Stream};

impl Stream for UnixStream {
    fn without_delay(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.set_read_timeout(timeout)
    }
}

impl From<UnixStream> for Socket {
    fn from(stream: UnixStream) -> Self {
        Self { stream: Box::new(stream), timeout: None }
    }
}
