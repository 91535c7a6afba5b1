//! Where code and tests name rules.
//!
//! A comment is about the function below it, or the one it stands in. Only a test proves anything: what a helper beside the
//! tests names, or a comment over a whole file, counts for nothing. A conformance case is no test either: whether it applies is
//! for the key to say.

use std::collections::{BTreeMap, BTreeSet};

use crate::rules::ids;
use crate::tree;

/// Where rules are named: rule id to file, or to `file: function`.
pub type Places = BTreeMap<String, BTreeSet<String>>;

/// Where source code and tests name rules.
#[derive(Debug, Default)]
pub struct Mentions {
    /// Files of the crates that carry a rule out.
    pub code: Places,
    /// Tests that prove it, as `file: test`.
    pub tests: Places,
    /// Conformance cases that ask for it, by their ids.
    pub cases: Places,
    /// What stands beside the tests and is none.
    pub helpers: Places,
}

impl Mentions {
    /// Reads the whole tree.
    #[must_use]
    pub fn read() -> Self {
        let mut mentions = Self::default();
        let crates = tree::files("crates", &[".rs", ".toml"]);
        // The Rust files in `tests` are this very check.
        for file in crates.into_iter().chain(tree::files("tests", &[".py"])) {
            let text = tree::read(&file);
            match file.contains("/vectors/") {
                true => mentions.read_cases(&text),
                false => mentions.read_file(&file, &text),
            }
        }
        mentions
    }

    /// A case's id stands above its rules.
    fn read_cases(&mut self, text: &str) {
        let mut case = "";
        for line in text.lines() {
            if let Some(id) = line.strip_prefix("id = ") {
                case = id.trim_matches('"');
            } else if line.starts_with("rules = ") {
                ids(line).into_iter().for_each(|id| note(&mut self.cases, id, case.to_owned()));
            }
        }
    }

    fn read_file(&mut self, file: &str, text: &str) {
        let mut reader = Reader { among_tests: is_of_tests(file), ..Reader::default() };
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            for (id, of) in reader.read(line) {
                let (places, place) = match of {
                    Of::Code => (&mut self.code, file.to_owned()),
                    Of::Test(name) => (&mut self.tests, format!("{file}: {name}")),
                    Of::Helper => (&mut self.helpers, file.to_owned()),
                };
                note(places, id, place);
            }
        }
    }
}

fn note(places: &mut Places, id: String, place: String) {
    places.entry(id).or_default().insert(place);
}

/// What names a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Of {
    Code,
    Test(String),
    Helper,
}

/// Where we are in a file.
#[derive(Default)]
struct Reader {
    among_tests: bool,
    function: Option<Function>,
    /// Comments and attributes right above, while we are in no function.
    above: Vec<String>,
}

struct Function {
    name: String,
    indentation: usize,
    is_test: bool,
}

impl Reader {
    /// The rules that one line names, or that the comments above it named.
    fn read(&mut self, line: &str) -> Vec<(String, Of)> {
        let text = line.trim_start();
        let indentation = line.len() - text.len();
        let goes_on = text.starts_with([')', '{']) || text.starts_with("where");
        self.function.take_if(|function| indentation <= function.indentation && !goes_on);
        if self.function.is_some() {
            return self.said_here(line);
        }
        if text.starts_with("//") || text.starts_with('#') {
            self.above.push(line.to_owned());
            return Vec::new();
        }
        let above = std::mem::take(&mut self.above).join("\n");
        self.among_tests |= above.ends_with("#[cfg(test)]") && is_inline_module(text);
        self.function = function(text).map(|name| {
            let is_test = above.contains("#[test]") || above.contains("::test]");
            Function { is_test: is_test || is_python_test(text), name, indentation }
        });
        self.said_here(&format!("{above}\n{line}"))
    }

    fn said_here(&self, text: &str) -> Vec<(String, Of)> {
        let of = match &self.function {
            _ if !self.among_tests => Of::Code,
            Some(Function { name, is_test: true, .. }) => Of::Test(name.clone()),
            _ => Of::Helper,
        };
        text.lines().flat_map(ids).map(|id| (id, of.clone())).collect()
    }
}

fn is_of_tests(file: &str) -> bool {
    file.contains("/tests/") || file.ends_with("/tests.rs") || file.starts_with("tests/")
}

fn is_inline_module(text: &str) -> bool {
    text.starts_with("mod ") && text.ends_with('{')
}

fn function(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("fn ").or_else(|| text.split_once("def "))?;
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// On the real kernel every function is a test but those that begin with an underscore.
fn is_python_test(text: &str) -> bool {
    text.strip_prefix("def ").is_some_and(|name| !name.starts_with('_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
//! MC-01 over the file
// MC-02
use x; // MC-03
/// MC-04
fn helper() { // MC-05
}
// MC-06
#[test]
fn a_test(
    x: u8, // MC-07
) {
    // MC-08
    if x {
        // MC-09
    }
}
// MC-10
const C: u8 = 1;
";

    #[test]
    fn a_comment_is_about_what_is_below_it_or_around_it() {
        let mut among_tests = Mentions::default();
        among_tests.read_file("crates/x/tests/y.rs", TEXT);
        let tests: Vec<_> = among_tests.tests.keys().collect();
        assert_eq!(tests, ["MC-06", "MC-07", "MC-08", "MC-09"]);
        let helpers: Vec<_> = among_tests.helpers.keys().collect();
        assert_eq!(helpers, ["MC-01", "MC-02", "MC-03", "MC-04", "MC-05", "MC-10"]);
    }

    #[test]
    fn a_conformance_case_names_its_rules_below_its_id() {
        let text = "[[case]]\nid = \"mc-touch\"\nrules = [\"MC-35\", \"MC-40\"]\n# MC-41\n";
        let mut mentions = Mentions::default();
        mentions.read_cases(text);
        let touch = BTreeSet::from(["mc-touch".to_owned()]);
        let expected = ["MC-35", "MC-40"].map(|id| (id.to_owned(), touch.clone()));
        assert_eq!(mentions.cases, BTreeMap::from(expected));
    }

    #[test]
    fn what_is_no_test_module_is_code() {
        let mut mentions = Mentions::default();
        mentions.read_file("crates/x/src/y.rs", &format!("#[cfg(test)]\nmod z;\n{TEXT}"));
        assert_eq!((mentions.code.len(), mentions.tests.len()), (10, 0));
        let mut mentions = Mentions::default();
        mentions.read_file("crates/x/src/y.rs", &format!("{TEXT}#[cfg(test)]\nmod z {{\n{TEXT}"));
        assert_eq!((mentions.code.len(), mentions.tests.len()), (10, 4));
    }
}
