//! Where people are sent for this project.
//!
//! It has an address if the workspace's manifest tells one as `repository`, and the manifest is the only place that does. Any
//! other would be somebody else's, who could hand out anything under its name.

use std::sync::LazyLock;

use crate::tree;

/// A place that sends people away: the file, and the words.
pub type Stray = (String, String);

/// What a file says that sends people anywhere for keyfob or one of its crates but to a clone of this repository.
#[must_use]
pub fn strays(file: &str, text: &str) -> Vec<Stray> {
    let lines =
        text.lines().filter(|line| !(file == MANIFEST && line.starts_with("repository = ")));
    // Most lines name nothing of ours, and to look at their words would take seconds.
    let ours = lines.filter(|line| NAMES.iter().any(|name| line.contains(name)));
    ours.flat_map(sends_away).map(|words| (file.to_owned(), words)).collect()
}

/// Dependencies on our crates that a block of TOML shows: name and path; `None`: it has no path.
#[must_use]
pub fn dependencies(block: &str) -> Vec<(String, Option<String>)> {
    let ours = block.lines().filter_map(|line| line.split_once(" = "));
    ours.filter(|(name, _)| NAMES.iter().any(|ours| ours == name))
        .map(|(name, value)| {
            let path = value.split_once("path = \"").and_then(|(_, rest)| rest.split_once('"'));
            (name.to_owned(), path.map(|(path, _)| path.to_owned()))
        })
        .collect()
}

/// The project, and the crates that others may want.
static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let manifests = tree::files("crates", &["/Cargo.toml"]);
    manifests.iter().filter_map(|path| Some(path.split('/').nth(1)?.to_owned())).collect()
});

fn sends_away(line: &str) -> Vec<String> {
    let is_ours = |part: &str| NAMES.iter().any(|name| name == part);
    let words: Vec<&str> =
        line.split(|c: char| c.is_whitespace() || "\"'`()<>,".contains(c)).collect();
    let mut found: Vec<String> = Vec::new();
    for word in words.iter().filter(|word| is_address(word)) {
        // A name and its ending: `keyfob.git`, `keyfob@main`, `keyfob#readme`. The host is somebody's own name.
        let path = word.split_once("://").map_or(*word, |(_, rest)| rest);
        let path = path.split_once(['/', ':']).map_or("", |(_, path)| path);
        if path.split(['/', ':', '@', '#', '?', '.']).any(is_ours) {
            found.push((*word).to_owned());
        }
    }
    let is_elsewhere = |word: &&str| is_ours(word.split(['@', '=']).next().unwrap_or_default());
    let by_name = ["cargo install ", "cargo add ", "cargo binstall "];
    let is_installed = by_name.iter().any(|command| line.contains(command))
        && words.iter().any(is_elsewhere)
        && !line.contains("--path ");
    let is_action = line.trim_start().trim_start_matches("- ").starts_with("uses: ")
        && !line.contains("uses: ./")
        && line.split(['/', ' ', '@']).any(is_ours);
    if is_installed || is_action {
        found.push(line.trim().to_owned());
    }
    found
}

/// Of the world outside. Origins of relying parties are none: nothing is fetched from them.
fn is_address(word: &str) -> bool {
    let schemes = ["http://", "https://", "git://", "ssh://", "git+", "git@"];
    let is_here = ["http://localhost", "http://127.0.0.1", "http://[::1]"];
    schemes.iter().any(|scheme| word.starts_with(scheme))
        && !is_here.iter().any(|here| word.starts_with(here))
}

const MANIFEST: &str = "Cargo.toml";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_send_people_away_is_found() {
        for line in [
            "git clone https://example.org/somebody/keyfob && cd keyfob",
            "git clone git@example.org:somebody/keyfob.git",
            "ctap-core = { git = \"https://example.org/somebody/keyfob\" }",
            "see [the page](https://example.org/keyfob/blob/main/docs/embedding.md)",
            "<https://docs.example.org/ctap-core>",
            "repository = \"https://example.org/keyfob\"",
            "      - uses: somebody/keyfob/.github/actions/conformance@main",
            "cargo install keyfob",
            "    - cargo install --locked --git https://example.org/x keyfob",
            "cargo add --dev ctap-client@0.1",
        ] {
            assert!(!strays("docs/page.md", line).is_empty(), "{line}");
        }
    }

    #[test]
    fn a_clone_is_no_address_and_neither_is_another_project() {
        for line in [
            "cargo install --locked --path keyfob/crates/keyfob",
            "ctap-core = { path = \"../keyfob/crates/ctap-core\" }",
            "- uses: ./keyfob/.github/actions/conformance",
            "- uses: actions/checkout@v4",
            "cargo install --locked cargo-fuzz",
            "the site at http://localhost:8080/keyfob, the origin pam://keyfob",
            "[virtual-fido](https://github.com/bulwarkid/virtual-fido)",
            "https://vault.example.org/app-id.json",
        ] {
            assert!(strays("docs/page.md", line).is_empty(), "{line}");
        }
        assert!(strays(MANIFEST, "repository = \"https://example.org/keyfob\"").is_empty());
    }

    #[test]
    fn dependencies_on_our_crates_are_read_with_their_paths() {
        let block = "[dev-dependencies]\nsealed-records = { path = \"../keyfob/crates/sealed-records\" }\n\
                     ctap-core = \"0.1\"\nserde = \"1\"\n";
        let path = Some("../keyfob/crates/sealed-records".to_owned());
        let expected = [("sealed-records".to_owned(), path), ("ctap-core".to_owned(), None)];
        assert_eq!(dependencies(block), expected);
    }
}
