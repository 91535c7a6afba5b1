//! Spoils the bytes of an answer.

use rand_core::CryptoRng;

use super::cbor;
use super::fault::Fault;

/// The message with all of these faults, in their order: status and CBOR.
pub(crate) fn spoilt(mut message: Vec<u8>, faults: &[Fault], rng: &mut dyn CryptoRng) -> Vec<u8> {
    for fault in faults {
        spoil(&mut message, *fault, rng);
    }
    message
}

fn spoil(message: &mut Vec<u8>, fault: Fault, rng: &mut dyn CryptoRng) {
    match fault {
        Fault::MalformedCbor => {
            let byte = NO_CBOR[rng.next_u32() as usize % NO_CBOR.len()];
            match message.get_mut(1) {
                Some(first) => *first = byte,
                None => message.push(byte),
            }
        }
        Fault::TruncatedCbor { bytes } => message.truncate(bytes.into()),
        Fault::TrailingBytes { bytes } => {
            let end = message.len();
            message.resize(end + usize::from(bytes), 0);
            rng.fill_bytes(&mut message[end..]);
        }
        Fault::OversizedCbor { bytes } => cbor::stretch(message, bytes.into()),
        Fault::UnsortedCbor => cbor::reverse_maps(message),
        _ => {}
    }
}

/// Bytes that begin no item: additional information that is reserved, and a break outside of everything.
const NO_CBOR: [u8; 4] = [0x1C, 0x5D, 0xBE, 0xFF];

#[cfg(test)]
mod tests {
    use ctap_client::cbor;
    use proptest::prelude::*;
    use rand_chacha::ChaCha12Rng;
    use rand_core::SeedableRng as _;

    use super::*;

    /// The status, and `{1: ["a"], 4: {"rk": true, "up": false}}`.
    const ANSWER: [u8; 16] =
        [0, 0xA2, 1, 0x81, 0x61, b'a', 4, 0xA2, 0x62, b'r', b'k', 0xF5, 0x62, b'u', b'p', 0xF4];

    fn with(fault: Fault) -> Vec<u8> {
        spoilt(ANSWER.to_vec(), &[fault], &mut ChaCha12Rng::seed_from_u64(1))
    }

    #[test]
    fn each_fault_of_an_answer_spoils_what_it_says() {
        let malformed = with(Fault::MalformedCbor);
        assert!(NO_CBOR.contains(&malformed[1]) && malformed[2..] == ANSWER[2..]);
        assert_eq!(with(Fault::TruncatedCbor { bytes: 5 }), ANSWER[..5]);
        let trailing = with(Fault::TrailingBytes { bytes: 3 });
        assert_eq!((&trailing[..16], trailing.len()), (&ANSWER[..], 19));
        let unsorted =
            [0, 0xA2, 4, 0xA2, 0x62, b'u', b'p', 0xF4, 0x62, b'r', b'k', 0xF5, 1, 0x81, 0x61, b'a'];
        assert_eq!(with(Fault::UnsortedCbor), unsorted);
        assert_eq!(with(Fault::Silence), ANSWER, "that is no fault of the answer's bytes");
    }

    #[test]
    fn an_oversized_answer_is_right_cbor_of_the_length_that_was_asked_for() {
        for bytes in (24..400).chain([2049, 7609]) {
            let long = with(Fault::OversizedCbor { bytes });
            assert_eq!(long.len(), usize::from(bytes));
            let members = cbor::decode(&long[1..]).expect("right CBOR");
            assert_eq!(members.as_map().map(Vec::len), Some(3));
        }
        assert_eq!(with(Fault::OversizedCbor { bytes: 10 }), ANSWER, "it is longer already");
    }

    proptest! {
        #[test]
        fn whatever_an_answer_is_the_same_seed_spoils_it_in_the_same_way(answer in proptest::collection::vec(any::<u8>(), 0..200), number in any::<u16>(), seed in any::<u64>()) {
            let bytes = number % 300;
            let faults = [
                Fault::OversizedCbor { bytes }, Fault::UnsortedCbor, Fault::MalformedCbor, Fault::TrailingBytes { bytes }, Fault::TruncatedCbor { bytes },
            ];
            let spoil = || spoilt(answer.clone(), &faults, &mut ChaCha12Rng::seed_from_u64(seed));
            prop_assert_eq!(spoil(), spoil());
            prop_assert!(spoil().len() <= usize::from(bytes));
        }
    }
}
