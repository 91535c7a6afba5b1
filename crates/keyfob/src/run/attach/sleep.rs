//! Sleep: Linux refuses it while anything is plugged into its virtual USB host controller. So keys are unplugged before,
//! and plugged in again afterwards.
//!
//! logind says when (org.freedesktop.login1(5), `PrepareForSleep`), and waits for whoever holds an inhibitor lock in delay
//! mode. Without a system bus or a logind on it, nothing is done here, and nothing runs.

#[cfg(test)]
mod tests;

use std::future::pending;
use std::os::fd::OwnedFd;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::timeout;
use zbus::connection::Builder;
use zbus::proxy::{CacheProperties, SignalStream};
use zbus::{Proxy, zvariant};

/// Does `awake`, but for the times when the machine sleeps: before each it is dropped and `asleep` done, which the machine
/// waits for, and after it `awake` begins again. Ends as `awake` does.
pub(super) async fn but_for_sleep<T>(
    bus: zbus::Result<Builder<'static>>,
    mut awake: impl AsyncFnMut() -> T,
    mut asleep: impl AsyncFnMut(),
) -> T {
    let mut sleep = Sleep::Unknown(Box::new(bus));
    loop {
        tokio::select! {
            outcome = awake() => return outcome,
            () = sleep.begins() => {}
        }
        asleep().await;
        sleep.ends().await;
    }
}

/// The sleep of this machine.
enum Sleep {
    /// Nobody was asked yet who knows of it.
    Unknown(Box<zbus::Result<Builder<'static>>>),
    Known(Box<Logind>),
    /// Nobody tells.
    Untold,
}

impl Sleep {
    /// Returns when the machine is about to sleep. It waits a few seconds for [`ends`](Self::ends) to be called.
    async fn begins(&mut self) {
        *self = match std::mem::replace(self, Self::Untold) {
            Self::Unknown(bus) => Self::ask(*bus).await,
            known => known,
        };
        match self {
            Self::Known(logind) => logind.begins().await,
            _ => pending().await,
        }
    }

    async fn ask(bus: zbus::Result<Builder<'static>>) -> Self {
        match Logind::find(bus).await {
            Ok(logind) => Self::Known(Box::new(logind)),
            Err(error) => {
                tracing::info!(%error, "there is no logind to say when the machine goes to sleep");
                Self::Untold
            }
        }
    }

    /// Lets the machine sleep, and returns when it is awake again.
    async fn ends(&mut self) {
        if let Self::Known(logind) = self {
            logind.ends().await;
        }
    }
}

/// logind, as this process knows it.
struct Logind {
    manager: Proxy<'static>,
    signals: SignalStream<'static>,
    /// As long as it is held, the machine does not sleep, though not for ever.
    lock: Option<OwnedFd>,
}

impl Logind {
    /// # Errors
    /// There is no such bus, or no logind on it.
    async fn find(bus: zbus::Result<Builder<'static>>) -> zbus::Result<Self> {
        let connection = bus?.build().await?;
        let manager = zbus::proxy::Builder::<Proxy<'static>>::new(&connection)
            .destination("org.freedesktop.login1")?
            .path("/org/freedesktop/login1")?
            .interface("org.freedesktop.login1.Manager")?
            // They change all the time, and each change would wake this process up.
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        let signals = manager.receive_signal("PrepareForSleep").await?;
        let lock = Some(inhibit(&manager).await?);
        Ok(Self { manager, signals, lock })
    }

    async fn begins(&mut self) {
        if !self.wait_for(true).await {
            tracing::warn!(
                "the connection to the system bus is lost, so keyfob cannot know any more when the machine goes to \
                 sleep"
            );
            pending().await
        }
    }

    async fn ends(&mut self) {
        self.lock = None;
        // A logind that dies meanwhile never says that the night is over. The clock of this stands still in sleep.
        let _ = timeout(LONGEST_EVENING, self.wait_for(false)).await;
        self.lock = inhibit(&self.manager).await.ok();
    }

    /// Waits for the signal that says so; `false`: there will be none.
    async fn wait_for(&mut self, begins: bool) -> bool {
        while let Some(signal) = self.signals.next().await {
            if signal.body().deserialize().is_ok_and(|told: bool| told == begins) {
                return true;
            }
        }
        false
    }
}

/// Has logind wait for us before the machine sleeps, until what this returns is dropped.
async fn inhibit(manager: &Proxy<'_>) -> zbus::Result<OwnedFd> {
    let request = ("sleep", "keyfob", "Unplugging the virtual security key", "delay");
    let lock: zvariant::OwnedFd = manager.call("Inhibit", &request).await?;
    Ok(lock.into())
}

/// From letting the machine sleep until it does: logind's own limit is 5 seconds, unless somebody set another.
const LONGEST_EVENING: Duration = Duration::from_secs(120);
