//! The events between a HID device of user space and the kernel, as bytes: `struct uhid_event` of <linux/uhid.h>, in the
//! machine's own byte order.
//!
//! The kernel's structures have fields of fixed size and no padding. If an event is shorter, the kernel takes the
//! rest as zeros, so events to the kernel end after their content.

use crate::device::DeviceInfo;
use crate::function::{REPORT_LENGTH, Report};

/// Bytes of `struct uhid_event`: what one read returns.
pub(super) const EVENT: usize = 4376;

/// A message or a request of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// The first program has opened the device file, and reads.
    Open,
    /// The last one has closed it, or the driver has let go of the device: nobody reads.
    Close,
    /// A program wrote to the device file: a report, or several.
    Output(&'a [u8]),
    /// A program asks for a report, and waits for the answer.
    GetReport { id: u32, report: Which },
    /// A program sends a report in the other way, and waits for the result.
    SetReport { id: u32, report: Which, data: &'a [u8] },
    /// Nothing to do: the device was started, or it is an event of a later kernel.
    Other,
}

/// The report that a program means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Which {
    number: u8,
    kind: u8,
}

impl Which {
    /// Whether the device sends it. There is one report in each direction, and neither has a number.
    pub(super) fn is_input(self) -> bool {
        self == Self { number: 0, kind: INPUT_REPORT }
    }

    /// Whether the device receives it.
    pub(super) fn is_output(self) -> bool {
        self == Self { number: 0, kind: OUTPUT_REPORT }
    }
}

impl<'a> Event<'a> {
    /// Reads one event; `None` if it ends before what it must have.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (kind, body) = bytes.split_first_chunk()?;
        Some(match u32::from_ne_bytes(*kind) {
            OPEN => Self::Open,
            CLOSE | STOP => Self::Close,
            OUTPUT => {
                let size = u16_at(body, DATA)?;
                Self::Output(without_number(body.get(..size.into())?))
            }
            GET_REPORT => Self::GetReport { id: u32_at(body, 0)?, report: which(body)? },
            SET_REPORT => {
                let (id, size) = (u32_at(body, 0)?, u16_at(body, 6)?);
                let data = body.get(8..)?.get(..size.into())?;
                Self::SetReport { id, report: which(body)?, data: without_number(data) }
            }
            _ => Self::Other,
        })
    }
}

/// Programs put the number of a report before it, also where reports have none: then it is 0. What begins otherwise was written
/// without; USB's own driver takes it as it is, too.
fn without_number(data: &[u8]) -> &[u8] {
    data.strip_prefix(&[0]).unwrap_or(data)
}

fn which(body: &[u8]) -> Option<Which> {
    let [number, kind] = *body.get(4..)?.first_chunk()?;
    Some(Which { number, kind })
}

/// UHID_CREATE2: there is a device. The kernel joins maker and product to one name, as it does for USB devices; the serial number
/// becomes the device's unique name, by which programs that know of no USB device tell keys apart.
pub(super) fn create(info: &DeviceInfo, descriptor: &[u8]) -> Vec<u8> {
    let name = format!("{} {}", info.manufacturer, info.product);
    let mut event = kind(CREATE2).to_vec();
    event.extend(text::<128>(name.trim()));
    event.extend(text::<64>(&format!("uhid/{}", info.bus_id)));
    event.extend(text::<64>(&info.serial));
    event.extend((descriptor.len() as u16).to_ne_bytes());
    event.extend(BUS_USB.to_ne_bytes());
    for number in [info.vendor_id, info.product_id, info.bcd_device, NO_COUNTRY] {
        event.extend(u32::from(number).to_ne_bytes());
    }
    event.extend(descriptor);
    event
}

/// UHID_INPUT2: a report for all who have opened the device file.
pub(super) fn input(report: &Report) -> Vec<u8> {
    [&kind(INPUT2)[..], &(REPORT_LENGTH as u16).to_ne_bytes(), report].concat()
}

/// UHID_GET_REPORT_REPLY: a report, behind the number that it does not have; or a refusal.
pub(super) fn get_report_reply(id: u32, report: Option<&Report>) -> Vec<u8> {
    let (error, size) = match report {
        Some(_) => (0, NUMBERED),
        None => (EIO, 0),
    };
    let mut event = [&kind(GET_REPORT_REPLY)[..], &id.to_ne_bytes()].concat();
    event.extend(error.to_ne_bytes());
    event.extend(size.to_ne_bytes());
    event.extend(report.iter().flat_map(|report| [&[0], &report[..]].concat()));
    event
}

/// UHID_SET_REPORT_REPLY: whether it was taken.
pub(super) fn set_report_reply(id: u32, is_taken: bool) -> Vec<u8> {
    let error = if is_taken { 0 } else { EIO };
    [&kind(SET_REPORT_REPLY)[..], &id.to_ne_bytes(), &error.to_ne_bytes()].concat()
}

const fn kind(kind: u32) -> [u8; 4] {
    kind.to_ne_bytes()
}

/// The part of a text that fits into a field with a zero after it, in whole characters.
fn text<const N: usize>(text: &str) -> [u8; N] {
    let mut field = [0; N];
    let end = text.floor_char_boundary(N.saturating_sub(1));
    field.iter_mut().zip(text.bytes().take(end)).for_each(|(to, from)| *to = from);
    field
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_ne_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_ne_bytes)
}

// enum uhid_event_type
const STOP: u32 = 3;
const OPEN: u32 = 4;
const CLOSE: u32 = 5;
const OUTPUT: u32 = 6;
const GET_REPORT: u32 = 9;
const GET_REPORT_REPLY: u32 = 10;
const CREATE2: u32 = 11;
const INPUT2: u32 = 12;
const SET_REPORT: u32 = 13;
const SET_REPORT_REPLY: u32 = 14;

// enum uhid_report_type
const OUTPUT_REPORT: u8 = 1;
const INPUT_REPORT: u8 = 2;

/// UHID_DATA_MAX: bytes of the data in an event, whatever is in them.
const DATA: usize = 4096;
/// Bytes of a report behind its number.
const NUMBERED: u16 = REPORT_LENGTH as u16 + 1;
/// <linux/input.h>. libfido2 lists keys of this bus and of no other.
const BUS_USB: u16 = 3;
/// bCountryCode: not localised.
const NO_COUNTRY: u16 = 0;
/// Whichever it is, the program sees this one.
const EIO: u16 = 5;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::descriptors::REPORT_DESCRIPTOR;

    fn info() -> DeviceInfo {
        DeviceInfo {
            bus_id: "1-2".into(),
            vendor_id: 0x1209,
            product_id: 0xF1D0,
            bcd_device: 0x0123,
            manufacturer: "Maker".into(),
            product: "Key".into(),
            serial: "S1".into(),
        }
    }

    /// A whole event, as the kernel hands it out.
    fn event(parts: &[&[u8]]) -> Vec<u8> {
        let mut bytes = parts.concat();
        bytes.resize(EVENT, 0);
        bytes
    }

    #[test]
    fn a_device_is_created_with_every_field_in_its_place() {
        let event = create(&info(), &REPORT_DESCRIPTOR);
        let at = |at: usize, bytes: &[u8]| event[at..].starts_with(bytes);
        assert!(at(0, &11_u32.to_ne_bytes()));
        assert!(at(4, b"Maker Key\0"), "name");
        assert!(at(132, b"uhid/1-2\0"), "phys");
        assert!(at(196, b"S1\0"), "uniq");
        assert!(at(260, &34_u16.to_ne_bytes()) && at(262, &3_u16.to_ne_bytes()), "size, bus");
        for (place, number) in [(264, 0x1209_u32), (268, 0xF1D0), (272, 0x0123), (276, 0)] {
            assert!(at(place, &number.to_ne_bytes()), "{place}");
        }
        assert!(at(280, &REPORT_DESCRIPTOR) && event.len() == 280 + 34);
    }

    #[test]
    fn names_are_cut_between_characters_and_end_with_a_zero() {
        let long = DeviceInfo { product: "ü".repeat(100), manufacturer: String::new(), ..info() };
        let event = create(&long, &[]);
        assert_eq!(event[4..4 + 126], *"ü".repeat(63).as_bytes());
        assert_eq!(event[130..132], [0, 0]);
    }

    #[test]
    fn a_report_is_sent_bare_and_behind_a_zero_where_it_is_asked_for() {
        assert_eq!(input(&[7; 64]), [&[12, 0, 0, 0, 64, 0][..], &[7; 64]].concat());
        let answer = [&[10, 0, 0, 0, 9, 0, 0, 0, 0, 0, 65, 0, 0][..], &[7; 64]].concat();
        assert_eq!(get_report_reply(9, Some(&[7; 64])), answer);
        assert_eq!(get_report_reply(9, None), [10, 0, 0, 0, 9, 0, 0, 0, 5, 0, 0, 0]);
        assert_eq!(set_report_reply(9, true), [14, 0, 0, 0, 9, 0, 0, 0, 0, 0]);
        assert_eq!(set_report_reply(9, false), [14, 0, 0, 0, 9, 0, 0, 0, 5, 0]);
    }

    #[test]
    fn what_programs_write_is_read_without_the_number_that_reports_do_not_have() {
        // HD-09
        let written = |data: &[u8], size: u16| {
            let mut field = data.to_vec();
            field.resize(DATA, 0);
            event(&[&[6, 0, 0, 0], &field, &size.to_ne_bytes(), &[1]])
        };
        let numbered = written(&[&[0][..], &[7; 64]].concat(), 65);
        assert_eq!(Event::parse(&numbered), Some(Event::Output(&[7; 64])));
        let bare = written(&[7; 64], 64);
        assert_eq!(Event::parse(&bare), Some(Event::Output(&[7; 64])));
        assert_eq!(Event::parse(&written(&[], 0)), Some(Event::Output(&[])));
    }

    #[test]
    fn opening_closing_and_asking_are_told_apart() {
        for (kind, expected) in [
            (2, Event::Other),
            (3, Event::Close),
            (4, Event::Open),
            (5, Event::Close),
            (99, Event::Other),
        ] {
            assert_eq!(Event::parse(&event(&[&[kind, 0, 0, 0]])), Some(expected), "{kind}");
        }
        let asked = event(&[&[9, 0, 0, 0, 8, 0, 0, 0, 0, 2]]);
        let Some(Event::GetReport { id: 8, report }) = Event::parse(&asked) else { panic!() };
        assert!(report.is_input() && !report.is_output());
        let handed_in = event(&[&[13, 0, 0, 0, 8, 0, 0, 0, 0, 1, 3, 0, 0, 5, 6]]);
        let Some(Event::SetReport { id: 8, report, data: [5, 6] }) = Event::parse(&handed_in)
        else {
            panic!()
        };
        assert!(report.is_output() && !report.is_input());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic_and_it_invents_none(
            kind in 0_u8..16,
            bytes in proptest::collection::vec(any::<u8>(), 0..40),
            whole in any::<bool>(),
        ) {
            let mut bytes = [&[kind, 0, 0, 0], &bytes[..]].concat();
            if whole {
                bytes.resize(EVENT, 0xA5);
            }
            if let Some(Event::Output(data) | Event::SetReport { data, .. }) = Event::parse(&bytes) {
                prop_assert!(data.len() <= bytes.len());
            }
            let _ = Event::parse(&bytes[1..]);
        }

        #[test]
        fn any_device_is_created_within_the_size_of_an_event(
            manufacturer in "\\PC{0,200}", product in "\\PC{0,200}", serial in "\\PC{0,100}",
        ) {
            let event = create(&DeviceInfo { manufacturer, product, serial, ..info() }, &[1, 2]);
            prop_assert_eq!(event.len(), 282);
            for end in [131, 195, 259] {
                prop_assert_eq!(event[end], 0);
            }
            prop_assert!(std::str::from_utf8(&event[4..132]).is_ok());
        }
    }
}
