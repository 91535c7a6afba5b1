//! `keyfob info`: authenticatorGetInfo, CTAP section 6.4, for people and for programs.

use ctap_client::commands::client_pin::PinRetries;
use ctap_client::commands::get_info::Info;
use ctap_client::{Client, Error, Status};
use serde_json::json;
use virtual_key::metadata::members;
use virtual_key::profile::Aaguid;

use super::{refused, touch};
use crate::control::{Connection, Request, Response};
use crate::device::{Address, Channel, DeviceOption};
use crate::terminal::shown::{escaped, name};
use crate::terminal::{self, count};

/// Show what the key is and which state it is in
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    device: DeviceOption,
    /// Print JSON: the members of getInfo under the standard's names, and pinRetries
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// When the key cannot be opened or answers nonsense.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let address = match &options.device.device {
        Address::Auto => Address::Auto.found()?,
        known => known.clone(),
    };
    tell_of_our_own(&address);
    let mut channel = address.open()?;
    let has_ctap2 = channel.has_ctap2()?;
    let words = touch::words(channel.end());
    let mut client = Client::new(channel);
    client.on_keepalive(touch::listener(words));
    match has_ctap2 {
        true => ctap2(&mut client, options.json),
        false => u2f(&mut client, options.json),
    }
}

/// One of this user's running keys that does something wrong on purpose, or not what it tells, is not to be taken for a broken one.
fn tell_of_our_own(address: &Address) {
    let keyfob = Connection::of_environment();
    let Ok(Response::Status(status)) = keyfob.ask(&Request::Status {}) else { return };
    let is_meant = |device: &String| device.parse().is_ok_and(|device| address.means(&device));
    let mut keys = status.keys.iter();
    let Some(found) = keys.find(|key| key.device.as_ref().is_some_and(is_meant)) else { return };
    if !found.faults.is_empty() {
        terminal::note("this key has faults on purpose: `keyfob fault list` shows them");
    }
    let request = Request::Profile { key: Some(found.key.clone()) };
    if let Ok(Response::Profile { announced, .. }) = keyfob.ask(&request)
        && !announced.is_empty()
    {
        let each: String = announced.iter().map(|line| format!("\n  {}", escaped(line))).collect();
        terminal::note(format_args!("this key says that it can do what it cannot do:{each}"));
    }
}

/// All that a key without getInfo tells is the version of U2F it speaks.
fn u2f(client: &mut Client<Channel>, json: bool) -> anyhow::Result<()> {
    let versions = [client.u2f_version().map_err(refused)?];
    let text = match json {
        true => terminal::json(&json!({ "versions": versions }))?,
        false => terminal::columns(&[["Versions:".to_owned(), shown(&versions)]]),
    };
    Ok(terminal::print(text)?)
}

fn ctap2(client: &mut Client<Channel>, json: bool) -> anyhow::Result<()> {
    let info = client.get_info().map_err(refused)?;
    let retries = match info.is_on("clientPin") {
        true => pin_retries(client)?,
        false => None,
    };
    let text = match json {
        true => terminal::json(&members(&info, retries))?,
        false => terminal::columns(&facts(&info, retries)),
    };
    Ok(terminal::print(text)?)
}

/// `None`: only the card knows, and it is away. No key wants a touch for this, so one that does is a card behind a bridge.
fn pin_retries(client: &mut Client<Channel>) -> anyhow::Result<Option<PinRetries>> {
    match client.pin_retries() {
        Err(Error::Status(Status::UpRequired)) => Ok(None),
        told => told.map(Some).map_err(refused),
    }
}

/// What a person wants to know, in the words of the other tools for keys. What the key does not have is left out.
fn facts(info: &Info, retries: Option<PinRetries>) -> Vec<[String; 2]> {
    let on_off = |on: bool| if on { "On" } else { "Off" }.to_owned();
    let list = |items: &Option<Vec<String>>| items.as_ref().map(|items| shown(items));
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    let facts = [
        ("Versions", Some(shown(&info.versions))),
        ("AAGUID", Some(Aaguid(info.aaguid).to_string())),
        ("Firmware version", number(info.firmware_version)),
        ("PIN", Some(pin(info, retries))),
        ("Minimum PIN length", number(info.min_pin_length)),
        ("PIN change forced", info.force_pin_change.filter(|forced| *forced).map(on_off)),
        (
            "Fingerprints",
            info.option("bioEnroll")
                .map(|any| if any { "Registered" } else { "Not registered" }.into()),
        ),
        ("Always Require UV", info.option("alwaysUv").map(on_off)),
        ("Enterprise Attestation", info.option("ep").map(on_off)),
        ("Credential storage remaining", number(info.remaining_discoverable_credentials)),
        (
            "Algorithms",
            info.algorithms.as_ref().map(|all| algorithms(all.iter().map(|one| one.algorithm))),
        ),
        ("Extensions", list(&info.extensions)),
        ("Options", options(info)),
        (
            "PIN protocols",
            info.pin_uv_auth_protocols.as_ref().map(|all| join(all.iter().map(u64::to_string))),
        ),
        ("Attestation formats", list(&info.attestation_formats)),
        ("Transports", list(&info.transports)),
        ("Transports for reset", list(&info.transports_for_reset)),
        ("Longest message", Some(count(info.max_message_size(), "byte"))),
        (
            "Large blobs",
            info.max_serialized_large_blob_array
                .map(|size| format!("up to {}", count(size, "byte"))),
        ),
        (
            "Certifications",
            info.certifications
                .as_ref()
                .map(|all| join(all.iter().map(|(id, n)| format!("{id} {n}")))),
        ),
    ];
    facts.into_iter().filter_map(|(label, fact)| Some([format!("{label}:"), fact?])).collect()
}

fn pin(info: &Info, retries: Option<PinRetries>) -> String {
    match (info.option("clientPin"), retries) {
        (None, _) => "Not supported".to_owned(),
        (Some(_), Some(PinRetries { left: 0, .. })) => "Blocked; only a reset helps".to_owned(),
        (Some(_), Some(PinRetries { left, power_cycle_needed: true })) => {
            format!(
                "{} remaining, once the key is plugged in or tapped again",
                count(left, "attempt")
            )
        }
        (Some(_), Some(PinRetries { left, .. })) => format!("{} remaining", count(left, "attempt")),
        (Some(true), None) => {
            "Set; lay the key on its reader to see how many attempts remain".to_owned()
        }
        (Some(false), None) => "Not set".to_owned(),
    }
}

/// Those that are on, and behind them those that are off.
fn options(info: &Info) -> Option<String> {
    let named = |on| {
        let options = info.options.iter().flatten().filter(move |(_, value)| *value == on);
        options.map(|(option, _)| name(option))
    };
    info.options.as_ref()?;
    Some(join(named(true).chain(named(false).map(|name| format!("no {name}")))))
}

fn algorithms(numbers: impl Iterator<Item = i64>) -> String {
    join(numbers.map(algorithm_name))
}

/// `ES256 (-7)`, with the names of the IANA registry of COSE algorithms.
pub(crate) fn algorithm_name(number: i64) -> String {
    let name = match number {
        -7 => "ES256",
        -8 => "EdDSA",
        -9 => "ESP256",
        -19 => "Ed25519",
        -35 => "ES384",
        -36 => "ES512",
        -37 => "PS256",
        -47 => "ES256K",
        -48 => "ML-DSA-44",
        -49 => "ML-DSA-65",
        -50 => "ML-DSA-87",
        -51 => "ESP384",
        -52 => "ESP512",
        -257 => "RS256",
        -65535 => "RS1",
        _ => return number.to_string(),
    };
    format!("{name} ({number})")
}

fn shown(items: &[String]) -> String {
    join(items.iter().map(|item| name(item)))
}

fn join(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

const EXAMPLES: &str = "\
Examples:
  keyfob info                                the only key of this host
  keyfob info --device usbip:127.0.0.1:3240  one that `keyfob serve` offers
  keyfob info --device pcsc:                 the only FIDO card on a reader
  keyfob info --json | jq .options";

#[cfg(test)]
mod tests {
    use super::*;

    fn with_pin(set: bool) -> Info {
        Info {
            options: Some(vec![("rk".into(), true), ("clientPin".into(), set)]),
            ..Info::default()
        }
    }

    fn retries(left: u64, power_cycle_needed: bool) -> Option<PinRetries> {
        Some(PinRetries { left, power_cycle_needed })
    }

    #[test]
    fn the_state_of_the_pin_is_told_in_words() {
        assert_eq!(pin(&Info::default(), None), "Not supported");
        assert_eq!(pin(&with_pin(false), None), "Not set");
        assert_eq!(pin(&with_pin(true), retries(8, false)), "8 attempts remaining");
        assert!(pin(&with_pin(true), None).starts_with("Set; lay the key on its reader"));
        assert_eq!(pin(&with_pin(true), retries(1, false)), "1 attempt remaining");
        assert_eq!(pin(&with_pin(true), retries(0, true)), "Blocked; only a reset helps");
        assert!(
            pin(&with_pin(true), retries(5, true))
                .ends_with("once the key is plugged in or tapped again")
        );
    }

    #[test]
    fn options_that_are_on_come_first() {
        let info = Info {
            options: Some(vec![("ep".into(), false), ("rk".into(), true)]),
            ..Info::default()
        };
        assert_eq!(options(&info).unwrap(), "rk, no ep");
        assert_eq!(options(&Info::default()), None);
    }

    #[test]
    fn algorithms_have_their_name_and_number() {
        assert_eq!(algorithms([-7, -65000].into_iter()), "ES256 (-7), -65000");
    }

    // GI-35
    #[test]
    fn a_key_that_is_reset_over_some_transports_only_says_so() {
        let info = Info { transports_for_reset: Some(vec!["usb".into()]), ..Info::default() };
        let told = facts(&info, None);
        assert!(told.contains(&["Transports for reset:".to_owned(), "usb".to_owned()]));
    }

    #[test]
    fn what_a_key_does_not_have_is_left_out() {
        let labels: Vec<String> =
            facts(&Info::default(), None).into_iter().map(|[label, _]| label).collect();
        assert_eq!(labels, ["Versions:", "AAGUID:", "PIN:", "Longest message:"]);
    }
}
