//! The means by which a key outside this process is operated, whatever way it is reached.

use std::time::Duration;

use ctap_conformance::{Hand, TransportFailure};

use super::command::{Failed, OperatorCommand, unable};
use super::hands::Hands;
use super::plug::Plug;
use super::running_key::RunningKey;
use super::{OperatorOptions, POWER_CYCLE, RENEW, TOUCH};
use crate::terminal;

/// Hands, a plug, and somebody who makes the key as new.
pub(super) struct Means {
    hands: Hands,
    pub(super) plug: Plug,
    renewal: Option<OperatorCommand>,
    /// A command of somebody's that failed, and how.
    hindrance: Option<String>,
}

impl Means {
    /// Commands come first; then the keyfob that runs the key. `by_itself`: this way to the key unplugs it without anybody.
    pub(super) fn new(
        options: &OperatorOptions,
        ours: Option<RunningKey>,
        by_itself: Option<Plug>,
    ) -> Self {
        let somebody_is_here = terminal::is_interactive();
        let hands = match (OperatorCommand::of(TOUCH, options.touch_cmd.as_ref()), &ours) {
            (Some(command), _) => Hands::Command(command),
            (None, Some(ours)) => Hands::RunningKey(ours.clone()),
            (None, None) if somebody_is_here => Hands::Person,
            (None, None) => Hands::Nobody,
        };
        let power_cycle = OperatorCommand::of(POWER_CYCLE, options.power.power_cycle_cmd.as_ref());
        let plug = match (power_cycle, by_itself, ours) {
            (Some(command), ..) => Plug::Command(command),
            (None, Some(by_itself), _) => by_itself,
            (None, None, Some(ours)) => Plug::RunningKey(ours),
            (None, None, None) if somebody_is_here => Plug::Person,
            (None, None, None) => Plug::Nobody,
        };
        let renewal = OperatorCommand::of(RENEW, options.renew_cmd.as_ref());
        Self { hands, plug, renewal, hindrance: None }
    }

    /// Does what `hand` says; `is_due`: see [`Hands::act`].
    pub(super) fn act(&mut self, hand: Hand, is_due: bool) -> Result<(), TransportFailure> {
        let done = self.hands.act(hand, is_due);
        self.note_failed_command(done)
    }

    /// Unplugs the key and plugs it in. No way to it is open.
    pub(super) fn power_cycle(&mut self) -> Result<(), TransportFailure> {
        let done = self.plug.cycle();
        self.note_failed_command(done)
    }

    /// Whether somebody can make the key as new.
    pub(super) const fn can_renew(&self) -> bool {
        self.renewal.is_some()
    }

    /// Makes it as new.
    pub(super) fn renew(&mut self) -> Result<(), TransportFailure> {
        let Some(renewal) = &self.renewal else {
            return Err(unable(
                "the key must be made like new, and there is no terminal to ask somebody for that; use --renew-cmd",
            ));
        };
        let done = renewal.run("renew");
        self.note_failed_command(done)
    }

    /// How long a touch may take.
    pub(super) const fn reaction_time(&self) -> Duration {
        self.hands.reaction_time()
    }

    /// Why no other case can be tested.
    pub(super) fn hindrance(&self) -> Option<String> {
        self.hindrance.clone()
    }

    /// That somebody's command fails says nothing about the key: no verdict may come of it.
    pub(super) fn note_failed_command(
        &mut self,
        done: Result<(), Failed>,
    ) -> Result<(), TransportFailure> {
        done.map_err(|failed| match failed {
            Failed::Otherwise(failure) => failure,
            Failed::Command(why) => {
                self.hindrance = Some(why.clone());
                TransportFailure::Unable(why)
            }
        })
    }
}
