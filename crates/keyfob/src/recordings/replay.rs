//! `keyfob replay`: the requests and the power cycles of a recording, to any key (P-38).

use std::path::PathBuf;

use clap::Args;
use ctap_client::trace::{Content, Conversation, Message, Step};
use ctap_client::{Status, TransportError};

use super::acts::{self, Act, Exchange};
use super::difference;
use super::player::{Answer, Player};
use crate::device::DeviceOption;
use crate::failure::failure;
use crate::operator::PowerOptions;
use crate::terminal::shown::escaped;
use crate::terminal::{self, Paint, count};

/// Play a recording to a key: where do its answers differ?
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// A recording (`--record`), or what Wireshark took on the USB bus
    file: PathBuf,

    /// Of which key, if the recording has several: the first column of `keyfob trace`
    #[arg(long, value_name = "NAME")]
    of: Option<String>,

    /// Every byte of an answer must be the same: for a key with the same --seed, and a recording with its secrets
    #[arg(long)]
    exactly: bool,

    /// Send resets as well: everything on the key is lost
    #[arg(long)]
    yes_erase_this_key: bool,

    #[command(flatten)]
    device: DeviceOption,

    #[command(flatten)]
    power: PowerOptions,
}

/// How a request went.
enum Outcome {
    Same,
    Different(Vec<String>),
    /// It was not sent, and why.
    Skipped(&'static str),
    /// Of a power cycle.
    Repeated,
    /// Nobody could, and why.
    NotRepeated(String),
}

/// Runs the command.
///
/// # Errors
/// An answer differs; or the file is no recording, or there is no key.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let acts = acts::read(&options.file, options.of.as_deref())?;
    let mut player = Player::open(&options.device.device, &options.power)?;
    let mut tally = Tally::default();
    for act in &acts {
        let outcome = options.play(act, &mut player)?;
        terminal::print(line(act, &outcome))?;
        tally.add(&outcome);
    }
    terminal::note(tally.told());
    match tally.different {
        0 => Ok(()),
        different => Err(failure(
            format_args!("{} differently", answered(different)),
            "`keyfob -v trace FILE` shows what the recorded key said",
        )),
    }
}

impl Options {
    fn play(&self, act: &Act, player: &mut Player) -> anyhow::Result<Outcome> {
        let exchange = match act {
            Act::Exchange(exchange) => exchange,
            Act::PowerCycle => {
                return Ok(match player.power_cycle()? {
                    None => Outcome::Repeated,
                    Some(why) => Outcome::NotRepeated(why),
                });
            }
        };
        if let Some(why) = self.objection(exchange, player) {
            return Ok(Outcome::Skipped(why));
        }
        let differences = match player.ask(exchange)? {
            Answer::None(why) => vec![unanswered(exchange, &why)],
            Answer::Is(now) if self.exactly && now != exchange.reply.content => {
                vec!["its bytes differ".to_owned()]
            }
            Answer::Is(_) if self.exactly => Vec::new(),
            Answer::Is(now) => differences(exchange, now),
        };
        Ok(if differences.is_empty() { Outcome::Same } else { Outcome::Different(differences) })
    }

    /// Why a request is not to be sent to this key.
    fn objection(&self, exchange: &Exchange, player: &Player) -> Option<&'static str> {
        if exchange.has_gap() {
            Some("its secrets were not recorded")
        } else if exchange.is_answered(Status::KeepaliveCancel) {
            Some("it was cancelled") // nobody cancels it again at the same moment
        } else if exchange.costs_a_pin_try() && !player.shares_secrets() {
            Some("this key cannot read it, and would count a wrong PIN")
        } else if exchange.is_reset() && !self.yes_erase_this_key {
            Some("it erases the key: --yes-erase-this-key allows that")
        } else {
            None
        }
    }
}

/// In kind, between the answer that was recorded and this one.
fn differences(exchange: &Exchange, now: Content) -> Vec<String> {
    difference::between(&told(exchange, exchange.reply.content.clone()), &told(exchange, now))
}

/// Between the answer that was recorded and none.
fn unanswered(exchange: &Exchange, why: &TransportError) -> String {
    let recorded = told(exchange, exchange.reply.content.clone()).name;
    format!("{recorded} was answered, and now there is no answer: {why}")
}

fn told(Exchange { request, reply, .. }: &Exchange, content: Content) -> Step {
    let mut conversation = Conversation::default();
    conversation.step(request);
    conversation.step(&Message { content, ..reply.clone() })
}

fn line(act: &Act, outcome: &Outcome) -> String {
    let paint = Paint::stdout();
    let asked = match act {
        Act::Exchange(exchange) => escaped(&exchange.asked.line()),
        Act::PowerCycle => "power cycle".to_owned(),
    };
    match outcome {
        Outcome::Repeated => format!("{} {asked}\n", paint.dim("done     ")),
        Outcome::NotRepeated(why) => format!("{} {asked}: {why}\n", paint.dim("not done ")),
        Outcome::Same => format!("{} {asked}\n", paint.green("same     ")),
        Outcome::Skipped(why) => format!("{} {asked}: {why}\n", paint.dim("not sent ")),
        Outcome::Different(differences) => {
            let each = differences.iter().map(|one| format!("          {}\n", escaped(one)));
            format!("{} {asked}\n{}", paint.red("different"), each.collect::<String>())
        }
    }
}

#[derive(Default)]
struct Tally {
    same: u64,
    different: u64,
    skipped: u64,
    power_cycles: u64,
    missing_power_cycles: u64,
}

impl Tally {
    fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Same => self.same += 1,
            Outcome::Different(_) => self.different += 1,
            Outcome::Skipped(_) => self.skipped += 1,
            Outcome::Repeated => self.power_cycles += 1,
            Outcome::NotRepeated(_) => self.missing_power_cycles += 1,
        }
    }

    fn told(&self) -> String {
        let Self { same, different, skipped, power_cycles, missing_power_cycles } = self;
        let mut told = format!("{same} the same, {different} different, {skipped} not sent");
        let cycles = [(power_cycles, "repeated"), (missing_power_cycles, "not repeated")];
        for (number, how) in cycles.into_iter().filter(|(number, _)| **number > 0) {
            told += &format!(", {} {how}", count(*number, "power cycle"));
        }
        told
    }
}

fn answered(number: u64) -> String {
    match number {
        1 => "1 request was answered".to_owned(),
        several => format!("{} were answered", count(several, "request")),
    }
}

const EXAMPLES: &str = "\
Examples:
  keyfob replay key.pcapng                      to the key of this host
  keyfob replay key.pcapng --device /dev/hidraw2
  keyfob replay --exactly key.pcapng            to a key with the same --seed

The exit code is 0 if all answers are of the recorded kind, and 1 if not. Requests that need a PIN are sent only if \
the recording has its secrets, and only a key with the same --seed understands them. Where the recorded key was \
unplugged, this one is, too: keyfob does it for a key at a USB/IP server, for a card, and for a key of a keyfob that \
runs on this host. For other keys, give --power-cycle-cmd, or do it by hand when asked. docs/recording.md has more.";
