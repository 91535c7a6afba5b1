//! Enumeration, the first thing that a host does with a device: read its descriptors and configure it (USB 2.0
//! section 9.1.2).

use usbip::{SetupPacket, StandardRequest};

use super::urbs::Endpoints;
use super::{ClientError, Host};

/// What a device said about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enumeration {
    /// The device descriptor, 18 bytes.
    pub device: Vec<u8>,
    /// The configuration descriptor with all descriptors that belong to it.
    pub configuration: Vec<u8>,
    /// The HID report descriptor of interface 0.
    pub report_descriptor: Vec<u8>,
    /// The name of the maker; `None`: the device has none.
    pub manufacturer: Option<String>,
    /// The name of the product; `None`: the device has none.
    pub product: Option<String>,
    /// The serial number; `None`: the device has none.
    pub serial: Option<String>,
}

impl Host {
    /// Reads the descriptors as Linux does, and sets configuration 1.
    ///
    /// # Errors
    /// [`ClientError::NotHid`] if the device is of another class, [`ClientError::Stall`] if it lacks a descriptor,
    /// [`ClientError::Protocol`] if one is malformed.
    pub fn enumerate(&mut self) -> Result<Enumeration, ClientError> {
        let device = self.descriptor(DEVICE << 8, 0, 18)?;
        let head = self.descriptor(CONFIGURATION << 8, 0, 9)?;
        let total = length_at(&head, 2)?;
        let configuration = self.descriptor(CONFIGURATION << 8, 0, total)?;
        let name = |at| device.get::<usize>(at).copied().unwrap_or_default();
        let (manufacturer, product, serial) = (name(14), name(15), name(16));
        let manufacturer = self.string(manufacturer)?;
        let product = self.string(product)?;
        let serial = self.string(serial)?;
        self.control_out(standard(0x00, StandardRequest::SetConfiguration, 1, 0, 0), &[])?;
        let length = report_descriptor_length(&configuration)?;
        self.urbs.use_endpoints(endpoints(&configuration));
        let setup = standard(0x81, StandardRequest::GetDescriptor, REPORT << 8, 0, length);
        let report_descriptor = self.control_in(setup)?;
        Ok(Enumeration { device, configuration, report_descriptor, manufacturer, product, serial })
    }

    fn descriptor(&mut self, value: u16, index: u16, length: u16) -> Result<Vec<u8>, ClientError> {
        self.control_in(standard(0x80, StandardRequest::GetDescriptor, value, index, length))
    }

    fn string(&mut self, index: u8) -> Result<Option<String>, ClientError> {
        if index == 0 {
            return Ok(None);
        }
        let bytes = self.descriptor(STRING << 8 | u16::from(index), ENGLISH, 255)?;
        // Some devices fill up what was asked for: the string ends where its bLength says.
        let end = bytes.first().map_or(0, |length| bytes.len().min(usize::from(*length)));
        let units =
            bytes.get(2..end).ok_or(ClientError::Protocol("a string descriptor is too short"))?;
        let units: Vec<u16> = units.as_chunks().0.iter().copied().map(u16::from_le_bytes).collect();
        Ok(Some(String::from_utf16_lossy(&units)))
    }
}

/// The interrupt endpoints behind the HID descriptor; those that are not there are as usual.
fn endpoints(mut rest: &[u8]) -> Endpoints {
    let (mut found, mut is_hid) = (Endpoints::default(), false);
    while let [length, kind, address, ..] = *rest {
        let number = u32::from(address & 0x0F);
        match kind {
            INTERFACE if is_hid => break,
            HID => is_hid = true,
            ENDPOINT if is_hid && address & TO_HOST != 0 => found.input = number,
            ENDPOINT if is_hid => found.output = number,
            _ => {}
        }
        rest = rest.get(usize::from(length.max(2))..).unwrap_or_default();
    }
    found
}

/// wDescriptorLength of the HID descriptor, found by going from descriptor to descriptor. If there is none, the
/// error has the class of the device, which is that of its first interface. In interfaces of other classes, a
/// descriptor of this type has another meaning.
fn report_descriptor_length(mut rest: &[u8]) -> Result<u16, ClientError> {
    let (mut first, mut class) = (None, None);
    while let [length, kind, ..] = *rest {
        match kind {
            HID if class == Some(HID_CLASS) => return length_at(rest, 7),
            INTERFACE => {
                class = rest.get(5).copied();
                first = first.or(class);
            }
            _ => {}
        }
        rest = rest.get(usize::from(length.max(2))..).unwrap_or_default();
    }
    Err(first.map_or(ClientError::Protocol("no interface"), ClientError::NotHid))
}

fn length_at(bytes: &[u8], at: usize) -> Result<u16, ClientError> {
    let field = bytes.get(at..).and_then(<[u8]>::first_chunk);
    field.copied().map(u16::from_le_bytes).ok_or(ClientError::Protocol("a descriptor is cut off"))
}

fn standard(
    request_type: u8,
    request: StandardRequest,
    value: u16,
    index: u16,
    length: u16,
) -> SetupPacket {
    SetupPacket { request_type, request: request as u8, value, index, length }
}

const DEVICE: u16 = 1;
const CONFIGURATION: u16 = 2;
const STRING: u16 = 3;
const INTERFACE: u8 = 4;
const ENDPOINT: u8 = 5;
const HID: u8 = 0x21;
/// bInterfaceClass.
const HID_CLASS: u8 = 3;
const REPORT: u16 = 0x22;
const ENGLISH: u16 = 0x0409;
/// The bit of bEndpointAddress that says IN.
const TO_HOST: u8 = 0x80;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: [u8; 18] = [9, 2, 41, 0, 1, 1, 0, 0x80, 50, 9, 4, 0, 0, 2, 3, 0, 0, 0];
    const HID_DESCRIPTOR: [u8; 9] = [9, HID, 1, 1, 0, 1, 0x22, 34, 0];

    fn endpoint(address: u8) -> [u8; 7] {
        [7, ENDPOINT, address, 3, 64, 0, 5]
    }

    #[test]
    fn reports_go_where_the_descriptors_say() {
        let of_hid = [endpoint(0x83), endpoint(0x02)].concat();
        let next_interface =
            [&[9, INTERFACE, 1, 0, 2, 0xFF, 0, 0, 0][..], &endpoint(0x84)].concat();
        let all = [&HEAD[..], &HID_DESCRIPTOR, &of_hid, &next_interface].concat();
        assert_eq!(endpoints(&all), Endpoints { input: 3, output: 2 });
        assert_eq!(report_descriptor_length(&all).expect("it is there"), 34);
    }

    proptest! {
        #[test]
        fn no_descriptors_make_the_reader_panic_or_go_round_for_ever(
            bytes in proptest::collection::vec(prop_oneof![0..10u8, Just(HID), any::<u8>()], 0..300),
        ) {
            let Endpoints { input, output } = endpoints(&bytes);
            prop_assert!(input < 16 && output < 16);
            let names_hid = bytes.contains(&HID);
            prop_assert!(names_hid || report_descriptor_length(&bytes).is_err());
        }
    }

    #[test]
    fn a_device_of_another_class_says_of_which() {
        let interface = [9, INTERFACE, 0, 0, 3, 0x0B, 0, 0, 0];
        let of_ccid = [&[54, HID][..], &[0; 52]].concat();
        let reader = [&HEAD[..9], &interface, &of_ccid, &endpoint(0x81)].concat();
        assert!(matches!(report_descriptor_length(&reader), Err(ClientError::NotHid(0x0B))));
        let none = report_descriptor_length(&HEAD[..9]);
        assert!(matches!(none, Err(ClientError::Protocol(_))));
    }

    #[test]
    fn a_device_that_names_no_endpoints_is_spoken_to_as_usual() {
        assert_eq!(endpoints(&[&HEAD[..], &HID_DESCRIPTOR].concat()), Endpoints::default());
        assert_eq!(endpoints(&[0, 0, 0, 1]), Endpoints::default());
    }
}
