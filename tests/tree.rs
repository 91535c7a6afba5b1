//! The files of this repository.

use std::fs;
use std::path::{Path, PathBuf};

/// The top of the repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A file as text, by its path from the top.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A file as text, by its path from the top; `None`: it is none.
#[must_use]
pub fn text(path: &str) -> Option<String> {
    fs::read_to_string(root().join(path)).ok()
}

/// A path relative to a folder, both from the top; `..` is taken away.
#[must_use]
pub fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// The files below a folder with one of these endings, as sorted paths from the top. Build output is left out.
#[must_use]
pub fn files(folder: &str, endings: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    collect(&root(), Path::new(folder), endings, &mut found);
    found.sort();
    found
}

fn collect(root: &Path, folder: &Path, endings: &[&str], found: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
            continue; // What it leads to is found where it is.
        }
        let path = folder.join(entry.file_name());
        let text = path.to_string_lossy().into_owned();
        if entry.path().is_dir() {
            let hidden = entry.file_name().to_string_lossy().starts_with(['.', '_']);
            let foreign = ["target", "node_modules"].iter().any(|name| text.ends_with(name));
            if !hidden && !foreign {
                collect(root, &path, endings, found);
            }
        } else if endings.iter().any(|ending| text.ends_with(ending)) {
            found.push(text);
        }
    }
}
