//! CTAP section 6.11: authenticatorConfig.

use super::{FIXED_HEAD, code, mac_message};
use crate::cbor::{MapBuilder, Value};
use crate::client::Client;
use crate::entities::texts;
use crate::error::Error;
use crate::exchange::Exchange;
use crate::pin_protocol::PinUvAuthToken;

/// Subcommand numbers.
pub mod sub_command {
    /// enableEnterpriseAttestation
    pub const ENABLE_ENTERPRISE_ATTESTATION: u64 = 0x01;
    /// toggleAlwaysUv
    pub const TOGGLE_ALWAYS_UV: u64 = 0x02;
    /// setMinPINLength
    pub const SET_MIN_PIN_LENGTH: u64 = 0x03;
    /// enableLongTouchForReset
    pub const ENABLE_LONG_TOUCH_FOR_RESET: u64 = 0x04;
    /// vendorPrototype
    pub const VENDOR_PROTOTYPE: u64 = 0xFF;
}

/// A config request, member by member (MSG-23).
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// 01: the subcommand; see [`sub_command`].
    pub sub_command: Option<u64>,
    /// 02: its parameters, a map.
    pub sub_command_params: Option<Value>,
    /// 03: which PIN/UV auth protocol `pin_uv_auth_param` is made with: 1 or 2.
    pub pin_uv_auth_protocol: Option<u64>,
    /// 04: the MAC that proves the possession of the token; [`authorized_by`](Self::authorized_by) makes it.
    pub pin_uv_auth_param: Option<Vec<u8>>,
    /// Members to add, or to use instead of those above.
    pub extra: Vec<(i64, Value)>,
}

impl Request {
    /// A request with nothing but its subcommand.
    #[must_use]
    pub fn new(sub_command: u64) -> Self {
        Self { sub_command: Some(sub_command), ..Self::default() }
    }

    /// Adds the parameters of the subcommand.
    #[must_use]
    pub fn with_params(mut self, params: MapBuilder) -> Self {
        self.sub_command_params = Some(params.build());
        self
    }

    /// Fills in members 03 and 04: the MAC is over 32 bytes FF, the command, the subcommand and its encoded
    /// parameters (CF-08).
    #[must_use]
    pub fn authorized_by(mut self, token: &PinUvAuthToken) -> Self {
        let command = [code::CONFIG, self.sub_command.unwrap_or_default() as u8];
        let head = [FIXED_HEAD.as_slice(), &command].concat();
        let message = mac_message(&head, self.sub_command_params.as_ref());
        (self.pin_uv_auth_param, self.pin_uv_auth_protocol) = token.members_over(&message);
        self
    }

    /// The message as it goes to the key.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        MapBuilder::new()
            .optional(0x01, self.sub_command)
            .optional(0x02, self.sub_command_params.clone())
            .optional(0x03, self.pin_uv_auth_protocol)
            .optional(0x04, self.pin_uv_auth_param.as_deref())
            .extra(&self.extra)
            .request(code::CONFIG)
    }
}

/// What setMinPINLength changes. `None` leaves a setting as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MinPinLength {
    /// 01: the new minimum length of PINs, in code points. It can only grow (CF-43).
    pub new_min_pin_length: Option<u64>,
    /// 02: the relying parties that may ask for that length.
    pub min_pin_length_rp_ids: Option<Vec<String>>,
    /// 03: the PIN must be changed before its next use.
    pub force_change_pin: Option<bool>,
    /// 04: PINs must follow rules in addition to their length.
    pub pin_complexity_policy: Option<bool>,
}

impl MinPinLength {
    fn params(&self) -> MapBuilder {
        MapBuilder::new()
            .optional(0x01, self.new_min_pin_length)
            .optional(0x02, self.min_pin_length_rp_ids.as_deref().map(texts))
            .optional(0x03, self.force_change_pin)
            .optional(0x04, self.pin_complexity_policy)
    }
}

/// A protected key needs a token with `AUTHENTICATOR_CONFIG`; an unprotected one does without (CF-10).
impl<E: Exchange> Client<E> {
    /// Sends a config request as it is.
    ///
    /// # Errors
    /// [`Error`], which tells whose fault it is.
    pub fn config(
        &mut self,
        request: &Request,
        auth: Option<&PinUvAuthToken>,
    ) -> Result<(), Error> {
        let message = match auth {
            Some(token) => request.clone().authorized_by(token).encode(),
            None => request.encode(),
        };
        self.call_for_nothing(&message)
    }

    /// Allows enterprise attestation until the next reset (CF-21).
    ///
    /// # Errors
    /// [`Error`], which tells whose fault it is.
    pub fn enable_enterprise_attestation(
        &mut self,
        auth: Option<&PinUvAuthToken>,
    ) -> Result<(), Error> {
        self.config(&Request::new(sub_command::ENABLE_ENTERPRISE_ATTESTATION), auth)
    }

    /// Turns alwaysUv on, or off if it is on (CF-31).
    ///
    /// # Errors
    /// `OperationDenied` from keys that do not allow turning it off.
    pub fn toggle_always_uv(&mut self, auth: Option<&PinUvAuthToken>) -> Result<(), Error> {
        self.config(&Request::new(sub_command::TOGGLE_ALWAYS_UV), auth)
    }

    /// Changes the rules for PINs.
    ///
    /// # Errors
    /// `PinPolicyViolation` for a length below the present minimum, `KeyStoreFull` for too many relying parties,
    /// `PinNotSet` when a change is forced and there is no PIN.
    pub fn set_min_pin_length(
        &mut self,
        rules: &MinPinLength,
        auth: Option<&PinUvAuthToken>,
    ) -> Result<(), Error> {
        let request = Request::new(sub_command::SET_MIN_PIN_LENGTH).with_params(rules.params());
        self.config(&request, auth)
    }

    /// Makes a reset need a touch of five seconds (CF-60).
    ///
    /// # Errors
    /// [`Error`], which tells whose fault it is.
    pub fn enable_long_touch_for_reset(
        &mut self,
        auth: Option<&PinUvAuthToken>,
    ) -> Result<(), Error> {
        self.config(&Request::new(sub_command::ENABLE_LONG_TOUCH_FOR_RESET), auth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{ScriptedKey, hex, token_of_v_06};

    #[test]
    fn the_macs_are_those_of_v_07() {
        let toggle = Request::new(sub_command::TOGGLE_ALWAYS_UV).authorized_by(&token_of_v_06());
        let mac = "32cf0f9234e40e7ac115bf2eef1a33b55404f74cb39063c9e46037fc672fd963";
        assert_eq!(toggle.pin_uv_auth_param, Some(hex(mac)));
        let rules = MinPinLength { new_min_pin_length: Some(6), ..MinPinLength::default() };
        let longer = Request::new(sub_command::SET_MIN_PIN_LENGTH)
            .with_params(rules.params())
            .authorized_by(&token_of_v_06());
        let mac = "fc6f273fd73a327d110e96389f379e1a3545c2c71ead73f140ab4575f60bb992";
        assert_eq!(longer.pin_uv_auth_param, Some(hex(mac)));
    }

    #[test]
    fn an_unprotected_key_is_configured_without_a_token() {
        let key = ScriptedKey::default()
            .expect_hex("0da10101", "00")
            .expect_hex("0da10102", "00")
            .expect_hex("0da10104", "00");
        let mut client = Client::new(key);
        client.enable_enterprise_attestation(None).unwrap();
        client.toggle_always_uv(None).unwrap();
        client.enable_long_touch_for_reset(None).unwrap();
        assert!(client.exchange_mut().is_finished());
    }

    #[test]
    fn all_rules_for_pins_are_sent_in_one_request() {
        let rules = MinPinLength {
            new_min_pin_length: Some(6),
            min_pin_length_rp_ids: Some(vec!["a".to_owned()]),
            force_change_pin: Some(true),
            pin_complexity_policy: Some(true),
        };
        let params = "a401060281616103f504f5";
        let token = token_of_v_06();
        let mac = token.authenticate(&[vec![0xFF; 32], hex("0d03"), hex(params)].concat());
        let request = [hex("0da4010302"), hex(params), hex("0302045820"), mac].concat();
        let mut client = Client::new(ScriptedKey::default().expect(request, [0]));
        client.set_min_pin_length(&rules, Some(&token)).unwrap();
    }
}
