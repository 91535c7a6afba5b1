//! CTAP sections 12.7 and 12.8: the hmac-secret and hmac-secret-mc extensions, the platform's side (EX-20 to EX-44).

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::auth_data::AuthData;
use crate::cbor::{MapBuilder, Value};
use crate::error::ReplyFault;
use crate::fields::FromCbor as _;
use crate::pin_protocol::{PinProtocol, SharedSecret};

/// The extension of getAssertion; in makeCredential its input is `true`.
pub const HMAC_SECRET: &str = "hmac-secret";
/// The extension of makeCredential that gives outputs at once; it needs `hmac-secret: true` beside it.
pub const HMAC_SECRET_MC: &str = "hmac-secret-mc";

/// The extension's input: one or two salts, encrypted with a shared secret (EX-22, EX-28).
///
/// The same input can be sent in several requests, until the key changes its key-agreement key.
#[must_use]
pub fn input(
    secret: &SharedSecret,
    salt1: &[u8; 32],
    salt2: Option<&[u8; 32]>,
    rng: &mut dyn CryptoRng,
) -> Value {
    let salts: Vec<u8> = salt1.iter().chain(salt2.into_iter().flatten()).copied().collect();
    let salt_enc = secret.encrypt(&Zeroizing::new(salts), rng);
    MapBuilder::new()
        .member(0x01, secret.platform_key())
        .member(0x03, secret.authenticate(&salt_enc))
        .member(0x02, salt_enc)
        .optional(0x04, (secret.protocol() == PinProtocol::Two).then_some(2))
        .build()
}

/// The key's outputs for the salts: 32 bytes for each salt, always the same (EX-35). They are wiped when they are
/// dropped, and never shown.
pub struct Outputs {
    /// The output for the first salt.
    pub first: Zeroizing<[u8; 32]>,
    /// The output for the second salt, if there was one.
    pub second: Option<Zeroizing<[u8; 32]>>,
}

impl Outputs {
    /// Decrypts the output of `extension` ([`HMAC_SECRET`] or [`HMAC_SECRET_MC`]) with the shared secret of its
    /// input.
    ///
    /// # Errors
    /// [`ReplyFault`] if it is missing, is no byte string, or does not have the length of one or two outputs; the
    /// key's fault.
    pub fn open(
        auth_data: &AuthData,
        extension: &'static str,
        secret: &SharedSecret,
    ) -> Result<Self, ReplyFault> {
        let output = auth_data.extension(extension).ok_or(ReplyFault::Missing(extension))?;
        let encrypted = Vec::<u8>::from_cbor(output.clone(), extension)?;
        let plaintext = secret.decrypt(&encrypted, extension)?;
        let (first, rest) = plaintext.split_first_chunk().ok_or(ReplyFault::BadValue(extension))?;
        let second = match rest {
            [] => None,
            rest => Some(rest.try_into().map_err(|_| ReplyFault::BadValue(extension))?),
        };
        Ok(Self { first: Zeroizing::new(*first), second: second.map(Zeroizing::new) })
    }
}

impl core::fmt::Debug for Outputs {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Outputs").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cbor::encode;
    use crate::test_support::{FixedRng, hex};

    const PLATFORM: &str = "a501020338182001215820550f471003f3df97c3df506ac797f6721fb1a1fb7b8f6f83d224498a65c88e24\
                            225820136093d7012e509a73715cbd0b00a3cc0ff4b5c01b3ffa196ab1fb327036b8e6";
    const OUTPUT1: &str = "acfecbc329264d7fdf1f0b9428f9fcd8936da6200960a422170f3d7a97eaed0e";
    const OUTPUT2: &str = "af052b22795d34c82a9326dd3c5b03e4c83647e0e56d7235c0bb72885e8eb11b";

    fn agreed(protocol: PinProtocol) -> (SharedSecret, FixedRng) {
        let authenticator = p256::SecretKey::from_slice(&[1; 32]).unwrap().public_key();
        let mut rng = FixedRng::of_the_vectors();
        (SharedSecret::agree(protocol, &authenticator, &mut rng), rng)
    }

    fn assertion(output: &[u8]) -> AuthData {
        let extensions = MapBuilder::new().member(HMAC_SECRET, output).build();
        AuthData::parse([vec![0; 32], hex("8100000001"), encode(&extensions)].concat()).unwrap()
    }

    fn salts_encoded(protocol: PinProtocol, two: bool) -> Vec<u8> {
        let (secret, mut rng) = agreed(protocol);
        encode(&input(&secret, &[0x22; 32], two.then_some(&[0x33; 32]), &mut rng))
    }

    fn open(protocol: PinProtocol, response: &str) -> (Vec<u8>, Option<Vec<u8>>) {
        let outputs =
            Outputs::open(&assertion(&hex(response)), HMAC_SECRET, &agreed(protocol).0).unwrap();
        (outputs.first.to_vec(), outputs.second.map(|second| second.to_vec()))
    }

    #[test]
    fn protocol_one_inputs_are_those_of_v_09() {
        let one = [
            "a301",
            PLATFORM,
            "02582052a16652a04a0c10e6fc09e4684bf5c778926f92119385e3633d952d1a9b22fd",
            "03503015ee303ef3821b8da512bac9e8311a",
        ];
        assert_eq!(salts_encoded(PinProtocol::One, false), hex(&one.concat()));
        let two = [
            "a301",
            PLATFORM,
            "02584052a16652a04a0c10e6fc09e4684bf5c778926f92119385e3633d952d1a9b22fd",
            "aaa8f453eba1ebd2dfa0eae162f4f8a8271ce23f1a89272017672f0419be762c",
            "03505bb29328ac84cbac0788452777bdbf47",
        ];
        assert_eq!(salts_encoded(PinProtocol::One, true), hex(&two.concat()));
    }

    #[test]
    fn protocol_two_inputs_are_those_of_v_09_and_name_the_protocol() {
        let one = [
            "a401",
            PLATFORM,
            "025830000102030405060708090a0b0c0d0e0fe6843fa09c91ad4a1c921323bdf7cf1e543eb26600f23fd4a7cf88a3e78c4ce7",
            "0358207c45d4987ad9cb8fd77c24cc2c11652f333097ff5a85f16b464f6f7975987713",
            "0402",
        ];
        assert_eq!(salts_encoded(PinProtocol::Two, false), hex(&one.concat()));
        let two = [
            "a401",
            PLATFORM,
            "025850000102030405060708090a0b0c0d0e0fe6843fa09c91ad4a1c921323bdf7cf1e543eb26600f23fd4a7cf88a3e78c4ce7",
            "c1f0607f83e9d208a9109ce147d43e245c491fdd8fe856727ecc2678c12f898e",
            "035820c16bc70686262ef2daa09ee0406d8a982a75b80a310dab1a9236c1093e39be470402",
        ];
        assert_eq!(salts_encoded(PinProtocol::Two, true), hex(&two.concat()));
    }

    #[test]
    fn responses_open_to_the_outputs_of_v_09() {
        let one = "0a35d1b860c1165ac2bd0da4ab91992a8220f43ac2f5c8d285f0ac838105a8b6";
        assert_eq!(open(PinProtocol::One, one), (hex(OUTPUT1), None));
        let two =
            one.to_owned() + "80f7609d5c1a6acc2b8dd4eff42a93e3bbd4b20c7f66070c29bd7a1527582270";
        assert_eq!(open(PinProtocol::One, &two), (hex(OUTPUT1), Some(hex(OUTPUT2))));
        let one = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeffd06802b8b343a4c48595cc6a78fae6a0f2e5718a9a363571d729e9e2c2d5c5ec";
        assert_eq!(open(PinProtocol::Two, one), (hex(OUTPUT1), None));
        let two =
            one.to_owned() + "625391793372144bbac70c14a3aca6337f9ddb01932bc3d576ec654adba45d85";
        assert_eq!(open(PinProtocol::Two, &two), (hex(OUTPUT1), Some(hex(OUTPUT2))));
    }

    #[test]
    fn outputs_of_impossible_length_are_refused() {
        for length in [0, 16, 48, 80, 96] {
            let fault = Outputs::open(
                &assertion(&vec![0; length]),
                HMAC_SECRET,
                &agreed(PinProtocol::One).0,
            );
            assert_eq!(fault.unwrap_err(), ReplyFault::BadValue(HMAC_SECRET), "{length} bytes");
        }
        let absent = Outputs::open(&assertion(&[]), HMAC_SECRET_MC, &agreed(PinProtocol::One).0);
        assert_eq!(absent.unwrap_err(), ReplyFault::Missing(HMAC_SECRET_MC));
    }
}
