//! A worker on a thread of its own, and the queues to it and back.
//!
//! One queue carries orders to the thread, another one carries effects back and wakes the other half. A thread
//! without orders sleeps; then the other half may use the worker itself for short work. An order that has begun
//! cannot be called back. An order that has not begun is taken out of the queue when its client or the power is
//! gone, so no client can make the queue long.

use std::collections::VecDeque;
use std::io;
use std::panic::resume_unwind;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};

use super::worker::{Effect, Order, Worker};

/// A worker's thread. Dropping this waits until the order that has begun is carried out, and what the worker remembers is closed.
pub(super) struct WorkerThread {
    line: Arc<Line>,
    /// `None`: it has ended.
    handle: Option<JoinHandle<()>>,
}

/// One time with power, or one without. What was ordered in another one has no effect any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PowerUp(u64);

impl PowerUp {
    /// The one that follows.
    pub(super) fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

impl WorkerThread {
    /// Lets `worker` work on a thread of this name from now on.
    ///
    /// # Errors
    /// The system gives this process no further thread.
    pub(super) fn start(worker: Worker, name: String) -> io::Result<Self> {
        let line = Arc::new(Line::new(worker));
        let there = Arc::clone(&line);
        let handle = thread::Builder::new().name(name).spawn(move || there.serve())?;
        Ok(Self { line, handle: Some(handle) })
    }

    /// `wake` is called on the thread whenever there are effects. Said once; later ones are ignored.
    pub(super) fn wake_by(&self, wake: impl Fn() + Send + Sync + 'static) {
        let _ = self.line.wake.set(Box::new(wake));
    }

    /// Hands over an order.
    pub(super) fn send(&self, power_up: PowerUp, order: Order) {
        let is_admitted = lock(&self.line.queue).admit(power_up, order);
        if is_admitted {
            self.line.has_order.notify_one();
        }
    }

    /// The worker, if it is idle. Its holder gives it no order meanwhile, so nobody else wants it.
    pub(super) fn idle_worker(&self) -> Option<MutexGuard<'_, Worker>> {
        lock(&self.line.queue).is_idle().then(|| lock(&self.line.worker))
    }

    /// The effects of orders since the last call, oldest first.
    ///
    /// # Panics
    /// If the thread did.
    pub(super) fn take_effects(&mut self) -> Vec<(PowerUp, Effect)> {
        let Back { effects, has_panicked } = std::mem::take(&mut *lock(&self.line.back));
        if has_panicked {
            self.end();
        }
        effects
    }

    /// Waits for the end of the thread. Its panic goes on here.
    fn end(&mut self) {
        lock(&self.line.queue).is_closed = true;
        self.line.has_order.notify_one();
        let outcome = self.handle.take().map_or(Ok(()), JoinHandle::join);
        if let Err(panic) = outcome
            && !thread::panicking()
        {
            resume_unwind(panic);
        }
    }

    #[cfg(test)]
    pub(super) fn waiting_orders(&self) -> usize {
        lock(&self.line.queue).orders.len()
    }

    #[cfg(test)]
    pub(super) fn untaken_effects(&self) -> usize {
        lock(&self.line.back).effects.len()
    }
}

impl Drop for WorkerThread {
    fn drop(&mut self) {
        self.end();
    }
}

/// The state that both sides share.
struct Line {
    worker: Mutex<Worker>,
    queue: Mutex<Queue>,
    has_order: Condvar,
    back: Mutex<Back>,
    wake: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

/// The way there.
#[derive(Default)]
struct Queue {
    orders: VecDeque<(PowerUp, Order)>,
    /// The last order that left is being carried out.
    is_busy: bool,
    is_closed: bool,
}

/// The way back.
#[derive(Default)]
struct Back {
    effects: Vec<(PowerUp, Effect)>,
    has_panicked: bool,
}

impl Line {
    fn new(worker: Worker) -> Self {
        Self {
            worker: Mutex::new(worker),
            queue: Mutex::default(),
            has_order: Condvar::new(),
            back: Mutex::default(),
            wake: OnceLock::new(),
        }
    }

    /// Carries out orders until the queue is closed.
    fn serve(&self) {
        let _alarm = Alarm(self);
        while let Some((power_up, order)) = self.next_order() {
            lock(&self.worker).take(order, &mut |effect| {
                // A question that was decided at once is no news: its result, or the next keepalive, comes soon
                // enough.
                let is_news = !matches!(effect, Effect::Asked(_));
                lock(&self.back).effects.push((power_up, effect));
                if is_news {
                    self.wake();
                }
            });
        }
        lock(&self.worker).flush();
    }

    /// Waits for the next order; `None`: there will be no more.
    fn next_order(&self) -> Option<(PowerUp, Order)> {
        let mut queue = lock(&self.queue);
        queue.is_busy = false;
        let queue = self.has_order.wait_while(queue, |queue| queue.is_idle());
        let mut queue = queue.unwrap_or_else(PoisonError::into_inner);
        queue.is_busy = true;
        if queue.is_closed { None } else { queue.orders.pop_front() }
    }

    fn wake(&self) {
        if let Some(wake) = self.wake.get() {
            wake();
        }
    }
}

impl Queue {
    /// Nothing is to be done, and more may come.
    fn is_idle(&self) -> bool {
        self.orders.is_empty() && !self.is_busy && !self.is_closed
    }

    /// Takes the order in, and out what it makes pointless. `false`: it is pointless itself.
    fn admit(&mut self, power_up: PowerUp, order: Order) -> bool {
        match order {
            Order::Unplug => self.orders.retain(|(_, order)| order.outlives_power()),
            Order::Abandon => self.orders.retain(|(_, order)| !order.is_of_a_client()),
            // Clients may repeat themselves.
            Order::Cancel(_) if self.has_cancel() => return false,
            _ => {}
        }
        self.orders.push_back((power_up, order));
        true
    }

    fn has_cancel(&self) -> bool {
        self.orders.iter().any(|(_, order)| matches!(order, Order::Cancel(_)))
    }
}

impl Order {
    /// Taps are before the power that follows them, and what the owner does needs none.
    fn outlives_power(&self) -> bool {
        matches!(self, Self::Tap { .. } | Self::Act { .. } | Self::SetAnswers { .. })
    }

    /// Whether it is pointless once the client that asks is gone.
    fn is_of_a_client(&self) -> bool {
        matches!(self, Self::Request(_) | Self::Cancel(_) | Self::Abandon)
    }
}

/// Tells the other half of a panic. Without it, the other half would wait for ever.
struct Alarm<'a>(&'a Line);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            lock(&self.0.back).has_panicked = true;
            self.0.wake();
        }
    }
}

/// If a panic may leave something half done, it also ends the key.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
