//! A program that shows notifications, on a message bus of its own: it tells what it is to show, and clicks as it is told.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use keyfob_tests::message_bus::MessageBus;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use zbus::connection::Builder;
use zbus::names::BusName;
use zbus::zvariant::OwnedValue;

use crate::program::PATIENCE;

/// What stands before a person.
pub(crate) struct Desktop {
    told: Receiver<Told>,
    clicks: UnboundedSender<(u32, String)>,
    pub(crate) bus: MessageBus,
}

/// What it is told to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Show(Shown),
    TakeAway(u32),
}

/// A notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) number: u32,
    pub(crate) title: String,
    pub(crate) body: String,
    /// A name and a label for each.
    pub(crate) buttons: Vec<String>,
    pub(crate) urgency: Option<u8>,
    pub(crate) milliseconds: i32,
}

impl Desktop {
    /// One that can do this, by the specification's words. `None` on a machine without dbus-daemon.
    pub(crate) fn start(capabilities: &'static [&'static str]) -> Option<Self> {
        let bus = MessageBus::start()?;
        let address = bus.address().to_owned();
        let (sender, told) = channel();
        let (clicks, clicked) = unbounded_channel();
        let (ready, is_ready) = channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let server = Server { capabilities, told: sender, last: 0 };
            runtime.expect("a runtime").block_on(serve(&address, server, &ready, clicked));
        });
        is_ready.recv_timeout(PATIENCE).expect("it is on the bus");
        Some(Self { told, clicks, bus })
    }

    /// The next thing that it is told to do.
    pub(crate) fn told(&self) -> Told {
        self.told.recv_timeout(PATIENCE).expect("it is told something")
    }

    /// The notification that it is told to show next.
    #[track_caller]
    pub(crate) fn shown(&self) -> Shown {
        match self.told() {
            Told::Show(shown) => shown,
            other @ Told::TakeAway(_) => panic!("{other:?}"),
        }
    }

    /// A person clicks a button.
    pub(crate) fn click(&self, notification: &Shown, label: &str) {
        let pair = notification.buttons.chunks(2).find(|pair| pair[1] == label);
        self.click_named(notification.number, &pair.expect("there is such a button")[0]);
    }

    /// The same with the button's name on the bus.
    pub(crate) fn click_named(&self, notification: u32, button: &str) {
        self.clicks.send((notification, button.to_owned())).expect("it runs");
    }
}

async fn serve(
    address: &str,
    server: Server,
    ready: &Sender<()>,
    mut clicked: UnboundedReceiver<(u32, String)>,
) {
    let builder = Builder::address(address).and_then(|bus| bus.serve_at(PATH, server));
    let builder = builder.and_then(|bus| bus.name(NAME)).expect("well formed");
    let connection = builder.build().await.expect("a bus");
    ready.send(()).expect("somebody waits");
    while let Some(click) = clicked.recv().await {
        let everybody = None::<BusName<'_>>;
        connection.emit_signal(everybody, PATH, NAME, "ActionInvoked", &click).await.expect("sent");
    }
}

struct Server {
    capabilities: &'static [&'static str],
    told: Sender<Told>,
    last: u32,
}

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Server {
    fn get_capabilities(&self) -> Vec<&str> {
        self.capabilities.to_vec()
    }

    fn get_server_information(&self) -> (&str, &str, &str, &str) {
        ("a desktop", "keyfob's tests", "1", "1.2")
    }

    #[allow(clippy::too_many_arguments, reason = "the specification's")]
    fn notify(
        &mut self,
        program: &str,
        replaced: u32,
        icon: &str,
        title: String,
        body: String,
        buttons: Vec<String>,
        hints: HashMap<String, OwnedValue>,
        milliseconds: i32,
    ) -> u32 {
        assert_eq!((program, replaced), ("keyfob", 0));
        assert!(!icon.is_empty());
        let urgency = hints.get("urgency").and_then(|value| u8::try_from(value).ok());
        self.last += 1;
        let shown = Shown { number: self.last, title, body, buttons, urgency, milliseconds };
        let _ = self.told.send(Told::Show(shown));
        self.last
    }

    fn close_notification(&self, number: u32) {
        let _ = self.told.send(Told::TakeAway(number));
    }
}

const PATH: &str = "/org/freedesktop/Notifications";
const NAME: &str = "org.freedesktop.Notifications";
