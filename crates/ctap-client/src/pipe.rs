//! CTAP section 11.2: the 64-byte reports of a HID key, and everything that carries them.

use std::io;
use std::ops::DerefMut;
use std::time::Duration;

pub use hid_transport::Report;

/// Reports to and from one key: `/dev/hidrawN`, the host end of USB/IP, or a device in the same process.
pub trait ReportPipe {
    /// Hands one report to the key.
    ///
    /// # Errors
    /// When the key is gone or the operating system refuses.
    fn send(&mut self, report: &Report) -> io::Result<()>;

    /// The next report from the key, or `None` if none came within `timeout`.
    ///
    /// A pipe must not return `None` before `timeout` has passed, because callers measure time with it.
    ///
    /// # Errors
    /// When the key is gone or the operating system refuses.
    fn receive(&mut self, timeout: Duration) -> io::Result<Option<Report>>;
}

/// A borrowed one, or one in a box.
impl<P: DerefMut<Target: ReportPipe>> ReportPipe for P {
    fn send(&mut self, report: &Report) -> io::Result<()> {
        (**self).send(report)
    }

    fn receive(&mut self, timeout: Duration) -> io::Result<Option<Report>> {
        (**self).receive(timeout)
    }
}
