//! Time as an argument: this crate owns no clock.

/// Milliseconds on a clock that never goes back; its origin is the caller's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(u64);

impl Instant {
    /// The moment `millis` milliseconds after the clock's origin.
    pub const fn new(millis: u64) -> Instant {
        Instant(millis)
    }

    /// Milliseconds since the clock's origin.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The moment `millis` milliseconds later, at most the end of time (584 million years).
    #[must_use]
    pub const fn saturating_add(self, millis: u64) -> Instant {
        Instant(self.0.saturating_add(millis))
    }
}
