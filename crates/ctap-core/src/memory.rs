//! The boundary between the core and its medium: records of bytes, whose meaning only the core knows.
//!
//! [`records`](crate::records) says what the records are and what they hold. The medium chooses the file format.

use alloc::vec::Vec;

use crate::secret::SecretBytes;

/// The smallest unit that is written: a name and its value.
#[derive(Debug)]
pub struct Record {
    /// 1 to [`MAX_RECORD_NAME`](crate::limits::MAX_RECORD_NAME) bytes. It is not secret, but it holds the ids of
    /// credentials.
    pub name: Vec<u8>,
    /// The new value, at most [`MAX_RECORD_VALUE`](crate::limits::MAX_RECORD_VALUE) bytes; `None`: the record is
    /// removed.
    pub value: Option<SecretBytes>,
}

/// The medium of an authenticator's [`Store`](crate::Store): an ordered, atomic, durable map from names to values.
///
/// After an error it still holds what it held before. The command that wanted the change is refused (P-11, P-12).
pub trait Memory {
    /// Carries out all of `records`, or none. No two of them may have the same name.
    ///
    /// With [`Durability::Wait`] these records, and all lazy ones before them, are durable on return. With
    /// [`Durability::Lazy`] they come before every later commit, and become durable some time later. A call with no
    /// records and `Wait` is a barrier: it writes nothing, and all earlier lazy records are durable on return.
    ///
    /// # Errors
    /// [`MemoryError`] if the medium failed or is full; nothing has changed then.
    fn commit(&mut self, records: &[Record], when: Durability) -> Result<(), MemoryError>;

    /// As [`commit`](Self::commit) with [`Durability::Wait`]. In addition, `work` is done once. A medium that
    /// writes in the background does it while it writes, any other medium before. If the medium refuses, it may
    /// leave out `work`.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    fn commit_while(
        &mut self,
        records: &[Record],
        work: &mut dyn FnMut(),
    ) -> Result<(), MemoryError> {
        work();
        self.commit(records, Durability::Wait)
    }

    /// Replaces all records, at once or not at all, and durably. The old records can no longer be read from the
    /// medium. A reset does this (RS-09).
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    fn replace_all(&mut self, records: &[Record]) -> Result<(), MemoryError>;

    /// Whether the committed records are still where they were written. The core asks this before it gives out a
    /// credential that is sealed in its own id: only the memory's state can open it, so it would be lost with the
    /// state (P-11). A medium that can be removed must look, which is cheap; any other medium need not.
    ///
    /// # Errors
    /// [`MemoryError`] if they are not there any more, or if the medium cannot look.
    fn still_kept(&mut self) -> Result<(), MemoryError> {
        Ok(())
    }

    /// Whether whoever asks it for something never waits for a medium, because there is none.
    fn is_instant(&self) -> bool {
        false
    }
}

/// When a commit must be durable. A medium must know every variant, so a new one would be a breaking change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// On return.
    Wait,
    /// Some time later. It may be lost, together with everything after it.
    Lazy,
}

/// Why a change could not be made durable. The medium's fault, never the request's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// The medium has no space left.
    #[error("no space left")]
    Full,
    /// Reading or writing failed.
    #[error("reading or writing failed")]
    Failed,
}

/// A medium that remembers nothing: the image in the [`Store`](crate::Store) is all there is.
pub(crate) struct Forgetful;

impl Memory for Forgetful {
    fn commit(&mut self, _records: &[Record], _when: Durability) -> Result<(), MemoryError> {
        Ok(())
    }

    fn replace_all(&mut self, _records: &[Record]) -> Result<(), MemoryError> {
        Ok(())
    }

    fn is_instant(&self) -> bool {
        true
    }
}
