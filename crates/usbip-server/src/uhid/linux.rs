//! The kernel's end of the file: events, read and written whole.

mod events;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::rc::Rc;

use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

use self::events::{EVENT, Event};
use crate::descriptors::REPORT_DESCRIPTOR;
use crate::device::{DeviceInfo, Lease};
use crate::function::{HidFunction, REPORT_LENGTH, Report};
use crate::limits;

type Function = Rc<RefCell<dyn HidFunction>>;

/// A device to be: the kernel has one for each time that the file is open.
pub(super) fn open(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// Whether an error means that there is no uhid. The file may lie there without a driver.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::NOENT | Errno::NODEV | Errno::NXIO))
}

/// Makes the kernel's device and serves it until the plug is pulled.
pub(super) async fn serve(
    file: OwnedFd,
    info: DeviceInfo,
    lease: Lease,
    function: Function,
) -> io::Result<()> {
    let device = registered(file)?;
    rustix::io::write(&device, &events::create(&info, &REPORT_DESCRIPTOR))?;
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
    /// The reports of programs that the function has not got yet.
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
                // Events from now on make it ready again.
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
                // HD-96: reports travel only as events of the device file.
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

    /// Waits for the function's deadline; without a timer and without an end if there is none, or if no clock can
    /// show it.
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
