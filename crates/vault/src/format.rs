//! The state file, version 1: header, CBOR body, checksum. Byte by byte in `docs/state-format.md`.
//!
//! Magic, version and trailing checksum keep their places in all versions, so that a damaged file and a newer one can
//! be told apart for ever.

use ctap_core::algorithm::{Algorithm, PrivateKey};
use ctap_core::credential::{Account, CredProtect, CredRandom, Credential, LargeBlob, Rp, User};
use ctap_core::secret::SecretBytes;
use ctap_core::store::{Fingerprint, Pin, Settings, State};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::cbor::{Reader, Writer};
use crate::error::Fault;

/// The format version this crate writes, and the newest it reads.
pub const VERSION: u16 = 1;

/// How all files of a vault begin.
pub(crate) const MAGIC: [u8; 6] = *b"keyfob";

/// The length of a SHA-256.
pub(crate) const DIGEST: usize = 32;

/// The body is not encrypted. The one kind of sealing so far.
const UNSEALED: u8 = 0;

/// The whole file that holds this state.
pub(crate) fn encode(state: &State) -> Zeroizing<Vec<u8>> {
    let mut body = Writer::default();
    write_state(&mut body, state);
    let body = body.finish();

    let [v1, v0] = VERSION.to_be_bytes();
    let header = [&MAGIC[..], &[v1, v0, UNSEALED]].concat();
    let length = header.len().saturating_add(body.len()).saturating_add(DIGEST);
    let mut file = Zeroizing::new(Vec::with_capacity(length));
    file.extend_from_slice(&header);
    file.extend_from_slice(&body);
    let digest = Sha256::digest(&file);
    file.extend_from_slice(&digest);
    file
}

/// The state a file holds. Refused for exactly one reason (P-14, P-18).
pub(crate) fn decode(file: &[u8]) -> Result<State, Fault> {
    // Cut off before anything else could be told of it, and empty too: it was ours by its name.
    if MAGIC.starts_with(file) {
        return Err(Fault::Damaged);
    }
    if !file.starts_with(&MAGIC) {
        return Err(Fault::Foreign);
    }
    let (content, digest) = file.split_last_chunk::<DIGEST>().ok_or(Fault::Damaged)?;
    if Sha256::digest(content) != *digest {
        return Err(Fault::Damaged);
    }
    let [.., v1, v0, sealing] = *content.first_chunk::<HEADER>().ok_or(Fault::Damaged)?;
    check_version(u16::from_be_bytes([v1, v0]))?;
    match sealing {
        UNSEALED => decode_body(content.get(HEADER..).unwrap_or_default()),
        found => Err(Fault::Sealed { found }),
    }
}

pub(crate) const fn check_version(found: u16) -> Result<(), Fault> {
    match found {
        VERSION => Ok(()),
        0 => Err(Fault::Malformed { field: "version" }),
        found => Err(Fault::Newer { found }),
    }
}

fn decode_body(body: &[u8]) -> Result<State, Fault> {
    let mut reader = Reader::new(body);
    let state = read_state(&mut reader)?;
    reader.end()?;
    Ok(state)
}

/// Magic, version, sealing.
const HEADER: usize = MAGIC.len() + 2 + 1;

// ---- The body: two functions for each type, which name the same fields in the same order ----

fn write_state(w: &mut Writer, state: &State) {
    // Taken apart whole, here and below: a field that is added does not compile until it is written.
    let State {
        wrapping_key,
        device_identifier,
        cred_store_state,
        persistent_token,
        pin,
        pin_retries,
        uv_retries,
        uv_count_since_pin,
        credentials,
        fingerprints,
        large_blobs,
        settings,
        sign_count_ceiling,
    } = state;
    w.map(13);
    w.field("wrapping_key").bytes(wrapping_key.expose());
    w.field("device_identifier").bytes(device_identifier);
    w.field("cred_store_state").bytes(cred_store_state);
    w.field("persistent_token").bytes(persistent_token.expose());
    w.field("pin").optional(pin.as_ref(), write_pin);
    w.field("pin_retries").unsigned(*pin_retries);
    w.field("uv_retries").unsigned(*uv_retries);
    w.field("uv_count_since_pin").unsigned(*uv_count_since_pin);
    w.field("credentials").list(credentials, write_credential);
    w.field("fingerprints").list(fingerprints, write_fingerprint);
    w.field("large_blobs").bytes(large_blobs);
    write_settings(w.field("settings"), settings);
    w.field("sign_count_ceiling").unsigned(*sign_count_ceiling);
}

fn read_state(r: &mut Reader<'_>) -> Result<State, Fault> {
    r.map(13)?;
    Ok(State {
        wrapping_key: r.field("wrapping_key")?.secret()?,
        device_identifier: r.field("device_identifier")?.array()?,
        cred_store_state: r.field("cred_store_state")?.array()?,
        persistent_token: r.field("persistent_token")?.secret()?,
        pin: r.field("pin")?.optional(read_pin)?,
        pin_retries: r.field("pin_retries")?.integer()?,
        uv_retries: r.field("uv_retries")?.integer()?,
        uv_count_since_pin: r.field("uv_count_since_pin")?.integer()?,
        credentials: r.field("credentials")?.list(read_credential)?,
        fingerprints: r.field("fingerprints")?.list(read_fingerprint)?,
        large_blobs: r.field("large_blobs")?.bytes()?,
        settings: read_settings(r.field("settings")?)?,
        sign_count_ceiling: r.field("sign_count_ceiling")?.integer()?,
    })
}

fn write_pin(w: &mut Writer, pin: &Pin) {
    let Pin { hash, code_points } = pin;
    w.map(2);
    w.field("hash").bytes(hash.expose());
    w.field("code_points").unsigned(*code_points);
}

fn read_pin(r: &mut Reader<'_>) -> Result<Pin, Fault> {
    r.map(2)?;
    Ok(Pin { hash: r.field("hash")?.secret()?, code_points: r.field("code_points")?.integer()? })
}

fn write_credential(w: &mut Writer, credential: &Credential) {
    let Credential { id, rp_id_hash, key, cred_protect, cred_random, third_party_payment, account } =
        credential;
    w.map(7);
    w.field("id").bytes(id);
    w.field("rp_id_hash").bytes(rp_id_hash);
    write_key(w.field("key"), key);
    w.field("cred_protect").unsigned(cred_protect.level());
    write_cred_random(w.field("cred_random"), cred_random);
    w.field("third_party_payment").boolean(*third_party_payment);
    w.field("account").optional(account.as_ref(), write_account);
}

fn read_credential(r: &mut Reader<'_>) -> Result<Credential, Fault> {
    r.map(7)?;
    Ok(Credential {
        id: r.field("id")?.bytes()?,
        rp_id_hash: r.field("rp_id_hash")?.array()?,
        key: read_key(r.field("key")?)?,
        cred_protect: read_cred_protect(r.field("cred_protect")?)?,
        cred_random: read_cred_random(r.field("cred_random")?)?,
        third_party_payment: r.field("third_party_payment")?.boolean()?,
        account: r.field("account")?.optional(read_account)?,
    })
}

fn write_key(w: &mut Writer, key: &PrivateKey) {
    let PrivateKey { algorithm, secret } = key;
    w.map(2);
    w.field("algorithm").signed(algorithm.cose());
    w.field("secret").bytes(secret.expose());
}

fn read_key(r: &mut Reader<'_>) -> Result<PrivateKey, Fault> {
    r.map(2)?;
    let number = r.field("algorithm")?.integer()?;
    Ok(PrivateKey {
        algorithm: Algorithm::from_cose(number).ok_or_else(|| r.malformed())?,
        secret: SecretBytes::new(r.field("secret")?.bytes()?),
    })
}

fn read_cred_protect(r: &mut Reader<'_>) -> Result<CredProtect, Fault> {
    let level = r.integer()?;
    CredProtect::from_level(level).ok_or_else(|| r.malformed())
}

fn write_cred_random(w: &mut Writer, cred_random: &CredRandom) {
    let CredRandom { with_uv, without_uv } = cred_random;
    w.map(2);
    w.field("with_uv").bytes(with_uv.expose());
    w.field("without_uv").bytes(without_uv.expose());
}

fn read_cred_random(r: &mut Reader<'_>) -> Result<CredRandom, Fault> {
    r.map(2)?;
    Ok(CredRandom {
        with_uv: r.field("with_uv")?.secret()?,
        without_uv: r.field("without_uv")?.secret()?,
    })
}

fn write_account(w: &mut Writer, account: &Account) {
    let Account { rp, user, cred_blob, large_blob_key, large_blob } = account;
    w.map(5);
    write_rp(w.field("rp"), rp);
    write_user(w.field("user"), user);
    w.field("cred_blob").optional(cred_blob.as_deref(), Writer::bytes);
    w.field("large_blob_key").optional(large_blob_key.as_ref(), |w, key| w.bytes(key.expose()));
    write_large_blob(w.field("large_blob"), large_blob);
}

fn read_account(r: &mut Reader<'_>) -> Result<Account, Fault> {
    r.map(5)?;
    Ok(Account {
        rp: read_rp(r.field("rp")?)?,
        user: read_user(r.field("user")?)?,
        cred_blob: r.field("cred_blob")?.optional(Reader::bytes)?,
        large_blob_key: r.field("large_blob_key")?.optional(Reader::secret)?,
        large_blob: read_large_blob(r.field("large_blob")?)?,
    })
}

fn write_rp(w: &mut Writer, rp: &Rp) {
    let Rp { id, name } = rp;
    w.map(2);
    w.field("id").text(id);
    w.field("name").optional(name.as_deref(), Writer::text);
}

fn read_rp(r: &mut Reader<'_>) -> Result<Rp, Fault> {
    r.map(2)?;
    Ok(Rp { id: r.field("id")?.text()?, name: r.field("name")?.optional(Reader::text)? })
}

fn write_user(w: &mut Writer, user: &User) {
    let User { id, name, display_name } = user;
    w.map(3);
    w.field("id").bytes(id);
    w.field("name").optional(name.as_deref(), Writer::text);
    w.field("display_name").optional(display_name.as_deref(), Writer::text);
}

fn read_user(r: &mut Reader<'_>) -> Result<User, Fault> {
    r.map(3)?;
    Ok(User {
        id: r.field("id")?.bytes()?,
        name: r.field("name")?.optional(Reader::text)?,
        display_name: r.field("display_name")?.optional(Reader::text)?,
    })
}

fn write_large_blob(w: &mut Writer, large_blob: &LargeBlob) {
    match large_blob {
        LargeBlob::Unsupported => w.null(),
        LargeBlob::Empty => w.map(0),
        LargeBlob::Written { blob, original_size } => {
            w.map(2);
            w.field("blob").bytes(blob);
            w.field("original_size").unsigned(*original_size);
        }
    }
}

fn read_large_blob(r: &mut Reader<'_>) -> Result<LargeBlob, Fault> {
    match r.optional(Reader::any_map)? {
        None => Ok(LargeBlob::Unsupported),
        Some(0) => Ok(LargeBlob::Empty),
        Some(2) => Ok(LargeBlob::Written {
            blob: r.field("blob")?.bytes()?,
            original_size: r.field("original_size")?.integer()?,
        }),
        Some(_) => Err(r.malformed()),
    }
}

fn write_fingerprint(w: &mut Writer, fingerprint: &Fingerprint) {
    let Fingerprint { template_id, friendly_name, finger } = fingerprint;
    w.map(3);
    w.field("template_id").bytes(template_id);
    w.field("friendly_name").optional(friendly_name.as_deref(), Writer::text);
    w.field("finger").unsigned(*finger);
}

fn read_fingerprint(r: &mut Reader<'_>) -> Result<Fingerprint, Fault> {
    r.map(3)?;
    Ok(Fingerprint {
        template_id: r.field("template_id")?.bytes()?,
        friendly_name: r.field("friendly_name")?.optional(Reader::text)?,
        finger: r.field("finger")?.integer()?,
    })
}

fn write_settings(w: &mut Writer, settings: &Settings) {
    let Settings {
        min_pin_length,
        min_pin_length_rp_ids,
        force_pin_change,
        pin_complexity_policy,
        always_uv,
        enterprise_attestation,
        long_touch_for_reset,
    } = settings;
    w.map(7);
    w.field("min_pin_length").unsigned(*min_pin_length);
    w.field("min_pin_length_rp_ids").list(min_pin_length_rp_ids, |w, id| w.text(id));
    w.field("force_pin_change").boolean(*force_pin_change);
    w.field("pin_complexity_policy").boolean(*pin_complexity_policy);
    w.field("always_uv").optional(always_uv.as_ref(), |w, on| w.boolean(*on));
    w.field("enterprise_attestation").boolean(*enterprise_attestation);
    w.field("long_touch_for_reset").boolean(*long_touch_for_reset);
}

fn read_settings(r: &mut Reader<'_>) -> Result<Settings, Fault> {
    r.map(7)?;
    Ok(Settings {
        min_pin_length: r.field("min_pin_length")?.integer()?,
        min_pin_length_rp_ids: r.field("min_pin_length_rp_ids")?.list(Reader::text)?,
        force_pin_change: r.field("force_pin_change")?.boolean()?,
        pin_complexity_policy: r.field("pin_complexity_policy")?.boolean()?,
        always_uv: r.field("always_uv")?.optional(Reader::boolean)?,
        enterprise_attestation: r.field("enterprise_attestation")?.boolean()?,
        long_touch_for_reset: r.field("long_touch_for_reset")?.boolean()?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;
    use crate::support::{reveal, sample};
    use ctap_core::secret::Secret;

    proptest! {
        #[test]
        fn what_is_written_is_read_again(state in any_state()) {
            let file = encode(&state);
            let read = decode(&file).unwrap();
            prop_assert_eq!(reveal(&read), reveal(&state));
            prop_assert_eq!(&*encode(&read), &*file);
        }

        #[test]
        fn nothing_that_has_a_right_checksum_makes_the_reader_panic(body in vec(any::<u8>(), 0..200)) {
            let _ = decode(&with_checksum(&[&MAGIC[..], &[0, 1, 0], &body].concat()));
        }

        #[test]
        fn a_changed_body_with_a_right_checksum_does_not_make_the_reader_panic(
            at in any::<prop::sample::Index>(), byte in any::<u8>()
        ) {
            let mut content = content_of(&sample());
            let at = at.index(content.len());
            content[at] = byte;
            let _ = decode(&with_checksum(&content));
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let whole = encode(&sample());
        for bit in 0..whole.len() * 8 {
            let mut file = whole.to_vec();
            file[bit / 8] ^= 1 << (bit % 8);
            let expected = if bit < MAGIC.len() * 8 { Fault::Foreign } else { Fault::Damaged };
            assert_eq!(decode(&file).unwrap_err(), expected, "bit {bit}");
        }
    }

    #[test]
    fn every_truncation_and_any_more_is_noticed() {
        let whole = encode(&sample());
        for length in 0..whole.len() {
            assert_eq!(decode(&whole[..length]).unwrap_err(), Fault::Damaged, "{length} bytes");
        }
        let longer = [&whole[..], &[0]].concat();
        assert_eq!(decode(&longer).unwrap_err(), Fault::Damaged);
    }

    #[test]
    fn a_short_file_that_does_not_begin_like_ours_is_not_ours() {
        for foreign in [&b"k "[..], b"hello", b"keyfo\n", b"\0"] {
            assert_eq!(decode(foreign).unwrap_err(), Fault::Foreign);
        }
    }

    #[test]
    fn a_newer_version_is_named_together_with_ours() {
        let mut content = content_of(&sample());
        content[7] = 2;
        let fault = decode(&with_checksum(&content)).unwrap_err();
        assert_eq!(fault, Fault::Newer { found: 2 });
        assert_eq!(
            fault.to_string(),
            "the file has format version 2, this keyfob reads up to version 1"
        );
        content[7] = 0;
        assert!(matches!(decode(&with_checksum(&content)), Err(Fault::Malformed { .. })));
    }

    #[test]
    fn a_sealing_that_is_not_known_is_refused() {
        let mut content = content_of(&sample());
        content[8] = 1;
        assert_eq!(decode(&with_checksum(&content)).unwrap_err(), Fault::Sealed { found: 1 });
    }

    #[test]
    fn a_body_that_is_too_long_or_has_another_field_is_malformed() {
        let longer = [&content_of(&sample())[..], &[0]].concat();
        assert_eq!(
            decode(&with_checksum(&longer)).unwrap_err(),
            Fault::Malformed { field: "sign_count_ceiling" }
        );
        let mut renamed = content_of(&sample());
        let at = renamed.windows(11).position(|window| window == b"pin_retries").unwrap();
        renamed[at] = b'q';
        assert_eq!(
            decode(&with_checksum(&renamed)).unwrap_err(),
            Fault::Malformed { field: "pin_retries" }
        );
    }

    #[test]
    fn a_length_beyond_the_file_asks_for_no_memory() {
        let mut content = [&MAGIC[..], &[0, 1, 0, 0xad, 0x6c]].concat();
        content.extend(b"wrapping_key");
        for header in [&[0x5b, 0x7f][..], &[0x9b, 0x7f], &[0xbb, 0x7f], &[0x7b, 0x7f]] {
            let content = [&content[..], header, &[0xff; 7]].concat();
            assert_eq!(
                decode(&with_checksum(&content)).unwrap_err(),
                Fault::Malformed { field: "wrapping_key" }
            );
        }
    }

    fn content_of(state: &State) -> Vec<u8> {
        let file = encode(state);
        file[..file.len() - DIGEST].to_vec()
    }

    fn with_checksum(content: &[u8]) -> Vec<u8> {
        [content, &Sha256::digest(content)].concat()
    }

    fn any_state() -> impl Strategy<Value = State> {
        let secrets = (secret(), any::<[u8; 16]>(), any::<[u8; 16]>(), secret());
        let user_verification =
            (option::of(any_pin()), any::<u8>(), any::<u8>(), any::<u32>(), any::<u32>());
        let lists = (vec(any_credential(), 0..4), vec(any_fingerprint(), 0..4), blob(600));
        (secrets, user_verification, lists, any_settings()).prop_map(
            |(secrets, uv, lists, settings)| State {
                wrapping_key: secrets.0,
                device_identifier: secrets.1,
                cred_store_state: secrets.2,
                persistent_token: secrets.3,
                pin: uv.0,
                pin_retries: uv.1,
                uv_retries: uv.2,
                uv_count_since_pin: uv.3,
                credentials: lists.0,
                fingerprints: lists.1,
                large_blobs: lists.2,
                settings,
                sign_count_ceiling: uv.4,
            },
        )
    }

    fn any_pin() -> impl Strategy<Value = Pin> {
        (any::<[u8; 16]>(), any::<u8>())
            .prop_map(|(hash, code_points)| Pin { hash: Secret::new(&hash), code_points })
    }

    fn any_credential() -> impl Strategy<Value = Credential> {
        let public = (blob(255), any::<[u8; 32]>(), 1_u64..=3, any::<bool>());
        let account = option::weighted(0.9, any_account());
        (public, any_key(), secret(), secret(), account).prop_map(
            |((id, rp_id_hash, level, third_party_payment), key, with_uv, without_uv, account)| {
                Credential {
                    id,
                    rp_id_hash,
                    key,
                    cred_protect: CredProtect::from_level(level).unwrap(),
                    cred_random: CredRandom { with_uv, without_uv },
                    third_party_payment,
                    account,
                }
            },
        )
    }

    fn any_key() -> impl Strategy<Value = PrivateKey> {
        (-70_000_i128..70_000, blob(40)).prop_map(|(number, secret)| PrivateKey {
            algorithm: Algorithm::from_cose(number).unwrap_or(Algorithm::Es256),
            secret: SecretBytes::new(secret),
        })
    }

    fn any_account() -> impl Strategy<Value = Account> {
        let rp = (any::<String>(), name()).prop_map(|(id, name)| Rp { id, name });
        let user = (blob(64), name(), name()).prop_map(|(id, name, display_name)| User {
            id,
            name,
            display_name,
        });
        (rp, user, option::of(blob(64)), option::of(secret()), any_large_blob()).prop_map(
            |(rp, user, cred_blob, large_blob_key, large_blob)| Account {
                rp,
                user,
                cred_blob,
                large_blob_key,
                large_blob,
            },
        )
    }

    fn any_large_blob() -> impl Strategy<Value = LargeBlob> {
        prop_oneof![
            Just(LargeBlob::Unsupported),
            Just(LargeBlob::Empty),
            (blob(300), any::<u64>())
                .prop_map(|(blob, original_size)| LargeBlob::Written { blob, original_size }),
        ]
    }

    fn any_fingerprint() -> impl Strategy<Value = Fingerprint> {
        (blob(32), name(), any::<u8>()).prop_map(|(template_id, friendly_name, finger)| {
            Fingerprint { template_id, friendly_name, finger }
        })
    }

    fn any_settings() -> impl Strategy<Value = Settings> {
        let flags = any::<(bool, bool, bool, bool)>();
        let rp_ids = vec(any::<String>(), 0..4);
        (any::<u8>(), rp_ids, flags, any::<Option<bool>>()).prop_map(
            |(min_pin_length, min_pin_length_rp_ids, flags, always_uv)| Settings {
                min_pin_length,
                min_pin_length_rp_ids,
                force_pin_change: flags.0,
                pin_complexity_policy: flags.1,
                always_uv,
                enterprise_attestation: flags.2,
                long_touch_for_reset: flags.3,
            },
        )
    }

    fn secret() -> impl Strategy<Value = Secret<32>> {
        any::<[u8; 32]>().prop_map(|bytes| Secret::new(&bytes))
    }

    fn blob(longest: usize) -> impl Strategy<Value = Vec<u8>> {
        vec(any::<u8>(), 0..=longest)
    }

    fn name() -> impl Strategy<Value = Option<String>> {
        any::<Option<String>>()
    }
}
