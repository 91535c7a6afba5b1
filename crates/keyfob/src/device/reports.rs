//! The way for reports to a key, and what stands at its other end.

use std::io;
use std::time::Duration;

use ctap_client::local::Key;
use ctap_client::{Report, ReportPipe};
use usbip_server::client::{Enumeration, Host};

/// What a USB device of a key is. It decides what a person has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The key itself.
    Key,
    /// A `keyfob bridge`: the key is a card, and may have to be laid on its reader first.
    Bridge,
}

/// An open way for reports.
pub(crate) struct Reports {
    pipe: Box<dyn ReportPipe>,
    end: End,
}

impl End {
    /// Of a key of this host. Its device file stays, whatever becomes of the card.
    pub(crate) fn of(key: &Key) -> Self {
        // Linux puts the name of the maker before that of the product.
        if key.name.ends_with(BRIDGE) { Self::Bridge } else { Self::Key }
    }

    /// Of a device at a USB/IP server.
    fn of_remote(said: &Enumeration) -> Self {
        if said.product.as_deref() == Some(BRIDGE) { Self::Bridge } else { Self::Key }
    }
}

impl Reports {
    /// They go through this pipe.
    pub(crate) fn new(pipe: impl ReportPipe + 'static, end: End) -> Self {
        Self { pipe: Box::new(pipe), end }
    }

    /// To an imported device, which said this of itself.
    pub(crate) fn imported(host: Host, said: &Enumeration) -> Self {
        Self::new(virtual_key::Connection::from(host), End::of_remote(said))
    }

    /// What is at the other end.
    pub(crate) const fn end(&self) -> End {
        self.end
    }
}

impl ReportPipe for Reports {
    fn send(&mut self, report: &Report) -> io::Result<()> {
        self.pipe.send(report)
    }

    fn receive(&mut self, timeout: Duration) -> io::Result<Option<Report>> {
        self.pipe.receive(timeout)
    }
}

/// What the USB key of `keyfob bridge` calls itself.
pub(crate) const BRIDGE: &str = "keyfob bridge";
