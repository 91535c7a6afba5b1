//! An open key, and the right to read and change what is on it: a pinUvAuthToken (CTAP section 6.5.5.7).

use ctap_client::commands::get_info::Info;
use ctap_client::{Client, Permissions, PinUvAuthToken};

use super::pin_source::CurrentPinOptions;
use super::{open, pin, refused};
use crate::device::{Channel, DeviceOption};
use crate::failure::{Cause, because};

/// Which key, and the proof that it is one's own.
#[derive(clap::Args, Debug)]
pub(crate) struct Owner {
    #[command(flatten)]
    device: DeviceOption,
    #[command(flatten)]
    pin: CurrentPinOptions,
}

impl Owner {
    /// Opens the key. No PIN is asked for yet.
    ///
    /// # Errors
    /// As [`OpenKey::open`].
    pub(super) fn open(&self) -> anyhow::Result<OpenKey> {
        OpenKey::open(&self.device)
    }
}

/// What is listed, and how.
#[derive(clap::Args, Debug)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    pub(super) owner: Owner,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// A key, and what it said of itself when it was opened.
pub(super) struct OpenKey {
    pub(super) client: Client<Channel>,
    pub(super) info: Info,
}

impl OpenKey {
    /// Opens the key, ready for requests that wait for a touch.
    ///
    /// # Errors
    /// As [`Address::open`](crate::device::Address::open).
    pub(super) fn open(device: &DeviceOption) -> anyhow::Result<Self> {
        let mut client = open(device)?;
        let info = client.get_info().map_err(refused)?;
        Ok(Self { client, info })
    }

    /// A token with these permissions: for the PIN, or on a key without one for a finger.
    ///
    /// # Errors
    /// When the key has neither, or refuses.
    pub(super) fn token(
        &mut self,
        owner: &Owner,
        permissions: Permissions,
    ) -> anyhow::Result<PinUvAuthToken> {
        if self.info.is_on("clientPin") {
            return self.token_for_pin(&owner.pin, permissions);
        }
        match self.info.is_on("uv") {
            true => Ok(self.client.token_using_uv(permissions, None).map_err(refused)?),
            false => Err(because(
                Cause::NotProved,
                "this needs a PIN, and the key has none yet",
                "`keyfob pin set` gives it one",
            )),
        }
    }

    /// The same, but `None` on a key that nothing protects: it asks for no token (CF-10, LB-41).
    ///
    /// # Errors
    /// When the key refuses.
    pub(super) fn token_if_protected(
        &mut self,
        owner: &Owner,
        permissions: Permissions,
    ) -> anyhow::Result<Option<PinUvAuthToken>> {
        match self.info.is_on("clientPin") || self.info.is_on("uv") {
            true => self.token(owner, permissions).map(Some),
            false => Ok(None),
        }
    }

    fn token_for_pin(
        &mut self,
        pin: &CurrentPinOptions,
        permissions: Permissions,
    ) -> anyhow::Result<PinUvAuthToken> {
        if self.info.force_pin_change == Some(true) {
            return Err(because(Cause::NotProved, pin::MUST_BE_CHANGED, pin::CHANGE_IT));
        }
        let pin = pin::read_current(pin, &self.info)?;
        let token = self.client.pin_uv_auth_token(pin.expose(), permissions, None);
        token.map_err(|error| pin::explain(&mut self.client, error))
    }
}
