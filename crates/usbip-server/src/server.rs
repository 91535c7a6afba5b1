//! The devices that are plugged in, and the handshake that imports one (OP_REQ_DEVLIST,
//! OP_REQ_IMPORT).

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::rc::Rc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::Notify;
use tokio::task::{JoinSet, yield_now};
use tokio::time;
use usbip::usbip_protocol::UsbIpResponse;

use crate::buffer::Inbox;
use crate::connection::{self, ConnectionError};
use crate::device::{DeviceInfo, Lease, PlugError, Port, Slot};
use crate::function::HidFunction;
use crate::limits;
use crate::wire::{self, DEVICE_BUSY, NO_DEVICE, Op};

/// Devices on offer to whoever connects. Clones share them.
#[derive(Clone, Default)]
pub struct Server {
    devices: Rc<Devices>,
    doorway: Rc<Doorway>,
}

impl Server {
    /// A server without devices.
    pub fn new() -> Self {
        Self::default()
    }

    /// Plugs in a device; at any time, also while others are in use.
    ///
    /// # Errors
    /// [`PlugError`] if the bus id is taken or malformed, which is the caller's fault.
    pub fn plug(
        &self,
        info: DeviceInfo,
        function: Rc<RefCell<dyn HidFunction>>,
    ) -> Result<Port, PlugError> {
        let slot = self.devices.add(&info, function)?;
        Ok(Port::new(slot, Rc::downgrade(&self.devices)))
    }

    /// Serves every connection to `listener`, until the future is dropped: that ends them all.
    ///
    /// Must run in a [`LocalSet`](tokio::task::LocalSet).
    pub async fn serve_tcp(&self, listener: TcpListener) -> Infallible {
        self.serve_each(async || {
            let (stream, _) = listener.accept().await?;
            prepare(&stream)?;
            Ok(stream)
        })
        .await
    }

    /// The same for a Unix socket.
    pub async fn serve_unix(&self, listener: UnixListener) -> Infallible {
        self.serve_each(async || Ok(listener.accept().await?.0)).await
    }

    async fn serve_each<S>(&self, mut accept: impl AsyncFnMut() -> io::Result<S>) -> Infallible
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = accept() => match accepted {
                    Ok(stream) => {
                        connections.spawn_local(self.clone().serve_and_log(stream));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        time::sleep(limits::ACCEPT_BACK_OFF).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }

    async fn serve_and_log<S>(self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        match self.serve_stream(stream).await {
            Ok(()) => tracing::debug!("connection closed"),
            Err(error) => tracing::info!(%error, "connection ended"),
        }
    }

    /// Serves one peer: lists the devices, imports one, and then handles its URBs until the peer
    /// hangs up or the plug is pulled.
    ///
    /// # Errors
    /// [`ConnectionError`]; all of them are the peer's doing, and none concerns anybody else.
    pub async fn serve_stream<S>(&self, mut stream: S) -> Result<(), ConnectionError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut inbox = Inbox::of_a_visitor();
        let imported = {
            let visit = Visit::enter(&self.doorway);
            let import = time::timeout(limits::OP_DEADLINE, self.import(&mut stream, &mut inbox));
            tokio::select! {
                biased;
                () = visit.displaced() => return Err(ConnectionError::Displaced),
                imported = import => imported.map_err(|_| ConnectionError::NoImport)??,
            }
        };
        match imported {
            Some(lease) => connection::serve(stream, inbox.after_the_visit(), lease).await,
            None => Ok(()),
        }
    }

    /// Answers requests until one imports a device; `None` if the peer hung up before.
    async fn import<S>(
        &self,
        stream: &mut S,
        inbox: &mut Inbox,
    ) -> Result<Option<Lease>, ConnectionError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            while let Some((op, length)) = wire::read_op(inbox.bytes())? {
                inbox.consume(length);
                match op {
                    Op::Devlist => {
                        stream.write_all(&self.devices.devlist()).await?;
                        // Whoever asks without end must not keep the thread.
                        yield_now().await;
                    }
                    Op::Import(bus_id) => {
                        let (reply, lease) = self.devices.import(&bus_id);
                        stream.write_all(&reply).await?;
                        return lease.map(Some);
                    }
                }
            }
            match stream.read(inbox.room()).await? {
                0 => return Ok(None),
                count => inbox.filled(count),
            }
        }
    }
}

/// A report is one small packet: it must not wait for another (40 ms, else). And a host that lost
/// its power must be noticed, though neither side has anything to say.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    use rustix::net::sockopt;
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, limits::KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(stream, limits::KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(stream, limits::KEEPALIVE_PROBES)?;
    Ok(())
}

/// What is plugged in, by bus id.
#[derive(Default)]
pub(crate) struct Devices {
    slots: RefCell<BTreeMap<String, Rc<Slot>>>,
    last_dev_num: Cell<u16>,
}

impl Devices {
    fn add(
        &self,
        info: &DeviceInfo,
        function: Rc<RefCell<dyn HidFunction>>,
    ) -> Result<Rc<Slot>, PlugError> {
        if self.slots.borrow().contains_key(&info.bus_id) {
            return Err(PlugError::BusIdTaken(info.bus_id.clone()));
        }
        // As on a real bus: each device gets the next number, and 1 is the root hub.
        let dev_num = self.last_dev_num.get().checked_add(1).unwrap_or_default().max(2);
        let slot = Rc::new(Slot::new(info, dev_num, function)?);
        self.last_dev_num.set(dev_num);
        self.slots.borrow_mut().insert(info.bus_id.clone(), Rc::clone(&slot));
        Ok(slot)
    }

    /// Takes out `slot`, unless it is out and another device is in its place.
    pub(crate) fn remove(&self, slot: &Rc<Slot>) {
        let mut slots = self.slots.borrow_mut();
        let bus_id = &slot.model().bus_id;
        if slots.get(bus_id).is_some_and(|plugged| Rc::ptr_eq(plugged, slot)) {
            slots.remove(bus_id);
        }
    }

    /// OP_REP_DEVLIST: everything that is plugged in, in use or not.
    fn devlist(&self) -> Vec<u8> {
        let models: Vec<_> =
            self.slots.borrow().values().map(|slot| slot.model().clone()).collect();
        UsbIpResponse::op_rep_devlist(&models).to_bytes()
    }

    /// OP_REP_IMPORT, and the lease if it says yes.
    fn import(&self, bus_id: &[u8]) -> (Vec<u8>, Result<Lease, ConnectionError>) {
        let bus_id = bus_id.split(|byte| *byte == 0).next().unwrap_or_default();
        let Some(slot) = self.find(bus_id) else {
            let name = String::from_utf8_lossy(bus_id).into_owned();
            return (import_refused(NO_DEVICE), Err(ConnectionError::NoSuchDevice(name)));
        };
        match self.may_import().then(|| Lease::take(&slot)).flatten() {
            Some(lease) => {
                (UsbIpResponse::op_rep_import_success(slot.model()).to_bytes(), Ok(lease))
            }
            None => (import_refused(DEVICE_BUSY), Err(ConnectionError::Busy)),
        }
    }

    fn find(&self, bus_id: &[u8]) -> Option<Rc<Slot>> {
        let slots = self.slots.borrow();
        slots.values().find(|slot| slot.model().bus_id.as_bytes() == bus_id).cloned()
    }

    fn may_import(&self) -> bool {
        let slots = self.slots.borrow();
        slots.values().filter(|slot| slot.is_imported()).count() < limits::MAX_IMPORTS
    }
}

fn import_refused(status: u32) -> Vec<u8> {
    UsbIpResponse::OpRepImport { status, device: None }.to_bytes()
}

/// The connections that have imported nothing, oldest first.
#[derive(Default)]
struct Doorway {
    visitors: RefCell<VecDeque<Rc<Visitor>>>,
}

struct Visitor {
    displaced: Notify,
    is_newcomer: Cell<bool>,
}

/// One of them. It leaves the doorway when it is dropped.
struct Visit {
    doorway: Rc<Doorway>,
    visitor: Rc<Visitor>,
}

impl Visit {
    /// Enters, at the cost of the oldest if there is a crowd.
    fn enter(doorway: &Rc<Doorway>) -> Self {
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
    async fn displaced(&self) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::LocalSet;

    #[tokio::test]
    async fn an_accepted_tcp_connection_sends_at_once_and_notices_a_dead_peer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let (_peer, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (stream, _) = accepted.expect("accepted");
        prepare(&stream).expect("an ordinary socket");
        assert!(stream.nodelay().expect("readable"));
        assert!(rustix::net::sockopt::socket_keepalive(&stream).expect("readable"));
    }

    /// EMFILE fifty times, then a connection.
    #[tokio::test(start_paused = true)]
    async fn a_process_without_descriptors_tries_again_at_leisure_and_recovers() {
        let began = time::Instant::now();
        let mut attempts = 0;
        let (mut ours, theirs) = tokio::io::duplex(64);
        let mut waiting = Some(theirs);
        let server = Server::new();
        let serving = server.serve_each(async || {
            attempts += 1;
            match attempts {
                1..=50 => Err(io::Error::from_raw_os_error(24)),
                _ => match waiting.take() {
                    Some(stream) => Ok(stream),
                    None => std::future::pending().await,
                },
            }
        });
        let list = async {
            ours.write_all(&[1, 0x11, 0x80, 5, 0, 0, 0, 0]).await.expect("open");
            ours.read_exact(&mut [0; 12]).await.expect("a reply")
        };
        let both = async {
            tokio::select! {
                never = serving => match never {},
                _ = list => {}
            }
        };
        LocalSet::new().run_until(both).await;
        assert!((51..100).contains(&attempts), "{attempts}");
        assert_eq!(began.elapsed(), limits::ACCEPT_BACK_OFF * 50);
    }
}
