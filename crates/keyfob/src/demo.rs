//! `keyfob demo`: the life of a key from its first start to its reset, told as it happens.

mod journey;
mod narrator;
mod next;
mod person;
mod stage;
mod wire;

use self::journey::Journey;
use self::narrator::Narrator;
use self::stage::{Stage, Way};
use self::wire::Wire;
use crate::failure::failure;
use crate::host;

/// Watch a key come up, register, sign in, refuse and be erased
///
/// Uses this host's kernel if it can, else the USB/IP host that is built in. Every signature is checked; a step that
/// does not do what it should ends the demonstration with exit code 1. With -v it shows the messages, too.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Use this host's kernel, or fail
    #[arg(long)]
    kernel: bool,
    /// Do not pause between the steps
    #[arg(long)]
    fast: bool,
}

/// Runs the command.
///
/// # Errors
/// The first step that did not do what it should.
pub(crate) fn run(options: &Options, verbosity: u8) -> anyhow::Result<()> {
    let wire = Wire::default();
    let told = (verbosity > 0).then(|| wire.clone());
    let mut narrator = Narrator::new(told, options.fast);
    let way = way(options)?;
    let stage = Stage::set(way)?;
    narrator.begin("A key starts, with nothing on it", &stage.introduction())?;
    let mut journey = Journey::new(stage, wire);
    narrator.step("It is plugged in", || journey.plug_in())?;
    narrator.step("What is it?", || journey.get_to_know())?;
    narrator.step("It gets a PIN", || journey.set_pin())?;
    narrator.step("ada registers at example.org", || journey.register("ada"))?;
    narrator.step("ada signs in", || journey.sign_in("ada"))?;
    narrator.step("bob registers with the same key", || journey.register("bob"))?;
    narrator.step("example.org asks: who are you?", || journey.choose_an_account())?;
    narrator.step("What is on the key?", || journey.look_at_what_is_on_it())?;
    narrator.step("Somebody guesses the PIN", || journey.guess_the_pin())?;
    narrator.step("Somebody else's registration is refused", || journey.refuse_a_touch())?;
    narrator.step("The key is unplugged, plugged in again, and erased", || journey.reset())?;
    narrator.step("ada and bob come back", || journey.find_nothing())?;
    narrator.end(&next::commands(way))
}

/// The kernel if it is possible here, unless somebody insists on it: then the reason why it is not.
fn way(options: &Options) -> anyhow::Result<Way> {
    match host::obstacle_to_attaching() {
        None => Ok(Way::Kernel),
        Some(_) if !options.kernel => Ok(Way::Usbip),
        Some((obstacle, next)) => Err(failure(obstacle, next)),
    }
}

const EXAMPLES: &str = "\
Examples:
  keyfob demo
  keyfob demo -v             with the messages and their lengths
  sudo keyfob demo --kernel  through /dev/hidraw, as browsers go";
