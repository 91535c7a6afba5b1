//! The cost of a process while nothing happens: memory, processor time, wake-ups (proc(5)).

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;

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
        wake_ups: after.wake_ups - before.wake_ups,
        resident: field(&status(pid)?, "VmRSS")?,
    })
}

/// What a process has used since it began.
struct Account {
    processor: Duration,
    wake_ups: u64,
}

impl Account {
    fn of(pid: u32) -> anyhow::Result<Self> {
        let schedule = fs::read_to_string(format!("/proc/{pid}/schedstat"))?;
        let nanoseconds = schedule.split(' ').next().context("an empty schedstat")?.parse()?;
        let wake_ups = field(&status(pid)?, "voluntary_ctxt_switches")?;
        Ok(Self { processor: Duration::from_nanos(nanoseconds), wake_ups })
    }
}

fn status(pid: u32) -> anyhow::Result<String> {
    Ok(fs::read_to_string(format!("/proc/{pid}/status"))?)
}

fn field(status: &str, name: &str) -> anyhow::Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.with_context(|| format!("no {name}"))?.parse()?)
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

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let status = "VmRSSx:\t1 kB\nVmRSS:\t  2048 kB\n";
        assert_eq!(field(status, "VmRSS").unwrap(), 2048);
        assert!(field(status, "VmSwap").is_err());
    }
}
