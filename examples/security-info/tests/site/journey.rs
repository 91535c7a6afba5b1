//! What people do with their keys, from the first password to the deleted key; and what somebody else tries. A virtual key
//! signs, the browser's part is played, and all goes over the site's own forms.

use axum::http::StatusCode;
use ctap_client::Status;
use ctap_core::Config;
use ctap_core::algorithm::Algorithm;
use security_info::{Accepted, Listed, Settings};

use crate::support::{ORIGIN, PASSWORD, SecurityKey, Site};

const MODEL: &str = "c196d97f-64cf-465a-ab5d-aaf18b481fc4";
const ROOT: &str = include_str!("attestation/root.pem");
const OTHER_ROOT: &str = include_str!("attestation/other-root.pem");

#[tokio::test]
async fn a_key_is_added_named_and_signs_in_without_name_and_password() {
    let (site, mut key) = (Site::new(), SecurityKey::new(1));
    let mut browser = site.alice().await;
    browser.get("/security-info").await.says("None yet");
    browser.get("/security-info/add").await.says("id=\"method-security-key\"");
    browser.get("/security-info/add/security-key").await.says("id=\"kind-usb\"");
    let added = browser.add(&mut key).await;
    let naming = browser.follow(added).await;
    naming.says("Name your security key");
    let id = naming.body.split("/security-info/keys/").nth(1).unwrap().split('/').next().unwrap();
    let named = browser
        .post(&format!("/security-info/keys/{id}/name"), &[("name", "Blue <key>"), ("new", "true")])
        .await;
    browser.follow(named).await.says("Blue &#60;key&#62;</strong> can sign in");
    browser.get("/security-info").await.says("Never");
    browser.post("/sign-out", &[]).await;

    site.pass(3600);
    let signed_in = browser.sign_in_with(&mut key).await;
    let list = browser.follow(signed_in).await;
    list.says("id=\"account-name\">alice<");
    list.says("<h3 data-test=\"key-name\">Blue &#60;key&#62;</h3>");
    list.says("keyfob virtual security key");
    list.says("Not proved: only the key itself says so");
    list.says("data-test=\"key-added\">22 November 2026, 04:31 UTC</time>");
    list.says("<time datetime=\"2026-11-22T05:31Z\">22 November 2026, 05:31 UTC</time>");
    list.says("src=\"/static/moments.js\"");
}

#[tokio::test]
async fn a_page_says_touch_it_where_the_key_blinks() {
    let mut browser = Site::new().alice().await;
    for (kind, steps) in [
        ("usb", ["into a USB port", "Choose Continue", "Type the key’s PIN", "blinks, touch it"]),
        (
            "nfc",
            ["Have the key ready", "Choose Continue", "Type the key’s PIN", "against the reader"],
        ),
    ] {
        let page = browser.get(&format!("/security-info/add/security-key/{kind}")).await.body;
        let places = steps.map(|step| page.find(step).expect(step));
        assert!(places.is_sorted(), "{kind}: {places:?}");
        let said_while_waiting = page.split("data-gesture=\"").nth(1).expect("it is in the form");
        let gesture = said_while_waiting.split('"').next().unwrap();
        assert!(gesture.contains(steps[3]), "{kind}: {gesture}");
    }
    let script = browser.get("/static/webauthn.js").await.body;
    assert!(script.contains("touch it; a key for NFC, hold against the reader"), "to sign in");
}

#[tokio::test]
async fn a_refused_pin_and_a_key_without_one_are_among_the_reasons_that_a_page_tells() {
    let script = Site::new().browser().get("/static/webauthn.js").await.body;
    let explained = |error: &str| {
        let (_, rest) = script.split_once(&format!("case \"{error}\":")).expect(error);
        rest.split("case \"").next().unwrap().to_owned()
    };
    let not_allowed = explained("NotAllowedError");
    assert_eq!(not_allowed.matches("refused the PIN").count(), 2, "adding, and signing in");
    assert!(not_allowed.contains("knows U2F only"));
    for error in ["NotSupportedError", "ConstraintError"] {
        assert!(explained(error).contains("${U2F}"), "{error}");
    }
}

#[tokio::test]
async fn a_name_and_a_key_sign_in_time_and_again() {
    let (site, mut key) = (Site::new(), SecurityKey::new(1));
    site.alice().await.add(&mut key).await;
    for _ in 0..3 {
        let mut browser = site.browser();
        let form = [("user_name", "Alice"), ("password", "")];
        let page = browser.post("/sign-in/name", &form).await;
        assert_eq!(page.location.as_deref(), Some("/sign-in/with-key?user_name=Alice"));
        let page = browser.follow(page).await;
        let answer = key.get(&page.options(), ORIGIN).unwrap();
        let signed_in = browser.answer("/sign-in/key", &page, &answer).await;
        browser.follow(signed_in).await.says("id=\"account-name\">alice<");
    }
}

#[tokio::test]
async fn a_key_that_signs_with_ed25519_is_as_good() {
    let config = Config { algorithms: vec![Algorithm::EdDsa], ..Config::default() };
    let (site, mut key) = (Site::new(), SecurityKey::made(config, 1));
    site.alice().await.add(&mut key).await;
    let signed_in = site.browser().sign_in_with(&mut key).await;
    assert_eq!(signed_in.location.as_deref(), Some("/security-info"), "{}", signed_in.body);
}

#[tokio::test]
async fn one_key_serves_two_people_and_the_newest_comes_first() {
    let (site, mut key) = (Site::new(), SecurityKey::new(1));
    site.alice().await.add(&mut key).await;
    site.browser_of("bob", PASSWORD).await.add(&mut key).await;
    let mut browser = site.browser();
    let signed_in = browser.sign_in_with(&mut key).await;
    browser.follow(signed_in).await.says("id=\"account-name\">bob<");
}

#[tokio::test]
async fn the_same_key_cannot_be_added_twice() {
    let (site, mut key) = (Site::new(), SecurityKey::new(1));
    let mut browser = site.alice().await;
    browser.add(&mut key).await;
    let page = browser.get("/security-info/add/security-key/usb").await;
    // The browser makes an InvalidStateError of it, and the page a friendly sentence.
    assert_eq!(key.create(&page.options(), ORIGIN), Err(Status::CredentialExcluded));
    assert_eq!(browser.get("/security-info").await.keys().len(), 1);
}

#[tokio::test]
async fn the_eleventh_key_is_refused_with_advice() {
    let site = Site::new();
    let mut browser = site.alice().await;
    let mut late = site.alice().await;
    let started_early = late.get("/security-info/add/security-key/usb").await;
    for number in 0..10 {
        let page = browser.add(&mut SecurityKey::new(number)).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
    }
    let list = browser.get("/security-info").await;
    assert_eq!(list.keys().len(), 10);
    list.says("id=\"full\"");
    assert!(!list.body.contains("id=\"add-method\""));
    let refused = browser.get("/security-info/add/security-key/usb").await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    refused.says("An account can have 10 keys, and yours has them.");

    let answer = SecurityKey::new(10).create(&started_early.options(), ORIGIN).unwrap();
    let refused = late.answer("/security-info/add/security-key", &started_early, &answer).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    refused.says("Delete one that you no longer need.");
    assert_eq!(browser.get("/security-info").await.keys().len(), 10);
}

#[tokio::test]
async fn a_deleted_key_signs_nobody_in_and_its_owner_is_told_what_it_still_keeps() {
    let (site, mut key) = (Site::new(), SecurityKey::new(1));
    let mut browser = site.alice().await;
    browser.add(&mut key).await;
    let address = browser.get("/security-info").await.keys().remove(0);
    let sentence = "The key itself keeps its data: reset it to erase it.";
    browser.get(&format!("{address}/delete")).await.says(sentence);
    let deleted = browser.post(&format!("{address}/delete"), &[]).await;
    browser.follow(deleted).await.says(sentence);
    assert_eq!(browser.post(&format!("{address}/delete"), &[]).await.status, StatusCode::NOT_FOUND);

    let refused = site.browser().sign_in_with(&mut key).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    refused.says("This key is not registered with that account. If it was removed");
}

#[tokio::test]
async fn a_key_is_renamed_but_not_to_nothing() {
    let (site, mut key) = (Site::new(), SecurityKey::new(1));
    let mut browser = site.alice().await;
    browser.add(&mut key).await;
    let address = format!("{}/name", browser.get("/security-info").await.keys().remove(0));
    let refused = browser.post(&address, &[("name", "  ")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    refused.says("A name has 1 to 64 characters.");
    let renamed = browser.post(&address, &[("name", "Spare")]).await;
    let list = browser.follow(renamed).await;
    list.says("The key has its new name.");
    list.says("Spare</h3>");
}

#[tokio::test]
async fn what_belongs_to_alice_is_not_there_for_bob() {
    let (site, mut key) = (Site::new(), SecurityKey::new(1));
    let mut alice = site.alice().await;
    alice.add(&mut key).await;
    let address = alice.get("/security-info").await.keys().remove(0);
    let mut bob = site.browser_of("bob", PASSWORD).await;
    for path in ["name", "done", "delete"] {
        let page = bob.get(&format!("{address}/{path}")).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["name", "delete"] {
        let page = bob.post(&format!("{address}/{path}"), &[("name", "stolen")]).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(alice.get("/security-info").await.keys(), [address]);
}

#[tokio::test]
async fn alices_key_does_not_sign_in_as_bob() {
    let (site, mut alices, mut bobs) = (Site::new(), SecurityKey::new(1), SecurityKey::new(2));
    site.alice().await.add(&mut alices).await;
    site.browser_of("bob", PASSWORD).await.add(&mut bobs).await;
    let mut browser = site.browser();
    let page = browser.get("/sign-in/with-key?user_name=bob").await;
    assert_eq!(alices.get(&page.options(), ORIGIN), Err(Status::NoCredentials));
    // A browser that ignores which credentials were asked for.
    let mut options = page.options();
    options["allowCredentials"] = serde_json::json!([]);
    let answer = alices.get(&options, ORIGIN).unwrap();
    let refused = browser.answer("/sign-in/key", &page, &answer).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    refused.says("not registered with that account");
}

#[tokio::test]
async fn a_key_that_is_asked_for_alone_must_say_truly_whose_it_is() {
    let (site, mut key, mut bobs) = (Site::new(), SecurityKey::new(1), SecurityKey::new(2));
    site.alice().await.add(&mut key).await;
    site.browser_of("bob", PASSWORD).await.add(&mut bobs).await;
    let mut browser = site.browser();
    let page = browser.get("/sign-in").await;
    let bobs_handle = bobs.get(&page.options(), ORIGIN).unwrap()["response"]["userHandle"].clone();
    for handle in [serde_json::Value::Null, bobs_handle] {
        let page = browser.get("/sign-in").await;
        let mut answer = key.get(&page.options(), ORIGIN).unwrap();
        answer["response"]["userHandle"] = handle;
        let refused = browser.answer("/sign-in/key", &page, &answer).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_copy_of_a_key_is_found_out_by_its_counter() {
    let (site, mut key) = (Site::new(), SecurityKey::new(1));
    site.alice().await.add(&mut key).await;
    let mut browser = site.browser();
    let (first, second) = (browser.get("/sign-in").await, browser.get("/sign-in").await);
    // The older answer arrives after the newer one, as if from another key.
    let older = key.get(&first.options(), ORIGIN).unwrap();
    let newer = key.get(&second.options(), ORIGIN).unwrap();
    let signed_in = browser.answer("/sign-in/key", &second, &newer).await;
    assert_eq!(signed_in.status, StatusCode::SEE_OTHER);
    let refused = browser.answer("/sign-in/key", &first, &older).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    refused.says("there may be a copy of it");
}

#[tokio::test]
async fn an_answer_that_was_altered_is_refused() {
    let (site, mut key) = (Site::new(), SecurityKey::new(1));
    let mut alice = site.alice().await;
    let page = alice.get("/security-info/add/security-key/usb").await;
    let mut answer = SecurityKey::new(2).create(&page.options(), ORIGIN).unwrap();
    answer["response"]["attestationObject"] = flipped(&answer["response"]["attestationObject"]);
    let refused = alice.answer("/security-info/add/security-key", &page, &answer).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);

    alice.add(&mut key).await;
    for part in ["authenticatorData", "signature", "clientDataJSON"] {
        let mut browser = site.browser();
        let page = browser.get("/sign-in").await;
        let mut answer = key.get(&page.options(), ORIGIN).unwrap();
        answer["response"][part] = flipped(&answer["response"][part]);
        let refused = browser.answer("/sign-in/key", &page, &answer).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{part}");
    }
}

/// Base64url with one of its last characters changed.
fn flipped(text: &serde_json::Value) -> serde_json::Value {
    let mut text = text.as_str().unwrap().to_owned().into_bytes();
    let at = text.len() - 10;
    text[at] = if text[at] == b'A' { b'B' } else { b'A' };
    String::from_utf8(text).unwrap().into()
}

#[tokio::test]
async fn an_answer_counts_once() {
    let (site, mut key) = (Site::new(), SecurityKey::new(1));
    let mut browser = site.alice().await;
    let page = browser.get("/security-info/add/security-key/usb").await;
    let answer = key.create(&page.options(), ORIGIN).unwrap();
    let path = "/security-info/add/security-key";
    assert_eq!(browser.answer(path, &page, &answer).await.status, StatusCode::SEE_OTHER);
    let replayed = browser.answer(path, &page, &answer).await;
    assert_eq!(replayed.status, StatusCode::CONFLICT);
    replayed.says("That took too long");

    let mut browser = site.browser();
    let page = browser.get("/sign-in").await;
    let answer = key.get(&page.options(), ORIGIN).unwrap();
    assert_eq!(browser.answer("/sign-in/key", &page, &answer).await.status, StatusCode::SEE_OTHER);
    let replayed = browser.answer("/sign-in/key", &page, &answer).await;
    assert_eq!(replayed.status, StatusCode::CONFLICT);
    // The old answer does not fit a new challenge either.
    let fresh = browser.get("/sign-in").await;
    let replayed = browser.answer("/sign-in/key", &fresh, &answer).await;
    assert_eq!(replayed.status, StatusCode::UNAUTHORIZED);
    replayed.says("could not be verified");
}

#[tokio::test]
async fn an_answer_counts_for_five_minutes_and_in_the_browser_that_asked() {
    let (site, mut key) = (Site::new(), SecurityKey::new(1));
    site.alice().await.add(&mut key).await;
    for (wait, other_browser, expected) in [
        (299, false, StatusCode::SEE_OTHER),
        (300, false, StatusCode::CONFLICT),
        (0, true, StatusCode::CONFLICT),
    ] {
        let mut browser = site.browser();
        let page = browser.get("/sign-in").await;
        let answer = key.get(&page.options(), ORIGIN).unwrap();
        site.pass(wait);
        if other_browser {
            browser = site.browser();
        }
        let page = browser.answer("/sign-in/key", &page, &answer).await;
        assert_eq!(page.status, expected, "{wait} {other_browser}");
    }
}

#[tokio::test]
async fn an_answer_made_for_another_origin_is_refused() {
    let (site, mut key) = (Site::new(), SecurityKey::new(1));
    let mut browser = site.alice().await;
    for origin in ["http://localhost:9090", "https://localhost:8080", "http://evil.localhost:8080"]
    {
        let page = browser.get("/security-info/add/security-key/usb").await;
        let answer = SecurityKey::new(9).create(&page.options(), origin).unwrap();
        let refused = browser.answer("/security-info/add/security-key", &page, &answer).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{origin}");
    }
    assert!(browser.get("/security-info").await.keys().is_empty());
    browser.add(&mut key).await;
    let page = browser.get("/sign-in").await;
    let answer = key.get(&page.options(), "http://localhost:9090").unwrap();
    let refused = browser.answer("/sign-in/key", &page, &answer).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_key_that_did_not_check_its_pin_signs_nobody_in() {
    let (site, mut key) = (Site::new(), SecurityKey::new(1));
    site.alice().await.add(&mut key).await;
    // credProtect: without its PIN the key does not even say that it knows alice.
    let mut browser = site.browser();
    let page = browser.get("/sign-in/with-key?user_name=alice").await;
    assert_eq!(key.get_without_pin(&page.options(), ORIGIN), Err(Status::NoCredentials));

    // A browser that does not pass credProtect on, and forgets the PIN as well.
    let (site, mut key) = (Site::new(), SecurityKey::new(1));
    let mut alice = site.alice().await;
    let page = alice.get("/security-info/add/security-key/usb").await;
    let mut options = page.options();
    options["extensions"]["credentialProtectionPolicy"] = "userVerificationOptional".into();
    let answer = key.create(&options, ORIGIN).unwrap();
    alice.answer("/security-info/add/security-key", &page, &answer).await;
    let mut browser = site.browser();
    let page = browser.get("/sign-in/with-key?user_name=alice").await;
    let answer = key.get_without_pin(&page.options(), ORIGIN).unwrap();
    let refused = browser.answer("/sign-in/key", &page, &answer).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    refused.says("The key did not check its PIN");
}

#[tokio::test]
async fn answers_that_are_none_are_refused() {
    let site = Site::new();
    let mut browser = site.alice().await;
    for nonsense in ["", "{}", "null", "{\"id\":\"\",\"rawId\":\"AA\"}"] {
        let answer = serde_json::from_str(nonsense).unwrap_or_default();
        let page = browser.get("/security-info/add/security-key/nfc").await;
        let refused = browser.answer("/security-info/add/security-key", &page, &answer).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{nonsense}");
        let page = browser.get("/sign-in").await;
        let refused = browser.answer("/sign-in/key", &page, &answer).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{nonsense}");
    }
}

#[tokio::test]
async fn switched_off_means_no_adding_and_no_signing_in_even_for_who_began_before() {
    let (site, mut key) = (Site::new(), SecurityKey::new(1));
    let mut browser = site.alice().await;
    browser.add(&mut key).await;
    let adding = browser.get("/security-info/add/security-key/usb").await;
    let mut visitor = site.browser();
    let signing_in = visitor.get("/sign-in").await;

    let mut admin = site.browser_of("admin", "battery-staple").await;
    let off = [("accept", "any"), ("models", ""), ("roots", "")];
    let saved = admin.post("/admin", &off).await;
    admin.follow(saved).await.says("The settings are saved.");

    let answer = SecurityKey::new(2).create(&adding.options(), ORIGIN).unwrap();
    let refused = browser.answer("/security-info/add/security-key", &adding, &answer).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let answer = key.get(&signing_in.options(), ORIGIN).unwrap();
    let refused = visitor.answer("/sign-in/key", &signing_in, &answer).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    refused.says("switched off");
    for path in ["/security-info/add", "/security-info/add/security-key/usb"] {
        assert_eq!(browser.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    let list = browser.get("/security-info").await;
    list.says("id=\"switched-off\"");
    assert_eq!(list.keys().len(), 1);
    let page = visitor.get("/sign-in").await;
    assert!(!page.body.contains("data-webauthn"));

    let on = [("enabled", "on"), ("accept", "any"), ("models", ""), ("roots", "")];
    admin.post("/admin", &on).await;
    assert_eq!(visitor.sign_in_with(&mut key).await.status, StatusCode::SEE_OTHER);
}

fn only(models: &str, roots: &str) -> Settings {
    let listed = Listed::parse(models, roots).unwrap();
    Settings { enabled: true, accepted: Accepted::ListedModels, listed }
}

#[tokio::test]
async fn a_listed_model_must_be_proved_by_a_trusted_certificate() {
    let other_model = "00000000-0000-0000-0000-000000000001 Other";
    let roots = format!("{OTHER_ROOT}\n{ROOT}");
    for (settings, is_attested, refusal) in [
        (only(MODEL, ""), true, None),
        (only(MODEL, ROOT), true, None),
        (only(MODEL, &roots), true, None),
        (only(MODEL, OTHER_ROOT), true, Some("not issued by a manufacturer")),
        (only(other_model, ROOT), true, Some("not accepted here")),
        (only(MODEL, ""), false, Some("does not prove which model")),
    ] {
        let site = Site::with_settings(&settings);
        let make = if is_attested { SecurityKey::attested } else { SecurityKey::new };
        let mut browser = site.alice().await;
        let page = browser.add(&mut make(1)).await;
        match refusal {
            None => assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body),
            Some(refusal) => {
                assert_eq!(page.status, StatusCode::FORBIDDEN, "{refusal}");
                page.says(refusal);
                assert!(browser.get("/security-info").await.keys().is_empty());
            }
        }
    }
}

#[tokio::test]
async fn a_policy_holds_for_keys_that_were_registered_before_it() {
    let (site, mut proved, mut other) =
        (Site::new(), SecurityKey::attested(1), SecurityKey::new(2));
    let mut alice = site.alice().await;
    alice.add(&mut proved).await;
    alice.add(&mut other).await;
    let mut admin = site.browser_of("admin", "battery-staple").await;
    let models = format!("{MODEL} Company key");
    let form = [("enabled", "on"), ("accept", "listed"), ("models", &*models), ("roots", ROOT)];
    let saved = admin.post("/admin", &form).await;
    let page = admin.follow(saved).await;
    page.says("Company key");
    page.says("BEGIN CERTIFICATE");

    assert_eq!(site.browser().sign_in_with(&mut proved).await.status, StatusCode::SEE_OTHER);
    let refused = site.browser().sign_in_with(&mut other).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    refused.says("does not prove which model");
    let list = alice.get("/security-info").await;
    list.says("Company key");
    list.says("Proved by a trusted manufacturer’s certificate");
    list.says("Cannot sign in at present.");
}

#[tokio::test]
async fn only_administrators_change_settings_and_only_to_what_makes_sense() {
    let site = Site::new();
    assert_eq!(site.browser().get("/admin").await.location.as_deref(), Some("/sign-in"));
    let mut alice = site.alice().await;
    let off = [("accept", "any"), ("models", ""), ("roots", "")];
    assert_eq!(alice.get("/admin").await.status, StatusCode::FORBIDDEN);
    assert_eq!(alice.post("/admin", &off).await.status, StatusCode::FORBIDDEN);
    let mut admin = site.browser_of("admin", "battery-staple").await;
    for (models, roots, complaint) in [
        ("", "", "List at least one model"),
        ("nonsense", "", "“nonsense” is not an AAGUID"),
        (MODEL, "nonsense", "Certificate 1 cannot be read"),
    ] {
        let form = [("enabled", "on"), ("accept", "listed"), ("models", models), ("roots", roots)];
        let page = admin.post("/admin", &form).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        page.says(complaint);
        page.says(models);
    }
    let page = alice.get("/security-info").await;
    page.says("id=\"add-method\"");
    assert!(!page.body.contains("nav-settings"));
}
