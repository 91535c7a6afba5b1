//! Ids of credentials and fingerprints, as people read and type them.

use std::fmt::Display;

use base64ct::{Base64UrlUnpadded, Encoding as _};

use super::open_key::Owner;
use crate::failure::failure;
use crate::terminal::hex;

/// Which one is meant.
#[derive(clap::Args, Debug)]
pub(super) struct IdArgument {
    /// Its id as `list` shows it: in hexadecimal or base64url, or the start of it, if no other id starts so
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(super) id: String,
}

/// What `keyfob credentials delete` and `keyfob fingerprints delete` take.
#[derive(clap::Args, Debug)]
pub(crate) struct DeleteOptions {
    #[command(flatten)]
    pub(super) which: IdArgument,
    #[command(flatten)]
    pub(super) owner: Owner,
    /// Do not ask
    #[arg(short, long)]
    pub(super) force: bool,
}

impl IdArgument {
    /// The one among `items` that is meant. A whole id is not taken for the beginning of another.
    ///
    /// # Errors
    /// None is called so, or several are.
    pub(super) fn find<'a, T>(
        &self,
        items: &'a [T],
        id_of: impl Fn(&T) -> &[u8],
        thing: impl Display,
    ) -> anyhow::Result<&'a T> {
        if let Some(item) = items.iter().find(|item| self.is_whole(id_of(item))) {
            return Ok(item);
        }
        let mut begins = items.iter().filter(|item| self.begins(id_of(item)));
        let next = format!("`keyfob {thing}s list` shows the ids");
        match (begins.next(), begins.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(failure(format_args!("no {thing} has the id {}", self.id), next)),
            (Some(_), Some(_)) => Err(failure(
                format_args!("several {thing}s have an id that begins with {}", self.id),
                format_args!("type more of it; {next}"),
            )),
        }
    }

    fn is_whole(&self, id: &[u8]) -> bool {
        let [hex, base64url] = names(id);
        hex == self.id.to_ascii_lowercase() || base64url == self.id
    }

    fn begins(&self, id: &[u8]) -> bool {
        let [hex, base64url] = names(id);
        hex.starts_with(&self.id.to_ascii_lowercase()) || base64url.starts_with(&self.id)
    }
}

fn names(id: &[u8]) -> [String; 2] {
    [hex(id), base64url(id)]
}

/// Without padding, as WebAuthn's JSON has it.
pub(super) fn base64url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// The ids in hexadecimal, all cut to the length at which they still differ; not below [`SHORTEST`].
pub(super) fn short<'a>(ids: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let whole: Vec<String> = ids.map(hex).collect();
    let mut sorted: Vec<&str> = whole.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    let shared = sorted.windows(2).map(|pair| common(pair[0], pair[1])).max().unwrap_or(0);
    let length = SHORTEST.max((shared + 1).next_multiple_of(2));
    whole.iter().map(|id| id.chars().take(length).collect()).collect()
}

/// How many characters both begin with.
fn common(one: &str, other: &str) -> usize {
    one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count()
}

/// Hexadecimal digits: few enough to type, enough that another credential tomorrow will hardly share them.
const SHORTEST: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::describe;

    const IDS: [&[u8]; 3] = [&[0xab, 1, 2, 3, 4, 5], &[0xab, 1, 2, 3, 4, 6], &[0xab]];

    fn find(id: &str) -> anyhow::Result<&'static [u8]> {
        IdArgument { id: id.to_owned() }.find(&IDS, |id| id, "credential").copied()
    }

    #[test]
    fn an_id_is_found_by_either_form_and_by_its_beginning() {
        for id in ["ab0102030405", "AB0102030405", "qwECAwQF"] {
            assert_eq!(find(id).unwrap(), IDS[0], "{id}");
        }
        for id in ["ab0102030406", "qwECAwQG"] {
            assert_eq!(find(id).unwrap(), IDS[1], "{id}");
        }
        const FAR_APART: [&[u8]; 2] = [&[0xab, 1], &[0xcd, 2]];
        for id in ["c", "CD0", "zQ"] {
            let which = IdArgument { id: id.to_owned() };
            assert_eq!(which.find(&FAR_APART, |id| id, "credential").unwrap(), &FAR_APART[1]);
        }
    }

    #[test]
    fn a_whole_id_is_not_taken_for_the_beginning_of_another() {
        assert_eq!(find("ab").unwrap(), IDS[2]);
        assert_eq!(find("AB").unwrap(), IDS[2]);
    }

    #[test]
    fn what_names_none_or_several_is_refused() {
        assert!(describe(&find("ff").unwrap_err()).contains("no credential has the id ff"));
        assert!(describe(&find("ab01").unwrap_err()).contains("several credentials"));
    }

    #[test]
    fn short_ids_differ_and_are_not_too_short() {
        assert_eq!(short(IDS.into_iter()), ["ab0102030405", "ab0102030406", "ab"]);
        assert_eq!(short([[1; 32].as_slice(), &[2; 32]].into_iter()), ["01010101", "02020202"]);
        assert_eq!(short(std::iter::empty()), [""; 0]);
    }
}
