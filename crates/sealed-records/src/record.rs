//! Records, which a vault keeps, and changes to them.

use std::fmt;

use zeroize::Zeroizing;

/// A record: a name, and a value that is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// At most [`MAX_NAME`](crate::limits::MAX_NAME) bytes; sealed on the disk, no secret in memory.
    pub name: Vec<u8>,
    /// Secret, of any length that a commit can hold.
    pub value: Zeroizing<Vec<u8>>,
}

/// A value is nobody's to print.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a commit does to one record.
#[derive(Clone, Copy)]
pub struct Change<'a> {
    /// Which record: at most [`MAX_NAME`](crate::limits::MAX_NAME) bytes.
    pub name: &'a [u8],
    /// What it becomes; `None`: it is removed.
    pub value: Option<&'a [u8]>,
}

impl<'a> Change<'a> {
    /// The record gets this value, whether or not it was there.
    #[must_use]
    pub const fn set(name: &'a [u8], value: &'a [u8]) -> Self {
        Self { name, value: Some(value) }
    }

    /// The record is there no more, whether or not it was.
    #[must_use]
    pub const fn remove(name: &'a [u8]) -> Self {
        Self { name, value: None }
    }
}

impl fmt::Debug for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change")
            .field("name", &self.name)
            .field("removes", &self.value.is_none())
            .finish_non_exhaustive()
    }
}

/// When a commit is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When it returns, and everything before it.
    Wait,
    /// Some time later, usually within milliseconds, and never before an earlier commit: for what may be lost in a power cut.
    Lazy,
}
