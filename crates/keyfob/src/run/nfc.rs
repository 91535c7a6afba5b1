//! Keys that are cards: on a reader that is plugged in with them (`--nfc`), or on vpcd's (`keyfob card`).

use clap::builder::{EnumValueParser, TypedValueParser as _};
use clap::{Args, ValueEnum};
use virtual_key::keys::{CardReader, Form, Keys};

use crate::say::say;

/// Whether the key comes with a reader, and lies on it.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct NfcOptions {
    /// Plug in a contactless reader with the key as a card on it, in place of a USB key: programs find it by PC/SC, or by the kernel's own
    /// NFC [default: ccid]
    #[arg(
        long,
        value_name = "READER",
        num_args = 0..=1,
        default_missing_value = "ccid",
        value_parser = EnumValueParser::<ReaderWord>::new().map(CardReader::from)
    )]
    pub(crate) nfc: Option<CardReader>,

    /// Leave the card off the reader, until `keyfob tap`
    #[arg(long, requires = "nfc")]
    pub(crate) away: bool,
}

/// [`CardReader`] as it is typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ReaderWord {
    /// For pcscd and every driver of the USB class CCID
    Ccid,
    /// For Linux's own NFC, with the USB numbers of NXP (04CC:2533): for tests with programs that use no other NFC, such as
    /// Debian's libfido2
    Pn533,
}

impl From<ReaderWord> for CardReader {
    fn from(word: ReaderWord) -> Self {
        match word {
            ReaderWord::Ccid => Self::Ccid,
            ReaderWord::Pn533 => Self::Pn533,
        }
    }
}

impl NfcOptions {
    /// What the keys are made as.
    pub(crate) fn form(self) -> Form {
        self.nfc.map_or(Form::Usb, Form::Card)
    }

    /// Lays keys that are cards on their readers, unless they are to be away.
    pub(crate) fn lay_on(self, keys: &Keys) {
        if self.nfc.is_some() {
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
