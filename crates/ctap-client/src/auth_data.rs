//! WebAuthn section 6.1: authenticator data, the bytes a key signs (MC-70 to MC-76, GA-30).

use crate::cbor::{self, Value};
use crate::cose::PublicKey;
use crate::error::ReplyFault;
use crate::fields::FromCbor;

/// Authenticator data, parsed, together with the exact bytes that were signed.
#[derive(Clone, Debug, PartialEq)]
pub struct AuthData {
    raw: Vec<u8>,
    /// SHA-256 of the relying party's id.
    pub rp_id_hash: [u8; 32],
    /// UP, UV, BE, BS, AT, ED.
    pub flags: Flags,
    /// The signature counter; constantly 0 on keys without one (MC-77).
    pub sign_count: u32,
    /// The new credential; present exactly when AT is set.
    pub attested: Option<AttestedCredential>,
    /// Signed extension outputs in the order of the wire; present exactly when ED is set (EX-04).
    pub extensions: Option<Vec<(String, Value)>>,
}

/// What makeCredential tells of the credential it made (MC-72).
#[derive(Clone, Debug, PartialEq)]
pub struct AttestedCredential {
    /// The key's model.
    pub aaguid: [u8; 16],
    /// 1 to 1023 bytes (MC-75).
    pub credential_id: Vec<u8>,
    /// The credential's public key.
    pub public_key: PublicKey,
    /// The same as it was on the wire, a COSE_Key.
    pub cose_key: Value,
}

/// The flags byte (MC-71).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// The byte as it was on the wire.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// UP: somebody touched the key.
    #[must_use]
    pub const fn user_present(self) -> bool {
        self.0 & UP != 0
    }

    /// UV: the right PIN or finger was shown.
    #[must_use]
    pub const fn user_verified(self) -> bool {
        self.0 & UV != 0
    }

    /// BE: the credential may be copied to other devices.
    #[must_use]
    pub const fn backup_eligible(self) -> bool {
        self.0 & BE != 0
    }

    /// BS: the credential has been copied.
    #[must_use]
    pub const fn backed_up(self) -> bool {
        self.0 & BS != 0
    }

    /// Reserved bits are clear, and nothing is backed up that may not be (MC-76).
    const fn are_possible(self) -> bool {
        self.0 & RESERVED == 0 && (self.backup_eligible() || !self.backed_up())
    }
}

impl AuthData {
    /// Reads authenticator data; no byte may be left over.
    ///
    /// # Errors
    /// [`ReplyFault`] naming `authData` or the part of it that is wrong; the key's fault.
    pub fn parse(raw: Vec<u8>) -> Result<Self, ReplyFault> {
        let (rp_id_hash, rest) = raw.split_first_chunk::<32>().ok_or(CUT)?;
        let (&[flags], rest) = rest.split_first_chunk::<1>().ok_or(CUT)?;
        let (sign_count, rest) = rest.split_first_chunk::<4>().ok_or(CUT)?;
        if !Flags(flags).are_possible() {
            return Err(ReplyFault::BadValue("the flags of authData"));
        }
        let (attested, rest) = match flags & AT {
            0 => (None, rest),
            _ => AttestedCredential::parse(rest)
                .map(|(credential, rest)| (Some(credential), rest))?,
        };
        let extensions = parse_extensions(flags & ED != 0, rest)?;
        let (rp_id_hash, sign_count) = (*rp_id_hash, u32::from_be_bytes(*sign_count));
        Ok(Self { rp_id_hash, flags: Flags(flags), sign_count, attested, extensions, raw })
    }

    /// The bytes as signed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.raw
    }

    /// The signed output of one extension.
    #[must_use]
    pub fn extension(&self, name: &str) -> Option<&Value> {
        self.extensions.iter().flatten().find(|(id, _)| id == name).map(|(_, output)| output)
    }
}

impl FromCbor for AuthData {
    fn from_cbor(value: Value, name: &'static str) -> Result<Self, ReplyFault> {
        Vec::<u8>::from_cbor(value, name).and_then(Self::parse)
    }
}

impl AttestedCredential {
    fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), ReplyFault> {
        const KEY: &str = "the public key in authData";
        let (aaguid, rest) = bytes.split_first_chunk::<16>().ok_or(CUT)?;
        let (length, rest) = rest.split_first_chunk::<2>().ok_or(CUT)?;
        let length = usize::from(u16::from_be_bytes(*length));
        if !(1..=MAX_CREDENTIAL_ID).contains(&length) {
            return Err(ReplyFault::BadValue("the credential id in authData"));
        }
        let (credential_id, rest) = rest.split_at_checked(length).ok_or(CUT)?;
        let (cose_key, rest) = take_canonical(rest, KEY)?;
        let credential = Self {
            aaguid: *aaguid,
            credential_id: credential_id.to_vec(),
            public_key: PublicKey::from_cbor(cose_key.clone(), KEY)?,
            cose_key,
        };
        Ok((credential, rest))
    }
}

fn parse_extensions(
    announced: bool,
    bytes: &[u8],
) -> Result<Option<Vec<(String, Value)>>, ReplyFault> {
    const NAME: &str = "the extensions in authData";
    if !announced {
        return if bytes.is_empty() {
            Ok(None)
        } else {
            Err(ReplyFault::BadValue("the length of authData"))
        };
    }
    let (map, rest) = take_canonical(bytes, NAME)?;
    let extensions = Vec::<(String, Value)>::from_cbor(map, NAME)?;
    if extensions.is_empty() || !rest.is_empty() {
        return Err(ReplyFault::BadValue(NAME));
    }
    Ok(Some(extensions))
}

/// Takes one data item off the front; what relying parties parse must be canonical in every mode (MSG-51).
fn take_canonical<'a>(
    bytes: &'a [u8],
    name: &'static str,
) -> Result<(Value, &'a [u8]), ReplyFault> {
    let fault = |fault| ReplyFault::Cbor(name, fault);
    let (value, rest) = cbor::decode_prefix(bytes).map_err(fault)?;
    let taken = bytes.len().saturating_sub(rest.len());
    cbor::check_canonical(bytes.get(..taken).unwrap_or_default(), &value).map_err(fault)?;
    Ok((value, rest))
}

const CUT: ReplyFault = ReplyFault::BadValue("the length of authData");

const UP: u8 = 0x01;
const UV: u8 = 0x04;
const BE: u8 = 0x08;
const BS: u8 = 0x10;
const AT: u8 = 0x40;
const ED: u8 = 0x80;
const RESERVED: u8 = 0x22;
const MAX_CREDENTIAL_ID: usize = 1023;

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::test_support::hex;

    pub(crate) const RP_ID_HASH: &str =
        "a379a6f6eeafb9a55e378c118034e2751e682fab9f2d30ab13d2125586ce1947";
    const CREDENTIAL: &str = "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee0010aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
                              a5010203262001215820591ab771ebbcfd6d9cb9094d106528add1a69d44c2c1f627f089ec58b9c61adf\
                              2258209f4e6abf0d045c0c693a3c68ad7c97ca72be64def4a26fecd263dd98a92780f0";

    fn parse(parts: &[&str]) -> Result<AuthData, ReplyFault> {
        AuthData::parse(hex(&parts.concat()))
    }

    #[test]
    fn a_new_credential_is_read_as_in_v_11() {
        let data = parse(&[RP_ID_HASH, "4500000001", CREDENTIAL]).unwrap();
        assert_eq!(data.as_bytes().len(), 148);
        assert!(data.flags.user_present() && data.flags.user_verified());
        assert_eq!((data.sign_count, &data.extensions), (1, &None));
        let credential = data.attested.unwrap();
        assert_eq!((credential.aaguid, credential.credential_id), ([0xEE; 16], vec![0xAA; 16]));
        let expected = p256::SecretKey::from_slice(&[3; 32]).unwrap().public_key();
        assert_eq!(credential.public_key, PublicKey::Es256(expected.into()));
    }

    #[test]
    fn extension_outputs_are_read_as_in_v_11() {
        let data =
            parse(&[RP_ID_HASH, "c500000001", CREDENTIAL, "a16b6372656450726f7465637402"]).unwrap();
        assert_eq!(data.extension("credProtect"), Some(&Value::from(2)));
        assert_eq!(data.extension("credBlob"), None);
    }

    #[test]
    fn an_assertion_has_37_bytes_as_in_v_11() {
        let data = parse(&[RP_ID_HASH, "0500000002"]).unwrap();
        assert_eq!((data.as_bytes().len(), data.sign_count, data.attested), (37, 2, None));
    }

    #[test]
    fn data_that_contradicts_its_flags_is_refused() {
        let refused = [
            (vec!["0700000001"], "the flags of authData"), // reserved bit
            (vec!["1500000001"], "the flags of authData"), // BS without BE
            (vec!["0500000001", "00"], "the length of authData"), // a byte too many
            (vec!["8500000001", "a0"], "the extensions in authData"), // ED without an output (EX-04)
            (vec!["8500000001", "a1616101", "00"], "the extensions in authData"),
            (vec!["45000000", "01"], "the length of authData"), // AT without a credential
        ];
        for (rest, name) in refused {
            let fault = parse(&[RP_ID_HASH, &rest.concat()]).unwrap_err();
            assert_eq!(fault, ReplyFault::BadValue(name), "{rest:?}");
        }
    }

    #[test]
    fn a_credential_id_has_1_to_1023_bytes() {
        let key = &CREDENTIAL[68..];
        let with_id = |len: usize| {
            let id = format!("{len:04x}") + &"aa".repeat(len);
            parse(&[RP_ID_HASH, "4500000001", &"ee".repeat(16), &id, key])
        };
        let bad = ReplyFault::BadValue("the credential id in authData");
        assert_eq!(with_id(0), Err(bad.clone()));
        assert!(with_id(1).is_ok() && with_id(1023).is_ok());
        assert_eq!(with_id(1024), Err(bad));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(flags: u8, tail in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut bytes = vec![0; 32];
            bytes.push(flags);
            bytes.extend(tail);
            let _ = AuthData::parse(bytes);
        }
    }
}
