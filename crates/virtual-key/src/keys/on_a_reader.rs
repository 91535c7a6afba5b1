//! A key that is a card, and the person who lays it on a reader and takes it off.

use std::convert::Infallible;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use usbip_server::SmartCard as _;

use super::maker::as_card;
use super::{CardReader, Form, NOTICING, PluggedKey};
use crate::error::Error;
use crate::key::ATR;
use crate::vpcd::{Card, Event, Reader};

impl PluggedKey {
    /// How its hosts reach it.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Lays the card on its reader. Nothing happens if it lies there already, or if the key is not a card.
    pub fn lay_on(&self) {
        if self.form.is_card() {
            self.usb.borrow_mut().lay_on();
            self.wake_readers();
        }
    }

    /// Lays the card on its reader, if it does not lie there yet. Then waits until the reader gives it power; a
    /// PN533 does that only for a program, so nothing is waited for.
    ///
    /// # Errors
    /// [`Error::NotACard`]. [`Error::NoReader`]: the card lies there, and no reader has taken it within
    /// [`NOTICING`].
    pub async fn lay_on_and_wait(&self) -> Result<(), Error> {
        match self.form {
            Form::Usb => Err(Error::NotACard),
            Form::Card(_) if self.is_laid_on() => Ok(()),
            Form::Card(_) => {
                let before = self.power_ups();
                self.lay_on();
                self.powered_since(before).await
            }
        }
    }

    /// Takes the card off its reader. It loses power, also in the middle of a request. Nothing happens if it does
    /// not lie there, or if the key is not a card.
    pub fn take_off(&self) {
        if self.is_laid_on() {
            self.usb.borrow_mut().take_off();
            self.wake_readers();
        }
    }

    /// Whether the key is a card that lies on its reader. The reader itself may be missing.
    pub fn is_laid_on(&self) -> bool {
        self.form.is_card() && self.usb.borrow().insertion().is_some()
    }

    /// Taps the reader with the card `times` times. Each tap lays the card on, and takes it off `time` after the reader has noticed it.
    /// Every tap but the last one is short. Between two taps the card is off for longer than the 0.4 seconds between two looks of vpcd.
    ///
    /// A card that lies on the reader already is lifted, laid on again, and left there once the reader has it.
    /// Dropping the future takes off what was laid on.
    ///
    /// # Errors
    /// [`Error::NotACard`]. [`Error::NoReader`]: no reader has noticed the card within [`NOTICING`]; the card is
    /// where it was before.
    pub async fn tap(&self, times: u8, time: Duration) -> Result<(), Error> {
        if !self.form.is_card() {
            return Err(Error::NotACard);
        }
        if self.is_laid_on() {
            return self.lift_and_lay_on(times).await;
        }
        let _hand = Hand(self);
        for left in (0..times).rev() {
            self.lay_on_and_wait().await?;
            sleep(if left == 0 { time } else { time.min(SHORT_TAP) }).await;
            self.take_off();
            if left > 0 {
                sleep(SHORT_TAP).await;
            }
        }
        Ok(())
    }

    async fn lift_and_lay_on(&self, times: u8) -> Result<(), Error> {
        let before = self.power_ups();
        for _ in 0..times {
            self.take_off();
            self.lay_on();
        }
        self.powered_since(before).await
    }

    /// Waits until its reader has given it power. A PN533 does not before a program looks for cards, so it is not waited for.
    async fn powered_since(&self, power_ups: u32) -> Result<(), Error> {
        if self.form == Form::Card(CardReader::Pn533) {
            return Ok(());
        }
        let has_power = async {
            while self.power_ups() == power_ups {
                sleep(BETWEEN_LOOKS).await;
            }
        };
        timeout(NOTICING, has_power).await.map_err(|_| Error::NoReader)
    }

    /// Connects this card to vpcd's reader whenever it is laid on. `tell` is told each change, and nothing twice in
    /// a row. Dropping the future takes the card's power away.
    pub async fn lie_on(&self, reader: &Reader, tell: &dyn Fn(&Event)) -> Infallible {
        let tell = |event: &Event| {
            self.is_on_vpcd.set(matches!(event, Event::Inserted));
            tell(event);
        };
        let card = as_card(&self.usb, self.tap.as_ref());
        reader.hold(&Card { card: &*card, woken: &self.woken, atr: &ATR, tell: &tell }).await
    }

    fn wake_readers(&self) {
        self.woken.notify_one();
        self.port.wake();
    }
}

/// Holds the card on the reader.
struct Hand<'a>(&'a PluggedKey);

impl Drop for Hand<'_> {
    fn drop(&mut self) {
        self.0.take_off();
    }
}

/// Much less than a reader takes.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);
/// Long enough for a reader to notice: vpcd looks every 0.4 seconds.
const SHORT_TAP: Duration = Duration::from_millis(600);
