//! `keyfob touch` and `keyfob deny`: a person's answer to a running key.

use clap::Args;

use super::which_key::WhichKey;
use crate::control::Request;
use crate::control::bad_sample::BadSample;
use crate::control::protocol::{Choice, Sample, Touching};

/// Touch a running key: approve what it asks
#[derive(Debug, Args)]
#[command(after_help = TOUCH_EXAMPLES)]
pub(crate) struct TouchOptions {
    #[command(flatten)]
    answer: Answer,

    /// Place this finger, known by its number, on a fingerprint sensor; elsewhere it is a touch
    #[arg(long, value_name = "N")]
    finger: Option<u8>,

    /// Place a finger in a way that a fingerprint sensor cannot read
    #[arg(long, value_name = "KIND", conflicts_with = "finger")]
    bad_sample: Option<BadSample>,
}

/// Refuse what a running key asks
#[derive(Debug, Args)]
#[command(after_help = DENY_EXAMPLES)]
pub(crate) struct DenyOptions {
    #[command(flatten)]
    answer: Answer,
}

/// Which prompt is answered.
#[derive(Debug, Args)]
struct Answer {
    #[command(flatten)]
    which: WhichKey,

    /// Answer only the prompt with this id, which `keyfob wait` prints
    #[arg(long, value_name = "ID")]
    prompt: Option<String>,
}

/// Approves a prompt.
///
/// # Errors
/// No key is running, or no such prompt is open.
pub(crate) fn touch(options: TouchOptions) -> anyhow::Result<()> {
    let TouchOptions { answer, finger, bad_sample } = options;
    let sample = finger.map(Sample::Finger).or(bad_sample.map(Sample::Bad));
    let touching = Touching { key: answer.which.key, prompt: answer.prompt, sample };
    answer.which.connection.ask(&Request::Touch(touching)).map(drop)
}

/// Refuses a prompt.
///
/// # Errors
/// No key is running, or no such prompt is open.
pub(crate) fn deny(DenyOptions { answer }: DenyOptions) -> anyhow::Result<()> {
    let choice = Choice { key: answer.which.key, prompt: answer.prompt };
    answer.which.connection.ask(&Request::Deny(choice)).map(drop)
}

const TOUCH_EXAMPLES: &str = "\
Examples:
  keyfob touch                                        approve the open one
  keyfob touch --key 1-2                              the second key's
  keyfob touch --prompt \"$(keyfob wait | jq -r .id)\"  that one only
  keyfob touch --finger 2                             place another finger
  keyfob touch --bad-sample too-high                  one that cannot be read

Exit code 1 if no such prompt is open: a late touch approves nothing.";

const DENY_EXAMPLES: &str = "\
Examples:
  keyfob deny                 refuse the one open prompt
  keyfob wait && keyfob deny  or the next one";
