//! Every bound of the bridge, each with its reason.

use std::time::Duration;

/// How long the connection to a card stays after a request. Platforms agree on a key with the card, and ask for the PIN or a
/// second request some seconds later: a card that loses its power meanwhile has forgotten it all. Longer it must not stay, for
/// other programs want the card too.
pub(super) const HOLD: Duration = Duration::from_secs(30);

/// How long a request waits for a card: as long as a key waits for a touch (HD-77).
pub(super) const CARD_WAIT: Duration = Duration::from_secs(30);

/// Between two looks for a card that a request waits for, or the bridge itself; and for so long what was seen is believed: nobody
/// changes cards faster.
pub(super) const LOOK: Duration = Duration::from_millis(200);

/// Wrong PINs in a row after which a card must be taken off its reader and laid on again (CP-26): the card itself counts
/// them only while it has power.
pub(super) const WRONG_PINS: u8 = 3;

/// Tries that a card has after a right PIN (CP-24). One that has fewer says, where it lay on its reader when the bridge began, that
/// wrong PINs were tried, and wants a tap sooner than it must.
pub(super) const MOST_PIN_TRIES: u8 = 8;
