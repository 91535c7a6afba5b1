//! The terminal, where a person sees and types: colour, columns, other people's text, questions.

#[cfg_attr(not(target_os = "linux"), path = "elsewhere/hidden.rs")]
mod hidden;
mod json;
pub(crate) mod shown;
mod table;
pub(crate) mod wrap;

use std::fmt::Display;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

pub(crate) use self::hidden::ask_hidden;
pub(crate) use self::json::{json, json_line};
pub(crate) use self::table::{columns, hanging_columns, table};

/// Colours for one stream: given to terminals only, and not to those that ask for none (`NO_COLOR`, `TERM=dumb`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    coloured: bool,
}

impl Paint {
    /// For standard output.
    pub(crate) fn stdout() -> Self {
        Self::new(io::stdout().is_terminal())
    }

    /// For standard error.
    pub(crate) fn stderr() -> Self {
        Self::new(io::stderr().is_terminal())
    }

    /// Without colour, wherever it goes.
    pub(crate) const fn plain() -> Self {
        Self { coloured: false }
    }

    fn new(is_terminal: bool) -> Self {
        let unwanted = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { coloured: is_terminal && !unwanted("NO_COLOR") && !dumb }
    }

    /// Whether it paints at all.
    pub(crate) const fn is_coloured(self) -> bool {
        self.coloured
    }

    /// For headings.
    pub(crate) fn bold(self, text: impl Display) -> String {
        self.paint("1", text)
    }

    /// For what may be passed over.
    pub(crate) fn dim(self, text: impl Display) -> String {
        self.paint("2", text)
    }

    /// For what is as it should be.
    pub(crate) fn green(self, text: impl Display) -> String {
        self.paint("32", text)
    }

    /// For what went wrong.
    pub(crate) fn red(self, text: impl Display) -> String {
        self.paint("31", text)
    }

    /// For what wants a person's attention.
    pub(crate) fn yellow(self, text: impl Display) -> String {
        self.paint("33", text)
    }

    /// For what goes over the wire.
    pub(crate) fn cyan(self, text: impl Display) -> String {
        self.paint("36", text)
    }

    fn paint(self, code: &str, text: impl Display) -> String {
        if self.coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}

/// Writes to standard output. A reader that has seen enough (`| head`) ends the output, not the command.
///
/// # Errors
/// From the operating system.
pub(crate) fn print(text: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// Writes one line beside the results, to standard error.
pub(crate) fn note(text: impl Display) {
    // Nowhere to tell that there is nowhere to tell it.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Writes a part of a line to standard error. Nothing depends on its being seen.
pub(crate) fn note_part(text: &str) {
    let mut stream = io::stderr().lock();
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}

/// Empties the line that the cursor is on.
pub(crate) fn clear_line() {
    note_part("\r\x1b[K");
}

/// Room for something that a person is asked: a line of progress makes way.
pub(crate) fn make_room() {
    if io::stderr().is_terminal() {
        clear_line();
    }
}

/// Whether a person can be asked.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal()
}

/// Asks a yes-or-no question on standard error; anything but yes is no.
///
/// # Errors
/// From the operating system.
pub(crate) fn confirm(question: &str) -> io::Result<bool> {
    write!(io::stderr(), "{question} [y/N] ")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes"))
}

/// Lower case, without anything between the bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One word for a number of things: `1 attempt`, `2 attempts`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_terminal_gets_no_colour() {
        assert_eq!(Paint { coloured: false }.red("x"), "x");
        assert_eq!(Paint { coloured: true }.red("x"), "\x1b[31mx\x1b[0m");
    }

    #[test]
    fn one_is_not_a_plural() {
        assert_eq!([count(1, "attempt"), count(2, "attempt")], ["1 attempt", "2 attempts"]);
    }
}
