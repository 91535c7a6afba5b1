//! A project of somebody else, with a clone of this repository beside it: what the front page shows compiles there, and passes.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use keyfob_tests::{markdown, tree};

#[test]
#[ignore = "builds everything anew, which takes a minute: cargo test -p keyfob-tests --test outside -- --ignored"]
fn the_front_pages_dependencies_and_tests_work_in_a_project_beside_the_clone() {
    // The same place each time, so that little is built again.
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("outside");
    let project = home.join("theirs");
    for folder in ["src", "tests"] {
        fs::create_dir_all(project.join(folder)).unwrap();
    }
    let _ = fs::remove_file(home.join("keyfob"));
    symlink(tree::root().canonicalize().unwrap(), home.join("keyfob")).unwrap();
    fs::write(project.join("src/lib.rs"), "").unwrap();
    fs::write(project.join("Cargo.toml"), manifest()).unwrap();
    // The versions that are here already: nothing is fetched.
    fs::copy(tree::root().join("Cargo.lock"), project.join("Cargo.lock")).unwrap();
    let blocks = markdown::blocks(&tree::read("README.md"), "rust");
    assert_eq!(blocks.len(), 2, "each is a file of tests there");
    for (number, block) in blocks.iter().enumerate() {
        fs::write(project.join(format!("tests/block_{number}.rs")), block).unwrap();
    }
    let said = test(&project);
    assert_eq!(said.matches("test result: ok. 1 passed").count(), 2, "{said}");
}

fn manifest() -> String {
    let lines = markdown::blocks(&tree::read("README.md"), "toml").concat();
    // That folder is below this repository: the last line keeps the two apart.
    format!(
        "[package]\nname = \"theirs\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n{lines}\n[profile.dev]\ndebug = false\n\n[workspace]\n"
    )
}

/// What `cargo test` says there.
fn test(project: &Path) -> String {
    let mut command = Command::new(env!("CARGO"));
    command.args(["test", "--offline", "--tests", "--target-dir", "target"]);
    let output = command.current_dir(project).output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    let said = said.concat();
    assert!(output.status.success(), "{said}");
    said
}
