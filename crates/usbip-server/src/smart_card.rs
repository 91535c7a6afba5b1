//! The smart card on a reader: command APDUs in, response APDUs out, and time.

use std::time::Duration;

/// The card's side of a reader (ISO 7816-4, an ICC in the words of CCID), called on the task of the connection that imported the
/// reader. Of what the bytes mean the reader knows nothing.
///
/// A call must not block, nor may anybody keep the card borrowed while a task waits. What happens elsewhere (the card is laid
/// on or taken off, a response is ready) is announced with [`Port::wake`](crate::Port::wake), or from another thread with its
/// [`Waker`](crate::Waker).
pub trait SmartCard {
    /// Which card is in the slot, by a number that the one before it did not have; `None`: the slot is empty. A card that was
    /// taken off and laid on again has another number: it has lost power meanwhile.
    fn insertion(&self) -> Option<u32>;

    /// The card gets power, or is reset if it has it. Returns its ATR, 2 to [`MAX_ATR`](crate::limits::MAX_ATR) bytes; `None`: it
    /// is mute.
    fn power_on(&mut self) -> Option<Vec<u8>>;

    /// The card loses power: also when the reader is unplugged. Harmless when it has none.
    fn power_off(&mut self);

    /// A command APDU of 1 to [`MAX_APDU`](crate::limits::MAX_APDU) bytes, to a card that has power and owes no response.
    fn transmit(&mut self, apdu: &[u8]);

    /// The response APDU to the last command, once it is there: handed out once. The reader asks for more time meanwhile.
    fn response(&mut self) -> Option<Vec<u8>>;

    /// The host no longer wants the response to the last command.
    fn abort(&mut self);

    /// Whether a response is being worked on elsewhere, and will soon be announced with a wake. Replies wait for it, at most
    /// [`HOLD`](crate::limits::HOLD), and go in one write with it.
    fn is_working(&self) -> bool {
        false
    }

    /// In how long [`handle_timeout`](Self::handle_timeout) wants to be called, if nothing happens before: zero for now, `None`
    /// for never.
    fn poll_timeout(&mut self) -> Option<Duration>;

    /// The moment that [`poll_timeout`](Self::poll_timeout) named has come, or is long past.
    fn handle_timeout(&mut self);
}
