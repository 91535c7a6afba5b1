//! pcscd, which looks after this host's smart card readers: whether it serves this user.

use ctap_client::ReaderFault;

use super::bridge_service::INSTALL_RULE;
use super::finding::Finding;
use super::machine::Machine;

/// What it says to this user; nothing where it is not installed.
pub(super) fn pcscd(host: &Machine) -> Option<Finding> {
    if !host.has_program(TOPIC) {
        return None;
    }
    match (host.pcscd_refuses)() {
        None => Some(Finding::good(TOPIC, "has the cards on readers for this user's programs")),
        Some(denied @ ReaderFault::Denied) => {
            Some(Finding::note(TOPIC, denied.to_string()).next(way_to_cards(host)))
        }
        Some(ReaderFault::Unsupported) => None,
        Some(fault) => Some(Finding::note(TOPIC, fault.to_string()).next(fault.advice())),
    }
}

/// Why it has no readers for this user's programs; `None`: it has.
#[cfg(feature = "pcsc")]
pub(super) fn refusal() -> Option<ReaderFault> {
    ctap_client::pcsc::readers().err()
}

/// This program asks no pcscd.
#[cfg(not(feature = "pcsc"))]
pub(super) const fn refusal() -> Option<ReaderFault> {
    Some(ReaderFault::Unsupported)
}

/// For who is refused: polkit lets in who sits at the screen, and says no where it does not run.
fn way_to_cards(host: &Machine) -> String {
    match host.has(SYSTEM_BUS) {
        true => format!(
            "use it at this machine's screen, or as root; `keyfob bridge` as a service needs `{INSTALL_RULE}` and, on Debian 13, a line for pcscd's unit (docs/bridge.md)"
        ),
        false => "it asks polkit, which does not run here, as in most containers: start it as `sudo pcscd --disable-polkit`".to_owned(),
    }
}

const TOPIC: &str = "pcscd";
/// Where polkit is asked.
const SYSTEM_BUS: &str = "/run/dbus/system_bus_socket";

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    const INSTALLED: (&str, &str) = ("/usr/sbin/pcscd", "");

    fn found(files: &[(&str, &str)], refuses: fn() -> Option<ReaderFault>) -> Option<Finding> {
        let (_root, mut host) = Machine::of(files);
        host.pcscd_refuses = refuses;
        pcscd(&host)
    }

    #[test]
    fn nothing_is_said_where_there_is_none() {
        assert_eq!(found(&[], || Some(ReaderFault::NoService)), None);
        assert_eq!(found(&[INSTALLED], || Some(ReaderFault::Unsupported)), None);
    }

    #[test]
    fn who_is_served_lacks_nothing() {
        assert_eq!(found(&[INSTALLED], || None).map(|found| found.state), Some(State::Good));
    }

    #[test]
    fn who_is_refused_learns_of_the_rule_and_in_a_container_that_there_is_nobody_to_ask() {
        let denied = || Some(ReaderFault::Denied);
        let next = |files: &[(&str, &str)]| found(files, denied).and_then(|found| found.next);
        let with_bus = next(&[INSTALLED, (SYSTEM_BUS, "")]).unwrap();
        assert!(with_bus.contains(INSTALL_RULE), "{with_bus}");
        assert!(next(&[INSTALLED]).unwrap().contains("pcscd --disable-polkit"));
    }

    #[test]
    fn one_that_does_not_run_is_to_be_started() {
        let next =
            found(&[INSTALLED], || Some(ReaderFault::NoService)).and_then(|found| found.next);
        assert!(next.unwrap().contains("systemctl start pcscd.socket"));
    }
}
