//! A host that is no Linux, as far as keys are concerned: no key is plugged into it, but over USB/IP.

/// The TCP port of USB/IP.
pub(crate) const STANDARD_PORT: u16 = 3240;

/// How to come by a key on this host, which has none in a USB port: a sentence for `next:`.
pub(crate) fn way_to_a_key() -> String {
    "plug one in, or start one with `keyfob serve` and name it with --device usbip:127.0.0.1"
        .to_owned()
}

/// Nobody tells who listens on a TCP port of this host.
pub(crate) fn listener(_: u16) -> Option<String> {
    None
}
