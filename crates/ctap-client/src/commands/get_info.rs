//! CTAP section 6.4: authenticatorGetInfo.

use super::code;
use crate::cbor::Value;
use crate::client::Client;
use crate::entities::CredentialParameters;
use crate::error::{Error, ReplyFault};
use crate::exchange::Exchange;
use crate::fields::Fields;
use crate::limits::DEFAULT_MAX_MSG_SIZE;
use crate::pin_protocol::PinProtocol;

const REPLY: &str = "the getInfo reply";

/// What a key says about itself. Members 01 to 1F (GI-10 to GI-40); `None`: the member is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Info {
    /// 01: the protocol versions that the key speaks now, such as `FIDO_2_1` and `U2F_V2`.
    pub versions: Vec<String>,
    /// 02: extension names.
    pub extensions: Option<Vec<String>>,
    /// 03: the key's model.
    pub aaguid: [u8; 16],
    /// 04: options, in the order of the wire. See [`option`](Self::option).
    pub options: Option<Vec<(String, bool)>>,
    /// 05: the longest message in bytes. See [`max_message_size`](Self::max_message_size).
    pub max_msg_size: Option<u64>,
    /// 06: PIN/UV auth protocols, preferred ones first.
    pub pin_uv_auth_protocols: Option<Vec<u64>>,
    /// 07: the most credentials in one allow or exclude list; absent counts as 1.
    pub max_credential_count_in_list: Option<u64>,
    /// 08: the longest credential id that this key makes, in bytes.
    pub max_credential_id_length: Option<u64>,
    /// 09: the transports of the key.
    pub transports: Option<Vec<String>>,
    /// 0A: signature algorithms, preferred ones first.
    pub algorithms: Option<Vec<CredentialParameters>>,
    /// 0B: the largest large-blob array, in bytes.
    pub max_serialized_large_blob_array: Option<u64>,
    /// 0C: the PIN must be changed before it can be used.
    pub force_pin_change: Option<bool>,
    /// 0D: the shortest PIN, in code points.
    pub min_pin_length: Option<u64>,
    /// 0E: the firmware's version; it grows with each new firmware.
    pub firmware_version: Option<u64>,
    /// 0F: the longest credBlob, in bytes.
    pub max_cred_blob_length: Option<u64>,
    /// 10: how many relying parties may be allowed to ask for the shortest PIN length.
    pub max_rp_ids_for_set_min_pin_length: Option<u64>,
    /// 11: how many times a platform should try a gesture before it asks for the PIN.
    pub preferred_platform_uv_attempts: Option<u64>,
    /// 12: ways of built-in user verification, as bits.
    pub uv_modality: Option<u64>,
    /// 13: certifications and their levels.
    pub certifications: Option<Vec<(String, u64)>>,
    /// 14: how many more discoverable credentials fit at least; an estimate.
    pub remaining_discoverable_credentials: Option<u64>,
    /// 15: vendor configuration commands.
    pub vendor_prototype_config_commands: Option<Vec<u64>>,
    /// 16: attestation formats, without `none`; absent means `packed`.
    pub attestation_formats: Option<Vec<String>>,
    /// 17: uses of built-in user verification since the PIN was last entered.
    pub uv_count_since_last_pin_entry: Option<u64>,
    /// 18: a reset needs a touch of five seconds.
    pub long_touch_for_reset: Option<bool>,
    /// 19: the encrypted device identifier; a persistent token decrypts it.
    pub enc_identifier: Option<[u8; 32]>,
    /// 1A: transports over which a reset is possible; absent means all.
    pub transports_for_reset: Option<Vec<String>>,
    /// 1B: PINs must follow rules in addition to their length.
    pub pin_complexity_policy: Option<bool>,
    /// 1C: the URL that explains these rules, in bytes.
    pub pin_complexity_policy_url: Option<Vec<u8>>,
    /// 1D: the longest PIN, in code points; absent means 63.
    pub max_pin_length: Option<u64>,
    /// 1E: the encrypted state of the credential store; a persistent token decrypts it.
    pub enc_cred_store_state: Option<[u8; 32]>,
    /// 1F: authenticatorConfig subcommands.
    pub authenticator_config_commands: Option<Vec<u64>>,
    /// All other members.
    pub unknown: Vec<(Value, Value)>,
}

impl Info {
    /// Reads a getInfo reply (without its status byte).
    ///
    /// # Errors
    /// [`ReplyFault`]; the key's fault.
    pub fn parse(body: &[u8], strict: bool) -> Result<Self, ReplyFault> {
        Self::read(Fields::parse(body, REPLY, strict)?)
    }

    fn read(mut members: Fields) -> Result<Self, ReplyFault> {
        Ok(Self {
            versions: members.require(0x01, "versions")?,
            extensions: members.take(0x02, "extensions")?,
            aaguid: members.require(0x03, "aaguid")?,
            options: members.take(0x04, "options")?,
            max_msg_size: members.take(0x05, "maxMsgSize")?,
            pin_uv_auth_protocols: members.take(0x06, "pinUvAuthProtocols")?,
            max_credential_count_in_list: members.take(0x07, "maxCredentialCountInList")?,
            max_credential_id_length: members.take(0x08, "maxCredentialIdLength")?,
            transports: members.take(0x09, "transports")?,
            algorithms: members.take(0x0A, "algorithms")?,
            max_serialized_large_blob_array: members.take(0x0B, "maxSerializedLargeBlobArray")?,
            force_pin_change: members.take(0x0C, "forcePINChange")?,
            min_pin_length: members.take(0x0D, "minPINLength")?,
            firmware_version: members.take(0x0E, "firmwareVersion")?,
            max_cred_blob_length: members.take(0x0F, "maxCredBlobLength")?,
            max_rp_ids_for_set_min_pin_length: members.take(0x10, "maxRPIDsForSetMinPINLength")?,
            preferred_platform_uv_attempts: members.take(0x11, "preferredPlatformUvAttempts")?,
            uv_modality: members.take(0x12, "uvModality")?,
            certifications: members.take(0x13, "certifications")?,
            remaining_discoverable_credentials: members
                .take(0x14, "remainingDiscoverableCredentials")?,
            vendor_prototype_config_commands: members
                .take(0x15, "vendorPrototypeConfigCommands")?,
            attestation_formats: members.take(0x16, "attestationFormats")?,
            uv_count_since_last_pin_entry: members.take(0x17, "uvCountSinceLastPinEntry")?,
            long_touch_for_reset: members.take(0x18, "longTouchForReset")?,
            enc_identifier: members.take(0x19, "encIdentifier")?,
            transports_for_reset: members.take(0x1A, "transportsForReset")?,
            pin_complexity_policy: members.take(0x1B, "pinComplexityPolicy")?,
            pin_complexity_policy_url: members.take(0x1C, "pinComplexityPolicyURL")?,
            max_pin_length: members.take(0x1D, "maxPINLength")?,
            enc_cred_store_state: members.take(0x1E, "encCredStoreState")?,
            authenticator_config_commands: members.take(0x1F, "authenticatorConfigCommands")?,
            unknown: members.unknown(),
        })
    }

    /// The value of an option; `None`: the key does not list it. What a missing option means differs from option to
    /// option (GI-50 ff.).
    #[must_use]
    pub fn option(&self, name: &str) -> Option<bool> {
        self.options.iter().flatten().find(|(id, _)| id == name).map(|(_, value)| *value)
    }

    /// Whether an option is listed and true.
    #[must_use]
    pub fn is_on(&self, option: &str) -> bool {
        self.option(option) == Some(true)
    }

    /// Whether the key speaks a version, such as `FIDO_2_1`.
    #[must_use]
    pub fn speaks(&self, version: &str) -> bool {
        self.versions.iter().any(|listed| listed == version)
    }

    /// Whether the key offers an extension.
    #[must_use]
    pub fn has_extension(&self, name: &str) -> bool {
        self.extensions.iter().flatten().any(|listed| listed == name)
    }

    /// The longest message in bytes; 1024 if the key does not tell it (MSG-60).
    #[must_use]
    pub fn max_message_size(&self) -> u64 {
        self.max_msg_size.unwrap_or(DEFAULT_MAX_MSG_SIZE)
    }

    /// The first protocol in the key's list that this crate speaks (CL-22).
    #[must_use]
    pub fn preferred_pin_protocol(&self) -> Option<PinProtocol> {
        self.pin_uv_auth_protocols
            .iter()
            .flatten()
            .find_map(|number| PinProtocol::from_number(*number))
    }
}

impl<E: Exchange> Client<E> {
    /// Asks the key what it is, and what state it is in.
    ///
    /// # Errors
    /// [`Error::Transport`], [`Error::Reply`]. A key never refuses this command (GI-01).
    pub fn get_info(&mut self) -> Result<Info, Error> {
        let members = self.call_for_map(&[code::GET_INFO], REPLY)?;
        Ok(Info::read(members)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cbor::{MapBuilder, encode};
    use crate::test_support::ScriptedKey;

    fn minimal() -> MapBuilder {
        MapBuilder::new()
            .member(1, vec![Value::from("FIDO_2_1"), Value::from("U2F_V2")])
            .member(3, vec![0xEE; 16])
    }

    #[test]
    fn a_minimal_reply_leaves_everything_else_absent() {
        let info = Info::parse(&encode(&minimal().build()), true).unwrap();
        assert!(info.speaks("FIDO_2_1") && !info.speaks("FIDO_2_0"));
        assert_eq!(info.max_message_size(), 1024);
        assert_eq!((info.option("rk"), info.preferred_pin_protocol()), (None, None));
        assert_eq!(
            info,
            Info { versions: info.versions.clone(), aaguid: [0xEE; 16], ..Info::default() }
        );
    }

    #[test]
    fn options_are_three_valued_and_the_first_known_protocol_is_preferred() {
        let options = MapBuilder::new().member("rk", true).member("clientPin", false).build();
        let reply =
            minimal().member(4, options).member(6, vec![Value::from(9), 2.into(), 1.into()]);
        let info = Info::parse(&encode(&reply.build()), true).unwrap();
        assert_eq!(
            (info.option("rk"), info.option("clientPin"), info.option("uv")),
            (Some(true), Some(false), None)
        );
        assert_eq!(info.preferred_pin_protocol(), Some(PinProtocol::Two));
    }

    #[test]
    fn every_member_is_read_into_its_own_field() {
        let number_members =
            [0x05, 0x07, 0x08, 0x0B, 0x0D, 0x0E, 0x0F, 0x10, 0x11, 0x12, 0x14, 0x17, 0x1D];
        let reply =
            number_members.into_iter().fold(minimal(), |map, key| map.member(key, 1000 + key));
        let info = Info::parse(&encode(&reply.build()), true).unwrap();
        let read = [
            info.max_msg_size,
            info.max_credential_count_in_list,
            info.max_credential_id_length,
            info.max_serialized_large_blob_array,
            info.min_pin_length,
            info.firmware_version,
            info.max_cred_blob_length,
            info.max_rp_ids_for_set_min_pin_length,
            info.preferred_platform_uv_attempts,
            info.uv_modality,
            info.remaining_discoverable_credentials,
            info.uv_count_since_last_pin_entry,
            info.max_pin_length,
        ];
        for (key, value) in number_members.into_iter().zip(read) {
            assert_eq!(value, Some(1000 + key as u64), "member {key:#x}");
        }
        assert!(info.unknown.is_empty());
    }

    #[test]
    fn unknown_members_are_kept_and_mistyped_ones_refused() {
        let info = Info::parse(&encode(&minimal().member(0x20, true).build()), true).unwrap();
        assert_eq!(info.unknown, [(Value::from(0x20), Value::from(true))]);
        let mistyped = minimal().member(0x1C, "https://example.com");
        let fault = Info::parse(&encode(&mistyped.build()), true).unwrap_err();
        assert_eq!(fault, ReplyFault::WrongType("pinComplexityPolicyURL"));
    }

    #[test]
    fn the_request_is_the_command_byte_alone() {
        let reply = [vec![0], encode(&minimal().build())].concat();
        let mut client = Client::new(ScriptedKey::default().expect([4], reply));
        assert_eq!(client.get_info().unwrap().versions, ["FIDO_2_1", "U2F_V2"]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), strict: bool) {
            let _ = Info::parse(&bytes, strict);
        }
    }
}
