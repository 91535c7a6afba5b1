//! Why a fault is refused.

use super::fault::MAX_FAULTS;

/// Why a description is not a fault, or why a key does not take the fault. The fault is the writer's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// The description names neither a fault nor a recipe, or it names both.
    #[error("name either a fault or a recipe")]
    NotOne,
    /// No kind of fault and no recipe has this name.
    #[error("there is no fault and no recipe {name}")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// A similar name, if there is one.
        nearest: Option<&'static str>,
    },
    /// A member is missing that this kind of fault needs.
    #[error("the fault {fault} needs {member}")]
    Missing {
        /// The kind.
        fault: &'static str,
        /// The name of the missing member.
        member: &'static str,
    },
    /// This member has no meaning for this kind of fault, or for a recipe.
    #[error("{name} does not use {member}")]
    Surplus {
        /// The kind, or the recipe.
        name: &'static str,
        /// The name of the member.
        member: &'static str,
    },
    /// The member cannot have this value.
    #[error("{member} cannot be {value}")]
    Value {
        /// The name of the member.
        member: &'static str,
        /// The value that was given.
        value: String,
        /// The values that the member can have.
        takes: &'static str,
    },
    /// The key has [`MAX_FAULTS`] already.
    #[error("a key has {MAX_FAULTS} faults at most")]
    TooMany,
    /// The key is a card, and this fault can only happen on CTAPHID, with its reports, channels and commands.
    #[error("{name} is a part of CTAPHID, which a card does not speak: it would have no effect")]
    OnlyOfCtaphid {
        /// The kind or the recipe; or, for a kind that a card takes, the member.
        name: String,
    },
    /// The key has no fault with this number, or has it no longer.
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
