//! The program that shows notifications in this session, by the Desktop Notifications Specification 1.2
//! (<https://specifications.freedesktop.org/notification-spec/1.2/>).

use std::collections::HashMap;
use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};
use zbus::Proxy;
use zbus::connection::Builder;
use zbus::fdo::RequestNameFlags;
use zbus::proxy::{CacheProperties, MethodFlags, OwnerChangedStream, SignalStream};
use zbus::zvariant::Value;

use super::board::Buttons;
use super::words::{Words, without_markup};
use crate::failure::failure;
use crate::terminal::hex;
use crate::terminal::shown::name;

/// That program, as this process knows it.
pub(super) struct Desktop {
    server: Proxy<'static>,
    clicks: SignalStream<'static>,
    owners: OwnerChangedStream<'static>,
    told: Told,
}

/// What it tells of itself.
struct Told {
    name: String,
    /// Whether it takes `<`, `>` and `&` in a body for markup.
    reads_markup: bool,
}

/// What it is to show.
pub(super) struct Notification<'a> {
    pub(super) words: Words,
    pub(super) buttons: &'a Buttons,
    /// When it may go by itself, from now on.
    pub(super) seconds: u64,
}

/// What it tells.
pub(super) enum Event {
    /// A person clicked a button of a notification of some program.
    Clicked { notification: u32, button: String },
    /// It has ended and begun again, and shows nothing of before.
    BeganAnew,
}

impl Desktop {
    /// Finds it on the session's bus.
    ///
    /// # Errors
    /// There is no such bus, nobody shows notifications, or none with buttons.
    pub(super) async fn find(bus: zbus::Result<Builder<'static>>) -> anyhow::Result<Self> {
        let (server, clicks, owners) = connect(bus).await.map_err(no_session)?;
        let told = Told::by(&server).await?;
        Ok(Self { server, clicks, owners, told })
    }

    /// Learns again what it is: another program may show notifications now.
    ///
    /// # Errors
    /// It is none with buttons.
    pub(super) async fn look_again(&mut self) -> anyhow::Result<()> {
        self.told = Told::by(&self.server).await?;
        Ok(())
    }

    /// What it calls itself.
    pub(super) fn name(&self) -> &str {
        &self.told.name
    }

    /// Makes sure that no other process shows the prompts of the key with this control socket in this session.
    ///
    /// # Errors
    /// One does.
    pub(super) async fn claim(&self, control: &Path) -> anyhow::Result<()> {
        let hash = Sha256::digest(control.as_os_str().as_encoded_bytes());
        let own = format!("keyfob.Notify.of{}", hex(&hash[..8]));
        let flags = RequestNameFlags::DoNotQueue.into();
        match self.server.connection().request_name_with_flags(own, flags).await {
            Err(zbus::Error::NameTaken) => Err(failure(
                format_args!(
                    "another `keyfob notify` already shows what the key at {} asks",
                    control.display()
                ),
                "one is enough; for another key, name its socket with --control",
            )),
            other => other.map(drop).map_err(no_session),
        }
    }

    /// Shows it, and returns its number, by which clicks are known.
    ///
    /// # Errors
    /// Nobody shows notifications any more, or not within five seconds.
    pub(super) async fn show(&self, what: Notification<'_>) -> zbus::Result<u32> {
        let Notification { words, buttons, seconds } = what;
        let body = match self.told.reads_markup {
            true => without_markup(&words.body),
            false => words.body,
        };
        let actions = [&buttons.approve, words.approve, &buttons.refuse, words.refuse];
        let hints: HashMap<&str, Value<'_>> = HashMap::from([
            // It stays on the screen until it is answered, also where others go after a few seconds.
            ("urgency", Value::U8(CRITICAL)),
            ("category", "device".into()),
            ("desktop-entry", "keyfob-notify".into()),
            // No list of old notifications tells who signed in where.
            ("transient", true.into()),
        ]);
        let milliseconds = i32::try_from(seconds.saturating_mul(1000)).unwrap_or(i32::MAX);
        let new = 0_u32;
        let all = ("keyfob", new, ICON, words.title, body, actions.as_slice(), hints, milliseconds);
        self.server.call("Notify", &all).await
    }

    /// Takes a notification away. One that is gone already is no failure.
    pub(super) async fn take_away(&self, notification: u32) {
        let closed: zbus::Result<()> = self.server.call("CloseNotification", &notification).await;
        if let Err(error) = closed {
            tracing::debug!(%error, notification, "it was gone already");
        }
    }

    /// The next thing that it tells. May be dropped while it waits.
    ///
    /// # Errors
    /// The session's bus is gone.
    pub(super) async fn event(&mut self) -> anyhow::Result<Event> {
        loop {
            tokio::select! {
                click = self.clicks.next() => {
                    let click = click.ok_or_else(bus_is_gone)?;
                    // What does not read so is of another version of the specification.
                    if let Ok((notification, button)) = click.body().deserialize() {
                        return Ok(Event::Clicked { notification, button });
                    }
                }
                owner = self.owners.next() => {
                    if owner.ok_or_else(bus_is_gone)?.is_some() {
                        return Ok(Event::BeganAnew);
                    }
                }
            }
        }
    }
}

impl Told {
    async fn by(server: &Proxy<'_>) -> anyhow::Result<Self> {
        let capabilities: Vec<String> = ask(server, "GetCapabilities").await?;
        let told: (String, String, String, String) = ask(server, "GetServerInformation").await?;
        let name = name(&told.0);
        let can = |what: &str| capabilities.iter().any(|capability| capability == what);
        match can("actions") && can("body") {
            true => Ok(Self { name, reads_markup: can("body-markup") }),
            false => Err(failure(
                format_args!("{name} shows notifications without buttons or without text"),
                format_args!("use one that has both, such as xfce4-notifyd; or {BY_HAND}"),
            )),
        }
    }
}

async fn connect(
    bus: zbus::Result<Builder<'static>>,
) -> zbus::Result<(Proxy<'static>, SignalStream<'static>, OwnerChangedStream<'static>)> {
    let connection = bus?.method_timeout(PATIENCE).build().await?;
    let server = zbus::proxy::Builder::<Proxy<'static>>::new(&connection)
        .destination("org.freedesktop.Notifications")?
        .path("/org/freedesktop/Notifications")?
        .interface("org.freedesktop.Notifications")?
        .cache_properties(CacheProperties::No)
        .build()
        .await?;
    let clicks = server.receive_signal("ActionInvoked").await?;
    let owners = server.receive_owner_changed().await?;
    Ok((server, clicks, owners))
}

/// Asks something without arguments, at the start.
async fn ask<T>(server: &Proxy<'_>, what: &'static str) -> anyhow::Result<T>
where
    T: for<'d> zbus::zvariant::DynamicDeserialize<'d>,
{
    // Where there is no display, a bus that starts such a program only makes it fail.
    let flags = if has_display() { Default::default() } else { MethodFlags::NoAutoStart.into() };
    let answer = server.call_with_flags(what, flags, &()).await;
    answer.ok().flatten().ok_or_else(|| {
        failure(
            "no program shows notifications in this session",
            format_args!(
                "a desktop has one; elsewhere start one first, such as xfce4-notifyd; or {BY_HAND}"
            ),
        )
    })
}

/// Whether this process could show something itself, on X11 or Wayland.
fn has_display() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    is_set("WAYLAND_DISPLAY") || is_set("DISPLAY")
}

fn no_session(error: impl Display) -> anyhow::Error {
    failure(
        format_args!("this is not a desktop session, because it has no message bus: {error}"),
        format_args!(
            "type it in a desktop session, or start `systemctl --user start keyfob-notify` there; or {BY_HAND}"
        ),
    )
}

fn bus_is_gone() -> anyhow::Error {
    failure("the session's message bus is gone", "start it again in the next session")
}

const BY_HAND: &str = "answer with `keyfob touch` and `keyfob deny`";
/// `urgency` (section 6).
const CRITICAL: u8 = 2;
/// Of the freedesktop.org Icon Naming Specification: all desktops have it.
const ICON: &str = "dialog-password";
/// For an answer of the desktop. While it does not come, no other prompt is shown.
const PATIENCE: Duration = Duration::from_secs(5);
