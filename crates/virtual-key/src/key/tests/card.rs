//! The key as a card, alone and beside CTAPHID, with a client that sends APDUs.

use super::*;

/// NFCCTAP_MSG of a client that cannot poll, and of one that can.
const PATIENT: u8 = 0x00;
const POLLING: u8 = 0x80;

const SELECT: [u8; 13] = [0, 0xA4, 4, 0, 8, 0xA0, 0, 0, 6, 0x47, 0x2F, 0, 1];
const POLL: [u8; 5] = [0x80, 0x11, 0, 0, 0];
const CANCEL: [u8; 5] = [0x80, 0x11, 0x11, 0, 0];

impl Bench {
    /// Sends an APDU, and returns the response that comes at once.
    fn apdu(&mut self, apdu: &[u8]) -> Option<Vec<u8>> {
        self.key.handle_apdu(apdu, self.now);
        self.key.poll_apdu()
    }

    fn select(&mut self) {
        assert_eq!(self.apdu(&SELECT), fido_2_0());
    }

    /// A CTAP command without parameters.
    fn ask_card(&mut self, p1: u8, command: u8) -> Option<Vec<u8>> {
        self.apdu(&[0x80, 0x10, p1, 0, 1, command, 0])
    }
}

fn fido_2_0() -> Option<Vec<u8>> {
    Some(b"FIDO_2_0\x90\x00".to_vec())
}

fn u2f_v2() -> Option<Vec<u8>> {
    Some(b"U2F_V2\x90\x00".to_vec())
}

fn done(status: u8) -> Option<Vec<u8>> {
    Some(vec![status, 0x90, 0x00])
}

// NF-01, NF-10
#[test]
fn a_card_answers_what_needs_nobody_at_once() {
    let mut bench = Bench::new(Touch::Ask);
    assert_eq!(bench.ask_card(PATIENT, GET_INFO), Some(vec![0x69, 0x85]), "NF-06");
    bench.select();
    let information = bench.ask_card(PATIENT, GET_INFO).expect("at once");
    assert_eq!((information[0], &information[256..]), (OK, &[0x61, information[257]][..]), "NF-16");
    let rest = bench.apdu(&[0, 0xC0, 0, 0, information[257]]).expect("the rest");
    assert!(rest.ends_with(&[0x90, 0x00]));
}

// UF-50, NF-02
#[test]
fn select_tells_whether_u2f_is_switched_off_while_the_card_lies_there() {
    const TOGGLE_ALWAYS_UV: [u8; 10] = [0x80, 0x10, PATIENT, 0, 4, 0x0D, 0xA1, 0x01, 0x02, 0];
    let mut config = Bench::config_with_u2f();
    config.authenticator_config.always_uv = Some(false);
    let mut bench = Bench::made(config.checked().expect("a key that can be"), Touch::Ask);
    for told in [fido_2_0(), u2f_v2(), fido_2_0()] {
        bench.apdu(&SELECT);
        assert_eq!(bench.apdu(&TOGGLE_ALWAYS_UV), done(OK));
        assert_eq!(bench.apdu(&SELECT), told);
    }
    bench.key.unplug(bench.now);
    bench.key.plug_in(Transport::Usb, bench.now);
    assert_eq!(bench.apdu(&SELECT), fido_2_0(), "a power cycle forgets nothing of that");
}

// NF-30 to NF-32
#[test]
fn a_client_that_polls_hears_of_the_touch_that_is_waited_for_and_may_cancel() {
    let mut bench = Bench::new(Touch::Ask);
    bench.select();
    assert_eq!(bench.ask_card(POLLING, SELECTION), None, "not yet");
    bench.now = bench.key.poll_timeout().expect("it will be told");
    bench.key.handle_timeout(bench.now);
    assert_eq!(bench.key.poll_apdu(), Some(vec![0x02, 0x91, 0x00]), "a touch is waited for");
    assert_eq!(bench.apdu(&POLL), None);
    let prompt = bench.prompt().expect("it waits");
    assert!(bench.answer(prompt, Decision::Approve));
    assert_eq!(bench.key.poll_apdu(), done(OK));
    bench.ask_card(POLLING, SELECTION);
    bench.prompt().expect("it waits again");
    assert_eq!(bench.apdu(&CANCEL), done(KEEPALIVE_CANCEL));
    assert_eq!(bench.prompt(), None);
}

#[test]
fn a_client_that_cannot_poll_waits_within_its_apdu() {
    let mut bench = Bench::new(Touch::Ask);
    bench.select();
    assert_eq!(bench.ask_card(PATIENT, SELECTION), None);
    let prompt = bench.prompt().expect("it waits");
    assert!(bench.answer(prompt, Decision::Deny));
    assert_eq!(bench.key.poll_apdu(), done(OPERATION_DENIED));
}

// NF-07
#[test]
fn without_power_nothing_is_selected_and_nobody_is_waited_for() {
    let mut bench = Bench::new(Touch::Ask);
    bench.select();
    bench.ask_card(PATIENT, SELECTION);
    let prompt = bench.prompt().expect("it waits");
    bench.key.unplug(bench.now);
    bench.key.plug_in(Transport::Usb, bench.now);
    assert_eq!((bench.prompt(), bench.key.poll_apdu()), (None, None));
    assert!(!bench.answer(prompt, Decision::Approve));
    assert_eq!(bench.ask_card(PATIENT, GET_INFO), Some(vec![0x69, 0x85]));
}

#[test]
fn of_two_ways_to_a_key_one_waits_for_the_other() {
    let mut bench = Bench::new(Touch::Ask);
    let mut channel = bench.connect();
    bench.select();
    assert_eq!(bench.call(&mut channel, SELECTION), [Heard::UpNeeded]);
    assert_eq!(bench.ask_card(PATIENT, SELECTION), None);
    let first = bench.prompt().expect("it waits");
    assert!(bench.answer(first, Decision::Approve));
    assert_eq!(bench.hear(&mut channel).last(), Some(&status(OK)));
    assert_eq!(bench.key.poll_apdu(), None, "a touch for one is none for the other");
    let second = bench.prompt().expect("now the card's");
    assert_ne!(first, second);
    assert!(bench.answer(second, Decision::Approve));
    assert_eq!(bench.key.poll_apdu(), done(OK));
}

#[test]
fn what_waits_for_its_turn_can_be_cancelled_and_given_up() {
    let mut bench = Bench::new(Touch::Ask);
    let mut channel = bench.connect();
    bench.select();
    bench.call(&mut channel, SELECTION);
    let prompt = bench.prompt();
    bench.ask_card(POLLING, SELECTION);
    assert_eq!(bench.apdu(&CANCEL), done(KEEPALIVE_CANCEL));
    bench.ask_card(PATIENT, SELECTION);
    bench.key.reset_card(bench.now);
    assert_eq!(bench.prompt(), prompt, "the other one goes on");
    assert!(bench.answer(prompt.expect("it waits"), Decision::Approve));
    assert_eq!(bench.hear(&mut channel).last(), Some(&status(OK)));
    assert_eq!((bench.prompt(), bench.key.poll_apdu()), (None, None));
}

#[test]
fn a_card_that_is_reset_makes_way_for_whom_it_kept_waiting() {
    let mut bench = Bench::new(Touch::Ask);
    let mut channel = bench.connect();
    bench.select();
    bench.ask_card(PATIENT, SELECTION);
    let of_card = bench.prompt().expect("it waits");
    assert_eq!(bench.call(&mut channel, SELECTION), [], "not yet");
    bench.key.reset_card(bench.now);
    assert!(!bench.answer(of_card, Decision::Approve));
    assert_eq!(bench.hear(&mut channel).first(), Some(&Heard::UpNeeded));
    let prompt = bench.prompt().expect("it waits");
    assert!(bench.answer(prompt, Decision::Approve));
    assert_eq!(bench.hear(&mut channel).last(), Some(&status(OK)));
}
