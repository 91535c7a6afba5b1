//! authenticatorConfig.

use ctap_core::memory::MemoryError;

use crate::support::pin::{ACFG, padded};
use crate::support::request::{config, credential_management, params};
use crate::support::store::Medium;
use crate::support::{
    ALL, CM, Key, PCMR, PROTOCOLS, PinProtocol, RP, Request, Setup, Value, bytes, get_assertion,
    make_credential, numbered,
};

fn key() -> Key {
    Key::made(|_| {})
}

fn set_min_pin_length<const N: usize>(members: [(i64, Value); N]) -> Request {
    config(3).with(2, params(members))
}

fn rp_ids(count: usize) -> Value {
    Value::Array((0..count).map(|number| format!("{number}.example").into()).collect())
}

// CF-01, MSG-05, GI-62, GI-75
#[test]
fn a_key_with_nothing_to_configure_does_not_know_the_command() {
    let mut key = Key::made(|config| {
        config.authenticator_config = Default::default();
        config.extensions.pin_complexity_policy = false;
    });
    assert_eq!(key.status(&config(2)), 0x01);
    assert_eq!((key.option("authnrCfg"), key.info().has(0x1f)), (None, false));
}

// CF-02 to CF-04, CF-20, CF-62
#[test]
fn a_subcommand_is_needed_and_must_be_offered() {
    let mut key = Key::with_pin();
    assert_eq!(key.status(&Request::new(0x0d)), 0x14);
    assert_eq!(key.status(&Request::new(0x0d).with(1, "2")), 0x11);
    for number in [0, 1, 5, 0xff, u64::MAX] {
        assert_eq!(key.status(&config(number)), 0x02, "before authentication");
    }
}

// CF-20, CF-30, CF-40, CF-60
#[test]
fn each_subcommand_is_offered_or_not() {
    for offered in 1..=4_u64 {
        let mut key = Key::made(|config| {
            let commands = &mut config.authenticator_config;
            *commands = Default::default();
            config.extensions.pin_complexity_policy = false;
            match offered {
                2 => commands.always_uv = Some(false),
                3 => commands.min_pin_length_rp_ids = Some(1),
                4 => commands.long_touch_for_reset = true,
                _ => commands.enterprise_attestation = Some(crate::attestation::enterprise()),
            }
        });
        for number in 1..=4 {
            assert_eq!(key.status(&config(number)), if number == offered { 0 } else { 0x02 });
        }
    }
}

// CF-05 to CF-07, CF-10, CF-34
#[test]
fn a_token_is_needed_wherever_anything_protects_the_key() {
    for setup in Setup::every().filter(|setup| !setup.no_mc_ga && setup.not_rqd) {
        for (number, leaves) in [(2, true), (3, false), (4, false)] {
            let mut key = setup.key();
            let request = config(number);
            let free = !setup.protected() && (leaves || !setup.always_uv);
            if free {
                assert_eq!(key.status(&request.param(vec![1], 99)), 0, "not looked at");
                continue;
            }
            assert_eq!(key.status(&request), 0x36);
            let with_param = request.clone().param(vec![0; 32], 2);
            assert_eq!(key.status(&with_param.clone().without(3)), 0x14);
            assert_eq!(key.status(&with_param.clone().with(3, 3)), 0x02);
            assert_eq!(key.status(&with_param), 0x33);
            if setup.pin {
                let token = key.token(ACFG, None);
                assert_eq!(key.status(&request.auth(&token)), 0);
            }
        }
    }
}

// CF-08, CF-09, MSG-52, V-07; tool GetPinToken F-4
#[test]
fn the_mac_covers_the_parameters_as_received() {
    for protocol in PROTOCOLS {
        let mut key = Key::with_pin();
        let other = key.token_with(protocol, ALL & !ACFG, Some(RP));
        assert_eq!(key.status(&config(4).auth(&other)), 0x33);
        let token = key.token_with(protocol, ACFG, None);
        let five = set_min_pin_length([(1, 4.into())]).auth(&token);
        let six = params([(1, 6.into())]);
        assert_eq!(key.status(&five.clone().with(2, six)), 0x33);
        assert_eq!(key.status(&five.clone().without(2)), 0x33);
        assert_eq!(key.status(&five.clone().with(1, 4)), 0x33);
        assert_eq!(key.status(&five), 0);
        assert_eq!(key.status(&config(4).auth(&token)), 0);
    }
}

// CF-11, CF-12, CF-21, CF-22, GI-58; tool AuthenticatorConfig P-1
#[test]
fn enterprise_attestation_stays_enabled() {
    let mut key = crate::attestation::enterprise_key();
    assert_eq!(key.option("ep"), Some(false));
    for _ in 0..2 {
        assert!(key.ok(&config(1)).is_empty());
        assert_eq!(key.option("ep"), Some(true));
        key.power_cycle();
    }
    key.ok(&Request::new(7));
    assert_eq!(key.option("ep"), Some(false));
}

// CF-31, CF-32, CF-34, CF-11, GI-68, GI-69, GI-74, MC-14; tool P-2
#[test]
fn always_uv_toggles_and_takes_make_cred_uv_not_rqd_with_it() {
    let mut key = key();
    for _ in 0..2 {
        assert_eq!(
            (key.option("alwaysUv"), key.option("makeCredUvNotRqd")),
            (Some(false), Some(true))
        );
        key.ok(&config(2));
        assert_eq!(
            (key.option("alwaysUv"), key.option("makeCredUvNotRqd")),
            (Some(true), Some(false))
        );
        assert_eq!(key.status(&make_credential(RP)), 0x36);
        assert_eq!(key.status(&get_assertion(RP)), 0x36);
        key.power_cycle();
        key.ok(&config(2));
    }
    key.ok(&config(2));
    key.set_pin("1234");
    assert_eq!(key.status(&config(2)), 0x36, "no way around the PIN");
}

// CF-31, RS-09
#[test]
fn a_reset_brings_always_uv_back_as_shipped() {
    let mut key = Key::made(|config| config.authenticator_config.always_uv = Some(true));
    key.ok(&config(2));
    assert_eq!(key.option("alwaysUv"), Some(false));
    key.ok(&Request::new(7));
    assert_eq!(key.option("alwaysUv"), Some(true));
}

// CF-41, CF-43, CF-44, CF-55, CF-12, CF-11, GI-22; tool P-3
#[test]
fn the_minimum_only_grows() {
    let mut key = key();
    for (new, status, minimum) in [
        (None, 0, 4),
        (Some(3), 0x37, 4),
        (Some(0), 0x37, 4),
        (Some(4), 0, 4),
        (Some(64), 0x37, 4),
        (Some(u64::MAX), 0x37, 4),
        (Some(260), 0x37, 4),
        (Some(8), 0, 8),
        (Some(7), 0x37, 8),
        (Some(63), 0, 63),
    ] {
        let request = match new {
            Some(new) => set_min_pin_length([(1, new.into())]),
            None => config(3),
        };
        assert_eq!(key.status(&request), status, "{new:?}");
        key.power_cycle();
        assert_eq!(key.info().number(0x0d), minimum);
    }
    let request = key.set_pin_request(PinProtocol::One, &padded(&"1".repeat(62)));
    assert_eq!(key.status(&request), 0x37);
    key.set_pin(&"1".repeat(63));
}

// CF-54, MSG-23, MSG-39
#[test]
fn each_parameter_has_its_type() {
    let mut key = key();
    for member in 1..=4 {
        for wrong in [Value::Null, bytes([]), (-1).into()] {
            assert_eq!(key.status(&set_min_pin_length([(member, wrong)])), 0x11);
        }
    }
    assert_eq!(key.status(&set_min_pin_length([(2, vec![Value::from(1)].into())])), 0x11);
    assert_eq!(key.status(&config(3).with(2, Value::Null)), 0x11);
    assert_eq!(key.status(&config(3).with(2, numbered([(9, Value::Null)]))), 0);
}

// CF-45, CF-47, CF-53, GI-21, CP-128; tool P-5
#[test]
fn a_forced_change_lasts_until_the_pin_is_changed() {
    let mut key = key();
    assert_eq!(key.status(&set_min_pin_length([(3, true.into())])), 0x35);
    assert_eq!(key.status(&set_min_pin_length([(3, false.into())])), 0);
    key.set_pin("1234");
    let persistent = key.token(PCMR, None);
    let token = key.token(ACFG | CM, None);
    key.ok(&set_min_pin_length([(3, true.into())]).auth(&token));
    assert_eq!(key.status(&credential_management(1).auth(&token)), 0x33);
    assert_eq!(key.status(&credential_management(1).auth(&persistent)), 0x33);
    key.power_cycle();
    assert!(key.info().boolean(0x0c));
    let request = key.change_pin_request(PinProtocol::Two, "1234", &padded("5678"));
    key.ok(&request);
    assert!(!key.info().boolean(0x0c));
}

// CF-47
#[test]
fn asking_for_no_forced_change_does_not_take_one_back() {
    let mut key = Key::with_finger();
    key.set_pin("1234");
    let token = key.uv_token(ACFG, None);
    key.ok(&set_min_pin_length([(3, true.into())]).auth(&token));
    let token = key.uv_token(ACFG, None);
    key.ok(&set_min_pin_length([(3, false.into())]).auth(&token));
    assert!(key.info().boolean(0x0c));
}

// CF-46, CF-56, CP-30
#[test]
fn a_pin_shorter_than_the_new_minimum_must_be_changed() {
    for (pin, minimum, forced) in
        [("1234", 5, true), ("12345", 5, false), ("🚀🚀🚀🚀", 5, true), ("🚀🚀🚀🚀", 4, false)]
    {
        let mut key = key();
        key.set_pin(pin);
        let (request, secret) = key.token_request(PinProtocol::Two, 0x09, pin);
        let token = key.receive_token(&request.with(9, ACFG), &secret);
        key.ok(&set_min_pin_length([(1, minimum.into())]).auth(&token));
        assert_eq!(key.info().boolean(0x0c), forced, "{pin} {minimum}");
        let again = key.status(&config(4).auth(&token));
        assert_eq!(again, if forced { 0x33 } else { 0 });
    }
}

// CF-48 to CF-50, EX-82, GI-25; tool P-4
#[test]
fn the_list_of_relying_parties_is_replaced_whole() {
    let mut key = key();
    let most = key.info().number(0x10) as usize;
    assert_eq!(key.status(&set_min_pin_length([(2, rp_ids(most))])), 0);
    assert_eq!(key.status(&set_min_pin_length([(1, 8.into()), (2, rp_ids(most + 1))])), 0x28);
    assert_eq!(key.info().number(0x0d), 4, "all or nothing");
    assert_eq!(key.state().settings().min_pin_length_rp_ids.len(), most);
    assert_eq!(key.status(&set_min_pin_length([(2, rp_ids(0))])), 0);
    assert_eq!(key.state().settings().min_pin_length_rp_ids.len(), most, "an empty one is none");
    assert_eq!(key.status(&set_min_pin_length([(2, vec![Value::from(RP)].into())])), 0);
    assert_eq!(key.state().settings().min_pin_length_rp_ids, [RP]);
}

// CF-50, CF-43, CF-45, P-12
#[test]
fn nothing_is_set_when_any_part_is_refused() {
    let mut key = key();
    for (members, status) in [
        ([(1, 8.into()), (3, true.into())], 0x35),
        ([(1, 3.into()), (4, true.into())], 0x37),
        ([(2, rp_ids(99)), (4, true.into())], 0x28),
    ] {
        assert_eq!(key.status(&set_min_pin_length(members)), status);
    }
    key.medium.set(Medium::FailsAfter(0, MemoryError::Failed));
    assert_eq!(key.status(&set_min_pin_length([(1, 8.into())])), 0x7f);
    assert_eq!(*key.state().settings(), Default::default());
}

// CF-51, CF-52, CP-58, GI-36; tool P-6
#[test]
fn the_complexity_policy_stays_on_and_refuses_simple_pins() {
    let mut key = Key::with_pin();
    assert!(!key.info().boolean(0x1b));
    let token = key.token(ACFG, None);
    key.ok(&set_min_pin_length([(4, true.into())]).auth(&token));
    assert!(key.info().boolean(0x1b) && key.info().boolean(0x0c));
    for simple in ["1111", "1234", "4321", "aaaaaaa", "ZYXWV"] {
        let request = key.change_pin_request(PinProtocol::Two, "1234", &padded(simple));
        assert_eq!(key.status(&request), 0x37, "{simple}");
    }
    let request = key.change_pin_request(PinProtocol::Two, "1234", &padded("1357"));
    assert_eq!(key.status(&request), 0);
    let (request, secret) = key.token_request(PinProtocol::Two, 0x09, "1357");
    let token = key.receive_token(&request.with(9, ACFG), &secret);
    key.ok(&set_min_pin_length([(4, false.into())]).auth(&token));
    assert!(key.info().boolean(0x1b), "once on, on");
    assert!(!key.info().boolean(0x0c));
}

// GI-36, CP-58, CF-51, EX-83
#[test]
fn a_policy_that_a_key_ships_with_is_there_from_the_start_and_after_a_reset() {
    let mut key = Key::made(|config| config.pin_complexity_policy = true);
    for _ in 0..2 {
        assert!(key.info().boolean(0x1b));
        let request = key.set_pin_request(PinProtocol::Two, &padded("1234"));
        assert_eq!(key.status(&request), 0x37);
        key.set_pin("1357");
        let (request, secret) = key.token_request(PinProtocol::Two, 0x09, "1357");
        let token = key.receive_token(&request.with(9, ACFG), &secret);
        key.ok(&set_min_pin_length([(4, true.into())]).auth(&token));
        assert!(!key.info().boolean(0x0c), "the PIN is known to be good");
        key.power_cycle();
        key.ok(&Request::new(0x07));
    }
}

// CF-51
#[test]
fn a_policy_that_is_not_offered_is_ignored() {
    let mut key = Key::made(|config| config.extensions.pin_complexity_policy = false);
    assert_eq!(key.status(&set_min_pin_length([(4, true.into())])), 0);
    assert!(!key.state().settings().pin_complexity_policy && !key.info().has(0x1b));
}

// CF-60, CF-61, CF-11, GI-33, GI-79; tool P-7
#[test]
fn a_long_touch_for_reset_can_be_asked_for() {
    let mut key = key();
    assert!(!key.info().boolean(0x18));
    for _ in 0..2 {
        assert!(key.ok(&config(4)).is_empty());
        key.power_cycle();
        assert!(key.info().boolean(0x18));
    }
}

// CF-09, CP-126
#[test]
fn nobody_is_asked_for_a_touch() {
    let mut key = key();
    for number in 2..=4 {
        assert_eq!(key.status(&config(number)), if number == 2 { 0 } else { 0x36 });
    }
    assert_eq!(key.asked(), []);
}
