//! A key of transport `nfc`: a card on vpcd's reader. Browsers on Linux know no readers, so a bridge shows it to them as a USB key; every
//! program that speaks PC/SC finds the card itself.

use std::net::SocketAddr;
use std::rc::Rc;

use tokio::sync::watch;
use tokio::task::{AbortHandle, spawn_blocking, spawn_local};
use tokio::time::{sleep, timeout};
use virtual_key::keys::{NOTICING, PluggedKey};
use virtual_key::vpcd::{self, Event, Reader};

use super::fault::Fault;
use super::limits::{BETWEEN_LOOKS, PLUGGING};
use crate::bridge::Bridged;
use crate::device::cards;
use crate::host;

/// A card that lies on its reader, and what shows it to browsers. Dropping it takes the card away.
pub(super) struct OnReader {
    pub(super) bridged: Bridged,
    _lying: Tasks,
}

/// What brings the card to its reader. Dropping it takes the card away.
struct Tasks([AbortHandle; 2]);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

impl OnReader {
    /// Lays the card on the reader that listens there. Returns when the bridge has found it.
    ///
    /// Must run in a [`LocalSet`](tokio::task::LocalSet).
    ///
    /// # Errors
    /// There is no such reader, which a virtual authenticator of transport `nfc` needs; or it is another card's.
    pub(super) async fn lay_on(key: &Rc<PluggedKey>, address: SocketAddr) -> Result<Self, Fault> {
        let before = occupied().await?;
        let (tasks, mut hears) = bring(key, address);
        key.lay_on();
        let is_settled = |news: &News| matches!(news, News::Lies | News::Never(_));
        // What has become of it by then is told below.
        let _ = timeout(NOTICING, hears.wait_for(is_settled)).await;
        match *hears.borrow() {
            News::Lies => {}
            News::Never(why) => return Err(Fault::unknown_error(why)),
            News::Nothing | News::NoReader => return Err(no_reader(&no_vpcd(address))),
        }
        let reader = timeout(NOTICING, newly_occupied(&before)).await;
        let reader = reader.map_err(|_| Fault::unknown_error(UNSEEN))??;
        let bridged = timeout(PLUGGING, Bridged::on(reader)).await;
        let bridged = bridged.map_err(|_| Fault::unknown_error(UNSEEN))?;
        let bridged = bridged.map_err(|error| Fault::unknown_error(error.to_string()))?;
        Ok(Self { bridged, _lying: tasks })
    }
}

/// What became of the card so far.
enum News {
    Nothing,
    Lies,
    NoReader,
    /// And nothing else will.
    Never(&'static str),
}

/// Has the reader find the card whenever it is laid on, and tells what becomes of it.
fn bring(key: &Rc<PluggedKey>, address: SocketAddr) -> (Tasks, watch::Receiver<News>) {
    let (told, hears) = watch::channel(News::Nothing);
    let (card, reader) = (Rc::clone(key), Reader { address, any_user: false });
    let lying = spawn_local(async move {
        let tell = |event: &Event| {
            told.send_replace(match event {
                Event::Inserted => News::Lies,
                Event::Occupied => News::Never("another card lies on the reader of vpcd"),
                Event::Foreign => {
                    News::Never("the program that listens at vpcd's port is another user's")
                }
                _ => News::NoReader,
            });
        };
        card.lie_on(&reader, &tell).await
    });
    let awake = spawn_local(vpcd::keep_awake());
    (Tasks([lying.abort_handle(), awake.abort_handle()]), hears)
}

/// The readers with a card on them.
async fn occupied() -> Result<Vec<String>, Fault> {
    // Whoever asks pcscd waits, and the card's side of it must go on meanwhile.
    let readers = spawn_blocking(cards::readers).await;
    let readers = readers.map_err(|error| Fault::unknown_error(error.to_string()))?;
    let readers = readers.map_err(|fault| no_reader(&format!("{fault}: {}", fault.advice())))?;
    Ok(readers.into_iter().filter(|reader| reader.has_card).map(|reader| reader.name).collect())
}

/// The first reader that has a card, and had none.
async fn newly_occupied(before: &[String]) -> Result<String, Fault> {
    loop {
        if let Some(name) = occupied().await?.into_iter().find(|name| !before.contains(name)) {
            return Ok(name);
        }
        sleep(BETWEEN_LOOKS).await;
    }
}

fn no_vpcd(address: SocketAddr) -> String {
    format!("there is no reader of vpcd at {address}: {}", host::way_to_a_reader())
}

fn no_reader(why: &str) -> Fault {
    Fault::unsupported(format!(
        "a key of transport nfc is a card on a reader of this machine, and {why}; `keyfob webdriver --transport any` takes it for usb"
    ))
}

const UNSEEN: &str = "the card lies on the reader of vpcd, and PC/SC does not tell of it";
