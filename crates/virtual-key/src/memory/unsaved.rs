//! A vault that tells people when a write fails. The program at the other end is told only a status.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ctap_core::memory::{self, MemoryError, Record};
use ctap_core::secret::SecretBytes;
use sealed_records::{Change, CommitError, Directory, Disk, Durability, Vault};

use crate::error::Warn;

/// A vault that warns of changes that it could not save.
pub(super) struct WarningVault<D: Disk = Directory> {
    vault: Vault<D>,
    directory: PathBuf,
    warn: Warn,
    warned: Warned,
}

impl<D: Disk> WarningVault<D> {
    /// The vault in this directory. `warn` is told of refused commits.
    pub(super) const fn new(vault: Vault<D>, directory: PathBuf, warn: Warn) -> Self {
        Self { vault, directory, warn, warned: Warned::Never }
    }
}

impl<D: Disk> memory::Memory for WarningVault<D> {
    fn commit(&mut self, records: &[Record], when: memory::Durability) -> Result<(), MemoryError> {
        let when = match when {
            memory::Durability::Wait => Durability::Wait,
            memory::Durability::Lazy => Durability::Lazy,
        };
        let outcome = self.vault.commit(&changes(records), when);
        self.judge(outcome)
    }

    fn commit_while(
        &mut self,
        records: &[Record],
        work: &mut dyn FnMut(),
    ) -> Result<(), MemoryError> {
        let outcome = self.vault.commit_while(&changes(records), work);
        self.judge(outcome)
    }

    fn replace_all(&mut self, records: &[Record]) -> Result<(), MemoryError> {
        let outcome = self.vault.replace_all(&changes(records));
        self.judge(outcome)
    }

    fn still_kept(&mut self) -> Result<(), MemoryError> {
        let outcome = self.vault.still_kept();
        self.judge(outcome)
    }
}

/// The same in the vault's words.
fn changes(records: &[Record]) -> Vec<Change<'_>> {
    let values = records.iter().map(|record| record.value.as_ref().map(SecretBytes::expose));
    let changes = records.iter().zip(values);
    changes.map(|(record, value)| Change { name: &record.name, value }).collect()
}

impl<D: Disk> WarningVault<D> {
    fn judge(&mut self, outcome: Result<(), CommitError>) -> Result<(), MemoryError> {
        self.warn_of_refusal();
        outcome.map_err(|error| match error {
            CommitError::Full => MemoryError::Full,
            _ => MemoryError::Failed,
        })
    }

    /// Warns if the vault has just refused something.
    fn warn_of_refusal(&mut self) {
        if let Some(reason) = self.vault.why_refused()
            && self.warned.is_due(reason.kind(), Instant::now())
        {
            (self.warn)(format_args!(
                "{} could not store what it was asked to: {reason}; {}",
                self.directory.display(),
                next_step(reason)
            ));
        }
    }
}

/// The last warning to people. A program can send requests very fast, so the same trouble is reported once a
/// minute.
enum Warned {
    Never,
    Of(ErrorKind, Instant),
}

impl Warned {
    /// Whether to warn now of trouble of this kind. The caller then warns.
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
            "free some space on its disk, then try again; the key need not be started again"
        }
        ErrorKind::FileTooLarge => "it is full: remove credentials or large blobs, then try again",
        ErrorKind::NotFound => {
            "its files were removed: stop the key, put them back from a backup, and start it again"
        }
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
            "make it writable, then try again; the key need not be started again"
        }
        _ => "check its disk (`dmesg` may say more), then try again",
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
        assert!(step(ErrorKind::StorageFull).contains("free some space"));
        assert!(step(ErrorKind::FileTooLarge).contains("remove credentials"));
        assert!(step(ErrorKind::NotFound).contains("backup"));
        assert!(step(ErrorKind::ReadOnlyFilesystem).contains("writable"));
        assert!(step(ErrorKind::Other).contains("dmesg"));
    }
}
