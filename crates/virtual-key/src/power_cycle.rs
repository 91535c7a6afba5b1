//! Unplugs a running key, plugs it in again, and waits until its host has it again.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::host::local_device;
use crate::keys::PluggedKey;

/// Unplugs the key and plugs it in again. Returns whether a host has it again within [`PLUGGING`]. If this
/// machine's kernel had the key, that means with its device file.
pub async fn power_cycle(key: &PluggedKey) -> bool {
    let before = Life::of(key);
    key.replug();
    let back = async {
        while !before.is_over(&Life::of(key)) {
            sleep(BETWEEN_LOOKS).await;
        }
    };
    timeout(PLUGGING, back).await.is_ok()
}

/// One life of a key, from plugging in to unplugging.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Life {
    power_ups: u32,
    /// The kernel's device: a new one each time the key is plugged in.
    device: Option<PathBuf>,
}

impl Life {
    fn of(key: &PluggedKey) -> Self {
        let device = local_device(key.serial()).map(|found| found.device);
        Self { power_ups: key.power_ups(), device }
    }

    /// Whether `now` is another life, and has all that this one had.
    fn is_over(&self, now: &Self) -> bool {
        let is_found = now.device.is_some() && now.device != self.device;
        now.power_ups != self.power_ups && (is_found || self.device.is_none())
    }
}

/// The longest time for a host to have the key again. A kernel needs a quarter of a second; a person who types
/// `usbip attach` needs longer.
pub const PLUGGING: Duration = Duration::from_secs(30);
/// Between two looks whether the host has it: much less than a kernel needs to find a device.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_over_when_the_next_one_has_all_that_it_had() {
        let life = |power_ups, device: &str| Life {
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
