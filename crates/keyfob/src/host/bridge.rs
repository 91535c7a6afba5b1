//! `keyfob bridge`, which shows a key on a reader as a USB key: whether there are readers for it.

use ctap_client::ReaderFault;
use ctap_client::card::Reader;

use super::finding::Finding;
use super::machine::Machine;
use super::pcscd::way_past;
use super::reader::way_to_pcscd;
use crate::terminal::shown::name;

/// What lies on the readers of this host; nothing where pcscd has none for this user, which is told in its own place.
pub(super) fn readers(host: &Machine) -> Vec<Finding> {
    let found = (host.readers)();
    match found.as_deref() {
        Err(_) => Vec::new(),
        Ok([]) => vec![Finding::note(TOPIC, "there is no smart card or NFC reader").next(GET_ONE)],
        Ok(readers) => readers.iter().map(judged).collect(),
    }
}

fn judged(reader: &Reader) -> Finding {
    let name = name(&reader.name);
    match (reader.is_taken, reader.has_card) {
        (true, _) => Finding::note(TOPIC, format!("{name}: another program has locked the card"))
            .next(ReaderFault::InUse.advice()),
        (false, true) => Finding::good(
            TOPIC,
            format!("{name}: a card is on it; `keyfob bridge --list` shows whether it is a key"),
        ),
        (false, false) => Finding::good(TOPIC, format!("{name}: no card is on it")),
    }
}

/// What keeps the bridge from cards, before it asks whether the kernel takes its key. Without readers it waits for one.
pub(super) fn obstacle(host: &Machine) -> Option<Finding> {
    let fault = (host.readers)().err()?;
    let is_missing = fault == ReaderFault::NoService && !host.has_program("pcscd");
    Some(match is_missing {
        true => {
            Finding::lacking(TOPIC, "pcscd, the service for smart card readers, is not installed")
                .next(way_to_pcscd(host))
        }
        false => Finding::lacking(TOPIC, fault.to_string()).next(way_past(fault, host)),
    })
}

const TOPIC: &str = "readers";
const GET_ONE: &str = "plug one in; for `keyfob card` a virtual one is enough";

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    fn reader(has_card: bool, is_taken: bool) -> Reader {
        let name = "ACS ACR122U 00 00".to_owned();
        Reader { name, has_card, is_contactless: true, is_taken, movements: 1, atr: Vec::new() }
    }

    #[test]
    fn each_reader_is_told_with_what_lies_on_it() {
        let (_root, mut host) = Machine::of(&[]);
        assert_eq!(readers(&host)[0].state, State::Note, "none is there");
        host.readers = || Ok(vec![reader(true, false), reader(false, false), reader(true, true)]);
        let states: Vec<_> = readers(&host).into_iter().map(|found| found.state).collect();
        assert_eq!(states, [State::Good, State::Good, State::Note]);
        assert!(readers(&host)[2].next.as_ref().unwrap().contains("gpgconf --kill scdaemon"));
        host.readers = || Err(ReaderFault::Denied);
        assert!(readers(&host).is_empty(), "that is told as pcscd's");
    }

    #[test]
    fn what_keeps_the_bridge_from_cards_is_told_with_the_next_step() {
        let debian = ("/etc/os-release", "ID=debian\n");
        let installed = ("/usr/sbin/pcscd", "");
        let next = |files: &[(&str, &str)], readers| {
            let (_root, mut host) = Machine::of(files);
            host.readers = readers;
            obstacle(&host).map(|found| found.next.unwrap())
        };
        assert_eq!(next(&[], || Ok(Vec::new())), None, "it waits for a reader");
        let stopped = || Err(ReaderFault::NoService);
        assert_eq!(next(&[debian], stopped).unwrap(), "sudo apt-get install pcscd");
        assert!(next(&[installed], stopped).unwrap().contains("start pcscd.socket"));
        let refused = next(&[installed], || Err(ReaderFault::Denied)).unwrap();
        assert!(refused.contains("--disable-polkit"), "{refused}");
        let built_without = next(&[], || Err(ReaderFault::Unsupported)).unwrap();
        assert!(built_without.contains("feature `pcsc`"), "{built_without}");
    }
}
