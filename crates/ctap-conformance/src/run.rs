//! Running cases against a key: bringing it into the state that each wants, and keeping what came of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ctap_client::Value;
use ctap_client::cbor::decode;
use getrandom::SysRng;
use rand_core::UnwrapErr;

use crate::case::{Case, Start};
use crate::limits::{LONGEST_FRESHNESS, MOST_SILENCES};
use crate::needs::Offer;
use crate::notation::print::{hex, shown};
use crate::outcome::{ERASING_NOT_ALLOWED, Failure, KeyDescription, Outcome, Report, Verdict};
use crate::play::reports::short;
use crate::play::requests::named;
use crate::play::{Player, Stop, info};
use crate::script::{Line, Step};
use crate::transport::{Hand, Transport, Trouble};
use crate::watch::{Said, Traces, Watch};

/// How a run goes about.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether the key may be reset, again and again: all that it stores is lost. Without this only those cases run that leave
    /// everything as it is.
    pub may_erase: bool,
    /// How long a case may let time pass on a key whose clock cannot be moved. Cases that need longer are skipped.
    pub patience: Duration,
}

impl Default for Options {
    /// Erases nothing, and waits two seconds.
    fn default() -> Self {
        Self { may_erase: false, patience: Duration::from_secs(2) }
    }
}

/// Runs cases against a key, in the order given. `on_progress` sees the report grow: before the first case, and after each.
///
/// ```
/// # fn judge(my_authenticator: &mut dyn ctap_conformance::Transport) -> Result<(), ctap_conformance::Trouble> {
/// use ctap_conformance::{Options, Suite, run};
///
/// let suite = Suite::built_in();
/// let options = Options { may_erase: true, ..Options::default() };
/// let report = run(my_authenticator, &suite.filtered(&[]), &options, |_| {})?;
/// report.assert_conforms();
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Trouble`] when the key cannot be talked to at all. What goes wrong in a case is that case's outcome; a key that dies on
/// the way and does not come back is [`Report::gone`].
pub fn run(
    key: &mut dyn Transport,
    cases: &[&Case],
    options: &Options,
    mut on_progress: impl FnMut(&Report),
) -> Result<Report, Trouble> {
    let begun = Instant::now();
    let mut runner = Runner::new(key, options)?;
    let mut report = Report {
        key: KeyDescription::of(runner.offer.info.as_ref()),
        outcomes: Vec::new(),
        planned: cases.len(),
        elapsed: begun.elapsed(),
        gone: None,
    };
    on_progress(&report);
    for case in cases {
        report.outcomes.push(runner.outcome(case));
        runner.heed_hindrance();
        report.elapsed = begun.elapsed();
        report.gone.clone_from(&runner.gone);
        on_progress(&report);
    }
    runner.leave_clean();
    Ok(report)
}

struct Runner<'k, 'o> {
    key: &'k mut dyn Transport,
    options: &'o Options,
    offer: Offer,
    condition: Condition,
    /// When the runner last plugged the key in. A case may have done so since.
    plugged_in: Option<Instant>,
    /// First states that the key could not be brought into, and why.
    out_of_reach: BTreeMap<Start, String>,
    /// How often in a row the key gave no answer while it was being prepared.
    silences: u32,
    /// Why the key is given up.
    gone: Option<String>,
}

/// What the runner knows about the key's state.
#[derive(Clone, Debug, PartialEq)]
struct Condition {
    /// `None`: anything may be stored.
    start: Option<Start>,
    /// The template of finger 1, if it is enrolled.
    template: Option<Value>,
    traces: Traces,
}

impl<'k, 'o> Runner<'k, 'o> {
    fn new(key: &'k mut dyn Transport, options: &'o Options) -> Result<Self, Trouble> {
        let capabilities = key.capabilities()?;
        let info = info(&mut Watch::new(key))?;
        let locks = Player::new(&mut Watch::new(key), &mut UnwrapErr(SysRng), None).locks();
        key.forget_channel();
        let offer = Offer { info, capabilities, locks };
        let condition = Condition { start: None, template: None, traces: Traces::Stored };
        Ok(Self {
            key,
            options,
            offer,
            condition,
            plugged_in: None,
            out_of_reach: BTreeMap::new(),
            silences: 0,
            gone: None,
        })
    }

    fn outcome(&mut self, case: &Case) -> Outcome {
        let begun = Instant::now();
        let verdict = match self.reason_to_skip(case) {
            Some(reason) => Verdict::Skipped { reason },
            None => self.verdict(case),
        };
        Outcome {
            id: case.id.clone(),
            rules: case.rules.clone(),
            says: case.says.clone(),
            level: case.level,
            verdict,
            elapsed: begun.elapsed(),
        }
    }

    /// Who cannot touch or unplug the key any more learns nothing from more cases, nor does who reads of them.
    fn heed_hindrance(&mut self) {
        self.gone = self.gone.take().or_else(|| self.key.hindrance());
    }

    fn reason_to_skip(&self, case: &Case) -> Option<String> {
        if self.gone.is_some() {
            return self.gone.clone();
        }
        if let Some(need) = case.needs.iter().find(|need| !need.is_met_by(&self.offer)) {
            return Some(need.to_string());
        }
        let erases = case.start != Start::Any
            || case.steps.iter().any(|line| matches!(line.step.once(), Step::Erase));
        if erases && !self.options.may_erase {
            return Some(ERASING_NOT_ALLOWED.to_owned());
        }
        if let Some(why) = self.out_of_reach.get(&case.start) {
            return Some(why.clone());
        }
        let waits = time_to_wait(case);
        (waits > self.options.patience && !self.key.is_simulated())
            .then(|| format!("it takes {} s of waiting", waits.as_secs()))
    }

    fn verdict(&mut self, case: &Case) -> Verdict {
        if let Err(stop) = self.prepare_patiently(case) {
            return verdict_of(stop, None, PREPARING, None);
        }
        let mut watch = Watch::new(self.key);
        let mut rng = UnwrapErr(SysRng);
        let current = match self.offer.info {
            Some(_) => info(&mut watch).unwrap_or_default(),
            None => None,
        };
        let mut player = Player::new(&mut watch, &mut rng, current.as_ref());
        if let Some(template) = &self.condition.template {
            player.scope.set("template", template.clone());
        }
        let played = player.play(case);
        self.condition.traces = self.condition.traces.max(watch.traces);
        let last = watch.last.take();
        if case.speaks_hid() {
            self.condition.traces = self.condition.traces.max(Traces::Volatile);
            self.key.forget_channel();
        }
        match played {
            Ok(()) => Verdict::Passed,
            Err((line, stop)) => {
                // Nobody knows what state a key is in that did something else than it should.
                self.condition.traces = Traces::Stored;
                let stop = self.after_care(stop, &case.id);
                let step = line.map_or("reading its values", |line: &Line| &line.text);
                verdict_of(stop, last, step, Some(&case.id))
            }
        }
    }

    /// As [`prepare`](Self::prepare), twice if need be. If the key cannot be had like that, the first case that wants it
    /// so fails, and the others need not try. A key that gave no answer is tried with a few more cases.
    fn prepare_patiently(&mut self, case: &Case) -> Result<(), Stop> {
        let outcome = self.prepare_twice(case);
        match &outcome {
            Ok(()) => self.silences = 0,
            Err(Stop::Wrong(why)) => self.rule_out(case, why),
            Err(Stop::Unanswered(why)) => {
                self.silences = self.silences.saturating_add(1);
                if self.silences >= MOST_SILENCES {
                    self.rule_out(case, why);
                }
            }
            Err(Stop::Unable(_)) => {}
        }
        outcome
    }

    fn prepare_twice(&mut self, case: &Case) -> Result<(), Stop> {
        let Err(stop) = self.prepare(case.start) else { return Ok(()) };
        match self.after_care(stop, &case.id) {
            unable @ Stop::Unable(_) => Err(unable),
            stop if self.gone.is_some() => Err(stop),
            _ => self.prepare(case.start).map_err(|stop| self.after_care(stop, &case.id)),
        }
    }

    /// Remembers what the key cannot be made: as `case` wants it or, if not even a reset worked, anything at all.
    fn rule_out(&mut self, case: &Case, why: &str) {
        let (what, starts) = match (case.start, self.condition.start) {
            (start @ Start::Pin, Some(_)) => ("have a PIN", vec![start]),
            (start @ Start::Finger, Some(_)) => ("have a finger enrolled", vec![start]),
            _ => ("be emptied", vec![Start::Empty, Start::Pin, Start::Finger]),
        };
        let why = format!("the key cannot {what}: {why}; see {}", case.id);
        self.out_of_reach.extend(starts.into_iter().map(|start| (start, why.clone())));
    }

    /// Sees whether a key that did not answer is still there, and says so.
    fn after_care(&mut self, stop: Stop, id: &str) -> Stop {
        let Stop::Unanswered(problem) = stop else { return stop };
        // What a key has muddled on the way, only the next plugging in sets right.
        self.plugged_in = None;
        match self.sign_of_life() {
            Ok(()) => Stop::Unanswered(problem),
            Err(trouble) => {
                let trouble = Stop::from(trouble).into_sentence();
                self.gone = Some(format!("the key is gone since {id}: {trouble}"));
                Stop::Unanswered(format!("{problem}; it is gone since, power cycled or not"))
            }
        }
    }

    /// Talks to the key over a new channel, if need be after a power cycle.
    fn sign_of_life(&mut self) -> Result<(), Trouble> {
        self.key.forget_channel();
        if info(&mut Watch::new(self.key)).is_ok() {
            return Ok(());
        }
        match self.key.power_cycle() {
            Ok(()) | Err(Trouble::Unable(_)) => info(&mut Watch::new(self.key)).map(drop),
            Err(trouble) => Err(trouble),
        }
    }

    /// Brings the key into the state in which a case starts, with as little as will do.
    fn prepare(&mut self, start: Start) -> Result<(), Stop> {
        let is_there = start == Start::Any || self.condition.start == Some(start);
        match (is_there, self.condition.traces) {
            (true, Traces::None) => return Ok(()),
            (true, Traces::Volatile) => return self.power_cycle(),
            // Settings may have been changed that a case like this cannot bear, such as alwaysUv.
            (true, Traces::Stored) if start == Start::Any && !self.can_be_emptied() => {
                return self.power_cycle();
            }
            _ => {}
        }
        let start = start.max(Start::Empty);
        self.condition.start = None;
        self.build(start)?;
        self.condition.start = Some(start);
        self.condition.traces = Traces::None;
        Ok(())
    }

    fn can_be_emptied(&self) -> bool {
        self.options.may_erase && !self.out_of_reach.contains_key(&Start::Empty)
    }

    fn power_cycle(&mut self) -> Result<(), Stop> {
        // Not every key can be unplugged, and most cases do not mind what the last one left.
        match self.key.power_cycle() {
            Ok(()) if self.condition.traces == Traces::Volatile => {
                self.condition.traces = Traces::None;
                Ok(())
            }
            Ok(()) | Err(Trouble::Unable(_)) => Ok(()),
            Err(trouble) => Err(trouble.into()),
        }
    }

    fn build(&mut self, start: Start) -> Result<(), Stop> {
        let mut rng = UnwrapErr(SysRng);
        let mut watch = Watch::new(self.key);
        let mut player = Player::new(&mut watch, &mut rng, self.offer.info.as_ref());
        self.condition.template = None;
        if player.watch.key.renew()? {
            self.plugged_in = None;
        } else if self.offer.info.is_none() {
            // A key with U2F alone stores nothing that a case could stumble over.
            return Ok(player.watch.key.power_cycle()?);
        } else {
            // Plugging in is what takes time on a real bus, and ten seconds are enough for several resets.
            let is_fresh = self.plugged_in.is_some_and(|when| when.elapsed() < LONGEST_FRESHNESS);
            if !is_fresh || player.watch.key.is_simulated() || player.reset().is_err() {
                self.plugged_in = Some(Instant::now());
                player.erase()?;
            }
        }
        (self.condition.start, self.condition.traces) = (Some(Start::Empty), Traces::Stored);
        for line in preparation(start) {
            player.step(&line.step)?;
        }
        if start == Start::Finger {
            self.condition.template = Some(player.scope.get("template")?.value()?);
        }
        Ok(())
    }

    /// What a case has stored is of no use to anybody.
    fn leave_clean(&mut self) {
        if self.options.may_erase && self.condition.start.is_some() && self.gone.is_none() {
            let _ = self.prepare(Start::Empty);
        }
    }
}

/// What has to be done to a key that was reset.
fn preparation(start: Start) -> Vec<Line> {
    let script = match start {
        Start::Any | Start::Empty => "",
        Start::Pin => "set PIN $pin",
        Start::Finger => {
            "set PIN $pin\ntoken be -> $token\nenroll finger 1 with $token -> $template\npower cycle"
        }
    };
    crate::script::read(script).unwrap_or_default()
}

/// How long a case takes on a key whose clock cannot be moved, beyond what it takes anyway.
fn time_to_wait(case: &Case) -> Duration {
    let times = case.steps.iter().map(|line| match line.step.once() {
        Step::Wait(time) => *time,
        Step::Ctap { person, .. } if person.hand == Hand::Nothing => UNTOUCHED,
        Step::Token(request) if request.person.hand == Hand::Nothing => UNTOUCHED,
        _ => Duration::ZERO,
    });
    times.sum()
}

fn verdict_of(
    stop: Stop,
    last: Option<(Said, Option<Vec<u8>>)>,
    step: &str,
    id: Option<&str>,
) -> Verdict {
    match stop {
        Stop::Unable(reason) => Verdict::Skipped { reason },
        Stop::Wrong(problem) | Stop::Unanswered(problem) => {
            let (request, response) = match last {
                Some((said, answer)) => {
                    let response = answer.map(|answer| show_answer(&answer, &said));
                    (Some(show_said(&said)), response)
                }
                None => (None, None),
            };
            let rerun = id.map(str::to_owned);
            Verdict::Failed(Failure { step: step.to_owned(), problem, request, response, rerun })
        }
    }
}

fn show_said(said: &Said) -> String {
    match said {
        Said::Ctap(message) => {
            let (command, body) = message.split_first().unwrap_or((&0, &[]));
            let name = crate::script::COMMANDS.iter().find(|(_, code)| code == command);
            let name = name
                .map_or_else(|| format!("command {command:#04x}"), |(name, _)| (*name).to_owned());
            format!("{name} {}", show_body(body)).trim_end().to_owned()
        }
        Said::U2f(apdu) => format!("apdu {}", hex(apdu)),
        Said::Hid(report) => format!("> {}", short(report)),
    }
}

fn show_answer(answer: &[u8], said: &Said) -> String {
    match (said, answer.split_first()) {
        (Said::Ctap(_), Some((status, body))) => {
            let status = named(ctap_client::Status::from_byte(*status));
            format!("{status} {}", show_body(body)).trim_end().to_owned()
        }
        (Said::Hid(_), _) => format!("< {}", short(answer)),
        (Said::Ctap(_) | Said::U2f(_), _) => hex(answer),
    }
}

fn show_body(body: &[u8]) -> String {
    match decode(body) {
        _ if body.is_empty() => String::new(),
        Ok(value) => shown(&value),
        Err(_) => format!("raw(h\"{}\")", hex(body)),
    }
}

/// What is done before a case's own first step.
const PREPARING: &str = "bringing the key into its first state";
/// How long a key waits for a touch before it gives up (HD-77).
const UNTOUCHED: Duration = Duration::from_secs(30);
