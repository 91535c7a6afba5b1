//! CTAP section 11.2: a CTAPHID channel over a pipe of reports, the host's end.

#[cfg(test)]
mod tests;

use std::time::Instant;

use getrandom::SysRng;
use hid_transport::host::{Handshake, HandshakeError, HostChannel, Reply, fragment};
use hid_transport::{Capabilities, Command, ErrorCode, InitAnswer, Nonce};
use rand_core::{Rng as _, UnwrapErr};

use crate::error::TransportError;
use crate::exchange::{Exchange, KeepaliveStatus, Patience};
use crate::limits::{BUSY_PAUSE, BUSY_RETRIES, LATE_RETRIES, MAX_SILENCE, OVERDUE_REPORTS};
use crate::pipe::{Report, ReportPipe};

/// One allocated channel to a key, as long as nobody else takes the key away.
///
/// A request refused as `CHANNEL_BUSY` is repeated for about three seconds. After a failure the channel is
/// resynchronised before its next use, so that a late answer is never taken for another request's.
pub struct HidChannel<P> {
    pipe: P,
    host: HostChannel,
    key: InitAnswer,
    state: State,
}

/// Whether an answer to an earlier request may still be on its way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    InStep,
    InDoubt,
}

impl<P: ReportPipe> HidChannel<P> {
    /// Asks the key behind `pipe` for a channel (HD-36), with a random nonce.
    ///
    /// # Errors
    /// [`TransportError`] when the key does not answer, refuses, or answers nonsense.
    pub fn open(pipe: P) -> Result<Self, TransportError> {
        Self::open_with(pipe, random_nonce())
    }

    /// [`open`](Self::open) with a nonce of the caller's choice, for tests that must repeat.
    ///
    /// # Errors
    /// As there.
    pub fn open_with(mut pipe: P, nonce: Nonce) -> Result<Self, TransportError> {
        let key = shake_hands(&mut pipe, Handshake::new(nonce))?;
        Ok(Self { pipe, host: HostChannel::new(key.channel), key, state: State::InStep })
    }

    /// What the key offers (HD-42).
    #[must_use]
    pub const fn capabilities(&self) -> Capabilities {
        self.key.capabilities
    }

    /// The key's version: major, minor, build.
    #[must_use]
    pub const fn version(&self) -> [u8; 3] {
        self.key.version
    }

    /// The pipe below, for tests that send what no channel would send.
    pub const fn pipe_mut(&mut self) -> &mut P {
        &mut self.pipe
    }

    /// Ends whatever runs on this channel and starts it over (HD-37).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn resynchronise(&mut self) -> Result<(), TransportError> {
        shake_hands(&mut self.pipe, Handshake::resynchronise(self.key.channel, random_nonce()))?;
        self.host = HostChannel::new(self.key.channel);
        self.state = State::InStep;
        Ok(())
    }

    /// Has the key echo 0 to 7609 bytes, and returns the echo (HD-60).
    ///
    /// # Errors
    /// [`TransportError`].
    pub fn ping(&mut self, data: &[u8]) -> Result<Vec<u8>, TransportError> {
        self.transact(Command::Ping, data, &mut wait)
    }

    /// Makes the key show itself, for instance by blinking (HD-61).
    ///
    /// # Errors
    /// `InvalidCmd` from keys without the WINK capability.
    pub fn wink(&mut self) -> Result<(), TransportError> {
        self.transact(Command::Wink, &[], &mut wait).map(drop)
    }

    /// Keeps other channels out for 0 to 10 seconds; 0 lets them in again (HD-62).
    ///
    /// # Errors
    /// `InvalidCmd` from keys that do not lock, `InvalidPar` above ten seconds.
    pub fn lock(&mut self, seconds: u8) -> Result<(), TransportError> {
        self.transact(Command::Lock, &[seconds], &mut wait).map(drop)
    }

    /// One request and its answer, repeated while the key is busy with others, and if a part of it came too late or was lost.
    fn transact(
        &mut self,
        command: Command,
        message: &[u8],
        on_keepalive: &mut dyn FnMut(KeepaliveStatus) -> Patience,
    ) -> Result<Vec<u8>, TransportError> {
        let mut late = 0..LATE_RETRIES;
        for _ in 0..BUSY_RETRIES {
            match self.attempt(command, message, on_keepalive) {
                Err(TransportError::Refused(ErrorCode::ChannelBusy)) => pause(&mut self.pipe)?,
                Err(TransportError::Refused(ErrorCode::MsgTimeout | ErrorCode::InvalidSeq))
                    if late.next().is_some() =>
                {
                    pause(&mut self.pipe)?;
                }
                outcome => return outcome,
            }
        }
        self.attempt(command, message, on_keepalive)
    }

    fn attempt(
        &mut self,
        command: Command,
        message: &[u8],
        on_keepalive: &mut dyn FnMut(KeepaliveStatus) -> Patience,
    ) -> Result<Vec<u8>, TransportError> {
        let reports = fragment(self.key.channel, command, message)?;
        if self.state == State::InDoubt {
            self.resynchronise()?;
        }
        self.state = State::InDoubt;
        for report in reports {
            self.pipe.send(&report)?;
        }
        let outcome = self.await_answer(command, on_keepalive);
        if matches!(outcome, Ok(_) | Err(TransportError::Refused(_))) {
            self.state = State::InStep;
        }
        outcome
    }

    fn await_answer(
        &mut self,
        sent: Command,
        on_keepalive: &mut dyn FnMut(KeepaliveStatus) -> Patience,
    ) -> Result<Vec<u8>, TransportError> {
        let mut patience = Patience::Wait;
        let mut silence = Silence::begin();
        loop {
            let report = receive(&mut self.pipe, &mut silence)?;
            match self.host.receive(&report)? {
                None => {}
                Some(Reply::Message { command, message }) if command == sent => {
                    return Ok(message.to_vec());
                }
                Some(Reply::Message { .. }) => return Err(TransportError::WrongCommand),
                Some(Reply::Error(code)) => return Err(code.into()),
                Some(Reply::Keepalive(status)) => {
                    silence = Silence::begin();
                    if patience == Patience::Wait && on_keepalive(status) == Patience::Cancel {
                        patience = Patience::Cancel;
                        self.cancel()?;
                    }
                }
            }
        }
    }

    fn cancel(&mut self) -> Result<(), TransportError> {
        for report in fragment(self.key.channel, Command::Cancel, &[])? {
            self.pipe.send(&report)?;
        }
        Ok(())
    }
}

impl<P: ReportPipe> Exchange for HidChannel<P> {
    fn exchange(
        &mut self,
        request: &[u8],
        on_keepalive: &mut dyn FnMut(KeepaliveStatus) -> Patience,
    ) -> Result<Vec<u8>, TransportError> {
        self.transact(Command::Cbor, request, on_keepalive)
    }

    fn exchange_u2f(&mut self, apdu: &[u8]) -> Result<Vec<u8>, TransportError> {
        if self.key.capabilities.nmsg {
            return Err(TransportError::NoU2f);
        }
        self.transact(Command::Msg, apdu, &mut wait)
    }
}

fn shake_hands(
    pipe: &mut impl ReportPipe,
    mut handshake: Handshake,
) -> Result<InitAnswer, TransportError> {
    for _ in 0..BUSY_RETRIES {
        match try_handshake(pipe, &mut handshake) {
            Err(TransportError::Refused(ErrorCode::ChannelBusy)) => pause(pipe)?,
            outcome => return outcome,
        }
    }
    try_handshake(pipe, &mut handshake)
}

fn try_handshake(
    pipe: &mut impl ReportPipe,
    handshake: &mut Handshake,
) -> Result<InitAnswer, TransportError> {
    pipe.send(&handshake.request())?;
    let mut silence = Silence::begin();
    loop {
        match handshake.receive(&receive(pipe, &mut silence)?) {
            Ok(Some(answer)) => return Ok(answer),
            // Reports for other clients, or left over from before, say nothing about this handshake.
            Ok(None) | Err(HandshakeError::Misbehaved(_)) => {}
            Err(refused @ HandshakeError::Refused(_)) => return Err(refused.into()),
        }
    }
}

/// How long a key has given no sign of life.
struct Silence {
    since: Instant,
    /// Reports that came too late and were no sign of life.
    overdue: u32,
}

impl Silence {
    fn begin() -> Self {
        Self { since: Instant::now(), overdue: 0 }
    }
}

/// The next report, as long as the key's last sign of life is not too old. Then only one that is there already: time may
/// have passed because this process stood still.
fn receive(pipe: &mut impl ReportPipe, silence: &mut Silence) -> Result<Report, TransportError> {
    let left = MAX_SILENCE.saturating_sub(silence.since.elapsed());
    if left.is_zero() {
        silence.overdue = silence.overdue.saturating_add(1);
    }
    if silence.overdue > OVERDUE_REPORTS {
        return Err(TransportError::Silent);
    }
    pipe.receive(left)?.ok_or(TransportError::Silent)
}

/// Lets a busy key finish. What arrives meanwhile is not ours: nothing of ours is under way.
fn pause(pipe: &mut impl ReportPipe) -> Result<(), TransportError> {
    let begun = Instant::now();
    loop {
        let left = BUSY_PAUSE.saturating_sub(begun.elapsed());
        if left.is_zero() || pipe.receive(left)?.is_none() {
            return Ok(());
        }
    }
}

fn random_nonce() -> Nonce {
    let mut nonce = Nonce::default();
    UnwrapErr(SysRng).fill_bytes(&mut nonce);
    nonce
}

const fn wait(_: KeepaliveStatus) -> Patience {
    Patience::Wait
}
