//! Faults of a running key, on purpose ([`crate::faults`]).

use super::PluggedKey;
use crate::error::Error;
use crate::faults::{ActiveFault, FaultDescription, Injection};
use crate::key::Key;

impl PluggedKey {
    /// Adds a fault behind those that are there, and tells its number.
    ///
    /// # Errors
    /// [`Error::Fault`]: the caller's fault.
    pub fn add_fault(&self, injection: Injection) -> Result<u32, Error> {
        Ok(self.usb.borrow_mut().key.add_fault(injection, None)?)
    }

    /// Adds what is described, a fault or a recipe, and tells the numbers.
    ///
    /// # Errors
    /// [`Error::Fault`]: the writer's fault.
    pub fn add_described_fault(&self, described: &FaultDescription) -> Result<Vec<u32>, Error> {
        add(&mut self.usb.borrow_mut().key, described)
    }

    /// The faults that it has, oldest first.
    pub fn faults(&self) -> Vec<ActiveFault> {
        self.usb.borrow().key.faults().to_vec()
    }

    /// Takes away the fault of this number, or all. Requests that have begun keep theirs; but a stuck disk gets on.
    ///
    /// # Errors
    /// [`Error::Fault`]: it has none of this number.
    pub fn clear_faults(&self, id: Option<u32>) -> Result<(), Error> {
        Ok(self.usb.borrow_mut().key.clear_faults(id)?)
    }
}

/// Adds what is described.
pub(super) fn add(key: &mut Key, described: &FaultDescription) -> Result<Vec<u32>, Error> {
    let parts = described.injections()?.into_iter();
    let ids: Result<_, _> = parts.map(|(part, recipe)| key.add_fault(part, recipe)).collect();
    Ok(ids?)
}
