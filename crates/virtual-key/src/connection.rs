//! A host's end of a key within the process that asks for it, without a kernel.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use ctap_client::{Report, ReportPipe};
use usbip_server::client::{ClientError, Host, Socket};

use crate::error::Error;

/// A key that this program has plugged into itself, as a pipe of reports for `ctap_client::HidChannel::open`. Its
/// methods block; dropping it unplugs the key.
pub struct Connection(Host);

impl Connection {
    /// Imports the device with this bus id from the USB/IP server at `address`, and configures it as a kernel would.
    ///
    /// # Errors
    /// [`Error::Connection`]: there is no such server or device, or another host has it.
    pub fn import(address: SocketAddr, bus_id: &str) -> Result<Self, Error> {
        let stream = TcpStream::connect(address).map_err(ClientError::Io)?;
        Self::configured(Host::import(stream, bus_id)?)
    }

    /// Takes over a connection that begins with URBs.
    pub(crate) fn adopt(socket: impl Into<Socket>, devid: u32) -> Result<Self, Error> {
        Self::configured(Host::adopt(socket, devid)?)
    }

    fn configured(mut host: Host) -> Result<Self, Error> {
        host.enumerate()?;
        Ok(Self(host))
    }
}

/// A device that was imported and configured already.
impl From<Host> for Connection {
    fn from(host: Host) -> Self {
        Self(host)
    }
}

impl ReportPipe for Connection {
    fn send(&mut self, report: &Report) -> io::Result<()> {
        Ok(self.0.send_and_confirm(report)?)
    }

    fn receive(&mut self, timeout: Duration) -> io::Result<Option<Report>> {
        Ok(self.0.receive(timeout)?)
    }
}
