//! Tools of the unit tests: hexadecimal, a predictable generator, and a key that follows a script.

use std::collections::VecDeque;
use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use zeroize::Zeroizing;

use crate::error::TransportError;
use crate::exchange::{Exchange, KeepaliveStatus, Patience};
use crate::pin_protocol::{PinProtocol, PinUvAuthToken};

pub(crate) fn hex(digits: &str) -> Vec<u8> {
    assert!(digits.len().is_multiple_of(2), "odd number of hexadecimal digits");
    (0..digits.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap())
        .collect()
}

/// Plays back the bytes it was given and fails the test when they run out.
pub(crate) struct FixedRng(VecDeque<u8>);

impl FixedRng {
    pub(crate) fn new(bytes: impl IntoIterator<Item = u8>) -> Self {
        Self(bytes.into_iter().collect())
    }

    /// The generator behind the vectors: a key pair of scalar 02 repeated, then the IV 00 to 0f.
    pub(crate) fn of_the_vectors() -> Self {
        Self::new([2; 32].into_iter().chain(0..16))
    }
}

impl TryRng for FixedRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.fill_with(|| self.0.pop_front().expect("the script of random bytes ran out"));
        Ok(())
    }
}

impl TryCryptoRng for FixedRng {}

/// The token 00 to 1f of V-06, under protocol two.
pub(crate) fn token_of_v_06() -> PinUvAuthToken {
    PinUvAuthToken::new(PinProtocol::Two, Zeroizing::new((0..32).collect())).unwrap()
}

/// A key that expects these requests in this order and answers with these replies.
#[derive(Debug, Default)]
pub(crate) struct ScriptedKey(VecDeque<(Vec<u8>, Vec<u8>)>);

impl ScriptedKey {
    pub(crate) fn expect(mut self, request: impl AsRef<[u8]>, reply: impl AsRef<[u8]>) -> Self {
        self.0.push_back((request.as_ref().to_vec(), reply.as_ref().to_vec()));
        self
    }

    pub(crate) fn expect_hex(self, request: &str, reply: &str) -> Self {
        self.expect(hex(request), hex(reply))
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.0.is_empty()
    }

    fn play(&mut self, request: &[u8]) -> Vec<u8> {
        let (expected, reply) = self.0.pop_front().expect("a request after the end of the script");
        assert_eq!(request, expected, "another request than the script expects");
        reply
    }
}

impl Exchange for ScriptedKey {
    fn exchange(
        &mut self,
        request: &[u8],
        on_keepalive: &mut dyn FnMut(KeepaliveStatus) -> Patience,
    ) -> Result<Vec<u8>, TransportError> {
        on_keepalive(KeepaliveStatus::Processing);
        Ok(self.play(request))
    }

    fn exchange_u2f(&mut self, apdu: &[u8]) -> Result<Vec<u8>, TransportError> {
        Ok(self.play(apdu))
    }
}
