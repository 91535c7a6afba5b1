//! Makes a running key into one of another kind.

use std::rc::Rc;

use ctap_core::{CheckedConfig, CredentialSource, Misfit, Transport};
use usbip_server::uhid::CERTAIN_MESSAGE;

use super::settings::today;
use super::{Form, PluggedKey};
use crate::attestation::Issuer;
use crate::error::Error;
use crate::host::UHID;
use crate::key::Shape;
use crate::metadata::Statements;
use crate::platform::{randomness, randomness_of_identities, without_traces};
use crate::profile::Profile;

impl PluggedKey {
    /// Makes the key one of this profile, with the same memory: credentials, PIN, fingers and counters stay. The
    /// profile's faults are added to those that the key has. What the profile ships new keys with is not added. The
    /// key loses power. A host sees the change when the key is plugged in again, so call [`replug`](Self::replug).
    ///
    /// # Errors
    /// [`Error::OtherDevice`], [`Error::Misfit`]: nothing has changed. The errors of a profile that cannot be used.
    /// [`Error::Ended`] if the key has stopped before; the call that stopped it told why.
    pub async fn set_profile(&self, profile: Profile) -> Result<(), Error> {
        self.check_device(&profile)?;
        let profile = self.suited(&profile)?;
        let (config, statements) = without_traces(|| self.vouched_for(&profile))?;
        self.remake(config, &profile).await?;
        for fault in profile.faults() {
            self.add_described_fault(fault)?;
        }
        self.statements.replace(Rc::new(statements));
        self.profile.replace(Rc::new(profile));
        Ok(())
    }

    /// A host that knows the device keeps that knowledge until the device is gone.
    fn check_device(&self, profile: &Profile) -> Result<(), Error> {
        let own = self.profile();
        let other = |what| Err(Error::OtherDevice { profile: profile.name().to_owned(), what });
        let is_composite = |of: &Profile| of.transports().contains(&Transport::SmartCard);
        if own.usb_ids() != profile.usb_ids() {
            return other("USB numbers (vendorId, productId)");
        }
        if self.form == Form::Usb && is_composite(&own) != is_composite(profile) {
            return other("interfaces (the transport smart-card)");
        }
        Ok(())
    }

    /// The profile as keys of this form, at this driver, are made with it.
    fn suited(&self, profile: &Profile) -> Result<Profile, Error> {
        let profile = self.form.suited(profile)?;
        Ok(match self.holder.get() {
            Some(UHID) => profile.with_longest_message(CERTAIN_MESSAGE),
            _ => profile,
        })
    }

    fn vouched_for(&self, profile: &Profile) -> Result<(CheckedConfig, Statements), Error> {
        let mut rng = randomness(self.seed, self.number);
        let mut issuer = Issuer {
            serial: &self.serial,
            directory: self.directory.as_deref(),
            rng: &mut *rng,
            today: today(self.seed),
        };
        let rng_of = || randomness_of_identities(self.seed, self.number);
        let identities = profile.identities(|kind| issuer.lazy_identity(kind, rng_of()))?;
        Ok((profile.config(&identities)?, Statements::new(profile.clone(), identities)))
    }

    async fn remake(&self, config: CheckedConfig, profile: &Profile) -> Result<(), Error> {
        let shape = Shape::of(&config);
        let remade =
            self.act(move |authenticator, platform| authenticator.remake(config, platform));
        remade.await?.map_err(|Misfit { credential, error }| Error::Misfit {
            profile: profile.name().to_owned(),
            credential: account(&credential),
            error,
        })?;
        let usb = &mut *self.usb.borrow_mut();
        usb.key.reshape(shape, usb.clock.now());
        Ok(())
    }
}

/// `ada at example.org`, verbatim.
fn account(credential: &CredentialSource) -> String {
    let user = credential.user.as_ref();
    let name = user.and_then(|user| user.name.as_deref().or(user.display_name.as_deref()));
    let site = credential.scope.rp_id().unwrap_or("a site that U2F does not name");
    format!("{} at {site}", name.unwrap_or("an account"))
}
