//! Against a real dbus-daemon, with a logind of our own on it.

use std::cell::RefCell;
use std::os::unix::net::UnixStream as StdStream;
use std::rc::Rc;

use keyfob_tests::message_bus::MessageBus;
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use zbus::Connection;
use zbus::names::BusName;

use super::*;
use crate::process::on_one_thread;

fn builder(bus: &MessageBus) -> zbus::Result<Builder<'static>> {
    Builder::address(bus.address())
}

/// What a client asked logind for: its words, and our end of the lock that it got.
type Lock = (String, UnixStream);

struct FakeLogind(mpsc::UnboundedSender<Lock>);

#[zbus::interface(name = "org.freedesktop.login1.Manager")]
impl FakeLogind {
    fn inhibit(&self, what: &str, who: &str, why: &str, mode: &str) -> zvariant::OwnedFd {
        assert!(!why.is_empty());
        let (ours, theirs) = StdStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let ours = UnixStream::from_std(ours).unwrap();
        self.0.send((format!("{who} {what} {mode}"), ours)).unwrap();
        std::os::fd::OwnedFd::from(theirs).into()
    }
}

async fn logind(bus: &MessageBus) -> (Connection, mpsc::UnboundedReceiver<Lock>) {
    let (sender, locks) = mpsc::unbounded_channel();
    let builder = builder(bus).and_then(|bus| bus.serve_at(PATH, FakeLogind(sender)));
    let connection = builder.and_then(|bus| bus.name(NAME)).unwrap().build().await.unwrap();
    (connection, locks)
}

async fn announce(logind: &Connection, sleeps: bool) {
    let nobody = None::<BusName<'_>>;
    logind
        .emit_signal(nobody, PATH, "org.freedesktop.login1.Manager", "PrepareForSleep", &(sleeps,))
        .await
        .unwrap();
}

/// Until the client lets go of its lock.
async fn released((_, mut ours): Lock) {
    assert_eq!(ours.read(&mut [0]).await.unwrap(), 0);
}

/// What keys would be told, in order.
#[derive(Clone, Default)]
struct Story(Rc<RefCell<Vec<&'static str>>>);

impl Story {
    fn tell(&self, what: &'static str) {
        self.0.borrow_mut().push(what);
    }

    /// Waits until this is what was told last.
    async fn comes_to(&self, what: &str) {
        while self.0.borrow().last() != Some(&what) {
            tokio::task::yield_now().await;
        }
    }
}

/// Tells when it is dropped.
struct Plugged(Story);

impl Drop for Plugged {
    fn drop(&mut self) {
        self.0.tell("out");
    }
}

async fn live(bus: zbus::Result<Builder<'static>>, story: &Story, mut end: mpsc::Receiver<()>) {
    let awake = async || {
        story.tell("in");
        let _plugged = Plugged(story.clone());
        end.recv().await;
    };
    let asleep = async || story.tell("put away");
    but_for_sleep(bus, awake, asleep).await;
}

#[test]
fn keys_are_out_before_the_machine_sleeps_and_in_again_after_it() {
    let Some(bus) = MessageBus::start() else { return };
    on_one_thread(async {
        let (logind, mut locks) = logind(&bus).await;
        let (story, (end, ended)) = (Story::default(), mpsc::channel(1));
        let nights = async {
            for _ in 0..2 {
                let lock = locks.recv().await.unwrap();
                assert_eq!(lock.0, "keyfob sleep delay");
                story.comes_to("in").await;
                announce(&logind, true).await;
                released(lock).await;
                assert_eq!(story.0.borrow().last(), Some(&"put away"), "the lock goes last");
                announce(&logind, false).await;
            }
            // There is a new lock before the key is back.
            locks.recv().await.unwrap();
            end.send(()).await.unwrap();
        };
        tokio::join!(live(builder(&bus), &story, ended), nights);
        let night = ["in", "out", "put away"];
        let days: Vec<_> = [&night[..], &night, &["in", "out"]].concat();
        assert_eq!(*story.0.borrow(), days);
        Ok(())
    })
    .unwrap();
}

#[test]
fn without_a_bus_or_a_logind_on_it_keys_are_in_all_the_time() {
    let Some(bus) = MessageBus::start() else { return };
    on_one_thread(async {
        let nowhere = Builder::address("unix:path=/nonexistent/bus");
        assert!(Logind::find(nowhere).await.is_err());
        assert!(Logind::find(builder(&bus)).await.is_err());
        for bus in [Builder::address("unix:path=/nonexistent/bus"), builder(&bus)] {
            let (story, (end, ended)) = (Story::default(), mpsc::channel(1));
            end.send(()).await.unwrap();
            live(bus, &story, ended).await;
            assert_eq!(*story.0.borrow(), ["in", "out"]);
        }
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_bus_that_ends_keeps_no_key_out() {
    let Some(bus) = MessageBus::start() else { return };
    on_one_thread(async {
        let (_connection, _locks) = logind(&bus).await;
        let mut known = Logind::find(builder(&bus)).await.unwrap();
        drop(bus);
        assert!(!known.wait_for(true).await, "there will be no sleep");
        known.ends().await;
        assert!(known.lock.is_none());
        Ok(())
    })
    .unwrap();
}

const NAME: &str = "org.freedesktop.login1";
const PATH: &str = "/org/freedesktop/login1";
