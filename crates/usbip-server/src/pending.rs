//! The connections that have imported nothing: how many there may be, and how they take turns.
//!
//! They are anybody's, and the devices are in use meanwhile: whatever they do, they share what is left of the thread (P-28).

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use tokio::sync::{Notify, Semaphore};
use tokio::time;

use crate::limits;

/// All of them, oldest first.
pub(crate) struct PendingConnections {
    queue: RefCell<VecDeque<Rc<Pending>>>,
    /// Whose turn it is to have a list of the devices; the others queue.
    list: Semaphore,
}

struct Pending {
    displaced: Notify,
    is_newcomer: Cell<bool>,
}

impl Default for PendingConnections {
    fn default() -> Self {
        Self { queue: RefCell::default(), list: Semaphore::new(1) }
    }
}

impl PendingConnections {
    /// Sends the oldest away, for the sake of somebody else.
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
        if queue.len() > limits::MAX_WAITING.saturating_add(limits::MAX_NEWCOMERS) {
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

fn displace_oldest(queue: &mut VecDeque<Rc<Pending>>) {
    queue.pop_front().inspect(|oldest| oldest.displaced.notify_one());
}

impl Drop for PendingConnection {
    fn drop(&mut self) {
        self.all.queue.borrow_mut().retain(|other| !Rc::ptr_eq(other, &self.own));
    }
}
