//! `keyfob credentials`: authenticatorCredentialManagement, CTAP section 6.8.

mod exchange;
mod import;
mod owned;

use std::iter::once;

use anyhow::ensure;
use ctap_client::commands::credential_management::{StoredCredential, StoredRelyingParty};
use ctap_client::{Permissions, PinUvAuthToken, User};
use serde::Serialize;

use super::ids::{self, DeleteOptions, IdArgument, base64url};
use super::info::algorithm_name;
use super::open_key::{OpenKey, Owner};
use super::{agree, refused};
use crate::failure::failure;
use crate::terminal::shown::{Kept, escaped, name, quoted_name, quoted_site, site};
use crate::terminal::{self, count, hex};

/// List, change, delete, import or export passkeys
///
/// `list`, `show`, `update` and `delete` work with every key. The others work with private keys, and so only with virtual keys of keyfob.
#[derive(clap::Subcommand, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Command {
    /// List the passkeys (discoverable credentials)
    #[command(after_help = LIST_EXAMPLES)]
    List(ListOptions),
    /// Show everything about one passkey
    #[command(after_help = SHOW_EXAMPLES)]
    Show(ShowOptions),
    /// Change the names of its account, which are shown at sign-in
    #[command(after_help = UPDATE_EXAMPLES)]
    Update(UpdateOptions),
    /// Delete a passkey permanently
    #[command(after_help = DELETE_EXAMPLES)]
    Delete(DeleteOptions),
    /// Add a credential to your own virtual key, from its private key
    #[command(after_help = exchange::ADD_EXAMPLES)]
    Add(Box<exchange::AddOptions>),
    /// Add the credentials in a file to your own virtual key
    #[command(after_help = import::IMPORT_EXAMPLES)]
    Import(import::ImportOptions),
    /// Copy the credentials of your own virtual key into an unencrypted file, with their private keys
    #[command(after_help = exchange::EXPORT_EXAMPLES)]
    Export(exchange::ExportOptions),
    /// Change the counter and flags of a credential on your own virtual key
    #[command(after_help = exchange::CHANGE_EXAMPLES)]
    Change(exchange::ChangeOptions),
    /// Remove a credential from your own virtual key, without its PIN
    #[command(after_help = exchange::REMOVE_EXAMPLES)]
    Remove(exchange::RemoveOptions),
}

/// What `keyfob credentials list` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    owner: Owner,
    /// Print CSV, with whole ids
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What `keyfob credentials show` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct ShowOptions {
    #[command(flatten)]
    which: IdArgument,
    #[command(flatten)]
    owner: Owner,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What `keyfob credentials update` takes.
#[derive(clap::Args, Debug)]
#[group(id = "names", required = true, multiple = true, args = ["name", "display_name"])]
pub(crate) struct UpdateOptions {
    #[command(flatten)]
    which: IdArgument,
    #[command(flatten)]
    owner: Owner,
    /// The account's new name; an empty one removes it
    #[arg(long)]
    name: Option<String>,
    /// The person's new name; an empty one removes it
    #[arg(long)]
    display_name: Option<String>,
}

/// A passkey and whom it is for.
pub(super) struct Passkey {
    pub(super) rp: StoredRelyingParty,
    pub(super) stored: StoredCredential,
}

/// A passkey in JSON; ids and handles in base64url, as WebAuthn's own JSON has them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    credential_id: String,
    rp_id: &'a str,
    user_id: String,
    user_name: Option<&'a str>,
    user_display_name: Option<&'a str>,
    cred_protect: u64,
    algorithm: i64,
    has_large_blob_key: bool,
    third_party_payment: Option<bool>,
}

/// Runs the command.
///
/// # Errors
/// When there is no such passkey, or the person or the key refuses.
pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::List(options) => list(options),
        Command::Show(options) => show(options),
        Command::Update(options) => update(options),
        Command::Delete(options) => delete(options),
        Command::Add(options) => exchange::add(options),
        Command::Import(options) => import::import(options),
        Command::Export(options) => exchange::export(options),
        Command::Change(options) => exchange::change(options),
        Command::Remove(options) => exchange::remove(options),
    }
}

fn list(options: &ListOptions) -> anyhow::Result<()> {
    let (mut key, token) = open(&options.owner)?;
    let passkeys = passkeys(&mut key, &token)?;
    let text = match (options.json, options.csv) {
        (true, _) => {
            let entries: Vec<_> = passkeys.iter().map(Passkey::entry).collect();
            terminal::json(&entries)?
        }
        (false, true) => csv(&passkeys),
        (false, false) => return print_table(&mut key, &token, &passkeys),
    };
    Ok(terminal::print(text)?)
}

fn print_table(
    key: &mut OpenKey,
    token: &PinUvAuthToken,
    passkeys: &[Passkey],
) -> anyhow::Result<()> {
    if !passkeys.is_empty() {
        terminal::print(table(passkeys))?;
    }
    let room = key.client.creds_metadata(token).map_err(refused)?;
    terminal::note(format_args!(
        "{} on the key, room for {} more.",
        count(room.existing, "passkey"),
        room.remaining
    ));
    Ok(())
}

fn show(options: &ShowOptions) -> anyhow::Result<()> {
    let (mut key, token) = open(&options.owner)?;
    let passkeys = passkeys(&mut key, &token)?;
    let passkey = find(&options.which, &passkeys)?;
    let text = match options.json {
        true => terminal::json(&passkey.entry())?,
        false => terminal::columns(&passkey.facts()),
    };
    Ok(terminal::print(text)?)
}

fn update(options: &UpdateOptions) -> anyhow::Result<()> {
    let (mut key, token) = open(&options.owner)?;
    let passkeys = passkeys(&mut key, &token)?;
    let passkey = find(&options.which, &passkeys)?;
    let user = renamed(&passkey.stored.user, options);
    let credential = &passkey.stored.credential;
    key.client.update_user_information(&token, credential, &user).map_err(refused)?;
    Ok(terminal::print("The names are changed.\n")?)
}

/// The key forgets a name that it is not told again (CM-38).
fn renamed(user: &User, options: &UpdateOptions) -> User {
    let chosen = |new: &Option<String>, old: &Option<String>| {
        new.clone().or_else(|| old.clone()).filter(|name| !name.is_empty())
    };
    User {
        id: user.id.clone(),
        name: chosen(&options.name, &user.name),
        display_name: chosen(&options.display_name, &user.display_name),
    }
}

fn delete(options: &DeleteOptions) -> anyhow::Result<()> {
    let (mut key, token) = open(&options.owner)?;
    let passkeys = passkeys(&mut key, &token)?;
    let passkey = find(&options.which, &passkeys)?;
    let question = format!("Delete the passkey of {} permanently?", passkey.account());
    agree(options.force, &question)?;
    key.client.delete_credential(&token, &passkey.stored.credential).map_err(refused)?;
    Ok(terminal::print(format_args!("The passkey of {} is deleted.\n", passkey.account()))?)
}

/// A key that tells its owner which passkeys it has, and the right to ask it.
fn open(owner: &Owner) -> anyhow::Result<(OpenKey, PinUvAuthToken)> {
    let mut key = owner.open()?;
    ensure!(
        key.info.is_on("credMgmt"),
        failure(
            "this key cannot list its passkeys (it lacks the option credMgmt)",
            "use a key of CTAP 2.1 or later; the only way to delete passkeys from this one is `keyfob reset`, which \
             deletes all",
        )
    );
    let token = key.token(owner, Permissions::CREDENTIAL_MANAGEMENT)?;
    Ok((key, token))
}

/// All there are on the key, by relying party.
///
/// # Errors
/// When the key refuses.
pub(super) fn passkeys(key: &mut OpenKey, token: &PinUvAuthToken) -> anyhow::Result<Vec<Passkey>> {
    let mut passkeys = Vec::new();
    for rp in key.client.enumerate_rps(token).map_err(refused)? {
        let found = key.client.enumerate_credentials(token, &rp.rp_id_hash).map_err(refused)?;
        passkeys.extend(found.into_iter().map(|stored| Passkey { rp: rp.clone(), stored }));
    }
    Ok(passkeys)
}

/// The one that is meant.
///
/// # Errors
/// There is none, or several.
pub(super) fn find<'a>(which: &IdArgument, passkeys: &'a [Passkey]) -> anyhow::Result<&'a Passkey> {
    which.find(passkeys, Passkey::id, "credential")
}

impl Passkey {
    pub(super) fn id(&self) -> &[u8] {
        &self.stored.credential.id
    }

    /// `“ada” at “github.com”`.
    fn account(&self) -> String {
        let user = &self.stored.user;
        let name = user.name.as_deref().or(user.display_name.as_deref());
        let name = name.map_or("an account".to_owned(), quoted_name);
        format!("{name} at {}", quoted_site(&self.rp.rp.id))
    }

    fn entry(&self) -> Entry<'_> {
        let user = &self.stored.user;
        Entry {
            credential_id: base64url(self.id()),
            rp_id: &self.rp.rp.id,
            user_id: base64url(&user.id),
            user_name: user.name.as_deref(),
            user_display_name: user.display_name.as_deref(),
            cred_protect: self.stored.cred_protect,
            algorithm: self.stored.public_key.algorithm(),
            has_large_blob_key: self.stored.large_blob_key.is_some(),
            third_party_payment: self.stored.third_party_payment,
        }
    }

    fn facts(&self) -> Vec<[String; 2]> {
        let user = &self.stored.user;
        let shown = |text: &Option<String>| text.as_deref().map(name);
        let yes_no = |yes: bool| if yes { "Yes" } else { "No" }.to_owned();
        let algorithm = self.stored.public_key.algorithm();
        let facts = [
            ("Credential ID", Some(hex(self.id()))),
            ("RP ID", Some(escaped(&self.rp.rp.id))),
            ("User name", shown(&user.name)),
            ("Display name", shown(&user.display_name)),
            ("User ID", Some(hex(&user.id))),
            ("Protection", Some(protection(self.stored.cred_protect).to_owned())),
            ("Algorithm", Some(algorithm_name(algorithm))),
            ("Large blob key", Some(yes_no(self.stored.large_blob_key.is_some()))),
            ("Third-party payment", self.stored.third_party_payment.map(yes_no)),
        ];
        facts.into_iter().filter_map(|(label, fact)| Some([format!("{label}:"), fact?])).collect()
    }
}

/// What credProtect's levels mean (EX-13, EX-14).
const fn protection(level: u64) -> &'static str {
    match level {
        1 => "Found and used without verification (level 1)",
        2 => "Found with verification only, or by its ID (level 2)",
        _ => "Used with verification only (level 3)",
    }
}

fn table(passkeys: &[Passkey]) -> String {
    let shown = |text: &Option<String>| text.as_deref().map_or("-".to_owned(), name);
    let row = |(id, passkey): (String, &Passkey)| {
        let user = &passkey.stored.user;
        [id, site(&passkey.rp.rp.id), shown(&user.name), shown(&user.display_name)]
    };
    let heading = ["CREDENTIAL ID", "RP ID", "USER NAME", "DISPLAY NAME"].map(str::to_owned);
    let ids = ids::short(passkeys.iter().map(Passkey::id));
    let rows: Vec<_> = once(heading).chain(ids.into_iter().zip(passkeys).map(row)).collect();
    terminal::table(&rows, [None, Some(Kept::End), Some(Kept::Beginning), Some(Kept::Beginning)])
}

/// The columns of the tool for YubiKeys, in its order. What could disguise text is escaped; the rest is as the key sent it.
fn csv(passkeys: &[Passkey]) -> String {
    let heading = "credential_id,rp_id,user_name,user_display_name,user_id\n".to_owned();
    let line = |passkey: &Passkey| {
        let user = &passkey.stored.user;
        let name = user.name.as_deref().unwrap_or_default();
        let display_name = user.display_name.as_deref().unwrap_or_default();
        let (id, user_id) = (hex(passkey.id()), hex(&user.id));
        let cells = [&id, &passkey.rp.rp.id, name, display_name, &user_id].map(csv_cell);
        format!("{}\n", cells.join(","))
    };
    once(heading).chain(passkeys.iter().map(line)).collect()
}

fn csv_cell(text: &str) -> String {
    let text = escaped(text);
    match text.contains(['"', ',']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

const EXAMPLES: &str = "\
Examples:
  keyfob credentials list
  keyfob credentials show 914d  the start of the id is enough
  keyfob credentials delete 914d
  keyfob credentials import state.json  to a virtual key that runs";

const LIST_EXAMPLES: &str = "\
Examples:
  keyfob credentials list
  keyfob credentials list --pin-file ~/pin --csv  in a script
  keyfob credentials list --json | jq -r '.[].rpId'";

const SHOW_EXAMPLES: &str = "\
Example:
  keyfob credentials show 914d";

const UPDATE_EXAMPLES: &str = "\
Example:
  keyfob credentials update 914d --display-name \"Ada L.\"";

const DELETE_EXAMPLES: &str = "\
Examples:
  keyfob credentials delete 914d
  keyfob credentials delete 914d --force --pin-file ~/pin";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_of_csv_stays_one_cell() {
        assert_eq!(csv_cell("ada"), "ada");
        assert_eq!(csv_cell("Lovelace, \"Ada\"\n"), "\"Lovelace, \"\"Ada\"\"\\u{a}\"");
    }
}
