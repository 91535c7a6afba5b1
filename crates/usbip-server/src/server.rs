//! The devices that are plugged in, and the handshake that imports one of them (OP_REQ_DEVLIST, OP_REQ_IMPORT).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinSet, yield_now};
use tokio::time;
use usbip::usbip_protocol::UsbIpResponse;

use crate::buffer::Inbox;
use crate::connection::{self, ConnectionError};
use crate::device::{DeviceInfo, Lease, PlugError, Port, Slot};
use crate::interface::Interface;
use crate::limits;
use crate::pending::{PendingConnection, PendingConnections};
use crate::refusals::Refusals;
use crate::wire::{self, DEVICE_BUSY, NO_DEVICE, Op};

/// Devices that anybody who connects can import. Clones share them.
#[derive(Clone, Default)]
pub struct Server {
    devices: Rc<Devices>,
    pending: Rc<PendingConnections>,
}

impl Server {
    /// A server without devices.
    pub fn new() -> Self {
        Self::default()
    }

    /// Plugs in a device with these interfaces, numbered from 0. This is possible at any time, also while others
    /// are in use.
    ///
    /// # Errors
    /// [`PlugError`]: the bus id is taken or malformed, or there are too many interfaces, which is the caller's
    /// fault.
    pub fn plug(&self, info: DeviceInfo, interfaces: Vec<Interface>) -> Result<Port, PlugError> {
        let slot = self.devices.add(&info, interfaces)?;
        Ok(Port::new(slot, Rc::downgrade(&self.devices)))
    }

    /// Serves the connections to `listener`. Dropping the future ends all of them. Each connection is passed to
    /// `welcome` before anything is read from it; if that returns `false`, it is closed.
    ///
    /// Must run in a [`LocalSet`](tokio::task::LocalSet).
    pub async fn serve_tcp(
        &self,
        listener: TcpListener,
        mut welcome: impl FnMut(&TcpStream) -> bool,
    ) -> Infallible {
        self.serve_each(async || {
            let stream = listener.accept().await?.0;
            if !welcome(&stream) {
                return Ok(None);
            }
            // Some systems refuse that for a peer that is gone already.
            Ok(prepare(&stream).is_ok().then_some(stream))
        })
        .await
    }

    /// The same for connections of another kind, such as those to a Unix socket. `accept` returns the next
    /// connection of a listener, which may be another listener each time. Its future may be dropped while it waits.
    ///
    /// Must run in a [`LocalSet`](tokio::task::LocalSet).
    pub async fn serve_accepted<S>(
        &self,
        mut accept: impl AsyncFnMut() -> io::Result<S>,
    ) -> Infallible
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        self.serve_each(async || accept().await.map(Some)).await
    }

    async fn serve_each<S>(
        &self,
        mut accept: impl AsyncFnMut() -> io::Result<Option<S>>,
    ) -> Infallible
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let (mut connections, mut refusals) = (JoinSet::new(), Refusals::new());
        loop {
            tokio::select! {
                accepted = accept() => match accepted {
                    Ok(stream) => {
                        if let Some(stream) = stream {
                            connections.spawn_local(self.clone().serve_and_log(stream));
                        }
                        // A crowd of connections must not keep the thread.
                        yield_now().await;
                    }
                    // A peer that hung up before it was looked at costs the others nothing.
                    Err(error) if is_of_one_peer(&error) => yield_now().await,
                    Err(error) => {
                        refusals.tell("a host", &error);
                        self.pending.displace_oldest();
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

    /// Serves one peer: lists the devices, imports one, and then handles its URBs until the peer closes the
    /// connection or the device is unplugged.
    ///
    /// # Errors
    /// [`ConnectionError`]: always the peer's fault. It concerns no other peer.
    pub async fn serve_stream<S>(&self, mut stream: S) -> Result<(), ConnectionError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut inbox = Inbox::of_a_pending_connection();
        let imported = {
            let pending = PendingConnection::enter(&self.pending);
            let import = time::timeout(limits::OP_DEADLINE, self.import(&mut stream, &mut inbox));
            tokio::select! {
                biased;
                () = pending.displaced() => return Err(ConnectionError::Displaced),
                imported = import => imported.map_err(|_| ConnectionError::NoImport)??,
            }
        };
        match imported {
            Some(lease) => connection::serve(stream, inbox.after_the_import(), lease).await,
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
                        let list = self.devices.devlist();
                        self.pending.in_turn(stream.write_all(&list)).await?;
                    }
                    Op::Import(bus_id) => {
                        self.devices.freed(&bus_id).await;
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

/// Listens at `address`, with room for many connections that arrive while the thread is busy.
///
/// # Errors
/// The system's error: the address is in use, is not an address of this machine, or is not allowed for this user.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // As the standard library does, so that a restarted server finds its port free.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(limits::BACKLOG)
}

/// Whether `accept` failed because a connection had ended already, and not because of this process.
fn is_of_one_peer(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

/// Prepares a connection that was accepted. A report is one small packet, and must not wait for another one (that would
/// be 40 ms). A host that lost its power must be noticed, although neither side sends anything.
///
/// # Errors
/// The system's error: on some systems, that the peer is gone already.
pub fn prepare(stream: &TcpStream) -> io::Result<()> {
    use rustix::net::sockopt;
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, limits::KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(stream, limits::KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(stream, limits::KEEPALIVE_PROBES)?;
    Ok(())
}

/// The devices that are plugged in, by bus id.
#[derive(Default)]
pub(crate) struct Devices {
    slots: RefCell<BTreeMap<String, Rc<Slot>>>,
    last_dev_num: Cell<u16>,
    /// OP_REP_DEVLIST, until a device comes or goes.
    list: RefCell<Option<Rc<[u8]>>>,
}

impl Devices {
    fn add(&self, info: &DeviceInfo, interfaces: Vec<Interface>) -> Result<Rc<Slot>, PlugError> {
        if self.slots.borrow().contains_key(&info.bus_id) {
            return Err(PlugError::BusIdTaken(info.bus_id.clone()));
        }
        // As on a real bus: each device gets the next number, and 1 is the root hub.
        let dev_num = self.last_dev_num.get().checked_add(1).unwrap_or_default().max(2);
        let slot = Rc::new(Slot::new(info, dev_num, interfaces)?);
        self.last_dev_num.set(dev_num);
        self.slots.borrow_mut().insert(info.bus_id.clone(), Rc::clone(&slot));
        self.list.take();
        Ok(slot)
    }

    /// Takes out `slot`, unless it is out and another device is in its place.
    pub(crate) fn remove(&self, slot: &Rc<Slot>) {
        let mut slots = self.slots.borrow_mut();
        let bus_id = &slot.model().bus_id;
        if slots.get(bus_id).is_some_and(|plugged| Rc::ptr_eq(plugged, slot)) {
            slots.remove(bus_id);
            self.list.take();
        }
    }

    /// OP_REP_DEVLIST: everything that is plugged in, in use or not. Put together once for all who ask (P-28).
    fn devlist(&self) -> Rc<[u8]> {
        let build = || {
            let models: Vec<_> =
                self.slots.borrow().values().map(|slot| slot.model().clone()).collect();
            UsbIpResponse::op_rep_devlist(&models).to_bytes().into()
        };
        Rc::clone(self.list.borrow_mut().get_or_insert_with(build))
    }

    /// Waits a little for a host that has the device: it may have let go, and be the one that comes back.
    async fn freed(&self, bus_id: &[u8]) {
        if let Some(slot) = self.find(bus_id) {
            let _ = time::timeout(limits::LETTING_GO, slot.freed()).await;
        }
    }

    /// OP_REP_IMPORT, and the lease if it says yes.
    fn import(&self, bus_id: &[u8]) -> (Vec<u8>, Result<Lease, ConnectionError>) {
        let Some(slot) = self.find(bus_id) else {
            let name = String::from_utf8_lossy(name_in(bus_id)).into_owned();
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
        let (slots, name) = (self.slots.borrow(), name_in(bus_id));
        slots.values().find(|slot| slot.model().bus_id.as_bytes() == name).cloned()
    }

    fn may_import(&self) -> bool {
        let slots = self.slots.borrow();
        slots.values().filter(|slot| slot.is_imported()).count() < limits::MAX_IMPORTS
    }
}

/// The bytes of a request before the zeros that fill it up.
fn name_in(bus_id: &[u8]) -> &[u8] {
    bus_id.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn import_refused(status: u32) -> Vec<u8> {
    UsbIpResponse::OpRepImport { status, device: None }.to_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use tokio::task::LocalSet;

    use crate::interface::tests::hid;

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

    // P-28
    #[test]
    fn the_list_is_put_together_once_until_a_device_comes_or_goes() {
        let devices = Rc::new(Devices::default());
        let empty = devices.devlist();
        assert!(Rc::ptr_eq(&empty, &devices.devlist()));
        let slot = devices.add(&info("1-1"), vec![hid()]).expect("a free bus id");
        let one = devices.devlist();
        assert_eq!((empty.len(), one.len()), (12, 12 + 316));
        assert!(Rc::ptr_eq(&one, &devices.devlist()));
        devices.remove(&slot);
        assert_eq!(devices.devlist(), empty);
    }

    fn info(bus_id: &str) -> DeviceInfo {
        DeviceInfo {
            bus_id: bus_id.into(),
            vendor_id: 1,
            product_id: 2,
            bcd_device: 3,
            manufacturer: String::new(),
            product: String::new(),
            serial: String::new(),
        }
    }

    /// How often a server tries to accept if that fails fifty times with this error before it brings a connection, and
    /// how long the peer of that waits for an answer.
    async fn accept_after_fifty(error: impl Fn() -> io::Error) -> (u32, Duration) {
        let began = time::Instant::now();
        let mut attempts = 0;
        let (mut ours, theirs) = tokio::io::duplex(64);
        let mut waiting = Some(theirs);
        let server = Server::new();
        let serving = server.serve_each(async || {
            attempts += 1;
            match attempts {
                1..=50 => Err(error()),
                _ => match waiting.take() {
                    Some(stream) => Ok(Some(stream)),
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
        (attempts, began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_without_descriptors_tries_again_at_leisure_and_recovers() {
        let (attempts, time) = accept_after_fifty(|| io::Error::from_raw_os_error(24)).await;
        assert!((51..100).contains(&attempts), "{attempts}");
        assert_eq!(time, limits::ACCEPT_BACK_OFF * 50);
    }

    // P-28
    #[tokio::test(start_paused = true)]
    async fn peers_that_hang_up_before_they_are_accepted_make_nobody_wait() {
        for kind in [io::ErrorKind::ConnectionAborted, io::ErrorKind::ConnectionReset] {
            let (_, time) = accept_after_fifty(|| kind.into()).await;
            assert_eq!(time, Duration::ZERO, "{kind:?}");
        }
    }
}
