//! What was measured, beside what it is compared with: as a table, and as JSON.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::process::Idle;
use super::subjects::{
    ECHO, GET_INFO, SIGNATURE, SILENT, SILENT_IN_PROCESS, TOUCH, TOUCH_IN_PROCESS,
};
use super::turns::Times;
use crate::terminal;

/// All figures of one run.
#[derive(Debug, Default, Serialize)]
pub(super) struct Figures {
    figures: Vec<Figure>,
}

/// One figure.
#[derive(Debug, Serialize)]
struct Figure {
    name: &'static str,
    /// The median, of times.
    value: f64,
    unit: &'static str,
    /// Of times: how many were taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    samples: Option<usize>,
    /// Of times: nine of ten were shorter.
    #[serde(skip_serializing_if = "Option::is_none")]
    p90: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<Comparison>,
}

/// A figure beside another one of the same run.
#[derive(Debug, Serialize)]
struct Comparison {
    with: &'static str,
    ratio: f64,
    /// The ratio that keyfob promises not to exceed.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_most: Option<f64>,
}

/// What is compared with what, and the promised ratio.
const COMPARISONS: [(&str, &str, Option<f64>); 5] = [
    (GET_INFO, ECHO, Some(4.0)),
    (SILENT_IN_PROCESS, SIGNATURE, Some(3.0)),
    (TOUCH_IN_PROCESS, SIGNATURE, Some(3.0)),
    (SILENT, SIGNATURE, Some(3.0)),
    (TOUCH, SIGNATURE, Some(3.0)),
];

impl Figures {
    /// Adds times and their median, in milliseconds.
    pub(super) fn time(&mut self, name: &'static str, times: Vec<Duration>) {
        self.figures.push(Figure::of_times(name, times, ("ms", 1e3)));
    }

    /// Adds the times of all subjects, in microseconds, with the comparisons there are between them.
    pub(super) fn compare(&mut self, times: Vec<Times>) {
        let mut figures: Vec<Figure> = times
            .into_iter()
            .map(|(name, times)| Figure::of_times(name, times, ("µs", 1e6)))
            .collect();
        let medians: Vec<(&str, f64)> =
            figures.iter().map(|figure| (figure.name, figure.value)).collect();
        for figure in &mut figures {
            figure.comparison = Comparison::of(figure, &medians);
        }
        self.figures.extend(figures);
    }

    /// Adds what an idle key costs.
    pub(super) fn process(&mut self, idle: &Idle) {
        let seconds = idle.watched.as_secs_f64();
        let per_cent = 100.0 * idle.processor.as_secs_f64() / seconds;
        self.figures.extend([
            Figure::plain("resident memory after all this", idle.resident as f64 / 1024.0, "MiB"),
            Figure::plain("processor time of an attached, idle key", per_cent, "%"),
            Figure::plain("its wake-ups in a second", idle.wake_ups as f64 / seconds, ""),
        ]);
    }
}

impl Figure {
    fn of_times(
        name: &'static str,
        mut times: Vec<Duration>,
        (unit, scale): (&'static str, f64),
    ) -> Self {
        times.sort_unstable();
        let at = |share: f64| {
            let index = (times.len() as f64 * share) as usize;
            times.get(index).map_or(0.0, |time| time.as_secs_f64() * scale)
        };
        let (samples, p90) = (Some(times.len()), Some(at(0.9)));
        Self { name, value: at(0.5), unit, samples, p90, comparison: None }
    }

    const fn plain(name: &'static str, value: f64, unit: &'static str) -> Self {
        Self { name, value, unit, samples: None, p90: None, comparison: None }
    }

    fn row(&self) -> [String; 5] {
        let spread = self.p90.map(|p90| format!("{p90:.1}")).unwrap_or_default();
        let comparison = self.comparison.as_ref().map(Comparison::in_words).unwrap_or_default();
        [
            self.name.to_owned(),
            format!("{:>9.1}", self.value),
            format!("{spread:>9}"),
            self.unit.to_owned(),
            comparison,
        ]
    }
}

impl Comparison {
    fn of(figure: &Figure, medians: &[(&'static str, f64)]) -> Option<Self> {
        let (_, with, at_most) = *COMPARISONS.iter().find(|(name, ..)| *name == figure.name)?;
        let (with, base) = *medians.iter().find(|(name, _)| *name == with)?;
        Some(Self { with, ratio: figure.value / base, at_most })
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

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if cfg!(debug_assertions) {
            writeln!(
                f,
                "This is a debug build: its figures mean nothing. Use cargo build --release.\n"
            )?;
        }
        let heading = ["", "   median", " 9 of 10 <", "", ""].map(str::to_owned);
        let rows: Vec<_> =
            [heading].into_iter().chain(self.figures.iter().map(Figure::row)).collect();
        f.write_str(&terminal::columns(&rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(times: &[u64]) -> Vec<Duration> {
        times.iter().copied().map(Duration::from_micros).collect()
    }

    #[test]
    fn a_figure_is_the_median_and_nine_of_ten_are_below_p90() {
        let figure = Figure::of_times("x", micros(&[9, 1, 5, 3, 7, 2, 8, 4, 6, 100]), ("µs", 1e6));
        assert!(
            (figure.value - 6.0).abs() < 1e-9
                && figure.p90.is_some_and(|p90| (p90 - 100.0).abs() < 1e-9)
        );
    }

    #[test]
    fn a_goal_is_met_or_missed() {
        let told = |info| {
            let mut figures = Figures::default();
            figures.compare(vec![(ECHO, micros(&[10])), (GET_INFO, micros(&[info]))]);
            figures.to_string()
        };
        assert!(told(40).contains("4.00 × bare TCP echo; goal 4 met"), "{}", told(40));
        assert!(told(41).contains("4.10 × bare TCP echo; goal 4 MISSED"));
    }
}
