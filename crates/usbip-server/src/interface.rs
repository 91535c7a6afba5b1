//! The parts of a device: interfaces, and their endpoints (USB 2.0 sections 9.6.5 and 9.6.6).

use std::cell::RefCell;
use std::rc::Rc;

use usbip::{ClassCode, EndpointAttributes};

use crate::function::{HidFunction, REPORT_LENGTH};
use crate::limits::BULK_PACKET;
use crate::smart_card::SmartCard;

/// An interface of a device, and the function behind it. A device with several interfaces is a composite one: each
/// has its own driver.
#[derive(Clone)]
pub enum Interface {
    /// Reports of 64 bytes, for a security key.
    Hid(Rc<RefCell<dyn HidFunction>>),
    /// A smart card reader, with the card that may lie on it.
    Ccid(Rc<RefCell<dyn SmartCard>>),
    /// A contactless reader with the chip PN533, and the card that may lie on it. Linux has a driver for NXP's ids
    /// 04CC:2533, which makes it a device of the kernel's own NFC.
    Pn533(Rc<RefCell<dyn SmartCard>>),
}

impl Interface {
    pub(crate) fn class(&self) -> Class {
        match self {
            Self::Hid(_) => Class::Hid,
            Self::Ccid(_) => Class::Ccid,
            Self::Pn533(_) => Class::Pn533,
        }
    }

    /// The device was plugged in.
    pub(crate) fn attached(&self) {
        if let Self::Hid(function) = self {
            function.borrow_mut().attached();
        }
    }

    /// The device has lost power. What panicked may still be borrowed; the device is given back all the same.
    pub(crate) fn detached(&self) {
        match self {
            Self::Hid(function) => {
                if let Ok(mut function) = function.try_borrow_mut() {
                    function.detached();
                }
            }
            Self::Ccid(card) | Self::Pn533(card) => {
                if let Ok(mut card) = card.try_borrow_mut() {
                    card.power_off();
                }
            }
        }
    }
}

/// The class of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Hid,
    Ccid,
    /// It has none: its messages are the maker's own.
    Pn533,
}

impl Class {
    /// bInterfaceClass; subclass and protocol are 0.
    pub(crate) fn code(self) -> u8 {
        let code = match self {
            Self::Hid => ClassCode::HID,
            Self::Ccid => ClassCode::SmartCard,
            Self::Pn533 => ClassCode::VendorSpecific,
        };
        code as u8
    }

    /// Its endpoints, IN first: what each is for, and the number counted from the interface's first.
    fn pipes(self) -> &'static [(Pipe, u8, u8)] {
        match self {
            Self::Hid => &[(Pipe::Reports, 0, IN), (Pipe::Reports, 0, OUT)],
            Self::Ccid => {
                &[(Pipe::Messages, 0, IN), (Pipe::Messages, 0, OUT), (Pipe::SlotChanges, 1, IN)]
            }
            Self::Pn533 => &[(Pipe::Messages, 0, IN), (Pipe::Messages, 0, OUT)],
        }
    }
}

/// What an endpoint carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pipe {
    /// HID reports.
    Reports,
    /// CCID messages, or frames of a PN533.
    Messages,
    /// CCID's notifications.
    SlotChanges,
}

impl Pipe {
    pub(crate) fn attributes(self) -> EndpointAttributes {
        match self {
            Self::Messages => EndpointAttributes::Bulk,
            Self::Reports | Self::SlotChanges => EndpointAttributes::Interrupt,
        }
    }

    /// wMaxPacketSize.
    pub(crate) fn packet(self) -> u16 {
        match self {
            Self::Reports => REPORT_LENGTH as u16,
            Self::Messages => BULK_PACKET as u16,
            Self::SlotChanges => 8,
        }
    }

    /// bInterval, in milliseconds on a bus that keeps time: a report each 5 (HD-92), and a card is noticed within 16.
    pub(crate) fn interval(self) -> u8 {
        match self {
            Self::Reports => 5,
            Self::Messages => 0,
            Self::SlotChanges => 16,
        }
    }
}

/// An endpoint other than 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// bEndpointAddress.
    pub(crate) address: u8,
    /// The interface that it belongs to.
    pub(crate) interface: usize,
    pub(crate) pipe: Pipe,
}

impl Endpoint {
    pub(crate) fn is_in(&self) -> bool {
        self.address & IN != 0
    }
}

/// A device's interfaces, by number, and all their endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    classes: Vec<Class>,
    endpoints: Vec<Endpoint>,
}

impl Layout {
    /// Numbers endpoints from 1, interface by interface. `None`: there are no interfaces, or more than a device may
    /// have.
    pub(crate) fn of(interfaces: &[Interface]) -> Option<Self> {
        let classes: Vec<Class> = interfaces.iter().map(Interface::class).collect();
        let (mut endpoints, mut first) = (Vec::new(), 1_u8);
        for (interface, class) in classes.iter().enumerate() {
            let mut last = first;
            for (pipe, offset, direction) in class.pipes() {
                let number = first.checked_add(*offset)?;
                endpoints.push(Endpoint { address: number | direction, interface, pipe: *pipe });
                last = last.max(number);
            }
            first = last.checked_add(1)?;
        }
        let fits = !classes.is_empty() && first <= LAST_NUMBER.saturating_add(1);
        fits.then_some(Self { classes, endpoints })
    }

    /// The class of interface `number`, if there is one.
    pub(crate) fn class(&self, number: usize) -> Option<Class> {
        self.classes.get(number).copied()
    }

    /// All of them, by number.
    pub(crate) fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// All of them, by interface.
    pub(crate) fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// The highest number of an endpoint.
    pub(crate) fn last_endpoint(&self) -> u8 {
        self.endpoints.iter().map(|endpoint| endpoint.address & !IN).max().unwrap_or_default()
    }

    /// The endpoint with this bEndpointAddress.
    pub(crate) fn endpoint(&self, address: u8) -> Option<Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.address == address).copied()
    }

    /// The endpoint with this number that brings data to the host, or takes it.
    pub(crate) fn numbered(&self, number: u8, is_in: bool) -> Option<Endpoint> {
        self.endpoint(number | if is_in { IN } else { OUT })
    }
}

/// The bit of bEndpointAddress that is the direction.
const IN: u8 = 0x80;
const OUT: u8 = 0x00;
/// The last number of an endpoint.
const LAST_NUMBER: u8 = 15;

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::function::Report;
    use crate::timed::Timed;

    /// Does nothing, as a HID function and as a card.
    pub(crate) struct Silent;

    impl Timed for Silent {
        fn poll_timeout(&mut self) -> Option<Duration> {
            None
        }

        fn handle_timeout(&mut self) {}
    }

    impl HidFunction for Silent {
        fn attached(&mut self) {}
        fn detached(&mut self) {}
        fn output(&mut self, _: &Report) {}
        fn input(&mut self, _: usize) -> Option<Report> {
            None
        }
    }

    impl SmartCard for Silent {
        fn insertion(&self) -> Option<u32> {
            None
        }
        fn power_on(&mut self) -> Option<Vec<u8>> {
            None
        }
        fn power_off(&mut self) {}
        fn transmit(&mut self, _: &[u8]) {}
        fn response(&mut self) -> Option<Vec<u8>> {
            None
        }
        fn abort(&mut self) {}
    }

    pub(crate) fn hid() -> Interface {
        Interface::Hid(Rc::new(RefCell::new(Silent)))
    }

    pub(crate) fn ccid() -> Interface {
        Interface::Ccid(Rc::new(RefCell::new(Silent)))
    }

    pub(crate) fn pn533() -> Interface {
        Interface::Pn533(Rc::new(RefCell::new(Silent)))
    }

    fn addresses(interfaces: &[Interface]) -> Vec<u8> {
        let layout = Layout::of(interfaces).expect("it fits");
        layout.endpoints().iter().map(|endpoint| endpoint.address).collect()
    }

    // HD-92, NF-51
    #[test]
    fn each_interface_has_endpoints_of_its_own() {
        assert_eq!(addresses(&[hid()]), [0x81, 0x01]);
        assert_eq!(addresses(&[ccid()]), [0x81, 0x01, 0x82]);
        assert_eq!(addresses(&[hid(), ccid()]), [0x81, 0x01, 0x82, 0x02, 0x83]);
        assert_eq!(addresses(&[pn533(), hid()]), [0x81, 0x01, 0x82, 0x02]);
        let layout = Layout::of(&[hid(), ccid()]).expect("it fits");
        assert_eq!(layout.numbered(2, false).map(|endpoint| endpoint.interface), Some(1));
        assert_eq!(layout.numbered(3, false), None);
    }

    #[test]
    fn a_device_has_at_least_one_interface_and_at_most_15_endpoints_each_way() {
        assert_eq!(Layout::of(&[]), None);
        assert!(Layout::of(&vec![hid(); 15]).is_some());
        assert_eq!(Layout::of(&vec![hid(); 16]), None);
        assert!(Layout::of(&vec![ccid(); 7]).is_some());
        assert_eq!(Layout::of(&vec![ccid(); 8]), None);
        assert_eq!(Layout::of(&vec![hid(); 300]), None);
    }
}
