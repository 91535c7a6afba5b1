//! `keyfob metadata`: the FIDO metadata statement of a kind of key (AT-50 to AT-72).

mod entry;

use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use serde_json::Value;
use virtual_key::attestation::{self, AttestationKind, Identity, Issuer, LazyIdentity};
use virtual_key::memory::{Memory, Place};
use virtual_key::metadata::Statements;
use virtual_key::platform::system_rng;
use virtual_key::profile::Profile;

use crate::control::{Connection, Request, Response};
use crate::failure::{failure, usage};
use crate::profiles::{Kind, KindOptions};
use crate::say::warn;
use crate::terminal::shown::{escaped, quoted_name};
use crate::{state, terminal};

/// Print the metadata statement of a kind of key (FIDO MDS3)
///
/// For relying parties that check attestation; as JSON.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    kind: KindOptions,
    /// Where the keys' memory is kept [default: $XDG_STATE_HOME/keyfob or ~/.local/state/keyfob]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Which of the keys in that directory, counted from 1
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = state::key_numbers())]
    key: u8,
    #[command(flatten)]
    unlock: state::UnlockOptions,
    /// Print the statement for U2F, for relying parties that accept U2F registrations
    #[arg(long)]
    u2f: bool,
    /// Ask the running key: for a key with --ephemeral there is no other way
    #[arg(long, conflicts_with_all = ["profile", "state"])]
    running: bool,
    #[command(flatten)]
    connection: Connection,
    /// The whole entry of a metadata service, with status reports: those of the model that the key is like
    #[arg(long)]
    entry: bool,
    /// Print it on one line
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// No such profile, or a memory that cannot be used.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    Ok(terminal::print(text(options)?)?)
}

fn text(options: &Options) -> anyhow::Result<String> {
    if options.connection.is_typed() && !options.running {
        return Err(usage(
            "--control names a running key, but without --running the statement is of the stored key",
            "add --running, or leave out --control",
        ));
    }
    if options.running && options.kind.claims_a_model() {
        return Err(usage(
            "a running key has the AAGUID that it was started with",
            "leave out --with-its-aaguid, or start the key with it",
        ));
    }
    let Kind { profile, entry: model } = options.kind.load()?;
    let own = match options.running {
        true => of_running_key(options, model.as_ref().map(|entry| (&profile, entry)))?,
        false => of_kept_key(options, &profile)?,
    };
    let today = DateTime::<Utc>::from(SystemTime::now()).date_naive();
    // What a model of FIDO2 says of itself is not about its U2F side.
    let entry = match model.filter(|_| !(profile.speaks_ctap2() && options.u2f)) {
        Some(model) => entry::imitated(model, &own),
        None => entry::unknown_to_fido(own, &today.to_string()),
    };
    let told = if options.entry { entry } else { entry::statement(entry) };
    Ok(match options.json {
        true => terminal::json_line(&told)?,
        false => terminal::json(&told)?,
    })
}

/// The statement of a running key, which must be like this model, if there is one.
fn of_running_key(options: &Options, model: Option<(&Profile, &Value)>) -> anyhow::Result<Value> {
    let key = || Some(format!("1-{}", options.key));
    if let Some((like, entry)) = model {
        match options.connection.ask(&Request::Profile { key: key() })? {
            Response::Profile { profile, .. } => check_likeness(&profile, like, entry)?,
            other => return Err(other.unexpected()),
        }
    }
    match options.connection.ask(&Request::Metadata { key: key(), u2f: options.u2f })? {
        Response::Metadata { statement } => Ok(statement),
        other => Err(other.unexpected()),
    }
}

/// The words of one model and the root of a key like another would be about no key at all. Several models have one name: they differ in
/// their AAGUIDs, and so do keys like them.
fn check_likeness(running: &Value, like: &Profile, entry: &Value) -> anyhow::Result<()> {
    let wanted = quoted_name(like.imitates().unwrap_or_default());
    let aaguid = &running["aaguid"];
    let is_of_the_model = *aaguid == like.to_json()["aaguid"] || *aaguid == entry["aaguid"];
    let what = match running["imitates"].as_str().map(quoted_name) {
        None => format!("the running key imitates no model, but --like names {wanted}"),
        Some(own) if own != wanted => {
            format!("the running key imitates {own}, but --like names {wanted}")
        }
        Some(own) if !is_of_the_model => {
            let aaguid = escaped(aaguid.as_str().unwrap_or_default());
            format!(
                "the running key imitates another model with the name {own}: its AAGUID is {aaguid}"
            )
        }
        Some(_) => return Ok(()),
    };
    Err(failure(
        what,
        "leave out --like to get the statement of the running key itself, or name its model",
    ))
}

fn of_kept_key(options: &Options, profile: &Profile) -> anyhow::Result<Value> {
    if options.u2f && !profile.speaks_u2f() {
        let what = format_args!("a key of {} does not speak U2F", options.kind.name());
        return Err(usage(what, "leave out --u2f, or name another kind of key"));
    }
    let place = options.unlock.place(options.state.as_deref(), options.key)?;
    let identity = |kind| {
        // A key that runs holds its memory: what it has kept there can be read all the same.
        match attestation::kept(kind, &place.directory)? {
            Some(identity) => LazyIdentity::made(&identity),
            None => LazyIdentity::made(&new_identity(kind, &place)?),
        }
    };
    let identities = profile.identities(identity).map_err(state::with_cure)?;
    let statements = Statements::new(profile.clone(), identities);
    statements.of(options.u2f)?.context("the profile speaks neither CTAP2 nor U2F")
}

/// As the key would make it at its first start.
fn new_identity(kind: AttestationKind, place: &Place) -> Result<Identity, virtual_key::Error> {
    let (rng, today) = (&mut system_rng(), SystemTime::now());
    let memory = Memory::open(place, |sentence| warn(sentence), rng)?;
    let (serial, directory) = (&memory.serial, memory.directory.as_deref());
    Issuer { serial, directory, rng, today }.identity(kind)
}

const EXAMPLES: &str = "\
Examples:
  keyfob metadata > statement.json  for relying parties and conformance tools
  keyfob metadata --profile ./mine.toml --state ./keys
  keyfob metadata | jq -r '.attestationRootCertificates[0]' | base64 -d > root
  keyfob metadata --u2f      of its U2F side
  keyfob metadata --like \"YubiKey 5 Series with NFC\" --entry
  keyfob metadata --running  of the running key, one with --ephemeral too

The statement is true of one key only: its attestation certificate has its own root, which this command makes if the \
key never ran before.";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use virtual_key::log;

    use super::*;
    use crate::failure::describe;

    #[test]
    fn a_key_without_u2f_has_no_statement_about_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("mine.toml");
        std::fs::write(&file, "versions = [\"FIDO_2_0\", \"FIDO_2_1\"]").unwrap();
        let kind = KindOptions::of_profile(file.to_str().unwrap());
        let options = Options { kind, u2f: true, ..options(directory.path()) };
        let said = describe(&text(&options).unwrap_err());
        assert!(said.contains("does not speak U2F") && said.contains("next: "), "{said}");
    }

    #[test]
    fn a_control_socket_is_not_named_in_vain() {
        let directory = tempfile::tempdir().unwrap();
        let connection = Connection::at(directory.path().join("control"));
        let options = Options { connection, ..options(directory.path()) };
        let said = describe(&text(&options).unwrap_err());
        assert!(said.contains("--control") && said.contains("next: add --running"), "{said}");
    }

    /// For the first key whose memory is there.
    fn options(state: &Path) -> Options {
        Options {
            kind: KindOptions::default(),
            state: Some(state.to_owned()),
            key: 1,
            unlock: state::UnlockOptions::default(),
            u2f: false,
            running: false,
            connection: Connection::default(),
            entry: false,
            json: false,
        }
    }

    #[test]
    fn the_command_finds_the_certificate_of_the_key_that_ran() {
        let state = tempfile::tempdir().unwrap();
        let options = options(state.path());
        let first = text(&options).unwrap();
        let file = || std::fs::read_dir(state.path().join("key-1")).unwrap().flatten();
        let pem = file()
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|e| e == "pem"));
        let pem = pem.expect("made, since the key never ran");
        let before = std::fs::read(&pem).unwrap();
        // A key that runs holds the memory.
        let place = Place::new(state.path().join("key-1"));
        let memory = Memory::open(&place, log, &mut system_rng()).unwrap();
        assert_eq!(text(&options).unwrap(), first);
        drop(memory);
        assert_eq!(std::fs::read(&pem).unwrap(), before);
    }
}
