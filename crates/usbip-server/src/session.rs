//! One import: URBs in, completions out, all in memory. [`connection`](crate::connection) moves the bytes.
//!
//! A virtual host controller relies on two rules, which this keeps. Every SUBMIT gets exactly one RET_SUBMIT, or is
//! unlinked with `-ECONNRESET` and gets none. No completion is longer than the request asked for (HD-97).

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use usbip::SetupPacket;

use crate::buffer::{Inbox, Outbox};
use crate::control::{Control, Stall, Written};
use crate::device::Lease;
use crate::interface::Endpoint;
use crate::limits;
use crate::running::Running;
use crate::wire::{self, Request, Status, Urb, WireError};

pub(crate) struct Session {
    lease: Lease,
    control: Control,
    interfaces: Vec<Running>,
    inputs: Vec<Input>,
    pub(crate) outbox: Outbox,
}

/// An IN endpoint, and the URBs that wait there for something to send, oldest first.
struct Input {
    endpoint: Endpoint,
    parked: VecDeque<Parked>,
}

struct Parked {
    seqnum: u32,
    room: usize,
}

impl Session {
    pub(crate) fn new(lease: Lease) -> Self {
        let control = Control::new(Rc::clone(lease.layout()));
        let interfaces = lease.interfaces().iter().map(Running::new).collect();
        let inputs = lease.layout().endpoints().iter().filter(|endpoint| endpoint.is_in());
        let inputs = inputs.map(|endpoint| Input { endpoint: *endpoint, parked: VecDeque::new() });
        let inputs = inputs.collect();
        Self { lease, control, interfaces, inputs, outbox: Outbox::default() }
    }

    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Whether what the host sent is being worked on elsewhere, and the answer will soon be announced with a wake.
    pub(crate) fn is_working(&self) -> bool {
        self.interfaces.iter().any(Running::is_working)
    }

    /// The time until [`handle_timeout`](Self::handle_timeout) is due, if nothing happens before.
    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        self.interfaces.iter().filter_map(Running::poll_timeout).min()
    }

    /// Time has passed.
    pub(crate) fn handle_timeout(&mut self) {
        self.interfaces.iter_mut().for_each(Running::handle_timeout);
    }

    /// Handles the URBs in `inbox`, at most [`limits::URBS_AT_A_TIME`], and hands out what there is to send, as far
    /// as the outbox has room. Returns how many URBs; if as many as may be, there may be more.
    pub(crate) fn turn(&mut self, inbox: &mut Inbox) -> Result<usize, WireError> {
        let target = self.lease.target();
        let mut handled: usize = 0;
        while handled < limits::URBS_AT_A_TIME && !self.outbox.is_full() {
            let Some((urb, length)) = wire::read_urb(inbox.bytes(), target)? else {
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
            Request::In { endpoint, capacity } => {
                return self.park(endpoint, Parked { seqnum, room: capacity });
            }
            Request::Out { endpoint, data } => return self.output(seqnum, endpoint, &data),
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
        let status = match self.control.write(setup, data) {
            Ok(Written::Settled) => Status::Success,
            Ok(Written::OutputReport { interface }) => self.send_to(interface, data),
            Ok(Written::Abort { interface, seq }) => {
                self.interfaces.get_mut(interface).into_iter().for_each(|at| at.abort(seq));
                Status::Success
            }
            Err(Stall) => Status::Stall,
        };
        self.complete_out(seqnum, status, data);
        self.stall_parked();
    }

    fn output(&mut self, seqnum: u32, number: u8, data: &[u8]) -> Result<(), WireError> {
        let endpoint = self.lease.layout().numbered(number, false);
        let endpoint = endpoint.ok_or(WireError::Endpoint(number.into()))?;
        let status = match self.control.works(endpoint.address) {
            true => self.send_to(endpoint.interface, data),
            false => Status::Stall,
        };
        self.complete_out(seqnum, status, data);
        Ok(())
    }

    fn send_to(&mut self, interface: usize, data: &[u8]) -> Status {
        self.interfaces.get_mut(interface).map_or(Status::Stall, |at| at.output(data))
    }

    fn park(&mut self, number: u8, urb: Parked) -> Result<(), WireError> {
        let is_twin = |other: &Parked| other.seqnum == urb.seqnum;
        if self.inputs.iter().any(|input| input.parked.iter().any(is_twin)) {
            return Err(WireError::DuplicateSeqnum(urb.seqnum));
        }
        let endpoint = self.lease.layout().numbered(number, true);
        let input = self.inputs.iter_mut().find(|input| Some(input.endpoint) == endpoint);
        let input = input.ok_or(WireError::Endpoint(number.into()))?;
        if !self.control.works(input.endpoint.address) {
            self.complete(urb.seqnum, Status::Stall, 0);
        } else if input.parked.len() >= limits::MAX_PARKED {
            self.complete(urb.seqnum, Status::NoMemory, 0);
        } else {
            input.parked.push_back(urb);
        }
        Ok(())
    }

    /// Takes back a waiting URB. Any other URB has been completed already, and its reply sent before this one.
    fn unlink(&mut self, seqnum: u32, victim: u32) {
        let mut inputs = self.inputs.iter_mut();
        let left = inputs.find_map(|input| input.take_back(victim).then_some(&*input));
        let status = if left.is_some() { Status::Unlinked } else { Status::Success };
        self.outbox.push(&wire::ret_unlink(seqnum, status));
        if let Some(input) = left.filter(|input| input.parked.is_empty())
            && let Some(interface) = self.interfaces.get_mut(input.endpoint.interface)
        {
            interface.unread();
        }
    }

    /// Gives what there is to send to waiting URBs, oldest first.
    fn deliver(&mut self) {
        self.interfaces.iter_mut().for_each(Running::look);
        let outbox = &mut self.outbox;
        for Input { endpoint, parked } in &mut self.inputs {
            let Some(interface) = self.interfaces.get_mut(endpoint.interface) else { continue };
            while !outbox.is_full()
                && let Some(Parked { seqnum, room }) = parked.front()
            {
                let send = |status, data: &[u8]| {
                    outbox.push(&wire::ret_submit(*seqnum, status, data.len()));
                    outbox.push(data);
                };
                if !interface.input(endpoint.pipe, parked.len(), *room, send) {
                    break;
                }
                parked.pop_front();
            }
        }
    }

    /// Nothing waits at endpoints that move no data.
    fn stall_parked(&mut self) {
        for Input { endpoint, parked } in &mut self.inputs {
            if !self.control.works(endpoint.address) {
                for urb in parked.drain(..) {
                    self.outbox.push(&wire::ret_submit(urb.seqnum, Status::Stall, 0));
                }
            }
        }
    }

    /// An OUT transfer consumes everything, or nothing.
    fn complete_out(&mut self, seqnum: u32, status: Status, data: &[u8]) {
        let consumed = if status == Status::Success { data.len() } else { 0 };
        self.complete(seqnum, status, consumed);
    }

    fn complete(&mut self, seqnum: u32, status: Status, actual_length: usize) {
        self.outbox.push(&wire::ret_submit(seqnum, status, actual_length));
    }
}

impl Input {
    /// Whether that URB waited here; it does no more.
    fn take_back(&mut self, victim: u32) -> bool {
        let found = self.parked.iter().position(|urb| urb.seqnum == victim);
        found.and_then(|index| self.parked.remove(index)).is_some()
    }
}

fn asks_for_data(setup: &SetupPacket) -> bool {
    setup.request_type & 0x80 != 0
}
