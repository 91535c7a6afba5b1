//! The user's own directories. `sudo -E` and `su` leave those of another user in the environment: what a program of root
//! makes there locks out the one whose they are.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::say::warn;

/// Where what runs now has its files, such as sockets: `$XDG_RUNTIME_DIR`, if it is there and this user's.
pub(crate) fn runtime_directory() -> Option<PathBuf> {
    Environment::of_this_process().runtime_directory()
}

/// Where what is to last is kept: `$XDG_STATE_HOME`, else `~/.local/state`. `None`: the environment names neither.
pub(crate) fn state_directory() -> Option<PathBuf> {
    Environment::of_this_process().state_directory()
}

/// Where the witnesses of what is kept in [`state_directory`] are: `~/.local/share`. `None`: that is not below the home, but
/// where `XDG_STATE_HOME` says, and may be another each time.
pub(crate) fn witness_directory() -> Option<PathBuf> {
    Environment::of_this_process().witness_directory()
}

/// Tells root if the home of another user was passed over, and what its own is.
pub(crate) fn warn_of_foreign_home() {
    let environment = Environment::of_this_process();
    if let (Some(foreign), Some(own)) = (environment.foreign_home(), environment.state_directory())
    {
        warn(format_args!(
            "{} belongs to another user, so the key's memory is below {}; to keep it elsewhere, name a directory with \
             --state",
            foreign.display(),
            own.display()
        ));
    }
}

/// What keeps this user from writing at `path`: a directory below their home that is another user's.
pub(crate) fn occupied(path: &Path) -> Option<PathBuf> {
    let (home, user) = (variable("HOME")?, rustix::process::geteuid().as_raw());
    let nearest = path.ancestors().find(|path| path.exists())?;
    let is_theirs = owner(nearest).is_some_and(|owner| owner != user);
    (is_theirs && nearest != home && nearest.starts_with(&home)).then(|| nearest.to_owned())
}

/// What is known of the user.
struct Environment<'a> {
    variable: &'a dyn Fn(&str) -> Option<PathBuf>,
    user: u32,
    /// The home of root, as the system has it.
    roots_home: &'a dyn Fn() -> Option<PathBuf>,
}

impl Environment<'static> {
    fn of_this_process() -> Self {
        let user = rustix::process::geteuid().as_raw();
        Self { variable: &variable, user, roots_home: &roots_home }
    }
}

impl Environment<'_> {
    fn runtime_directory(&self) -> Option<PathBuf> {
        let directory = (self.variable)("XDG_RUNTIME_DIR").filter(|path| path.is_absolute())?;
        (owner(&directory) == Some(self.user)).then_some(directory)
    }

    fn state_directory(&self) -> Option<PathBuf> {
        self.named_state_directory().or_else(|| Some(self.home()?.join(".local/state")))
    }

    fn witness_directory(&self) -> Option<PathBuf> {
        match self.named_state_directory() {
            Some(_) => None,
            None => Some(self.home()?.join(".local/share")),
        }
    }

    fn named_state_directory(&self) -> Option<PathBuf> {
        let named = (self.variable)("XDG_STATE_HOME").filter(|path| path.is_absolute());
        named.filter(|path| !self.is_foreign(path))
    }

    fn home(&self) -> Option<PathBuf> {
        match self.foreign_home() {
            Some(_) => (self.roots_home)(),
            None => (self.variable)("HOME"),
        }
    }

    /// The home that another user has, while root runs with it.
    fn foreign_home(&self) -> Option<PathBuf> {
        (self.variable)("HOME").filter(|home| self.is_foreign(home))
    }

    /// Whether root would leave there what its owner cannot remove. Others cannot: what is not theirs they cannot write,
    /// or were given to write.
    fn is_foreign(&self, path: &Path) -> bool {
        let owner = path.ancestors().find_map(owner);
        self.user == ROOT && owner.is_some_and(|owner| owner != ROOT)
    }
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// `None`: there is nothing.
fn owner(path: &Path) -> Option<u32> {
    fs::metadata(path).ok().map(|metadata| metadata.uid())
}

/// passwd(5): the sixth field of the line whose third is 0.
fn roots_home() -> Option<PathBuf> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let home = users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find_map(|fields| {
        (fields.get(2) == Some(&"0")).then(|| fields.get(5).copied()).flatten().map(PathBuf::from)
    });
    home.filter(|path| path.is_absolute())
}

const ROOT: u32 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    /// What a user with this number has, if all variables name this directory.
    fn directories(user: u32, named: &Path) -> [Option<PathBuf>; 2] {
        let variable = |name: &str| {
            let path = if name == "XDG_STATE_HOME" { named.join("state") } else { named.into() };
            Some(path)
        };
        let roots_home = || Some(PathBuf::from("/root"));
        let environment = Environment { variable: &variable, user, roots_home: &roots_home };
        [environment.runtime_directory(), environment.state_directory()]
    }

    #[test]
    fn the_owner_of_the_directories_has_them() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let user = owner(path).unwrap();
        assert_eq!(directories(user, path), [Some(path.into()), Some(path.join("state"))]);
    }

    #[test]
    fn root_does_not_use_what_another_user_left_in_its_environment() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        if owner(path) == Some(ROOT) {
            std::os::unix::fs::chown(path, Some(1000), None).unwrap();
        }
        assert_eq!(directories(ROOT, path), [None, Some("/root/.local/state".into())]);
    }

    #[test]
    fn a_runtime_directory_of_somebody_else_or_of_nobody_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let stranger = owner(directory.path()).unwrap() + 1;
        assert_eq!(directories(stranger, directory.path())[0], None);
        let user = owner(directory.path()).unwrap();
        assert_eq!(directories(user, &directory.path().join("gone"))[0], None);
    }

    #[test]
    fn a_home_that_a_user_was_given_to_write_is_used_whosever_it_is() {
        let home = Path::new("/");
        assert_eq!(directories(1000, home)[1], Some("/state".into()));
    }

    #[test]
    fn what_is_below_the_home_has_its_witness_there_and_what_is_elsewhere_has_none() {
        let home = |name: &str| (name == "HOME").then(|| PathBuf::from("/"));
        let named = |_: &str| Some(PathBuf::from("/"));
        let witness = |variable| {
            Environment { variable, user: 1000, roots_home: &|| None }.witness_directory()
        };
        assert_eq!(witness(&home), Some("/.local/share".into()));
        assert_eq!(witness(&named), None);
    }

    #[test]
    fn root_has_a_home() {
        assert!(roots_home().is_some());
    }
}
