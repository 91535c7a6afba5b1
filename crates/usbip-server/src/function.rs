//! The function behind a HID interface: 64-byte reports out, 64-byte reports in.

use crate::timed::Timed;

/// Bytes in a report, and in a packet of either interrupt endpoint (HD-92).
pub const REPORT_LENGTH: usize = 64;

/// One HID report, in either direction. The device has no report ids.
pub type Report = [u8; REPORT_LENGTH];

/// The device's side of the interface, called on the task of the connection that imported it.
///
/// A call must not block, nor may anybody keep the function borrowed while a task waits. What
/// happens elsewhere (a touch, a finished computation) is announced with
/// [`Port::wake`](crate::Port::wake), or from another thread with its [`Waker`](crate::Waker).
pub trait HidFunction: Timed {
    /// The device was imported: it has just been plugged in and powered up.
    fn attached(&mut self);

    /// The import ended, in whatever way: the device has lost power.
    fn detached(&mut self);

    /// The host sent a report. A short one arrives padded with zeros, a long one in several calls.
    fn output(&mut self, report: &Report);

    /// The next report for the host, if there is one. Asked only while the host waits for it, so a
    /// report that is handed out is a report that is sent. `reads`: how many requests for a report wait,
    /// 1 to [`MAX_PARKED`](crate::limits::MAX_PARKED). Linux has one at a time, programs with a USB/IP of their own have several. 0 on
    /// [uhid](crate::uhid), which takes every report: whether the last ones have been read is not to be seen.
    fn input(&mut self, reads: usize) -> Option<Report>;

    /// The host took back its last waiting request for a report: from now on nobody reads. On Linux the
    /// last program has closed the device node, or was killed. The next [`input`](Self::input) tells
    /// that somebody reads again.
    fn unread(&mut self) {}
}
