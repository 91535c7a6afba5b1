//! previewSign, version 4 of its draft (PS-01 to PS-31): key pairs beside a credential, which sign any data of
//! their relying party. A registration makes one; a sign-in signs with it.

pub(crate) mod assertion;
pub(crate) mod key;
pub(crate) mod registration;

/// The extension's name.
pub(crate) const NAME: &str = "previewSign";

// Members of inputs and outputs.
const KEY_HANDLE: i32 = 2;
const ALGORITHM: i32 = 3;
const FLAGS: i32 = 4;
const SIGNED: i32 = 6;
const ARGUMENTS: i32 = 7;
