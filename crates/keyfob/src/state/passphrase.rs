//! The sources of passphrases of memories: a file, standard input, or a person at a terminal.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use anyhow::Context as _;
use sealed_records::Passphrase;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use super::cured;
use crate::failure::{advise, failure};
use crate::terminal;

/// The first line of a file, or of standard input for `-`.
///
/// # Errors
/// The file cannot be read, or its first line cannot be a passphrase.
pub(super) fn from_file(path: &Path) -> anyhow::Result<Passphrase> {
    if path == Path::new("-") {
        return first_line(&mut io::stdin().lock()).context("standard input has no passphrase");
    }
    let context = || format!("cannot read a passphrase from {}", path.display());
    let file = File::open(path)
        .with_context(context)
        .map_err(|error| advise(error, "check the file's name"))?;
    first_line(&mut BufReader::new(file)).with_context(context)
}

/// Nothing of what is typed is shown.
///
/// # Errors
/// There is no terminal, or what was typed cannot be a passphrase.
pub(super) fn ask(question: &str) -> anyhow::Result<Passphrase> {
    taken(&hidden(question)?)
}

/// A new one is typed twice.
///
/// # Errors
/// As [`ask`], or the two differ.
pub(super) fn ask_twice() -> anyhow::Result<Passphrase> {
    let first = hidden("New passphrase: ")?;
    match *hidden("The same again: ")? == *first {
        true => taken(&first),
        false => Err(failure(
            "the two passphrases differ; nothing was changed",
            "run it again and type the same passphrase twice",
        )),
    }
}

fn hidden(question: &str) -> anyhow::Result<Zeroizing<String>> {
    terminal::ask_hidden(question)
        .context("cannot read from the terminal")
        .map_err(|error| advise(error, "type the passphrase, or give it with --passphrase-file"))
}

fn first_line(input: &mut impl BufRead) -> anyhow::Result<Passphrase> {
    let mut line = Zeroizing::new(String::new());
    input
        .read_line(&mut line)
        .map_err(|error| advise(error, "give the passphrase as one line of text in UTF-8"))?;
    let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line);
    taken(line.trim_end_matches(['\r', '\n']))
}

/// In Unicode's normalization form C: the same one may be typed in several ways, on several keyboards.
fn taken(text: &str) -> anyhow::Result<Passphrase> {
    let text: Zeroizing<String> = Zeroizing::new(text.nfc().collect());
    Passphrase::new(Zeroizing::new(text.as_bytes().to_vec())).map_err(cured)
}

const BYTE_ORDER_MARK: char = '\u{feff}';

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::describe;

    #[test]
    fn a_line_is_a_passphrase_and_the_spaces_in_it_belong_to_it() {
        assert!(first_line(&mut " eight by\r\nnot this".as_bytes()).is_ok());
        let told = describe(&first_line(&mut "1234567\n".as_bytes()).unwrap_err());
        assert!(told.contains("8 to 1024 bytes") && told.contains("next: "), "{told}");
        assert!(first_line(&mut "".as_bytes()).is_err());
        let told = describe(&first_line(&mut b"\xff\xfe12345678".as_slice()).unwrap_err());
        assert!(told.contains("UTF-8"), "{told}");
    }
}
