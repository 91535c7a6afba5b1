//! Overhears what goes to a key and comes back.

use std::cell::RefCell;
use std::rc::Rc;

use ctap_client::commands::{client_pin::sub_command, code};
use ctap_client::error::TransportError;
use ctap_client::{Exchange, KeepaliveStatus, Patience, Status, Value, cbor};

/// What was overheard since it was last told. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Wire(Rc<RefCell<Vec<String>>>);

impl Wire {
    /// Everything noted since the last call, in one line; `None` if nothing was.
    pub(super) fn take(&self) -> Option<String> {
        let notes = self.0.take();
        (!notes.is_empty()).then(|| notes.join(", "))
    }

    /// Notes something in passing.
    pub(super) fn note(&self, what: String) {
        self.0.borrow_mut().push(what);
    }
}

/// A way to a key with somebody listening.
pub(super) struct Tapped<E> {
    exchange: E,
    wire: Wire,
}

impl<E> Tapped<E> {
    /// Lets `wire` overhear `exchange`.
    pub(super) const fn new(exchange: E, wire: Wire) -> Self {
        Self { exchange, wire }
    }
}

impl<E: Exchange> Exchange for Tapped<E> {
    fn exchange(
        &mut self,
        request: &[u8],
        on_keepalive: &mut dyn FnMut(KeepaliveStatus) -> Patience,
    ) -> Result<Vec<u8>, TransportError> {
        let reply = self.exchange.exchange(request, on_keepalive)?;
        self.wire.note(describe(request, &reply));
        Ok(reply)
    }
}

/// `getInfo 1 → 193 bytes`; a refusal says which.
fn describe(request: &[u8], reply: &[u8]) -> String {
    let (name, sent, received) = (name(request), request.len(), reply.len());
    match reply.first().map(|status| Status::from_byte(*status)) {
        Some(Status::Ok) => format!("{name} {sent} → {received} bytes"),
        Some(status) => format!("{name} {sent} bytes → {}", status.name()),
        None => format!("{name} {sent} bytes → nothing"),
    }
}

fn name(request: &[u8]) -> &'static str {
    match *request {
        [code::MAKE_CREDENTIAL, ..] => "makeCredential",
        [code::GET_ASSERTION, ..] => "getAssertion",
        [code::GET_NEXT_ASSERTION] => "getNextAssertion",
        [code::GET_INFO] => "getInfo",
        [code::CLIENT_PIN, ref parameters @ ..] => pin_command(parameters),
        [code::RESET] => "reset",
        [code::CREDENTIAL_MANAGEMENT, ..] => "credentialManagement",
        _ => "message",
    }
}

fn pin_command(parameters: &[u8]) -> &'static str {
    let members = cbor::decode(parameters).ok().and_then(|value| value.into_map().ok());
    let sub_command = members.into_iter().flatten().find(|(key, _)| *key == Value::from(2));
    match sub_command.and_then(|(_, value)| u64::try_from(value.into_integer().ok()?).ok()) {
        Some(sub_command::GET_PIN_RETRIES) => "getPINRetries",
        Some(sub_command::GET_KEY_AGREEMENT) => "getKeyAgreement",
        Some(sub_command::SET_PIN) => "setPIN",
        Some(sub_command::CHANGE_PIN) => "changePIN",
        Some(sub_command::GET_PIN_TOKEN | sub_command::GET_TOKEN_USING_PIN) => "getPinUvAuthToken",
        _ => "clientPIN",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchanges_are_named_as_in_the_standard() {
        assert_eq!(describe(&[4], &[0, 0xA0]), "getInfo 1 → 2 bytes");
        assert_eq!(describe(&[6, 0xA1, 2, 3], &[0]), "setPIN 4 → 1 bytes");
        assert_eq!(describe(&[6, 0xFF], &[0x12]), "clientPIN 2 bytes → CTAP2_ERR_INVALID_CBOR");
        assert_eq!(describe(&[8], &[]), "getNextAssertion 1 bytes → nothing");
    }

    #[test]
    fn what_was_overheard_is_told_once() {
        let wire = Wire::default();
        wire.clone().note("a".to_owned());
        wire.note("b".to_owned());
        assert_eq!(wire.take().as_deref(), Some("a, b"));
        assert_eq!(wire.take(), None);
    }
}
