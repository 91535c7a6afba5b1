//! authenticatorGetInfo (0x04), CTAP 2.3 section 6.4 (GI-01 to GI-87).

use super::{Context, Reply};
use crate::attestation;
use crate::cbor::overlaid::Overlaid;
use crate::cbor::{Array, Bytes, Encode, MapWriter};
use crate::config::{Announced, Config, Member, algorithm};
use crate::crypto::{self, BLOCK, random_bytes};
use crate::extensions;
use crate::policy::Policy;
use crate::state::State;
use crate::transport::Transport;

use alloc::vec::Vec;
use rand_core::CryptoRng;

pub(crate) const COMMAND: u8 = 0x04;

/// uvModality: fingerprint (GI-27).
const FINGERPRINT_INTERNAL: u8 = 0x02;

/// Each member is present exactly when it applies (GI-04), unless the key is made to tell otherwise.
pub(crate) fn run(cx: &mut Context<'_>) -> Reply {
    let policy = Policy { config: cx.config, state: cx.store.state() };
    let mut info = Overlaid::new(announced_now(policy).over_members());
    put_ctap20(&mut info, policy);
    if policy.config.is_more_than_20() {
        put_ctap21(&mut info, policy);
        put_ctap22(&mut info, policy, cx.rng);
    }
    Reply::map(&info.finish())
}

/// All that a CTAP 2.0 key tells (GI-105).
fn put_ctap20(info: &mut Overlaid, policy: Policy<'_>) {
    let Policy { config, .. } = policy;
    let protocols = config.pin_uv_auth_protocols.iter().map(|protocol| protocol.number());
    info.put(0x01_u8, list(&versions(policy)));
    info.put_some(0x02_u8, non_empty(&extensions::names(config)));
    info.put(0x03_u8, Bytes(&config.aaguid));
    info.put(0x04_u8, options(policy));
    info.put(0x05_u8, config.max_msg_size);
    info.put_some(0x06_u8, config.agrees_on_keys().then_some(Array(protocols)));
}

fn put_ctap21(info: &mut Overlaid, policy: Policy<'_>) {
    let Policy { config, state } = policy;
    let algorithms = config.algorithms.iter().map(|one| algorithm(one.cose()));
    let rp_ids = config.authenticator_config.min_pin_length_rp_ids;
    let attempts = policy.sensor().and_then(|sensor| sensor.preferred_platform_uv_attempts);
    info.put(0x07_u8, config.max_credentials_in_list);
    info.put(0x08_u8, state.credentials.longest_id().max(config.longest_credential_id())); // GI-17
    info.put(0x09_u8, Array(names(&config.transports)));
    info.put(0x0a_u8, Array(algorithms));
    info.put_some(0x0b_u8, config.large_blobs);
    info.put_some(0x0c_u8, config.client_pin.then_some(state.settings.force_pin_change));
    info.put_some(0x0d_u8, config.client_pin.then(|| policy.min_pin_length()));
    info.put(0x0e_u8, config.firmware_version);
    info.put_some(0x0f_u8, config.extensions.cred_blob);
    info.put_some(0x10_u8, rp_ids);
    info.put_some(0x11_u8, attempts);
    info.put_some(0x12_u8, policy.sensor().map(|_| FINGERPRINT_INTERNAL));
    info.put_some(0x14_u8, config.rk().then_some(remaining(config, state)));
}

fn put_ctap22(info: &mut Overlaid, policy: Policy<'_>, rng: &mut dyn CryptoRng) {
    let Policy { config, state } = policy;
    let commands = &config.authenticator_config;
    let long_touch = commands.long_touch_for_reset;
    let for_reset = config.transports_for_reset.as_deref().map(names);
    let complex = config.extensions.pin_complexity_policy || config.pin_complexity_policy;
    let mut for_readers =
        |info, plaintext| config.per_cred_mgmt_ro.then(|| encrypted(info, plaintext, state, rng));
    let identifier = for_readers(b"encIdentifier", &state.device_identifier);
    let store_state = for_readers(b"encCredStoreState", &state.cred_store_state);
    info.put(0x16_u8, list(&attestation::formats(config.u2f)));
    info.put_some(0x17_u8, policy.sensor().map(|_| state.uv_count_since_pin));
    info.put_some(0x18_u8, long_touch.then_some(state.settings.long_touch_for_reset));
    info.put_some(0x19_u8, identifier.as_ref().map(|member| Bytes(member)));
    info.put_some(0x1a_u8, for_reset.map(Array)); // GI-35
    info.put_some(0x1b_u8, complex.then_some(policy.pins_are_complex()));
    info.put_some(0x1d_u8, config.client_pin.then_some(config.pin_length.max));
    info.put_some(0x1e_u8, store_state.as_ref().map(|member| Bytes(member)));
    info.put_some(0x1f_u8, commands.any().then_some(list(&config_commands(config))));
}

/// What getInfo announces differently now. `U2F_V2` is left out while a person has switched it off, as if the key
/// itself announced it (GI-102).
fn announced_now(policy: Policy<'_>) -> Announced {
    let mut announced = policy.config.announced.clone();
    let shipped = policy.config.authenticator_config.always_uv == Some(true);
    if let Some(Some(Member::Names(versions))) = announced.members.get_mut(&0x01)
        && policy.always_uv()
        && !shipped
    {
        versions.retain(|version| version != "U2F_V2");
    }
    for member in changed(policy) {
        announced.members.remove(&member);
    }
    announced
}

/// Members of what is no longer as the key was shipped: platforms have to know that, also where it told nothing of it.
fn changed(policy: Policy<'_>) -> impl Iterator<Item = u8> {
    let Policy { config, state } = policy;
    let members = [
        (0x0c, state.settings.force_pin_change),
        (0x0d, policy.min_pin_length() > config.pin_length.min),
        (0x18, state.settings.long_touch_for_reset),
        (0x1b, state.settings.pin_complexity_policy),
    ];
    members.into_iter().filter_map(|(member, is_changed)| is_changed.then_some(member))
}

/// The transports' names, the same on every transport (GI-05).
fn names(transports: &[Transport]) -> impl Clone + ExactSizeIterator<Item = &'static str> {
    transports.iter().map(|transport| transport.name())
}

/// The versions. `FIDO_2_2` is never one (GI-100), and `U2F_V2` only while it works (GI-102).
fn versions(policy: Policy<'_>) -> Vec<&'static str> {
    let claimed = policy.config.versions.iter().map(|version| version.name());
    claimed.chain(policy.u2f().then_some("U2F_V2")).collect()
}

/// The options in canonical order: by length, then by bytes (GI-87). Absent: not supported.
fn options(policy: Policy<'_>) -> MapWriter {
    let Policy { config, state } = policy;
    let commands = &config.authenticator_config;
    let sensor = policy.sensor();
    let on = |offered: bool| offered.then_some(true);
    let enterprise = commands.enterprise_attestation.as_ref();
    let mut options = Overlaid::new(config.announced.over_options());
    options.put_some("ep", enterprise.map(|_| state.settings.enterprise_attestation));
    options.put_some("rk", on(config.rk())).put("up", true);
    options.put_some("uv", sensor.map(|_| policy.built_in_uv()));
    options.put("plat", false);
    options.put_some("uvAcfg", on(sensor.is_some_and(|sensor| sensor.uv_acfg) && commands.any()));
    options.put_some("alwaysUv", commands.always_uv.map(|_| policy.always_uv()));
    options.put_some("credMgmt", on(config.credential_management));
    options.put_some("authnrCfg", on(commands.any()));
    let standard = sensor.filter(|sensor| sensor.bio_enroll);
    options.put_some("bioEnroll", standard.map(|_| policy.built_in_uv()));
    options.put_some("clientPin", config.client_pin.then_some(policy.pin_set()));
    options.put_some("largeBlobs", on(config.large_blobs.is_some()));
    options.put_some("uvBioEnroll", on(standard.is_some_and(|sensor| sensor.uv_bio_enroll))); // GI-72
    options.put_some("perCredMgmtRO", on(config.per_cred_mgmt_ro));
    options.put_some("pinUvAuthToken", on(policy.has_tokens() && config.is_later_than_20()));
    options.put_some("setMinPINLength", on(commands.min_pin_length_rp_ids.is_some()));
    options.put_some(
        "makeCredUvNotRqd",
        config.make_cred_uv_not_rqd.then_some(policy.make_cred_uv_not_rqd()),
    );
    options.put_some("credentialMgmtPreview", on(config.credential_mgmt_preview));
    let preview = sensor.filter(|sensor| sensor.bio_enroll_preview);
    options.put_some("userVerificationMgmtPreview", preview.map(|_| policy.built_in_uv()));
    options.put_some(
        "noMcGaPermissionsWithClientPin",
        on(config.no_mc_ga_permissions_with_client_pin),
    );
    options.finish()
}

/// IV and ciphertext under a key that only holders of the persistent token have, who may read credentials; never the same
/// twice (GI-90, GI-91).
fn encrypted(
    info: &[u8],
    plaintext: &[u8; BLOCK],
    state: &State,
    rng: &mut dyn CryptoRng,
) -> [u8; 32] {
    let key = crypto::hkdf_sha256::<16>(state.persistent_token.expose(), info);
    let iv: [u8; BLOCK] = random_bytes(rng);
    let mut block = *plaintext;
    crypto::aes128_cbc_encrypt_block(key.expose(), &iv, &mut block);
    let mut member = [0; 32];
    member.iter_mut().zip(iv.iter().chain(&block)).for_each(|(to, from)| *to = *from);
    member
}

/// The subcommands of authenticatorConfig, by number (GI-40, GI-76 to GI-79).
fn config_commands(config: &Config) -> Vec<u8> {
    let commands = &config.authenticator_config;
    [
        (0x01, commands.enterprise_attestation.is_some()),
        (0x02, commands.always_uv.is_some()),
        (0x03, commands.min_pin_length_rp_ids.is_some()),
        (0x04, commands.long_touch_for_reset),
    ]
    .into_iter()
    .filter_map(|(number, offered)| offered.then_some(number))
    .collect()
}

fn list<T: Encode>(items: &[T]) -> Array<core::slice::Iter<'_, T>> {
    Array(items.iter())
}

fn non_empty<T: Encode>(items: &[T]) -> Option<Array<core::slice::Iter<'_, T>>> {
    (!items.is_empty()).then(|| list(items))
}

/// Discoverable credentials that still fit (GI-29).
fn remaining(config: &Config, state: &State) -> usize {
    config.capacity.saturating_sub(state.credentials.len())
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;

    use super::*;
    use crate::SoftKey;
    use crate::algorithm::{Algorithm, PrivateKey};
    use crate::attestation::AttestationKey;
    use crate::config::{ConfigCommands, Extensions, Version};
    use crate::secret::SecretBytes;
    use crate::status::Status;

    fn ctap20() -> Config {
        Config {
            versions: alloc::vec![Version::Fido20],
            make_cred_uv_not_rqd: false,
            credential_management: false,
            per_cred_mgmt_ro: false,
            large_blobs: None,
            authenticator_config: ConfigCommands::default(),
            extensions: Extensions { hmac_secret: true, ..Extensions::default() },
            ..Config::default()
        }
    }

    #[test]
    fn a_ctap_20_key_is_one_of_its_time() {
        // GI-105
        assert_eq!(ctap20().check(), Ok(()));
        let mut key = SoftKey::new(ctap20().checked().unwrap(), [1; 32]);
        let info = key.call(&[COMMAND]);
        assert_eq!(info[..2], [0, 0xa6], "members 01 to 06");
        let text = b"pinUvAuthToken";
        assert!(!info.windows(text.len()).any(|window| window == text));
        assert_eq!(key.call(&[0x0b]), [Status::InvalidCommand.code()], "selection");
        // clientPIN: getPinUvAuthTokenUsingPinWithPermissions
        assert_eq!(key.call(&[0x06, 0xa1, 2, 9]), [Status::InvalidSubcommand.code()]);
    }

    fn attestation_key() -> AttestationKey {
        let secret = SecretBytes::new(alloc::vec![1; 32]);
        let key = PrivateKey { algorithm: Algorithm::Es256, secret };
        AttestationKey { key, x5c: alloc::vec![alloc::vec![0x30; 40]] }
    }

    #[test]
    fn later_features_need_a_later_version() {
        // GI-105
        let config = Config { make_cred_uv_not_rqd: true, ..ctap20() };
        assert_eq!(config.check().map_err(|error| error.rule), Err("GI-105"));
    }

    #[test]
    fn a_key_without_versions_refuses_ctap2() {
        // MSG-05
        let model = Arc::new(attestation_key());
        let config =
            Config { versions: Vec::new(), u2f: true, attestation_key: Some(model), ..ctap20() };
        let mut key = SoftKey::new(config.checked().unwrap(), [1; 32]);
        for command in [0x01, 0x02, 0x04, 0x06, 0x07, 0x08, 0x0b] {
            assert_eq!(key.call(&[command]), [Status::InvalidCommand.code()]);
        }
    }
}
