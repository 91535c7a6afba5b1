//! `keyfob pin`: authenticatorClientPIN, CTAP section 6.5.

use ctap_client::commands::get_info::Info;
use ctap_client::{Client, Error, Exchange, Permissions, Status};

use super::open_key::OpenKey;
use super::pin_source::{CurrentPinOptions, NewPinOptions, Pin};
use super::{refused, told};
use crate::device::DeviceOption;
use crate::failure::{Cause, because, failure};
use crate::terminal::{self, count};

/// Set, change or try the key's PIN
///
/// Without options, keyfob asks for the PIN on the terminal. If standard input is not a terminal, it reads the PIN there: one
/// PIN on each line, the current one first.
#[derive(clap::Subcommand, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Command {
    /// Give the key its first PIN
    #[command(after_help = SET_EXAMPLES)]
    Set(SetOptions),
    /// Replace the PIN
    #[command(after_help = CHANGE_EXAMPLES)]
    Change(ChangeOptions),
    /// Find out whether a PIN is the right one. A wrong one costs an attempt
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyOptions),
}

/// What `keyfob pin set` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct SetOptions {
    #[command(flatten)]
    device: DeviceOption,
    #[command(flatten)]
    new: NewPinOptions,
}

/// What `keyfob pin change` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct ChangeOptions {
    #[command(flatten)]
    device: DeviceOption,
    #[command(flatten)]
    current: CurrentPinOptions,
    #[command(flatten)]
    new: NewPinOptions,
}

/// What `keyfob pin verify` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct VerifyOptions {
    #[command(flatten)]
    device: DeviceOption,
    #[command(flatten)]
    current: CurrentPinOptions,
}

/// Runs the command.
///
/// # Errors
/// When the key refuses: each says how many attempts are left, and what to do.
pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Set(options) => set(options),
        Command::Change(options) => change(options),
        Command::Verify(options) => verify(options),
    }
}

fn set(options: &SetOptions) -> anyhow::Result<()> {
    let OpenKey { mut client, info } = OpenKey::open(&options.device)?;
    if has_pin(&info)? {
        return Err(failure("the key has a PIN already", "`keyfob pin change` replaces it"));
    }
    let new = read_new(&options.new, &info)?;
    client.set_pin(new.expose()).map_err(|error| explain_new(&mut client, error))?;
    Ok(terminal::print("The PIN is set.\n")?)
}

fn change(options: &ChangeOptions) -> anyhow::Result<()> {
    let OpenKey { mut client, info } = open_with_pin(&options.device)?;
    let current = read_current(&options.current, &info)?;
    let new = read_new(&options.new, &info)?;
    let changed = client.change_pin(current.expose(), new.expose());
    changed.map_err(|error| explain_new(&mut client, error))?;
    Ok(terminal::print("The PIN is changed.\n")?)
}

fn verify(options: &VerifyOptions) -> anyhow::Result<()> {
    let OpenKey { mut client, info } = open_with_pin(&options.device)?;
    let current = read_current(&options.current, &info)?;
    judged(&mut client, &info, current.expose()).map_err(|error| explain(&mut client, error))?;
    Ok(terminal::print("The PIN is right.\n")?)
}

/// Has the key judge the PIN, which costs an attempt if it is wrong.
///
/// # Errors
/// Why the key refused it.
pub(crate) fn judged(
    client: &mut Client<impl Exchange>,
    info: &Info,
    pin: &str,
) -> Result<(), Error> {
    let (permission, rp_id) = harmless_permission(info);
    client.pin_uv_auth_token(pin, permission, rp_id).map(drop)
}

/// A token must permit something; this one is thrown away.
fn harmless_permission(info: &Info) -> (Permissions, Option<&'static str>) {
    match info.is_on("credMgmt") {
        true => (Permissions::CREDENTIAL_MANAGEMENT, None),
        false => (Permissions::GET_ASSERTION, Some("keyfob.invalid")),
    }
}

fn open_with_pin(device: &DeviceOption) -> anyhow::Result<OpenKey> {
    let key = OpenKey::open(device)?;
    match has_pin(&key.info)? {
        true => Ok(key),
        false => Err(because(
            Cause::NotProved,
            "the key has no PIN yet",
            "`keyfob pin set` gives it one",
        )),
    }
}

fn has_pin(info: &Info) -> anyhow::Result<bool> {
    info.option("clientPin").ok_or_else(|| {
        failure("this key does not support PINs", "use a key with the clientPin option")
    })
}

/// The PIN the key has now. One that cannot be it, because no PIN of this key is so short or so long, costs no attempt.
///
/// # Errors
/// When there is none, or it cannot be the key's.
pub(super) fn read_current(options: &CurrentPinOptions, info: &Info) -> anyhow::Result<Pin> {
    let pin = options.read()?;
    let shortest = match info.force_pin_change {
        Some(true) => SHORTEST_PIN, // it may be older than the key's minimum (CF-46)
        _ => shortest(info),
    };
    match misfit(&pin, shortest, info) {
        None => Ok(pin),
        Some(misfit) => Err(because(
            Cause::NotProved,
            format_args!(
                "this is not the key's PIN: {misfit}; the key was not asked, and no attempt is lost"
            ),
            "give the whole PIN",
        )),
    }
}

/// The PIN the key is to have.
fn read_new(options: &NewPinOptions, info: &Info) -> anyhow::Result<Pin> {
    let pin = options.read()?;
    match misfit(&pin, shortest(info), info) {
        None => Ok(pin),
        Some(misfit) => {
            let what = format!("the key does not accept this PIN: {misfit}; nothing was changed");
            Err(failure(what, "choose another PIN"))
        }
    }
}

/// Code points of the shortest PIN that the key takes (CP-20).
fn shortest(info: &Info) -> u64 {
    info.min_pin_length.unwrap_or(SHORTEST_PIN)
}

/// Why the key cannot have such a PIN, if `shortest` is the shortest of its PINs (CP-20, CP-21).
fn misfit(pin: &Pin, shortest: u64, info: &Info) -> Option<String> {
    let longest = info.max_pin_length.unwrap_or(LONGEST_PIN as u64);
    match (pin.length(), pin.expose().len()) {
        (0, _) => Some("it is empty".to_owned()),
        (length, _) if length < shortest => Some(format!(
            "it has {}, and the key wants at least {shortest}",
            count(length, "character")
        )),
        (length, _) if length > longest => Some(format!(
            "it has {}, and the key takes at most {longest}",
            count(length, "character")
        )),
        (_, bytes) if bytes > LONGEST_PIN => Some(format!("it is longer than {LONGEST_PIN} bytes")),
        _ => None,
    }
}

/// Why the key did not take a new PIN instead of the one it has, if any, and what to do about it.
fn explain_new(client: &mut Client<impl Exchange>, error: Error) -> anyhow::Error {
    match error.status() {
        Some(Status::PinPolicyViolation) => told(UNFIT, &error, "choose another PIN"),
        _ => explain(client, error),
    }
}

/// Why the key did not take the PIN it has, and what to do about it.
pub(crate) fn explain(client: &mut Client<impl Exchange>, error: Error) -> anyhow::Error {
    match error.status() {
        Some(Status::PinInvalid) => {
            let left = client.pin_retries().map(|retries| retries.left).unwrap_or_default();
            let what = format!("wrong PIN: {} left before it is blocked", count(left, "attempt"));
            told(
                &what,
                &error,
                "check the PIN and try again; after three wrong ones in a row you have to unplug the key and plug it \
                 in again, or take the card off its reader and lay it on again",
            )
        }
        Some(Status::PinAuthBlocked) => told(
            "three wrong PINs in a row: the key accepts no PIN until it is plugged in or tapped again",
            &error,
            "unplug it and plug it in again, or take a card off its reader and lay it on again (`keyfob replug` for a keyfob key); then give the right PIN",
        ),
        Some(Status::PinBlocked) => told(
            "the PIN is blocked after too many wrong ones",
            &error,
            "only `keyfob reset` helps; it erases every credential",
        ),
        // The PIN is right, but not to be used any more (CP-90).
        Some(Status::PinPolicyViolation) => told(MUST_BE_CHANGED, &error, CHANGE_IT),
        _ => refused(error),
    }
}

/// A PIN that is only good for being replaced.
pub(super) const MUST_BE_CHANGED: &str = "the PIN must be changed before it can be used";
pub(super) const CHANGE_IT: &str = "`keyfob pin change` does that";

/// The key does not say which of its rules a new PIN breaks. That it is too short was found before.
const UNFIT: &str = "the key does not accept this PIN: it breaks a rule of the key, or it is the same as the old one";

/// Code points of the shortest PIN when getInfo does not say (CP-20).
const SHORTEST_PIN: u64 = 4;
/// Bytes of the longest (CP-21).
const LONGEST_PIN: usize = 63;

const EXAMPLES: &str = "\
Examples:
  keyfob pin set                      type a new PIN twice
  keyfob pin verify --pin-file ~/pin  is it the right one?
  printf '%s\\n' \"$OLD\" \"$NEW\" | keyfob pin change";

const SET_EXAMPLES: &str = "\
Examples:
  keyfob pin set                       type it twice
  keyfob pin set --new-pin-file ~/pin  in a script";

const CHANGE_EXAMPLES: &str = "\
Examples:
  keyfob pin change
  keyfob pin change --pin-file ~/old --new-pin-file ~/new
  printf '%s\\n' \"$OLD\" \"$NEW\" | keyfob pin change";

const VERIFY_EXAMPLES: &str = "\
Examples:
  keyfob pin verify
  keyfob pin verify --pin-file ~/pin && echo yes";

#[cfg(test)]
mod tests {
    use super::*;

    fn misfit_of(pin: &str, info: &Info) -> Option<String> {
        misfit(&pin.parse().unwrap(), shortest(info), info)
    }

    // CP-20, CP-21
    #[test]
    fn a_pin_is_measured_in_code_points_and_its_bytes_are_bounded() {
        let info = Info::default();
        for fitting in ["1234", "äöü€", "x".repeat(63).as_str()] {
            assert_eq!(misfit_of(fitting, &info), None, "{fitting}");
        }
        for (pin, words) in
            [("", "empty"), ("äöü", "at least 4"), ("€".repeat(22).as_str(), "63 bytes")]
        {
            assert!(misfit_of(pin, &info).unwrap().contains(words), "{pin}");
        }
    }

    // CP-20, CP-21
    #[test]
    fn a_key_says_how_long_its_pins_are() {
        let info = Info { min_pin_length: Some(6), max_pin_length: Some(8), ..Info::default() };
        assert_eq!(misfit_of("123456", &info), None);
        assert!(misfit_of("12345", &info).unwrap().contains("at least 6"));
        assert!(misfit_of("123456789", &info).unwrap().contains("at most 8"));
    }
}
