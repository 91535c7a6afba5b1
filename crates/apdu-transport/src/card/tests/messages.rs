//! NFCCTAP_MSG, classes and instructions: rules NF-10, NF-11, NF-15, NF-19, NF-20.

use super::bench::*;

#[test]
fn a_message_comes_through_and_its_answer_goes_back_with_9000() {
    // NF-10
    let mut bench = Bench::selected();
    assert_eq!(bench.send("80100000 03 01A0A1 00"), ctap(false, &[1, 0xA0, 0xA1]));
    bench.respond(&[0x00, 0xA0]);
    assert_eq!(bench.hear(), Some("00A09000".into()));
}

#[test]
fn an_error_of_ctap_is_no_error_of_the_card() {
    // NF-10
    let mut bench = Bench::selected();
    assert_eq!(bench.ask_key("80100000 01 01 00", &[0x2E]), "2E9000");
}

#[test]
fn p1_says_whether_the_client_can_poll_and_nothing_else() {
    // NF-11
    for (p1, can_poll) in [("00", false), ("80", true), ("01", false), ("FF", true)] {
        let mut bench = Bench::selected();
        let apdu = std::format!("8010{p1}00 01 04 00");
        assert_eq!(bench.send(&apdu), ctap(can_poll, &[4]), "{p1}");
    }
}

#[test]
fn p2_is_0() {
    // NF-34
    assert_eq!(Bench::selected().ask("80108001 01 04 00"), "6A86");
}

#[test]
fn a_message_without_a_byte_is_refused() {
    // NF-15
    let mut bench = Bench::selected();
    for apdu in ["80100000", "80100000 00", "80108000 000000", "80108000 000000 0000"] {
        assert_eq!(bench.ask(apdu), "6700", "{apdu}");
    }
    bench.ask("90108000");
    assert_eq!(bench.ask("80108000 00"), "6700", "in two parts");
}

#[test]
fn an_unknown_class_comes_before_an_unknown_instruction_and_that_before_wrong_lengths() {
    // NF-19, UF-04
    let mut bench = Bench::selected();
    bench.refuses(&[
        ("01100000 01 04 00", "6E00"),
        ("FF75", "6700"),
        ("FF750000 05 04", "6E00"),
        ("80750000 05 04", "6D00"),
        ("80100001 05 04", "6700"),
        ("80100001 01 04", "6A86"),
        ("84100000 01 04 00", "6E00"),
        ("A0100000 01 04 00", "6E00"),
        ("00CADF30 05", "6D00"),
        ("00CB3FFF 03 5C013F 00", "6D00"),
        ("00B00000 00", "6D00"),
    ]);
}

#[test]
fn ctap_is_not_in_class_00() {
    // NF-20: one maker takes it there.
    let mut bench = Bench::selected();
    for apdu in ["00100000 01 04 00", "00110000 00", "00120100"] {
        assert_eq!(bench.ask(apdu), "6D00", "{apdu}");
    }
}

#[test]
fn less_than_a_header_is_too_short() {
    // NF-18
    let mut bench = Bench::selected();
    for apdu in ["", "00", "8010", "801000"] {
        assert_eq!(bench.ask(apdu), "6700");
    }
}

#[test]
fn an_answer_that_cannot_be_is_the_keys_fault_and_said_so() {
    let mut bench = Bench::selected();
    assert_eq!(bench.ask_key(GET_INFO, &[]), "6F00");
    assert_eq!(bench.ask_key("00030000 00", &[0x90]), "6F00");
    assert_eq!(bench.ask_key(GET_INFO, &[0]), "009000", "the next one is answered");
}

#[test]
fn a_late_answer_goes_to_nobody() {
    let mut bench = Bench::selected();
    bench.send(GET_INFO);
    let first = bench.last_request.expect("a request");
    assert_eq!(bench.send(SELECT), Some(Happened::Abandon));
    bench.hear();
    bench.send("80108000 01 07 00");
    bench.card.respond(first, &[0xAA]);
    bench.card.set_waiting_for_user(first, true);
    bench.wait(300);
    assert_eq!(bench.hear(), Some("019100".into()), "no touch is wanted for this one");
    bench.respond(&[0]);
    assert_eq!(bench.ask(POLL), "009000");
}

#[test]
fn a_reader_that_goes_on_before_the_response_has_given_it_up() {
    let mut bench = Bench::selected();
    bench.send(GET_INFO);
    assert_eq!(bench.send("80100000 01 07 00"), Some(Happened::Abandon));
    assert_eq!(bench.hear(), Some(NOT_NOW.into()));
    assert_eq!(bench.ask_key("80100000 01 07 00", &[0]), "009000");
}
