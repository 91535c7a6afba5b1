//! The smallest function behind an interface.

use std::collections::VecDeque;
use std::time::Duration;

use crate::function::{HidFunction, Report};
use crate::timed::Timed;

/// Sends each report back, in order. It is for examples, tests, and for measuring the cost of the transport.
#[derive(Debug, Default)]
pub struct Echo(VecDeque<Report>);

impl Timed for Echo {
    fn poll_timeout(&mut self) -> Option<Duration> {
        None
    }

    fn handle_timeout(&mut self) {}
}

impl HidFunction for Echo {
    fn attached(&mut self) {
        self.0.clear();
    }

    fn detached(&mut self) {}

    fn output(&mut self, report: &Report) {
        self.0.push_back(*report);
    }

    fn input(&mut self, _reads: usize) -> Option<Report> {
        self.0.pop_front()
    }
}
