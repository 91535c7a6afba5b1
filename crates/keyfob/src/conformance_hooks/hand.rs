//! What is done to the key.

use std::cell::Cell;
use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

use ctap_core::Decision;
use hyper::StatusCode;
use tokio::time::{sleep, timeout};

use super::Reply;
use super::limits::{BETWEEN_LOOKS, PLUGGING, TOUCH_COUNTS};
use crate::attach::device_node;
use crate::keys::{Keys, PluggedKey};

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
    pub(super) fn touch(&self) -> Reply {
        if self.touch_what_is_open() {
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
            if self.early.is_on(Instant::now()) && self.touch_what_is_open() {
                self.early.end();
            }
            // It cannot fail: the keys hold the other end.
            let _ = bell.changed().await;
        }
    }

    fn touch_what_is_open(&self) -> bool {
        self.keys
            .iter()
            .any(|key| key.prompt().is_some_and(|prompt| key.answer(prompt.id, Decision::Approve)))
    }

    /// Unplugs the key and plugs it in again. The tool goes on once it is answered, so the answer waits until a host has
    /// the key, and until its device is there if the host is this machine.
    pub(super) async fn power_cycle(&self) -> Reply {
        let Some(key) = self.keys.iter().next() else {
            return (StatusCode::NOT_FOUND, "there is no key".to_owned());
        };
        let before = Powered::of(key);
        key.replug();
        let back = timeout(PLUGGING, async {
            while !before.is_over(&Powered::of(key)) {
                sleep(BETWEEN_LOOKS).await;
            }
        });
        match back.await {
            Ok(()) => (StatusCode::OK, "power cycled".to_owned()),
            Err(_) => (
                StatusCode::GATEWAY_TIMEOUT,
                "the key was unplugged, and no host has it again; one that imported it with usbip has to do so again"
                    .to_owned(),
            ),
        }
    }
}

/// One life of a key, from plugging in to unplugging.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Powered {
    power_ups: u32,
    /// What this machine's kernel made of it: another one in each life.
    device: Option<PathBuf>,
}

impl Powered {
    fn of(key: &PluggedKey) -> Self {
        Self { power_ups: key.power_ups(), device: device(key.serial()) }
    }

    /// Whether `now` is another life, and has all that this one had.
    fn is_over(&self, now: &Self) -> bool {
        let is_found = now.device.is_some() && now.device != self.device;
        now.power_ups != self.power_ups && (is_found || self.device.is_none())
    }
}

/// The HID device of this machine's kernel with this serial number. The kernel numbers them and never uses a number again.
fn device(serial: &str) -> Option<PathBuf> {
    let node = device_node(serial)?;
    let class = Path::new("/sys/class/hidraw").join(node.file_name()?);
    fs::read_link(class.join("device")).ok()
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

    #[test]
    fn a_life_is_over_when_the_next_one_has_all_that_it_had() {
        let life = |power_ups, device: &str| Powered {
            power_ups,
            device: (!device.is_empty()).then(|| device.into()),
        };
        assert!(life(1, "").is_over(&life(2, "")), "a host elsewhere");
        assert!(!life(1, "").is_over(&life(1, "")));
        assert!(!life(1, "a").is_over(&life(2, "")), "the kernel is still looking");
        assert!(!life(1, "a").is_over(&life(2, "a")), "the old device is still there");
        assert!(life(1, "a").is_over(&life(2, "b")));
    }
}
