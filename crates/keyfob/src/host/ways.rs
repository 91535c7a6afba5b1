//! The ways by which a key comes to a host: whether each is open here, what it is good for, and what it cannot do.

use clap::ValueEnum;

use super::checks::{controller, hidraw_files, permission, usbhid};
use super::finding::{Finding, State};
use super::machine::Machine;
use super::uhid::uhid;
use super::{bridge, reader};

/// How a key comes to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Way {
    /// `keyfob attach`: for all programs, through the better one of the kernel's two drivers
    Attach,
    /// `keyfob attach --uhid`: for all programs, as a HID device; without root once a rule allows it
    Uhid,
    /// `keyfob serve`: over USB/IP, for keyfob's own commands and for other hosts
    Serve,
    /// `keyfob card`: on a virtual reader, for programs that use smart cards
    Card,
    /// `keyfob bridge`: one that lies on a reader, for programs that want USB
    Bridge,
}

/// Whether a way is open.
pub(super) struct Verdict {
    pub(super) way: Way,
    pub(super) is_open: bool,
    pub(super) finding: Finding,
}

/// The kernel's two drivers that take keys, and what both need.
pub(super) struct Drivers {
    vhci: Vec<Finding>,
    uhid: Vec<Finding>,
    device_files: Finding,
}

impl Drivers {
    pub(super) fn of(host: &Machine) -> Self {
        Self {
            vhci: vec![controller(host), permission(host), usbhid(host)],
            uhid: vec![uhid(host)],
            device_files: hidraw_files(host),
        }
    }

    /// What was found, what is needed most first. What one driver lacks keeps nobody from a key that the other one takes.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let softened = |findings: &[Finding], other: &[Finding]| {
            let is_softened = lack(other).is_none();
            findings
                .iter()
                .cloned()
                .map(move |found| match found.state {
                    State::Lacking if is_softened => Finding { state: State::Note, ..found },
                    _ => found,
                })
                .collect::<Vec<_>>()
        };
        let vhci = softened(&self.vhci, &self.uhid);
        let uhid = softened(&self.uhid, &self.vhci);
        [vhci, uhid, vec![self.device_files.clone()]].concat()
    }

    /// What keeps a key from being attached to this host, first things first.
    pub(super) fn obstacle(&self) -> Option<&Finding> {
        lack(std::slice::from_ref(&self.device_files)).or_else(|| {
            let vhci = lack(&self.vhci)?;
            lack(&self.uhid).map(|_| vhci)
        })
    }

    /// For each way whether a key can be had here by it.
    pub(super) fn verdicts(&self, host: &Machine) -> [Verdict; 5] {
        let serve = verdict(Way::Serve, SERVE.to_owned(), None);
        [self.attach(), self.through_uhid(), serve, card(host), self.bridge(host)]
    }

    /// It takes a reader, and a driver to show what lies there.
    fn bridge(&self, host: &Machine) -> Verdict {
        let unreachable = bridge::obstacle(host);
        verdict(Way::Bridge, BRIDGE.to_owned(), unreachable.as_ref().or(self.obstacle())).softened()
    }

    fn attach(&self) -> Verdict {
        let how = match lack(&self.vhci) {
            None => ": a whole USB device, for all programs",
            Some(_) => ", through uhid",
        };
        let yes = format!("yes: `keyfob attach` plugs a key into this host{how}");
        verdict(Way::Attach, yes, self.obstacle())
    }

    fn through_uhid(&self) -> Verdict {
        let lack = lack(&self.uhid).or_else(|| lack(std::slice::from_ref(&self.device_files)));
        let through_uhid = verdict(Way::Uhid, UHID.to_owned(), lack);
        match self.obstacle() {
            None => through_uhid.softened(),
            Some(_) => through_uhid,
        }
    }
}

impl Verdict {
    /// The same, of a way without which a key can be attached all the same.
    fn softened(mut self) -> Self {
        if !self.is_open {
            self.finding.state = State::Note;
        }
        self
    }
}

/// The reader that is software: a driver of pcscd's.
fn card(host: &Machine) -> Verdict {
    let lacking =
        Finding::lacking("vpcd", "pcscd has no virtual reader here").next(reader::way_to_one(host));
    let lack = if reader::is_there(host) { None } else { Some(&lacking) };
    verdict(Way::Card, CARD.to_owned(), lack).softened()
}

fn verdict(way: Way, yes: String, lack: Option<&Finding>) -> Verdict {
    let topic = match way {
        Way::Attach => "attach",
        Way::Uhid => "uhid",
        Way::Serve => "serve",
        Way::Card => "card",
        Way::Bridge => "bridge",
    };
    let finding = match lack {
        None => Finding::good(topic, yes),
        Some(lack) => Finding { topic, what: format!("no, because {}", lack.what), ..lack.clone() },
    };
    Verdict { way, is_open: lack.is_none(), finding }
}

/// The first thing that is missing.
fn lack(findings: &[Finding]) -> Option<&Finding> {
    findings.iter().find(|finding| finding.state == State::Lacking)
}

const UHID: &str = "yes: `keyfob attach --uhid` makes a HID device of the key, for all programs; lsusb does not show it, and libfido2 \
    shows no name for it, because it is not a USB device";
const SERVE: &str = "yes: `keyfob serve` needs neither root nor the kernel; it prints how to use the key. Browsers \
     and ssh see it only after a host has attached it";
const CARD: &str = "yes: `keyfob card` lays a key on a virtual reader, without root and without the kernel, for \
     programs that use smart cards; browsers on Linux cannot use those, but with `keyfob bridge` they see the key";
const BRIDGE: &str = "yes: `keyfob bridge` shows a key on a reader to this host as a USB key, for all programs; it \
     waits until there is one";

#[cfg(test)]
mod tests {
    use super::*;

    fn drivers(vhci: Finding, uhid: Finding) -> Drivers {
        let device_files = Finding::good("hidraw", "they come");
        Drivers { vhci: vec![vhci], uhid: vec![uhid], device_files }
    }

    fn told(drivers: &Drivers) -> Vec<(&'static str, State, bool)> {
        let verdicts = drivers.verdicts(&Machine::of(&[]).1).into_iter();
        verdicts.map(|told| (told.finding.topic, told.finding.state, told.is_open)).collect()
    }

    fn no_vhci() -> Finding {
        Finding::lacking("vhci-hcd", "it is not loaded").next("load it")
    }

    fn no_uhid() -> Finding {
        Finding::lacking("uhid", "it may not be opened").next("open it")
    }

    #[test]
    fn each_way_to_a_key_is_judged_by_itself() {
        let good = || Finding::good("a driver", "is there");
        let (serve, card) = (("serve", State::Good, true), ("card", State::Note, false));
        let bridge = |is_open| ("bridge", if is_open { State::Good } else { State::Note }, is_open);
        for (vhci, uhid, attach, through_uhid) in [
            (good(), good(), (State::Good, true), (State::Good, true)),
            (good(), no_uhid(), (State::Good, true), (State::Note, false)),
            (no_vhci(), good(), (State::Good, true), (State::Good, true)),
            (no_vhci(), no_uhid(), (State::Lacking, false), (State::Lacking, false)),
        ] {
            let expected = [
                ("attach", attach.0, attach.1),
                ("uhid", through_uhid.0, through_uhid.1),
                serve,
                card,
                bridge(attach.1),
            ];
            assert_eq!(told(&drivers(vhci, uhid)), expected);
        }
    }

    #[test]
    fn what_one_driver_lacks_is_noted_where_the_other_is_there() {
        let without_vhci = drivers(no_vhci(), Finding::good("uhid", "may be opened"));
        let states = without_vhci.findings().into_iter().map(|found| found.state);
        assert_eq!(states.collect::<Vec<_>>(), [State::Note, State::Good, State::Good]);
        assert_eq!(without_vhci.obstacle(), None);
        let attach = without_vhci.attach().finding.what;
        assert!(attach.ends_with(", through uhid"), "{attach}");
    }

    #[test]
    fn without_either_the_better_one_is_what_is_missing() {
        let neither = drivers(no_vhci(), no_uhid());
        let (attach, uhid) = (neither.attach(), neither.through_uhid());
        assert_eq!(attach.finding.what, "no, because it is not loaded");
        assert_eq!(attach.finding.next.as_deref(), Some("load it"));
        assert_eq!(uhid.finding.next.as_deref(), Some("open it"));
    }

    #[test]
    fn without_device_files_neither_driver_is_of_use() {
        let good = || Finding::good("a driver", "is there");
        let device_files = Finding::lacking("hidraw", "there are none").next("get a kernel");
        let drivers = Drivers { device_files, ..drivers(good(), good()) };
        assert!(!drivers.attach().is_open && !drivers.through_uhid().is_open);
    }

    #[test]
    fn a_card_needs_a_reader() {
        let debian = ("/etc/os-release", "ID=debian\n");
        assert!(card(&Machine::of(&[debian]).1).finding.next.unwrap().contains("vsmartcard-vpcd"));
        let installed =
            [("/usr/sbin/pcscd", ""), ("/usr/lib/pcsc/drivers/serial/libifdvpcd.so", "")];
        let reader = [&installed[..], &[(ctap_client::pcscd::SOCKET, "")]].concat();
        assert!(card(&Machine::of(&reader).1).is_open);
    }
}
