//! pcscd, which looks after this host's smart card readers: whether it serves this user.

use ctap_client::ReaderFault;
use ctap_client::card::Reader;

use super::bridge_service::INSTALL_RULE;
use super::finding::Finding;
use super::machine::Machine;

/// What it says to this user; nothing where it is not installed.
pub(super) fn pcscd(host: &Machine) -> Option<Finding> {
    if !host.has_program(TOPIC) {
        return None;
    }
    match (host.readers)() {
        Ok(_) => Some(Finding::good(TOPIC, "lets this user's programs use the cards on readers")),
        Err(ReaderFault::Unsupported) => None,
        Err(fault) => Some(Finding::note(TOPIC, fault.to_string()).next(way_past(fault, host))),
    }
}

/// What to do where it has no readers for this user's programs.
pub(super) fn way_past(fault: ReaderFault, host: &Machine) -> String {
    match fault {
        ReaderFault::Denied => way_to_cards(host),
        ReaderFault::NoService if host.has_program(TOPIC) => START.to_owned(),
        fault => fault.advice().to_owned(),
    }
}

/// The readers that it has for this user's programs.
#[cfg(feature = "pcsc")]
pub(super) fn readers() -> Result<Vec<Reader>, ReaderFault> {
    ctap_client::pcsc::readers()
}

/// This program asks no pcscd.
#[cfg(not(feature = "pcsc"))]
pub(super) const fn readers() -> Result<Vec<Reader>, ReaderFault> {
    Err(ReaderFault::Unsupported)
}

/// For who is refused: polkit lets in who sits at the screen, and says no where it does not run.
fn way_to_cards(host: &Machine) -> String {
    match host.has(SYSTEM_BUS) {
        true => format!(
            "run this at this machine's screen, or as root; `keyfob bridge` as a service needs `{INSTALL_RULE}` and, \
             on Debian 13, a line for pcscd's unit (docs/bridge.md)"
        ),
        false => "it asks polkit, which does not run here, as in most containers: start it as `sudo pcscd --disable-polkit`".to_owned(),
    }
}

const TOPIC: &str = "pcscd";
const START: &str = "sudo systemctl start pcscd.socket; without systemd: sudo pcscd";
/// Where polkit is asked.
const SYSTEM_BUS: &str = "/run/dbus/system_bus_socket";

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    const INSTALLED: (&str, &str) = ("/usr/sbin/pcscd", "");

    type Told = Result<Vec<Reader>, ReaderFault>;

    fn found(files: &[(&str, &str)], readers: fn() -> Told) -> Option<Finding> {
        let (_root, mut host) = Machine::of(files);
        host.readers = readers;
        pcscd(&host)
    }

    #[test]
    fn nothing_is_said_where_there_is_none() {
        assert_eq!(found(&[], || Err(ReaderFault::NoService)), None);
        assert_eq!(found(&[INSTALLED], || Err(ReaderFault::Unsupported)), None);
    }

    #[test]
    fn who_is_served_lacks_nothing() {
        let served = found(&[INSTALLED], || Ok(Vec::new()));
        assert_eq!(served.map(|found| found.state), Some(State::Good));
    }

    #[test]
    fn who_is_refused_learns_of_the_rule_and_in_a_container_that_there_is_nobody_to_ask() {
        let denied: fn() -> Told = || Err(ReaderFault::Denied);
        let next = |files: &[(&str, &str)]| found(files, denied).and_then(|found| found.next);
        let with_bus = next(&[INSTALLED, (SYSTEM_BUS, "")]).unwrap();
        assert!(with_bus.contains(INSTALL_RULE), "{with_bus}");
        assert!(next(&[INSTALLED]).unwrap().contains("pcscd --disable-polkit"));
    }

    #[test]
    fn one_that_does_not_run_is_to_be_started() {
        let next = found(&[INSTALLED], || Err(ReaderFault::NoService)).and_then(|found| found.next);
        assert!(next.unwrap().contains("systemctl start pcscd.socket"));
    }
}
