//! The thread that a [`VirtualKey`](crate::VirtualKey) runs on. Orders go in, and answers come back. The key lives
//! as long as orders can come.

use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError, mpsc as replies};
use std::thread::{self, JoinHandle};

use tokio::runtime;
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};

use crate::error::Error;
use crate::inside::Inside;
use crate::keys::KeySettings;

/// How hosts reach the key.
pub(crate) enum Way {
    /// Only from within this process.
    InProcess,
    /// Over USB/IP, at this address.
    UsbIp(SocketAddr),
    /// It is plugged into this machine's kernel.
    Kernel,
    /// The same, but always through uhid.
    Uhid,
    /// It is a card on the virtual reader that listens there.
    Reader(SocketAddr),
}

/// Facts about the key that never change.
pub(crate) struct Facts {
    pub(crate) serial: String,
    pub(crate) bus_id: String,
    pub(crate) address: Option<SocketAddr>,
}

/// The thread, as others have it. Dropping it ends the key, and then the thread.
pub(crate) struct KeyThread {
    /// `None` only while it is dropped.
    orders: Option<mpsc::UnboundedSender<Order>>,
    thread: Option<JoinHandle<()>>,
    end: End,
}

/// Something to be done with the key, on its thread. How it ends, it tells by itself.
type Order = Box<dyn FnOnce(Rc<Inside>) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// Why the key ended before it was dropped, until somebody was told.
type End = Arc<Mutex<Option<Error>>>;

/// The one who waits for the key.
type Ready = replies::Sender<Result<Facts, Error>>;

impl KeyThread {
    /// Starts the thread, and the key on it.
    pub(crate) fn start(settings: KeySettings, way: Way) -> Result<(Self, Facts), Error> {
        let (orders, inbox) = mpsc::unbounded_channel();
        let (ready, started) = replies::channel();
        let end = End::default();
        let told = Arc::clone(&end);
        let run = move || run(&settings, way, inbox, ready, &told);
        let thread = thread::Builder::new().name("virtual-key".to_owned()).spawn(run);
        let thread = Some(thread.map_err(Error::Start)?);
        let facts = started.recv().unwrap_or(Err(Error::Ended))?;
        Ok((Self { orders: Some(orders), thread, end }, facts))
    }

    /// Does something with the key on its thread, and waits for what it comes to.
    ///
    /// # Errors
    /// The key came to its end: to the first who asks, why.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        order: impl AsyncFnOnce(Rc<Inside>) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, replied) = replies::channel();
        let order: Order = Box::new(move |inside| {
            Box::pin(async move {
                // The one who asked waits for it.
                let _ = reply.send(order(inside).await);
            })
        });
        let is_sent = self.orders.as_ref().is_some_and(|orders| orders.send(order).is_ok());
        let reply = if is_sent { replied.recv().ok() } else { None };
        reply.ok_or_else(|| taken(&self.end).unwrap_or(Error::Ended))
    }
}

impl Drop for KeyThread {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // Its panic was reported when it happened.
            let _ = thread.join();
        }
    }
}

fn taken(end: &End) -> Option<Error> {
    end.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Is that thread.
fn run(
    settings: &KeySettings,
    way: Way,
    inbox: mpsc::UnboundedReceiver<Order>,
    ready: Ready,
    end: &End,
) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => LocalSet::new().block_on(&runtime, live(settings, way, inbox, ready, end)),
        // The one who waits for it is there.
        Err(error) => drop(ready.send(Err(Error::Start(error)))),
    }
}

/// The life of the key.
async fn live(
    settings: &KeySettings,
    way: Way,
    inbox: mpsc::UnboundedReceiver<Order>,
    ready: Ready,
    end: &End,
) {
    let (inside, host) = match Inside::start(settings, way).await {
        Ok((inside, host)) => (Rc::new(inside), host),
        Err(error) => return drop(ready.send(Err(error))),
    };
    let _ = ready.send(Ok(inside.facts(&host)));
    let held = host.held();
    let hosted = async {
        let Err(error) = inside.serve(host).await;
        *end.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    };
    tokio::select! {
        () = hosted => {}
        () = obey(inbox, &inside) => {}
    }
    inside.unplug();
    if let Some(held) = held {
        held.freed().await;
    }
}

/// Until nobody can give orders any more.
async fn obey(mut inbox: mpsc::UnboundedReceiver<Order>, inside: &Rc<Inside>) {
    while let Some(order) = inbox.recv().await {
        spawn_local(order(Rc::clone(inside)));
    }
}
