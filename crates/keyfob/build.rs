//! Has the linker put next to each other what a running key calls, where that is known to work: `running_key.ld` says why.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed={SCRIPT}");
    if is_for_gnu_linux() && is_released() && has_usual_linker() {
        let folder = env::var("CARGO_MANIFEST_DIR").expect("cargo says where the crate is");
        println!("cargo::rustc-link-arg-bin=keyfob=-T{folder}/{SCRIPT}");
    }
}

/// What is linked often need not be small.
fn is_released() -> bool {
    env::var("PROFILE").is_ok_and(|profile| profile == "release")
}

fn is_for_gnu_linux() -> bool {
    let is = |name, value: &str| env::var(name).is_ok_and(|found| found == value);
    is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu")
}

/// Rust's own, and the GNU one: both read such a script beside their own. Whoever chose another one may have one that does not.
fn has_usual_linker() -> bool {
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let chooses = ["linker", "link-arg"].iter().any(|word| flags.contains(word));
    env::var_os("RUSTC_LINKER").is_none() && !chooses
}

const SCRIPT: &str = "running_key.ld";
