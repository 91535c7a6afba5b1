//! The connections that have imported nothing: how many there may be, and how they take turns.
//!
//! They are anybody's, and the devices are in use meanwhile: whatever visitors do, they share what is left of the thread (P-28).

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use tokio::sync::{Notify, Semaphore};
use tokio::time;

use crate::limits;

/// Where visitors wait, oldest first.
pub(crate) struct Doorway {
    visitors: RefCell<VecDeque<Rc<Visitor>>>,
    /// Whose turn it is to have a list of the devices; the others queue.
    list: Semaphore,
}

struct Visitor {
    displaced: Notify,
    is_newcomer: Cell<bool>,
}

impl Default for Doorway {
    fn default() -> Self {
        Self { visitors: RefCell::default(), list: Semaphore::new(1) }
    }
}

impl Doorway {
    /// Sends the oldest visitor away, for the sake of somebody else.
    pub(crate) fn displace_oldest(&self) {
        displace_oldest(&mut self.visitors.borrow_mut());
    }

    /// Carries out `sending` of a list when it is this visitor's turn. The next one has its turn [`limits::LIST_PAUSE`] later,
    /// whether or not this one takes its list: so all visitors together ask for little, and nobody holds up the queue.
    pub(crate) async fn in_turn<T>(&self, sending: impl Future<Output = T>) -> T {
        let turn = self.list.acquire().await;
        let pause = async {
            time::sleep(limits::LIST_PAUSE).await;
            drop(turn);
        };
        tokio::join!(sending, pause).0
    }
}

/// A visitor's stay. It leaves the doorway when it is dropped.
pub(crate) struct Visit {
    doorway: Rc<Doorway>,
    visitor: Rc<Visitor>,
}

impl Visit {
    /// Enters, at the cost of the oldest if there is a crowd.
    pub(crate) fn enter(doorway: &Rc<Doorway>) -> Self {
        let visitor = Visitor { displaced: Notify::new(), is_newcomer: Cell::new(true) };
        let visit = Self { doorway: Rc::clone(doorway), visitor: Rc::new(visitor) };
        let mut visitors = doorway.visitors.borrow_mut();
        visitors.push_back(Rc::clone(&visit.visitor));
        if visitors.len() > limits::MAX_WAITING.saturating_add(limits::MAX_NEWCOMERS) {
            displace_oldest(&mut visitors);
        }
        visit
    }

    /// Until it has to make way for others.
    pub(crate) async fn displaced(&self) {
        tokio::select! {
            () = self.visitor.displaced.notified() => return,
            () = time::sleep(limits::NEWCOMER) => self.stay(),
        }
        self.visitor.displaced.notified().await;
    }

    /// Is no newcomer any more. Of those there is room for a few.
    fn stay(&self) {
        self.visitor.is_newcomer.set(false);
        let mut visitors = self.doorway.visitors.borrow_mut();
        let staying = visitors.iter().filter(|visitor| !visitor.is_newcomer.get()).count();
        if staying > limits::MAX_WAITING {
            displace_oldest(&mut visitors);
        }
    }
}

fn displace_oldest(visitors: &mut VecDeque<Rc<Visitor>>) {
    visitors.pop_front().inspect(|oldest| oldest.displaced.notify_one());
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.doorway.visitors.borrow_mut().retain(|other| !Rc::ptr_eq(other, &self.visitor));
    }
}
