//! What holds for the whole site: passwords, sessions, forms from elsewhere, headers.

use axum::http::StatusCode;

use crate::support::{PASSWORD, SecurityKey, Site};

#[tokio::test]
async fn five_wrong_passwords_are_borne_and_a_key_still_signs_in() {
    let (site, mut key) = (Site::new(), SecurityKey::new(1));
    site.alice().await.add(&mut key).await;
    let mut browser = site.browser();
    for _ in 0..5 {
        let page = browser.sign_in("alice", "wrong").await;
        assert_eq!(page.status, StatusCode::UNAUTHORIZED);
        page.says("The user name or the password is wrong.");
    }
    let page = browser.sign_in("alice", PASSWORD).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(page.headers["retry-after"], "900");
    page.says("Too many wrong passwords.");
    assert_eq!(browser.sign_in_with(&mut key).await.status, StatusCode::SEE_OTHER);
    site.pass(900);
    assert_eq!(browser.sign_in("alice", PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_hundred_wrong_passwords_for_made_up_names_lock_nobody_out() {
    let site = Site::new();
    for address in [[127, 0, 0, 1], [192, 0, 2, 1]] {
        let mut guesser = site.browser();
        guesser.address = address;
        for number in 0..101 {
            guesser.sign_in(&format!("name {number}"), "wrong").await;
        }
    }
    for (name, password) in [("alice", PASSWORD), ("admin", "battery-staple")] {
        assert_eq!(site.browser().sign_in(name, password).await.status, StatusCode::SEE_OTHER);
        let mut neighbour = site.browser();
        neighbour.address = [192, 0, 2, 2];
        assert_eq!(neighbour.sign_in(name, password).await.status, StatusCode::SEE_OTHER);
        let mut guesser = site.browser();
        guesser.address = [192, 0, 2, 1];
        let refused = guesser.sign_in(name, password).await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.headers["retry-after"], "900");
    }
}

#[tokio::test]
async fn a_visitor_has_the_name_that_it_was_given_and_no_other() {
    const COOKIE: &str = "security-info-visitor";
    let mut browser = Site::new().browser();
    browser.get("/sign-in").await;
    let given = browser.cookies[COOKIE].clone();
    browser.get("/sign-in").await;
    assert_eq!(browser.cookies[COOKIE], given);
    for own in ["x".repeat(100_000), "mine".to_owned(), String::new()] {
        browser.cookies.insert(COOKIE.to_owned(), own);
        browser.get("/sign-in").await;
        assert_eq!(browser.cookies[COOKIE].len(), given.len(), "kept with each ceremony");
    }
}

#[tokio::test]
async fn pages_do_not_tell_who_has_an_account() {
    let site = Site::new();
    let mut browser = site.browser();
    let wrong = browser.sign_in("alice", "wrong").await.body;
    let nobody = browser.sign_in("nobody", "wrong").await.body;
    let shape = |page: &str| page.lines().count();
    assert_eq!(shape(&wrong), shape(&nobody));
    let asked =
        |page: crate::support::Page| page.options()["allowCredentials"].as_array().unwrap().len();
    for name in ["alice", "nobody"] {
        let path = format!("/sign-in/with-key?user_name={name}");
        let first = browser.get(&path).await;
        let second = browser.get(&path).await;
        assert_eq!(first.options()["allowCredentials"], second.options()["allowCredentials"]);
        assert_eq!(asked(first), asked(second));
    }
}

#[tokio::test]
async fn a_session_ends_by_signing_out_by_idleness_and_after_a_working_day() {
    let site = Site::new();
    let mut browser = site.alice().await;
    let is_in = async |browser: &mut crate::support::Browser| {
        browser.get("/security-info").await.status == StatusCode::OK
    };
    site.pass(29 * 60);
    assert!(is_in(&mut browser).await);
    site.pass(30 * 60);
    assert!(!is_in(&mut browser).await);

    let mut browser = site.alice().await;
    for _ in 0..24 {
        assert!(is_in(&mut browser).await);
        site.pass(30 * 60 - 1);
    }
    site.pass(24);
    assert!(!is_in(&mut browser).await);

    let mut browser = site.alice().await;
    let out = browser.post("/sign-out", &[]).await;
    browser.follow(out).await.says("You are signed out.");
    assert!(!is_in(&mut browser).await);
}

#[tokio::test]
async fn forms_from_elsewhere_change_nothing() {
    let site = Site::new();
    let mut browser = site.alice().await;
    for origin in ["http://localhost:9090", "http://evil.example", "null", ""] {
        browser.origin = origin.to_owned();
        for path in ["/sign-out", "/sign-in/password", "/security-info/add/security-key"] {
            let page = browser.post(path, &[]).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{origin} {path}");
        }
    }
    assert_eq!(browser.get("/security-info").await.status, StatusCode::OK);
}

#[tokio::test]
async fn everything_needs_a_session_but_signing_in() {
    let mut browser = Site::new().browser();
    for path in [
        "/security-info",
        "/security-info/add",
        "/security-info/add/security-key",
        "/security-info/add/security-key/usb",
        "/security-info/keys/1/name",
        "/security-info/keys/1/done",
        "/security-info/keys/1/delete",
        "/admin",
    ] {
        assert_eq!(browser.get(path).await.location.as_deref(), Some("/sign-in"), "{path}");
    }
    for path in ["/security-info/keys/1/name", "/security-info/keys/1/delete", "/sign-out"] {
        assert_eq!(browser.post(path, &[]).await.location.as_deref(), Some("/sign-in"), "{path}");
    }
}

#[tokio::test]
async fn every_answer_carries_the_guards() {
    let mut browser = Site::new().browser();
    for path in
        ["/sign-in", "/security-info", "/nowhere", "/static/webauthn.js", "/static/moments.js"]
    {
        let page = browser.get(path).await;
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(page.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(page.headers["cache-control"], "no-store", "{path}");
    }
}

#[tokio::test]
async fn pages_have_no_scripts_and_styles_of_their_own() {
    let site = Site::new();
    let mut browser = site.browser_of("admin", "battery-staple").await;
    for path in ["/sign-in", "/security-info", "/security-info/add/security-key/usb", "/admin"] {
        let page = browser.get(path).await.body;
        assert!(!page.contains("<style") && !page.contains(" style="), "{path}");
        assert!(!page.contains(" onclick=") && !page.contains("<script>"), "{path}");
    }
}
