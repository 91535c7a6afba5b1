//! A program that was built without PC/SC: there are no readers, and no cards.

use ctap_client::card::{Alone, Reader};
use ctap_client::{ApduPipe, ReaderFault, TransportError};

/// The card that there is not.
pub(crate) enum PcscCard {}

/// # Errors
/// Always.
pub(crate) const fn readers() -> Result<Vec<Reader>, ReaderFault> {
    Err(ReaderFault::Unsupported)
}

impl PcscCard {
    /// # Errors
    /// Always.
    pub(crate) const fn connect(_: &str) -> Result<Self, ReaderFault> {
        Err(ReaderFault::Unsupported)
    }

    pub(crate) const fn usb_address(&self) -> Option<(u8, u8)> {
        match *self {}
    }

    pub(crate) const fn power_off(self) -> Result<(), ReaderFault> {
        match self {}
    }
}

impl ApduPipe for PcscCard {
    fn alone(&mut self, _: &mut Alone<'_>) -> Result<Vec<u8>, TransportError> {
        match *self {}
    }
}
