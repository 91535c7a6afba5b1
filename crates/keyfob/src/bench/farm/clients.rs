//! The clients of a farm: each a thread with a key of its own. Dropping them ends them.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand_core::Rng as _;
use virtual_key::platform::system_rng;

use super::Act;
use crate::bench::platform::Platform;
use crate::bench::wire;
use crate::device::Address;

/// Clients that have their keys.
pub(super) struct Clients(Vec<Sender<Order>>);

/// Something to be done by one of them.
struct Order {
    act: Act,
    times: u32,
    /// The time for each of them.
    between: Duration,
    /// All begin at once.
    begin: Arc<Barrier>,
    done: Sender<anyhow::Result<Vec<Duration>>>,
}

impl Clients {
    /// So many clients of the first keys of a server, each with a credential.
    ///
    /// # Errors
    /// When a key cannot be reached, or makes no credential.
    pub(super) fn of(server: &str, count: u8) -> anyhow::Result<Self> {
        let (ready, outcomes) = channel();
        let start = |number| {
            let bus_id = Some(format!("1-{number}"));
            let address = Address::Usbip { server: server.to_owned(), bus_id };
            let ((orders, inbox), ready) = (channel(), ready.clone());
            thread::Builder::new().spawn(move || live(&address, &ready, &inbox))?;
            // One after the other, as they come in a farm.
            outcomes.recv().context(ENDED)??;
            Ok(orders)
        };
        Ok(Self((1..=count).map(start).collect::<anyhow::Result<_>>()?))
    }

    /// Has them do this so often in all, at so many a second in all. How long each took.
    ///
    /// # Errors
    /// When a key refuses.
    pub(super) fn ask(&self, act: Act, times: u32, rate: u32) -> anyhow::Result<Vec<Duration>> {
        let count = u32::try_from(self.0.len())?;
        let (done, outcomes) = channel();
        let begin = Arc::new(Barrier::new(self.0.len()));
        for orders in &self.0 {
            let (times, between) = (times.div_ceil(count), Duration::from_secs(1) * count / rate);
            let (begin, done) = (Arc::clone(&begin), done.clone());
            orders.send(Order { act, times, between, begin, done }).ok().context(ENDED)?;
        }
        drop(done);
        let waits = outcomes.iter().collect::<anyhow::Result<Vec<_>>>()?.concat();
        anyhow::ensure!(waits.len() >= times as usize, ENDED);
        Ok(waits)
    }
}

/// Is one of them, until nobody has orders any more.
fn live(address: &Address, ready: &Sender<anyhow::Result<()>>, orders: &Receiver<Order>) {
    let mut platform = match wire::open(address).and_then(Platform::without_pin) {
        Ok(platform) => platform,
        Err(error) => return drop(ready.send(Err(error))),
    };
    // Whoever gives orders waits for this, here and below.
    let _ = ready.send(Ok(()));
    for Order { act, times, between, begin, done } in orders {
        begin.wait();
        let moment = at_random(between);
        let ask = |number| {
            let due = moment(number);
            let early = due.saturating_duration_since(Instant::now());
            thread::sleep(early);
            // Who is late, because what it asked before took long, has waited since then: else one client would feel less of a machine
            // that stalls than many.
            let since = if early.is_zero() { due } else { Instant::now() };
            act(&mut platform)?;
            Ok(since.elapsed())
        };
        let _ = done.send((0..times).map(ask).collect());
    }
}

/// A random moment of each time between, from now on.
fn at_random(between: Duration) -> impl Fn(u32) -> Instant {
    let begun = Instant::now();
    move |number| {
        let share = f64::from(system_rng().next_u32()) / f64::from(u32::MAX);
        begun + between * number + between.mul_f64(share)
    }
}

const ENDED: &str = "a client has ended";
