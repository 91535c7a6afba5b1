//! A conversation with one key. The typed methods live with their commands, in [`commands`](crate::commands).

use core::fmt;

use getrandom::SysRng;
use rand_core::{CryptoRng, UnwrapErr};

use crate::error::{Error, ReplyFault, TransportError};
use crate::exchange::{Exchange, KeepaliveStatus, Patience};
use crate::fields::Fields;
use crate::status::Status;

/// The platform's end of a conversation with one key.
///
/// It can move to another thread, if the exchange can. Replies are checked strictly; [`lenient`](Self::lenient) accepts some
/// wrong replies. Methods block until the key has answered, or the connection to it is lost.
pub struct Client<E> {
    exchange: E,
    rng: Box<dyn CryptoRng + Send>,
    on_keepalive: Box<dyn FnMut(KeepaliveStatus) -> Patience + Send>,
    strict: bool,
}

impl<E: Exchange> Client<E> {
    /// A client that takes random numbers for key pairs and IVs from the operating system, waits as long as the key does, and
    /// refuses replies that are not canonical CBOR.
    #[must_use]
    pub fn new(exchange: E) -> Self {
        Self {
            exchange,
            rng: Box::new(UnwrapErr(SysRng)),
            on_keepalive: Box::new(|_| Patience::Wait),
            strict: true,
        }
    }

    /// Takes random numbers for key pairs and IVs from `rng` instead: for tests that must repeat.
    #[must_use]
    pub fn with_rng(mut self, rng: impl CryptoRng + Send + 'static) -> Self {
        self.rng = Box::new(rng);
        self
    }

    /// Accepts replies whose CBOR is well-formed but not canonical, and replies with a body where none should be.
    #[must_use]
    pub const fn lenient(mut self) -> Self {
        self.strict = false;
        self
    }

    /// Calls `listener` at each keepalive of a waiting key: to ask a person for a touch, or to cancel.
    pub fn on_keepalive(
        &mut self,
        listener: impl FnMut(KeepaliveStatus) -> Patience + Send + 'static,
    ) {
        self.on_keepalive = Box::new(listener);
    }

    /// The connection to the key.
    pub const fn exchange_mut(&mut self) -> &mut E {
        &mut self.exchange
    }

    /// The generator that key pairs, IVs and nonces come from.
    pub fn rng(&mut self) -> &mut dyn CryptoRng {
        &mut *self.rng
    }

    /// Sends any bytes as a CTAP2 message and returns the reply unchanged.
    ///
    /// # Errors
    /// [`TransportError`] when no reply came; it tells whose fault that is.
    pub fn raw(&mut self, message: &[u8]) -> Result<Vec<u8>, TransportError> {
        self.exchange.exchange(message, &mut self.on_keepalive)
    }

    /// Sends a request whose success comes without a body (MSG-03).
    pub(crate) fn call_for_nothing(&mut self, request: &[u8]) -> Result<(), Error> {
        match self.call(request)?.len() {
            0 => Ok(()),
            _ if !self.strict => Ok(()),
            surplus => Err(ReplyFault::UnexpectedBody(surplus).into()),
        }
    }

    /// Sends a request whose success comes with a map.
    pub(crate) fn call_for_map(
        &mut self,
        request: &[u8],
        name: &'static str,
    ) -> Result<Fields, Error> {
        let body = self.call(request)?;
        Ok(Fields::parse(&body, name, self.strict)?)
    }

    fn call(&mut self, request: &[u8]) -> Result<Vec<u8>, Error> {
        let mut reply = self.raw(request)?;
        let status = Status::from_byte(*reply.first().ok_or(ReplyFault::Empty)?);
        let body = reply.split_off(1);
        match (status, body.len()) {
            (Status::Ok, _) => Ok(body),
            (_, surplus) if surplus > 0 && self.strict => {
                Err(ReplyFault::UnexpectedBody(surplus).into())
            }
            _ => Err(Error::Status(status)),
        }
    }
}

impl<E: fmt::Debug> fmt::Debug for Client<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("exchange", &self.exchange)
            .field("strict", &self.strict)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::cbor::CborFault;
    use crate::test_support::ScriptedKey;

    fn client(reply: &str) -> Client<ScriptedKey> {
        Client::new(ScriptedKey::default().expect_hex("07", reply))
    }

    #[test]
    fn a_refusal_is_the_status_the_key_gave() {
        let error = client("30").call_for_nothing(&[7]).unwrap_err();
        assert_eq!(error.status(), Some(Status::NotAllowed));
    }

    #[test]
    fn bodies_where_none_belong_are_faults_of_the_key_unless_lenient() {
        for (reply, strict_fault) in [("00a0", 1), ("30a000", 2)] {
            let error = client(reply).call_for_nothing(&[7]).unwrap_err();
            assert!(
                matches!(error, Error::Reply(ReplyFault::UnexpectedBody(n)) if n == strict_fault)
            );
        }
        assert!(client("00a0").lenient().call_for_nothing(&[7]).is_ok());
        assert_eq!(
            client("30a000").lenient().call_for_nothing(&[7]).unwrap_err().status(),
            Some(Status::NotAllowed)
        );
    }

    #[test]
    fn a_reply_without_a_status_byte_is_a_fault_of_the_key() {
        let error = client("").call_for_nothing(&[7]).unwrap_err();
        assert!(matches!(error, Error::Reply(ReplyFault::Empty)));
    }

    #[test]
    fn a_reply_that_is_not_canonical_is_named_as_such() {
        let error = client("00a1180100").call_for_map(&[7], "the reply").unwrap_err();
        let expected = ReplyFault::Cbor("the reply", CborFault::NotCanonical);
        assert!(matches!(error, Error::Reply(fault) if fault == expected));
        assert!(client("00a1180100").lenient().call_for_map(&[7], "the reply").is_ok());
    }

    #[test]
    fn the_listener_hears_the_key_work() {
        let heard = Arc::new(Mutex::new(None));
        let mut client = client("00");
        let sink = Arc::clone(&heard);
        client.on_keepalive(move |status| {
            *sink.lock().unwrap() = Some(status);
            Patience::Wait
        });
        client.raw(&[7]).unwrap();
        assert_eq!(*heard.lock().unwrap(), Some(KeepaliveStatus::Processing));
    }
}
