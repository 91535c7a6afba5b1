//! The names behind the hashes of U2F (UF-20). A U2F request has only the SHA-256 of a name, so keyfob can show a
//! name only if it is one of the known ones.

use std::collections::HashMap;
use std::sync::LazyLock;

use sha2::{Digest as _, Sha256};

/// The site of this application parameter: one that the key has a passkey for, otherwise a well-known one.
pub(crate) fn behind<'a>(
    application: &[u8; 32],
    mut stored: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let is_meant = |site: &&str| names(site).iter().any(|name| hash(name) == *application);
    stored.find(is_meant).or_else(|| WELL_KNOWN.get(application).copied())
}

/// The names that a site hashes: its RP id (WebAuthn through U2F), or the page's origin if it named no other (U2F's
/// own scripts).
fn names(site: &str) -> [String; 2] {
    [site.to_owned(), format!("https://{site}")]
}

fn hash(name: &str) -> [u8; 32] {
    Sha256::digest(name).into()
}

static WELL_KNOWN: LazyLock<HashMap<[u8; 32], &'static str>> = LazyLock::new(|| {
    let sites = SITES.iter().flat_map(|site| names(site).map(|name| (hash(&name), *site)));
    let others = APP_IDS.iter().map(|(app_id, site)| (hash(app_id), *site));
    sites.chain(others).collect()
});

const SITES: [&str; 45] = [
    "accounts.firefox.com",
    "amazon.com",
    "apple.com",
    "aws.amazon.com",
    "binance.com",
    "bitbucket.org",
    "coinbase.com",
    "dash.cloudflare.com",
    "dashboard.stripe.com",
    "demo.yubico.com",
    "discord.com",
    "dropbox.com",
    "ebay.com",
    "facebook.com",
    "github.com",
    "gitlab.com",
    "google.com",
    "id.fedoraproject.org",
    "keepersecurity.com",
    "kraken.com",
    "lastpass.com",
    "linkedin.com",
    "localhost",
    "login.microsoft.com",
    "mdp.github.io",
    "okta.com",
    "paypal.com",
    "proton.me",
    "reddit.com",
    "secure.login.gov",
    "shopify.com",
    "slack.com",
    "stripe.com",
    "twitter.com",
    "u2f.bin.coffee",
    "vault.bitwarden.com",
    "webauthn.bin.coffee",
    "webauthn.io",
    "webauthn.me",
    "www.binance.com",
    "www.bitfinex.com",
    "www.dashlane.com",
    "www.dropbox.com",
    "www.fastmail.com",
    "x.com",
];

/// Application ids that are not made from the name of their site, and OpenSSH's.
const APP_IDS: [(&str, &str); 11] = [
    ("https://account.gandi.net/api/u2f/trusted_facets.json", "gandi.net"),
    ("https://api-9dcf9b83.duosecurity.com", "duosecurity.com"),
    ("https://dashboard.stripe.com/u2f-facets", "dashboard.stripe.com"),
    ("https://github.com/u2f/trusted_facets", "github.com"),
    ("https://id.fedoraproject.org/u2f-origins.json", "id.fedoraproject.org"),
    ("https://twitter.com/account/login_verification/u2f_trusted_facets.json", "twitter.com"),
    ("https://u2f.aws.amazon.com/app-id.json", "aws.amazon.com"),
    ("https://vault.bitwarden.com/app-id.json", "vault.bitwarden.com"),
    ("https://www.dropbox.com/u2f-app-id.json", "dropbox.com"),
    ("https://www.gstatic.com/securitykey/origins.json", "google.com"),
    ("ssh:", "ssh:"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_sites_are_named_by_their_hash() {
        let google = "a54672b222c4cf95e151ed8d4d3c767a6cc349435943794e884f3d023a8229fd";
        let github = "70617dfed065863af47c15556c91798880828cc407fdf70ae85011569465a075";
        for (application, site) in [(google, "google.com"), (github, "github.com")] {
            let bytes: Vec<u8> = (0..64)
                .step_by(2)
                .map(|at| u8::from_str_radix(&application[at..at + 2], 16).unwrap())
                .collect();
            assert_eq!(behind(&bytes.try_into().unwrap(), [].into_iter()), Some(site));
        }
    }

    #[test]
    fn a_site_that_the_key_has_a_passkey_of_is_known_too() {
        for name in ["intranet.example", "https://intranet.example"] {
            let stored = || ["example.org", "intranet.example"].into_iter();
            assert_eq!(behind(&hash(name), stored()), Some("intranet.example"));
            assert_eq!(behind(&hash(name), [].into_iter()), None);
        }
    }
}
