//! U2F messages: rule NF-22, and what U2F says of APDUs.

use super::bench::*;
use crate::Settings;

const REGISTER: &str = "00010300 000003 AABBCC 0000";

#[test]
fn a_u2f_message_becomes_one_extended_apdu_however_it_came() {
    // NF-22, UF-01, UF-02, UF-03
    for apdu in [
        "00010300 03 AABBCC",
        "00010300 03 AABBCC 00",
        "00010300 000003 AABBCC",
        "00010300 000003 AABBCC 0000",
    ] {
        assert_eq!(Bench::selected().send(apdu), u2f(REGISTER), "{apdu}");
    }
    for apdu in ["00030000", "00030000 00", "00030000 000000", "00030000 000000 0000"] {
        assert_eq!(Bench::selected().send(apdu), u2f("00030000 000000"), "{apdu}");
    }
}

#[test]
fn a_u2f_message_may_come_in_parts() {
    // NF-13, NF-22: the longest key handle does not fit into a short APDU.
    let mut bench = Bench::selected();
    assert_eq!(bench.ask("10010300 02 AABB"), "9000");
    assert_eq!(bench.send("00010300 01 CC 00"), u2f(REGISTER));
}

#[test]
fn the_status_word_is_the_keys() {
    // NF-22, UF-09
    let mut bench = Bench::selected();
    assert_eq!(bench.ask_key("00030000 00", b"U2F_V2\x90\x00"), hex(b"U2F_V2\x90\x00"));
    for word in [[0x69, 0x85], [0x69, 0x86], [0x6A, 0x80], [0x67, 0x00]] {
        assert_eq!(bench.ask_key("00020300 00", &word), hex(&word));
    }
}

#[test]
fn a_long_answer_comes_piece_by_piece_and_ends_in_the_keys_status_word() {
    // NF-16, NF-22
    let answer = [&counted(300)[..], &[0x90, 0x00]].concat();
    let mut bench = Bench::selected();
    assert_eq!(bench.ask_key("00010000 01 AA 00", &answer), hex(&counted(256)) + "612C");
    assert_eq!(bench.ask("00C00000 2C"), hex(&counted(300)[256..]) + "9000");
    assert_eq!(bench.ask_key("00010000 000001 AA", &answer), hex(&answer));
}

#[test]
fn a_u2f_client_is_never_told_9100() {
    // NF-30: P1 is U2F's own there, whatever its bits.
    let mut bench = Bench::selected();
    bench.send("00028000 01 AA 00");
    bench.wait(10_000);
    assert_eq!(bench.hear(), None);
    bench.respond(&[0x69, 0x85]);
    assert_eq!(bench.hear(), Some(NOT_NOW.into()));
}

#[test]
fn class_80_is_known_and_has_none_of_u2fs_instructions() {
    // UF-05, UF-06, UF-08
    let mut bench = Bench::selected();
    bench.refuses(&[
        ("80750000 03 AABBCC", "6D00"),
        ("80010300 03 AABBCC", "6D00"),
        ("00000000 03 AABBCC", "6D00"),
        ("00400000 03 AABBCC", "6D00"),
        ("00BF0000 03 AABBCC", "6D00"),
        ("60010300 03 AABBCC", "6E00"),
    ]);
}

#[test]
fn a_u2f_message_beyond_the_limit_has_the_wrong_length() {
    // NF-14
    let mut bench = Bench::with(Settings { max_message: 12, ..Settings::default() });
    bench.select();
    assert_eq!(bench.send("00010300 03 AABBCC"), u2f(REGISTER));
    bench.respond(&[0x67, 0x00]);
    bench.hear();
    assert_eq!(bench.ask("00010300 04 AABBCCDD"), "6700");
}
