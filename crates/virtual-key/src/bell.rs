//! "Look again": tells front ends that a prompt opened or closed, or that credentials may have changed. It carries
//! no more than that: a front end then asks the keys.

use tokio::sync::watch;

/// The keys ring it, and all listeners hear it. Clones are the same bell.
#[derive(Clone, Debug, Default)]
pub struct Bell(watch::Sender<()>);

/// Hears the rings since it listened last. Several rings are heard as one.
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
