//! Faults that a key has on purpose, for tests of programs that use keys: in its answers, on its bus, and in its memory. A key has
//! none unless it is asked for.
//!
//! ```text
//!   fault.rs          what can be wrong, and with which requests
//!   kinds.rs          its kinds by name, for people
//!   description.rs    the same in words: in a profile, in JSON, on a command line
//!   fault_error.rs    why one is refused
//!   recipes.rs        by name, what real keys were seen to do
//!   answer.rs cbor.rs the bytes of an answer, spoilt
//!   bus.rs            its reports on their way
//! ```
//!
//! What a fault leaves open (which byte, which channel) is drawn from the key's seed, if it has one: so it is the same the next time.

mod answer;
mod bus;
mod cbor;
mod description;
mod fault;
mod fault_error;
mod kinds;
mod recipes;

pub(crate) use self::answer::spoilt;
pub(crate) use self::bus::{Answering, Bus, Outgoing, error};
pub use self::description::{FaultDescription, Word};
pub(crate) use self::fault::Asked;
pub use self::fault::{
    Command, Fault, Injection, MAX_BYTES, MAX_FAULTS, MAX_STORM, MAX_WAIT, Requests, Scope,
};
pub use self::fault_error::FaultError;
pub use self::kinds::{KINDS, Kind};
pub use self::recipes::{RECIPES, Recipe};

/// A fault that a key has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveFault {
    /// What the key calls it; no other one of its faults has had this number.
    pub id: u32,
    /// What is wrong, and with which requests: of a number of them, how many are left.
    pub injection: Injection,
    /// The name of the recipe that it is a part of.
    pub recipe: Option<&'static str>,
}
