//! Many times of one thing, as one figure.

use serde::Serialize;

use super::turns::Spent;

/// The middle of many times, and how far they spread.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Spread {
    /// The median.
    pub(super) value: f64,
    /// How many there were.
    pub(super) samples: usize,
    /// Nine of ten were shorter.
    pub(super) p90: f64,
    /// The median of processor time, where it is all in this thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) processor: Option<f64>,
}

impl Spread {
    /// Of these calls, in a unit of which a second has so many.
    pub(super) fn of(calls: Vec<Spent>, in_a_second: f64, is_all_ours: bool) -> Self {
        let sorted = |time: fn(&Spent) -> std::time::Duration| {
            let mut times: Vec<f64> =
                calls.iter().map(|call| time(call).as_secs_f64() * in_a_second).collect();
            times.sort_unstable_by(f64::total_cmp);
            times
        };
        let wall = sorted(|call| call.wall);
        Self {
            value: at(&wall, 0.5),
            samples: wall.len(),
            p90: at(&wall, 0.9),
            processor: is_all_ours.then(|| at(&sorted(|call| call.processor), 0.5)),
        }
    }
}

fn at(sorted: &[f64], share: f64) -> f64 {
    let index = (sorted.len() as f64 * share) as usize;
    sorted.get(index).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_figure_is_the_median_and_nine_of_ten_are_below_p90() {
        let call = |micros: u64| Spent {
            wall: Duration::from_micros(micros),
            processor: Duration::from_micros(micros / 2),
        };
        let calls = [9, 1, 5, 3, 7, 2, 8, 4, 6, 100].map(call).to_vec();
        let spread = Spread::of(calls, 1e6, true);
        let near = |one: f64, other: f64| (one - other).abs() < 1e-9;
        assert!(near(spread.value, 6.0) && near(spread.p90, 100.0), "{spread:?}");
        assert!(spread.processor.is_some_and(|processor| near(processor, 3.0)));
    }
}
