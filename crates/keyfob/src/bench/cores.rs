//! Several keys of one process, on one processor and on two: how many assertions they give in a second.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::platform::{FEWEST, Platform};
use super::wire;
use crate::device::Address;
use crate::spawned::SpawnedKey;

/// So many keys on so many processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Case {
    /// 1 or 8.
    pub(super) keys: u8,
    /// 1 or 2.
    pub(super) cores: usize,
}

/// Each count of keys, on few processors first.
pub(super) const CASES: [Case; 4] = [
    Case { keys: 1, cores: 1 },
    Case { keys: 1, cores: 2 },
    Case { keys: 8, cores: 1 },
    Case { keys: 8, cores: 2 },
];

/// Assertions in a second, of all keys together; `None`: this machine has not so many processors.
///
/// # Errors
/// When a key refuses.
pub(super) fn assertions(case: Case, time: Duration) -> anyhow::Result<Option<f64>> {
    let Some(_narrow) = Narrow::to(case.cores)? else { return Ok(None) };
    // The key and its clients are where this thread is.
    let keys = case.keys.to_string();
    let process = SpawnedKey::serve_as(&["--ephemeral", "--touch", "auto", "--keys", &keys])?;
    let server = process.server()?;
    let barrier = Barrier::new(case.keys.into());
    let given = thread::scope(|scope| {
        let client = |number| {
            let bus_id = Some(format!("1-{number}"));
            let address = Address::Usbip { server: server.to_owned(), bus_id };
            let barrier = &barrier;
            scope.spawn(move || sign(&address, barrier, time))
        };
        let clients: Vec<_> = (1..=case.keys).map(client).collect();
        clients.into_iter().map(joined).sum::<anyhow::Result<u64>>()
    })?;
    Ok(Some(given as f64 / time.as_secs_f64()))
}

/// How many assertions one key gives. Nobody begins before all are ready.
fn sign(address: &Address, barrier: &Barrier, time: Duration) -> anyhow::Result<u64> {
    let ready = wire::open(address).map(|key| Platform::new(key, FEWEST, None));
    barrier.wait();
    let mut key = ready?;
    let (begun, mut given) = (Instant::now(), 0);
    while begun.elapsed() < time {
        key.silent()?;
        given += 1;
    }
    Ok(given)
}

fn joined(client: thread::ScopedJoinHandle<'_, anyhow::Result<u64>>) -> anyhow::Result<u64> {
    client.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a client panicked")))
}

/// This thread, and what it starts, on fewer processors, until it is dropped.
struct Narrow {
    before: CpuSet,
}

impl Narrow {
    fn to(count: usize) -> anyhow::Result<Option<Self>> {
        let before = sched_getaffinity(None)?;
        let ours = (0..CpuSet::MAX_CPU).filter(|processor| before.is_set(*processor));
        let chosen: Vec<_> = ours.take(count).collect();
        if chosen.len() < count {
            return Ok(None);
        }
        let mut set = CpuSet::new();
        chosen.into_iter().for_each(|processor| set.set(processor));
        sched_setaffinity(None, &set)?;
        Ok(Some(Self { before }))
    }
}

impl Drop for Narrow {
    fn drop(&mut self) {
        // They were ours before.
        let _ = sched_setaffinity(None, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_narrowed_and_let_go_again() {
        let count = || sched_getaffinity(None).unwrap().count();
        let before = count();
        let narrow = Narrow::to(1).unwrap().unwrap();
        assert_eq!(count(), 1);
        drop(narrow);
        assert_eq!(count(), before);
        assert!(Narrow::to(CpuSet::MAX_CPU + 1).unwrap().is_none());
    }
}
