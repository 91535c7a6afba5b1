//! Selection, its end, and power: rules NF-01 to NF-07 and NF-36.

use super::bench::*;
use crate::{Kind, Settings, Version};

#[test]
fn select_is_answered_u2f_v2_with_and_without_le() {
    // NF-01, NF-02
    for select in [
        SELECT,
        "00A40400 08 A0000006472F0001",
        "00A40400 000008 A0000006472F0001",
        "00A40400 000008 A0000006472F0001 0000",
        "00A40400 08 A0000006472F0001 08",
    ] {
        assert_eq!(Bench::new().ask(select), without_spaces(U2F_V2), "{select}");
    }
}

#[test]
fn a_key_without_u2f_answers_fido_2_0_and_nothing_newer() {
    // NF-02, UF-50
    let mut bench = Bench::with(Settings { version: Version::Fido20, ..Settings::default() });
    assert_eq!(bench.ask(SELECT), hex(b"FIDO_2_0\x90\x00"));
    bench.card.set_version(Version::U2fV2);
    assert_eq!(bench.ask(SELECT), hex(b"U2F_V2\x90\x00"));
}

#[test]
fn select_that_wants_no_answer_gets_none_and_selects() {
    // NF-03
    let mut bench = Bench::new();
    assert_eq!(bench.ask("00A4040C 08 A0000006472F0001"), "9000");
    assert_eq!(bench.send(GET_INFO), ctap(false, &[4]));
}

#[test]
fn another_application_is_not_found_and_fido_stays_selected() {
    // NF-03
    let mut bench = Bench::selected();
    for select in ["00A40400 0B A0000003974349445F0100 00", "00A4040C 06 D27600012401"] {
        assert_eq!(bench.ask(select), "6A82");
    }
    assert_eq!(bench.ask_key(GET_INFO, &[0]), "009000");
}

#[test]
fn a_part_of_the_identifier_selects_nothing() {
    // NF-04
    let mut bench = Bench::new();
    for select in [
        "00A40400",
        "00A40400 00",
        "00A40400 05 A000000647 00",
        "00A40400 07 A0000006472F00 00",
        "00A40400 09 A0000006472F000101 00",
    ] {
        assert_eq!(bench.ask(select), "6A82", "{select}");
        assert_eq!(bench.ask(GET_INFO), NOT_NOW);
    }
}

#[test]
fn select_by_anything_but_a_name_is_refused() {
    // NF-03
    let mut bench = Bench::new();
    for select in [
        "00A40000 02 3F00",
        "00A40402 08 A0000006472F0001 00",
        "00A40404 08 A0000006472F0001 00",
        "00A40C00 08 A0000006472F0001 00",
    ] {
        assert_eq!(bench.ask(select), "6A86", "{select}");
    }
}

#[test]
fn select_ends_a_request_that_runs() {
    // NF-05
    for request in [GET_INFO, GET_INFO_POLLED] {
        let mut bench = Bench::selected();
        bench.send(request);
        bench.wait(300);
        bench.hear();
        let late = bench.last_request.expect("a request");
        assert_eq!(bench.send(SELECT), Some(Happened::Abandon));
        assert_eq!(bench.hear(), Some(without_spaces(U2F_V2)));
        bench.card.respond(late, &[0]);
        assert_eq!((bench.hear(), bench.ask(POLL)), (None, NOT_NOW.into()));
    }
}

#[test]
fn select_ends_a_chain_and_drops_the_rest_of_an_answer() {
    // NF-05
    let mut bench = Bench::selected();
    bench.ask("90108000 01 04");
    bench.select();
    assert_eq!(bench.send("80108000 01 05 00"), ctap(true, &[5]));
    bench.respond(&counted(300));
    assert!(bench.hear().is_some_and(|heard| heard.ends_with("612C")));
    bench.select();
    assert_eq!(bench.ask("00C00000 00"), NOT_NOW);
}

#[test]
fn select_drops_an_answer_that_nobody_has_polled() {
    // NF-05
    let mut bench = Bench::running();
    bench.respond(&[0, 1, 2]);
    bench.select();
    assert_eq!(bench.ask(POLL), NOT_NOW);
}

#[test]
fn nothing_of_fidos_is_done_before_select() {
    // NF-06
    let mut bench = Bench::new();
    for apdu in [GET_INFO, GET_INFO_POLLED, POLL, CANCEL, "00030000 00", "00C00000 00", "80120100"]
    {
        assert_eq!(bench.ask(apdu), NOT_NOW, "{apdu}");
    }
}

#[test]
fn power_off_and_on_leave_nothing_whatever_was_going_on() {
    // NF-07
    let in_the_middle: [fn(&mut Bench); 5] = [
        |bench| drop(bench.ask("90108000 01 04")),
        |bench| drop(bench.send(GET_INFO)),
        |bench| drop(bench.send(GET_INFO_POLLED)),
        |bench| drop(bench.ask_key(GET_INFO, &counted(300))),
        |bench| {
            bench.send(GET_INFO_POLLED);
            bench.wait(300);
            bench.respond(&[0]);
        },
    ];
    for go_on in in_the_middle {
        let mut bench = Bench::selected();
        go_on(&mut bench);
        bench.card.reset();
        if bench.last_request.is_some() {
            bench.respond(&[0]);
        }
        assert_eq!((bench.hear(), bench.card.poll_timeout()), (None, None));
        for apdu in [GET_INFO, POLL, "00C00000 00"] {
            assert_eq!(bench.ask(apdu), NOT_NOW);
        }
        bench.select();
        assert_eq!(bench.ask_key("80100000 01 07 00", &[0]), "009000");
    }
}

#[test]
fn after_the_end_fido_wants_to_be_selected_again() {
    // NF-36
    let mut bench = Bench::selected();
    assert_eq!(bench.send("80120100"), Some(Happened::End));
    assert_eq!(bench.hear(), Some("9000".into()));
    assert_eq!(bench.ask(GET_INFO), NOT_NOW);
    bench.select();
    assert_eq!(bench.send("80120100 00"), Some(Happened::End));
}

#[test]
fn the_end_ends_a_request_that_runs() {
    // NF-36
    let mut bench = Bench::running();
    assert_eq!(bench.send("80120100"), Some(Happened::End));
    assert_eq!(bench.hear(), Some("9000".into()));
    bench.respond(&[0]);
    assert_eq!(bench.hear(), None);
}

#[test]
fn no_other_control_is_known_and_it_takes_no_data() {
    // NF-36
    let mut bench = Bench::selected();
    bench.refuses(&[
        ("80120000", "6A86"),
        ("80120200", "6A86"),
        ("80120101", "6A86"),
        ("80120100 01 00", "6700"),
    ]);
    let selection = bench.send(GET_INFO);
    assert!(matches!(selection, Some(Happened::Request { kind: Kind::Ctap, .. })));
}
