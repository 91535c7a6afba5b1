//! Keys that are cards: on a reader that is plugged in with them (`--nfc`), or on vpcd's (`keyfob card`).

use clap::Args;
use virtual_key::keys::{Form, Keys};

use crate::say::say;

/// Whether the key comes with a reader, and lies on it.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct NfcOptions {
    /// Plug in a contactless reader with the key as a card on it, in place of a USB key: programs find it by PC/SC
    #[arg(long)]
    pub(crate) nfc: bool,

    /// Leave the card off the reader, until `keyfob tap`
    #[arg(long, requires = "nfc")]
    pub(crate) away: bool,
}

impl NfcOptions {
    /// What the keys are made as.
    pub(crate) fn form(self) -> Form {
        if self.nfc { Form::Card } else { Form::Usb }
    }

    /// Lays keys that are cards on their readers, unless they are to be away.
    pub(crate) fn lay_on(self, keys: &Keys) {
        if self.nfc {
            lay_on(keys, self.away);
        }
    }
}

/// Lays each card on its reader, or says that it is not there.
pub(super) fn lay_on(keys: &Keys, away: bool) {
    for key in keys.iter() {
        match away {
            true => {
                say(format_args!(
                    "{} is off the reader: lay it on with `keyfob tap`",
                    key.bus_id()
                ));
            }
            false => key.lay_on(),
        }
    }
}
