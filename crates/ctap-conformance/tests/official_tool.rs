//! The page that compares this suite with FIDO's conformance tool counts what is there.
//!
//! `KEYFOB_BLESS=1 cargo test -p ctap-conformance --test official_tool` writes it again.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use ctap_conformance::{Chapter, Suite};

/// A part of the standard: how many cases the tool's scripts have for it, and which chapters of ours are about it; `a*` is
/// every chapter whose name begins with `a`.
struct Area {
    name: &'static str,
    scripts: &'static [(&'static str, usize)],
    chapters: &'static [&'static str],
    note: &'static str,
}

/// The tool's suite for authenticators of CTAP 2.3, version 1.9.1, as docs/rules/18-tool-cases.md restates it.
const AREAS: [Area; 22] = [
    Area { name: "CTAPHID", scripts: &[("HID-1", 19)], chapters: &["ctaphid*"], note: "" },
    Area {
        name: "NFC and Bluetooth",
        scripts: &[("NFC-1", 8), ("BLE-1", 10)],
        chapters: &["nfc*"],
        note: "nothing here is about Bluetooth",
    },
    Area { name: "getInfo", scripts: &[("Generic-1", 5)], chapters: &["get_info*"], note: "" },
    Area {
        name: "Reset and selection",
        scripts: &[("Reset-1", 1)],
        chapters: &["reset*", "selection*"],
        note: "",
    },
    Area {
        name: "makeCredential: request",
        scripts: &[
            ("Req-1", 12),
            ("Req-2", 3),
            ("Req-3", 4),
            ("Req-4", 8),
            ("Req-5", 10),
            ("Req-6", 4),
        ],
        chapters: &["make_credential_request*", "make_credential_exclude*", "order*"],
        note: "",
    },
    Area {
        name: "makeCredential: answer, discoverable credentials, attestation",
        scripts: &[("Resp-1", 6), ("ResidentKey-1", 6), ("EA-1", 9)],
        chapters: &["make_credential", "make_credential_uv*", "algorithms*", "attestation*"],
        note: "certificates' trust in the metadata is not judged here",
    },
    Area {
        name: "getAssertion",
        scripts: &[("Req-1", 7), ("Req-2", 3), ("Req-3", 7), ("Resp-1", 5)],
        chapters: &["get_assertion*", "get_next_assertion"],
        note: "",
    },
    Area {
        name: "hmac-secret",
        scripts: &[("hmacSecret", 6), ("hmacSecret2", 6), ("hmacSecretMC", 7)],
        chapters: &["ext_hmac_secret*"],
        note: "",
    },
    Area {
        name: "credProtect and credBlob",
        scripts: &[("credProtect", 4), ("credBlob", 3)],
        chapters: &["ext_cred_protect*", "ext_cred_blob*"],
        note: "",
    },
    Area {
        name: "largeBlob and largeBlobKey",
        scripts: &[("largeBlob", 12), ("largeBlobKey", 6)],
        chapters: &["ext_large_blob*"],
        note: "",
    },
    Area {
        name: "Other extensions",
        scripts: &[
            ("minPINLength", 2),
            ("pinComplexityPolicy", 2),
            ("thirdPartyPayment", 3),
            ("uvm", 1),
        ],
        chapters: &[
            "ext_general*",
            "ext_min_pin_length*",
            "ext_pin_complexity*",
            "ext_third_party_payment*",
        ],
        note: "",
    },
    Area {
        name: "previewSign",
        scripts: &[],
        chapters: &["ext_preview_sign"],
        note: "a draft, which the tool does not have",
    },
    Area {
        name: "PIN: key agreement",
        scripts: &[("KeyAgreement (1, 2)", 2)],
        chapters: &["client_pin", "client_pin_key_agreement*"],
        note: "",
    },
    Area {
        name: "PIN: setting, changing, policy",
        scripts: &[("NewPin (1)", 7), ("NewPin (2)", 4), ("PinPolicy (1, 2)", 11)],
        chapters: &["client_pin_set*", "client_pin_change*", "client_pin_policy*"],
        note: "",
    },
    Area {
        name: "PIN: tokens",
        scripts: &[("GetPinToken (2)", 8), ("UsingPinWithPermissions (2)", 5)],
        chapters: &["client_pin_tokens*", "client_pin_permissions*", "client_pin_token_life*"],
        note: "",
    },
    Area {
        name: "PIN: retries",
        scripts: &[("GetRetries (1, 2)", 9)],
        chapters: &["client_pin_retries*"],
        note: "",
    },
    Area {
        name: "Fingerprints",
        scripts: &[
            ("UsingUvWithPermissions (2)", 4),
            ("BioModAndSensorInfo", 2),
            ("Enroll", 2),
            ("EnumerateRenameRemove", 3),
        ],
        chapters: &["built_in_uv*", "bio_enrollment*"],
        note: "",
    },
    Area {
        name: "credentialManagement",
        scripts: &[("EnumerateRPs", 6), ("EnumerateCredentials", 3), ("UpdateAndDelete", 2)],
        chapters: &["credential_management*"],
        note: "",
    },
    Area {
        name: "authenticatorConfig",
        scripts: &[("AuthenticatorConfig", 7)],
        chapters: &["config*"],
        note: "",
    },
    Area {
        name: "largeBlobs",
        scripts: &[("LargeBlobs", 4)],
        chapters: &["large_blobs*"],
        note: "",
    },
    Area {
        name: "Metadata statement",
        scripts: &[("Metadata-Stmt-1", 37)],
        chapters: &[],
        note: "a document, not the key; keyfob's own has tests in `crates/virtual-key/src/metadata/tests.rs`",
    },
    Area {
        name: "Messages and CBOR; U2F",
        scripts: &[],
        chapters: &["messages*", "cbor*", "u2f*"],
        note: "the tool has U2F in another suite, of 77 cases",
    },
];

#[test]
fn the_areas_have_all_of_the_tools_cases_and_each_of_our_chapters_once() {
    let of_the_tool: usize = AREAS.iter().map(Area::cases_of_the_tool).sum();
    assert_eq!(of_the_tool, 295, "as docs/rules/18-tool-cases.md says");
    let suite = Suite::built_in();
    for chapter in &suite.chapters {
        let areas: Vec<_> = AREAS.iter().filter(|area| area.has(chapter)).collect();
        assert_eq!(areas.len(), 1, "{} belongs to one area of AREAS", chapter.name);
    }
    for pattern in AREAS.iter().flat_map(|area| area.chapters) {
        let fits = |chapter: &Chapter| fits(&chapter.name, pattern);
        assert!(suite.chapters.iter().any(fits), "no chapter is called {pattern}");
    }
}

#[test]
fn the_page_counts_what_is_there() {
    let (page, expected) = (page(), text(&Suite::built_in()));
    if env::var_os("KEYFOB_BLESS").is_some() {
        fs::write(&page, &expected).unwrap();
    }
    assert!(
        fs::read_to_string(&page).unwrap() == expected,
        "{} is out of date; type: KEYFOB_BLESS=1 cargo test -p ctap-conformance --test official_tool",
        page.display()
    );
}

impl Area {
    fn cases_of_the_tool(&self) -> usize {
        self.scripts.iter().map(|(_, cases)| cases).sum()
    }

    fn has(&self, chapter: &Chapter) -> bool {
        self.chapters.iter().any(|pattern| fits(&chapter.name, pattern))
    }

    fn row(&self, suite: &Suite) -> String {
        let scripts: Vec<&str> = self.scripts.iter().map(|(script, _)| *script).collect();
        let ours: Vec<_> = suite.chapters.iter().filter(|chapter| self.has(chapter)).collect();
        let written: usize = ours.iter().map(|chapter| chapter.written).sum();
        let run: usize = ours.iter().map(|chapter| chapter.cases.len()).sum();
        let chapters: Vec<_> = ours.iter().map(|chapter| format!("`{}`", chapter.name)).collect();
        format!(
            "| {} | {} | {} | {} | {written} | {run} | {} |\n",
            self.name,
            or_dash(&scripts.join(", ")),
            self.cases_of_the_tool(),
            or_dash(&chapters.join(", ")),
            self.note
        )
    }
}

fn fits(chapter: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => chapter.starts_with(beginning),
        None => chapter == pattern,
    }
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "–" } else { text }
}

fn text(suite: &Suite) -> String {
    let mut text = HEAD.to_owned();
    text.extend(AREAS.iter().map(|area| area.row(suite)));
    let of_the_tool: usize = AREAS.iter().map(Area::cases_of_the_tool).sum();
    let written: usize = suite.chapters.iter().map(|chapter| chapter.written).sum();
    let run = suite.cases().count();
    writeln!(text, "| **all** | | **{of_the_tool}** | | **{written}** | **{run}** | |").unwrap();
    text + TAIL
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/conformance-against-the-official-tool.md")
}

const HEAD: &str = "\
# This suite and FIDO's conformance tool

Written by `KEYFOB_BLESS=1 cargo test -p ctap-conformance --test official_tool` from the cases themselves, and checked
by `./dev check`.

A key is certified with FIDO's own tool. It is a program with a window, given to those who ask for it; this suite is text that anybody can read and
run, in CI too. Neither replaces the other. This suite tests what the tool tests, as far as the key itself shows it, and more. But only the tool's
result counts for a certificate.

*tool* is the number of its cases for CTAP 2.3 authenticators, according to two independent public descriptions of version 1.9.1
([restated](rules/18-tool-cases.md)): the tool itself was not run here. *written* is the number of cases in our files, *run* what they become with
their values (both PIN protocols, say). A number of cases measures no quality: the tool's are long, ours test one thing each.

| area | the tool's scripts | tool | our chapters | written | run | |
|---|---|---|---|---|---|---|
";

const TAIL: &str = "
A chapter is a file in `crates/ctap-conformance/vectors`; `keyfob conform --filter CHAPTER` runs it, and
`keyfob conform --explain ID` shows a case with its rules.

## What the tool has and this suite has not

* **Certification.** Nobody signs our report.
* **Metadata.** The tool compares the key with its metadata statement; this suite only knows the key. Attestation
  signatures are verified with the certificate that comes with them, not up to a root.
* **Bluetooth.**
* Servers and clients: this suite tests keys only.

## What this suite has and the tool has not

* Each case names the rules that it proves, and shows its steps.
* Bytes that no library would send: CBOR out of order, wrong lengths, messages of one byte, packets out of turn.
* What did *not* happen: that a refused request cost no PIN attempt, that a refused deletion deleted nothing.
* Time: tokens, walks and the reset window end when they should, within milliseconds where the clock is simulated.
* Simulated keys in a unit test, without a device ([how](conformance.md)).

## Running the tool itself against keyfob

`keyfob attach --conformance-hooks` presses the button and pulls the plug when the tool asks for it:
[the reference](conformance-reference.md#fidos-own-tool-without-hands).
";
