//! Requests that a key refuses because they are larger than it announces: that is not a fault of the key.

use ctap_client::{Status, Value, names};

use super::{Player, Stop, info};
use crate::notation::eval::find;

impl Player<'_, '_> {
    /// Why this request does not apply to the key, where it was refused for what it takes.
    pub(super) fn excess(&mut self, message: &[u8], answer: &[u8]) -> Option<Stop> {
        let status = Status::from_byte(*answer.first()?);
        self.lacks_room_for_fingers(status)
            .or_else(|| self.bound(status, message.len()).map(beyond))
    }

    /// A sensor that has learnt one finger need not have room for another, and no member of getInfo tells (BE-20).
    pub(super) fn lacks_room_for_fingers(&self, status: Status) -> Option<Stop> {
        let has_one = self.scope.get("template").is_ok();
        let is_full = status == Status::FpDatabaseFull && has_one;
        is_full.then(|| Stop::Unable("the key has no room for another finger".to_owned()))
    }

    /// The member of getInfo beyond which the request goes.
    fn bound(&mut self, status: Status, length: usize) -> Option<u64> {
        let info = self.scope.get("info").ok()?.value().ok()?;
        let request = self.scope.get("request").ok()?.value().ok()?;
        match status {
            Status::RequestTooLarge => {
                let most = number(&info, MAX_MSG_SIZE).unwrap_or(LEAST_MESSAGE);
                (length > most).then_some(MAX_MSG_SIZE)
            }
            Status::LimitExceeded => {
                let most = number(&info, MAX_CREDENTIAL_COUNT_IN_LIST)?;
                let mut lists =
                    [ALLOW_LIST, EXCLUDE_LIST].iter().filter_map(|one| list(&request, *one));
                lists.any(|list| list.len() > most).then_some(MAX_CREDENTIAL_COUNT_IN_LIST)
            }
            Status::KeyStoreFull => self.is_full(&info, &request).then_some(REMAINING),
            Status::UnsupportedAlgorithm => {
                let listed = numbers(&info, ALGORITHMS)?;
                let asked = numbers(&request, PUB_KEY_CRED_PARAMS)?;
                (!asked.iter().any(|one| listed.contains(one))).then_some(ALGORITHMS)
            }
            Status::PinPolicyViolation => {
                // For setMinPINLength, whose parameters are member 2: the length can only be raised, and only so
                // far.
                bound_of_pins(&info, number(find(&request, &2.into())?, NEW_MIN_PIN_LENGTH)?)
            }
            _ => None,
        }
    }

    /// Whether a key may say that it has no place for another credential: the case has filled those that there were when it began, and
    /// getInfo says so now. Where getInfo never says how many there are (GI-29), one may be all.
    fn is_full(&mut self, before: &Value, request: &Value) -> bool {
        let made = self.stored.count();
        if self.stored.is_replaced_by(request) {
            return false;
        }
        let Some(room) = number(before, REMAINING) else { return made > 0 };
        let last = self.watch.last.take();
        let now = info(self.watch).ok().flatten();
        self.watch.last = last;
        made >= room && now.and_then(|now| number(&now, REMAINING)) == Some(0)
    }

    /// Some models take no PINs as short or as long as the suite's.
    pub(super) fn takes_such_pins(&self, pin: &str) -> Result<(), Stop> {
        let info = self.scope.get("info").ok().and_then(|info| info.value().ok());
        match info.and_then(|info| bound_of_pins(&info, pin.chars().count())) {
            Some(member) => Err(beyond(member)),
            None => Ok(()),
        }
    }
}

/// A case that takes what this member of getInfo rules out.
fn beyond(member: u64) -> Stop {
    Stop::Unable(format!("it goes beyond {}", names::of_info(member)))
}

/// The member of getInfo that forbids PINs of this length.
fn bound_of_pins(info: &Value, length: usize) -> Option<u64> {
    let is_short = number(info, MIN_PIN_LENGTH).is_some_and(|least| length < least);
    let is_long = number(info, MAX_PIN_LENGTH).is_some_and(|most| length > most);
    is_short.then_some(MIN_PIN_LENGTH).or(is_long.then_some(MAX_PIN_LENGTH))
}

fn number(info: &Value, member: u64) -> Option<usize> {
    i128::from(find(info, &member.into())?.as_integer()?).try_into().ok()
}

fn list(map: &Value, member: u64) -> Option<&[Value]> {
    find(map, &member.into())?.as_array().map(Vec::as_slice)
}

/// The algorithms of a list of them.
fn numbers(map: &Value, member: u64) -> Option<Vec<&Value>> {
    Some(list(map, member)?.iter().filter_map(|one| find(one, &"alg".into())).collect())
}

/// Members of getInfo, and what maxMsgSize is where it is not told (GI-14).
const MAX_MSG_SIZE: u64 = 0x05;
const MAX_CREDENTIAL_COUNT_IN_LIST: u64 = 0x07;
const ALGORITHMS: u64 = 0x0A;
const MIN_PIN_LENGTH: u64 = 0x0D;
/// remainingDiscoverableCredentials.
const REMAINING: u64 = 0x14;
const MAX_PIN_LENGTH: u64 = 0x1D;
const LEAST_MESSAGE: usize = 1024;
/// The list's member in getAssertion, and in makeCredential.
const ALLOW_LIST: u64 = 3;
const EXCLUDE_LIST: u64 = 5;
const PUB_KEY_CRED_PARAMS: u64 = 4;
/// A member of authenticatorConfig's setMinPINLength.
const NEW_MIN_PIN_LENGTH: u64 = 1;

#[cfg(test)]
mod tests {
    use ctap_client::cbor::MapBuilder;
    use getrandom::SysRng;
    use rand_core::UnwrapErr;

    use super::*;
    use crate::needs::ES256;
    use crate::transport::{Answer, Hand, Transport, TransportFailure};
    use crate::watch::Watch;

    struct Nobody;

    impl Transport for Nobody {
        fn exchange(&mut self, _: &[u8], _: Hand) -> Result<Answer, TransportFailure> {
            Err(TransportFailure::Unable(String::new()))
        }

        fn power_cycle(&mut self) -> Result<(), TransportFailure> {
            Ok(())
        }

        fn pass_time(&mut self, _: std::time::Duration) -> Result<(), TransportFailure> {
            Ok(())
        }
    }

    fn algorithms(numbers: &[i64]) -> Value {
        numbers
            .iter()
            .map(|one| MapBuilder::new().member("alg", *one).build())
            .collect::<Vec<_>>()
            .into()
    }

    /// Whether a key that takes 600 bytes, one id, RS256 and PINs of 11 to 20 characters may refuse such a request with this status.
    fn may_refuse(request: Value, length: usize, status: u8) -> bool {
        let (mut key, mut rng) = (Nobody, UnwrapErr(SysRng));
        let info = MapBuilder::new().member(5, 600).member(7, 1).member(10, algorithms(&[-257]));
        let info = info.member(13, 11).member(29, 20).build();
        let mut watch = Watch::new(&mut key);
        let mut player = Player::new(&mut watch, &mut rng, Some(&info), ES256);
        player.scope.set("request", request);
        player.excess(&vec![0; length], &[status]).is_some()
    }

    #[test]
    fn a_key_may_refuse_what_it_does_not_announce_and_with_no_other_status() {
        let ids = |count| MapBuilder::new().member(3, vec![Value::Null; count]).build();
        let asking = |numbers| MapBuilder::new().member(4, algorithms(numbers)).build();
        let raising = |to| {
            let parameters = MapBuilder::new().member(1, to).build();
            MapBuilder::new().member(1, 3).member(2, parameters).build()
        };
        for (request, length, status, may) in [
            (Value::Null, 601, 0x39, true),
            (Value::Null, 600, 0x39, false),
            (ids(2), 10, 0x15, true),
            (ids(1), 10, 0x15, false),
            (ids(2), 10, 0x02, false),
            (asking(&[-7, -8]), 10, 0x26, true),
            (asking(&[-7, -257]), 10, 0x26, false),
            (raising(10), 10, 0x37, true),
            (raising(12), 10, 0x37, false),
            (raising(21), 10, 0x37, true),
        ] {
            assert_eq!(may_refuse(request, length, status), may, "{status:#x} of {length}");
        }
    }
}
