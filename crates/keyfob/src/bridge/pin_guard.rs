//! A limit for wrong PINs that a reader cannot undo.
//!
//! A card counts wrong PINs in a row only while it has power, and a reader takes its power whenever nobody is connected: so a
//! program could try all eight PINs, one connection after the other. Behind the bridge only taking the card off helps.

use std::collections::BTreeMap;

use ctap_client::cbor::{check_canonical, decode};
use ctap_client::commands::code;
use ctap_client::{Status, Value};

use super::limits::{MOST_PIN_TRIES, WRONG_PINS};
use super::worker::Arrival;

/// Wrong PINs in a row, for each card that has not been taken off its reader since. Neither a host that plugs the key in again nor
/// a pcscd that starts anew takes a card off.
#[derive(Default)]
pub(super) struct PinGuard {
    by_reader: BTreeMap<String, Tried>,
}

/// What was tried with the card on a reader.
struct Tried {
    wrong: u8,
    /// The reader's movements when it was last there, as [`moved`] counts them.
    movement: u32,
}

impl PinGuard {
    /// A card is there. If the reader has counted on, it was taken off and laid on; where it counts less, pcscd was started anew, and
    /// nobody has seen anything of the kind.
    pub(super) fn card_is_there(&mut self, arrival: &Arrival) {
        if let Some(tried) = self.by_reader.get_mut(&arrival.reader) {
            if moved(arrival) > tried.movement {
                tried.wrong = 0;
            }
            tried.movement = moved(arrival);
        }
    }

    /// A card lay there before anybody counted, and says how many tries it has left: what was tried since the last right PIN may have
    /// been tried since the last tap.
    pub(super) fn card_was_there(&mut self, arrival: &Arrival, retries: &[u8]) {
        if let Some(left) = tries_left(retries) {
            self.tried(arrival).wrong = MOST_PIN_TRIES.saturating_sub(left);
        }
    }

    /// The answer in the card's place, if the request tries another PIN and may not (CP-26).
    pub(super) fn refusal(&self, arrival: &Arrival, request: &[u8]) -> Option<Vec<u8>> {
        let wrong = self.by_reader.get(&arrival.reader).map_or(0, |tried| tried.wrong);
        let is_refused = wrong >= WRONG_PINS && pin_try(request) != PinTry::No;
        is_refused.then(|| vec![Status::PinAuthBlocked.byte()])
    }

    /// The card has answered. A reset takes the PIN, and with it what was wrong.
    pub(super) fn heard(&mut self, arrival: &Arrival, request: &[u8], reply: &[u8]) {
        let pin_try = match request {
            [code::RESET] => PinTry::Yes,
            _ => pin_try(request),
        };
        if pin_try == PinTry::No {
            return;
        }
        let tried = self.tried(arrival);
        match reply.first().map(|status| Status::from_byte(*status)) {
            Some(Status::Ok) if pin_try == PinTry::Yes => tried.wrong = 0,
            Some(Status::PinInvalid) => tried.wrong = tried.wrong.saturating_add(1),
            Some(Status::PinAuthBlocked) => tried.wrong = WRONG_PINS,
            _ => {}
        }
    }

    fn tried(&mut self, arrival: &Arrival) -> &mut Tried {
        let none = Tried { wrong: 0, movement: moved(arrival) };
        self.by_reader.entry(arrival.reader.clone()).or_insert(none)
    }
}

/// Movements of a reader since pcscd has it. A card that lies there then may be seen a moment later, as if it had come: to start pcscd
/// must not pass for a tap.
fn moved(arrival: &Arrival) -> u32 {
    arrival.movement.max(1)
}

/// Whether a card takes a request for a try of its PIN.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PinTry {
    No,
    Yes,
    /// What is not CTAP2's one encoding, a card may read in another way than it is read here.
    Perhaps,
}

/// changePIN, getPinToken and getPinUvAuthTokenUsingPinWithPermissions (CP-40).
fn pin_try(request: &[u8]) -> PinTry {
    let Some((&code::CLIENT_PIN, body)) = request.split_first() else { return PinTry::No };
    match decode(body) {
        Ok(value) if check_canonical(body, &value).is_ok() => {
            if is_one_of(&[4, 5, 9], value) {
                PinTry::Yes
            } else {
                PinTry::No
            }
        }
        _ => PinTry::Perhaps,
    }
}

/// setPIN and changePIN (CP-40).
pub(super) fn sets_a_pin(request: &[u8]) -> bool {
    is_client_pin(request, &[3, 4])
}

/// getKeyAgreement, with which each of these begins, or one of them: a PIN is set or typed, or a finger shown (CP-40).
pub(super) fn begins_with_a_pin(request: &[u8]) -> bool {
    is_client_pin(request, &[2, 3, 4, 5, 6, 9])
}

fn is_client_pin(request: &[u8], subcommands: &[u64]) -> bool {
    let Some((&code::CLIENT_PIN, body)) = request.split_first() else { return false };
    decode(body).is_ok_and(|value| is_one_of(subcommands, value))
}

fn is_one_of(subcommands: &[u64], parameters: Value) -> bool {
    let subcommand = member(parameters, SUBCOMMAND);
    subcommand.is_some_and(|value| subcommands.iter().any(|one| value == Value::from(*one)))
}

/// pinRetries of a reply to getPINRetries.
fn tries_left(reply: &[u8]) -> Option<u8> {
    let Some((&0, body)) = reply.split_first() else { return None };
    let Value::Integer(left) = member(decode(body).ok()?, PIN_RETRIES)? else { return None };
    u8::try_from(left).ok()
}

fn member(map: Value, wanted: u64) -> Option<Value> {
    let Value::Map(members) = map else { return None };
    members.into_iter().find(|(key, _)| *key == Value::from(wanted)).map(|(_, value)| value)
}

const SUBCOMMAND: u64 = 2;
const PIN_RETRIES: u64 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    const GET_TOKEN: [u8; 4] = [0x06, 0xA1, 0x02, 0x09];
    const GET_RETRIES: [u8; 4] = [0x06, 0xA1, 0x02, 0x01];

    fn arrival(movement: u32) -> Arrival {
        Arrival { reader: "A".to_owned(), movement }
    }

    /// Of a card that came by the reader's fifth movement.
    fn guard_after(replies: &[u8]) -> PinGuard {
        let mut guard = PinGuard::default();
        guard.card_is_there(&arrival(5));
        for reply in replies {
            guard.heard(&arrival(5), &GET_TOKEN, &[*reply]);
        }
        guard
    }

    fn is_refused(guard: &PinGuard) -> bool {
        guard.refusal(&arrival(5), &GET_TOKEN).is_some()
    }

    // CP-26
    #[test]
    fn after_three_wrong_pins_in_a_row_the_card_is_not_asked_again() {
        assert!(!is_refused(&guard_after(&[0x31, 0x31])));
        for replies in [&[0x31, 0x31, 0x31][..], &[0x31, 0x31, 0x34], &[0x34]] {
            let guard = guard_after(replies);
            assert_eq!(guard.refusal(&arrival(5), &GET_TOKEN), Some(vec![0x34]));
            assert_eq!(guard.refusal(&arrival(5), &GET_RETRIES), None, "it tries none");
            assert_eq!(guard.refusal(&arrival(5), &[0x04]), None, "getInfo");
            let other = Arrival { reader: "B".to_owned(), movement: 5 };
            assert_eq!(guard.refusal(&other, &GET_TOKEN), None, "another card");
        }
    }

    #[test]
    fn what_a_card_may_read_in_another_way_counts_as_a_try_and_never_as_a_right_pin() {
        let behind = [0x06, 0xA1, 0x02, 0x09, 0x00];
        let twice = [0x06, 0xA2, 0x02, 0x01, 0x02, 0x05];
        let the_other_way = [0x06, 0xA2, 0x02, 0x05, 0x02, 0x01];
        let tagged = [0x06, 0xC1, 0xA1, 0x02, 0x05];
        let long = [0x06, 0xA1, 0x18, 0x02, 0x01];
        for request in [&behind[..], &twice, &the_other_way, &tagged, &long] {
            let mut guard = guard_after(&[0x31, 0x31]);
            guard.heard(&arrival(5), request, &[0x00]);
            guard.heard(&arrival(5), request, &[0x31]);
            assert_eq!(guard.refusal(&arrival(5), request), Some(vec![0x34]), "{request:02x?}");
        }
    }

    #[test]
    fn a_right_pin_or_a_reset_lets_go_on() {
        assert!(!is_refused(&guard_after(&[0x31, 0x31, 0x00, 0x31])));
        let mut guard = guard_after(&[0x31, 0x31, 0x31]);
        guard.heard(&arrival(5), &[0x07], &[0x00]);
        assert!(!is_refused(&guard), "there is no PIN any more");
    }

    #[test]
    fn a_new_tap_lets_go_on_and_neither_power_from_the_reader_nor_a_new_pcscd_does() {
        let locked = || guard_after(&[0x31, 0x31, 0x31]);
        for (movement, is_locked) in [(5, true), (7, false), (0, true)] {
            let mut guard = locked();
            guard.card_is_there(&arrival(movement));
            assert_eq!(is_refused(&guard), is_locked, "{movement}");
        }
        let mut guard = locked();
        guard.card_is_there(&arrival(0));
        guard.card_is_there(&arrival(2));
        assert!(!is_refused(&guard), "what a new pcscd has seen counts");
        let mut guard = locked();
        for movement in [0, 1, 0, 1] {
            guard.card_is_there(&arrival(movement));
            assert!(is_refused(&guard), "a card that a new pcscd finds has not moved");
        }
    }

    #[test]
    fn what_was_tried_before_the_bridge_began_counts() {
        for (left, is_locked) in [(8, false), (6, false), (5, true), (0, true)] {
            let mut guard = PinGuard::default();
            guard.card_was_there(&arrival(5), &[0x00, 0xA1, 0x03, left]);
            assert_eq!(is_refused(&guard), is_locked, "{left} left");
        }
        for nonsense in [&[0x30][..], &[], &[0x00, 0xA0], &[0x00, 0xA1, 0x03, 0x20]] {
            let mut guard = PinGuard::default();
            guard.card_was_there(&arrival(5), nonsense);
            assert!(!is_refused(&guard));
        }
    }
}
