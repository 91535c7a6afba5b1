//! Faults on purpose, for tests of programs that use keys: in a key's answers, on its bus, and in its memory. A key
//! has no such fault unless somebody asks for it.
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
//! What a fault leaves open, such as which byte or which channel, is drawn from the key's seed, if it has one. Then
//! it is the same the next time.

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
    /// The number of the fault. The key never gives the same number to another fault.
    pub id: u32,
    /// What goes wrong, and with which requests. If the fault is for a number of requests, this holds how many are
    /// left.
    pub injection: Injection,
    /// The name of the recipe that the fault is a part of, if there is one.
    pub recipe: Option<&'static str>,
}
