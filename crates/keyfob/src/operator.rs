//! The operator of a key outside this process: touches it, unplugs it, waits.
//!
//! ```text
//!   means.rs        whoever is there, in the order in which they are asked
//!   hands.rs        who touches it
//!   plug.rs         who unplugs it and plugs it in, and where it is then
//!   running_key.rs  both, for a key in a keyfob of this host
//!   command.rs      both, by commands of the user
//!   link.rs         the way for reports, cut whenever the key is unplugged
//!   card.rs         the same for a card, which has no reports
//!   tapper.rs       who taps its reader with it
//! ```

mod card;
mod command;
mod hands;
mod link;
mod means;
mod plug;
mod running_key;
mod tapper;

use std::io;
use std::mem;
use std::time::{Duration, Instant};

use ctap_client::TransportError;
use ctap_conformance::{Hand, Operator, TransportFailure};
use virtual_key::key::Touch;
use virtual_key::profile::Profile;

pub(crate) use self::card::CardOperator;
pub(crate) use self::link::SharedPipe;
use self::link::{Link, open_until};
use self::means::Means;
use self::plug::{Plug, among, follow};
use self::running_key::RunningKey;
pub(crate) use self::running_key::bad_sample;
use crate::control::Connection;
use crate::device::{Address, Reports, import, local_keys};

/// How the key is touched and power-cycled.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct OperatorOptions {
    /// A command that touches the key when it asks, or taps with a card; KEYFOB_HAND tells it `touch`, `finger N` or `tap`
    #[arg(long, value_name = "COMMAND")]
    touch_cmd: Option<String>,

    #[command(flatten)]
    power: PowerOptions,

    /// A command that makes the key like new, for keys that cannot be reset; if the key is a program, it starts that again
    #[arg(long, value_name = "COMMAND")]
    renew_cmd: Option<String>,
}

/// How the key is power-cycled.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct PowerOptions {
    /// A command that unplugs the key and plugs it in again, or takes a card off its reader and lays it on again
    #[arg(long, value_name = "COMMAND")]
    power_cycle_cmd: Option<String>,

    #[command(flatten)]
    connection: Connection,
}

impl OperatorOptions {
    /// The options and their commands, as they are typed.
    pub(crate) fn commands(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            (TOUCH, &self.touch_cmd),
            (POWER_CYCLE, &self.power.power_cycle_cmd),
            (RENEW, &self.renew_cmd),
        ];
        all.into_iter().filter_map(|(option, command)| Some((option, command.as_deref()?)))
    }
}

impl From<PowerOptions> for OperatorOptions {
    /// Whoever touches it needs no telling.
    fn from(power: PowerOptions) -> Self {
        Self { touch_cmd: None, power, renew_cmd: None }
    }
}

/// The operator of a key outside this process: a person, commands, or the control socket of its keyfob.
pub(crate) struct ExternalOperator {
    address: Address,
    means: Means,
    link: Link,
    ours: Option<RunningKey>,
    touch: Option<Touch>,
}

impl ExternalOperator {
    /// Finds out who is there.
    ///
    /// # Errors
    /// When the key is not. Who else is missing shows when they are needed.
    pub(crate) fn new(address: &Address, options: &OperatorOptions) -> anyhow::Result<Self> {
        let (pipe, serial) = reach(address)?;
        let ours = RunningKey::find(&options.power.connection, serial.as_deref());
        let (ours, touch) = ours.unzip();
        let is_imported = matches!(address, Address::Usbip { .. });
        let means = Means::new(options, ours.clone(), is_imported.then_some(Plug::Import));
        Ok(Self { address: address.clone(), means, link: Link::Found(pipe), ours, touch })
    }

    /// Who decides about touches, if the key runs in a keyfob of this host.
    pub(crate) const fn touch(&self) -> Option<Touch> {
        self.touch
    }

    /// What kind of key it is; `None`: no keyfob of this host has it.
    ///
    /// # Errors
    /// What its keyfob tells cannot be had, or read.
    pub(crate) fn profile(&self) -> Option<anyhow::Result<Profile>> {
        self.ours.as_ref().map(RunningKey::profile)
    }
}

/// Opens the way to the key, and finds its serial number.
fn reach(address: &Address) -> anyhow::Result<(Reports, Option<String>)> {
    match address {
        Address::Usbip { server, bus_id } => {
            let (host, said) = import(server, bus_id.as_deref())?;
            Ok((Reports::imported(host, &said), said.serial))
        }
        Address::Auto | Address::Hidraw(_) | Address::Pcsc { .. } => {
            let pipe = address.pipe()?;
            let keys = local_keys().unwrap_or_default();
            Ok((pipe, among(address, &keys).and_then(|key| key.serial.clone())))
        }
    }
}

impl Operator for ExternalOperator {
    type Pipe = SharedPipe;

    fn open(&mut self) -> Result<Self::Pipe, TransportError> {
        let pipe = match mem::replace(&mut self.link, Link::cut_for(LEAVING)) {
            Link::Found(pipe) => Ok(pipe),
            Link::Cut { until } => {
                self.link = Link::Cut { until };
                open_until(&self.address, until)
            }
            Link::Open { pipe, .. } => {
                // As long as it is open it keeps the device to itself.
                drop(pipe);
                open_until(&self.address, Instant::now() + LEAVING)
            }
        };
        let pipe = pipe.map_err(|error| io::Error::other(format!("{error:#}")))?;
        let (link, end) = Link::open_on(pipe);
        self.link = link;
        Ok(end)
    }

    fn expect_question(&mut self) {
        self.link.expect_question();
    }

    fn act(&mut self, hand: Hand) -> Result<(), TransportFailure> {
        let is_due = self.link.is_due(hand);
        self.means.act(hand, is_due)
    }

    fn power_cycle(&mut self) -> Result<(), TransportFailure> {
        self.link = Link::cut_for(LEAVING);
        let before = local_keys().unwrap_or_default();
        self.means.power_cycle()?;
        if matches!(self.means.plug, Plug::Import) {
            return Ok(());
        }
        self.link = Link::cut_for(APPEARING);
        if let Some((address, pipe)) = follow(&self.address, &before)? {
            (self.address, self.link) = (address, Link::Found(pipe));
        }
        Ok(())
    }

    fn can_renew(&self) -> bool {
        self.means.can_renew()
    }

    fn renew(&mut self) -> Result<(), TransportFailure> {
        self.link = Link::cut_for(LEAVING);
        self.means.renew()?;
        self.link = Link::cut_for(APPEARING);
        Ok(())
    }

    fn hindrance(&self) -> Option<String> {
        self.means.hindrance()
    }

    fn reaction_time(&self) -> Duration {
        self.means.reaction_time()
    }

    fn pass_time(&mut self, time: Duration) -> Result<(), TransportFailure> {
        Ok(self.link.pass(time).map_err(TransportError::from)?)
    }
}

const TOUCH: &str = "--touch-cmd";
const POWER_CYCLE: &str = "--power-cycle-cmd";
const RENEW: &str = "--renew-cmd";

/// How long a key that was left may pass for plugged in: whoever forwards the connection has to notice first.
const LEAVING: Duration = Duration::from_secs(1);
/// How long a key takes to be there after the command that plugs it in.
const APPEARING: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);
