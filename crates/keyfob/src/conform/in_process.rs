//! A keyfob within this process, in simulated time: its own CTAPHID, its own authenticator, nothing stored.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use ctap_client::{Report, ReportPipe, TransportError};
use ctap_conformance::{Hand, Operator, TransportFailure};
use ctap_core::{Decision, Store, Transport};
use virtual_key::attestation::Issuer;
use virtual_key::bell::Bell;
use virtual_key::key::{Key, Parts, Touch};
use virtual_key::platform::system_rng;
use virtual_key::profile::Profile;

use crate::operator::bad_sample;

/// The key, the time, and a host that reads all the time.
struct Bench {
    key: Key,
    now: Duration,
    /// What the host has read and the suite not yet.
    inbox: VecDeque<Report>,
}

/// Who looks after it.
pub(super) struct Simulated(Rc<RefCell<Bench>>);

/// A way for reports to it. Waiting costs simulated time only.
pub(super) struct Pipe(Rc<RefCell<Bench>>);

impl Simulated {
    /// A new key of this kind, plugged in, that is touched like this.
    ///
    /// # Errors
    /// When its attestation certificate cannot be had, or it says that it has no USB.
    pub(super) fn new(profile: &Profile, touch: Touch) -> anyhow::Result<Self> {
        profile.check_usb()?;
        let (now, mut rng) = (Duration::ZERO, system_rng());
        let today = SystemTime::now();
        let mut issuer = Issuer { serial: "conform", directory: None, rng: &mut rng, today };
        let identities =
            profile.identities(|kind| issuer.lazy_identity(kind, Box::new(system_rng())))?;
        let config = profile.config(&identities)?;
        let store = Store::in_memory(&mut rng);
        let parts = Parts { store, rng: Box::new(rng), touch, bell: Bell::new() };
        let mut key = Key::new(config, parts, now);
        let mut shipped = key.act(|authenticator, platform| authenticator.ship(platform), now);
        shipped.try_recv().unwrap_or(Ok(()))?;
        key.plug_in(Transport::Usb, now);
        Ok(Self(Rc::new(RefCell::new(Bench { key, now, inbox: VecDeque::new() }))))
    }
}

impl Operator for Simulated {
    type Pipe = Pipe;

    fn open(&mut self) -> Result<Pipe, TransportError> {
        Ok(Pipe(Rc::clone(&self.0)))
    }

    fn act(&mut self, hand: Hand) -> Result<(), TransportFailure> {
        let Bench { key, now, .. } = &mut *self.0.borrow_mut();
        let decision = match hand {
            Hand::Touch => Decision::Finger(1),
            Hand::Finger(finger) => Decision::Finger(finger),
            Hand::BadSample(code) => Decision::BadSample(bad_sample(code)?.0),
            Hand::Refuse => Decision::Deny,
            Hand::Nothing | Hand::Cancel => return Ok(()),
        };
        if let Some((prompt, ..)) = key.prompt() {
            drop(key.answer(prompt, decision, *now));
        }
        Ok(())
    }

    fn power_cycle(&mut self) -> Result<(), TransportFailure> {
        let Bench { key, now, inbox } = &mut *self.0.borrow_mut();
        key.unplug(*now);
        key.plug_in(Transport::Usb, *now);
        inbox.clear();
        Ok(())
    }

    fn pass_time(&mut self, time: Duration) -> Result<(), TransportFailure> {
        self.0.borrow_mut().pass(time);
        Ok(())
    }

    fn is_simulated(&self) -> bool {
        true
    }
}

impl Bench {
    /// Lets time pass, from deadline to deadline as a driver does.
    fn pass(&mut self, time: Duration) {
        let end = self.now.saturating_add(time);
        while self.pass_to_next(end) {}
    }

    /// Lets time pass up to the next thing the key wants to do, or to `end`; whether there was one.
    fn pass_to_next(&mut self, end: Duration) -> bool {
        self.read();
        let due = self.key.poll_timeout().filter(|due| *due <= end);
        self.now = self.now.max(due.unwrap_or(end));
        self.key.handle_timeout(self.now);
        self.read();
        due.is_some()
    }

    fn read(&mut self) {
        while let Some(report) = self.key.poll_report(1, self.now) {
            self.inbox.push_back(report);
        }
    }
}

impl ReportPipe for Pipe {
    fn send(&mut self, report: &Report) -> io::Result<()> {
        let Bench { key, now, .. } = &mut *self.0.borrow_mut();
        key.handle_report(report, *now);
        Ok(())
    }

    fn receive(&mut self, timeout: Duration) -> io::Result<Option<Report>> {
        let mut bench = self.0.borrow_mut();
        let end = bench.now.saturating_add(timeout);
        bench.read();
        while bench.inbox.is_empty() && bench.pass_to_next(end) {}
        Ok(bench.inbox.pop_front())
    }
}
