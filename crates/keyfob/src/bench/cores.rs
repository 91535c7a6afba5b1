//! Several keys of one process, on one processor and on two: how many assertions they give in a second. And what the machine
//! itself gains by its second processor, which may be half of a core: threads that only sign.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use p256::ecdsa::SigningKey;
use p256::elliptic_curve::Generate as _;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use virtual_key::platform::system_rng;

use super::platform::{FEWEST, Platform};
use super::{subjects, wire};
use crate::device::Address;
use crate::spawned::SpawnedKey;

/// So much at a time on so many processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) work: Work,
    /// 1 or 2.
    pub(super) cores: usize,
}

/// What is done at a time, and how many times: 1 or 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Bare signatures, by so many threads.
    Signatures(u8),
    /// Assertions, by so many keys.
    Assertions(u8),
}

impl Work {
    /// What is counted.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Signatures(_) => "bare P-256 signatures",
            Self::Assertions(_) => "assertions",
        }
    }
}

/// Each on few processors first.
pub(super) const CASES: [Case; 6] = [
    Case { work: Work::Signatures(8), cores: 1 },
    Case { work: Work::Signatures(8), cores: 2 },
    Case { work: Work::Assertions(1), cores: 1 },
    Case { work: Work::Assertions(1), cores: 2 },
    Case { work: Work::Assertions(8), cores: 1 },
    Case { work: Work::Assertions(8), cores: 2 },
];

/// How many in a second, all together; `None`: this machine has not so many processors.
///
/// # Errors
/// When a key refuses.
pub(super) fn rate(case: Case, time: Duration) -> anyhow::Result<Option<f64>> {
    let Some(_narrow) = Narrow::to(case.cores)? else { return Ok(None) };
    let given = match case.work {
        Work::Signatures(threads) => signatures(threads, time),
        Work::Assertions(keys) => assertions(keys, time),
    }?;
    Ok(Some(given as f64 / time.as_secs_f64()))
}

fn signatures(threads: u8, time: Duration) -> anyhow::Result<u64> {
    let signing_key = SigningKey::generate_from_rng(&mut system_rng());
    let barrier = Barrier::new(threads.into());
    at_once(threads, |_| {
        barrier.wait();
        repeat(time, || subjects::sign(&signing_key))
    })
}

fn assertions(keys: u8, time: Duration) -> anyhow::Result<u64> {
    // The key and its clients are where this thread is.
    let count = keys.to_string();
    let process = SpawnedKey::serve_as(&["--ephemeral", "--touch", "auto", "--keys", &count])?;
    let server = process.server()?;
    let barrier = Barrier::new(keys.into());
    at_once(keys, |number| {
        let bus_id = Some(format!("1-{number}"));
        let address = Address::Usbip { server: server.to_owned(), bus_id };
        let ready = wire::open(&address).map(|key| Platform::new(key, FEWEST, None));
        // Nobody begins before all are ready.
        barrier.wait();
        let mut key = ready?;
        repeat(time, || key.silent())
    })
}

/// What so many threads have done, which are numbered from 1.
fn at_once(threads: u8, work: impl Fn(u8) -> anyhow::Result<u64> + Sync) -> anyhow::Result<u64> {
    thread::scope(|scope| {
        let work = &work;
        let begun: Vec<_> = (1..=threads).map(|number| scope.spawn(move || work(number))).collect();
        begun.into_iter().map(joined).sum()
    })
}

/// How often `act` was done in that time.
fn repeat(time: Duration, mut act: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<u64> {
    let (begun, mut done) = (Instant::now(), 0);
    while begun.elapsed() < time {
        act()?;
        done += 1;
    }
    Ok(done)
}

fn joined(thread: thread::ScopedJoinHandle<'_, anyhow::Result<u64>>) -> anyhow::Result<u64> {
    thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a thread panicked")))
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
