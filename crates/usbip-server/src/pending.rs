//! The connections that have imported nothing: how many there may be, and how they take turns.
//!
//! Anybody may make such connections, and the devices are in use meanwhile. Whatever they do, they share only the
//! time that the thread has left (P-28).

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::fs;
use std::rc::Rc;

use tokio::sync::{Notify, Semaphore};
use tokio::time;

use crate::limits;

/// All of them, oldest first.
pub(crate) struct PendingConnections {
    /// Known when the first one comes: by then the process has opened what it needs itself.
    capacity: OnceCell<usize>,
    queue: RefCell<VecDeque<Rc<Pending>>>,
    /// The turns for getting a list of the devices; others queue.
    list: Semaphore,
}

struct Pending {
    displaced: Notify,
    is_newcomer: Cell<bool>,
}

impl Default for PendingConnections {
    fn default() -> Self {
        let (capacity, queue) = (OnceCell::new(), RefCell::default());
        Self { capacity, queue, list: Semaphore::new(1) }
    }
}

impl PendingConnections {
    /// Closes the oldest one, to make room.
    pub(crate) fn displace_oldest(&self) {
        displace_oldest(&mut self.queue.borrow_mut());
    }

    /// Carries out `sending` of a list when it is this connection's turn. The next one has its turn [`limits::LIST_PAUSE`] later,
    /// whether or not this one takes its list: so all of them together ask for little, and nobody holds up the queue.
    pub(crate) async fn in_turn<T>(&self, sending: impl Future<Output = T>) -> T {
        let turn = self.list.acquire().await;
        let pause = async {
            time::sleep(limits::LIST_PAUSE).await;
            drop(turn);
        };
        tokio::join!(sending, pause).0
    }
}

/// One of them, until it is dropped.
pub(crate) struct PendingConnection {
    all: Rc<PendingConnections>,
    own: Rc<Pending>,
}

impl PendingConnection {
    /// A new one, at the cost of the oldest if there is a crowd.
    pub(crate) fn enter(all: &Rc<PendingConnections>) -> Self {
        let own = Rc::new(Pending { displaced: Notify::new(), is_newcomer: Cell::new(true) });
        let mut queue = all.queue.borrow_mut();
        queue.push_back(Rc::clone(&own));
        if queue.len() > *all.capacity.get_or_init(room) {
            displace_oldest(&mut queue);
        }
        Self { all: Rc::clone(all), own }
    }

    /// Until it has to make way for others.
    pub(crate) async fn displaced(&self) {
        tokio::select! {
            () = self.own.displaced.notified() => return,
            () = time::sleep(limits::NEWCOMER) => self.stay(),
        }
        self.own.displaced.notified().await;
    }

    /// Is no newcomer any more. Of those there is room for a few.
    fn stay(&self) {
        self.own.is_newcomer.set(false);
        let mut queue = self.all.queue.borrow_mut();
        let staying = queue.iter().filter(|pending| !pending.is_newcomer.get()).count();
        if staying > limits::MAX_WAITING {
            displace_oldest(&mut queue);
        }
    }
}

/// How many of them this process has room for. If there is little room, the log says so.
fn room() -> usize {
    // Without /proc nobody knows how many files are open; then there are few.
    let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let limit = most_open_files();
    let room = capacity(open, limit);
    if room < MOST {
        let next = "raise RLIMIT_NOFILE: `ulimit -n`, or LimitNOFILE= of a service";
        tracing::warn!(open, limit, room, next, "few file descriptors are left for new hosts");
    }
    room
}

/// Without need.
const MOST: usize = limits::MAX_WAITING + limits::MAX_NEWCOMERS;

/// RLIMIT_NOFILE.
#[cfg(unix)]
fn most_open_files() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

/// Windows has no such limit.
#[cfg(windows)]
fn most_open_files() -> Option<u64> {
    None
}

/// How many of them a process with `open` files has room for, without taking descriptors that the rest of it may
/// need. `limit` is RLIMIT_NOFILE; `None`: there is no limit.
fn capacity(open: usize, limit: Option<u64>) -> usize {
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let left = limit.saturating_sub(open).saturating_sub(limits::RESERVED_DESCRIPTORS);
    left.clamp(limits::MAX_WAITING, MOST)
}

fn displace_oldest(queue: &mut VecDeque<Rc<Pending>>) {
    queue.pop_front().inspect(|oldest| oldest.displaced.notify_one());
}

impl Drop for PendingConnection {
    fn drop(&mut self) {
        self.all.queue.borrow_mut().retain(|other| !Rc::ptr_eq(other, &self.own));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_few_files_may_be_opened_there_is_room_for_few_connections() {
        let (few, many) = (limits::MAX_WAITING, MOST);
        let taken = limits::RESERVED_DESCRIPTORS + 20;
        let room = |left: usize| capacity(20, u64::try_from(taken + left).ok());
        assert_eq!([room(0), room(few), room(few + 1), room(many)], [few, few, few + 1, many]);
        assert_eq!([room(many + 1), capacity(20, None), capacity(20, Some(0))], [many, many, few]);
    }
}
