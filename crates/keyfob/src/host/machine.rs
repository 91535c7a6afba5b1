//! The machine that is examined: this one, or a directory that looks like one.

use std::fs;
use std::path::{Path, PathBuf};

use ctap_client::ReaderFault;
use ctap_client::card::Reader;
use rustix::fs::{Access, access};

use super::pcscd;
use crate::home;

/// A machine's file system, seen from outside.
pub(super) struct Machine {
    root: PathBuf,
    /// The control socket of keys that run here.
    pub(super) control: PathBuf,
    /// Whether this user may write a file.
    pub(super) may_write: fn(&Path) -> bool,
    /// The readers that pcscd has for this user's programs, or why it has none for them.
    pub(super) readers: fn() -> Result<Vec<Reader>, ReaderFault>,
    /// Where pcscd listens.
    pcscd: PathBuf,
    /// What of another user is in the place of this one's keys.
    pub(super) occupied: Option<PathBuf>,
}

impl Machine {
    /// The machine this program runs on.
    pub(super) fn this() -> Self {
        let may_write = |path: &Path| access(path, Access::WRITE_OK).is_ok();
        let kept = home::state_directory().map(|directory| directory.join("keyfob/key-1"));
        let occupied = kept.and_then(|directory| home::occupied(&directory));
        let (root, control) = ("/".into(), crate::control::default_path());
        let (readers, pcscd) = (pcscd::readers, ctap_client::pcscd::socket());
        Self { root, control, may_write, readers, pcscd, occupied }
    }

    /// A file of that machine; `path` is absolute there.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// The text of a file, empty if there is none.
    pub(super) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    /// Whether there is such a file.
    pub(super) fn has(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    /// The names in a directory, in order; none if there is no such directory.
    pub(super) fn names(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(path)).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// Whether the kernel has a module, as a file or within.
    pub(super) fn has_module(&self, name: &str) -> bool {
        let release = self.read("/proc/sys/kernel/osrelease");
        let file = format!("/{name}.ko");
        ["modules.dep", "modules.builtin"].iter().any(|list| {
            let list = self.read(&format!("/lib/modules/{}/{list}", release.trim()));
            // A module's line begins with its own file; behind the colon are those it needs.
            list.lines().any(|line| line.split(':').next().is_some_and(|own| own.contains(&file)))
        })
    }

    /// Whether the kernel's configuration says so; where it is not to be read, nothing does.
    pub(super) fn is_built_without(&self, option: &str) -> bool {
        let release = self.read("/proc/sys/kernel/osrelease");
        let line = format!("# CONFIG_{option} is not set");
        [
            format!("/boot/config-{}", release.trim()),
            format!("/lib/modules/{}/config", release.trim()),
        ]
        .iter()
        .any(|path| self.read(path).lines().any(|found| found == line))
    }

    /// Whether it is Linux within Windows.
    pub(super) fn is_wsl(&self) -> bool {
        self.read("/proc/sys/kernel/osrelease").to_lowercase().contains("microsoft")
    }

    /// Whether device files are made and given away by rules.
    pub(super) fn runs_udev(&self) -> bool {
        self.has("/run/udev/control")
    }

    /// Whether a program is where programs are.
    pub(super) fn has_program(&self, name: &str) -> bool {
        ["/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin", "/usr/local/sbin"]
            .iter()
            .any(|directory| self.has(&format!("{directory}/{name}")))
    }

    /// Whether a pcscd listens, or systemd in its place.
    pub(super) fn has_pcscd(&self) -> bool {
        self.pcscd.exists()
    }

    /// The distribution's name for itself, such as `debian`; empty if it has none.
    pub(super) fn distribution(&self) -> String {
        let release = self.read("/etc/os-release");
        let id = release.lines().find_map(|line| line.strip_prefix("ID="));
        id.unwrap_or_default().trim_matches('"').to_owned()
    }

    /// A machine made of these files, whose user may write everything.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> (tempfile::TempDir, Self) {
        let root = tempfile::tempdir().unwrap();
        let control = root.path().join("control");
        let host = Self {
            root: root.path().to_owned(),
            control,
            may_write: |_| true,
            readers: || Ok(Vec::new()),
            pcscd: root.path().join(ctap_client::pcscd::SOCKET.trim_start_matches('/')),
            occupied: None,
        };
        for (path, text) in files {
            let path = host.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        (root, host)
    }
}
