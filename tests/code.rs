//! What the code may not have, where neither types nor lints can tell.

use keyfob_tests::tree;

/// CP-13. The types of secrets have no `==`; but what they expose is bytes, and bytes have.
#[test]
fn secrets_are_compared_in_one_place_and_that_takes_the_same_time_always() {
    let home = "crates/ctap-core/src/secret.rs";
    let (mut wrong, mut comparing) = (Vec::new(), Vec::new());
    for file in tree::files("crates/ctap-core/src", &[".rs"])
        .into_iter()
        .chain(tree::files("crates/sealed-records/src", &[".rs"]))
    {
        for statement in statements(&tree::read(&file)) {
            let is_secret = file == home || statement.contains(".expose()");
            if is_secret && COMPARISONS.iter().any(|how| statement.contains(how)) {
                wrong.push(format!("{file}: {}", statement.trim()));
            }
            if statement.contains("ct_eq(") {
                comparing.push(file.clone());
            }
        }
    }
    assert!(wrong.is_empty(), "use `Secret::matches`: {wrong:#?}");
    assert_eq!(comparing, [home]);
}

const COMPARISONS: [&str; 9] = [
    "==",
    "!=",
    ".eq(",
    ".ne(",
    ".cmp(",
    ".contains(",
    "starts_with(",
    "ends_with(",
    "strip_prefix(",
];

/// The code of a file without its comments and its tests, cut at semicolons and braces.
fn statements(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
    let code: Vec<_> = lines.collect();
    code.join(" ").split([';', '{', '}']).map(str::to_owned).collect()
}
