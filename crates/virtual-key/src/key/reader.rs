//! The key on a smart card reader, as the reader drives a card.

use ctap_core::Transport;
use usbip_server::SmartCard;

use super::UsbKey;
use super::usb::Place;

impl UsbKey {
    /// A person lays the key on the reader. Nothing happens if it lies there already, or if it is in a USB port.
    pub fn lay_on(&mut self) {
        let now = self.catch_up();
        if let Place::Reader { insertion: insertion @ None, taps, .. } = &mut self.place {
            *taps = taps.wrapping_add(1);
            *insertion = Some(*taps);
            self.key.tap(now);
        }
    }

    /// A person takes the key off the reader. It loses power.
    pub fn take_off(&mut self) {
        if let Place::Reader { insertion, .. } = &mut self.place {
            *insertion = None;
            self.power_off();
        }
    }
}

impl SmartCard for UsbKey {
    /// In a USB port the card is always in the key's own reader.
    fn insertion(&self) -> Option<u32> {
        match self.place {
            Place::Port => Some(0),
            Place::Reader { insertion, .. } => insertion,
        }
    }

    fn power_on(&mut self) -> Option<Vec<u8>> {
        let now = self.catch_up();
        match &mut self.place {
            Place::Port => self.key.reset_card(now),
            Place::Reader { has_power, .. } => {
                *has_power = true;
                self.power_ups = self.power_ups.wrapping_add(1);
                self.key.plug_in(Transport::Nfc, now);
            }
        }
        Some(ATR.to_vec())
    }

    fn power_off(&mut self) {
        let now = self.catch_up();
        match &mut self.place {
            Place::Port => self.key.reset_card(now),
            Place::Reader { has_power, .. } => {
                if std::mem::take(has_power) {
                    self.key.unplug(now);
                }
            }
        }
    }

    fn transmit(&mut self, apdu: &[u8]) {
        let now = self.catch_up();
        self.key.handle_apdu(apdu, now);
    }

    fn response(&mut self) -> Option<Vec<u8>> {
        self.catch_up();
        self.key.poll_apdu()
    }

    fn abort(&mut self) {
        let now = self.catch_up();
        self.key.reset_card(now);
    }
}

/// The answer to reset (ISO 7816-3, -4): T=0 and T=1, and the historical bytes. They say that the card takes chains
/// and extended lengths, and they name the card: 3B 8C 80 01, then 80, 73 C0 21 C0, 56 "keyfob", and the checksum
/// over all of that (NF-65).
pub const ATR: [u8; 17] = [
    0x3B, 0x8C, 0x80, 0x01, 0x80, 0x73, 0xC0, 0x21, 0xC0, 0x56, b'k', b'e', b'y', b'f', b'o', b'b',
    0x95,
];

#[cfg(test)]
mod tests {
    use super::*;

    // NF-65
    #[test]
    fn the_atr_ends_with_the_sum_of_what_follows_its_first_byte() {
        assert_eq!(ATR[1..].iter().fold(0, |sum, byte| sum ^ byte), 0);
        assert_eq!(
            usize::from(ATR[1] & 0x0F),
            ATR.len() - 5,
            "as many historical bytes as T0 says"
        );
    }
}
