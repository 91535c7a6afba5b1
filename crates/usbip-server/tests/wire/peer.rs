//! What the tests share: a function that echoes, and a peer as strict as the kernel's vhci_rx.c.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::{JoinHandle, LocalSet, spawn_local};
use tokio::time::Instant;
use usbip_server::{
    ConnectionError, DeviceInfo, HidFunction, Interface, Port, Report, Server, Timed,
};

pub(crate) const STALL: i32 = -32;
pub(crate) const UNLINKED: i32 = -104;
pub(crate) const OVERFLOW: i32 = -75;
pub(crate) const NO_MEMORY: i32 = -12;

/// Sends back what it gets.
#[derive(Default)]
pub(crate) struct Echo {
    pub(crate) reports: VecDeque<Report>,
    pub(crate) attached: usize,
    pub(crate) detached: usize,
    pub(crate) polls: usize,
    /// Whether it says that it works on something.
    pub(crate) works: bool,
    /// How many reads waited each time it was asked for a report.
    pub(crate) reads: Vec<usize>,
    /// At that time a report of ones appears.
    pub(crate) alarm: Option<Instant>,
}

impl Timed for Echo {
    fn is_working(&self) -> bool {
        self.works
    }

    fn poll_timeout(&mut self) -> Option<Duration> {
        self.polls += 1;
        self.alarm.map(|at| at.saturating_duration_since(Instant::now()))
    }

    fn handle_timeout(&mut self) {
        if self.alarm.take_if(|at| *at <= Instant::now()).is_some() {
            self.reports.push_back([1; 64]);
        }
    }
}

impl HidFunction for Echo {
    fn attached(&mut self) {
        assert_eq!(self.attached, self.detached, "one importer at a time");
        self.attached += 1;
        self.reports.clear();
    }
    fn detached(&mut self) {
        self.detached += 1;
    }
    fn output(&mut self, report: &Report) {
        self.reports.push_back(*report);
    }
    fn input(&mut self, reads: usize) -> Option<Report> {
        self.reads.push(reads);
        self.reports.pop_front()
    }
}

pub(crate) fn info(bus_id: &str) -> DeviceInfo {
    DeviceInfo {
        bus_id: bus_id.into(),
        vendor_id: 0x1209,
        product_id: 0xF1D0,
        bcd_device: 0x0123,
        manufacturer: "Maker".into(),
        product: "Key".into(),
        serial: "S1".into(),
    }
}

pub(crate) fn plug(server: &Server, bus_id: &str) -> (Port, Rc<RefCell<Echo>>) {
    let echo = Rc::new(RefCell::new(Echo::default()));
    let port =
        server.plug(info(bus_id), vec![Interface::Hid(echo.clone())]).expect("a free bus id");
    (port, echo)
}

/// Runs `test` in simulated time.
pub(crate) fn simulate<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    LocalSet::new().block_on(&runtime, test)
}

pub(crate) type Served = JoinHandle<Result<(), ConnectionError>>;

/// A new connection to `server` through a pipe of `capacity` bytes.
pub(crate) fn connect(server: &Server, capacity: usize) -> (DuplexStream, Served) {
    let (ours, theirs) = duplex(capacity);
    let server = server.clone();
    (ours, spawn_local(async move { server.serve_stream(theirs).await }))
}

/// Imports `bus_id` and returns the status of the reply.
pub(crate) async fn import(stream: &mut DuplexStream, bus_id: &str) -> io::Result<u32> {
    stream.write_all(&op_import(bus_id)).await?;
    let mut head = [0; 8];
    stream.read_exact(&mut head).await?;
    assert_eq!(head[..4], [1, 0x11, 0, 3]);
    let status = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
    if status == 0 {
        stream.read_exact(&mut [0; 312]).await?;
    }
    Ok(status)
}

pub(crate) fn op_import(bus_id: &str) -> Vec<u8> {
    let mut bytes = vec![1, 0x11, 0x80, 3, 0, 0, 0, 0];
    bytes.extend_from_slice(bus_id.as_bytes());
    bytes.resize(40, 0);
    bytes
}

pub(crate) const OP_DEVLIST: [u8; 8] = [1, 0x11, 0x80, 5, 0, 0, 0, 0];

/// A fresh import of `port`'s device.
pub(crate) async fn attach(server: &Server, port: &Port) -> (Vhci, Served) {
    attach_through(server, port, 1 << 16).await
}

pub(crate) async fn attach_through(
    server: &Server,
    port: &Port,
    capacity: usize,
) -> (Vhci, Served) {
    let (mut stream, served) = connect(server, capacity);
    assert_eq!(import(&mut stream, port.bus_id()).await.expect("a reply"), 0);
    (Vhci::new(stream, port.devid()), served)
}

/// A model of vhci_rx.c and vhci_tx.c: whatever would make the kernel unplug the device, or lose an
/// URB, panics here.
pub(crate) struct Vhci {
    pub(crate) stream: DuplexStream,
    pub(crate) devid: u32,
    pub(crate) outgoing: Vec<u8>,
    last_seqnum: u32,
    pub(crate) pending: BTreeMap<u32, Submitted>,
    unlinks: BTreeMap<u32, u32>,
    /// What the echo has received and not returned.
    pub(crate) echoed: VecDeque<Report>,
    /// No echo is there, but a smart card reader.
    pub(crate) is_reader: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Submitted {
    pub(crate) ep: u32,
    pub(crate) is_in: bool,
    pub(crate) length: usize,
    pub(crate) data: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Submit { seqnum: u32, status: i32, actual_length: usize, data: Vec<u8> },
    Unlink { seqnum: u32, status: i32 },
}

impl Vhci {
    pub(crate) fn new(stream: DuplexStream, devid: u32) -> Self {
        Self {
            stream,
            devid,
            outgoing: Vec::new(),
            last_seqnum: 0,
            pending: BTreeMap::new(),
            unlinks: BTreeMap::new(),
            echoed: VecDeque::new(),
            is_reader: false,
        }
    }

    pub(crate) fn submit_in(&mut self, length: usize) -> u32 {
        self.submit(1, true, length, [0; 8], &[])
    }

    pub(crate) fn submit_out(&mut self, data: &[u8]) -> u32 {
        self.submit(1, false, data.len(), [0; 8], data)
    }

    /// `data` is what an OUT request carries.
    pub(crate) fn submit_control(&mut self, setup: [u8; 8], data: &[u8]) -> u32 {
        let is_in = setup[0] & 0x80 != 0;
        let length = usize::from(u16::from_le_bytes([setup[6], setup[7]]));
        self.submit(0, is_in, length, setup, data)
    }

    pub(crate) fn submit(
        &mut self,
        ep: u32,
        is_in: bool,
        length: usize,
        setup: [u8; 8],
        data: &[u8],
    ) -> u32 {
        self.last_seqnum += 1;
        let fields = [1, self.last_seqnum, self.devid, is_in.into(), ep, 0, length as u32, 0, 0, 5];
        self.outgoing.extend(fields.iter().flat_map(|field| field.to_be_bytes()));
        self.outgoing.extend_from_slice(&setup);
        self.outgoing.extend_from_slice(data);
        self.pending.insert(self.last_seqnum, Submitted { ep, is_in, length, data: data.to_vec() });
        self.last_seqnum
    }

    pub(crate) fn submit_unlink(&mut self, victim: u32) -> u32 {
        self.last_seqnum += 1;
        let fields = [2, self.last_seqnum, self.devid, 0, 0, victim, 0, 0, 0, 0, 0, 0];
        self.outgoing.extend(fields.iter().flat_map(|field| field.to_be_bytes()));
        self.unlinks.insert(self.last_seqnum, victim);
        self.last_seqnum
    }

    /// Whether nothing is owed to us.
    pub(crate) fn is_settled(&self) -> bool {
        self.pending.is_empty() && self.unlinks.is_empty()
    }

    /// Sends what was submitted and takes every reply that comes, until nothing moves any more.
    pub(crate) async fn settle(&mut self) -> Vec<Reply> {
        let mut incoming = Vec::new();
        let mut replies = Vec::new();
        while let Some(chunk) = self.exchange().await {
            incoming.extend_from_slice(&chunk);
            while let Some(reply) = self.take_reply(&mut incoming) {
                replies.push(reply);
            }
        }
        assert!(incoming.is_empty(), "half a reply: {incoming:x?}");
        replies
    }

    /// One read or one write; `None` when neither is possible, and every other task waits too: only
    /// then does simulated time pass.
    async fn exchange(&mut self) -> Option<Vec<u8>> {
        let mut chunk = vec![0; 4096];
        let (mut reader, mut writer) = tokio::io::split(&mut self.stream);
        tokio::select! {
            count = reader.read(&mut chunk) => {
                chunk.truncate(count.expect("open"));
                assert!(!chunk.is_empty(), "the server hung up");
                Some(chunk)
            }
            count = writer.write(&self.outgoing), if !self.outgoing.is_empty() => {
                self.outgoing.drain(..count.expect("open"));
                Some(Vec::new())
            }
            () = tokio::time::sleep(Duration::from_millis(1)) => None,
        }
    }

    fn take_reply(&mut self, incoming: &mut Vec<u8>) -> Option<Reply> {
        if incoming.len() < 48 {
            return None;
        }
        let field = |at: usize| u32::from_be_bytes(incoming[at..at + 4].try_into().expect("four"));
        let (command, seqnum, status) = (field(0), field(4), field(20).cast_signed());
        assert_eq!(incoming[8..20], [0; 12], "devid, direction and ep of a reply are 0");
        let reply = match command {
            3 => {
                let actual_length = field(24) as usize;
                let urb = self.pending.get(&seqnum).expect("cannot find a urb of that seqnum");
                let length = if urb.is_in { actual_length } else { 0 };
                assert!(actual_length <= urb.length, "recv xbuf: longer than asked for");
                assert_eq!(incoming[28..40], [0; 12], "nothing isochronous, no errors counted");
                let data = incoming.get(48..48 + length)?.to_vec();
                incoming.drain(..48 + length);
                self.completed(seqnum, status, actual_length, &data);
                Reply::Submit { seqnum, status, actual_length, data }
            }
            4 => {
                incoming.drain(..48);
                self.unlinked(seqnum, status);
                Reply::Unlink { seqnum, status }
            }
            other => panic!("unknown pdu {other}"),
        };
        Some(reply)
    }

    fn completed(&mut self, seqnum: u32, status: i32, actual_length: usize, data: &[u8]) {
        let urb = self.pending.remove(&seqnum).expect("looked up before");
        if urb.ep == 0 || self.is_reader {
            return;
        }
        if !urb.is_in && status == 0 {
            assert_eq!(actual_length, urb.length, "an OUT consumes everything");
            for packet in urb.data.chunks(64) {
                let mut report = [0; 64];
                report[..packet.len()].copy_from_slice(packet);
                self.echoed.push_back(report);
            }
        }
        if urb.is_in && (status == 0 || status == OVERFLOW) {
            let older =
                self.pending.iter().find(|(s, urb)| **s < seqnum && urb.ep == 1 && urb.is_in);
            assert!(older.is_none(), "{older:?} waited longer than {seqnum}");
            let report = self.echoed.pop_front().expect("a report that was sent before");
            assert_eq!(data, &report[..urb.length.min(64)], "reports come back in order");
            assert_eq!(status == OVERFLOW, urb.length < 64);
        }
    }

    fn unlinked(&mut self, seqnum: u32, status: i32) {
        let victim = self.unlinks.remove(&seqnum).expect("cannot find the pending unlink");
        match status {
            UNLINKED => {
                self.pending.remove(&victim).expect("was pending");
            }
            0 => assert!(!self.pending.contains_key(&victim), "a lost urb: {victim}"),
            other => panic!("unlink status {other}"),
        }
    }
}

/// The one reply to `seqnum`.
pub(crate) fn reply_to(replies: &[Reply], seqnum: u32) -> &Reply {
    replies
        .iter()
        .find(|reply| match reply {
            Reply::Submit { seqnum: s, .. } | Reply::Unlink { seqnum: s, .. } => *s == seqnum,
        })
        .expect("a reply")
}

pub(crate) fn status_of(replies: &[Reply], wanted: u32) -> i32 {
    match reply_to(replies, wanted) {
        Reply::Submit { status, .. } | Reply::Unlink { status, .. } => *status,
    }
}

pub(crate) fn data_of(replies: &[Reply], wanted: u32) -> &[u8] {
    match reply_to(replies, wanted) {
        Reply::Submit { data, .. } => data,
        Reply::Unlink { .. } => panic!("no data"),
    }
}

/// bmRequestType, bRequest, wValue, wIndex, wLength.
pub(crate) fn setup(request_type: u8, request: u8, value: u16, index: u16, length: u16) -> [u8; 8] {
    let ([v0, v1], [i0, i1], [l0, l1]) =
        (value.to_le_bytes(), index.to_le_bytes(), length.to_le_bytes());
    [request_type, request, v0, v1, i0, i1, l0, l1]
}
