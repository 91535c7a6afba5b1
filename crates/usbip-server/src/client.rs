//! The host end: it lists and imports devices, and exchanges reports with one. Its methods block. It is for
//! programs and tests that want to use a HID device without a kernel.
//!
//! ```no_run
//! use std::{net::TcpStream, time::Duration};
//! use usbip_server::client::{Host, list};
//!
//! # fn main() -> Result<(), usbip_server::client::ClientError> {
//! let devices = list(TcpStream::connect("127.0.0.1:3240")?)?;
//! println!("{devices:?}");
//! let mut host = Host::import(TcpStream::connect("127.0.0.1:3240")?, "1-1")?;
//! println!("{:?}", host.enumerate()?);
//! host.send(&[0; 64])?;
//! println!("{:?}", host.receive(Duration::from_secs(1))?);
//! # Ok(())
//! # }
//! ```

mod enumeration;
mod list;
mod socket;
mod urbs;

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

pub use enumeration::Enumeration;
pub use list::{RemoteDevice, list};
pub use socket::Socket;
pub use usbip::SetupPacket;

use crate::function::Report;
use urbs::{Kind, Reply, Urbs};

/// Why a call of the host end failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The connection failed; `UnexpectedEof` if the server closed it.
    #[error(transparent)]
    Io(io::Error),
    /// The device is in use: another host has imported it, or this one has.
    #[error("the device is in use")]
    InUse,
    /// The server has no device with that bus id.
    #[error("there is no such device")]
    NoSuchDevice,
    /// The server refused with another USB/IP status.
    #[error("the server refused with status {0}")]
    Refused(u32),
    /// The first interface of the device has this class, and is not HID: it is not a key on a bus.
    #[error("the device is not a HID device: its class is {0:02x}")]
    NotHid(u8),
    /// The device does not support the request (`-EPIPE`).
    #[error("the device stalled the request")]
    Stall,
    /// A transfer ended with another negative errno.
    #[error("a transfer ended with status {0}")]
    Status(i32),
    /// The server broke the protocol.
    #[error("the server broke the protocol: {0}")]
    Protocol(&'static str),
    /// There was no answer within [`PATIENCE`] to a control transfer, an unlink, or a request before the import.
    #[error("no answer within {} s", PATIENCE.as_secs())]
    TimedOut,
    /// The transfer is longer than [`limits::MAX_TRANSFER`](crate::limits::MAX_TRANSFER): the caller's fault.
    #[error("more than {} bytes in one transfer", crate::limits::MAX_TRANSFER)]
    TooLong,
}

/// A socket says of a read that took too long only that it would block.
impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> Self {
        match socket::is_time_out(&error) {
            true => Self::TimedOut,
            false => Self::Io(error),
        }
    }
}

impl From<ClientError> for io::Error {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Io(error) => error,
            ClientError::TimedOut => Self::new(io::ErrorKind::TimedOut, error),
            other => Self::other(other),
        }
    }
}

/// How long the host waits for an answer that a device must give at once.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How many interrupt-IN URBs wait at the device, unless [`Host::keep_reads`] says otherwise. This many reports can
/// arrive without a new request.
pub const MAX_READS: usize = 32;
/// How many reports may be sent without a confirmation before the host stops and reads: otherwise both sides could
/// wait for each other.
const OUTPUTS: usize = 256;

/// An imported device. Dropping it unplugs it.
pub struct Host {
    urbs: Urbs,
    /// Interrupt-IN URBs to keep waiting.
    reads: usize,
    reports: VecDeque<Report>,
}

impl Host {
    /// Imports the device with `bus_id` over a fresh connection.
    ///
    /// # Errors
    /// [`ClientError::InUse`], [`ClientError::NoSuchDevice`], or another when the connection or the server fails.
    pub fn import(socket: impl Into<Socket>, bus_id: &str) -> Result<Self, ClientError> {
        let mut socket = socket.into();
        let devid = list::import(&mut socket, bus_id)?;
        Self::adopt(socket, devid)
    }

    /// Takes over a connection that begins with URBs: the other end of
    /// [`Port::serve`](crate::Port::serve).
    ///
    /// # Errors
    /// [`ClientError::Io`] if the socket cannot be configured.
    pub fn adopt(socket: impl Into<Socket>, devid: u32) -> Result<Self, ClientError> {
        let mut socket = socket.into();
        socket.without_delay()?;
        Ok(Self { urbs: Urbs::new(socket, devid), reads: MAX_READS, reports: VecDeque::new() })
    }

    /// Sends one report. It does not wait for the confirmation.
    ///
    /// # Errors
    /// [`ClientError::Io`]; or the error of an earlier report.
    pub fn send(&mut self, report: &Report) -> Result<(), ClientError> {
        self.send_bytes(report)
    }

    /// Sends one report and waits until the device has it, as Linux does when a program writes to hidraw. Some
    /// devices mix up reports that follow each other faster. Reports that arrive meanwhile are kept.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`ClientError::TimedOut`].
    pub fn send_and_confirm(&mut self, report: &Report) -> Result<(), ClientError> {
        self.send(report)?;
        while self.urbs.outputs() > 0 {
            if !self.wait(PATIENCE)? {
                return Err(ClientError::TimedOut);
            }
        }
        Ok(())
    }

    /// Sends any number of bytes to the OUT endpoint, as a host does if its program asks for that: 65, for
    /// instance.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_bytes(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        while self.urbs.outputs() >= OUTPUTS {
            if !self.wait(PATIENCE)? {
                return Err(ClientError::TimedOut);
            }
        }
        self.urbs.submit_output(bytes)?;
        self.ask_for_reports();
        self.urbs.flush()
    }

    /// The next report; `None`: none came within `timeout`.
    ///
    /// # Errors
    /// [`ClientError::Io`]; or the error of an earlier transfer.
    pub fn receive(&mut self, timeout: Duration) -> Result<Option<Report>, ClientError> {
        let begun = Instant::now();
        let mut remaining = timeout;
        loop {
            if let Some(report) = self.reports.pop_front() {
                return Ok(Some(report));
            }
            self.ask_for_reports();
            self.urbs.flush()?;
            let arrived = self.wait(remaining)?;
            let elapsed = begun.elapsed();
            if !arrived && elapsed >= timeout {
                return Ok(None);
            }
            remaining = timeout.saturating_sub(elapsed);
        }
    }

    /// Sets how many interrupt-IN URBs wait at the device from now on: at least 1 and at most [`MAX_READS`]. Linux
    /// uses one. If too many wait now, some are taken back.
    ///
    /// # Errors
    /// As [`unlink`](Self::unlink).
    pub fn keep_reads(&mut self, count: usize) -> Result<(), ClientError> {
        self.reads = count.clamp(1, MAX_READS);
        for _ in self.reads..self.urbs.inputs() {
            let Some(newest) = self.urbs.newest_input() else { break };
            self.unlink(newest)?;
        }
        Ok(())
    }

    /// A control transfer that reads at most `wLength` bytes.
    ///
    /// # Errors
    /// [`ClientError::Stall`] if the device does not support it.
    pub fn control_in(&mut self, setup: SetupPacket) -> Result<Vec<u8>, ClientError> {
        let seqnum = self.urbs.submit_control_in(&setup)?;
        self.answer_to(seqnum)
    }

    /// A control transfer that writes `data`. Its length should be `wLength`.
    ///
    /// # Errors
    /// [`ClientError::Stall`] if the device does not support it.
    pub fn control_out(&mut self, setup: SetupPacket, data: &[u8]) -> Result<(), ClientError> {
        let seqnum = self.urbs.submit_control_out(&setup, data)?;
        self.answer_to(seqnum).map(drop)
    }

    /// Submits one more interrupt-IN URB and returns its number, for [`unlink`](Self::unlink).
    /// [`receive`](Self::receive) does this itself.
    ///
    /// # Errors
    /// [`ClientError::Io`].
    pub fn submit_input(&mut self) -> Result<u32, ClientError> {
        let seqnum = self.urbs.submit_input();
        self.urbs.flush()?;
        Ok(seqnum)
    }

    /// Takes back the URB `seqnum`. `true`: it was still waiting and will never be completed. `false`: it had been
    /// completed already.
    ///
    /// # Errors
    /// [`ClientError::Io`], [`ClientError::TimedOut`].
    pub fn unlink(&mut self, seqnum: u32) -> Result<bool, ClientError> {
        let unlink = self.urbs.submit_unlink(seqnum);
        match self.answer_to(unlink) {
            Ok(_) => Ok(false),
            Err(ClientError::Status(UNLINKED)) => {
                self.urbs.forget(seqnum);
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    /// Unplugs the device.
    pub fn close(self) {}

    fn ask_for_reports(&mut self) {
        if self.urbs.inputs() <= self.reads / 2 {
            while self.urbs.inputs() < self.reads {
                self.urbs.submit_input();
            }
        }
    }

    /// Waits for the completion of `seqnum`; reports that come before it are kept.
    fn answer_to(&mut self, seqnum: u32) -> Result<Vec<u8>, ClientError> {
        self.urbs.flush()?;
        let begun = Instant::now();
        loop {
            let remaining = PATIENCE.saturating_sub(begun.elapsed());
            match self.wait_for_one(remaining)? {
                Some(reply) if reply.seqnum == seqnum => return reply.into_data(),
                Some(reply) => self.keep(reply)?,
                None if remaining.is_zero() => return Err(ClientError::TimedOut),
                None => {}
            }
        }
    }

    /// Waits for something to arrive, and handles everything that has; `false` if nothing did.
    fn wait(&mut self, timeout: Duration) -> Result<bool, ClientError> {
        let Some(first) = self.wait_for_one(timeout)? else { return Ok(false) };
        self.keep(first)?;
        while let Some(reply) = self.urbs.next_reply()? {
            self.keep(reply)?;
        }
        Ok(true)
    }

    fn wait_for_one(&mut self, timeout: Duration) -> Result<Option<Reply>, ClientError> {
        match self.urbs.next_reply()? {
            Some(reply) => Ok(Some(reply)),
            None if self.urbs.read(timeout)? => self.urbs.next_reply(),
            None => Ok(None),
        }
    }

    /// A completion that nobody waits for by its number.
    fn keep(&mut self, reply: Reply) -> Result<(), ClientError> {
        let kind = reply.kind;
        let data = reply.into_data()?;
        if kind == Kind::Input {
            let mut report = [0; crate::REPORT_LENGTH];
            report.iter_mut().zip(data).for_each(|(to, from)| *to = from);
            self.reports.push_back(report);
        }
        Ok(())
    }
}

/// `-ECONNRESET`.
const UNLINKED: i32 = -104;
