//! A layer between a host and a key: it passes everything on, and records it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ctap_client::trace::Direction;
use usbip_server::{HidFunction, Report, SmartCard, Timed};

use super::Tap;

/// A HID function or a card whose packets are recorded.
pub struct Recorded<F: ?Sized> {
    tap: Tap,
    inner: Rc<RefCell<F>>,
}

impl<F: ?Sized> Recorded<F> {
    /// Records `inner` with this tap.
    pub fn new(inner: Rc<RefCell<F>>, tap: Tap) -> Self {
        Self { tap, inner }
    }
}

impl<T: Timed + ?Sized> Timed for Recorded<T> {
    fn is_working(&self) -> bool {
        self.inner.borrow().is_working()
    }

    fn poll_timeout(&mut self) -> Option<Duration> {
        self.inner.borrow_mut().poll_timeout()
    }

    fn handle_timeout(&mut self) {
        self.inner.borrow_mut().handle_timeout();
    }
}

impl<F: HidFunction + ?Sized> HidFunction for Recorded<F> {
    fn attached(&mut self) {
        self.tap.powered_up();
        self.inner.borrow_mut().attached();
    }

    fn detached(&mut self) {
        self.inner.borrow_mut().detached();
    }

    fn output(&mut self, report: &Report) {
        self.tap.report(Direction::ToKey, report);
        self.inner.borrow_mut().output(report);
    }

    fn input(&mut self, reads: usize) -> Option<Report> {
        let report = self.inner.borrow_mut().input(reads)?;
        self.tap.report(Direction::FromKey, &report);
        Some(report)
    }

    fn unread(&mut self) {
        self.inner.borrow_mut().unread();
    }
}

impl<C: SmartCard + ?Sized> SmartCard for Recorded<C> {
    fn insertion(&self) -> Option<u32> {
        self.inner.borrow().insertion()
    }

    fn power_on(&mut self) -> Option<Vec<u8>> {
        self.tap.field(true);
        self.inner.borrow_mut().power_on()
    }

    fn power_off(&mut self) {
        self.tap.field(false);
        self.inner.borrow_mut().power_off();
    }

    fn transmit(&mut self, apdu: &[u8]) {
        self.tap.apdu(Direction::ToKey, apdu);
        self.inner.borrow_mut().transmit(apdu);
    }

    fn response(&mut self) -> Option<Vec<u8>> {
        let response = self.inner.borrow_mut().response()?;
        self.tap.apdu(Direction::FromKey, &response);
        Some(response)
    }

    fn abort(&mut self) {
        self.inner.borrow_mut().abort();
    }
}
