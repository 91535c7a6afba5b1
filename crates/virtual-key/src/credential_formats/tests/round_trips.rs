//! Whatever a format has a place for comes back as it went in; whatever else a text is, it is read or refused.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

prop_compose! {
    /// What a key of keyfob can keep.
    fn whole()(
        base in of_any_browser(),
        rp_name in any::<Option<String>>(),
        hash in any::<Option<[u8; 32]>>(),
        level in 1..4_u64,
        third_party_payment in any::<bool>(),
        cred_blob in any::<Option<Vec<u8>>>(),
        secrets in any::<Option<([u8; 32], [u8; 32])>>(),
        blob_key in any::<Option<[u8; 32]>>(),
    ) -> CredentialSource {
        let random = |(one, other): ([u8; 32], [u8; 32])| CredRandom {
            with_uv: Secret::new(&one),
            without_uv: Secret::new(&other),
        };
        let scope = hash.filter(|_| !base.discoverable).map_or(base.scope.clone(), Scope::Hash);
        CredentialSource {
            scope,
            rp_name,
            cred_protect: CredProtect::from_level(level).unwrap(),
            third_party_payment,
            cred_blob,
            cred_random: secrets.map(random),
            large_blob_key: blob_key.as_ref().map(Secret::new),
            ..base
        }
    }
}

prop_compose! {
    /// What every format has a place for.
    fn common()(
        id in vec(any::<u8>(), 1..1024),
        rp_id in "[a-z]{1,20}\\.example",
        handle in vec(any::<u8>(), 0..65),
    ) -> CredentialSource {
        CredentialSource {
            user: Some(User { id: handle, name: None, display_name: None }),
            discoverable: true,
            ..CredentialSource::new(id, &rp_id, p256())
        }
    }
}

prop_compose! {
    /// What WebDriver has a place for.
    fn of_any_browser()(
        base in common(),
        which in 0..KEYS.len(),
        sign_count in any::<Option<u32>>(),
        discoverable in any::<bool>(),
        (eligible, state) in any::<(bool, bool)>(),
        name in any::<Option<String>>(),
        display_name in any::<Option<String>>(),
        blob in any::<Option<Vec<u8>>>(),
    ) -> CredentialSource {
        let id = base.user.unwrap().id;
        let large_blob = blob.filter(|_| discoverable);
        CredentialSource {
            user: Some(User { id, name, display_name }),
            key: pkcs8::from_der(&bytes(KEYS[which].1)).unwrap(),
            sign_count,
            discoverable,
            backup: Backup { eligible, state },
            large_blob: large_blob.map_or(LargeBlob::Unsupported, |blob| large_blobs::written(&blob)),
            ..CredentialSource::new(base.id, base.scope.rp_id().unwrap(), p256())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn webdriver_and_devtools_give_back_what_went_in(sources in vec(of_any_browser(), 0..4)) {
        for format in [Format::WebDriver, Format::DevTools] {
            let export = write(format, &sources, 0);
            prop_assert_eq!((export.taken.len(), export.notes.len()), (sources.len(), 0));
            let import = read(&export.text).unwrap();
            let both = [&import.credentials, &sources].map(|all| all.iter().map(told).collect::<Vec<_>>());
            prop_assert_eq!(&both[0], &both[1]);
        }
    }

    #[test]
    fn the_format_of_keyfob_holds_everything(sources in vec(whole(), 0..4)) {
        let export = write(Format::Keyfob, &sources, 0);
        prop_assert_eq!((export.taken.len(), export.notes.len()), (sources.len(), 0));
        let import = read(&export.text).unwrap();
        prop_assert_eq!(import.notes.len(), 0);
        let both = [&import.credentials, &sources].map(|all| all.iter().map(told).collect::<Vec<_>>());
        prop_assert_eq!(&both[0], &both[1]);
    }

    #[test]
    fn playwright_gives_back_what_went_in(sources in vec(common(), 0..4), count in any::<u32>()) {
        let counted = |source: CredentialSource| CredentialSource { sign_count: Some(count), ..source };
        let sources: Vec<_> = sources.into_iter().map(counted).collect();
        let import = read(&write(Format::Playwright, &sources, 0).text).unwrap();
        let both = [&import.credentials, &sources].map(|all| all.iter().map(told).collect::<Vec<_>>());
        prop_assert_eq!(&both[0], &both[1]);
    }

    #[test]
    fn cxf_gives_back_what_went_in(source in of_any_browser(), secrets in any::<Option<[u8; 32]>>(), blob in any::<Option<Vec<u8>>>()) {
        let random = |bytes: [u8; 32]| CredRandom { with_uv: Secret::new(&bytes), without_uv: Secret::new(&[3; 32]) };
        let name = |name: Option<String>| name.filter(|name| !name.is_empty());
        let user = source.user.unwrap();
        let source = CredentialSource {
            user: Some(User { id: user.id, name: name(user.name), display_name: name(user.display_name) }),
            discoverable: true,
            sign_count: None,
            backup: Backup { eligible: true, state: true },
            cred_random: secrets.map(random),
            cred_blob: blob,
            ..source
        };
        let text = write(Format::Cxf, std::slice::from_ref(&source), 0).text;
        let import = read(&text).unwrap();
        prop_assert_eq!(told(&import.credentials[0]), told(&source));
    }

    #[test]
    fn whatever_the_text_is_it_is_read_or_refused_with_a_reason(text in ".{0,200}") {
        if let Err(error) = read(&text) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn a_text_that_was_changed_is_read_or_refused(at in any::<prop::sample::Index>(), with in any::<char>(), which in 0..4_usize) {
        let text = [of_webdriver(), of_playwright(), of_cxf(), format!("[{}]", of_webdriver())][which].clone();
        let mut characters: Vec<char> = text.chars().collect();
        let at = at.index(characters.len());
        characters[at] = with;
        let text: String = characters.into_iter().collect();
        if let Err(error) = read(&text) {
            prop_assert!(!error.to_string().is_empty() && !error.advice().is_empty());
        }
    }
}
