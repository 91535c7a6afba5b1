//! What a registry and its readers ask of each crate that others may want.

use std::collections::BTreeSet;
use std::fs;

use keyfob_tests::tree;

/// The manifests of the crates that are for others.
fn manifests() -> Vec<String> {
    tree::files("crates", &["/Cargo.toml"])
}

fn folder(manifest: &str) -> &str {
    manifest.strip_suffix("/Cargo.toml").expect("a manifest")
}

/// The value of a key at the beginning of a line.
fn value<'a>(manifest: &'a str, key: &str) -> Option<&'a str> {
    manifest.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))
}

#[test]
fn every_crate_says_what_it_is_by_which_words_it_is_found_and_under_which_licence_it_is() {
    assert!(manifests().len() >= 9);
    for manifest in manifests() {
        let text = tree::read(&manifest);
        let description = value(&text, "description").unwrap_or_default();
        assert!((20..200).contains(&description.len()), "{manifest}: {description}");
        let keywords = value(&text, "keywords").unwrap_or_default().matches('"').count() / 2;
        assert!((1..=5).contains(&keywords), "{manifest}: a registry takes five keywords at most");
        for line in ["license.workspace = true", "version.workspace = true", "categories = ["] {
            assert!(text.contains(line), "{manifest}: {line}");
        }
        let front_page = format!("{}/README.md", folder(&manifest));
        assert!(tree::root().join(front_page).exists(), "{manifest}: no front page");
        let is_binary = text.contains("\"command-line-utilities\"");
        assert!(is_binary || text.contains("[package.metadata.docs.rs]"), "{manifest}");
    }
}

/// A package holds only what is in the crate's own folder, and what links there lead to.
#[test]
fn every_crate_brings_its_licence_along() {
    let licence = tree::read("LICENSE");
    for manifest in manifests() {
        assert_eq!(tree::read(&format!("{}/LICENSE", folder(&manifest))), licence, "{manifest}");
    }
}

/// Without tests: those may look at the whole repository, and no user of a crate runs them.
#[test]
fn no_crate_is_compiled_from_what_its_package_lacks() {
    for manifest in manifests() {
        for file in tree::files(&format!("{}/src", folder(&manifest)), &[".rs"]) {
            let path = tree::root().join(&file);
            let text = fs::read_to_string(path).expect("a file of the tree");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let is_test = file.ends_with("/tests.rs") || file.contains("/tests/");
            let leaves =
                ["include_str!(", "include_bytes!(", "include_dir!("].iter().any(|macro_call| {
                    let arguments = code.split(macro_call).skip(1);
                    let steps = file.matches('/').count() - folder(&manifest).matches('/').count();
                    arguments
                        .map(|rest| rest.split(')').next().unwrap_or_default())
                        .any(|path| path.matches("../").count() >= steps)
                });
            assert!(is_test || !leaves, "{file} includes what is outside of {}", folder(&manifest));
        }
    }
}

/// What it does not name lies anywhere; what is not there any more was forgotten.
#[test]
fn the_layout_of_the_program_names_crates_that_it_is_made_of() {
    let script = tree::read("crates/keyfob/running_key.ld");
    let files = script.lines().filter_map(|line| line.trim().strip_prefix("*."));
    let named: BTreeSet<_> = files.filter_map(|rest| rest.split('.').next()).collect();
    assert!(named.contains("ctap_core") && named.contains("virtual_key"), "{named:?}");
    let lock = tree::read("Cargo.lock").replace('-', "_");
    for name in named.into_iter().filter(|name| !OF_RUST.contains(name)) {
        assert!(lock.contains(&format!("name = \"{name}\"")), "{name}: run packaging/layout");
    }
}

/// They come with the compiler.
const OF_RUST: [&str; 6] = ["addr2line", "alloc", "core", "gimli", "rustc_demangle", "std"];
