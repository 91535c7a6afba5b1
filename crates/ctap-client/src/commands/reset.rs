//! CTAP section 6.6: authenticatorReset.

use super::code;
use crate::client::Client;
use crate::error::Error;
use crate::exchange::Exchange;

impl<E: Exchange> Client<E> {
    /// Erases the key: credentials, PIN, fingerprints, settings (RS-09). The key asks for a touch, and takes this
    /// command only for a short time after it was plugged in (RS-03).
    ///
    /// # Errors
    /// `NotAllowed` if that time is over. `UserActionTimeout`, `OperationDenied` or `KeepaliveCancel` if nobody
    /// agreed. Nothing is erased then.
    pub fn reset(&mut self) -> Result<(), Error> {
        self.call_for_nothing(&[code::RESET])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Status;
    use crate::test_support::ScriptedKey;

    #[test]
    fn a_reset_is_one_byte_each_way() {
        let mut client =
            Client::new(ScriptedKey::default().expect_hex("07", "00").expect_hex("07", "30"));
        client.reset().unwrap();
        assert_eq!(client.reset().unwrap_err().status(), Some(Status::NotAllowed));
    }
}
