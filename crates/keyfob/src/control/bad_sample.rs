//! Fingers that a sensor cannot read, by name: the standard's, as `too-high` on the command line and `too_high` in JSON.

use std::sync::LazyLock;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use ctap_client::commands::bio_enrollment::SampleStatus;
use ctap_core::consent::SampleFault;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a sensor cannot read a finger (lastEnrollSampleStatus, BE-23).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadSample(pub(crate) SampleFault);

/// All that there are, and their names on the command line.
static ALL: LazyLock<(Vec<BadSample>, Vec<String>)> = LazyLock::new(|| {
    let named = |(fault, name): (SampleFault, &str)| {
        (BadSample(fault), name.to_ascii_lowercase().replace('_', "-"))
    };
    SampleFault::ALL.into_iter().map(named).unzip()
});

impl BadSample {
    fn name(self) -> Option<&'static str> {
        let (all, names) = &*ALL;
        let at = all.iter().position(|bad| *bad == self)?;
        names.get(at).map(String::as_str)
    }
}

impl ValueEnum for BadSample {
    fn value_variants<'a>() -> &'a [Self] {
        &ALL.0
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let advice = SampleStatus::from_number(self.0.number().into()).advice();
        Some(PossibleValue::new(self.name()?).help(advice))
    }
}

impl Serialize for BadSample {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name().unwrap_or_default().replace('-', "_"))
    }
}

impl<'de> Deserialize<'de> for BadSample {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = ALL.0.iter().find(|bad| bad.name() == Some(&*name.replace('_', "-")));
        found.copied().ok_or_else(|| {
            let names = ALL.1.join("`, `").replace('-', "_");
            D::Error::custom(format_args!("unknown sample `{name}`, expected one of `{names}`"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bad_sample_can_be_typed_and_sent_by_its_name() {
        // BE-23
        for bad in BadSample::value_variants() {
            let json = serde_json::to_string(bad).unwrap();
            assert_eq!(serde_json::from_str::<BadSample>(&json).unwrap(), *bad);
            assert_eq!(BadSample::from_str(bad.name().unwrap(), false), Ok(*bad));
        }
        assert_eq!(
            BadSample::from_str("poor-quality", false),
            Ok(BadSample(SampleFault::PoorQuality))
        );
        assert!(serde_json::from_str::<BadSample>("\"good\"").is_err());
    }
}
