//! The card's side of the bridge, on a thread of its own, which waits for cards and for their answers.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use ctap_client::card::Alone;
use ctap_client::commands::code::{
    CONFIG, GET_ASSERTION, GET_INFO, MAKE_CREDENTIAL, RESET, SELECTION,
};
use ctap_client::{
    ApduPipe, CardChannel, Exchange as _, Patience, ReaderFault, Status, TransportError,
};
use hid_transport::{KeepaliveStatus, Kind};

use super::limits::{CARD_WAIT, HOLD, LOOK};
use super::mailbox::{Next, Taker};
use super::order::{News, Order, Request};
use super::pin_guard::{PinGuard, begins_with_a_pin, sets_a_pin};

/// The cards of this host, as the bridge looks for them.
pub(super) trait Cards {
    type Pipe: ApduPipe;

    /// Selects the FIDO card that is there now, if there is one.
    ///
    /// # Errors
    /// Why there cannot be any.
    fn find(&mut self) -> Result<Option<Found<Self::Pipe>>, ReaderFault>;

    /// How the card came that was found last; `None`: it is gone.
    fn arrival(&mut self) -> Option<Arrival>;

    /// Has the reader take the power of the card that was found last, through the pipe to it that is still `held`, if one is. It is
    /// given back to the next connection.
    fn power_off(&mut self, held: Option<Self::Pipe>);

    /// Lets time pass.
    fn pause(&mut self, time: Duration);
}

/// A FIDO card, selected.
pub(super) struct Found<P> {
    pub(super) card: CardChannel<P>,
    pub(super) arrival: Arrival,
}

/// How a card came to where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    /// The reader's whole name.
    pub(super) reader: String,
    /// How often cards had come and gone there by then, as PC/SC counts it since it runs.
    pub(super) movement: u32,
}

/// Whoever has the card.
pub(super) struct Worker<C: Cards> {
    cards: C,
    card: Option<CardChannel<Watched<C::Pipe>>>,
    /// Whether anything went to the card since that was last asked.
    has_heard: Rc<Cell<bool>>,
    guard: PinGuard,
    /// The last card.
    known: Option<Known>,
    tell: Box<dyn FnMut(News)>,
}

/// What is known of a card, whether it is there or not.
struct Known {
    arrival: Arrival,
    /// Its reply to getInfo, if it has CTAP2.
    info: Option<Vec<u8>>,
    /// Whether U2F worked when it was selected last.
    has_u2f: bool,
}

/// A pipe that notes whether anything went through it.
struct Watched<P> {
    pipe: P,
    has_heard: Rc<Cell<bool>>,
}

impl<P: ApduPipe> ApduPipe for Watched<P> {
    fn alone(&mut self, request: &mut Alone<'_>) -> Result<Vec<u8>, TransportError> {
        let Self { pipe, has_heard } = self;
        pipe.alone(&mut |transmit, contact| {
            let mut watched = |apdu: &[u8]| {
                has_heard.set(true);
                transmit(apdu)
            };
            request(&mut watched, contact)
        })
    }
}

/// How an attempt to have a card answer came out.
enum Attempt {
    Answered(Vec<u8>),
    /// There is no card.
    NoCard,
    /// The card wants to be taken off and laid on again (NF-41).
    WantsTap,
}

impl<C: Cards> Worker<C> {
    /// `tell` hears what is new.
    pub(super) fn new(cards: C, tell: impl FnMut(News) + 'static) -> Self {
        Self {
            cards,
            card: None,
            has_heard: Rc::default(),
            guard: PinGuard::default(),
            known: None,
            tell: Box::new(tell),
        }
    }

    /// Waits for a card that says what it is; then has cards carry out orders, until nobody gives any.
    pub(super) fn run(mut self, orders: &Taker) {
        self.await_first_card(|| !orders.is_closed());
        loop {
            match orders.next(self.card.as_ref().map(|_| HOLD)) {
                Next::Order(order) => self.obey(&order),
                Next::Nothing => self.card = None,
                Next::End => return,
            }
        }
    }

    /// Of one that lies there already nobody knows how many PINs were tried since it was tapped: perhaps through a bridge before
    /// this one.
    fn await_first_card(&mut self, is_wanted: impl Fn() -> bool) {
        if self.has_card() {
            self.ask_for_wrong_pins();
        }
        while self.known.is_none() && is_wanted() {
            self.cards.pause(LOOK);
            self.has_card();
        }
    }

    fn ask_for_wrong_pins(&mut self) {
        if let (Some(card), Some(Known { arrival, info: Some(_), .. })) =
            (&mut self.card, &self.known)
            && let Ok(reply) = card.exchange(&GET_PIN_RETRIES, &mut |_| Patience::Wait)
        {
            self.guard.card_was_there(arrival, &reply);
        }
    }

    fn obey(&mut self, order: &Order) {
        match order {
            Order::Request(request) => self.carry_out(request),
            Order::PowerCycle => {
                let held = self.card.take().map(|card| card.into_pipe().pipe);
                self.cards.power_off(held);
            }
        }
    }

    /// Has a card answer, which may have to come first.
    fn carry_out(&mut self, order: &Request) {
        let id = order.id;
        let mut waited = Duration::ZERO;
        let message = loop {
            if order.wish.is_abandoned() {
                return;
            }
            if order.wish.is_cancelled() {
                break vec![Status::KeepaliveCancel.byte()];
            }
            let attempt = self.attempt(order);
            let before = match attempt {
                Attempt::Answered(message) => break message,
                // U2F clients ask again, and do not bear to wait (UF-34).
                Attempt::NoCard | Attempt::WantsTap if order.kind == Kind::Msg => {
                    break CONDITIONS_NOT_SATISFIED.to_vec();
                }
                Attempt::NoCard if !is_for_a_person(&order.message) => {
                    break vec![Status::UpRequired.byte()];
                }
                Attempt::NoCard => None,
                Attempt::WantsTap => self.cards.arrival(),
            };
            (self.tell)(News::Waits { id, for_user: true });
            if !self.await_card(order, before.as_ref(), &mut waited) {
                break vec![Status::UserActionTimeout.byte()];
            }
            (self.tell)(News::Waits { id, for_user: false });
        };
        let is_done = message.first() == Some(&Status::Ok.byte());
        (self.tell)(News::Answer { id, message });
        if is_done && order.kind == Kind::Cbor && changes_info(&order.message) {
            self.ask_again();
        }
    }

    /// Before the card leaves, for what it says of itself is another thing now. If it does not answer, the next one will be asked.
    fn ask_again(&mut self) {
        if let (Some(card), Some(Known { info, .. })) = (&mut self.card, &mut self.known)
            && let Ok(reply) = card.exchange(&[GET_INFO], &mut |_| Patience::Wait)
            && reply.first() == Some(&Status::Ok.byte())
        {
            *info = Some(reply);
        }
    }

    /// Waits until another card is there than the one that came by `before`, or the client has changed its mind; false: it took
    /// too long.
    fn await_card(
        &mut self,
        order: &Request,
        before: Option<&Arrival>,
        waited: &mut Duration,
    ) -> bool {
        self.card = None;
        while *waited < CARD_WAIT && !order.wish.is_cancelled() {
            self.cards.pause(LOOK);
            *waited = waited.saturating_add(LOOK);
            let is_old = before.is_some() && self.cards.arrival().as_ref() == before;
            if !is_old && self.has_card() {
                return true;
            }
        }
        order.wish.is_cancelled()
    }

    fn attempt(&mut self, order: &Request) -> Attempt {
        if !self.has_card() {
            return self.without_card(order);
        }
        if let (Kind::Cbor, Some(Known { arrival, .. })) = (order.kind, &self.known)
            && let Some(refusal) = self.guard.refusal(arrival, &order.message)
        {
            return Attempt::Answered(refusal);
        }
        self.has_heard.set(false);
        match (self.exchange(order), self.has_heard.get()) {
            (Ok(reply), _) if is_up_required(order, &reply) => Attempt::WantsTap,
            (Ok(reply), _) => {
                self.learn(order, &reply);
                Attempt::Answered(reply)
            }
            (Err(TransportError::Reader(_)), false) => {
                self.card = None;
                Attempt::NoCard
            }
            // A card that leaves while it says what it is takes nothing with it.
            (Err(_), _) if order.message == [GET_INFO] => {
                self.card = None;
                self.without_card(order)
            }
            // What had begun may have been done: it is not begun again.
            (Err(error), _) => {
                tracing::warn!(%error, "a card did not bring a request to its end");
                self.card = None;
                Attempt::Answered(failure(order.kind))
            }
        }
    }

    fn learn(&mut self, order: &Request, reply: &[u8]) {
        if order.kind != Kind::Cbor {
            return;
        }
        let Some(Known { arrival, info, .. }) = &mut self.known else { return };
        self.guard.heard(arrival, &order.message, reply);
        if let ([GET_INFO], Some(0)) = (order.message.as_slice(), reply.first()) {
            *info = Some(reply.to_vec());
        }
    }

    /// Programs ask every key what it is, and give it little time: that is known by heart.
    fn without_card(&self, order: &Request) -> Attempt {
        match (order.kind, &self.known) {
            (Kind::Cbor, Some(Known { info: Some(info), .. })) if order.message == [GET_INFO] => {
                Attempt::Answered(info.clone())
            }
            (Kind::Msg, Some(Known { has_u2f: true, .. })) if asks_for_version(&order.message) => {
                Attempt::Answered(U2F_V2.to_vec())
            }
            _ => Attempt::NoCard,
        }
    }

    fn exchange(&mut self, order: &Request) -> Result<Vec<u8>, TransportError> {
        let Self { card, tell, .. } = self;
        let card = card.as_mut().ok_or(ReaderFault::NoCard)?;
        match order.kind {
            Kind::Msg => card.exchange_u2f(&order.message),
            Kind::Cbor => card.exchange(&order.message, &mut |status| {
                let for_user = status == KeepaliveStatus::UpNeeded;
                tell(News::Waits { id: order.id, for_user });
                if order.wish.is_cancelled() { Patience::Cancel } else { Patience::Wait }
            }),
        }
    }

    /// Whether there is a card: the one that is held, or another. One that just came says what it is.
    fn has_card(&mut self) -> bool {
        let known = self.known.as_ref().map(|known| known.arrival.clone());
        if self.card.is_some() && self.cards.arrival() == known {
            return true;
        }
        self.card = None;
        let Ok(Some(Found { card, arrival })) = self.cards.find() else { return false };
        let has_heard = Rc::clone(&self.has_heard);
        let mut card = card.through(|pipe| Watched { pipe, has_heard });
        self.guard.card_is_there(&arrival);
        if known.as_ref() != Some(&arrival) {
            let reply = card.exchange(&[GET_INFO], &mut |_| Patience::Wait);
            let info = reply.ok().filter(|reply| reply.first() == Some(&0));
            let has_u2f = card.has_u2f();
            if info.is_none() && !has_u2f {
                return false;
            }
            if known.is_none() {
                let (has_ctap2, has_u2f) = (info.is_some(), speaks_u2f(&mut card));
                (self.tell)(News::Card { has_ctap2, has_u2f });
            }
            self.known = Some(Known { arrival, info, has_u2f });
        } else if let Some(known) = &mut self.known {
            known.has_u2f = card.has_u2f();
        }
        self.card = Some(card);
        true
    }
}

/// Whether the card has U2F, now or at other times: while alwaysUv is on, it says neither that it has when it is selected (UF-50), nor
/// that it knows no such command, as those without do.
fn speaks_u2f<P: ApduPipe>(card: &mut CardChannel<P>) -> bool {
    card.has_u2f()
        || card.exchange_u2f(&GET_VERSION).is_ok_and(|answer| answer == COMMAND_NOT_ALLOWED)
}

/// U2F's VERSION, with or without Le; with data it is wrong (UF-11).
fn asks_for_version(apdu: &[u8]) -> bool {
    matches!(apdu, [0x00, 0x03, _, _] | [0x00, 0x03, _, _, _] | [0x00, 0x03, _, _, 0x00, _, _])
}

/// Whether a person does something for this, or will for what follows: for these a card is laid on its reader. Others are questions,
/// which programs ask of every key that they see.
fn is_for_a_person(request: &[u8]) -> bool {
    let is_one =
        |command: &u8| matches!(*command, MAKE_CREDENTIAL | GET_ASSERTION | RESET | SELECTION);
    request.first().is_some_and(is_one) || begins_with_a_pin(request)
}

/// Whether getInfo has something else to say after that. Not in the middle of an enrolment, which another command may end.
fn changes_info(request: &[u8]) -> bool {
    matches!(request.first(), Some(&(CONFIG | RESET))) || sets_a_pin(request)
}

fn is_up_required(order: &Request, reply: &[u8]) -> bool {
    order.kind == Kind::Cbor && reply == [Status::UpRequired.byte()]
}

/// What a client hears of a card that was gone before it had answered.
fn failure(kind: Kind) -> Vec<u8> {
    match kind {
        Kind::Cbor => vec![Status::Other.byte()],
        Kind::Msg => NO_PRECISE_DIAGNOSIS.to_vec(),
    }
}

/// authenticatorClientPIN (06), getPINRetries with protocol 1, which CTAP 2.0 wants to be named.
const GET_PIN_RETRIES: [u8; 6] = [0x06, 0xA2, 0x01, 0x01, 0x02, 0x01];
/// U2F's VERSION (UF-10).
const GET_VERSION: [u8; 4] = [0x00, 0x03, 0x00, 0x00];
/// Its answer.
const U2F_V2: [u8; 8] = *b"U2F_V2\x90\x00";
/// 6986: not while alwaysUv is on.
const COMMAND_NOT_ALLOWED: [u8; 2] = [0x69, 0x86];
/// 6985: a touch is needed, which for a card is a tap (UF-34).
const CONDITIONS_NOT_SATISFIED: [u8; 2] = [0x69, 0x85];
/// 6F00: the card failed.
const NO_PRECISE_DIAGNOSIS: [u8; 2] = [0x6F, 0x00];

#[cfg(test)]
mod tests;
