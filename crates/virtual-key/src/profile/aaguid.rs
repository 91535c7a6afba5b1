//! An AAGUID as text.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The number of a model. As text it is a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Aaguid(pub [u8; 16]);

impl fmt::Display for Aaguid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let hyphen = if HYPHENS.contains(&index) { "-" } else { "" };
            write!(f, "{hyphen}{byte:02x}")?;
        }
        Ok(())
    }
}

impl From<Aaguid> for String {
    fn from(aaguid: Aaguid) -> Self {
        aaguid.to_string()
    }
}

impl TryFrom<String> for Aaguid {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const FAULT: &str = "an aaguid looks like c196d97f-64cf-465a-ab5d-aaf18b481fc4";
        let digits: Vec<char> = text.chars().filter(|character| *character != '-').collect();
        let (pairs, []) = digits.as_chunks::<2>() else { return Err(FAULT) };
        let bytes: Option<Vec<u8>> = pairs
            .iter()
            .map(|[high, low]| Some((high.to_digit(16)? << 4 | low.to_digit(16)?) as u8))
            .collect();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).filter(|aaguid| aaguid.to_string() == text.to_lowercase()).ok_or(FAULT)
    }
}

/// The bytes that a hyphen stands before.
const HYPHENS: [usize; 4] = [4, 6, 8, 10];
