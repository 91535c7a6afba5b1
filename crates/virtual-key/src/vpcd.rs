//! vsmartcard's virtual reader, vpcd, as the reader of a key. Real PC/SC programs use it; it needs no kernel and no
//! root.
//!
//! vpcd is a driver of pcscd. It listens on a TCP port. A program that connects there is a card that was laid on
//! the reader (NF-60); when the connection ends, the card was taken off (NF-64).
//!
//! * vpcd drops a card when a command is too long for it, and is gone whenever pcscd is. So a key that lies on the
//!   reader connects again and again.
//! * Under systemd, pcscd starts when a program needs it, and ends a minute after the last program has gone. A
//!   program that starts pcscd in this way does not find a reader that appears only then. So a key that waits for a
//!   reader on this machine keeps a connection to pcscd open, and asks nothing over it ([`keep_awake`]).
//! * vpcd's port is open to all users of the machine, and free while no pcscd runs. The program that listens there
//!   has the card. So keyfob checks which user's program that is.

mod insertion;
mod message;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::mem::{Discriminant, discriminant};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use ctap_client::pcscd;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use usbip_server::SmartCard;

use self::insertion::Insertion;
use crate::peers;
use crate::system;

/// The port where vpcd's first slot listens; the second slot is at the next port (NF-60, NF-67).
pub const PORT: u16 = 35_963;

/// A reader that vpcd makes.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    /// The address where it listens.
    pub address: SocketAddr,
    /// Accept any program that listens there. Otherwise only a program of this user or of root on this machine is
    /// accepted.
    pub any_user: bool,
}

/// What happens to a card that is laid on its reader.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The reader has the card.
    Inserted,
    /// No program listens there: the card waits for a reader.
    NoReader(io::Error),
    /// A program listens there, but does not read the card: another one lies on the reader.
    Occupied,
    /// The program that listens there belongs neither to this user nor to root. Nothing was sent to it.
    Foreign,
    /// The reader had the card, and is now gone or broke the connection.
    Lost(Option<io::Error>),
}

/// A card, as this module drives it.
pub(crate) struct Card<'a> {
    pub(crate) card: &'a RefCell<dyn SmartCard>,
    /// Notified when the card has something to say, and when it is laid on or taken off.
    pub(crate) woken: &'a Notify,
    /// Its answer to reset.
    pub(crate) atr: &'a [u8],
    /// Is told each change, and nothing twice in a row.
    pub(crate) tell: &'a dyn Fn(&Event),
}

impl Reader {
    /// Has the card whenever it is laid on. Dropping the future takes its power away.
    pub(crate) async fn hold(&self, card: &Card<'_>) -> Infallible {
        let mut pauses = Pauses::new(MOST_BETWEEN_KNOCKS);
        let mut news = News { tell: card.tell, last: None };
        loop {
            if card.insertion().is_none() {
                card.woken.notified().await;
                continue;
            }
            match self.lie_on(card, &mut news).await {
                // A reader that has not seen an empty slot takes the next card for this one, and gives it no power.
                Ok(()) => {
                    pauses.start_over();
                    sleep(LOOK).await;
                    continue;
                }
                // Most readers that are not there begin to exist now, with a pcscd that was called.
                Err(Event::NoReader(_)) if !pauses.are_long() => {}
                Err(event) => news.tell(&event),
            }
            tokio::select! {
                () = sleep(pauses.next()) => {}
                () = card.woken.notified() => {}
            }
        }
    }

    /// One time on the reader, which ends well when the card is taken off.
    async fn lie_on(&self, card: &Card<'_>, news: &mut News<'_>) -> Result<(), Event> {
        let stream = TcpStream::connect(self.address).await.map_err(Event::NoReader)?;
        let mut insertion = Insertion::new(card, stream)?;
        if timeout(NOTICING, insertion.noticed()).await.is_err() {
            news.tell(&Event::Occupied);
            insertion.noticed().await?;
        }
        if insertion.is_over() {
            return Ok(());
        }
        if !self.any_user && !peers::is_trusted(insertion.stream())? {
            return Err(Event::Foreign);
        }
        news.tell(&Event::Inserted);
        insertion.serve().await?;
        if insertion.is_over() { Ok(()) } else { Err(Event::Lost(None)) }
    }
}

impl Card<'_> {
    fn insertion(&self) -> Option<u32> {
        self.card.borrow().insertion()
    }
}

impl From<io::Error> for Event {
    fn from(error: io::Error) -> Self {
        Self::Lost(Some(error))
    }
}

/// Does not report the same thing twice in a row.
struct News<'a> {
    tell: &'a dyn Fn(&Event),
    last: Option<Discriminant<Event>>,
}

impl News<'_> {
    fn tell(&mut self, event: &Event) {
        if self.last.replace(discriminant(event)) != Some(discriminant(event)) {
            (self.tell)(event);
        }
    }
}

/// Makes systemd start pcscd, if there is one, and keeps it running while no program uses it. Dropping the future
/// ends that.
pub async fn keep_awake() -> Infallible {
    call(&pcscd::socket()).await
}

/// Connects to pcscd again and again.
async fn call(pcscd: &Path) -> Infallible {
    let mut pauses = Pauses::new(MOST_BETWEEN_CALLS);
    loop {
        let since = Instant::now();
        let _ = system::wait_at_pcscd(pcscd).await;
        if since.elapsed() > MOST_BETWEEN_CALLS {
            pauses.start_over();
        }
        sleep(pauses.next()).await;
    }
}

/// Longer and longer ones, so that what comes back soon is found soon, and what does not costs little.
struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Pauses {
    fn new(longest: Duration) -> Self {
        Self { next: SHORTEST, longest }
    }

    fn next(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        pause
    }

    fn are_long(&self) -> bool {
        self.next == self.longest
    }

    fn start_over(&mut self) {
        self.next = SHORTEST;
    }
}

/// A reader looks each 0.4 seconds whether there is a card.
const NOTICING: Duration = Duration::from_secs(2);
/// A little longer than from one look of a reader to the next.
const LOOK: Duration = Duration::from_millis(500);
const SHORTEST: Duration = Duration::from_millis(20);
/// A reader that begins to exist has its card about as soon as it looks for one.
const MOST_BETWEEN_KNOCKS: Duration = Duration::from_millis(500);
/// A pcscd that is installed meanwhile, or refuses (polkit).
const MOST_BETWEEN_CALLS: Duration = Duration::from_secs(5);
