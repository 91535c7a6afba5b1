//! `keyfob reset`: authenticatorReset, CTAP section 6.6.

use ctap_client::{Client, Error, Status};

use super::{open, told, touch};
use crate::device::{Channel, DeviceOption, End};
use crate::failure::{failure, usage};
use crate::terminal::shown::name;
use crate::terminal::{self, Paint};

/// Erase the key: credentials, PIN, fingerprints and settings
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    device: DeviceOption,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

/// Runs the command.
///
/// # Errors
/// When the person or the key refuses; nothing is erased then.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if !options.force {
        ask()?;
    }
    let mut client = open(&options.device)?;
    let again = Again::of(client.exchange_mut());
    client.on_keepalive(touch::listener(again.gesture()));
    let outcome = client.reset();
    outcome.map_err(|error| {
        let transports = for_reset(&error, &mut client);
        explain(error, &transports, again)
    })?;
    Ok(terminal::print("The key is erased: it has no credentials and no PIN.\n")?)
}

fn ask() -> anyhow::Result<()> {
    if !terminal::is_interactive() {
        return Err(usage(
            "a reset cannot be undone, and there is no terminal to ask you whether you are sure",
            "add --force to erase the key",
        ));
    }
    terminal::note(Paint::stderr().bold("This erases the key permanently:"));
    terminal::note(
        "every credential and passkey on it, its PIN, its fingerprints and its settings.",
    );
    terminal::note("You will not be able to sign in to accounts that have no other key.");
    terminal::note(
        "The key allows it only within ten seconds of being plugged in, or laid on a reader, and after a gesture:",
    );
    for gesture in GESTURES {
        terminal::note(gesture);
    }
    match terminal::confirm("Erase it?")? {
        true => Ok(()),
        false => Err(failure("nothing was erased", "run it again when you are sure")),
    }
}

/// Where the key accepts a reset, if it refused this one and tells: RS-02 and a person's refusal have the same status.
fn for_reset(error: &Error, client: &mut Client<Channel>) -> Vec<String> {
    if error.status() != Some(Status::OperationDenied) {
        return Vec::new();
    }
    client.get_info().ok().and_then(|info| info.transports_for_reset).unwrap_or_default()
}

/// How the key is given power anew, which a reset begins with.
#[derive(Clone, Copy)]
enum Again {
    PlugIn,
    LayOn,
}

impl Again {
    const fn of(key: &mut Channel) -> Self {
        match (key.end(), key) {
            (End::Key, Channel::Hid(_)) => Self::PlugIn,
            (End::Bridge, _) | (_, Channel::Card(_)) => Self::LayOn,
        }
    }

    /// What to say while the key waits. Keepalives do not tell the second of two touches from the first.
    const fn gesture(self) -> &'static str {
        match self {
            Self::PlugIn => {
                "Touch the key to go on, and once more if it blinks again after that (Ctrl-C gives up)."
            }
            Self::LayOn => {
                "Lay the key on its reader; if it lies there, touch it or lay it on again. Some keys want that twice (Ctrl-C gives up)."
            }
        }
    }

    /// What somebody has to do, up to a comma.
    const fn words(self) -> &'static str {
        match self {
            Self::PlugIn => {
                "unplug the key and plug it in again (`keyfob replug` for a keyfob key)"
            }
            Self::LayOn => {
                "take the card off the reader and lay it on again (`keyfob tap` for a keyfob key)"
            }
        }
    }

    /// What nobody did in time.
    const fn left_undone(self) -> &'static str {
        match self {
            Self::PlugIn => "nothing was erased: nobody touched the key",
            Self::LayOn => {
                "nothing was erased: nobody laid the key on its reader, or touched it there"
            }
        }
    }

    /// What helps a reset that nobody agreed to.
    fn and_agree(self) -> String {
        let agreeing = match self {
            Self::PlugIn => "run `keyfob reset` and touch it; some keys need two touches",
            Self::LayOn => "then run `keyfob reset` at once; some keys want two taps",
        };
        format!("{}, {agreeing}", self.words())
    }
}

/// `transports`: those over which alone the key accepts a reset, if it said.
fn explain(error: Error, transports: &[String], again: Again) -> anyhow::Error {
    match error.status() {
        Some(Status::NotAllowed) => told(
            "the key accepts a reset only within ten seconds of being plugged in, or laid on a reader",
            &error,
            &format!("{}, then run `keyfob reset` at once", again.words()),
        ),
        Some(Status::UpRequired) => told(
            "nothing was erased: the key has not been tapped often enough",
            &error,
            "take it off the reader and lay it on again, twice within ten seconds (`keyfob tap --twice` for a keyfob key), then run `keyfob reset` at once",
        ),
        Some(Status::OperationDenied) => {
            told("nothing was erased: it was refused", &error, &after_refusal(transports, again))
        }
        Some(Status::UserActionTimeout) => told(again.left_undone(), &error, &again.and_agree()),
        Some(Status::KeepaliveCancel) => {
            told("nothing was erased: the request was cancelled", &error, &again.and_agree())
        }
        Some(status) => told("the key refused, and nothing was erased", &error, status.advice()),
        // Nobody knows what a key did that did not answer.
        None => error.into(),
    }
}

/// What to do about a refusal.
fn after_refusal(transports: &[String], again: Again) -> String {
    let names: Vec<_> = transports.iter().map(|transport| name(transport)).collect();
    match names.is_empty() {
        true => again.and_agree(),
        false => {
            format!("this key accepts a reset only over {}: connect it that way", names.join(", "))
        }
    }
}

/// What makes of keys want.
const GESTURES: [&str; 4] = [
    "  in a USB port     touch it once, when it blinks (Yubico, and most others)",
    "                    or touch it again when it blinks again (Feitian)",
    "  on an NFC reader  lay it on: the tap is enough (Yubico, and most others)",
    "                    or lay it on twice (HID)",
];

const EXAMPLES: &str = "\
Examples:
  keyfob replug && keyfob reset  a running keyfob key
  keyfob reset --force           in a script, right after the key was plugged in";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::describe;

    #[test]
    fn a_late_reset_says_to_plug_the_key_in_again_and_names_the_status() {
        let told = describe(&explain(Error::Status(Status::NotAllowed), &[], Again::PlugIn));
        assert!(
            told.contains("[CTAP2_ERR_NOT_ALLOWED 0x30]") && told.contains("keyfob replug"),
            "{told}"
        );
    }

    #[test]
    fn a_refused_reset_says_that_nothing_was_erased() {
        let refusals = [
            Status::OperationDenied,
            Status::UserActionTimeout,
            Status::KeepaliveCancel,
            Status::UpRequired,
        ];
        for status in refusals {
            assert!(
                describe(&explain(Error::Status(status), &[], Again::PlugIn))
                    .contains("nothing was erased")
            );
        }
        let refused =
            describe(&explain(Error::Status(Status::OperationDenied), &[], Again::PlugIn));
        assert!(refused.contains("it was refused") && !refused.contains("nobody"), "{refused}");
    }

    #[test]
    fn a_card_is_to_be_laid_on_again_and_has_no_plug() {
        for status in [Status::NotAllowed, Status::OperationDenied, Status::KeepaliveCancel] {
            let told = describe(&explain(Error::Status(status), &[], Again::LayOn));
            let (_, next) = told.split_once("next: ").unwrap();
            assert!(next.contains("lay it on again") && !next.contains("plug"), "{told}");
        }
        let late = explain(Error::Status(Status::UserActionTimeout), &[], Again::LayOn);
        assert!(describe(&late).contains("nobody laid the key on its reader"));
        assert!(Again::LayOn.gesture().starts_with("Lay the key on its reader"));
    }

    // RS-02, GI-35
    #[test]
    fn a_key_that_is_reset_elsewhere_says_where() {
        let denied = Error::Status(Status::OperationDenied);
        let told = describe(&explain(denied, &["nfc".to_owned()], Again::PlugIn));
        assert!(told.contains("0x27") && told.contains("only over nfc"), "{told}");
    }
}
