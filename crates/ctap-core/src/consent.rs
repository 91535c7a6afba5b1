//! People: the questions that they are asked, their decisions, and the proof of these.
//!
//! A command that needs a person stops, and its state is a value. It asks a [`Question`] with a [`PromptId`], and
//! goes on when a [`Decision`] for this prompt arrives. [`UserPresent`] and [`UserVerified`] are the proofs that
//! follow from a decision or a MAC. Code that writes, or uses a private key, takes them as arguments, so code that
//! skips the question does not compile.

mod proof;
mod question;

pub(crate) use self::proof::UserVerificationMethod;
pub use self::proof::{Evidence, SilentRequest, UserPresent, UserVerified};
pub(crate) use self::question::Finger;
pub use self::question::{Action, Decision, Gesture, PromptId, Question, SampleFault};
