//! The sources of PINs: an argument, a file, a person at a terminal, or the lines of standard input.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context as _;
use unicode_normalization::{UnicodeNormalization as _, is_nfc};
use zeroize::Zeroizing;

use crate::failure::{advise, failure};
use crate::terminal;

/// A PIN; wiped when dropped, never shown.
#[derive(Clone)]
pub(crate) struct Pin(Zeroizing<String>);

impl Pin {
    /// A PIN as it was typed. One that looks the same can be typed in several ways (é, or e and an accent), so the bytes
    /// that keys compare are those of Unicode's normalization form C, whatever the keyboard. The key leaves that to whoever
    /// asks for it (CP-20).
    fn typed(text: Zeroizing<String>) -> Self {
        match is_nfc(&text) {
            true => Self(text),
            false => Self(Zeroizing::new(text.nfc().collect())),
        }
    }

    /// The PIN itself, for the client only.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Its length as keys measure it: in Unicode code points (CP-20).
    pub(super) fn length(&self) -> u64 {
        self.0.chars().count() as u64
    }
}

impl std::fmt::Debug for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pin(..)")
    }
}

impl FromStr for Pin {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::typed(Zeroizing::new(text.to_owned())))
    }
}

/// The PIN the key has now.
#[derive(clap::Args, Debug)]
pub(crate) struct CurrentPinOptions {
    /// The PIN the key has now. Others can read it in the list of processes: prefer --pin-file or standard input
    #[arg(short = 'P', long, value_name = "PIN", conflicts_with = "pin_file")]
    pin: Option<Pin>,
    /// A file with the PIN the key has now, on its first line
    #[arg(long, value_name = "FILE")]
    pin_file: Option<PathBuf>,
}

/// The PIN the key is to have.
#[derive(clap::Args, Debug)]
pub(super) struct NewPinOptions {
    /// The new PIN. Others can read it in the list of processes: prefer --new-pin-file or standard input
    #[arg(short = 'n', long, value_name = "PIN", conflicts_with = "new_pin_file")]
    new_pin: Option<Pin>,
    /// A file with the new PIN, on its first line
    #[arg(long, value_name = "FILE")]
    new_pin_file: Option<PathBuf>,
}

impl CurrentPinOptions {
    /// The PIN, from wherever it is to come.
    ///
    /// # Errors
    /// When the file or standard input has none.
    pub(super) fn read(&self) -> anyhow::Result<Pin> {
        match (&self.pin, &self.pin_file) {
            (Some(pin), _) => Ok(pin.clone()),
            (None, Some(path)) => from_file(path),
            (None, None) if terminal::is_interactive() => ask("PIN: "),
            (None, None) => next_line(&mut io::stdin().lock()).context("standard input has no PIN"),
        }
    }
}

impl CurrentPinOptions {
    /// The PIN, if the command line says where it is.
    ///
    /// # Errors
    /// When the file has none.
    pub(crate) fn given(&self) -> anyhow::Result<Option<Pin>> {
        match self.pin.is_some() || self.pin_file.is_some() {
            true => self.read().map(Some),
            false => Ok(None),
        }
    }

    /// The options, as typed, but with `PIN` instead of the PIN.
    pub(crate) fn typed(&self) -> impl Iterator<Item = String> {
        let pin = self.pin.iter().map(|_| ("--pin", "PIN".to_owned()));
        let file = self.pin_file.iter().map(|path| ("--pin-file", path.display().to_string()));
        pin.chain(file).flat_map(|(option, value)| [option.to_owned(), value])
    }
}

impl NewPinOptions {
    /// The new PIN, from wherever it is to come. A person types it twice.
    ///
    /// # Errors
    /// When the file or standard input has none, or a person typed two different ones.
    pub(super) fn read(&self) -> anyhow::Result<Pin> {
        match (&self.new_pin, &self.new_pin_file) {
            (Some(pin), _) => Ok(pin.clone()),
            (None, Some(path)) => from_file(path),
            (None, None) if terminal::is_interactive() => ask_twice(),
            (None, None) => {
                next_line(&mut io::stdin().lock()).context("standard input has no new PIN")
            }
        }
    }
}

fn ask_twice() -> anyhow::Result<Pin> {
    let pin = ask("New PIN: ")?;
    match ask("The same again: ")?.expose() == pin.expose() {
        true => Ok(pin),
        false => Err(failure(
            "the two PINs differ; nothing was changed",
            "run it again and type the same PIN twice",
        )),
    }
}

/// Nothing of what is typed is shown.
fn ask(question: &str) -> anyhow::Result<Pin> {
    let pin = terminal::ask_hidden(question).context("cannot read from the terminal");
    Ok(Pin::typed(pin.map_err(|error| advise(error, "type the PIN, or give it with an option"))?))
}

fn from_file(path: &Path) -> anyhow::Result<Pin> {
    let context = || format!("cannot read a PIN from {}", path.display());
    let file = File::open(path)
        .with_context(context)
        .map_err(|error| advise(error, "check the file's name"))?;
    next_line(&mut BufReader::new(file)).with_context(context)
}

/// The next line without its end, and without the mark that some editors put before UTF-8. Leaves the lines after it for
/// the next PIN.
fn next_line(input: &mut impl BufRead) -> anyhow::Result<Pin> {
    let mut line = Zeroizing::new(String::new());
    let read = input.read_line(&mut line);
    if read.map_err(|error| advise(error, "give the PIN as text in UTF-8, one PIN on each line"))?
        == 0
    {
        return Err(failure(
            "there are not enough lines",
            "give one PIN on each line: the current one first, then the new one",
        ));
    }
    let pin = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line);
    Ok(Pin::typed(Zeroizing::new(pin.trim_end_matches(['\r', '\n']).to_owned())))
}

const BYTE_ORDER_MARK: char = '\u{feff}';

#[cfg(test)]
mod tests {
    use super::*;

    use crate::failure::describe;

    #[test]
    fn one_pin_a_line_and_the_spaces_belong_to_it() {
        let mut input = "1234\r\n two words \n\n".as_bytes();
        let mut next = || next_line(&mut input).map(|pin| pin.expose().to_owned());
        assert_eq!(
            [next().unwrap(), next().unwrap(), next().unwrap()],
            ["1234", " two words ", ""]
        );
        assert!(next().is_err());
    }

    #[test]
    fn a_file_gives_its_first_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pin");
        std::fs::write(&path, "1234\nnot this").unwrap();
        assert_eq!(from_file(&path).unwrap().expose(), "1234");
        assert!(from_file(&directory.path().join("none")).is_err());
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_pin() {
        let mut input = "\u{feff}1234\r\n5678\n".as_bytes();
        let mut next = || next_line(&mut input).map(|pin| pin.expose().to_owned()).unwrap();
        assert_eq!([next(), next()], ["1234", "5678"]);
    }

    #[test]
    fn what_is_not_utf8_is_refused_with_a_next_step() {
        let utf16 = b"\xff\xfe1\x002\x003\x004\x00\n\x00";
        let told = describe(&next_line(&mut utf16.as_slice()).unwrap_err());
        assert!(told.contains("UTF-8") && told.contains("next:"), "{told}");
    }

    #[test]
    fn a_pin_is_the_same_however_its_accents_were_typed() {
        let typed = |text: &str| next_line(&mut text.as_bytes()).unwrap().expose().to_owned();
        assert_eq!(typed("e\u{301}tude\n"), "\u{e9}tude");
        assert_eq!("e\u{301}tude".parse::<Pin>().unwrap().expose(), typed("\u{e9}tude"));
        assert_eq!(typed("\u{ff11}234"), "\u{ff11}234", "what only looks alike stays another PIN");
    }

    #[test]
    fn a_pin_is_not_in_debug_output() {
        assert_eq!(format!("{:?}", "1234".parse::<Pin>().unwrap()), "Pin(..)");
    }
}
