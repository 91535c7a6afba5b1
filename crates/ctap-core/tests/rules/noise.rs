//! Messages of any shape: what is not understood is refused in one byte, and changes nothing.

use ctap_client::cbor;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::attestation::attestation_key;
use crate::invariants::config;
use crate::support::{Key, Setup, Value};

/// Values of the kinds that requests are made of, under the keys that they have.
fn some_value() -> impl Strategy<Value = Value> {
    let texts =
        prop_oneof![Just("public-key"), Just("example.org"), Just("rk"), Just("up"), Just("id")];
    let leaf = prop_oneof![
        (-300..300_i64).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        vec(any::<u8>(), 0..70).prop_map(Value::Bytes),
        texts.prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let keys = prop_oneof![8 => (1..13_i64).prop_map(Value::from), 1 => Just("id".into()), 1 => Just("type".into())];
    leaf.prop_recursive(3, 40, 8, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            vec((keys.clone(), inner), 0..10).prop_map(Value::Map),
        ]
    })
}

fn some_message() -> impl Strategy<Value = Vec<u8>> {
    let command = prop_oneof![9 => 0x01..0x0e_u8, 1 => any::<u8>()];
    let canonical = some_value().prop_map(|value| cbor::encode(&value));
    let body = prop_oneof![4 => canonical, 1 => vec(any::<u8>(), 0..100)];
    (command, body).prop_map(|(command, body)| [vec![command], body].concat())
}

fn some_apdu() -> impl Strategy<Value = Vec<u8>> {
    let head = (prop_oneof![9 => Just(0), 1 => any::<u8>()], 0..5_u8, 0..10_u8);
    let lengths = prop_oneof![Just(vec![]), Just(vec![0, 0, 64]), vec(any::<u8>(), 0..4)];
    (head, lengths, vec(any::<u8>(), 0..150)).prop_map(
        |((class, instruction, p1), lengths, rest)| {
            [vec![class, instruction, p1, 0], lengths, rest].concat()
        },
    )
}

proptest! {
    #![proptest_config(config(64))]

    // MSG-02, MSG-30, MSG-60
    #[test]
    fn every_message_is_answered_by_a_status_or_by_success_and_canonical_cbor(
        messages in vec(some_message(), 1..20),
    ) {
        let mut key = Setup { pin: true, not_rqd: true, ..Setup::default() }.key();
        for message in messages {
            let commits = key.medium.commits();
            let answer = key.call(&message);
            match &answer[..] {
                [0, body @ ..] if !body.is_empty() => {
                    let value = cbor::decode(body).unwrap();
                    prop_assert_eq!(cbor::check_canonical(body, &value), Ok(()));
                }
                [0] => {}
                // A wrong PIN is paid for (CP-25).
                [_] => prop_assert!(message[0] == 6 || key.medium.commits() == commits),
                _ => prop_assert!(false, "{:02x?} to {:02x?}", answer, message),
            }
        }
    }

    // UF-02, UF-04
    #[test]
    fn every_apdu_is_answered_by_a_status_word_with_data_before_it_only_if_it_says_success(
        apdus in vec(some_apdu(), 1..20),
    ) {
        let mut key = Key::made(|config| {
            config.attestation_key = Some(attestation_key(1));
            config.u2f = true;
        });
        for apdu in apdus {
            let answer = key.call_u2f(&apdu);
            let (data, word) = answer.split_last_chunk::<2>().unwrap();
            prop_assert!(data.is_empty() || *word == [0x90, 0x00]);
        }
    }
}
