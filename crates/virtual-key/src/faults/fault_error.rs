//! Why a fault is refused.

use super::fault::MAX_FAULTS;

/// Why a description is none, or a key does not take it: the fault of the one who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// Neither a fault nor a recipe is named, or both are.
    #[error("name either a fault or a recipe")]
    NotOne,
    /// No kind of fault and no recipe has this name.
    #[error("there is no fault and no recipe {name}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// A name that is much like it.
        nearest: Option<&'static str>,
    },
    /// A member is missing that this kind of fault takes.
    #[error("the fault {fault} needs {member}")]
    Missing {
        /// The kind.
        fault: &'static str,
        /// What is missing.
        member: &'static str,
    },
    /// A member is there that means nothing with this kind of fault, or with a recipe.
    #[error("{name} does not use {member}")]
    Surplus {
        /// The kind, or the recipe.
        name: &'static str,
        /// What is too much.
        member: &'static str,
    },
    /// A value that the member does not take.
    #[error("{member} cannot be {value}")]
    Value {
        /// Which.
        member: &'static str,
        /// What was said.
        value: String,
        /// What it takes.
        takes: &'static str,
    },
    /// The key has [`MAX_FAULTS`] already.
    #[error("a key has {MAX_FAULTS} faults at most")]
    TooMany,
    /// The key is a card, and what is asked for can only go wrong on CTAPHID, with its reports, channels and commands.
    #[error("{name} is a part of CTAPHID, which a card does not speak: it would have no effect")]
    OnlyOfCtaphid {
        /// The kind or the recipe; or of a kind that a card takes, the member.
        name: String,
    },
    /// The key has no fault of this number, or no longer.
    #[error("the key has no fault {0}")]
    NoSuchFault(u32),
}

impl FaultError {
    /// What to do next.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::NotOne => {
                "such as silence, or the recipe busy-at-once; docs/faults.md lists all".to_owned()
            }
            Self::Unknown { nearest: Some(nearest), .. } => format!("write {nearest}"),
            Self::Unknown { .. } => {
                "`keyfob fault list` and docs/faults.md list all names".to_owned()
            }
            Self::Missing { member, .. } => format!("give {member}; docs/faults.md has an example"),
            Self::Surplus { member, .. } => format!("leave out {member}"),
            Self::Value { takes, .. } => format!("it is {takes}"),
            Self::OnlyOfCtaphid { .. } => {
                "choose one that works with a card (docs/faults.md lists them); `keyfob tap --off` takes a card \
                 away".to_owned()
            }
            Self::TooMany => "clear some of them first".to_owned(),
            Self::NoSuchFault(_) => {
                "`keyfob fault list` shows the numbers".to_owned()
            }
        }
    }
}
