//! CTAP section 6.9: authenticatorSelection.

use super::code;
use crate::client::Client;
use crate::error::Error;
use crate::exchange::Exchange;

impl<E: Exchange> Client<E> {
    /// Waits until somebody touches this key. A person with several keys chooses one in this way (SL-01).
    ///
    /// # Errors
    /// `UserActionTimeout`, `OperationDenied`; `KeepaliveCancel` if the listener cancelled (SL-02).
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
