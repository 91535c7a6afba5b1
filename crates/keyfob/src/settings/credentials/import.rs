//! `keyfob credentials import`: a file of credentials into a key of this user's own.

use std::path::PathBuf;

use anyhow::Context as _;
use ctap_core::CredentialSource;
use virtual_key::credential_formats::{self, Format};

use super::exchange::{account, with_advice};
use super::owned::Whose;
use crate::failure::failure;
use crate::secret_file;
use crate::terminal::shown::escaped;
use crate::terminal::{self, count, hex};

/// What `keyfob credentials import` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct ImportOptions {
    /// WebDriver or DevTools JSON, a storage state of Playwright, CXF, or what `export` wrote; `-` is standard input
    file: PathBuf,
    #[command(flatten)]
    whose: Whose,
}

/// Runs `keyfob credentials import`.
///
/// # Errors
/// The file holds nothing that can be taken, or the key has another credential with one of its ids: nothing is imported then. The key does
/// not take one of them: those before it are on the key then, and are passed over the next time.
pub(super) fn import(options: &ImportOptions) -> anyhow::Result<()> {
    let text = secret_file::read(&options.file, "name a file with credentials")?;
    let import = credential_formats::read(&text)
        .with_context(|| format!("cannot import {}", options.file.display()));
    let import = import.map_err(with_advice)?;
    import.notes.iter().for_each(|note| terminal::note(escaped(note)));
    if import.credentials.is_empty() {
        let what = format!("cannot import {}: it has no credentials", options.file.display());
        return Err(failure(what, has_none(import.format)));
    }
    let owned = options.whose.open_or_make()?;
    let (new, known) = told_apart(import.credentials, owned.credentials()?)?;
    let (mut added, mut replaced) = (0, 0);
    for source in new {
        let what = account(&source);
        match owned.add(source) {
            Ok(in_place) => {
                added += 1;
                replaced += u64::from(in_place);
            }
            Err(error) => {
                return Err(error.context(format!(
                    "{} imported, but not that of {what}",
                    count(added, "credential")
                )));
            }
        }
    }
    Ok(terminal::print(imported(added, replaced, known))?)
}

/// Where the credentials may be instead.
const fn has_none(format: Format) -> &'static str {
    match format {
        Format::Playwright => {
            "make it with `storageState({ credentials: true })`, after credentials were made"
        }
        _ => "name another file; docs/credentials.md has an example of each format",
    }
}

/// Those that the key lacks, and how many it has already.
///
/// # Errors
/// An id is that of another credential: one of them would be lost.
fn told_apart(
    sources: Vec<CredentialSource>,
    there: Vec<CredentialSource>,
) -> anyhow::Result<(Vec<CredentialSource>, u64)> {
    let (mut new, mut known): (Vec<CredentialSource>, _) = (Vec::new(), 0);
    for source in sources {
        let of_its_id = there.iter().chain(&new).find(|other| other.id == source.id);
        match of_its_id.map(|other| is_same(other, &source)) {
            None => new.push(source),
            Some(true) => known += 1,
            Some(false) => return Err(has_other(&source)),
        }
    }
    Ok((new, known))
}

/// Whether both sign for the same site with the same private key, however often they have.
fn is_same(one: &CredentialSource, other: &CredentialSource) -> bool {
    let of_site = |source: &CredentialSource| source.scope.hash();
    of_site(one) == of_site(other) && one.key.public_key() == other.key.public_key()
}

fn has_other(source: &CredentialSource) -> anyhow::Error {
    let (id, of) = (hex(&source.id), account(source));
    failure(
        format_args!(
            "nothing is imported: there is another credential with the id {id}, that of {of}"
        ),
        format_args!(
            "remove one of them: from the file, or from the key with `keyfob credentials remove {id}`"
        ),
    )
}

fn imported(added: u64, replaced: u64, known: u64) -> String {
    let instead = match replaced {
        0 => String::new(),
        replaced => format!(", {replaced} of them instead of an older one of the same account"),
    };
    let known = match known {
        0 => String::new(),
        1 => ", 1 was there already".to_owned(),
        known => format!(", {known} were there already"),
    };
    format!("{} imported{instead}{known}.\n", count(added, "credential"))
}

pub(super) const IMPORT_EXAMPLES: &str = "\
Examples:
  keyfob credentials import state.json
  keyfob credentials import passkeys.cxf --state ./keys  before the key starts

It prints what is in the file and cannot be imported. docs/credentials.md has an example of each format.";

#[cfg(test)]
mod tests {
    use super::*;

    use ctap_core::algorithm::{Algorithm, PrivateKey};
    use ctap_core::secret::SecretBytes;

    fn source(id: &[u8], rp_id: &str, secret: u8) -> CredentialSource {
        let secret = SecretBytes::new(vec![secret; 32]);
        let key = PrivateKey { algorithm: Algorithm::Es256, secret };
        CredentialSource::new(id.to_vec(), rp_id, key)
    }

    #[test]
    fn what_the_key_has_already_is_passed_over_whatever_its_counter_is_now() {
        let there = CredentialSource { sign_count: Some(7), ..source(b"one", "a.example", 1) };
        let sources = ["one", "two", "two"].map(|id| source(id.as_bytes(), "a.example", 1));
        let (new, known) = told_apart(sources.into(), vec![there]).unwrap();
        assert_eq!((new.len(), &new[0].id[..], known), (1, &b"two"[..], 2));
    }

    #[test]
    fn an_id_of_another_key_or_of_another_site_is_named_and_nothing_is_imported() {
        for other in [source(b"one", "a.example", 2), source(b"one", "b.example", 1)] {
            let sources = vec![source(b"two", "a.example", 1), source(b"one", "a.example", 1)];
            let told = told_apart(sources, vec![other]).unwrap_err().to_string();
            assert!(told.contains("nothing is imported") && told.contains("6f6e65"), "{told}");
        }
    }

    #[test]
    fn what_was_imported_is_said_in_one_sentence() {
        assert_eq!(imported(1, 0, 0), "1 credential imported.\n");
        assert_eq!(imported(2, 0, 1), "2 credentials imported, 1 was there already.\n");
        let replaced =
            ", 1 of them instead of an older one of the same account, 2 were there already";
        assert_eq!(imported(3, 1, 2), format!("3 credentials imported{replaced}.\n"));
    }
}
