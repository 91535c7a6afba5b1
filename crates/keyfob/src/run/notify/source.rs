//! Which prompts are open: of the key that runs, or of the next one that will.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use crate::control::{Connection, OpenPrompt, Request, Response};
use crate::failure::is_for_want_of_a_key;
use crate::say::say;
use crate::watch::Watch;

/// The key, whether it runs or not.
#[derive(Debug)]
pub(super) struct Source {
    connection: Connection,
    /// Whether people know that no key runs.
    is_told: bool,
}

impl Source {
    /// The key that is behind this connection, from now on.
    pub(super) const fn new(connection: Connection) -> Self {
        Self { connection, is_told: false }
    }

    /// All open prompts, as soon as they are others than `known`. A key that has ended asks nothing any more, and the next one is
    /// waited for. May be dropped while it waits.
    ///
    /// # Errors
    /// The key refuses to tell: it is of another version, or too many ask it.
    pub(super) async fn others_than(
        &mut self,
        known: &BTreeSet<String>,
    ) -> anyhow::Result<Vec<OpenPrompt>> {
        loop {
            // From before the look on.
            let watch = watch_for(&self.connection.path())?;
            let request = Request::Prompts { known: known.clone() };
            match self.connection.ask_here(&request).await {
                Ok(Response::Prompts { prompts }) => {
                    self.is_told = false;
                    return Ok(prompts);
                }
                Ok(other) => return Err(other.unexpected()),
                Err(error) if is_for_want_of_a_key(&error) => {
                    if !self.is_told {
                        say(format_args!("{error:#}; waiting for one"));
                        self.is_told = true;
                    }
                    if !known.is_empty() {
                        return Ok(Vec::new());
                    }
                    // What keeps a key from answering need not show in a directory.
                    let _ = timeout(LOOK_AGAIN, watch.stirred()).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Hears when a socket may have come to be at `path`, or the directory that it will be in.
fn watch_for(path: &Path) -> anyhow::Result<Watch> {
    let watch = Watch::start()?;
    // The nearest one that is there: the next one is made in it.
    let _ = path.ancestors().skip(1).find(|folder| watch.for_arrivals(folder).is_ok());
    Ok(watch)
}

const LOOK_AGAIN: Duration = Duration::from_secs(60);
