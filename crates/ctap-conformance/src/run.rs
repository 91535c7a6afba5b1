//! Runs cases against a key: brings it into the state that each case needs, and collects the results.

mod algorithm;
mod imitated;
mod options;
mod told;

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use ctap_client::Value;
use getrandom::SysRng;
use rand_core::UnwrapErr;

use self::algorithm::algorithm_for;
pub use self::imitated::Imitated;
pub use self::options::{KnownPin, Options};
use self::told::verdict_of;
use crate::case::{Case, Start};
use crate::limits::{LONGEST_FRESHNESS, MOST_SILENCES};
use crate::needs::{ES256, Need, Offer};
use crate::outcome::{ERASING_NOT_ALLOWED, KeyDescription, Outcome, Report, Verdict};
use crate::play::{Player, Stop, Variant, info};
use crate::script::{Line, Step};
use crate::transport::{Hand, Transport, TransportFailure};
use crate::watch::{Traces, Watch};

/// Runs cases against a key, in this order. `on_progress` gets the report before the first case, and after each
/// case.
///
/// ```
/// # fn judge(my_authenticator: &mut dyn ctap_conformance::Transport) -> Result<(), ctap_conformance::TransportFailure> {
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
/// [`TransportFailure`]: there is no connection to the key at all. An error in a case is the outcome of that case.
/// If a key fails during the run and does not come back, the report has [`Report::gone`].
pub fn run(
    key: &mut dyn Transport,
    cases: &[&Case],
    options: &Options,
    mut on_progress: impl FnMut(&Report),
) -> Result<Report, TransportFailure> {
    let begun = Instant::now();
    let mut runner = Runner::new(key, options)?;
    let mut report = Report {
        key: KeyDescription::of(runner.shipped.info.as_ref(), &options.device),
        begun: SystemTime::now(),
        outcomes: Vec::new(),
        planned: cases.len(),
        elapsed: begun.elapsed(),
        gone: None,
    };
    on_progress(&report);
    for case in cases {
        let outcome = runner.outcome(case);
        let is_enough = options.ends_with(&outcome);
        report.outcomes.push(outcome);
        runner.heed_hindrance();
        report.elapsed = begun.elapsed();
        report.gone.clone_from(&runner.gone);
        on_progress(&report);
        if is_enough {
            break;
        }
    }
    runner.leave_clean();
    Ok(report)
}

struct Runner<'k, 'o> {
    key: &'k mut dyn Transport,
    options: &'o Options,
    /// What the key announces as it is shipped.
    shipped: Offer,
    /// What it announces with alwaysUv off, if it ships with alwaysUv and allows it to be switched off.
    relaxed: Option<Offer>,
    condition: Condition,
    /// Whether cases have used up taps (NF-41): each begins with a new one then.
    spends_taps: bool,
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
    variant: Variant,
    /// The template of finger 1, if it is enrolled.
    template: Option<Value>,
    traces: Traces,
}

impl<'k, 'o> Runner<'k, 'o> {
    fn new(key: &'k mut dyn Transport, options: &'o Options) -> Result<Self, TransportFailure> {
        let (capabilities, selected) = (key.capabilities()?, key.selected()?);
        let info = info(&mut Watch::new(key))?;
        let locks = Player::new(&mut Watch::new(key), &mut UnwrapErr(SysRng), None, ES256).locks();
        key.forget_channel();
        if selected.is_some() {
            // Without a tap it would refuse as if it waited for a touch. If there can be no tap, that shows soon
            // enough.
            let _ = key.power_anew();
        }
        let algorithm = algorithm_for(key, info.as_ref(), options.imitates.as_ref());
        let mut shipped = Offer { info, capabilities, selected, locks, waits: true, algorithm };
        shipped.waits = waits_for_a_person(key, &shipped, options.may_erase);
        let (variant, traces) = (Variant::AsShipped, Traces::Stored);
        let condition = Condition { start: None, variant, template: None, traces };
        let mut runner = Self {
            key,
            options,
            shipped,
            relaxed: None,
            condition,
            spends_taps: false,
            plugged_in: None,
            out_of_reach: BTreeMap::new(),
            silences: 0,
            gone: None,
        };
        runner.heed_resets_elsewhere();
        if runner.shed() {
            runner.relax();
        }
        Ok(runner)
    }

    /// A key that takes no reset here is not at fault; nobody can empty it, unless somebody makes it as new (GI-35).
    fn heed_resets_elsewhere(&mut self) {
        let Some(ways) = self.shipped.resets_elsewhere() else { return };
        let ways = ways.join(" or ");
        if self.options.may_erase && !matches!(self.key.renew(), Ok(true)) {
            let why = format!("the key takes a reset over {ways} alone (transportsForReset)");
            self.put_out_of_reach(&ERASED, &why);
        }
    }

    /// Sees what the key is as shipped: the PIN, the fingers and the settings that its last owner gave it end with a reset. Whether that is
    /// so now; where it does not work, the cases find what is wrong with it.
    fn shed(&mut self) -> bool {
        if !self.can_be_emptied() || !self.shipped.is_in_use() {
            return false;
        }
        if self.build(Start::Empty, Variant::AsShipped).is_err() {
            return false;
        }
        let now = info(&mut Watch::new(self.key)).unwrap_or_default();
        self.shipped.info = now.or(self.shipped.info.take());
        true
    }

    /// Finds out what the key offers with alwaysUv off. Where that does not work it is a key that always wants to know who is
    /// there, and what is wrong with it the cases find.
    fn relax(&mut self) {
        if self.shipped.always_verifies() && self.build(Start::Empty, Variant::AlwaysUvOff).is_ok()
        {
            let info = info(&mut Watch::new(self.key)).unwrap_or_default();
            let offer = Offer { info, ..self.shipped.clone() };
            self.relaxed = Some(offer).filter(|offer| !offer.always_verifies());
        }
    }

    fn outcome(&mut self, case: &Case) -> Outcome {
        let begun = Instant::now();
        let verdict = match self.variant_for(case) {
            Err(reason) => Verdict::Skipped { reason },
            Ok(variant) => self.verdict(case, variant),
        };
        let verdict = match &self.options.imitates {
            Some(model) => model.excuse(case, verdict),
            None => verdict,
        };
        Outcome {
            id: case.id.clone(),
            chapter: case.chapter.clone(),
            rules: case.rules.clone(),
            says: case.says.clone(),
            level: case.level,
            verdict,
            elapsed: begun.elapsed(),
        }
    }

    /// If nobody can touch or unplug the key any more, further cases show nothing, neither to the tester nor to
    /// readers of the report.
    fn heed_hindrance(&mut self) {
        self.gone = self.gone.take().or_else(|| self.key.hindrance());
    }

    /// The state in which the key can run the case.
    ///
    /// # Errors
    /// Why it cannot: the reason to skip it.
    fn variant_for(&self, case: &Case) -> Result<Variant, String> {
        if let Some(gone) = &self.gone {
            return Err(gone.clone());
        }
        let meets = |offer: &Offer| case.needs.iter().all(|need| need.is_met_by(offer));
        let variant = match &self.relaxed {
            _ if meets(&self.shipped) => Variant::AsShipped,
            Some(relaxed) if meets(relaxed) => Variant::AlwaysUvOff,
            _ => {
                let lack = self.lack(case).map(|need| need.unmet_by(&self.shipped));
                return Err(lack.unwrap_or_default());
            }
        };
        self.obstacle(case).map_or(Ok(variant), Err)
    }

    /// The need of a case that the key does not meet: in no variant, if there is one of that kind.
    fn lack<'c>(&self, case: &'c Case) -> Option<&'c Need> {
        let offers = || [Some(&self.shipped), self.relaxed.as_ref()].into_iter().flatten();
        let is_met = |need: &Need| offers().any(|offer| need.is_met_by(offer));
        let lacks = |need: &&Need| !need.is_met_by(&self.shipped);
        case.needs.iter().find(|need| !is_met(need)).or_else(|| case.needs.iter().find(lacks))
    }

    /// The reason why a case cannot be run although the key has what it needs.
    fn obstacle(&self, case: &Case) -> Option<String> {
        let is_suited = self.suits_as_it_is(case.start);
        let erases = (case.start != Start::Any && !is_suited)
            || case.steps.iter().any(|line| matches!(line.step.once(), Step::Erase));
        if erases && !self.options.may_erase {
            return Some(ERASING_NOT_ALLOWED.to_owned());
        }
        if let Some(why) = self.out_of_reach.get(&case.start.max(Start::Empty)).filter(|_| erases) {
            return Some(why.clone());
        }
        let waits = time_to_wait(case);
        (waits > self.options.patience && !self.key.is_simulated())
            .then(|| format!("it takes {} s of waiting", waits.as_secs()))
    }

    /// A case may be the first to miss a tap that it was not given: it is played once more.
    fn verdict(&mut self, case: &Case, variant: Variant) -> Verdict {
        let gave_taps = self.spends_taps;
        match self.played(case, variant) {
            Verdict::Skipped { .. } if self.spends_taps && !gave_taps => self.played(case, variant),
            verdict => verdict,
        }
    }

    fn played(&mut self, case: &Case, variant: Variant) -> Verdict {
        if let Err(stop) = self.prepare_patiently(case, variant) {
            return verdict_of(stop, None, PREPARING, None);
        }
        let known = self.options.pin.as_ref().filter(|_| self.suits_as_it_is(case.start));
        let mut watch = Watch::new(self.key);
        watch.takes_taps = self.shipped.takes_taps();
        let mut rng = UnwrapErr(SysRng);
        let current = match self.shipped.info {
            Some(_) => info(&mut watch).unwrap_or_default(),
            None => None,
        };
        let mut player =
            Player::new(&mut watch, &mut rng, current.as_ref(), self.shipped.algorithm);
        player.variant = variant;
        if let Some(KnownPin(pin)) = known {
            player.leave_as_it_is(pin);
        }
        if let Some(template) = &self.condition.template {
            player.scope.set("template", template.clone());
        }
        let played = player.play(case);
        self.condition.traces = self.condition.traces.max(watch.traces);
        self.spends_taps |= watch.missed_tap;
        let last = watch.last.take();
        if case.bypasses_channel() {
            self.condition.traces = self.condition.traces.max(Traces::Volatile);
            self.key.forget_channel();
        }
        match played {
            Ok(()) => Verdict::Passed,
            Err((line, stop)) => {
                // After a wrong answer the state of the key is unknown.
                self.condition.traces = Traces::Stored;
                let stop = self.after_care(stop, &case.id);
                let step = line.map_or("reading its values", |line: &Line| &line.text);
                verdict_of(stop, last, step, Some(&case.id))
            }
        }
    }

    /// As [`prepare`](Self::prepare), twice if necessary. If the key cannot be brought into this state, the first
    /// case that needs it fails, and the others do not try. A key that gave no answer is tried with a few more
    /// cases.
    fn prepare_patiently(&mut self, case: &Case, variant: Variant) -> Result<(), Stop> {
        let outcome = self.prepare_twice(case, variant);
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

    fn prepare_twice(&mut self, case: &Case, variant: Variant) -> Result<(), Stop> {
        let start = if self.suits_as_it_is(case.start) { Start::Any } else { case.start };
        let Err(stop) = self.prepare(start, variant) else { return Ok(()) };
        match self.after_care(stop, &case.id) {
            unable @ Stop::Unable(_) => Err(unable),
            stop if self.gone.is_some() => Err(stop),
            _ => self.prepare(start, variant).map_err(|stop| self.after_care(stop, &case.id)),
        }
    }

    /// Remembers what the key cannot be made: as `case` wants it or, if not even a reset worked, anything at all.
    fn rule_out(&mut self, case: &Case, why: &str) {
        let (what, starts) = match (case.start, self.condition.start) {
            (Start::Pin, Some(_)) => ("have a PIN", &[Start::Pin][..]),
            (Start::Finger, Some(_)) => ("have a finger enrolled", &[Start::Finger][..]),
            _ => ("be emptied", &ERASED[..]),
        };
        self.put_out_of_reach(starts, &format!("the key cannot {what}: {why}; see {}", case.id));
    }

    fn put_out_of_reach(&mut self, starts: &[Start], why: &str) {
        self.out_of_reach.extend(starts.iter().map(|start| (*start, why.to_owned())));
    }

    /// Sees whether a key that did not answer is still there, and says so.
    fn after_care(&mut self, stop: Stop, id: &str) -> Stop {
        let Stop::Unanswered(problem) = stop else { return stop };
        // Only the next plugging in repairs a state that the key has damaged on the way.
        self.plugged_in = None;
        match self.sign_of_life() {
            Ok(()) => Stop::Unanswered(problem),
            Err(failure) => {
                let failure = Stop::from(failure).into_sentence();
                self.gone = Some(format!("the key has not answered since {id}: {failure}"));
                Stop::Unanswered(format!(
                    "{problem}; since then it does not answer, even after a power cycle"
                ))
            }
        }
    }

    /// Talks to the key over a new channel, if need be after a power cycle.
    fn sign_of_life(&mut self) -> Result<(), TransportFailure> {
        self.key.forget_channel();
        if info(&mut Watch::new(self.key)).is_ok() {
            return Ok(());
        }
        match self.key.power_cycle() {
            Ok(()) | Err(TransportFailure::Unable(_)) => info(&mut Watch::new(self.key)).map(drop),
            Err(failure) => Err(failure),
        }
    }

    /// Brings the key into the state in which a case starts, with as little as will do.
    fn prepare(&mut self, start: Start, variant: Variant) -> Result<(), Stop> {
        let is_there = (start == Start::Any || self.condition.start == Some(start))
            && self.condition.variant == variant;
        match (is_there, self.condition.traces) {
            (true, Traces::None) => return Ok(()),
            (true, Traces::Volatile) => return self.power_anew(),
            // Settings may have been changed that a case like this cannot bear, such as alwaysUv.
            (true, Traces::Stored) if start == Start::Any && !self.can_be_emptied() => {
                return self.power_anew();
            }
            _ => {}
        }
        let start = start.max(Start::Empty);
        self.condition.start = None;
        self.build(start, variant)?;
        self.condition.start = Some(start);
        self.condition.traces = Traces::None;
        if self.spends_taps { self.power_anew() } else { Ok(()) }
    }

    /// Whether a case that starts so can be played with the PIN and the fingers that the key has.
    fn suits_as_it_is(&self, start: Start) -> bool {
        let has = |option| self.shipped.option(option) == Some(true);
        let is_known = self.options.pin.is_some() && !self.can_be_emptied() && has("clientPin");
        match start {
            Start::Any | Start::Empty => false,
            Start::Pin => is_known,
            Start::Finger => is_known && has("uv"),
        }
    }

    fn can_be_emptied(&self) -> bool {
        self.options.may_erase && !self.out_of_reach.contains_key(&Start::Empty)
    }

    fn power_anew(&mut self) -> Result<(), Stop> {
        // Not every key can be unplugged, and most cases do not mind what the last one left.
        match self.key.power_anew() {
            Ok(()) if self.condition.traces == Traces::Volatile => {
                self.condition.traces = Traces::None;
                Ok(())
            }
            Ok(()) | Err(TransportFailure::Unable(_)) => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }

    fn build(&mut self, start: Start, variant: Variant) -> Result<(), Stop> {
        let mut rng = UnwrapErr(SysRng);
        let mut watch = Watch::new(self.key);
        let Offer { info, algorithm, .. } = &self.shipped;
        let mut player = Player::new(&mut watch, &mut rng, info.as_ref(), *algorithm);
        (self.condition.template, self.condition.variant) = (None, Variant::AsShipped);
        if player.watch.key.renew()? {
            self.plugged_in = None;
        } else if self.shipped.info.is_none() {
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
        if variant == Variant::AlwaysUvOff {
            player.relax()?;
            self.condition.variant = variant;
        }
        for line in preparation(start) {
            player.step(&line.step)?;
        }
        if start == Start::Finger {
            self.condition.template = Some(player.scope.get("template")?.value()?);
        }
        Ok(())
    }

    /// Nobody needs what a case has stored.
    fn leave_clean(&mut self) {
        if self.options.may_erase && self.condition.start.is_some() && self.gone.is_none() {
            let _ = self.prepare(Start::Empty, Variant::AsShipped);
        }
    }
}

/// Whether the key waits for a person, as far as requests show it that change nothing: cancelled as soon as they ask, they must
/// not come true. In doubt it does.
fn waits_for_a_person(key: &mut dyn Transport, offer: &Offer, may_erase: bool) -> bool {
    let (mut watch, mut rng) = (Watch::new(key), UnwrapErr(SysRng));
    let info = offer.info.as_ref();
    let mut player = Player::new(&mut watch, &mut rng, info, offer.algorithm);
    let says = if offer.has_selection() {
        "cancelled: selection => KEEPALIVE_CANCEL"
    } else if !may_erase {
        return true;
    } else if info.is_some() {
        "cancelled: makeCredential $mc => KEEPALIVE_CANCEL"
    } else {
        "untouched: apdu apdu(1, 0, 0, $hash + $hash) => 6985"
    };
    for line in crate::script::read(says).unwrap_or_default() {
        let _ = player.step(&line.step);
    }
    let answer = watch.last.and_then(|(_, answer)| answer).unwrap_or_default();
    match info {
        Some(_) => answer.first() != Some(&0),
        None => !answer.ends_with(&[0x90, 0x00]),
    }
}

/// The steps for a key that was reset.
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

/// The first states that begin with a reset.
const ERASED: [Start; 3] = [Start::Empty, Start::Pin, Start::Finger];
/// The name of what is done before a case's own first step.
const PREPARING: &str = "bringing the key into its first state";
/// How long a key waits for a touch before it gives up (HD-77).
const UNTOUCHED: Duration = Duration::from_secs(30);
