//! The slot: what a command does to the card in it, and the answers to the host.
//!
//! The host has one command running at a time (bMaxCCIDBusySlots is 1). A response may take long: every second the
//! host is asked to wait longer (NF-53). If the card is taken away meanwhile, or the host gives up, the command
//! fails.

#[cfg(test)]
mod tests;

use std::time::Duration;

use super::codes::{Failure, IccStatus, NOTIFY_SLOT_CHANGE, T1, T1_PARAMETERS, command, part};
use super::intake::{Intake, Message};
use super::message::{HEAD, Head, Outcome, answer};
use crate::answers::Answers;
use crate::limits::{MAX_APDU, MAX_ATR, MAX_CCID_MESSAGE, TIME_EXTENSION};
use crate::smart_card::SmartCard;

/// A reader's slot, from plugging the reader in to unplugging it.
pub(crate) struct Slot {
    intake: Intake,
    insertion: Option<u32>,
    icc: Icc,
    abort: Abort,
    /// The answers for the bulk-IN endpoint.
    pub(crate) answers: Answers,
    /// A card came or went since the host was last told.
    has_changed: bool,
}

/// The card, as far as the reader knows.
#[derive(Debug)]
enum Icc {
    Absent,
    Inactive,
    /// It has power.
    Active(Exchange),
}

/// How far the exchange of a command APDU and its response is.
#[derive(Debug)]
enum Exchange {
    Idle,
    /// So much of a command has come; more follows.
    Receiving(Vec<u8>),
    /// The card works on the command with this head. At that time the host must be told again.
    Working {
        head: Head,
        extend_at: Duration,
    },
    /// This of a response is left, which the host asks for.
    Sending(Vec<u8>),
}

/// An abort takes a request on endpoint 0 and a message, in either order and with the same sequence number (section 5.3.1).
#[derive(Clone, Copy, Debug)]
enum Abort {
    None,
    /// The request came: every message but one fails.
    Requested {
        seq: u8,
    },
    /// The message came.
    Commanded(Head),
}

impl Slot {
    /// The slot of a reader that was just plugged in. If a card lies there, it is reported as a card that came.
    pub(crate) fn new(card: &dyn SmartCard) -> Self {
        let insertion = card.insertion();
        Self {
            intake: Intake::default(),
            insertion,
            icc: if insertion.is_some() { Icc::Inactive } else { Icc::Absent },
            abort: Abort::None,
            answers: Answers::default(),
            has_changed: insertion.is_some(),
        }
    }

    /// The host sent a transfer.
    pub(crate) fn output(&mut self, transfer: &[u8], card: &mut dyn SmartCard, now: Duration) {
        self.look(card, now);
        match self.intake.take(transfer) {
            Some(Message::Whole(head, data)) => self.obey(&head, &data, card, now),
            Some(Message::BadLength(head)) => self.fail(&head, Failure::Length),
            None => {}
        }
    }

    /// The message for the interrupt endpoint: whether a card is there, if that has changed.
    pub(crate) fn notice(&mut self) -> Option<[u8; 2]> {
        let is_present = u8::from(self.insertion.is_some());
        std::mem::take(&mut self.has_changed).then_some([NOTIFY_SLOT_CHANGE, CHANGED | is_present])
    }

    /// Takes over what has become of the card and of the command it works on.
    pub(crate) fn look(&mut self, card: &mut dyn SmartCard, now: Duration) {
        let insertion = card.insertion();
        if insertion != self.insertion {
            self.exchange_card(insertion);
        }
        let Icc::Active(exchange) = &mut self.icc else { return };
        let Exchange::Working { head, extend_at } = exchange else { return };
        let head = *head;
        if let Some(response) = card.response() {
            *exchange = Exchange::Idle;
            self.respond(&head, response, part::WHOLE, part::FIRST);
        } else if *extend_at <= now {
            *extend_at = now.saturating_add(TIME_EXTENSION);
            // One that the host has not taken yet will do.
            if self.answers.is_empty() {
                self.answers.push(answer(&head, IccStatus::Active, Outcome::MoreTime, 0, &[]));
            }
        }
    }

    /// When [`look`](Self::look) is due, if nothing happens before.
    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        match &self.icc {
            Icc::Active(Exchange::Working { extend_at, .. }) => Some(*extend_at),
            _ => None,
        }
    }

    /// Whether the card owes a response.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self.icc, Icc::Active(Exchange::Working { .. }))
    }

    /// The request ABORT on endpoint 0.
    pub(crate) fn request_abort(&mut self, seq: u8, card: &mut dyn SmartCard) {
        self.stop(card);
        self.abort = match self.abort {
            Abort::Commanded(head) if head.seq == seq => {
                self.succeed(&head);
                Abort::None
            }
            _ => Abort::Requested { seq },
        };
    }

    fn obey(&mut self, head: &Head, data: &[u8], card: &mut dyn SmartCard, now: Duration) {
        if head.slot != 0 {
            let no_slot = Outcome::Failed(Failure::NoSuchSlot);
            self.answers.push(answer(head, IccStatus::Absent, no_slot, 0, &[]));
            return;
        }
        if head.kind == command::ABORT {
            return self.command_abort(head, card);
        }
        match self.abort {
            Abort::Requested { .. } => return self.fail(head, Failure::Aborted),
            // The host has thought better of it.
            Abort::Commanded(_) => self.abort = Abort::None,
            Abort::None => {}
        }
        if self.is_waiting() {
            return self.fail(head, Failure::SlotBusy);
        }
        match head.kind {
            command::XFR_BLOCK => self.transfer(head, data, card, now),
            command::SET_PARAMETERS => self.set_parameters(head, data),
            _ if !data.is_empty() && is_known(head.kind) => self.fail(head, Failure::Length),
            command::ICC_POWER_ON => self.power_on(head, card),
            command::ICC_POWER_OFF => self.power_off(head, card),
            command::GET_SLOT_STATUS => self.succeed(head),
            command::GET_PARAMETERS | command::RESET_PARAMETERS => self.tell_parameters(head),
            _ => self.fail(head, Failure::NotSupported),
        }
    }

    /// Power, or a reset. The voltage is the card's own affair, but it must be one that there is.
    fn power_on(&mut self, head: &Head, card: &mut dyn SmartCard) {
        let [voltage, ..] = head.specific;
        if voltage > LAST_VOLTAGE {
            return self.fail(head, Failure::Choice);
        }
        if self.insertion.is_none() {
            return self.fail(head, Failure::IccMute);
        }
        match card.power_on().filter(|atr| atr.len() <= MAX_ATR) {
            Some(atr) => {
                self.icc = Icc::Active(Exchange::Idle);
                self.done(head, 0, &atr);
            }
            None => {
                self.icc = Icc::Inactive;
                self.fail(head, Failure::IccMute);
            }
        }
    }

    fn power_off(&mut self, head: &Head, card: &mut dyn SmartCard) {
        if let Icc::Active(_) = self.icc {
            card.power_off();
            self.icc = Icc::Inactive;
        }
        self.succeed(head);
    }

    fn tell_parameters(&mut self, head: &Head) {
        match self.icc {
            Icc::Active(_) => self.done(head, T1, &T1_PARAMETERS),
            _ => self.fail(head, Failure::IccMute),
        }
    }

    /// They are as they are; but the host may say which ones it means.
    fn set_parameters(&mut self, head: &Head, data: &[u8]) {
        let [protocol, ..] = head.specific;
        match (protocol, data.len()) {
            (T1, length) if length == T1_PARAMETERS.len() => self.tell_parameters(head),
            (T1, _) => self.fail(head, Failure::Length),
            _ => self.fail(head, Failure::Choice),
        }
    }

    /// A part of a command APDU, or the wish for the next part of the response.
    fn transfer(&mut self, head: &Head, data: &[u8], card: &mut dyn SmartCard, now: Duration) {
        let Icc::Active(exchange) = &mut self.icc else {
            return self.fail(head, Failure::IccMute);
        };
        let [_, level, high] = head.specific;
        let before = std::mem::replace(exchange, Exchange::Idle);
        match (level, high, before) {
            (part::GO_ON, 0, Exchange::Sending(rest)) if data.is_empty() => {
                self.respond(head, rest, part::LAST, part::MIDDLE);
            }
            (part::WHOLE, 0, _) => self.collect(head, Vec::new(), data, card, Some(now)),
            (part::FIRST, 0, _) => self.collect(head, Vec::new(), data, card, None),
            (part::MIDDLE, 0, Exchange::Receiving(apdu)) => {
                self.collect(head, apdu, data, card, None);
            }
            (part::LAST, 0, Exchange::Receiving(apdu)) => {
                self.collect(head, apdu, data, card, Some(now));
            }
            _ => self.fail(head, Failure::LevelParameter),
        }
    }

    /// Adds to the command APDU. Where it is whole, at `whole_at`, the card gets it.
    fn collect(
        &mut self,
        head: &Head,
        mut apdu: Vec<u8>,
        data: &[u8],
        card: &mut dyn SmartCard,
        whole_at: Option<Duration>,
    ) {
        if apdu.len().saturating_add(data.len()) > MAX_APDU {
            return self.fail(head, Failure::Overrun);
        }
        apdu.extend_from_slice(data);
        let Some(now) = whole_at else {
            self.icc = Icc::Active(Exchange::Receiving(apdu));
            return self.done(head, part::GO_ON, &[]);
        };
        if apdu.is_empty() {
            return self.fail(head, Failure::Length);
        }
        let extend_at = now.saturating_add(TIME_EXTENSION);
        self.icc = Icc::Active(Exchange::Working { head: *head, extend_at });
        card.transmit(&apdu);
        self.look(card, now);
    }

    /// A response APDU, or what is left of it: in one block, which is `only`, or as much as fits, which is `one_of_many`.
    fn respond(&mut self, head: &Head, mut response: Vec<u8>, only: u8, one_of_many: u8) {
        if response.len() <= MAX_DATA {
            return self.done(head, only, &response);
        }
        let rest = response.split_off(MAX_DATA);
        self.icc = Icc::Active(Exchange::Sending(rest));
        self.done(head, one_of_many, &response);
    }

    fn command_abort(&mut self, head: &Head, card: &mut dyn SmartCard) {
        self.stop(card);
        match self.abort {
            Abort::Requested { seq } if seq == head.seq => {
                self.abort = Abort::None;
                self.succeed(head);
            }
            Abort::Requested { .. } => self.fail(head, Failure::Aborted),
            Abort::None | Abort::Commanded(_) => self.abort = Abort::Commanded(*head),
        }
    }

    /// Ends what is under way: a command that the card works on fails.
    fn stop(&mut self, card: &mut dyn SmartCard) {
        let Icc::Active(exchange) = &mut self.icc else { return };
        if let Exchange::Working { head, .. } = std::mem::replace(exchange, Exchange::Idle) {
            card.abort();
            self.fail(&head, Failure::Aborted);
        }
    }

    /// Another card is there, or none. What the one before worked on, nobody will answer.
    fn exchange_card(&mut self, insertion: Option<u32>) {
        let icc = if insertion.is_some() { Icc::Inactive } else { Icc::Absent };
        let before = std::mem::replace(&mut self.icc, icc);
        (self.insertion, self.has_changed) = (insertion, true);
        if let Icc::Active(Exchange::Working { head, .. }) = before {
            self.fail(&head, Failure::IccMute);
        }
    }

    fn succeed(&mut self, head: &Head) {
        let clock = if self.status() == IccStatus::Active { RUNNING } else { STOPPED };
        self.done(head, clock, &[]);
    }

    fn done(&mut self, head: &Head, specific: u8, data: &[u8]) {
        self.answers.push(answer(head, self.status(), Outcome::Done, specific, data));
    }

    fn fail(&mut self, head: &Head, failure: Failure) {
        let failed = Outcome::Failed(failure);
        self.answers.push(answer(head, self.status(), failed, 0, &[]));
    }

    fn status(&self) -> IccStatus {
        match self.icc {
            Icc::Absent => IccStatus::Absent,
            Icc::Inactive => IccStatus::Inactive,
            Icc::Active(_) => IccStatus::Active,
        }
    }
}

/// Whether it is a command without data that this reader carries out.
fn is_known(kind: u8) -> bool {
    matches!(
        kind,
        command::ICC_POWER_ON
            | command::ICC_POWER_OFF
            | command::GET_SLOT_STATUS
            | command::GET_PARAMETERS
            | command::RESET_PARAMETERS
    )
}

/// bmSlotICCState: the bit that says "changed", beside the one that says "present".
const CHANGED: u8 = 0x02;
/// bPowerSelect: automatic, 5, 3 and 1.8 V.
const LAST_VOLTAGE: u8 = 3;
/// bClockStatus.
const RUNNING: u8 = 0;
const STOPPED: u8 = 1;
/// Bytes of data in a message.
const MAX_DATA: usize = MAX_CCID_MESSAGE - HEAD;
