//! One import: URBs in, completions out, in memory. [`connection`](crate::connection) moves the
//! bytes.
//!
//! It keeps the promises a virtual host controller relies on: every SUBMIT gets exactly one
//! RET_SUBMIT, or is unlinked with `-ECONNRESET` and gets none; and no completion is longer than
//! what was asked for (HD-97).

use std::collections::VecDeque;

use usbip::SetupPacket;

use crate::buffer::{Inbox, Outbox};
use crate::control::{Control, Stall, Written};
use crate::device::Lease;
use crate::function::REPORT_LENGTH;
use crate::limits;
use crate::wire::{self, Request, Status, Urb, WireError};

pub(crate) struct Session {
    lease: Lease,
    control: Control,
    parked: VecDeque<Parked>,
    pub(crate) outbox: Outbox,
}

/// An interrupt-IN URB that waits for a report.
struct Parked {
    seqnum: u32,
    capacity: usize,
}

impl Session {
    pub(crate) fn new(lease: Lease) -> Self {
        Self { lease, control: Control::new(), parked: VecDeque::new(), outbox: Outbox::default() }
    }

    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Handles the URBs in `inbox`, at most [`limits::URBS_AT_A_TIME`], and hands out reports, as far
    /// as the outbox has room. Returns how many URBs; if as many as may be, there may be more.
    pub(crate) fn turn(&mut self, inbox: &mut Inbox) -> Result<usize, WireError> {
        let mut handled: usize = 0;
        while handled < limits::URBS_AT_A_TIME && !self.outbox.is_full() {
            let Some((urb, length)) = wire::read_urb(inbox.bytes(), self.lease.devid())? else {
                break;
            };
            inbox.consume(length);
            self.handle(urb)?;
            handled = handled.saturating_add(1);
        }
        self.deliver();
        Ok(handled)
    }

    fn handle(&mut self, urb: Urb) -> Result<(), WireError> {
        let seqnum = urb.seqnum;
        match urb.request {
            Request::ControlIn { setup, capacity } => self.control_in(seqnum, &setup, capacity),
            Request::ControlOut { setup, data } => self.control_out(seqnum, &setup, &data),
            Request::InterruptIn { capacity } => return self.park(Parked { seqnum, capacity }),
            Request::InterruptOut { data } => self.interrupt_out(seqnum, &data),
            Request::Unlink { victim } => self.unlink(seqnum, victim),
        }
        Ok(())
    }

    fn control_in(&mut self, seqnum: u32, setup: &SetupPacket, capacity: usize) {
        // Without a data stage either direction will do.
        if !asks_for_data(setup) {
            return self.control_out(seqnum, setup, &[]);
        }
        match self.control.read(setup, self.lease.descriptors()) {
            Ok(answer) => {
                let data = answer.get(..capacity).unwrap_or(&answer);
                self.outbox.push(&wire::ret_submit(seqnum, Status::Success, data.len()));
                self.outbox.push(data);
            }
            Err(Stall) => self.complete(seqnum, Status::Stall, 0),
        }
    }

    fn control_out(&mut self, seqnum: u32, setup: &SetupPacket, data: &[u8]) {
        match self.control.write(setup, data) {
            Ok(Written::Settled) => self.complete(seqnum, Status::Success, data.len()),
            Ok(Written::OutputReport) => {
                self.output(data);
                self.complete(seqnum, Status::Success, data.len());
            }
            Err(Stall) => self.complete(seqnum, Status::Stall, 0),
        }
        if !self.control.input_works() {
            self.stall_parked();
        }
    }

    fn interrupt_out(&mut self, seqnum: u32, data: &[u8]) {
        if self.control.output_works() {
            self.output(data);
            self.complete(seqnum, Status::Success, data.len());
        } else {
            self.complete(seqnum, Status::Stall, 0);
        }
    }

    /// A host cuts a transfer into packets of 64 bytes, and each packet is a report.
    fn output(&self, data: &[u8]) {
        for packet in data.chunks(REPORT_LENGTH) {
            let mut report = [0; REPORT_LENGTH];
            report.iter_mut().zip(packet).for_each(|(to, from)| *to = *from);
            self.lease.function().output(&report);
        }
    }

    fn park(&mut self, urb: Parked) -> Result<(), WireError> {
        if self.parked.iter().any(|other| other.seqnum == urb.seqnum) {
            return Err(WireError::DuplicateSeqnum(urb.seqnum));
        }
        if !self.control.input_works() {
            self.complete(urb.seqnum, Status::Stall, 0);
        } else if self.parked.len() >= limits::MAX_PARKED {
            self.complete(urb.seqnum, Status::NoMemory, 0);
        } else {
            self.parked.push_back(urb);
        }
        Ok(())
    }

    /// A parked URB is taken back; anything else has been completed already, and its reply sent
    /// before this one.
    fn unlink(&mut self, seqnum: u32, victim: u32) {
        let found = self.parked.iter().position(|urb| urb.seqnum == victim);
        let status = match found.and_then(|index| self.parked.remove(index)) {
            Some(_) => Status::Unlinked,
            None => Status::Success,
        };
        self.outbox.push(&wire::ret_unlink(seqnum, status));
        if found.is_some() && self.parked.is_empty() {
            self.lease.function().unread();
        }
    }

    /// Gives reports to waiting URBs, oldest first.
    fn deliver(&mut self) {
        while !self.outbox.is_full() && !self.parked.is_empty() {
            let reads = self.parked.len();
            let Some(report) = self.lease.function().input(reads) else { return };
            let Some(urb) = self.parked.pop_front() else { return };
            let status =
                if urb.capacity < report.len() { Status::Overflow } else { Status::Success };
            let data = report.get(..urb.capacity).unwrap_or(&report);
            self.outbox.push(&wire::ret_submit(urb.seqnum, status, data.len()));
            self.outbox.push(data);
        }
    }

    fn stall_parked(&mut self) {
        while let Some(urb) = self.parked.pop_front() {
            self.complete(urb.seqnum, Status::Stall, 0);
        }
    }

    fn complete(&mut self, seqnum: u32, status: Status, actual_length: usize) {
        self.outbox.push(&wire::ret_submit(seqnum, status, actual_length));
    }
}

fn asks_for_data(setup: &SetupPacket) -> bool {
    setup.request_type & 0x80 != 0
}
