//! The function behind a HID interface: it takes and returns reports of 64 bytes.

use crate::timed::Timed;

/// The bytes of a report, and of a packet of either interrupt endpoint (HD-92).
pub const REPORT_LENGTH: usize = 64;

/// One HID report, in either direction. The device has no report ids.
pub type Report = [u8; REPORT_LENGTH];

/// The device's side of the interface, called on the task of the connection that imported it.
///
/// A call must not block, and nobody may keep the function borrowed while a task waits. An event from elsewhere (a
/// touch, a finished computation) is announced with [`Port::wake`](crate::Port::wake), or from another thread with
/// its [`Waker`](crate::Waker).
pub trait HidFunction: Timed {
    /// The device was imported: it has just got power.
    fn attached(&mut self);

    /// The import ended for any reason: the device has lost power.
    fn detached(&mut self);

    /// The host sent a report. A short one arrives padded with zeros, a long one in several calls.
    fn output(&mut self, report: &Report);

    /// The next report for the host, if there is one. It is called only while the host waits for a report, so a
    /// report that is returned is sent. `reads`: how many requests for a report wait, 1 to
    /// [`MAX_PARKED`](crate::limits::MAX_PARKED). Linux has one at a time; programs with their own USB/IP have
    /// several. It is 0 on [uhid](crate::uhid), which takes every report: nobody can see there whether the last
    /// ones have been read.
    fn input(&mut self, reads: usize) -> Option<Report>;

    /// The host took back its last waiting request for a report, so nobody reads from now on. On Linux the last
    /// program has closed the device file, or was killed. The next [`input`](Self::input) means that somebody reads
    /// again.
    fn unread(&mut self) {}
}
