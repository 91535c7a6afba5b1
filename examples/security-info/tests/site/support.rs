//! A site, a browser and a key for it.

mod browser;
pub(crate) mod key;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use security_info::{App, Role, Settings, Store, password, router};

pub(crate) use self::browser::{Browser, Page};
pub(crate) use self::key::SecurityKey;

/// Where browsers find the site.
pub(crate) const ORIGIN: &str = "http://localhost:8080";

/// Alice's password; the administrator's is `battery-staple`.
pub(crate) const PASSWORD: &str = "correct-horse";

/// The site, with two accounts, at a time that tests move.
pub(crate) struct Site {
    router: Router,
    time: Arc<AtomicI64>,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with_settings(&Settings::default())
    }

    pub(crate) fn with_settings(settings: &Settings) -> Self {
        let store = Store::in_memory().unwrap();
        for (name, password, role) in [
            ("alice", PASSWORD, Role::Person),
            ("bob", PASSWORD, Role::Person),
            ("admin", "battery-staple", Role::Administrator),
        ] {
            store.add_account(name, &password::hash(password).unwrap(), role).unwrap();
        }
        store.set_settings(settings).unwrap();
        let time = Arc::new(AtomicI64::new(1_795_321_919));
        let clock = Arc::clone(&time);
        let clock = Box::new(move || clock.load(Ordering::Relaxed));
        let app = App::new(store, ORIGIN.parse().unwrap(), clock).unwrap();
        Self { router: router(app), time }
    }

    /// The site itself.
    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, seconds: i64) {
        self.time.fetch_add(seconds, Ordering::Relaxed);
    }

    /// A browser without cookies.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.router.clone())
    }

    /// A browser in which somebody is signed in.
    pub(crate) async fn browser_of(&self, name: &str, password: &str) -> Browser {
        let mut browser = self.browser();
        let page = browser.sign_in(name, password).await;
        assert_eq!(page.location.as_deref(), Some("/security-info"), "{}", page.body);
        browser
    }

    /// A browser in which alice is signed in.
    pub(crate) async fn alice(&self) -> Browser {
        self.browser_of("alice", PASSWORD).await
    }
}
