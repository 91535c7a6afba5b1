//! The descriptors of a device (USB 2.0 section 9.6, HID 1.11 section 6.2, CCID 1.1 section 5.1; HD-90 to HD-95, NF-50).
//!
//! The `usbip` crate holds the description and builds the descriptors. It is asked for them once, over a pipe in
//! memory, as a host would ask. Later requests are answered from the result.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use usbip::usbip_protocol::{USBIP_CMD_SUBMIT, UsbIpCommand, UsbIpHeaderBasic};
use usbip::{
    DescriptorType, SetupPacket, StandardRequest, UsbDevice, UsbEndpoint, UsbInterface,
    UsbInterfaceHandler, UsbIpServer, UsbSpeed,
};

use crate::ccid;
use crate::device::DeviceInfo;
use crate::interface::{Class, Endpoint, Layout};
use crate::limits;
use crate::wire::{IN, URB_HEADER, immediately, u32_at};

/// Every descriptor the device has, ready to be sent. It is a full-speed device: it has no
/// qualifier, no other-speed configuration and no BOS.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Descriptors {
    device: Vec<u8>,
    configuration: Vec<u8>,
    strings: BTreeMap<u8, Vec<u8>>,
}

impl Descriptors {
    /// Asks the crate's model for all of them. `None` only if the crate no longer answers as it
    /// did.
    pub(crate) fn of(device: &UsbDevice) -> Option<Self> {
        let wanted = [(DescriptorType::Device, 0), (DescriptorType::Configuration, 0)];
        let strings = (0..=LAST_STRING).map(|index| (DescriptorType::String, index));
        let wanted: Vec<_> = wanted.into_iter().chain(strings).collect();
        let mut found = interview(device, &wanted)?.into_iter();
        let (device, configuration) = (found.next()?, found.next()?);
        let strings =
            (0..=LAST_STRING).zip(found).filter(|(_, string)| !string.is_empty()).collect();
        Some(Self { device, configuration, strings })
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

    /// What a host reads first from a device with this first interface.
    pub(crate) fn read_by_a_host(&self, first: Option<Class>) -> Vec<([u8; 8], Vec<u8>)> {
        let read = |recipient, kind, data: &[u8]| {
            let [low, high] = u16::try_from(data.len()).unwrap_or(u16::MAX).to_le_bytes();
            let request = StandardRequest::GetDescriptor as u8;
            ([recipient, request, 0, kind, 0, 0, low, high], data.to_vec())
        };
        let of_reports =
            (first == Some(Class::Hid)).then(|| read(FROM_INTERFACE, REPORTS, &REPORT_DESCRIPTOR));
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

/// The crate's description of the device. DEVLIST and IMPORT replies are made from it too, so they
/// agree with the descriptors.
pub(crate) fn model(info: &DeviceInfo, layout: &Layout, bus_num: u16, dev_num: u16) -> UsbDevice {
    let mut device = UsbDevice::new(dev_num.into());
    for (number, class) in layout.classes().iter().enumerate() {
        let its_own = layout.endpoints().iter().filter(|endpoint| endpoint.interface == number);
        let endpoints = its_own.map(described).collect();
        let handler = Arc::new(Mutex::new(Box::new(Described(*class)) as _));
        device = device.with_interface(class.code(), 0, 0, None, endpoints, handler);
    }
    device.path = format!("/sys/devices/virtual/usb/{}", info.bus_id);
    device.bus_id = info.bus_id.clone();
    device.bus_num = bus_num.into();
    device.speed = UsbSpeed::Full as u32;
    device.vendor_id = info.vendor_id;
    device.product_id = info.product_id;
    device.usb_version = 0x0200.into();
    device.device_bcd = info.bcd_device.into();
    // The crate sends `minor` as the whole low byte, though it means the upper half of it.
    let [_, low] = info.bcd_device.to_be_bytes();
    device.device_bcd.minor = low;
    name(&mut device, info);
    device
}

fn name(device: &mut UsbDevice, info: &DeviceInfo) {
    device.unset_configuration_name();
    device.unset_manufacturer_name();
    device.unset_product_name();
    device.unset_serial_number();
    if !info.manufacturer.is_empty() {
        device.set_manufacturer_name(&fitting(&info.manufacturer));
    }
    if !info.product.is_empty() {
        device.set_product_name(&fitting(&info.product));
    }
    if !info.serial.is_empty() {
        device.set_serial_number(&fitting(&info.serial));
    }
}

/// The part of `text` that a string descriptor can hold, in whole characters.
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

fn described(endpoint: &Endpoint) -> UsbEndpoint {
    UsbEndpoint {
        address: endpoint.address,
        attributes: endpoint.pipe.attributes() as u8,
        max_packet_size: endpoint.pipe.packet(),
        interval: endpoint.pipe.interval(),
    }
}

/// Imports `device` from the crate's own server and reads the `wanted` descriptors. What it does
/// not have is empty.
fn interview(device: &UsbDevice, wanted: &[(DescriptorType, u8)]) -> Option<Vec<Vec<u8>>> {
    let mut questions = import(&device.bus_id);
    for (kind, index) in wanted {
        questions.extend(get_descriptor(*kind as u8, *index));
    }
    let mut pipe = tokio::io::join(questions.as_slice(), Vec::new());
    let server = Arc::new(UsbIpServer::new_simulated(vec![device.clone()]));
    immediately(usbip::handler(&mut pipe, server))?.ok()?;
    let (_, replies) = pipe.into_inner();
    let mut replies = replies.get(IMPORT_REPLY..)?;
    let mut answers = Vec::new();
    while !replies.is_empty() {
        let length = usize::try_from(u32_at(replies, ACTUAL_LENGTH)?).ok()?;
        let (answer, rest) = replies.get(URB_HEADER..)?.split_at_checked(length)?;
        answers.push(answer.to_vec());
        replies = rest;
    }
    (answers.len() == wanted.len()).then_some(answers)
}

fn import(bus_id: &str) -> Vec<u8> {
    let mut busid = [0; 32];
    busid.iter_mut().zip(bus_id.bytes()).for_each(|(to, from)| *to = from);
    UsbIpCommand::OpReqImport { status: 0, busid }.to_bytes()
}

fn get_descriptor(kind: u8, index: u8) -> Vec<u8> {
    let [length_low, length_high] = ALL.to_le_bytes();
    UsbIpCommand::UsbIpCmdSubmit {
        header: UsbIpHeaderBasic {
            command: USBIP_CMD_SUBMIT.into(),
            seqnum: 0,
            devid: 0,
            direction: IN,
            ep: 0,
        },
        transfer_flags: 0,
        transfer_buffer_length: ALL.into(),
        start_frame: 0,
        number_of_packets: 0,
        interval: 0,
        setup: [
            0x80,
            StandardRequest::GetDescriptor as u8,
            index,
            kind,
            0,
            0,
            length_low,
            length_high,
        ],
        data: Vec::new(),
        iso_packet_descriptor: Vec::new(),
    }
    .to_bytes()
}

/// Gives the crate's model the class descriptor of an interface. It handles no transfers.
#[derive(Debug)]
struct Described(Class);

impl UsbInterfaceHandler for Described {
    fn get_class_specific_descriptor(&self) -> Vec<u8> {
        match self.0 {
            Class::Hid => HID_DESCRIPTOR.to_vec(),
            Class::Ccid => ccid::CLASS_DESCRIPTOR.to_vec(),
            Class::Pn533 => Vec::new(),
        }
    }

    fn handle_urb(
        &mut self,
        _: &UsbInterface,
        _: UsbEndpoint,
        _: u32,
        _: SetupPacket,
        _: &[u8],
    ) -> std::io::Result<Vec<u8>> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
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
const HID_DESCRIPTOR: [u8; 9] = [9, 0x21, 0x11, 0x01, 0, 1, 0x22, REPORT_DESCRIPTOR.len() as u8, 0];

/// The crate numbers its four strings from 1.
const LAST_STRING: u8 = 4;
/// More than any of the descriptors.
const ALL: u16 = 1024;
/// Bytes of a successful OP_REP_IMPORT.
const IMPORT_REPLY: usize = 320;
/// Offset of `actual_length` in a RET_SUBMIT.
const ACTUAL_LENGTH: usize = 24;
/// Language identifier of the strings: English (United States).
const ENGLISH: u16 = 0x0409;

/// bmRequestType of a standard request for data.
const FROM_DEVICE: u8 = 0x80;
const FROM_INTERFACE: u8 = 0x81;
/// Type of a HID report descriptor.
const REPORTS: u8 = 0x22;
const DEVICE: u8 = DescriptorType::Device as u8;
const CONFIGURATION: u8 = DescriptorType::Configuration as u8;
const STRING: u8 = DescriptorType::String as u8;

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
        Descriptors::of(&model(info, &layout, 1, 2)).expect("the model answers")
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
