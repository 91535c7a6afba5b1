//! `keyfob policy`: what becomes of a running key's questions from now on.

use clap::builder::{EnumValueParser, TypedValueParser as _};
use clap::{Args, ValueEnum};
use virtual_key::key::{Touch, Verification};

use super::key_options::TouchWord;
use super::which_key::WhichKey;
use crate::control::Request;

/// Change how a running key answers its prompts from now on
///
/// The key stays plugged in. Prompts that are open are answered at once.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[group(id = "policy", required = true, multiple = true, args = ["touch", "verification"])]
pub(crate) struct Options {
    #[command(flatten)]
    which: WhichKey,

    /// Who answers when the key asks for a touch
    #[arg(long, value_parser = EnumValueParser::<TouchWord>::new().map(Touch::from))]
    touch: Option<Touch>,

    /// How prompts for a finger are answered, where --touch auto answers the others
    #[arg(long, value_parser = EnumValueParser::<VerificationWord>::new().map(Verification::from))]
    verification: Option<Verification>,
}

/// [`Verification`] as it is typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum VerificationWord {
    /// The finger that fits is placed
    Succeed,
    /// One is placed that cannot be read, which costs a try
    Fail,
    /// It is refused
    Deny,
}

impl From<VerificationWord> for Verification {
    fn from(word: VerificationWord) -> Self {
        match word {
            VerificationWord::Succeed => Self::Succeed,
            VerificationWord::Fail => Self::Fail,
            VerificationWord::Deny => Self::Deny,
        }
    }
}

/// Sets it.
///
/// # Errors
/// No key is running, or none with that bus id.
pub(crate) fn run(options: Options) -> anyhow::Result<()> {
    let Options { which: WhichKey { connection, key }, touch, verification } = options;
    connection.ask(&Request::SetPolicy { key, touch, verification }).map(drop)
}

const EXAMPLES: &str = "\
Examples:
  keyfob policy --touch auto           approve what waits, and all that comes
  keyfob policy --verification deny    but no finger: nobody is verified
  keyfob policy --touch ask            a person decides again";
