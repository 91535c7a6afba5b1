//! `keyfob config`: authenticatorConfig, CTAP section 6.11.

use anyhow::ensure;
use clap::ValueEnum;
use ctap_client::commands::config::MinPinLength;
use ctap_client::commands::get_info::Info;
use ctap_client::{Error, Permissions, PinUvAuthToken, Status};
use serde::Serialize;

use super::open_key::{OpenKey, Owner};
use super::{refused, told};
use crate::device::DeviceOption;
use crate::failure::failure;
use crate::terminal::{self, count};

/// Show and change what the key requires of its user
#[derive(clap::Subcommand, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Command {
    /// Show the settings
    #[command(after_help = SHOW_EXAMPLES)]
    Show(ShowOptions),
    /// Have the key verify its user every time, or only when it is asked to
    #[command(after_help = ALWAYS_UV_EXAMPLES)]
    AlwaysUv(AlwaysUvOptions),
    /// Allow enterprise attestation, which shows certain organisations which key this is. Only a reset turns it off again
    #[command(visible_alias = "enable-ep-attestation", after_help = ENTERPRISE_EXAMPLES)]
    EnterpriseAttestation(Owner),
    /// Require longer PINs. Only a reset allows shorter ones again
    #[command(after_help = MIN_PIN_LENGTH_EXAMPLES)]
    MinPinLength(MinPinLengthOptions),
    /// Force a change of the PIN before its next use
    #[command(after_help = FORCE_PIN_CHANGE_EXAMPLES)]
    ForcePinChange(Owner),
    /// Make a reset need a touch of five seconds. Only a reset undoes this
    #[command(after_help = LONG_TOUCH_EXAMPLES)]
    LongTouch(Owner),
}

/// What `keyfob config show` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct ShowOptions {
    #[command(flatten)]
    device: DeviceOption,
    /// Print JSON, with the standard's names; null for what the key does not have
    #[arg(long)]
    json: bool,
}

/// What `keyfob config always-uv` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct AlwaysUvOptions {
    /// What it is to be
    state: OnOff,
    #[command(flatten)]
    owner: Owner,
}

/// What `keyfob config min-pin-length` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct MinPinLengthOptions {
    /// Characters of the shortest PIN
    #[arg(value_name = "N", value_parser = clap::value_parser!(u64).range(4..=63))]
    length: u64,
    /// A relying party that may learn this length; repeat the option for more of them. They replace those from before
    #[arg(long, value_name = "RP")]
    rp_id: Vec<String>,
    #[command(flatten)]
    owner: Owner,
}

/// A switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OnOff {
    On,
    Off,
}

/// The settings, `None` for what the key does not have.
#[derive(Debug, Serialize)]
struct Settings {
    #[serde(rename = "alwaysUv")]
    always_uv: Option<bool>,
    #[serde(rename = "ep")]
    enterprise_attestation: Option<bool>,
    #[serde(rename = "minPINLength")]
    min_pin_length: Option<u64>,
    #[serde(rename = "maxRPIDsForSetMinPINLength")]
    max_rp_ids: Option<u64>,
    #[serde(rename = "forcePINChange")]
    force_pin_change: Option<bool>,
    #[serde(rename = "longTouchForReset")]
    long_touch_for_reset: Option<bool>,
}

/// Runs the command.
///
/// # Errors
/// When the key does not have the setting, or refuses.
pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Show(options) => show(options),
        Command::AlwaysUv(options) => always_uv(options),
        Command::EnterpriseAttestation(owner) => enterprise_attestation(owner),
        Command::MinPinLength(options) => min_pin_length(options),
        Command::ForcePinChange(owner) => force_pin_change(owner),
        Command::LongTouch(owner) => long_touch(owner),
    }
}

fn show(options: &ShowOptions) -> anyhow::Result<()> {
    let settings = Settings::of(&OpenKey::open(&options.device)?.info);
    let text = match options.json {
        true => terminal::json(&settings)?,
        false => terminal::columns(&settings.facts()),
    };
    Ok(terminal::print(text)?)
}

/// The standard has but a switch to press (CF-31): it is pressed if it stands wrong.
fn always_uv(options: &AlwaysUvOptions) -> anyhow::Result<()> {
    let mut key = options.owner.open()?;
    let is_on = offered(key.info.option("alwaysUv"), "alwaysUv")?;
    let (wanted, state) = match options.state {
        OnOff::On => (true, "always verifies its user"),
        OnOff::Off => (false, "verifies its user when it is asked to"),
    };
    if is_on == wanted {
        return Ok(terminal::print(format_args!("The key {state} already.\n"))?);
    }
    let token = token(&options.owner, &mut key)?;
    key.client.toggle_always_uv(token.as_ref()).map_err(explain)?;
    Ok(terminal::print(format_args!("The key {state}.\n"))?)
}

fn enterprise_attestation(owner: &Owner) -> anyhow::Result<()> {
    let mut key = owner.open()?;
    offered(key.info.option("ep"), "enterprise attestation")?;
    let token = token(owner, &mut key)?;
    key.client.enable_enterprise_attestation(token.as_ref()).map_err(explain)?;
    Ok(terminal::print("Enterprise attestation is allowed until the next reset.\n")?)
}

fn min_pin_length(options: &MinPinLengthOptions) -> anyhow::Result<()> {
    let mut key = options.owner.open()?;
    offered(key.info.option("setMinPINLength"), "setMinPINLength")?;
    check_growth(&key.info, options.length)?;
    check_rp_ids(&key.info, &options.rp_id)?;
    let rules = MinPinLength {
        new_min_pin_length: Some(options.length),
        min_pin_length_rp_ids: (!options.rp_id.is_empty()).then(|| options.rp_id.clone()),
        ..MinPinLength::default()
    };
    let token = token(&options.owner, &mut key)?;
    key.client.set_min_pin_length(&rules, token.as_ref()).map_err(explain)?;
    terminal::print(format_args!("A PIN must now have at least {} characters.\n", options.length))?;
    if key.client.get_info()?.force_pin_change == Some(true) {
        terminal::note(
            "The present PIN is shorter: change it with `keyfob pin change` before its next use.",
        );
    }
    Ok(())
}

fn force_pin_change(owner: &Owner) -> anyhow::Result<()> {
    let mut key = owner.open()?;
    offered(key.info.option("setMinPINLength"), "setMinPINLength")?;
    ensure!(
        key.info.is_on("clientPin"),
        failure("the key has no PIN to change", "`keyfob pin set` gives it one")
    );
    let rules = MinPinLength { force_change_pin: Some(true), ..MinPinLength::default() };
    let token = token(owner, &mut key)?;
    key.client.set_min_pin_length(&rules, token.as_ref()).map_err(explain)?;
    Ok(terminal::print("The PIN must be changed before its next use.\n")?)
}

fn long_touch(owner: &Owner) -> anyhow::Result<()> {
    let mut key = owner.open()?;
    offered(key.info.long_touch_for_reset, "enableLongTouchForReset")?;
    let token = token(owner, &mut key)?;
    key.client.enable_long_touch_for_reset(token.as_ref()).map_err(explain)?;
    Ok(terminal::print("A reset needs a touch of five seconds, until the next reset.\n")?)
}

fn token(owner: &Owner, key: &mut OpenKey) -> anyhow::Result<Option<PinUvAuthToken>> {
    key.token_if_protected(owner, Permissions::AUTHENTICATOR_CONFIG)
}

/// How a setting stands that the key must have.
fn offered(state: Option<bool>, name: &str) -> anyhow::Result<bool> {
    state.ok_or_else(|| {
        failure(
            format_args!("this key has no such setting ({name})"),
            "`keyfob config show` tells which ones it has",
        )
    })
}

/// CF-43.
fn check_growth(info: &Info, length: u64) -> anyhow::Result<()> {
    match info.min_pin_length {
        Some(present) if length < present => Err(failure(
            format_args!(
                "PINs must have {present} characters, and only a reset allows shorter ones"
            ),
            format_args!("choose {present} or more"),
        )),
        _ => Ok(()),
    }
}

/// CF-48: the key says how many it can keep.
fn check_rp_ids(info: &Info, rp_ids: &[String]) -> anyhow::Result<()> {
    let most = info.max_rp_ids_for_set_min_pin_length.unwrap_or(0);
    ensure!(
        rp_ids.len() as u64 <= most,
        failure(
            format_args!("the key can keep {} for this", count(most, "RP ID")),
            "give fewer --rp-id",
        )
    );
    Ok(())
}

fn explain(error: Error) -> anyhow::Error {
    match error.status() {
        Some(Status::OperationDenied) => {
            told("this key does not allow you to turn that off", &error, "leave it as it is")
        }
        Some(Status::PuatRequired) => told(
            "this needs a PIN, and the key has none yet",
            &error,
            "`keyfob pin set` gives it one",
        ),
        _ => refused(error),
    }
}

impl Settings {
    fn of(info: &Info) -> Self {
        Self {
            always_uv: info.option("alwaysUv"),
            enterprise_attestation: info.option("ep"),
            min_pin_length: info.min_pin_length,
            max_rp_ids: info.max_rp_ids_for_set_min_pin_length,
            force_pin_change: info.force_pin_change,
            long_touch_for_reset: info.long_touch_for_reset,
        }
    }

    /// What the key does not have is told too: here one looks for what could be changed.
    fn facts(&self) -> Vec<[String; 2]> {
        let on_off = |state: Option<bool>| state.map(|on| if on { "On" } else { "Off" }.to_owned());
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        let facts = [
            ("Always Require UV", on_off(self.always_uv)),
            ("Enterprise Attestation", on_off(self.enterprise_attestation)),
            ("Minimum PIN length", number(self.min_pin_length)),
            ("RP IDs that may learn it", self.max_rp_ids.map(|most| format!("up to {most}"))),
            ("PIN change forced", on_off(self.force_pin_change)),
            ("Long touch for reset", on_off(self.long_touch_for_reset)),
        ];
        let row = |(label, fact): (&str, Option<String>)| {
            [format!("{label}:"), fact.unwrap_or_else(|| "Not supported".to_owned())]
        };
        facts.into_iter().map(row).collect()
    }
}

const EXAMPLES: &str = "\
Examples:
  keyfob config show  what does it have, and how is it set?
  keyfob config always-uv on
  keyfob config min-pin-length 8";

const SHOW_EXAMPLES: &str = "\
Examples:
  keyfob config show
  keyfob config show --json | jq .alwaysUv";

const ALWAYS_UV_EXAMPLES: &str = "\
Example:
  keyfob config always-uv on  each use needs the PIN or a finger";

const ENTERPRISE_EXAMPLES: &str = "\
Example:
  keyfob config enterprise-attestation";

const MIN_PIN_LENGTH_EXAMPLES: &str = "\
Examples:
  keyfob config min-pin-length 8
  keyfob config min-pin-length 8 --rp-id example.org  that site may know";

const FORCE_PIN_CHANGE_EXAMPLES: &str = "\
Example:
  keyfob config force-pin-change  before the key is handed on";

const LONG_TOUCH_EXAMPLES: &str = "\
Example:
  keyfob config long-touch";
