//! The transports of a U2F key. Such a key can tell them only in its certificate (AT-27).

/// A set of transports: the bits of id-fido-u2f-ce-transports, counted from the left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct U2fTransports(u8);

impl U2fTransports {
    /// USB alone: what every certificate tells that names a model or a device.
    pub(super) const USB: Self = Self(bit(2));

    /// The built-in profiles'.
    pub(crate) const USUAL: Self = Self(bit(2) | bit(3));
    /// No way that the extension knows.
    pub(super) const NONE: Self = Self(0);

    /// All that there can be.
    pub(super) fn each() -> impl Iterator<Item = Self> {
        let bits = BITS.map(|(_, bit)| bit);
        let all = bits.iter().fold(0, |all, bit| all | bit);
        (0..=all).filter(move |set| set & !all == 0).map(Self)
    }

    /// The set of those WebAuthn transport names that the extension has a bit for. It has none for a smart card
    /// with contacts.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let bits =
            names.into_iter().filter_map(|name| BITS.iter().find(|(known, _)| *known == name));
        Self(bits.fold(0, |all, (_, bit)| all | bit))
    }

    /// Their names.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        BITS.into_iter().filter(move |(_, bit)| self.0 & bit != 0).map(|(name, _)| name)
    }

    /// The byte, and how many bits at its end have no meaning (DER). `None`: there is no transport to tell.
    pub(super) fn byte(self) -> Option<(u8, u8)> {
        let unused = u8::try_from(self.0.trailing_zeros()).ok()?;
        (self != Self::NONE).then_some((self.0, unused))
    }
}

/// The bit with this number.
const fn bit(number: u32) -> u8 {
    0x80 >> number
}

const BITS: [(&str, u8); 3] = [("usb", bit(2)), ("nfc", bit(3)), ("ble", bit(1))];
