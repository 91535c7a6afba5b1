//! Failures whose cure is known: what was wrong, then what to do next.

use std::fmt::{self, Display};

/// A failure and what helps. Found in an [`anyhow::Error`] with [`Advised::of`].
#[derive(Debug)]
pub struct Advised {
    what: String,
    next: String,
    is_usage: bool,
}

impl Advised {
    /// The first one in the chain of causes.
    pub fn of(error: &anyhow::Error) -> Option<&Self> {
        error.chain().find_map(|cause| cause.downcast_ref())
    }

    /// What to do next.
    pub fn next(&self) -> &str {
        &self.next
    }

    /// Whether something was asked for that there never is: nothing was tried.
    pub fn is_usage(&self) -> bool {
        self.is_usage
    }
}

impl Display for Advised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Advised {}

/// The world was in the way, or what was asked for does not go with what a key said of itself.
pub fn failure(what: impl Display, next: impl Display) -> anyhow::Error {
    Advised { what: what.to_string(), next: next.to_string(), is_usage: false }.into()
}

/// What was asked for does not exist, whatever keys there are: nothing was tried.
pub fn usage(what: impl Display, next: impl Display) -> anyhow::Error {
    Advised { what: what.to_string(), next: next.to_string(), is_usage: true }.into()
}

/// Adds to an error what to do about it.
pub fn advise(error: impl Into<anyhow::Error>, next: impl Display) -> anyhow::Error {
    failure(format_args!("{:#}", error.into()), next)
}

/// Takes a sentence for whoever looks after a running key: something could not be kept. Called on the thread of the key, so it
/// must not block.
pub type Warn = fn(fmt::Arguments<'_>);

/// Warns in the log.
pub fn log(sentence: fmt::Arguments<'_>) {
    tracing::warn!("{sentence}");
}

#[cfg(test)]
pub(crate) fn describe(error: &anyhow::Error) -> String {
    let next = Advised::of(error).map(|advised| advised.next.clone());
    let vault = || error.chain().find_map(|cause| cause.downcast_ref().map(vault::Error::advice));
    let next = next.or_else(vault).unwrap_or_default();
    format!("{error:#}\nnext: {next}")
}
