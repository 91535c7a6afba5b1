//! Asking for what nobody else is to see, where no signal can be held back.

use std::io;

use zeroize::Zeroizing;

/// Asks on the terminal that this process was started from, and returns the line that is typed, which is not shown.
///
/// # Errors
/// There is no terminal, or what is typed is not UTF-8.
pub(crate) fn ask_hidden(question: &str) -> io::Result<Zeroizing<String>> {
    rpassword::prompt_password(question).map(Zeroizing::new)
}
