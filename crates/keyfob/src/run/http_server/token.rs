//! The token of a steered key: who can read the file may steer.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use ctap_core::secret::Secret;
use tempfile::NamedTempFile;
use virtual_key::platform::system_rng;
use zeroize::Zeroizing;

use crate::failure::{advise, failure};
use crate::secret_file;

/// A secret, and the file that it is in. Dropping one that was drawn for this run removes the file, unless another one is there by then.
pub(super) struct Token {
    secret: Secret<LENGTH>,
    path: PathBuf,
    /// Whether it was drawn for this run, and its file goes with it.
    is_own: bool,
}

impl Token {
    /// Draws a token and writes it at `path`, in place of one that is there, for this user alone: mode 0600, a line of base64url.
    ///
    /// # Errors
    /// Something else is there, or it cannot be written.
    pub(super) fn write(path: &Path) -> anyhow::Result<Self> {
        if !is_free(path) {
            return Err(failure(
                format_args!("{} exists already, and is not the token of a key", path.display()),
                "name a new file with --http-token-file",
            ));
        }
        let secret = Secret::random(&mut system_rng());
        let text = Zeroizing::new(Base64UrlUnpadded::encode_string(secret.expose()));
        let file = written(path, &text).with_context(|| format!("cannot write {}", path.display()));
        file.map_err(|error| {
            advise(error, "name a place where this user can write with --http-token-file")
        })?;
        Ok(Self { secret, path: path.to_owned(), is_own: true })
    }

    /// The token that somebody else drew, for several runs or several servers. Its file is theirs.
    ///
    /// # Errors
    /// It cannot be read, or is no token: the caller's fault.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = secret_file::read(path, DRAW_ONE)?;
        let bytes = decoded(&text)
            .ok_or_else(|| failure(format_args!("{} holds no token", path.display()), DRAW_ONE))?;
        Ok(Self { secret: Secret::new(&bytes), path: path.to_owned(), is_own: false })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a request's `Authorization` shows it: `Bearer`, and the file's line.
    pub(super) fn is_shown(&self, authorization: Option<&str>) -> bool {
        let Some((scheme, text)) = authorization.and_then(|value| value.split_once(' ')) else {
            return false;
        };
        let mut shown = Zeroizing::new([0; LENGTH]);
        let decoded = Base64UrlUnpadded::decode(text.trim(), &mut *shown);
        scheme.eq_ignore_ascii_case("bearer")
            && decoded.is_ok_and(|bytes| self.secret.matches(bytes))
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        let there = || decoded(&Zeroizing::new(fs::read_to_string(&self.path).ok()?));
        if self.is_own && there().is_some_and(|token| self.secret.matches(&*token)) {
            // Without it nobody is let in by what runs next at this port; left behind, it lets in nobody either.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether nothing of value is lost at `path`: there is nothing, or an empty file, or what a key left that was killed.
fn is_free(path: &Path) -> bool {
    let Ok(there) = fs::symlink_metadata(path) else { return true };
    let is_short = there.is_file() && there.len() <= LINE_MAX;
    is_short
        && fs::read_to_string(path).is_ok_and(|text| text.is_empty() || decoded(&text).is_some())
}

/// The bytes of a token, if this line is one.
fn decoded(line: &str) -> Option<Zeroizing<[u8; LENGTH]>> {
    let mut bytes = Zeroizing::new([0; LENGTH]);
    let length = Base64UrlUnpadded::decode(line.trim_end(), &mut *bytes).ok()?.len();
    (length == LENGTH).then_some(bytes)
}

/// Whole or not at all: whoever waits for the file finds the token in it. Temporary files have mode 0600.
fn written(path: &Path, text: &str) -> std::io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut file = NamedTempFile::new_in(directory.unwrap_or(Path::new(".")))?;
    writeln!(file, "{text}")?;
    file.persist(path)?;
    Ok(())
}

const DRAW_ONE: &str = "make one: `head -c 32 /dev/urandom | basenc --base64url | tr -d = > FILE`, readable for \
     nobody else";

/// Bytes: nobody guesses that.
const LENGTH: usize = 32;
/// Bytes of the file that has it: base64url without padding, and a newline.
const LINE_MAX: u64 = 44;

#[cfg(test)]
mod tests {
    use super::*;

    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn who_shows_the_line_of_the_file_is_let_in_and_nobody_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        let token = Token::write(&path).unwrap();
        let line = fs::read_to_string(&path).unwrap();
        let line = line.trim_end();
        for value in [format!("Bearer {line}"), format!("bearer {line}")] {
            assert!(token.is_shown(Some(&value)), "{value}");
        }
        let wrong = Base64UrlUnpadded::encode_string(&[7; LENGTH]);
        let (short, long) = (&line[1..], format!("Bearer {line}A"));
        for value in ["", "Bearer", "Bearer ", line, &long, &format!("Bearer {short}")] {
            assert!(!token.is_shown(Some(value)), "{value}");
        }
        assert!(!token.is_shown(Some(&format!("Bearer {wrong}"))) && !token.is_shown(None));
        assert!(!token.is_shown(Some(&format!("Basic {line}"))));
    }

    // P-19
    #[test]
    fn the_file_is_for_its_user_alone_and_goes_with_the_key() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        let left = Base64UrlUnpadded::encode_string(&[7; LENGTH]) + "\n";
        fs::write(&path, left).unwrap();
        let token = Token::write(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(token);
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_token_is_not_written_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("thesis.txt");
        for text in ["short\n", &"a long text of somebody's. ".repeat(99)] {
            fs::write(&path, text).unwrap();
            let error = Token::write(&path).map(|_| ()).unwrap_err().to_string();
            assert!(
                error.ends_with("thesis.txt exists already, and is not the token of a key"),
                "{error}"
            );
            assert_eq!(fs::read_to_string(&path).unwrap(), *text);
        }
        fs::write(&path, "").unwrap();
        Token::write(&path).expect("what mktemp made is free");
    }

    #[test]
    fn a_token_that_somebody_else_drew_is_taken_as_it_is_and_left() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        let line = Base64UrlUnpadded::encode_string(&[7; LENGTH]);
        fs::write(&path, format!("{line}\n")).unwrap();
        let token = Token::read(&path).unwrap();
        assert!(token.is_shown(Some(&format!("Bearer {line}"))));
        drop(token);
        assert!(path.exists());
        for text in ["", "short", &line[1..], &format!("{line}A")] {
            fs::write(&path, text).unwrap();
            let refused = Token::read(&path).map(|_| ()).unwrap_err().to_string();
            assert!(refused.ends_with("token holds no token"), "{refused}");
        }
    }

    #[test]
    fn the_file_of_another_key_in_its_place_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        let first = Token::write(&path).unwrap();
        let _second = Token::write(&path).unwrap();
        drop(first);
        assert!(path.exists());
    }
}
