//! What each format cannot hold.

use std::collections::BTreeMap;

use ctap_core::CredentialSource;
use ctap_core::credential::{CredProtect, LargeBlob};

/// The things that are left out of a text, counted.
#[derive(Default)]
pub(super) struct Losses {
    /// Credentials that are left out whole, by the reason.
    credentials: BTreeMap<&'static str, usize>,
    /// Members that are left out, by their kind.
    members: BTreeMap<&'static str, usize>,
}

impl Losses {
    /// A credential is left out.
    pub(super) fn leave_out(&mut self, why: &'static str) {
        *self.credentials.entry(why).or_default() += 1;
    }

    /// This is left out of a credential, if it has it.
    pub(super) fn member(&mut self, what: &'static str, has_it: bool) {
        if has_it {
            *self.members.entry(what).or_default() += 1;
        }
    }

    /// Things that the formats of browsers cannot hold.
    pub(super) fn of_browsers(&mut self, source: &CredentialSource) {
        self.member("the secrets for prf", source.cred_random.is_some());
        self.member("the level of credProtect", source.cred_protect != CredProtect::default());
        self.member("the credBlob", source.cred_blob.is_some());
        self.member("thirdPartyPayment", source.third_party_payment);
        self.rp_name(source);
        self.large_blob_members(source);
    }

    /// What only keyfob's own format says about large blobs.
    pub(super) fn large_blob_members(&mut self, source: &CredentialSource) {
        self.member("the largeBlobKey", source.large_blob_key.is_some());
        let may_be_written = source.large_blob == LargeBlob::Empty;
        self.member("that a large blob may be written (largeBlobSupport)", may_be_written);
    }

    pub(super) fn rp_name(&mut self, source: &CredentialSource) {
        self.member("the name of the site", source.rp_name.is_some());
    }

    pub(super) fn large_blob(&mut self, source: &CredentialSource) {
        let written = matches!(source.large_blob, LargeBlob::Written { .. });
        self.member("the large blob", written);
    }

    /// A sentence for each.
    pub(super) fn notes(self) -> Vec<String> {
        let left_out = self.credentials.into_iter().map(|(why, count)| match count {
            1 => format!("1 credential was left out: {why}"),
            count => format!("{count} credentials were left out: {why}"),
        });
        let members = self.members.into_iter().map(|(what, count)| {
            let credentials = if count == 1 { "credential" } else { "credentials" };
            format!("the format cannot hold this, which {count} {credentials} had: {what}")
        });
        left_out.chain(members).collect()
    }
}

/// No format names a site by the hash of its name.
pub(super) const OF_A_HASH: &str = "made over U2F, and the name of the site is unknown";
