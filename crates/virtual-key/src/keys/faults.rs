//! Faults on purpose of a running key ([`crate::faults`]).

use super::{Form, PluggedKey};
use crate::error::Error;
use crate::faults::{ActiveFault, FaultDescription, FaultError, Injection};
use crate::key::Key;

impl PluggedKey {
    /// Adds a fault after those that the key has, and returns its number.
    ///
    /// # Errors
    /// [`Error::Fault`]: the caller's fault.
    pub fn add_fault(&self, injection: Injection) -> Result<u32, Error> {
        check(self.form, &injection, None)?;
        Ok(self.usb.borrow_mut().key.add_fault(injection, None)?)
    }

    /// Adds the fault or the recipe that is described, and returns the numbers of its faults.
    ///
    /// # Errors
    /// [`Error::Fault`]: the fault of the one who wrote the description.
    pub fn add_described_fault(&self, described: &FaultDescription) -> Result<Vec<u32>, Error> {
        add(&mut self.usb.borrow_mut().key, self.form, described)
    }

    /// The key's faults, oldest first.
    pub fn faults(&self) -> Vec<ActiveFault> {
        self.usb.borrow().key.faults().to_vec()
    }

    /// Removes the fault with this number, or all. Requests that have begun keep their faults; only a stuck disk continues at once.
    ///
    /// # Errors
    /// [`Error::Fault`]: the key has no fault with this number.
    pub fn clear_faults(&self, id: Option<u32>) -> Result<(), Error> {
        Ok(self.usb.borrow_mut().key.clear_faults(id)?)
    }
}

/// Adds what is described to a key in this form: all of it, or nothing.
pub(super) fn add(
    key: &mut Key,
    form: Form,
    described: &FaultDescription,
) -> Result<Vec<u32>, Error> {
    let parts = described.injections()?;
    parts.iter().try_for_each(|(part, recipe)| check(form, part, *recipe))?;
    let ids: Result<_, _> =
        parts.into_iter().map(|(part, recipe)| key.add_fault(part, recipe)).collect();
    Ok(ids?)
}

/// A card is not given what it would not show.
fn check(form: Form, injection: &Injection, recipe: Option<&str>) -> Result<(), FaultError> {
    if !form.is_card() || injection.fits_a_card() {
        return Ok(());
    }
    let kind = Injection::from(injection.fault);
    let name = match (recipe, kind.fits_a_card(), injection.scope.channel) {
        (Some(recipe), ..) => recipe.to_owned(),
        (None, false, _) => FaultDescription::from(kind).kind.unwrap_or_default(),
        (None, true, Some(_)) => "a channel".to_owned(),
        (None, true, None) => "such a command".to_owned(),
    };
    Err(FaultError::OnlyOfCtaphid { name })
}
