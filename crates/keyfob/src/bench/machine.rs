//! The machine that figures were measured on, and the date.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use serde::Serialize;

/// The machine, as far as it matters to the figures.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Machine {
    /// The processor as it calls itself.
    processor: String,
    /// How many of them this process may use.
    cores: usize,
    /// Name and release.
    kernel: String,
    /// The file system and the device that durable keys are on.
    disk: String,
    /// Of the measurement, in UTC.
    date: String,
}

impl Machine {
    /// This one, now, with durable keys in this directory.
    pub(super) fn this(directory: &Path) -> Self {
        let unknown = || "unknown".to_owned();
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let uname = rustix::system::uname();
        let [name, release] =
            [uname.sysname(), uname.release()].map(|text| text.to_string_lossy().into_owned());
        let directory = directory.canonicalize().unwrap_or_else(|_| PathBuf::from("/"));
        Self {
            processor: processor(&read("/proc/cpuinfo")).unwrap_or_else(unknown),
            cores: thread::available_parallelism().map_or(1, usize::from),
            kernel: format!("{name} {release}"),
            disk: disk(&read("/proc/self/mountinfo"), &directory).unwrap_or_else(unknown),
            date: DateTime::<Utc>::from(SystemTime::now()).format("%Y-%m-%d").to_string(),
        }
    }

    /// What it is called, and what it is.
    pub(super) fn rows(&self) -> [(&'static str, String); 5] {
        let Self { processor, cores, kernel, disk, date } = self;
        [
            ("processor", processor.clone()),
            ("cores", cores.to_string()),
            ("kernel", kernel.clone()),
            ("disk of durable keys", disk.clone()),
            ("date", date.clone()),
        ]
    }
}

/// Of proc_cpuinfo(5).
fn processor(info: &str) -> Option<String> {
    let value = |name| {
        let line = info.lines().find(|line| line.split(':').next().map(str::trim) == Some(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    ["model name", "Model", "Hardware", "CPU part"].into_iter().find_map(value)
}

/// The file system with the longest mount point that leads there, of proc_pid_mountinfo(5); of several there, the last.
fn disk(mounts: &str, directory: &Path) -> Option<String> {
    let mounts = mounts.lines().filter_map(|line| {
        let (front, back) = line.split_once(" - ")?;
        let mount_point = Path::new(front.split(' ').nth(4)?);
        let mut back = back.split(' ');
        let (kind, device) = (back.next()?, back.next()?);
        let depth = mount_point.components().count();
        directory.starts_with(mount_point).then(|| (depth, format!("{kind} on {device}")))
    });
    mounts.max_by_key(|(depth, _)| *depth).map(|(_, disk)| disk)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_called_what_it_calls_itself() {
        let info = "processor\t: 0\nmodel name\t: Some CPU @ 2.0GHz\nmodel\t\t: 1\n";
        assert_eq!(processor(info).as_deref(), Some("Some CPU @ 2.0GHz"));
        assert_eq!(processor("CPU part\t: 0xd0c\n").as_deref(), Some("0xd0c"));
        assert_eq!(processor(""), None);
    }

    #[test]
    fn the_disk_is_what_is_mounted_nearest() {
        let mounts = "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
                      23 22 0:20 / /tmp rw shared:2 - tmpfs tmpfs rw\n\
                      24 22 0:21 / /tmpfile rw - xfs /dev/vdb rw\n";
        let disk = |path| disk(mounts, Path::new(path)).unwrap();
        assert_eq!(disk("/home/ada"), "ext4 on /dev/vda");
        assert_eq!(disk("/tmp/keys"), "tmpfs on tmpfs");
    }

    #[test]
    fn this_machine_is_told_in_full() {
        let rows = Machine::this(Path::new("/")).rows();
        assert!(rows.iter().all(|(_, value)| !value.is_empty()), "{rows:?}");
        assert!(rows[2].1.starts_with("Linux "), "{rows:?}");
        assert!(rows[4].1.len() == 10 && rows[4].1.starts_with("20"), "{rows:?}");
    }
}
