//! A limit for wrong PINs that a reader cannot undo.
//!
//! A card counts wrong PINs in a row only while it has power, and a reader takes its power whenever nobody is connected: so a
//! program could try all eight PINs, one connection after the other. Behind the bridge only taking the card off helps.

use ctap_client::cbor::decode;
use ctap_client::commands::code;
use ctap_client::{Status, Value};

use super::limits::WRONG_PINS;

/// Wrong PINs in a row, for a card that has not been taken off its reader since.
#[derive(Default)]
pub(super) struct PinGuard {
    wrong: u8,
    /// The card's coming to the reader to which they belong.
    arrival: u32,
}

impl PinGuard {
    /// A card is there, which came by this movement of the reader.
    pub(super) fn card_is_there(&mut self, arrival: u32) {
        if self.arrival != arrival {
            *self = Self { wrong: 0, arrival };
        }
    }

    /// The answer in the card's place, if the request tries another PIN and may not (CP-26).
    pub(super) fn refusal(&self, request: &[u8]) -> Option<Vec<u8>> {
        let is_refused = self.wrong >= WRONG_PINS && tries_a_pin(request);
        is_refused.then(|| vec![Status::PinAuthBlocked.byte()])
    }

    /// The card has answered. A reset takes the PIN, and with it what was wrong.
    pub(super) fn heard(&mut self, request: &[u8], reply: &[u8]) {
        if !tries_a_pin(request) && request != [code::RESET] {
            return;
        }
        match reply.first().map(|status| Status::from_byte(*status)) {
            Some(Status::Ok) => self.wrong = 0,
            Some(Status::PinInvalid) => self.wrong = self.wrong.saturating_add(1),
            Some(Status::PinAuthBlocked) => self.wrong = WRONG_PINS,
            _ => {}
        }
    }
}

/// changePIN, getPinToken and getPinUvAuthTokenUsingPinWithPermissions (CP-40).
fn tries_a_pin(request: &[u8]) -> bool {
    is_client_pin(request, &[4, 5, 9])
}

/// setPIN and changePIN (CP-40).
pub(super) fn sets_a_pin(request: &[u8]) -> bool {
    is_client_pin(request, &[3, 4])
}

fn is_client_pin(request: &[u8], subcommands: &[u64]) -> bool {
    let Some((&code::CLIENT_PIN, body)) = request.split_first() else { return false };
    let Ok(Value::Map(members)) = decode(body) else { return false };
    let subcommand = members.iter().find(|(key, _)| *key == Value::from(SUBCOMMAND));
    subcommand.is_some_and(|(_, value)| subcommands.iter().any(|one| *value == Value::from(*one)))
}

const SUBCOMMAND: u64 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    const GET_TOKEN: [u8; 4] = [0x06, 0xA1, 0x02, 0x09];
    const GET_RETRIES: [u8; 4] = [0x06, 0xA1, 0x02, 0x01];

    fn guard_after(replies: &[u8]) -> PinGuard {
        let mut guard = PinGuard::default();
        guard.card_is_there(1);
        for reply in replies {
            guard.heard(&GET_TOKEN, &[*reply]);
        }
        guard
    }

    // CP-26
    #[test]
    fn after_three_wrong_pins_in_a_row_the_card_is_not_asked_again() {
        assert_eq!(guard_after(&[0x31, 0x31]).refusal(&GET_TOKEN), None);
        for replies in [&[0x31, 0x31, 0x31][..], &[0x31, 0x31, 0x34], &[0x34]] {
            let guard = guard_after(replies);
            assert_eq!(guard.refusal(&GET_TOKEN), Some(vec![0x34]));
            assert_eq!(guard.refusal(&GET_RETRIES), None, "it tries none");
            assert_eq!(guard.refusal(&[0x04]), None);
        }
    }

    #[test]
    fn a_right_pin_a_reset_or_a_new_tap_lets_go_on_and_power_from_the_reader_does_not() {
        assert_eq!(guard_after(&[0x31, 0x31, 0x00, 0x31]).refusal(&GET_TOKEN), None);
        let mut guard = guard_after(&[0x31, 0x31, 0x31]);
        guard.heard(&[0x07], &[0x00]);
        assert_eq!(guard.refusal(&GET_TOKEN), None, "there is no PIN any more");
        let mut guard = guard_after(&[0x31, 0x31, 0x31]);
        guard.card_is_there(1);
        assert!(guard.refusal(&GET_TOKEN).is_some());
        guard.card_is_there(3);
        assert_eq!(guard.refusal(&GET_TOKEN), None);
    }
}
