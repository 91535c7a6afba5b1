//! Why records are refused, and what to do about it.

use alloc::string::String;

use crate::memory::MemoryError;

/// Why records cannot be used as those of a key by this version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A later version wrote the record.
    #[error("the record of {kind} has version {found}, which is newer than this program knows")]
    Newer {
        /// What the record is about.
        kind: &'static str,
        /// Its version.
        found: u64,
    },
    /// This version has no record with this name; a later one may have.
    #[error("there is a record of a kind that this program does not know: {name:?}")]
    Unknown {
        /// The beginning of the name.
        name: String,
    },
    /// No version writes this: the medium or somebody has changed it.
    #[error("the record of {kind} is damaged")]
    Malformed {
        /// What the record is about.
        kind: &'static str,
    },
    /// Two records have the same name.
    #[error("there are two records of {kind}")]
    Twice {
        /// What the records are about.
        kind: &'static str,
    },
    /// A record is missing that every key has.
    #[error("the record of {kind} is missing")]
    Missing {
        /// What the record is about.
        kind: &'static str,
    },
    /// The last write was cut off, and the medium could not write what that costs.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

impl LoadError {
    /// The kind of the faulty record.
    #[cfg(feature = "state-v1")]
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Newer { kind, .. }
            | Self::Malformed { kind }
            | Self::Twice { kind }
            | Self::Missing { kind } => kind,
            Self::Unknown { .. } | Self::Memory(_) => "records",
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Newer { .. } | Self::Unknown { .. } => {
                "use the version that wrote it, or a later one"
            }
            Self::Malformed { .. } | Self::Twice { .. } | Self::Missing { .. } => {
                "restore it from a backup"
            }
            Self::Memory(MemoryError::Full) => "free some space on its disk, then try again",
            Self::Memory(MemoryError::Failed) => "check its disk, then try again",
        }
    }
}
