//! What other programs write, read; what is read, written again; and what is not taken, told.

mod round_trips;

use std::collections::BTreeSet;

use base64ct::{Base64, Encoding as _};
use ctap_core::algorithm::{Algorithm, PrivateKey};
use ctap_core::credential::{Backup, CredProtect, CredRandom, LargeBlob, User};
use ctap_core::secret::{Secret, SecretBytes};

use super::pkcs8::{self, KeyError};
use super::*;
use crate::{Scope, large_blobs};

/// Keys that `openssl genpkey` and `openssl ecparam -genkey` made, each with the public key that `openssl pkey -pubout` tells.
const KEYS: [(Algorithm, &str, &str); 7] = [
    (
        Algorithm::Es256,
        "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg/SOIRfKYFlY4tMfME/6M6x36fUkG2xKeDr3Xw0klZMWhRANCAAQstxOKZD2LAK7zBR8Xgpy343IaUgPyJfwGWA5ktoB2v2qDRWDD+JKSIHsglUCexTOdkofflcCK9ZCKdET7sLxe",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAELLcTimQ9iwCu8wUfF4Kct+NyGlID8iX8BlgOZLaAdr9qg0Vgw/iSkiB7IJVAnsUznZKH35XAivWQinRE+7C8Xg==",
    ),
    (
        Algorithm::Es384,
        "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDBBevfJLI50xVgMIfEBZIzG/V3yPjaeAZE+RSW4aLStQIles27OQdbZPqMR4wk5AKmhZANiAATcNO1CFGM+FcCU6Fqdmka6bEDpuNErlkQx+aI+qQoe3KIOsj1VneB/gKCur/ZF14Tk7BojNnqgJ4TED50mFdO/rsbyuh1+O2yVNZseB6/q2hWcozimiOcJQxgNW/ic1hk=",
        "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE3DTtQhRjPhXAlOhanZpGumxA6bjRK5ZEMfmiPqkKHtyiDrI9VZ3gf4Cgrq/2RdeE5OwaIzZ6oCeExA+dJhXTv67G8rodfjtslTWbHgev6toVnKM4pojnCUMYDVv4nNYZ",
    ),
    (
        Algorithm::Es256K,
        "MIGEAgEAMBAGByqGSM49AgEGBSuBBAAKBG0wawIBAQQg8XL//vt8ExNQIveDURN6tP/eGSF+dNDAxoIcuoNZ0dWhRANCAAQhUoYdzQUw7PtvnjOlRoaCYeNpAhvcv8Ki9ZywMxAMWhJV5J6X1wXRknt+tHl+RUhRUd853GuOJKtobzMbn0fE",
        "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEIVKGHc0FMOz7b54zpUaGgmHjaQIb3L/CovWcsDMQDFoSVeSel9cF0ZJ7frR5fkVIUVHfOdxrjiSraG8zG59HxA==",
    ),
    (
        Algorithm::Es512,
        "MIHuAgEAMBAGByqGSM49AgEGBSuBBAAjBIHWMIHTAgEBBEIB92vLBoXdi6Ghg5SDIUpoLA6oqVpDLVcHTabfRCJ8iaqaTO6YyLtKTlmNgcrgGsGYNfT3rHQbTpqio6JwmPkZ2uOhgYkDgYYABAA/tlOlJNIBM5C6fAmHhoUGBplc3hfRRkB7chUCbqnjAtHOpL1r+1cZjiGC1c5MCx4+bAJHhkQeKTYRnkgSRt7FuwC0oMFD2774u8W9VIZxAjnN2QK/MTGgh3itHXPLacZDltPpkh2OwMtagtkEqLTB584Vqq0+x7duA6W8xNOTneeVwg==",
        "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAP7ZTpSTSATOQunwJh4aFBgaZXN4X0UZAe3IVAm6p4wLRzqS9a/tXGY4hgtXOTAsePmwCR4ZEHik2EZ5IEkbexbsAtKDBQ9u++LvFvVSGcQI5zdkCvzExoId4rR1zy2nGQ5bT6ZIdjsDLWoLZBKi0wefOFaqtPse3bgOlvMTTk53nlcI=",
    ),
    (
        Algorithm::Rs256,
        "MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQDD8FKz3HvVpI7ARc7sr51Zab+xusR+gwM+ZwhtSE7Ko/ECtGbvUR5vdkuJcnxarQ1eUes2JCe7hs9NoDyEfigv4jvzFLLDoqsHBWH7nDnZkkYyohniIjjciJDBBMMvNgaQY3y326NARs+dWkeYYJG3UZKbfCG9y25pLDAZ932ib4tlA87wobtlb6tyizTZvGLUDME4bH5GNizz0twot51RVCgM03h/vSIWB7BFR6A6A3zI+A0Hxo0AyIfv3dXyacgY6OPlcJ2qMwerLzfQCzayev3XS/TNCxygy3eNEizBvqxe4I/F/yHA750NTSRnRYnQpJi3ZSDN6qbM8LYrQkUdAgMBAAECggEAAfF+QH5tU/8f01Rd6wcK3nooBpE9pauS+ql28e6HqYbauxYi9zisvppDwYc7KIMS4N6bIJxXMIrzv2dZck72AxORWKXZ6ArS+2zYPfCcukWzIIlvDEkem0FXfjKX5P36LrBt6jzpb5fEM2FT2HUMvO64L4aZpxI/dBeWGovT2SqRm8NGrNMJsOTT0CfyIL21bE+P08lzM+FMjh6oO5Y7R5dfVI8EBiLSY/rDtpPyHrGoJ0oUXTSmwN9nHUfePrQEWuzvWOFGDd7oy5tndWlaYoWbeL6Jup08Yl2UxACBOLR9RtrJv1BEYrhrsegZXA4URwYwrIU5uROUcS2+Xx3zGQKBgQDk+CZwbJbqGNcxC3O9la+Yi1iDVTCmJOo9Ou+XlHbtvODLNNNE+LclRdiRMyGDp/KqBtXHTQt4PjkSVNcOHAcKDIhfCrC45jYG1xyvbc+CT+yGBAHAca0qSn1l9Uk7mMBBw2KvVguPYI2GfgPSUUMfffcX0g40jmHjeBId3B/blwKBgQDbEe6GpgatF522qu2bOql57oTtAwat28g4azdpgSpKCY9bS6fAEhyfjMZ6s8KWaTGSlSTFnflTLNZbV6+ImNexEvVJEBFyGXee84Bj1CEA1yNYLd7kWJ+4NHKlDjnjSvp8MepXVr1W6R/CJdEXvG78Zi+XdYbgUFmw6nU4qM4LawKBgGcrkVZy94U/8Ca/PEWenuKjVxzGVAdo9srkNXUdhoEU7E1j3hZj41I+KJk0atOB54vJTKZjBtoFX33tEIHhCyLyBricfoix4oIuh1RcrHXRQYgZYhiuoBJAQkSgw4DBEVAQk/ThVpAiN2L0gRBRYWddQOtQ0OnJhj4SqkceGpS9AoGAN6OdRjuCtJGr78oH4QYMJzjKL/w1xRBuEM5CW5x/piA5dcGIUIMJHAjAHEftoxAClC0nEr3lphdcNgTWQ0Y2efXLsIvRMn5/YDKOKEynOTRq+Kll0+8iWcGQYJV1ZGIVrldrIlWYbyt0cnXyXinwslAtxDUIVY5yyTkzHnnZIxMCgYAJQJU9qT+ISvq+iykv0kx72l1LlQqzlJ667SLFwvuHMV+VIRycuCT7M7r25MPXWR35zwNfAqNIUrkxr7phZWvXBv5TSygJAwd/u7rRhOT+NUEPD304vuahKsDw8u6/2V1wcZlaZqq6iZ4Q6mbtd3LGkvsoWJ6kbSMMbwRnbpxyXQ==",
        "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAw/BSs9x71aSOwEXO7K+dWWm/sbrEfoMDPmcIbUhOyqPxArRm71Eeb3ZLiXJ8Wq0NXlHrNiQnu4bPTaA8hH4oL+I78xSyw6KrBwVh+5w52ZJGMqIZ4iI43IiQwQTDLzYGkGN8t9ujQEbPnVpHmGCRt1GSm3whvctuaSwwGfd9om+LZQPO8KG7ZW+rcos02bxi1AzBOGx+RjYs89LcKLedUVQoDNN4f70iFgewRUegOgN8yPgNB8aNAMiH793V8mnIGOjj5XCdqjMHqy830As2snr910v0zQscoMt3jRIswb6sXuCPxf8hwO+dDU0kZ0WJ0KSYt2UgzeqmzPC2K0JFHQIDAQAB",
    ),
    (
        Algorithm::Ps256,
        "MIIEugIBADALBgkqhkiG9w0BAQoEggSmMIIEogIBAAKCAQEAnoCdFYq/rymCGpNPWk5/GOrmnmFWImziefNH3sYzKTOvr9y0WitQf0vUBjjr2dI1C2CETiuDl+FyPTfeO98WuB/Y6kpUKzHt5WGo33uLqgVpl+Fj4qKKUlwM3iDTufx5jUAyzz+w1ld7tdptUmb3YEhBaffExjp/ZjIW3cNAw1zF3WWY9KhOLplwGsGJOpG6zUPuryOkOcbdG9bAj7RQeWBYT8S1K8lVuKsexHQByNiVFiELP3MMY5vaIpVBQ1YBqaxXMZyartgyOSOro82bNtKQ5B8O71opKp+KvKfhkqeUxQC3ztXJtoZxzOnKo+x6wftWBFecAuKVAiFQeLAqGwIDAQABAoIBADJH7o0E5OX2LvWrQYMOX7dR3TLlAeQN0pKJIIWFLnmlkdgiFXx9PR4Eug/3Qqpoyrb/OTlrCGXH+Ot+q5smnBhw0ekRBz5kqmkX3/B1Ssr2yJaLw5oDogmadeKJW2EmvJCYiwW/2KNGQVJhJkj7rQH4Kfgpx1xy9jM/NI3JAOR4K9dR0U3PlV8nbNuYQ0FTXwEbZy9evHp+MNgF/cvvAT4r0tsKvvt5k48MNGrlhqCc7XwHT7LrtRWODLEXtl6+gMMpeG42gArEWrUb2UhdFg3v0cn/BsTveWFFB1ULOVGqLcZOjMoWSJzfMWR1qQIfu5+5ZfWennD0kjzXWY4Mx2ECgYEAz8IuSYKgavB26AIW81T491Sgo88e1SbD5VlGfy3nJcQU4NZ/SlkGlKKJFYk7pAvdPcxqRGrlBgIEQtUims3U/9IqATA9XH8m2u+gyMfELbDU6xqtwGry6wGd6EgvWjP4JxIeTy8ffHkamg6JDHbufVPDoshz/46CM1kX5pBqMwkCgYEAw05+f/2CLAHQIPg373JPGXav8oDJSWg8+RyjvN0mOqCk4CD2fJn2p9xJWQKNuuBtBN+cLsEbSWBYyd9u3T+7YToptSTsG4UrQJAWB22nL0ceeqRq99RwU41VKahUMvxtx3vQXjks/w8TQV/FksK3b6I3uokjOPdB+g+QowzESQMCgYB6DhRvb2SbLuZMa13cWuFhPMCbPAVbKEkSJp65/Ne9YjL53Eov/ZlWHR74HgWB3M5/jeYoh7xBCVJDiT+pPp+SI4A17oc+Hh1PplQJYQMp7KdJ8AR/9NT9p5eDbVUUY0+4dHaGAqM211b/huaRAhYeXuWibq1nR+vKCt91vwYFMQKBgDnLxr+Vg6oGN1MqYVMonqPIbbTzy50/jZuikAnZ3/BFjcUNvCOPZGC0XbhLeymsNFbW3V8woiSKsHu89Q/gRlE1ZxZGAOD7/ZqziPFVz7277BcbBNSmNz9ieatENvaHoO0BhN39SYWJLoeQEeWmXaZZeOhooNXAxfN8G69EnemFAoGAB7bog5f7KVwyYe0AoMd2wWp0xc1S7nDGX+uIecPxF8/OmvMHUoCiCv4IRd/JmL9+woLegpdHVk2f4mFfJbYCOL2Gs4qlJlmRE12SVXKGh4H0WRyZ1Jc1818DJT80t0Q2xa+YJCjTdEGoaD28qOF6U+jZfCR3EaZEyaTOkuxRVAA=",
        "MIIBIDALBgkqhkiG9w0BAQoDggEPADCCAQoCggEBAJ6AnRWKv68pghqTT1pOfxjq5p5hViJs4nnzR97GMykzr6/ctForUH9L1AY469nSNQtghE4rg5fhcj033jvfFrgf2OpKVCsx7eVhqN97i6oFaZfhY+KiilJcDN4g07n8eY1AMs8/sNZXe7XabVJm92BIQWn3xMY6f2YyFt3DQMNcxd1lmPSoTi6ZcBrBiTqRus1D7q8jpDnG3RvWwI+0UHlgWE/EtSvJVbirHsR0AcjYlRYhCz9zDGOb2iKVQUNWAamsVzGcmq7YMjkjq6PNmzbSkOQfDu9aKSqfiryn4ZKnlMUAt87VybaGcczpyqPsesH7VgRXnALilQIhUHiwKhsCAwEAAQ==",
    ),
    (
        Algorithm::EdDsa,
        "MC4CAQAwBQYDK2VwBCIEIMh/uya0TWYeX9e5s4RRlYz98IK2WfrnDhBy4qg7t/ZQ",
        "MCowBQYDK2VwAyEA/OvbTPlSqq0UvzlABiXXDu5B4o3sRcwCE7rFIvF3Qd8=",
    ),
];

/// A private key of RSA whose numbers are all zero.
const SMALL_RSA: &str = "MDECAQAwDQYJKoZIhvcNAQEBBQAEHTAbAgEAAgEAAgEAAgEAAgEAAgEAAgEAAgEAAgEA";

fn bytes(base64: &str) -> Vec<u8> {
    Base64::decode_vec(base64).unwrap()
}

/// As WebDriver writes it.
fn url(base64: &str) -> String {
    members::Encoding::Url.encode(&bytes(base64))
}

fn p256() -> PrivateKey {
    pkcs8::from_der(&bytes(KEYS[0].1)).unwrap()
}

fn passkey() -> CredentialSource {
    CredentialSource {
        user: Some(User { id: b"u-1".to_vec(), name: Some("ada".into()), display_name: None }),
        discoverable: true,
        ..CredentialSource::new(b"id-1".to_vec(), "example.org", p256())
    }
}

/// All of it, secrets too.
fn told(source: &CredentialSource) -> String {
    let random = source.cred_random.as_ref();
    let random = random.map(|random| (random.with_uv.expose(), random.without_uv.expose()));
    let blob_key = source.large_blob_key.as_ref().map(|key| key.expose());
    format!("{source:?} {:x?} {random:x?} {blob_key:x?}", source.key.secret.expose())
}

/// The refusal of a text, as a person reads it.
fn refusal(text: &str) -> String {
    let error = read(text).unwrap_err();
    assert!(!error.advice().is_empty());
    error.to_string()
}

#[test]
fn keys_of_openssl_are_read_and_written_as_they_were() {
    for (algorithm, private, public) in KEYS {
        let key = pkcs8::from_der(&bytes(private)).unwrap();
        assert_eq!(key.algorithm, algorithm);
        assert_eq!(*pkcs8::to_der(&key).unwrap(), bytes(private), "{algorithm:?}");
        assert_eq!(pkcs8::public_to_der(&key).unwrap(), bytes(public), "{algorithm:?}");
        let pem = pkcs8::to_pem(&key).unwrap();
        assert_eq!(pkcs8::from_pem(&format!("# mine\n{}", *pem)).unwrap().algorithm, algorithm);
    }
}

#[test]
fn a_key_of_ml_dsa_is_a_seed() {
    for algorithm in [Algorithm::MlDsa44, Algorithm::MlDsa65] {
        let key = PrivateKey { algorithm, secret: SecretBytes::new(vec![7; 32]) };
        let der = pkcs8::to_der(&key).unwrap();
        let again = pkcs8::from_der(&der).unwrap();
        assert_eq!((again.algorithm, again.secret.expose()), (algorithm, &[7; 32][..]));
    }
}

#[test]
fn keys_that_nobody_signs_with_here_are_refused_by_what_they_are() {
    assert_eq!(pkcs8::from_der(&bytes(SMALL_RSA)).unwrap_err(), KeyError::Rsa);
    let mut p192 = bytes(KEYS[1].1);
    p192[22] = 0x1f; // 1.3.132.0.31
    assert_eq!(pkcs8::from_der(&p192).unwrap_err(), KeyError::Algorithm);
    let mut of_other_primes = bytes(KEYS[4].1);
    of_other_primes[293] ^= 2; // the last byte of the modulus
    assert_eq!(pkcs8::from_der(&of_other_primes).unwrap_err(), KeyError::Range);
    let sec1 = "MHcCAQEEIP0jiEXymBZWOLTHzBP+jOsd+n1JBtsSng6918NJJWTFoAoGCCqGSM49AwEHoUQDQgAELLcTimQ9iwCu8wUfF4Kct+NyGlID8iX8BlgOZLaAdr9qg0Vgw/iSkiB7IJVAnsUznZKH35XAivWQinRE+7C8Xg==";
    for garbage in [&bytes(sec1)[..], b"", b"garbage"] {
        assert_eq!(pkcs8::from_der(garbage).unwrap_err(), KeyError::Encoding);
    }
    let mut zero = bytes(KEYS[0].1);
    zero[36..68].fill(0);
    assert_eq!(pkcs8::from_der(&zero).unwrap_err(), KeyError::Range);
    let labelled = "-----BEGIN EC PRIVATE KEY-----\nMHc=\n-----END EC PRIVATE KEY-----\n";
    assert_eq!(pkcs8::from_pem(labelled).unwrap_err(), KeyError::NoPem);
    assert!(KeyError::NoPem.advice().contains("openssl pkcs8"));
}

/// What chromedriver answers.
fn of_webdriver() -> String {
    format!(
        r#"{{"credentialId":"aWQtMQ","isResidentCredential":true,"rpId":"example.org","privateKey":"{}","signCount":7,
            "userHandle":"dS0x","userName":"ada","userDisplayName":"Ada","largeBlob":"YmxvYg","backupEligibility":true,"backupState":false}}"#,
        url(KEYS[0].1)
    )
}

#[test]
fn what_webdriver_answers_is_read_whole() {
    for text in [
        of_webdriver(),
        format!("[{}]", of_webdriver()),
        format!(r#"{{"value":[{}]}}"#, of_webdriver()),
    ] {
        let import = read(&text).unwrap();
        assert_eq!((import.format, import.notes), (Format::WebDriver, vec![]));
        let one = &import.credentials[0];
        assert_eq!((&one.id[..], one.scope.rp_id()), (&b"id-1"[..], Some("example.org")));
        assert_eq!(one.backup, Backup { eligible: true, state: false });
        assert_eq!((one.sign_count, one.discoverable), (Some(7), true));
        assert_eq!(large_blobs::plain(&one.large_blob).unwrap(), b"blob");
        assert_eq!(one.user.as_ref().unwrap().display_name.as_deref(), Some("Ada"));
        let value: Value = serde_json::from_str(&of_webdriver()).unwrap();
        assert_eq!(webdriver::to_json(one).unwrap(), value, "and told as it was");
    }
    assert_eq!(read("[]").unwrap().credentials.len(), 0);
}

#[test]
fn a_counter_that_stays_0_is_null_or_minus_one() {
    let with = |count: &str| of_webdriver().replace(":7,", &format!(":{count},"));
    let count = |count: &str| read(&with(count)).unwrap().credentials[0].sign_count;
    assert_eq!((count("null"), count("-1")), (None, None));
    assert_eq!((count("0"), count("1.0")), (Some(0), Some(1)));
    assert_eq!(count("4294967295"), Some(u32::MAX));
    for wrong in ["4294967296", "-2", "1.5", "\"1\"", "true"] {
        assert!(refusal(&with(wrong)).contains("signCount must be a number from 0"), "{wrong}");
    }
}

#[test]
fn devtools_writes_the_same_in_another_base64() {
    let text = format!(
        r#"{{"authenticatorId":"1","credential":{{"credentialId":"+/8=","isResidentCredential":false,"rpId":"example.org","privateKey":"{}",
            "signCount":-1,"cmtgKeys":[]}}}}"#,
        KEYS[0].1
    );
    let import = read(&text).unwrap();
    assert_eq!(import.format, Format::DevTools);
    assert_eq!(import.notes, ["the credential: `cmtgKeys` was not imported"]);
    assert_eq!(import.credentials[0].id, [0xfb, 0xff]);
    let export = write(Format::DevTools, &import.credentials, 0);
    let again: Value = serde_json::from_str(&export.text).unwrap();
    assert_eq!(again["credentials"][0]["credentialId"], "+/8=");
    assert_eq!(again["credentials"][0]["signCount"], -1);
}

#[test]
fn what_is_wrong_with_a_credential_is_told_by_its_member() {
    let without = |member: &str| {
        let mut value: Value = serde_json::from_str(&of_webdriver()).unwrap();
        value.as_object_mut().unwrap().remove(member);
        value.to_string()
    };
    let with = |member: &str, other: Value| {
        let mut value: Value = serde_json::from_str(&of_webdriver()).unwrap();
        value[member] = other;
        value.to_string()
    };
    for (text, expected) in [
        ("{".to_owned(), "it is not JSON: "),
        ("7".to_owned(), "it has no format for credentials that keyfob knows"),
        (r#"{"a":1}"#.to_owned(), "it has no format for credentials that keyfob knows"),
        (r#"[{"id":"x"}]"#.to_owned(), "it has no format for credentials that keyfob knows"),
        (without("rpId"), "the credential: rpId must be a string"),
        (without("privateKey"), "the credential: privateKey must be base64url"),
        (without("signCount"), "the credential: signCount must be a number"),
        (without("isResidentCredential"), "the credential: isResidentCredential must be a boolean"),
        (
            without("userHandle"),
            "the credential: userHandle must be there, because the credential is resident",
        ),
        (with("userHandle", Value::Null), "the credential: userHandle must be base64url"),
        (with("credentialId", "a+b_".into()), "the credential: credentialId must be base64url"),
        (
            with("credWithUV", url(KEYS[0].1).into()),
            "the credential: credWithUV must be 32 bytes in base64url",
        ),
        (
            with("largeBlob", "A".repeat(large_blobs::MAX_PLAIN * 2).into()),
            "the credential: largeBlob must be no longer than any key can keep",
        ),
        (with("credProtect", 4.into()), "the credential: credProtect must be 1, 2 or 3"),
        (with("backupState", "true".into()), "the credential: backupState must be a boolean"),
        (with("privateKey", "AAAA".into()), "the credential: the private key is not PKCS#8"),
        (
            format!("[{},{}]", of_webdriver(), without("rpId")),
            "credential 2: rpId must be a string",
        ),
        (format!("[{},7]", of_webdriver()), "credential 2: a credential must be an object"),
    ] {
        let said = refusal(&text);
        assert!(said.starts_with(expected), "{said}");
    }
}

fn of_playwright() -> String {
    format!(
        r#"{{"id":"aWQtMQ","rpId":"example.org","userHandle":"dS0x","privateKey":"{}","publicKey":"{}","signCount":3}}"#,
        url(KEYS[0].1),
        url(KEYS[0].2)
    )
}

#[test]
fn a_storage_state_of_playwright_gives_its_credentials() {
    let state = format!(
        r#"{{"cookies":[{{"name":"sid"}}],"origins":[],"credentials":[{}]}}"#,
        of_playwright()
    );
    let import = read(&state).unwrap();
    assert_eq!(import.format, Format::Playwright);
    assert_eq!(import.notes, ["`cookies` is not a credential, and was not imported"]);
    let one = &import.credentials[0];
    assert_eq!((one.discoverable, one.sign_count), (true, Some(3)));
    assert_eq!(one.user.as_ref().unwrap().name, None);
    let alone = read(&of_playwright()).unwrap();
    assert_eq!(told(&alone.credentials[0]), told(one));
    // The second is what Playwright writes if it is not asked for credentials.
    for beside in [r#","credentials":[]"#, ""] {
        let empty = read(&format!(r#"{{"cookies":[],"origins":[]{beside}}}"#)).unwrap();
        assert_eq!((empty.format, empty.credentials.len()), (Format::Playwright, 0));
    }

    let export = write(Format::Playwright, &import.credentials, 0);
    let again: Value = serde_json::from_str(&export.text).unwrap();
    assert_eq!(again["credentials"][0], serde_json::from_str::<Value>(&of_playwright()).unwrap());
    let other = of_playwright().replace(&url(KEYS[0].2), &url(KEYS[2].2));
    assert_eq!(refusal(&other), "the credential: publicKey does not belong to the private key");
}

#[test]
fn what_playwright_cannot_hold_is_told() {
    let ed25519 = pkcs8::from_der(&bytes(KEYS[3].1)).unwrap();
    let credentials = [
        CredentialSource { sign_count: None, ..passkey() },
        CredentialSource { discoverable: false, ..passkey() },
        CredentialSource { key: ed25519, ..passkey() },
        CredentialSource { scope: Scope::Hash([1; 32]), ..passkey() },
    ];
    let export = write(Format::Playwright, &credentials, 0);
    assert_eq!(export.taken, [0]);
    assert_eq!(
        export.notes,
        [
            "1 credential was left out: Playwright signs only with P-256",
            "1 credential was left out: made over U2F, and the name of the site is unknown",
            "1 credential was left out: not discoverable, and Playwright makes all credentials discoverable",
            "the format cannot hold this, which 1 credential had: that the counter stays 0",
            "the format cannot hold this, which 1 credential had: the name of the user",
        ]
    );
}

/// As a password manager writes it.
fn of_cxf() -> String {
    format!(
        r#"{{"version":{{"major":1,"minor":0}},"exporterRpId":"manager.example","exporterDisplayName":"Manager","timestamp":1750000000,
            "accounts":[{{"id":"YQ","username":"ada","email":"","collections":[],"items":[{{"id":"aQ","title":"Example","credentials":[
            {{"type":"passkey","credentialId":"aWQtMQ","rpId":"example.org","username":"ada","userDisplayName":"","userHandle":"dS0x","key":"{}",
              "fido2Extensions":{{"hmacCredentials":{{"algorithm":"hmac-sha256","credWithUV":"{}","credWithoutUV":"{}"}},"credBlob":"YmxvYg","payments":true}}}},
            {{"type":"note","content":{{"fieldType":"string","value":"x"}}}}]}}]}}]}}"#,
        url(KEYS[0].1),
        members::Encoding::Url.encode(&[1; 32]),
        members::Encoding::Url.encode(&[2; 32])
    )
}

#[test]
fn cxf_brings_passkeys_that_never_count_with_their_secrets() {
    let import = read(&of_cxf()).unwrap();
    assert_eq!(import.format, Format::Cxf);
    assert_eq!(
        import.notes,
        [
            "not imported of its items: title",
            "not imported of its accounts: username",
            "1 credential that is not a passkey was not imported",
            "CXF has no flags: BE and BS are on, as for every passkey that is copied",
        ]
    );
    let [one] = &import.credentials[..] else { panic!("{}", import.credentials.len()) };
    assert_eq!((one.sign_count, one.third_party_payment), (None, true));
    assert_eq!(one.backup, Backup { eligible: true, state: true });
    assert_eq!(one.cred_blob.as_deref(), Some(&b"blob"[..]));
    let random = one.cred_random.as_ref().unwrap();
    assert_eq!((random.with_uv.expose(), random.without_uv.expose()), (&[1; 32], &[2; 32]));
    assert_eq!(one.user.as_ref().unwrap().display_name, None);

    let blob = r#""largeBlob":{"uncompressedSize":9,"data":"AAAA"},"credBlob""#;
    let damaged = read(&of_cxf().replace("\"credBlob\"", blob)).unwrap();
    assert_eq!(damaged.notes[0], "passkey 1: its large blob cannot be read, and was not imported");
    assert_eq!(damaged.credentials[0].large_blob, LargeBlob::Unsupported);

    let unreadable = of_cxf().replace(&url(KEYS[0].1), "!");
    assert!(refusal(&unreadable).starts_with("passkey 1: its members must be as CXF has them"));
    let of_rsa = of_cxf().replace(&url(KEYS[0].1), &url(SMALL_RSA));
    assert!(refusal(&of_rsa).starts_with("passkey 1: the private key is an RSA key"));
    let later = of_cxf().replace(r#""major":1"#, r#""major":2"#);
    assert_eq!(refusal(&later), "it is CXF 2, and this program reads version 1");
}

#[test]
fn what_cxf_has_that_no_key_keeps_is_told() {
    let more = of_cxf()
        .replace(r#""payments":true"#, r#""payments":true,"later":{"a":1}"#)
        .replace(r#""rpId""#, r#""origin":"x","rpId""#)
        .replace(r#""title":"Example""#, r#""title":"example.org","tags":["a"],"favorite":null"#)
        .replace(r#""collections":[]"#, r#""collections":[],"fullName":"Ada""#);
    assert_eq!(
        read(&more).unwrap().notes[..4],
        [
            "passkey 1: `origin` was not imported",
            "passkey 1: `fido2Extensions.later` was not imported",
            "not imported of its items: tags",
            "not imported of its accounts: fullName, username",
        ]
    );
    let own = write(Format::Cxf, &read(&more).unwrap().credentials, 0);
    assert_eq!(read(&own.text).unwrap().notes.len(), 1, "that CXF tells no flags");
}

#[test]
fn what_is_said_twice_is_believed_by_nobody() {
    for (text, name) in [(of_webdriver(), "rpId"), (of_playwright(), "rpId"), (of_cxf(), "title")] {
        let twice = text.replace(&format!("\"{name}\""), &format!("\"{name}\":\"a\",\"{name}\""));
        let error = read(&twice).unwrap_err();
        assert!(error.to_string().starts_with(&format!("`{name}` is given twice")), "{error}");
        assert_eq!(error.advice(), "leave one of them out");
    }
}

#[test]
fn where_cxf_is_none_is_told_without_the_words_of_a_programming_language() {
    let told = refusal(r#"{"version":1,"exporterRpId":"x","accounts":[]}"#);
    assert!(
        told.starts_with("it begins like CXF, but breaks that format at line 1, column 12"),
        "{told}"
    );
}

#[test]
fn a_counter_that_counts_is_not_written_to_cxf() {
    let counted = [Some(0), Some(7), None].map(|sign_count| CredentialSource {
        sign_count,
        backup: Backup { eligible: true, state: true },
        ..passkey()
    });
    let export = write(Format::Cxf, &counted, 1_750_000_000);
    assert_eq!(export.taken, [2]);
    assert_eq!(export.notes.len(), 1);
    assert!(
        export.notes[0].starts_with(
            "2 credentials were left out: with a signature counter, which CXF forbids"
        )
    );
    assert_eq!(read(&export.text).unwrap().credentials.len(), 1);
}

#[test]
fn what_webdriver_cannot_hold_is_told() {
    let random = CredRandom { with_uv: Secret::new(&[1; 32]), without_uv: Secret::new(&[2; 32]) };
    let full = CredentialSource {
        rp_name: Some("Example".into()),
        cred_random: Some(random),
        cred_protect: CredProtect::UvRequired,
        cred_blob: Some(vec![1]),
        third_party_payment: true,
        large_blob_key: Some(Secret::new(&[3; 32])),
        large_blob: LargeBlob::Empty,
        ..passkey()
    };
    let export = write(Format::WebDriver, &[full], 0);
    let told = [
        "that a large blob may be written (largeBlobSupport)",
        "the credBlob",
        "the largeBlobKey",
        "the level of credProtect",
        "the name of the site",
        "the secrets for prf",
        "thirdPartyPayment",
    ];
    assert_eq!(export.notes.len(), told.len());
    for (note, told) in export.notes.iter().zip(told) {
        assert_eq!(*note, format!("the format cannot hold this, which 1 credential had: {told}"));
    }
}

#[test]
fn no_format_but_keyfobs_own_holds_that_a_large_blob_may_be_written() {
    for format in Format::ALL {
        let source = CredentialSource {
            large_blob: LargeBlob::Empty,
            sign_count: (format != Format::Cxf).then_some(0),
            ..passkey()
        };
        let notes = write(format, &[source], 0).notes;
        let is_told = notes.iter().any(|note| note.contains("largeBlobSupport"));
        assert_eq!(is_told, format != Format::Keyfob, "{format}: {notes:?}");
    }
}

#[test]
fn names_without_a_user_are_told() {
    let alone = of_webdriver()
        .replace(r#""isResidentCredential":true"#, r#""isResidentCredential":false"#)
        .replace(r#""userHandle":"dS0x","#, "");
    let notes = ["userName", "userDisplayName"].map(|name| {
        format!("the credential: `{name}` was not imported, because there is no userHandle")
    });
    assert_eq!(read(&alone).unwrap().notes, notes);
}

#[test]
fn items_of_cxf_have_different_ids_where_long_credential_ids_begin_alike() {
    let with_id = |length: usize| CredentialSource {
        id: vec![7; length],
        sign_count: None,
        backup: Backup { eligible: true, state: true },
        ..passkey()
    };
    let sources = [32, 64, 65, 66, 1023].map(with_id);
    let text = write(Format::Cxf, &sources, 0).text;
    let file: Value = serde_json::from_str(&text).unwrap();
    let items = file["accounts"][0]["items"].as_array().unwrap();
    let ids: BTreeSet<_> = items.iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), sources.len());
    assert!(ids.iter().all(|id| members::decode(id).unwrap().len() <= 64));
}

#[test]
fn the_examples_of_the_documentation_are_read_as_what_they_are() {
    let page = include_str!("../../../../docs/credentials.md");
    let examples = page.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let formats: Vec<_> = examples
        .map(|example| {
            let import = read(example).unwrap();
            assert_eq!(import.credentials.len(), 1);
            import.format
        })
        .collect();
    assert_eq!(formats, [Format::WebDriver, Format::DevTools, Format::Playwright, Format::Cxf]);
}
