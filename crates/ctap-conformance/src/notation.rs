//! The notation of cases for values and for patterns of values: nearly CBOR's diagnostic notation.
//!
//! `vectors/README.md` teaches it. Text becomes tokens ([`lexer`]), and tokens become a tree ([`syntax`]). A tree
//! gets a value ([`eval`], [`functions`], [`certificate`]), or is compared with one ([`matching`]). [`print`]
//! writes values in the same notation.

mod certificate;
pub(crate) mod eval;
pub(crate) mod functions;
pub(crate) mod lexer;
pub(crate) mod matching;
pub(crate) mod syntax;

/// A text is not in the notation; with the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SyntaxError(pub(crate) String);

/// There is no value, usually because the key's answer was not the expected one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NoValue(pub(crate) String);
