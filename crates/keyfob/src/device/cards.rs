//! Keys that are cards on this host's readers (PC/SC).

#[cfg(not(feature = "pcsc"))]
mod none;

use ctap_client::card::Reader;
#[cfg(feature = "pcsc")]
pub(crate) use ctap_client::pcsc::{PcscCard, readers};
use ctap_client::{CardChannel, ReaderFault, TransportError};

use virtual_key::key::ATR;

#[cfg(not(feature = "pcsc"))]
pub(crate) use self::none::{PcscCard, readers};
use crate::failure::no_key;
use crate::terminal::shown::name;

/// A card with FIDO's application, and the reader that it is on.
pub(crate) struct FidoCard {
    /// The reader's whole name.
    pub(crate) reader: String,
    pub(crate) channel: CardChannel<PcscCard>,
}

/// The FIDO cards on this host's readers now. Those that others have to themselves, or that do not answer, are none.
///
/// # Errors
/// There is no PC/SC, or it does not serve this user.
pub(crate) fn fido_cards() -> Result<Vec<FidoCard>, ReaderFault> {
    let with_card = readers()?.into_iter().filter(|reader| reader.has_card);
    Ok(with_card.filter_map(|reader| open(reader.name).ok()).collect())
}

/// The names of this host's readers with a card on them; none where PC/SC cannot be asked.
pub(crate) fn occupied_readers() -> Vec<String> {
    let readers = readers().unwrap_or_default().into_iter();
    readers.filter(|reader| reader.has_card).map(|reader| reader.name).collect()
}

/// The reader that must be the one that a keyfob's only card lies on; `None` where there are several, or PC/SC cannot be asked.
pub(crate) fn reader_of_the_only_card() -> Option<String> {
    let mut ours = readers().unwrap_or_default().into_iter().filter(|reader| reader.atr == ATR);
    ours.next().filter(|_| ours.next().is_none()).map(|reader| reader.name)
}

/// Whether a keyfob lies on the reader of this name, by what its cards say of themselves.
pub(crate) fn has_keyfob(reader: &str) -> bool {
    let is_it = |other: &Reader| other.name == reader && other.atr == ATR;
    readers().unwrap_or_default().iter().any(is_it)
}

/// This host's readers without a card, a line for each; none where PC/SC cannot be asked.
pub(crate) fn empty_readers() -> String {
    let readers = readers().unwrap_or_default();
    let empty: Vec<&Reader> = readers.iter().filter(|reader| !reader.has_card).collect();
    lines(&empty)
}

/// The card on the reader with this in its name; without a name, the only FIDO card.
///
/// # Errors
/// There is no such card, there are several, or it cannot be reached: each says what to do next.
pub(crate) fn find(part: Option<&str>) -> anyhow::Result<FidoCard> {
    let readers = readers().map_err(TransportError::from)?;
    let chosen = chosen(&readers, part)?;
    match chosen.as_slice() {
        [only] => Ok(open(only.name.clone())?),
        several => {
            let mut cards: Vec<FidoCard> =
                several.iter().filter_map(|reader| open(reader.name.clone()).ok()).collect();
            match (cards.pop(), cards.is_empty()) {
                (Some(only), true) => Ok(only),
                (None, _) => Err(no_key(
                    format_args!("no FIDO key is among the cards on:{}", lines(several)),
                    "lay one on a reader; if it is there already, close other programs that use it",
                )),
                _ => Err(no_key(
                    format_args!("there are several FIDO cards on this host:{}", lines(several)),
                    "choose one with --device, by a part of its reader's name",
                )),
            }
        }
    }
}

/// The readers that are meant, all with a card.
fn chosen<'r>(readers: &'r [Reader], part: Option<&str>) -> anyhow::Result<Vec<&'r Reader>> {
    if readers.is_empty() {
        return Err(TransportError::from(ReaderFault::NoReader).into());
    }
    let named = named(readers, part);
    let occupied: Vec<&Reader> = named.iter().copied().filter(|reader| reader.has_card).collect();
    match (part, named.is_empty(), occupied.is_empty()) {
        (Some(part), true, _) => {
            let all: Vec<&Reader> = readers.iter().collect();
            Err(no_key(
                format_args!(
                    "no reader has “{}” in its name; there are:{}",
                    name(part),
                    lines(&all)
                ),
                "name one of these, or a part of it",
            ))
        }
        (_, _, true) => Err(no_key(
            format_args!("no card is on:{}", lines(&named)),
            "lay the key on the reader and try again; `keyfob tap` does that for a key of `keyfob card`",
        )),
        _ => Ok(occupied),
    }
}

/// The reader of that name, or those with it in their names.
fn named<'r>(readers: &'r [Reader], part: Option<&str>) -> Vec<&'r Reader> {
    let Some(part) = part else { return readers.iter().collect() };
    let exact: Vec<&Reader> = readers.iter().filter(|reader| reader.name == part).collect();
    let is_part = |reader: &&Reader| is_meant(part, &reader.name);
    if exact.is_empty() { readers.iter().filter(is_part).collect() } else { exact }
}

/// Whether this part of a name means the reader of that name.
pub(crate) fn is_meant(part: &str, reader: &str) -> bool {
    reader.to_lowercase().contains(&part.to_lowercase())
}

fn lines(readers: &[&Reader]) -> String {
    readers.iter().map(|reader| format!("\n  pcsc:{}", name(&reader.name))).collect()
}

fn open(reader: String) -> Result<FidoCard, TransportError> {
    let channel = CardChannel::open(PcscCard::connect(&reader)?)?;
    Ok(FidoCard { reader, channel })
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::failure::describe;

    fn readers() -> [Reader; 3] {
        [("Virtual PCD 00 00", true), ("Virtual PCD 00 01", false), ("ACS ACR122U 01 00", true)]
            .map(|(name, has_card)| Reader {
                name: name.to_owned(),
                has_card,
                is_contactless: true,
                is_taken: false,
                movements: 1,
                atr: Vec::new(),
            })
    }

    fn names(part: Option<&str>) -> Result<Vec<String>, String> {
        let readers = readers();
        match chosen(&readers, part) {
            Ok(chosen) => Ok(chosen.iter().map(|reader| reader.name.clone()).collect()),
            Err(error) => Err(describe(&error)),
        }
    }

    #[test]
    fn a_part_of_a_readers_name_means_it_in_whatever_letters() {
        assert_eq!(names(Some("acr122")).unwrap(), ["ACS ACR122U 01 00"]);
        assert_eq!(names(Some("Virtual PCD 00 00")).unwrap(), ["Virtual PCD 00 00"]);
        let both = ["Virtual PCD 00 00", "ACS ACR122U 01 00"];
        assert_eq!(names(None).unwrap(), both, "those with a card");
    }

    #[test]
    fn who_means_no_reader_is_told_which_there_are() {
        let told = names(Some("yubi")).unwrap_err();
        assert!(told.contains("“yubi”") && told.contains("\n  pcsc:ACS ACR122U 01 00"), "{told}");
    }

    #[test]
    fn a_reader_without_a_card_waits_for_one() {
        let told = names(Some("00 01")).unwrap_err();
        assert!(told.contains("no card is on:\n  pcsc:Virtual PCD 00 01\nnext: lay"), "{told}");
    }

    #[test]
    fn a_host_without_readers_says_so() {
        let told = describe(&chosen(&[], None).unwrap_err());
        assert!(told.contains("no such smart card reader\nnext: plug"), "{told}");
    }
}
