//! A tap: a card is taken off its reader and laid on again. To a key that is to be reset, power from the reader is none (RS-17, RS-19).

use super::command::{Failed, OperatorCommand, unable};
use super::running_key::RunningKey;
use super::{OperatorOptions, POWER_CYCLE, TOUCH};
use crate::terminal;

/// Who is there.
pub(super) enum Tapper {
    RunningKey(RunningKey),
    Command(OperatorCommand),
    Person,
    Nobody,
}

impl Tapper {
    /// Commands come first: to a card the one that touches is the one that taps.
    pub(super) fn of(options: &OperatorOptions, ours: Option<&RunningKey>) -> Self {
        let power_cycle = OperatorCommand::of(POWER_CYCLE, options.power.power_cycle_cmd.as_ref());
        let touch = || OperatorCommand::of(TOUCH, options.touch_cmd.as_ref());
        match (power_cycle.or_else(touch), ours) {
            (Some(command), _) => Self::Command(command),
            (None, Some(ours)) => Self::RunningKey(ours.clone()),
            (None, None) if terminal::is_interactive() => Self::Person,
            (None, None) => Self::Nobody,
        }
    }

    /// Takes the card off and lays it on again. No connection to it is open.
    ///
    /// # Errors
    /// When nobody can, or somebody's command failed.
    pub(super) fn tap(&self) -> Result<(), Failed> {
        match self {
            Self::RunningKey(key) => Ok(key.replug()?),
            Self::Command(command) => command.run("tap"),
            Self::Person => {
                terminal::make_room();
                let asked =
                    terminal::confirm("Take the key off its reader and lay it on again. Done?");
                match asked.unwrap_or(false) {
                    true => Ok(()),
                    false => Err(unable("the key was not laid on the reader again").into()),
                }
            }
            Self::Nobody => Err(unable(
                "the key needs a tap for its reset, and there is no terminal to ask for one; use --power-cycle-cmd",
            )
            .into()),
        }
    }
}
