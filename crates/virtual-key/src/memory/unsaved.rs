//! A vault whose failures people hear of: the program at the other end is told no more than a status.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ctap_core::Store;
use ctap_core::store::{Change, State, StoreError};
use vault::Vault;

use crate::error::Warn;

/// A vault that warns of changes that it could not save.
pub(super) struct Outspoken {
    vault: Vault,
    directory: PathBuf,
    warn: Warn,
    warned: Warned,
}

impl Outspoken {
    /// The vault in this directory; `warn` hears of what it refuses.
    pub(super) fn new(vault: Vault, directory: PathBuf, warn: Warn) -> Self {
        Self { vault, directory, warn, warned: Warned::Never }
    }
}

impl Store for Outspoken {
    fn state(&self) -> &State {
        self.vault.state()
    }

    fn commit(&mut self, change: Change) -> Result<(), StoreError> {
        let outcome = self.vault.commit(change);
        self.tell_of_trouble();
        outcome
    }

    fn still_kept(&mut self) -> Result<(), StoreError> {
        let outcome = self.vault.still_kept();
        self.tell_of_trouble();
        outcome
    }
}

impl Outspoken {
    /// Warns if the vault has just refused something.
    fn tell_of_trouble(&mut self) {
        if let Some(reason) = self.vault.why_refused()
            && self.warned.is_due(reason.kind(), Instant::now())
        {
            (self.warn)(format_args!(
                "{} could not keep what it was asked to, and the request failed: {reason}; {}",
                self.directory.display(),
                next_step(reason)
            ));
        }
    }
}

/// What people were warned of last. Requests come as fast as a program likes, so the same trouble is told once a minute.
enum Warned {
    Never,
    Of(ErrorKind, Instant),
}

impl Warned {
    /// Whether to warn now of trouble of this kind; whoever is told so does it.
    fn is_due(&mut self, kind: ErrorKind, now: Instant) -> bool {
        match self {
            Self::Of(before, at) if *before == kind && now.duration_since(*at) < SILENCE => false,
            _ => {
                *self = Self::Of(kind, now);
                true
            }
        }
    }
}

fn next_step(reason: &io::Error) -> &'static str {
    match reason.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "make room on its disk, then try again; the key need not be started again"
        }
        ErrorKind::FileTooLarge => {
            "it holds all that it can: remove credentials or large blobs, then try again"
        }
        ErrorKind::NotFound => {
            "its files were removed: stop the key, put them back from a backup, and start it again"
        }
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
            "make it writable, then try again; the key need not be started again"
        }
        _ => "look after its disk (`dmesg` may tell more), then try again",
    }
}

const SILENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_trouble_is_told_once_a_minute_and_another_at_once() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut warned = Warned::Never;
        assert!(warned.is_due(ErrorKind::StorageFull, start));
        assert!(!warned.is_due(ErrorKind::StorageFull, after(0)));
        assert!(!warned.is_due(ErrorKind::StorageFull, after(59)));
        assert!(warned.is_due(ErrorKind::StorageFull, after(60)));
        assert!(!warned.is_due(ErrorKind::StorageFull, after(119)));
        assert!(warned.is_due(ErrorKind::ReadOnlyFilesystem, after(119)));
        assert!(warned.is_due(ErrorKind::StorageFull, after(120)));
    }

    #[test]
    fn each_trouble_has_a_next_step_of_its_own() {
        let step = |kind| next_step(&io::Error::from(kind));
        assert!(step(ErrorKind::StorageFull).contains("make room"));
        assert!(step(ErrorKind::FileTooLarge).contains("remove credentials"));
        assert!(step(ErrorKind::NotFound).contains("backup"));
        assert!(step(ErrorKind::ReadOnlyFilesystem).contains("writable"));
        assert!(step(ErrorKind::Other).contains("dmesg"));
    }
}
