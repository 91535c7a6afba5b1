//! Plugging a device into this very machine without its USB bus: HID devices of user space, through `/dev/uhid` (the kernel's
//! Documentation/hid/uhid.rst).
//!
//! Programs find the same `/dev/hidrawN` as with [`vhci`](crate::vhci); but there is no USB device beneath it, and so no
//! descriptors to read. It takes no root, only the right to open the file. Whoever has that can make keyboards, too.

mod events;

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

use self::events::{EVENT, Event};
use crate::descriptors::REPORT_DESCRIPTOR;
use crate::device::{Lease, Port};
use crate::function::{HidFunction, REPORT_LENGTH, Report};
use crate::interface::Interface;
use crate::limits;

/// Where the kernel has it.
pub const PLACE: &str = "/dev/uhid";

/// Bytes of the longest CTAPHID message that is never too long: 30 reports. The kernel keeps 31 for a device that has not got to them
/// yet, and drops the others.
pub const CERTAIN_MESSAGE: usize = 1768;

/// Why plugging in did not work, or came to its end; and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum UhidError {
    /// There is no such file, or no driver behind it.
    #[error("this kernel has no uhid loaded; run `sudo modprobe uhid`")]
    ModuleMissing,
    /// This user may not open it.
    #[error("{} may not be opened; run this as root, or give your group the file", .0.display())]
    Permission(PathBuf),
    /// The device has a host already, or was unplugged: the caller's fault.
    #[error("the device is in use")]
    Busy,
    /// The device is no HID device, nor is a part of it: the caller's fault.
    #[error("the device has no HID interface, and uhid takes nothing else")]
    NoHid,
    /// The file failed in another way.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it failed with.
        error: io::Error,
    },
}

/// The kernel's driver for HID devices of user space.
#[derive(Clone, Debug)]
pub struct Uhid {
    path: PathBuf,
}

impl Uhid {
    /// Finds the driver at `path`, which is [`PLACE`] on a real machine, and sees that this user may use it. The kernel loads the
    /// module for whoever opens the file.
    ///
    /// # Errors
    /// Each [`UhidError`] says what to do.
    pub fn open(path: &Path) -> Result<Self, UhidError> {
        let uhid = Self { path: path.to_owned() };
        uhid.file().map(|_| uhid)
    }

    /// Plugs the device in `port` into this machine, as far as it is a HID device, and serves it. Returns when the plug was pulled: then the kernel's device is
    /// gone. So it is when the future is dropped, and when the process ends in whatever way.
    ///
    /// # Errors
    /// Each [`UhidError`] says what to do.
    pub async fn serve(&self, port: &Port) -> Result<(), UhidError> {
        let file = self.file()?;
        let lease = port.lease().ok_or(UhidError::Busy)?;
        let function = hid(&lease).ok_or(UhidError::NoHid)?;
        serve(file, lease, function).await.map_err(|error| self.failure(error))
    }

    /// A device to be: the kernel has one for each time that the file is open.
    fn file(&self) -> Result<OwnedFd, UhidError> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        rustix::fs::open(&self.path, flags, Mode::empty())
            .map_err(|error| self.failure(error.into()))
    }

    fn failure(&self, error: io::Error) -> UhidError {
        let path = self.path.clone();
        match Errno::from_io_error(&error) {
            // The file may lie there without a driver.
            Some(Errno::NOENT | Errno::NODEV | Errno::NXIO) => UhidError::ModuleMissing,
            Some(Errno::ACCESS | Errno::PERM) => UhidError::Permission(path),
            _ => UhidError::Io { path, error },
        }
    }
}

type Function = Rc<RefCell<dyn HidFunction>>;

/// What is behind its HID interface.
fn hid(lease: &Lease) -> Option<Function> {
    lease.interfaces().iter().find_map(|interface| match interface {
        Interface::Hid(function) => Some(Rc::clone(function)),
        Interface::Ccid(_) | Interface::Pn533(_) => None,
    })
}

/// Makes the kernel's device and serves it until the plug is pulled.
async fn serve(file: OwnedFd, lease: Lease, function: Function) -> io::Result<()> {
    let device = registered(file)?;
    rustix::io::write(&device, &events::create(lease.info(), &REPORT_DESCRIPTOR))?;
    Connection { device, lease, function, outputs: Vec::new(), is_read: false }.serve().await
}

/// Ready whenever the kernel has something to tell.
#[expect(
    deprecated,
    reason = "what tokio has instead is unsafe, and asks that the descriptor stays the same: an owned one does"
)]
fn registered(file: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(file, Interest::READABLE)
}

/// The kernel's device and ours behind it.
struct Connection {
    // Closed first: power goes when the kernel's device has gone.
    device: AsyncFd<OwnedFd>,
    lease: Lease,
    function: Function,
    /// What programs sent, and the function has not been told yet.
    outputs: Vec<Report>,
    /// Whether a program has the device file open.
    is_read: bool,
}

impl Connection {
    async fn serve(mut self) -> io::Result<()> {
        let mut event = [0; EVENT];
        let mut is_due = false;
        while !self.lease.is_revoked() {
            let is_all_heard = self.hear(&mut event)?;
            if std::mem::take(&mut is_due) {
                self.let_time_pass();
            }
            self.deliver()?;
            if !is_all_heard {
                // A program that floods its own key must not keep the thread.
                yield_now().await;
                continue;
            }
            tokio::select! {
                biased;
                () = self.lease.signal() => {}
                // What comes from now on makes it ready again.
                ready = self.device.readable() => ready?.clear_ready(),
                () = self.time_out() => is_due = true,
            }
        }
        Ok(())
    }

    /// Takes what the kernel has to tell, at most [`limits::UHID_EVENTS`]. Whether that was all.
    ///
    /// The kernel keeps 32 events and drops what comes after them, and a program that sends a long message waits for nothing. So
    /// all that is there is taken before any of it is worked on.
    fn hear(&mut self, buffer: &mut [u8; EVENT]) -> io::Result<bool> {
        let is_all = self.take(buffer);
        self.output();
        is_all
    }

    fn take(&mut self, buffer: &mut [u8; EVENT]) -> io::Result<bool> {
        for _ in 0..limits::UHID_EVENTS {
            let length = match retry_on_intr(|| rustix::io::read(&self.device, &mut *buffer)) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => length,
                Err(Errno::WOULDBLOCK) => return Ok(true),
                Err(error) => return Err(error.into()),
            };
            if let Some(event) = buffer.get(..length).and_then(Event::parse) {
                self.handle(event)?;
            }
        }
        Ok(false)
    }

    fn handle(&mut self, event: Event<'_>) -> io::Result<()> {
        if let Event::Output(data) = event {
            self.outputs.extend(reports(data));
            return Ok(());
        }
        self.output();
        match event {
            Event::Open => self.is_read = true,
            Event::Close => {
                if std::mem::take(&mut self.is_read) {
                    self.function.borrow_mut().unread();
                }
            }
            Event::GetReport { id, report } => {
                // HD-96: what the device file carries is told there, and to nobody else.
                let is_ours = report.is_input() || report.is_output();
                let answer = is_ours.then_some([0; REPORT_LENGTH]);
                self.write(&events::get_report_reply(id, answer.as_ref()))?;
            }
            Event::SetReport { id, report, data } => {
                let is_taken = report.is_output() && data.len() <= REPORT_LENGTH;
                if is_taken {
                    self.outputs.extend(reports(data));
                    self.output();
                }
                self.write(&events::set_report_reply(id, is_taken))?;
            }
            Event::Output(_) | Event::Other => {}
        }
        Ok(())
    }

    /// Tells the function what programs sent.
    fn output(&mut self) {
        let mut function = self.function.borrow_mut();
        self.outputs.drain(..).for_each(|report| function.output(&report));
    }

    /// Hands out reports while somebody reads: the kernel drops what nobody does.
    fn deliver(&mut self) -> io::Result<()> {
        if !self.is_read {
            return Ok(());
        }
        loop {
            let report = self.function.borrow_mut().input(UNSEEN);
            match report {
                Some(report) => self.write(&events::input(&report))?,
                None => return Ok(()),
            }
        }
    }

    /// The kernel takes an event whole, and at once.
    fn write(&self, event: &[u8]) -> io::Result<()> {
        retry_on_intr(|| rustix::io::write(&self.device, event))?;
        Ok(())
    }

    /// Waits for the function's deadline; for ever, without a timer, if there is none or no clock can show it.
    fn time_out(&self) -> impl Future<Output = ()> + use<> {
        let left = self.function.borrow_mut().poll_timeout();
        let deadline = left.and_then(|left| Instant::now().checked_add(left));
        async move {
            match deadline {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        }
    }

    fn let_time_pass(&self) {
        let mut function = self.function.borrow_mut();
        if function.poll_timeout().is_some_and(|left| left.is_zero()) {
            function.handle_timeout();
        }
    }
}

/// As on the USB bus: a long write is several reports, and a short one is filled with zeros.
fn reports(data: &[u8]) -> impl Iterator<Item = Report> {
    data.chunks(REPORT_LENGTH).map(|packet| {
        let mut report = [0; REPORT_LENGTH];
        report.iter_mut().zip(packet).for_each(|(to, from)| *to = *from);
        report
    })
}

/// Reads that wait for a report: the kernel takes every one, and tells nobody what programs have read. The device file has room for a few
/// dozen.
const UNSEEN: usize = 0;

#[cfg(test)]
mod tests;
