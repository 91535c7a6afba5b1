//! An interface of an imported device while it runs: data from its endpoints, data to them, and the time of its
//! next call.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use crate::ccid::Slot;
use crate::function::{HidFunction, REPORT_LENGTH};
use crate::interface::{Interface, Pipe};
use crate::pn533::Chip;
use crate::smart_card::SmartCard;
use crate::wire::Status;

/// An interface, from import to the end of it.
pub(crate) enum Running {
    Hid(Rc<RefCell<dyn HidFunction>>),
    Ccid(Box<Reader>),
    Pn533(Box<NfcReader>),
}

/// A reader with its slot.
pub(crate) struct Reader {
    card: Rc<RefCell<dyn SmartCard>>,
    slot: Slot,
    began: Instant,
}

/// A reader with its PN533.
pub(crate) struct NfcReader {
    card: Rc<RefCell<dyn SmartCard>>,
    chip: Chip,
}

impl Running {
    pub(crate) fn new(interface: &Interface) -> Self {
        match interface {
            Interface::Hid(function) => Self::Hid(Rc::clone(function)),
            Interface::Ccid(card) => Self::Ccid(Box::new(Reader::new(card))),
            Interface::Pn533(card) => {
                let (card, chip) = (Rc::clone(card), Chip::default());
                Self::Pn533(Box::new(NfcReader { card, chip }))
            }
        }
    }

    /// The host sent a transfer to the OUT endpoint. It stalls if the host owes us something first.
    pub(crate) fn output(&mut self, data: &[u8]) -> Status {
        match self {
            Self::Hid(function) => output_reports(&mut *function.borrow_mut(), data),
            Self::Ccid(reader) if reader.slot.answers.is_full() => return Status::Stall,
            Self::Ccid(reader) => {
                reader.slot.output(data, &mut *reader.card.borrow_mut(), reader.began.elapsed());
            }
            Self::Pn533(reader) => reader.chip.output(data, &mut *reader.card.borrow_mut()),
        }
        Status::Success
    }

    /// Looks whether there is something to send that did not come of a transfer.
    pub(crate) fn look(&mut self) {
        match self {
            Self::Hid(_) => {}
            Self::Ccid(reader) => {
                reader.slot.look(&mut *reader.card.borrow_mut(), reader.began.elapsed());
            }
            Self::Pn533(reader) => reader.chip.look(&mut *reader.card.borrow_mut()),
        }
    }

    /// Sends what one URB with so much room takes, the oldest of `reads` that wait at that endpoint. Whether there was anything.
    pub(crate) fn input(
        &mut self,
        pipe: Pipe,
        reads: usize,
        room: usize,
        send: impl FnOnce(Status, &[u8]),
    ) -> bool {
        match self {
            Self::Hid(function) => {
                let report = function.borrow_mut().input(reads);
                report.inspect(|report| cut(report, room, send)).is_some()
            }
            Self::Ccid(reader) if pipe == Pipe::SlotChanges => {
                reader.slot.notice().inspect(|notice| cut(notice, room, send)).is_some()
            }
            Self::Ccid(reader) => reader.slot.answers.send(room, send),
            Self::Pn533(reader) => reader.chip.answers.send(room, send),
        }
    }

    /// Nobody reads from that endpoint any more.
    pub(crate) fn unread(&mut self) {
        if let Self::Hid(function) = self {
            function.borrow_mut().unread();
        }
    }

    /// The host wants the command with this number to end.
    pub(crate) fn abort(&mut self, seq: u8) {
        if let Self::Ccid(reader) = self {
            reader.slot.request_abort(seq, &mut *reader.card.borrow_mut());
        }
    }

    /// Whether something is worked on elsewhere, and will soon be announced.
    pub(crate) fn is_working(&self) -> bool {
        match self {
            Self::Hid(function) => function.borrow().is_working(),
            Self::Ccid(reader) => reader.slot.is_waiting() && reader.card.borrow().is_working(),
            Self::Pn533(reader) => reader.chip.is_waiting() && reader.card.borrow().is_working(),
        }
    }

    /// The time until [`handle_timeout`](Self::handle_timeout) is due, if nothing happens before.
    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        match self {
            Self::Hid(function) => function.borrow_mut().poll_timeout(),
            Self::Ccid(reader) => reader.poll_timeout(),
            Self::Pn533(reader) => reader.card.borrow_mut().poll_timeout(),
        }
    }

    /// Time has passed: if there was something to do by now, it is done.
    pub(crate) fn handle_timeout(&mut self) {
        if self.poll_timeout().is_none_or(|left| !left.is_zero()) {
            return;
        }
        match self {
            Self::Hid(function) => function.borrow_mut().handle_timeout(),
            Self::Ccid(reader) => reader.card.borrow_mut().handle_timeout(),
            Self::Pn533(reader) => reader.card.borrow_mut().handle_timeout(),
        }
    }
}

/// A host cuts a transfer into packets of 64 bytes, and each packet is a report.
fn output_reports(function: &mut dyn HidFunction, data: &[u8]) {
    for packet in data.chunks(REPORT_LENGTH) {
        let mut report = [0; REPORT_LENGTH];
        report.iter_mut().zip(packet).for_each(|(to, from)| *to = *from);
        function.output(&report);
    }
}

/// Sends a packet into the room that there is: what does not fit is lost (HD-97).
fn cut(packet: &[u8], room: usize, send: impl FnOnce(Status, &[u8])) {
    let status = if room < packet.len() { Status::Overflow } else { Status::Success };
    send(status, packet.get(..room).unwrap_or(packet));
}

impl Reader {
    fn new(card: &Rc<RefCell<dyn SmartCard>>) -> Self {
        let slot = Slot::new(&*card.borrow());
        Self { card: Rc::clone(card), slot, began: Instant::now() }
    }

    fn poll_timeout(&self) -> Option<Duration> {
        let extension = self.slot.poll_timeout();
        let extension = extension.map(|at| at.saturating_sub(self.began.elapsed()));
        [extension, self.card.borrow_mut().poll_timeout()].into_iter().flatten().min()
    }
}
