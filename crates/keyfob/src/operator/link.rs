//! The way for reports to a key: how far it is open, and what came over it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use ctap_client::{Report, ReportPipe};
use ctap_conformance::Hand;

use super::PAUSE;
use super::hands::LastAct;
use crate::device::{Address, End, Reports};

/// How far the way to the key is open.
pub(super) enum Link {
    /// It was opened to see whether the key is there, and nobody has used it yet.
    Found(Reports),
    Open {
        pipe: Rc<RefCell<BufferedPipe>>,
        last_act: LastAct,
    },
    /// Nobody has it. Until then the key may not be there, or still be thought to be plugged in where it was left.
    Cut {
        until: Instant,
    },
}

impl Link {
    pub(super) fn cut_for(patience: Duration) -> Self {
        Self::Cut { until: Instant::now() + patience }
    }

    pub(super) fn open_on(pipe: Reports) -> (Self, SharedPipe) {
        let pipe = Rc::new(RefCell::new(BufferedPipe { pipe, inbox: VecDeque::new() }));
        (Self::Open { pipe: Rc::clone(&pipe), last_act: LastAct::default() }, SharedPipe(pipe))
    }

    /// A request begins: whatever the key asks for is new.
    pub(super) fn expect_question(&mut self) {
        if let Self::Open { last_act, .. } = self {
            *last_act = LastAct::default();
        }
    }

    /// See [`LastAct::is_due`].
    pub(super) fn is_due(&mut self, hand: Hand) -> bool {
        match self {
            Self::Open { last_act, .. } => last_act.is_due(hand),
            Self::Found(_) | Self::Cut { .. } => true,
        }
    }

    /// Lets time pass, and reads meanwhile: a key may drop what nobody reads.
    pub(super) fn pass(&self, time: Duration) -> io::Result<()> {
        match self {
            Self::Open { pipe, .. } => pipe.borrow_mut().read_for(time),
            Self::Found(_) | Self::Cut { .. } => {
                thread::sleep(time);
                Ok(())
            }
        }
    }
}

/// Opens the way to a key, which may take until then to be there.
///
/// # Errors
/// When it is not there even then, or cannot be opened.
pub(super) fn open_until(address: &Address, until: Instant) -> anyhow::Result<Reports> {
    loop {
        match address.pipe() {
            Err(_) if Instant::now() < until => thread::sleep(PAUSE),
            pipe => return pipe,
        }
    }
}

/// A way to the key, and what came over it while the suite let time pass.
pub(super) struct BufferedPipe {
    pipe: Reports,
    inbox: VecDeque<Report>,
}

/// The suite's end of it.
pub(crate) struct SharedPipe(Rc<RefCell<BufferedPipe>>);

impl SharedPipe {
    /// What is at the other end.
    pub(crate) fn end(&self) -> End {
        self.0.borrow().pipe.end()
    }
}

impl ReportPipe for SharedPipe {
    fn send(&mut self, report: &Report) -> io::Result<()> {
        self.0.borrow_mut().pipe.send(report)
    }

    fn receive(&mut self, timeout: Duration) -> io::Result<Option<Report>> {
        let shared = &mut *self.0.borrow_mut();
        match shared.inbox.pop_front() {
            Some(report) => Ok(Some(report)),
            None => shared.pipe.receive(timeout),
        }
    }
}

impl BufferedPipe {
    fn read_for(&mut self, time: Duration) -> io::Result<()> {
        let begun = Instant::now();
        while let Some(left) = time.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
            self.inbox.extend(self.pipe.receive(left)?);
        }
        Ok(())
    }
}
