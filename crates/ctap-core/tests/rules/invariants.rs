//! What no sequence of messages can bring about.

use std::time::Duration;

use ctap_core::{Decision, Step};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::attestation::attestation_key;
use crate::support::key::{CHANNEL, is_listed};
use crate::support::request::credential_management;
use crate::support::{
    Act, Body, CM, GA, Key, MC, OTHER_RP, PinProtocol, PinUvAuthToken, RP, Request, Setup, Value,
    bytes, get_assertion, make_credential,
};

pub(crate) fn config(cases: u32) -> ProptestConfig {
    let max_shrink_iters = 200; // each case is a whole key
    ProptestConfig { cases, max_shrink_iters, failure_persistence: None, ..Default::default() }
}

/// One thing that happens to a key.
#[derive(Clone, Copy, Debug)]
enum Happening {
    /// A token by PIN.
    Token {
        permissions: u64,
        bound: bool,
        one: bool,
    },
    Register {
        rp: bool,
        user: u8,
        rk: bool,
        with_token: bool,
        touch: Act,
    },
    SignIn {
        rp: bool,
        silent: bool,
        with_token: bool,
        touch: Act,
    },
    Next,
    WrongPin,
    Wait(u64),
    Unplug,
    Restart,
}

fn touch() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => Just(Act::Do(Decision::Approve)),
        1 => Just(Act::Do(Decision::Deny)),
        1 => Just(Act::Cancel),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        3 => (1..8_u64, any::<bool>(), any::<bool>())
            .prop_map(|(permissions, bound, one)| Happening::Token { permissions, bound, one }),
        4 => (any::<bool>(), 0..3_u8, any::<bool>(), any::<bool>(), touch())
            .prop_map(|(rp, user, rk, with_token, touch)| Happening::Register { rp, user, rk, with_token, touch }),
        5 => (any::<bool>(), any::<bool>(), any::<bool>(), touch())
            .prop_map(|(rp, silent, with_token, touch)| Happening::SignIn { rp, silent, with_token, touch }),
        2 => Just(Happening::Next),
        1 => Just(Happening::WrongPin),
        2 => prop_oneof![Just(1_000_u64), Just(29_000), Just(31_000), Just(570_000)].prop_map(Happening::Wait),
        1 => Just(Happening::Unplug),
        1 => Just(Happening::Restart),
    ]
}

/// What the standard says about a token, in thirty lines.
struct TokenModel {
    held: PinUvAuthToken,
    permissions: u64,
    rp_id: Option<&'static str>,
    issued: Duration,
    used: bool,
    gone: bool,
}

impl TokenModel {
    /// Whether it authorises this; if so it is used, and bound from now on (CP-123, MC-26, MC-27).
    fn authorizes(&mut self, permission: u64, rp_id: &'static str, now: Duration) -> bool {
        let age = now - self.issued;
        self.gone |=
            age >= Duration::from_secs(600) || (age >= Duration::from_secs(30) && !self.used);
        if self.gone {
            return false;
        }
        self.used = true;
        let fits = self.permissions & permission != 0 && *self.rp_id.get_or_insert(rp_id) == rp_id;
        // A token without the permission is used, but not bound.
        if self.permissions & permission == 0 && self.rp_id == Some(rp_id) {
            return false;
        }
        fits
    }
}

/// A key beside what is known of it.
struct World {
    key: Key,
    token: Option<TokenModel>,
    accounts: Vec<(bool, u8)>,
    last_count: u32,
    blocked: u8,
}

const RPS: [&str; 2] = [RP, OTHER_RP];

impl World {
    fn new() -> Self {
        let setup = Setup { pin: true, not_rqd: true, ..Setup::default() };
        Self { key: setup.key(), token: None, accounts: Vec::new(), last_count: 0, blocked: 0 }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Token { permissions, bound, one } => self.new_token(permissions, bound, one),
            Happening::Register { rp, user, rk, with_token, touch } => {
                self.register((rp, user), rk, with_token, touch);
            }
            Happening::SignIn { rp, silent, with_token, touch } => {
                self.sign_in(rp, silent, with_token, touch);
            }
            Happening::Next => {
                if let Ok(used) = self.key.send(&Request::new(0x08)) {
                    self.count(&used);
                }
            }
            Happening::WrongPin => {
                self.key.try_pin("wrong");
                self.blocked += 1;
            }
            Happening::Wait(millis) => self.key.advance(millis),
            Happening::Unplug => self.forget(Key::power_cycle),
            Happening::Restart => {
                let setup = Setup { pin: true, not_rqd: true, ..Setup::default() };
                self.forget(|key| key.restart(setup.config()));
            }
        }
    }

    fn forget(&mut self, how: impl FnOnce(&mut Key)) {
        how(&mut self.key);
        (self.token, self.blocked) = (None, 0);
    }

    fn new_token(&mut self, permissions: u64, bound: bool, one: bool) {
        if self.blocked >= 3 || self.key.state().pin_retries() == 0 {
            return;
        }
        self.blocked = 0;
        let rp_id = (bound || permissions & (MC | GA) != 0).then_some(RP);
        let protocol = if one { PinProtocol::One } else { PinProtocol::Two };
        let held = self.key.token_with(protocol, permissions, rp_id);
        let issued = self.key.now;
        self.token =
            Some(TokenModel { held, permissions, rp_id, issued, used: false, gone: false });
    }

    /// The request under the token, if there is one and it is asked for, and whether that must be accepted.
    fn under_token(
        &mut self,
        request: Request,
        asked: bool,
        permission: u64,
        rp_id: &'static str,
    ) -> (Request, Option<bool>) {
        let now = self.key.now;
        match self.token.as_mut().filter(|_| asked) {
            Some(token) => {
                let request = request.auth(&token.held);
                (request, Some(token.authorizes(permission, rp_id, now)))
            }
            None => (request, None),
        }
    }

    fn register(&mut self, account: (bool, u8), rk: bool, with_token: bool, touch: Act) {
        let rp_id = RPS[usize::from(account.0)];
        let request = make_credential(rp_id).user(&[account.1], "x").option("rk", rk);
        let (request, authorized) = self.under_token(request, with_token, MC, rp_id);
        self.key.will(touch);
        let outcome = self.key.send(&request);
        self.key.script.clear();
        let touched = matches!(touch, Act::Do(Decision::Approve));
        match outcome {
            Ok(made) => {
                let flags = made.auth_data().flags;
                assert!(touched && flags.user_present());
                assert_eq!(flags.user_verified(), authorized == Some(true));
                assert!(authorized == Some(true) || (authorized.is_none() && !rk));
                assert!(made.auth_data().sign_count >= self.last_count);
                self.use_up();
                if rk && !self.accounts.contains(&account) {
                    self.accounts.push(account);
                }
            }
            Err(0x33) => assert_eq!(authorized, Some(false)),
            Err(0x36) => assert!(authorized.is_none() && rk),
            Err(0x27 | 0x2d) => assert!(!touched),
            Err(status) => panic!("{status:#04x}"),
        }
        assert_eq!(self.key.state().credentials().len(), self.accounts.len());
    }

    fn sign_in(&mut self, rp: bool, silent: bool, with_token: bool, touch: Act) {
        let rp_id = RPS[usize::from(rp)];
        let request = get_assertion(rp_id).option("up", !silent);
        let (request, authorized) = self.under_token(request, with_token, GA, rp_id);
        self.key.will(touch);
        let outcome = self.key.send(&request);
        self.key.script.clear();
        let touched = matches!(touch, Act::Do(Decision::Approve));
        let known = self.accounts.iter().filter(|(of, _)| *of == rp).count();
        match outcome {
            Ok(used) => {
                let flags = used.auth_data().flags;
                assert_eq!(flags.user_present(), !silent);
                assert!(silent || touched);
                assert_eq!(flags.user_verified(), authorized == Some(true));
                assert_ne!(authorized, Some(false));
                let told = if used.has(5) { used.number(5) } else { 1 };
                assert_eq!(told, known as u64);
                self.count(&used);
                if !silent {
                    self.use_up();
                }
            }
            Err(0x33) => assert_eq!(authorized, Some(false)),
            Err(0x2e) => assert_eq!(known, 0),
            Err(0x27 | 0x2d) => assert!(!touched && !silent),
            Err(status) => panic!("{status:#04x}"),
        }
    }

    /// A touch took all permissions (MC-36).
    fn use_up(&mut self) {
        if let Some(token) = &mut self.token {
            token.permissions = 0;
        }
    }

    /// P-13.
    fn count(&mut self, used: &Body) {
        let count = used.auth_data().sign_count;
        assert!(count > self.last_count, "{count} after {}", self.last_count);
        self.last_count = count;
    }
}

proptest! {
    #![proptest_config(config(32))]

    // P-4, P-5, P-13, MC-25 to MC-27, MC-35, MC-36, GA-10, GA-20, GA-21, GA-31, CP-110, CP-123
    #[test]
    fn the_bits_are_true_the_counter_rises_and_the_store_holds_what_was_answered(
        happenings in vec(happening(), 1..40),
    ) {
        let mut world = World::new();
        for happening in happenings {
            world.happen(happening);
        }
    }
}

/// Any CBOR that a request might have as a member.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Value::from),
        (0..12_i64).prop_map(Value::from),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::Null),
        vec(any::<u8>(), 0..70).prop_map(bytes),
        Just(bytes([7; 32])),
        "[a-z.]{0,12}".prop_map(Value::from),
        prop_oneof![
            "rk",
            "up",
            "uv",
            "id",
            "type",
            "alg",
            "name",
            "public-key",
            "hmac-secret",
            "credProtect"
        ]
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            vec((inner.clone(), inner), 0..5).prop_map(distinct),
        ]
    })
}

/// A map without a key twice.
fn distinct(entries: Vec<(Value, Value)>) -> Value {
    let mut map: Vec<(Value, Value)> = Vec::new();
    for (key, value) in entries {
        if !map.iter().any(|(present, _)| *present == key) {
            map.push((key, value));
        }
    }
    Value::Map(map)
}

/// A request whose members are anything: often a good one with a few members replaced.
fn odd_request() -> impl Strategy<Value = Vec<u8>> {
    let command =
        prop_oneof![Just(1_u8), Just(2), Just(6), Just(9), Just(0x0a), Just(0x0c), Just(0x0d)];
    (command, any::<bool>(), vec((1..13_i64, value()), 0..5)).prop_map(
        |(command, good, members)| {
            let request = match (command, good) {
                (1, true) => make_credential(RP).rk(),
                (2, true) => get_assertion(RP),
                (6 | 9, true) => Request::new(command).with(1, 1).with(2, 1),
                _ => Request::new(command),
            };
            members
                .into_iter()
                .fold(request, |request, (key, value)| request.with(key, value))
                .encode()
        },
    )
}

/// A key with a credential, a PIN and a finger.
fn full_key() -> Key {
    let mut key = Key::made(|config| {
        config.fingerprints = Some(Default::default());
        config.u2f = true;
        config.attestation_key = Some(attestation_key(1));
    });
    key.ok(&make_credential(RP).rk());
    key.set_pin("1234");
    key.enroll(1);
    key
}

/// Runs a message to the end and judges its form; then the key still works.
fn judge(key: &mut Key, message: &[u8]) {
    let answer = key.call(message);
    assert!((1..=7609).contains(&answer.len()));
    assert!(is_listed(answer[0]), "{:02x}", answer[0]);
    match answer.split_first().unwrap() {
        (0, body) => drop(Body::parse(body)),
        (_, rest) => assert!(rest.is_empty()),
    }
}

proptest! {
    #![proptest_config(config(128))]

    // P-36, MSG-01, MSG-02, MSG-43, MSG-71
    #[test]
    fn any_bytes_have_a_listed_status(command in 0..0x10_u8, body in vec(any::<u8>(), 0..80)) {
        let mut key = full_key();
        judge(&mut key, &[&[command][..], &body].concat());
        judge(&mut key, &body);
    }

    // P-36, MSG-01, MSG-02, MSG-39, MSG-50, MSG-71
    #[test]
    fn any_members_have_a_listed_status(messages in vec(odd_request(), 1..6)) {
        let mut key = full_key();
        for message in &messages {
            judge(&mut key, message);
        }
        judge(&mut key, &[0x04]);
    }

    // P-36, UF-04, UF-09
    #[test]
    fn any_apdu_has_a_listed_status_word(
        header in vec(prop_oneof![4 => 0..4_u8, 1 => any::<u8>()], 0..8),
        data in vec(any::<u8>(), 0..140),
        whole in any::<bool>(),
    ) {
        let mut key = full_key();
        let length = (data.len() as u16).to_be_bytes();
        let framed = [&header[..], &[0], &length, &data].concat();
        let answer = key.call_u2f(&if whole { framed } else { [header, data].concat() });
        let words = [0x9000, 0x6985, 0x6986, 0x6a80, 0x6700, 0x6e00, 0x6d00];
        let word = u16::from_be_bytes(*answer.last_chunk().unwrap());
        prop_assert!(words.contains(&word), "{word:04x}");
    }
}

proptest! {
    #![proptest_config(config(32))]

    // P-36, P-35
    #[test]
    fn a_good_message_with_a_byte_changed_has_a_listed_status(
        which in 0..3_usize,
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 8),
    ) {
        let mut key = full_key();
        let token = key.token(MC | GA | CM, Some(RP));
        let good = [
            make_credential(RP).rk().extension("credProtect", 2).auth(&token),
            get_assertion(RP).silent().auth(&token),
            credential_management(1).auth(&token),
        ];
        for (at, byte) in changes {
            let mut message = good[which].encode();
            let at = at.index(message.len());
            message[at] = byte;
            judge(&mut key, &message);
        }
    }
}

// P-36, MSG-31
#[test]
fn every_message_of_two_bytes_has_a_listed_status() {
    let mut key = full_key();
    for command in 0..=0xff {
        for body in 0..=0xff {
            if let Step::Reply(answer) = key.begin(CHANNEL, &[command, body]) {
                assert!(is_listed(answer.message[0]));
            }
            key.authenticator.abandon();
        }
    }
}
