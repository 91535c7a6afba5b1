//! CTAP section 6.9: authenticatorSelection.

use super::code;
use crate::client::Client;
use crate::error::Error;
use crate::exchange::Exchange;

impl<E: Exchange> Client<E> {
    /// Waits until somebody touches this key: how a person with several keys points at one (SL-01).
    ///
    /// # Errors
    /// `UserActionTimeout`, `OperationDenied`, or `KeepaliveCancel` when the listener gave up (SL-02).
    pub fn selection(&mut self) -> Result<(), Error> {
        self.call_for_nothing(&[code::SELECTION])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Status;
    use crate::test_support::ScriptedKey;

    #[test]
    fn a_selection_is_one_byte_each_way() {
        let mut client =
            Client::new(ScriptedKey::default().expect_hex("0b", "00").expect_hex("0b", "2d"));
        client.selection().unwrap();
        assert_eq!(client.selection().unwrap_err().status(), Some(Status::KeepaliveCancel));
    }
}
