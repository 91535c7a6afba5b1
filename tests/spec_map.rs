//! `cargo run -p keyfob-tests --bin spec-map` writes the map of the rules to `target/spec-map.md`.

use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use keyfob_tests::map;
use keyfob_tests::mentions::Mentions;
use keyfob_tests::tree;

fn main() -> io::Result<()> {
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| tree::root().join("target"));
    fs::create_dir_all(&target)?;
    let file = target.canonicalize()?.join("spec-map.md");
    fs::write(&file, map::of_rules(&Mentions::read()))?;
    writeln!(io::stdout(), "{}", file.display())
}
