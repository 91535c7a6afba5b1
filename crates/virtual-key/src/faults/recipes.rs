//! Faults that were seen in real keys, by name.

use ctap_client::commands::code;
use hid_transport::ErrorCode;

use super::fault::{Command, Fault, Injection, Requests, Scope};

/// Faults that belong together, because one key was seen to have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recipe {
    /// Its name.
    pub name: &'static str,
    /// What the key does, in a sentence.
    pub says: &'static str,
    /// Which key was seen to do this, and where to read about it.
    pub seen: &'static str,
    /// The faults that it consists of.
    pub injections: &'static [Injection],
}

impl Recipe {
    /// The recipe of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        RECIPES.iter().find(|recipe| recipe.name == name)
    }
}

const fn always(fault: Fault, command: Option<Command>) -> Injection {
    Injection { fault, scope: Scope { requests: Requests::All, command, channel: None } }
}

const fn once(fault: Fault, command: Command) -> Injection {
    let scope = Scope { requests: Requests::Next(1), command: Some(command), channel: None };
    Injection { fault, scope }
}

const INIT: Command = Command::Ctaphid(hid_transport::Command::Init.as_byte());
const MAKE_CREDENTIAL: Command = Command::Ctap2(code::MAKE_CREDENTIAL);
const GET_INFO: Command = Command::Ctap2(code::GET_INFO);

/// All recipes.
pub const RECIPES: &[Recipe] = &[
    Recipe {
        name: "unsorted-get-info",
        says: "getInfo is not canonical CBOR: its maps are not sorted",
        seen: "GoTrust Idem Card, Nitrokey FIDO2, Solo 1; https://github.com/Yubico/python-fido2/issues/93",
        injections: &[always(Fault::UnsortedCbor, Some(GET_INFO))],
    },
    Recipe {
        name: "keepalives-missing",
        says: "no KEEPALIVE while the key waits for a touch",
        seen: "Solo 2 before June 2021; https://github.com/solokeys/solo2/pull/63",
        injections: &[always(Fault::NoKeepalives, None)],
    },
    Recipe {
        name: "keepalives-in-u2f",
        says: "KEEPALIVEs in U2F too, where clients do not expect them",
        seen: "Solo 2 before January 2022; https://github.com/solokeys/solo2/pull/98",
        injections: &[always(Fault::KeepaliveStorm { count: 2 }, Some(Command::U2f))],
    },
    Recipe {
        name: "deaf-to-cancel",
        says: "CANCEL does not end the wait for a touch, and the key stays busy",
        seen: "Nitrokey 3 with firmware 1.0.3; https://github.com/Nitrokey/nitrokey-3-firmware/issues/47",
        injections: &[always(Fault::IgnoredCancel, None)],
    },
    Recipe {
        name: "busy-at-once",
        says: "CHANNEL_BUSY at the first registration, although no other program uses the key",
        seen: "Nitrokey 3, first firmware; https://github.com/Nitrokey/nitrokey-3-firmware/issues/21",
        injections: &[once(Fault::BUSY, MAKE_CREDENTIAL)],
    },
    Recipe {
        name: "busy-as-error-0",
        says: "the same with error 0, which does not exist, instead of CHANNEL_BUSY",
        seen: "fido-authenticator 0.4.0-rc.4 behind trussed-usbip; docs/conformance-of-other-keys.md",
        injections: &[once(Fault::HidError(0), MAKE_CREDENTIAL)],
    },
    Recipe {
        name: "ctap2-only-announced",
        says: "INIT announces CTAP2, and every command of it is INVALID_CMD",
        seen: "YubiKey 4; https://github.com/Yubico/libfido2/issues/195",
        injections: &[always(
            Fault::HidError(ErrorCode::InvalidCmd.as_byte()),
            Some(Command::AnyCtap2),
        )],
    },
    Recipe {
        name: "mixed-up-reports",
        says: "the second report of a long registration is out of order",
        seen: "virtual-fido; docs/conformance-of-other-keys.md",
        injections: &[once(Fault::WrongSequence { report: 1 }, MAKE_CREDENTIAL)],
    },
    Recipe {
        name: "unplugged-while-waiting",
        says: "somebody pulls the key out while it waits for a touch",
        seen: "two YubiKeys, by hand; https://github.com/Yubico/libfido2/issues/56",
        injections: &[once(Fault::Unplug { report: None }, MAKE_CREDENTIAL)],
    },
    Recipe {
        name: "silent-init",
        says: "INIT is not answered: the key is there, but silent",
        seen: "a key in a machine that hung; https://github.com/Yubico/python-fido2/issues/140",
        injections: &[always(Fault::Silence, Some(INIT))],
    },
];
