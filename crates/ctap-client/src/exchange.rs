//! The seam between what is said to a key and how it gets there.

use std::ops::DerefMut;

pub use hid_transport::KeepaliveStatus;

use crate::error::TransportError;

/// What the platform wants after a keepalive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Go on waiting for the answer.
    Wait,
    /// Send CTAPHID_CANCEL. The key still answers: with `CTAP2_ERR_KEEPALIVE_CANCEL`, or with the outcome if the
    /// person was quicker (HD-81, HD-82).
    Cancel,
}

/// One CTAP message in, one out. Implemented by [`HidChannel`](crate::channel::HidChannel), and by keys that live in
/// the same process.
pub trait Exchange {
    /// Sends a CTAP2 request (command byte and CBOR) and returns the reply (status byte and CBOR).
    ///
    /// `on_keepalive` is called for each sign of life while the key works or waits for a person; it decides whether to
    /// go on waiting.
    ///
    /// # Errors
    /// When no reply came. What the key itself refuses is a reply, not an error.
    fn exchange(
        &mut self,
        request: &[u8],
        on_keepalive: &mut dyn FnMut(KeepaliveStatus) -> Patience,
    ) -> Result<Vec<u8>, TransportError>;

    /// Sends a U2F APDU and returns data and status word (HD-71).
    ///
    /// # Errors
    /// As [`exchange`](Self::exchange); [`TransportError::NoU2f`] where this way to the key carries CTAP2 only.
    fn exchange_u2f(&mut self, apdu: &[u8]) -> Result<Vec<u8>, TransportError> {
        let _ = apdu;
        Err(TransportError::NoU2f)
    }
}

/// A borrowed one, or one in a box.
impl<P: DerefMut<Target: Exchange>> Exchange for P {
    fn exchange(
        &mut self,
        request: &[u8],
        on_keepalive: &mut dyn FnMut(KeepaliveStatus) -> Patience,
    ) -> Result<Vec<u8>, TransportError> {
        (**self).exchange(request, on_keepalive)
    }

    fn exchange_u2f(&mut self, apdu: &[u8]) -> Result<Vec<u8>, TransportError> {
        (**self).exchange_u2f(apdu)
    }
}
