//! A thread that soon syncs lazy commits, so that later nobody has to wait for them.

use std::fs::File;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::limits::LAZY_DELAY;

/// The thread and its orders. Dropping it waits for a sync that has begun, and begins no other.
pub(crate) struct Flusher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// How far the thread has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Everything before this offset is durable.
    Durable(u64),
    /// A sync failed; the thread has ended. What it should have made durable must be written again, elsewhere.
    Failed,
}

impl Progress {
    /// The offset up to which everything is durable.
    ///
    /// # Errors
    /// Nobody knows what is.
    pub(crate) fn durable(self) -> io::Result<u64> {
        match self {
            Self::Durable(offset) => Ok(offset),
            Self::Failed => Err(io::Error::other("a write in the background failed")),
        }
    }
}

struct Shared {
    orders: Mutex<Orders>,
    changed: Condvar,
}

struct Orders {
    wanted: u64,
    /// Somebody waits: no more is gathered.
    is_urgent: bool,
    progress: Progress,
    ends: bool,
}

impl Orders {
    fn is_due(&self) -> bool {
        matches!(self.progress, Progress::Durable(done) if done < self.wanted)
    }
}

impl Flusher {
    /// `file` is opened for this; what is before `durable` is so already.
    ///
    /// # Errors
    /// The system has no thread for us.
    pub(crate) fn start(file: File, durable: u64) -> io::Result<Self> {
        let progress = Progress::Durable(durable);
        let orders = Orders { wanted: durable, is_urgent: false, progress, ends: false };
        let shared = Arc::new(Shared { orders: Mutex::new(orders), changed: Condvar::new() });
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("vault-sync".to_owned())
            .spawn(move || theirs.run(&file))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Everything before this offset has been written, and is to be synced soon.
    pub(crate) fn want(&self, offset: u64) {
        self.shared.change(|orders| orders.wanted = offset);
    }

    /// Everything before this offset has been written, and is to be synced at once: [`settled`](Self::settled) tells when it is.
    pub(crate) fn want_now(&self, offset: u64) {
        self.shared.change(|orders| {
            orders.wanted = offset;
            orders.is_urgent = true;
        });
    }

    /// Waits until nothing is due any more, and tells how that came about.
    pub(crate) fn settled(&self) -> Progress {
        let orders = self.shared.orders();
        let orders = self.shared.changed.wait_while(orders, |orders| orders.is_due());
        orders.unwrap_or_else(PoisonError::into_inner).progress
    }

    /// Somebody else has synced everything before this offset.
    pub(crate) fn is_done(&self, offset: u64) {
        self.shared.change(|orders| {
            if let Progress::Durable(done) = &mut orders.progress {
                *done = offset.max(*done);
            }
        });
    }

    pub(crate) fn progress(&self) -> Progress {
        self.shared.orders().progress
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.shared.change(|orders| orders.ends = true);
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell but what `progress` says.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self, file: &File) {
        while let Some(offset) = self.next() {
            let outcome = file.sync_data();
            self.change(|orders| {
                match (&mut orders.progress, &outcome) {
                    (Progress::Durable(done), Ok(())) => *done = offset.max(*done),
                    (progress, _) => *progress = Progress::Failed,
                }
                orders.is_urgent &= orders.is_due();
            });
            if let Err(error) = outcome {
                tracing::error!(%error, "a write that was put off has failed");
                return;
            }
        }
    }

    /// Waits until there is something to sync, and a little longer, for more of it; `None`: it is time to end.
    fn next(&self) -> Option<u64> {
        loop {
            let orders = self.orders();
            let waits = |orders: &mut Orders| !orders.ends && !orders.is_due();
            let orders =
                self.changed.wait_while(orders, waits).unwrap_or_else(PoisonError::into_inner);
            let gathers =
                |orders: &mut Orders| !orders.ends && orders.is_due() && !orders.is_urgent;
            let (orders, _) = self
                .changed
                .wait_timeout_while(orders, LAZY_DELAY, gathers)
                .unwrap_or_else(PoisonError::into_inner);
            if orders.ends {
                return None;
            }
            if orders.is_due() {
                return Some(orders.wanted);
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut Orders)) {
        change(&mut self.orders());
        self.changed.notify_all();
    }

    /// Nobody panics while holding it, and if somebody did, numbers are still numbers.
    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;

    use super::*;

    #[test]
    fn what_is_wanted_is_durable_soon() {
        let flusher = Flusher::start(tempfile::tempfile().unwrap(), 0).unwrap();
        flusher.want(10);
        flusher.want(20);
        assert_eq!(flusher.settled(), Progress::Durable(20));
    }

    #[test]
    fn what_somebody_waits_for_takes_along_what_nobody_does() {
        let flusher = Flusher::start(tempfile::tempfile().unwrap(), 0).unwrap();
        flusher.want(10);
        flusher.want_now(20);
        assert_eq!(flusher.settled(), Progress::Durable(20));
        assert!(!flusher.shared.orders().is_urgent, "the next ones are gathered again");
    }

    #[test]
    fn what_somebody_else_has_synced_is_not_waited_for() {
        let flusher = Flusher::start(pipe(), 0).unwrap();
        flusher.is_done(10);
        flusher.want(10);
        assert_eq!(flusher.settled(), Progress::Durable(10));
    }

    #[test]
    fn a_sync_that_fails_is_told_and_none_is_tried_again() {
        let flusher = Flusher::start(pipe(), 0).unwrap();
        flusher.want(10);
        assert_eq!(flusher.settled(), Progress::Failed);
        flusher.want_now(20);
        flusher.is_done(20);
        assert_eq!(flusher.settled(), Progress::Failed);
    }

    /// A file that cannot be synced.
    fn pipe() -> File {
        let (reader, _writer) = io::pipe().unwrap();
        File::from(OwnedFd::from(reader))
    }
}
