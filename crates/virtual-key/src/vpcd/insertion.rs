//! One stay of a card on the reader: from the connection to its end.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::Card;
use super::message::{self, Intake, Message};
use crate::system;

/// A card that lies on the reader. Dropping this takes its power away.
pub(super) struct Insertion<'a> {
    card: &'a Card<'a>,
    /// The number of this stay on a reader.
    number: Option<u32>,
    stream: TcpStream,
    intake: Intake,
    /// The reader waits for a response APDU.
    is_owing: bool,
}

impl<'a> Insertion<'a> {
    pub(super) fn new(card: &'a Card<'a>, stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let number = card.insertion();
        Ok(Self { card, number, stream, intake: Intake::default(), is_owing: false })
    }

    /// Waits until the reader has something to say, and so has accepted the connection; or until the card is taken off.
    ///
    /// # Errors
    /// The reader is gone.
    pub(super) async fn noticed(&self) -> io::Result<()> {
        let mut first = [0];
        while !self.is_over() {
            tokio::select! {
                peeked = self.stream.peek(&mut first) => match peeked? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    _ => return Ok(()),
                },
                () = self.card.woken.notified() => {}
            }
        }
        Ok(())
    }

    /// Whether the card was taken off. It may lie there again since.
    pub(super) fn is_over(&self) -> bool {
        self.number.is_none() || self.card.insertion() != self.number
    }

    /// The way to the reader.
    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Carries out what the reader wants, until it hangs up or the card is taken off.
    ///
    /// # Errors
    /// The connection broke, or the reader does not keep to the rules.
    pub(super) async fn serve(&mut self) -> io::Result<()> {
        while !self.is_over() {
            if self.wait().await? == Some(0) {
                return Ok(());
            }
            // Messages to a card that is gone are lost.
            while !self.is_over()
                && let Some(message) = self.intake.next().map_err(io::Error::other)?
            {
                self.carry_out(message).await?;
            }
            self.pass_on_response().await?;
        }
        Ok(())
    }

    /// Waits for the reader, the card or its time. Returns how many bytes the reader sent, if it was that: none if it is gone.
    async fn wait(&mut self) -> io::Result<Option<usize>> {
        // The reader sends a length and waits for its acknowledgement before it sends so many bytes.
        system::acknowledge_quickly(&self.stream)?;
        let left = self.card.card.borrow_mut().poll_timeout();
        tokio::select! {
            ready = self.stream.readable() => {
                ready?;
                self.read()
            }
            () = self.card.woken.notified() => Ok(None),
            () = pass(left) => {
                self.card.card.borrow_mut().handle_timeout();
                Ok(None)
            }
        }
    }

    fn read(&mut self) -> io::Result<Option<usize>> {
        let mut bytes = [0; 4096];
        match self.stream.try_read(&mut bytes) {
            Ok(length) => {
                self.intake.take(bytes.get(..length).unwrap_or_default());
                Ok(Some(length))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn carry_out(&mut self, message: Message) -> io::Result<()> {
        match message {
            Message::PowerOff => {
                self.is_owing = false;
                self.card.card.borrow_mut().power_off();
            }
            Message::PowerOn => {
                self.is_owing = false;
                self.card.card.borrow_mut().power_on();
            }
            Message::GetAtr => self.answer(self.card.atr).await?,
            Message::Apdu(_) if self.is_owing => {
                return Err(io::Error::other(
                    "the reader sent a command and waits for the response to another",
                ));
            }
            Message::Apdu(apdu) => {
                self.is_owing = true;
                self.card.card.borrow_mut().transmit(&apdu);
                // It may be there already, and more commands with this one.
                self.pass_on_response().await?;
            }
        }
        Ok(())
    }

    /// A response that is owed and there goes to the reader.
    async fn pass_on_response(&mut self) -> io::Result<()> {
        let response = self.card.card.borrow_mut().response();
        match response {
            Some(response) if self.is_owing => {
                self.is_owing = false;
                self.answer(&response).await
            }
            // Power went in between.
            _ => Ok(()),
        }
    }

    async fn answer(&self, body: &[u8]) -> io::Result<()> {
        let bytes = message::answer(body).ok_or(io::ErrorKind::InvalidData)?;
        timeout(STALL, self.write(&bytes)).await?
    }

    async fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.stream.writable().await?;
            match self.stream.try_write(bytes) {
                Ok(length) => bytes = bytes.get(length..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Drop for Insertion<'_> {
    fn drop(&mut self) {
        self.card.card.borrow_mut().power_off();
    }
}

/// Waits for this time; without an end if there is none.
async fn pass(time: Option<Duration>) {
    match time {
        Some(time) => sleep(time).await,
        None => std::future::pending().await,
    }
}

/// How long the reader may leave an answer untaken.
const STALL: Duration = Duration::from_secs(10);
