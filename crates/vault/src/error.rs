//! Why a vault cannot be opened or made: what was wrong, and what to do next.

use std::io;
use std::path::PathBuf;

use crate::format::VERSION;

/// Why there is no open vault. Nothing on the disk has been changed then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The directory does not exist, or there has never been a whole vault in it.
    #[error("there is no vault in {}", .directory.display())]
    NoVault {
        /// Where one was looked for.
        directory: PathBuf,
    },

    /// A vault is there already, and creating one would be its end.
    #[error("there is a vault in {} already", .directory.display())]
    AlreadyExists {
        /// Where it is.
        directory: PathBuf,
    },

    /// Another process has the vault, or this one has it twice (P-17).
    #[error("the vault in {} is in use by {}", .directory.display(), describe_process(*.pid))]
    InUse {
        /// Where the vault is.
        directory: PathBuf,
        /// Who has it, if the lock file tells.
        pid: Option<u32>,
    },

    /// Others can read or change what only its owner may (P-21).
    #[error("{} is open to other users (mode {mode:04o})", .path.display())]
    TooOpen {
        /// The file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// What they must be.
        wanted: u32,
    },

    /// Someone else's file or directory (P-21).
    #[error("{} belongs to user {owner}, not to user {user} who opens it", .path.display())]
    WrongOwner {
        /// The file or directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who this process is.
        user: u32,
    },

    /// A symbolic link, a directory or a device where a file should be. Links are not followed (P-21).
    #[error("{} is not a regular file (links are not followed)", .path.display())]
    NotAFile {
        /// What is in the way.
        path: PathBuf,
    },

    /// The counter file of a vault that was whole is there, the state file is not. A new vault in its place would be an
    /// empty one with the old one's name (P-14).
    #[error("{} is missing, and all that the vault remembered with it", .path.display())]
    StateMissing {
        /// Where it should be.
        path: PathBuf,
    },

    /// The state file is there, the counter file is not: without it the signature counter might go back (P-13).
    #[error("{} is missing, and without it signature counters could go back", .path.display())]
    CounterMissing {
        /// Where it should be.
        path: PathBuf,
    },

    /// A file was read and is not accepted.
    #[error("{}: {fault}", .path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: Fault,
    },

    /// The operating system failed; the source says how.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl Error {
    /// What to do about it, for people.
    pub fn advice(&self) -> String {
        match self {
            Self::NoVault { .. } => "create one, or name another directory".to_owned(),
            Self::AlreadyExists { .. } => "open it, or name another directory".to_owned(),
            Self::InUse { .. } => "stop it first, or name another directory".to_owned(),
            Self::TooOpen { path, wanted, .. } => {
                format!("chmod {wanted:o} {}", shell_quoted(path))
            }
            Self::WrongOwner { path, user, .. } => {
                format!("run as its owner, or sudo chown -R {user} {}", shell_quoted(path))
            }
            Self::NotAFile { .. } => "put the file itself there".to_owned(),
            Self::StateMissing { .. } => {
                "restore it from a backup, or name another directory; remove what is left of \
                 the vault only to give it up for a new, empty one"
                    .to_owned()
            }
            Self::CounterMissing { .. } => {
                "restore it from the backup the vault came from".to_owned()
            }
            Self::Refused { fault, .. } => fault.advice().to_owned(),
            Self::Io { .. } => "name a directory that can be written".to_owned(),
        }
    }

    pub(crate) fn io(action: &'static str, path: PathBuf) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path, source }
    }
}

/// What is wrong with a file's content (P-14, P-18). The file is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It does not begin like a vault.
    #[error("this is not a keyfob vault")]
    Foreign,

    /// Its checksum is wrong or missing: bytes were changed, or are not there. An empty file is one of these.
    #[error("the file is damaged (its checksum is wrong or missing)")]
    Damaged,

    /// Longer than [`MAX_STATE_FILE`](crate::limits::MAX_STATE_FILE).
    #[error("the file is far longer than a vault can be")]
    TooLong,

    /// The checksum is right and the content is not what this version writes.
    #[error("the file is not laid out as version {VERSION} is, at `{field}`")]
    Malformed {
        /// The last field that was looked for.
        field: &'static str,
    },

    /// A later keyfob wrote it.
    #[error("the file has format version {found}, this keyfob reads up to version {VERSION}")]
    Newer {
        /// The version it says.
        found: u16,
    },

    /// Encrypted in a way this keyfob has never heard of.
    #[error("the file is sealed in a way this keyfob does not know (number {found})")]
    Sealed {
        /// The number it says.
        found: u8,
    },
}

impl Fault {
    const fn advice(self) -> &'static str {
        match self {
            Self::Foreign => "name another directory",
            Self::Damaged | Self::TooLong => "restore the vault from a backup",
            Self::Malformed { .. } => "restore the vault from a backup, and report this",
            Self::Newer { .. } => "use a newer keyfob",
            Self::Sealed { .. } => "use the keyfob that sealed it",
        }
    }
}

fn describe_process(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

/// The path as one word for a shell.
fn shell_quoted(path: &std::path::Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}
