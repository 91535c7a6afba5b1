//! The messages on the control socket, as lines of JSON.
//!
//! ```text
//!   request.rs    what a client wants
//!   misread.rs    what is wrong with a request that is none
//!   response.rs   what it hears
//! ```

mod misread;
mod request;
mod response;

pub(crate) use self::request::{ChangedCredential, Choice, Request, Sample, Touching};
pub(crate) use self::response::{
    ActiveFault, KeyStatus, Kind, OpenPrompt, Refusal, Response, Status,
};
