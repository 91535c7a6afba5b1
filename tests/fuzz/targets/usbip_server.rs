//! A stream of URBs, nearly all of them legal, in any portions, into the server, which has a key that is a smart card reader too, and a
//! reader for the kernel's own NFC.
//!
//! What a virtual host controller relies on: each SUBMIT is answered exactly once, or unlinked with -ECONNRESET and then not
//! at all; no answer is longer than what was asked for; only reads wait; the PN533's frames are well formed, each in a transfer of its own;
//! and the device can be imported again.
#![no_main]

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use usbip_server::{
    ConnectionError, DeviceInfo, HidFunction, Interface, Port, Report, Server, SmartCard, limits,
};

#[derive(Arbitrary, Debug)]
struct Input {
    urbs: Vec<Urb>,
    /// Where the stream is cut into portions.
    portions: Vec<u8>,
}

#[derive(Arbitrary, Debug)]
struct Urb {
    request: Request,
    /// Writes this number over that field of the header.
    defect: Option<(u8, u32)>,
}

#[derive(Arbitrary, Debug)]
enum Request {
    Read {
        endpoint: u8,
        length: u16,
    },
    Write {
        endpoint: u8,
        length: u8,
    },
    /// A message to the reader that says its length, mostly.
    Message {
        kind: u8,
        number: u8,
        specific: [u8; 3],
        data: Vec<u8>,
        lie: Option<u32>,
    },
    /// A command to the PN533, whose length and checksums are right, mostly.
    Frame {
        code: u8,
        parameters: Vec<u8>,
        lie: Option<(u16, u8)>,
    },
    Bytes {
        frame: Vec<u8>,
    },
    ControlIn {
        setup: [u8; 8],
    },
    ControlOut {
        setup: [u8; 8],
        length: u8,
    },
    Unlink {
        victim: u8,
    },
}

fuzz_target!(|input: Input| {
    let stream = input.stream();
    let sent = Sent::of(&stream);
    let (outcome, replies) = exchange(&stream, &input.portions);
    let orderly = outcome.is_ok();
    let frames =
        if input.urbs.iter().any(|urb| urb.defect.is_some()) { None } else { Some(FRAMES) };
    if let Some(left) = sent.settle(&replies, frames)
        && orderly
    {
        let waiting = |ep| left.values().filter(|urb| urb.is_in && urb.ep == ep).count();
        let counts = [REPORTS, MESSAGES, CHANGES, FRAMES].map(waiting);
        assert_eq!(counts.iter().sum::<usize>(), left.len(), "never answered: {left:?}");
        assert!(counts.iter().all(|count| *count <= limits::MAX_PARKED), "{counts:?} URBs wait");
    }
});

// ---- What is sent ---------------------------------------------------------------------------------------------------

impl Input {
    fn stream(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (seqnum, urb) in (1u32..).zip(&self.urbs) {
            let start = bytes.len();
            urb.request.write(seqnum, &mut bytes);
            if let Some((field, value)) = urb.defect {
                let at = start + usize::from(field % 12) * 4;
                bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
            }
        }
        bytes
    }
}

impl Request {
    fn write(&self, seqnum: u32, out: &mut Vec<u8>) {
        let mut header = |fields: [u32; 5], setup: [u8; 8]| {
            let [command, direction, ep, length, victim] = fields;
            let word = if command == 2 { victim } else { 0 };
            for field in [command, seqnum, DEVID, direction, ep, word, length, 0, 0, 0] {
                out.extend(field.to_be_bytes());
            }
            out.extend(setup);
        };
        match *self {
            Self::Read { endpoint, length } => {
                let number = REPORTS + u32::from(endpoint) % 4;
                let length = u32::from(length) % 5000;
                let length = if number == FRAMES { length.max(ROOM) } else { length };
                header([1, 1, number, length, 0], [0; 8]);
            }
            Self::Write { endpoint, length } => {
                let number = [REPORTS, MESSAGES, FRAMES][usize::from(endpoint) % 3];
                header([1, 0, number, length.into(), 0], [0; 8]);
            }
            Self::Message { ref data, .. } => {
                let length = u32::try_from(HEAD + data.len().min(LONGEST)).expect("32 bits");
                header([1, 0, MESSAGES, length, 0], [0; 8]);
            }
            Self::Frame { code, ref parameters, lie } => {
                let length = u32::try_from(frame(code, parameters, lie).len()).expect("32 bits");
                header([1, 0, FRAMES, length, 0], [0; 8]);
            }
            Self::Bytes { ref frame } => {
                let length = u32::try_from(frame.len().min(LONGEST)).expect("32 bits");
                header([1, 0, FRAMES, length, 0], [0; 8]);
            }
            Self::ControlIn { setup } => {
                let length = u32::from(u16::from_le_bytes([setup[6], setup[7]])) % 5000;
                header([1, 1, 0, length, 0], setup);
            }
            Self::ControlOut { setup, length } => header([1, 0, 0, length.into(), 0], setup),
            Self::Unlink { victim } => header([2, 0, 0, 0, victim.into()], [0; 8]),
        }
        match self {
            Self::Write { length, .. } | Self::ControlOut { length, .. } => {
                out.resize(out.len() + usize::from(*length), 0xaa);
            }
            Self::Message { kind, number, specific, data, lie } => {
                let data = &data[..data.len().min(LONGEST)];
                let length = lie.unwrap_or(u32::try_from(data.len()).expect("32 bits"));
                out.push(0x60 | kind % 0x20);
                out.extend(length.to_le_bytes());
                out.extend([0, *number]);
                out.extend(specific);
                out.extend(data);
            }
            Self::Frame { code, parameters, lie } => out.extend(frame(*code, parameters, *lie)),
            Self::Bytes { frame } => out.extend(&frame[..frame.len().min(LONGEST)]),
            _ => {}
        }
    }
}

/// A command to the PN533 in an extended frame, with a byte of it changed: it takes most of them, so that these are found.
fn frame(code: u8, parameters: &[u8], lie: Option<(u16, u8)>) -> Vec<u8> {
    let code = [0x02, 0x32, 0x40, 0x40, 0x40, 0x4a, 0x4a, 0x52, code][usize::from(code) % 9];
    let data = [&[0xd4, code], &parameters[..parameters.len().min(300)]].concat();
    let [high, low] = u16::try_from(data.len()).expect("16 bits").to_be_bytes();
    let check = |bytes: &[u8]| bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte));
    let head = [0, 0, 0xff, 0xff, 0xff, high, low, check(&[high, low])];
    let mut frame = [&head[..], &data, &[check(&data), 0]].concat();
    if let Some((at, by)) = lie {
        let at = usize::from(at) % frame.len();
        frame[at] = frame[at].wrapping_add(by);
    }
    frame
}

/// What the manual knows: an acknowledgement, an error, or an answer whose length and checksums are right.
fn is_frame(bytes: &[u8]) -> bool {
    let sum = |bytes: &[u8]| bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    let (length, rest) = match bytes {
        [0, 0, 0xff, 0, 0xff, 0] => return true,
        [0, 0, 0xff, 1, 0xff, 0x7f, 0x81, 0] => return true,
        [0, 0, 0xff, 0xff, 0xff, head @ .., _] if head.len() > 3 && sum(&head[..3]) == 0 => {
            (usize::from(head[0]) << 8 | usize::from(head[1]), &head[3..])
        }
        [0, 0, 0xff, length, check, rest @ .., _] if length.wrapping_add(*check) == 0 => {
            (usize::from(*length), rest)
        }
        _ => return false,
    };
    rest.len() == length + 1 && rest[0] == 0xd5 && sum(rest) == 0
}

/// The endpoints: HID, and behind it the readers'.
const REPORTS: u32 = 1;
const MESSAGES: u32 = 2;
const CHANGES: u32 = 3;
const FRAMES: u32 = 4;
/// For every frame.
const ROOM: u32 = 275;
/// Bytes of a message before its data.
const HEAD: usize = 10;
/// Of data, so that a message fits into an URB.
const LONGEST: usize = 8000;
/// Imported over `Port::serve`, the first device has this number.
const DEVID: u32 = 0x0001_0002;

// ---- What may come back ---------------------------------------------------------------------------------------------

/// What a host remembers of its URBs.
#[derive(Debug, Default)]
struct Sent {
    submitted: BTreeMap<u32, Submitted>,
    unlinks: BTreeMap<u32, u32>,
    /// A number was used twice: answers cannot be told apart.
    is_ambiguous: bool,
}

#[derive(Clone, Copy, Debug)]
struct Submitted {
    ep: u32,
    is_in: bool,
    length: u32,
}

impl Sent {
    /// Reads the stream as the protocol's document has it, up to the first thing that no server can accept.
    fn of(mut stream: &[u8]) -> Self {
        let mut sent = Self::default();
        while stream.len() >= 48 {
            let field = |at: usize| word(stream, at * 4);
            let (command, seqnum, is_in) = (field(0), field(1), field(3) == 1);
            let length = if command == 1 && !is_in { field(6) } else { 0 };
            let end = 48 + usize::try_from(length).expect("32 bits");
            if !matches!(command, 1 | 2) || length > limits::MAX_TRANSFER || end > stream.len() {
                break;
            }
            let urb = Submitted { ep: field(4), is_in, length: field(6) };
            sent.is_ambiguous |= match command {
                1 => sent.submitted.insert(seqnum, urb).is_some(),
                _ => sent.unlinks.insert(seqnum, field(5)).is_some(),
            };
            stream = &stream[end..];
        }
        sent.is_ambiguous |= sent.unlinks.keys().any(|seqnum| sent.submitted.contains_key(seqnum));
        sent
    }

    /// Takes the answers off; what is left, unless numbers were used twice. What comes from the endpoint `frames` is whole frames.
    fn settle(
        mut self,
        mut replies: &[u8],
        frames: Option<u32>,
    ) -> Option<BTreeMap<u32, Submitted>> {
        while !replies.is_empty() && !self.is_ambiguous {
            assert!(replies.len() >= 48, "half a reply");
            let (command, seqnum) = (word(replies, 0), word(replies, 4));
            let (status, actual) = (word(replies, 20).cast_signed(), word(replies, 24));
            assert_eq!(replies[8..20], [0; 12]);
            let data = match command {
                3 => {
                    let urb = self.submitted.remove(&seqnum).expect("an answer to nothing");
                    assert!(actual <= urb.length, "longer than asked for");
                    if urb.is_in && frames == Some(urb.ep) && status == 0 {
                        let length = usize::try_from(actual).expect("32 bits");
                        let frame = &replies[48..48 + length];
                        assert!(is_frame(frame), "{frame:x?}");
                    }
                    if urb.is_in { actual } else { 0 }
                }
                4 => {
                    let victim = self.unlinks.remove(&seqnum).expect("an answer to nothing");
                    if status == -104 {
                        self.submitted.remove(&victim).expect("unlinked after its answer");
                    }
                    0
                }
                other => panic!("unknown command {other}"),
            };
            replies = &replies[48 + usize::try_from(data).expect("32 bits")..];
        }
        (!self.is_ambiguous).then_some(self.submitted)
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

// ---- The server -----------------------------------------------------------------------------------------------------

/// Sends the stream in portions and reads everything that comes back.
fn exchange(stream: &[u8], portions: &[u8]) -> (Result<(), ConnectionError>, Vec<u8>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let server = Server::new();
        let port = plug(&server);
        assert_eq!(port.devid(), DEVID);
        let (mut ours, theirs) = duplex(4 << 20);
        let mut serving = pin!(port.serve(theirs));
        let mut outcome = None;
        for portion in cut(stream, portions) {
            if outcome.is_none() {
                ours.write_all(portion).await.expect("open");
                outcome = run(serving.as_mut()).await;
            }
        }
        ours.shutdown().await.expect("open");
        let outcome = match outcome {
            Some(outcome) => outcome,
            None => serving.await,
        };
        let mut replies = Vec::new();
        ours.read_to_end(&mut replies).await.expect("the server hung up");
        assert!(!port.is_attached(), "the device is given back");
        (outcome, replies)
    })
}

fn cut<'a>(mut stream: &'a [u8], portions: &[u8]) -> Vec<&'a [u8]> {
    let mut cuts = Vec::new();
    for portion in portions {
        let (front, rest) = stream.split_at(usize::from(*portion).min(stream.len()));
        cuts.push(front);
        stream = rest;
    }
    cuts.push(stream);
    cuts
}

/// Lets the server run until it has to wait.
async fn run<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

fn plug(server: &Server) -> Port {
    let info = DeviceInfo {
        bus_id: "1-1".into(),
        vendor_id: 0x1209,
        product_id: 0xf1d0,
        bcd_device: 0x0100,
        manufacturer: "Maker".into(),
        product: "Key".into(),
        serial: String::new(),
    };
    let echo = Rc::new(RefCell::new(Echo::default()));
    let card = Rc::new(RefCell::new(Card::default()));
    let nfc = Rc::new(RefCell::new(Card::default()));
    let interfaces = vec![Interface::Hid(echo), Interface::Ccid(card), Interface::Pn533(nfc)];
    server.plug(info, interfaces).expect("a free bus id")
}

/// Sends back what it gets.
#[derive(Default)]
struct Echo(VecDeque<Report>);

impl HidFunction for Echo {
    fn attached(&mut self) {}
    fn detached(&mut self) {}
    fn output(&mut self, report: &Report) {
        self.0.push_back(*report);
    }
    fn input(&mut self, reads: usize) -> Option<Report> {
        assert!((1..=limits::MAX_PARKED).contains(&reads));
        self.0.pop_front()
    }
    fn poll_timeout(&mut self) -> Option<Duration> {
        None
    }
    fn handle_timeout(&mut self) {}
}

/// Answers each command with itself, but for those that begin with 1: these take for ever.
#[derive(Default)]
struct Card(Option<Vec<u8>>);

impl SmartCard for Card {
    fn insertion(&self) -> Option<u32> {
        Some(1)
    }
    fn power_on(&mut self) -> Option<Vec<u8>> {
        self.0 = None;
        Some(vec![0x3b, 0x80, 0x80, 0x01, 0x01])
    }
    fn power_off(&mut self) {
        self.0 = None;
    }
    fn transmit(&mut self, apdu: &[u8]) {
        assert!((1..=limits::MAX_APDU).contains(&apdu.len()) && self.0.is_none());
        self.0 = Some(apdu.to_vec());
    }
    fn response(&mut self) -> Option<Vec<u8>> {
        self.0.take_if(|apdu| apdu[0] != 1)
    }
    fn abort(&mut self) {
        self.0 = None;
    }
    fn poll_timeout(&mut self) -> Option<Duration> {
        None
    }
    fn handle_timeout(&mut self) {}
}
