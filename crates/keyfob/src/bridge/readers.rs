//! The readers of this host, in the order in which the bridge looks for a card.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use ctap_client::card::Reader;
use ctap_client::hidraw::Key;
use ctap_client::{CardChannel, ReaderFault};

use super::limits::LOOK;
use super::worker::{Arrival, Cards, Found};
use crate::device::cards::{self, PcscCard};
use crate::device::local_keys;

/// Cards by way of PC/SC.
pub(super) struct PcscCards {
    /// Only readers with this in their names.
    wanted: Option<String>,
    /// The reader of the card that was found last.
    last: Option<String>,
    /// What was seen there, and when. To look costs more than a short request.
    seen: Option<(Instant, Option<Arrival>)>,
}

/// What the bridge makes of a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// A FIDO card.
    Fido,
    Empty,
    /// A card without FIDO, or one that does not answer.
    Other,
    /// A program has the card to itself.
    Taken,
    /// The reader is a part of a key that this host has in a USB port: that one is used there.
    UsbKey,
}

impl PcscCards {
    pub(super) const fn new(wanted: Option<String>) -> Self {
        Self { wanted, last: None, seen: None }
    }

    /// Every reader, and what the bridge makes of it: those that it prefers come first.
    ///
    /// # Errors
    /// There is no PC/SC, or it does not serve this user.
    pub(super) fn look(&self) -> Result<Vec<(Reader, Use)>, ReaderFault> {
        let readers = self.in_order()?;
        let judged = |reader: Reader| {
            let is = self.judge(&reader).0;
            (reader, is)
        };
        Ok(readers.into_iter().map(judged).collect())
    }

    fn in_order(&self) -> Result<Vec<Reader>, ReaderFault> {
        Ok(in_order(cards::readers()?, self.wanted.as_deref()))
    }

    fn look_at_last(&self) -> Option<Arrival> {
        let last = self.last.as_ref()?;
        let mut readers = cards::readers().ok()?.into_iter();
        readers.find(|reader| reader.name == *last && reader.has_card).map(arrival)
    }

    fn judge(&self, reader: &Reader) -> (Use, Option<CardChannel<PcscCard>>) {
        if !reader.has_card {
            return (Use::Empty, None);
        }
        let card = match PcscCard::connect(&reader.name) {
            Ok(card) => card,
            Err(ReaderFault::NoCard) => return (Use::Empty, None),
            Err(_) if reader.is_taken => return (Use::Taken, None),
            Err(_) => return (Use::Other, None),
        };
        // Whoever names the reader means it.
        if self.wanted.is_none() && card.usb_address().is_some_and(is_of_a_key) {
            return (Use::UsbKey, None);
        }
        match CardChannel::open(card) {
            Ok(channel) => (Use::Fido, Some(channel)),
            Err(error) if error.is_card_gone() => (Use::Empty, None),
            Err(_) => (Use::Other, None),
        }
    }
}

impl Cards for PcscCards {
    type Pipe = PcscCard;

    fn find(&mut self) -> Result<Option<Found<PcscCard>>, ReaderFault> {
        for reader in self.in_order()? {
            if let (Use::Fido, Some(card)) = self.judge(&reader) {
                self.last = Some(reader.name.clone());
                let arrival = arrival(reader);
                self.seen = Some((Instant::now(), Some(arrival.clone())));
                return Ok(Some(Found { card, arrival }));
            }
        }
        Ok(None)
    }

    fn arrival(&mut self) -> Option<Arrival> {
        if let Some((when, arrival)) = &self.seen
            && when.elapsed() < LOOK
        {
            return arrival.clone();
        }
        let arrival = self.look_at_last();
        self.seen = Some((Instant::now(), arrival.clone()));
        arrival
    }

    fn power_off(&mut self, held: Option<PcscCard>) {
        let is_off = held.is_some_and(|card| card.power_off().is_ok());
        if let (false, Some(reader)) = (is_off, &self.last) {
            // One that is gone has none.
            let _ = PcscCard::connect(reader).and_then(PcscCard::power_off);
        }
    }

    fn pause(&mut self, time: Duration) {
        thread::sleep(time);
    }
}

fn arrival(reader: Reader) -> Arrival {
    Arrival { reader: reader.name, movement: reader.movements }
}

/// Contactless cards come first: a key that has both sides may behave otherwise on its contacts.
fn in_order(readers: Vec<Reader>, wanted: Option<&str>) -> Vec<Reader> {
    let is_wanted = |reader: &Reader| wanted.is_none_or(|part| cards::is_meant(part, &reader.name));
    let mut readers: Vec<Reader> = readers.into_iter().filter(is_wanted).collect();
    readers.sort_by_key(|reader| !reader.is_contactless);
    readers
}

/// Whether a FIDO key of this host has this USB address too.
fn is_of_a_key(address: (u8, u8)) -> bool {
    let keys = local_keys().unwrap_or_default();
    keys.iter().any(|key| usb_address(key) == Some(address))
}

/// Bus and device of a key in a USB port.
fn usb_address(key: &Key) -> Option<(u8, u8)> {
    let number = |device: &Path, file: &str| -> Option<u8> {
        fs::read_to_string(device.join(file)).ok()?.trim().parse().ok()
    };
    let of = |device: &Path| Some((number(device, "busnum")?, number(device, "devnum")?));
    key.device.ancestors().find_map(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(name: &str, is_contactless: bool) -> Reader {
        let (name, has_card) = (name.to_owned(), true);
        Reader { name, has_card, is_contactless, is_taken: false, movements: 1, atr: Vec::new() }
    }

    #[test]
    fn contactless_cards_come_first_and_a_named_reader_alone() {
        let readers = || vec![reader("Contact 00", false), reader("PICC 01", true)];
        let names = |wanted| {
            let readers = in_order(readers(), wanted).into_iter();
            readers.map(|reader| reader.name).collect::<Vec<_>>()
        };
        assert_eq!(names(None), ["PICC 01", "Contact 00"]);
        assert_eq!(names(Some("contact")), ["Contact 00"]);
        assert!(names(Some("other")).is_empty());
    }

    #[test]
    fn a_key_is_known_by_its_place_on_the_usb() {
        let root = tempfile::tempdir().unwrap();
        let usb = root.path().join("usb1/1-2");
        let device = usb.join("1-2:1.0/0003:1209:0001.0001");
        fs::create_dir_all(&device).unwrap();
        let key = Key {
            path: "/dev/hidraw0".into(),
            name: "Key".to_owned(),
            vendor_id: 1,
            product_id: 2,
            serial: None,
            device,
        };
        assert_eq!(usb_address(&key), None, "it has no USB device beneath it");
        fs::write(usb.join("busnum"), "1\n").unwrap();
        fs::write(usb.join("devnum"), "17\n").unwrap();
        assert_eq!(usb_address(&key), Some((1, 17)));
    }
}
