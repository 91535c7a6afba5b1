//! What the fuzz targets share.
//!
//! A target is more than "no panic": each names, at its top, what must hold whatever comes. `tests/fuzz/run` builds and runs
//! them. Those whose inputs a fuzzer would not find by itself begin with seeds, which they make themselves: see [`plant`].

pub mod key;
mod memory;
pub mod person;

use std::path::Path;
use std::{env, fs};

/// Writes seeds into the directory that the environment variable `SEEDS` names, if it does: the corpus to begin with.
pub fn plant(seeds: impl FnOnce() -> Vec<(String, Vec<u8>)>) {
    let Some(directory) = env::var_os("SEEDS") else { return };
    for (name, bytes) in seeds() {
        fs::write(Path::new(&directory).join(name), bytes).expect("a place for seeds");
    }
}
