//! What the code may not have, where neither types nor lints can tell.

use std::collections::{BTreeMap, BTreeSet};

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

/// The same, cut at semicolons and braces.
fn statements(text: &str) -> Vec<String> {
    code(text).split([';', '{', '}']).map(str::to_owned).collect()
}

/// The code of a file without its comments and its tests, in one line.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join(" ")
}

/// The command line gathers what the commands say of themselves: it knows all of them, and none of them knows it.
#[test]
fn in_keyfob_nothing_but_main_imports_the_command_line_and_no_modules_import_each_other_in_a_circle()
 {
    let imports = imports_between_modules("crates/keyfob/src");
    assert!(imports.len() > 10 && imports["main"].contains("cli"), "{imports:?}");
    let of_cli: Vec<_> = imports.iter().filter(|(_, named)| named.contains("cli")).collect();
    assert!(of_cli.iter().all(|(module, _)| *module == "main"), "{of_cli:?}");
    let left = without_floors(imports);
    assert!(left.is_empty(), "these import each other in a circle, or what does: {left:#?}");
}

/// For each module at the top of a crate, those that it or what is in its folder names behind `crate::`; `use` or not.
fn imports_between_modules(source: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in tree::files(source, &[".rs"]) {
        let inner = file.trim_start_matches(source).trim_start_matches('/');
        let module = inner.split(['/', '.']).next().unwrap_or_default();
        let named = imports.entry(module.to_owned()).or_default();
        named.extend(named_modules(&code(&tree::read(&file))));
        named.remove(module);
    }
    imports
}

/// `crate::a::b` names `a`, and `use crate::{a, b::c};` names `a` and `b`.
fn named_modules(code: &str) -> BTreeSet<String> {
    let first = |text: &str| text.trim().split(|c| !is_of_a_name(c)).next().map(str::to_owned);
    let behind = code.split("crate::").skip(1);
    behind
        .flat_map(|text| match text.strip_prefix('{').and_then(|list| list.split(';').next()) {
            Some(list) => in_turn(list).into_iter().filter_map(first).collect(),
            None => first(text).into_iter().collect::<Vec<_>>(),
        })
        .filter(|name| !name.is_empty())
        .collect()
}

/// The members of a list of imports; what stands in braces within it is none.
fn in_turn(list: &str) -> Vec<&str> {
    let mut depth = 0;
    list.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    })
    .collect()
}

fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Takes away floor by floor, from the ground up, the modules that name none that is left. What stays is held by a circle.
fn without_floors(
    mut imports: BTreeMap<String, BTreeSet<String>>,
) -> BTreeMap<String, BTreeSet<String>> {
    loop {
        let modules: BTreeSet<String> = imports.keys().cloned().collect();
        let before = imports.len();
        imports.retain(|_, named| named.iter().any(|name| modules.contains(name)));
        if imports.len() == before {
            return imports;
        }
    }
}
