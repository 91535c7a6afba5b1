//! "Look again": tells front ends that a prompt opened or closed. What is the case, they ask the keys themselves.

use tokio::sync::watch;

/// Rung by the keys, heard by everybody who listens. Clones are the same bell.
#[derive(Clone, Debug)]
pub(crate) struct Bell(watch::Sender<()>);

/// Hears each ring since it last listened, several as one.
pub(crate) type Listener = watch::Receiver<()>;

impl Bell {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    pub(crate) fn ring(&self) {
        self.0.send_replace(());
    }

    pub(crate) fn listen(&self) -> Listener {
        self.0.subscribe()
    }
}
