//! `cargo run -p keyfob-tests --bin draw` draws `docs/architecture.svg` anew, from the crates' manifests.

use std::fs;
use std::io;

use keyfob_tests::picture;
use keyfob_tests::tree;

fn main() -> io::Result<()> {
    fs::write(tree::root().join(picture::PLACE), picture::of_crates())
}
