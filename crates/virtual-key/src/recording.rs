//! Records the messages of keys and their hosts in a file that Wireshark and `keyfob trace` read (pcapng; P-38).
//!
//! ```text
//!   host ◄──► Recorded ◄──► the key
//!                │ Tap: packet, time                        the key's thread, which never waits
//!            ════╪══════════════════════════════════════
//!                ▼                                          the recorder's
//!              Veil: secrets out, steps named ──► pcapng block ──► one write
//! ```
//!
//! A key that is not recorded runs as if this module did not exist. PINs, tokens and secrets are left out unless
//! they are asked for: [`ctap_client::trace`] says which and how. Names of sites and accounts stay.

mod file;
mod pcapng;
mod recorded;
mod usb;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use ctap_client::trace::Direction;
use hid_transport::Report;

use self::file::RecordingFile;
pub use self::recorded::Recorded;
use self::writer::{Event, What, Writer};
use crate::error::{Error, Warn};

/// A file in which keys are recorded. Clones share the same file. When the last clone and the last recorded key are
/// dropped, everything has been written.
#[derive(Clone)]
pub struct Recorder(Arc<Shared>);

/// Records one key.
#[derive(Clone)]
pub struct Tap {
    key: u32,
    /// Whether packets are missing before the next one.
    has_gap: Arc<AtomicBool>,
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    /// `None` only while it is dropped.
    events: Mutex<Option<SyncSender<Event>>>,
    /// Packets for which there was no room.
    lost: Arc<AtomicU64>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Recorder {
    /// Opens a file to record in. If there is none, makes one for its user alone (mode 0600). If it is a recording,
    /// new packets are added to it; an unfinished block at its end, from a process that was killed, is cut off.
    /// `keeps_secrets`: record PINs, tokens and secrets as well. `warn` is told if the file takes no more.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Memory`]: the file cannot be written, other users can read it, it is not a
    /// recording, or another process records into it.
    pub fn open(path: &Path, keeps_secrets: bool, warn: Warn) -> Result<Self, Error> {
        let file = RecordingFile::open(path)?;
        let (events, inbox) = sync_channel(WAITING);
        let lost = Arc::<AtomicU64>::default();
        let writer = Writer::new(file, keeps_secrets, warn, Arc::clone(&lost));
        let thread = thread::Builder::new().name("recorder".to_owned());
        let thread = thread.spawn(move || writer.run(&inbox)).map_err(Error::Start)?;
        let (events, thread) = (Mutex::new(Some(events)), Mutex::new(Some(thread)));
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Ok(Self(Arc::new(Shared { path, events, lost, thread })))
    }

    /// The tap of the key with this number; the first one is 1.
    #[must_use]
    pub fn tap(&self, key: u32) -> Tap {
        Tap { key, has_gap: Arc::default(), shared: Arc::clone(&self.0) }
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("path", &self.0.path).finish_non_exhaustive()
    }
}

impl Tap {
    /// Records what the key says of itself on a bus: its bus id, and the control transfers that a host makes when
    /// the key is plugged in.
    pub fn introduce(&self, bus_id: &str, transfers: Vec<([u8; 8], Vec<u8>)>) {
        self.tell(What::Key { bus_id: bus_id.to_owned(), transfers });
    }

    /// The file, by its whole path.
    pub(crate) fn path(&self) -> &Path {
        &self.shared.path
    }

    fn powered_up(&self) {
        self.tell(What::PluggedIn);
    }

    fn report(&self, direction: Direction, report: &Report) {
        self.tell(What::Report(direction, *report));
    }

    fn field(&self, is_on: bool) {
        self.tell(What::Field { is_on });
    }

    fn apdu(&self, direction: Direction, apdu: &[u8]) {
        self.tell(What::Apdu(direction, apdu.to_vec()));
    }

    /// Never waits. If a disk stops for long, entries without room are lost. That is recorded, also at the place
    /// where they are missing.
    fn tell(&self, what: What) {
        let at = SystemTime::now();
        let events = self.shared.events.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(events) = events.as_ref() else { return };
        let follows_gap = self.has_gap.load(Ordering::Relaxed);
        let event = Event { key: self.key, at, what, follows_gap };
        let is_lost = matches!(events.try_send(event), Err(TrySendError::Full(_)));
        if is_lost {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
        self.has_gap.store(is_lost, Ordering::Relaxed);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        *self.events.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
        if let Some(thread) = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            // Its panic was reported when it happened.
            let _ = thread.join();
        }
    }
}

/// Packets that may wait for the disk: a second of the fastest conversation there is, in two megabytes.
const WAITING: usize = 16 * 1024;

#[cfg(test)]
mod tests;
