//! `GET /metrics`: what was counted, in the text format of Prometheus, version 0.0.4. A library for it would keep what it counts behind
//! locks; the keys count in [`Meter`], without any, and only the text is made here.

use std::fmt::{Display, Write as _};
use std::fs;
use std::sync::Arc;
use std::time::SystemTime;

use virtual_key::keys::Keys;
use virtual_key::meter::{Histogram, Meter};

use crate::process::{most_open_files, processor_time, status_field};

/// What there is to tell.
pub(super) struct Figures {
    meter: Arc<Meter>,
    started: SystemTime,
}

impl Figures {
    /// What these keys count, from now on.
    pub(super) fn new(meter: Arc<Meter>) -> Self {
        Self { meter, started: SystemTime::now() }
    }

    /// All of it, now.
    pub(super) fn text(&self, keys: &Keys) -> String {
        let mut text = Text::default();
        text.family("keyfob_build_info", GAUGE, "Always 1; its label is the version of keyfob.");
        text.sample("keyfob_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        tell_of_keys(&mut text, keys);
        self.tell_of_requests(&mut text);
        self.tell_of_process(&mut text);
        text.0
    }

    fn tell_of_requests(&self, text: &mut Text) {
        let name = "keyfob_requests_total";
        text.family(name, COUNTER, "Requests of clients, by command.");
        for command in self.meter.commands() {
            text.sample(name, &[("command", command.name())], command.requests());
        }
        let name = "keyfob_errors_total";
        text.family(
            name,
            COUNTER,
            "Requests that were answered with an error, by command and status.",
        );
        for command in self.meter.commands() {
            for (status, count) in command.errors() {
                text.sample(name, &[("command", command.name()), ("status", &status)], count);
            }
        }
        let name = "keyfob_request_duration_seconds";
        let help = "Time from a request to its answer, without the time that a person took.";
        text.family(name, HISTOGRAM, help);
        for command in self.meter.commands() {
            text.histogram(name, &[("command", command.name())], command.times());
        }
        let help = "Prompts that were opened for a person.";
        text.only("keyfob_prompts_total", COUNTER, help, self.meter.prompts());
        let name = "keyfob_prompt_wait_seconds";
        text.family(name, HISTOGRAM, "Time that requests waited for a person.");
        text.histogram(name, &[], self.meter.waits());
    }

    /// Under the names that Prometheus' own libraries give them.
    fn tell_of_process(&self, text: &mut Text) {
        if let Some(processor) = processor_time() {
            let help = "Processor time of this process.";
            text.only("process_cpu_seconds_total", COUNTER, help, processor.as_secs_f64());
        }
        let started = self.started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let help = "When this process began to count, since 1970.";
        text.only("process_start_time_seconds", GAUGE, help, started.as_secs_f64());
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            // Reading them takes one.
            let open = open.count().saturating_sub(1);
            text.only("process_open_fds", GAUGE, "Open file descriptors.", open);
        }
        if let Some(most) = most_open_files() {
            text.only("process_max_fds", GAUGE, "File descriptors that may be open.", most);
        }
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        if let Some(kibibytes) = status_field(&status, "VmRSS") {
            let help = "Resident memory.";
            text.only("process_resident_memory_bytes", GAUGE, help, kibibytes.saturating_mul(1024));
        }
        if let Some(threads) = status_field(&status, "Threads") {
            text.only("process_threads", GAUGE, "Threads of this process.", threads);
        }
    }
}

fn tell_of_keys(text: &mut Text, keys: &Keys) {
    text.only("keyfob_keys", GAUGE, "Keys that run.", keys.iter().len());
    let attached = keys.iter().filter(|key| key.is_attached()).count();
    text.only("keyfob_keys_attached", GAUGE, "Keys that a host has.", attached);
    let open: usize = keys.iter().map(|key| key.prompts().len()).sum();
    text.only("keyfob_prompts_open", GAUGE, "Prompts that wait for a person.", open);
    let power_ups: u64 = keys.iter().map(|key| u64::from(key.power_ups())).sum();
    let help = "How often hosts gave a key power.";
    text.only("keyfob_power_ups_total", COUNTER, help, power_ups);
}

const COUNTER: &str = "counter";
const GAUGE: &str = "gauge";
const HISTOGRAM: &str = "histogram";

/// The text as it grows. Nothing in it needs an escape: names, helps and labels are this program's own, and the standards'.
#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a text cannot fail, here and below.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn only(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<_> =
            labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let _ = match labels.is_empty() {
            true => writeln!(self.0, "{name} {value}"),
            false => writeln!(self.0, "{name}{{{}}} {value}", labels.join(",")),
        };
    }

    fn histogram(&mut self, name: &str, labels: &[(&str, &str)], histogram: &Histogram) {
        let mut all = 0;
        for (bound, count) in histogram.up_to() {
            let bound =
                bound.map_or_else(|| "+Inf".to_owned(), |bound| bound.as_secs_f64().to_string());
            let labels = [labels, &[("le", &bound)]].concat();
            self.sample(&format!("{name}_bucket"), &labels, count);
            all = count;
        }
        self.sample(&format!("{name}_sum"), labels, histogram.sum().as_secs_f64());
        self.sample(&format!("{name}_count"), labels, all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_its_labels_in_braces_and_a_histogram_its_bounds_up_to_infinity() {
        let mut text = Text::default();
        text.sample("a_total", &[("command", "x"), ("status", "y")], 3);
        text.histogram("b_seconds", &[], Meter::default().waits());
        assert!(text.0.starts_with("a_total{command=\"x\",status=\"y\"} 3\n"), "{}", text.0);
        assert!(text.0.contains("b_seconds_bucket{le=\"0.005\"} 0\n"), "{}", text.0);
        assert!(
            text.0
                .ends_with("b_seconds_bucket{le=\"+Inf\"} 0\nb_seconds_sum 0\nb_seconds_count 0\n"),
            "{}",
            text.0
        );
    }
}
