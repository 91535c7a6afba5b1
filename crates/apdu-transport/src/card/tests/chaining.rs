//! Parts of a message: rules NF-13, NF-14, NF-21.

use super::bench::*;
use crate::Settings;

use std::iter::repeat;
use std::vec::Vec;

/// Sends all parts but the last, and looks at the answers; what happens at the last one.
fn send_all(bench: &mut Bench, parts: &[Vec<u8>]) -> Option<Happened> {
    let (last, others) = parts.split_last().expect("some");
    for part in others {
        assert_eq!(bench.send_bytes(part), None);
        assert_eq!(bench.hear(), Some("9000".into()));
    }
    bench.send_bytes(last)
}

#[test]
fn parts_of_every_size_that_clients_use_make_one_message() {
    // NF-13, NF-21
    for size in [1, 97, 240, 250, 255] {
        for length in [1, size, size + 1, 2 * size, 600] {
            let mut bench = Bench::selected();
            let message = counted(length);
            let happened = send_all(&mut bench, &parts(0x80, &message, repeat(size)));
            assert_eq!(happened, ctap(true, &message), "{length} in {size}");
        }
    }
}

#[test]
fn a_part_may_have_an_le_or_extended_lengths_or_nothing() {
    // NF-13
    let mut bench = Bench::selected();
    for part in ["90100000 01 01 00", "90100000 000002 0203 0000", "90100000", "90100000 00"] {
        assert_eq!(bench.ask(part), "9000", "{part}");
    }
    assert_eq!(bench.send("80100000 01 04"), ctap(false, &[1, 2, 3, 4]));
}

#[test]
fn the_form_of_the_last_part_is_the_form_of_the_answer() {
    // NF-16
    let mut bench = Bench::selected();
    bench.ask("90100000 01 01");
    let whole = hex(&[&counted(600)[..], &[0x90, 0]].concat());
    assert_eq!(bench.ask_key("80100000 000001 02", &counted(600)), whole);
}

#[test]
fn every_other_command_ends_a_chain() {
    // NF-13
    for other in [
        "00A40400 05 D276000085 00",
        "00C00000 00",
        "80110000 00",
        "80111100 00",
        "80120000",
        "00750000",
        "01100000 01 04 00",
        "80100000 05 04",
        "90110000",
        "00",
    ] {
        let mut bench = Bench::selected();
        bench.ask("90100000 02 0102");
        assert_ne!(bench.ask(other), "9000", "{other}");
        assert_eq!(bench.send("80100000 01 04 00"), ctap(false, &[4]), "{other}");
    }
}

#[test]
fn a_part_with_another_header_begins_a_message_of_its_own() {
    // NF-13
    let mut bench = Bench::selected();
    bench.ask("90100000 02 0102");
    assert_eq!(bench.send("80108000 01 04 00"), ctap(true, &[4]));
    bench.respond(&[0]);
    assert_eq!(bench.hear(), Some("009000".into()));
    bench.ask("90100000 02 0102");
    bench.ask("90108000 01 05");
    assert_eq!(bench.send("80108000 01 06 00"), ctap(true, &[5, 6]));
}

#[test]
fn a_u2f_message_in_the_middle_of_a_chain_ends_it() {
    // NF-13
    let mut bench = Bench::selected();
    bench.ask("90100000 02 0102");
    assert_eq!(bench.ask_key("00030000 00", &[0x90, 0x00]), "9000");
    assert_eq!(bench.send("80100000 01 04 00"), ctap(false, &[4]));
}

#[test]
fn only_messages_come_in_parts() {
    // NF-13, NF-19
    let mut bench = Bench::selected();
    bench.refuses(&[
        ("10A40400 08 A0000006472F0001", "6E00"),
        ("10C00000 00", "6E00"),
        ("90110000 00", "6E00"),
        ("90120100", "6E00"),
        ("90C00000 00", "6E00"),
        ("90750000", "6D00"),
        ("10750000", "6D00"),
    ]);
}

#[test]
fn a_message_beyond_the_limit_is_refused_at_its_end_and_by_ctaps_own_status() {
    // NF-14
    let settings = Settings { max_message: 1200, ..Settings::default() };
    let mut bench = Bench::with(settings);
    bench.select();
    for (length, answer) in [(1201, "399000"), (9000, "399000")] {
        let parts = parts(0x80, &counted(length), repeat(240));
        assert_eq!(send_all(&mut bench, &parts), None);
        assert_eq!(bench.hear(), Some(answer.into()));
    }
    let parts = parts(0x80, &counted(1200), repeat(240));
    assert_eq!(send_all(&mut bench, &parts), ctap(true, &counted(1200)));
}

#[test]
fn nothing_is_added_to_a_request_that_runs() {
    // NF-34
    let mut bench = Bench::running();
    for apdu in [GET_INFO, GET_INFO_POLLED, "90108000 01 04", "00030000 00"] {
        assert_eq!(bench.ask(apdu), NOT_NOW, "{apdu}");
    }
    bench.respond(&[0]);
    assert_eq!(bench.ask(POLL), "009000", "it went on");
}
