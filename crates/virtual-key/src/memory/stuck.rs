//! A disk that makes no progress for some time: a fault on purpose.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use ctap_core::memory::{Durability, Memory, MemoryError, Record};

/// Holds up a write.
#[derive(Debug)]
pub(crate) struct HoldUp {
    wait: Duration,
    is_over: Mutex<bool>,
    over: Condvar,
}

impl HoldUp {
    /// Waits until it is ended, or until its time is over.
    fn wait(&self) {
        let is_over = lock(&self.is_over);
        drop(self.over.wait_timeout_while(is_over, self.wait, |is_over| !*is_over));
    }

    fn end(&self) {
        *lock(&self.is_over) = true;
        self.over.notify_all();
    }
}

/// All that may hold up a key's writes. It is over with the key.
#[derive(Default)]
pub(crate) struct HoldUps(Vec<Weak<HoldUp>>);

impl HoldUps {
    /// Adds one of this length; `None`: the length is zero.
    pub(crate) fn add(&mut self, wait: Duration) -> Option<Arc<HoldUp>> {
        self.0.retain(|other| other.strong_count() > 0);
        if wait.is_zero() {
            return None;
        }
        let (is_over, over) = (Mutex::default(), Condvar::default());
        let hold_up = Arc::new(HoldUp { wait, is_over, over });
        self.0.push(Arc::downgrade(&hold_up));
        Some(hold_up)
    }

    /// A write that is held up goes on, and later ones are not held up.
    pub(crate) fn end(&self) {
        self.0.iter().filter_map(Weak::upgrade).for_each(|hold_up| hold_up.end());
    }
}

impl Drop for HoldUps {
    fn drop(&mut self) {
        self.end();
    }
}

/// Holds up the next write that somebody waits for.
#[derive(Clone, Default)]
pub(crate) struct StuckDisk(Arc<Mutex<Option<Arc<HoldUp>>>>);

impl StuckDisk {
    /// That does; `None`: nothing.
    pub(crate) fn set(&self, hold_up: Option<Arc<HoldUp>>) {
        *lock(&self.0) = hold_up;
    }

    fn wait(&self) {
        let hold_up = lock(&self.0).take();
        if let Some(hold_up) = hold_up {
            hold_up.wait();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A memory on such a disk.
pub(crate) struct OnStuckDisk {
    pub(crate) memory: Box<dyn Memory + Send>,
    pub(crate) disk: StuckDisk,
}

impl Memory for OnStuckDisk {
    fn commit(&mut self, records: &[Record], when: Durability) -> Result<(), MemoryError> {
        if when == Durability::Wait {
            self.disk.wait();
        }
        self.memory.commit(records, when)
    }

    fn commit_while(
        &mut self,
        records: &[Record],
        work: &mut dyn FnMut(),
    ) -> Result<(), MemoryError> {
        self.disk.wait();
        self.memory.commit_while(records, work)
    }

    fn replace_all(&mut self, records: &[Record]) -> Result<(), MemoryError> {
        self.disk.wait();
        self.memory.replace_all(records)
    }

    fn still_kept(&mut self) -> Result<(), MemoryError> {
        self.memory.still_kept()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn one_write_waits_until_it_is_over_and_what_need_not_be_durable_does_not() {
        let (mut hold_ups, disk) = (HoldUps::default(), StuckDisk::default());
        assert!(hold_ups.add(Duration::ZERO).is_none());
        disk.set(hold_ups.add(Duration::from_secs(600)));
        let mut memory = OnStuckDisk { memory: Box::new(Nowhere), disk };
        memory.commit(&[], Durability::Lazy).expect("at once");
        let writing = thread::spawn(move || {
            memory.commit(&[], Durability::Wait)?;
            memory.replace_all(&[])
        });
        drop(hold_ups); // the key goes, whether the write has begun to wait or not
        assert_eq!(writing.join().expect("no panic"), Ok(()));
    }

    struct Nowhere;

    impl Memory for Nowhere {
        fn commit(&mut self, _: &[Record], _: Durability) -> Result<(), MemoryError> {
            Ok(())
        }

        fn replace_all(&mut self, _: &[Record]) -> Result<(), MemoryError> {
            Ok(())
        }
    }
}
