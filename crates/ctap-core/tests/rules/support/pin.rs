//! The platform's side of PINs and tokens.

use ctap_client::cose::read_key_agreement;

use super::request::client_pin;
use super::{Key, PinProtocol, PinUvAuthToken, Request, SharedSecret, bytes, sha256};

/// Permissions.
pub(crate) const MC: u64 = 0x01;
pub(crate) const GA: u64 = 0x02;
pub(crate) const CM: u64 = 0x04;
pub(crate) const BE: u64 = 0x08;
pub(crate) const LBW: u64 = 0x10;
pub(crate) const ACFG: u64 = 0x20;
pub(crate) const PCMR: u64 = 0x40;
/// Those that a key with everything but a sensor grants in one token.
pub(crate) const ALL: u64 = MC | GA | CM | LBW | ACFG;

/// LEFT(SHA-256(PIN), 16) (CP-22).
pub(crate) fn pin_hash(pin: &str) -> Vec<u8> {
    sha256(pin.as_bytes())[..16].to_vec()
}

/// A PIN padded to 64 bytes (CP-22).
pub(crate) fn padded(pin: &str) -> Vec<u8> {
    let mut padded = pin.as_bytes().to_vec();
    padded.resize(64, 0);
    padded
}

impl Key {
    pub(crate) fn agree(&mut self, protocol: PinProtocol) -> SharedSecret {
        let reply = self.ok(&client_pin(0x02).with(1, protocol.number()));
        let peer = read_key_agreement(reply.get(1).unwrap().clone()).expect("a COSE_Key");
        SharedSecret::agree(protocol, &peer, &mut self.rng)
    }

    /// setPIN for this padded PIN.
    pub(crate) fn set_pin_request(&mut self, protocol: PinProtocol, padded: &[u8]) -> Request {
        let secret = self.agree(protocol);
        let new_pin = secret.encrypt(padded, &mut self.rng);
        with_key(client_pin(0x03), &secret)
            .with(4, bytes(secret.authenticate(&new_pin)))
            .with(5, bytes(new_pin))
    }

    /// changePIN from a PIN to this padded one.
    pub(crate) fn change_pin_request(
        &mut self,
        protocol: PinProtocol,
        old: &str,
        padded: &[u8],
    ) -> Request {
        let secret = self.agree(protocol);
        let new_pin = secret.encrypt(padded, &mut self.rng);
        let hash = secret.encrypt(&pin_hash(old), &mut self.rng);
        with_key(client_pin(0x04), &secret)
            .with(4, bytes(secret.authenticate(&[&new_pin[..], &hash].concat())))
            .with(5, bytes(new_pin))
            .with(6, bytes(hash))
    }

    /// getPinToken (05) or a token with permissions (09), without the permissions, and the secret that hides the token.
    pub(crate) fn token_request(
        &mut self,
        protocol: PinProtocol,
        sub_command: u64,
        pin: &str,
    ) -> (Request, SharedSecret) {
        let secret = self.agree(protocol);
        let hash = secret.encrypt(&pin_hash(pin), &mut self.rng);
        (with_key(client_pin(sub_command), &secret).with(6, bytes(hash)), secret)
    }

    #[track_caller]
    pub(crate) fn set_pin(&mut self, pin: &str) {
        let request = self.set_pin_request(PinProtocol::Two, &padded(pin));
        assert!(self.ok(&request).is_empty());
    }

    /// The status of one try of a PIN.
    pub(crate) fn try_pin(&mut self, pin: &str) -> u8 {
        let (request, _) = self.token_request(PinProtocol::Two, 0x05, pin);
        self.status(&request)
    }

    /// No try is left; the key has just been plugged in.
    pub(crate) fn block_pin(&mut self) {
        for _ in 0..8 {
            self.try_pin("0");
            self.power_cycle();
        }
        assert_eq!(self.try_pin("0"), 0x32);
    }

    pub(crate) fn pin_token(&mut self, protocol: PinProtocol, pin: &str) -> PinUvAuthToken {
        let (request, secret) = self.token_request(protocol, 0x05, pin);
        self.receive_token(&request, &secret)
    }

    /// A token with permissions, by PIN "1234" and protocol two.
    #[track_caller]
    pub(crate) fn token(&mut self, permissions: u64, rp_id: Option<&str>) -> PinUvAuthToken {
        self.token_with(PinProtocol::Two, permissions, rp_id)
    }

    #[track_caller]
    pub(crate) fn token_with(
        &mut self,
        protocol: PinProtocol,
        permissions: u64,
        rp_id: Option<&str>,
    ) -> PinUvAuthToken {
        let (request, secret) = self.token_request(protocol, 0x09, "1234");
        let request = request.with(9, permissions);
        let request = match rp_id {
            Some(rp_id) => request.with(0x0a, rp_id),
            None => request,
        };
        self.receive_token(&request, &secret)
    }

    /// A token by finger.
    #[track_caller]
    pub(crate) fn uv_token(&mut self, permissions: u64, rp_id: Option<&str>) -> PinUvAuthToken {
        let secret = self.agree(PinProtocol::Two);
        let request = with_key(client_pin(0x06), &secret).with(9, permissions);
        let request = match rp_id {
            Some(rp_id) => request.with(0x0a, rp_id),
            None => request,
        };
        self.receive_token(&request, &secret)
    }

    #[track_caller]
    pub(crate) fn receive_token(
        &mut self,
        request: &Request,
        secret: &SharedSecret,
    ) -> PinUvAuthToken {
        let encrypted = self.ok(request).bytes(2);
        let token = secret.decrypt(&encrypted, "token").expect("whole blocks");
        PinUvAuthToken::new(secret.protocol(), token).expect("32 bytes")
    }
}

/// With the protocol and the platform's key.
pub(crate) fn with_key(request: Request, secret: &SharedSecret) -> Request {
    request.with(1, secret.protocol().number()).with(3, secret.platform_key())
}
