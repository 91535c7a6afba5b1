//! A session on a stream. One task owns the waiting URBs and the write side, so no reply can overtake another.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

use crate::buffer::Inbox;
use crate::device::Lease;
use crate::limits;
use crate::session::Session;
use crate::wire::{WireError, immediately};

/// Why a connection ended, except that the peer closed it or the device was unplugged.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The stream failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The peer broke the protocol.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The peer imported nothing within [`limits::OP_DEADLINE`].
    #[error("the host imported no device within {} s", limits::OP_DEADLINE.as_secs())]
    NoImport,
    /// The peer began an URB and did not finish it within [`limits::URB_DEADLINE`].
    #[error("only a part of a URB arrived, and nothing more for {} s", limits::URB_DEADLINE.as_secs())]
    HalfAnUrb,
    /// The peer read no reply for [`limits::WRITE_STALL`].
    #[error("the host read no reply for {} s", limits::WRITE_STALL.as_secs())]
    Stalled,
    /// There were more than [`limits::MAX_WAITING`] connections without an import, or too many new ones, and this
    /// one was the oldest.
    #[error("closed to make room for a newer connection")]
    Displaced,
    /// The peer asked for a device that is not in this server.
    #[error("no device with bus id {0:?}")]
    NoSuchDevice(String),
    /// The device is imported already or is unplugged, or [`limits::MAX_IMPORTS`] other devices are imported.
    #[error("the device is in use")]
    Busy,
}

/// Serves URBs until the peer hangs up or the plug is pulled. `inbox` has what was read behind the
/// import.
pub(crate) async fn serve<S>(
    stream: S,
    mut inbox: Inbox,
    lease: Lease,
) -> Result<(), ConnectionError>
where
    S: AsyncRead + AsyncWrite,
{
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut session = Session::new(lease);
    let mut patience = Patience::default();
    let mut share = Share::default();
    let mut is_due = false;
    loop {
        share.let_others_in().await;
        if session.lease().is_revoked() {
            return Ok(());
        }
        let handled = session.turn(&mut inbox)?;
        share.spend(handled);
        patience.look(&session, &inbox, handled);
        if handled >= limits::URBS_AT_A_TIME {
            continue;
        }
        if std::mem::take(&mut is_due) {
            patience.let_time_pass(&mut session)?;
            continue;
        }
        // Writing comes first: usually it succeeds at once, and nothing more is set up.
        tokio::select! {
            biased;
            () = session.lease().signal() => {}
            written = write_some(&mut writer, session.outbox.bytes()), if patience.may_write(&session) => {
                session.outbox.written(written?);
                patience.blocked_since = None;
            }
            () = patience.run_out(&session) => {
                // We may be late ourselves, and what came in time still unread: it is looked at first.
                read_what_is_here(&mut reader, &mut inbox).await;
                is_due = true;
            }
            read = reader.read(inbox.room()), if inbox.has_room() => match read? {
                0 => return Ok(()),
                count => inbox.filled(count),
            },
        }
    }
}

/// Writes as many of `bytes` as the peer takes now, at least one.
async fn write_some(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<usize> {
    match writer.write(bytes).await? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        count => Ok(count),
    }
}

/// One read without waiting, so that a flood cannot hold back the time. The end of the stream, or an
/// error, is there for the next read to find.
async fn read_what_is_here(reader: &mut (impl AsyncRead + Unpin), inbox: &mut Inbox) {
    // The runtime has looked at its timers, but perhaps not at its sockets: a process that was stopped
    // and goes on finds its wait interrupted. Once around, and it has looked at both.
    yield_now().await;
    if inbox.has_room()
        && let Some(Ok(count)) = immediately(reader.read(inbox.room()))
    {
        inbox.filled(count);
    }
}

/// What this connection has done since the others had their turn. Without it, a stream that always has more would
/// be served until the runtime's own limit of 128 reads and writes.
#[derive(Default)]
struct Share {
    spent: usize,
}

impl Share {
    /// Takes note of a turn that handled that many URBs. One without any counts too: half an URB was
    /// read.
    fn spend(&mut self, handled: usize) {
        self.spent = self.spent.saturating_add(handled).saturating_add(1);
    }

    /// Steps aside when the share is used up, until every other task and the sockets were looked at.
    async fn let_others_in(&mut self) {
        if self.spent >= limits::URBS_AT_A_TIME {
            self.spent = 0;
            yield_now().await;
        }
    }
}

/// Since when the peer has owed us something.
#[derive(Default)]
struct Patience {
    urb_began: Option<Instant>,
    blocked_since: Option<Instant>,
    hold: Hold,
}

/// Whether replies wait for what the function works on. It is decided once for each turn: time goes on between one look at the
/// clock and the next, and a reply that is not written any more must have a timer.
#[derive(Clone, Copy, Default)]
enum Hold {
    #[default]
    No,
    Until(Instant),
    /// They have, for [`limits::HOLD`].
    Over,
}

enum Deadline {
    Function,
    Held,
    HalfAnUrb,
    Stalled,
}

impl Patience {
    /// Takes note after a turn that handled that many URBs.
    fn look(&mut self, session: &Session, inbox: &Inbox, handled: usize) {
        let is_half = !inbox.is_empty() && !session.outbox.is_full();
        let same_as_before = self.urb_began.filter(|_| handled == 0);
        self.urb_began = is_half.then(|| same_as_before.unwrap_or_else(Instant::now));
        let is_blocked = !session.outbox.is_empty();
        self.blocked_since = is_blocked.then(|| self.blocked_since.unwrap_or_else(Instant::now));
        self.hold = match self.hold {
            _ if !(is_blocked && session.is_working()) => Hold::No,
            Hold::No => Instant::now().checked_add(limits::HOLD).map_or(Hold::Over, Hold::Until),
            Hold::Until(end) if end <= Instant::now() => Hold::Over,
            same => same,
        };
    }

    /// Whether there are replies, and nothing to wait for before they are written.
    fn may_write(&self, session: &Session) -> bool {
        !session.outbox.is_empty() && !matches!(self.hold, Hold::Until(_))
    }

    /// Waits for the first deadline; without a timer and without an end if there is none.
    fn run_out(&self, session: &Session) -> impl Future<Output = ()> + use<> {
        let first = self.first_deadline(session);
        async move {
            match first {
                Some((at, _)) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        }
    }

    /// Acts on the first deadline, if it has passed.
    fn let_time_pass(&self, session: &mut Session) -> Result<(), ConnectionError> {
        match self.first_deadline(session).filter(|(at, _)| *at <= Instant::now()) {
            Some((_, Deadline::Function)) => session.handle_timeout(),
            Some((_, Deadline::HalfAnUrb)) => return Err(ConnectionError::HalfAnUrb),
            Some((_, Deadline::Stalled)) => return Err(ConnectionError::Stalled),
            Some((_, Deadline::Held)) | None => {}
        }
        Ok(())
    }

    fn first_deadline(&self, session: &Session) -> Option<(Instant, Deadline)> {
        // One that no clock can show is never.
        let function = session.poll_timeout().and_then(|left| Instant::now().checked_add(left));
        let held = if let Hold::Until(end) = self.hold { Some(end) } else { None };
        let half = self.urb_began.and_then(|at| at.checked_add(limits::URB_DEADLINE));
        let stalled = self.blocked_since.and_then(|at| at.checked_add(limits::WRITE_STALL));
        [
            function.map(|at| (at, Deadline::Function)),
            held.map(|at| (at, Deadline::Held)),
            half.map(|at| (at, Deadline::HalfAnUrb)),
            stalled.map(|at| (at, Deadline::Stalled)),
        ]
        .into_iter()
        .flatten()
        .min_by_key(|(at, _)| *at)
    }
}
