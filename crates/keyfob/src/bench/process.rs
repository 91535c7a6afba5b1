//! The cost of a process while nothing happens: memory, processor time, wake-ups (proc(5)).

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;

use crate::process::status_field;

/// An idle process, watched for a while.
#[derive(Debug)]
pub(super) struct Idle {
    /// How long it was watched.
    pub(super) watched: Duration,
    /// Processor time it used meanwhile.
    pub(super) processor: Duration,
    /// How often it woke up meanwhile.
    pub(super) wake_ups: u64,
    /// Memory it has in use, in KiB.
    pub(super) resident: u64,
}

/// Watches a process that has nothing to do.
///
/// # Errors
/// When the process is gone.
pub(super) fn idle(pid: u32, time: Duration) -> anyhow::Result<Idle> {
    let before = Account::of(pid)?;
    thread::sleep(time);
    let after = Account::of(pid)?;
    Ok(Idle {
        watched: time,
        processor: after.processor.saturating_sub(before.processor),
        wake_ups: after.wake_ups.saturating_sub(before.wake_ups),
        resident: size(pid)?.resident,
    })
}

/// What a process has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    /// Memory in use, in KiB.
    pub(super) resident: u64,
    /// Open files.
    pub(super) descriptors: u64,
    pub(super) threads: u64,
}

/// What it has now.
///
/// # Errors
/// When the process is gone.
pub(super) fn size(pid: u32) -> anyhow::Result<Size> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64;
    let (resident, threads) = (field(&status, "VmRSS")?, field(&status, "Threads")?);
    Ok(Size { resident, descriptors, threads })
}

/// What the threads of a process have used since they began.
#[derive(Default)]
struct Account {
    processor: Duration,
    wake_ups: u64,
}

impl Account {
    fn of(pid: u32) -> anyhow::Result<Self> {
        let mut sum = Self::default();
        for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
            let thread = thread?.path();
            let of_thread = |name| fs::read_to_string(thread.join(name));
            let (Ok(schedule), Ok(status)) = (of_thread("schedstat"), of_thread("status")) else {
                continue; // It ended meanwhile.
            };
            let nanoseconds = schedule.split(' ').next().context("an empty schedstat")?.parse()?;
            sum.processor = sum.processor.saturating_add(Duration::from_nanos(nanoseconds));
            sum.wake_ups += field(&status, "voluntary_ctxt_switches")?;
        }
        Ok(sum)
    }
}

fn field(status: &str, name: &str) -> anyhow::Result<u64> {
    status_field(status, name).with_context(|| format!("no {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_a_history() {
        let idle = idle(std::process::id(), Duration::ZERO).unwrap();
        assert!(idle.resident > 100);
        assert!(Account::of(std::process::id()).unwrap().processor > Duration::ZERO);
    }
}
