//! The wall between the core and the medium that remembers for it: records of bytes, whose meaning is the core's alone.
//!
//! What the records are, and what they hold, is in [`records`](crate::records); a file format belongs to the medium.

use alloc::vec::Vec;

use crate::secret::SecretBytes;

/// What is written by itself: a name, and what is remembered under it.
#[derive(Debug)]
pub struct Record {
    /// 1 to [`MAX_RECORD_NAME`](crate::limits::MAX_RECORD_NAME) bytes. Not secret, but it holds the ids of credentials.
    pub name: Vec<u8>,
    /// What is remembered from now on; `None`: nothing is remembered under this name any more. At most
    /// [`MAX_RECORD_VALUE`](crate::limits::MAX_RECORD_VALUE) bytes.
    pub value: Option<SecretBytes>,
}

/// The medium of an authenticator's [`Store`](crate::Store): an ordered, atomic, durable map from names to values.
///
/// After an error it still holds what it held before, and the command that wanted the change is refused (P-11, P-12).
pub trait Memory {
    /// Carries out all of `records`, or none. No name occurs twice among them.
    ///
    /// With [`Durability::Wait`] they are durable on return, and so is every lazy one before. With [`Durability::Lazy`] they
    /// come before every later commit, and are durable some time later. No records and `Wait` is a barrier: nothing is
    /// written, and all earlier lazy ones are durable on return.
    ///
    /// # Errors
    /// [`MemoryError`] when the medium failed or is full; nothing has changed then.
    fn commit(&mut self, records: &[Record], when: Durability) -> Result<(), MemoryError>;

    /// As [`commit`](Self::commit) with [`Durability::Wait`], and `work` is done once meanwhile: a medium that writes by itself has
    /// it done while it writes, any other one before. Where the medium refuses it need not have been done.
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

    /// Replaces everything that is remembered, at once or not at all, and durable on return. What was
    /// there before can be read from the medium no more: this is what a reset does (RS-09).
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    fn replace_all(&mut self, records: &[Record]) -> Result<(), MemoryError>;

    /// Whether what was committed is still where it was put. Asked before a key is handed out that only the state can open
    /// again, a credential that travels sealed in its own id: it would be lost with the state (P-11). A medium that can be
    /// taken away looks, which costs next to nothing; any other need not.
    ///
    /// # Errors
    /// [`MemoryError`] when it is not there any more, or cannot be looked at.
    fn still_kept(&mut self) -> Result<(), MemoryError> {
        Ok(())
    }
}

/// When a commit must be durable. A medium must know each of them, so another one would break those that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// On return.
    Wait,
    /// Some time later: it is safe to lose, together with everything after it.
    Lazy,
}

/// Why a change could not be made durable. The medium's fault, never the request's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// No space left on the medium.
    #[error("no space left")]
    Full,
    /// Reading or writing failed.
    #[error("the medium failed")]
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
}
