//! The notation in which cases write values and what values must look like: CBOR's diagnostic notation, nearly.
//!
//! `vectors/README.md` teaches it. Text becomes tokens ([`lexer`]), tokens become a tree ([`syntax`]), a tree gets a
//! value ([`eval`], [`functions`], [`certificate`]) or is compared with one ([`matching`]); [`print`] writes values the same way.

mod certificate;
pub(crate) mod eval;
pub(crate) mod functions;
pub(crate) mod lexer;
pub(crate) mod matching;
pub(crate) mod syntax;

/// A text that is not in the notation, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SyntaxError(pub(crate) String);

/// A value could not be had: usually because the key answered with something else than it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NoValue(pub(crate) String);
