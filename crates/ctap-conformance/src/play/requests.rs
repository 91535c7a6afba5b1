//! Steps that are CTAP2 requests, U2F APDUs, or sequences of them.

use std::rc::Rc;

use ctap_client::cbor::{check_canonical, decode, encode};
use ctap_client::commands::code;
use ctap_client::shown::{hex, shown};
use ctap_client::{Client, Error, Permissions, Status, Value, names};

use super::{Player, Stop, Variant, info};
use crate::limits::{MOST_SAMPLES, MOST_TAPS};
use crate::needs::Offer;
use crate::notation::NoValue;
use crate::notation::eval::{Term, find};
use crate::notation::syntax::{Expr, Pattern};
use crate::script::{Asking, Body, Expected, Person, Proof, Statuses, TokenRequest, short_name};
use crate::transport::{Answer, CONDITIONS_NOT_SATISFIED, Endless, Hand, TransportFailure};
use crate::watch::WithHand;

impl Player<'_, '_> {
    pub(super) fn ctap(
        &mut self,
        person: Person,
        command: u8,
        body: Option<&Expr>,
        expected: &Expected,
    ) -> Result<(), Stop> {
        let (bytes, value) = self.body(body)?;
        if self.leaves_as_it_is && command == code::CLIENT_PIN {
            refuse_tries(&value)?;
        }
        self.scope.set("request", value);
        let message = [&[command][..], &bytes].concat();
        self.watch.may_say(&message)?;
        let answer = match (self.exchange(&message, person.hand, expected), person.asking) {
            // Nobody could cancel it: so the key had asked.
            (Err(TransportFailure::Unable(_)), Asking::Forbidden) => return Err(wrong(ASKED)),
            (
                Err(TransportFailure::Endless(endless @ Endless::ThoughCancelled)),
                Asking::Forbidden,
            ) => {
                return Err(Stop::Unanswered(format!("{ASKED}, and {endless}")));
            }
            (answer, _) => answer?,
        };
        let asked = judge_asking(person.asking, answer.asked);
        if let Err(stop) = asked.and_then(|()| self.judge(command, &answer.message, expected)) {
            return Err(self.excess(&message, &answer.message).unwrap_or(stop));
        }
        self.stored.follow(&message, &answer.message);
        match (command, answer.message.first()) {
            (code::RESET, Some(0)) => self.after_reset(),
            _ => Ok(()),
        }
    }

    /// What stands behind the command byte, and the value that it encodes.
    fn body(&mut self, body: Option<&Expr>) -> Result<(Vec<u8>, Value), Stop> {
        Ok(match body.map(|body| self.scope.term(body)).transpose()? {
            None => (Vec::new(), Value::Null),
            Some(Term::Raw(bytes)) => (bytes, Value::Null),
            Some(term) => {
                let value = term.value()?;
                (encode(&value), value)
            }
        })
    }

    /// As the watch does it; a card whose tap is used up gets another one.
    fn exchange(
        &mut self,
        message: &[u8],
        hand: Hand,
        expected: &Expected,
    ) -> Result<Answer, TransportFailure> {
        let answer = self.watch.exchange(message, hand)?;
        let is_to_succeed = matches!(expected.statuses, Statuses::Ok);
        let is_reset = self.watch.takes_taps && message == [code::RESET];
        if is_reset && is_to_succeed && wants_tap(&answer) {
            self.holds_nothing_that_power_takes()?;
            self.watch.key.power_cycle()?;
        } else if self.watch.misses_tap(&answer, &UP_REQUIRED, hand) {
            self.holds_nothing_that_power_takes()?;
            self.watch.key.power_anew()?;
        } else {
            return Ok(answer);
        }
        self.watch.exchange(message, hand)
    }

    /// The same for U2F. If nobody is waited for, there is no polling.
    fn exchange_u2f(&mut self, apdu: &[u8], hand: Hand) -> Result<Answer, TransportFailure> {
        let polling = if self.watch.takes_taps { Hand::Nothing } else { hand };
        let answer = self.watch.exchange_u2f(apdu, polling)?;
        if !self.watch.misses_tap(&answer, &CONDITIONS_NOT_SATISFIED.to_be_bytes(), hand) {
            return Ok(answer);
        }
        self.holds_nothing_that_power_takes()?;
        self.watch.key.power_anew()?;
        self.watch.exchange_u2f(apdu, polling)
    }

    /// A new tap may take nothing from the case that it needs (NF-41).
    fn holds_nothing_that_power_takes(&self) -> Result<(), TransportFailure> {
        match self.scope.holds_what_power_takes() {
            true => Err(TransportFailure::Unable(TAPPED.to_owned())),
            false => Ok(()),
        }
    }

    /// Compares a command's reply, status first.
    fn judge(&mut self, command: u8, message: &[u8], expected: &Expected) -> Result<(), Stop> {
        let (&status, body) = message
            .split_first()
            .ok_or_else(|| wrong("expected a status byte, got an empty reply (MSG-01)"))?;
        judge_status(Status::from_byte(status), &expected.statuses)?;
        if status != 0 && !body.is_empty() {
            let status = named(Status::from_byte(status));
            let problem = format!(
                "expected nothing after {status}, got {} (MSG-02)",
                shown(&Value::from(body))
            );
            return Err(wrong(&problem));
        }
        let value = read_body(body)?;
        self.scope.set("reply", value.clone().unwrap_or(Value::Null));
        self.names = names::of_reply(command);
        match (&expected.body, &value) {
            (Body::Whatever, _) | (Body::Nothing, None) => Ok(()),
            (Body::Nothing, Some(value)) => {
                Err(wrong(&format!("expected an empty body, got {} (MSG-03)", shown(value))))
            }
            (Body::Like(_), None) if status != 0 => Ok(()),
            (Body::Like(pattern), value) => {
                Ok(self.scope.compare_reply(self.names, pattern, value.as_ref())?)
            }
        }
    }

    pub(super) fn u2f(
        &mut self,
        person: Person,
        apdu: &Expr,
        words: &[u16],
        data: Option<&Pattern>,
    ) -> Result<(), Stop> {
        let apdu = self.scope.term(apdu)?.bytes()?;
        // If the case expects to be told that a touch is missing, nobody touches.
        let hand =
            if words.contains(&CONDITIONS_NOT_SATISFIED) { Hand::Nothing } else { person.hand };
        let answer = self.exchange_u2f(&apdu, hand)?;
        judge_asking(person.asking, answer.asked)?;
        self.judge_words(&answer.message, words, data)
    }

    /// Command APDUs for a card, as they are.
    pub(super) fn transmit(
        &mut self,
        person: Person,
        apdus: &Expr,
        words: &[u16],
        data: Option<&Pattern>,
    ) -> Result<(), Stop> {
        let apdus = match self.scope.term(apdus)?.value()? {
            Value::Array(parts) => parts.into_iter().map(|part| Term::from(part).bytes()).collect(),
            one => Term::from(one).bytes().map(|apdu| vec![apdu]),
        };
        let answer = self.watch.transmit(&apdus?, person.hand)?;
        // With its power the card would lose what the case has selected.
        if self.watch.misses_tap(&answer, &UP_REQUIRED_IN_APDU, person.hand) {
            return Err(Stop::Unable(TAPPED.to_owned()));
        }
        judge_asking(person.asking, answer.asked)?;
        self.judge_words(&answer.message, words, data)
    }

    /// Compares an answer that ends with a status word, the word first.
    fn judge_words(
        &mut self,
        message: &[u8],
        words: &[u16],
        data: Option<&Pattern>,
    ) -> Result<(), Stop> {
        let (content, word) = message.split_last_chunk::<2>().ok_or_else(|| {
            let got = hex(message);
            wrong(&format!("expected a status word of two bytes, got “{got}” (UF-09)"))
        })?;
        let content = Value::from(content);
        self.scope.set("reply", content.clone());
        self.names = names::NONE;
        let got = u16::from_be_bytes(*word);
        if !words.contains(&got) {
            let expected: Vec<String> = words.iter().map(|word| format!("{word:04X}")).collect();
            return Err(wrong(&format!(
                "expected status word {}, got {got:04X}",
                expected.join(" or ")
            )));
        }
        data.map_or(Ok(()), |pattern| Ok(self.scope.compare(pattern, Some(&content))?))
    }

    pub(super) fn set_pin(&mut self, pin: &Expr) -> Result<(), Stop> {
        let (protocol, pin) = (self.protocol()?, self.scope.term(pin)?.text()?);
        self.takes_such_pins(&pin)?;
        self.client(Hand::Touch, |client| client.set_pin_under(protocol, &pin))
    }

    pub(super) fn change_pin(&mut self, old: &Expr, new: &Expr) -> Result<(), Stop> {
        let (old, new) = (self.scope.term(old)?.text()?, self.scope.term(new)?.text()?);
        let protocol = self.protocol()?;
        self.takes_such_pins(&new)?;
        self.client(Hand::Touch, |client| client.change_pin_under(protocol, &old, &new))
    }

    pub(super) fn token(&mut self, request: &TokenRequest) -> Result<(), Stop> {
        let protocol = self.protocol()?;
        let pin = match &request.pin {
            Some(pin) => self.scope.term(pin)?.text()?,
            None => self.scope.get("pin")?.text()?,
        };
        if self.leaves_as_it_is && pin != self.scope.get("pin")?.text()? {
            return Err(Stop::Unable(COSTS_A_TRY.to_owned()));
        }
        self.refuse_permissions_that_are_not_given(request)?;
        let rp_id = request.rp_id.as_ref().map(|expr| self.scope.term(expr)?.text()).transpose()?;
        let permissions = request.permissions;
        let token = self.client(request.person.hand, |client| {
            let knows_permissions = client.get_info()?.is_on("pinUvAuthToken");
            match request.by {
                Proof::BuiltInUv => {
                    client.token_using_uv_under(protocol, permissions, rp_id.as_deref())
                }
                Proof::Pin if knows_permissions => {
                    client.token_with_permissions(protocol, &pin, permissions, rp_id.as_deref())
                }
                Proof::Pin | Proof::LegacyPin => client.pin_token(protocol, &pin),
            }
        })?;
        self.scope.set(&request.name, Term::Token(Rc::new(token)));
        Ok(())
    }

    /// A PIN alone gives no more than these since CTAP 2.1 (CP-81): a key that tells of no permissions has no token for the rest.
    fn refuse_permissions_that_are_not_given(&self, request: &TokenRequest) -> Result<(), Stop> {
        let offer = Offer { info: self.scope.get("info")?.value().ok(), ..Offer::NOTHING };
        let usual = Permissions::MAKE_CREDENTIAL | Permissions::GET_ASSERTION;
        let is_usual = (request.permissions | usual) == usual;
        let is_given = is_usual || offer.option("pinUvAuthToken") == Some(true);
        match is_given || !offer.has_selection() {
            true => Ok(()),
            false => Err(Stop::Unable("the key lacks option pinUvAuthToken".to_owned())),
        }
    }

    pub(super) fn agree(&mut self, name: &str) -> Result<(), Stop> {
        let protocol = self.protocol()?;
        let secret = self.client(Hand::Nothing, |client| client.agree(protocol))?;
        self.scope.set(name, Term::Secret(Rc::new(secret)));
        Ok(())
    }

    pub(super) fn enroll(&mut self, finger: u8, token: &str, name: &str) -> Result<(), Stop> {
        let Term::Token(token) = self.scope.get(token)? else {
            return Err(wrong("fingers are enrolled with a token"));
        };
        let template = self.client(Hand::Finger(finger), |client| {
            let (template, mut sample) = client.enroll_begin(&token, None)?;
            for _ in 0..MOST_SAMPLES {
                if sample.remaining == 0 {
                    break;
                }
                sample = client.enroll_next(&token, &template, None)?;
            }
            Ok(template)
        })?;
        self.scope.set(name, Value::from(template));
        Ok(())
    }

    pub(crate) fn erase(&mut self) -> Result<(), Stop> {
        self.watch.key.power_cycle()?;
        for _ in 0..MOST_TAPS {
            let answer = self.watch.exchange(&[code::RESET], Hand::Touch)?;
            if !wants_tap(&answer) || !self.watch.key.tap()? {
                return self.judge_reset(&answer);
            }
        }
        self.reset()
    }

    /// authenticatorReset, within ten seconds of a power-up.
    pub(crate) fn reset(&mut self) -> Result<(), Stop> {
        let answer = self.watch.exchange(&[code::RESET], Hand::Touch)?;
        self.judge_reset(&answer)
    }

    fn judge_reset(&mut self, answer: &Answer) -> Result<(), Stop> {
        self.judge(code::RESET, &answer.message, &DONE)?;
        self.after_reset()
    }

    /// A key that is played with alwaysUv off has it off again.
    fn after_reset(&mut self) -> Result<(), Stop> {
        match self.variant {
            Variant::AsShipped => Ok(()),
            Variant::AlwaysUvOff => self.relax(),
        }
    }

    /// Switches alwaysUv off if it is on, which takes no token while nothing protects the key (CF-05).
    pub(crate) fn relax(&mut self) -> Result<(), Stop> {
        self.variant = Variant::AlwaysUvOff;
        let offer = Offer { info: info(self.watch)?, ..Offer::NOTHING };
        if !offer.always_verifies() {
            return Ok(());
        }
        let answer = self.watch.exchange(&TOGGLE_ALWAYS_UV, Hand::Touch)?;
        self.judge(code::CONFIG, &answer.message, &DONE)
    }

    /// Lets `ctap-client` talk to the key.
    fn client<T>(
        &mut self,
        hand: Hand,
        talk: impl FnOnce(&mut Client<WithHand<'_, '_>>) -> Result<T, Error>,
    ) -> Result<T, Stop> {
        let mut failure = None;
        let with_hand = WithHand { watch: self.watch, hand, failure: &mut failure };
        let outcome = talk(&mut Client::new(with_hand));
        match failure {
            Some(failure) => Err(failure.into()),
            None => outcome.map_err(|error| match error {
                Error::Status(status) => {
                    let refused = format!("expected {}, got {}", named(Status::Ok), named(status));
                    self.lacks_room_for_fingers(status).unwrap_or(Stop::Wrong(refused))
                }
                Error::Transport(error) => error.into(),
                error => Stop::Wrong(error.to_string()),
            }),
        }
    }
}

/// Whether a reset was refused as by a card that was not tapped, or not often enough (RS-19).
fn wants_tap(answer: &Answer) -> bool {
    [[NOT_ALLOWED], UP_REQUIRED].iter().any(|refusal| answer.message == refusal)
}

/// If a case computes something from the PIN, the result may be wrong on purpose.
fn refuse_tries(request: &Value) -> Result<(), Stop> {
    let subcommand = find(request, &2.into()).and_then(Value::as_integer).map(i128::from);
    match subcommand {
        Some(GET_PIN_RETRIES | GET_KEY_AGREEMENT | GET_UV_RETRIES) => Ok(()),
        _ => Err(Stop::Unable(COSTS_A_TRY.to_owned())),
    }
}

fn judge_asking(asking: Asking, asked: bool) -> Result<(), Stop> {
    match (asking, asked) {
        (Asking::Needed, false) => {
            Err(wrong("expected a request for a touch, got an answer without one"))
        }
        (Asking::Forbidden, true) => Err(wrong(ASKED)),
        _ => Ok(()),
    }
}

fn judge_status(got: Status, expected: &Statuses) -> Result<(), Stop> {
    let (fits, words) = match expected {
        Statuses::Ok => (got == Status::Ok, named(Status::Ok)),
        Statuses::AnyError => (got != Status::Ok, "an error".to_owned()),
        Statuses::OneOf(statuses) => {
            let names: Vec<String> = statuses.iter().map(|status| named(*status)).collect();
            (statuses.contains(&got), names.join(" or "))
        }
    };
    match fits {
        true => Ok(()),
        false => Err(wrong(&format!("expected {words}, got {}", named(got)))),
    }
}

/// `PIN_INVALID (0x31)`
pub(crate) fn named(status: Status) -> String {
    match status {
        Status::Unlisted(byte) => format!("{byte:#04x}, which the standard does not list"),
        status => format!("{} ({:#04x})", short_name(status), status.byte()),
    }
}

fn read_body(body: &[u8]) -> Result<Option<Value>, Stop> {
    if body.is_empty() {
        return Ok(None);
    }
    let read = decode(body).and_then(|value| check_canonical(body, &value).map(|()| value));
    read.map(Some).map_err(|fault| {
        NoValue(format!("expected canonical CBOR, got {}: {fault} (MSG-30)", hex(body))).into()
    })
}

fn wrong(problem: &str) -> Stop {
    Stop::Wrong(problem.to_owned())
}

const TAPPED: &str = "the card's tap is used up; another tap would take away its power, and with it what the case has obtained";
const NOT_ALLOWED: u8 = Status::NotAllowed.byte();
const UP_REQUIRED: [u8; 1] = [Status::UpRequired.byte()];
const UP_REQUIRED_IN_APDU: [u8; 3] = [UP_REQUIRED[0], 0x90, 0x00];
const ASKED: &str = "expected an answer without a touch, but the key asked for one";
const COSTS_A_TRY: &str = "it may cost the key a try of its PIN, and it may not be erased";
/// Subcommands of authenticatorClientPIN that try nothing (CP-01).
const GET_PIN_RETRIES: i128 = 1;
const GET_KEY_AGREEMENT: i128 = 2;
const GET_UV_RETRIES: i128 = 7;
/// authenticatorConfig, {1: 2} (CF-30).
const TOGGLE_ALWAYS_UV: [u8; 4] = [code::CONFIG, 0xA1, 0x01, 0x02];
const DONE: Expected = Expected { statuses: Statuses::Ok, body: Body::Nothing };
