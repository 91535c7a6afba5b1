//! The hands that touch a key.

use std::time::{Duration, Instant};

use ctap_conformance::{Hand, TransportFailure};

use super::command::{Failed, OperatorCommand, unable};
use super::running_key::RunningKey;
use crate::terminal;

/// Who is there.
pub(super) enum Hands {
    RunningKey(RunningKey),
    Command(OperatorCommand),
    Person,
    Nobody,
}

impl Hands {
    /// Does what `hand` says. `is_due` is false if that was done a moment ago; the key's own keyfob knows by itself what it asks.
    ///
    /// # Errors
    /// When nobody can, or somebody's command failed.
    pub(super) fn act(&self, hand: Hand, is_due: bool) -> Result<(), Failed> {
        match self {
            Self::RunningKey(key) => Ok(key.act(hand)?),
            _ if !is_due => Ok(()),
            Self::Command(command) => command.run(&words_for(hand)?),
            Self::Person => {
                let words = words_for(hand)?;
                terminal::make_room();
                terminal::note(format_args!("The key asks. Please: {words}."));
                Ok(())
            }
            Self::Nobody => {
                Err(unable("there is no terminal to ask for a touch of the key; use --touch-cmd")
                    .into())
            }
        }
    }

    /// How long that may take from the key's asking.
    pub(super) const fn reaction_time(&self) -> Duration {
        match self {
            Self::Person => A_PERSON,
            Self::RunningKey(_) | Self::Command(_) | Self::Nobody => A_MACHINE,
        }
    }
}

/// What somebody was last asked to do since a request began, and when.
#[derive(Default)]
pub(super) struct LastAct(Option<(Hand, Instant)>);

impl LastAct {
    /// Once for each thing the key asks for, as far as anybody can tell from outside: once, and again if it still asks
    /// after a while.
    pub(super) fn is_due(&mut self, hand: Hand) -> bool {
        let is_due = self.0.is_none_or(|(last, when)| last != hand || when.elapsed() > AGAIN);
        if is_due {
            self.0 = Some((hand, Instant::now()));
        }
        is_due
    }
}

/// What a person, or somebody's machine, has to do.
fn words_for(hand: Hand) -> Result<String, TransportFailure> {
    match hand {
        Hand::Touch => Ok("touch".to_owned()),
        Hand::Finger(finger) => Ok(format!("finger {finger}")),
        Hand::Refuse => Err(unable("this key has no way to refuse a request")),
        Hand::BadSample(_) => Err(unable("this key has no way to place a finger badly")),
        Hand::Nothing | Hand::Cancel => Ok("nothing".to_owned()),
    }
}

/// How long a touch may take from the key's asking: by somebody who sits there, or by a command, tried again once.
const A_PERSON: Duration = Duration::from_secs(60);
const A_MACHINE: Duration = Duration::from_secs(8);
/// Longer than a key takes to notice a touch.
const AGAIN: Duration = Duration::from_secs(3);
