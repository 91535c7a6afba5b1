//! The key of the demonstration, and the two ways to plug it in.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use ctap_client::ReportPipe;
use ctap_client::hidraw::Key;

use super::wire::Wire;
use crate::device::{self, Address, UsbipPipe};
use crate::spawned::SpawnedKey;

/// How the key is plugged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Imported over TCP by this program.
    Usbip,
    /// Attached to the kernel of this host, and used through its device file.
    Kernel,
}

/// A way to the key, and what is known of it now.
pub(super) struct Plugged {
    pub(super) pipe: Box<dyn ReportPipe>,
    pub(super) description: String,
}
