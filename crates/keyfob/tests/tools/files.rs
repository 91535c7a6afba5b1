//! Files that commands are given to read.

use tempfile::tempdir;

use crate::support::run;

#[test]
fn a_file_that_cannot_be_read_is_told_with_the_next_step() {
    let directory = tempdir().unwrap();
    for path in [directory.path().join("nothing"), directory.path().to_owned()] {
        let path = path.to_str().unwrap();
        let capture = ["cannot read", path, "next: name a file that `--record` or Wireshark wrote"];
        run(&["trace", path]).failed(1, &capture);
        run(&["replay", path]).failed(1, &capture);
        let site = ["webauthn", "get", "--origin", "https://example.com", path];
        run(&site).failed(1, &[path, "next: give the JSON that the site's server sends"]);
    }
}
