//! The records of a vault, and changes to them.

use std::fmt;

use zeroize::Zeroizing;

/// A record: a name, and a value that is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// At most [`MAX_NAME`](crate::limits::MAX_NAME) bytes. It is encrypted on the disk, but is not treated as a
    /// secret in memory.
    pub name: Vec<u8>,
    /// The value, which is secret. It may have any length that fits into a commit.
    pub value: Zeroizing<Vec<u8>>,
}

/// A value must not be printed.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a commit does to one record.
#[derive(Clone, Copy)]
pub struct Change<'a> {
    /// The name of the record: at most [`MAX_NAME`](crate::limits::MAX_NAME) bytes.
    pub name: &'a [u8],
    /// The new value; `None`: the record is removed.
    pub value: Option<&'a [u8]>,
}

impl<'a> Change<'a> {
    /// Sets the value of a record, whether or not the record exists.
    #[must_use]
    pub const fn set(name: &'a [u8], value: &'a [u8]) -> Self {
        Self { name, value: Some(value) }
    }

    /// Removes a record, whether or not it exists.
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
    /// When the call returns, together with everything before it.
    Wait,
    /// Some time later, usually within milliseconds, and never before an earlier commit. It is for changes that a
    /// power cut may lose.
    Lazy,
}
