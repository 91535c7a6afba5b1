//! clientPIN: requests byte by byte, and what a client makes of replies.

use proptest::prelude::*;

use super::*;
use crate::status::Status;
use crate::test_support::{FixedRng, ScriptedKey, hex};

const PLATFORM: &str = "a501020338182001215820550f471003f3df97c3df506ac797f6721fb1a1fb7b8f6f83d224498a65c88e24\
                        225820136093d7012e509a73715cbd0b00a3cc0ff4b5c01b3ffa196ab1fb327036b8e6";
const KEY_AGREEMENT: &str = "00a101a5010203381820012158206ff03b949241ce1dadd43519e6960e0a85b41a69a05c328103aa2bce\
                             1594ca162258203c4f753a55bf01dc53f6c0b0c7eee78b40c6ff7d25a96e2282b989cef71c144a";
const INFO_TWO_THEN_ONE: &str = "00a40181684649444f5f325f310350eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee04a16e70696e557641757468546f6b656ef506820201";
const INFO_ONE: &str = "00a30181684649444f5f325f300350eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee068101";

/// A client with the random numbers of the vectors, whose key first answers getKeyAgreement.
fn client(key: ScriptedKey) -> Client<ScriptedKey> {
    Client::new(key).with_rng(FixedRng::of_the_vectors())
}

#[test]
fn set_pin_sends_the_whole_request_of_v_03_under_protocol_one() {
    let request = "06a50101020303a501020338182001215820550f471003f3df97c3df506ac797f6721fb1a1fb7b8f6f83d224498a65c8\
                   8e24225820136093d7012e509a73715cbd0b00a3cc0ff4b5c01b3ffa196ab1fb327036b8e604503503d7f1cb6af241e6\
                   a7d14df9d0d2e90558401aa63b96e8d8f09bf58e056e6a9c3af27dec384fdfaef04ac9ea535a24346dbdf89609463d7d\
                   a11c6ce27f7a1d2b65f4b86675a39c24a0e3a517ec94463bcb92";
    let key = ScriptedKey::default()
        .expect_hex("04", INFO_ONE)
        .expect_hex("06a201010202", KEY_AGREEMENT)
        .expect_hex(request, "00");
    let mut client = client(key);
    client.set_pin("1234").unwrap();
    assert!(client.exchange_mut().is_finished());
}

#[test]
fn set_pin_encrypts_and_authenticates_as_in_v_03_under_protocol_two() {
    let parts = [
        "06a50102020303",
        PLATFORM,
        "045820c3cbc7ec3b49637b508e6180077429c1f9f7dd9ec821154730995c7ca5692f2f055850",
        "000102030405060708090a0b0c0d0e0f62857330089b8edfac8996d6883d1f0d6bc1d7a521238df32076388866b7c83c",
        "55937c2646ccc232389b4d1d4191a90e47fc5361831a07923a9b9d622b36561b",
    ];
    let key = ScriptedKey::default()
        .expect_hex("04", INFO_TWO_THEN_ONE)
        .expect_hex("06a201020202", KEY_AGREEMENT)
        .expect_hex(&parts.concat(), "00");
    client(key).set_pin("1234").unwrap();
}

#[test]
fn change_pin_encrypts_and_authenticates_as_in_v_05() {
    let one = [
        "06a60101020403",
        PLATFORM,
        "0450192034706dcca61f69fc87dca83e0c7b055840",
        "56d538aec2831f3be69b14f82e4c232692855fda8df5dd783a5684a2aed4d8f3",
        "519d57ee343df36ca3d795628598402ddf0a358017d483a1d54011881b88ed30",
        "06508c3c0304eb9ae6455d82bab903e3dc84",
    ];
    let key = ScriptedKey::default()
        .expect_hex("06a201010202", KEY_AGREEMENT)
        .expect_hex(&one.concat(), "00");
    client(key).change_pin_under(PinProtocol::One, "1234", "98765432").unwrap();
}

#[test]
fn change_pin_under_protocol_two_draws_an_iv_for_each_part_as_in_v_04_and_v_05() {
    let two = [
        "06a60102020403",
        PLATFORM,
        "045820c11d7dd6308d72f79cacd9e76304ee0294071327f6ae12f98a9e1ba4b877c9e6055850",
        "000102030405060708090a0b0c0d0e0fb70aa867f4fbb3834e41f4f91e492444983d3ad8817b55ac3f46edad24ceeeb4",
        "67874b568339703e588ed1353f9df849546b559d6cfb1f56b7f6db7d96ef950e",
        "065820000102030405060708090a0b0c0d0e0f6afd41caf9528723f495724a9668ee2c",
    ];
    let key = ScriptedKey::default()
        .expect_hex("06a201020202", KEY_AGREEMENT)
        .expect_hex(&two.concat(), "00");
    let random = [2; 32].into_iter().chain(0..16).chain(0..16);
    let mut client = Client::new(key).with_rng(FixedRng::new(random));
    client.change_pin_under(PinProtocol::Two, "1234", "98765432").unwrap();
}

#[test]
fn a_key_with_pin_uv_auth_tokens_is_asked_for_permissions_and_the_token_decrypts_as_in_v_06() {
    let request = [
        "06a60102020903",
        PLATFORM,
        "065820000102030405060708090a0b0c0d0e0f6afd41caf9528723f495724a9668ee2c",
        "09030a6b6578616d706c652e636f6d",
    ];
    let reply = "00a1025830000102030405060708090a0b0c0d0e0f408f38c367e2fc9db104575242073204c0c1541ba88be3054eed5f5a\
                 f89c4bb6";
    let key = ScriptedKey::default()
        .expect_hex("04", INFO_TWO_THEN_ONE)
        .expect_hex("06a201020202", KEY_AGREEMENT)
        .expect_hex(&request.concat(), reply);
    let permissions = Permissions::MAKE_CREDENTIAL | Permissions::GET_ASSERTION;
    let token = client(key).pin_uv_auth_token("1234", permissions, Some("example.com")).unwrap();
    let expected = "8c6f9324521a31d15d1b1c21a84d883df994edbc8570af9c68c5c39380886285";
    assert_eq!(token.authenticate(&[0xCD; 32]), hex(expected));
}

#[test]
fn an_older_key_is_asked_with_get_pin_token() {
    let request = ["06a40101020503", PLATFORM, "06508c3c0304eb9ae6455d82bab903e3dc84"];
    let reply = "00a10258205f468b3f91d5f68d0182007347ec276da4fdf7d1ea57e733271004b9ccc97a75";
    let key = ScriptedKey::default()
        .expect_hex("04", INFO_ONE)
        .expect_hex("06a201010202", KEY_AGREEMENT)
        .expect_hex(&request.concat(), reply);
    let token = client(key)
        .pin_uv_auth_token("1234", Permissions::GET_ASSERTION, Some("example.com"))
        .unwrap();
    assert_eq!(token.authenticate(&[0xCD; 32]), hex("8c6f9324521a31d15d1b1c21a84d883d"));
}

#[test]
fn retries_are_read_with_the_power_cycle_state() {
    let key = ScriptedKey::default()
        .expect_hex("06a10201", "00a2030804f5")
        .expect_hex("06a10201", "00a10308")
        .expect_hex("06a10207", "00a10503");
    let mut client = Client::new(key);
    assert_eq!(client.pin_retries().unwrap(), PinRetries { left: 8, power_cycle_needed: true });
    assert_eq!(client.pin_retries().unwrap(), PinRetries { left: 8, power_cycle_needed: false });
    assert_eq!(client.uv_retries().unwrap(), 3);
}

#[test]
fn a_key_without_a_protocol_we_speak_is_told_apart_from_a_refusal() {
    let info = "00a20181684649444f5f325f300350eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee";
    let error =
        Client::new(ScriptedKey::default().expect_hex("04", info)).set_pin("1234").unwrap_err();
    assert!(matches!(error, Error::Request(RequestFault::NoPinProtocol)));
}

#[test]
fn the_stored_verifier_is_that_of_v_03() {
    assert_eq!(pin_hash("1234").to_vec(), hex("03ac674216f3e15c761ee1a5e255f067"));
}

#[test]
fn a_pin_may_have_63_bytes_and_not_64() {
    assert!(pad(&"x".repeat(63)).is_ok());
    assert_eq!(pad(&"x".repeat(64)), Err(RequestFault::PinTooLong));
    assert_eq!(pad("1234\0"), Err(RequestFault::PinEndsInZero));
}

#[test]
fn a_wrong_pin_is_the_keys_status_and_the_message_holds_no_pin() {
    let key = ScriptedKey::default().expect_hex("06a201020202", KEY_AGREEMENT).expect(
        hex(&[
            "06a40102020503",
            PLATFORM,
            "065820000102030405060708090a0b0c0d0e0f6afd41caf9528723f495724a9668ee2c",
        ]
        .concat()),
        [0x31],
    );
    let error = client(key).pin_token(PinProtocol::Two, "1234").unwrap_err();
    assert_eq!(error.status(), Some(Status::PinInvalid));
    assert!(!format!("{error:?} {error}").contains("1234"));
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), strict: bool) {
        let _ = Reply::parse(&bytes, strict);
    }
}
