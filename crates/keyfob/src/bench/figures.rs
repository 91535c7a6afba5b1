//! Figures, beside those that they are compared with: as tables, and as JSON.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::cores::{Case, Work};
use super::durable::Syncs;
use super::growth::Curve;
use super::machine::Machine;
use super::name::{ECHO, GET_INFO, Name, Place, SIGNATURE, SILENT, TOUCH};
use super::process::Idle;
use super::spread::Spread;
use super::turns::{Spent, Taken};
use crate::terminal;

/// All figures of one run.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    machine: Machine,
    figures: Vec<Figure>,
    /// What grows with the number of passkeys, if it does.
    growth: Vec<Curve>,
}

/// One figure.
#[derive(Debug, Serialize)]
struct Figure {
    name: String,
    #[serde(flatten)]
    measure: Measure,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<Comparison>,
    /// The same of somebody else's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<Beside>,
    /// How often a call has its disk sync.
    #[serde(skip_serializing_if = "Option::is_none")]
    syncs: Option<SyncsOfACall>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Measure {
    Times {
        #[serde(flatten)]
        spread: Spread,
        unit: &'static str,
    },
    Number {
        value: f64,
        unit: &'static str,
    },
    /// It could not be measured.
    Nothing {
        reason: String,
    },
}

/// A figure beside another one of the same run.
#[derive(Debug, Serialize)]
struct Comparison {
    with: String,
    ratio: f64,
    /// The ratio that keyfob promises not to exceed.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_most: Option<f64>,
}

/// What a peer took, and how much of that we take; or why it cannot do it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Beside {
    Measured {
        #[serde(flatten)]
        spread: Spread,
        ratio: f64,
    },
    Refused {
        reason: String,
    },
}

/// Syncs of one call: the mean of many.
#[derive(Clone, Copy, Debug, Serialize)]
struct SyncsOfACall {
    waited_for: f64,
    /// Commits that nobody waits for; each is synced later, together with others if there are any.
    in_background: f64,
}

const ECHO_ROW: Name = Name::new(ECHO, Place::NoKey);
const SIGNATURE_ROW: Name = Name::new(SIGNATURE, Place::NoKey);

/// What is compared with what, and the promised ratio.
const COMPARISONS: [(Name, Name, f64); 5] = [
    (Name::new(GET_INFO, Place::Usbip), ECHO_ROW, 4.0),
    (Name::new(SILENT, Place::InProcess), SIGNATURE_ROW, 3.0),
    (Name::new(TOUCH, Place::InProcess), SIGNATURE_ROW, 3.0),
    (Name::new(SILENT, Place::Usbip), SIGNATURE_ROW, 3.0),
    (Name::new(TOUCH, Place::Usbip), SIGNATURE_ROW, 3.0),
];

impl Figures {
    /// None yet, of this machine.
    pub(super) const fn new(machine: Machine) -> Self {
        Self { machine, figures: Vec::new(), growth: Vec::new() }
    }

    /// Adds times and their median, in milliseconds.
    pub(super) fn time(&mut self, name: &str, times: Vec<Duration>) {
        let processor = Duration::ZERO;
        let calls = times.into_iter().map(|wall| Spent { wall, processor }).collect();
        let spread = Spread::of(calls, 1e3, false);
        self.figures.push(Figure::new(name.to_owned(), Measure::Times { spread, unit: "ms" }));
    }

    /// Adds the times of all subjects, in microseconds, with the comparisons there are between them, and those with a peer.
    pub(super) fn compare(&mut self, taken: Vec<Taken>) {
        let measured: Vec<(Name, Result<Spread, String>)> = taken.into_iter().map(spread).collect();
        let median = |wanted: Name| {
            let (_, spread) = measured.iter().find(|(name, _)| *name == wanted)?;
            Some(spread.as_ref().ok()?.value)
        };
        for (name, spread) in measured.iter().filter(|(name, _)| name.place != Place::Peer) {
            let Ok(spread) = spread else { continue };
            let spread = spread.clone();
            let of_peer = measured.iter().find(|(peer, _)| {
                (peer.what, peer.place, name.place.is_usbip()) == (name.what, Place::Peer, true)
            });
            self.figures.push(Figure {
                comparison: Comparison::of(*name, spread.value, median),
                peer: of_peer.map(|(_, peer)| Beside::of(spread.value, peer)),
                ..Figure::new(name.to_string(), Measure::Times { spread, unit: "µs" })
            });
        }
    }

    /// Adds how often each of so many calls had its disk sync, to the rows of their times.
    pub(super) fn count(&mut self, syncs: Vec<(Name, Syncs)>, calls: u64) {
        for (name, counted) in syncs {
            let name = name.to_string();
            if let Some(figure) = self.figures.iter_mut().find(|figure| figure.name == name) {
                figure.syncs = Some(SyncsOfACall::of(counted, calls));
            }
        }
    }

    /// Adds how much is done in a second by several at once; `None`: the machine is too small for it.
    pub(super) fn rates(&mut self, cases: &[(Case, Option<f64>)]) {
        for (Case { work, cores }, rate) in cases {
            let name = format!("{} in a second, {}", work.noun(), on(*work, *cores));
            let Some(value) = *rate else {
                let reason = format!("this process may use fewer than {cores} cores");
                self.figures.push(Figure::new(name, Measure::Nothing { reason }));
                continue;
            };
            let on_one = cases.iter().find(|(case, _)| (case.work, case.cores) == (*work, 1));
            let base = on_one.and_then(|(_, rate)| *rate).filter(|_| *cores > 1);
            let comparison = base.map(|base| Comparison {
                with: on(*work, 1),
                ratio: value / base,
                at_most: None,
            });
            let measure = Measure::Number { value, unit: "" };
            self.figures.push(Figure { comparison, ..Figure::new(name, measure) });
        }
    }

    /// Adds what an idle key costs.
    pub(super) fn process(&mut self, idle: &Idle) {
        let seconds = idle.watched.as_secs_f64();
        let per_cent = 100.0 * idle.processor.as_secs_f64() / seconds;
        let plain =
            |name: &str, value, unit| Figure::new(name.to_owned(), Measure::Number { value, unit });
        self.figures.extend([
            plain("resident memory after all this", idle.resident as f64 / 1024.0, "MiB"),
            plain("processor time of an attached, idle key", per_cent, "%"),
            plain("its wake-ups in a second", idle.wake_ups as f64 / seconds, ""),
        ]);
    }

    /// Adds what grows with the number of passkeys.
    pub(super) fn grow(&mut self, curves: Vec<Curve>) {
        self.growth = curves;
    }

    /// The machine.
    pub(super) const fn machine(&self) -> &Machine {
        &self.machine
    }

    /// What grows with the number of passkeys.
    pub(super) fn growth(&self) -> &[Curve] {
        &self.growth
    }

    /// A heading, and a row for each figure: name, median, 9 of 10, processor, unit, and what it is beside.
    pub(super) fn rows(&self) -> Vec<[String; 6]> {
        let heading = ["", "median", "9 of 10 <", "processor", "", ""].map(str::to_owned);
        [heading].into_iter().chain(self.figures.iter().map(Figure::row)).collect()
    }

    /// A heading, a row for each number of passkeys, and one that says how much the last is of the first.
    pub(super) fn growth_rows(&self) -> Vec<[String; 7]> {
        let row = |first: String, cell: &dyn Fn(&Curve) -> String| -> [String; 7] {
            std::array::from_fn(|column| match column.checked_sub(1) {
                None => first.clone(),
                Some(index) => self.growth.get(index).map(cell).unwrap_or_default(),
            })
        };
        let sizes = self.growth.first().map(|curve| curve.points.len()).unwrap_or_default();
        let size = |index: usize| {
            let credentials = self.growth.first().map(|curve| curve.points[index].credentials);
            row(credentials.unwrap_or_default().to_string(), &|curve| {
                let Spread { value, processor, .. } = &curve.points[index].spread;
                format!("{value:.1} ({:.1})", processor.unwrap_or_default())
            })
        };
        let rise =
            |curve: &Curve| curve.rise().map(|rise| format!("{rise:.2}")).unwrap_or_default();
        let heading = row("passkeys".to_owned(), &|curve| curve.name.to_owned());
        let last = row("last ÷ first".to_owned(), &rise);
        [heading].into_iter().chain((0..sizes).map(size)).chain([last]).collect()
    }
}

/// Microseconds; of what is in this process, the processor's too.
fn spread(Taken { name, calls }: Taken) -> (Name, Result<Spread, String>) {
    let is_all_ours = name.place.is_in_process() || name == SIGNATURE_ROW;
    (name, calls.map(|calls| Spread::of(calls, 1e6, is_all_ours)))
}

fn on(work: Work, cores: usize) -> String {
    let workers = match work {
        Work::Signatures(threads) => terminal::count(threads.into(), "thread"),
        Work::Assertions(keys) => terminal::count(keys.into(), "key"),
    };
    format!("{workers} on {}", terminal::count(cores as u64, "core"))
}

impl Figure {
    const fn new(name: String, measure: Measure) -> Self {
        Self { name, measure, comparison: None, peer: None, syncs: None }
    }

    fn row(&self) -> [String; 6] {
        let [value, p90, processor, unit] = match &self.measure {
            Measure::Times { spread: Spread { value, p90, processor, .. }, unit } => {
                let processor = processor.map(number).unwrap_or_default();
                [number(*value), number(*p90), processor, (*unit).to_owned()]
            }
            Measure::Number { value, unit } => {
                [number(*value), String::new(), String::new(), (*unit).to_owned()]
            }
            Measure::Nothing { .. } => Default::default(),
        };
        [self.name.clone(), value, p90, processor, unit, self.in_words()]
    }

    fn in_words(&self) -> String {
        let reason = match &self.measure {
            Measure::Nothing { reason } => Some(reason.clone()),
            _ => None,
        };
        let comparison = self.comparison.as_ref().map(Comparison::in_words);
        let peer = self.peer.as_ref().map(Beside::in_words);
        let syncs = self.syncs.map(SyncsOfACall::in_words);
        let words = [reason, comparison, syncs, peer].into_iter().flatten();
        words.collect::<Vec<_>>().join("; ")
    }
}

fn number(value: f64) -> String {
    format!("{value:.1}")
}

impl Comparison {
    fn of(name: Name, value: f64, median: impl Fn(Name) -> Option<f64>) -> Option<Self> {
        let (_, with, at_most) = *COMPARISONS.iter().find(|(compared, ..)| *compared == name)?;
        let ratio = value / median(with)?;
        Some(Self { with: with.to_string(), ratio, at_most: Some(at_most) })
    }

    fn in_words(&self) -> String {
        let Self { with, ratio, at_most } = self;
        let with = with.split(',').next().unwrap_or_default();
        match at_most {
            Some(limit) if ratio <= limit => format!("{ratio:.2} × {with}; goal {limit} met"),
            Some(limit) => format!("{ratio:.2} × {with}; goal {limit} MISSED"),
            None => format!("{ratio:.2} × {with}"),
        }
    }
}

impl Beside {
    fn of(ours: f64, peer: &Result<Spread, String>) -> Self {
        match peer {
            Ok(spread) => Self::Measured { spread: spread.clone(), ratio: ours / spread.value },
            Err(reason) => Self::Refused { reason: reason.clone() },
        }
    }

    fn in_words(&self) -> String {
        match self {
            Self::Measured { spread, ratio } => {
                format!("{ratio:.2} × peer's {:.1}", spread.value)
            }
            Self::Refused { reason } => format!("peer: {reason}"),
        }
    }
}

impl SyncsOfACall {
    fn of(Syncs { waited_for, in_background }: Syncs, calls: u64) -> Self {
        let mean = |count: u64| count as f64 / calls as f64;
        Self { waited_for: mean(waited_for), in_background: mean(in_background) }
    }

    fn in_words(self) -> String {
        let Self { waited_for, in_background } = self;
        format!("syncs: {waited_for:.2} waited for, {in_background:.2} in the background")
    }
}

/// What stands above figures that nobody should believe.
pub(super) const fn note_on_debug_builds() -> &'static str {
    match cfg!(debug_assertions) {
        true => "This is a debug build: its figures mean nothing. Use cargo build --release.\n\n",
        false => "",
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(note_on_debug_builds())?;
        let aligned = |mut row: [String; 6]| {
            row[1..4].iter_mut().for_each(|cell| *cell = format!("{cell:>9}"));
            row
        };
        let rows: Vec<_> = self.rows().into_iter().map(aligned).collect();
        f.write_str(&terminal::columns(&rows))?;
        if self.growth.is_empty() {
            return Ok(());
        }
        f.write_str("\nMicroseconds, and in brackets those of the processor, by the number of passkeys:\n\n")?;
        f.write_str(&terminal::columns(&self.growth_rows()))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::super::growth::Point;
    use super::super::name::{LIST, TOKEN};
    use super::*;

    fn taken(name: Name, micros: u64) -> Taken {
        let wall = Duration::from_micros(micros);
        Taken { name, calls: Ok(vec![Spent { wall, processor: wall / 2 }]) }
    }

    fn figures() -> Figures {
        Figures::new(Machine::this(Path::new("/")))
    }

    fn json_of(figures: &Figures) -> serde_json::Value {
        serde_json::to_value(figures).unwrap()
    }

    #[test]
    fn a_goal_is_met_or_missed() {
        let told = |info| {
            let mut figures = figures();
            let get_info = Name::new(GET_INFO, Place::Usbip);
            figures.compare(vec![taken(ECHO_ROW, 10), taken(get_info, info)]);
            figures.to_string()
        };
        assert!(told(40).contains("4.00 × bare TCP echo; goal 4 met"), "{}", told(40));
        assert!(told(41).contains("4.10 × bare TCP echo; goal 4 MISSED"));
    }

    #[test]
    fn a_peer_has_a_ratio_in_each_row_over_usbip_or_a_reason() {
        let mut figures = figures();
        let refused = Taken { name: Name::new(LIST, Place::Peer), calls: Err("no PIN".to_owned()) };
        figures.compare(vec![
            taken(Name::new(TOKEN, Place::InProcess), 10),
            taken(Name::new(TOKEN, Place::Usbip), 20),
            taken(Name::new(TOKEN, Place::UsbipDurable), 30),
            taken(Name::new(TOKEN, Place::Peer), 40),
            taken(Name::new(LIST, Place::Usbip), 50),
            refused,
        ]);
        let peers: Vec<_> = figures.figures.iter().map(Figure::in_words).collect();
        let ours = ["", "0.50 × peer's 40.0", "0.75 × peer's 40.0", "peer: no PIN"];
        assert_eq!(peers, ours, "and the peer has no rows of its own");
        let json = json_of(&figures);
        assert_eq!(json["figures"][1]["peer"]["ratio"], 0.5);
        assert_eq!(json["figures"][3]["peer"], json!({ "reason": "no PIN" }));
    }

    #[test]
    fn syncs_are_told_in_the_row_of_their_times() {
        let mut figures = figures();
        let name = Name::new(TOKEN, Place::InProcessDurable);
        figures.compare(vec![taken(name, 10)]);
        figures.count(vec![(name, Syncs { waited_for: 128, in_background: 64 })], 128);
        let json = json_of(&figures);
        let expected = json!({
            "name": "PIN token, durable, in process",
            "value": 10.0, "samples": 1, "p90": 10.0, "processor": 5.0, "unit": "µs",
            "syncs": { "waited_for": 1.0, "in_background": 0.5 },
        });
        assert_eq!(json["figures"][0], expected);
        assert!(figures.to_string().contains("syncs: 1.00 waited for, 0.50 in the background"));
    }

    #[test]
    fn a_machine_that_is_too_small_is_a_reason() {
        let mut figures = figures();
        let case = |keys, cores| Case { work: Work::Assertions(keys), cores };
        figures.rates(&[(case(8, 1), Some(100.0)), (case(8, 2), Some(180.0))]);
        figures.rates(&[(case(1, 2), None)]);
        let json = json_of(&figures);
        assert_eq!(json["figures"][1]["comparison"]["ratio"], 1.8);
        assert_eq!(json["figures"][1]["comparison"]["with"], "8 keys on 1 core");
        let reason = "this process may use fewer than 2 cores";
        let name = "assertions in a second, 1 key on 2 cores";
        assert_eq!(json["figures"][2], json!({ "name": name, "reason": reason }));
    }

    #[test]
    fn growth_is_a_table_by_size() {
        let point = |credentials, value: f64| {
            let processor = Some(value / 2.0);
            Point { credentials, spread: Spread { value, samples: 1, p90: value, processor } }
        };
        let mut figures = figures();
        let points = vec![point(10, 100.0), point(100, 150.0)];
        figures.grow(vec![Curve { name: TOKEN, unit: "µs", points }]);
        let rows = figures.growth_rows();
        let table: Vec<_> = rows.iter().map(|row| [&row[0][..], &row[1][..]]).collect();
        assert_eq!(
            table,
            [
                ["passkeys", TOKEN],
                ["10", "100.0 (50.0)"],
                ["100", "150.0 (75.0)"],
                ["last ÷ first", "1.50"]
            ]
        );
        assert_eq!(json_of(&figures)["growth"][0]["points"][1]["credentials"], 100);
    }
}
