use std::vec::Vec;

use proptest::prelude::*;

use super::*;

const ANSWER: InitAnswer = InitAnswer {
    nonce: [1, 2, 3, 4, 5, 6, 7, 8],
    channel: ChannelId::new(0x0A0B_0C0D),
    protocol_version: PROTOCOL_VERSION,
    version: [5, 4, 3],
    capabilities: Capabilities { wink: true, cbor: true, nmsg: false },
};

#[test]
fn an_answer_is_nonce_channel_versions_and_capabilities() {
    // HD-35
    let bytes = [1, 2, 3, 4, 5, 6, 7, 8, 0x0A, 0x0B, 0x0C, 0x0D, 2, 5, 4, 3, 0x05];
    assert_eq!(ANSWER.encode(), bytes);
    assert_eq!(InitAnswer::parse(&bytes), Some(ANSWER));
}

#[test]
fn a_longer_answer_is_read_and_a_shorter_one_is_not() {
    // HD-35
    let mut bytes: Vec<u8> = ANSWER.encode().to_vec();
    bytes.push(0xFF);
    assert_eq!(InitAnswer::parse(&bytes), Some(ANSWER));
    assert_eq!(InitAnswer::parse(&bytes[..InitAnswer::LENGTH - 1]), None);
}

#[test]
fn only_the_bits_for_wink_cbor_and_nmsg_exist() {
    // HD-42
    for byte in 0..=u8::MAX {
        assert_eq!(Capabilities::from_byte(byte).as_byte(), byte & 0x0D);
    }
}

proptest! {
    #[test]
    fn reading_and_writing_are_inverse(
        nonce in any::<[u8; 8]>(),
        channel in any::<u32>(),
        protocol_version in any::<u8>(),
        version in any::<[u8; 3]>(),
        bits in any::<u8>(),
    ) {
        let channel = ChannelId::new(channel);
        let capabilities = Capabilities::from_byte(bits);
        let answer = InitAnswer { nonce, channel, protocol_version, version, capabilities };
        prop_assert_eq!(InitAnswer::parse(&answer.encode()), Some(answer));
    }
}
