//! People: what they are asked, what they decide, and the proof that they did.
//!
//! A command that needs a person stops as a value, asks a [`Question`] under a [`PromptId`], and goes on when a
//! [`Decision`] for that very prompt arrives. [`UserPresent`] and [`UserVerified`] are what a decision or a MAC proves;
//! code that writes, or uses a private key, takes them as arguments, so skipping the question does not compile.

mod proof;
mod question;

pub(crate) use self::proof::UserVerificationMethod;
pub use self::proof::{Evidence, SilentRequest, UserPresent, UserVerified};
pub(crate) use self::question::Finger;
pub use self::question::{Action, Decision, Gesture, PromptId, Question, SampleFault};
