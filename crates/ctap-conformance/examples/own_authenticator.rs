//! Tests an authenticator that knows nothing of CTAPHID or USB, as a library calls it: bytes in, bytes out.
//!
//! ```text
//! cargo run -p ctap-conformance --example own_authenticator             every case that fits the authenticator
//! cargo run -p ctap-conformance --example own_authenticator MC-07 reset-  those with one of these words
//! ```
//!
//! The exit code is 0 if it did what it should, 1 if it failed a case or every case was skipped, and 2 if no case has such a
//! word. A test of yours calls `report.assert_conforms()`.
//!
//! To test yours: put it where [`SoftKey`] stands, and have `impl Transport` do with it what it says there.
#![allow(clippy::print_stdout, reason = "an example talks to its user")]

use std::env;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use ctap_conformance::{
    Answer, Expectations, Hand, Options, Outcome, Report, Suite, Transport, TransportFailure,
    Verdict, run,
};
use ctap_core::consent::SampleFault;
use ctap_core::{CheckedConfig, Decision, SoftKey};
use hid_transport::Capabilities;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let suite = Suite::built_in();
    if suite.filtered(&words).is_empty() {
        println!("no case has one of these words");
        return ExitCode::from(2);
    }
    match test(CheckedConfig::default(), &suite, &words) {
        // That nothing failed is not enough: a gate that lets through what was not tested guards nothing.
        Ok(report) if report.judge(&Expectations::default()).is_good() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(failure) => {
            println!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the cases that have one of `words`, and prints what failed.
pub(crate) fn test(
    config: CheckedConfig,
    suite: &Suite,
    words: &[String],
) -> Result<Report, TransportFailure> {
    let mut key = OwnAuthenticator::new(config);
    let options = Options { may_erase: true, ..Options::default() };
    let report = run(&mut key, &suite.filtered(words), &options, |_| {})?;
    for outcome in report.failures() {
        let Outcome { id, rules, says, verdict, .. } = outcome;
        println!("{id} ({})\n{says}", rules.join(" "));
        if let Verdict::Failed(failure) = verdict {
            println!("{failure}\n");
        }
    }
    let (passed, failed, skipped) = report.counts();
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    Ok(report)
}

/// The authenticator under test.
pub(crate) struct OwnAuthenticator {
    key: SoftKey,
    has_u2f: bool,
}

/// What the person does when the authenticator asks. `None`: nothing, and it gives up after its time.
fn decision(hand: Hand) -> Option<Decision> {
    match hand {
        // For a touch any finger will do; while one is enrolled, the suite means finger 1.
        Hand::Touch => Some(Decision::Finger(1)),
        Hand::Finger(finger) => Some(Decision::Finger(finger)),
        Hand::BadSample(code) => SampleFault::from_number(code).map(Decision::BadSample),
        Hand::Refuse => Some(Decision::Deny),
        Hand::Nothing | Hand::Cancel => None,
    }
}

impl OwnAuthenticator {
    pub(crate) fn new(config: CheckedConfig) -> Self {
        Self { has_u2f: config.u2f, key: SoftKey::new(config, [7; 32]) }
    }

    /// One exchange, in which the person does what `hand` says.
    fn exchange_with(
        &mut self,
        hand: Hand,
        exchange: impl FnOnce(&mut SoftKey) -> Vec<u8>,
    ) -> Result<Answer, TransportFailure> {
        let was_asked = Arc::new(AtomicBool::new(false));
        let asks = Arc::clone(&was_asked);
        self.key.set_person(move |_question| {
            asks.store(true, Relaxed);
            decision(hand)
        });
        let message = exchange(&mut self.key);
        let asked = was_asked.load(Relaxed);
        // What cannot be done here is said, and the case is skipped with that sentence.
        match hand {
            Hand::BadSample(code) if asked && SampleFault::from_number(code).is_none() => {
                Err(TransportFailure::Unable("the sensor cannot fail in that way".to_owned()))
            }
            _ => Ok(Answer { message, asked }),
        }
    }
}

impl Transport for OwnAuthenticator {
    fn exchange(&mut self, message: &[u8], hand: Hand) -> Result<Answer, TransportFailure> {
        let answer = self.exchange_with(hand, |key| key.call(message))?;
        match (hand, answer.asked) {
            (Hand::Cancel, true) => {
                Err(TransportFailure::Unable("requests cannot be cancelled".to_owned()))
            }
            _ => Ok(answer),
        }
    }

    /// This authenticator waits for its touch itself; one that answers 6985 at once is asked again after it.
    fn exchange_u2f(&mut self, apdu: &[u8], hand: Hand) -> Result<Answer, TransportFailure> {
        self.exchange_with(hand, |key| key.call_u2f(apdu))
    }

    /// Who has no CTAPHID needs this only to say that there is U2F.
    fn capabilities(&mut self) -> Result<Option<Capabilities>, TransportFailure> {
        let with_u2f = Capabilities { wink: false, cbor: true, nmsg: false };
        Ok(self.has_u2f.then_some(with_u2f))
    }

    fn power_cycle(&mut self) -> Result<(), TransportFailure> {
        self.key.power_cycle(ctap_core::Transport::Usb);
        Ok(())
    }

    fn pass_time(&mut self, time: Duration) -> Result<(), TransportFailure> {
        self.key.advance(time);
        Ok(())
    }

    fn is_simulated(&self) -> bool {
        true
    }
}
