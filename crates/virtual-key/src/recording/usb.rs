//! Packets of reports in the form of a capture of Linux's USB bus, with usbmon's header of 64 bytes (Linux
//! Documentation/usb/usbmon.rst). APDUs are in the form of a capture of a contactless reader's field, with a header
//! of 4 bytes (LINKTYPE_ISO_14443).
//!
//! Wireshark reads the class of an interface from the descriptors in the capture. So these are recorded each time
//! the key is plugged in.

use std::time::{Duration, SystemTime};

use ctap_client::trace::Direction;

/// LINKTYPE_USB_LINUX_MMAPPED.
pub(super) const USB: u16 = 220;
/// LINKTYPE_ISO_14443.
pub(super) const CONTACTLESS: u16 = 264;

/// The device that a key is on the only bus of a recording.
pub(super) struct Urbs {
    device: u8,
    /// The id of the last one.
    id: u64,
}

impl Urbs {
    pub(super) fn of(key: u32) -> Self {
        Self { device: u8::try_from(key).unwrap_or(u8::MAX), id: 0 }
    }

    /// A report, with the request for its transfer or the end of it: where it was seen.
    pub(super) fn report(
        &mut self,
        at: SystemTime,
        direction: Direction,
        report: &[u8],
    ) -> Vec<u8> {
        self.id = self.id.wrapping_add(1);
        let (kind, endpoint) = match direction {
            Direction::ToKey => (SUBMIT, REPORTS),
            Direction::FromKey => (COMPLETE, REPORTS | IN),
        };
        let urb = Urb { kind, transfer: INTERRUPT, endpoint, setup: None, length: report.len() };
        self.packet(at, &urb, report)
    }

    /// A control transfer in which the host read this: the request and its end.
    pub(super) fn read(&mut self, at: SystemTime, setup: [u8; 8], data: &[u8]) -> [Vec<u8>; 2] {
        self.id = self.id.wrapping_add(1);
        let urb =
            |kind, setup| Urb { kind, transfer: CONTROL, endpoint: IN, setup, length: data.len() };
        let asked = self.packet(at, &urb(SUBMIT, Some(setup)), &[]);
        [asked, self.packet(at, &urb(COMPLETE, None), data)]
    }

    fn packet(&self, at: SystemTime, urb: &Urb, data: &[u8]) -> Vec<u8> {
        let at = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let seconds = at.as_secs().to_le_bytes();
        let micros = at.subsec_micros().to_le_bytes();
        let lengths = [urb.length, data.len()].map(|length| (length as u32).to_le_bytes());
        let has_setup = if urb.setup.is_some() { 0 } else { b'-' };
        let has_data = match (data.is_empty(), urb.endpoint & IN) {
            (false, _) => 0,
            (true, IN) => b'<',
            (true, _) => b'>',
        };
        [
            &self.id.to_le_bytes()[..],
            &[urb.kind, urb.transfer, urb.endpoint, self.device, 1, 0, has_setup, has_data],
            &seconds,
            &micros,
            &if urb.kind == SUBMIT { IN_PROGRESS } else { 0 }.to_le_bytes(),
            &lengths.concat(),
            &urb.setup.unwrap_or_default(),
            &[0; 16], // intervals, frames and flags, of no interest here
            data,
        ]
        .concat()
    }
}

struct Urb {
    kind: u8,
    transfer: u8,
    endpoint: u8,
    setup: Option<[u8; 8]>,
    length: usize,
}

/// An APDU in a block of ISO 14443-4, as long as need be.
pub(super) fn apdu(direction: Direction, number: u8, apdu: &[u8]) -> Vec<u8> {
    let event = match direction {
        Direction::ToKey => TO_CARD,
        Direction::FromKey => FROM_CARD,
    };
    field_event(event, &[&[BLOCK | number & 1], apdu].concat())
}

/// The field goes on, or off.
pub(super) fn field(is_on: bool) -> Vec<u8> {
    field_event(if is_on { FIELD_ON } else { FIELD_OFF }, &[])
}

fn field_event(event: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&[0, event], &length[..], data].concat()
}

const SUBMIT: u8 = b'S';
const COMPLETE: u8 = b'C';
const INTERRUPT: u8 = 1;
const CONTROL: u8 = 2;
const IN: u8 = 0x80;
/// The endpoints of a key's first interface.
const REPORTS: u8 = 0x01;
/// -EINPROGRESS: what a request says of its outcome.
const IN_PROGRESS: i32 = -115;

/// Data whose checksum is not there.
const TO_CARD: u8 = 0xFA;
const FROM_CARD: u8 = 0xFB;
const FIELD_ON: u8 = 0xFC;
const FIELD_OFF: u8 = 0xFD;
/// An I-block without a card's number (ISO 14443-4 section 7.1.1).
const BLOCK: u8 = 0x02;
