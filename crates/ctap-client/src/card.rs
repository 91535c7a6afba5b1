//! CTAP section 11.3: a conversation with a card, over anything that carries APDUs.

use std::ops::DerefMut;
use std::thread;

use apdu_transport::client::{Fault, Next, Request};
use apdu_transport::limits::POLL_PAUSE;
use apdu_transport::{Length, StatusWord, Version};

use crate::error::TransportError;
use crate::exchange::{Exchange, KeepaliveStatus, Patience};

/// APDUs to and from one card: through a reader, or of a card in the same process.
pub trait ApduPipe {
    /// Carries out one request with the card to itself: no APDU of another program comes between those that
    /// `request` transmits. If the card was reset or taken away since the last request, connects to it again, once,
    /// and tells `request` so.
    ///
    /// # Errors
    /// When the card cannot be reached, before anything was transmitted. Otherwise the error that `request`
    /// returns.
    fn alone(&mut self, request: &mut Alone<'_>) -> Result<Vec<u8>, TransportError>;
}

/// The work on a card while no other program can use it.
pub type Alone<'r> = dyn FnMut(&mut Transmit<'_>, Contact) -> Result<Vec<u8>, TransportError> + 'r;

/// Transmits one command APDU and returns the response APDU: empty if the card was taken away meanwhile.
pub type Transmit<'t> = dyn FnMut(&[u8]) -> Result<Vec<u8>, TransportError> + 't;

/// Whether the card still knows what it was told before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact {
    /// As far as anybody knows.
    Kept,
    /// The card had no power, or it is another card. No application is selected, and every token is invalid
    /// (NF-07).
    Anew,
}

/// A reader of this machine, and its card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// Its name in PC/SC.
    pub name: String,
    /// Whether a card lies on it or is in it.
    pub has_card: bool,
    /// Whether the card was found by a contactless reader. Its ATR tells that (PC/SC part 3).
    pub is_contactless: bool,
    /// Whether a program uses the card exclusively.
    pub is_taken: bool,
    /// How many times cards have come and gone.
    pub movements: u32,
    /// The ATR: what its card answers to a reset (ISO 7816-3), at most 33 bytes. It is empty without a card.
    pub atr: Vec<u8>,
}

/// A borrowed one, or one in a box.
impl<P: DerefMut<Target: ApduPipe>> ApduPipe for P {
    fn alone(&mut self, request: &mut Alone<'_>) -> Result<Vec<u8>, TransportError> {
        (**self).alone(request)
    }
}

/// A card whose FIDO application is selected, as long as no other program selects another one.
///
/// If another program selects another application, or the card had no power, this channel selects FIDO's
/// application again, once, and goes on with the request. Tokens of before are then invalid, and the card itself
/// says so. Only short APDUs are sent, in parts if necessary, because every card takes them.
pub struct CardChannel<P> {
    pipe: P,
    version: Vec<u8>,
    /// Whether the card takes the bit that says that this client can poll (NF-11).
    can_poll: bool,
}

impl<P: ApduPipe> CardChannel<P> {
    /// Selects FIDO's application on the card behind `pipe` (NF-01).
    ///
    /// # Errors
    /// [`TransportError`] when there is no card, or it has no such application.
    pub fn open(mut pipe: P) -> Result<Self, TransportError> {
        let version = pipe.alone(&mut |transmit, _| select(transmit))?;
        Ok(Self { pipe, version, can_poll: true })
    }

    /// What the card answered when it was selected: a [`Version`]'s bytes, if it keeps to the standard (NF-02).
    #[must_use]
    pub fn version(&self) -> &[u8] {
        &self.version
    }

    /// Whether U2F worked when the card was selected (UF-50). For CTAP2, ask getInfo.
    #[must_use]
    pub fn has_u2f(&self) -> bool {
        Version::from_bytes(&self.version) == Some(Version::U2fV2)
    }

    /// The pipe below, for tests that send what no client would send.
    pub const fn pipe_mut(&mut self) -> &mut P {
        &mut self.pipe
    }

    /// The same channel. Its APDUs now go through the pipe that `wrap` makes of the present one.
    #[must_use]
    pub fn through<Q>(self, wrap: impl FnOnce(P) -> Q) -> CardChannel<Q> {
        let Self { pipe, version, can_poll } = self;
        CardChannel { pipe: wrap(pipe), version, can_poll }
    }

    /// The pipe below; the channel ends.
    #[must_use]
    pub fn into_pipe(self) -> P {
        self.pipe
    }

    /// Has the card to itself, and lets it answer what `make` makes, which takes whether the card can be polled.
    fn carry_out(
        &mut self,
        kind: Kind,
        make: &dyn Fn(bool) -> Result<(Request, Vec<u8>), TransportError>,
        on_keepalive: &mut dyn FnMut(KeepaliveStatus) -> Patience,
    ) -> Result<Vec<u8>, TransportError> {
        let Self { pipe, version, can_poll } = self;
        pipe.alone(&mut |transmit, contact| {
            if contact == Contact::Anew {
                *version = select(transmit)?;
            }
            let (mut request, apdu) = make(*can_poll)?;
            let mut response = transmit(&apdu)?;
            if kind.is_refused_elsewhere(&response) {
                *version = select(transmit)?;
            } else if kind == Kind::Ctap && *can_poll && response == REFUSES_POLLS {
                *can_poll = false;
            } else {
                return converse(transmit, request, response, on_keepalive);
            }
            let (again, apdu) = make(*can_poll)?;
            (request, response) = (again, transmit(&apdu)?);
            converse(transmit, request, response, on_keepalive)
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ctap,
    U2f,
}

impl Kind {
    /// Whether this is how a card refuses the first APDU of a request because FIDO's application is not the one that is
    /// selected (NF-06, NF-36). U2F has a meaning of its own for some of these words.
    fn is_refused_elsewhere(self, response: &[u8]) -> bool {
        let [high, low] = response else { return false };
        match StatusWord(u16::from_be_bytes([*high, *low])) {
            StatusWord::INS_NOT_SUPPORTED | StatusWord::CLA_NOT_SUPPORTED => true,
            StatusWord::CONDITIONS_NOT_SATISFIED | StatusWord::COMMAND_NOT_ALLOWED => {
                self == Self::Ctap
            }
            _ => false,
        }
    }
}

impl<P: ApduPipe> Exchange for CardChannel<P> {
    fn exchange(
        &mut self,
        request: &[u8],
        on_keepalive: &mut dyn FnMut(KeepaliveStatus) -> Patience,
    ) -> Result<Vec<u8>, TransportError> {
        let make = |can_poll| Ok(Request::ctap(request, Length::Short, can_poll)?);
        self.carry_out(Kind::Ctap, &make, on_keepalive)
    }

    /// Also to a card that had no U2F when it was selected: alwaysUv and a reset change that, and it says itself what it has (UF-50).
    fn exchange_u2f(&mut self, apdu: &[u8]) -> Result<Vec<u8>, TransportError> {
        if let Err(word) = Request::u2f(apdu, Length::Short) {
            return Ok(word.0.to_be_bytes().to_vec());
        }
        // It was checked above.
        let make = |_| Request::u2f(apdu, Length::Short).map_err(|_| TransportError::NoU2f);
        self.carry_out(Kind::U2f, &make, &mut |_| Patience::Wait)
    }
}

/// Selects FIDO's application; the answer is its version.
fn select(transmit: &mut Transmit<'_>) -> Result<Vec<u8>, TransportError> {
    let (request, apdu) = Request::select();
    let response = transmit(&apdu)?;
    converse(transmit, request, response, &mut |_| Patience::Wait)
}

/// Leads a request to its end, from the first response on.
fn converse(
    transmit: &mut Transmit<'_>,
    mut request: Request,
    mut response: Vec<u8>,
    on_keepalive: &mut dyn FnMut(KeepaliveStatus) -> Patience,
) -> Result<Vec<u8>, TransportError> {
    let mut patience = Patience::Wait;
    loop {
        let apdu = match request.receive(&response)? {
            Next::Done(answer) => return Ok(answer),
            Next::Transmit(apdu) => apdu,
            Next::Poll(status) => {
                let before = patience;
                if before == Patience::Wait {
                    patience = on_keepalive(told(status));
                }
                match (before, patience) {
                    (Patience::Wait, Patience::Cancel) => request.cancel(),
                    _ => {
                        thread::sleep(POLL_PAUSE);
                        request.poll()
                    }
                }
            }
        };
        response = transmit(&apdu)?;
    }
}

/// The status of 9100 as CTAPHID has it: the standard gives both the same numbers.
const fn told(status: apdu_transport::KeepaliveStatus) -> KeepaliveStatus {
    match status {
        apdu_transport::KeepaliveStatus::Processing => KeepaliveStatus::Processing,
        apdu_transport::KeepaliveStatus::UpNeeded => KeepaliveStatus::UpNeeded,
    }
}

impl From<Fault> for TransportError {
    fn from(fault: Fault) -> Self {
        Self::Card(fault)
    }
}

/// 6A86: a card that reserves the bit of P1 by which a client says that it can poll (NF-11).
const REFUSES_POLLS: [u8; 2] = StatusWord::INCORRECT_P1_P2.0.to_be_bytes();

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::time::Duration;

    use apdu_transport::{Card, Event, Settings};

    use super::*;
    use crate::test_support::hex;

    /// A card made of apdu-transport's own card end, and an authenticator that answers each message with itself, reversed.
    struct Reader {
        card: Card,
        now: Duration,
        contact: Contact,
        /// Responses in place of the card's next ones.
        instead: VecDeque<Vec<u8>>,
        apdus: Vec<Vec<u8>>,
        /// Waits for a touch until a cancel ends it with 2D.
        waits: bool,
    }

    impl Reader {
        fn new(version: Version) -> Self {
            let settings = Settings { version, ..Settings::default() };
            Self {
                card: Card::new(settings),
                now: Duration::ZERO,
                contact: Contact::Kept,
                instead: VecDeque::new(),
                apdus: Vec::new(),
                waits: false,
            }
        }

        fn channel() -> CardChannel<Self> {
            CardChannel::open(Self::new(Version::U2fV2)).unwrap()
        }

        fn answer(&mut self, apdu: &[u8]) -> Vec<u8> {
            let answer = match self.card.handle_apdu(apdu, self.now) {
                Some(Event::Request { id, message, .. }) if !self.waits => {
                    Some((id, message.iter().rev().copied().collect()))
                }
                Some(Event::Request { id, .. }) => {
                    self.card.set_waiting_for_user(id, true);
                    None
                }
                Some(Event::Cancel { id }) => Some((id, vec![0x2D])),
                _ => None,
            };
            if let Some((id, answer)) = answer {
                self.card.respond(id, &answer);
            }
            loop {
                match self.card.poll_response() {
                    Some(response) => return response,
                    None => {
                        self.now = self.card.poll_timeout().expect("a response is due");
                        self.card.handle_timeout(self.now);
                    }
                }
            }
        }

        fn sent(&mut self) -> Vec<Vec<u8>> {
            core::mem::take(&mut self.apdus)
        }
    }

    impl ApduPipe for Reader {
        fn alone(&mut self, request: &mut Alone<'_>) -> Result<Vec<u8>, TransportError> {
            let contact = core::mem::replace(&mut self.contact, Contact::Kept);
            let mut transmit = |apdu: &[u8]| {
                self.apdus.push(apdu.to_vec());
                Ok(self.instead.pop_front().unwrap_or_else(|| self.answer(apdu)))
            };
            request(&mut transmit, contact)
        }
    }

    fn wait(_: KeepaliveStatus) -> Patience {
        Patience::Wait
    }

    #[test]
    fn messages_of_any_length_go_there_and_back() {
        // NF-01, NF-12, NF-16
        let mut channel = Reader::channel();
        for length in [1, 240, 241, 7609] {
            let message: Vec<u8> = (1..=250).cycle().take(length).collect();
            let reversed: Vec<u8> = message.iter().rev().copied().collect();
            assert_eq!(channel.exchange(&message, &mut wait).unwrap(), reversed, "{length} bytes");
        }
        let refused = channel.exchange(&[0; 7610], &mut wait).unwrap_err();
        assert!(matches!(refused, TransportError::Card(Fault::TooLong(7610))));
    }

    #[test]
    fn a_cancel_from_the_keepalive_listener_ends_the_wait_with_2d() {
        // NF-30, NF-31, NF-32
        let mut channel = Reader::channel();
        channel.pipe_mut().waits = true;
        let mut heard = 0;
        let reply = channel.exchange(&[0x0B], &mut |status| {
            assert_eq!(status, KeepaliveStatus::UpNeeded);
            heard += 1;
            if heard < 3 { Patience::Wait } else { Patience::Cancel }
        });
        assert_eq!(reply.unwrap(), [0x2D]);
        assert_eq!(heard, 3);
        let polls = ["80108000010B00", "8011000000", "8011000000", "8011110000"].map(hex);
        assert!(channel.pipe_mut().sent().ends_with(&polls));
    }

    #[test]
    fn a_card_that_lost_what_was_selected_is_selected_again_once_and_the_request_goes_on() {
        // NF-06, NF-07
        let mut channel = Reader::channel();
        channel.pipe_mut().sent();
        for refusal in ["6985", "6986", "6d00", "6e00"] {
            channel.pipe_mut().instead = [hex(refusal)].into();
            assert_eq!(channel.exchange(&[4], &mut wait).unwrap(), [4]);
            let [first, select, again] = channel.pipe_mut().sent().try_into().unwrap();
            assert!(first == again && select.starts_with(&hex("00a40400")), "{refusal}");
        }
        let refuse = || hex("6985");
        channel.pipe_mut().instead = [refuse(), hex("4649444f5f325f309000"), refuse()].into();
        let refused = channel.exchange(&[4], &mut wait).unwrap_err();
        let word = StatusWord::CONDITIONS_NOT_SATISFIED;
        assert!(matches!(refused, TransportError::Card(Fault::Refused(got)) if got == word));
        channel.pipe_mut().contact = Contact::Anew;
        channel.pipe_mut().card.reset();
        assert_eq!(channel.exchange(&[4], &mut wait).unwrap(), [4]);
    }

    #[test]
    fn a_request_that_the_card_had_taken_is_not_sent_a_second_time() {
        // NF-17
        let mut channel = Reader::channel();
        channel.pipe_mut().instead = [hex("006101"), hex("6985")].into();
        assert!(channel.exchange(&[4], &mut wait).is_err());
        let asked = channel.pipe_mut().sent().iter().filter(|apdu| apdu.ends_with(&[4, 0])).count();
        assert_eq!(asked, 1);
    }

    #[test]
    fn a_card_that_refuses_to_be_polled_is_asked_without_from_then_on() {
        // NF-11
        let mut channel = Reader::channel();
        channel.pipe_mut().instead = [hex("6a86")].into();
        for _ in 0..2 {
            assert_eq!(channel.exchange(&[4], &mut wait).unwrap(), [4]);
        }
        let p1 = |apdu: &Vec<u8>| apdu[2];
        assert_eq!(channel.pipe_mut().sent()[1..].iter().map(p1).collect::<Vec<_>>(), [0x80, 0, 0]);
    }

    #[test]
    fn a_card_that_is_taken_away_in_the_middle_is_told_apart() {
        let mut channel = Reader::channel();
        channel.pipe_mut().instead = [vec![]].into();
        let gone = channel.exchange(&[4], &mut wait).unwrap_err();
        assert!(matches!(gone, TransportError::Card(Fault::Gone)));
        assert!(gone.advice().contains("on the reader"), "{}", gone.advice());
    }

    #[test]
    fn u2f_goes_to_a_card_that_has_it_and_what_is_no_u2f_is_refused_here() {
        // NF-02, NF-22, UF-04
        let mut channel = Reader::channel();
        channel.pipe_mut().instead = [hex("6d00"), hex("5532465f56329000")].into();
        channel.pipe_mut().instead.push_back(hex("5532465f56329000"));
        assert_eq!(channel.exchange_u2f(&[0, 3, 0, 0]).unwrap(), b"U2F_V2\x90\x00");
        channel.pipe_mut().instead = [hex("6985")].into();
        assert_eq!(channel.exchange_u2f(&[0, 3, 0, 0]).unwrap(), hex("6985"), "touch it");
        channel.pipe_mut().sent();
        assert_eq!(channel.exchange_u2f(&[0, 0xA4, 4, 0]).unwrap(), hex("6d00"));
        assert!(channel.pipe_mut().sent().is_empty());
    }

    #[test]
    fn a_card_says_itself_whether_it_has_u2f_whatever_it_said_when_it_was_selected() {
        // UF-50: while alwaysUv is on, SELECT says that it has none.
        let mut channel = CardChannel::open(Reader::new(Version::Fido20)).unwrap();
        assert!(!channel.has_u2f());
        for (response, answer) in [("6986", "6986"), ("5532465f56329000", "5532465f56329000")] {
            channel.pipe_mut().instead = [hex(response)].into();
            assert_eq!(channel.exchange_u2f(&[0, 3, 0, 0]).unwrap(), hex(answer));
        }
    }
}
