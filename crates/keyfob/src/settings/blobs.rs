//! `keyfob blobs`: authenticatorLargeBlobs, CTAP section 6.10. Each blob belongs to a credential, and only the key of
//! that credential opens it.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::iter::once;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use ctap_client::blob_array::BlobArray;
use ctap_client::commands::make_credential::LargeBlobKey;
use ctap_client::limits::MAX_BLOB;
use ctap_client::{Error, Permissions, PinUvAuthToken};
use serde::Serialize;
use zeroize::Zeroizing;

use super::credentials::{self, Passkey};
use super::ids::{self, IdArgument, base64url};
use super::open_key::{ListOptions, OpenKey, Owner};
use super::{agree, refused};
use crate::failure::{advise, failure};
use crate::terminal::shown::{Kept, quoted_site, site};
use crate::terminal::{self, count};

/// Read and write the large blobs on the key
///
/// Data that relying parties keep beside a passkey.
#[derive(clap::Subcommand, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Command {
    /// List the passkeys that have a blob
    #[command(after_help = LIST_EXAMPLES)]
    List(ListOptions),
    /// Read a passkey's blob
    #[command(after_help = GET_EXAMPLES)]
    Get(GetOptions),
    /// Write a passkey's blob; it replaces the old one
    #[command(after_help = SET_EXAMPLES)]
    Set(SetOptions),
    /// Delete a passkey's blob
    #[command(after_help = DELETE_EXAMPLES)]
    Delete(DeleteOptions),
}

/// What `keyfob blobs get` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct GetOptions {
    /// Where to write it; - or nothing for standard output
    file: Option<PathBuf>,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    owner: Owner,
}

/// What `keyfob blobs set` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct SetOptions {
    /// Where to read it; - for standard input, after the line with the PIN if the PIN is read there, too
    file: PathBuf,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    owner: Owner,
}

/// What `keyfob blobs delete` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct DeleteOptions {
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    owner: Owner,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

/// The credential that a blob belongs to.
#[derive(clap::Args, Debug)]
#[group(id = "whose", required = true, multiple = true)]
struct Whose {
    /// The relying party whose passkey it belongs to
    #[arg(short = 'n', long, value_name = "RP")]
    rp_id: Option<String>,
    /// The passkey that it belongs to: its id, or the start of it
    #[arg(short = 'i', long, value_name = "ID")]
    id: Option<String>,
    /// A file with the large-blob key: 32 bytes, or the same in hexadecimal or base64url
    #[arg(short = 'k', long, value_name = "FILE", conflicts_with_all = ["rp_id", "id"])]
    key_file: Option<PathBuf>,
}

/// A blob in JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    credential_id: String,
    rp_id: &'a str,
    /// Bytes.
    size: usize,
}

/// Runs the command.
///
/// # Errors
/// When there is no such passkey or blob, or the person, the file system or the key refuses.
pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::List(options) => list(options),
        Command::Get(options) => get(options),
        Command::Set(options) => set(options),
        Command::Delete(options) => delete(options),
    }
}

fn list(options: &ListOptions) -> anyhow::Result<()> {
    let mut key = open(&options.owner)?;
    let token = key.token(&options.owner, Permissions::CREDENTIAL_MANAGEMENT)?;
    let passkeys = credentials::passkeys(&mut key, &token)?;
    let array = key.client.read_large_blobs().map_err(refused)?;
    let found: Vec<_> = passkeys.iter().filter_map(|passkey| with_size(passkey, &array)).collect();
    if options.json {
        let entries: Vec<_> = found.iter().map(entry).collect();
        return Ok(terminal::print(terminal::json(&entries)?)?);
    }
    if !found.is_empty() {
        terminal::print(table(&found))?;
    }
    let others = array.len().saturating_sub(found.len()) as u64;
    terminal::note(format_args!(
        "{} of passkeys on the key, {others} of other credentials.",
        count(found.len() as u64, "blob")
    ));
    Ok(())
}

fn get(options: &GetOptions) -> anyhow::Result<()> {
    let mut key = open(&options.owner)?;
    let (blob_key, _) = options.whose.resolve(&mut key, &options.owner, Access::Read)?;
    let array = key.client.read_large_blobs().map_err(refused)?;
    let blob = array.find(&blob_key).ok_or_else(no_blob)?;
    match &options.file {
        Some(path) if path != Path::new(STANDARD_STREAM) => fs::write(path, blob)
            .with_context(|| format!("cannot write {}", path.display()))
            .map_err(|error| advise(error, "name a file that you may write")),
        _ => Ok(io::stdout().lock().write_all(&blob)?),
    }
}

fn set(options: &SetOptions) -> anyhow::Result<()> {
    let mut key = open(&options.owner)?;
    let (blob_key, token) = options.whose.resolve(&mut key, &options.owner, Access::Write)?;
    let blob = read_blob(&options.file)?;
    let mut array = key.client.read_large_blobs().map_err(refused)?;
    array.put(&blob_key, &blob, key.client.rng()).map_err(Error::from)?;
    check_room(&key, &array)?;
    key.client.write_large_blobs(&array, token.as_ref()).map_err(refused)?;
    Ok(terminal::print(format_args!(
        "The blob is written: {}.\n",
        count(blob.len() as u64, "byte")
    ))?)
}

fn delete(options: &DeleteOptions) -> anyhow::Result<()> {
    let mut key = open(&options.owner)?;
    let (blob_key, token) = options.whose.resolve(&mut key, &options.owner, Access::Write)?;
    let mut array = key.client.read_large_blobs().map_err(refused)?;
    ensure!(array.remove(&blob_key), no_blob());
    agree(options.force, "Delete the blob permanently?")?;
    key.client.write_large_blobs(&array, token.as_ref()).map_err(refused)?;
    Ok(terminal::print("The blob is deleted.\n")?)
}

fn open(owner: &Owner) -> anyhow::Result<OpenKey> {
    let key = owner.open()?;
    ensure!(
        key.info.is_on("largeBlobs"),
        failure(
            "this key cannot store large blobs (it lacks the option largeBlobs)",
            "use one that can; `keyfob info` shows whether it has that option",
        )
    );
    Ok(key)
}

/// What is to be done with the array.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Everybody may.
    Read,
    /// Needs a token on a protected key.
    Write,
}

impl Whose {
    /// The key to the blob, and the token to write with. No PIN is asked for where none is needed.
    fn resolve(
        &self,
        key: &mut OpenKey,
        owner: &Owner,
        access: Access,
    ) -> anyhow::Result<(LargeBlobKey, Option<PinUvAuthToken>)> {
        let Some(path) = &self.key_file else {
            let token =
                key.token(owner, Permissions::CREDENTIAL_MANAGEMENT | access.permission())?;
            let passkeys = credentials::passkeys(key, &token)?;
            return Ok((self.choose(passkeys)?, Some(token)));
        };
        let blob_key = read_key(path)?;
        match access {
            Access::Read => Ok((blob_key, None)),
            Access::Write => Ok((blob_key, key.token_if_protected(owner, access.permission())?)),
        }
    }

    /// The key of the only passkey that is meant.
    fn choose(&self, mut passkeys: Vec<Passkey>) -> anyhow::Result<LargeBlobKey> {
        passkeys
            .retain(|passkey| self.rp_id.as_ref().is_none_or(|rp_id| passkey.rp.rp.id == *rp_id));
        let rp_id = self.rp_id.as_deref().unwrap_or_default();
        let chosen = match (&self.id, passkeys.as_slice()) {
            (None, []) => {
                let what = format!("{} has no passkey on the key", quoted_site(rp_id));
                return Err(failure(what, "`keyfob credentials list` shows which there are"));
            }
            (Some(id), _) => credentials::find(&IdArgument { id: id.clone() }, &passkeys)?,
            (None, [only]) => only,
            (None, _) => {
                let what = format!("{} has several passkeys on the key", quoted_site(rp_id));
                return Err(failure(
                    what,
                    "choose one with --id; `keyfob credentials list` shows them",
                ));
            }
        };
        chosen.stored.large_blob_key.clone().ok_or_else(|| {
            failure(
                "that passkey was made without a large-blob key",
                "only the relying party can make another one, with the largeBlobKey extension",
            )
        })
    }
}

impl Access {
    /// Reading needs none of its own; this one comes with every token for credential management.
    const fn permission(self) -> Permissions {
        match self {
            Self::Read => Permissions::CREDENTIAL_MANAGEMENT,
            Self::Write => Permissions::LARGE_BLOB_WRITE,
        }
    }
}

fn no_blob() -> anyhow::Error {
    failure(
        "no blob on the key can be decrypted with this large-blob key",
        "`keyfob blobs list` shows which there are",
    )
}

/// Told before the key is bothered: it would say so only after the first part was sent.
fn check_room(key: &OpenKey, array: &BlobArray) -> anyhow::Result<()> {
    let size = array.serialize().len() as u64;
    let most = key.info.max_serialized_large_blob_array.unwrap_or(u64::MAX);
    ensure!(
        size <= most,
        failure(
            format_args!(
                "all blobs together would take {size} bytes, and the key has room for {most}"
            ),
            "delete other blobs first, or write a smaller one",
        )
    );
    Ok(())
}

fn read_blob(path: &Path) -> anyhow::Result<Vec<u8>> {
    let context = || format!("cannot read {}", path.display());
    let mut blob = Vec::new();
    let limit = MAX_BLOB as u64 + 1;
    if path == Path::new(STANDARD_STREAM) {
        io::stdin().lock().take(limit).read_to_end(&mut blob).with_context(context)?;
    } else {
        let file = fs::File::open(path).with_context(context);
        file.and_then(|file| file.take(limit).read_to_end(&mut blob).with_context(context))
            .map_err(|error| advise(error, "check the file's name"))?;
    }
    Ok(blob)
}

fn read_key(path: &Path) -> anyhow::Result<LargeBlobKey> {
    let mut bytes = Zeroizing::new(Vec::new());
    let file = fs::File::open(path).with_context(|| format!("cannot read {}", path.display()));
    let file = file.map_err(|error| advise(error, "check the file's name"))?;
    file.take(LONGEST_KEY_FILE).read_to_end(&mut bytes)?;
    parse_key(&bytes).map(|key| LargeBlobKey::new(*key)).ok_or_else(|| {
        failure(
            format_args!("{} holds no large-blob key", path.display()),
            "it must have 32 bytes, or 64 hexadecimal digits, or 43 characters of base64url",
        )
    })
}

fn parse_key(bytes: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    if let Ok(key) = bytes.try_into() {
        return Some(Zeroizing::new(key));
    }
    let text = std::str::from_utf8(bytes).ok()?.trim_ascii();
    let mut key = Zeroizing::new([0; 32]);
    let decoded = match text.len() {
        64 => unhex(text, &mut key),
        _ => Base64UrlUnpadded::decode(text.trim_end_matches('='), key.as_mut_slice())
            .is_ok_and(|decoded| decoded.len() == 32),
    };
    decoded.then_some(key)
}

fn unhex(text: &str, key: &mut [u8; 32]) -> bool {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes().chunks_exact(2).zip(key).all(|(pair, byte)| {
        match (digit(pair[0]), digit(pair[1])) {
            (Some(high), Some(low)) => {
                *byte = high << 4 | low;
                true
            }
            _ => false,
        }
    })
}

fn with_size<'a>(passkey: &'a Passkey, array: &BlobArray) -> Option<(&'a Passkey, usize)> {
    let blob = array.find(passkey.stored.large_blob_key.as_ref()?)?;
    Some((passkey, blob.len()))
}

fn entry<'a>((passkey, size): &(&'a Passkey, usize)) -> Entry<'a> {
    Entry { credential_id: base64url(passkey.id()), rp_id: &passkey.rp.rp.id, size: *size }
}

fn table(found: &[(&Passkey, usize)]) -> String {
    let heading = ["CREDENTIAL ID", "RP ID", "SIZE"].map(str::to_owned);
    let ids = ids::short(found.iter().map(|(passkey, _)| passkey.id()));
    let row = |(id, (passkey, size)): (String, &(&Passkey, usize))| {
        [id, site(&passkey.rp.rp.id), count(*size as u64, "byte")]
    };
    let rows: Vec<_> = once(heading).chain(ids.into_iter().zip(found).map(row)).collect();
    terminal::table(&rows, [None, Some(Kept::End), None])
}

/// The name of standard input and output.
const STANDARD_STREAM: &str = "-";
/// Bytes: 64 hexadecimal digits and a line end of any kind, with room for spaces.
const LONGEST_KEY_FILE: u64 = 80;

const EXAMPLES: &str = "\
Examples:
  keyfob blobs list
  keyfob blobs set --rp-id github.com note.txt
  keyfob blobs get --rp-id github.com";

const LIST_EXAMPLES: &str = "\
Example:
  keyfob blobs list --json";

const GET_EXAMPLES: &str = "\
Examples:
  keyfob blobs get --rp-id github.com         to standard output
  keyfob blobs get --id 8313                  as `keyfob blobs list` shows it
  keyfob blobs get --key-file ./key blob.bin  with the site's key to it";

const SET_EXAMPLES: &str = "\
Examples:
  keyfob blobs set --rp-id github.com note.txt
  keyfob blobs set --rp-id github.com --id 8313 -  one of several passkeys";

const DELETE_EXAMPLES: &str = "\
Example:
  keyfob blobs delete --rp-id github.com";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::hex;

    #[test]
    fn a_large_blob_key_is_read_in_every_form() {
        let key = [0xa5; 32];
        let (hex, base64url) = (hex(&key), base64url(&key));
        for bytes in [&key, hex.as_bytes(), base64url.as_bytes()] {
            assert_eq!(parse_key(bytes).as_deref(), Some(&key));
        }
        assert_eq!(parse_key(format!(" {hex}\r\n").as_bytes()).as_deref(), Some(&key));
        assert_eq!(parse_key(format!("{base64url}=\n").as_bytes()).as_deref(), Some(&key));
    }

    #[test]
    fn what_is_no_large_blob_key_is_refused() {
        let hex = hex(&[0xa5; 32]);
        for text in
            ["", "a5", &hex[1..], &hex.replace('a', "+"), &format!("{hex}00"), &"ä".repeat(32)]
        {
            assert_eq!(parse_key(text.as_bytes()), None, "{text}");
        }
    }
}
