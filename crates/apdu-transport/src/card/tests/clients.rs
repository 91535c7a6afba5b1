//! Each client byte for byte: what it sends to a card that takes its time, and what it must hear.

use super::bench::*;

/// The request that runs is answered with 300 bytes, which a client with short APDUs gets in two pieces.
fn fetch(bench: &mut Bench, get_response: &str) {
    let answer = counted(300);
    bench.respond(&answer);
    assert_eq!(bench.hear(), Some(hex(&answer[..256]) + "612C"));
    assert_eq!(bench.ask(get_response), hex(&answer[256..]) + "9000");
}

/// A registration's request, in parts as the client cuts it.
fn register(bench: &mut Bench, p1: u8, size: usize, has_le: bool) {
    let message = counted(3 * size - 7);
    let mut parts = parts(p1, &message, std::iter::repeat(size));
    let mut last = parts.pop().expect("the last part");
    if !has_le {
        last.pop();
    }
    for part in parts {
        assert_eq!(bench.send_bytes(&part), None);
        assert_eq!(bench.hear(), Some("9000".into()));
    }
    assert_eq!(bench.send_bytes(&last), ctap(p1 == 0x80, &message));
}

#[test]
fn python_fido2_0_9_selects_without_le_and_polls_without_a_pause() {
    // NF-01, NF-17, NF-21, NF-31
    let mut bench = Bench::new();
    assert_eq!(bench.ask("00A4040008A0000006472F0001"), without_spaces(U2F_V2));
    assert!(bench.send("80108000010400").is_some());
    fetch(&mut bench, "00C000002C");
    register(&mut bench, 0x80, 250, true);
    bench.wait_for_user(true);
    bench.wait(300);
    assert_eq!(bench.hear(), Some("029100".into()));
    let begun = bench.now;
    for _ in 0..10 {
        bench.send("8011000000");
        bench.wait(100);
        assert_eq!(bench.hear(), Some("029100".into()));
    }
    assert_eq!((bench.now - begun).as_millis(), 1000, "ten polls a second and not a million");
    bench.send("8011000000");
    fetch(&mut bench, "00C000002C");
}

#[test]
fn python_fido2_2_cancels_when_its_event_is_set() {
    // NF-02, NF-32
    let mut bench = Bench::selected();
    register(&mut bench, 0x80, 250, true);
    bench.wait_for_user(true);
    bench.wait(300);
    assert_eq!(bench.hear(), Some("029100".into()));
    bench.wait(100);
    assert_eq!(bench.send("8011110000"), Some(Happened::Cancel));
    bench.respond(&[0x2D]);
    assert_eq!(bench.hear(), Some("2D9000".into()));
}

#[test]
fn python_fido2_with_extended_apdus_leaves_le_out_and_takes_no_61xx() {
    // NF-12, NF-16
    let mut bench = Bench::new();
    assert_eq!(bench.ask("00A40400000008A0000006472F0001"), without_spaces(U2F_V2));
    let message = counted(3057);
    let apdu = [&[0x80, 0x10, 0x80, 0, 0, 0x0B, 0xF1][..], &message].concat();
    assert_eq!(apdu.len(), 3064);
    assert_eq!(bench.send_bytes(&apdu), ctap(true, &message));
    bench.wait(300);
    assert_eq!(bench.hear(), Some("019100".into()));
    bench.send("80110000000000");
    bench.respond(&counted(3000));
    assert_eq!(bench.hear(), Some(hex(&counted(3000)) + "9000"));
}

#[test]
fn libfido2_over_pcsc_cannot_poll_and_fetches_under_class_80() {
    // NF-11, NF-17, NF-21
    libfido2("80C000002C");
}

#[test]
fn libfido2_over_the_kernels_nfc_fetches_under_class_00() {
    // NF-11, NF-17, NF-21
    libfido2("00C000002C");
}

fn libfido2(get_response: &str) {
    let mut bench = Bench::selected();
    assert!(bench.send("80100000010400").is_some());
    fetch(&mut bench, get_response);
    assert_eq!(bench.ask_key("8010000006 06A201010201 00", &[0]), "009000");
    register(&mut bench, 0, 240, true);
    bench.wait_for_user(true);
    bench.wait(12_900);
    assert_eq!(bench.hear(), None, "9100 is an error to it");
    fetch(&mut bench, get_response);
}

#[test]
fn webauthn_authenticator_rs_ends_its_use() {
    // NF-17, NF-21, NF-36
    let mut bench = Bench::selected();
    register(&mut bench, 0, 240, true);
    fetch(&mut bench, "80C000002C");
    assert_eq!(bench.send("8012010000"), Some(Happened::End));
    assert_eq!(bench.hear(), Some("9000".into()));
}

#[test]
fn libwebauthn_sends_no_le_and_wants_data_nevertheless() {
    // NF-16, NF-17
    let mut bench = Bench::new();
    assert_eq!(bench.ask("00A4040008A0000006472F0001"), without_spaces(U2F_V2));
    register(&mut bench, 0, 250, false);
    fetch(&mut bench, "00C000002C");
}

#[test]
fn token2_fido_bridge_sends_parts_of_255() {
    // NF-21
    let mut bench = Bench::selected();
    register(&mut bench, 0x80, 255, true);
    fetch(&mut bench, "00C000002C");
}

#[test]
fn opensc_looks_for_cards_of_other_makes_and_finds_none() {
    // NF-03, NF-19
    let mut bench = Bench::new();
    bench.refuses(&[
        ("00A4040007D276000124010200", "6A82"),
        ("00A4040C09A00000030800001000", "6A82"),
        ("00CADF3005", "6D00"),
        ("00CB3FFF055C035FC10700", "6D00"),
        ("00A40000023F00", "6A86"),
    ]);
}

#[test]
fn python_fido2_speaks_u2f() {
    // NF-16, NF-22
    let mut bench = Bench::selected();
    assert_eq!(bench.ask_key("0003000000", b"U2F_V2\x90\x00"), without_spaces(U2F_V2));
    let data = counted(64);
    let registered = [&counted(300)[..], &[0x90, 0]].concat();
    let register = [&[0, 1, 0, 0, 0x40][..], &data, &[0]].concat();
    let message = std::format!("00010000 000040 {} 0000", hex(&data));
    assert_eq!(bench.send_bytes(&register), u2f(&message));
    bench.respond(&registered);
    assert_eq!(bench.hear(), Some(hex(&counted(256)) + "612C"));
    assert_eq!(bench.ask("00C000002C"), hex(&counted(300)[256..]) + "9000");
    let extended = [&[0, 1, 0, 0, 0, 0, 0x40][..], &data].concat();
    assert_eq!(bench.send_bytes(&extended), u2f(&message));
    bench.respond(&registered);
    assert_eq!(bench.hear(), Some(hex(&registered)));
}
