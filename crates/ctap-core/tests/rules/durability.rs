//! What a command waits for, and what a power cut may take: the price first, and nothing told before it is durable.

use ctap_core::store::{Store, Tail};
use ctap_core::{Config, Decision};

use crate::support::pin::padded;
use crate::support::store::{Call, Medium, TestMedium, records};
use crate::support::{
    Act, CM, GA, Key, MC, PinProtocol, RP, Request, get_assertion, make_credential,
};
use crate::u2f;

/// How often the medium was waited for: with records, replacing all, for nothing but a barrier; and how often it was not.
#[derive(Debug, Default, PartialEq)]
struct Waits {
    commits: usize,
    replacements: usize,
    barriers: usize,
    lazy: usize,
}

impl Waits {
    fn of(key: &Key) -> Self {
        let mut waits = Self::default();
        for call in key.medium.calls() {
            match call {
                Call::Wait(_) => waits.commits += 1,
                Call::ReplaceAll => waits.replacements += 1,
                Call::Barrier => waits.barriers += 1,
                Call::Lazy(_) => waits.lazy += 1,
            }
        }
        waits
    }

    fn during(key: &mut Key, request: &Request) -> Self {
        key.medium.calls();
        key.ok(request);
        Self::of(key)
    }
}

// CP-25, CP-28
#[test]
fn a_pin_token_waits_once_and_gives_the_try_back_later() {
    let mut key = Key::with_pin();
    let (request, _) = key.token_request(PinProtocol::Two, 5, "1234");
    assert_eq!(
        Waits::during(&mut key, &request),
        Waits { commits: 1, lazy: 1, ..Waits::default() }
    );
    assert_eq!(key.try_pin("0"), 0x31);
    assert_eq!(Waits::of(&key), Waits { commits: 1, ..Waits::default() }, "a wrong PIN");
}

// CP-59, CP-70
#[test]
fn a_new_pin_waits_once_and_a_changed_one_twice() {
    let mut key = Key::made(|_| {});
    let request = key.set_pin_request(PinProtocol::Two, &padded("1234"));
    assert_eq!(Waits::during(&mut key, &request), Waits { commits: 1, ..Waits::default() });
    let request = key.change_pin_request(PinProtocol::Two, "1234", &padded("5678"));
    assert_eq!(
        Waits::during(&mut key, &request),
        Waits { commits: 2, lazy: 1, ..Waits::default() }
    );
}

// MC-40
#[test]
fn a_passkey_waits_once_and_a_sealed_credential_for_nothing() {
    let mut key = Key::made(|_| {});
    let passkey = make_credential(RP).rk();
    for _ in 0..2 {
        let waits = Waits::during(&mut key, &passkey);
        assert_eq!(waits, Waits { commits: 1, ..Waits::default() }, "the account's second one too");
    }
    assert_eq!(Waits::during(&mut key, &make_credential(RP)), Waits::default());
}

// RS-09
#[test]
fn a_reset_replaces_everything_at_once() {
    let mut key = Key::with_pin();
    let reset = Request::new(0x07);
    assert_eq!(Waits::during(&mut key, &reset), Waits { replacements: 1, ..Waits::default() });
}

// CP-142
#[test]
fn a_good_finger_waits_once_and_gives_the_try_back_later() {
    let mut key = Key::with_finger();
    key.will(Act::Do(Decision::Finger(1)));
    let request = make_credential(RP).option("uv", true);
    assert_eq!(
        Waits::during(&mut key, &request),
        Waits { commits: 1, lazy: 1, ..Waits::default() }
    );
}

// GA-31, P-13
#[test]
fn of_a_thousand_assertions_none_waits_for_more_than_a_barrier() {
    let mut key = Key::made(|_| {});
    let id = key.ok(&make_credential(RP)).new_id();
    let request = get_assertion(RP).list(&[&id]);
    key.medium.calls();
    for count in 1..=1000 {
        assert_eq!(key.ok(&request).auth_data().sign_count, count, "none is skipped");
    }
    let Waits { commits, replacements, barriers, lazy } = Waits::of(&key);
    assert_eq!((commits, replacements), (0, 0));
    assert!(barriers <= 16 && lazy <= 16, "{barriers} {lazy}");
}

// GA-31, P-13
#[test]
fn a_block_of_counters_is_handed_over_long_before_it_is_needed() {
    let mut key = Key::made(|_| {});
    let id = key.ok(&make_credential(RP)).new_id();
    let request = get_assertion(RP).list(&[&id]);
    let mut since_lazy = 0;
    key.medium.calls();
    for _ in 0..500 {
        key.ok(&request);
        for call in key.medium.calls() {
            match call {
                Call::Lazy(_) => since_lazy = 0,
                Call::Barrier => assert!(since_lazy == 0 || since_lazy >= 31, "{since_lazy}"),
                other => panic!("{other:?}"),
            }
        }
        since_lazy += 1;
    }
}

// GA-31, CM-21, CP-46
#[test]
fn who_drives_a_key_knows_before_that_most_requests_write_nothing() {
    let mut key = Key::with_pin();
    let token = key.token(MC, Some(RP));
    let id = key.ok(&make_credential(RP).auth(&token)).new_id();
    let request = get_assertion(RP).list(&[&id]);
    let may_write =
        |key: &Key, request: &Request| key.authenticator.may_write(&request.encode(), &key.store);
    let mut of_assertions = 0;
    for _ in 0..640 {
        of_assertions += usize::from(may_write(&key, &request));
        key.ok(&request); // it fails if one writes that was not to
    }
    assert!((10..=20).contains(&of_assertions), "two of 64: {of_assertions}");
    for (request, expected) in [
        (Request::new(0x04), false),
        (Request::new(0x06).with(2, 1), false),
        (Request::new(0x06).with(1, 2).with(2, 2), false),
        (Request::new(0x06).with(1, 2).with(2, 5), true),
        (Request::new(0x0a).with(1, 4), false),
        (Request::new(0x0a).with(1, 5), false),
        (Request::new(0x0a).with(1, 6), true),
        (make_credential(RP), true),
        (Request::new(0x07), true),
    ] {
        assert_eq!(may_write(&key, &request), expected, "{:02x?}", request.encode());
    }
}

/// What an authenticator counts with.
#[derive(Clone, Copy, Debug)]
enum By {
    Ctap2,
    U2f,
}

impl By {
    /// Registers, with a good medium.
    fn id(self, key: &mut Key) -> Vec<u8> {
        match self {
            Self::Ctap2 => key.ok(&make_credential(RP)).new_id(),
            Self::U2f => {
                let answer = key.call_u2f(&u2f::register());
                answer[67..67 + usize::from(answer[66])].to_vec()
            }
        }
    }

    /// The counter of an assertion, if there is one.
    fn count(self, key: &mut Key, id: &[u8]) -> Option<u32> {
        match self {
            Self::Ctap2 => {
                let answer = key.send(&get_assertion(RP).list(&[id])).ok()?;
                Some(answer.auth_data().sign_count)
            }
            Self::U2f => {
                let answer = key.call_u2f(&u2f::authenticate(3, id));
                (u2f::status(&answer) == u2f::NO_ERROR)
                    .then(|| u32::from_be_bytes(*answer[1..].first_chunk().unwrap()))
            }
        }
    }
}

/// The power is cut, and all that is not durable is lost.
fn cut_power(key: &mut Key, config: Config, tail: Tail) {
    let durable = key.medium.durable();
    key.medium = TestMedium::holding(durable.clone());
    key.store = Store::load(Box::new(key.medium.clone()), records(&durable), tail).unwrap();
    key.restart(config);
}

/// The kind of key that [`u2f::key`] is.
fn u2f_config() -> Config {
    Config {
        u2f: true,
        attestation_key: Some(crate::attestation::attestation_key(1)),
        ..Config::default()
    }
}

// P-13, GA-31, UF-35
#[test]
fn no_counter_is_sent_twice_whatever_call_the_power_is_cut_after() {
    for by in [By::Ctap2, By::U2f] {
        for calls in 0.. {
            let mut key = u2f::key();
            let id = by.id(&mut key);
            key.medium.set(Medium::FailsAfter(calls, ctap_core::memory::MemoryError::Failed));
            let sent: Vec<_> = (0..200).map_while(|_| by.count(&mut key, &id)).collect();
            assert!(sent.is_sorted_by(|one, next| one < next));
            for tail in [Tail::Whole, Tail::Torn] {
                cut_power(&mut key, u2f_config(), tail);
                let next = by.count(&mut key, &id).unwrap();
                assert!(sent.iter().all(|sent| *sent < next), "{by:?}, {calls} calls: {next}");
            }
            if sent.len() == 200 {
                break;
            }
        }
    }
}

// P-1, CP-25
#[test]
fn a_power_cut_takes_the_try_that_was_given_back_and_never_the_price() {
    let mut key = Key::with_pin();
    assert_eq!(key.try_pin("1234"), 0);
    assert_eq!(key.state().pin_retries(), 8);
    cut_power(&mut key, Config::default(), Tail::Whole);
    assert_eq!(key.state().pin_retries(), 7, "it was given back lazily");
    assert_eq!(key.try_pin("0"), 0x31);
    cut_power(&mut key, Config::default(), Tail::Whole);
    assert_eq!(key.state().pin_retries(), 6);
}

// P-11
#[test]
fn what_was_answered_is_there_after_a_power_cut() {
    let mut key = Key::with_pin();
    let token = key.token(MC | GA | CM, Some(RP));
    let made = key.ok(&make_credential(RP).rk().auth(&token));
    cut_power(&mut key, Config::default(), Tail::Torn);
    assert!(key.ok(&get_assertion(RP)).is_signed_by(&made));
    assert_eq!(key.try_pin("1234"), 0);
}
