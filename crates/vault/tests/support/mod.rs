//! States to test with, and a way to tell whether two are the same: they have no `PartialEq`, for they hold secrets.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test uses its part of this")]

use ctap_core::algorithm::{Algorithm, PrivateKey};
use ctap_core::credential::{Account, CredProtect, CredRandom, Credential, LargeBlob, Rp, User};
use ctap_core::secret::{Secret, SecretBytes};
use ctap_core::store::{Fingerprint, Pin, Settings, State};

/// Everything in a state, its secrets too. What is not secret goes through `Debug`, so no field is forgotten.
pub fn reveal(state: &State) -> String {
    let mut secrets = vec![&state.wrapping_key.expose()[..], state.persistent_token.expose()];
    secrets.extend(state.pin.iter().map(|pin| &pin.hash.expose()[..]));
    for credential in &state.credentials {
        secrets.push(credential.key.secret.expose());
        secrets.push(credential.cred_random.with_uv.expose());
        secrets.push(credential.cred_random.without_uv.expose());
        let account = credential.account.as_ref();
        secrets.extend(
            account
                .and_then(|account| account.large_blob_key.as_ref())
                .map(|key| &key.expose()[..]),
        );
    }
    format!("{state:?} {secrets:?}")
}

/// A state with something in every field.
pub fn sample() -> State {
    State {
        wrapping_key: Secret::new(&[0xa0; 32]),
        device_identifier: [0xa1; 16],
        cred_store_state: [0xa2; 16],
        persistent_token: Secret::new(&[0xa3; 32]),
        pin: Some(Pin { hash: Secret::new(&[0xa4; 16]), code_points: 6 }),
        pin_retries: 7,
        uv_retries: 3,
        uv_count_since_pin: 70_000,
        credentials: vec![sample_credential(1), plain_credential(2)],
        fingerprints: vec![
            Fingerprint {
                template_id: vec![1],
                friendly_name: Some("left ☝".to_owned()),
                finger: 1,
            },
            Fingerprint { template_id: vec![2, 2], friendly_name: None, finger: 2 },
        ],
        large_blobs: (0..100).collect(),
        settings: Settings {
            min_pin_length: 6,
            min_pin_length_rp_ids: vec!["example.com".to_owned(), "example.org".to_owned()],
            force_pin_change: true,
            pin_complexity_policy: true,
            always_uv: Some(false),
            enterprise_attestation: true,
            long_touch_for_reset: true,
        },
        sign_count_ceiling: 0x0102_0304,
    }
}

pub fn sample_credential(seed: u8) -> Credential {
    Credential {
        id: vec![seed; 40],
        rp_id_hash: [seed ^ 0x10; 32],
        key: PrivateKey {
            algorithm: Algorithm::Es256,
            secret: SecretBytes::new(vec![seed ^ 0x20; 32]),
        },
        cred_protect: CredProtect::UvRequired,
        cred_random: CredRandom {
            with_uv: Secret::new(&[seed ^ 0x30; 32]),
            without_uv: Secret::new(&[seed ^ 0x40; 32]),
        },
        third_party_payment: true,
        account: Some(Account {
            rp: Rp { id: format!("{seed}.example.com"), name: Some("Example".to_owned()) },
            user: User {
                id: vec![seed; 16],
                name: Some("ada".to_owned()),
                display_name: Some("Ada Löwe".to_owned()),
            },
            cred_blob: Some(vec![seed; 32]),
            large_blob_key: Some(Secret::new(&[seed ^ 0x50; 32])),
            large_blob: LargeBlob::Written { blob: vec![seed; 20], original_size: 1 << 40 },
        }),
    }
}

fn plain_credential(seed: u8) -> Credential {
    Credential {
        cred_protect: CredProtect::UvOptional,
        third_party_payment: false,
        account: Some(Account {
            rp: Rp { id: "example.org".to_owned(), name: None },
            user: User { id: vec![seed], name: None, display_name: None },
            cred_blob: None,
            large_blob_key: None,
            large_blob: LargeBlob::Empty,
        }),
        ..sample_credential(seed)
    }
}
