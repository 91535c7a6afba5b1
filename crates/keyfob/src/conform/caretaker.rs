//! Who looks after a key outside this process: touches it, unplugs it, waits.
//!
//! ```text
//!   hands.rs   who touches it
//!   plug.rs    who unplugs it and plugs it in, and where it is then
//!   ours.rs    both, for a key in a keyfob of this host
//!   errand.rs  both, for whoever has commands for it
//!   way.rs     the way for reports, cut whenever the key is unplugged
//! ```

mod errand;
mod hands;
mod ours;
mod plug;
mod way;

use std::io;
use std::mem;
use std::time::{Duration, Instant};

use ctap_client::{ReportPipe, TransportError};
use ctap_conformance::{Caretaker, Hand, Trouble};
use virtual_key::key::Touch;

use self::errand::{Errand, Failed, unable};
use self::hands::Hands;
use self::ours::Ours;
pub(super) use self::ours::bad_sample;
use self::plug::{Plug, among, follow};
pub(super) use self::way::LineEnd;
use self::way::{Way, open_until};
use crate::control::Connection;
use crate::device::{Address, import, local_keys};
use crate::failure::failure;
use crate::say::warn;
use crate::terminal;

/// How the key is touched and power-cycled.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct CareOptions {
    /// A command that touches the key when it asks; KEYFOB_HAND tells it `touch`, or `finger N`
    #[arg(long, value_name = "COMMAND")]
    touch_cmd: Option<String>,

    /// A command that unplugs the key and plugs it in again
    #[arg(long, value_name = "COMMAND")]
    power_cycle_cmd: Option<String>,

    /// A command that makes the key as new, for keys that cannot be reset; a key that is a program is started anew by it
    #[arg(long, value_name = "COMMAND")]
    renew_cmd: Option<String>,

    #[command(flatten)]
    connection: Connection,
}

impl CareOptions {
    /// The options and their commands, as they are typed.
    pub(super) fn commands(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            (TOUCH, &self.touch_cmd),
            (POWER_CYCLE, &self.power_cycle_cmd),
            (RENEW, &self.renew_cmd),
        ];
        all.into_iter().filter_map(|(option, command)| Some((option, command.as_deref()?)))
    }
}

/// A key outside this process, and who is there for it.
pub(super) struct Attendant {
    address: Address,
    hands: Hands,
    plug: Plug,
    renewal: Option<Errand>,
    way: Way,
    /// A command of somebody's that failed, and how.
    hindrance: Option<String>,
}

impl Attendant {
    /// Finds out who is there.
    ///
    /// # Errors
    /// When the key is not, or it refuses all touches. Who else is missing shows when they are needed.
    pub(super) fn new(address: &Address, options: &CareOptions) -> anyhow::Result<Self> {
        let (pipe, serial) = reach(address)?;
        let ours = match Ours::find(&options.connection, serial.as_deref()) {
            Some((_, Touch::Deny)) => return Err(failure(REFUSES_EVERYTHING, START_IT_ANEW)),
            Some((ours, touch)) => {
                warn_of_a_key_without_a_person(touch);
                Some(ours)
            }
            None => None,
        };
        let somebody_is_here = terminal::is_interactive();
        let hands = match (Errand::of(TOUCH, options.touch_cmd.as_ref()), &ours) {
            (Some(command), _) => Hands::Command(command),
            (None, Some(ours)) => Hands::Ours(ours.clone()),
            (None, None) if somebody_is_here => Hands::Person,
            (None, None) => Hands::Nobody,
        };
        let plug = match (Errand::of(POWER_CYCLE, options.power_cycle_cmd.as_ref()), ours) {
            (Some(command), _) => Plug::Command(command),
            (None, _) if matches!(address, Address::Usbip { .. }) => Plug::Import,
            (None, Some(ours)) => Plug::Ours(ours),
            (None, None) if somebody_is_here => Plug::Person,
            (None, None) => Plug::Nobody,
        };
        let renewal = Errand::of(RENEW, options.renew_cmd.as_ref());
        let (address, way) = (address.clone(), Way::Found(pipe));
        Ok(Self { address, hands, plug, renewal, way, hindrance: None })
    }

    /// That somebody's command fails says nothing about the key: no verdict may come of it.
    fn heed(&mut self, done: Result<(), Failed>) -> Result<(), Trouble> {
        done.map_err(|failed| match failed {
            Failed::Otherwise(trouble) => trouble,
            Failed::Command(why) => {
                self.hindrance = Some(why.clone());
                Trouble::Unable(why)
            }
        })
    }
}

/// Opens the way to the key, and finds its serial number.
fn reach(address: &Address) -> anyhow::Result<(Box<dyn ReportPipe>, Option<String>)> {
    match address {
        Address::Usbip { server, bus_id } => {
            let (host, said) = import(server, bus_id.as_deref())?;
            Ok((Box::new(virtual_key::Connection::from(host)), said.serial))
        }
        Address::Auto | Address::Hidraw(_) => {
            let pipe = address.pipe()?;
            let keys = local_keys().unwrap_or_default();
            Ok((pipe, among(address, &keys).and_then(|key| key.serial.clone())))
        }
    }
}

impl Caretaker for Attendant {
    type Pipe = LineEnd;

    fn open(&mut self) -> Result<Self::Pipe, TransportError> {
        let pipe = match mem::replace(&mut self.way, Way::cut_for(LEAVING)) {
            Way::Found(pipe) => Ok(pipe),
            Way::Cut { until } => {
                self.way = Way::Cut { until };
                open_until(&self.address, until)
            }
            Way::Open { line, .. } => {
                // As long as it is open it keeps the device to itself.
                drop(line);
                open_until(&self.address, Instant::now() + LEAVING)
            }
        };
        let pipe = pipe.map_err(|error| io::Error::other(format!("{error:#}")))?;
        let (way, end) = Way::open_on(pipe);
        self.way = way;
        Ok(end)
    }

    fn expect_question(&mut self) {
        self.way.expect_question();
    }

    fn act(&mut self, hand: Hand) -> Result<(), Trouble> {
        let is_due = self.way.is_due(hand);
        let done = self.hands.act(hand, is_due);
        self.heed(done)
    }

    fn power_cycle(&mut self) -> Result<(), Trouble> {
        self.way = Way::cut_for(LEAVING);
        let before = local_keys().unwrap_or_default();
        let done = self.plug.cycle();
        self.heed(done)?;
        if matches!(self.plug, Plug::Import) {
            return Ok(());
        }
        self.way = Way::cut_for(APPEARING);
        if let Some((address, pipe)) = follow(&self.address, &before)? {
            (self.address, self.way) = (address, Way::Found(pipe));
        }
        Ok(())
    }

    fn can_renew(&self) -> bool {
        self.renewal.is_some()
    }

    fn renew(&mut self) -> Result<(), Trouble> {
        let Some(renewal) = &self.renewal else {
            return Err(unable("nobody is here to make the key as new; use --renew-cmd"));
        };
        self.way = Way::cut_for(LEAVING);
        let done = renewal.run("renew");
        self.heed(done)?;
        self.way = Way::cut_for(APPEARING);
        Ok(())
    }

    fn hindrance(&self) -> Option<String> {
        self.hindrance.clone()
    }

    fn reaction_time(&self) -> Duration {
        self.hands.reaction_time()
    }

    fn pass_time(&mut self, time: Duration) -> Result<(), Trouble> {
        Ok(self.way.pass(time).map_err(TransportError::from)?)
    }
}

/// Many cases prove that a key waits for a person.
fn warn_of_a_key_without_a_person(touch: Touch) {
    if touch == Touch::Auto {
        warn(format_args!(
            "the running key approves everything by itself, so cases about touches are skipped; {START_IT_ANEW}"
        ));
    }
}

const TOUCH: &str = "--touch-cmd";
const POWER_CYCLE: &str = "--power-cycle-cmd";
const RENEW: &str = "--renew-cmd";
const REFUSES_EVERYTHING: &str =
    "the running key refuses everything by itself, and nearly every case needs a touch";
const START_IT_ANEW: &str = "start it with --touch ask";

/// How long a key that was left may pass for plugged in: whoever forwards the connection has to notice first.
const LEAVING: Duration = Duration::from_secs(1);
/// How long a key takes to be there after the command that plugs it in.
const APPEARING: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);
