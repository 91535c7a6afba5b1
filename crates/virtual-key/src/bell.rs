//! "Look again": tells front ends that a prompt opened or closed, or that credentials may have changed. What is the case, they ask the keys
//! themselves.

use tokio::sync::watch;

/// Rung by the keys, heard by everybody who listens. Clones are the same bell.
#[derive(Clone, Debug, Default)]
pub struct Bell(watch::Sender<()>);

/// Hears each ring since it last listened, several as one.
pub type Listener = watch::Receiver<()>;

impl Bell {
    /// A bell that nobody hears yet.
    pub fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    /// Tells everybody who listens to look again.
    pub fn ring(&self) {
        self.0.send_replace(());
    }

    /// Hears each ring from now on.
    pub fn listen(&self) -> Listener {
        self.0.subscribe()
    }
}
