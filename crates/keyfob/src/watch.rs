//! Hearing that files go or come, without looking again and again: inotify(7), and the kernel's table of mounts, for a file system
//! that is mounted over a directory or taken from under it stirs nothing else.

use std::fs::File;
use std::future::pending;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Hears what becomes of the paths that it was told of.
#[derive(Debug)]
pub(crate) struct Watch {
    notices: AsyncFd<OwnedFd>,
    /// `None`: nobody has mounted `/proc`.
    mounts: Option<AsyncFd<File>>,
}

impl Watch {
    /// A watch that hears of mounts and nothing else yet.
    ///
    /// # Errors
    /// The user has too many watches already.
    pub(crate) fn start() -> io::Result<Self> {
        let notices = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let mounts = File::open("/proc/self/mountinfo");
        // The table can always be read; that it has changed is something else.
        let mounts = mounts.and_then(|table| registered(table, Interest::PRIORITY)).ok();
        Ok(Self { notices: registered(notices, Interest::READABLE)?, mounts })
    }

    /// Hears from now on when the file at `path` loses this name.
    ///
    /// # Errors
    /// It is not there, or may not be watched.
    pub(crate) fn for_loss(&self, path: &Path) -> io::Result<()> {
        // A name that is removed shows as a change of the number of names.
        let itself = WatchFlags::ATTRIB | WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF;
        self.add(path, itself | WatchFlags::DONT_FOLLOW)
    }

    /// Hears from now on when something appears in the directory at `path`, or it goes itself.
    ///
    /// # Errors
    /// It is not there, or may not be watched.
    pub(crate) fn for_arrivals(&self, path: &Path) -> io::Result<()> {
        let in_it = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::ATTRIB;
        let itself = WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF | WatchFlags::ONLYDIR;
        self.add(path, in_it | itself)
    }

    /// Hears from now on when somebody writes to the file at `path`, or closes it.
    ///
    /// # Errors
    /// It is not there, or may not be watched.
    pub(crate) fn for_growth(&self, path: &Path) -> io::Result<()> {
        self.add(path, WatchFlags::MODIFY | WatchFlags::CLOSE_WRITE)
    }

    fn add(&self, path: &Path, flags: WatchFlags) -> io::Result<()> {
        inotify::add_watch(&self.notices, path, flags)?;
        Ok(())
    }

    /// Returns when something may have happened. May be dropped while it waits.
    pub(crate) async fn stirred(&self) {
        tokio::select! {
            () = noticed(&self.notices) => {}
            () = remounted(self.mounts.as_ref()) => {}
        }
    }
}

/// Has the runtime say when a descriptor is ready. A process's (pidfd) is readable when the process has ended.
///
/// # Errors
/// As the system says.
#[expect(
    deprecated,
    reason = "its successor is unsafe, for types that may lie about their descriptor; files and owned descriptors do not"
)]
pub(crate) fn registered<T: AsRawFd>(own: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(own, interest)
}

/// Takes the notices that are there. What they say is looked up on the disk, which is newer.
async fn noticed(notices: &AsyncFd<OwnedFd>) {
    loop {
        let Ok(mut ready) = notices.readable().await else { return pending().await };
        if ready.try_io(|notices| Ok(rustix::io::read(notices, &mut [0_u8; 4096])?)).is_ok() {
            return;
        }
    }
}

async fn remounted(mounts: Option<&AsyncFd<File>>) {
    let Some(mounts) = mounts else { return pending().await };
    match mounts.ready(Interest::PRIORITY).await {
        Ok(mut ready) => ready.clear_ready(),
        Err(_) => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::fs;
    use std::time::Duration;

    use tempfile::tempdir;
    use tokio::time::timeout;

    use crate::process::on_one_thread;

    async fn is_stirred(watch: &Watch) -> bool {
        // What has happened is there at once; what has not never comes.
        timeout(Duration::ZERO, watch.stirred()).await.is_ok()
            || timeout(Duration::from_millis(20), watch.stirred()).await.is_ok()
    }

    async fn settle(watch: &Watch) {
        while is_stirred(watch).await {}
    }

    #[test]
    fn a_file_that_loses_its_name_is_heard_of_and_one_that_is_used_is_not() {
        on_one_thread(async {
            let directory = tempdir()?;
            let path = directory.path().join("file");
            for lose in [
                |path: &Path| fs::remove_file(path),
                |path: &Path| fs::rename(path, path.with_extension("old")),
            ] {
                fs::write(&path, "1")?;
                let watch = Watch::start()?;
                watch.for_loss(&path)?;
                fs::write(&path, "2")?;
                fs::write(directory.path().join("neighbour"), "")?;
                settle(&watch).await;
                lose(&path)?;
                assert!(is_stirred(&watch).await);
            }
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn what_appears_in_a_directory_is_heard_of() {
        on_one_thread(async {
            let directory = tempdir()?;
            let watch = Watch::start()?;
            watch.for_arrivals(directory.path())?;
            settle(&watch).await;
            fs::create_dir(directory.path().join("new"))?;
            assert!(is_stirred(&watch).await);
            settle(&watch).await;
            fs::remove_dir_all(directory.path())?;
            assert!(is_stirred(&watch).await);
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn what_is_not_there_cannot_be_watched() {
        on_one_thread(async {
            let directory = tempdir()?;
            let watch = Watch::start()?;
            assert!(watch.for_loss(&directory.path().join("file")).is_err());
            assert!(watch.for_arrivals(&directory.path().join("directory")).is_err());
            Ok(())
        })
        .unwrap();
    }
}
