//! Why a vault cannot be opened or made: what was wrong, and what to do next.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use crate::crypto::KEY_LENGTH;
use crate::directory::is_too_many_files;
use crate::header::VERSION;
use crate::limits::{MAX_PASSPHRASE, MIN_PASSPHRASE};
use crate::unlock::LockedWith;

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

    /// The key file of a vault that was whole is there, the records are not. A new vault in its place would be an empty one with
    /// the old one's name (P-14).
    #[error("{} is missing, and everything in the vault is lost with it", .path.display())]
    RecordsMissing {
        /// Where it should be.
        path: PathBuf,
    },

    /// The records are there, the key file that unlocks them is not.
    #[error("{} is missing, and without it the vault cannot be unlocked", .path.display())]
    KeyMissing {
        /// Where it should be.
        path: PathBuf,
    },

    /// A key file or a credential has a length that none has.
    #[error("{} does not hold a key, which has {KEY_LENGTH} bytes", .path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
    },

    /// A key file or a credential is fit to be one, and is not this vault's.
    #[error("{} does not unlock this vault: it belongs to another one, or to an older state of it", .path.display())]
    OtherKey {
        /// The file.
        path: PathBuf,
    },

    /// The passphrase is not the one.
    #[error("the passphrase does not unlock the vault in {}", .directory.display())]
    WrongPassphrase {
        /// Where the vault is.
        directory: PathBuf,
    },

    /// A passphrase is shorter than [`MIN_PASSPHRASE`] or longer than [`MAX_PASSPHRASE`] bytes.
    #[error("a passphrase has {MIN_PASSPHRASE} to {MAX_PASSPHRASE} bytes")]
    PassphraseLength,

    /// The vault is locked with something of another kind than what was given.
    #[error("the vault in {} is locked with {with}", .directory.display())]
    LockedOtherwise {
        /// Where the vault is.
        directory: PathBuf,
        /// What unlocks it.
        with: LockedWith,
    },

    /// A systemd credential is asked for in a process that was given none.
    #[error("there are no systemd credentials: CREDENTIALS_DIRECTORY is not set")]
    NoCredentials,

    /// A systemd credential cannot be read; the source says why.
    #[error("cannot read the credential {}", .path.display())]
    Credential {
        /// Where it should be.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// Argon2id could not be computed, as where memory is short.
    #[error("the passphrase could not be hashed: {reason}")]
    Stretching {
        /// What it said.
        reason: String,
    },

    /// The records are older than the witness says they were: somebody put an older copy there (P-16).
    #[error(
        "the vault is older than before: {} has noted its commit {witnessed}, but its last commit is {found}",
        .witness.display()
    )]
    RolledBack {
        /// The witness file.
        witness: PathBuf,
        /// The last commit that is there.
        found: u64,
        /// The last one that the witness saw.
        witnessed: u64,
    },

    /// The witness saw another vault in this place (P-16).
    #[error("{} is the witness of another vault, not of the one that is there", .path.display())]
    OtherWitness {
        /// The witness file.
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
            Self::PassphraseLength => "choose another one".to_owned(),
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

    /// Bytes were changed, or are not there. An empty file is one of these.
    #[error("the file is damaged: {what} is missing, or cannot be trusted")]
    Damaged {
        /// Which part.
        what: &'static str,
    },

    /// Longer than [`MAX_FILE`](crate::limits::MAX_FILE).
    #[error("the file is far longer than a vault can be")]
    TooLong,

    /// It is what somebody wrote, and not what this version writes.
    #[error("the file does not have the layout of version {VERSION}")]
    Malformed,

    /// A later version wrote it.
    #[error("the file has format version {found}, and up to version {VERSION} can be read")]
    Newer {
        /// The version it says.
        found: u16,
    },

    /// Its passphrase would be hashed far more cheaply, or at far higher cost, than any vault asks for (P-15).
    #[error("the file sets a cost for hashing its passphrase that no vault has")]
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

/// Why a commit was refused; [`why_refused`](crate::Vault::why_refused) has the system's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The disk is full, or the vault has grown to its bound.
    #[error("the disk is full")]
    Full,

    /// The disk failed, or the vault's files are not there any more.
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
