//! Cards on the readers of this machine: PC/SC as a pipe of APDUs.
//!
//! The connection is shared and stays open, because a card without a connection loses its power, and with it tokens
//! and counters. Each request is a transaction. The card is left as it is. A PC/SC context serves one thread: while
//! one thread waits in it, no other thread can transmit.

#[cfg(target_os = "linux")]
mod service;

use std::ffi::{CStr, CString};
use std::thread;
use std::time::{Duration, Instant};

use ::pcsc::{
    Attribute, Card, Context, Disposition, Error, MAX_BUFFER_SIZE_EXTENDED, Protocols, ReaderState,
    Scope, ShareMode, State,
};

use crate::card::{Alone, ApduPipe, Contact, Reader};
use crate::error::{ReaderFault, TransportError};
use crate::limits::{COLD_CARD, COLD_CARD_PAUSE, NEXT_LOOK, READER_LOOKS, SHORTEST_COMMAND};
#[cfg(target_os = "linux")]
use crate::pcscd;

/// The readers that are there now, in PC/SC's order.
///
/// # Errors
/// [`ReaderFault`]: there is no service, or it does not serve this user. An empty list is not an error.
pub fn readers() -> Result<Vec<Reader>, ReaderFault> {
    let context = establish()?;
    for _ in 0..READER_LOOKS {
        match look(&context) {
            // One was unplugged between the two questions: what of the others?
            Err(Error::UnknownReader) => {}
            Err(Error::NoReadersAvailable) => break,
            states => return Ok(states.map_err(fault)?.iter().map(reader).collect()),
        }
    }
    Ok(Vec::new())
}

fn look(context: &Context) -> Result<Vec<ReaderState>, Error> {
    let names = context.list_readers_owned()?.into_iter();
    let mut states: Vec<_> = names.map(|name| ReaderState::new(name, State::UNAWARE)).collect();
    match context.get_status_change(Duration::ZERO, &mut states) {
        Ok(()) | Err(Error::Timeout) => Ok(states),
        Err(error) => Err(error),
    }
}

/// The facts that PC/SC gives about a reader.
fn reader(state: &ReaderState) -> Reader {
    Reader {
        name: state.name().to_string_lossy().into_owned(),
        has_card: state.event_state().contains(State::PRESENT),
        is_contactless: is_contactless(state.atr()),
        is_taken: state.event_state().contains(State::EXCLUSIVE),
        movements: state.event_count(),
        atr: state.atr().to_vec(),
    }
}

/// A contactless reader makes up the ATR: T0 8N, TD1 80, TD2 01, then N historical bytes (PC/SC part 3, section 3.1.3.2.3).
fn is_contactless(atr: &[u8]) -> bool {
    matches!(atr, [0x3B, t0, 0x80, 0x01, ..] if t0 & 0xF0 == 0x80)
}

/// The card on one reader of this machine. If the card goes and comes back, this connects to it again.
pub struct PcscCard {
    reader: CString,
    connection: Option<Connection>,
    /// Room for the longest response APDU there can be.
    buffer: Vec<u8>,
}

/// A card that one is connected to.
struct Connection {
    context: Context,
    /// Only while it is being let go, it is not there.
    card: Option<Card>,
}

impl PcscCard {
    /// Connects to the card on the reader with this name. A card that was laid there a moment ago may need several
    /// tries.
    ///
    /// # Errors
    /// [`ReaderFault`].
    pub fn connect(reader: &str) -> Result<Self, ReaderFault> {
        let reader = CString::new(reader).map_err(|_| ReaderFault::NoReader)?;
        let connection = Connection::open_patiently(&reader)?;
        let buffer = vec![0; MAX_BUFFER_SIZE_EXTENDED];
        Ok(Self { reader, connection: Some(connection), buffer })
    }

    /// The reader's place on the USB: bus and device. `None`: it is gone, or its driver does not tell.
    #[must_use]
    pub fn usb_address(&self) -> Option<(u8, u8)> {
        let card = self.connection.as_ref()?.card.as_ref()?;
        channel_address(&card.get_attribute_owned(Attribute::ChannelId).ok()?)
    }

    /// Makes the reader take the card's power away, for all programs (NF-07). The next program that connects gives
    /// it power again.
    ///
    /// # Errors
    /// [`ReaderFault`]: the card was gone already.
    pub fn power_off(mut self) -> Result<(), ReaderFault> {
        let card = self.connection.as_mut().and_then(|open| open.card.take());
        let card = card.ok_or(ReaderFault::NoCard)?;
        card.disconnect(Disposition::UnpowerCard).map_err(|(_, error)| fault(error))
    }

    /// Carries out a request over the present connection. `Err`: it could not begin, because there is no
    /// connection, or the card was reset or taken away since.
    fn transact(
        &mut self,
        request: &mut Alone<'_>,
        contact: Contact,
    ) -> Result<Result<Vec<u8>, TransportError>, ReaderFault> {
        let Self { connection, buffer, .. } = self;
        let card = connection.as_mut().and_then(|open| open.card.as_mut());
        let transaction = card.ok_or(ReaderFault::NoCard)?.transaction().map_err(fault)?;
        let mut transmit = |apdu: &[u8]| {
            let apdu = whole_command(apdu)?;
            let response = transaction.transmit(apdu, buffer).map_err(fault)?;
            Ok(response.to_vec())
        };
        Ok(request(&mut transmit, contact))
    }
}

impl ApduPipe for PcscCard {
    fn alone(&mut self, request: &mut Alone<'_>) -> Result<Vec<u8>, TransportError> {
        let outcome = match self.transact(request, Contact::Kept) {
            Ok(outcome) => outcome,
            Err(_) => {
                self.connection = None;
                self.connection = Some(Connection::open_patiently(&self.reader)?);
                self.transact(request, Contact::Anew)?
            }
        };
        let Err(TransportError::Reader(mut why)) = outcome else { return outcome };
        if let (ReaderFault::NotThrough, Some(open)) = (why, self.connection.take()) {
            why = open.why_not_through(&self.reader);
        }
        Err(why.into())
    }
}

impl Connection {
    /// A cold card may fail at first, and be well a moment later.
    fn open_patiently(reader: &CStr) -> Result<Self, ReaderFault> {
        let begun = Instant::now();
        loop {
            match Self::open(reader) {
                Err(ReaderFault::Unresponsive) if begun.elapsed() < COLD_CARD => {
                    thread::sleep(COLD_CARD_PAUSE);
                }
                outcome => return outcome,
            }
        }
    }

    fn open(reader: &CStr) -> Result<Self, ReaderFault> {
        let context = establish()?;
        let card = context.connect(reader, ShareMode::Shared, Protocols::ANY).map_err(fault)?;
        Ok(Self { context, card: Some(card) })
    }

    /// A transfer fails if the card is just leaving, or if the reader was unplugged. PC/SC knows the reason when it
    /// looks the next time.
    fn why_not_through(&self, reader: &CStr) -> ReaderFault {
        let mut states = [ReaderState::new(reader, State::UNAWARE)];
        let begun = Instant::now();
        loop {
            let left = NEXT_LOOK.saturating_sub(begun.elapsed());
            match self.context.get_status_change(left, &mut states) {
                Ok(()) => {}
                Err(Error::Timeout) => return ReaderFault::NotThrough,
                Err(error) => return fault(error),
            }
            for state in &mut states {
                match state.event_state() {
                    seen if seen.contains(State::EMPTY) => return ReaderFault::NoCard,
                    seen if seen.contains(State::UNKNOWN) => return ReaderFault::NoReader,
                    _ => state.sync_current_state(),
                }
            }
        }
    }
}

impl Drop for Connection {
    /// Others may be in the middle of something with this card.
    fn drop(&mut self) {
        if let Some(card) = self.card.take() {
            let _ = card.disconnect(Disposition::LeaveCard);
        }
    }
}

/// Refuses a command that is too short for a reader: the reader, and all programs that use it, could hang.
const fn whole_command(apdu: &[u8]) -> Result<&[u8], TransportError> {
    match apdu.len() {
        length if length < SHORTEST_COMMAND => Err(TransportError::TooShort(length)),
        _ => Ok(apdu),
    }
}

fn establish() -> Result<Context, ReaderFault> {
    Context::establish(Scope::User).map_err(|error| match fault(error) {
        #[cfg(target_os = "linux")]
        ReaderFault::NoService if service::hangs_up(&pcscd::socket()) => ReaderFault::Denied,
        fault => fault,
    })
}

/// DDDDCCCC: the kind of channel, and for USB (0020) bus and device (pcsc-lite's reader.h).
fn channel_address(attribute: &[u8]) -> Option<(u8, u8)> {
    match attribute {
        [device, bus, 0x20, 0x00] => Some((*bus, *device)),
        _ => None,
    }
}

/// PC/SC's error, as this crate names it.
const fn fault(error: Error) -> ReaderFault {
    match error {
        Error::NoService => ReaderFault::NoService,
        Error::ServiceStopped | Error::Shutdown | Error::InvalidHandle => {
            ReaderFault::ServiceStopped
        }
        Error::SecurityViolation | Error::NoAccess => ReaderFault::Denied,
        Error::UnknownReader | Error::ReaderUnavailable | Error::NoReadersAvailable => {
            ReaderFault::NoReader
        }
        Error::NoSmartcard | Error::RemovedCard => ReaderFault::NoCard,
        Error::SharingViolation => ReaderFault::InUse,
        Error::UnresponsiveCard | Error::UnpoweredCard | Error::ResetCard => {
            ReaderFault::Unresponsive
        }
        Error::CommError | Error::NotTransacted => ReaderFault::NotThrough,
        Error::ProtoMismatch | Error::UnsupportedCard => {
            ReaderFault::Other("the card and the reader have no common protocol")
        }
        Error::InsufficientBuffer => {
            ReaderFault::Other("the card's response is longer than a response may be")
        }
        _ => ReaderFault::Other("PC/SC reports an error that this program does not know"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contactless_card_is_known_by_its_atr() {
        // NF-65
        assert!(is_contactless(&[0x3B, 0x80, 0x80, 0x01, 0x01]));
        assert!(is_contactless(&[0x3B, 0x8C, 0x80, 0x01, 0x80, 0x73]));
        assert!(!is_contactless(&[0x3B, 0xFD, 0x13, 0x00]));
        assert!(!is_contactless(&[]));
    }

    #[test]
    fn less_than_a_command_never_goes_to_a_reader() {
        for length in 0..4 {
            let refused = whole_command(&[0; 4][..length]);
            assert!(matches!(refused, Err(TransportError::TooShort(of)) if of == length));
        }
        assert!(whole_command(&[0; 4]).is_ok());
    }

    #[test]
    fn where_a_reader_is_on_the_usb_is_read_from_its_channel() {
        assert_eq!(channel_address(&[0x02, 0x01, 0x20, 0x00]), Some((1, 2)));
        assert_eq!(channel_address(&[0x02, 0x01, 0x01, 0x00]), None);
        assert_eq!(channel_address(&[]), None);
    }

    #[test]
    fn what_keeps_a_card_from_being_reached_is_told_with_a_next_step() {
        for (error, words) in [
            (Error::NoService, "does not run"),
            (Error::SecurityViolation, "does not allow this user"),
            (Error::UnknownReader, "no such smart card reader"),
            (Error::RemovedCard, "no card is on the reader"),
            (Error::SharingViolation, "has locked the card"),
            (Error::NotTransacted, "did not receive"),
        ] {
            let told = fault(error);
            assert!(told.to_string().contains(words), "{told}");
            assert!(!told.advice().is_empty());
        }
    }
}
