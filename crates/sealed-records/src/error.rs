//! Why a vault cannot be opened or made: what was wrong, and what to do next.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use crate::crypto::KEY_LENGTH;
use crate::directory::is_too_many_files;
use crate::header::VERSION;
use crate::limits::{MAX_PASSPHRASE, MIN_PASSPHRASE};
use crate::unlock::LockedWith;

/// Why a vault cannot be opened or made. Nothing on the disk has been changed then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The directory does not exist, or there has never been a whole vault in it.
    #[error("there is no vault in {}", .directory.display())]
    NoVault {
        /// The directory where it was looked for.
        directory: PathBuf,
    },

    /// There is a vault already. Making a new one would destroy it.
    #[error("there is a vault in {} already", .directory.display())]
    AlreadyExists {
        /// The directory of the vault.
        directory: PathBuf,
    },

    /// Another process has the vault open, or this process wants to open it twice (P-17).
    #[error("the vault in {} is in use by {}", .directory.display(), describe_process(*.pid))]
    InUse {
        /// Where the vault is.
        directory: PathBuf,
        /// The process that has it open, if the lock file tells.
        pid: Option<u32>,
    },

    /// Other users can read or change a file that only its owner may access (P-21).
    #[error("{} is open to other users (mode {mode:04o})", .path.display())]
    TooOpen {
        /// The file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// The permissions that it must have.
        wanted: u32,
    },

    /// The file or directory belongs to another user (P-21).
    #[error("{} belongs to user {owner}, not to user {user} who opens it", .path.display())]
    WrongOwner {
        /// The file or directory.
        path: PathBuf,
        /// The user that it belongs to.
        owner: u32,
        /// The user of this process.
        user: u32,
    },

    /// A symbolic link, a directory or a device where a file should be. Links are not followed (P-21).
    #[error("{} is not a regular file (links are not followed)", .path.display())]
    NotAFile {
        /// The path of it.
        path: PathBuf,
    },

    /// The key file of a complete vault is there, but its records are not. A new vault here would be empty and have
    /// the name of the old one (P-14).
    #[error("{} is missing, and everything in the vault is lost with it", .path.display())]
    RecordsMissing {
        /// Where the file of the records should be.
        path: PathBuf,
    },

    /// The records are there, but the key file that unlocks them is not.
    #[error("{} is missing, and without it the vault cannot be unlocked", .path.display())]
    KeyMissing {
        /// Where the key file should be.
        path: PathBuf,
    },

    /// A key file or a credential has a length that is not possible.
    #[error("{} does not hold a key, which has {KEY_LENGTH} bytes", .path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
    },

    /// A key file or a credential is well-formed, but belongs to another vault.
    #[error("{} does not unlock this vault: it belongs to another one, or to an older state of it", .path.display())]
    OtherKey {
        /// The file.
        path: PathBuf,
    },

    /// The passphrase is wrong.
    #[error("the passphrase does not unlock the vault in {}", .directory.display())]
    WrongPassphrase {
        /// Where the vault is.
        directory: PathBuf,
    },

    /// A passphrase is shorter than [`MIN_PASSPHRASE`] or longer than [`MAX_PASSPHRASE`] bytes.
    #[error("a passphrase has {MIN_PASSPHRASE} to {MAX_PASSPHRASE} bytes")]
    PassphraseLength,

    /// The vault is locked with another kind of lock than the caller gave.
    #[error("the vault in {} is locked with {with}", .directory.display())]
    LockedOtherwise {
        /// Where the vault is.
        directory: PathBuf,
        /// What unlocks it.
        with: LockedWith,
    },

    /// A systemd credential is needed, but this process was started without credentials.
    #[error("there are no systemd credentials: CREDENTIALS_DIRECTORY is not set")]
    NoCredentials,

    /// A systemd credential cannot be read; the source says why.
    #[error("cannot read the credential {}", .path.display())]
    Credential {
        /// Where the credential should be.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },

    /// Argon2id could not be computed, for instance because memory is short.
    #[error("the passphrase could not be hashed: {reason}")]
    Stretching {
        /// Its error.
        reason: String,
    },

    /// The records are older than the witness says: somebody has put an older copy there (P-16).
    #[error(
        "the vault is an older copy: {} has noted commit {witnessed}, but the last commit of this copy is {found}",
        .witness.display()
    )]
    RolledBack {
        /// The witness file.
        witness: PathBuf,
        /// The number of the last commit in the records.
        found: u64,
        /// The number of the last commit that the witness has seen.
        witnessed: u64,
    },

    /// The witness has seen another vault in this place (P-16).
    #[error("{} notes the commits of another vault, not of this one", .path.display())]
    OtherWitness {
        /// The witness file.
        path: PathBuf,
    },

    /// A file was read and is refused.
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
        /// The action that failed, as a verb.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
}

impl Error {
    /// What to do about it, in words for people.
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
            Self::NotAFile { .. } => "put the file itself there, not a link".to_owned(),
            Self::RecordsMissing { .. } => {
                "restore it from a backup, or name another directory; if you give the vault up, remove the other \
                 files of it, and a new, empty one can be made"
                    .to_owned()
            }
            Self::KeyMissing { .. } | Self::OtherKey { .. } => {
                "restore it from the backup that the vault came from".to_owned()
            }
            Self::NotAKey { .. } => "restore it from the backup that the vault came from; for a new credential draw \
                                     random bytes"
                .to_owned(),
            Self::WrongPassphrase { .. } => "try again; without the passphrase nothing can open the vault".to_owned(),
            Self::PassphraseLength => "give the passphrase of this vault; for a new vault, choose one of that length".to_owned(),
            Self::LockedOtherwise { with, .. } => format!("unlock it with {with}"),
            Self::NoCredentials => {
                "start it by a unit with LoadCredential= or LoadCredentialEncrypted=".to_owned()
            }
            Self::Credential { .. } => {
                "use the name that stands after LoadCredential= or LoadCredentialEncrypted= in its unit"
                    .to_owned()
            }
            Self::Stretching { .. } => "free some memory, then try again".to_owned(),
            Self::RolledBack { .. } | Self::OtherWitness { .. } => {
                "put the latest copy back; accept the rollback only if you put this copy there yourself, because it \
                 may restore PIN tries that were used and repeat signature counters"
                    .to_owned()
            }
            Self::Refused { fault, .. } => fault.advice().to_owned(),
            Self::Io { source, .. } => io_advice(source).to_owned(),
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

    /// Bytes were changed or are missing. An empty file counts as this.
    #[error("the file is damaged: {what} is missing, or cannot be trusted")]
    Damaged {
        /// The part of the file.
        what: &'static str,
    },

    /// Longer than [`MAX_FILE`](crate::limits::MAX_FILE).
    #[error("the file is far longer than a vault can be")]
    TooLong,

    /// The content is authentic, but this version does not write such content.
    #[error("the file does not have the layout of version {VERSION}")]
    Malformed,

    /// A later version wrote it.
    #[error("the file has format version {found}, and up to version {VERSION} can be read")]
    Newer {
        /// The version in the file.
        found: u16,
    },

    /// The cost for hashing its passphrase is far lower or far higher than any vault asks for (P-15).
    #[error("the file asks for a cost of hashing the passphrase that keyfob never uses")]
    Cost,
}

impl Fault {
    const fn advice(self) -> &'static str {
        match self {
            Self::Foreign => "name another directory",
            Self::Damaged { .. } | Self::TooLong => "restore the vault from a backup",
            Self::Malformed => "restore the vault from a backup, and report this",
            Self::Newer { .. } => "use a newer version",
            Self::Cost => "restore the vault from a backup: somebody has changed this copy",
        }
    }
}

/// Why a commit was refused. [`why_refused`](crate::Vault::why_refused) has the system's error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The disk is full, or the vault has reached its largest size.
    #[error("the disk is full")]
    Full,

    /// The disk failed, or the vault's files are gone.
    #[error("it could not be written")]
    Failed,
}

fn io_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        _ if is_too_many_files(error) => MORE_FILES,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space on its disk",
        ErrorKind::ReadOnlyFilesystem => "make it writable, or name another directory",
        _ => "name a directory that can be written",
    }
}

const MORE_FILES: &str =
    "let this process open more files: `ulimit -n`, or LimitNOFILE= of a service";

fn describe_process(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

/// The path as one word for a shell.
fn shell_quoted(path: &std::path::Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    use rustix::io::Errno;

    #[test]
    fn where_no_more_files_can_be_open_no_other_directory_helps() {
        for errno in [Errno::MFILE, Errno::NFILE] {
            let failed = Error::io("lock", "/keys/lock".into())(errno.into());
            assert_eq!(failed.advice(), MORE_FILES);
        }
    }
}
