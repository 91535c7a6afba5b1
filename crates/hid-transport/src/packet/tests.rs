use std::vec::Vec;

use proptest::prelude::*;

use super::*;

const PING_OF_100: [u8; 7] = [0x01, 0x02, 0x03, 0x04, 0x81, 0x00, 0x64];

#[test]
fn an_initialization_packet_is_channel_command_length_and_57_bytes() {
    // HD-02
    let mut report = [0xAA; REPORT_SIZE];
    report[..7].copy_from_slice(&PING_OF_100);
    let packet = Packet::parse(&report);
    let expected = Initialization {
        channel: ChannelId::new(0x0102_0304),
        command: 0x01,
        length: 100,
        data: &[0xAA; INITIALIZATION_DATA],
    };
    assert_eq!(packet, Packet::Initialization(expected));
}

#[test]
fn a_continuation_packet_is_channel_sequence_and_59_bytes() {
    // HD-03
    let mut report = [0xBB; REPORT_SIZE];
    report[..5].copy_from_slice(&[0x01, 0x02, 0x03, 0x04, 0x7F]);
    let expected = Continuation {
        channel: ChannelId::new(0x0102_0304),
        sequence: 0x7F,
        data: &[0xBB; CONTINUATION_DATA],
    };
    assert_eq!(Packet::parse(&report), Packet::Continuation(expected));
}

#[test]
fn short_bytes_are_padded_with_zeros_and_long_ones_cut() {
    // HD-01
    assert_eq!(fitted::<4>(&[1, 2]), [1, 2, 0, 0]);
    assert_eq!(fitted::<4>(&[1, 2, 3, 4, 5]), [1, 2, 3, 4]);
}

proptest! {
    #[test]
    fn every_report_is_a_packet_and_every_packet_its_report(
        bytes in prop::collection::vec(any::<u8>(), REPORT_SIZE)
    ) {
        let bytes: Vec<u8> = bytes;
        let report: Report = bytes.try_into().expect("64 bytes");
        prop_assert_eq!(Packet::parse(&report).encode(), report);
    }
}
