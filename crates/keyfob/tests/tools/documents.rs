//! What the documents quote is what the program says.

use keyfob_tests::tree;

use crate::support::{Key, run};

/// A document that quotes.
struct Page(&'static str, String);

impl Page {
    fn open(path: &'static str) -> Self {
        Self(path, tree::read(path))
    }

    #[track_caller]
    fn quotes(&self, said: &str) {
        let said = said.trim_end();
        assert!(!said.is_empty() && self.1.contains(said), "{} does not show:\n{said}", self.0);
    }
}

#[test]
fn the_walk_through_the_settings_shows_what_is_printed() {
    let page = Page::open("docs/settings.md");
    let key = Key::serve(&["--profile", "bio", "--touch", "auto"]);
    let info = key.run(&["info"]).out;
    let state: Vec<&str> = info.lines().skip_while(|line| !line.starts_with("PIN:")).collect();
    page.quotes(&state[..5].join("\n"));
    page.quotes(&key.run(&["config", "show"]).out);
    page.quotes(&key.type_in(&["pin", "set"], "2468\n").out);
    page.quotes(&key.type_in(&["pin", "verify"], "1357\n").err);
    let enrolled = key.type_in(&["fingerprints", "add", "right thumb"], "2468\n");
    page.quotes(&enrolled.err);
    page.quotes(enrolled.out.split_inclusive(':').next().unwrap());
}

#[test]
fn the_readme_shows_a_case_as_it_is() {
    Page::open("README.md").quotes(&run(&["conform", "--explain", "mc-rp-missing"]).out);
}
