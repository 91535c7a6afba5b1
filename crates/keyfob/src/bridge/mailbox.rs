//! The way of orders to the card's side. It holds one of each kind, however fast a host asks and however long a card takes.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::order::{Order, Request};

/// An empty mailbox: for who gives orders, and for who carries them out.
pub(super) fn mailbox() -> (Giver, Taker) {
    let shared = Arc::<Mailbox>::default();
    (Giver(Arc::clone(&shared)), Taker(shared))
}

/// Gives orders. Dropping it says that there will be no more.
pub(super) struct Giver(Arc<Mailbox>);

/// Takes orders.
pub(super) struct Taker(Arc<Mailbox>);

/// What there is to take.
pub(super) enum Next {
    Order(Order),
    /// None came in time.
    Nothing,
    /// There will be no more.
    End,
}

#[derive(Default)]
struct Mailbox {
    waiting: Mutex<Waiting>,
    has_changed: Condvar,
}

/// What nobody has taken yet.
#[derive(Default)]
struct Waiting {
    /// Before the request.
    needs_power_cycle: bool,
    request: Option<Request>,
    is_closed: bool,
}

impl Giver {
    /// A key has one request at a time (HD-08): nobody wants the one that still waits, and none from before a power cycle.
    pub(super) fn give(&self, order: Order) {
        let mut waiting = self.0.waiting();
        match order {
            Order::Request(request) => waiting.request = Some(request),
            Order::PowerCycle => (waiting.needs_power_cycle, waiting.request) = (true, None),
        }
        self.0.has_changed.notify_one();
    }
}

impl Drop for Giver {
    fn drop(&mut self) {
        self.0.waiting().is_closed = true;
        self.0.has_changed.notify_one();
    }
}

impl Taker {
    /// The next order, as soon as it is there; `None`: waits as long as it takes.
    pub(super) fn next(&self, patience: Option<Duration>) -> Next {
        let (waiting, has_changed) = (self.0.waiting(), &self.0.has_changed);
        let mut waiting = match patience {
            None => has_changed
                .wait_while(waiting, |waiting| waiting.is_idle())
                .unwrap_or_else(PoisonError::into_inner),
            Some(time) => {
                has_changed
                    .wait_timeout_while(waiting, time, |waiting| waiting.is_idle())
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        };
        waiting.take()
    }

    /// Whether there will be no more orders.
    pub(super) fn is_closed(&self) -> bool {
        self.0.waiting().is_closed
    }
}

impl Mailbox {
    /// Nobody panics while holding it.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn is_idle(&self) -> bool {
        !self.needs_power_cycle && self.request.is_none() && !self.is_closed
    }

    fn take(&mut self) -> Next {
        if self.is_closed {
            return Next::End;
        }
        if std::mem::take(&mut self.needs_power_cycle) {
            return Next::Order(Order::PowerCycle);
        }
        self.request.take().map_or(Next::Nothing, |request| Next::Order(Order::Request(request)))
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use hid_transport::host::{Handshake, fragment};
    use hid_transport::{Command, Device, Event, Settings};

    use super::*;
    use crate::bridge::order::Wish;

    const NOW: Duration = Duration::ZERO;

    fn request(message: &[u8]) -> Order {
        let mut device = Device::new(Settings::default());
        let mut handshake = Handshake::new([1; 8]);
        device.handle_report(&handshake.request(), NOW);
        let answer = device.poll_report(1, NOW).unwrap();
        let channel = handshake.receive(&answer).unwrap().unwrap().channel;
        let report = fragment(channel, Command::Cbor, message).unwrap().next().unwrap();
        match device.handle_report(&report, NOW) {
            Some(Event::Request { id, kind, message, .. }) => Order::Request(Request {
                id,
                kind,
                message: message.to_vec(),
                wish: Wish::default(),
            }),
            other => panic!("no request: {other:?}"),
        }
    }

    /// The messages of the requests that are taken until there is nothing, and `None` for each power cycle.
    fn taken(taker: &Taker) -> Vec<Option<Vec<u8>>> {
        let next = || match taker.next(Some(Duration::ZERO)) {
            Next::Order(Order::Request(request)) => Some(Some(request.message)),
            Next::Order(Order::PowerCycle) => Some(None),
            Next::Nothing | Next::End => None,
        };
        std::iter::from_fn(next).collect()
    }

    // HD-08
    #[test]
    fn a_host_that_asks_without_end_while_the_card_works_leaves_its_last_request_alone() {
        let (giver, taker) = mailbox();
        for number in 0..100 {
            giver.give(request(&[4, number]));
        }
        assert_eq!(taken(&taker), [Some(vec![4, 99])]);
    }

    #[test]
    fn a_host_that_comes_and_goes_while_the_card_works_costs_one_power_cycle() {
        let (giver, taker) = mailbox();
        giver.give(request(&[1]));
        for _ in 0..100 {
            giver.give(Order::PowerCycle);
        }
        giver.give(request(&[4]));
        assert_eq!(
            taken(&taker),
            [None, Some(vec![4])],
            "what was before it nobody wants any more"
        );
    }

    #[test]
    fn who_waits_for_orders_hears_that_there_will_be_no_more() {
        let (giver, taker) = mailbox();
        let waiting = thread::spawn(move || matches!(taker.next(None), Next::End));
        drop(giver);
        assert!(waiting.join().unwrap());
    }
}
