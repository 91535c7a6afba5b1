//! Runs one case, step by step, to its end or to the first error.

mod excess;
pub(crate) mod reports;
pub(crate) mod requests;
mod stored;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use apdu_transport::client::Fault;
use ctap_client::cbor::{MapBuilder, decode};
use ctap_client::commands::code;
use ctap_client::names::{self, Names};
use ctap_client::shown::shown;
use ctap_client::{PinProtocol, TransportError, Value};
use rand_core::CryptoRng;

use self::stored::Stored;
use crate::case::Case;
use crate::limits::MOST_REPETITIONS;
use crate::needs::ES256;
use crate::notation::NoValue;
use crate::notation::eval::{Scope, Term, find};
use crate::notation::syntax::{Expr, Pattern};
use crate::script::{Line, Step};
use crate::transport::TransportFailure;
use crate::watch::Watch;

/// Why a case does not go on.
pub(crate) enum Stop {
    /// The key is wrong. A sentence.
    Wrong(String),
    /// The key did not answer: it is wrong, and perhaps gone. A sentence.
    Unanswered(String),
    /// Nobody here can do what the case wants. A sentence.
    Unable(String),
}

impl Stop {
    pub(crate) fn into_sentence(self) -> String {
        match self {
            Self::Wrong(why) | Self::Unanswered(why) | Self::Unable(why) => why,
        }
    }
}

/// The state in which a key is tested. Some keys ship with alwaysUv, and refuse most requests while they have no
/// PIN. If alwaysUv can be switched off (CF-05, CF-31), such a key is tested as two keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    AsShipped,
    /// With alwaysUv off.
    AlwaysUvOff,
}

/// A case that is being played.
pub(crate) struct Player<'p, 'k> {
    pub(crate) watch: &'p mut Watch<'k>,
    pub(crate) scope: Scope<'p>,
    /// The state that the key is brought into after each reset.
    pub(crate) variant: Variant,
    /// The names of the members of `$reply`.
    pub(crate) names: Names,
    /// What it has had the key store.
    stored: Stored,
    /// When the case started its clock.
    clock: Option<Instant>,
    /// Whether the key is somebody's, and must be found as it was left.
    leaves_as_it_is: bool,
}

impl<'p, 'k> Player<'p, 'k> {
    /// A player who knows what every case has (vectors/README.md, “Values”). `algorithm` is what it asks for, by its COSE number.
    pub(crate) fn new(
        watch: &'p mut Watch<'k>,
        rng: &'p mut dyn CryptoRng,
        info: Option<&Value>,
        algorithm: i64,
    ) -> Self {
        let mut hash = [0; 32];
        rng.fill_bytes(&mut hash);
        let mut scope = Scope { variables: BTreeMap::new(), rng };
        let rp = MapBuilder::new().member("id", RP_ID).member("name", "Example").build();
        let user = MapBuilder::new()
            .member("id", &[0x11; 16][..])
            .member("name", "alice@example.com")
            .member("displayName", "Alice")
            .build();
        let [es256, cred_param] = [ES256, algorithm]
            .map(|alg| MapBuilder::new().member("alg", alg).member("type", "public-key").build());
        let make = MapBuilder::new()
            .member(1, &hash[..])
            .member(2, rp.clone())
            .member(3, user.clone())
            .member(4, vec![cred_param.clone()]);
        scope.set("mc", make.build());
        scope.set("ga", MapBuilder::new().member(1, RP_ID).member(2, &hash[..]).build());
        scope.set("rp_id", Value::from(RP_ID));
        scope.set("rp", rp);
        scope.set("user", user);
        scope.set("es256", es256);
        scope.set("cred_param", cred_param);
        scope.set("hash", Value::from(&hash[..]));
        let [pin, new_pin] = [PIN, NEW_PIN].map(|pin| long_enough(pin, info));
        scope.set("pin", Value::from(pin));
        scope.set("new_pin", Value::from(new_pin));
        scope.set("protocol", first_protocol(info));
        scope.set("info", info.cloned().unwrap_or(Value::Null));
        scope.set("reply", Value::Null);
        scope.set("request", Value::Null);
        let (variant, names) = (Variant::AsShipped, names::NONE);
        let (stored, clock) = (Stored::default(), None);
        Self { watch, scope, variant, names, stored, clock, leaves_as_it_is: false }
    }

    /// From here on nothing is done that would change what is stored, cost a try, or depend on what somebody has stored: a case that wants it
    /// is not played. The key has this PIN.
    pub(crate) fn leave_as_it_is(&mut self, pin: &str) {
        self.leaves_as_it_is = true;
        self.watch.leaves_as_it_is = true;
        self.scope.set("pin", Value::from(pin));
        self.scope.set("template", Value::Null);
    }

    /// Plays the case.
    ///
    /// # Errors
    /// The step at which it stopped, and why.
    pub(crate) fn play<'c>(&mut self, case: &'c Case) -> Result<(), (Option<&'c Line>, Stop)> {
        for (name, expr) in &case.values {
            let term = self.scope.term(expr).map_err(|problem| (None, problem.into()))?;
            self.scope.set(name, term);
        }
        for line in &case.steps {
            self.step(&line.step).map_err(|stop| (Some(line), stop))?;
        }
        Ok(())
    }

    pub(crate) fn step(&mut self, step: &Step) -> Result<(), Stop> {
        match step {
            Step::Ctap { person, command, body, expected } => {
                self.ctap(*person, *command, body.as_ref(), expected)
            }
            Step::U2f { person, apdu, words, data } => {
                self.u2f(*person, apdu, words, data.as_ref())
            }
            Step::Transmit { person, apdus, words, data } => {
                self.transmit(*person, apdus, words, data.as_ref())
            }
            Step::SetPin(pin) => self.set_pin(pin),
            Step::ChangePin(old, new) => self.change_pin(old, new),
            Step::Token(request) => self.token(request),
            Step::Agree(name) => self.agree(name),
            Step::Enroll { finger, token, name } => self.enroll(*finger, token, name),
            Step::PowerCycle => Ok(self.watch.key.power_cycle()?),
            Step::Erase => self.erase(),
            Step::Wait(time) => Ok(self.watch.key.pass_time(*time)?),
            Step::StartClock => {
                self.clock = Some(Instant::now());
                Ok(())
            }
            Step::Within(time, step) => self.within(*time, step),
            Step::Let(name, expr) => {
                let term = self.scope.term(expr)?;
                self.scope.set(name, term);
                Ok(())
            }
            Step::Check(expr, pattern) => self.check(expr, pattern),
            Step::Assume { what, value, pattern } => match self.check(value, pattern) {
                Err(Stop::Wrong(_)) => Err(Stop::Unable(format!("the key lacks {what}"))),
                outcome => outcome,
            },
            Step::Channel(name) => self.open_channel(name),
            Step::SendPacket(pieces) => self.send_packet(pieces),
            Step::HearPacket(pieces) => self.hear_packet(pieces),
            Step::SendMessage { channel, command, data } => {
                self.send_message(channel, *command, data)
            }
            Step::HearMessage { channel, command, data } => {
                self.hear_message(channel, *command, data)
            }
            Step::Silence(time) => self.silence(*time),
            Step::Repeat(times, step) => self.repeat(times, step),
        }
    }

    fn repeat(&mut self, times: &Expr, step: &Step) -> Result<(), Stop> {
        let times = self.scope.term(times)?.size()?;
        if times > MOST_REPETITIONS {
            return Err(Stop::Unable(format!("it takes {times} repetitions of a step")));
        }
        for number in 1..=times {
            self.scope.set("n", Value::from(number as u64));
            self.step(step)?;
        }
        Ok(())
    }

    /// What goes wrong late says nothing of the key, but that this machine had other things to do. Simulated time is never late.
    fn within(&mut self, time: Duration, step: &Step) -> Result<(), Stop> {
        let outcome = self.step(step);
        let passed = self.clock.map_or(Duration::ZERO, |begun| begun.elapsed());
        let is_late = passed > time && !self.watch.key.is_simulated();
        match outcome {
            Err(Stop::Wrong(_)) if is_late => Err(Stop::Unable(format!(
                "this machine was too slow for it: {} ms passed, where {} may",
                passed.as_millis(),
                time.as_millis()
            ))),
            outcome => outcome,
        }
    }

    /// Compares a value; an error in a member of a reply is reported with its name.
    fn check(&mut self, expr: &Expr, pattern: &Pattern) -> Result<(), Stop> {
        let member = match expr {
            Expr::Member(of, key) => self.member_name(of, key),
            _ => None,
        };
        let outcome = self.compare(expr, pattern, member.is_some());
        outcome.map_err(|NoValue(problem)| match member {
            Some(name) => NoValue(format!("{name}: {problem}")).into(),
            None => NoValue(problem).into(),
        })
    }

    /// A missing value is compared as missing: `check $reply[3] is absent`.
    fn compare(&mut self, expr: &Expr, pattern: &Pattern, is_member: bool) -> Result<(), NoValue> {
        let value = match self.scope.term(expr) {
            Ok(Term::Absent) => None,
            Err(_) if is_member || *pattern == Pattern::Absent => None,
            term => Some(term?.value()?),
        };
        match value {
            None if *pattern == Pattern::Absent => Ok(()),
            value => self.scope.compare(pattern, value.as_ref()),
        }
    }

    /// The standard's name of `$reply[20]` or `$info[20]`.
    fn member_name(&self, of: &Expr, key: &Expr) -> Option<String> {
        let (Expr::Variable(of), Expr::Literal(Value::Integer(number))) = (of, key) else {
            return None;
        };
        let number = u64::try_from(*number).ok()?;
        match of.as_str() {
            "reply" => names::named(self.names, number),
            "info" => names::named(names::GET_INFO, number),
            _ => None,
        }
    }

    /// `$protocol` as `ctap-client` has it.
    pub(crate) fn protocol(&self) -> Result<PinProtocol, Stop> {
        let listed = self.scope.get("protocol")?.value()?;
        let number = listed.as_integer().and_then(|number| u64::try_from(number).ok());
        number.and_then(PinProtocol::from_number).ok_or_else(|| {
            let first = "expected 1 or 2 as the first of pinUvAuthProtocols (0x06)";
            Stop::Wrong(format!("{first}, got {}", shown(&listed)))
        })
    }
}

/// getInfo's map, asked for now; `None` if the key has no CTAP2.
pub(crate) fn info(watch: &mut Watch<'_>) -> Result<Option<Value>, TransportFailure> {
    let may_have_ctap2 = watch.key.capabilities()?.is_none_or(|capabilities| capabilities.cbor);
    if !may_have_ctap2 {
        return Ok(None);
    }
    let answer = match watch.exchange(&[code::GET_INFO], crate::transport::Hand::Nothing) {
        // A card of U2F alone does not know the instruction.
        Err(TransportFailure::Transport(TransportError::Card(Fault::Refused(_)))) => {
            return Ok(None);
        }
        answer => answer?,
    };
    Ok(match answer.message.split_first() {
        Some((0, body)) => decode(body).ok(),
        _ => None,
    })
}

/// A PIN of more digits, where the key takes no such short one.
fn long_enough(pin: &str, info: Option<&Value>) -> String {
    let least = info.and_then(|info| find(info, &0x0D.into())?.as_integer());
    let least = least.and_then(|least| usize::try_from(i128::from(least)).ok()).unwrap_or(0);
    pin.chars().cycle().take(least.clamp(pin.len(), LONGEST_PIN)).collect()
}

fn first_protocol(info: Option<&Value>) -> Value {
    let listed = info.and_then(|info| find(info, &6.into())?.as_array()?.first().cloned());
    listed.unwrap_or(Value::Null)
}

impl From<NoValue> for Stop {
    fn from(NoValue(problem): NoValue) -> Self {
        Self::Wrong(problem)
    }
}

impl From<TransportFailure> for Stop {
    fn from(failure: TransportFailure) -> Self {
        match failure {
            TransportFailure::Unable(why) => Self::Unable(why),
            TransportFailure::Transport(
                error @ (TransportError::TooLong(_) | TransportError::Card(Fault::TooLong(_))),
            ) => Self::Unable(format!("it needs a longer message: {error}")),
            TransportFailure::Transport(error) => error.into(),
            endless @ TransportFailure::Endless(_) => Self::Unanswered(endless.to_string()),
        }
    }
}

impl From<TransportError> for Stop {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Silent => Self::Unanswered("the key does not answer".to_owned()),
            TransportError::Io(error) => Self::Unanswered(broken(&error)),
            gone @ (TransportError::Reader(_) | TransportError::Card(Fault::Gone)) => {
                Self::Unanswered(gone.to_string())
            }
            // It answers, though not as it should.
            error => Self::Wrong(error.to_string()),
        }
    }
}

/// A connection that was there and is not any more: mostly the key's program has ended.
pub(crate) fn broken(error: &std::io::Error) -> String {
    format!("the connection to the key failed: {error}")
}

/// No key calls it too simple, as some do of digits that go up.
pub(crate) const PIN: &str = "314159";
const NEW_PIN: &str = "271828";
/// The longest PIN of any key (CP-20).
const LONGEST_PIN: usize = 63;
const RP_ID: &str = "example.com";

#[cfg(test)]
mod tests {
    use getrandom::SysRng;
    use rand_core::UnwrapErr;

    use super::*;
    use crate::script;
    use crate::transport::{Answer, Hand, Transport};

    /// A key that answers nothing; it can wait.
    struct Mute;

    impl Transport for Mute {
        fn exchange(&mut self, _: &[u8], _: Hand) -> Result<Answer, TransportFailure> {
            Err(TransportError::Silent.into())
        }

        fn power_cycle(&mut self) -> Result<(), TransportFailure> {
            Ok(())
        }

        fn pass_time(&mut self, _: Duration) -> Result<(), TransportFailure> {
            Ok(())
        }
    }

    /// Does these steps, with a reply of getInfo that says which versions there are and nothing else.
    fn played(steps: &str) -> Result<(), String> {
        let (mut key, mut rng) = (Mute, UnwrapErr(SysRng));
        let mut watch = Watch::new(&mut key);
        let info = MapBuilder::new().member(1, vec![Value::from("FIDO_2_0")]).build();
        let mut player = Player::new(&mut watch, &mut rng, Some(&info), ES256);
        player.scope.set("reply", info.clone());
        player.names = names::GET_INFO;
        let lines = script::read(steps).unwrap();
        lines.iter().try_for_each(|line| player.step(&line.step)).map_err(Stop::into_sentence)
    }

    fn repeated(times: usize) -> Result<(), String> {
        played(&format!("repeat {times}: wait 1 ms"))
    }

    #[test]
    fn a_check_names_the_member_of_a_reply_that_is_wrong() {
        for (step, problem) in [
            (
                "check $reply[20] is uint",
                "remainingDiscoverableCredentials (0x14): expected uint, but it is missing",
            ),
            (
                "check $info[20] is uint",
                "remainingDiscoverableCredentials (0x14): expected uint, but it is missing",
            ),
            (
                "check $reply[1] is []",
                "versions (0x01): at 0: expected no further item, got \"FIDO_2_0\"",
            ),
            ("check $reply[1] is absent", "versions (0x01): expected nothing, got [\"FIDO_2_0\"]"),
            (
                "let $x = $info[20]",
                "expected remainingDiscoverableCredentials (0x14) in getInfo, but it is missing",
            ),
        ] {
            assert_eq!(played(step), Err(problem.to_owned()), "{step}");
        }
        for step in
            ["check $reply[20] is absent", "check $reply[1] is [text]", "check $x[1] is absent"]
        {
            assert_eq!(played(step), Ok(()), "{step}");
        }
    }

    #[test]
    fn what_goes_wrong_because_this_machine_is_slow_is_not_held_against_the_key() {
        let late = played("start clock\nwithin 0 ms: check 1 is 2").unwrap_err();
        assert!(late.starts_with("this machine was too slow for it: "), "{late}");
        let wrong = Err("expected 2, got 1".to_owned());
        assert_eq!(played("start clock\nwithin 10 min: check 1 is 2"), wrong);
        assert_eq!(played("start clock\nwithin 0 ms: check 1 is 1"), Ok(()));
    }

    #[test]
    fn a_step_is_not_repeated_more_often_than_one_can_ask_of_a_case() {
        assert_eq!(repeated(MOST_REPETITIONS), Ok(()));
        let refused = Err("it takes 129 repetitions of a step".to_owned());
        assert_eq!(repeated(MOST_REPETITIONS + 1), refused);
    }
}
