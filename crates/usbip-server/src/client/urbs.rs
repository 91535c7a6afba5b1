//! After the import: sends URBs, reads completions, and matches them.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use usbip::SetupPacket;
use usbip::usbip_protocol::{
    USBIP_CMD_SUBMIT, USBIP_CMD_UNLINK, USBIP_RET_SUBMIT, USBIP_RET_UNLINK, UsbIpCommand,
    UsbIpHeaderBasic,
};

use super::{ClientError, Socket};
use crate::buffer::Inbox;
use crate::function::REPORT_LENGTH;
use crate::limits;
use crate::wire::{IN, OUT, URB_HEADER, u32_at};

/// The numbers of a device's two interrupt endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Endpoints {
    pub(super) input: u32,
    pub(super) output: u32,
}

impl Default for Endpoints {
    /// Those of most keys, and of a device that was not asked.
    fn default() -> Self {
        Self { input: 1, output: 1 }
    }
}

pub(super) struct Urbs {
    socket: Socket,
    devid: u32,
    endpoints: Endpoints,
    last_seqnum: u32,
    waiting: BTreeMap<u32, Kind>,
    inputs: usize,
    outputs: usize,
    outgoing: Vec<u8>,
    incoming: Inbox,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Input,
    Output,
    ControlIn { length: usize },
    ControlOut,
    Unlink,
}

/// How an URB ended.
pub(super) struct Reply {
    pub(super) seqnum: u32,
    pub(super) kind: Kind,
    status: i32,
    data: Vec<u8>,
}

impl Reply {
    pub(super) fn into_data(self) -> Result<Vec<u8>, ClientError> {
        match self.status {
            0 => Ok(self.data),
            STALL => Err(ClientError::Stall),
            status => Err(ClientError::Status(status)),
        }
    }
}

impl Urbs {
    pub(super) fn new(socket: Socket, devid: u32) -> Self {
        Self {
            socket,
            devid,
            endpoints: Endpoints::default(),
            last_seqnum: 0,
            waiting: BTreeMap::new(),
            inputs: 0,
            outputs: 0,
            outgoing: Vec::new(),
            incoming: Inbox::new(),
        }
    }

    /// Reports go to and come from these from now on.
    pub(super) fn use_endpoints(&mut self, endpoints: Endpoints) {
        self.endpoints = endpoints;
    }

    /// Interrupt-IN URBs the device has not completed.
    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    /// The number of the last one of these.
    pub(super) fn newest_input(&self) -> Option<u32> {
        let mut newest_first = self.waiting.iter().rev();
        newest_first.find(|(_, kind)| **kind == Kind::Input).map(|(seqnum, _)| *seqnum)
    }

    /// Interrupt-OUT URBs the device has not completed.
    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    pub(super) fn submit_input(&mut self) -> u32 {
        self.submit(Kind::Input, REPORT_LENGTH, [0; 8], &[])
    }

    pub(super) fn submit_output(&mut self, bytes: &[u8]) -> Result<u32, ClientError> {
        check_length(bytes)?;
        Ok(self.submit(Kind::Output, bytes.len(), [0; 8], bytes))
    }

    pub(super) fn submit_control_in(&mut self, setup: &SetupPacket) -> Result<u32, ClientError> {
        let length = usize::from(setup.length);
        if setup.length > limits::MAX_TRANSFER as u16 {
            return Err(ClientError::TooLong);
        }
        Ok(self.submit(Kind::ControlIn { length }, length, setup_bytes(setup), &[]))
    }

    pub(super) fn submit_control_out(
        &mut self,
        setup: &SetupPacket,
        data: &[u8],
    ) -> Result<u32, ClientError> {
        check_length(data)?;
        Ok(self.submit(Kind::ControlOut, data.len(), setup_bytes(setup), data))
    }

    pub(super) fn submit_unlink(&mut self, victim: u32) -> u32 {
        let header = self.header(USBIP_CMD_UNLINK, OUT, 0);
        let seqnum = header.seqnum;
        let command = UsbIpCommand::UsbIpCmdUnlink { header, unlink_seqnum: victim };
        self.queue(seqnum, Kind::Unlink, &command);
        seqnum
    }

    /// A taken-back URB will never be completed.
    pub(super) fn forget(&mut self, seqnum: u32) {
        self.settle(seqnum);
    }

    fn submit(&mut self, kind: Kind, length: usize, setup: [u8; 8], data: &[u8]) -> u32 {
        let (direction, ep) = match kind {
            Kind::Input => (IN, self.endpoints.input),
            Kind::Output => (OUT, self.endpoints.output),
            Kind::ControlIn { .. } => (IN, 0),
            Kind::ControlOut | Kind::Unlink => (OUT, 0),
        };
        let header = self.header(USBIP_CMD_SUBMIT, direction, ep);
        let seqnum = header.seqnum;
        let command = UsbIpCommand::UsbIpCmdSubmit {
            header,
            transfer_flags: 0,
            transfer_buffer_length: u32::try_from(length).unwrap_or_default(),
            start_frame: 0,
            number_of_packets: 0,
            interval: 0,
            setup,
            data: data.to_vec(),
            iso_packet_descriptor: Vec::new(),
        };
        self.queue(seqnum, kind, &command);
        seqnum
    }

    fn header(&mut self, command: u16, direction: u32, ep: u32) -> UsbIpHeaderBasic {
        self.last_seqnum = self.last_seqnum.wrapping_add(1);
        let (seqnum, devid) = (self.last_seqnum, self.devid);
        UsbIpHeaderBasic { command: command.into(), seqnum, devid, direction, ep }
    }

    fn queue(&mut self, seqnum: u32, kind: Kind, command: &UsbIpCommand) {
        self.outgoing.extend_from_slice(&command.to_bytes());
        self.waiting.insert(seqnum, kind);
        self.count(kind, |count| count.saturating_add(1));
    }

    fn settle(&mut self, seqnum: u32) -> Option<Kind> {
        let kind = self.waiting.remove(&seqnum)?;
        self.count(kind, |count| count.saturating_sub(1));
        Some(kind)
    }

    fn count(&mut self, kind: Kind, change: impl Fn(usize) -> usize) {
        match kind {
            Kind::Input => self.inputs = change(self.inputs),
            Kind::Output => self.outputs = change(self.outputs),
            _ => {}
        }
    }

    /// Writes everything submitted, with one write.
    pub(super) fn flush(&mut self) -> Result<(), ClientError> {
        if !self.outgoing.is_empty() {
            self.socket.write_all(&self.outgoing)?;
            self.outgoing.clear();
        }
        Ok(())
    }

    /// Reads once; `false` if nothing came within `timeout`.
    pub(super) fn read(&mut self, timeout: Duration) -> Result<bool, ClientError> {
        match self.socket.read(self.incoming.room(), timeout)? {
            Some(0) => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Some(count) => {
                self.incoming.filled(count);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// The next completion among the bytes that were read.
    pub(super) fn next_reply(&mut self) -> Result<Option<Reply>, ClientError> {
        let Some(header) = self.incoming.bytes().first_chunk::<URB_HEADER>() else {
            return Ok(None);
        };
        let field = |at| u32_at(header, at).unwrap_or_default();
        let (command, seqnum, status) = (field(0), field(4), field(20).cast_signed());
        let kind = self.waiting.get(&seqnum).copied();
        let kind = kind.ok_or(ClientError::Protocol("it answers a request that was not sent"))?;
        let length = data_length(kind, command, field(24))?;
        let Some(data) =
            self.incoming.bytes().get(URB_HEADER..).and_then(|rest| rest.get(..length))
        else {
            return Ok(None);
        };
        let data = data.to_vec();
        self.incoming.consume(URB_HEADER.saturating_add(length));
        self.settle(seqnum);
        Ok(Some(Reply { seqnum, kind, status, data }))
    }
}

/// How many bytes follow the header of a completion.
fn data_length(kind: Kind, command: u32, actual_length: u32) -> Result<usize, ClientError> {
    let (expected, most) = match kind {
        Kind::Unlink => (USBIP_RET_UNLINK, 0),
        Kind::Input => (USBIP_RET_SUBMIT, REPORT_LENGTH),
        Kind::ControlIn { length } => (USBIP_RET_SUBMIT, length),
        Kind::Output | Kind::ControlOut => (USBIP_RET_SUBMIT, 0),
    };
    if command != u32::from(expected) {
        return Err(ClientError::Protocol("the answer does not fit the request"));
    }
    match kind {
        Kind::Input | Kind::ControlIn { .. } => usize::try_from(actual_length)
            .ok()
            .filter(|length| *length <= most)
            .ok_or(ClientError::Protocol("it sent more data than was asked for")),
        _ => Ok(0),
    }
}

fn check_length(data: &[u8]) -> Result<(), ClientError> {
    if data.len() > limits::MAX_TRANSFER as usize {
        return Err(ClientError::TooLong);
    }
    Ok(())
}

fn setup_bytes(setup: &SetupPacket) -> [u8; 8] {
    let [value_low, value_high] = setup.value.to_le_bytes();
    let [index_low, index_high] = setup.index.to_le_bytes();
    let [length_low, length_high] = setup.length.to_le_bytes();
    [
        setup.request_type,
        setup.request,
        value_low,
        value_high,
        index_low,
        index_high,
        length_low,
        length_high,
    ]
}

/// `-EPIPE`.
const STALL: i32 = -32;
