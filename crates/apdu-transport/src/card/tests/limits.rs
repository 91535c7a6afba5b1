//! Each limit at N and at N + 1, where its section's file does not show both.

use std::vec::Vec;

use super::bench::*;
use crate::Settings;
use crate::limits::*;

fn extended(message: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(message.len()).expect("an extended APDU").to_be_bytes();
    [&[0x80, 0x10, 0, 0, 0, high, low], message].concat()
}

#[test]
fn a_message_may_have_7609_bytes_and_not_7610_whatever_the_settings() {
    // MESSAGE_MAX, NF-14
    let mut bench = Bench::with(Settings { max_message: u16::MAX, ..Settings::default() });
    bench.select();
    let longest = counted(usize::from(MESSAGE_MAX));
    assert_eq!(bench.send_bytes(&extended(&longest)), ctap(false, &longest));
    bench.respond(&[0]);
    bench.hear();
    for length in [usize::from(MESSAGE_MAX) + 1, 65_535] {
        assert_eq!(bench.send_bytes(&extended(&counted(length))), None);
        assert_eq!(bench.hear(), Some("399000".into()));
    }
}

#[test]
fn an_answer_may_have_7609_bytes_and_not_7610() {
    // MESSAGE_MAX
    let mut bench = Bench::selected();
    let longest = counted(usize::from(MESSAGE_MAX));
    assert_eq!(bench.ask_key("80100000 000001 04", &longest), hex(&longest) + "9000");
    assert_eq!(bench.ask_key("80100000 000001 04", &counted(7610)), "6F00");
}

#[test]
fn a_short_apdu_carries_255_bytes_and_256_of_answer() {
    // SHORT_DATA_MAX, SHORT_ANSWER_MAX, NF-12
    let mut bench = Bench::selected();
    let message = counted(SHORT_DATA_MAX);
    let apdu = [&[0x80, 0x10, 0, 0, 255][..], &message, &[0]].concat();
    assert_eq!(bench.send_bytes(&apdu), ctap(false, &message));
    bench.respond(&counted(SHORT_ANSWER_MAX));
    assert_eq!(bench.hear(), Some(hex(&counted(256)) + "9000"));
    assert!(bench.ask_key(GET_INFO, &counted(SHORT_ANSWER_MAX + 1)).ends_with("6101"));
}

#[test]
fn the_sizes_fit_together() {
    assert!(CHUNK <= SHORT_DATA_MAX && usize::from(MESSAGE_MAX) < EXTENDED_ANSWER_MAX);
    assert!(POLL_PAUSE <= POLL_HOLD && POLL_HOLD < DIRECT_ANSWER);
}

#[test]
fn a_chain_without_end_takes_no_memory() {
    // MESSAGE_MAX, NF-14
    let mut bench = Bench::selected();
    let part = [&[0x90, 0x10, 0, 0, 250][..], &counted(250)].concat();
    for _ in 0..10_000 {
        assert_eq!(bench.send_bytes(&part), None);
        assert_eq!(bench.hear(), Some("9000".into()));
    }
    assert!(bench.card.message.capacity() <= 2 * usize::from(MESSAGE_MAX));
    assert_eq!(bench.ask("80100000 01 04"), "399000");
}
