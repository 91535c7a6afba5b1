//! Where the memories of keys are: below a directory of the user's, unless the command line names another.

use std::path::{Path, PathBuf};

use virtual_key::Error;

use crate::failure::{advise, usage};
use crate::home;

/// A vault knows what to do about its own troubles, not what the command line has for them.
pub(crate) fn with_cure(error: virtual_key::Error) -> anyhow::Error {
    let next = match &error {
        Error::Memory(sealed_records::Error::InUse { .. }) => {
            format!("stop it first, or name {ANOTHER}")
        }
        Error::Memory(sealed_records::Error::Io { path, .. }) => match home::occupied(path) {
            Some(by_root) => format!(
                "if a key of root made it, sudo chown -R \"$USER\" '{}'; or name {ANOTHER}",
                by_root.display()
            ),
            None => format!("name {ANOTHER}"),
        },
        Error::File { doing: "open", .. } => {
            "name a directory with --state that this user may read; root's keys take sudo"
                .to_owned()
        }
        Error::File { doing: "write", .. } => {
            "make room there, or name a directory that can be written with --state".to_owned()
        }
        _ => return error.into(),
    };
    advise(error, next)
}

const ANOTHER: &str =
    "a directory that can be written with --state, or --ephemeral for a key that remembers nothing";

/// Where the memory of key `number` is, under `state` if that is given.
///
/// # Errors
/// Nothing in the environment tells where else.
pub(crate) fn directory(state: Option<&Path>, number: u8) -> anyhow::Result<PathBuf> {
    Ok(state_directory(state)?.join(format!("key-{number}")))
}

/// `--state`, else a directory of the user's.
fn state_directory(state: Option<&Path>) -> anyhow::Result<PathBuf> {
    let own = || home::state_directory().map(|directory| directory.join("keyfob"));
    state.map(Path::to_owned).or_else(own).ok_or_else(|| {
        usage("neither XDG_STATE_HOME nor HOME is set", "name a directory with --state")
    })
}

#[cfg(test)]
mod tests {
    use virtual_key::log;
    use virtual_key::memory::Memory;
    use virtual_key::platform::system_rng;

    use super::*;
    use crate::failure::describe;

    #[test]
    fn where_nothing_can_be_written_the_reason_is_told_once_and_what_to_do() {
        let directory = directory(Some(Path::new("/dev/null")), 1).unwrap();
        let error =
            Memory::open(directory, log, &mut system_rng()).map_err(with_cure).err().unwrap();
        let said = describe(&error);
        assert_eq!(said.matches("(os error").count(), 1, "{said}");
        assert!(
            said.starts_with("keyfob: cannot create /dev/null") && said.contains("--state"),
            "{said}"
        );
    }
}
