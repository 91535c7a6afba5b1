//! minPinLength and pinComplexityPolicy, CTAP 2.3 sections 12.5 and 12.6 (EX-80 to EX-84): listed relying parties may learn
//! the PIN policy.

use crate::state::Settings;

/// Both extensions answer the same list of relying parties, compared exactly.
pub(crate) fn may_know(rp_id: &str, settings: &Settings) -> bool {
    settings.min_pin_length_rp_ids.iter().any(|listed| listed == rp_id)
}
