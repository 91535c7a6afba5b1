//! Setup packets, requests and descriptor types (USB 2.0 sections 9.3 to 9.5), for both ends.

/// A setup packet (USB 2.0 section 9.3): what a control transfer asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetupPacket {
    /// bmRequestType: direction, type and recipient.
    pub request_type: u8,
    /// bRequest.
    pub request: u8,
    /// wValue, whose meaning depends on the request.
    pub value: u16,
    /// wIndex: an interface, an endpoint, or a string's language.
    pub index: u16,
    /// wLength: bytes of the data stage, or, to the host, the most of them.
    pub length: u16,
}

impl SetupPacket {
    /// From the 8 bytes of an URB: numbers begin with their low byte.
    pub(crate) fn parse(bytes: [u8; 8]) -> Self {
        let [request_type, request, fields @ ..] = bytes;
        let [value0, value1, index0, index1, length0, length1] = fields;
        Self {
            request_type,
            request,
            value: u16::from_le_bytes([value0, value1]),
            index: u16::from_le_bytes([index0, index1]),
            length: u16::from_le_bytes([length0, length1]),
        }
    }

    /// The 8 bytes of an URB.
    pub(crate) fn to_bytes(self) -> [u8; 8] {
        let [value0, value1] = self.value.to_le_bytes();
        let [index0, index1] = self.index.to_le_bytes();
        let [length0, length1] = self.length.to_le_bytes();
        [self.request_type, self.request, value0, value1, index0, index1, length0, length1]
    }
}

// bRequest: USB 2.0 table 9-4.
pub(crate) const GET_STATUS: u8 = 0;
pub(crate) const CLEAR_FEATURE: u8 = 1;
pub(crate) const SET_FEATURE: u8 = 3;
pub(crate) const SET_ADDRESS: u8 = 5;
pub(crate) const GET_DESCRIPTOR: u8 = 6;
pub(crate) const GET_CONFIGURATION: u8 = 8;
pub(crate) const SET_CONFIGURATION: u8 = 9;
pub(crate) const GET_INTERFACE: u8 = 10;
pub(crate) const SET_INTERFACE: u8 = 11;

// bDescriptorType: USB 2.0 table 9-5, HID 1.11 section 7.1.
pub(crate) const DEVICE: u8 = 1;
pub(crate) const CONFIGURATION: u8 = 2;
pub(crate) const STRING: u8 = 3;
pub(crate) const INTERFACE: u8 = 4;
pub(crate) const ENDPOINT: u8 = 5;
pub(crate) const HID: u8 = 0x21;
pub(crate) const REPORT: u8 = 0x22;

/// The language of strings: English (United States).
pub(crate) const ENGLISH: u16 = 0x0409;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_of_a_setup_packet_begin_with_their_low_byte() {
        let bytes = [0x80, GET_DESCRIPTOR, 0x01, 0x03, 0x09, 0x04, 0xFF, 0x00];
        let packet = SetupPacket::parse(bytes);
        let expected = SetupPacket {
            request_type: 0x80,
            request: GET_DESCRIPTOR,
            value: 0x0301,
            index: ENGLISH,
            length: 255,
        };
        assert_eq!(packet, expected);
    }

    proptest! {
        #[test]
        fn a_setup_packet_is_its_8_bytes(bytes: [u8; 8]) {
            prop_assert_eq!(SetupPacket::parse(bytes).to_bytes(), bytes);
        }
    }
}
