//! Long answers and GET RESPONSE: rules NF-12, NF-16, NF-17, NF-18.

use super::bench::*;

use std::format;

#[test]
fn an_extended_request_is_answered_whole_and_a_short_one_piece_by_piece() {
    // NF-12, NF-16, NF-17
    let answer = counted(600);
    let mut bench = Bench::selected();
    let whole = hex(&[&answer[..], &[0x90, 0]].concat());
    for apdu in ["80100000 000001 04 0000", "80100000 000001 04"] {
        assert_eq!(bench.ask_key(apdu, &answer), whole, "{apdu}");
    }
    for (apdu, class) in [("80100000 01 04 00", "00"), ("80100000 01 04", "80")] {
        let get_response = format!("{class}C00000 00");
        assert_eq!(bench.ask_key(apdu, &answer), hex(&answer[..256]) + "6100", "{apdu}");
        assert_eq!(bench.ask(&get_response), hex(&answer[256..512]) + "6158");
        assert_eq!(bench.ask(&get_response), hex(&answer[512..]) + "9000");
        assert_eq!(bench.ask(&get_response), NOT_NOW, "it is delivered once");
    }
}

#[test]
fn what_is_left_is_told_in_one_byte_and_00_is_256_or_more() {
    // NF-16
    for (length, word) in
        [(256, "9000"), (257, "6101"), (511, "61FF"), (512, "6100"), (513, "6100"), (1000, "6100")]
    {
        let mut bench = Bench::selected();
        let expected = hex(&counted(length)[..256]) + word;
        assert_eq!(bench.ask_key(GET_INFO, &counted(length)), expected, "{length}");
    }
}

#[test]
fn exactly_256_left_are_fetched_at_once() {
    // NF-16
    let mut bench = Bench::selected();
    assert!(bench.ask_key(GET_INFO, &counted(512)).ends_with("6100"));
    assert_eq!(bench.ask("80C00000 00"), hex(&counted(512)[256..]) + "9000");
}

#[test]
fn a_client_gets_no_more_than_it_has_room_for() {
    // NF-16, NF-17
    let mut bench = Bench::selected();
    assert_eq!(bench.ask_key("80100000 01 04 02", &counted(7)), "00016105");
    assert_eq!(bench.ask("00C00000 03"), "0203046102");
    assert_eq!(bench.ask("00C00000 FF"), "05069000");
    assert_eq!(bench.ask_key("80100000 000001 04 0003", &counted(5)), "0001026102");
    assert_eq!(bench.ask("00C00000 000000"), "03049000");
}

#[test]
fn any_other_command_drops_the_rest() {
    // NF-17
    for other in ["80110000 00", "00A40400 05 D276000085 00", "00750000", "00C00001 00"] {
        let mut bench = Bench::selected();
        bench.ask_key(GET_INFO, &counted(300));
        bench.ask(other);
        assert_eq!(bench.ask("00C00000 00"), NOT_NOW, "{other}");
    }
    let mut bench = Bench::selected();
    bench.ask_key(GET_INFO, &counted(300));
    bench.ask_key(GET_INFO, &[0]);
    assert_eq!(bench.ask("00C00000 00"), NOT_NOW);
}

#[test]
fn get_response_without_anything_left_or_with_parameters_is_refused() {
    // NF-17
    let mut bench = Bench::selected();
    bench.refuses(&[
        ("00C00000 00", NOT_NOW),
        ("80C00000", NOT_NOW),
        ("00C00100 00", "6A86"),
        ("80C00001 00", "6A86"),
        ("00C00000 01 00", "6700"),
    ]);
}

#[test]
fn the_rest_is_given_under_classes_00_and_80_alone() {
    // NF-17, NF-19
    for class in ["01", "04", "84", "FF"] {
        let mut bench = Bench::selected();
        bench.ask_key(GET_INFO, &counted(300));
        assert_eq!(bench.ask(&format!("{class}C00000 00")), "6E00", "{class}");
    }
}

#[test]
fn lengths_that_do_not_fit_are_refused_in_both_forms() {
    // NF-18, UF-07
    let mut bench = Bench::selected();
    for apdu in [
        "80100000 05 04 00",
        "80100000 FF 04 00",
        "80100000 01 040000",
        "80100000 0000FF 04 0000",
        "80100000 000001 04 00",
        "00A40400 09 A0000006472F0001",
        "00010000 41 00",
        "00010000 000041 00",
    ] {
        assert_eq!(bench.ask(apdu), "6700", "{apdu}");
    }
}
