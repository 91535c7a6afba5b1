//! The conformance tool's script nfc-1, case by case (docs/rules/18-tool-cases.md).

use std::iter::repeat;

use super::bench::*;

#[test]
fn p_1_select_says_u2f_v2() {
    // NF-01, NF-02
    assert_eq!(Bench::new().ask("00A4040008A0000006472F000100"), hex(b"U2F_V2\x90\x00"));
}

#[test]
fn p_2_make_credential_in_one_extended_apdu() {
    // NF-12, NF-16
    let mut bench = Bench::selected();
    let message = counted(700);
    let apdu = [&[0x80, 0x10, 0x80, 0, 0, 0x02, 0xBC][..], &message, &[0, 0]].concat();
    assert_eq!(bench.send_bytes(&apdu), ctap(true, &message));
    bench.respond(&counted(900));
    assert_eq!(bench.hear(), Some(hex(&counted(900)) + "9000"));
}

#[test]
fn p_3_make_credential_in_short_apdus_of_240() {
    // NF-13, NF-21
    in_parts(repeat(240));
}

#[test]
fn p_4_make_credential_in_short_apdus_of_mixed_sizes() {
    // NF-13, NF-21
    in_parts([97, 240].into_iter().cycle());
    in_parts([240, 97, 97].into_iter().cycle());
}

fn in_parts(sizes: impl Iterator<Item = usize>) {
    let mut bench = Bench::selected();
    let message = counted(700);
    let mut happened = None;
    for part in parts(0x80, &message, sizes) {
        assert_eq!(happened, None);
        happened = bench.send_bytes(&part);
        if happened.is_none() {
            assert_eq!(bench.hear(), Some("9000".into()));
        }
    }
    assert_eq!(happened, ctap(true, &message));
    bench.respond(&counted(900));
    assert_eq!(bench.hear(), Some(hex(&counted(256)) + "6100"));
    assert_eq!(bench.ask("80C0000000"), hex(&counted(900)[256..512]) + "6100");
    assert_eq!(bench.ask("80C0000000"), hex(&counted(900)[512..768]) + "6184");
    assert_eq!(bench.ask("80C0000084"), hex(&counted(900)[768..]) + "9000");
}

#[test]
fn f_1_f_2_get_info_with_an_unknown_instruction() {
    // NF-19, UF-08
    let mut bench = Bench::selected();
    assert_eq!(bench.ask("80750000 01 04 00"), "6D00");
    assert_eq!(bench.ask("80750000 000001 04 0000"), "6D00");
}

#[test]
fn f_3_f_4_get_info_with_a_wrong_lc() {
    // NF-18
    let mut bench = Bench::selected();
    assert_eq!(bench.ask("80108000 FF 04 00"), "6700");
    assert_eq!(bench.ask("80108000 0000FF 04 0000"), "6700");
}
