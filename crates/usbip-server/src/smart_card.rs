//! The smart card on a reader: it takes command APDUs and returns response APDUs.

use crate::timed::Timed;

/// The card's side of a reader (ISO 7816-4; CCID calls it an ICC), called on the task of the connection that
/// imported the reader. The reader does not know what the bytes mean.
///
/// A call must not block, and nobody may keep the card borrowed while a task waits. An event from elsewhere (the
/// card is laid on or taken off, a response is ready) is announced with [`Port::wake`](crate::Port::wake), or from
/// another thread with its [`Waker`](crate::Waker).
pub trait SmartCard: Timed {
    /// The number of the card in the slot; `None`: the slot is empty. Each card has a number that the one before
    /// did not have. A card that was taken off and laid on again has a new number, because it has lost power
    /// meanwhile.
    fn insertion(&self) -> Option<u32>;

    /// The card gets power, or is reset if it has power. Returns its ATR, 2 to [`MAX_ATR`](crate::limits::MAX_ATR)
    /// bytes. `None`: the card does not answer.
    fn power_on(&mut self) -> Option<Vec<u8>>;

    /// The card loses power, also when the reader is unplugged. Nothing happens if it has none.
    fn power_off(&mut self);

    /// A command APDU of 1 to [`MAX_APDU`](crate::limits::MAX_APDU) bytes. The card has power and owes no response.
    fn transmit(&mut self, apdu: &[u8]);

    /// The response APDU to the last command, when it is ready. It is returned once. Meanwhile the reader asks for
    /// more time.
    fn response(&mut self) -> Option<Vec<u8>>;

    /// The host no longer wants the response to the last command.
    fn abort(&mut self);
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::VecDeque;
    use std::time::Duration;

    use super::*;

    /// Answers each command with the same bytes, at once or when a test says so.
    #[derive(Default)]
    pub(crate) struct Mirror {
        pub(crate) insertion: Option<u32>,
        pub(crate) is_mute: bool,
        pub(crate) takes_time: bool,
        pub(crate) commands: VecDeque<Vec<u8>>,
        pub(crate) power_ups: usize,
        pub(crate) has_power: bool,
        pub(crate) aborts: usize,
    }

    impl Timed for Mirror {
        fn poll_timeout(&mut self) -> Option<Duration> {
            None
        }

        fn handle_timeout(&mut self) {}
    }

    impl SmartCard for Mirror {
        fn insertion(&self) -> Option<u32> {
            self.insertion
        }
        fn power_on(&mut self) -> Option<Vec<u8>> {
            self.power_ups += 1;
            self.has_power = !self.is_mute;
            self.has_power.then(|| ATR.to_vec())
        }
        fn power_off(&mut self) {
            self.has_power = false;
        }
        fn transmit(&mut self, apdu: &[u8]) {
            assert!(self.has_power && self.commands.is_empty());
            self.commands.push_back(apdu.to_vec());
        }
        fn response(&mut self) -> Option<Vec<u8>> {
            if self.takes_time { None } else { self.commands.pop_front() }
        }
        fn abort(&mut self) {
            self.aborts += 1;
            self.commands.clear();
        }
    }

    pub(crate) const ATR: [u8; 5] = [0x3B, 0x80, 0x80, 0x01, 0x01];
}
