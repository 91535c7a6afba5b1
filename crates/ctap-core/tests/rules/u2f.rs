//! U2F, and how it goes together with CTAP2.

use std::time::Duration;

use ctap_core::consent::Action;
use ctap_core::{Decision, Step};
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{DerSignature, VerifyingKey};

use crate::attestation::{attestation_key, verifying_key};
use crate::support::key::CHANNEL;
use crate::support::request::config;
use crate::support::store::Medium;
use crate::support::{Act, Key, Request, Setup, get_assertion, make_credential, numbered, sha256};

pub(crate) const RP: &str = "https://example.com";
pub(crate) const CHALLENGE: [u8; 32] = [0x42; 32];
pub(crate) const REGISTER: u8 = 1;
const AUTHENTICATE: u8 = 2;

pub(crate) const NO_ERROR: [u8; 2] = [0x90, 0x00];
pub(crate) const NOT_TOUCHED: [u8; 2] = [0x69, 0x85];
const NOT_ALLOWED: [u8; 2] = [0x69, 0x86];
const WRONG_DATA: [u8; 2] = [0x6a, 0x80];
const WRONG_LENGTH: [u8; 2] = [0x67, 0x00];
const WRONG_CLASS: [u8; 2] = [0x6e, 0x00];
const WRONG_INSTRUCTION: [u8; 2] = [0x6d, 0x00];

pub(crate) fn key() -> Key {
    Key::made(|config| {
        config.u2f = true;
        config.attestation_key = Some(attestation_key(1));
    })
}

pub(crate) fn application() -> [u8; 32] {
    sha256(RP.as_bytes())
}

/// An APDU with extended lengths, as HID clients send it.
pub(crate) fn apdu(instruction: u8, p1: u8, data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u16).to_be_bytes();
    [&[0, instruction, p1, 0, 0][..], &length, data, &[0, 0]].concat()
}

pub(crate) fn register() -> Vec<u8> {
    apdu(REGISTER, 0x03, &[CHALLENGE, application()].concat())
}

pub(crate) fn authenticate(p1: u8, handle: &[u8]) -> Vec<u8> {
    authenticate_at(p1, application(), handle)
}

fn authenticate_at(p1: u8, application: [u8; 32], handle: &[u8]) -> Vec<u8> {
    let data = [&CHALLENGE[..], &application, &[handle.len() as u8], handle].concat();
    apdu(AUTHENTICATE, p1, &data)
}

/// The last two bytes.
pub(crate) fn status(answer: &[u8]) -> [u8; 2] {
    *answer.last_chunk().unwrap()
}

/// Public key and key handle of a registration, whose signature is checked.
pub(crate) fn registered(answer: &[u8]) -> (VerifyingKey, Vec<u8>) {
    assert_eq!(status(answer), NO_ERROR);
    assert_eq!(answer[0], 0x05);
    let (public, length) = (&answer[1..66], usize::from(answer[66]));
    let handle = &answer[67..67 + length];
    let rest = &answer[67 + length..answer.len() - 2];
    let (certificate, signature) = rest.split_at(attestation_key(1).x5c[0].len());
    assert_eq!(certificate, attestation_key(1).x5c[0]);
    let signed = [&[0][..], &application(), &CHALLENGE, handle, public].concat();
    let signature = DerSignature::from_bytes(signature).unwrap();
    verifying_key(1).verify(&signed, &signature).unwrap();
    (VerifyingKey::from_sec1_bytes(public).unwrap(), handle.to_vec())
}

/// Presence byte and counter of an authentication, whose signature is checked.
pub(crate) fn authenticated(answer: &[u8], public: &VerifyingKey) -> (u8, u32) {
    assert_eq!(status(answer), NO_ERROR);
    let (presence, counter) = (answer[0], u32::from_be_bytes(answer[1..5].try_into().unwrap()));
    let signed = [&application()[..], &answer[..5], &CHALLENGE].concat();
    let signature = DerSignature::from_bytes(&answer[5..answer.len() - 2]).unwrap();
    public.verify(&signed, &signature).unwrap();
    (presence, counter)
}

/// The answer of a request that nobody touches for.
fn untouched(key: &mut Key, apdu: &[u8]) -> Vec<u8> {
    key.will(Act::Sleep);
    let answer = key.call_u2f(apdu);
    key.script.clear();
    answer
}

// UF-01 to UF-03, UF-10, V-14; U2F test list: VERSION
#[test]
fn version_is_answered_in_every_form_of_apdu() {
    let mut key = key();
    for body in [&[][..], &[0], &[0, 0, 0], &[0, 1, 0], &[0, 0, 0, 0, 0], &[0, 0, 0, 1, 0]] {
        for parameters in [[0, 0], [7, 9]] {
            let apdu = [&[0, 3][..], &parameters, body].concat();
            assert_eq!(key.call_u2f(&apdu), b"U2F_V2\x90\x00", "{body:?}");
        }
    }
    assert_eq!(key.asked(), []);
}

// P-11
#[test]
fn a_key_whose_memory_was_taken_away_registers_nowhere() {
    let mut key = key();
    key.medium.set(Medium::Gone);
    assert_eq!(key.call_u2f(&register()), [0x6f, 0x00]);
    key.medium.set(Medium::Good);
    registered(&key.call_u2f(&register()));
}

// UF-04 to UF-07, UF-11, UF-20, UF-30; U2F-General-1 F-2, Register F-3, F-4
#[test]
fn class_comes_before_instruction_before_lengths_before_the_handle() {
    let mut key = key();
    for (apdu, answer) in [
        (vec![], WRONG_LENGTH),
        (vec![0, 3, 0], WRONG_LENGTH),
        (vec![0x80, 0xff, 0, 0, 9], WRONG_CLASS),
        (vec![0x01, 3, 0, 0], WRONG_CLASS),
        (vec![0, 0, 0, 0, 9], WRONG_INSTRUCTION),
        (vec![0, 0x40, 0, 0], WRONG_INSTRUCTION),
        (vec![0, 0xbf, 0, 0, 2, 1], WRONG_INSTRUCTION),
        (vec![0, 3, 0, 0, 1, 7], WRONG_LENGTH),
        (vec![0, 3, 0, 0, 0, 0, 1, 7], WRONG_LENGTH),
        (vec![0, 3, 0, 0, 9, 1], WRONG_LENGTH),
        (vec![0, 3, 0, 0, 0, 0, 0, 0], WRONG_LENGTH),
        (apdu(REGISTER, 3, &[1; 63]), WRONG_LENGTH),
        (apdu(REGISTER, 3, &[1; 65]), WRONG_LENGTH),
        (register()[..70].to_vec(), WRONG_LENGTH),
        (apdu(AUTHENTICATE, 9, &[1; 64]), WRONG_LENGTH),
        (apdu(AUTHENTICATE, 9, &[1; 65]), WRONG_LENGTH),
        (authenticate(0, &[1; 40]), WRONG_DATA),
        (authenticate(3, &[1; 40]), WRONG_DATA),
        (authenticate(3, &[]), WRONG_DATA),
    ] {
        assert_eq!(key.call_u2f(&apdu), answer, "{apdu:02x?}");
    }
    assert_eq!(key.asked(), [], "nobody is asked for a touch");
}

// UF-01, UF-21 to UF-26, UF-61; V-11
#[test]
fn a_registration_is_signed_by_the_model() {
    let mut key = key();
    let short = [&[0, REGISTER, 0, 0, 64][..], &CHALLENGE, &application(), &[0]].concat();
    let mut seen = Vec::new();
    for apdu in [register(), register(), apdu(REGISTER, 0, &register()[7..71]), short] {
        let answer = key.call_u2f(&apdu);
        let (public, handle) = registered(&answer);
        assert!((1..=255).contains(&handle.len()));
        assert!(!seen.contains(&(public, handle.clone())));
        seen.push((public, handle));
    }
    assert_eq!(key.state().credentials().len(), 0, "in its handle, not in the store");
}

// UF-22, UF-34, UF-41, P-6
#[test]
fn nothing_is_made_without_a_touch() {
    let mut key = key();
    key.seal_store();
    let before = key.now;
    assert_eq!(untouched(&mut key, &register()), NOT_TOUCHED);
    assert_eq!(key.now - before, Duration::from_millis(200), "answered soon");
    key.will(Act::Do(Decision::Deny));
    assert_eq!(key.call_u2f(&register()), NOT_TOUCHED);
}

// UF-31 to UF-33, UF-35 to UF-39
#[test]
fn an_authentication_tells_the_truth_about_the_touch() {
    let mut key = key();
    let (public, handle) = registered(&key.call_u2f(&register()));
    key.asked();
    let mut last = 0;
    for (p1, presence, questions) in [(3, 1, 1), (8, 0, 0), (3, 1, 1)] {
        let (told, counter) = authenticated(&key.call_u2f(&authenticate(p1, &handle)), &public);
        assert_eq!((told, key.asked().len()), (presence, questions), "{p1}");
        assert_eq!(counter, last + 1);
        last = counter;
        assert_eq!(key.call_u2f(&authenticate(7, &handle)), NOT_TOUCHED, "check-only");
        assert_eq!(untouched(&mut key, &authenticate(3, &handle)), NOT_TOUCHED);
        key.asked();
    }
    for p1 in [0, 1, 4, 0x0f, 0xff] {
        assert_eq!(key.call_u2f(&authenticate(p1, &handle)), WRONG_DATA);
    }
}

// UF-30, UF-32
#[test]
fn a_handle_is_good_for_its_application_only_and_in_full() {
    let mut key = key();
    let (_, handle) = registered(&key.call_u2f(&register()));
    key.asked();
    for at in 0..handle.len() {
        let mut other = handle.clone();
        other[at] ^= 1;
        assert_eq!(key.call_u2f(&authenticate(3, &other)), WRONG_DATA);
        assert_eq!(key.call_u2f(&authenticate(3, &handle[..at])), WRONG_DATA);
    }
    assert_eq!(key.call_u2f(&authenticate_at(3, [9; 32], &handle)), WRONG_DATA);
    assert_eq!(key.call_u2f(&authenticate_at(7, [9; 32], &handle)), WRONG_DATA);
    assert_eq!(key.asked(), [], "judged before anyone is asked");
}

// P-8, UF-20, UF-30
#[test]
fn a_question_has_the_hash_that_stands_for_the_site() {
    let mut key = key();
    let (_, handle) = registered(&key.call_u2f(&register()));
    key.call_u2f(&authenticate(3, &handle));
    let asked = key.asked();
    let seen: Vec<_> = asked.iter().map(|asked| (asked.action, asked.application)).collect();
    let application = Some(application());
    assert_eq!(seen, [(Action::Register, application), (Action::SignIn, application)]);
}

// P-8
#[test]
fn a_registration_for_the_touch_alone_asks_whether_this_is_the_key_to_use() {
    let filled = [0x41, 0x00, 0xff].map(|filler| ([7; 32], [filler; 32]));
    let named = [".dummy", "make.me.blink"].map(|rp_id| ([7; 32], sha256(rp_id.as_bytes())));
    let libfido2 = [(sha256(b""), sha256(b"localhost"))];
    for (challenge, application) in filled.into_iter().chain(named).chain(libfido2) {
        let mut key = key();
        let answer = key.call_u2f(&apdu(REGISTER, 3, &[challenge, application].concat()));
        assert_eq!(status(&answer), NO_ERROR);
        let question = key.asked().remove(0);
        assert_eq!((question.action, question.application), (Action::Select, None));
    }
    let mut key = key();
    key.call_u2f(&apdu(REGISTER, 3, &[CHALLENGE, sha256(b"localhost")].concat()));
    assert_eq!(key.asked()[0].action, Action::Register, "somebody's own machine");
}

// UF-62
#[test]
fn the_probes_of_a_client_cost_one_touch() {
    let mut key = key();
    let (_, handle) = registered(&key.call_u2f(&register()));
    key.asked();
    assert_eq!(key.call_u2f(&authenticate(7, &handle)), NOT_TOUCHED);
    let dummy = apdu(REGISTER, 3, &[[0x42; 32], [0x41; 32]].concat());
    for _ in 0..3 {
        assert_eq!(untouched(&mut key, &dummy), NOT_TOUCHED);
    }
    assert_eq!(status(&key.call_u2f(&dummy)), NO_ERROR);
}

// UF-53, UF-54, GA-70 to GA-72, MC-33
#[test]
fn a_u2f_credential_works_in_ctap2_by_its_handle() {
    let mut key = key();
    let (public, handle) = registered(&key.call_u2f(&register()));
    let used = key.ok(&get_assertion(RP).list(&[&handle]));
    let signed = [&used.bytes(2)[..], &crate::support::HASH].concat();
    let signature = DerSignature::from_bytes(&used.bytes(3)).unwrap();
    public.verify(&signed, &signature).unwrap();
    assert!(!used.has(4), "no user");
    assert_eq!(key.status(&get_assertion(RP)), 0x2e, "never discoverable");
    assert_eq!(key.status(&make_credential(RP).list(&[&handle])), 0x19);
    let made = make_credential("https://example.org").list(&[&handle]);
    assert_eq!(key.status(&made), 0);
}

// UF-55, UF-56, EX-14
#[test]
fn an_es256_credential_works_in_u2f_unless_it_hides() {
    for (algorithm, level, works) in [(-7, 1, true), (-7, 2, true), (-7, 3, false), (-8, 1, false)]
    {
        for rk in [false, true] {
            let mut key = key();
            let request = make_credential(RP).algorithm(algorithm).option("rk", rk);
            let made = key.ok(&request.extension("credProtect", level));
            let answer = key.call_u2f(&authenticate(3, &made.new_id()));
            assert_eq!(status(&answer), if works { NO_ERROR } else { WRONG_DATA });
        }
    }
}

// UF-39, GA-31, P-13
#[test]
fn one_counter_counts_for_both() {
    let mut key = key();
    let (public, handle) = registered(&key.call_u2f(&register()));
    let mut last = 0;
    for _ in 0..3 {
        let (_, counter) = authenticated(&key.call_u2f(&authenticate(3, &handle)), &public);
        assert!(counter > last);
        last = key.ok(&get_assertion(RP).list(&[&handle])).auth_data().sign_count;
        assert!(last > counter);
        key.power_cycle();
    }
}

// UF-50, UF-51, CF-33
#[test]
fn always_uv_switches_every_u2f_command_off() {
    for finger in [false, true] {
        let mut key = Key::made(|config| {
            config.u2f = true;
            config.attestation_key = Some(attestation_key(1));
            config.fingerprints = Some(Default::default());
        });
        let (_, handle) = registered(&key.call_u2f(&register()));
        key.ok(&config(2));
        if finger {
            key.enroll(1);
        }
        key.asked();
        for apdu in [
            vec![0, 3, 0, 0],
            register(),
            authenticate(3, &handle),
            authenticate(7, &handle),
            authenticate(8, &handle),
            vec![0x80, 0, 0, 0],
        ] {
            assert_eq!(key.call_u2f(&apdu), NOT_ALLOWED);
        }
        assert_eq!(key.asked(), []);
    }
    let mut back = key();
    back.ok(&config(2));
    back.ok(&config(2));
    assert_eq!(status(&back.call_u2f(&[0, 3, 0, 0])), NO_ERROR);
}

// UF-59
#[test]
fn a_pin_does_not_switch_u2f_off() {
    let mut key = key();
    key.set_pin("1234");
    registered(&key.call_u2f(&register()));
}

// UF-60, RS-14
#[test]
fn a_reset_ends_the_handles() {
    let mut key = key();
    let (_, handle) = registered(&key.call_u2f(&register()));
    key.ok(&Request::new(7));
    assert_eq!(key.call_u2f(&authenticate(3, &handle)), WRONG_DATA);
}

// UF-50, UF-52
#[test]
fn a_key_without_u2f_answers_nothing_else() {
    let mut key = Setup::default().key();
    assert_eq!(key.call_u2f(&[0, 3, 0, 0]), NOT_ALLOWED);
    assert_eq!(key.call_u2f(&register()), NOT_ALLOWED);
}

// UF-34, HD-38
#[test]
fn while_a_request_waits_others_hear_that_nobody_touched() {
    let mut key = key();
    let Step::Wait(..) = key.begin(CHANNEL, &[0x0b]) else { panic!() };
    let Step::Reply(answer) = key.begin_u2f(CHANNEL, &register()) else { panic!() };
    assert_eq!(answer.message, NOT_TOUCHED);
    key.authenticator.abandon();
    let Step::Wait(..) = key.begin_u2f(CHANNEL, &register()) else { panic!() };
    let Step::Reply(answer) = key.begin(CHANNEL, &[0x04]) else { panic!() };
    assert_eq!(answer.message, [0x06]);
}

// UF-37, UF-38; a sample that cannot be read is no touch
#[test]
fn an_unreadable_finger_is_no_touch() {
    let mut key = key();
    let fault = ctap_core::consent::SampleFault::NoUserActivity;
    key.will(Act::Do(Decision::BadSample(fault)));
    assert_eq!(key.call_u2f(&register()), NOT_TOUCHED);
    key.will(Act::Do(Decision::BadSample(fault)));
    assert_eq!(key.status(&make_credential(RP).with(99, numbered([]))), 0x27);
}
