//! A new file of cases is a change too.

fn main() {
    println!("cargo::rerun-if-changed=vectors");
}
