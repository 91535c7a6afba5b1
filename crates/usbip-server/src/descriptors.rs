//! The descriptors of a device (USB 2.0 section 9.6, HID 1.11 section 6.2, CCID 1.1 section 5.1; HD-90 to HD-95, NF-50).
//!
//! They are put together once, when the device is plugged in.

use std::collections::BTreeMap;

use crate::ccid;
use crate::device::DeviceInfo;
use crate::interface::{Class, Endpoint, Layout};
use crate::limits;
use crate::usb::{
    CONFIGURATION, DEVICE, ENDPOINT, ENGLISH, GET_DESCRIPTOR, HID, INTERFACE, REPORT, STRING,
};

/// Every descriptor the device has, ready to be sent. It is a full-speed device: it has no
/// qualifier, no other-speed configuration and no BOS.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Descriptors {
    device: Vec<u8>,
    configuration: Vec<u8>,
    strings: BTreeMap<u8, Vec<u8>>,
}

impl Descriptors {
    /// Those of a device with these interfaces.
    pub(crate) fn of(info: &DeviceInfo, layout: &Layout) -> Self {
        let mut strings = BTreeMap::from([(0, string(&ENGLISH.to_le_bytes()))]);
        let mut named = |name: &str| named(&mut strings, name);
        let names = [named(&info.manufacturer), named(&info.product), named(&info.serial)];
        Self { device: device(info, names), configuration: configuration(layout), strings }
    }

    /// The descriptor of the device as a whole with `wValue` (type and index) and `wIndex` (a
    /// string's language).
    pub(crate) fn of_device(&self, value: u16, language: u16) -> Option<&[u8]> {
        let [kind, index] = value.to_be_bytes();
        match (kind, index) {
            (DEVICE, 0) => Some(&self.device),
            (CONFIGURATION, 0) => Some(&self.configuration),
            (STRING, 0) => self.strings.get(&0).map(Vec::as_slice),
            (STRING, _) if language == ENGLISH || language == 0 => {
                self.strings.get(&index).map(Vec::as_slice)
            }
            _ => None,
        }
    }

    /// What a host reads first of a device with this first interface.
    pub(crate) fn read_by_a_host(&self, first: Option<Class>) -> Vec<([u8; 8], Vec<u8>)> {
        let read = |recipient, kind, data: &[u8]| {
            let [low, high] = u16::try_from(data.len()).unwrap_or(u16::MAX).to_le_bytes();
            ([recipient, GET_DESCRIPTOR, 0, kind, 0, 0, low, high], data.to_vec())
        };
        let of_reports =
            (first == Some(Class::Hid)).then(|| read(FROM_INTERFACE, REPORT, &REPORT_DESCRIPTOR));
        let of_device = [(DEVICE, &self.device), (CONFIGURATION, &self.configuration)];
        let of_device = of_device.map(|(kind, data)| read(FROM_DEVICE, kind, data));
        of_device.into_iter().chain(of_reports).collect()
    }

    /// The descriptor of a HID interface with `wValue` (type and index).
    pub(crate) fn of_interface(value: u16) -> Option<&'static [u8]> {
        match value {
            0x2100 => Some(&HID_DESCRIPTOR),
            0x2200 => Some(&REPORT_DESCRIPTOR),
            _ => None,
        }
    }
}

fn device(info: &DeviceInfo, [manufacturer, product, serial]: [u8; 3]) -> Vec<u8> {
    let mut device = vec![18, DEVICE, 0x00, 0x02, 0, 0, 0, CONTROL_PACKET];
    for number in [info.vendor_id, info.product_id, info.bcd_device] {
        device.extend(number.to_le_bytes());
    }
    device.extend([manufacturer, product, serial, 1]);
    device
}

/// The only one, number 1: bus-powered, 100 mA.
fn configuration(layout: &Layout) -> Vec<u8> {
    let interfaces = layout.classes().iter().enumerate();
    let parts: Vec<u8> =
        interfaces.flat_map(|(number, class)| interface(layout, number, *class)).collect();
    let total = parts.len().saturating_add(CONFIGURATION_HEAD);
    // At most 15 interfaces, with 54 bytes of a class and three endpoints each: it fits.
    let [low, high] = u16::try_from(total).unwrap_or(u16::MAX).to_le_bytes();
    let count = u8::try_from(layout.classes().len()).unwrap_or(u8::MAX);
    let mut all = vec![CONFIGURATION_HEAD as u8, CONFIGURATION, low, high, count, 1, 0, 0x80, 50];
    all.extend(parts);
    all
}

/// An interface, what its class says, and its endpoints.
fn interface(layout: &Layout, number: usize, class: Class) -> Vec<u8> {
    let own = layout.endpoints().iter().filter(|endpoint| endpoint.interface == number);
    let endpoints: Vec<[u8; 7]> = own.map(endpoint).collect();
    let count = u8::try_from(endpoints.len()).unwrap_or(u8::MAX);
    let number = u8::try_from(number).unwrap_or(u8::MAX);
    let of_class: &[u8] = match class {
        Class::Hid => &HID_DESCRIPTOR,
        Class::Ccid => &ccid::CLASS_DESCRIPTOR,
        Class::Pn533 => &[],
    };
    let head = [9, INTERFACE, number, 0, count, class.code(), 0, 0, 0];
    [&head, of_class, endpoints.as_flattened()].concat()
}

fn endpoint(endpoint: &Endpoint) -> [u8; 7] {
    let [low, high] = endpoint.pipe.packet().to_le_bytes();
    let (kind, interval) = (endpoint.pipe.attributes(), endpoint.pipe.interval());
    [7, ENDPOINT, endpoint.address, kind, low, high, interval]
}

/// The index of `name` among the `strings`, where it is put; 0 for none.
fn named(strings: &mut BTreeMap<u8, Vec<u8>>, name: &str) -> u8 {
    if name.is_empty() {
        return 0;
    }
    // The language and three names: it fits.
    let index = u8::try_from(strings.len()).unwrap_or(u8::MAX);
    let units: Vec<u8> = fitting(name).encode_utf16().flat_map(u16::to_le_bytes).collect();
    strings.insert(index, string(&units));
    index
}

/// A string descriptor with `data` of at most 252 bytes.
fn string(data: &[u8]) -> Vec<u8> {
    let length = u8::try_from(data.len()).unwrap_or(u8::MAX).saturating_add(2);
    [&[length, STRING], data].concat()
}

/// As much of `text` as a string descriptor can hold, in whole characters.
fn fitting(text: &str) -> String {
    let mut room = limits::MAX_STRING;
    let fits = |c: &char| match room.checked_sub(c.len_utf16()) {
        Some(rest) => {
            room = rest;
            true
        }
        None => false,
    };
    text.chars().take_while(fits).collect()
}

/// FIDO usage page, 64-byte input and output reports without ids (HD-90).
pub(crate) const REPORT_DESCRIPTOR: [u8; 34] = [
    0x06, 0xD0, 0xF1, // Usage Page (FIDO Alliance)
    0x09, 0x01, // Usage (Authenticator Device)
    0xA1, 0x01, // Collection (Application)
    0x09, 0x20, //   Usage (Input Report Data)
    0x15, 0x00, //   Logical Minimum (0)
    0x26, 0xFF, 0x00, //   Logical Maximum (255)
    0x75, 0x08, //   Report Size (8)
    0x95, 0x40, //   Report Count (64)
    0x81, 0x02, //   Input (Data, Variable, Absolute)
    0x09, 0x21, //   Usage (Output Report Data)
    0x15, 0x00, //   Logical Minimum (0)
    0x26, 0xFF, 0x00, //   Logical Maximum (255)
    0x75, 0x08, //   Report Size (8)
    0x95, 0x40, //   Report Count (64)
    0x91, 0x02, //   Output (Data, Variable, Absolute)
    0xC0, // End Collection
];

/// bcdHID 1.11, no country, one report descriptor (HD-91).
const HID_DESCRIPTOR: [u8; 9] =
    [9, HID, 0x11, 0x01, 0, 1, REPORT, REPORT_DESCRIPTOR.len() as u8, 0];

/// Bytes of a configuration descriptor without what belongs to it.
const CONFIGURATION_HEAD: usize = 9;
/// bMaxPacketSize0.
const CONTROL_PACKET: u8 = 64;
/// bmRequestType of a standard request for data.
const FROM_DEVICE: u8 = 0x80;
const FROM_INTERFACE: u8 = 0x81;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::Interface;
    use crate::interface::tests::{ccid, hid, pn533};

    fn info() -> DeviceInfo {
        DeviceInfo {
            bus_id: "1-1".into(),
            vendor_id: 0x1209,
            product_id: 0xF1D0,
            bcd_device: 0x0123,
            manufacturer: "Maker".into(),
            product: "Kéy".into(),
            serial: "S1".into(),
        }
    }

    fn descriptors(info: &DeviceInfo) -> Descriptors {
        of(info, &[hid()])
    }

    fn of(info: &DeviceInfo, interfaces: &[Interface]) -> Descriptors {
        let layout = Layout::of(interfaces).expect("it fits");
        Descriptors::of(info, &layout)
    }

    /// What a reader's interface says behind its number: class, what it can do, and endpoints.
    fn reader(number: u8, first: u8) -> Vec<u8> {
        let (input, changes) = (0x80 | first, 0x81 + first);
        [
            &[9, 4, number, 0, 3, 0x0B, 0, 0, 0, 54, 0x21, 0x10, 0x01, 0, 7, 2, 0, 0, 0][..],
            &[0xA0, 0x0F, 0, 0, 0xA0, 0x0F, 0, 0, 0], // 4 MHz, and nothing else
            &[0x80, 0x25, 0, 0, 0x80, 0x25, 0, 0, 0], // 9600 bit/s, and nothing else
            &[0xFE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFE, 0x00, 0x04, 0x00, 0x14, 0x1E, 0, 0],
            &[0xFF, 0xFF, 0, 0, 0, 1],
            &[7, 5, input, 2, 64, 0, 0, 7, 5, first, 2, 64, 0, 0, 7, 5, changes, 3, 8, 0, 16],
        ]
        .concat()
    }

    // NF-50, NF-51
    #[test]
    fn a_reader_takes_short_and_extended_apdus_and_sets_itself_up() {
        let configuration = [&[9, 2, 93, 0, 1, 1, 0, 0x80, 50][..], &reader(0, 1)].concat();
        assert_eq!(of(&info(), &[ccid()]).of_device(0x0200, 0), Some(&configuration[..]));
    }

    #[test]
    fn a_reader_of_the_kernels_own_nfc_has_two_bulk_endpoints_and_no_class() {
        let configuration = [
            9, 2, 32, 0, 1, 1, 0, 0x80, 50, // configuration 1, bus-powered, 100 mA
            9, 4, 0, 0, 2, 0xFF, 0, 0, 0, // interface 0: the maker's own
            7, 5, 0x81, 2, 64, 0, 0, // IN, bulk, 64 bytes
            7, 5, 0x01, 2, 64, 0, 0, // OUT, bulk, 64 bytes
        ];
        assert_eq!(of(&info(), &[pn533()]).of_device(0x0200, 0), Some(&configuration[..]));
    }

    #[test]
    fn a_composite_device_has_a_key_first_and_then_a_reader() {
        let key = of(&info(), &[hid()]).configuration;
        let composite = of(&info(), &[hid(), ccid()]).configuration;
        assert_eq!(composite[..9], [9, 2, 125, 0, 2, 1, 0, 0x80, 50]);
        assert_eq!(composite[9..], [&key[9..], &reader(1, 2)].concat());
    }

    #[test]
    fn the_device_descriptor_is_exact() {
        let expected =
            [18, 1, 0x00, 0x02, 0, 0, 0, 64, 0x09, 0x12, 0xD0, 0xF1, 0x23, 0x01, 1, 2, 3, 1];
        assert_eq!(descriptors(&info()).of_device(0x0100, 0), Some(&expected[..]));
    }

    #[test]
    fn the_configuration_descriptor_is_exact() {
        // HD-91, HD-92
        let expected = [
            9, 2, 41, 0, 1, 1, 0, 0x80, 50, // configuration 1, bus-powered, 100 mA
            9, 4, 0, 0, 2, 3, 0, 0, 0, // interface 0: HID, no subclass, no protocol
            9, 0x21, 0x11, 0x01, 0, 1, 0x22, 34, 0, // HID 1.11, report descriptor of 34 bytes
            7, 5, 0x81, 3, 64, 0, 5, // IN, interrupt, 64 bytes, 5 ms
            7, 5, 0x01, 3, 64, 0, 5, // OUT, interrupt, 64 bytes, 5 ms
        ];
        assert_eq!(descriptors(&info()).of_device(0x0200, 0), Some(&expected[..]));
    }

    #[test]
    fn the_report_descriptor_is_that_of_a_fido_key() {
        // HD-90, HD-93: usage page F1D0; size and count stand before Input and Output
        let expected = [
            0x06, 0xD0, 0xF1, 0x09, 0x01, 0xA1, 0x01, 0x09, 0x20, 0x15, 0x00, 0x26, 0xFF, 0x00,
            0x75, 0x08, 0x95, 0x40, 0x81, 0x02, 0x09, 0x21, 0x15, 0x00, 0x26, 0xFF, 0x00, 0x75,
            0x08, 0x95, 0x40, 0x91, 0x02, 0xC0,
        ];
        assert_eq!(Descriptors::of_interface(0x2200), Some(&expected[..]));
    }

    #[test]
    fn strings_are_utf_16_in_english() {
        // HD-95
        let descriptors = descriptors(&info());
        assert_eq!(descriptors.of_device(0x0300, 0), Some(&[4, 3, 0x09, 0x04][..]));
        let maker = [12, 3, b'M', 0, b'a', 0, b'k', 0, b'e', 0, b'r', 0];
        assert_eq!(descriptors.of_device(0x0301, 0x0409), Some(&maker[..]));
        assert_eq!(
            descriptors.of_device(0x0302, 0x0409),
            Some(&[8, 3, b'K', 0, 0xE9, 0, b'y', 0][..])
        );
        assert_eq!(descriptors.of_device(0x0303, 0x0409), Some(&[6, 3, b'S', 0, b'1', 0][..]));
        assert_eq!(descriptors.of_device(0x0304, 0x0409), None);
        assert_eq!(descriptors.of_device(0x0301, 0x0407), None);
    }

    #[test]
    fn an_empty_name_has_no_descriptor_and_no_index() {
        let nameless = DeviceInfo { manufacturer: String::new(), serial: String::new(), ..info() };
        let descriptors = descriptors(&nameless);
        assert_eq!(descriptors.of_device(0x0100, 0).expect("device")[14..17], [0, 1, 0]);
        assert!(descriptors.of_device(0x0301, 0x0409).is_some());
        assert_eq!(descriptors.of_device(0x0302, 0x0409), None);
    }

    #[test]
    fn a_name_is_cut_at_126_units_between_characters() {
        let product = |name: String| {
            let descriptors = descriptors(&DeviceInfo { product: name, ..info() });
            descriptors.of_device(0x0302, 0x0409).expect("product").to_vec()
        };
        assert_eq!(product("x".repeat(126)).len(), 254);
        assert_eq!(product("x".repeat(127)).len(), 254);
        assert_eq!(product("x".repeat(125) + "🔑").len(), 252);
        assert_eq!(product("x".repeat(100_000))[0], 254);
    }

    #[test]
    fn what_only_high_speed_devices_have_is_absent() {
        let descriptors = descriptors(&info());
        for kind in [4, 5, 6, 7, 8, 15, 0x21, 0x22] {
            assert_eq!(descriptors.of_device(kind << 8, 0), None, "{kind}");
        }
        assert_eq!(descriptors.of_device(0x0101, 0), None);
        assert_eq!(descriptors.of_device(0x0201, 0), None);
    }
}
