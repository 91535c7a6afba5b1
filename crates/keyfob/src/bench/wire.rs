//! The way to a key in another process, or of metal: over USB/IP, where the reads are ours, or through the kernel.

use std::io;
use std::time::Duration;

use anyhow::ensure;
use ctap_client::{HidChannel, Report, ReportPipe};
use usbip_server::client::{Host, MAX_READS};

use crate::device::{Address, Reports, import};

/// Reports to and from a key.
pub(super) enum Wire {
    /// An imported device, and whether each report is confirmed before the next one is sent.
    Usbip { host: Box<Host>, confirms: bool },
    /// Whatever else.
    Other(Reports),
}

/// A channel to such a key.
pub(super) type Channel = HidChannel<Wire>;

/// How many reads wait at the device for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reads {
    /// One, as Linux has it.
    One,
    /// As many as our host end can; and it sends without waiting, too.
    Many,
    /// Whatever this way does by itself.
    AsUsual,
}

/// Opens the key and asks it for a channel.
///
/// # Errors
/// As [`Address::open`].
pub(super) fn open(address: &Address) -> anyhow::Result<Channel> {
    let wire = match address.found()? {
        Address::Usbip { server, bus_id } => {
            let host = Box::new(import(&server, bus_id.as_deref())?.0);
            Wire::Usbip { host, confirms: true }
        }
        other => Wire::Other(other.pipe()?),
    };
    Ok(HidChannel::open(wire)?)
}

impl Wire {
    /// Keeps so many reads waiting from now on.
    ///
    /// # Errors
    /// This way has not that many; or the device does not give a read back.
    pub(super) fn keep(&mut self, reads: Reads) -> anyhow::Result<()> {
        match self {
            Self::Usbip { host, confirms } => {
                *confirms = reads != Reads::Many;
                let count = if reads == Reads::One { 1 } else { MAX_READS };
                Ok(host.keep_reads(count)?)
            }
            Self::Other(_) => {
                ensure!(reads != Reads::Many, "the kernel reads one report at a time");
                Ok(())
            }
        }
    }
}

impl ReportPipe for Wire {
    fn send(&mut self, report: &Report) -> io::Result<()> {
        match self {
            Self::Usbip { host, confirms: true } => Ok(host.send_and_confirm(report)?),
            Self::Usbip { host, confirms: false } => Ok(host.send(report)?),
            Self::Other(pipe) => pipe.send(report),
        }
    }

    fn receive(&mut self, timeout: Duration) -> io::Result<Option<Report>> {
        match self {
            Self::Usbip { host, .. } => Ok(host.receive(timeout)?),
            Self::Other(pipe) => pipe.receive(timeout),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::End;

    struct Nothing;

    impl ReportPipe for Nothing {
        fn send(&mut self, _: &Report) -> io::Result<()> {
            Ok(())
        }

        fn receive(&mut self, _: Duration) -> io::Result<Option<Report>> {
            Ok(None)
        }
    }

    #[test]
    fn a_kernel_has_one_read_and_no_more() {
        let mut wire = Wire::Other(Reports::new(Nothing, End::Key));
        assert!(wire.keep(Reads::One).is_ok() && wire.keep(Reads::AsUsual).is_ok());
        let refused = wire.keep(Reads::Many).unwrap_err().to_string();
        assert!(refused.contains("one report at a time"), "{refused}");
    }
}
