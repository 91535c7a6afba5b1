//! The figures of a farm, as tables and as JSON.

use std::fmt;

use serde::Serialize;

use super::{Cost, Row, Size, Waits};
use crate::bench::machine::Machine;
use crate::terminal;

/// All figures of one run.
#[derive(Debug, Serialize)]
pub(in crate::bench) struct Farm {
    pub(super) machine: Machine,
    pub(super) size: Size,
    pub(super) rows: Vec<Row>,
    pub(super) costs: Vec<Cost>,
}

impl fmt::Display for Farm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(crate::bench::figures::note_on_debug_builds())?;
        for (name, value) in self.machine.rows() {
            writeln!(f, "{name}: {value}")?;
        }
        let Size { keys, clients, rate, .. } = self.size;
        writeln!(f, "{keys} keys in one server, {rate} requests a second in all; milliseconds\n")?;
        let all = terminal::count(clients.into(), "client");
        let heading = [String::new(), "1 client, median".into(), "p99".into(), "samples".into()];
        let more = [format!("{all}, median"), "p99".into(), "samples".into(), String::new()];
        let [a, b, c, d] = heading;
        let [e, g, h, i] = more;
        let rows: Vec<_> =
            [[a, b, c, d, e, g, h, i]].into_iter().chain(self.rows.iter().map(cells)).collect();
        f.write_str(&terminal::columns(&rows))?;
        f.write_str("\n")?;
        f.write_str(&terminal::columns(&self.costs()))
    }
}

fn cells(row: &Row) -> [String; 8] {
    let [median, p99, samples] = of_waits(row.alone);
    let [median_of_all, p99_of_all, samples_of_all] = of_waits(row.together);
    let verdict = if row.ratio <= row.at_most { "met" } else { "MISSED" };
    let words = format!("{:.2} × p99 of one; goal {} {verdict}", row.ratio, row.at_most);
    let name = row.name.to_owned();
    [name, median, p99, samples, median_of_all, p99_of_all, samples_of_all, words]
}

fn of_waits(Waits { samples, median, p99 }: Waits) -> [String; 3] {
    [format!("{median:.2}"), format!("{p99:.2}"), samples.to_string()]
}

impl Farm {
    /// A column for each kind of memory.
    fn costs(&self) -> Vec<[String; 3]> {
        let row = |name: &str, value: &dyn Fn(&Cost) -> String| -> [String; 3] {
            let mut cells = self.costs.iter().map(value);
            [name.to_owned(), cells.next().unwrap_or_default(), cells.next().unwrap_or_default()]
        };
        vec![
            row("memory of the keys", &|cost| cost.memory.to_owned()),
            row("start to listening, ms", &|cost| format!("{:.0}", cost.start_milliseconds)),
            row("resident memory, MiB", &|cost| {
                format!("{:.1}", cost.resident_kibibytes as f64 / 1024.0)
            }),
            row("of each key more, KiB", &|cost| format!("{:.1}", cost.each.resident_kibibytes)),
            row("its descriptors", &|cost| format!("{:.2}", cost.each.descriptors)),
            row("its threads", &|cost| format!("{:.2}", cost.each.threads)),
            row("processor time while idle, %", &|cost| {
                format!("{:.1}", cost.idle_processor_percent)
            }),
            row("wake-ups in a second while idle", &|cost| {
                format!("{:.1}", cost.idle_wake_ups_per_second)
            }),
        ]
    }
}
