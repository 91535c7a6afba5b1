//! Telling people at once when the memory of a running key is removed. The vault refuses what it cannot keep; but most of what a
//! key is asked to do needs no disk.

use std::convert::Infallible;
use std::future::pending;
use std::path::PathBuf;

use sealed_records::RECORDS;

use crate::say::warn;
use crate::watch::Watch;

/// Warns of each of these directories that is removed.
pub(crate) async fn guard(mut directories: Vec<PathBuf>) -> Infallible {
    let Ok(watch) = Watch::start() else { return pending().await };
    // The vault holds the directory itself open, and so it never goes quite; but its files do. One that takes another's place,
    // as when the vault is made smaller, is watched from then on.
    let is_watched = |directory: &PathBuf| watch.for_loss(&directory.join(RECORDS)).is_ok();
    directories.retain(is_watched);
    while !directories.is_empty() {
        watch.stirred().await;
        directories.retain(|directory| {
            let is_there = is_watched(directory);
            if !is_there {
                warn(format_args!(
                    "{} was removed while the key runs. It still signs with the credentials that it knows, but it \
                     refuses new ones, and everything is lost when it ends; stop it, put the directory back from a \
                     backup, and start it again",
                    directory.display()
                ));
            }
            is_there
        });
    }
    pending().await
}
