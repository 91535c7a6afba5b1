//! getInfo as JSON, with the standard's member names. Values are as metadata statements write them: AAGUID and
//! bytes in hexadecimal without hyphens, options as an object.

use ctap_client::commands::client_pin::PinRetries;
use ctap_client::commands::get_info::Info;
use serde_json::{Map, Value, json};

/// The members that the key sent. If it has a PIN, also `pinRetries` and `powerCycleState`, from getPINRetries.
pub fn members(info: &Info, retries: Option<PinRetries>) -> Value {
    let strings = [
        ("versions", Some(info.versions.as_slice())),
        ("extensions", info.extensions.as_deref()),
        ("transports", info.transports.as_deref()),
        ("attestationFormats", info.attestation_formats.as_deref()),
        ("transportsForReset", info.transports_for_reset.as_deref()),
    ];
    let numbers = [
        ("maxMsgSize", info.max_msg_size),
        ("maxCredentialCountInList", info.max_credential_count_in_list),
        ("maxCredentialIdLength", info.max_credential_id_length),
        ("maxSerializedLargeBlobArray", info.max_serialized_large_blob_array),
        ("minPINLength", info.min_pin_length),
        ("firmwareVersion", info.firmware_version),
        ("maxCredBlobLength", info.max_cred_blob_length),
        ("maxRPIDsForSetMinPINLength", info.max_rp_ids_for_set_min_pin_length),
        ("preferredPlatformUvAttempts", info.preferred_platform_uv_attempts),
        ("uvModality", info.uv_modality),
        ("remainingDiscoverableCredentials", info.remaining_discoverable_credentials),
        ("uvCountSinceLastPinEntry", info.uv_count_since_last_pin_entry),
        ("maxPINLength", info.max_pin_length),
        ("pinRetries", retries.map(|retries| retries.left)),
    ];
    let flags = [
        ("forcePINChange", info.force_pin_change),
        ("longTouchForReset", info.long_touch_for_reset),
        ("pinComplexityPolicy", info.pin_complexity_policy),
        ("powerCycleState", retries.map(|retries| retries.power_cycle_needed)),
    ];
    let bytes = [
        ("aaguid", Some(info.aaguid.as_slice())),
        ("encIdentifier", info.enc_identifier.as_ref().map(<[u8; 32]>::as_slice)),
        ("encCredStoreState", info.enc_cred_store_state.as_ref().map(<[u8; 32]>::as_slice)),
    ];
    let lists = [
        ("pinUvAuthProtocols", info.pin_uv_auth_protocols.as_deref()),
        ("vendorPrototypeConfigCommands", info.vendor_prototype_config_commands.as_deref()),
        ("authenticatorConfigCommands", info.authenticator_config_commands.as_deref()),
    ];
    let composed = [
        ("options", info.options.as_deref().map(object)),
        (
            "algorithms",
            info.algorithms.as_ref().map(|all| {
                all.iter()
                    .map(|one| json!({ "type": one.kind, "alg": one.algorithm }))
                    .collect::<Value>()
            }),
        ),
        ("certifications", info.certifications.as_deref().map(object)),
        (
            "pinComplexityPolicyURL",
            info.pin_complexity_policy_url.as_ref().map(|url| json!(String::from_utf8_lossy(url))),
        ),
    ];
    let members =
        present(strings).chain(present(numbers)).chain(present(flags)).chain(present(lists));
    let bytes = bytes.map(|(name, value)| (name, value.map(hex)));
    members.chain(present(bytes)).chain(present(composed)).collect::<Map<_, _>>().into()
}

/// Lower case, without anything between the bytes.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The members that are there.
fn present<T: Into<Value>, const N: usize>(
    members: [(&'static str, Option<T>); N],
) -> impl Iterator<Item = (String, Value)> {
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
}

fn object<T: Copy + Into<Value>>(entries: &[(String, T)]) -> Value {
    entries
        .iter()
        .map(|(name, value)| (name.clone(), (*value).into()))
        .collect::<Map<_, _>>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_have_the_standards_names_and_absent_ones_are_absent() {
        let info = Info {
            versions: vec!["FIDO_2_1".into()],
            options: Some(vec![("rk".into(), true)]),
            min_pin_length: Some(4),
            ..Info::default()
        };
        let expected = json!({
            "versions": ["FIDO_2_1"],
            "aaguid": "00000000000000000000000000000000",
            "options": { "rk": true },
            "minPINLength": 4,
            "pinRetries": 8,
            "powerCycleState": false,
        });
        let retries = PinRetries { left: 8, power_cycle_needed: false };
        assert_eq!(members(&info, Some(retries)), expected);
    }
}
