//! The hand that touches the key and unplugs it.

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Instant;

use ctap_core::Decision;
use hyper::StatusCode;
use virtual_key::keys::Keys;
use virtual_key::power_cycle::power_cycle;

use super::Reply;
use super::limits::TOUCH_COUNTS;

/// Somebody who obeys the conformance tool.
pub(super) struct Hand {
    keys: Rc<Keys>,
    early: EarlyTouch,
}

impl Hand {
    pub(super) fn new(keys: &Rc<Keys>) -> Self {
        Self { keys: Rc::clone(keys), early: EarlyTouch::default() }
    }

    /// Touches the key now, if it asks, else as soon as it does. The answer waits for neither: whether the tool sends its
    /// command before it asks for the touch or after it was answered, nobody says.
    pub(super) async fn touch(&self) -> Reply {
        if self.touch_what_is_open().await {
            return (StatusCode::OK, "touched".to_owned());
        }
        self.early.begin(Instant::now());
        let seconds = TOUCH_COUNTS.as_secs();
        (StatusCode::ACCEPTED, format!("the next prompt within {seconds} s will be touched"))
    }

    /// Gives the touches that came before their prompts, until the future is dropped.
    pub(super) async fn touch_what_opens(&self) -> Infallible {
        let mut bell = self.keys.listen();
        loop {
            if self.early.is_on(Instant::now()) && self.touch_what_is_open().await {
                self.early.end();
            }
            // It cannot fail: the keys hold the other end.
            let _ = bell.changed().await;
        }
    }

    async fn touch_what_is_open(&self) -> bool {
        for key in self.keys.iter() {
            if let Some(prompt) = key.prompt()
                && key.answer(prompt.id, Decision::Approve).await
            {
                return true;
            }
        }
        false
    }

    /// Unplugs the key and plugs it in again. The tool goes on once it is answered, so the answer waits until a host has
    /// the key, and until its device is there if the host is this machine.
    pub(super) async fn power_cycle(&self) -> Reply {
        let Some(key) = self.keys.iter().next() else {
            return (StatusCode::NOT_FOUND, "there is no key".to_owned());
        };
        match power_cycle(key).await {
            true => (StatusCode::OK, "power cycled".to_owned()),
            false => (
                StatusCode::GATEWAY_TIMEOUT,
                "the key was unplugged, and no host has plugged it in again; if it was imported with usbip, import it \
                 again"
                    .to_owned(),
            ),
        }
    }
}

/// A touch without a prompt. However often it is asked for, it is one touch.
#[derive(Debug, Default)]
struct EarlyTouch(Cell<Option<Instant>>);

impl EarlyTouch {
    fn begin(&self, now: Instant) {
        self.0.set(Some(now));
    }

    fn end(&self) {
        self.0.set(None);
    }

    fn is_on(&self, now: Instant) -> bool {
        self.0.get().is_some_and(|since| now.duration_since(since) <= TOUCH_COUNTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_touch_without_a_prompt_counts_for_ten_seconds() {
        let (touch, now) = (EarlyTouch::default(), Instant::now());
        assert!(!touch.is_on(now));
        touch.begin(now);
        assert!(touch.is_on(now + TOUCH_COUNTS));
        assert!(!touch.is_on(now + TOUCH_COUNTS + Duration::from_millis(1)));
        touch.begin(now + TOUCH_COUNTS);
        assert!(touch.is_on(now + 2 * TOUCH_COUNTS), "asked for again, it begins again");
        touch.end();
        assert!(!touch.is_on(now + TOUCH_COUNTS));
    }
}
