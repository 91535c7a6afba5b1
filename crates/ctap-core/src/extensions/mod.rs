//! Extensions, CTAP 2.3 section 12. Unknown ones, and those that this authenticator does not offer, are ignored (EX-01, EX-02).

pub(crate) mod assertion;
pub(crate) mod registration;
