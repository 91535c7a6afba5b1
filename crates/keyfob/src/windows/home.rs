//! The user's own directories on Windows, where nobody leaves another user's in the environment.

use std::path::{Path, PathBuf};

/// Where what is to last is kept: `%LOCALAPPDATA%`. `None`: the environment does not name it.
pub(crate) fn state_directory() -> Option<PathBuf> {
    variable("LOCALAPPDATA")
}

/// Where the witnesses of what is kept in [`state_directory`] are: `%APPDATA%`.
pub(crate) fn witness_directory() -> Option<PathBuf> {
    variable("APPDATA")
}

/// Tells nothing: see above.
pub(crate) fn warn_of_foreign_home() {}

/// Nothing is known to keep this user from writing there.
pub(crate) fn occupied(_: &Path) -> Option<PathBuf> {
    None
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}
