//! The boundary between the messages to a key and the transport that carries them.

use std::ops::DerefMut;

pub use hid_transport::KeepaliveStatus;

use crate::error::TransportError;

/// What the platform wants after a keepalive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Go on waiting for the answer.
    Wait,
    /// Send CTAPHID_CANCEL. The key still answers: with `CTAP2_ERR_KEEPALIVE_CANCEL`, or with the result if the
    /// person was faster (HD-81, HD-82).
    Cancel,
}

/// Sends a CTAP message and returns the reply. [`HidChannel`](crate::channel::HidChannel) and keys in the same
/// process implement it.
pub trait Exchange {
    /// Sends a CTAP2 request (command byte and CBOR) and returns the reply (status byte and CBOR).
    ///
    /// `on_keepalive` is called each time that the key says that it works or waits for a person. Its result decides
    /// whether to go on waiting.
    ///
    /// # Errors
    /// When no reply came. A refusal by the key is a reply, not an error.
    fn exchange(
        &mut self,
        request: &[u8],
        on_keepalive: &mut dyn FnMut(KeepaliveStatus) -> Patience,
    ) -> Result<Vec<u8>, TransportError>;

    /// Sends a U2F APDU and returns data and status word (HD-71).
    ///
    /// # Errors
    /// As [`exchange`](Self::exchange); [`TransportError::NoU2f`] if this connection to the key carries CTAP2 only.
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
