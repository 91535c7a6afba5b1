//! `keyfob credentials add`, `export`, `change` and `remove`: credentials into a key of this user's own and out of it, with their private
//! keys, and without asking the key for a PIN or a touch.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use clap::ValueEnum;
use ctap_core::CredentialSource;
use ctap_core::credential::{Backup, User};
use rand_core::Rng as _;
use virtual_key::credential_formats::{self, Format, FormatError, pkcs8};
use virtual_key::platform::system_rng;
use virtual_key::{Properties, Scope};
use zeroize::Zeroizing;

use super::owned::Whose;
use crate::failure::{advise, failure, usage};
use crate::secret_file;
use crate::settings::agree;
use crate::settings::ids::IdArgument;
use crate::terminal::shown::{escaped, quoted_name, quoted_site};
use crate::terminal::{self, count, hex};

/// What `keyfob credentials add` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct AddOptions {
    /// The relying party, such as example.org
    #[arg(long, value_name = "RPID")]
    rp: String,
    /// The private key: PKCS#8 in PEM, without a passphrase; `-` is standard input
    #[arg(long, value_name = "FILE")]
    private_key: PathBuf,
    /// The credential's id in base64url, of 1 to 1023 bytes [default: a new one]
    #[arg(long, value_name = "BASE64URL")]
    id: Option<String>,
    /// The user handle in base64url, by which the relying party knows the account
    #[arg(long, value_name = "BASE64URL", required_unless_present = "not_discoverable")]
    user_id: Option<String>,
    /// The account's name
    #[arg(long, value_name = "NAME", requires = "user_id")]
    user_name: Option<String>,
    /// The person's name
    #[arg(long, value_name = "NAME", requires = "user_id")]
    display_name: Option<String>,
    /// It is not a passkey: it is used only where a site gives its id
    #[arg(long)]
    not_discoverable: bool,
    /// The last signature counter that was sent, or none for one that stays 0
    #[arg(long, value_name = "N|none", default_value = "0", value_parser = sign_count)]
    sign_count: SignCount,
    /// It may be on several devices (the flag BE)
    #[arg(long)]
    backup_eligible: bool,
    /// It is on several devices (the flag BS)
    #[arg(long)]
    backed_up: bool,
    /// Do not ask before it replaces a passkey of the same user at the same site
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    whose: Whose,
}

/// What `keyfob credentials export` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct ExportOptions {
    /// The file to make, mode 0600; it must not exist yet. `-` is standard output [default: -]
    file: Option<PathBuf>,
    /// Which program it is for
    #[arg(long, value_enum, default_value_t = FormatWord::Keyfob)]
    format: FormatWord,
    /// Only this one, by its id or the start of it; repeat the option for several
    #[arg(long, value_name = "ID")]
    id: Vec<String>,
    /// Only those of this relying party
    #[arg(long, value_name = "RPID")]
    rp: Option<String>,
    #[command(flatten)]
    whose: Whose,
}

/// What `keyfob credentials change` takes.
#[derive(clap::Args, Debug)]
#[group(id = "changes", required = true, multiple = true, args = ["sign_count", "backup_eligible", "backed_up"])]
pub(crate) struct ChangeOptions {
    #[command(flatten)]
    which: IdArgument,
    /// The next signature says one more than this; or none: it stays 0
    #[arg(long, value_name = "N|none", value_parser = sign_count)]
    sign_count: Option<SignCount>,
    /// Whether it may be on several devices (flag BE)
    #[arg(long, value_name = "true|false")]
    backup_eligible: Option<bool>,
    /// Whether it is (flag BS)
    #[arg(long, value_name = "true|false")]
    backed_up: Option<bool>,
    #[command(flatten)]
    whose: Whose,
}

/// What `keyfob credentials remove` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct RemoveOptions {
    #[command(flatten)]
    which: IdArgument,
    #[command(flatten)]
    whose: Whose,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

/// A format as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatWord {
    /// Everything that a keyfob key keeps
    Keyfob,
    /// WebDriver's virtual authenticators
    Webdriver,
    /// Chromium's DevTools
    Devtools,
    /// A storage state of Playwright
    Playwright,
    /// Credential Exchange Format 1.0, for password managers; without passkeys that have a counter
    Cxf,
    /// The private key of one credential, and nothing else
    Pem,
}

/// A counter as it is typed.
#[derive(Clone, Copy, Debug)]
struct SignCount(Option<u32>);

fn sign_count(text: &str) -> Result<SignCount, String> {
    match text {
        "none" => Ok(SignCount(None)),
        text => text
            .parse()
            .map(|count| SignCount(Some(count)))
            .map_err(|_| "a counter is a whole number from 0 to 4294967295, or none".to_owned()),
    }
}

/// Runs `keyfob credentials add`.
///
/// # Errors
/// The private key cannot be read, or the key does not take it.
pub(super) fn add(options: &AddOptions) -> anyhow::Result<()> {
    check_flags(options.backup_eligible, options.backed_up)?;
    let text = secret_file::read(&options.private_key, "name the file with the private key")?;
    let key = pkcs8::from_pem(&text).map_err(|error| advise(error, error.advice()))?;
    let id = match &options.id {
        Some(id) => decoded(id)?,
        None => new_id(),
    };
    let user = options.user_id.as_deref().map(decoded).transpose()?.map(|id| User {
        id,
        name: options.user_name.clone(),
        display_name: options.display_name.clone(),
    });
    let shown = hex(&id);
    let source = CredentialSource {
        user,
        discoverable: !options.not_discoverable,
        sign_count: options.sign_count.0,
        backup: Backup { eligible: options.backup_eligible, state: options.backed_up },
        ..CredentialSource::new(id, &options.rp, key)
    };
    let owned = options.whose.open_or_make()?;
    let older = owned.credentials()?.into_iter().find(|older| is_replaced(older, &source));
    if let Some(older) = &older {
        agree_to_replace(options.replace, older)?;
    }
    if owned.add(source)? {
        let of = older.as_ref().map_or("the same account".to_owned(), account);
        terminal::note(format_args!("It replaces the older passkey of {of}."));
    }
    Ok(terminal::print(format_args!("{shown}\n"))?)
}

/// Whatever key is meant: no relying party takes BS without BE (MC-76).
fn check_flags(is_eligible: bool, is_backed_up: bool) -> anyhow::Result<()> {
    match is_eligible || !is_backed_up {
        true => Ok(()),
        false => Err(usage(
            "a credential that is backed up (flag BS) is one that may be on several devices (BE)",
            "add --backup-eligible, or leave out --backed-up",
        )),
    }
}

/// Whether a key that is given `new` keeps it instead of `older` (MC-40).
fn is_replaced(older: &CredentialSource, new: &CredentialSource) -> bool {
    let user = |source: &CredentialSource| source.user.as_ref().map(|user| user.id.clone());
    older.discoverable
        && new.discoverable
        && older.scope == new.scope
        && older.id != new.id
        && user(older) == user(new)
}

fn agree_to_replace(replace: bool, older: &CredentialSource) -> anyhow::Result<()> {
    let of = account(older);
    if !replace && !terminal::is_interactive() {
        return Err(usage(
            format_args!("the key has a passkey of {of}, which this would replace permanently"),
            "add --replace to do it, or name another user with --user-id",
        ));
    }
    agree(replace, &format!("Replace the passkey of {of} permanently?"))
}

/// Runs `keyfob credentials export`.
///
/// # Errors
/// There is nothing to export, or the file cannot be made.
pub(super) fn export(options: &ExportOptions) -> anyhow::Result<()> {
    let file = options.file.as_deref().filter(|path| *path != Path::new("-"));
    if file.is_none() && io::stdout().is_terminal() {
        let next = "name a file, or pipe it into a program that encrypts it";
        return Err(usage("this would print private keys on the terminal", next));
    }
    let chosen = chosen(options)?;
    let (text, taken, notes) = written(options.format, &chosen)?;
    match file {
        None => terminal::print(text.as_str())?,
        Some(path) => secret_file::write(path, &text)?,
    }
    notes.iter().for_each(|note| terminal::note(escaped(note)));
    let taken: Vec<_> = taken.into_iter().filter_map(|place| chosen.get(place)).collect();
    terminal::note(handed_out(&taken));
    Ok(())
}

/// Runs `keyfob credentials change`.
///
/// # Errors
/// There is no such credential.
pub(super) fn change(options: &ChangeOptions) -> anyhow::Result<()> {
    let owned = options.whose.open()?;
    let all = owned.credentials()?;
    let source = options.which.find(&all, |source| &source.id, "credential")?;
    let properties = Properties {
        backup_eligibility: options.backup_eligible,
        backup_state: options.backed_up,
        sign_count: options.sign_count.map(|count| count.0),
    };
    owned.change(&source.id, properties)?;
    Ok(terminal::print(format_args!("The credential of {} is changed.\n", account(source)))?)
}

/// Runs `keyfob credentials remove`.
///
/// # Errors
/// There is no such credential, or the person refuses.
pub(super) fn remove(options: &RemoveOptions) -> anyhow::Result<()> {
    let owned = options.whose.open()?;
    let all = owned.credentials()?;
    let source = options.which.find(&all, |source| &source.id, "credential")?;
    agree(options.force, &format!("Remove the credential of {} permanently?", account(source)))?;
    owned.remove(&source.id)?;
    Ok(terminal::print(format_args!("The credential of {} is removed.\n", account(source)))?)
}

/// Those that are meant.
fn chosen(options: &ExportOptions) -> anyhow::Result<Vec<CredentialSource>> {
    let all = options.whose.open()?.credentials()?;
    let is_of_rp = |source: &&CredentialSource| {
        options.rp.as_deref().is_none_or(|rp| source.scope.rp_id() == Some(rp))
    };
    let named = options.id.iter().map(|id| IdArgument { id: id.clone() });
    let named: Vec<&CredentialSource> = named
        .map(|which| which.find(&all, |source| &source.id, "credential"))
        .collect::<anyhow::Result<_>>()?;
    let chosen: Vec<_> = match options.id.is_empty() {
        true => all.iter().filter(is_of_rp).map(CredentialSource::duplicate).collect(),
        false => named.into_iter().filter(is_of_rp).map(CredentialSource::duplicate).collect(),
    };
    if chosen.is_empty() {
        let next = "`keyfob credentials list` shows the passkeys; a credential that is not a passkey is not stored on \
             the key, unless it was imported";
        return Err(failure("there is no such credential to export", next));
    }
    Ok(chosen)
}

/// The text, which of them are in it, by their places, and what is not.
type Written = (Zeroizing<String>, Vec<usize>, Vec<String>);

fn written(format: FormatWord, chosen: &[CredentialSource]) -> anyhow::Result<Written> {
    let format = match format {
        FormatWord::Keyfob => Format::Keyfob,
        FormatWord::Webdriver => Format::WebDriver,
        FormatWord::Devtools => Format::DevTools,
        FormatWord::Playwright => Format::Playwright,
        FormatWord::Cxf => Format::Cxf,
        FormatWord::Pem => return pem(chosen),
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let export = credential_formats::write(format, chosen, now);
    if export.taken.is_empty() {
        let what = format!("{format} has no place for any of them: {}", export.notes.join("; "));
        return Err(failure(escaped(&what), "choose another --format"));
    }
    Ok((export.text, export.taken, export.notes))
}

fn pem(chosen: &[CredentialSource]) -> anyhow::Result<Written> {
    let [only] = chosen else {
        return Err(usage(
            format_args!("PEM holds one private key, and these are {}", chosen.len()),
            "name one with --id, or choose another --format",
        ));
    };
    let text = pkcs8::to_pem(&only.key).context("this private key cannot be written")?;
    let note = "only the private key is in it: not its id, its site, its user or its counter";
    Ok((text, vec![0], vec![note.to_owned()]))
}

/// What whoever has the text can do with it.
fn handed_out(taken: &[&CredentialSource]) -> String {
    const SHOWN: usize = 3;
    let named: Vec<_> = taken.iter().take(SHOWN).map(|source| account(source)).collect();
    let more = match taken.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    format!(
        "{} without encryption: everybody who reads it can sign in as {}{more}",
        count(taken.len() as u64, "private key"),
        named.join(", ")
    )
}

/// `“ada” at “example.org”`.
pub(super) fn account(source: &CredentialSource) -> String {
    let user = source.user.as_ref();
    let name = user.and_then(|user| user.name.as_deref().or(user.display_name.as_deref()));
    let name = name.map_or("an account".to_owned(), quoted_name);
    match &source.scope {
        Scope::RpId(id) => format!("{name} at {}", quoted_site(id)),
        Scope::Hash(_) => format!("{name} at a site that U2F does not name"),
    }
}

fn decoded(base64url: &str) -> anyhow::Result<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(base64url.trim_end_matches('=')).map_err(|_| {
        usage(
            format_args!("{} is not base64url", escaped(base64url)),
            "`basenc --base64url` makes it",
        )
    })
}

/// As long as those that keys make.
fn new_id() -> Vec<u8> {
    let mut id = vec![0; 32];
    system_rng().fill_bytes(&mut id);
    id
}

pub(super) fn with_advice(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<FormatError>().map(FormatError::advice) {
        Some(next) => advise(error, next),
        None => error,
    }
}

pub(super) const ADD_EXAMPLES: &str = "\
Examples:
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem
  keyfob credentials add --rp example.org --private-key key.pem --user-id dS0x
  keyfob credentials add --rp x.org --private-key key.pem --not-discoverable

It prints the id. The key must run, or be named with --state; no PIN is asked for. docs/credentials.md has more.";

pub(super) const EXPORT_EXAMPLES: &str = "\
Examples:
  keyfob credentials export credentials.json
  keyfob credentials export --format playwright --rp example.org state.json
  keyfob credentials export --format cxf | age -p > passkeys.age

The output has private keys in it: the last example never writes them to a disk unencrypted.";

pub(super) const CHANGE_EXAMPLES: &str = "\
Examples:
  keyfob credentials change 914d --sign-count none  it stays 0 from now on
  keyfob credentials change 914d --backup-eligible true --backed-up true";

pub(super) const REMOVE_EXAMPLES: &str = "\
Examples:
  keyfob credentials remove 914d
  keyfob credentials remove 914d --force --state ./keys

`keyfob credentials delete` does it with the key's PIN, on keys of every make.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_a_number_or_none() {
        let read = |text: &str| sign_count(text).map(|count| count.0);
        assert_eq!(read("none"), Ok(None));
        assert_eq!(read("4294967295"), Ok(Some(u32::MAX)));
        for wrong in ["", "-1", "4294967296", "None", "null"] {
            assert!(read(wrong).unwrap_err().contains("or none"), "{wrong}");
        }
    }
}
