//! Endpoint 0: the standard requests (USB 2.0 section 9.4), and those of the classes HID (HID 1.11 section 7.2; HD-96) and
//! CCID (CCID 1.1 section 5.3).
//!
//! A request that a full-speed key or reader does not support is stalled at once, because Linux would wait five
//! seconds for an answer. A reader with one clock and one rate has no lists of them (GET_CLOCK_FREQUENCIES,
//! GET_DATA_RATES).

use std::borrow::Cow;
use std::rc::Rc;

use usbip::SetupPacket;

use crate::ccid::Request;
use crate::descriptors::Descriptors;
use crate::function::REPORT_LENGTH;
use crate::interface::{Class, Layout};

/// The state of endpoint 0 between requests.
#[derive(Debug)]
pub(crate) struct Control {
    /// DEVLIST and IMPORT say that configuration 1 is in force, and a host may take their word for
    /// it.
    configured: bool,
    layout: Rc<Layout>,
    /// Addresses of endpoints.
    halted: Vec<u8>,
    idle_rate: u8,
}

/// The request is not supported: `-EPIPE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stall;

/// The result of a request from the host to the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// It concerned endpoint 0 alone.
    Settled,
    /// Its data is a report for this interface's function.
    OutputReport { interface: usize },
    /// End the command with that sequence number, on which the reader of this interface is working.
    Abort { interface: usize, seq: u8 },
}

impl Control {
    /// A device just plugged in.
    pub(crate) fn new(layout: Rc<Layout>) -> Self {
        Self { configured: true, layout, halted: Vec::new(), idle_rate: 0 }
    }

    /// Whether the endpoint with this address moves data; otherwise it stalls.
    pub(crate) fn works(&self, address: u8) -> bool {
        self.configured && !self.halted.contains(&address)
    }

    /// Answers a request for data, with at most `wLength` bytes.
    pub(crate) fn read<'a>(
        &self,
        setup: &SetupPacket,
        descriptors: &'a Descriptors,
    ) -> Result<Cow<'a, [u8]>, Stall> {
        let answer = self.whole_answer(setup, descriptors)?;
        let length = answer.len().min(setup.length.into());
        Ok(match answer {
            Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(..length).unwrap_or(bytes)),
            Cow::Owned(mut bytes) => {
                bytes.truncate(length);
                Cow::Owned(bytes)
            }
        })
    }

    fn whole_answer<'a>(
        &self,
        setup: &SetupPacket,
        descriptors: &'a Descriptors,
    ) -> Result<Cow<'a, [u8]>, Stall> {
        match (setup.request_type, setup.request) {
            // Bus-powered, and not able to wake the host.
            (DEVICE_IN, GET_STATUS) => Ok(Cow::Borrowed(&[0, 0])),
            (INTERFACE_IN, GET_STATUS) => {
                self.interface(setup.index)?;
                Ok(Cow::Borrowed(&[0, 0]))
            }
            (ENDPOINT_IN, GET_STATUS) => {
                let address = self.endpoint(setup.index)?;
                Ok(Cow::Owned(vec![self.halted.contains(&address).into(), 0]))
            }
            (DEVICE_IN, GET_DESCRIPTOR) => {
                descriptors.of_device(setup.value, setup.index).map(Cow::Borrowed).ok_or(Stall)
            }
            (INTERFACE_IN, GET_DESCRIPTOR) => {
                self.interface_of(Class::Hid, setup.index)?;
                Descriptors::of_interface(setup.value).map(Cow::Borrowed).ok_or(Stall)
            }
            (DEVICE_IN, GET_CONFIGURATION) => Ok(Cow::Owned(vec![self.configured.into()])),
            (INTERFACE_IN, GET_INTERFACE) => {
                self.interface(setup.index)?;
                Ok(Cow::Borrowed(&[0]))
            }
            (CLASS_IN, GET_IDLE) => {
                self.interface_of(Class::Hid, setup.index)?;
                Ok(Cow::Owned(vec![self.idle_rate]))
            }
            // HD-96: reports travel only on the interrupt endpoints.
            (CLASS_IN, GET_REPORT) if [INPUT_REPORT, OUTPUT_REPORT].contains(&setup.value) => {
                self.interface_of(Class::Hid, setup.index)?;
                Ok(Cow::Borrowed(&[0; REPORT_LENGTH]))
            }
            _ => Err(Stall),
        }
    }

    /// Carries out a request that brings `data`.
    pub(crate) fn write(&mut self, setup: &SetupPacket, data: &[u8]) -> Result<Written, Stall> {
        if data.len() != usize::from(setup.length) {
            return Err(Stall);
        }
        match (setup.request_type, setup.request) {
            // A virtual host controller numbers its devices itself; others may do as the standard
            // says.
            (DEVICE_OUT, SET_ADDRESS) if setup.value <= 127 => Ok(Written::Settled),
            (DEVICE_OUT, SET_CONFIGURATION) => self.configure(setup.value),
            (INTERFACE_OUT, SET_INTERFACE) => self.choose_alternate(setup),
            (ENDPOINT_OUT, CLEAR_FEATURE) => self.set_halt(setup, false),
            (ENDPOINT_OUT, SET_FEATURE) => self.set_halt(setup, true),
            (CLASS_OUT, SET_IDLE) => {
                self.interface_of(Class::Hid, setup.index)?;
                [self.idle_rate, _] = setup.value.to_be_bytes();
                Ok(Written::Settled)
            }
            (CLASS_OUT, SET_REPORT)
                if setup.value == OUTPUT_REPORT && data.len() <= REPORT_LENGTH =>
            {
                let interface = self.interface_of(Class::Hid, setup.index)?;
                Ok(Written::OutputReport { interface })
            }
            (CLASS_OUT, Request::ABORT) if data.is_empty() => {
                let interface = self.interface_of(Class::Ccid, setup.index)?;
                match setup.value.to_be_bytes() {
                    [seq, 0] => Ok(Written::Abort { interface, seq }),
                    _ => Err(Stall),
                }
            }
            _ => Err(Stall),
        }
    }

    fn configure(&mut self, configuration: u16) -> Result<Written, Stall> {
        let configured = match configuration {
            0 => false,
            1 => true,
            _ => return Err(Stall),
        };
        *self = Self { configured, ..Self::new(Rc::clone(&self.layout)) };
        Ok(Written::Settled)
    }

    /// There is one setting, 0; choosing it again clears the interface's halts.
    fn choose_alternate(&mut self, setup: &SetupPacket) -> Result<Written, Stall> {
        let interface = self.interface(setup.index)?;
        if setup.value != 0 {
            return Err(Stall);
        }
        let layout = &self.layout;
        let is_its_own = |address: &u8| {
            layout.endpoint(*address).is_some_and(|endpoint| endpoint.interface == interface)
        };
        self.halted.retain(|address| !is_its_own(address));
        Ok(Written::Settled)
    }

    fn set_halt(&mut self, setup: &SetupPacket, halted: bool) -> Result<Written, Stall> {
        if setup.value != ENDPOINT_HALT {
            return Err(Stall);
        }
        let address = self.endpoint(setup.index)?;
        if halted && address == 0 {
            return Err(Stall);
        }
        self.halted.retain(|other| *other != address);
        if halted {
            self.halted.push(address);
        }
        Ok(Written::Settled)
    }

    /// Interfaces exist while the device is configured.
    fn interface(&self, index: u16) -> Result<usize, Stall> {
        let number = usize::from(index);
        let exists = self.configured && self.layout.class(number).is_some();
        if exists { Ok(number) } else { Err(Stall) }
    }

    fn interface_of(&self, class: Class, index: u16) -> Result<usize, Stall> {
        let number = self.interface(index)?;
        if self.layout.class(number) == Some(class) { Ok(number) } else { Err(Stall) }
    }

    /// The address of an endpoint that exists now: 0 always, in both directions.
    fn endpoint(&self, index: u16) -> Result<u8, Stall> {
        let address = u8::try_from(index).map_err(|_| Stall)?;
        match address {
            0x00 | 0x80 => Ok(0),
            _ if self.configured && self.layout.endpoint(address).is_some() => Ok(address),
            _ => Err(Stall),
        }
    }
}

// bmRequestType: direction, type and recipient.
const DEVICE_OUT: u8 = 0x00;
const INTERFACE_OUT: u8 = 0x01;
const ENDPOINT_OUT: u8 = 0x02;
const CLASS_OUT: u8 = 0x21;
const DEVICE_IN: u8 = 0x80;
const INTERFACE_IN: u8 = 0x81;
const ENDPOINT_IN: u8 = 0x82;
const CLASS_IN: u8 = 0xA1;

// bRequest: USB 2.0 table 9-4.
const GET_STATUS: u8 = 0;
const CLEAR_FEATURE: u8 = 1;
const SET_FEATURE: u8 = 3;
const SET_ADDRESS: u8 = 5;
const GET_DESCRIPTOR: u8 = 6;
const GET_CONFIGURATION: u8 = 8;
const SET_CONFIGURATION: u8 = 9;
const GET_INTERFACE: u8 = 10;
const SET_INTERFACE: u8 = 11;

// bRequest: HID 1.11 section 7.2.
const GET_REPORT: u8 = 1;
const GET_IDLE: u8 = 2;
const SET_REPORT: u8 = 9;
const SET_IDLE: u8 = 10;

/// Feature selector: USB 2.0 table 9-6.
const ENDPOINT_HALT: u16 = 0;
/// wValue of GET_REPORT and SET_REPORT: type 1 (input) or 2 (output), report id 0.
const INPUT_REPORT: u16 = 0x0100;
const OUTPUT_REPORT: u16 = 0x0200;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::tests::{ccid, hid};

    fn key() -> Control {
        Control::new(Rc::new(Layout::of(&[hid()]).expect("it fits")))
    }

    /// A key that is a reader, too.
    fn composite() -> Control {
        Control::new(Rc::new(Layout::of(&[hid(), ccid()]).expect("it fits")))
    }

    type Setup = (u8, u8, u16, u16, u16);

    fn packet((request_type, request, value, index, length): Setup) -> SetupPacket {
        SetupPacket { request_type, request, value, index, length }
    }

    fn read(control: &Control, setup: Setup) -> Result<Vec<u8>, Stall> {
        control.read(&packet(setup), &Descriptors::default()).map(Cow::into_owned)
    }

    fn write(control: &mut Control, setup: Setup) -> Result<Written, Stall> {
        let data = vec![0; setup.4.into()];
        control.write(&packet(setup), &data)
    }

    #[test]
    fn status_of_device_interface_and_endpoints() {
        let control = key();
        for setup in
            [(0x80, 0, 0, 0, 2), (0x81, 0, 0, 0, 2), (0x82, 0, 0, 0x81, 2), (0x82, 0, 0, 1, 2)]
        {
            assert_eq!(read(&control, setup), Ok(vec![0, 0]), "{setup:x?}");
        }
        assert_eq!(read(&control, (0x82, 0, 0, 0x80, 2)), Ok(vec![0, 0]));
        for setup in
            [(0x81, 0, 0, 1, 2), (0x82, 0, 0, 0x82, 2), (0x82, 0, 0, 2, 2), (0x83, 0, 0, 0, 2)]
        {
            assert_eq!(read(&control, setup), Err(Stall), "{setup:x?}");
        }
    }

    #[test]
    fn w_length_is_honoured() {
        let control = key();
        for length in 0..64u16 {
            let report = read(&control, (0x81, 6, 0x2200, 0, length)).expect("a descriptor");
            assert_eq!(report.len(), usize::from(length).min(34));
            let status = read(&control, (0x82, 0, 0, 0x81, length)).expect("a status");
            assert_eq!(status.len(), usize::from(length).min(2));
        }
    }

    #[test]
    fn configuration_0_and_1_can_be_set_and_no_other() {
        let mut control = key();
        assert_eq!(read(&control, (0x80, 8, 0, 0, 1)), Ok(vec![1]));
        assert_eq!(write(&mut control, (0, 9, 0, 0, 0)), Ok(Written::Settled));
        assert_eq!(read(&control, (0x80, 8, 0, 0, 1)), Ok(vec![0]));
        assert!(!control.works(0x81) && !control.works(0x01));
        assert_eq!(read(&control, (0x81, 0, 0, 0, 2)), Err(Stall), "no interface in address state");
        assert_eq!(write(&mut control, (0, 9, 2, 0, 0)), Err(Stall));
        assert_eq!(
            read(&control, (0x80, 8, 0, 0, 1)),
            Ok(vec![0]),
            "a stalled request changes nothing"
        );
        assert_eq!(write(&mut control, (0, 9, 1, 0, 0)), Ok(Written::Settled));
        assert!(control.works(0x81) && control.works(0x01));
    }

    #[test]
    fn a_halt_is_set_seen_and_cleared_on_its_own_endpoint() {
        let mut control = key();
        assert_eq!(write(&mut control, (2, 3, 0, 0x81, 0)), Ok(Written::Settled));
        assert!(!control.works(0x81) && control.works(0x01));
        assert_eq!(read(&control, (0x82, 0, 0, 0x81, 2)), Ok(vec![1, 0]));
        assert_eq!(read(&control, (0x82, 0, 0, 0x01, 2)), Ok(vec![0, 0]));
        assert_eq!(write(&mut control, (2, 1, 0, 0x81, 0)), Ok(Written::Settled));
        assert!(control.works(0x81));
        for clearing in [(0, 9, 1, 0, 0), (1, 11, 0, 0, 0)] {
            write(&mut control, (2, 3, 0, 0x01, 0)).expect("halt");
            assert!(!control.works(0x01));
            write(&mut control, clearing).expect("clears");
            assert!(control.works(0x01));
        }
        assert_eq!(write(&mut control, (2, 3, 0, 0, 0)), Err(Stall), "endpoint 0 is never halted");
        assert_eq!(write(&mut control, (2, 1, 0, 0, 0)), Ok(Written::Settled));
        assert_eq!(write(&mut control, (2, 1, 1, 0x81, 0)), Err(Stall));
        assert_eq!(write(&mut control, (2, 1, 0, 0x82, 0)), Err(Stall));
    }

    #[test]
    fn remote_wake_up_and_test_modes_do_not_exist() {
        let mut control = key();
        for setup in [(0, 1, 1, 0, 0), (0, 3, 1, 0, 0), (0, 3, 2, 0x0100, 0)] {
            assert_eq!(write(&mut control, setup), Err(Stall), "{setup:x?}");
        }
    }

    #[test]
    fn interface_0_has_one_setting() {
        let mut control = key();
        assert_eq!(read(&control, (0x81, 10, 0, 0, 1)), Ok(vec![0]));
        assert_eq!(read(&control, (0x81, 10, 0, 1, 1)), Err(Stall));
        assert_eq!(write(&mut control, (1, 11, 0, 0, 0)), Ok(Written::Settled));
        assert_eq!(write(&mut control, (1, 11, 1, 0, 0)), Err(Stall));
        assert_eq!(write(&mut control, (1, 11, 0, 9, 0)), Err(Stall));
    }

    #[test]
    fn addresses_are_accepted_up_to_127() {
        let mut control = key();
        assert_eq!(write(&mut control, (0, 5, 127, 0, 0)), Ok(Written::Settled));
        assert_eq!(write(&mut control, (0, 5, 128, 0, 0)), Err(Stall));
    }

    #[test]
    fn the_idle_rate_is_kept() {
        let mut control = key();
        assert_eq!(write(&mut control, (0x21, 10, 0x7D00, 0, 0)), Ok(Written::Settled));
        assert_eq!(read(&control, (0xA1, 2, 0, 0, 1)), Ok(vec![0x7D]));
        assert_eq!(write(&mut control, (0x21, 10, 0, 3, 0)), Err(Stall));
    }

    #[test]
    fn a_report_set_on_endpoint_0_has_at_most_64_bytes_and_no_id() {
        let mut control = key();
        for length in [0, 1, 64] {
            assert_eq!(
                write(&mut control, (0x21, 9, 0x0200, 0, length)),
                Ok(Written::OutputReport { interface: 0 })
            );
        }
        let refused = [
            (0x21, 9, 0x0200, 0, 65),
            (0x21, 9, 0x0201, 0, 64),
            (0x21, 9, 0x0300, 0, 64),
            (0x21, 9, 0x0200, 1, 64),
        ];
        for setup in refused {
            assert_eq!(write(&mut control, setup), Err(Stall), "{setup:x?}");
        }
        let short = packet((0x21, 9, 0x0200, 0, 64));
        assert_eq!(control.write(&short, &[0; 63]), Err(Stall), "fewer bytes than announced");
    }

    // HD-96
    #[test]
    fn a_report_that_is_asked_for_on_endpoint_0_is_empty() {
        let control = key();
        for value in [0x0100, 0x0200] {
            assert_eq!(read(&control, (0xA1, 1, value, 0, 64)), Ok(vec![0; 64]));
            assert_eq!(read(&control, (0xA1, 1, value, 0, 65)), Ok(vec![0; 64]));
            assert_eq!(read(&control, (0xA1, 1, value, 0, 3)), Ok(vec![0; 3]));
        }
        let refused = [
            (0xA1, 1, 0x0101, 0, 64), // a report id
            (0xA1, 1, 0x0300, 0, 64), // a feature report
            (0xA1, 1, 0x0000, 0, 64),
            (0xA1, 1, 0x0100, 1, 64),
        ];
        for setup in refused {
            assert_eq!(read(&control, setup), Err(Stall), "{setup:x?}");
        }
    }

    // NF-50
    #[test]
    fn a_reader_has_no_lists_of_clocks_and_rates_and_can_be_told_to_abort() {
        let mut control = composite();
        for request in [2, 3] {
            assert_eq!(read(&control, (0xA1, request, 0, 1, 64)), Err(Stall));
        }
        let abort = Written::Abort { interface: 1, seq: 7 };
        assert_eq!(write(&mut control, (0x21, 1, 0x0700, 1, 0)), Ok(abort));
        assert_eq!(write(&mut control, (0x21, 1, 0x0701, 1, 0)), Err(Stall), "another slot");
        assert_eq!(write(&mut control, (0x21, 1, 0x0700, 0, 0)), Err(Stall), "another interface");
        assert_eq!(write(&mut control, (0x21, 1, 0x0700, 1, 2)), Err(Stall), "with data");
    }

    #[test]
    fn requests_of_a_class_are_for_interfaces_of_that_class() {
        let mut control = composite();
        assert_eq!(read(&control, (0x81, 6, 0x2200, 1, 34)), Err(Stall));
        assert_eq!(read(&control, (0xA1, 1, 0x0100, 1, 64)), Err(Stall));
        assert_eq!(write(&mut control, (0x21, 10, 0, 1, 0)), Err(Stall));
        assert_eq!(read(&control, (0x81, 10, 0, 1, 1)), Ok(vec![0]));
        assert_eq!(read(&control, (0x81, 10, 0, 2, 1)), Err(Stall));
    }

    #[test]
    fn a_setting_clears_halts_of_its_own_interface() {
        let mut control = composite();
        for address in [0x81, 0x82, 0x02, 0x83] {
            write(&mut control, (2, 3, 0, address, 0)).expect("halt");
        }
        write(&mut control, (1, 11, 0, 1, 0)).expect("clears");
        assert!(!control.works(0x81));
        assert!([0x82, 0x02, 0x83].iter().all(|address| control.works(*address)));
        assert_eq!(write(&mut control, (2, 3, 0, 0x03, 0)), Err(Stall), "no such endpoint");
    }

    #[test]
    fn everything_else_stalls() {
        let mut control = key();
        let supported_in = [0x80, 0x81, 0x82, 0xA1];
        for request_type in 0..=255u8 {
            for request in [4, 7, 12, 13, 48, 51, 255] {
                assert_eq!(read(&control, (request_type, request, 0, 0, 64)), Err(Stall));
                assert_eq!(write(&mut control, (request_type, request, 0, 0, 0)), Err(Stall));
            }
            if !supported_in.contains(&request_type) {
                for request in 0..=255u8 {
                    assert_eq!(read(&control, (request_type, request, 0, 0, 64)), Err(Stall));
                }
            }
        }
        assert_eq!(read(&control, (0xA1, 3, 0, 0, 1)), Err(Stall), "GET_PROTOCOL");
        assert_eq!(write(&mut control, (0x21, 11, 1, 0, 0)), Err(Stall), "SET_PROTOCOL");
    }
}
