//! `keyfob blobs`.

use std::fs;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde_json::Value;
use tempfile::TempDir;

use crate::browser::{PIN, key_with_passkeys, register};
use crate::support::Key;

const ADA: &[(&str, &str)] = &[("example.org", "ada")];

/// A file with this content in a directory of its own.
fn file(content: impl AsRef<[u8]>) -> (TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, content).unwrap();
    (directory, path.into_os_string().into_string().unwrap())
}

fn list(key: &Key) -> Value {
    serde_json::from_str(&key.type_in(&["blobs", "list", "--json"], PIN).out).unwrap()
}

#[test]
fn a_blob_is_written_listed_read_and_deleted() {
    let key = key_with_passkeys(ADA);
    let (_directory, path) = file("a blob");
    key.type_in(&["blobs", "set", "-n", "example.org", &path], PIN).did("6 bytes");
    let listed = list(&key);
    assert_eq!([&listed[0]["rpId"], &listed[0]["size"]], [&Value::from("example.org"), &6.into()]);
    key.type_in(&["blobs", "list"], PIN).did("6 bytes");
    assert_eq!(key.type_in(&["blobs", "get", "-n", "example.org"], PIN).out, "a blob");
    key.type_in(&["blobs", "delete", "-n", "example.org"], PIN).failed(2, &["--force"]);
    key.type_in(&["blobs", "delete", "-f", "-n", "example.org"], PIN).did("deleted");
    assert_eq!(list(&key), Value::Array(Vec::new()));
    key.type_in(&["blobs", "get", "-n", "example.org"], PIN).failed(1, &["no blob"]);
}

#[test]
fn a_blob_comes_from_standard_input_behind_the_pin_and_goes_to_a_file() {
    let key = key_with_passkeys(ADA);
    key.type_in(&["blobs", "set", "-n", "example.org", "-"], "1234\none\ntwo\n").did("8 bytes");
    let (_directory, path) = file("old");
    key.type_in(&["blobs", "get", "-n", "example.org", &path], PIN).did("");
    assert_eq!(fs::read_to_string(path).unwrap(), "one\ntwo\n");
}

#[test]
fn who_has_the_large_blob_key_reads_without_a_pin_and_writes_with_one() {
    let key = key_with_passkeys(&[]);
    let blob_key = register(&key, "example.org", "ada");
    let (_directory, key_file) = file(blob_key.as_bytes());
    let (_other_directory, blob) = file([0, 255, 10]);
    key.type_in(&["blobs", "set", "-k", &key_file, &blob], "").failed(1, &["no PIN"]);
    key.type_in(&["blobs", "set", "-k", &key_file, &blob], PIN).did("3 bytes");
    let (_third_directory, copy) = file("");
    key.run(&["blobs", "get", "-k", &key_file, &copy]).did("");
    assert_eq!(fs::read(copy).unwrap(), [0, 255, 10]);
    key.run(&["blobs", "get", "-k", &blob]).failed(1, &["holds no large-blob key"]);
}

#[test]
fn of_several_passkeys_one_is_chosen() {
    let key = key_with_passkeys(&[("example.org", "ada"), ("example.org", "grace")]);
    let (_directory, blob) = file("a blob");
    let set = ["blobs", "set", "-n", "example.org", &blob];
    key.type_in(&set, PIN).failed(1, &["several passkeys", "--id"]);
    let said = key.type_in(&["credentials", "list", "--csv"], PIN);
    let id = said.out.lines().nth(1).unwrap().split(',').next().unwrap();
    key.type_in(&[&set[..], &["-i", id]].concat(), PIN).did("6 bytes");
    assert_eq!(list(&key).as_array().unwrap().len(), 1);
    assert_eq!(key.type_in(&["blobs", "get", "-i", id], PIN).out, "a blob");
    let whose = ["blobs", "get", "-n", "example.net", "-i", id];
    key.type_in(&whose, PIN).failed(1, &["no credential has the id"]);
    key.run(&["blobs", "get", "-i", id, "-k", &blob]).failed(2, &["cannot be used with"]);
    key.type_in(&["blobs", "get", "-n", "example.net"], PIN).failed(1, &["no passkey"]);
}

#[test]
fn what_does_not_fit_is_refused_and_the_old_blob_stays() {
    let key = key_with_passkeys(ADA);
    let (_directory, small) = file("small");
    // Nothing that compression could make smaller.
    let mut noise = [0; 5000];
    ChaCha8Rng::seed_from_u64(1).fill_bytes(&mut noise);
    let (_other_directory, large) = file(noise);
    key.type_in(&["blobs", "set", "-n", "example.org", &small], PIN).did("5 bytes");
    key.type_in(&["blobs", "set", "-n", "example.org", &large], PIN).failed(1, &["room for 4096"]);
    assert_eq!(key.type_in(&["blobs", "get", "-n", "example.org"], PIN).out, "small");
}

#[test]
fn a_blob_is_somebodys() {
    Key::obliging().run(&["blobs", "get"]).failed(2, &["--rp-id", "--key-file"]);
}
