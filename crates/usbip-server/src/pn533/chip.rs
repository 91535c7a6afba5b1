//! The chip: what a command does to the card in its field, and the answers to the host.
//!
//! A command is acknowledged in a transfer of its own. The answer follows when the card has answered: a card of
//! ISO/IEC 14443-4 asks for more time itself, and the host is not told. A new command replaces a running one, and
//! an acknowledgement by the host ends it. A damaged frame gets no answer, and the host sends it again.

#[cfg(test)]
mod tests;

use super::codes::{ATS, CARD, FIRMWARE, MORE, Status, TARGET, TYPE_A, command, setting};
use super::frame::{ACK, ERROR, Frame, answer};
use crate::answers::Answers;
use crate::limits::{MAX_APDU, MAX_ATR, MAX_PN533_DATA};
use crate::smart_card::SmartCard;

/// A chip, from plugging its reader in to unplugging it.
#[derive(Debug, Default)]
pub(crate) struct Chip {
    field: Field,
    /// The answers for the bulk-IN endpoint.
    pub(crate) answers: Answers,
    /// The answer to the last command, if there is one, in case that it does not arrive.
    last: Vec<u8>,
}

/// The state of its field, as far as it knows.
#[derive(Debug, Default)]
enum Field {
    /// No card that has power.
    #[default]
    Empty,
    /// The card with this insertion number has power.
    Card(u32, Exchange),
}

/// How far the exchange of a command APDU and its response is.
#[derive(Debug)]
enum Exchange {
    Idle,
    /// So much of a command has come; more follows.
    Receiving(Vec<u8>),
    /// The card works on a command.
    Working,
    /// This of a response is left, which the host asks for.
    Sending(Vec<u8>),
}

impl Chip {
    /// The host sent a transfer.
    pub(crate) fn output(&mut self, transfer: &[u8], card: &mut dyn SmartCard) {
        self.look(card);
        match Frame::parse(transfer) {
            None => {}
            Some(Frame::Ack) => self.stop(card),
            Some(Frame::Nack) if self.last.is_empty() => {}
            Some(Frame::Nack) => {
                self.answers.clear();
                self.answers.push(self.last.clone());
            }
            Some(Frame::Other) => {
                self.begin(card);
                self.say(ERROR.to_vec());
            }
            Some(Frame::Command { code, parameters }) => {
                self.begin(card);
                self.obey(code, parameters, card);
            }
        }
    }

    /// Takes over what has become of the card and of the command it works on.
    pub(crate) fn look(&mut self, card: &mut dyn SmartCard) {
        let is_waiting = self.is_waiting();
        let Field::Card(insertion, exchange) = &mut self.field else { return };
        if card.insertion() != Some(*insertion) {
            self.field = Field::Empty;
            if is_waiting {
                self.end_exchange(Status::TimeOut);
            }
        } else if is_waiting && let Some(response) = card.response() {
            *exchange = Exchange::Idle;
            self.respond(response);
        }
    }

    /// Whether the card owes a response.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self.field, Field::Card(_, Exchange::Working))
    }

    /// A new command has come: the answer to the last one is no longer wanted.
    fn begin(&mut self, card: &mut dyn SmartCard) {
        if self.is_waiting() {
            self.stop(card);
        }
        self.forget_answers();
        self.answers.push(ACK.to_vec());
    }

    /// Ends what is under way.
    fn stop(&mut self, card: &mut dyn SmartCard) {
        self.forget_answers();
        if let Field::Card(_, exchange) = &mut self.field
            && matches!(std::mem::replace(exchange, Exchange::Idle), Exchange::Working)
        {
            card.abort();
        }
    }

    fn forget_answers(&mut self) {
        self.answers.clear();
        self.last.clear();
    }

    fn obey(&mut self, code: u8, parameters: &[u8], card: &mut dyn SmartCard) {
        match (code, parameters) {
            (command::GET_FIRMWARE_VERSION, []) => self.say(answer(code, &FIRMWARE)),
            (command::RF_CONFIGURATION, [setting::FIELD, field]) => {
                if field & FIELD_ON == 0 {
                    self.release(card);
                }
                self.say(answer(code, &[]));
            }
            // A virtual field has no use for them.
            (command::RF_CONFIGURATION, [setting::TIMINGS | setting::MAX_RETRIES, _, _, _]) => {
                self.say(answer(code, &[]));
            }
            (command::IN_LIST_PASSIVE_TARGET, [1 | 2, modulation, ..]) => {
                let found = self.find(*modulation, card);
                self.say(answer(code, &found));
            }
            (command::IN_DATA_EXCHANGE, [number, data @ ..]) => self.exchange(*number, data, card),
            // 0 means all of them.
            (command::IN_RELEASE, [0 | CARD]) => {
                self.release(card);
                self.say(answer(code, &[Status::Success as u8]));
            }
            (command::IN_RELEASE, [_]) => self.say(answer(code, &[Status::Context as u8])),
            _ => self.say(ERROR.to_vec()),
        }
    }

    /// Looks once for a card, and gives it power; what it found, as InListPassiveTarget is answered.
    fn find(&mut self, modulation: u8, card: &mut dyn SmartCard) -> Vec<u8> {
        self.release(card);
        let insertion = card.insertion().filter(|_| modulation == TYPE_A);
        let Some(insertion) = insertion else { return vec![0] };
        let Some(atr) = card.power_on().filter(|atr| atr.len() <= MAX_ATR) else { return vec![0] };
        self.field = Field::Card(insertion, Exchange::Idle);
        let [_, id @ ..] = insertion.to_be_bytes();
        [&[1, CARD][..], &TARGET, &id, &ats(&atr)].concat()
    }

    /// The card in the field loses its power.
    fn release(&mut self, card: &mut dyn SmartCard) {
        if let Field::Card(..) = std::mem::take(&mut self.field) {
            card.power_off();
        }
    }

    /// A part of a command APDU, or the wish for the next part of the response.
    fn exchange(&mut self, number: u8, data: &[u8], card: &mut dyn SmartCard) {
        let Field::Card(_, exchange) = &mut self.field else {
            return self.end_exchange(Status::Context);
        };
        if number & !MORE != CARD {
            return self.end_exchange(Status::Context);
        }
        let mut apdu = match std::mem::replace(exchange, Exchange::Idle) {
            Exchange::Sending(rest) if number == CARD && data.is_empty() => {
                return self.respond(rest);
            }
            Exchange::Receiving(apdu) => apdu,
            _ => Vec::new(),
        };
        if apdu.len().saturating_add(data.len()) > MAX_APDU {
            return self.end_exchange(Status::TooLong);
        }
        apdu.extend_from_slice(data);
        if number & MORE != 0 {
            *exchange = Exchange::Receiving(apdu);
            return self.end_exchange(Status::Success);
        }
        if apdu.is_empty() {
            return self.end_exchange(Status::Context);
        }
        *exchange = Exchange::Working;
        card.transmit(&apdu);
        self.look(card);
    }

    /// A response APDU, or what is left of it: as much as goes into an answer.
    fn respond(&mut self, mut response: Vec<u8>) {
        let mut status = Status::Success as u8;
        if response.len() > MAX_PN533_DATA
            && let Field::Card(_, exchange) = &mut self.field
        {
            *exchange = Exchange::Sending(response.split_off(MAX_PN533_DATA));
            status |= MORE;
        }
        self.say(answer(command::IN_DATA_EXCHANGE, &[&[status], &response[..]].concat()));
    }

    fn end_exchange(&mut self, status: Status) {
        self.say(answer(command::IN_DATA_EXCHANGE, &[status as u8]));
    }

    /// Queues the answer to a command.
    fn say(&mut self, answer: Vec<u8>) {
        self.last.clone_from(&answer);
        self.answers.push(answer);
    }
}

/// The ATS of a card with this ATR, with its length first: PC/SC has an ATR tell the historical bytes of a contactless card in between
/// `3B 8n 80 01` and a checksum.
fn ats(atr: &[u8]) -> Vec<u8> {
    let historical = match atr {
        [0x3B, 0x80..=0x8F, 0x80, 0x01, historical @ .., _] => historical,
        _ => &[],
    };
    let ats = [&ATS, historical].concat();
    // At most 33 bytes.
    let length = u8::try_from(ats.len()).unwrap_or_default().wrapping_add(1);
    [&[length], &ats[..]].concat()
}

/// A bit of RFConfiguration's byte for the field.
const FIELD_ON: u8 = 0x01;
