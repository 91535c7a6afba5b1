//! Counts what keys do, for people who look after many of them: requests, refusals, times, prompts.
//!
//! All numbers are atomic, and there is no lock: counting waits for nothing, and reading stops nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ctap_client::Status;
use ctap_client::commands::code;
use hid_transport::Kind;

/// Counts what those keys of a process do that have it in [`KeySettings::meter`](crate::keys::KeySettings::meter).
/// Its numbers only grow.
#[derive(Debug)]
pub struct Meter {
    commands: Vec<OfCommand>,
    prompts: AtomicU64,
    waits: Histogram,
}

/// The results of the requests of one command.
#[derive(Debug)]
pub struct OfCommand {
    name: &'static str,
    kind: Kind,
    requests: AtomicU64,
    /// By CTAP's status, or by the first byte of U2F's status word.
    errors: Vec<AtomicU64>,
    times: Histogram,
}

/// Counts times: for each bound, how many were no longer than it; and the sum of all.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [Duration],
    /// One more than bounds.
    counts: Vec<AtomicU64>,
    nanoseconds: AtomicU64,
}

impl Default for Meter {
    fn default() -> Self {
        let command = |(kind, _, name): &(Kind, u8, &'static str)| OfCommand::new(*kind, name);
        let others = [OfCommand::new(Kind::Cbor, "other"), OfCommand::new(Kind::Msg, "U2F_other")];
        Self {
            commands: COMMANDS.iter().map(command).chain(others).collect(),
            prompts: AtomicU64::default(),
            waits: Histogram::new(&OF_PEOPLE),
        }
    }
}

impl Meter {
    /// The commands of CTAP2 and U2F, and `other` and `U2F_other` for commands that are not known.
    pub fn commands(&self) -> impl Iterator<Item = &OfCommand> {
        self.commands.iter()
    }

    /// How many times a person was asked.
    pub fn prompts(&self) -> u64 {
        self.prompts.load(Ordering::Relaxed)
    }

    /// How long requests waited for a person. A U2F request does not wait: its client asks again.
    pub const fn waits(&self) -> &Histogram {
        &self.waits
    }

    /// A person is asked.
    pub(crate) fn prompted(&self) {
        one_more(&self.prompts);
    }

    /// A person was waited for.
    pub(crate) fn waited(&self, time: Duration) {
        self.waits.add(time);
    }

    /// A client asked for this. Returns which command it is, for [`answered`](Self::answered).
    pub(crate) fn asked(&self, kind: Kind, message: &[u8]) -> usize {
        let number = match kind {
            Kind::Cbor => message.first(),
            Kind::Msg => message.get(1),
        };
        let is_it = |(of, code, _): &(Kind, u8, _)| (*of, Some(code)) == (kind, number);
        let other = COMMANDS.len() + usize::from(kind == Kind::Msg);
        let command = COMMANDS.iter().position(is_it).unwrap_or(other);
        if let Some(of) = self.commands.get(command) {
            one_more(&of.requests);
        }
        command
    }

    /// That was answered with this, after so much time in which nobody waited for a person.
    pub(crate) fn answered(&self, command: usize, response: &[u8], time: Duration) {
        let Some(of) = self.commands.get(command) else { return };
        of.times.add(time);
        let status = match (of.kind, response) {
            (Kind::Cbor, [status, ..]) => *status,
            (Kind::Msg, [.., first, _]) => *first,
            _ => return,
        };
        if status != of.success()
            && let Some(count) = of.errors.get(usize::from(status))
        {
            one_more(count);
        }
    }
}

impl OfCommand {
    fn new(kind: Kind, name: &'static str) -> Self {
        let errors = (0..=u8::MAX).map(|_| AtomicU64::default()).collect();
        let times = Histogram::new(&OF_KEYS);
        Self { name, kind, requests: AtomicU64::default(), errors, times }
    }

    /// The standard's name of the command, such as `authenticatorGetInfo`.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// How many requests of this command came.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// How many requests were refused, by the name of the status, such as `CTAP2_ERR_NO_CREDENTIALS` or
    /// `SW_WRONG_DATA`. A status without a name in the standard is a number, such as `0xf1`.
    pub fn errors(&self) -> impl Iterator<Item = (String, u64)> {
        let counts = (0..=u8::MAX).zip(&self.errors);
        counts.filter_map(|(status, count)| {
            let count = Some(count.load(Ordering::Relaxed)).filter(|count| *count > 0)?;
            Some((self.name_of(status), count))
        })
    }

    /// How long the answered requests took, without the time in which a person was waited for.
    pub const fn times(&self) -> &Histogram {
        &self.times
    }

    const fn success(&self) -> u8 {
        match self.kind {
            Kind::Cbor => 0x00,
            Kind::Msg => 0x90,
        }
    }

    fn name_of(&self, status: u8) -> String {
        let name = match self.kind {
            Kind::Cbor => match Status::from_byte(status) {
                Status::Unlisted(_) => None,
                status => Some(status.name()),
            },
            Kind::Msg => {
                STATUS_WORDS.iter().find(|(first, _)| *first == status).map(|(_, name)| *name)
            }
        };
        name.map_or_else(|| format!("0x{status:02x}"), str::to_owned)
    }
}

impl Histogram {
    fn new(bounds: &'static [Duration]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::default()).collect();
        Self { bounds, counts, nanoseconds: AtomicU64::default() }
    }

    /// For each bound, how many times were no longer than it. The last entry has no bound, and counts all.
    pub fn up_to(&self) -> Vec<(Option<Duration>, u64)> {
        let bounds = self.bounds.iter().copied().map(Some).chain([None]);
        let mut sum = 0_u64;
        let up_to = bounds.zip(&self.counts).map(|(bound, count)| {
            sum = sum.wrapping_add(count.load(Ordering::Relaxed));
            (bound, sum)
        });
        up_to.collect()
    }

    /// The sum of all times.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed))
    }

    fn add(&self, time: Duration) {
        let index = self.bounds.partition_point(|bound| *bound < time);
        if let Some(count) = self.counts.get(index) {
            one_more(count);
        }
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

fn one_more(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// CTAP 2.3 section 6, and of U2F's raw messages section 3: INS.
const COMMANDS: [(Kind, u8, &str); 14] = [
    (Kind::Cbor, code::MAKE_CREDENTIAL, "authenticatorMakeCredential"),
    (Kind::Cbor, code::GET_ASSERTION, "authenticatorGetAssertion"),
    (Kind::Cbor, code::GET_NEXT_ASSERTION, "authenticatorGetNextAssertion"),
    (Kind::Cbor, code::GET_INFO, "authenticatorGetInfo"),
    (Kind::Cbor, code::CLIENT_PIN, "authenticatorClientPIN"),
    (Kind::Cbor, code::RESET, "authenticatorReset"),
    (Kind::Cbor, code::BIO_ENROLLMENT, "authenticatorBioEnrollment"),
    (Kind::Cbor, code::CREDENTIAL_MANAGEMENT, "authenticatorCredentialManagement"),
    (Kind::Cbor, code::SELECTION, "authenticatorSelection"),
    (Kind::Cbor, code::LARGE_BLOBS, "authenticatorLargeBlobs"),
    (Kind::Cbor, code::CONFIG, "authenticatorConfig"),
    (Kind::Msg, 0x01, "U2F_REGISTER"),
    (Kind::Msg, 0x02, "U2F_AUTHENTICATE"),
    (Kind::Msg, 0x03, "U2F_VERSION"),
];

/// The status words of U2F's raw messages, section 3.3, by their first byte.
const STATUS_WORDS: [(u8, &str); 5] = [
    (0x69, "SW_CONDITIONS_NOT_SATISFIED"),
    (0x6A, "SW_WRONG_DATA"),
    (0x67, "SW_WRONG_LENGTH"),
    (0x6E, "SW_CLA_NOT_SUPPORTED"),
    (0x6D, "SW_INS_NOT_SUPPORTED"),
];

/// From what getInfo takes to a disk that hangs.
const OF_KEYS: [Duration; 14] = [
    Duration::from_micros(50),
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

/// From a script that waits for it to the key's patience.
const OF_PEOPLE: [Duration; 9] = [
    Duration::from_millis(5),
    Duration::from_millis(25),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_millis(2500),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'a>(meter: &'a Meter, name: &str) -> &'a OfCommand {
        meter.commands().find(|command| command.name() == name).expect("a command")
    }

    #[test]
    fn requests_are_counted_by_the_names_of_the_standards_and_what_is_none_of_them_as_other() {
        let meter = Meter::default();
        for (kind, message, name) in [
            (Kind::Cbor, &[0x04][..], "authenticatorGetInfo"),
            (Kind::Msg, &[0, 3, 0, 0], "U2F_VERSION"),
            (Kind::Cbor, &[0xFE], "other"),
            (Kind::Cbor, &[], "other"),
            (Kind::Msg, &[0, 0x99], "U2F_other"),
        ] {
            let before = of(&meter, name).requests();
            meter.asked(kind, message);
            assert_eq!(of(&meter, name).requests(), before + 1, "{name}");
        }
    }

    #[test]
    fn what_was_refused_is_counted_by_the_name_of_its_status() {
        let meter = Meter::default();
        let assertion = meter.asked(Kind::Cbor, &[code::GET_ASSERTION]);
        for response in [&[0x2E][..], &[0x2E], &[0xF1], &[0x00, 0xA0], &[]] {
            meter.answered(assertion, response, Duration::ZERO);
        }
        let told: Vec<_> = of(&meter, "authenticatorGetAssertion").errors().collect();
        assert_eq!(told, [("CTAP2_ERR_NO_CREDENTIALS".to_owned(), 2), ("0xf1".to_owned(), 1)]);
        let register = meter.asked(Kind::Msg, &[0, 1]);
        meter.answered(register, &[5, 0x90, 0x00], Duration::ZERO);
        meter.answered(register, &[0x69, 0x85], Duration::ZERO);
        let told: Vec<_> = of(&meter, "U2F_REGISTER").errors().collect();
        assert_eq!(told, [("SW_CONDITIONS_NOT_SATISFIED".to_owned(), 1)]);
    }

    #[test]
    fn a_time_is_counted_at_each_bound_that_it_does_not_exceed() {
        let histogram = Histogram::new(&OF_KEYS);
        for micros in [50, 51, 10_000_000] {
            histogram.add(Duration::from_micros(micros));
        }
        let up_to = histogram.up_to();
        assert_eq!(up_to[0], (Some(Duration::from_micros(50)), 1));
        assert_eq!(up_to[1], (Some(Duration::from_micros(100)), 2));
        assert_eq!(up_to[OF_KEYS.len() - 1].1, 2);
        assert_eq!(up_to[OF_KEYS.len()], (None, 3));
        assert_eq!(histogram.sum(), Duration::from_micros(10_000_101));
    }
}
